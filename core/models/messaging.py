"""What must be said, what was said, what came back; and the record of who did what."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.models.base import Key, foreign, json_dict, json_list, one_of, primary


class OutboxState(StrEnum):
    """pending: to be sent from `not_before` on. sending: claimed until `lease_until`. retry: failed for now.
    sent: the messenger has it. unsure: may or may not have arrived. dead: refused for good. cancelled: no longer true."""

    pending = "pending"
    sending = "sending"
    retry = "retry"
    sent = "sent"
    unsure = "unsure"
    dead = "dead"
    cancelled = "cancelled"


class OutboxMessage(SQLModel, table=True):
    """Something to say, written with the change that caused it. The View is loaded at send time, from `subject`."""

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("state", OutboxState),
        one_of("op", ("send", "update")),
        Index(
            "ix_outbox_due",
            "not_before",
            sqlite_where=text("state IN ('pending', 'retry', 'sending')"),
            postgresql_where=text("state IN ('pending', 'retry', 'sending')"),
        ),
        Index("ix_outbox_subject", "subject", "subject_id"),
        Index("ix_outbox_customer_state", "customer_id", "state"),
    )
    id: int | None = primary()
    key: str = Field(unique=True, max_length=200)
    kind: str
    op: str = "send"
    subject: str
    subject_id: int = Field(sa_type=Key)
    customer_id: int | None = foreign("customer", null=True, index=False)
    person_id: int | None = foreign("person", null=True, index=False)
    address: str = ""  # of a letter: the contact's mail address
    delivery_id: int | None = Field(default=None, index=True)  # of an update: the delivery to change
    task_id: int | None = Field(default=None, index=True)  # whose answer-by the delivery sets
    data: dict[str, Any] = json_dict()
    not_before: datetime
    windowed: bool = False  # waits for the reader's work window, and may join the morning digest
    state: str = OutboxState.pending
    attempts: int = 0
    lease_until: datetime | None = None
    payload: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    touched: bool = False  # what it says may have changed since it was drawn
    messenger: str = ""
    reason: str = ""
    created_at: datetime
    done_at: datetime | None = None


class Delivery(SQLModel, table=True):
    """A message on somebody's screen (or in a customer's mailbox). `rev` grows with each change of it."""

    __table_args__ = (
        one_of("state", ("open", "closed")),
        Index("ix_delivery_subject", "subject", "subject_id"),
        Index("ix_delivery_customer_state", "customer_id", "state"),
        Index("ix_delivery_person_at", "person_id", "at"),
        Index("ix_delivery_ref", "messenger", "ref"),
    )
    id: int | None = primary()
    outbox_id: int | None = foreign("outbox", null=True)
    messenger: str = Field(max_length=32)
    address: str  # the account's user id, or a mail address
    ref: str = ""  # what the messenger calls it
    person_id: int | None = foreign("person", null=True, index=False)
    customer_id: int | None = foreign("customer", null=True, index=False)
    kind: str
    subject: str
    subject_id: int = Field(sa_type=Key)
    rev: int = 1
    at: datetime
    on_date: date  # the business date of `at`
    updated_at: datetime
    state: str = "open"
    card: dict[str, Any] = json_dict()


class LetterState(StrEnum):
    """queued: in the outbox. sent. unsure: perhaps not sent. cancelled."""

    queued = "queued"
    sent = "sent"
    unsure = "unsure"
    cancelled = "cancelled"


class Letter(SQLModel, table=True):
    """A dunning letter to one contact, for one customer and currency. `stage` 3 is a file for a human to send."""

    __table_args__ = (one_of("state", LetterState),)
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(max_length=3)
    stage: int
    to: str = ""
    cc: list[str] = json_list()
    state: str = LetterState.queued
    created_at: datetime
    sent_on: date | None = Field(default=None, index=True)
    receivables: list[str] = json_list()  # the numbers it listed when it was sent
    subject: str = ""
    text: str = ""


class LocalMessage(SQLModel, table=True):
    """The local messenger's own memory: what stands in a chat or mailbox. `key` makes a second send visible once."""

    __tablename__ = "local_message"
    __table_args__ = (UniqueConstraint("key"), Index("ix_local_message_chat", "channel", "address", "id"))
    id: int | None = primary()
    channel: str = "local"  # local, or mail
    address: str
    direction: str = "out"  # out: the bot speaks; in: the person does
    key: str = Field(max_length=200)
    payload: dict[str, Any] = json_dict()
    at: datetime
    updated_at: datetime
    version: int = Field(default=1, index=True)


class AdapterState(SQLModel, table=True):
    """What an adapter must remember between processes: response codes of WeCom, DingTalk's calls this month."""

    __tablename__ = "adapter_state"
    messenger: str = Field(primary_key=True, max_length=32)
    key: str = Field(primary_key=True, max_length=200)
    value: dict[str, Any] = json_dict()
    at: datetime = Field(index=True)


class InboundEvent(SQLModel, table=True):
    """Each event of a messenger is handled once; a redelivery gets the first answer."""

    __tablename__ = "inbound_event"
    __table_args__ = (UniqueConstraint("messenger", "event_id"),)
    id: int | None = primary()
    messenger: str
    event_id: str = Field(max_length=200)
    at: datetime
    answer: dict[str, Any] = json_dict()


class Audit(SQLModel, table=True):
    """Who did what, when, through which channel, on which facts. Also the contact history of a customer."""

    __table_args__ = (Index("ix_audit_customer_at", "customer_id", "at"),)
    id: int | None = primary()
    at: datetime
    actor: str
    person_id: int | None = foreign("person", null=True, index=False)
    channel: str = ""
    action: str = Field(index=True)
    subject: str = ""
    subject_id: int | None = Field(default=None, sa_type=Key)
    customer_id: int | None = foreign("customer", null=True, index=False)
    data: dict[str, Any] = json_dict()


class JobSlot(SQLModel, table=True):
    """A job for one slot of time, done by whoever claims it first; claimable again when the lease runs out."""

    __tablename__ = "job_slot"
    job: str = Field(primary_key=True, max_length=64)
    slot: str = Field(primary_key=True, max_length=64)
    claimed_at: datetime
    lease_until: datetime
    done_at: datetime | None = None
    data: dict[str, Any] = json_dict()


class ImportRun(SQLModel, table=True):
    """One import of one file. `known_to`: receipts of `source` are complete up to this date."""

    __tablename__ = "import_run"
    id: int | None = primary()
    kind: str = Field(index=True)
    source: str = ""
    at: datetime
    known_to: date | None = None
    report: dict[str, Any] = json_dict()
