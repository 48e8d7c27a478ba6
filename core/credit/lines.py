"""What an approval adds to a customer's limit until a day: a line of its own beside what others have granted, so that none
of them gets longer, shorter or larger by another one."""

from datetime import date, timedelta

from sqlalchemy import select, update

from core.credit import own_orders
from core.credit.exposure import in_currency, standing
from core.credit.judge import judge
from core.credit.rules import CreditRules
from core.dunning.ladder import Policy
from core.models import CreditLine, CreditRequest, CreditVote, Order
from core.models.base import table_of
from core.work import Work

L, Q, V = table_of(CreditLine), table_of(CreditRequest), table_of(CreditVote)


def grant(work: Work, policy: Policy, request: CreditRequest, order: Order, until: date) -> None:
    """By what the held order goes beyond the limit: what the card showed, or less if it is less by now. It ends by itself
    after `until`. Nothing is added while an order waits that is the own one of somebody who agreed before. The customer is
    locked. Errors: credit.own_order(number)."""
    own_orders.refuse(work, [request.customer_id])
    amount = addition(work, policy, request, order)
    if not amount:
        return
    work.session.add(CreditLine(
        customer_id=request.customer_id, amount_minor=amount, currency=request.facts["currency"], from_on=work.today,
        until=until, ended_on=until + timedelta(days=1), reason=request.reason, made_by_id=request.decided_by_id,
        request_id=request.id,
    ))  # fmt: skip
    work.audit("credit.line", "credit", request.id, request.customer_id, amount_minor=amount, until=until.isoformat())


def addition(work: Work, policy: Policy, request: CreditRequest, order: Order) -> int:
    """What `grant` would add now, minor units of the limit's currency. To a rating that pays cash only nothing is added: it
    would count on top of the limit that a better rating brings back."""
    agreed = select(V.c.person_id).where(V.c.request_id == request.id, V.c.request_rev == request.rev, V.c.approve)
    people = work.session.execute(agreed.order_by(V.c.person_id)).scalars().all()
    if any(own_orders.held_of(work, person, [request.customer_id]) for person in people):
        return 0
    found = judge(work, policy.credit, order, standing(work, request.customer_id))
    return 0 if found.limit_source == "cash_only" else min(int(request.facts["over_minor"]), found.over_minor)


def end(work: Work, order: Order) -> None:
    """What was added for an order that is taken back is there for no other one."""
    of_order = L.c.request_id.in_(select(Q.c.id).where(Q.c.order_id == order.id))
    runs = L.c.customer_id == order.customer_id, L.c.ended_on > work.today
    work.session.execute(update(L).where(*runs, of_order).values(ended_on=work.today))


def shorten(work: Work, rules: CreditRules, order: Order, less_minor: int) -> None:
    """The order is smaller by so much, or so much of it will never be delivered: that needs nothing added to the limit. The
    customer is locked."""
    if less_minor <= 0:
        return
    of_order = L.c.request_id.in_(select(Q.c.id).where(Q.c.order_id == order.id))
    runs = L.c.customer_id == order.customer_id, L.c.ended_on > work.today
    found = select(CreditLine).where(*runs, of_order).order_by(L.c.id.desc())
    for line in work.session.execute(found.execution_options(populate_existing=True)).scalars():
        off = in_currency(less_minor, order.currency, line.currency, rules, work.company.currency)
        if off is None or off >= line.amount_minor:
            line.ended_on = work.today
        else:
            line.amount_minor -= off
        work.audit(
            "credit.line_less", "credit", line.request_id, order.customer_id,
            amount_minor=0 if line.ended_on == work.today else line.amount_minor, until=line.until.isoformat(),
        )  # fmt: skip
    work.session.flush()
