"""What became of a request beyond somebody's limits, told to whoever asked."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, phrase, sums
from bot.notifications.views import NoteView, Phrase
from core.models import Audit, LimitProposal, Pause, PauseState, Promise, PromiseState
from core.models.base import table_of

U = table_of(Audit)


def decided(facts: Facts, message: Message) -> Loaded | Cancel:
    """One short message, said once: an edit would change what somebody has read."""
    if message.for_update:
        return Cancel("stays")
    if message.subject == "proposal":
        return _limit(facts, message)
    promise = message.subject == "promise"
    told = _promise(facts, message.subject_id) if promise else _pause(facts, message.subject_id)
    more = _replaced(facts, message.subject_id) if promise else ()
    approved = told.code.endswith("_approved")
    verdict = "approved" if approved else "rejected"
    who = facts.who_did(f"{message.subject}.{verdict}", message.subject, message.subject_id)
    about = facts.about(message.customer_id or 0)
    view = NoteView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        severity="due_soon" if approved else "overdue",
        events=(told, *more),
        ended=phrase(f"ended.{verdict}", who=who),
    )
    return Loaded(kind="note.decided", view=view, customer_code=about.code, over=True)


def _limit(facts: Facts, message: Message) -> Loaded:
    """A temporary limit that was asked for."""
    row, about = facts.work.session.get_one(LimitProposal, message.subject_id), facts.about(message.customer_id or 0)
    agreed, who = row.state == "approved", facts.name(row.decided_by_id)
    ended = phrase("ended.approved" if agreed else "ended.rejected", who=who) if who else phrase("ended.expired")
    if row.state == "obsolete":
        ended = phrase("ended.proposal_obsolete")
    amount = sums([(row.after_minor, row.currency)])
    on = date.fromisoformat(row.facts["until"])
    told = phrase("event.limit_approved" if agreed else "event.limit_rejected", on=on, amount=amount, text=row.reason)
    view = NoteView(
        today=facts.today, customer=about.name, short=about.short, severity="due_soon" if agreed else "overdue",
        events=(told,), ended=ended,
    )  # fmt: skip
    return Loaded(kind="note.decided", view=view, customer_code=about.code, over=True)


def _promise(facts: Facts, promise_id: int) -> Phrase:
    row = facts.work.session.get_one(Promise, promise_id)
    code = "event.promise_rejected" if row.state == PromiseState.rejected else "event.promise_approved"
    return phrase(code, on=row.due_on, amount=sums([(row.amount_minor, row.currency)]))


def _replaced(facts: Facts, promise_id: int) -> tuple[Phrase, ...]:
    """The promise that ran until this one was approved."""
    word = select(U.c.data).where(U.c.subject == "promise", U.c.subject_id == promise_id, U.c.action == "promise.approved")
    data = facts.work.session.execute(word.limit(1)).scalar() or {}
    row = facts.work.session.get(Promise, data["replaced"]) if data.get("replaced") else None
    if row is None:
        return ()
    return (phrase("event.promise_replaces", on=row.due_on, amount=sums([(row.amount_minor, row.currency)])),)


def _pause(facts: Facts, pause_id: int) -> Phrase:
    row = facts.work.session.get_one(Pause, pause_id)
    return phrase("event.pause_rejected" if row.state == PauseState.rejected else "event.pause_approved", on=row.until)
