"""Posting: every change of what is owed is new entries here, with the caches and the audit in the same transaction.

Entries are never changed, so an entry that takes something away (an allocation, a reduction, a reversal) is effective
from the first day on which, and after which, there is enough to take: no past day ever shows a negative open amount,
or more credit used than had come in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Row, Table, and_, case, cast, func, insert, select, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session, SQLModel

from core.errors import DomainError
from core.models import Allocation, CreditNote, EntryKind, Receipt, Receivable
from core.money import Money
from core.work import Work

_TABLES = SQLModel.metadata.tables
RECEIVABLE, RECEIPT, CREDIT_NOTE = _TABLES["receivable"], _TABLES["receipt"], _TABLES["credit_note"]
ENTRY, ALLOCATION, AUDIT = _TABLES["entry"], _TABLES["allocation"], _TABLES["audit"]

# Stays far below every database's limit of parameters in one statement.
CHUNK = 1000

# What posting may change on a row; objects that a session holds of it are brought up to date.
_CHANGED: dict[Table, tuple[type[SQLModel], tuple[str, ...]]] = {
    RECEIVABLE: (Receivable, ("amount_minor", "open_minor", "settled_on")),
    RECEIPT: (Receipt, ("open_minor", "reversed_on")),
    CREDIT_NOTE: (CreditNote, ("open_minor", "cancelled_on")),
    ALLOCATION: (Allocation, ("undone_on", "undone_at")),
}


# --- what comes in --------------------------------------------------------------------------------


def new_receivables(work: Work, rows: list[dict[str, Any]]) -> list[int]:
    """Invoices and debit notes. A row has the columns of Receivable without `open_minor` and `settled_on`."""
    full = [
        row | {"open_minor": row["amount_minor"], "settled_on": None if row["amount_minor"] else row["issued_on"]}
        for row in rows
    ]
    ids = _insert(work.session, RECEIVABLE, _complete(Receivable, full))
    posted = list(zip(ids, rows, strict=True))
    _insert_entries(
        work,
        [
            _entry(work, row, EntryKind.issue, row["amount_minor"], row["issued_on"], receivable_id=id_)
            for id_, row in posted
            if row["amount_minor"]
        ],
    )
    _audit(work, "receivable.issued", "receivable", [(id_, row, row["issued_on"]) for id_, row in posted])
    return ids


def new_receipts(work: Work, rows: list[dict[str, Any]]) -> list[int]:
    """Money that arrived, unapplied. A row has the columns of Receipt without `open_minor` and `recorded_at`."""
    full = [row | {"open_minor": row["amount_minor"], "recorded_at": work.now} for row in rows]
    ids = _insert(work.session, RECEIPT, _complete(Receipt, full))
    posted = list(zip(ids, rows, strict=True))
    _insert_entries(
        work,
        [
            _entry(work, row, EntryKind.receipt, -row["amount_minor"], row["received_on"], receipt_id=id_)
            for id_, row in posted
        ],
    )
    _audit(work, "receipt.posted", "receipt", [(id_, row, row["received_on"]) for id_, row in posted])
    return ids


def new_credit_notes(work: Work, rows: list[dict[str, Any]]) -> list[int]:
    """Reductions granted, unapplied. A row has the columns of CreditNote without `open_minor`."""
    full = [row | {"open_minor": row["amount_minor"]} for row in rows]
    ids = _insert(work.session, CREDIT_NOTE, _complete(CreditNote, full))
    posted = list(zip(ids, rows, strict=True))
    _insert_entries(
        work,
        [
            _entry(
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
    _audit(work, "credit_note.posted", "credit_note", [(id_, row, row["issued_on"]) for id_, row in posted])
    return ids


# --- corrections ----------------------------------------------------------------------------------


def adjust(work: Work, receivable: Receivable, amount_minor: int, reason: str, on: date | None = None) -> None:
    """Gives a receivable another face amount; what is posted is the difference.

    Errors: ledger.bad_amount, ledger.below_allocated.
    """
    session = work.session
    assert receivable.id is not None
    row = _lock(session, RECEIVABLE, [receivable.id])[receivable.id]
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
        day = _Days(session, receivables=[row.id]).first(("receivable", row.id), -difference, day)
    entry = _entry(work, row._asdict(), EntryKind.adjustment, difference, day, receivable_id=row.id, reason=reason)
    _insert_entries(work, [entry])
    session.execute(update(RECEIVABLE).where(RECEIVABLE.c.id == row.id).values(amount_minor=amount_minor))
    _refresh(session, receivables=[row.id])
    facts = {"number": row.number, "amount_minor": difference, "currency": row.currency, "customer_id": row.customer_id}
    _audit(work, "receivable.adjusted", "receivable", [(row.id, facts, day)], reason=reason, face_minor=amount_minor)


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
    live = select(ALLOCATION.c.receivable_id).where(
        ALLOCATION.c[f"{subject}_id"] == id_, ALLOCATION.c.undone_on.is_(None)
    )
    session.flush()
    _lock(session, RECEIVABLE, session.scalars(live).all())
    row = _lock(session, table, [id_])[id_]
    if row._mapping[stamp] is not None:
        raise DomainError(already, number=row.number, on=row._mapping[stamp])
    mine = select(ALLOCATION).where(ALLOCATION.c[f"{subject}_id"] == id_, ALLOCATION.c.undone_on.is_(None))
    _undo(work, session.execute(mine.order_by(ALLOCATION.c.id)).all(), on)
    key: dict[str, Any] = {f"{subject}_id": id_}
    day = _Days(session, **{f"{subject}s": [id_]}).first((subject, id_), row.amount_minor, on)
    _insert_entries(work, [_entry(work, row._asdict(), EntryKind.reversal, row.amount_minor, day, **key)])
    session.execute(update(table).where(table.c.id == id_).values({stamp: day}))
    _refresh(session, **{f"{subject}s": [id_]})
    done = "receipt.reversed" if subject == "receipt" else "credit_note.cancelled"
    _audit(work, done, subject, [(id_, row._asdict(), day)])


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
    _lock(session, RECEIVABLE, [allocation.receivable_id])
    for table, id_ in ((RECEIPT, allocation.receipt_id), (CREDIT_NOTE, allocation.credit_note_id)):
        if id_ is not None:
            _lock(session, table, [id_])
    row = session.execute(select(ALLOCATION).where(ALLOCATION.c.id == allocation.id)).one()
    if row.undone_on is not None:
        raise DomainError("ledger.already_undone", on=row.undone_on)
    _undo(work, [row], on or work.today)


def _allocate(work: Work, pairs: Sequence[tuple[int | None, int | None, int, int | None]]) -> list[int]:
    session = work.session
    receivable_ids = {pair[2] for pair in pairs}
    receipt_ids = {pair[0] for pair in pairs if pair[0] is not None}
    note_ids = {pair[1] for pair in pairs if pair[1] is not None}
    receivables = _lock(session, RECEIVABLE, receivable_ids)
    credits = {("receipt", id_): row for id_, row in _lock(session, RECEIPT, receipt_ids).items()}
    credits |= {("credit_note", id_): row for id_, row in _lock(session, CREDIT_NOTE, note_ids).items()}
    days = _Days(session, receivable_ids, receipt_ids, note_ids)
    rows: list[dict[str, Any]] = []
    for receipt_id, note_id, receivable_id, wanted in pairs:
        source = ("receipt", receipt_id) if receipt_id is not None else ("credit_note", note_id or 0)
        target = ("receivable", receivable_id)
        amount = _fitting(
            credits[source], receivables[receivable_id], wanted, days.total(source), days.total(target)
        )
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
    ids = _insert(session, ALLOCATION, rows)
    entries, audits = [], []
    for id_, row in zip(ids, rows, strict=True):
        owed = receivables[row["receivable_id"]]
        facts = {"number": owed.number, "customer_id": owed.customer_id, "currency": owed.currency}
        entries += _both_sides(work, row | facts | {"id": id_}, row["amount_minor"], row["effective_on"])
        audits.append((row["receivable_id"], facts | row, row["effective_on"]))
    _insert_entries(work, entries)
    _refresh(session, receivable_ids, receipt_ids, note_ids)
    _audit(work, "receivable.allocated", "receivable", audits)
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
    receivables = _lock(session, RECEIVABLE, {row.receivable_id for row in allocations})
    entries, audits = [], []
    for row in allocations:
        owed = receivables[row.receivable_id]
        facts = {"number": owed.number, "customer_id": owed.customer_id, "currency": owed.currency}
        day = max(on, row.effective_on)
        entries += _both_sides(work, row._asdict() | facts, -row.amount_minor, day)
        audits.append((row.receivable_id, row._asdict() | facts, day))
        session.execute(
            update(ALLOCATION).where(ALLOCATION.c.id == row.id).values(undone_on=day, undone_at=work.now)
        )
    _insert_entries(work, entries)
    _sync(session, ALLOCATION, [row.id for row in allocations])
    _refresh(
        session,
        set(receivables),
        {row.receipt_id for row in allocations if row.receipt_id is not None},
        {row.credit_note_id for row in allocations if row.credit_note_id is not None},
    )
    _audit(work, "allocation.undone", "receivable", audits)


def _both_sides(work: Work, row: dict[str, Any], amount_minor: int, day: date) -> list[dict[str, Any]]:
    """An allocation's two entries: the receivable owes less, the credit is used up (or both back)."""
    keys = {"receipt_id": row["receipt_id"], "credit_note_id": row["credit_note_id"], "allocation_id": row["id"]}
    return [
        _entry(work, row, EntryKind.allocation, -amount_minor, day, receivable_id=row["receivable_id"], **keys),
        _entry(work, row, EntryKind.allocation, amount_minor, day, **keys),
    ]


