"""Reports over everything: one set-based statement for each part, names joined afterwards for what is shown.

What was open on a past day is the caches less the entries since, and sums are linear: the receivables are read once,
from one covering index, whatever the day; the entries since are subtracted by the same columns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, cast, func, select
from sqlmodel import Session, SQLModel

from core.ledger.balances import ZERO, Figures, changed_since, credit_parts, open_rows
from core.permissions import Scope

Basis = Literal["due", "invoice"]
Group = Literal["customer", "owner", "region"]

_TABLES = SQLModel.metadata.tables
_RECEIVABLE, _ENTRY, _CUSTOMER, _PERSON = (_TABLES[name] for name in ("receivable", "entry", "customer", "person"))


@dataclass(slots=True, kw_only=True)
class AgingRow(Figures):
    """One group in one currency. `key`: a customer's id, a responsible person's id (None: nobody), or a region."""

    key: int | str | None


@dataclass(slots=True, kw_only=True)
class OverdueRow:
    """A customer's overdue business in one currency."""

    customer_id: int
    currency: str
    overdue: int
    oldest_due: date
    days_overdue_max: int


def aging(
    session: Session,
    as_of: date,
    *,
    basis: Basis = "due",
    group: Group = "customer",
    scope: Scope | None = None,
    customer_id: int | None = None,
) -> list[AgingRow]:
    """Open amounts by age, a row for each group and currency that has any, largest total first.

    By due date, or by date of issue ("invoice": day 0 counts as 1-30, nothing is not due or undated).
    """
    if scope is not None and scope.nothing:
        return []
    changed = changed_since(session, as_of)
    found: dict[tuple[Any, str], AgingRow] = {}
    for query in _receivable_parts(as_of, changed, basis, group, scope, customer_id):
        # There may be as many groups as customers, so this is written to be short of steps.
        for key, currency, everything, over0, over30, over60, over90, undated in session.execute(query):
            over0, over30, over60, over90 = over0 or 0, over30 or 0, over60 or 0, over90 or 0
            row = found.get((key, currency))
            if row is None:
                row = found[key, currency] = AgingRow(key=key, currency=currency)
            row.not_due += everything - over0
            row.d1_30 += over0 - over30
            row.d31_60 += over30 - over60
            row.d61_90 += over60 - over90
            row.d90_plus += over90
            row.undated += undated or 0
    for query in _credit_queries(as_of, changed, group, scope, customer_id):
        for key, currency, amount in session.execute(query):
            row = found.get((key, currency))
            if row is None:
                row = found[key, currency] = AgingRow(key=key, currency=currency)
            row.unapplied += amount
    ranked = []
    for (key, currency), row in found.items():
        overdue = (row.d1_30, row.d31_60, row.d61_90, row.d90_plus)
        sound = 0 <= row.undated <= row.not_due and min(overdue) >= 0 >= row.unapplied
        assert sound, "the journal and its caches disagree: run the ledger's check"
        total = sum(overdue) + row.not_due + row.unapplied
        if total or row.unapplied:
            ranked.append((currency, -total, str(key), row))
    ranked.sort(key=itemgetter(0, 1, 2))
    return [row for *_, row in ranked]


def totals(rows: Collection[Figures]) -> dict[str, Figures]:
    """The bottom line of each currency."""
    sums: dict[str, Figures] = {}
    for row in rows:
        total = sums.get(row.currency)
        if total is None:
            total = sums[row.currency] = Figures(currency=row.currency)
        total.not_due += row.not_due
        total.d1_30 += row.d1_30
        total.d31_60 += row.d31_60
        total.d61_90 += row.d61_90
        total.d90_plus += row.d90_plus
        total.undated += row.undated
        total.unapplied += row.unapplied
    return sums


def overdue_ranking(
    session: Session, as_of: date, scope: Scope | None = None, limit: int | None = None, currency: str | None = None
) -> list[OverdueRow]:
    """Customers by what is overdue, the most first; `limit` is for each currency."""
    if scope is not None and scope.nothing:
        return []
    query, left = open_rows(as_of, changed_since(session, as_of))
    keys = _RECEIVABLE.c.currency, _RECEIVABLE.c.customer_id
    total = cast(func.sum(left), BigInteger)
    place = func.row_number().over(
        partition_by=_RECEIVABLE.c.currency, order_by=(total.desc(), _RECEIVABLE.c.customer_id)
    )
    oldest = func.min(_RECEIVABLE.c.due_on).label("due_on")
    query = query.add_columns(*keys, total.label("overdue"), oldest, place.label("place"))
    query = query.where(_RECEIVABLE.c.due_on < as_of).group_by(*keys)
    if scope is not None and not scope.all:
        query = query.where(scope.receivables())
    if currency is not None:
        query = query.where(_RECEIVABLE.c.currency == currency)
    ranked = query.subquery()
    final = select(ranked).order_by(ranked.c.currency, ranked.c.place)
    if limit is not None:
        final = final.where(ranked.c.place <= limit)
    return [
        OverdueRow(
            customer_id=row.customer_id,
            currency=row.currency,
            overdue=row.overdue,
            oldest_due=row.due_on,
            days_overdue_max=(as_of - row.due_on).days,
        )
        for row in session.execute(final)
    ]


