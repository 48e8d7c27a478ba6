"""What becomes of a request that nobody answers: those asked are reminded, then whoever is above them is asked as well, and
at last it expires (core.credit.requests). Times are hours of work; `request.reminders` counts them for the rung."""

from typing import Any

from core import outbox
from core.credit import requests, route, seats, shown, verdict, votes
from core.credit.deciders import Deciders
from core.credit.exposure import Standing
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.models import CreditRequest, Order
from core.work import Work


def look_after(
    work: Work, policy: Policy, request: CreditRequest, order: Order, now: Standing, found: verdict.Verdict
) -> None:
    """A pending request whenever its order is checked: whoever decides by now has its card, with the figures of now, nobody
    waits for those who have left, and when it is time, those who haven't answered get it once more. Worse figures are asked
    about anew. The customer is locked. Done twice at one instant, it is done once."""
    org = load_org(work)
    by_now = requests.deciders_now(work, request, order, now, found, policy, org)
    if by_now is None:
        requests.nobody_left(work, policy, request, order)
    elif by_now.anew or shown.has_worsened(request.facts, shown.of(now, found)):
        requests.begin_anew(work, policy, request, order, now, found, by_now)
    elif not _goes_on(work, policy, request, order, by_now):
        _keep_true(work, request, order, shown.of(now, found))
        _reseat(work, policy, request, order, by_now)
        if request.remind_at is not None and request.remind_at <= work.now:
            _remind(work, policy, request, order, now, org)


def _keep_true(work: Work, request: CreditRequest, order: Order, facts: dict[str, Any]) -> None:
    """Better figures, or another day of delay, as long as nobody has spoken on those that were shown."""
    kept = {key: request.facts[key] for key in requests.KEPT if key in request.facts}
    if request.facts == facts | kept or requests.voters(work, request):
        return
    request.facts = facts | kept
    _draw(work, request, order)


def _goes_on(work: Work, policy: Policy, request: CreditRequest, order: Order, by_now: Deciders) -> bool:
    """Everybody who is still to be asked on this rung has said yes: the last one of the others has left. That decides it;
    things are no worse than what they saw."""
    mine, said = by_now.rungs[request.rung], requests.voted(work, request)
    if not said or not seats.is_filled(mine, said):
        return False
    request.route, request.rungs = by_now.route, by_now.rungs
    still = [person for person in said if seats.has_a_say(mine, person)]
    work.audit("credit.left", "credit", request.id, request.customer_id, rung=request.rung, people=said)
    votes.filled(work, policy, request, order, still[-1])
    _draw(work, request, order)
    return True


def _reseat(work: Work, policy: Policy, request: CreditRequest, order: Order, by_now: Deciders) -> None:
    if by_now.rungs == request.rungs and by_now.route == request.route:
        return
    asked = by_now.rungs != request.rungs
    request.route, request.rungs = by_now.route, by_now.rungs
    work.audit(
        "credit.seats", "credit", request.id, request.customer_id,
        rung=request.rung, route=request.route, rungs=request.rungs,
    )  # fmt: skip
    if asked:
        _draw(work, request, order)
        requests.cards(work, policy, request)


def _remind(work: Work, policy: Policy, request: CreditRequest, order: Order, now: Standing, org: Org) -> None:
    number = request.reminders + 1
    requests.remind_later(work, policy, request)
    request.reminders = number
    silent = set(request.rungs[request.rung]["people"]).difference(requests.voted(work, request))
    work.audit(
        "credit.reminded", "credit", request.id, request.customer_id,
        number=number, people=[org.members[person].handle for person in sorted(silent)],
    )  # fmt: skip
    if number == policy.credit.escalate_at:
        _escalate(work, request, order, now, org)
        _draw(work, request, order)
    requests.cards(work, policy, request, silent)


def _escalate(work: Work, request: CreditRequest, order: Order, now: Standing, org: Org) -> None:
    mine = request.rungs[request.rung]
    never = requests.barred(order, org, now, request) | set(mine["people"])
    above = route.above(seats.seats(mine), org, never)
    work.audit(
        "credit.escalated", "credit", request.id, request.customer_id,
        rung=request.rung, people=[org.members[person].handle for person in above], why="no_answer",
    )  # fmt: skip
    if above:
        rungs = list(request.rungs)
        rungs[request.rung] = seats.escalated(mine, above)
        request.rungs = rungs


def _draw(work: Work, request: CreditRequest, order: Order) -> None:
    """Others are asked now: approvers' cards say so, and the rep's, whose decision it waits for."""
    work.session.flush()
    outbox.touch(work, "credit", [request.id or 0])
    outbox.touch(work, "order", [order.id or 0])
