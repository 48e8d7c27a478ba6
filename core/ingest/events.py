"""What a receivable's due date waits for, where shipments tell of it: goods that left, goods that were signed for."""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import func, select

from core.dunning.ladder import Policy
from core.dunning.schedule import first_look
from core.ingest.lookups import audit_many, padded, write_changes
from core.ingest.terms import due_date, parse_terms
from core.models import Customer, Receivable, Shipment
from core.models.base import table_of
from core.unsigned import SIGNATURES
from core.work import Work

R, S, C = table_of(Receivable), table_of(Shipment), table_of(Customer)
SHIPPED, SIGNED = "shipment", "delivery"  # as terms call them
_EVENTS = {SHIPPED: SHIPPED, "发货": SHIPPED, **dict.fromkeys(SIGNATURES, SIGNED)}


def date_by_shipments(work: Work, policy: Policy, orders: Collection[tuple[int, str]]) -> set[int]:
    """Receivables of these orders (customer id, number) whose terms wait for their shipment, or for a signature: the last
    one, once all that was shipped is signed for. A date that stands there is never changed. Customers whose receivables
    have a due date now."""
    wanted = sorted({number for _, number in orders if number})
    if not wanted:
        return set()
    waiting = work.session.execute(
        select(
            R.c.id, R.c.number, R.c.customer_id, R.c.order_no, R.c.issued_on, R.c.terms, R.c.event, C.c.terms.label("usual")
        )
        .join(C, C.c.id == R.c.customer_id)
        .where(
            R.c.order_no.in_(padded(wanted)), R.c.customer_id.in_(padded(sorted({c for c, _ in orders}))),
            R.c.due_on.is_(None), R.c.event_on.is_(None), R.c.event.in_(tuple(_EVENTS)),
        )
    ).all()  # fmt: skip
    if not waiting:
        return set()
    happened = _happened(work, {row.customer_id for row in waiting}, {row.order_no for row in waiting})
    changes: dict[int, dict[str, Any]] = {}
    audits: list[tuple[int, int | None, dict[str, Any]]] = []
    touched: set[int] = set()
    for row in waiting:
        on = happened.get((row.customer_id, row.order_no), {}).get(_EVENTS[row.event])
        terms = parse_terms(row.terms or row.usual)
        if on is None or terms is None:
            continue
        due = due_date(type(terms)(terms.days, event=row.event), row.issued_on, on)
        changes[row.id] = {"event_on": on, "due_on": due, "next_step_on": first_look(policy, due)}
        after = {"event_on": on.isoformat(), "due_on": due.isoformat() if due else None}
        audits.append((row.id, row.customer_id, {"number": row.number, "by": "shipment", "after": after}))
        touched.add(row.customer_id)
    write_changes(work.session, R, changes)
    audit_many(work, "receivable.updated", "receivable", audits)
    return touched


def _happened(work: Work, customers: set[int], numbers: set[str]) -> dict[tuple[int, str], dict[str, date]]:
    rows = work.session.execute(
        select(
            S.c.customer_id, S.c.order_no, func.max(S.c.shipped_on).label("shipped_on"),
            func.max(S.c.signed_on).label("signed_on"), func.count().label("all"), func.count(S.c.signed_on).label("signed"),
        )
        .where(S.c.customer_id.in_(sorted(customers)), S.c.order_no.in_(padded(sorted(numbers))), S.c.amount_minor > 0)
        .group_by(S.c.customer_id, S.c.order_no)
    )  # fmt: skip
    found: dict[tuple[int, str], dict[str, date]] = {}
    for row in rows:
        found[row.customer_id, row.order_no] = {SHIPPED: row.shipped_on} | (
            {SIGNED: row.signed_on} if row.signed == row.all else {}
        )
    return found
