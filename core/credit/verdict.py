"""An order's verdict by the rules, with every reason. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.credit.exposure import GroupStanding, Standing, in_currency
from core.credit.granted import available, granted
from core.credit.incoming import days_of
from core.credit.part_limits import GROWS, beyond
from core.credit.rules import BLOCKING, CreditRules
from core.money import plain_number

RELEASED, HELD, REFUSED = "released", "held", "refused"
# A blacklist refuses. What a ladder holds is free for an order paid in advance; what a person holds is not.
_STOPS = frozenset(BLOCKING) - {"blacklist"}


@dataclass(frozen=True)
class OrderFacts:
    """What the rules look at. `terms_days`: None where the order says nothing of terms, or, if `terms_unclear`, nothing
    that can be read. `leaned_minor`: of the customer's money what made room for others (core.credit.leaning). `lines`: as
    they came in; `price`, `list_price` and `cost` are texts in major units. `done_minor`: of the order, beside
    `amount_minor`, what is shipped or invoiced already."""

    amount_minor: int
    currency: str
    prepaid_minor: int = 0
    terms_days: int | None = None
    lines: Sequence[Mapping[str, Any]] = ()
    terms_unclear: bool = False
    leaned_minor: int = 0
    done_minor: int = 0


@dataclass(frozen=True)
class Reason:
    """Why an order isn't simply released. `code` is one of rules.REASONS or NO_ROUTE and names the phrase, `facts` fill it;
    amounts are [minor, currency]."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {"code": self.code, **self.facts}


@dataclass(frozen=True)
class Shared:
    """The limit of the customer's group: what all of them use up without the order, and by how much it goes beyond; in
    `currency`. No member but the customer is named."""

    name: str
    currency: str
    limit_minor: int
    used_minor: int
    over_minor: int


@dataclass(frozen=True)
class Verdict:
    """`over_minor`: by how much the order goes beyond the limit, in the limit's currency. `used_minor`: without it.
    `limit_minor` is what counts, None for none, and `limit_source` where it comes from (core.credit.granted)."""

    state: str
    reasons: tuple[Reason, ...]
    used_minor: int
    over_minor: int
    limit_minor: int | None = None
    limit_source: str = "none"
    group: Shared | None = None
    leans_minor: int = 0  # of the order what only money of the customer's own made room for, in the limit's currency
    leans_group_minor: int = 0  # the same of the group's limit, by money of any of its members, in that limit's currency
    done_minor: int = 0  # of the order, what the verdict didn't ask for since it was shipped or invoiced already
    available_minor: int | None = None  # the lower of what the customer's limit and its group's leave: granted.available

    @property
    def is_over(self) -> bool:
        return (
            self.over_minor > 0
            or (self.group is not None and self.group.over_minor > 0)
            or any(reason.facts.get("part") == GROWS for reason in self.reasons)
        )


def check(order: OrderFacts, standing: Standing, rules: CreditRules, company_currency: str) -> Verdict:
    used = standing.used_minor(rules, company_currency)
    mine = _counts(order, rules)
    this = in_currency(mine, order.currency, standing.currency, rules, company_currency)
    may_owe = granted(standing, rules, company_currency)
    limit = may_owe.minor
    over = 0 if limit is None or this is None else max(0, used + this - limit)
    group = _shared(order, mine, standing.group, rules, company_currency) if standing.group is not None else None
    refusals, holds = _price(order, rules)
    if "blacklist" in standing.holds:
        refusals.append(Reason("blacklist"))
    paid = _is_paid(order, standing, rules)
    if _STOPS & standing.holds and (not paid or "manual" in standing.holds):
        holds.append(Reason("hold"))
    if not paid:
        holds += _money(order, standing, rules, company_currency, limit, over, group)
    if rules.ask_within and not holds and not paid:
        holds.append(Reason("ask_within", {"role": rules.ask_within}))
    state = REFUSED if refusals else HELD if holds else RELEASED
    leans = leans_on_group = 0
    if state == RELEASED and not (paid and order.amount_minor):
        leans = _leans(order, mine, standing, rules, company_currency, limit)
        if (shared := standing.group) is not None and not paid:
            used_up = shared.used_minor(replace(rules, net_unapplied=False), company_currency)
            part = in_currency(mine, order.currency, shared.currency, rules, company_currency) or 0
            leans_on_group = min(part, max(0, used_up + part - shared.limit_minor))
    left = available(standing, rules, company_currency)
    return Verdict(
        state, (*refusals, *holds), used, over, limit, may_owe.source, group, leans, leans_on_group, order.done_minor, left
    )


def _leans(
    order: OrderFacts, mine: int, standing: Standing, rules: CreditRules, company_currency: str, limit: int | None
) -> int:
    """What of the order, delivered or not, only money makes room for in the customer's limit or in its group's; in the
    currency of the customer's limit."""
    gross = replace(rules, net_unapplied=False)

    def by_money(own: int, without_money: int, others: int, limit_minor: int, currency: str) -> int:
        this, whole = (
            in_currency(minor, order.currency, currency, rules, company_currency) or 0
            for minor in (mine, mine + order.done_minor)
        )
        return min(whole, max(0, others + without_money + this - limit_minor), without_money - own)

    found = 0
    if limit is not None:
        own, without = (standing.used_minor(each, company_currency) for each in (rules, gross))
        found = by_money(own, without, 0, limit, standing.currency)
    if (group := standing.group) is not None:
        own, without = (group.own_minor(each, company_currency) for each in (rules, gross))
        others = group.others_minor(rules, company_currency)
        shared = by_money(own, without, others, group.limit_minor, group.currency)
        found = max(found, in_currency(shared, group.currency, standing.currency, rules, company_currency) or 0)
    return found


