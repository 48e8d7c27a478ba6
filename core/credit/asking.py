"""What whoever asks may do about a request: explain it, take it back, ask again.

A request is asked again once a working day at most: the order's first one at once, later ones on the next working day.
Nobody is worn down by the same question: after a rejection it takes something new to say. What was approved on a
prepayment is asked anew when it comes too late.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from core import outbox
from core.credit import events, locks, own_orders, prepayment, requests, shown, verdict
from core.credit.decision import NOTE
from core.credit.exposure import Standing, standing
from core.credit.judge import judge
from core.dunning.ladder import Policy
from core.errors import DomainError
from core.models import CreditRequest, Order, OrderState, RequestState
from core.models.base import table_of
from core.work import Work

MAX_NOTE = 400  # characters
Q = table_of(CreditRequest)


def explain(work: Work, order: Order, note: str) -> CreditRequest:
    """The rep's words, which the approvers' cards show from now on. Things are no worse for it: no vote is asked anew. The
    customer is locked. Errors: credit.not_pending, credit.note_too_long."""
    request = _pending(work, order)
    if len(note) > MAX_NOTE:
        raise DomainError("credit.note_too_long", most=MAX_NOTE)
    work.audit("credit.explained", "credit", request.id, order.customer_id, before=order.note, note=note)
    order.note = note
    work.session.flush()
    outbox.touch(work, "credit", [request.id or 0])
    outbox.touch(work, "order", [order.id or 0])
    return request


def withdraw(work: Work, policy: Policy, order: Order, reason: str = "") -> CreditRequest:
    """Nobody need decide any more; the order stays held. The customer is locked. Errors: credit.not_pending."""
    request = _pending(work, order)
    request.decided_by_id, request.reason = work.person_id, reason[:MAX_NOTE]
    requests.end(work, request, RequestState.withdrawn)
    order.decided_at = work.now
    work.session.flush()
    outbox.touch(work, "order", [order.id or 0])
    requests.tell_end(work, policy, order, request)
    events.order_changed(work, order)
    return request


def ask_again(work: Work, policy: Policy, order: Order, note: str = "") -> CreditRequest | None:
    """A new request on what is true now, or none where the order needs none any more: it is released, or refused by a rule.
    `note`: the rep's words, in place of those before. The customer is locked.

    Errors: credit.not_held, credit.asked_already, credit.asked_today (`next`: the day from which it works again),
    credit.nothing_new (after a rejection, without words that are new), credit.note_too_long, credit.nobody_to_ask.
    """
    locks.lock_orders(work, locks.lock(work, order.customer_id))
    last = requests.latest(work, order.id or 0)
    no = last if order.state == OrderState.rejected else None
    if (order.state != OrderState.held and no is None) or order.conditions:
        raise DomainError("credit.not_held", number=order.number)
    if requests.pending(work, order.id or 0) is not None:
        raise DomainError("credit.asked_already", number=order.number)
    again = askable_from(work, order)
    if again > work.today:
        raise DomainError("credit.asked_today", next=again)
    _say(work, order, note, no)
    if no is not None:
        order.state = OrderState.held
        work.audit("credit.anew", "order", order.id, order.customer_id, request=no.id, rejected=True)
        work.session.flush()
    now = standing(work, order.customer_id)
    found = judge(work, policy.credit, order, now)
    _as_found(order, found)
    if found.state != verdict.HELD:
        requests.settle_order(work, policy, order, OrderState(found.state), by="check")
        return None
    agreed = _agreed(last) if no is None else None
    own_orders.remember(work, order, {work.person_id})
    request = requests.open_(work, policy, order, now, found, work.person_id, agreed=agreed)
    if request is None:
        raise DomainError("credit.nobody_to_ask")
    request.facts = {**request.facts, **refusal(last)}
    outbox.touch(work, "order", [order.id or 0])
    events.order_changed(work, order)
    return request


def refusal(last: CreditRequest | None) -> dict[str, Any]:
    """Of a new request's facts: who said no to the order before, and why. `last`: the request before."""
    if last is None or last.state == RequestState.approved:
        return {}
    if last.state == RequestState.rejected:
        return {"rejected": {"by": last.decided_by_id, "reason": last.reason}}
    return {"rejected": last.facts["rejected"]} if "rejected" in last.facts else {}


