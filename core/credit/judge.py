"""The verdict about an order as it stands in the books: what of it is shipped or invoiced already is not asked for again."""

from dataclasses import replace

from core.credit import progress, verdict
from core.credit.exposure import Standing
from core.credit.leaning import leaned
from core.credit.rules import CreditRules
from core.models import Order
from core.work import Work


def judge(work: Work, rules: CreditRules, order: Order, now: Standing) -> verdict.Verdict:
    """By the rules, on the customer's standing without this order."""
    asked, company = facts_of(order), work.company.currency
    if asked.prepaid_minor and rules.prepaid != "trust":
        asked = replace(asked, leaned_minor=leaned(work, rules, now, order.currency))
    found = verdict.check(asked, now, rules, company)
    if found.state != verdict.HELD or not (found.is_over or asked.prepaid_minor):
        return found
    done = progress.done(work, order)
    if not done.minor:
        return found
    # Of an order that is written down, the standing knows what of the money it keeps for what was delivered.
    kept = done.kept_minor if order.id is None else 0
    rest = replace(facts_of(order, done.minor), leaned_minor=asked.leaned_minor + kept)
    return verdict.check(rest, now, rules, company)


def facts_of(order: Order, done_minor: int = 0) -> verdict.OrderFacts:
    """`done_minor` of it counts as shipments or receivables; prepayment pays for that first."""
    amount = max(0, order.amount_minor - done_minor)
    prepaid = min(amount, max(0, order.prepaid_minor - done_minor))
    unclear = bool(order.terms) and order.terms_days is None
    facts = verdict.OrderFacts(amount, order.currency, prepaid, order.terms_days, tuple(order.lines), unclear)
    return replace(facts, done_minor=order.amount_minor - amount)
