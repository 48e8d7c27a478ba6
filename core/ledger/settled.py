"""Receivables that are settled, or open again: what other systems are told of the books."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, select

from core import webhooks
from core.ledger.rows import ALLOCATION, CREDIT_NOTE, RECEIPT, RECEIVABLE, chunks
from core.models import Customer
from core.models.base import table_of
from core.money import format_major
from core.work import Work

C = table_of(Customer)


def tell(work: Work, before: Mapping[int, Row[Any]], history: frozenset[int] = frozenset()) -> None:
    """After a posting: which of these are settled now, which are open again. `before`: rows as they were when they were
    locked. `history`: receivables that another system said were paid long ago; it needn't be told."""
    if not work.company.webhooks:
        return
    events: list[tuple[str, str, dict[str, Any]]] = []
    for some in chunks(before):
        query = select(RECEIVABLE, C.c.code).join(C, C.c.id == RECEIVABLE.c.customer_id).where(RECEIVABLE.c.id.in_(some))
        now = work.session.execute(query.order_by(RECEIVABLE.c.id)).all()
        moved = [row for row in now if bool(row.open_minor) != bool(before[row.id].open_minor) and row.id not in history]
        paid = _payments(work, [row.id for row in moved])
        for row in moved:
            kind = "receivable.reopened" if row.open_minor else "receivable.settled"
            events.append((kind, f"receivable:{row.id}", {"receivable": _told(row, paid[row.id])}))
    webhooks.emit_all(work, events)


def _told(row: Row[Any], payments: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "number": row.number,
        "source": row.source,
        "customer": row.code,
        "order": row.order_no,
        "contract": row.contract_no,
        "amount": format_major(row.amount_minor, row.currency),
        "open": format_major(row.open_minor, row.currency),
        "currency": row.currency,
        "settled": row.settled_on.isoformat() if row.settled_on else None,
        "payments": payments,
    }


def _payments(work: Work, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """What money and which credit notes are on each receivable, in the order in which they were put there."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    if not ids:
        return found
    A = ALLOCATION.c
    query = (
        select(
            A.receivable_id, A.amount_minor, A.effective_on, RECEIVABLE.c.currency,
            RECEIPT.c.number.label("receipt"), CREDIT_NOTE.c.number.label("credit_note"),
        )
        .join(RECEIVABLE, RECEIVABLE.c.id == A.receivable_id)
        .outerjoin(RECEIPT, RECEIPT.c.id == A.receipt_id)
        .outerjoin(CREDIT_NOTE, CREDIT_NOTE.c.id == A.credit_note_id)
        .where(A.receivable_id.in_(ids), A.undone_on.is_(None))
        .order_by(A.id)
    )  # fmt: skip
    for row in work.session.execute(query):
        of = {"receipt": row.receipt} if row.receipt is not None else {"credit_note": row.credit_note}
        told = {**of, "amount": format_major(row.amount_minor, row.currency), "on": row.effective_on.isoformat()}
        found[row.receivable_id].append(told)
    return found