# --- what is left, day by day ---------------------------------------------------------------------


class _Days:
    """What receivables have open, and credits have left, at the end of each day of their history."""

    def __init__(
        self,
        session: Session,
        receivables: Collection[int] = (),
        receipts: Collection[int] = (),
        credit_notes: Collection[int] = (),
    ) -> None:
        self._changes: dict[tuple[str, int], dict[date, int]] = defaultdict(dict)
        self._load(session, "receivable", receivables, 1)
        self._load(session, "receipt", receipts, -1)
        self._load(session, "credit_note", credit_notes, -1)

    def _load(self, session: Session, subject: str, ids: Collection[int], sign: int) -> None:
        column = ENTRY.c[f"{subject}_id"]
        net = cast(func.sum(ENTRY.c.amount_minor), BigInteger)
        query = select(column, ENTRY.c.effective_on, net).group_by(column, ENTRY.c.effective_on)
        if subject != "receivable":
            query = query.where(ENTRY.c.receivable_id.is_(None))
        for some in _chunks(ids):
            for id_, day, amount in session.execute(query.where(column.in_(some))):
                self._changes[subject, id_][day] = sign * amount

    def total(self, subject: tuple[str, int]) -> int:
        return sum(self._changes[subject].values())

    def first(self, subject: tuple[str, int], amount: int, earliest: date) -> date:
        """The first day, not before `earliest`, from which on `amount` is there on every day."""
        changes = self._changes[subject]
        left, found = sum(changes.values()), earliest
        for day in sorted(changes, reverse=True):
            if left < amount:
                break
            found = day
            left -= changes[day]
        return max(found, earliest)

    def take(self, subject: tuple[str, int], amount: int, day: date) -> None:
        changes = self._changes[subject]
        changes[day] = changes.get(day, 0) - amount


