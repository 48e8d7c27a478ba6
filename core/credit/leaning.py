"""Money that made room for a released order is not the prepayment of another one as well."""

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, func, select

from core.credit.exposure import Standing, in_currency
from core.credit.granted import granted
from core.credit.rules import CreditRules
from core.models import Order, OrderState
from core.models.base import table_of
from core.work import Work

O = table_of(Order)  # noqa: E741
LEANS = "leans_minor"  # in an order's facts: core.credit.verdict.Verdict
_LEANS = select(func.coalesce(func.sum(O.c.facts[LEANS].as_integer()), 0)).where(
    O.c.customer_id == bindparam("customer"), O.c.state == OrderState.released
)


def leaned(work: Work, rules: CreditRules, now: Standing, currency: str) -> int:
    """Of the customer's unallocated money what released orders lean on, minor units of `currency`: what they were released
    by, as far as the limit is still too low for what is used up without prepaid orders. An overrun that somebody approved
    leans on nothing."""
    limit = granted(now, rules, work.company.currency).minor
    if limit is None or rules.prepaid == "trust":
        return 0
    over = now.used_minor(replace(rules, net_unapplied=False), work.company.currency) - _reserved(work, rules, now) - limit
    if over <= 0:
        return 0
    by_money: Any = work.session.execute(_LEANS, {"customer": now.customer_id}).scalar_one()
    return in_currency(min(over, int(by_money)), now.currency, currency, rules, work.company.currency) or 0


def _reserved(work: Work, rules: CreditRules, now: Standing) -> int:
    company = work.company.currency
    return sum(
        in_currency(each.reserved_minor + each.reserved_invoiced_minor, currency, now.currency, rules, company) or 0
        for currency, each in now.exposures.items()
    )
