"""Rows of the ledger on their way into the database: bulk inserts, locks, and the caches computed from the journal."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Row, Table, and_, case, cast, func, insert, select, text, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session, SQLModel

from core.db import insert_many
from core.ledger.marks import mark
from core.models import Allocation, CreditNote, EntryKind, Receipt, Receivable
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


@cache
def _defaults(model: type[SQLModel]) -> dict[str, Any]:
    fields = model.model_fields.items()
    return {name: field.get_default(call_default_factory=True) for name, field in fields if not field.is_required()}


def complete(model: type[SQLModel], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bulk inserts take the columns of the first row for all: give every row every column but the key."""
    defaults = {name: value for name, value in _defaults(model).items() if name != "id"}
    return [defaults | row for row in rows]


def insert_rows(session: Session, table: Table, rows: list[dict[str, Any]]) -> list[int]:
    """The new keys, in the order of the rows, which all have the same columns.

    Keys come first, rows after: to get them back, rows would go in one by one on SQLite, and on PostgreSQL in statements
    so long that the driver takes most of the time and memory.
    """
    if not rows:
        return []
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        ids = list(session.execute(_KEYS, {"table": table.name, "count": len(rows)}).scalars())
    else:  # only one writer
        first = (session.scalar(select(func.max(table.c.id))) or 0) + 1
        ids = list(range(first, first + len(rows)))
    columns = list(rows[0])
    values = [(id_, *(row[name] for name in columns)) for id_, row in zip(ids, rows, strict=True)]
    insert_many(session, table, ["id", *columns], values)
    return ids


_KEYS = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")


def insert_entries(work: Work, entries: list[dict[str, Any]]) -> None:
    """What somebody owes has changed, and with it what held orders wait for."""
    if entries:
        work.session.execute(insert(ENTRY), entries)
        mark(work, {entry["customer_id"] for entry in entries})


def entry_row(
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


def audit_rows(
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


def lock(session: Session, table: Table, ids: Collection[int]) -> dict[int, Row[Any]]:
    """The rows as they are now, and nobody else changes them until the end of this transaction.

    Always in the order receivables, receipts, credit notes, each by id, so that two postings cannot deadlock.
    """
    session.flush()
    found: dict[int, Row[Any]] = {}
    for some in chunks(ids):
        query = select(table).where(table.c.id.in_(some)).order_by(table.c.id).with_for_update()
        found |= {row.id: row for row in session.execute(query)}
    return found


def refresh_caches(
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
    for some in chunks(receivables):
        session.execute(
            update(RECEIVABLE).where(RECEIVABLE.c.id.in_(some)).values(open_minor=still_open, settled_on=settled)
        )
    sync(session, RECEIVABLE, receivables)
    for table, ids in ((RECEIPT, receipts), (CREDIT_NOTE, credit_notes)):
        unapplied = and_(ENTRY.c[f"{table.name}_id"] == table.c.id, ENTRY.c.receivable_id.is_(None))
        left = select(-total).where(unapplied).scalar_subquery()
        for some in chunks(ids):
            session.execute(update(table).where(table.c.id.in_(some)).values(open_minor=left))
        sync(session, table, ids)


def sync(session: Session, table: Table, ids: Collection[int]) -> None:
    """Objects of these rows that the session holds show what was written past them."""
    model, columns = _CHANGED[table]
    held = {id_: item for id_ in ids if (item := session.identity_map.get(identity_key(model, id_))) is not None}
    for some in chunks(held):
        query = select(table.c.id, *(table.c[name] for name in columns)).where(table.c.id.in_(some))
        for row in session.execute(query):
            for name in columns:
                set_committed_value(held[row.id], name, row._mapping[name])


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
