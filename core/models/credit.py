"""Orders as far as credit goes, what waits for a decision about them, and what adds to a limit for a while."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.models.base import Key, foreign, json_dict, json_list, minor, one_of, primary


class OrderState(StrEnum):
    """held: waits for a decision, for money, or for the end of a hold; it doesn't use up the limit.
    released: may be fulfilled; what of it is not invoiced yet uses up the limit.
    refused: a rule says no. rejected: an approver said no. cancelled: the order system took it back.
    closed: nothing more of it will be delivered or invoiced."""

    held = "held"
    released = "released"
    refused = "refused"
    rejected = "rejected"
    cancelled = "cancelled"
    closed = "closed"


class Order(SQLModel, table=True):
    """An order that credit was asked for. What of it is invoiced say the receivables that name it. `fingerprint` tells the
    same order sent twice from another one with its number."""

    __tablename__ = "sales_order"
    __table_args__ = (
        UniqueConstraint("source", "number"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("prepaid_minor >= 0 AND prepaid_minor <= amount_minor", name="prepaid"),
        one_of("state", OrderState),
        Index(
            "ix_sales_order_uses",
            "customer_id",
            "currency",
            sqlite_where=text("state = 'released'"),
            postgresql_where=text("state = 'released'"),
        ),
        Index(
            "ix_sales_order_held",
            "customer_id",
            sqlite_where=text("state = 'held'"),
            postgresql_where=text("state = 'held'"),
        ),
        Index("ix_sales_order_recheck", "customer_id", sqlite_where=text("recheck"), postgresql_where=text("recheck")),
    )
    id: int | None = primary()
    source: str = Field(default="", max_length=64)
    number: str = Field(max_length=100, index=True)
    customer_id: int = foreign("customer")
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    prepaid_minor: int = minor(default=0)
    terms: str = ""
    terms_days: int | None = None
    lines: list[dict[str, Any]] = json_list()
    note: str = ""  # the rep's words
    extra: dict[str, Any] = json_dict()  # what else the order system tells; kept, and not looked at
    asked_by_id: int | None = foreign("person", null=True, index=False)  # whose order it is
    entered_by: str = ""
    fingerprint: str = Field(max_length=64)
    state: str
    reasons: list[dict[str, Any]] = json_list()  # of the latest verdict: code and facts
    facts: dict[str, Any] = json_dict()  # what the latest verdict went by
    conditions: dict[str, Any] = json_dict()  # of its approval
    recheck: bool = False  # something behind its verdict has changed
    placed_at: datetime  # when it came to us
    ordered_on: date | None = None  # the day that the order system gives it
    decided_at: datetime | None = None
    ended_at: datetime | None = None


class RequestState(StrEnum):
    """pending: somebody on its rung must decide. approved: every rung said yes. rejected: somebody said no.
    expired: nobody decided in time. withdrawn: taken back. obsolete: no longer needed, or no longer possible."""

    pending = "pending"
    approved = "approved"
    rejected = "rejected"
    expired = "expired"
    withdrawn = "withdrawn"
    obsolete = "obsolete"


class CreditRequest(SQLModel, table=True):
    """A question to those who may say yes to an order. `rev` grows when things get worse than what their cards show."""

    __tablename__ = "credit_request"
    __table_args__ = (
        one_of("state", RequestState),
        Index(
            "uq_credit_request_pending",
            "order_id",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_credit_request_expires",
            "expires_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )
    id: int | None = primary()
    order_id: int = foreign("sales_order")
    customer_id: int = foreign("customer")
    asked_by_id: int | None = foreign("person", null=True, index=False)
    state: str = RequestState.pending
    rev: int = 1
    facts: dict[str, Any] = json_dict()  # what its cards show
    route: str = ""
    rungs: list[dict[str, Any]] = json_list()  # {people, need}, as they were resolved
    rung: int = 0
    opened_at: datetime
    expires_at: datetime
    remind_at: datetime | None = None
    reminders: int = 0
    decided_at: datetime | None = None
    decided_by_id: int | None = foreign("person", null=True, index=False)
    conditions: dict[str, Any] = json_dict()
    reason: str = ""


class CreditVote(SQLModel, table=True):
    """One approver's word on one rung. The primary key lets nobody say it twice."""

    __tablename__ = "credit_vote"
    request_id: int = Field(foreign_key="credit_request.id", primary_key=True, sa_type=Key)
    request_rev: int = Field(primary_key=True)
    rung: int = Field(primary_key=True)
    person_id: int = Field(foreign_key="person.id", primary_key=True, sa_type=Key)
    approve: bool
    conditions: dict[str, Any] = json_dict()
    reason: str = ""
    at: datetime


