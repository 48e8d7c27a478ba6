"""What is open, unapplied and owed as of a day. Currencies are never summed: every figure has one."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlmodel import Session, SQLModel

from core.permissions import Scope, sees_whole_customer

_TABLES = SQLModel.metadata.tables
_RECEIVABLE, _RECEIPT, _CREDIT_NOTE = _TABLES["receivable"], _TABLES["receipt"], _TABLES["credit_note"]
_ENTRY, _CUSTOMER = _TABLES["entry"], _TABLES["customer"]
_CHUNK = 1000

# A literal, not a parameter: only so can the planner prove that a partial index fits.
ZERO: ColumnElement[int] = literal_column("0")


class OpenItem(NamedTuple):
    """A receivable that is open on the day asked for."""

    receivable_id: int
    number: str
    customer_id: int
    currency: str
    issued_on: date
    due_on: date | None
    open_minor: int  # on that day
    amount_minor: int  # the face amount, as it is now
    owner_id: int | None  # who is responsible: the receivable's owner, else the customer's
    tags: list[str]
    case_id: int | None


@dataclass(slots=True, kw_only=True)
class Figures:
    """Money of one currency by age. `undated` is the part of `not_due` without a due date; `unapplied` is ≤ 0."""

    currency: str
    not_due: int = 0
    d1_30: int = 0
    d31_60: int = 0
    d61_90: int = 0
    d90_plus: int = 0
    undated: int = 0
    unapplied: int = 0

    @property
    def overdue(self) -> int:
        return self.d1_30 + self.d31_60 + self.d61_90 + self.d90_plus

    @property
    def total(self) -> int:
        """The balance: overdue + not due + unapplied."""
        return self.overdue + self.not_due + self.unapplied


@dataclass(slots=True, kw_only=True)
class Balance(Figures):
    """One customer in one currency, with the open receivables, oldest due first, undated last."""

    oldest_due: date | None = None
    days_overdue_max: int = 0
    items: list[OpenItem] = field(default_factory=list)


def bucket(age: int | None) -> str:
    """The column of Figures for an age in days; None (no due date) and ages up to 0 are not due."""
    if age is None or age <= 0:
        return "not_due"
    return "d1_30" if age <= 30 else "d31_60" if age <= 60 else "d61_90" if age <= 90 else "d90_plus"


# Statements are built once: that costs as much as running one for a single customer.
Day = date | BindParameter[date]
_DAY: BindParameter[date] = bindparam("as_of", type_=Date())
_WHOSE: BindParameter[int] = bindparam("customers", expanding=True)
_CHANGED = select(_ENTRY.c.id).where(_ENTRY.c.effective_on > _DAY).limit(1)


def changed_since(session: Session, as_of: date) -> bool:
    """Whether any entry is effective after that day. If none is, the caches are what was open on it."""
    return session.execute(_CHANGED, {"as_of": as_of}).first() is not None


def open_rows(
    as_of: Day, changed: bool, only: ColumnElement[bool] | None = None
) -> tuple[Select[Any], ColumnElement[int]]:
    """A select without columns over `receivable` joined with `customer` that keeps what is open on the day, and the
    column with how much. `only` narrows the entries that are read (by their customer)."""
    joined = _RECEIVABLE.join(_CUSTOMER, _CUSTOMER.c.id == _RECEIVABLE.c.customer_id)
    if not changed:
        return select().select_from(joined).where(_RECEIVABLE.c.open_minor != ZERO), _RECEIVABLE.c.open_minor
    net = cast(func.sum(_ENTRY.c.amount_minor), BigInteger).label("amount")
    late = select(_ENTRY.c.receivable_id, net).where(_ENTRY.c.effective_on > as_of, _ENTRY.c.receivable_id.is_not(None))
    if only is not None:
        late = late.where(only)
    since = late.group_by(_ENTRY.c.receivable_id).subquery("since")
    query = select().select_from(joined.outerjoin(since, since.c.receivable_id == _RECEIVABLE.c.id))
    left = _RECEIVABLE.c.open_minor - func.coalesce(since.c.amount, ZERO)
    return query.where(
        _RECEIVABLE.c.issued_on <= as_of,
        or_(_RECEIVABLE.c.open_minor != ZERO, _RECEIVABLE.c.settled_on > as_of),
        left != ZERO,
    ), left


def open_items(
    session: Session,
    as_of: date,
    customer_ids: Collection[int] | None = None,
    currency: str | None = None,
    owner_ids: Collection[int] | None = None,
    scope: Scope | None = None,
    *,
    changed: bool | None = None,
) -> list[OpenItem]:
    """What is open on the day, by customer and currency, oldest due first, undated last."""
    changed = changed_since(session, as_of) if changed is None else changed
    found: list[OpenItem] = []
    for some in _chunks(customer_ids):
        query = _open_items(changed, some is not None)
        if currency is not None:
            query = query.where(_RECEIVABLE.c.currency == currency)
        if owner_ids is not None:
            query = query.where(_OWNER.in_(sorted(owner_ids)))
        if scope is not None:
            query = query.where(scope.receivables())
        found += map(OpenItem._make, session.execute(query, {"as_of": as_of, "customers": some}))
    found.sort(key=lambda item: (item.customer_id, item.currency, *oldest_first(item)))
    return found


_OWNER = func.coalesce(_RECEIVABLE.c.owner_id, _CUSTOMER.c.owner_id)


@cache
def _open_items(changed: bool, some: bool) -> Select[Any]:
    """The columns of OpenItem, of the customers asked for or of all."""
    r = _RECEIVABLE.c
    query, left = open_rows(_DAY, changed, _ENTRY.c.customer_id.in_(_WHOSE) if some else None)
    query = query.add_columns(
        r.id, r.number, r.customer_id, r.currency, r.issued_on, r.due_on, left, r.amount_minor, _OWNER, r.tags, r.case_id
    )
    return query.where(r.customer_id.in_(_WHOSE)) if some else query


def oldest_first(item: OpenItem) -> tuple[date, date, int]:
    """The order in which money pays, and promises and credit cover: by due date, then by date of issue."""
    return item.due_on or date.max, item.issued_on, item.receivable_id


def credit_parts(as_of: Day, changed: bool) -> Iterator[tuple[Table, ColumnElement[int], ColumnElement[bool]]]:
    """(table, amount, condition) of rows that sum up to the unapplied credit of the day; all have customer and currency."""
    for table in (_RECEIPT, _CREDIT_NOTE):
        yield table, -table.c.open_minor, table.c.open_minor != ZERO
    if changed:
        yield _ENTRY, -_ENTRY.c.amount_minor, and_(_ENTRY.c.effective_on > as_of, _ENTRY.c.receivable_id.is_(None))


def unapplied(
    session: Session, as_of: date, customer_ids: Collection[int] | None = None, *, changed: bool | None = None
) -> dict[tuple[int, str], int]:
    """By customer and currency, the receipts and credit notes not yet put on a receivable: always < 0.

    `changed`: what `changed_since` said of that day, from who has asked already.
    """
    sums: dict[tuple[int, str], int] = {}
    changed = changed_since(session, as_of) if changed is None else changed
    for some in _chunks(customer_ids):
        found = session.execute(_unapplied(changed, some is not None), {"as_of": as_of, "customers": some})
        for customer_id, currency, total in found:
            sums[customer_id, currency] = sums.get((customer_id, currency), 0) + total
    assert all(total <= 0 for total in sums.values()), "more credit used than had come in"
    return {key: total for key, total in sums.items() if total}


@cache
def _unapplied(changed: bool, some: bool) -> CompoundSelect[Any]:
    parts = []
    for table, amount, condition in credit_parts(_DAY, changed):
        keys = table.c.customer_id, table.c.currency
        query = select(*keys, cast(func.sum(amount), BigInteger)).where(condition).group_by(*keys)
        parts.append(query.where(table.c.customer_id.in_(_WHOSE)) if some else query)
    return union_all(*parts)


def balance(session: Session, customer_id: int, as_of: date, scope: Scope | None = None) -> dict[str, Balance]:
    """By currency, everything about one customer that `/balance` shows; empty if nothing is open or unapplied.

    `scope` narrows it to the receivables that a person sees; unapplied credit only to who sees the whole customer.
    """
    found: dict[str, Balance] = {}
    changed = changed_since(session, as_of)
    for item in open_items(session, as_of, [customer_id], scope=scope, changed=changed):
        here = found.setdefault(item.currency, Balance(currency=item.currency))
        here.items.append(item)
        age = (as_of - item.due_on).days if item.due_on else None
        column = bucket(age)
        setattr(here, column, getattr(here, column) + item.open_minor)
        if age is None:
            here.undated += item.open_minor
        elif here.oldest_due is None:  # the items come oldest due first
            here.oldest_due, here.days_overdue_max = item.due_on, max(age, 0)
    if scope is None or sees_whole_customer(session, scope, customer_id):
        for (_, currency), amount in unapplied(session, as_of, [customer_id], changed=changed).items():
            found.setdefault(currency, Balance(currency=currency)).unapplied = amount
    for here in found.values():
        assert here.total == sum(item.open_minor for item in here.items) + here.unapplied
        assert 0 <= here.undated <= here.not_due
    return found


def _chunks(ids: Collection[int] | None) -> Iterator[list[int] | None]:
    """Keys in portions that fit into one statement; None (all of them) stays None."""
    if ids is None:
        yield None
        return
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
