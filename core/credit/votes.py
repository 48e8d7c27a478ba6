"""One approver's word about a held order, and what the request comes to by it: the next rung is asked, or it is decided.

Who may say it, and what is asked, says core.credit.requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from core import outbox
from core.credit import events, lines, locks, own_orders, prepayment, requests, seats, shown, verdict
from core.credit.conditions import merged
from core.credit.deciders import Deciders
from core.credit.decision import NOTE
from core.credit.exposure import Standing, standing
from core.credit.judge import judge
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.ledger.marks import mark
from core.models import CreditRequest, CreditVote, Order, OrderState, RequestState
from core.models.base import table_of
from core.work import Work

V = table_of(CreditVote)


@dataclass(frozen=True)
class Voted:
    """What became of somebody's word: `already`, `not_yours`, `stale`, `counted` (others must agree, too), `approved`,
    `rejected`. `state`: of a request that was decided before."""

    code: str
    state: str = ""


def vote(
    work: Work,
    policy: Policy,
    request: CreditRequest,
    person_id: int,
    *,
    approve: bool,
    conditions: Mapping[str, Any] | None = None,
    reason: str = "",
    seen_rev: int | None = None,
) -> Voted:
    """One approver's word, on what is true now. The customer is locked. `conditions`: prepay_percent, until (ISO date),
    terms (days). Without any, it is a yes to this order only: no limit changes.

    A tap on figures that have got worse since changes nothing but the cards, and who is asked: what is beyond somebody's
    say by now goes on to whose it is.
    """
    locks.lock_orders(work, locks.lock(work, request.customer_id))
    order = work.session.get_one(Order, request.order_id)
    if request.state != RequestState.pending:
        return Voted("already", str(request.state))
    if request.expires_at <= work.now:
        requests.expire(work, policy, request, order)
        return Voted("already", str(RequestState.expired))
    now = standing(work, request.customer_id)
    found = judge(work, policy.credit, order, now)
    org = load_org(work)
    by_now = requests.deciders_now(work, request, order, now, found, policy, org)
    if by_now is None:
        return Voted("not_yours")
    asked = [*by_now.rungs, request.rungs[request.rung]] if by_now.anew else by_now.rungs
    if found.state == verdict.HELD and not any(person_id in seats.may_decide(rung) for rung in asked):
        return Voted("not_yours")
    if _changed(work, policy, request, order, now, found, by_now):
        return Voted("stale")
    if seen_rev is not None and seen_rev != request.rev:
        return Voted("stale")
    request.route, request.rungs = by_now.route, by_now.rungs
    mine = request.rungs[request.rung]
    if person_id not in seats.may_decide(mine):
        return Voted("not_yours")
    if work.session.get(CreditVote, (request.id, request.rev, request.rung, person_id)) is not None:
        return Voted("already", "voted")
    work.session.add(CreditVote(
        request_id=request.id or 0, request_rev=request.rev, rung=request.rung, person_id=person_id, approve=approve,
        conditions=dict(conditions or {}), reason=reason, at=work.now,
    ))  # fmt: skip
    work.audit(
        "credit.voted", "credit", request.id, request.customer_id, approve=approve, rung=request.rung,
        rev=request.rev, conditions=dict(conditions or {}), reason=reason, **in_place_of(request, person_id, org),
    )  # fmt: skip
    work.session.flush()
    if not approve:
        return _decided(work, policy, request, order, RequestState.rejected, {}, reason, person_id)
    if not seats.is_filled(mine, requests.voted(work, request)):
        outbox.touch(work, "credit", [request.id or 0])
        requests.cards(work, policy, request)
        return Voted("counted")
    return filled(work, policy, request, order, person_id, reason)


def filled(work: Work, policy: Policy, request: CreditRequest, order: Order, by_id: int, reason: str = "") -> Voted:
    """Enough of the rung have said yes, `by_id` the last of them: the next one is asked, or it is decided."""
    if request.rung + 1 < len(request.rungs):
        request.rung += 1
        requests.remind_later(work, policy, request)
        work.audit("credit.rung", "credit", request.id, request.customer_id, rung=request.rung)
        work.session.flush()
        outbox.touch(work, "credit", [request.id or 0])
        requests.cards(work, policy, request)
        return Voted("counted")
    return _decided(work, policy, request, order, RequestState.approved, agreed_so_far(work, request), reason, by_id)


def in_place_of(request: CreditRequest, person_id: int | None, org: Org) -> dict[str, list[str]]:
    """For the audit: the handles of those whose place a deputy takes."""
    whom = seats.acts_for(request.rungs[request.rung], person_id)
    return {"for": [org.members[person].handle for person in whom]} if whom else {}


def _changed(
    work: Work, policy: Policy, request: CreditRequest, order: Order, now: Standing, found: verdict.Verdict, by_now: Deciders
) -> bool:
    """Things are worse than what the cards show, or others must decide: the request goes on with what is true now."""
    if found.state == verdict.REFUSED:
        requests.end(work, request, "obsolete")
        order.reasons = [reason.json() for reason in found.reasons]
        requests.settle_order(work, policy, order, OrderState.refused, by="check")
        return True
    if not by_now.anew and not shown.has_worsened(request.facts, shown.of(now, found)):
        return False
    requests.begin_anew(work, policy, request, order, now, found, by_now)
    return True


def _decided(
    work: Work, policy: Policy, request: CreditRequest, order: Order, state: RequestState, conditions: dict[str, Any],
    reason: str, by_id: int | None,
) -> Voted:  # fmt: skip
    request.decided_by_id, request.conditions, request.reason = by_id, conditions, reason
    if state == RequestState.rejected:
        request.facts = {**request.facts, NOTE: order.note}
    requests.end(work, request, state)
    order.decided_at = work.now
    if state == RequestState.rejected:
        requests.settle_order(work, policy, order, OrderState.rejected, by="request")
        return Voted("rejected")
    prepay = prepayment.agreed_minor(order, conditions)
    if "until" in conditions:
        own_orders.refuse(work, [order.customer_id])
    if not prepay:
        raise_limit(work, policy, request, order)
    order.conditions = {"terms_days": conditions["terms"]} if "terms" in conditions else {}
    if prepay:
        order.conditions = {**order.conditions, "prepay_minor": prepay}
        order.reasons = [{"code": "prepayment_awaited", "amount": [prepay, order.currency]}]
        work.session.flush()
        events.order_changed(work, order)
        asked = prepayment.ask(work, policy, order)  # whose card says what order.decided would
        requests.tell_outcome(work, policy, order, told=asked)
        outbox.touch(work, "order", [order.id or 0])
    else:
        requests.settle_order(work, policy, order, OrderState.released, by="request")
    if prepay or "until" in conditions:  # the money may be there, and the limit may be enough for others
        mark(work, [order.customer_id])
    return Voted("approved")


def raise_limit(work: Work, policy: Policy, request: CreditRequest, order: Order) -> None:
    """Until the day of its approval, where that names one: as the held order is released, and not before its prepayment."""
    until = request.conditions.get("until")
    if until and date.fromisoformat(until) >= work.today:
        lines.grant(work, policy, request, order, date.fromisoformat(until))


def agreed_so_far(work: Work, request: CreditRequest) -> dict[str, Any]:
    """The conditions of everybody who has said yes to what is shown now, and of an earlier yes that came to nothing."""
    said = select(V.c.conditions).where(V.c.request_id == request.id, V.c.request_rev == request.rev, V.c.approve)
    return merged([request.facts.get("agreed", {}), *work.session.execute(said).scalars()])
