"""What waits for somebody's word about a held order, and the word. The first decision wins; everybody's card closes.

pending -> approved | rejected     every rung said yes; somebody said no
pending -> expired                 nobody decided in time: the order stays held
pending -> obsolete | withdrawn    no longer needed or possible; taken back
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from core import outbox
from core.chores import holders
from core.credit import route, verdict
from core.credit.exposure import Standing, standing
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.models import CreditLine, CreditRequest, CreditVote, Order, OrderState, RequestState
from core.models.base import table_of
from core.time import Calendar, Window, local_instant
from core.work import Work

Q, V, L = table_of(CreditRequest), table_of(CreditVote), table_of(CreditLine)
_PENDING = select(CreditRequest).where(Q.c.order_id == bindparam("order"), Q.c.state == RequestState.pending)
WORSE = {"A": 0, "B": 1, "C": 2, "D": 3}


@dataclass(frozen=True)
class Voted:
    """What became of somebody's word: `already`, `not_yours`, `stale`, `counted` (others must agree, too), `approved`,
    `rejected`. `state`: of a request that was decided before."""

    code: str
    state: str = ""


def pending(work: Work, order_id: int) -> CreditRequest | None:
    found: CreditRequest | None = work.session.execute(_PENDING, {"order": order_id}).scalar_one_or_none()
    return found


def latest(work: Work, order_id: int) -> CreditRequest | None:
    """The request that was made last about the order, whatever became of it."""
    query = select(CreditRequest).where(Q.c.order_id == order_id).order_by(Q.c.id.desc()).limit(1)
    found: CreditRequest | None = work.session.execute(query).scalar_one_or_none()
    return found


def open_(work: Work, policy: Policy, order: Order, now: Standing, found: verdict.Verdict) -> CreditRequest | None:
    """Asks the first rung; the rep is told. None: there is nobody who may decide."""
    chosen = route.choose(found, now, policy.credit)
    org = load_org(work)
    asked = route.rungs(chosen, now, org, _concerned(work, order)) if chosen is not None else ()
    if not asked or chosen is None:
        work.audit("credit.nobody", "order", order.id, order.customer_id)
        return None
    rules, calendar, window = policy.credit, work.company.calendar, policy.windows.work
    request = CreditRequest(
        order_id=order.id or 0,
        customer_id=order.customer_id,
        asked_by_id=order.asked_by_id,
        facts=facts_of(now, found),
        route=chosen.name,
        rungs=[each.json() for each in asked],
        opened_at=work.now,
        expires_at=work_hours_later(calendar, work.now, window, rules.expires_hours),
        remind_at=work_hours_later(calendar, work.now, window, rules.remind_hours),
    )
    work.session.add(request)
    work.session.flush()
    work.audit("credit.asked", "credit", request.id, order.customer_id, order=order.number, route=chosen.name)
    _cards(work, policy, request)
    _tell(work, policy, order, "order.held", [order.asked_by_id])
    return request


def _concerned(work: Work, order: Order) -> set[int]:
    """Whose order it is, and who entered it: nobody of them decides."""
    return {person for person in (order.asked_by_id, work.person_id) if person is not None}


def facts_of(now: Standing, found: verdict.Verdict) -> dict[str, Any]:
    """What cards show and a tap is compared with; amounts in minor units of the limit's currency."""
    return {
        "currency": now.currency,
        "limit_minor": found.limit_minor,
        "limit_source": found.limit_source,
        "used_minor": found.used_minor,
        "over_minor": found.over_minor,
        "overdue_minor": {c: e.overdue_minor for c, e in sorted(now.exposures.items()) if e.overdue_minor},
        "overdue_days": now.overdue_days,
        "rating": now.rating,
        "holds": sorted(now.holds),
        "reasons": [reason.json() for reason in found.reasons],
    }


