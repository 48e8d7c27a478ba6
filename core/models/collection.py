"""Collecting: policies, cases, firings, tasks, promises, disputes, pauses, holds."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.models.base import Key, foreign, json_dict, json_list, minor, one_of, primary


class StoredPolicy(SQLModel, table=True):
    """The text of a policy as applied. The active one is the latest whose `active_from` has come."""

    __tablename__ = "policy"
    id: int | None = primary()
    name: str
    fingerprint: str = Field(index=True, max_length=64)
    toml: str
    applied_by: str = ""
    applied_at: datetime
    active_from: datetime


class CaseState(StrEnum):
    """open: somebody should act. waiting: all of it is promised, disputed, claimed or paused. closed: nothing left."""

    open = "open"
    waiting = "waiting"
    closed = "closed"


class Case(SQLModel, table=True):
    """One customer's overdue business in one currency: the receivables that have a firing and are still open."""

    __tablename__ = "case_file"
    __table_args__ = (
        one_of("state", CaseState),
        Index(
            "uq_case_running",
            "customer_id",
            "currency",
            unique=True,
            sqlite_where=text("state <> 'closed'"),
            postgresql_where=text("state <> 'closed'"),
        ),
    )
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(max_length=3)
    state: str = CaseState.open
    severity: str = "due_soon"
    opened_on: date
    closed_on: date | None = None
    policy_id: int = foreign("policy", index=False)


class FiringOutcome(StrEnum):
    """acted: its message or effect is made. superseded: a later step of the same audience acted instead.
    deferred: waits for a reason that will pass. cancelled: was no longer true when its turn came."""

    acted = "acted"
    superseded = "superseded"
    deferred = "deferred"
    cancelled = "cancelled"


class Firing(SQLModel, table=True):
    """A step was reached: written once, whatever happens around it."""

    __table_args__ = (
        one_of("outcome", FiringOutcome),
        UniqueConstraint("receivable_id", "due_on", "step", "occurrence", "audience"),
        Index(
            "ix_firing_deferred",
            "outcome",
            sqlite_where=text("outcome = 'deferred'"),
            postgresql_where=text("outcome = 'deferred'"),
        ),
    )
    id: int | None = primary()
    receivable_id: int = foreign("receivable", index=False)
    due_on: date
    step: str = Field(max_length=64)
    occurrence: int = 1
    audience: str = Field(max_length=64)
    case_id: int = foreign("case_file")
    customer_id: int = foreign("customer")
    ladder: str
    offset_days: int
    action: str  # task, letter, alert, flag, hold; several joined by "+"
    kind: str
    severity: str
    stage: int | None = None
    fired_on: date = Field(index=True)
    recorded_at: datetime
    outcome: str
    reason: str
    was: str = ""  # the outcome before, once it changed
    changed_at: datetime | None = Field(default=None, index=True)
    to: list[str] = json_list()  # handles, or addresses of contacts
    task_id: int | None = Field(default=None, index=True)
    outbox_id: int | None = Field(default=None)
    facts: dict[str, Any] = json_dict()


class TaskState(StrEnum):
    """open: needs a result. answered: a result was logged. settled: nothing is open any more.
    waiting: says on what. handed_over: somebody else is responsible now."""

    open = "open"
    answered = "answered"
    settled = "settled"
    waiting = "waiting"
    handed_over = "handed_over"


