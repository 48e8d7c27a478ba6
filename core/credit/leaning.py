"""Money that made room for a released order is not the prepayment of another one as well."""

from dataclasses import replace

from core.credit.exposure import Standing, in_currency, moment, used_in
from core.credit.granted import granted
from core.credit.parts import ID, leaning
from core.credit.rules import CreditRules
from core.models import Order
from core.models.base import table_of
from core.work import Work

O = table_of(Order)  # noqa: E741
LEANS = "leans_minor"  # in an order's facts: core.credit.verdict.Verdict
_LEANS = leaning(O.c.facts[LEANS].as_integer(), lambda customer_id: customer_id == ID)


def leaned(work: Work, rules: CreditRules, now: Standing, currency: str) -> int:
    """Of the customer's unallocated money what orders lean on, minor units of `currency`: what they were released by, until
    it is paid, as far as the customer's limit or its group's is still too low for what is used up without prepaid orders. An
    overrun that somebody approved leans on nothing."""
    over = 0 if rules.prepaid == "trust" else _over(work, rules, now)
    if over <= 0:
        return 0
    company = work.company.currency
    by_money = sum(
        min(leans, in_currency(due, code, now.currency, rules, company) or 0)
        for code, leans, due in work.session.execute(_LEANS, {"customer": now.customer_id} | moment(work))
    )
    return in_currency(min(over, by_money), now.currency, currency, rules, company) or 0


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
