"""Limits that a policy sets on parts of what a customer uses up, beside the limit itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.credit.exposure import Exposure, in_currency, part_minor
from core.credit.rules import CreditRules

GROWS = "orders"  # the part that an order belongs to once it is released


@dataclass(frozen=True)
class Beyond:
    """A part that is larger than its limit, and by how much; both in the company's currency."""

    part: str
    limit_minor: int
    over_minor: int


def beyond(
    exposures: Mapping[str, Exposure], amount_minor: int, currency: str, rules: CreditRules, company_currency: str
) -> tuple[list[Beyond], set[str]]:
    """Of a customer with an order of `amount_minor` in `currency` to come: parts beyond their limits, and the currencies
    that can't be counted for want of a rate. Money that came in makes no room in a part."""
    found: list[Beyond] = []
    unrated: set[str] = set()
    for part, limit in rules.part_limits.items():
        minors = {code: part_minor(exposure, part, rules) for code, exposure in exposures.items()}
        if part == GROWS:
            minors[currency] = minors.get(currency, 0) + amount_minor
        counted = {
            code: in_currency(minor, code, company_currency, rules, company_currency) for code, minor in minors.items()
        }
        unrated |= {code for code, minor in counted.items() if minor is None}
        over = sum(minor or 0 for minor in counted.values()) - limit
        if over > 0:
            found.append(Beyond(part, limit, over))
    return found, unrated