def names(session: Session, group: Group, keys: Collection[int | str | None]) -> dict[int | str | None, tuple[str, str]]:
    """(code, name) of a customer, (handle, name) of a person, for the few groups that are shown."""
    if group == "region":
        return {key: (str(key or ""), str(key or "")) for key in keys}
    table, code = (_CUSTOMER, "code") if group == "customer" else (_PERSON, "handle")
    wanted = sorted({key for key in keys if isinstance(key, int)})
    found: dict[int | str | None, tuple[str, str]] = {}
    for start in range(0, len(wanted), 1000):
        query = select(table.c.id, table.c[code], table.c.name).where(table.c.id.in_(wanted[start : start + 1000]))
        found |= {row[0]: (row[1], row[2]) for row in session.execute(query)}
    return found


# --- the parts of the aging -----------------------------------------------------------------------


def _ages(as_of: date, basis: Basis, amount: ColumnElement[int]) -> list[ColumnElement[Any]]:
    """The sums of everything, of what is in 1-30 or older, in 31-60 or older, 61-90 or older, 90+, and undated.

    One comparison a sum is half the time of two; the columns are the differences.
    """
    dated = _RECEIVABLE.c.due_on if basis == "due" else _RECEIVABLE.c.issued_on
    everything = cast(func.sum(amount), BigInteger)

    def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return cast(func.sum(amount).filter(condition), BigInteger)

    older = [total(dated < as_of - timedelta(days=days)) for days in (30, 60, 90)]
    if basis == "invoice":
        return [everything, everything, *older, cast(ZERO, BigInteger)]
    return [everything, total(dated < as_of), *older, total(dated.is_(None))]


def _receivable_parts(
    as_of: date, changed: bool, basis: Basis, group: Group, scope: Scope | None, customer_id: int | None
) -> list[Select[Any]]:
    now = (_RECEIVABLE, _RECEIVABLE.c.open_minor, _RECEIVABLE.c.open_minor != ZERO)
    since = (
        _ENTRY.join(_RECEIVABLE, _RECEIVABLE.c.id == _ENTRY.c.receivable_id),
        -_ENTRY.c.amount_minor,
        _ENTRY.c.effective_on > as_of,
    )
    parts: list[tuple[FromClause, ColumnElement[int], ColumnElement[bool]]] = [now, since] if changed else [now]
    owner = func.coalesce(_RECEIVABLE.c.owner_id, _CUSTOMER.c.owner_id)
    key = {"customer": _RECEIVABLE.c.customer_id, "owner": owner, "region": _CUSTOMER.c.region}[group]
    queries = []
    for tables, amount, condition in parts:
        if group != "customer" or (scope is not None and not scope.all):
            tables = tables.join(_CUSTOMER, _CUSTOMER.c.id == _RECEIVABLE.c.customer_id)
        query = select(key, _RECEIVABLE.c.currency, *_ages(as_of, basis, amount)).select_from(tables).where(condition)
        if scope is not None and not scope.all:
            query = query.where(scope.receivables())
        if customer_id is not None:
            query = query.where(_RECEIVABLE.c.customer_id == customer_id)
        queries.append(query.group_by(key, _RECEIVABLE.c.currency))
    return queries


def _credit_queries(
    as_of: date, changed: bool, group: Group, scope: Scope | None, customer_id: int | None
) -> list[Select[Any]]:
    """Unapplied credit belongs to the customer: it counts with its owner and region, and for who sees it whole."""
    queries = []
    for table, amount, condition in credit_parts(as_of, changed):
        key = {"customer": table.c.customer_id, "owner": _CUSTOMER.c.owner_id, "region": _CUSTOMER.c.region}[group]
        query = select(key, table.c.currency, cast(func.sum(amount), BigInteger)).where(condition)
        if group != "customer" or (scope is not None and not scope.all):
            query = query.select_from(table.join(_CUSTOMER, _CUSTOMER.c.id == table.c.customer_id))
        if scope is not None:
            query = query.where(scope.customers_whole())
        if customer_id is not None:
            query = query.where(table.c.customer_id == customer_id)
        queries.append(query.group_by(key, table.c.currency))
    return queries
