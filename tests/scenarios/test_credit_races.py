"""Orders and approvers at the same moment: no limit is passed without somebody's word, and no order is decided twice."""

import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest
from sqlalchemy import select

from bot.app import App
from bot.settings import Settings
from core.credit import orders
from core.credit.incoming import NewOrder
from core.dunning.stored import active
from core.models import CreditRequest, CreditVote, Order
from core.models.base import table_of
from tests.harness import Harness
from tests.processes import how_it_ended, process
from tests.scenarios.ordering import closed, place, state, told
from tests.scenarios.racing import at_once, count, deliveries, other, outcomes, tap

O, Q = table_of(Order), table_of(CreditRequest)  # noqa: E741
LIMIT, EACH = 100_000, 12_300
ALL_OF = """
name = "all of them"
letters = "off"
[[ladder]]
name = "all"
[[ladder.step]]
id = "over1"
at = 1
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[credit.route]]
name = "both"
rungs = [{ audience = ["role:finance_director", "role:sales_director"], need = "all" }]
"""


@pytest.fixture
def shop(hk: Harness) -> Iterator[Harness]:
    hk.begin("2026-07-06 10:00")
    hk.customer("甲", "li", credit_limit_minor=LIMIT)
    yield hk
    told(hk)


def submit(app: App, now: datetime, number: str, amount_minor: int = EACH) -> str:
    with app.work(now) as work:
        made = orders.submit(work, active(work)[1], NewOrder(number, "甲", amount_minor, "CNY"), "shop")
        return str(made.order.state)


def _requester(url: str, now: datetime, first: int, ready: object, found: object) -> None:
    """A process of its own: on SQLite, threads of one process take turns anyway."""
    app = App(Settings(database_url=url, letters="off"), clock=lambda: now)
    ready.wait()  # type: ignore[attr-defined]
    found.put([submit(app, now, f"SO{first + n}") for n in range(4)])  # type: ignore[attr-defined]
    app.engine.dispose()


def test_eight_requesters_never_pass_the_limit(shop: Harness, database_url: str) -> None:
    context = multiprocessing.get_context("forkserver")
    ready, found = context.Barrier(8), context.Queue()
    with ExitStack() as running:
        workers = [
            running.enter_context(process(_requester, database_url, shop.now, 10 * n, ready, found)) for n in range(8)
        ]
        states = [each for _ in workers for each in found.get(timeout=60)]
        assert [how_it_ended(worker) for worker in workers] == [0] * 8
    assert states.count("released") == LIMIT // EACH and states.count("held") == 32 - LIMIT // EACH
    with shop.look() as work:
        released = work.session.execute(select(O.c.amount_minor).where(O.c.state == "released")).scalars()
        assert sum(released) <= LIMIT
        assert count(shop, CreditRequest, Q.c.state == "pending") == states.count("held")
    shop.deliver()


def test_two_approvers_at_once_decide_once(shop: Harness) -> None:
    shop.people(ma="finance_director")
    with other(shop) as second:
        for number in range(5):
            place(shop, "甲", "2000.00", f"SO{number}")
            mine, theirs = (deliveries(shop, handle, "credit")[-1] for handle in ("zhou", "ma"))
            replies = at_once(
                lambda mine=mine: tap(shop.app, shop.now, "zhou", mine, "credit.approve"),
                lambda theirs=theirs: tap(second, shop.now, "ma", theirs, "credit.reject", reason="先收款"),
            )
            assert outcomes(replies) == ["already", "done"], replies
            assert state(shop, f"SO{number}") in ("released", "rejected")
            if state(shop, f"SO{number}") == "released":
                closed(shop, f"SO{number}")
    assert count(shop, CreditRequest, Q.c.state == "pending") == 0
    shop.deliver()
    for card in shop.chat("ma").unread():
        shop.read(card.id)


def test_where_all_must_agree_each_of_them_says_it_once(shop: Harness) -> None:
    shop.policy(ALL_OF)
    place(shop, "甲", "2000.00", "SO1")
    first, second = (shop.chat(person).expect_card("SO1", kind="credit.request") for person in ("zhou", "zhao"))
    first.tap("credit.approve")
    assert state(shop, "SO1") == "held"
    first.tap("credit.approve", expect="already")
    second.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 2


def test_the_same_order_from_four_at_once_is_one(shop: Harness) -> None:
    with other(shop) as second:
        states = at_once(*(lambda app=app: submit(app, shop.now, "SO1") for app in (shop.app, second, shop.app, second)))
    assert states == ["released"] * 4 and count(shop, Order) == 1
