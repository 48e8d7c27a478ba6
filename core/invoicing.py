"""Goods that were signed for and are not invoiced, and orders that were closed without any invoice: one task for finance
lists them, closed once receivables name them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import exists, or_, select, union

from core import chores, outbox
from core.credit import progress
from core.credit.changes import CLOSED_FROM
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Customer, Order, OrderState, Receivable, Shipment, Task, TaskState
from core.models.base import among, table_of
from core.time import local_instant
from core.work import Work

S, T, C, O, R = (table_of(m) for m in (Shipment, Task, Customer, Order, Receivable))  # noqa: E741
KIND = "invoice"
LOOKED_BACK_DAYS = 31  # how long after it has become late something is found that no import told of


@dataclass(frozen=True)
class ToInvoice:
    """A shipment, and what of it is not invoiced; minor units."""

    shipment_id: int
    number: str
    order_no: str
    amount_minor: int
    currency: str
    signed_on: date


def to_invoice(work: Work, customer_ids: Collection[int]) -> dict[int, list[ToInvoice]]:
    """By customer, the longest signed for first. Receivables of an order take over its shipments in that order, those of
    orders that had its number before only what was shipped until then."""
    rows = work.session.execute(
        select(S)
        .where(S.c.customer_id.in_(sorted(customer_ids)), S.c.signed_on.is_not(None), S.c.amount_minor > 0)
        .order_by(S.c.customer_id, S.c.signed_on, S.c.id)
    ).all()
    done = progress.of_orders(work, {row.customer_id for row in rows}, {row.order_no for row in rows})
    mine = {key: so_far.invoiced_minor for key, so_far in done.items()}
    theirs = {key: so_far.all_invoiced_minor - so_far.invoiced_minor for key, so_far in done.items()}
    found: dict[int, list[ToInvoice]] = {}
    for row in rows:
        key, taken = (row.customer_id, row.order_no, row.currency), 0
        until = done[key].others_until
        for left in ([theirs] if until is not None and row.shipped_on <= until else []) + [mine]:
            part = min(left[key], row.amount_minor - taken)
            left[key], taken = left[key] - part, taken + part
        if taken < row.amount_minor:
            found.setdefault(row.customer_id, []).append(
                ToInvoice(row.id, row.number, row.order_no, row.amount_minor - taken, row.currency, row.signed_on)
            )
    return found


@dataclass(frozen=True)
class Closed:
    """An order that was released, then closed, and of which nothing was shipped or invoiced; minor units."""

    order_id: int
    number: str
    amount_minor: int
    currency: str
    closed_on: date


_nothing_came = ~or_(
    exists().where(S.c.customer_id == O.c.customer_id, S.c.order_no == O.c.number, S.c.amount_minor > 0),
    exists().where(R.c.customer_id == O.c.customer_id, R.c.order_no == O.c.number, R.c.amount_minor > 0),
)


def closed_orders(work: Work, policy: Policy, customer_ids: Collection[int]) -> dict[int, list[Closed]]:
    """By customer, the first closed first: those that nobody has invoiced in time. One statement."""
    found: dict[int, list[Closed]] = {}
    if policy.credit.uninvoiced_days and customer_ids:
        query = select(O).where(among(O.c.customer_id, customer_ids), *_closed_in_time(work, policy))
        for row in work.session.execute(query.order_by(O.c.ended_at, O.c.id)):
            if row.facts.get(CLOSED_FROM) == OrderState.released:
                on = work.company.calendar.business_date(row.ended_at)
                found.setdefault(row.customer_id, []).append(Closed(row.id, row.number, row.amount_minor, row.currency, on))
    return found


def _closed_in_time(work: Work, policy: Policy) -> tuple[Any, ...]:
    after = work.today - timedelta(days=policy.credit.uninvoiced_days - 1)
    until = local_instant(after, time(), work.company.calendar.zone)
    return O.c.state == OrderState.closed, O.c.ended_at < until, _nothing_came


def late(work: Work, policy: Policy) -> list[int]:
    """Customers of whom something has become late lately: an order that was closed, or shipments that finance has said
    something about. One statement; reads only."""
    days = policy.credit.uninvoiced_days
    if not days:
        return []
    last = work.today - timedelta(days=days)
    since = local_instant(last - timedelta(days=LOOKED_BACK_DAYS), time(), work.company.calendar.zone)
    answered = exists().where(T.c.customer_id == S.c.customer_id, T.c.kind == KIND, T.c.state == TaskState.answered)
    signed = S.c.signed_on.between(last - timedelta(days=LOOKED_BACK_DAYS), last)
    found = union(
        select(S.c.customer_id).where(signed, S.c.amount_minor > 0, answered),
        select(O.c.customer_id).where(*_closed_in_time(work, policy), O.c.ended_at >= since),
    ).subquery()
    return list(work.session.execute(select(found.c.customer_id).order_by(found.c.customer_id)).scalars())


def ask(work: Work, policy: Policy, customer_ids: Collection[int]) -> int:
    """After shipments came in, and once a day. What finance has answered is not asked again, unless there is more to
    invoice, or it was late only after that. Returns how many tasks there are now that weren't before."""
    if not customer_ids:
        return 0
    shipments, orders = to_invoice(work, customer_ids), closed_orders(work, policy, customer_ids)
    waiting = sorted({*shipments, *orders})
    if not waiting:
        return 0
    said = _said(work, waiting)
    org = load_org(work)
    regions = {row.id: row.region for row in work.session.execute(select(C.c.id, C.c.region).where(among(C.c.id, waiting)))}
    made = 0
    for customer_id in waiting:
        sent, closed = shipments.get(customer_id, []), orders.get(customer_id, [])
        told: dict[Any, date] = said.get(customer_id, {})
        every: list[ToInvoice | Closed] = [*sent, *closed]
        if not any(_is_new(policy, each, told, work.today) for each in every):
            continue
        people = chores.holders(org, "finance", regions[customer_id])[:1]
        for data in (
            {"kind": "shipments", "shipments": [each.shipment_id for each in sent]},
            {"kind": "orders", "orders": [each.order_id for each in closed]},
        ):
            if data[str(data["kind"])]:
                made += len(chores.open_chore(work, policy, KIND, people, customer_id=customer_id, data=data))
    return made