def is_worse(shown: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether an approver who saw the one would decide on less than the other. Another day of delay is no news."""
    codes = {reason["code"] for reason in now["reasons"]} - {reason["code"] for reason in shown["reasons"]}
    overdue = any(minor > shown["overdue_minor"].get(currency, 0) for currency, minor in now["overdue_minor"].items())
    rating = WORSE.get(now["rating"], 0) > WORSE.get(shown["rating"], 0)
    held = set(now["holds"]) - set(shown["holds"])
    return bool(now["over_minor"] > shown["over_minor"] or codes or overdue or rating or held)


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
    """One approver's word, on what is true now. The customer is locked. `conditions`: prepay_percent, until (ISO date).

    A tap on figures that have got worse since changes nothing but the cards.
    """
    order = work.session.get_one(Order, request.order_id)
    if request.state != RequestState.pending:
        return Voted("already", str(request.state))
    if request.expires_at <= work.now:
        expire(work, policy, request, order)
        return Voted("already", str(RequestState.expired))
    now = standing(work, request.customer_id)
    found = verdict.check(verdict.OrderFacts(
        order.amount_minor, order.currency, order.prepaid_minor, order.terms_days, tuple(order.lines)
    ), now, policy.credit, work.company.currency)  # fmt: skip
    chosen = route.choose(found, now, policy.credit)
    asked = route.rungs(chosen, now, load_org(work), _whose(order)) if chosen is not None else []
    may = [each for each in asked if person_id in each.people]
    if found.state == verdict.HELD and not may:
        return Voted("not_yours")
    if _changed(work, policy, request, order, now, found, chosen, asked):
        return Voted("stale")
    if seen_rev is not None and seen_rev != request.rev:
        return Voted("stale")
    mine = request.rungs[request.rung]
    if person_id not in mine["people"]:
        return Voted("not_yours")
    if work.session.get(CreditVote, (request.id, request.rev, request.rung, person_id)) is not None:
        return Voted("already", "voted")
    work.session.add(CreditVote(
        request_id=request.id or 0, request_rev=request.rev, rung=request.rung, person_id=person_id, approve=approve,
        conditions=dict(conditions or {}), reason=reason, at=work.now,
    ))  # fmt: skip
    work.session.flush()
    if not approve:
        return _decided(work, policy, request, order, RequestState.rejected, {}, reason)
    if mine["need"] == "all" and not set(mine["people"]) <= _voted(work, request):
        outbox.touch(work, "credit", [request.id or 0])
        return Voted("counted")
    if request.rung + 1 < len(request.rungs):
        request.rung += 1
        work.audit("credit.rung", "credit", request.id, request.customer_id, rung=request.rung)
        work.session.flush()
        outbox.touch(work, "credit", [request.id or 0])
        _cards(work, policy, request)
        return Voted("counted")
    return _decided(work, policy, request, order, RequestState.approved, dict(conditions or {}), reason)


def _whose(order: Order) -> set[int]:
    return {order.asked_by_id} if order.asked_by_id is not None else set()


def _changed(
    work: Work, policy: Policy, request: CreditRequest, order: Order, now: Standing, found: verdict.Verdict,
    chosen: Any, asked: Any,
) -> bool:  # fmt: skip
    """Things are worse than what the cards show, or others must decide: the request goes on with what is true now."""
    if found.state == verdict.REFUSED:
        end(work, request, "obsolete")
        order.reasons = [reason.json() for reason in found.reasons]
        settle_order(work, policy, order, OrderState.refused, by="check")
        return True
    facts = facts_of(now, found)
    moved = found.state == verdict.HELD and chosen.name != request.route
    if not is_worse(request.facts, facts) and not moved:
        return False
    request.rev += 1
    request.facts, request.rung = facts, 0
    if chosen is not None:
        request.route, request.rungs = chosen.name, [each.json() for each in asked]
    order.reasons = facts["reasons"]
    work.audit("credit.worse", "credit", request.id, request.customer_id, facts=facts)
    work.session.flush()
    outbox.touch(work, "credit", [request.id or 0])
    _cards(work, policy, request)
    return True


def _voted(work: Work, request: CreditRequest) -> set[int]:
    rows = select(V.c.person_id).where(
        V.c.request_id == request.id, V.c.request_rev == request.rev, V.c.rung == request.rung, V.c.approve
    )
    return set(work.session.execute(rows).scalars())


def _decided(
    work: Work, policy: Policy, request: CreditRequest, order: Order, state: RequestState, conditions: dict[str, Any],
    reason: str,
) -> Voted:  # fmt: skip
    request.decided_by_id, request.conditions, request.reason = work.person_id, conditions, reason
    end(work, request, state)
    order.decided_at = work.now
    if state == RequestState.rejected:
        settle_order(work, policy, order, OrderState.rejected, by="request")
        return Voted("rejected")
    percent = int(conditions.get("prepay_percent") or 0)
    if conditions.get("until"):
        _line(work, request, date.fromisoformat(conditions["until"]))
    if percent:
        prepay = -(-order.amount_minor * percent // 100)
        order.conditions = {"prepay_minor": prepay}
        order.reasons = [{"code": "prepayment_awaited", "amount": [prepay, order.currency]}]
        work.session.flush()
        _tell(work, policy, order, "order.decided", _to_be_told(work, order))
        outbox.touch(work, "order", [order.id or 0])
    else:
        settle_order(work, policy, order, OrderState.released, by="request")
    return Voted("approved")


def _line(work: Work, request: CreditRequest, until: date) -> None:
    """The limit is raised by what the order was over, until that day; one that runs already ends."""
    over = request.facts["over_minor"]
    if not over:
        return
    running = (L.c.customer_id == request.customer_id) & (L.c.currency == request.facts["currency"])
    running &= (L.c.kind == "temporary") & L.c.ended_on.is_(None)
    extra = work.session.execute(select(CreditLine).where(running)).scalar_one_or_none()
    if extra is not None:
        over += extra.amount_minor if extra.until >= work.today else 0
        extra.ended_on = work.today
        work.session.flush()
    work.session.add(CreditLine(
        customer_id=request.customer_id, amount_minor=over, currency=request.facts["currency"], from_on=work.today,
        until=until, reason=request.reason, made_by_id=work.person_id, request_id=request.id,
    ))  # fmt: skip
    work.audit("credit.line", "credit", request.id, request.customer_id, amount_minor=over, until=until.isoformat())


def end(work: Work, request: CreditRequest, state: str) -> None:
    request.state, request.decided_at = RequestState(state), work.now
    work.audit(
        f"credit.{request.state}", "credit", request.id, request.customer_id,
        facts=request.facts, conditions=request.conditions, reason=request.reason,
    )  # fmt: skip
    work.session.flush()
    outbox.touch(work, "credit", [request.id or 0])


def expire(work: Work, policy: Policy, request: CreditRequest, order: Order) -> None:
    """Nobody decided in time: the order stays held, and the rep may ask again."""
    end(work, request, RequestState.expired)
    order.decided_at = work.now
    work.session.flush()
    _tell(work, policy, order, "order.decided", _to_be_told(work, order))


def settle_order(work: Work, policy: Policy, order: Order, state: OrderState, *, by: str) -> None:
    """The order is released or not, and those who wait for it are told."""
    order.state = state
    order.decided_at = order.decided_at or work.now
    work.audit(f"order.{state}", "order", order.id, order.customer_id, by=by, conditions=order.conditions)
    work.session.flush()
    outbox.touch(work, "order", [order.id or 0])
    _tell(work, policy, order, "order.decided", _to_be_told(work, order))


def _to_be_told(work: Work, order: Order) -> list[int | None]:
    """The rep, and finance; not whoever has just decided."""
    return [person for person in (order.asked_by_id, *holders(load_org(work), "finance")[:1]) if person != work.person_id]


def _cards(work: Work, policy: Policy, request: CreditRequest) -> None:
    org = load_org(work)
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"credit:{request.id}:{request.rev}:{request.rung}:{person}", kind="credit.request",
            subject="credit", subject_id=request.id or 0, customer_id=request.customer_id, person_id=person,
            not_before=outbox.outside_quiet(work, policy.windows, org.members.get(person)),
        )
        for person in request.rungs[request.rung]["people"]
        if not _has_card(work, request, person)
    ])  # fmt: skip


def _has_card(work: Work, request: CreditRequest, person_id: int) -> bool:
    """Whoever was asked before sees it on that card, which is drawn anew."""
    O = outbox.O  # noqa: E741
    found = select(O.c.id).where(
        O.c.subject == "credit", O.c.subject_id == request.id, O.c.person_id == person_id, O.c.op == "send"
    )
    return work.session.execute(found.limit(1)).first() is not None


def _tell(work: Work, policy: Policy, order: Order, kind: str, people: list[int | None]) -> None:
    org = load_org(work)
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"order:{order.id}:{kind}:{order.state}:{work.now.isoformat()}:{person}", kind=kind, subject="order",
            subject_id=order.id or 0, customer_id=order.customer_id, person_id=person,
            not_before=outbox.outside_quiet(work, policy.windows, org.members.get(person)),
        )
        for person in dict.fromkeys(people)
        if person is not None and org.active(person)
    ])  # fmt: skip


def work_hours_later(calendar: Calendar, now: datetime, window: Window, hours: int) -> datetime:
    """The instant after so many hours of work, counted inside the company's work window."""
    at, left = calendar.next_open(now, window), timedelta(hours=hours)
    while True:
        day = calendar.business_date(at)
        closes = local_instant(day, window.end or time(23, 59), calendar.zone)
        if left <= closes - at:
            return at + left
        left -= closes - at
        at = local_instant(calendar.next_working_day(day), window.start, calendar.zone)
