"""What is owed and what came in: receivables, credit notes, receipts, claims."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.models.base import foreign, json_list, minor, one_of, primary


class Receivable(SQLModel, table=True):
    """One invoice or debit note. `open_minor` and `settled_on` are caches of the journal, proved by `ledger check`.

    `next_step_on` is the first date on which the dunning engine must look at it again (None: never), derived from
    due date, ladder and firings. It only finds candidates; no decision relies on it.
    """

    __table_args__ = (
        UniqueConstraint("source", "number"),
        CheckConstraint("amount_minor >= 0", name="amount"),
        CheckConstraint("open_minor >= 0", name="open"),
        one_of("kind", ("invoice", "debit_note")),
        one_of("start", ("today", "first")),
        # The aging report reads this index and nothing else: grouped by customer, in order, only what is open.
        Index(
            "ix_receivable_aging",
            "customer_id",
            "currency",
            "due_on",
            "open_minor",
            "issued_on",
            sqlite_where=text("open_minor <> 0"),
            postgresql_where=text("open_minor <> 0"),
        ),
        Index(
            "ix_receivable_next_step",
            "next_step_on",
            sqlite_where=text("next_step_on IS NOT NULL"),
            postgresql_where=text("next_step_on IS NOT NULL"),
        ),
    )
    id: int | None = primary()
    number: str = Field(max_length=100, index=True)
    source: str = Field(default="", max_length=64)
    customer_id: int = foreign("customer")
    kind: str = "invoice"
    issued_on: date
    due_on: date | None = None
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    open_minor: int = minor(default=0)
    settled_on: date | None = None
    order_no: str = Field(default="", index=True)
    contract_no: str = Field(default="", index=True)
    product: str = ""
    region: str = ""
    owner_id: int | None = foreign("person", null=True)
    terms: str = ""
    event: str = ""  # what the due date waits for: shipment, acceptance, ...
    event_on: date | None = None
    tags: list[str] = json_list()
    edited: list[str] = json_list()
    case_id: int | None = Field(default=None, index=True, foreign_key="case_file.id")
    ladder: str = ""  # chosen at the first firing, kept until its case closes
    start: str = "today"  # how an old debt begins: at today's step, or at the first
    age_shift_days: int = 0  # with start = "first": what the ladder subtracts from the true age
    next_step_on: date | None = None


class CreditNote(SQLModel, table=True):
    """A reduction granted. `open_minor` is what no receivable has taken yet, and reduces what is chased."""

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("source", "number"),
        CheckConstraint("amount_minor > 0 AND open_minor >= 0 AND open_minor <= amount_minor", name="amounts"),
        Index(
            "ix_credit_note_unapplied",
            "customer_id",
            "currency",
            "open_minor",
            sqlite_where=text("open_minor <> 0"),
            postgresql_where=text("open_minor <> 0"),
        ),
    )
    id: int | None = primary()
    number: str = Field(max_length=100)
    source: str = Field(default="", max_length=64)
    customer_id: int = foreign("customer")
    issued_on: date
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    open_minor: int = minor()
    reason: str = ""
    cancelled_on: date | None = None


class Receipt(SQLModel, table=True):
    """Money that arrived. `open_minor` is what is not allocated yet (unapplied cash)."""

    __table_args__ = (
        UniqueConstraint("source", "number"),
        CheckConstraint("amount_minor > 0 AND open_minor >= 0 AND open_minor <= amount_minor", name="amounts"),
        Index("ix_receipt_customer_received", "customer_id", "received_on"),
        Index(
            "ix_receipt_unapplied",
            "customer_id",
            "currency",
            "open_minor",
            sqlite_where=text("open_minor <> 0"),
            postgresql_where=text("open_minor <> 0"),
        ),
    )
    id: int | None = primary()
    number: str = Field(max_length=200)
    source: str = Field(default="", max_length=64)
    customer_id: int = foreign("customer", index=False)
    received_on: date
    recorded_at: datetime
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    open_minor: int = minor()
    payer: str = ""
    reference: str = ""
    claim_id: int | None = Field(default=None, foreign_key="claim.id")
    history: bool = False  # came in as history (settled_on): tells nobody, keeps no promise
    reversed_on: date | None = None


class ClaimState(StrEnum):
    """pending: said paid, out of dunning. confirmed: finance saw the money, or the receipt came.
    void: finance says no. expired: nobody confirmed in time."""

    pending = "pending"
    confirmed = "confirmed"
    void = "void"
    expired = "expired"


class Claim(SQLModel, table=True):
    """"The customer says it is paid": a pending entry, out of dunning until `expires_on` has passed."""

    __table_args__ = (one_of("state", ClaimState), CheckConstraint("amount_minor > 0", name="amount"))
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(max_length=3)
    amount_minor: int = minor()
    paid_on: date
    made_by_id: int | None = foreign("person", null=True, index=False)
    made_at: datetime
    expires_on: date = Field(index=True)  # the last business date on which it still holds
    state: str = Field(default=ClaimState.pending, index=True)
    ended_at: datetime | None = None
    receipt_id: int | None = Field(default=None)
    task_id: int | None = Field(default=None)
