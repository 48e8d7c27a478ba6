"""What a customer owes and has on order, against its limit: everything a verdict goes by, as it is now.

    used      = open receivables + orders not invoiced yet + shipments not invoiced yet - money nobody has allocated
                (of which the policy chooses)
    limit     = the customer's own + a temporary one that runs; none at all means no limit, 0 means cash only
    available = limit - used

Where the customer's group has a limit, that of the group holds as well: for what all of its members use up.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

from sqlalchemy import and_, or_, select

from core.credit.parts import ID, IDS, OF_CUSTOMER, OF_CUSTOMERS, OF_GROUP, TODAY
from core.credit.rules import CreditRules
from core.models import Customer, GroupLimit, Hold
from core.models.base import table_of
from core.money import digits
from core.work import Work

C, G, H = table_of(Customer), table_of(GroupLimit), table_of(Hold)
_COUNTS = and_(H.c.ended_on.is_(None), H.c.from_on <= TODAY, or_(H.c.until.is_(None), H.c.until >= TODAY))
_HOLDS = select(H.c.kind).where(H.c.customer_id == ID, _COUNTS).distinct()
_HOLDS_OF = select(H.c.customer_id, H.c.kind).where(H.c.customer_id.in_(IDS), _COUNTS)
_SHARES = (G.c.group_name == C.c.group_name) & (C.c.group_name != "") & G.c.ended_on.is_(None)
_ANYBODY = select(
    C.c.id, C.c.code, C.c.name, C.c.rating, C.c.owner_id, C.c.region, C.c.currency, C.c.credit_limit_minor,
    C.c.terms, C.c.group_name, G.c.amount_minor.label("group_minor"), G.c.currency.label("group_currency"),
).outerjoin_from(C, G, _SHARES)  # fmt: skip
_CUSTOMER, _CUSTOMERS = _ANYBODY.where(C.c.id == ID), _ANYBODY.where(C.c.id.in_(IDS))


@dataclass(frozen=True)
class Exposure:
    """Of one currency, minor units. `orders_minor`: of released orders what is neither shipped nor invoiced;
    `shipments_minor`: what is shipped and not invoiced. `reserved_minor`: prepayment that released orders are waiting to
    use, `reserved_shipped_minor` of it for what is shipped. `reserved_invoiced_minor`: prepayment for what of them is
    invoiced and not paid yet, and for what was delivered of orders that have ended, or are held again."""

    open_minor: int = 0
    overdue_minor: int = 0
    oldest_due: date | None = None
    unapplied_minor: int = 0
    orders_minor: int = 0
    shipments_minor: int = 0
    reserved_minor: int = 0
    reserved_shipped_minor: int = 0
    reserved_invoiced_minor: int = 0

    @property
    def free_minor(self) -> int:
        """Money that nobody has allocated and that no released order was prepaid with; below 0 is prepayment to come."""
        return self.unapplied_minor - self.reserved_minor - self.reserved_invoiced_minor


@dataclass(frozen=True)
class Insured:
    """What an insurer answers for through `until`, should the customer not pay."""

    minor: int
    currency: str
    insurer: str
    until: date


@dataclass(frozen=True)
class GroupStanding:
    """The limit that a customer shares with all of its group, and what of it is used. Money of one member's own makes no
    room for the others: nobody may set it off against what they owe."""

    name: str
    limit_minor: int
    currency: str
    own: Mapping[str, Exposure]  # of the customer that was asked for
    others: Sequence[Mapping[str, Exposure]]

    def used_minor(self, rules: CreditRules, company_currency: str) -> int:
        """By all of them, in the limit's currency."""
        return self.others_minor(rules, company_currency) + max(0, self.own_minor(rules, company_currency))

    def own_minor(self, rules: CreditRules, company_currency: str) -> int:
        """By the customer that was asked for; below 0 is money of its own."""
        return used_in(self.own, self.currency, rules, company_currency)

    def others_minor(self, rules: CreditRules, company_currency: str) -> int:
        return sum(max(0, used_in(one, self.currency, rules, company_currency)) for one in self.others)

    @property
    def foreign(self) -> frozenset[str]:
        """Currencies other than the limit's in which one of them owes something or has it on order."""
        return frozenset(self.own).union(*self.others) - {self.currency}


@dataclass(frozen=True)
class Standing:
    """One customer, as credit sees it. `limit_minor` in `currency`, with temporary ones, the first of which ends after
    `extra_until`; None: no limit. Whether what is `insured` counts, too, says the policy: core.credit.granted."""

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
    extra_until: date | None = None
    insured: tuple[Insured, ...] = ()
    group: GroupStanding | None = None
    terms: str = ""  # agreed with this customer

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
        return used_in(self.exposures, self.currency, rules, company_currency)


def used_in(exposures: Mapping[str, Exposure], to: str, rules: CreditRules, company_currency: str) -> int:
    """What a customer's exposures use up of a limit in `to`."""
    return sum(
        in_currency(_used(exposure, rules), currency, to, rules, company_currency) or 0
        for currency, exposure in exposures.items()
    )


