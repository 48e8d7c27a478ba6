"""The journal: append-only entries, and the allocations that say which money paid which receivable."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from core.models.base import foreign, minor, one_of, primary


class EntryKind(StrEnum):
    """The sign is of the customer's balance: + they owe more.

    On a receivable: issue (+), adjustment (±), allocation (−; + when undone).
    On the customer's unapplied credit (receivable_id is None): receipt (−), credit_note (−), reversal (+),
    and allocation (+; − when undone), so every allocation is two entries that cancel out in the balance.
    """

    issue = "issue"
    adjustment = "adjustment"
    allocation = "allocation"
    receipt = "receipt"
    credit_note = "credit_note"
    reversal = "reversal"


class Entry(SQLModel, table=True):
    """Never updated, never deleted; corrections are new entries. True from `effective_on`, known at `recorded_at`."""

    __table_args__ = (
        one_of("kind", EntryKind),
        CheckConstraint("amount_minor <> 0", name="amount"),
        Index("ix_entry_receivable_effective", "receivable_id", "effective_on"),
        Index("ix_entry_customer_effective", "customer_id", "currency", "effective_on"),
        Index("ix_entry_effective", "effective_on"),
        Index(
            "ix_entry_allocation",
            "allocation_id",
            sqlite_where=text("allocation_id IS NOT NULL"),
            postgresql_where=text("allocation_id IS NOT NULL"),
        ),
    )
    id: int | None = primary()
    customer_id: int = foreign("customer", index=False)
    currency: str = Field(max_length=3)
    receivable_id: int | None = foreign("receivable", null=True, index=False)
    kind: str
    amount_minor: int = minor()
    effective_on: date
    recorded_at: datetime
    receipt_id: int | None = foreign("receipt", null=True)
    credit_note_id: int | None = foreign("credit_note", null=True)
    allocation_id: int | None = Field(default=None)
    actor: str = ""
    reason: str = ""


class Allocation(SQLModel, table=True):
    """A receipt's or credit note's money on one receivable. Undoing one sets `undone_on` and posts the opposite."""

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(receipt_id IS NULL) <> (credit_note_id IS NULL)", name="one_credit"),
    )
    id: int | None = primary()
    receipt_id: int | None = foreign("receipt", null=True)
    credit_note_id: int | None = foreign("credit_note", null=True)
    receivable_id: int = foreign("receivable")
    amount_minor: int = minor()
    effective_on: date
    recorded_at: datetime
    undone_on: date | None = None
    undone_at: datetime | None = None
