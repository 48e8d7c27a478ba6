"""What the order system does with an order later on: changes it, or says that nothing more of it will be delivered.

held | released | refused | rejected -> held | released | refused     changed: judged anew as far as it got worse
held | released -> closed                                             only what is shipped still uses up the limit
"""

from math import inf
from typing import Any

from sqlalchemy import select

from core import outbox
from core.credit import asking, events, lines, locks, orders, own_orders, prepayment, progress, requests, shown, verdict
from core.credit.deciders import Deciders
from core.credit.exposure import Standing, standing
from core.credit.incoming import NewOrder
from core.credit.judge import facts_of, judge
from core.credit.orders import Submitted
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.stored import active
from core.errors import DomainError
from core.ledger.marks import DONE, mark
from core.models import CreditRequest, Customer, Order, OrderState
from core.models.base import table_of
from core.money import Money
from core.work import Work

C = table_of(Customer)
_ENDED = (OrderState.cancelled, OrderState.closed)
_PRICES = frozenset({"discount", "below_cost"})
CLOSED_FROM = "closed_from"  # in a closed order's facts: the state that it had


def change(work: Work, policy: Policy, order: Order, new: NewOrder) -> Submitted:
    """The order as it is to be from now on, with a verdict of its own. A released order stays released unless it got
    worse: larger, less of it prepaid, longer terms, other terms that nobody can read, other reasons against it, other lines
    with a price that needs approval; that its customer was blacklisted since is no reason.
    Who was asked about the old one isn't any more, and conditions of its approval are gone; but where it is no worse and the
    same people must agree, they are asked still. Other words alone ask nobody anew before the next working
    day, nor after a rejection where they say nothing new.

    Errors: order.ended; order.other(field): its number, customer and currency stay; order.below_done(amount: Money): so much
    is shipped or invoiced; person.unknown; order.to_come.
    """
    _fresh(work, order)
    if order.fingerprint == new.fingerprint:
        pending = requests.pending(work, order.id or 0)
        return Submitted(order, pending.id if pending is not None else None, again=True)
    done = progress.of_order(work, order)
    _may_change(work, order, new, done)
    pending = requests.pending(work, order.id or 0)
    if _asks_nobody(work, order, new, pending):
        return _reworded(work, order, new, pending)
    before, amount = _told(order), order.amount_minor
    was = OrderState(order.state)
    order.state = OrderState.held  # nobody's limit is used up by it while it is judged
    work.session.flush()
    now = standing(work, order.customer_id)
    codes = _against(work, policy, order, now, done)
    agreed = 0
    if was == OrderState.released:  # on a prepayment, as far as it was there
        agreed = min(order.prepaid_minor, int(order.conditions.get("prepay_minor", 0)))
    worse = _is_worse(order, new, agreed)
    others = [dict(line) for line in new.lines] != order.lines
    kept = min(order.prepaid_minor, done.done_minor)  # paid for what was delivered, whatever is said now
    _take_over(work, order, new, now)
    prepaid = min(new.amount_minor, max(new.prepaid_minor, kept))
    order.prepaid_minor = min(new.amount_minor, max(prepaid, agreed))
    now, found = _anew(work, policy, order)
    worse = worse or bool(_new_reasons(found, codes, others))
    is_gone = found.state == verdict.HELD and done.shipped_minor >= order.amount_minor
    stays = was == OrderState.released != found.state and (is_gone or not worse)
    if pending is not None and not worse:
        by_now = _still_asked(work, policy, order, pending, now, found)
        if by_now is not None:
            return _eased(work, policy, order, pending, now, found, by_now, before)
    if pending is not None:
        requests.end(work, pending, "obsolete")
    less = amount - max(order.amount_minor, done.done_minor)
    if stays:  # by the verdict, or the approval, that it has
        order.state = OrderState.released
        if worse:  # or only since it has left already: should that be put right, it is judged anew
            order.facts = {**order.facts, DONE: order.amount_minor}
        lines.shorten(work, policy.credit, order, less)
    else:
        if order.prepaid_minor != prepaid:
            order.prepaid_minor = prepaid
            now, found = _anew(work, policy, order)
        if was == OrderState.released:
            fits = found.state == verdict.RELEASED
            lines.shorten(work, policy.credit, order, less if fits else amount - done.done_minor)
            now, found = (now, found) if fits else _anew(work, policy, order)
        orders.settle(order, found)
        order.conditions, order.decided_at = {}, None
    work.audit("order.changed", "order", order.id, order.customer_id, before=before, after=_told(order))
    work.session.flush()
    mark(work, [order.customer_id])
    prepayment.settle(work, [order.customer_id])
    if order.state == OrderState.held:
        last = requests.latest(work, order.id or 0)
        request = requests.open_(work, policy, order, now, found)
        if request is not None:
            request.facts = {**request.facts, **asking.refusal(last)}
        outbox.touch(work, "order", [order.id or 0])
        events.order_changed(work, order)
        return Submitted(order, request.id if request is not None else None)
    if order.state != was:
        requests.settle_order(work, policy, order, OrderState(order.state), by="change")
    else:
        outbox.touch(work, "order", [order.id or 0])
        events.order_changed(work, order)
    return Submitted(order, None)


