"""What a rating goes by: how a customer paid in the window of the policy, many customers at once.

A receivable belongs to the window when it was paid in it, or when it is overdue now: then it counts with today. Its
weight is its money: of a paid one what receipts paid (a receivable that credit notes alone settled was not paid), of
an open one what is open. It was paid on the day of its last receipt, whatever was credited later. Paid early is paid
on time (0 days late). What has no due date is never late and doesn't count; what is disputed counts like
the rest, and the open disputes stand beside it.

Money of different currencies has no common weight: amounts, days and counts of receivables are those in the customer's
own currency (`customer.currency`, else the company's). Promises, disputes, risk events, months known and what is overdue
now (`overdue_days`) are of every currency.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Date, Integer, Select, and_, bindparam, cast, func, or_, select
from sqlalchemy import case as sql_case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from core.credit.figures import Reported, newest
from core.ledger.balances import changed_since, open_rows
from core.models import (
    Allocation,
    CreditNote,
    Customer,
    Dispute,
    DisputeState,
    Entry,
    Promise,
    PromiseState,
    Receivable,
    RiskEvent,
)
from core.models.base import table_of
from core.time import local_instant
from core.time import months_before as months_before
from core.work import Work

CHUNK = 500  # customers in one statement

R, C, A, E = (table_of(m) for m in (Receivable, Customer, Allocation, Entry))
_WHOSE = bindparam("customers", expanding=True, literal_execute=True, type_=BigInteger)
_DAY = bindparam("as_of", type_=Date)
_SINCE = bindparam("since", type_=Date)
_MIDDLE = bindparam("middle", type_=Date)
_SPLIT = 1_000_000


class _Days(GenericFunction[int]):
    """Days from the second date to the first."""

    type = Integer()
    name = "days_between"
    inherit_cache = True


@compiles(_Days, "sqlite")
def _days_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    later, earlier = (compiler.process(clause, **more) for clause in element.clauses)
    return f"CAST(julianday({later}) - julianday({earlier}) AS INTEGER)"


@compiles(_Days, "postgresql")
def _days_postgresql(element: Any, compiler: Any, **more: Any) -> str:
    later, earlier = (compiler.process(clause, **more) for clause in element.clauses)
    return f"(CAST({later} AS DATE) - CAST({earlier} AS DATE))"


class Weighed(NamedTuple):
    """Receivables with their days late: how many rows, how much, and Σ amount × days in minor units × days."""

    rows: int = 0
    minor: int = 0
    minor_days: int = 0

    def plus(self, other: "Weighed") -> "Weighed":
        return Weighed(self.rows + other.rows, self.minor + other.minor, self.minor_days + other.minor_days)

    @property
    def days(self) -> Decimal | None:
        """Average days late, weighted by amount, to one decimal. None: there is nothing to weigh."""
        return _tenth(Decimal(self.minor_days) / self.minor) if self.minor else None


NOTHING = Weighed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """How a customer paid in the window, amounts in minor units of `currency`. The window ends on `until`, included."""

    customer_id: int
    currency: str
    since: date  # the day before the window
    until: date
    first_half: Weighed = NOTHING  # paid in the first half of the window
    second_half: Weighed = NOTHING  # paid in the second
    late: Weighed = NOTHING  # of both, what was paid late
    overdue: Weighed = NOTHING  # open and overdue at `until`
    max_late_days: int = 0  # the longest, paid or overdue
    on_time_run: int = 0  # paid on time since the day on which something was last paid late
    invoiced_minor: int = 0  # issued in the window
    broken_promises: int = 0  # due in the window
    promises_kept: int = 0  # in full
    promises_judged: int = 0  # kept, kept in part, or broken
    open_disputes: int = 0
    disputes: int = 0  # raised in the window, settled or not
    returned_minor: int = 0  # credit notes of the window
    risk_points: int = 0  # risk events of the window: a warning is 1, a major one 3
    months_known: int = 0  # whole months since the first receivable
    overdue_days: int = 0  # of the oldest overdue now
    open_minor: int = 0  # at `until`, overdue or not
    limit_minor: int | None = None  # the customer's own
    figures: Mapping[str, Reported] = field(default_factory=dict)  # imported, by name

    @property
    def paid(self) -> Weighed:
        return self.first_half.plus(self.second_half)

    @property
    def weighed(self) -> Weighed:
        """All that the average days late is of."""
        return self.paid.plus(self.overdue)

    @property
    def average_days_late(self) -> Decimal | None:
        return self.weighed.days

    @property
    def late_share(self) -> Decimal | None:
        """The part of what was paid that was paid late, by amount: 0 to 1. None: nothing was paid."""
        paid = self.paid.minor
        return (Decimal(self.late.minor) / paid).quantize(Decimal("0.0001")) if paid else None

    @property
    def times_overdue(self) -> int:
        return self.late.rows + self.overdue.rows

    @property
    def trend_days(self) -> Decimal | None:
        """Average days late in the second half less those in the first: above 0 pays later. None: a half has nothing.

        What is overdue now belongs to the second half: who stopped paying must not look better for it.
        """
        before, after = self.first_half.days, self.second_half.plus(self.overdue).days
        return None if before is None or after is None else after - before

    def as_json(self) -> dict[str, Any]:
        """What a rating's version keeps of it. Amounts as [minor units, currency], averages as text."""

        def text(value: Decimal | None) -> str | None:
            return None if value is None else str(value)

        paid = self.paid
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "average_days_late": text(self.average_days_late),
            "average_days_late_paid": text(paid.days),
            "late_share": text(self.late_share),
            "max_late_days": self.max_late_days,
            "paid": paid.rows,
            "paid_amount": [paid.minor, self.currency],
            "times_overdue": self.times_overdue,
            "overdue": self.overdue.rows,
            "overdue_amount": [self.overdue.minor, self.currency],
            "overdue_days": self.overdue_days,
            "broken_promises": self.broken_promises,
            "promises_kept": self.promises_kept,
            "promises_judged": self.promises_judged,
            "open_disputes": self.open_disputes,
            "disputes": self.disputes,
            "returned": [self.returned_minor, self.currency],
            "risk_points": self.risk_points,
            "open_amount": [self.open_minor, self.currency],
            "limit": None if self.limit_minor is None else [self.limit_minor, self.currency],
            "volume": [self.invoiced_minor, self.currency],
            "trend_days": text(self.trend_days),
            "months_known": self.months_known,
            "on_time_run": self.on_time_run,
        }


