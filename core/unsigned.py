"""Goods that left and that nobody has signed for in time: one task for each rep lists theirs, closed once the signature is
there, or the invoice."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, cast, exists, func, or_, select

from core import chores, outbox
from core.credit import progress
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Customer, Order, Receivable, Shipment, Task, TaskState
from core.models.base import among, table_of
from core.work import Work

C, O, R, S, T = (table_of(m) for m in (Customer, Order, Receivable, Shipment, Task))  # noqa: E741
KIND = "sign"
SIGNATURES = ("delivery", "签收", "到货", "收货", "sign")  # as terms call the event that a due date waits for
FORGOTTEN_DAYS = 365  # what left before that is history, as a first import brings it


@dataclass(frozen=True)
class Unsigned:
    """A shipment, minor units. `waits`: a receivable has no due date until it is signed for."""

    shipment_id: int
    customer_id: int
    person_id: int
    number: str
    order_no: str
    amount_minor: int
    currency: str
    shipped_on: date
    waits: bool


_waits = exists().where(
    R.c.customer_id == S.c.customer_id, R.c.order_no == S.c.order_no, R.c.due_on.is_(None), R.c.event_on.is_(None),
    R.c.event.in_(SIGNATURES),
)  # fmt: skip
_asked_by = (
    select(O.c.asked_by_id)
    .where(O.c.customer_id == S.c.customer_id, O.c.number == S.c.order_no)
    .order_by(O.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


def _late(work: Work, days: int) -> tuple[Any, ...]:
    first, last = work.today - timedelta(days=FORGOTTEN_DAYS + days), work.today - timedelta(days=days)
    return S.c.signed_on.is_(None), S.c.amount_minor > 0, S.c.shipped_on.between(first, last)


def customers(work: Work, policy: Policy) -> list[int]:
    """Whose goods nobody has signed for in time; one statement. Reads only."""
    days = policy.credit.unsigned_days
    if not days:
        return []
    there = S.alias("there")
    sent = select(func.sum(there.c.amount_minor)).where(
        there.c.customer_id == S.c.customer_id, there.c.order_no == S.c.order_no, there.c.currency == S.c.currency
    )
    invoiced = select(func.coalesce(func.sum(R.c.amount_minor), 0)).where(
        R.c.customer_id == S.c.customer_id, R.c.order_no == S.c.order_no, R.c.currency == S.c.currency
    )
    more = cast(sent.scalar_subquery(), BigInteger) > cast(invoiced.scalar_subquery(), BigInteger)
    query = select(S.c.customer_id).where(*_late(work, days), or_(more, _waits)).distinct().order_by(S.c.customer_id)
    return list(work.session.execute(query).scalars())


def awaited(work: Work, policy: Policy, customer_ids: Collection[int]) -> list[Unsigned]:
    """The longest on their way first. Receivables of an order take over what is signed for, then the oldest of its other
    shipments: those are asked for only while a due date waits for them."""
    days = policy.credit.unsigned_days
    if not days or not customer_ids:
        return []
    rows = work.session.execute(
        select(S, C.c.owner_id, C.c.region, _asked_by.label("asked_by_id"), _waits.label("waits"))
        .join(C, C.c.id == S.c.customer_id)
        .where(among(S.c.customer_id, customer_ids), *_late(work, days))
        .order_by(S.c.customer_id, S.c.shipped_on, S.c.id)
    ).all()
    if not rows:
        return []
    org = load_org(work)
    done = progress.of_orders(work, {row.customer_id for row in rows}, {row.order_no for row in rows})
    left = {key: max(0, so_far.all_invoiced_minor - so_far.all_signed_minor) for key, so_far in done.items()}
    found: list[Unsigned] = []
    for row in rows:
        key = (row.customer_id, row.order_no, row.currency)
        taken = min(left.get(key, 0), row.amount_minor)
        left[key] = left.get(key, 0) - taken
        rep = org.responsible(row.asked_by_id, row.owner_id)
        people = [rep] if rep is not None else chores.holders(org, "finance", row.region)[:1]
        if people and (row.waits or taken < row.amount_minor):
            found.append(Unsigned(
                row.id, row.customer_id, people[0], row.number, row.order_no, row.amount_minor, row.currency,
                row.shipped_on, row.waits,
            ))  # fmt: skip
    return found


def ask(work: Work, policy: Policy, customer_ids: Collection[int]) -> int:
    """Once a day. The customers are locked. What a rep has said something about rests as long as goods may be on their way,
    unless there is more. Returns how many tasks there are now that weren't before."""
    found = awaited(work, policy, customer_ids)
    by_whom: dict[tuple[int, int], list[int]] = {}
    for one in found:
        by_whom.setdefault((one.customer_id, one.person_id), []).append(one.shipment_id)
    said = _said(work, policy, customer_ids)
    made = 0
    for (customer_id, person_id), ids in by_whom.items():
        if not set(ids) <= said.get((customer_id, person_id), set()):
            made += len(chores.open_chore(
                work, policy, KIND, [person_id], customer_id=customer_id, data={"kind": KIND, "shipments": ids}
            ))  # fmt: skip
    return made


def settle(work: Work, customer_ids: Collection[int]) -> None:
    """After shipments or receivables of customers with such a task came in: ends the tasks with nothing left to ask for; the
    others' cards are drawn anew."""
    tasks = _open(work, customer_ids)
    if not tasks:
        return
    mine = {(one.customer_id, one.person_id) for one in awaited(work, active(work)[1], [t.customer_id or 0 for t in tasks])}
    done = [task for task in tasks if (task.customer_id, task.person_id) not in mine]
    chores.end(work, done, TaskState.settled)
    outbox.touch(work, "task", [task.id or 0 for task in tasks if task not in done])


def _open(work: Work, customer_ids: Collection[int]) -> list[Task]:
    query = select(Task).where(among(T.c.customer_id, customer_ids), T.c.kind == KIND, T.c.state == TaskState.open)
    return list(work.session.execute(query.order_by(T.c.id)).scalars()) if customer_ids else []


def _said(work: Work, policy: Policy, customer_ids: Collection[int]) -> dict[tuple[int, int], set[int]]:
    """By customer and person, the shipments of their task that is open, or was answered just now."""
    lately = work.now - timedelta(days=policy.credit.unsigned_days)
    rows = work.session.execute(
        select(T.c.customer_id, T.c.person_id, T.c.events).where(
            among(T.c.customer_id, customer_ids), T.c.kind == KIND,
            or_(T.c.state == TaskState.open, (T.c.state == TaskState.answered) & (T.c.closed_at > lately)),
        )
    )  # fmt: skip
    found: dict[tuple[int, int], set[int]] = {}
    for customer_id, person_id, events in rows:
        found.setdefault((customer_id, person_id), set()).update(i for event in events for i in event.get("shipments", ()))
    return found
