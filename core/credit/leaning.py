"""Money that made room for a released order is not the prepayment of another one as well."""

from dataclasses import replace
from typing import Any

from sqlalchemy import String, bindparam, select

from core.credit.exposure import Standing, in_currency, moment, used_in
from core.credit.granted import granted
from core.credit.parts import ID, leaning
from core.credit.rules import CreditRules
from core.models import Customer, Order
from core.models.base import table_of
from core.work import Work

C, O = table_of(Customer), table_of(Order)  # noqa: E741
# In an order's facts: core.credit.verdict.Verdict.
LEANS, LEANS_ON_GROUP = "leans_minor", "leans_group_minor"
_GROUP: Any = bindparam("group", type_=String)
_LEANS = leaning(O.c.facts[LEANS].as_integer(), lambda customer_id: customer_id == ID)
_MEMBERS = select(C.c.id).where(C.c.group_name == _GROUP)
_LEANS_ON_GROUP = leaning(O.c.facts[LEANS_ON_GROUP].as_integer(), lambda customer_id: customer_id.in_(_MEMBERS))


def leaned(work: Work, rules: CreditRules, now: Standing, currency: str) -> int:
    """Of the customer's unallocated money what orders lean on, minor units of `currency`: what they were released by, until
    it is paid, as far as the customer's limit or its group's is still too low for what is used up without prepaid orders. In
    a group's limit orders of other members may lean on it as well; the larger counts. An overrun that somebody approved
    leans on nothing."""
    if rules.prepaid == "trust":
        return 0
    company, found = work.company.currency, []
    if (over := _over(work, rules, now)) > 0:
        found.append((min(over, _sum(work, rules, now.currency, _LEANS, {"customer": now.customer_id})), now.currency))
    if (group := now.group) is not None:
        own = _gross(now, group.currency, rules, company)
        over = min(own, group.others_minor(rules, company) + own - group.limit_minor)
        if over > 0:
            by_money = _sum(work, rules, group.currency, _LEANS_ON_GROUP, {"group": group.name})
            found.append((min(over, by_money), group.currency))
    return max((in_currency(minor, of, currency, rules, company) or 0 for minor, of in found), default=0)


def _sum(work: Work, rules: CreditRules, to: str, statement: Any, asked: dict[str, Any]) -> int:
    """Of all orders what each leans on, but no more than it still uses up."""
    rows = work.session.execute(statement, asked | moment(work))
    least: list[int] = [
        min(leans, in_currency(due, code, to, rules, work.company.currency) or 0) for code, leans, due in rows
    ]
    return sum(least)


def _over(work: Work, rules: CreditRules, now: Standing) -> int:
    """By how much the limits are too low, did no money count but prepayment; in the currency of the customer's limit."""
    company, found = work.company.currency, []
    limit = granted(now, rules, company).minor
    if limit is not None:
        found.append(_gross(now, now.currency, rules, company) - limit)
    if (group := now.group) is not None:
        over = _gross(now, group.currency, rules, company) + group.others_minor(rules, company) - group.limit_minor
        found.append(in_currency(over, group.currency, now.currency, rules, company) or 0)
    return max(found, default=0)


def _gross(now: Standing, to: str, rules: CreditRules, company: str) -> int:
    """What is used up without what was paid for in advance; in `to`."""
    reserved = sum(
        in_currency(each.reserved_minor + each.reserved_invoiced_minor, code, to, rules, company) or 0
        for code, each in now.exposures.items()
    )
    return used_in(now.exposures, to, replace(rules, net_unapplied=False), company) - reserved
