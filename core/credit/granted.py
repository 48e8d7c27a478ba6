"""Which limit counts for a customer, and where it comes from: its own, or what the policy gives its rating. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.credit.exposure import Standing, in_currency
from core.credit.rules import CreditRules


@dataclass(frozen=True)
class Granted:
    """`minor`: in the limit's currency; None is no limit, 0 cash only.

    source: `own` set for this customer, `new` or `grade` of its rating by policy, `cash_only` by its rating, `none`.
    """

    minor: int | None
    source: str


def granted(now: Standing, rules: CreditRules, company_currency: str) -> Granted:
    """A rating that pays cash comes first, then the customer's own limit; what is added for a while is added to both."""
    if now.rating in rules.cash_only:
        return Granted(0, "cash_only")
    if now.base_minor is not None:
        extra = now.extra_minor + (insured(now, rules, company_currency) if now.base_minor else 0)
        return Granted(now.base_minor + extra, "own")
    by_policy = of_rating(now.rating, now.currency, rules, company_currency)
    if by_policy is None:
        return Granted(None, "none")
    extra = now.extra_minor + (insured(now, rules, company_currency) if by_policy else 0)
    return Granted(by_policy + extra, "new" if now.rating in ("", "new") else "grade")


def available(now: Standing, rules: CreditRules, company_currency: str) -> int | None:
    """What may still be ordered, in the limit's currency: the lower of what the customer's own limit and its group's leave.

    Below 0 it is too much already; None without any limit. Of a group's limit without a rate nothing is left.
    """
    limit = granted(now, rules, company_currency).minor
    own = [] if limit is None else [limit - now.used_minor(rules, company_currency)]
    if now.group is not None:
        mine, room = now.group.own_minor(rules, company_currency), now.group.limit_minor
        room -= now.group.others_minor(rules, company_currency)
        left = (room if mine > 0 else max(0, room)) - mine  # its own money is nobody else's to use up
        found = in_currency(-left, now.group.currency, now.currency, rules, company_currency)
        own.append(0 if found is None else -found)
    return min(own, default=None)


def insured(now: Standing, rules: CreditRules, company_currency: str) -> int:
    """What insurers answer for, in the limit's currency, rounded down; 0 where the policy only shows it, or without a rate.
    Who pays cash only has no credit that somebody could insure."""
    if rules.insured != "extra":
        return 0
    owed = (in_currency(-one.minor, one.currency, now.currency, rules, company_currency) for one in now.insured)
    return -sum(minor or 0 for minor in owed)  # rounded up below 0


def of_rating(rating: str, currency: str, rules: CreditRules, company_currency: str) -> int | None:
    """What the policy gives customers of a rating who have no limit of their own, at internal rates, rounded down.

    Without a rate it is 0: a limit that nobody can count is none to deliver on.
    """
    limit: Mapping[str, int] = rules.grade(rating).limit
    if not limit:
        return None
    if currency in limit:
        return limit[currency]
    for code, minor in limit.items():
        found = in_currency(-minor, code, currency, rules, company_currency)  # it rounds up: of what is owed, not of this
        if found is not None:
            return -found
    return 0