class CreditLine(SQLModel, table=True):
    """What is added to a customer's limit for a while. One of a kind at a time for each currency; a newer one ends it.
    What approvals add comes on top: with `request_id`, and an `ended_on` after `until` from the beginning.

    temporary: granted by somebody. insured: what `insurer` answers for, should the customer not pay.
    """

    __tablename__ = "credit_line"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        one_of("kind", ("temporary", "insured")),
        Index(
            "uq_credit_line_running",
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
    kind: str = "temporary"
    insurer: str = ""
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    from_on: date
    until: date
    reason: str = ""
    made_by_id: int | None = foreign("person", null=True, index=False)
    request_id: int | None = foreign("credit_request", null=True, index=False)
    ended_on: date | None = None


class GroupLimit(SQLModel, table=True):
    """What the customers of one group may use up together (`customer.group_name`), on top of each one's own limit."""

    __tablename__ = "group_limit"
    __table_args__ = (
        CheckConstraint("amount_minor >= 0", name="amount"),
        Index(
            "uq_group_limit_running",
            "group_name",
            unique=True,
            sqlite_where=text("ended_on IS NULL"),
            postgresql_where=text("ended_on IS NULL"),
        ),
    )
    id: int | None = primary()
    group_name: str = Field(max_length=400)
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    reason: str = ""
    made_by_id: int | None = foreign("person", null=True, index=False)
    from_on: date
    ended_on: date | None = None


class LimitProposal(SQLModel, table=True):
    """A limit that the figures speak for: nothing changes until one of `people` agrees. `facts` are what its card shows."""

    __tablename__ = "limit_proposal"
    __table_args__ = (
        one_of("kind", ("raise", "shrink")),
        one_of("state", ("pending", "approved", "rejected", "expired", "obsolete")),
        Index(
            "uq_limit_proposal_pending",
            "customer_id",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )
    id: int | None = primary()
    customer_id: int = foreign("customer")
    kind: str
    before_minor: int = minor()
    after_minor: int = minor()
    currency: str = Field(max_length=3)
    facts: dict[str, Any] = json_dict()
    people: list[int] = json_list()
    state: str = "pending"
    opened_at: datetime
    expires_on: date
    decided_at: datetime | None = None
    decided_by_id: int | None = foreign("person", null=True, index=False)
    reason: str = ""


class Shipment(SQLModel, table=True):
    """Goods that left for a customer. Until receivables that name the order take it over, it is exposure; once signed for,
    it waits to be invoiced."""

    __table_args__ = (
        UniqueConstraint("source", "number"),
        CheckConstraint("amount_minor >= 0", name="amount"),
        Index("ix_shipment_order", "customer_id", "order_no"),
    )
    id: int | None = primary()
    source: str = Field(default="", max_length=64)
    number: str = Field(max_length=100)
    customer_id: int = foreign("customer", index=False)
    order_no: str = Field(default="", max_length=100)
    amount_minor: int = minor()
    currency: str = Field(max_length=3)
    shipped_on: date
    signed_on: date | None = None


class RiskEvent(SQLModel, table=True):
    """What somebody outside reports of a customer: never computed, never invented; `source` and `happened_on` say whence."""

    __tablename__ = "risk_event"
    __table_args__ = (
        UniqueConstraint("source", "key"),
        one_of("kind", ("registration", "lawsuit", "dishonest", "blacklist", "other")),
        one_of("severity", ("info", "warning", "major")),
    )
    id: int | None = primary()
    source: str = Field(max_length=64)
    key: str = Field(max_length=200)  # its number at the source
    customer_id: int = foreign("customer")
    kind: str
    severity: str
    happened_on: date
    text: str = ""
    url: str = ""
    recorded_at: datetime


class CustomerFigure(SQLModel, table=True):
    """A figure of a customer that somebody outside knows: its capital, a ratio of its accounts, its rank. Imported, never
    computed; `source` and `as_of` say whence. Of several the newest counts, by `as_of`."""

    __tablename__ = "customer_figure"
    __table_args__ = (UniqueConstraint("customer_id", "name", "as_of", "source"),)
    id: int | None = primary()
    customer_id: int = foreign("customer", index=False)
    name: str = Field(max_length=40)  # as a policy weighs it
    value_millionths: int = minor()
    source: str = Field(max_length=64)
    as_of: date
    recorded_at: datetime


class Rating(SQLModel, table=True):
    """A customer's rating, computed, set by hand or imported: the newest that is in force counts. `inputs` explain it."""

    __table_args__ = (UniqueConstraint("customer_id", "version"), one_of("source", ("computed", "override", "import")))
    id: int | None = primary()
    customer_id: int = foreign("customer")
    version: int
    value: str = Field(max_length=8)  # A to D, or new
    source: str
    inputs: dict[str, Any] = json_dict()
    reason: str = ""
    made_by_id: int | None = foreign("person", null=True, index=False)
    from_on: date
    until: date | None = None
    at: datetime
