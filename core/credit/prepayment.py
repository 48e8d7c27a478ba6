"""Prepayment that held orders wait for: one task for whoever has the order lists them, closed once the money is there or
they wait for it no longer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, select

from core import chores, outbox
from core.credit import progress
from core.credit.exposure import standing
from core.credit.leaning import leaned
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Order, OrderState, Task, TaskState
from core.models.base import table_of
from core.work import Work

O, T = table_of(Order), table_of(Task)  # noqa: E741
KIND, REASON = "prepay", "prepayment_awaited"
_WHOSE = bindparam("customers", expanding=True, type_=BigInteger)
_OPEN = select(Task).where(T.c.customer_id.in_(_WHOSE), T.c.kind == KIND, T.c.state == TaskState.open).order_by(T.c.id)


@dataclass(frozen=True)
class Awaited:
    """What is missing for one order, minor units of its currency. `agreed`: somebody approved it on that condition."""

    order_id: int
    number: str
    person_id: int | None
    order_minor: int
    missing_minor: int
    currency: str
    agreed: bool


def awaited(work: Work, customer_id: int) -> list[Awaited]:
    """The oldest order first: money that nobody has allocated is for it first."""
    rows = work.session.execute(
        select(Order).where(O.c.customer_id == customer_id, O.c.state == OrderState.held).order_by(O.c.id)
    )
    waiting = [(order, minor) for order in rows.scalars().all() if (minor := _prepay_minor(order))]
    if not waiting:
        return []
    now, org = standing(work, customer_id), load_org(work)
    rules = active(work)[1].credit
    done = _done(work, customer_id, [order for order, _ in waiting])
    free = {}
    for currency, e in now.exposures.items():
        kept = sum(done[order.id].kept_minor for order, _ in waiting if order.id in done and order.currency == currency)
        free[currency] = max(0, e.free_minor + kept - leaned(work, rules, now, currency))
    found = []
    for order, all_of_it in waiting:
        minor = max(0, all_of_it - done[order.id].paid_minor) if order.id in done else all_of_it
        there = min(minor, free.get(order.currency, 0))
        free[order.currency] = free.get(order.currency, 0) - there
        if there < minor:
            rep = org.responsible(order.asked_by_id, now.owner_id)
            agreed = "prepay_minor" in order.conditions
            found.append(Awaited(
                order.id or 0, order.number, rep, order.amount_minor, minor - there, order.currency, agreed
            ))  # fmt: skip
    return found


def agreed_minor(order: Order, conditions: Mapping[str, Any]) -> int:
    """What must be there before an order that was approved on these conditions is released, minor units of the order: the
    share that they name, else what the order itself promises and hasn't brought. Only a yes without any condition takes
    that back."""
    percent = int(conditions.get("prepay_percent") or 0)
    if percent:
        return -(-order.amount_minor * percent // 100)
    return promised_minor(order) if conditions else 0


def promised_minor(order: Order) -> int:
    """What the order itself says is prepaid, as long as it is one of the reasons why the order is held."""
    return order.prepaid_minor if any(reason["code"] == REASON for reason in order.reasons) else 0


def _done(work: Work, customer_id: int, waiting: Sequence[Order]) -> dict[int | None, progress.Done]:
    """By id, of those of which something is delivered already, as it may happen: prepayment is for that, too."""
    begun = {number for _, number, _ in progress.of_orders(work, [customer_id], [order.number for order in waiting])}
    return {order.id: progress.done(work, order) for order in waiting if order.number in begun}


def _prepay_minor(order: Order) -> int:
    if "prepay_minor" in order.conditions:
        return int(order.conditions["prepay_minor"])
    return promised_minor(order)


def ask(work: Work, policy: Policy, order: Order) -> set[int]:
    """Who has a card about it now: the rep, unless they have such a task already, or the money is there."""
    if not _prepay_minor(order):
        return set()
    mine = next((each for each in awaited(work, order.customer_id) if each.order_id == order.id), None)
    if mine is None or mine.person_id is None:
        return set()
    made = chores.open_chore(
        work, policy, KIND, [mine.person_id], customer_id=order.customer_id, data={"kind": KIND, "order": order.id}
    )
    return {task.person_id for task in made}


def settle(work: Work, customer_ids: Collection[int]) -> None:
    """After money came or went, or an order got on: ends the tasks with nothing left to wait for; the others' cards are
    drawn anew."""
    if not customer_ids:
        return
    tasks = work.session.execute(_OPEN, {"customers": sorted(customer_ids)}).scalars().all()
    if not tasks:
        return
    work.session.flush()
    missing = {(task.customer_id, each.person_id) for task in tasks for each in awaited(work, task.customer_id or 0)}
    done = [task for task in tasks if (task.customer_id, task.person_id) not in missing]
    chores.end(work, done, TaskState.settled)
    outbox.touch(work, "task", [task.id or 0 for task in tasks if task not in done])