class Item(NamedTuple):
    """A receivable behind the figures, `amount_minor` as it is weighed. `weighed` is false in another currency."""

    receivable_id: int
    number: str
    currency: str
    issued_on: date
    due_on: date
    paid_on: date | None  # None: open
    days_late: int
    amount_minor: int
    weighed: bool


def inputs(
    work: Work, customer_ids: Collection[int], window_months: int = 12, imported: Collection[str] = ()
) -> dict[int, Inputs]:
    """Of every customer that there is, as of `work.today`: a fixed number of statements for every CHUNK customers.
    `imported`: names of figures that are asked for."""
    found: dict[int, Inputs] = {}
    changed = changed_since(work.session, work.today)
    for some in chunks(customer_ids):
        found |= _inputs(work, some, window_months, changed, imported)
    return found


def items(work: Work, of: Inputs) -> list[Item]:
    """The receivables that these inputs were made of: what is overdue first, the longest late first."""
    asked = {"customers": [of.customer_id], "as_of": of.until, "since": of.since}
    own = of.currency
    made = [
        Item(r.id, r.number, r.currency, r.issued_on, r.due_on, r.paid_on, r.days, r.minor, r.currency == own)
        for query in (_paid_rows(), _overdue_rows(changed_since(work.session, of.until)))
        for r in work.session.execute(query, asked)
    ]
    return sorted(made, key=lambda i: (not i.weighed, i.paid_on is not None, -i.days_late, i.due_on, i.receivable_id))


