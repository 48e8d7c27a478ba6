"""What a customer owes and has on order, against its limit: everything a verdict goes by, as it is now.

    used      = open receivables + orders not invoiced yet + shipments not invoiced yet - money nobody has allocated
                (of which the policy chooses)
    limit     = the customer's own + a temporary one that runs; none at all means no limit, 0 means cash only
    available = limit - used

What is to be invoiced of a released order is either shipped already or still to come: it is never counted twice. Of one
that is closed, or that nobody released, what was shipped all the same counts until receivables take it over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

from sqlalchemy import BigInteger, Date, and_, bindparam, case, cast, exists, func, literal, or_, select, union_all

from core.credit.rules import CreditRules
from core.models import CreditLine, CreditNote, Customer, Hold, Order, OrderState, Receipt, Receivable, Shipment
from core.models.base import table_of
from core.money import digits
from core.work import Work

C, R, N, G, H, O, L, S = (  # noqa: E741
    table_of(m) for m in (Customer, Receivable, Receipt, CreditNote, Hold, Order, CreditLine, Shipment)
)
_ID = bindparam("customer", type_=BigInteger)
_TODAY = bindparam("today", type_=Date)


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _less(one: Any, other: Any) -> Any:
    return case((one < other, one), else_=other)


def _beyond(one: Any, other: Any) -> Any:
    return case((one > other, one - other), else_=0)


def _of_orders() -> tuple[Any, ...]:
    """Currency and sums of the released orders: not shipped, shipped, prepaid, and of that what is shipped. An order uses
    up what of it no receivable has taken over; one that was adjusted to nothing gives it back. Prepayment pays for what is
    shipped first."""
    shipped = select(_sum(S.c.amount_minor)).where(
        S.c.customer_id == O.c.customer_id, S.c.order_no == O.c.number, S.c.currency == O.c.currency
    )
    mine = and_(R.c.customer_id == O.c.customer_id, R.c.currency == O.c.currency, R.c.order_no == O.c.number)
    # Grouped, so that what is invoiced is summed once an order and not wherever it is named below.
    each = (
        select(
            O.c.id, O.c.currency, O.c.amount_minor, O.c.prepaid_minor, _sum(R.c.amount_minor).label("invoiced"),
            shipped.correlate(O).scalar_subquery().label("shipped"),
        )
        .join_from(O, R, mine, isouter=True)
        .where(O.c.customer_id == _ID, O.c.state == OrderState.released)
        .group_by(O.c.id, O.c.currency, O.c.amount_minor, O.c.prepaid_minor, O.c.customer_id, O.c.number)
        .subquery("each")
        .c
    )  # fmt: skip
    left = _beyond(each.amount_minor, each.invoiced)
    out = _beyond(_less(each.shipped, each.amount_minor), each.invoiced)
    prepaid = _less(each.prepaid_minor, left)
    return each.currency, _sum(left - out), _sum(out), _sum(prepaid), _sum(_less(each.prepaid_minor, out))


def _of_shipments() -> tuple[Any, ...]:
    """Currency and sum of what was shipped, not invoiced, and not for a released order."""
    gone = (
        select(S.c.order_no, S.c.currency, _sum(S.c.amount_minor).label("shipped"))
        .where(S.c.customer_id == _ID)
        .group_by(S.c.order_no, S.c.currency)
        .subquery("gone")
        .c
    )
    mine = and_(O.c.customer_id == _ID, O.c.number == gone.order_no, O.c.currency == gone.currency)
    closed = select(func.max(O.c.amount_minor)).where(mine, O.c.state == OrderState.closed).scalar_subquery()
    each = (
        select(gone.currency, gone.shipped, closed.label("closed"), _sum(R.c.amount_minor).label("invoiced"))
        .join_from(
            gone.order_no.table, R,
            and_(R.c.customer_id == _ID, R.c.currency == gone.currency, R.c.order_no == gone.order_no), isouter=True,
        )
        .where(~exists().where(mine, O.c.state == OrderState.released))
        .group_by(gone.order_no, gone.currency, gone.shipped)
        .subquery("without")
        .c
    )  # fmt: skip
    return each.currency, _sum(_beyond(_less(each.shipped, func.coalesce(each.closed, each.shipped)), each.invoiced))


_ORDERS, _SHIPMENTS = _of_orders(), _of_shipments()
_ZERO = literal(0, BigInteger)
_NEVER = cast(literal(None), Date)

# One statement, so one snapshot: an invoice that comes in between is never counted in neither part, or in both.
_PARTS = union_all(
    select(
        literal("open").label("part"), R.c.currency, _sum(R.c.open_minor).label("minor"),
        _sum(case((R.c.due_on < _TODAY, R.c.open_minor), else_=0)).label("second"),
        _ZERO.label("third"), _ZERO.label("fourth"),
        func.min(case((R.c.due_on < _TODAY, R.c.due_on))).label("oldest"),
    ).where(R.c.customer_id == _ID, R.c.open_minor > 0).group_by(R.c.currency),
    select(literal("paid"), N.c.currency, _sum(N.c.open_minor), _ZERO, _ZERO, _ZERO, _NEVER)
    .where(N.c.customer_id == _ID, N.c.open_minor > 0, N.c.reversed_on.is_(None)).group_by(N.c.currency),
    select(literal("paid"), G.c.currency, _sum(G.c.open_minor), _ZERO, _ZERO, _ZERO, _NEVER)
    .where(G.c.customer_id == _ID, G.c.open_minor > 0, G.c.cancelled_on.is_(None)).group_by(G.c.currency),
    select(literal("orders"), *_ORDERS, _NEVER).group_by(_ORDERS[0]),
    select(literal("shipments"), *_SHIPMENTS, _ZERO, _ZERO, _ZERO, _NEVER).group_by(_SHIPMENTS[0]),
    select(literal("line"), L.c.currency, _sum(L.c.amount_minor), _ZERO, _ZERO, _ZERO, _NEVER)
    .where(L.c.customer_id == _ID, L.c.ended_on.is_(None), L.c.from_on <= _TODAY, L.c.until >= _TODAY)
    .group_by(L.c.currency),
)  # fmt: skip
_HOLDS = (
    select(H.c.kind)
    .where(H.c.customer_id == _ID, H.c.ended_on.is_(None), or_(H.c.until.is_(None), H.c.until >= _TODAY))
    .distinct()
)
_CUSTOMER = select(
    C.c.id, C.c.code, C.c.name, C.c.rating, C.c.owner_id, C.c.region, C.c.currency, C.c.credit_limit_minor
).where(C.c.id == _ID)


@dataclass(frozen=True)
class Exposure:
    """Of one currency, minor units. `orders_minor`: of released orders what is neither shipped nor invoiced;
    `shipments_minor`: what is shipped and not invoiced. `reserved_minor`: prepayment that released orders are waiting to
    use, `reserved_shipped_minor` of it for what is shipped."""

    open_minor: int = 0
    overdue_minor: int = 0
    oldest_due: date | None = None
    unapplied_minor: int = 0
    orders_minor: int = 0
    shipments_minor: int = 0
    reserved_minor: int = 0
    reserved_shipped_minor: int = 0


@dataclass(frozen=True)
class Standing:
    """One customer, as credit sees it. `limit_minor` in `currency`, with a temporary one; None: no limit."""

    customer_id: int
    code: str
    name: str
    rating: str
    owner_id: int | None
    region: str
    currency: str
    base_minor: int | None
    extra_minor: int
    exposures: Mapping[str, Exposure]
    holds: frozenset[str]
    today: date

    @property
    def limit_minor(self) -> int | None:
        return None if self.base_minor is None else self.base_minor + self.extra_minor

    @property
    def overdue_days(self) -> int:
        oldest = min((e.oldest_due for e in self.exposures.values() if e.oldest_due is not None), default=None)
        return 0 if oldest is None else (self.today - oldest).days

    @property
    def foreign(self) -> frozenset[str]:
        """Currencies other than the limit's in which something is owed or on order."""
        return frozenset(self.exposures) - {self.currency}

    def used_minor(self, rules: CreditRules, company_currency: str) -> int:
        """In the limit's currency; below 0 is money of the customer's own. Currencies without a rate are left out: a
        verdict holds the order for them. Each is rounded up."""
        return sum(
            in_currency(_used(exposure, rules), currency, self.currency, rules, company_currency) or 0
            for currency, exposure in self.exposures.items()
        )