def _used(exposure: Exposure, rules: CreditRules) -> int:
    used = sum(part_minor(exposure, part, rules) for part in rules.parts)
    if rules.net_unapplied:
        trusted = exposure.reserved_minor if rules.prepaid == "trust" else 0
        used -= max(0, exposure.unapplied_minor - trusted)
    return used


def part_minor(exposure: Exposure, part: str, rules: CreditRules) -> int:
    """How much there is of a part (rules.PARTS, rules.LIMITED), without prepayment that the policy trusts; 0 of "this"."""
    trusts = rules.prepaid == "trust"
    match part:
        case "open":
            return exposure.open_minor
        case "overdue":
            return exposure.overdue_minor
        case "orders":
            prepaid = exposure.reserved_minor - exposure.reserved_shipped_minor if trusts else 0
            return exposure.orders_minor - prepaid
        case "shipments":
            return exposure.shipments_minor - (exposure.reserved_shipped_minor if trusts else 0)
        case _:
            return 0


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
    """As the books are now; for a decision, lock the customer first: core.credit.locks."""
    asked: dict[str, Any] = {"customer": customer_id} | moment(work)
    row = work.session.execute(_CUSTOMER, asked).one()
    shares = row.group_minor is not None
    parts = work.session.execute(OF_GROUP if shares else OF_CUSTOMER, asked | ({"group": row.group_name} if shares else {}))
    return _standing(work, row, parts, work.session.execute(_HOLDS, asked).scalars())


def moment(work: Work) -> dict[str, Any]:
    """What the statements of core.credit.parts ask of every look."""
    return {"today": work.today, "zone": work.company.calendar.zone.key}


def standings(work: Work, customer_ids: Collection[int]) -> dict[int, Standing]:
    """The same for several, in three statements. Whoever shares a limit with a group is left out."""
    asked: dict[str, Any] = {"customers": sorted(customer_ids)} | moment(work)
    rows = [row for row in work.session.execute(_CUSTOMERS, asked) if row.group_minor is None]
    parts: dict[int, list[Any]] = {}
    for part in work.session.execute(OF_CUSTOMERS, asked):
        parts.setdefault(part.customer_id, []).append(part)
    holds: dict[int, set[str]] = {}
    for customer_id, kind in work.session.execute(_HOLDS_OF, asked):
        holds.setdefault(customer_id, set()).add(kind)
    return {row.id: _standing(work, row, parts.get(row.id, ()), holds.get(row.id, ())) for row in rows}


def _standing(work: Work, row: Any, parts: Iterable[Any], holds: Iterable[str]) -> Standing:
    """`parts`: of the customer, and of all of its group where they share a limit."""
    currency = row.currency or work.company.currency
    found: dict[int, dict[str, dict[str, Any]]] = {}
    extra, until, insured = 0, None, []
    for part, whose, code, *minors, day, insurer in parts:
        if part == "insured":
            insured.append(Insured(minors[0], code, insurer, day))
        elif part != "temporary":
            _add(found.setdefault(whose, {}).setdefault(code, {}), part, minors, day)
        elif code == currency:
            extra, until = extra + minors[0], min(until or day, day)
    exposures = {whose: {code: Exposure(**values) for code, values in found[whose].items()} for whose in sorted(found)}
    own = exposures.pop(row.id, {})
    group = None
    if row.group_minor is not None:
        group = GroupStanding(row.group_name, row.group_minor, row.group_currency, own, tuple(exposures.values()))
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
        exposures=own,
        holds=frozenset(holds),
        today=work.today,
        extra_until=until,
        insured=tuple(sorted(insured, key=lambda one: one.currency)),
        group=group,
        terms=row.terms,
    )


def of_group(work: Work, name: str) -> dict[int, Mapping[str, Exposure]]:
    """By customer and currency, of those of the group who have any."""
    rows = work.session.execute(OF_GROUP, {"group": name, "customer": 0} | moment(work))
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for part, whose, code, *minors, day, _ in rows:
        _add(found.setdefault(whose, {}).setdefault(code, {}), part, minors, day)
    return {whose: {code: Exposure(**values) for code, values in mine.items()} for whose, mine in found.items()}


def _add(mine: dict[str, Any], part: str, minors: Sequence[int], day: date | None) -> None:
    """One row of the parts, to what is known of a customer in a currency."""
    first, second, third, fourth, fifth = minors
    match part:
        case "open":
            mine |= {"open_minor": first, "overdue_minor": second, "oldest_due": day}
        case "paid":
            mine["unapplied_minor"] = mine.get("unapplied_minor", 0) + first
        case "orders":
            mine |= {"orders_minor": first, "reserved_minor": third, "reserved_shipped_minor": fourth}
            mine["reserved_invoiced_minor"] = mine.get("reserved_invoiced_minor", 0) + fifth
            mine["shipments_minor"] = mine.get("shipments_minor", 0) + second
        case "kept":
            mine["reserved_invoiced_minor"] = mine.get("reserved_invoiced_minor", 0) + first
        case _:
            mine["shipments_minor"] = mine.get("shipments_minor", 0) + first
