"""Views from the database as it is now: a message about to leave, or a card on a screen to be drawn anew.

    load(work, message, lang) -> Loaded (a View, and what it is drawn as) or Cancel (why it is no longer true)

facts       what was read so far, each thing once; one Facts a batch and transaction
collect     tasks and alerts of the ladder; letters, promises, claims, disputes, pauses, payments, chores; digest
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bot.notifications.load import chores as _chores
from bot.notifications.load import (
    claims,
    collect,
    credit,
    deputies,
    disputes,
    letters,
    pauses,
    payments,
    promises,
    proposals,
    risks,
    watches,
)
from bot.notifications.load import digest as _digest
from bot.notifications.load.decisions import decided
from bot.notifications.load.facts import Cancel, Facts, Loaded, Message
from bot.notifications.load.letters import final_document
from bot.notifications.views import NoteView, Phrase
from core.work import Work

__all__ = ["SUBJECTS", "Cancel", "Facts", "Loaded", "Message", "final_document", "load", "load_many", "message_of"]


def load(work: Work, message: Message, lang: str, facts: Facts | None = None) -> Loaded | Cancel:
    """What is to be shown now. `facts`: shared by the messages of one transaction."""
    return _held(facts or Facts(work), message, lang)


def load_many(
    work: Work, messages: Iterable[Message], lang: str | Callable[[Message], str], facts: Facts | None = None
) -> list[Loaded | Cancel]:
    """The same for many at once, in order; customers and tasks are read together."""
    messages = list(messages)
    facts = facts or Facts(work)
    facts.preload(messages)
    return [_held(facts, m, lang if isinstance(lang, str) else lang(m)) for m in messages]


def message_of(row: object) -> Message:
    """A Message of an OutboxMessage about to leave, or of a Delivery to be drawn anew."""
    on_date = getattr(row, "on_date", None)
    return Message(
        kind=row.kind,  # type: ignore[attr-defined]
        subject=row.subject,  # type: ignore[attr-defined]
        subject_id=row.subject_id,  # type: ignore[attr-defined]
        person_id=row.person_id,  # type: ignore[attr-defined]
        customer_id=row.customer_id,  # type: ignore[attr-defined]
        data=dict(getattr(row, "data", None) or {}),
        for_update=on_date is not None,
        delivered_on=on_date,
        delivery_id=row.id if on_date is not None else None,  # type: ignore[attr-defined]
        outbox_id=row.id if on_date is None else row.outbox_id,  # type: ignore[attr-defined]
    )


def _held(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """Whatever a card is about, it says that its customer's orders are stopped."""
    found = _load(facts, message, lang)
    holds = () if isinstance(found, Cancel) else facts.holds(found.customer_code)
    return replace(found, holds=holds) if holds and not isinstance(found, Cancel) else found


def _load(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    if message.kind == "note.closed":
        return _closed(facts, message, lang)
    if message.kind == "note.rise":
        return (collect.rise if message.subject == "task" else collect.alert_rise)(facts, message)
    if message.kind == "note.decided":
        return decided(facts, message)
    loader = SUBJECTS.get(message.subject)
    return Cancel("unknown_subject") if loader is None else loader(facts, message, lang)


def _task(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    task = facts.task(message.subject_id)
    return (collect.task_card if task.kind == "collect" else _chores.chore)(facts, message, lang)


def _one_digest(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    return _digest.digest(facts, message, lang, _load)


_OF_AN_AMOUNT = ("credit", "order", "promise", "claim")  # a customer may have several of them


def _closed(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """One short message where a card can't be changed any more. `data.kind` is the kind of that card."""
    if message.for_update:
        return Cancel("stays")
    card = Message(
        kind=str(message.data.get("kind", "")),
        subject=message.subject,
        subject_id=message.subject_id,
        person_id=message.person_id,
        customer_id=message.customer_id,
        data={k: v for k, v in message.data.items() if k != "kind"},
        for_update=True,
    )
    loader = SUBJECTS.get(message.subject)
    found = loader(facts, card, lang) if loader is not None else Cancel("unknown_subject")
    if isinstance(found, Cancel):
        return found
    ended: Phrase | None = getattr(found.view, "ended", None)
    if ended is None:
        return Cancel("still_open")
    customer = getattr(found.view, "customer", "")
    view = NoteView(
        today=facts.today,
        customer=customer,
        short=getattr(found.view, "short", "") or customer,
        severity=found.severity,
        ended=ended,
        order=getattr(found.view, "order", ""),
        amount=getattr(found.view, "amount", None) if message.subject in _OF_AN_AMOUNT else None,
    )
    return Loaded(
        kind="note.closed",
        view=view,
        customer_code=found.customer_code,
        task_id=found.task_id,
        receivables=found.receivables,
        severity=found.severity,
        over=True,
    )


# What a message can be about.
SUBJECTS: dict[str, Callable[[Facts, Message, str], Loaded | Cancel]] = {
    "task": _task,
    "case": collect.alert_card,
    "promise": promises.promise,
    "claim": claims.claim,
    "dispute": disputes.dispute,
    "pause": pauses.approval,
    "letter": letters.letter,
    "release": letters.release,
    "arrived": payments.arrived,
    "digest": _one_digest,
    "credit": credit.request,
    "order": credit.order,
    "person": deputies.deputy,
    "risk": risks.event,
    "stopped": risks.stopped_orders,
    "watch": watches.report,
    "proposal": proposals.proposal,
}