def _used(exposure: Exposure, rules: CreditRules) -> int:
    trusted, shipped = (exposure.reserved_minor, exposure.reserved_shipped_minor) if rules.prepaid == "trust" else (0, 0)
    used = 0
    if "open" in rules.parts:
        used += exposure.open_minor
    if "orders" in rules.parts:
        used += exposure.orders_minor - (trusted - shipped)
    if "shipments" in rules.parts:
        used += exposure.shipments_minor - shipped
    if rules.net_unapplied:
        used -= max(0, exposure.unapplied_minor - trusted)
    return used


def in_currency(minor: int, currency: str, to: str, rules: CreditRules, company_currency: str) -> int | None:
    """`minor` at the policy's internal rates, rounded up; None without a rate."""
    if currency == to or not minor:
        return minor
    rates = {**rules.rates, company_currency: Decimal(1)}
    if currency not in rates or to not in rates:
        return None
    major = Decimal(minor).scaleb(-digits(currency)) * rates[currency] / rates[to]
    return int(major.scaleb(digits(to)).to_integral_value(ROUND_CEILING))


def standing(work: Work, customer_id: int) -> Standing:
    """As the books are now; for a decision, lock the customer first."""
    asked = {"customer": customer_id, "today": work.today}
    row = work.session.execute(_CUSTOMER, asked).one()
    currency = row.currency or work.company.currency
    found: dict[str, dict[str, Any]] = {}
    extra = 0
    for part, code, minor, second, third, fourth, oldest in work.session.execute(_PARTS, asked):
        if part == "line":
            extra += minor if code == currency else 0
            continue
        mine = found.setdefault(code, {})
        if part == "open":
            mine |= {"open_minor": minor, "overdue_minor": second, "oldest_due": oldest}
        elif part == "paid":
            mine["unapplied_minor"] = mine.get("unapplied_minor", 0) + minor
        elif part == "orders":
            mine |= {"orders_minor": minor, "reserved_minor": third, "reserved_shipped_minor": fourth}
            mine["shipments_minor"] = mine.get("shipments_minor", 0) + second
        else:
            mine["shipments_minor"] = mine.get("shipments_minor", 0) + minor
    return Standing(
        customer_id=row.id,
        code=row.code,
        name=row.name,
        rating=row.rating,
        owner_id=row.owner_id,
        region=row.region,
        currency=currency,
        base_minor=row.credit_limit_minor,
        extra_minor=extra,
        exposures={code: Exposure(**values) for code, values in found.items()},
        holds=frozenset(work.session.execute(_HOLDS, asked).scalars()),
        today=work.today,
    )
