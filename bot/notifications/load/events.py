"""What happened besides the steps, as sentences on a card that tells of something else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import select

from bot.notifications.load.facts import About, Facts, day, phrase, sums
from bot.notifications.views import Phrase
from core.models import Claim, ClaimState, Promise
from core.models.base import table_of
from core.promises import NOT_KEPT
from core.time import local_instant

OF_THE_DAY = ("again_on", "follow_up", "rest", "promise.due")  # “agreed for today” is not true tomorrow


def events_of(events: Iterable[dict[str, Any]], days: int, skip: Iterable[str] = ()) -> tuple[Phrase, ...]:
    """What happened besides the steps, as sentences, each once; `skip`: kinds that the card says anyway."""
    skip = set(skip)
    found = [_event(e, days) for e in events if e.get("kind") not in skip or e.get("file")]
    return tuple(dict.fromkeys(p for p in found if p is not None))


def _event(event: dict[str, Any], days: int) -> Phrase | None:
    kind = event.get("kind", "")
    if kind == "promise.broken":
        return phrase("event.promise_broken", on=day(event.get("due_on")), amount=_amount(event, "amount_minor"))
    if kind == "promise.partly_kept":
        return phrase("event.promise_partly", on=day(event.get("due_on")), amount=_amount(event, "received_minor"))
    if kind == "promise.due":
        return phrase("event.promise_due", on=day(event.get("due_on")), amount=_amount(event, "amount_minor"))
    if kind == "claim.expired":
        return phrase("event.claim_expired", amount=_amount(event, "amount_minor"))
    if kind == "claim.void":
        return phrase("event.claim_voided", amount=_amount(event, "amount_minor"))
    if kind == "alert.severe":
        return phrase("event.severe", n=days)
    if kind == "not_reached":
        return phrase("event.not_reached_often", n=int(event.get("times", 0)))
    if kind == "task.silent":
        return phrase("event.silent", who=str(event.get("who", "")))
    if kind == "handed_over":
        return phrase("event.handed_over", who=str(event.get("from", "")))
    if kind == "letter.final" and event.get("file"):
        return phrase("event.letter_file", text=str(event["file"]))
    code = _PLAIN.get(kind)
    return None if code is None else phrase(code)


_PLAIN = {
    "dispute.rejected": "event.dispute_rejected",
    "dispute.part": "event.dispute_part",
    "pause.ended": "event.pause_ended",
    "follow_up": "event.follow_up",
    "rest": "event.rest",
    "again_on": "event.not_reached",
    "letter.final": "event.letter_ready",
    "alert.high_risk": "event.high_risk",
}


def _amount(event: dict[str, Any], name: str) -> Any:
    return sums([(int(event.get(name) or 0), str(event.get("currency", "")))])


def news(facts: Facts, about: About, on: date, *, but: str = "") -> tuple[Phrase, ...]:
    """What happened to the customer's promises and claims that day, on a card which tells of something else.
    `but`: what it tells of, such as `promise:12`."""
    begin = local_instant(on, time(0), facts.work.company.calendar.zone)
    end = begin + timedelta(days=1)
    found: list[dict[str, Any]] = []
    for p in about.promises:
        if p.due_on <= on and but != f"promise:{p.id}":
            found.append(_promise("promise.due", p))
    P, M = table_of(Promise), table_of(Claim)
    judged = select(Promise).where(
        P.c.customer_id == about.id, P.c.state.in_(NOT_KEPT), P.c.ended_at >= begin, P.c.ended_at < end
    )
    for p in facts.work.session.execute(judged.order_by(P.c.id)).scalars():
        if but != f"promise:{p.id}":
            found.append(_promise(f"promise.{p.state}", p))
    expired = select(Claim).where(
        M.c.customer_id == about.id, M.c.state == ClaimState.expired, M.c.ended_at >= begin, M.c.ended_at < end
    )
    for claim in facts.work.session.execute(expired.order_by(M.c.id)).scalars():
        if but != f"claim:{claim.id}":
            found.append({"kind": "claim.expired", "amount_minor": claim.amount_minor, "currency": claim.currency})
    return events_of(found, 0)


def _promise(kind: str, promise: Promise) -> dict[str, Any]:
    return {
        "kind": kind,
        "due_on": promise.due_on.isoformat(),
        "amount_minor": promise.amount_minor,
        "received_minor": promise.received_minor,
        "currency": promise.currency,
    }
