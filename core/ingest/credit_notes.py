"""Credit notes among the rows of receivables. Stored positive; what no receivable takes is netted when chasing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from core.ingest.context import Item, Run
from core.ingest.lookups import padded
from core.ingest.reasons import Reject
from core.ledger import post
from core.models import CreditNote, Customer
from core.work import Work

N: Table = CreditNote.__table__  # type: ignore[attr-defined]
_UNUSED = ("settled_on", "open_amount", "disputed")


def load_credit_notes(run: Run, work: Work, items: Sequence[Item]) -> set[int]:
    """Posts the new ones; ids of the customers whose balance changed."""
    if not items:
        return set()
    numbers = [item.row["number"] for item in items]
    found = work.session.execute(select(N).where(N.c.source == run.source, N.c.number.in_(padded(numbers))))
    known = {row.number: row for row in found}
    fresh: list[Item] = []
    for item in items:
        old = known.get(item.row["number"])
        if old is None:
            fresh.append(item)
            continue
        try:
            _compare(work, item, old)
        except Reject as error:
            run.reject(item.number, item.cells, error)
            continue
        run.report.unchanged += 1
        _count(run, item)
    for item in fresh:
        for column in _UNUSED:
            if column in item.row:
                run.report.warn(item.number, "credit_note_column", column, item.row[column])
        _count(run, item)
    post.new_credit_notes(work, [_columns(run, work, item) for item in fresh])
    run.report.created += len(fresh)
    return {item.row["customer_id"] for item in fresh}


def _compare(work: Work, item: Item, old: Any) -> None:
    row = item.row
    if row["customer_id"] != old.customer_id:
        code = work.session.scalar(select(Customer.code).where(Customer.id == old.customer_id))  # type: ignore[call-overload]
        raise Reject("other_customer", "customer", row["customer"], number=old.number, customer=code)
    if row["currency"] != old.currency:
        raise Reject("other_currency", "currency", row["currency"], number=old.number, currency=old.currency)
    if row["amount_minor"] != old.amount_minor:
        raise Reject("credit_note_changed", "amount", row["amount"], number=old.number)


def _columns(run: Run, work: Work, item: Item) -> dict[str, Any]:
    row = item.row
    return {
        "number": row["number"],
        "source": run.source,
        "customer_id": row["customer_id"],
        "issued_on": row.get("issued_on") or min(row["due_on"], work.today),
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
        "reason": row.get("product", ""),
    }


def _count(run: Run, item: Item) -> None:
    run.report.count(item.row["currency"], -item.row["amount_minor"], item.row["rounded"])