def months_between(first: date, last: date) -> int:
    """Whole months from `first` to `last`; 0 if it lies after."""
    months = (last.year - first.year) * 12 + last.month - first.month
    return max(0, months - (months_before(last, months) < first))


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _inputs(
    work: Work, some: list[int], window_months: int, changed: bool, imported: Collection[str]
) -> dict[int, Inputs]:
    session, until = work.session, work.today
    since = months_before(until, window_months)
    midnight = local_instant(since + timedelta(days=1), time(0), work.company.calendar.zone)
    asked = {
        "customers": some, "as_of": until, "since": since, "middle": since + (until - since) // 2, "since_at": midnight,
    }  # fmt: skip
    own: dict[int, str] = {}
    facts: dict[int, dict[str, Any]] = {}
    for id_, currency, limit_minor in session.execute(_OWN, asked).all():
        own[id_] = currency or work.company.currency
        facts[id_] = {"max_late_days": 0, "overdue_days": 0, "limit_minor": limit_minor}
    for id_, currency, count, minor, high, low, firsts, first_minor, first_high, first_low, *rest in session.execute(
        _paid(), asked
    ).all():
        if currency == own[id_]:
            product, first_product = high * _SPLIT + low, first_high * _SPLIT + first_low
            late, late_minor, longest, run = rest
            facts[id_] |= {
                "first_half": Weighed(firsts, first_minor, first_product),
                "second_half": Weighed(count - firsts, minor - first_minor, product - first_product),
                "late": Weighed(late, late_minor, product), "max_late_days": longest, "on_time_run": run,
            }  # fmt: skip
    for id_, currency, count, minor, high, low, longest, open_minor in session.execute(_open(changed), asked).all():
        here = facts[id_]
        here["overdue_days"] = max(here["overdue_days"], longest)
        if currency == own[id_]:
            here["open_minor"] = open_minor
            here["overdue"] = Weighed(count, minor, high * _SPLIT + low)
            here["max_late_days"] = max(here["max_late_days"], longest)
    known: dict[int, date] = {}
    for id_, currency, first_on, invoiced in session.execute(_ISSUED, asked).all():
        known[id_] = min(first_on, known.get(id_, first_on))
        facts[id_]["months_known"] = months_between(known[id_], until)
        if currency == own[id_]:
            facts[id_]["invoiced_minor"] = invoiced
    for id_, currency, returned in session.execute(_RETURNED, asked).all():
        if currency == own[id_]:
            facts[id_]["returned_minor"] = returned
    for names, query in _COUNTED:
        for id_, *counts in session.execute(query, asked).all():
            facts[id_].update(zip(names, counts, strict=True))
    for id_, figures in newest(work, facts, imported).items():
        facts[id_]["figures"] = figures
    return {
        id_: Inputs(customer_id=id_, currency=own[id_], since=since, until=until, **fact) for id_, fact in facts.items()
    }


# --- statements -----------------------------------------------------------------------------------
# Built once: that costs as much as running one for a single customer.


