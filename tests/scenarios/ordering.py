"""The order system of the stories about credit."""

from typing import Any

from core.credit import changes, orders
from core.credit.incoming import parse
from core.dunning.stored import active
from core.models import Order
from tests.harness import Harness

ROUTES = """
[credit]
expires_hours = 16

[[credit.route]]
name = "overdue"
reasons = ["overdue", "frozen"]
rungs = [{ audience = ["role:sales_director"] }]

[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"] }]
"""


TOLD = ("order.held", "order.decided", "credit.request", "receipt.allocate", "task.prepay", "task.invoice", "orders.stopped")


def opened(hk: Harness) -> Harness:
    """A Monday at ten; customer 甲 of li may owe 1,000."""
    hk.begin("2026-07-06 10:00")
    hk.customer("甲", "li", credit_limit_minor=100_000)
    return hk


def place(hk: Harness, customer: str, amount: str, number: str, **more: Any) -> dict[str, Any]:
    """An order comes in; what is to be said about it is said. Returns its public answer."""
    with hk.db() as work:
        new = parse({"number": number, "customer": customer, "amount": amount, **more}, "CNY")
        made = orders.submit(work, active(work)[1], new, "shop")
        answer = orders.as_json(made.order, made.request_id)
    hk.deliver()
    return answer


def put(hk: Harness, number: str, amount: str, **more: Any) -> dict[str, Any]:
    """The order system changes an order of customer 甲. Returns its public answer."""
    with hk.db() as work:
        [order] = orders.find(work, number)
        new = parse({"number": number, "customer": "甲", "amount": amount, **more}, "CNY")
        made = changes.change(work, active(work)[1], order, new)
        answer = orders.as_json(made.order, made.request_id)
    hk.deliver()
    return answer


def state(hk: Harness, number: str) -> str:
    with hk.look() as work:
        [order] = orders.find(work, number)
        return str(order.state)


def closed(hk: Harness, number: str) -> None:
    """Nothing more of it is delivered: the next order begins anew."""
    with hk.db() as work:
        [order] = orders.find(work, number)
        changes.close(work, order)


def told(hk: Harness, *kinds: str) -> None:
    """Everybody reads what they were sent of these kinds; anything else that nobody expected fails the story."""
    for person in ("li", "wang", "zhao", "zhou", "cai", "fm"):
        for card in hk.chat(person).unread():
            if card.json["kind"] in (kinds or TOLD):
                hk.read(card.id)


def codes(answer: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in answer["reasons"]]


def stored(hk: Harness, number: str) -> Order:
    with hk.look() as work:
        [order] = orders.find(work, number)
        return order


def close(hk: Harness, number: str) -> None:
    """The order system: nothing more of it will be delivered."""
    with hk.db() as work:
        [order] = orders.find(work, number)
        changes.close(work, order)
    hk.deliver()


def cancel(hk: Harness, number: str) -> None:
    """The order system takes it back."""
    with hk.db() as work:
        [order] = orders.find(work, number)
        orders.cancel(work, active(work)[1], order)
    hk.deliver()