def _is_new(policy: Policy, each: ToInvoice | Closed, told: dict[Any, date], today: date) -> bool:
    """Whether nobody has said anything about it, or only before it was late."""
    if isinstance(each, Closed):
        return ("orders", each.order_id) not in told
    on, days = told.get(("shipments", each.shipment_id)), policy.credit.uninvoiced_days
    return on is None or bool(days and on < each.signed_on + timedelta(days=days) <= today)


def _said(work: Work, customer_ids: Collection[int]) -> dict[int, dict[Any, date]]:
    """By customer, what stood on a task of finance and when that was answered; what stands on an open one is answered
    today."""
    rows = work.session.execute(
        select(T.c.customer_id, T.c.events, T.c.state, T.c.closed_at)
        .where(among(T.c.customer_id, customer_ids), T.c.kind == KIND)
        .where(T.c.state.in_((TaskState.open, TaskState.answered)))
        .order_by(T.c.id)
    )
    found: dict[int, dict[Any, date]] = {}
    for customer_id, events, state, closed_at in rows:
        on = work.today if state == TaskState.open else work.company.calendar.business_date(closed_at)
        for event in events:
            for kind in ("shipments", "orders"):
                found.setdefault(customer_id, {}).update({(kind, each): on for each in event.get(kind, ())})
    return found


def taken_over(work: Work, customer_ids: Collection[int]) -> None:
    """After receivables of customers with such a task came in: ends the tasks of those with nothing left to invoice; the
    others' cards are drawn anew."""
    if not customer_ids:
        return
    asked = set(customer_ids)
    waiting = {*to_invoice(work, asked), *closed_orders(work, active(work)[1], asked)}
    for customer_id in sorted(asked - waiting):
        chores.close(work, KIND, customer_id, TaskState.settled)
    if left := sorted(asked & waiting):
        tasks = select(T.c.id).where(T.c.customer_id.in_(left), T.c.kind == KIND, T.c.state == TaskState.open)
        outbox.touch(work, "task", list(work.session.execute(tasks).scalars()))