class Task(SQLModel, table=True):
    """One person's to-do about one customer. `kind` collect is the dunning task; the others are finance chores."""

    __table_args__ = (
        one_of("state", TaskState),
        Index(
            "uq_task_open",
            "customer_id",
            "person_id",
            "kind",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_task_person_state", "person_id", "state"),
    )
    id: int | None = primary()
    kind: str = "collect"
    customer_id: int | None = foreign("customer", null=True)
    person_id: int = foreign("person", index=False)
    severity: str = "due_soon"
    message: str = "task.overdue"  # the kind its card is drawn as now
    as_owner: bool = True  # moves with the responsibility; a manager's own task doesn't
    state: str = TaskState.open
    opened_at: datetime
    rev: int = 1
    events: list[dict[str, Any]] = json_list()  # what is drawn on the card beside the steps: broken promise, silence, ...
    answer_days: int | None = None  # working days to answer, once delivered
    answer_by: datetime | None = Field(default=None, index=True)
    reminders: int = 0
    snoozed_until: date | None = None
    snoozes: int = 0
    escalations: int = 0  # levels climbed for this task's silence
    escalated_on: date | None = None
    silent_task_id: int | None = Field(default=None)  # the task whose silence opened this one
    result: dict[str, Any] = json_dict()
    closed_at: datetime | None = None
    closed_by: str = ""
    waiting_on: str = ""


class TaskReceivable(SQLModel, table=True):
    """Which receivables a task is about."""

    __tablename__ = "task_receivable"
    task_id: int = Field(foreign_key="task.id", primary_key=True)
    receivable_id: int = Field(foreign_key="receivable.id", primary_key=True, index=True)


class PromiseState(StrEnum):
    """proposed: beyond the limits, a manager must agree. open: counts. kept, partly_kept, broken: judged after the
    tolerance. replaced: a newer one came in time. rejected: the manager said no."""

    proposed = "proposed"
    open = "open"
    kept = "kept"
    partly_kept = "partly_kept"
    broken = "broken"
    replaced = "replaced"
    rejected = "rejected"


class Promise(SQLModel, table=True):
    __table_args__ = (
        one_of("state", PromiseState),
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(
            "uq_promise_open",
            "customer_id",
            "currency",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(max_length=3)
    amount_minor: int = minor()
    due_on: date
    made_by_id: int | None = foreign("person", null=True, index=False)
    made_at: datetime
    state: str = Field(default=PromiseState.open, index=True)
    note: str = ""
    ends_on: date  # due_on + tolerance: the last date on which money still keeps it
    ended_at: datetime | None = None
    received_minor: int = minor(default=0)
    replacements: int = 0  # how many promises in a row this one replaces
    after_receipt_id: int = 0  # the latest receipt when it was made: only later ones can keep it
    told: list[int] = json_list()  # persons who heard that it was not kept, and must hear a correction
    task_id: int | None = Field(default=None)


class DisputeState(StrEnum):
    """open: being settled. accepted: a credit note was posted. rejected: back to dunning. part: some of each."""

    open = "open"
    accepted = "accepted"
    rejected = "rejected"
    part = "part"
    ended = "ended"


class Dispute(SQLModel, table=True):
    __table_args__ = (one_of("state", DisputeState), CheckConstraint("amount_minor > 0", name="amount"))
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(max_length=3)
    reason: str
    amount_minor: int = minor()
    owner_id: int | None = foreign("person", null=True, index=False)
    made_by_id: int | None = foreign("person", null=True, index=False)
    made_at: datetime
    answer_by: datetime | None = None
    reported_at: datetime | None = None  # when the next person up heard that it is late
    state: str = Field(default=DisputeState.open, index=True)
    accepted_minor: int = minor(default=0)
    ended_at: datetime | None = None
    note: str = ""
    task_id: int | None = Field(default=None)


class Cover(SQLModel, table=True):
    """How much of a receivable a promise, claim or dispute takes out of dunning."""

    __table_args__ = (
        one_of("kind", ("promise", "claim", "dispute")),
        CheckConstraint("amount_minor > 0", name="amount"),
        UniqueConstraint("kind", "subject_id", "receivable_id"),
    )
    id: int | None = primary()
    kind: str
    subject_id: int = Field(sa_type=Key)
    receivable_id: int = foreign("receivable")
    amount_minor: int = minor()
    active: bool = Field(default=True)  # follows the state of its promise, claim or dispute


class PauseState(StrEnum):
    """proposed: longer than a rep may set, a manager must agree. active: counts. ended: by its date or by hand."""

    proposed = "proposed"
    active = "active"
    ended = "ended"
    rejected = "rejected"


class Pause(SQLModel, table=True):
    """No dunning for a customer (or one receivable) up to and including `until`."""

    __table_args__ = (one_of("state", PauseState),)
    id: int | None = primary()
    customer_id: int = foreign("customer")
    receivable_id: int | None = foreign("receivable", null=True)
    reason: str
    from_on: date
    until: date
    state: str = Field(default=PauseState.active, index=True)
    made_by_id: int | None = foreign("person", null=True, index=False)
    made_at: datetime
    ended_at: datetime | None = None


BLOCKING = ("order", "manual", "blacklist")  # kinds of holds that stop new orders


class Hold(SQLModel, table=True):
    """`order` blocks new orders, `high_risk` marks the customer: set by a ladder's step in its currency, ended with it.
    `watch`: its overdue total has passed what the policy watches (`step`: the name of the watch) and has been reported.
    `manual` and `blacklist` block them, too: set by a person for the whole customer (currency ""), through `until`, or
    until somebody else lifts them."""

    __table_args__ = (
        one_of("kind", ("order", "high_risk", "watch", "manual", "blacklist")),
        Index(
            "uq_hold_running",
            "customer_id",
            "currency",
            "kind",
            unique=True,
            sqlite_where=text("ended_on IS NULL"),
            postgresql_where=text("ended_on IS NULL"),
        ),
    )
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(max_length=3)
    kind: str
    case_id: int | None = Field(default=None, index=True)
    step: str = ""
    offset_days: int = 0
    reason: str = ""
    from_on: date
    until: date | None = None  # the last day on which it counts
    made_by_id: int | None = foreign("person", null=True, index=False)
    ended_on: date | None = None
    ended_by: str = ""


class FollowUp(SQLModel, table=True):
    """Bring a customer back to somebody's desk at `due_at`: the rest of a partial promise, "again on", a lost dispute."""

    __tablename__ = "follow_up"
    __table_args__ = (
        Index(
            "ix_follow_up_due",
            "due_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )
    id: int | None = primary()
    customer_id: int = foreign("customer")
    currency: str = Field(default="", max_length=3)  # "" = every currency
    kind: str
    person_id: int | None = foreign("person", null=True, index=False)
    due_at: datetime
    data: dict[str, Any] = json_dict()
    created_at: datetime
    done_at: datetime | None = None