def _sum(value: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(cast(func.sum(value), BigInteger), 0)


def _if(condition: ColumnElement[bool], value: Any) -> ColumnElement[Any]:
    return sql_case((condition, value), else_=0)


def _product(name: str, minor: ColumnElement[int], days: ColumnElement[int]) -> Iterator[ColumnElement[int]]:
    """Σ minor × days in two parts: in one, some hundred of the largest amounts end SQLite's 64 bits, and the statement."""
    yield _sum(minor // _SPLIT * days).label(f"{name}_high")
    yield _sum(minor % _SPLIT * days).label(f"{name}_low")


@cache
def _paid_rows() -> Select[Any]:
    """A row for each receivable that was paid in the window: its money, the day of the last of it, and days late."""
    paid = (
        select(R.c.id, cast(func.sum(A.c.amount_minor), BigInteger).label("minor"), func.max(A.c.effective_on).label("on"))
        .join_from(R, A, A.c.receivable_id == R.c.id)
        .where(
            R.c.customer_id.in_(_WHOSE),
            R.c.due_on.is_not(None),
            R.c.settled_on > _SINCE,
            R.c.settled_on <= _DAY,
            A.c.receipt_id.is_not(None),
            A.c.undone_on.is_(None),
        )
        .group_by(R.c.id)
        .subquery("paid")
    )
    days = sql_case((paid.c.on > R.c.due_on, _Days(paid.c.on, R.c.due_on)), else_=0)
    return (
        select(
            R.c.id, R.c.number, R.c.customer_id, R.c.currency, R.c.issued_on, R.c.due_on, paid.c.minor,
            paid.c.on.label("paid_on"), days.label("days"),
        )
        .join_from(paid, R, R.c.id == paid.c.id)
        .where(paid.c.on > _SINCE)
    )  # fmt: skip


@cache
def _paid() -> Select[Any]:
    row = _paid_rows().subquery("row").c
    keys = row.customer_id, row.currency
    late_on = func.max(sql_case((row.days > 0, row.paid_on))).over(partition_by=keys)
    p = select(*keys, row.minor, row.paid_on, row.days, late_on.label("late_on")).subquery("p").c
    first = p.paid_on <= _MIDDLE
    return select(
        p.customer_id,
        p.currency,
        func.count().label("paid"),
        _sum(p.minor).label("minor"),
        *_product("all", p.minor, p.days),
        _sum(_if(first, 1)).label("first"),
        _sum(_if(first, p.minor)).label("first_minor"),
        *_product("first", p.minor, _if(first, p.days)),
        _sum(_if(p.days > 0, 1)).label("late"),
        _sum(_if(p.days > 0, p.minor)).label("late_minor"),
        func.max(p.days).label("longest"),
        _sum(_if(or_(p.late_on.is_(None), p.paid_on > p.late_on), 1)).label("run"),
    ).group_by(p.customer_id, p.currency)


@cache
def _open_rows(changed: bool) -> Select[Any]:
    """A row for each receivable that is open on the day; without a due date it has no days."""
    query, left = open_rows(_DAY, changed, E.c.customer_id.in_(_WHOSE))
    days = _Days(_DAY, R.c.due_on)
    return query.add_columns(
        R.c.id, R.c.number, R.c.customer_id, R.c.currency, R.c.issued_on, R.c.due_on, cast(left, BigInteger).label("minor"),
        cast(None, Date).label("paid_on"), days.label("days"),
    ).where(R.c.customer_id.in_(_WHOSE), R.c.issued_on <= _DAY)  # fmt: skip


def _overdue_rows(changed: bool) -> Select[Any]:
    """Of these what was due before the day."""
    return _open_rows(changed).where(R.c.due_on < _DAY)


@cache
def _open(changed: bool) -> Select[Any]:
    """What is overdue, and all that is open."""
    row = _open_rows(changed).subquery("row").c
    late = row.days > 0
    return select(
        row.customer_id,
        row.currency,
        _sum(_if(late, 1)).label("late"),
        _sum(_if(late, row.minor)).label("minor"),
        *_product("all", row.minor, _if(late, row.days)),
        func.max(_if(late, row.days)).label("longest"),
        _sum(row.minor).label("open"),
    ).group_by(row.customer_id, row.currency)


_OWN = select(C.c.id, C.c.currency, C.c.credit_limit_minor).where(C.c.id.in_(_WHOSE))
_ISSUED = (
    select(R.c.customer_id, R.c.currency, func.min(R.c.issued_on), _sum(_if(R.c.issued_on > _SINCE, R.c.amount_minor)))
    .where(R.c.customer_id.in_(_WHOSE), R.c.issued_on <= _DAY)
    .group_by(R.c.customer_id, R.c.currency)
)


N, P, D, K = (table_of(m) for m in (CreditNote, Promise, Dispute, RiskEvent))
JUDGED = (PromiseState.kept, PromiseState.partly_kept, PromiseState.broken)
RISK = {"warning": 1, "major": 3}  # points of a risk event by its severity
_SINCE_AT = bindparam("since_at", type_=D.c.made_at.type)

# Which rows count, also for core.credit.behind.
RETURNED = and_(N.c.issued_on > _SINCE, N.c.issued_on <= _DAY, or_(N.c.cancelled_on.is_(None), N.c.cancelled_on > _DAY))
PROMISED = and_(P.c.state.in_(JUDGED), P.c.due_on > _SINCE, P.c.due_on <= _DAY)
DISPUTED = or_(D.c.state == DisputeState.open, D.c.made_at >= _SINCE_AT)
REPORTED = and_(K.c.severity.in_(RISK), K.c.happened_on > _SINCE, K.c.happened_on <= _DAY)

_RETURNED = (
    select(N.c.customer_id, N.c.currency, _sum(N.c.amount_minor))
    .where(N.c.customer_id.in_(_WHOSE), RETURNED)
    .group_by(N.c.customer_id, N.c.currency)
)


def _counts(whose: ColumnElement[int], counted: ColumnElement[bool], *counts: ColumnElement[Any]) -> Any:
    return select(whose, *(_sum(count) for count in counts)).where(whose.in_(_WHOSE), counted).group_by(whose)


_ONE = cast(1, Integer)
_COUNTED = (
    (
        ("broken_promises", "promises_kept", "promises_judged"),
        _counts(
            P.c.customer_id, PROMISED, _if(P.c.state == PromiseState.broken, 1), _if(P.c.state == PromiseState.kept, 1), _ONE
        ),
    ),
    (
        ("open_disputes", "disputes"),
        _counts(D.c.customer_id, DISPUTED, _if(D.c.state == DisputeState.open, 1), _if(D.c.made_at >= _SINCE_AT, 1)),
    ),
    (("risk_points",), _counts(K.c.customer_id, REPORTED, sql_case(RISK, value=K.c.severity, else_=0))),
)


def _tenth(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), ROUND_HALF_UP)