def _still_asked(
    work: Work, policy: Policy, order: Order, pending: CreditRequest, now: Standing, found: verdict.Verdict
) -> Deciders | None:
    """Those who decide about the order as it is now, if they are those who were asked about it, and what they saw was no
    better."""
    if found.state != verdict.HELD or pending.expires_at <= work.now:
        return None
    if shown.has_worsened(pending.facts, shown.of(now, found)):
        return None
    org = load_org(work)
    by_now = requests.deciders_now(work, pending, order, now, found, policy, org)
    own = requests.voters(work, pending) & requests.barred(order, org, now, pending)
    return by_now if by_now is not None and not by_now.anew and not own else None


def _eased(
    work: Work, policy: Policy, order: Order, pending: CreditRequest, now: Standing, found: verdict.Verdict,
    by_now: Deciders, before: dict[str, Any],
) -> Submitted:  # fmt: skip
    """Every yes stands: it was said to more. Cards show what is left of it."""
    orders.settle(order, found)
    kept = {key: pending.facts[key] for key in requests.KEPT if key in pending.facts}
    pending.facts, pending.route, pending.rungs = shown.of(now, found) | kept, by_now.route, by_now.rungs
    work.audit("order.changed", "order", order.id, order.customer_id, before=before, after=_told(order), request=pending.id)
    work.session.flush()
    mark(work, [order.customer_id])
    prepayment.settle(work, [order.customer_id])
    outbox.touch(work, "credit", [pending.id or 0])
    outbox.touch(work, "order", [order.id or 0])
    requests.cards(work, policy, pending)
    events.order_changed(work, order)
    return Submitted(order, pending.id)


def _anew(work: Work, policy: Policy, order: Order) -> tuple[Standing, verdict.Verdict]:
    work.session.flush()
    now = standing(work, order.customer_id)
    return now, judge(work, policy.credit, order, now)


def close(work: Work, order: Order) -> None:
    """Nothing more of it will be delivered: what is not shipped uses up nothing any more, and needs no limit that was raised
    for it. Again changes nothing.

    Errors: order.ended.
    """
    _fresh(work, order)
    if order.state == OrderState.closed:
        return
    if order.state not in (OrderState.held, OrderState.released):
        raise DomainError("order.ended", number=order.number, state=str(order.state))
    pending = requests.pending(work, order.id or 0)
    if pending is not None:
        requests.end(work, pending, "withdrawn")
    done = progress.of_order(work, order).done_minor
    lines.shorten(work, active(work)[1].credit, order, order.amount_minor - done)
    order.facts = {**order.facts, CLOSED_FROM: str(order.state)}
    order.state, order.ended_at = OrderState.closed, work.now
    work.audit("order.closed", "order", order.id, order.customer_id)
    work.session.flush()
    mark(work, [order.customer_id])
    prepayment.settle(work, [order.customer_id])
    outbox.touch(work, "order", [order.id or 0])
    events.order_changed(work, order)


def _fresh(work: Work, order: Order) -> None:
    """Somebody may have decided while we waited for the customer."""
    locks.lock_orders(work, locks.lock(work, order.customer_id))
    work.session.refresh(order)


def _may_change(work: Work, order: Order, new: NewOrder, done: progress.Progress) -> None:
    if order.state in _ENDED:
        raise DomainError("order.ended", number=order.number, state=str(order.state))
    orders.own_day(work, new)
    code = work.session.execute(select(C.c.code).where(C.c.id == order.customer_id)).scalar()
    for field, one, other in (
        ("number", order.number, new.number), ("customer", code, new.customer), ("currency", order.currency, new.currency),
    ):  # fmt: skip
        if one != other:
            raise DomainError("order.other", field=field, number=order.number, value=other)
    if new.amount_minor < min(done.done_minor, order.amount_minor):
        raise DomainError(
            "order.below_done", number=order.number, amount=Money(min(done.done_minor, order.amount_minor), order.currency)
        )


