"""An approver's word on a held order: yes, yes on conditions, no; and the rep's: why, never mind, once more."""

from datetime import date, timedelta
from typing import Any

from core.actions.request import Context, Handler, Outcome, Result
from core.credit import asking, requests, votes
from core.dunning.load import load_org
from core.errors import DomainError
from core.models import CreditRequest, Order, OrderState, Person, RequestState

LONGEST_TERMS = 365
YES = frozenset({"yes", "true", "1", "是"})
LONGEST_DAYS = 366  # a limit that is raised for longer is a limit of its own


def decide(approve: bool) -> Handler:
    def handler(c: Context) -> Outcome:
        return _voted(c, approve, {}, "" if approve else c.need("reason"))

    return handler


def approve_with(c: Context) -> Outcome:
    """Prepayment of a share of the order, shorter terms, a limit that is raised until a day, or `once`: this order only;
    one of them at least."""
    conditions: dict[str, Any] = {}
    percent = c.text("prepay_percent").rstrip("%")
    if percent:
        if not _whole(percent, 1, 100):
            raise DomainError("credit.bad_condition", value=percent[:20])
        conditions["prepay_percent"] = int(percent)
    if c.text("terms"):
        conditions["terms"] = _terms(c, c.text("terms"))
    until = c.day("until")
    if until is not None:
        conditions["until"] = _within(c, until).isoformat()
    once = c.text("once").casefold() in YES
    if once and until is not None:
        raise DomainError("credit.once_or_longer")
    if not conditions and not once:  # "once only" is what a yes means anyway
        raise DomainError("credit.condition_needed")
    return _voted(c, True, conditions, c.text("note"))


def _terms(c: Context, days: str) -> int:
    """No longer than what the order asks for, where it says so: a condition gives nothing away."""
    order = c.work.session.get_one(Order, c.work.session.get_one(CreditRequest, c.subject_id).order_id)
    most = LONGEST_TERMS if order.terms_days is None else min(order.terms_days, LONGEST_TERMS)
    if not _whole(days, 0, most):
        raise DomainError("credit.bad_terms", value=days[:20], most=most)
    return int(days)


def _whole(text: str, least: int, most: int) -> bool:
    """Nobody means so many digits, and thousands of them take long to read."""
    return text.isdecimal() and len(text) <= 6 and least <= int(text) <= most


def _within(c: Context, until: date) -> date:
    if not c.work.today <= until <= c.work.today + timedelta(days=LONGEST_DAYS):
        raise DomainError("credit.bad_condition", value=until.isoformat())
    return until


def _voted(c: Context, approve: bool, conditions: dict[str, Any], reason: str) -> Outcome:
    request = c.work.session.get_one(CreditRequest, c.subject_id)
    assert c.work.person_id is not None
    voted = votes.vote(
        c.work, c.policy, request, c.work.person_id,
        approve=approve, conditions=conditions, reason=reason, seen_rev=_seen(c),
    )  # fmt: skip
    match voted.code:
        case "already":
            return _already(c, request, voted.state)
        case "not_yours":
            return Outcome(Result.not_allowed, "credit.not_yours")
        case "stale":  # an answer and no error: the figures that got worse stay written down
            return Outcome(Result.stale, "action.stale")
        case "approved" if conditions:
            return _on_conditions(c, request)
        case _:
            return Outcome(Result.done, f"credit.{voted.code}")


def _on_conditions(c: Context, request: CreditRequest) -> Outcome:
    """Whether that releases the order, or what it waits for."""
    order = c.work.session.get_one(Order, request.order_id)
    if order.state != OrderState.held:
        return Outcome(Result.done, "credit.approved_with")
    prepay = [[order.conditions.get("prepay_minor", 0), order.currency]]
    return Outcome(Result.done, "credit.approved_waits", {"amount": prepay})


def _already(c: Context, request: CreditRequest, state: str) -> Outcome:
    """Who has decided, unless it was themselves."""
    by = request.decided_by_id
    if state not in (RequestState.approved, RequestState.rejected) or by is None or by == c.work.person_id:
        return Outcome(Result.already, f"credit.{state}")
    return Outcome(Result.already, f"credit.{state}_by", {"by": c.work.session.get_one(Person, by).name})


def _seen(c: Context) -> int | None:
    """The figures that were tapped on; those of a card that doesn't say which, or was drawn before them, are older than any.
    None: no card."""
    if c.delivery is None:
        return None
    shown = c.request.shown if c.request.shown is not None else c.delivery.card.get("shows", {})
    drawn = c.request.seen_rev
    return 0 if drawn is not None and drawn < shown.get("since", 1) else int(shown.get("rev", 0))


def explain(c: Context) -> Outcome:
    asking.explain(c.work, _order(c), c.need("note"))
    return Outcome(Result.done, "credit.explained")


def withdraw(c: Context) -> Outcome:
    asking.withdraw(c.work, c.policy, _order(c), c.text("reason"))
    return Outcome(Result.done, "credit.withdrawn_now")


def ask_again(c: Context) -> Outcome:
    order = _order(c)
    if asking.ask_again(c.work, c.policy, order, c.text("note")) is not None:
        return Outcome(Result.done, "credit.asked_again")
    return Outcome(Result.done, f"credit.order_{order.state}")


def _order(c: Context) -> Order:
    return c.work.session.get_one(Order, c.subject_id)


def asked_by(c: Context) -> set[int | None]:
    """Whose order it is, who follows it by now, and who asked about it last."""
    request, order = requests.latest(c.work, c.subject_id), _order(c)
    rep = requests.rep_of(c.work, order, load_org(c.work))
    people = {order.asked_by_id, rep, request.asked_by_id if request is not None else None}
    return {person for person in people if person is not None}
