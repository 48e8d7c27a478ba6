"""Money that made room for a released order is not the prepayment of another one as well."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from core.credit.exposure import Standing, in_currency
from core.credit.granted import granted
from core.credit.rules import CreditRules
from core.models import Customer, Order, OrderState
from core.models.base import table_of
from core.work import Work

C, O = table_of(Customer), table_of(Order)  # noqa: E741
# In an order's facts: core.credit.verdict.Verdict.
LEANS, LEANS_ON_GROUP = "leans_minor", "leans_group_minor"
_OWN = select(func.coalesce(func.sum(O.c.facts[LEANS].as_integer()), 0)).where(
    O.c.customer_id == bindparam("customer"), O.c.state == OrderState.released
)
_GROUP: Any = bindparam("group")
_OF_GROUP = select(func.coalesce(func.sum(O.c.facts[LEANS_ON_GROUP].as_integer()), 0)).where(
    O.c.customer_id.in_(select(C.c.id).where(C.c.group_name == _GROUP)), O.c.state == OrderState.released
)


def leaned(work: Work, rules: CreditRules, now: Standing, currency: str) -> int:
    """Of the customer's unallocated money what released orders lean on, minor units of `currency`: what they were released
    by, as far as the limit is still too low for what is used up without prepaid orders. So for the customer's own limit and
    for its group's, where orders of other members may lean on it; the larger counts. An overrun that somebody approved
    leans on nothing."""
    if rules.prepaid == "trust":
        return 0
    gross, company = replace(rules, net_unapplied=False), work.company.currency
    limit, leaning = granted(now, rules, company).minor, []
    if limit is not None:
        over = now.used_minor(gross, company) - _reserved(work, rules, now, now.currency) - limit
        leaning.append((_least(work, over, _OWN, {"customer": now.customer_id}), now.currency))
    if (group := now.group) is not None:
        own = group.own_minor(gross, company) - _reserved(work, rules, now, group.currency)
        over = min(own, group.others_minor(rules, company) + own - group.limit_minor)
        leaning.append((_least(work, over, _OF_GROUP, {"group": group.name}), group.currency))
    return max((in_currency(minor, of, currency, rules, company) or 0 for minor, of in leaning), default=0)


def _least(work: Work, over_minor: int, by_money: Select[tuple[int]], asked: dict[str, Any]) -> int:
    return min(over_minor, int(work.session.execute(by_money, asked).scalar_one())) if over_minor > 0 else 0


def _reserved(work: Work, rules: CreditRules, now: Standing, to: str) -> int:
    company = work.company.currency
    return sum(
        in_currency(each.reserved_minor + each.reserved_invoiced_minor, currency, to, rules, company) or 0
        for currency, each in now.exposures.items()
    )
