"""Posting: every change of what is owed is new entries here, with the caches and the audit in the same transaction.

Entries are never changed, so an entry that takes something away (an allocation, a reduction, a reversal) is effective
from the first day on which, and after which, there is enough to take: no past day ever shows a negative open amount,
or more credit used than had come in.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, Table, select, update

from core.errors import DomainError
from core.ledger.days import Days
from core.ledger.marks import doubt
from core.ledger.rows import (
    ALLOCATION,
    CREDIT_NOTE,
    RECEIPT,
    RECEIVABLE,
    audit_rows,
    complete,
    entry_row,
    insert_entries,
    insert_rows,
    lock,
    refresh_caches,
    sync,
)
from core.ledger.settled import tell
from core.models import Allocation, CreditNote, EntryKind, Receipt, Receivable
from core.money import Money
from core.work import Work

# --- what comes in --------------------------------------------------------------------------------


def new_receivables(work: Work, rows: list[dict[str, Any]]) -> list[int]:
    """Invoices and debit notes. A row has the columns of Receivable without `open_minor` and `settled_on`."""
    full = [
        row | {"open_minor": row["amount_minor"], "settled_on": None if row["amount_minor"] else row["issued_on"]}
        for row in rows
    ]
    ids = insert_rows(work.session, RECEIVABLE, complete(Receivable, full))
    posted = list(zip(ids, rows, strict=True))
    insert_entries(
        work,
        [
            entry_row(work, row, EntryKind.issue, row["amount_minor"], row["issued_on"], receivable_id=id_)
            for id_, row in posted
            if row["amount_minor"]
        ],
    )
    audit_rows(work, "receivable.issued", "receivable", [(id_, row, row["issued_on"]) for id_, row in posted])
    return ids


def new_receipts(work: Work, rows: list[dict[str, Any]]) -> list[int]:
    """Money that arrived, unapplied. A row has the columns of Receipt without `open_minor` and `recorded_at`."""
    full = [row | {"open_minor": row["amount_minor"], "recorded_at": work.now} for row in rows]
    ids = insert_rows(work.session, RECEIPT, complete(Receipt, full))
    posted = list(zip(ids, rows, strict=True))
    insert_entries(
        work,
        [
            entry_row(work, row, EntryKind.receipt, -row["amount_minor"], row["received_on"], receipt_id=id_)
            for id_, row in posted
        ],
    )
    audit_rows(work, "receipt.posted", "receipt", [(id_, row, row["received_on"]) for id_, row in posted])
    return ids


def new_credit_notes(work: Work, rows: list[dict[str, Any]]) -> list[int]:
    """Reductions granted, unapplied. A row has the columns of CreditNote without `open_minor`."""
    full = [row | {"open_minor": row["amount_minor"]} for row in rows]
    ids = insert_rows(work.session, CREDIT_NOTE, complete(CreditNote, full))
    posted = list(zip(ids, rows, strict=True))
    insert_entries(
        work,
        [
            entry_row(
                work,
                row,
                EntryKind.credit_note,
                -row["amount_minor"],
                row["issued_on"],
                credit_note_id=id_,
                reason=row.get("reason", ""),
            )
            for id_, row in posted
        ],
    )
    audit_rows(work, "credit_note.posted", "credit_note", [(id_, row, row["issued_on"]) for id_, row in posted])
    return ids


# --- corrections ----------------------------------------------------------------------------------


def adjust(work: Work, receivable: Receivable, amount_minor: int, reason: str, on: date | None = None) -> None:
    """Gives a receivable another face amount; what is posted is the difference.

    Errors: ledger.bad_amount, ledger.below_allocated.
    """
    session = work.session
    assert receivable.id is not None
    row = lock(session, RECEIVABLE, [receivable.id])[receivable.id]
    difference = amount_minor - row.amount_minor
    allocated = row.amount_minor - row.open_minor
    if amount_minor < 0:
        raise DomainError("ledger.bad_amount", amount=Money(amount_minor, row.currency))
    if amount_minor < allocated:
        raise DomainError(
            "ledger.below_allocated",
            number=row.number,
            amount=Money(amount_minor, row.currency),
            allocated=Money(allocated, row.currency),
        )
    if not difference:
        return
    day = max(on or work.today, row.issued_on)
    if difference < 0:
        day = Days(session, receivables=[row.id]).first(("receivable", row.id), -difference, day)
    entry = entry_row(work, row._asdict(), EntryKind.adjustment, difference, day, receivable_id=row.id, reason=reason)
    insert_entries(work, [entry])
    session.execute(update(RECEIVABLE).where(RECEIVABLE.c.id == row.id).values(amount_minor=amount_minor))
    refresh_caches(session, receivables=[row.id])
    if difference < 0 and row.order_no:
        doubt(work, [(row.customer_id, row.order_no)])
    tell(work, {row.id: row})
    facts = {"number": row.number, "amount_minor": difference, "currency": row.currency, "customer_id": row.customer_id}
    audit_rows(work, "receivable.adjusted", "receivable", [(row.id, facts, day)], reason=reason, face_minor=amount_minor)


def reverse_receipt(work: Work, receipt: Receipt, on: date) -> None:
    """The money went back (a bounced draft): its allocations are undone, and the credit is gone from `on`.

    Errors: ledger.already_reversed.
    """
    _take_back(work, RECEIPT, receipt.id, on, "receipt", "reversed_on", "ledger.already_reversed")


def cancel_credit_note(work: Work, note: CreditNote, on: date) -> None:
    """The reduction is taken back: its allocations are undone. Errors: ledger.already_cancelled."""
    _take_back(work, CREDIT_NOTE, note.id, on, "credit_note", "cancelled_on", "ledger.already_cancelled")


def _take_back(work: Work, table: Table, id_: int | None, on: date, subject: str, stamp: str, already: str) -> None:
    session = work.session
    assert id_ is not None
    live = select(ALLOCATION.c.receivable_id).where(ALLOCATION.c[f"{subject}_id"] == id_, ALLOCATION.c.undone_on.is_(None))
    session.flush()
    lock(session, RECEIVABLE, session.scalars(live).all())
    row = lock(session, table, [id_])[id_]
    if row._mapping[stamp] is not None:
        raise DomainError(already, number=row.number, on=row._mapping[stamp])
    mine = select(ALLOCATION).where(ALLOCATION.c[f"{subject}_id"] == id_, ALLOCATION.c.undone_on.is_(None))
    _undo(work, session.execute(mine.order_by(ALLOCATION.c.id)).all(), on)
    key: dict[str, Any] = {f"{subject}_id": id_}
    day = Days(session, **{f"{subject}s": [id_]}).first((subject, id_), row.amount_minor, on)
    insert_entries(work, [entry_row(work, row._asdict(), EntryKind.reversal, row.amount_minor, day, **key)])
    session.execute(update(table).where(table.c.id == id_).values({stamp: day}))
    refresh_caches(session, **{f"{subject}s": [id_]})
    done = "receipt.reversed" if subject == "receipt" else "credit_note.cancelled"
    audit_rows(work, done, subject, [(id_, row._asdict(), day)])


# --- allocations ----------------------------------------------------------------------------------


def allocate(
    work: Work, credit: Receipt | CreditNote, receivable: Receivable, amount_minor: int | None = None
) -> Allocation:
    """Puts a credit's money on a receivable; without an amount, as much as fits.

    Errors: ledger.other_customer, ledger.other_currency, ledger.nothing_open, ledger.not_enough_credit,
    ledger.too_much, ledger.bad_amount.
    """
    assert credit.id is not None and receivable.id is not None
    is_receipt = isinstance(credit, Receipt)
    pair = (credit.id if is_receipt else None, None if is_receipt else credit.id, receivable.id, amount_minor)
    (made,) = _allocate(work, [pair])
    allocation = work.session.get(Allocation, made)
    assert allocation is not None
    return allocation


def allocate_many(work: Work, pairs: Sequence[tuple[int | None, int | None, int, int]]) -> None:
    """(receipt id or None, credit note id or None, receivable id, amount) in bulk: all of it, or an error as above."""
    _allocate(work, pairs)


def undo_allocation(work: Work, allocation: Allocation, on: date | None = None) -> None:
    """The receivable is open again, the credit unapplied again. Errors: ledger.already_undone."""
    session = work.session
    assert allocation.id is not None
    session.flush()
    lock(session, RECEIVABLE, [allocation.receivable_id])
    for table, id_ in ((RECEIPT, allocation.receipt_id), (CREDIT_NOTE, allocation.credit_note_id)):
        if id_ is not None:
            lock(session, table, [id_])
    row = session.execute(select(ALLOCATION).where(ALLOCATION.c.id == allocation.id)).one()
    if row.undone_on is not None:
        raise DomainError("ledger.already_undone", on=row.undone_on)
    _undo(work, [row], on or work.today)


def _allocate(work: Work, pairs: Sequence[tuple[int | None, int | None, int, int | None]]) -> list[int]:
    session = work.session
    receivable_ids = {pair[2] for pair in pairs}
    receipt_ids = {pair[0] for pair in pairs if pair[0] is not None}
    note_ids = {pair[1] for pair in pairs if pair[1] is not None}
    receivables = lock(session, RECEIVABLE, receivable_ids)
    credits = {("receipt", id_): row for id_, row in lock(session, RECEIPT, receipt_ids).items()}
    credits |= {("credit_note", id_): row for id_, row in lock(session, CREDIT_NOTE, note_ids).items()}
    days = Days(session, receivable_ids, receipt_ids, note_ids)
    rows: list[dict[str, Any]] = []
    for receipt_id, note_id, receivable_id, wanted in pairs:
        source = ("receipt", receipt_id) if receipt_id is not None else ("credit_note", note_id or 0)
        target = ("receivable", receivable_id)
        amount = _fitting(credits[source], receivables[receivable_id], wanted, days.total(source), days.total(target))
        day = days.first(source, amount, days.first(target, amount, date.min))
        days.take(source, amount, day)
        days.take(target, amount, day)
        rows.append(
            {
                "receipt_id": receipt_id,
                "credit_note_id": note_id,
                "receivable_id": receivable_id,
                "amount_minor": amount,
                "effective_on": day,
                "recorded_at": work.now,
                "undone_on": None,
                "undone_at": None,
            }
        )
    ids = insert_rows(session, ALLOCATION, rows)
    entries, audits = [], []
    for id_, row in zip(ids, rows, strict=True):
        owed = receivables[row["receivable_id"]]
        facts = {"number": owed.number, "customer_id": owed.customer_id, "currency": owed.currency}
        entries += _both_sides(work, row | facts | {"id": id_}, row["amount_minor"], row["effective_on"])
        audits.append((row["receivable_id"], facts | row, row["effective_on"]))
    insert_entries(work, entries)
    refresh_caches(session, receivable_ids, receipt_ids, note_ids)
    credited = [receivables[row["receivable_id"]] for row in rows if row["credit_note_id"] is not None]
    doubt(work, [(owed.customer_id, owed.order_no) for owed in credited if owed.order_no])
    tell(work, receivables, frozenset(pair[2] for pair in pairs if pair[0] and credits["receipt", pair[0]].history))
    audit_rows(work, "receivable.allocated", "receivable", audits)
    return ids


def _fitting(credit: Row[Any], owed: Row[Any], wanted: int | None, available: int, still_open: int) -> int:
    """The amount to allocate, or why not."""
    currency = owed.currency
    if credit.customer_id != owed.customer_id:
        raise DomainError("ledger.other_customer", credit=credit.number, number=owed.number)
    if credit.currency != currency:
        raise DomainError("ledger.other_currency", credit=credit.number, number=owed.number)
    if wanted is not None and wanted <= 0:
        raise DomainError("ledger.bad_amount", amount=Money(wanted, currency))
    if still_open <= 0:
        raise DomainError("ledger.nothing_open", number=owed.number)
    amount = min(available, still_open) if wanted is None else wanted
    if available <= 0 or amount > available:
        raise DomainError(
            "ledger.not_enough_credit",
            credit=credit.number,
            amount=Money(amount, currency),
            available=Money(available, currency),
        )
    if amount > still_open:
        raise DomainError(
            "ledger.too_much", number=owed.number, amount=Money(amount, currency), open=Money(still_open, currency)
        )
    return amount


def _undo(work: Work, allocations: Sequence[Row[Any]], on: date) -> None:
    """Posts the opposite of live allocations. Their receivables and credits are locked by the caller."""
    session = work.session
    if not allocations:
        return
    receivables = lock(session, RECEIVABLE, {row.receivable_id for row in allocations})
    entries, audits = [], []
    for row in allocations:
        owed = receivables[row.receivable_id]
        facts = {"number": owed.number, "customer_id": owed.customer_id, "currency": owed.currency}
        day = max(on, row.effective_on)
        entries += _both_sides(work, row._asdict() | facts, -row.amount_minor, day)
        audits.append((row.receivable_id, row._asdict() | facts, day))
        session.execute(update(ALLOCATION).where(ALLOCATION.c.id == row.id).values(undone_on=day, undone_at=work.now))
    insert_entries(work, entries)
    sync(session, ALLOCATION, [row.id for row in allocations])
    refresh_caches(
        session,
        set(receivables),
        {row.receipt_id for row in allocations if row.receipt_id is not None},
        {row.credit_note_id for row in allocations if row.credit_note_id is not None},
    )
    tell(work, receivables)
    audit_rows(work, "allocation.undone", "receivable", audits)


def _both_sides(work: Work, row: dict[str, Any], amount_minor: int, day: date) -> list[dict[str, Any]]:
    """An allocation's two entries: the receivable owes less, the credit is used up (or both back)."""
    keys = {"receipt_id": row["receipt_id"], "credit_note_id": row["credit_note_id"], "allocation_id": row["id"]}
    return [
        entry_row(work, row, EntryKind.allocation, -amount_minor, day, receivable_id=row["receivable_id"], **keys),
        entry_row(work, row, EntryKind.allocation, amount_minor, day, **keys),
    ]