def is_news(order: Order, no: CreditRequest, note: str) -> bool:
    """Whether these are words, and others than whoever said no has read."""
    return note.strip() not in ("", no.facts.get(NOTE, order.note).strip())


def _say(work: Work, order: Order, note: str, no: CreditRequest | None) -> None:
    """After a no it takes words that whoever said it hasn't read: these, or what the order system has sent since."""
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise DomainError("credit.note_too_long", most=MAX_NOTE)
    if no is not None and not is_news(order, no, note or order.note):
        raise DomainError("credit.nothing_new", number=order.number)
    if note and note != order.note:
        work.audit("credit.explained", "order", order.id, order.customer_id, before=order.note, note=note)
        order.note = note


def of_somebody(work: Work, policy: Policy, order: Order, now: Standing, found: verdict.Verdict) -> None:
    """A held order about which nobody might decide: asked as soon as there is somebody. The customer is locked."""
    _as_found(order, found)
    last = requests.latest(work, order.id or 0)
    asked_by_id = last.asked_by_id if last is not None else None
    request = requests.open_(work, policy, order, now, found, asked_by_id, agreed=_agreed(last))
    if request is not None:
        request.facts = {**request.facts, **refusal(last)}
        outbox.touch(work, "order", [order.id or 0])
        events.order_changed(work, order)


def _agreed(last: CreditRequest | None) -> Mapping[str, Any] | None:
    """Conditions of a yes that came to nothing: they stand however often it is asked again."""
    if last is None:
        return None
    agreed: Mapping[str, Any] | None = last.conditions or last.facts.get("agreed")
    return agreed


def anew(
    work: Work, policy: Policy, order: Order, approved: CreditRequest, now: Standing, found: verdict.Verdict
) -> bool:
    """Whether the approval of a held order holds no longer: whoever gave it is asked again, on what is true now, if that is
    worse than what they saw, or if it was too long ago. What they agreed to stays agreed. The customer is locked."""
    if found.state != verdict.HELD:
        return False
    good_for = timedelta(days=policy.credit.approval_good_days)
    is_old = approved.decided_at is not None and approved.decided_at + good_for <= work.now
    if not is_old and not shown.is_worse(approved.facts, shown.of(now, found)):
        return False
    order.conditions = {}
    _as_found(order, found)
    work.audit("credit.anew", "order", order.id, order.customer_id, request=approved.id, old=is_old)
    requests.open_(work, policy, order, now, found, approved.asked_by_id, agreed=approved.conditions)
    prepayment.settle(work, [order.customer_id])
    outbox.touch(work, "order", [order.id or 0])
    events.order_changed(work, order)
    return True


def _as_found(order: Order, found: verdict.Verdict) -> None:
    order.decided_at = None
    order.reasons = [reason.json() for reason in found.reasons]
    order.facts = {**order.facts, "used_minor": found.used_minor, "over_minor": found.over_minor}


def _pending(work: Work, order: Order) -> CreditRequest:
    request = requests.pending(work, order.id or 0)
    if request is None or request.expires_at <= work.now:
        raise DomainError("credit.not_pending", number=order.number)
    return request


def askable_from(work: Work, order: Order) -> date:
    """The day from which a new request may be made."""
    opened = work.session.execute(select(Q.c.opened_at).where(Q.c.order_id == order.id).order_by(Q.c.id)).scalars().all()
    if len(opened) < 2:
        return work.today
    calendar = work.company.calendar
    return calendar.next_working_day(calendar.business_date(opened[-1]))
