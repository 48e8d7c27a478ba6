"""An approver's word on a held order: yes, yes on conditions, no."""

from datetime import date, timedelta
from typing import Any

from core.actions.request import Context, Handler, Outcome, Result
from core.credit import requests
from core.errors import DomainError
from core.models import CreditRequest

LONGEST_DAYS = 366  # a limit that is raised for longer is a limit of its own


def decide(approve: bool) -> Handler:
    def handler(c: Context) -> Outcome:
        return _voted(c, approve, {}, "" if approve else c.need("reason"))

    return handler


def approve_with(c: Context) -> Outcome:
    """Prepayment of a share of the order, a limit that is raised until a day, or both."""
    conditions: dict[str, Any] = {}
    percent = c.text("prepay_percent").rstrip("%")
    if percent:
        if not percent.isdecimal() or not 1 <= int(percent[:4]) <= 100:
            raise DomainError("credit.bad_condition", value=percent[:20])
        conditions["prepay_percent"] = int(percent)
    until = c.day("until")
    if until is not None:
        conditions["until"] = _within(c, until).isoformat()
    if not conditions:
        raise DomainError("credit.condition_needed")
    return _voted(c, True, conditions, c.text("note"))


def _within(c: Context, until: date) -> date:
    if not c.work.today <= until <= c.work.today + timedelta(days=LONGEST_DAYS):
        raise DomainError("credit.bad_condition", value=until.isoformat())
    return until


def _voted(c: Context, approve: bool, conditions: dict[str, Any], reason: str) -> Outcome:
    request = c.work.session.get_one(CreditRequest, c.subject_id)
    assert c.work.person_id is not None
    shown = c.delivery.card.get("shows", {}) if c.delivery is not None else {}
    voted = requests.vote(
        c.work, c.policy, request, c.work.person_id,
        approve=approve, conditions=conditions, reason=reason, seen_rev=shown.get("rev"),
    )  # fmt: skip
    match voted.code:
        case "already":
            return Outcome(Result.already, f"credit.{voted.state}")
        case "not_yours":
            return Outcome(Result.not_allowed, "credit.not_yours")
        case "stale":  # an answer and no error: the figures that got worse stay written down
            return Outcome(Result.stale, "action.stale")
        case _:
            return Outcome(Result.done, f"credit.{voted.code}")
