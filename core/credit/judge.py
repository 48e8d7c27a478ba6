"""The verdict about an order as it stands in the books: what of it is shipped or invoiced already is not asked for again."""

from core.credit import progress, verdict
from core.credit.exposure import Standing
from core.credit.rules import CreditRules
from core.models import Order
from core.work import Work


def judge(work: Work, rules: CreditRules, order: Order, now: Standing) -> verdict.Verdict:
    """By the rules, on the customer's standing without this order."""
    found = verdict.check(facts_of(order), now, rules, work.company.currency)
    if not found.is_over:
        return found
    done = progress.done_minor(work, order)
    if not done:
        return found
    return verdict.check(facts_of(order, done), now, rules, work.company.currency)


def facts_of(order: Order, done_minor: int = 0) -> verdict.OrderFacts:
    """`done_minor` of it counts as shipments or receivables; prepayment pays for that first."""
    amount = max(0, order.amount_minor - done_minor)
    prepaid = min(amount, max(0, order.prepaid_minor - done_minor))
    unclear = bool(order.terms) and order.terms_days is None
    return verdict.OrderFacts(amount, order.currency, prepaid, order.terms_days, tuple(order.lines), unclear)
