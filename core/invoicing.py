"""Goods that were signed for and are not invoiced: one task for finance lists them, closed once receivables name them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from core import chores, outbox
from core.credit import progress
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.models import Customer, Shipment, Task, TaskState
from core.models.base import table_of
from core.work import Work

S, T, C = table_of(Shipment), table_of(Task), table_of(Customer)
KIND = "invoice"


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
    """By customer, the longest signed for first. Receivables of an order take over its shipments in that order."""
    rows = work.session.execute(
        select(S)
        .where(S.c.customer_id.in_(sorted(customer_ids)), S.c.signed_on.is_not(None), S.c.amount_minor > 0)
        .order_by(S.c.customer_id, S.c.signed_on, S.c.id)
    ).all()
    done = progress.of_orders(work, {row.customer_id for row in rows}, {row.order_no for row in rows})
    left = {key: so_far.invoiced_minor for key, so_far in done.items()}
    found: dict[int, list[ToInvoice]] = {}
    for row in rows:
        key = (row.customer_id, row.order_no, row.currency)
        taken = min(left.get(key, 0), row.amount_minor)
        left[key] = left.get(key, 0) - taken
        if taken < row.amount_minor:
            found.setdefault(row.customer_id, []).append(
                ToInvoice(row.id, row.number, row.order_no, row.amount_minor - taken, row.currency, row.signed_on)
            )
    return found


def ask(work: Work, policy: Policy, customer_ids: Collection[int]) -> None:
    """After shipments came in. What finance has answered is not asked again, unless there is more to invoice."""
    waiting = to_invoice(work, customer_ids)
    if not waiting:
        return
    answered = _answered(work, waiting)
    org = load_org(work)
    regions = {
        row.id: row.region for row in work.session.execute(select(C.c.id, C.c.region).where(C.c.id.in_(sorted(waiting))))
    }
    for customer_id, shipments in sorted(waiting.items()):
        ids = [shipment.shipment_id for shipment in shipments]
        if set(ids) <= answered.get(customer_id, set()):
            continue
        people = chores.holders(org, "finance", regions[customer_id])[:1]
        chores.open_chore(
            work, policy, KIND, people, customer_id=customer_id, data={"kind": "shipments", "shipments": ids}
        )


def _answered(work: Work, customer_ids: Collection[int]) -> dict[int, set[int]]:
    """Shipments that stood on a task that is answered."""
    rows = work.session.execute(
        select(T.c.customer_id, T.c.events).where(
            T.c.customer_id.in_(sorted(customer_ids)), T.c.kind == KIND, T.c.state == TaskState.answered
        )
    )
    found: dict[int, set[int]] = {}
    for customer_id, events in rows:
        found.setdefault(customer_id, set()).update(i for event in events for i in event.get("shipments", ()))
    return found


def taken_over(work: Work, customer_ids: Collection[int]) -> None:
    """After receivables of customers with such a task came in: ends the tasks of those with nothing left to invoice; the
    others' cards are drawn anew."""
    if not customer_ids:
        return
    asked = set(customer_ids)
    waiting = to_invoice(work, asked)
    for customer_id in sorted(asked - waiting.keys()):
        chores.close(work, KIND, customer_id, TaskState.settled)
    if left := sorted(asked & waiting.keys()):
        tasks = select(T.c.id).where(T.c.customer_id.in_(left), T.c.kind == KIND, T.c.state == TaskState.open)
        outbox.touch(work, "task", list(work.session.execute(tasks).scalars()))