def _shared(
    order: OrderFacts, mine: int, group: GroupStanding, rules: CreditRules, company_currency: str
) -> Shared:
    """An order that the customer's own money pays for takes nothing from the others."""
    own, others = group.own_minor(rules, company_currency), group.others_minor(rules, company_currency)
    this = in_currency(mine, order.currency, group.currency, rules, company_currency)
    after = max(0, own + this) if this is not None else 0
    over = max(0, others + after - group.limit_minor) if after else 0
    return Shared(group.name, group.currency, group.limit_minor, others + max(0, own), over)


def _counts(order: OrderFacts, rules: CreditRules) -> int:
    """What of the order uses up the limit. What is prepaid counts as long as only the order says so."""
    if "this" not in rules.parts:
        return 0
    return order.amount_minor - _trusted(order, rules)


def _trusted(order: OrderFacts, rules: CreditRules) -> int:
    return order.prepaid_minor if rules.prepaid == "trust" else 0


def _is_paid(order: OrderFacts, standing: Standing, rules: CreditRules) -> bool:
    """Paid in advance: such an order stays possible whatever the customer owes."""
    if order.prepaid_minor < order.amount_minor:
        return False
    if rules.prepaid == "trust" or not order.amount_minor:  # nothing of it is still to come
        return True
    exposure = standing.exposures.get(order.currency)
    return exposure is not None and exposure.free_minor - order.leaned_minor >= order.amount_minor


def _money(
    order: OrderFacts, standing: Standing, rules: CreditRules, company_currency: str, limit: int | None, over: int,
    group: Shared | None,
) -> list[Reason]:  # fmt: skip
    found: list[Reason] = []
    days = standing.overdue_days
    if days > rules.freeze_days_over:
        found.append(Reason("frozen", {"days": days}))
    elif days > 0 and rules.hold_on_overdue:
        found.append(Reason("overdue", {"days": days}))
    this = order.amount_minor - _trusted(order, rules)
    parts, unrated = beyond(standing.exposures, this, order.currency, rules, company_currency)
    for currency in sorted(unrated | _without_rate(order, standing, rules, company_currency, limited=limit is not None)):
        found.append(Reason("no_rate", {"currency": currency}))
    if over:
        found.append(Reason("over_limit" if limit else "no_credit", {"amount": [over, standing.currency]}))
    if group is not None and group.over_minor:
        found.append(Reason("over_group_limit", {"amount": [group.over_minor, group.currency], "group": group.name}))
    for one in parts:
        amounts = {"amount": [one.over_minor, company_currency], "limit": [one.limit_minor, company_currency]}
        found.append(Reason("over_part_limit", {"part": one.part, **amounts}))
    is_over = over or (group is not None and group.over_minor)
    if parts and order.prepaid_minor >= order.amount_minor:  # less of it makes no room in a part
        is_over = True
    if is_over and order.prepaid_minor and rules.prepaid == "received":
        found.append(Reason("prepayment_awaited", {"amount": [order.prepaid_minor, order.currency]}))
    allowed = allowed_days(standing, rules)
    if order.terms_days is not None and order.terms_days > allowed:
        found.append(Reason("terms", {"days": order.terms_days, "allowed": allowed}))
    elif order.terms_unclear:
        found.append(Reason("terms", {"allowed": allowed}))
    return found


def allowed_days(standing: Standing, rules: CreditRules) -> int:
    """The longest terms that need no approval, in days: those agreed with the customer, else what its rating is worth."""
    agreed = days_of(standing.terms)
    return rules.terms_of(standing.rating) if agreed is None else agreed


def _without_rate(
    order: OrderFacts, standing: Standing, rules: CreditRules, company_currency: str, *, limited: bool
) -> set[str]:
    """Currencies that nobody can count against a limit: of this order, of what the customer uses up, of its group."""
    asked = [(standing.currency, standing.foreign)] if limited else []
    if standing.group is not None:
        asked.append((standing.group.currency, standing.group.foreign))
    this = {order.currency} if _counts(order, rules) else set()
    return {
        missing for to, foreign in asked for currency in foreign | this
        if in_currency(1, currency, to, rules, company_currency) is None
        for missing in (currency, to)
        if in_currency(1, missing, company_currency, rules, company_currency) is None
    }  # fmt: skip


def _price(order: OrderFacts, rules: CreditRules) -> tuple[list[Reason], list[Reason]]:
    """(refusals, holds): sold below cost, and discounts beyond what a rep may give."""
    refusals: list[Reason] = []
    holds: list[Reason] = []
    below, discounted = [], []
    for number, line in enumerate(order.lines, start=1):
        price, cost, listed = (plain_number(str(line.get(name))) for name in ("price", "cost", "list_price"))
        name = str(line.get("item") or number)
        if price is not None and cost is not None and price < cost:
            below.append(name)
        if price is not None and listed is not None and listed > 0 and (listed - price) / listed > rules.discount:
            discounted.append(name)
    if below:
        (refusals if rules.below_cost == "refuse" else holds).append(Reason("below_cost", {"lines": below}))
    if discounted:
        holds.append(Reason("discount", {"lines": discounted}))
    return refusals, holds
