"""What a customer owes and has on order, against its limit: everything a verdict goes by, as it is now.

    used      = open receivables + released orders not invoiced yet - money nobody has allocated; the policy chooses
    limit     = the customer's own + a temporary one that runs; none at all means no limit, 0 means cash only
    available = limit - used
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

from sqlalchemy import BigInteger, Date, bindparam, case, cast, func, literal, or_, select, union_all

from core.credit.rules import CreditRules
from core.models import CreditLine, CreditNote, Customer, Hold, Order, OrderState, Receipt, Receivable
from core.models.base import table_of
from core.money import digits
from core.work import Work

C, R, N, G, H, O, L = (  # noqa: E741
    table_of(m) for m in (Customer, Receivable, Receipt, CreditNote, Hold, Order, CreditLine)
)
_ID = bindparam("customer", type_=BigInteger)
_TODAY = bindparam("today", type_=Date)


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


# An order uses up what of it no receivable has taken over; one that was adjusted to nothing gives it back.
_INVOICED = (
    select(_sum(R.c.amount_minor))
    .where(R.c.customer_id == O.c.customer_id, R.c.currency == O.c.currency, R.c.order_no == O.c.number)
    .correlate(O)
    .scalar_subquery()
)
_LEFT = case((O.c.amount_minor > _INVOICED, O.c.amount_minor - _INVOICED), else_=0)
_PREPAID_LEFT = case((O.c.prepaid_minor < _LEFT, O.c.prepaid_minor), else_=_LEFT)
_ZERO = literal(0, BigInteger)
_NEVER = cast(literal(None), Date)

# One statement, so one snapshot: an invoice that comes in between is never counted in neither part, or in both.
_PARTS = union_all(
    select(
        literal("open").label("part"), R.c.currency, _sum(R.c.open_minor).label("minor"),
        _sum(case((R.c.due_on < _TODAY, R.c.open_minor), else_=0)).label("late"),
        func.min(case((R.c.due_on < _TODAY, R.c.due_on))).label("oldest"),
    ).where(R.c.customer_id == _ID, R.c.open_minor > 0).group_by(R.c.currency),
    select(literal("paid"), N.c.currency, _sum(N.c.open_minor), _ZERO, _NEVER)
    .where(N.c.customer_id == _ID, N.c.open_minor > 0, N.c.reversed_on.is_(None)).group_by(N.c.currency),
    select(literal("paid"), G.c.currency, _sum(G.c.open_minor), _ZERO, _NEVER)
    .where(G.c.customer_id == _ID, G.c.open_minor > 0, G.c.cancelled_on.is_(None)).group_by(G.c.currency),
    select(literal("orders"), O.c.currency, _sum(_LEFT), _sum(_PREPAID_LEFT), _NEVER)
    .where(O.c.customer_id == _ID, O.c.state == OrderState.released).group_by(O.c.currency),
    select(literal("line"), L.c.currency, _sum(L.c.amount_minor), _ZERO, _NEVER)
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
    """Of one currency, minor units. `reserved_minor`: prepayment that released orders are waiting to use."""

    open_minor: int = 0
    overdue_minor: int = 0
    oldest_due: date | None = None
    unapplied_minor: int = 0
    orders_minor: int = 0
    reserved_minor: int = 0


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
    used = 0
    if "open" in rules.parts:
        used += exposure.open_minor
    if "orders" in rules.parts:
        used += exposure.orders_minor - (exposure.reserved_minor if rules.prepaid == "trust" else 0)
    if rules.net_unapplied:
        taken = exposure.reserved_minor if rules.prepaid == "trust" else 0
        used -= max(0, exposure.unapplied_minor - taken)
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
    for part, code, minor, second, oldest in work.session.execute(_PARTS, asked):
        if part == "line":
            extra += minor if code == currency else 0
            continue
        mine = found.setdefault(code, {})
        if part == "open":
            mine |= {"open_minor": minor, "overdue_minor": second, "oldest_due": oldest}
        elif part == "paid":
            mine["unapplied_minor"] = mine.get("unapplied_minor", 0) + minor
        else:
            mine |= {"orders_minor": minor, "reserved_minor": second}
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