def _against(work: Work, policy: Policy, order: Order, now: Standing, done: progress.Progress) -> set[str]:
    """What would speak against the order as it was."""
    facts = facts_of(order, done.done_minor)
    return {reason.code for reason in verdict.check(facts, now, policy.credit, work.company.currency).reasons}


def _is_worse(order: Order, new: NewOrder, agreed_minor: int) -> bool:
    prepaid_minor = max(new.prepaid_minor, agreed_minor)
    return bool(
        new.amount_minor - prepaid_minor > order.amount_minor - order.prepaid_minor
        or new.amount_minor > order.amount_minor
        or _wait(new) > _wait(order)
        or (_wait(new) == inf and new.terms != order.terms)  # whoever agreed had read the others
    )


def _wait(order: Order | NewOrder) -> float:
    """In days, for the money; terms that can't be read may be any."""
    return inf if order.terms and order.terms_days is None else order.terms_days or 0


def _new_reasons(found: verdict.Verdict, codes: set[str], other_lines: bool) -> set[str]:
    """What was agreed about prices was agreed about these lines and no others."""
    return {reason.code for reason in found.reasons if reason.code not in codes or (other_lines and reason.code in _PRICES)}


def _asks_nobody(work: Work, order: Order, new: NewOrder, pending: CreditRequest | None) -> bool:
    """Only words changed, on which nobody decides, and they are no reason to ask anew, at least not today: the question is
    asked already, or answered, and nobody is worn down by it."""
    if order.state not in (OrderState.held, OrderState.rejected) or not _is_same_but_words(work, order, new):
        return False
    no = requests.latest(work, order.id or 0) if order.state == OrderState.rejected else None
    answered = pending is not None or bool(order.conditions) or (no is not None and not asking.is_news(order, no, new.note))
    return answered or asking.askable_from(work, order) > work.today


def _is_same_but_words(work: Work, order: Order, new: NewOrder) -> bool:
    asked_by = orders.whose(work, new, standing(work, order.customer_id), order.asked_by_id)
    lines = [dict(line) for line in new.lines]
    is_now = (new.amount_minor, new.prepaid_minor, new.terms, new.terms_days, lines, asked_by, new.ordered_on)
    return is_now == (
        order.amount_minor, order.prepaid_minor, order.terms, order.terms_days, order.lines, order.asked_by_id,
        order.ordered_on,
    )  # fmt: skip


def _reworded(work: Work, order: Order, new: NewOrder, pending: CreditRequest | None) -> Submitted:
    """Its cards show the new words; the verdict, and every vote, stands."""
    _keep_concerned(work, order)
    work.audit("order.reworded", "order", order.id, order.customer_id, before=order.note, note=new.note)
    order.note, order.extra = new.note, dict(new.extra)
    order.entered_by, order.fingerprint = work.actor, new.fingerprint
    work.session.flush()
    outbox.touch(work, "order", [order.id or 0])
    if pending is not None:
        outbox.touch(work, "credit", [pending.id or 0])
    return Submitted(order, pending.id if pending is not None else None)


def _keep_concerned(work: Work, order: Order) -> None:
    """A change makes nobody's order somebody else's."""
    own_orders.remember(work, order, requests.concerned(order, load_org(work)))


def _take_over(work: Work, order: Order, new: NewOrder, now: Standing) -> None:
    _keep_concerned(work, order)
    order.asked_by_id = orders.whose(work, new, now, order.asked_by_id)
    order.amount_minor, order.prepaid_minor = new.amount_minor, new.prepaid_minor
    order.terms, order.terms_days, order.ordered_on = new.terms, new.terms_days, new.ordered_on
    order.lines, order.note, order.extra = [dict(line) for line in new.lines], new.note, dict(new.extra)
    order.entered_by, order.fingerprint = work.actor, new.fingerprint


def _told(order: Order) -> dict[str, Any]:
    """What the audit keeps of it."""
    return {
        "state": str(order.state), "amount_minor": order.amount_minor, "currency": order.currency,
        "prepaid_minor": order.prepaid_minor, "terms": order.terms, "conditions": order.conditions,
    }  # fmt: skip
