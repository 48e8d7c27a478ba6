"""Reports over everything: one set-based statement, names joined afterwards for what is shown.

What was open on a past day is the caches less the entries since, and sums are linear: the receivables are read once,
from one covering index, whatever the day; the entries since are subtracted by the same columns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    func,
    not_,
    null,
    or_,
    select,
    union_all,
)
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
    smaller: int = 0  # not a group, but the sum of so many that are smaller than all before


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
    largest: int | None = None,
) -> list[AgingRow]:
    """Open amounts by age, a row for each group and currency that has any, largest total first.

    `largest`: so many of each currency; what smaller ones there are comes as one row after them.
    By due date, or by date of issue ("invoice": day 0 counts as 1-30, nothing is not due or undated).
    """
    if scope is not None and scope.nothing:
        return []
    ranked = _ranked(_grouped(as_of, changed_since(session, as_of), basis, group, scope, customer_id), largest)
    rows = []
    for key, currency, place, groups, everything, over0, over30, over60, over90, undated, unapplied, unsound in (
        session.execute(ranked)
    ):
        assert not unsound, "the journal and its caches disagree: run the ledger's check"
        shared = largest is not None and place > largest
        rows.append(
            AgingRow(
                key=None if shared else key,
                smaller=groups if shared else 0,
                currency=currency,
                not_due=everything - over0,
                d1_30=over0 - over30,
                d31_60=over30 - over60,
                d61_90=over60 - over90,
                d90_plus=over90,
                undated=undated,
                unapplied=unapplied,
            )
        )
    return rows


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

_SUMS = ("everything", "over0", "over30", "over60", "over90", "undated", "unapplied")


def _ranked(groups: Subquery, largest: int | None) -> Select[Any]:
    """Key, currency, place, how many groups, the sums, and how many groups can't be so.

    There may be as many groups as customers: those after the `largest` share the place behind them, so that they are
    summed up where they are.
    """
    g = groups.c
    total = g.everything + g.unapplied
    falling = (g.everything - g.undated, g.over0, g.over30, g.over60, g.over90, ZERO, g.unapplied)
    sound = and_(g.undated >= ZERO, *(more >= less for more, less in pairwise(falling)))
    by_size = total.desc(), func.coalesce(cast(g.key, String), "None")
    place: ColumnElement[int] = func.row_number().over(partition_by=g.currency, order_by=by_size)
    if largest is not None:
        place = case((place <= largest, place), else_=largest + 1)
    rows = select(groups, place.label("place"), case((sound, 0), else_=1).label("unsound"))
    r = rows.where(or_(total != ZERO, g.unapplied != ZERO, not_(sound))).subquery("ranked").c
    sums = [cast(func.sum(r[name]), BigInteger) for name in (*_SUMS, "unsound")]
    by = r.currency, r.place
    return select(func.min(r.key), *by, func.count(), *sums).group_by(*by).order_by(*by)


def _grouped(
    as_of: date, changed: bool, basis: Basis, group: Group, scope: Scope | None, customer_id: int | None
) -> Subquery:
    """The parts put together: one row for each group and currency."""
    part = union_all(
        *_receivable_parts(as_of, changed, basis, group, scope, customer_id),
        *_credit_parts(as_of, changed, group, scope, customer_id),
    ).subquery("part")
    by = part.c.key, part.c.currency
    sums = [cast(func.coalesce(func.sum(part.c[name]), ZERO), BigInteger).label(name) for name in _SUMS]
    return select(*by, *sums).group_by(*by).subquery("grouped")


def _ages(as_of: date, basis: Basis, amount: ColumnElement[int]) -> dict[str, ColumnElement[int]]:
    """The sums of everything, of what is in 1-30 or older, in 31-60 or older, 61-90 or older, 90+, and undated.

    One comparison a sum is half the time of two; the columns are the differences.
    """
    dated = _RECEIVABLE.c.due_on if basis == "due" else _RECEIVABLE.c.issued_on
    sums: dict[str, ColumnElement[int]] = {"everything": func.sum(amount)}
    for days in (0, 30, 60, 90):
        sums[f"over{days}"] = func.sum(amount).filter(dated < as_of - timedelta(days=days))
    if basis == "invoice":
        return sums | {"over0": func.sum(amount)}
    return sums | {"undated": func.sum(amount).filter(dated.is_(None))}


def _part(key: ColumnElement[Any], currency: ColumnElement[str], sums: dict[str, ColumnElement[int]]) -> Select[Any]:
    """One of what `_grouped` puts together; a sum that it has nothing to say about is null."""
    columns = (cast(sums.get(name, null()), BigInteger).label(name) for name in _SUMS)
    return select(key.label("key"), currency, *columns).group_by(key, currency)


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
        query = _part(key, _RECEIVABLE.c.currency, _ages(as_of, basis, amount)).select_from(tables).where(condition)
        if scope is not None and not scope.all:
            query = query.where(scope.receivables())
        if customer_id is not None:
            query = query.where(_RECEIVABLE.c.customer_id == customer_id)
        queries.append(query)
    return queries


def _credit_parts(
    as_of: date, changed: bool, group: Group, scope: Scope | None, customer_id: int | None
) -> list[Select[Any]]:
    """Unapplied credit belongs to the customer: it counts with its owner and region, and for who sees it whole."""
    queries = []
    for table, amount, condition in credit_parts(as_of, changed):
        key = {"customer": table.c.customer_id, "owner": _CUSTOMER.c.owner_id, "region": _CUSTOMER.c.region}[group]
        query = _part(key, table.c.currency, {"unapplied": func.sum(amount)}).where(condition)
        if group != "customer" or (scope is not None and not scope.all):
            query = query.select_from(table.join(_CUSTOMER, _CUSTOMER.c.id == table.c.customer_id))
        if scope is not None:
            query = query.where(scope.customers_whole())
        if customer_id is not None:
            query = query.where(table.c.customer_id == customer_id)
        queries.append(query)
    return queries