# --- rows -----------------------------------------------------------------------------------------


@cache
def _defaults(model: type[SQLModel]) -> dict[str, Any]:
    fields = model.model_fields.items()
    return {name: field.get_default(call_default_factory=True) for name, field in fields if not field.is_required()}


def _complete(model: type[SQLModel], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bulk inserts take the columns of the first row for all: give every row every column but the key."""
    defaults = {name: value for name, value in _defaults(model).items() if name != "id"}
    return [defaults | row for row in rows]


def _insert(session: Session, table: Table, rows: list[dict[str, Any]]) -> list[int]:
    """The new keys, in the order of the rows."""
    if not rows:
        return []
    session.flush()
    return list(session.scalars(insert(table).returning(table.c.id, sort_by_parameter_order=True), rows))


def _insert_entries(work: Work, entries: list[dict[str, Any]]) -> None:
    if entries:
        work.session.execute(insert(ENTRY), entries)


def _entry(
    work: Work,
    row: dict[str, Any],
    kind: EntryKind,
    amount_minor: int,
    day: date,
    *,
    receivable_id: int | None = None,
    receipt_id: int | None = None,
    credit_note_id: int | None = None,
    allocation_id: int | None = None,
    reason: str = "",
) -> dict[str, Any]:
    return {
        "customer_id": row["customer_id"],
        "currency": row["currency"],
        "receivable_id": receivable_id,
        "kind": kind.value,
        "amount_minor": amount_minor,
        "effective_on": day,
        "recorded_at": work.now,
        "receipt_id": receipt_id,
        "credit_note_id": credit_note_id,
        "allocation_id": allocation_id,
        "actor": work.actor,
        "reason": reason,
    }


def _audit(
    work: Work, action: str, subject: str, posted: Sequence[tuple[int, dict[str, Any], date]], **more: Any
) -> None:
    """One record a posted row: number, amount, currency and the day it is effective."""
    rows = [
        {
            "at": work.now,
            "actor": work.actor,
            "person_id": work.person_id,
            "channel": work.channel,
            "action": action,
            "subject": subject,
            "subject_id": id_,
            "customer_id": row["customer_id"],
            "data": {key: row[key] for key in ("number", "amount_minor", "currency")} | {"on": day.isoformat()} | more,
        }
        for id_, row, day in posted
    ]
    if rows:
        work.session.execute(insert(AUDIT), rows)


def _lock(session: Session, table: Table, ids: Collection[int]) -> dict[int, Row[Any]]:
    """The rows as they are now, and nobody else changes them until the end of this transaction.

    Always in the order receivables, receipts, credit notes, each by id, so that two postings cannot deadlock.
    """
    session.flush()
    found: dict[int, Row[Any]] = {}
    for some in _chunks(ids):
        query = select(table).where(table.c.id.in_(some)).order_by(table.c.id).with_for_update()
        found |= {row.id: row for row in session.execute(query)}
    return found


def _refresh(
    session: Session,
    receivables: Collection[int] = (),
    receipts: Collection[int] = (),
    credit_notes: Collection[int] = (),
) -> None:
    """Computes the caches of these rows from the journal."""
    total = func.coalesce(cast(func.sum(ENTRY.c.amount_minor), BigInteger), 0)
    mine = ENTRY.c.receivable_id == RECEIVABLE.c.id
    still_open = select(total).where(mine).scalar_subquery()
    # The last day that changed what is open is the one that brought it to 0.
    last_change = (
        select(ENTRY.c.effective_on)
        .where(mine)
        .group_by(ENTRY.c.effective_on)
        .having(func.sum(ENTRY.c.amount_minor) != 0)
        .order_by(ENTRY.c.effective_on.desc())
        .limit(1)
        .scalar_subquery()
    )
    settled = case((still_open == 0, func.coalesce(last_change, RECEIVABLE.c.issued_on)), else_=None)
    for some in _chunks(receivables):
        session.execute(
            update(RECEIVABLE).where(RECEIVABLE.c.id.in_(some)).values(open_minor=still_open, settled_on=settled)
        )
    _sync(session, RECEIVABLE, receivables)
    for table, ids in ((RECEIPT, receipts), (CREDIT_NOTE, credit_notes)):
        unapplied = and_(ENTRY.c[f"{table.name}_id"] == table.c.id, ENTRY.c.receivable_id.is_(None))
        left = select(-total).where(unapplied).scalar_subquery()
        for some in _chunks(ids):
            session.execute(update(table).where(table.c.id.in_(some)).values(open_minor=left))
        _sync(session, table, ids)


def _sync(session: Session, table: Table, ids: Collection[int]) -> None:
    """Objects of these rows that the session holds show what was written past them."""
    model, columns = _CHANGED[table]
    held = {id_: item for id_ in ids if (item := session.identity_map.get(identity_key(model, id_))) is not None}
    for some in _chunks(held):
        query = select(table.c.id, *(table.c[name] for name in columns)).where(table.c.id.in_(some))
        for row in session.execute(query):
            for name in columns:
                set_committed_value(held[row.id], name, row._mapping[name])


def _chunks(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
