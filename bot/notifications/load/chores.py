"""Tasks besides the dunning one: who looks after a customer, a copy, a letter or message that perhaps didn't arrive,
stale receipts. Money's own chores are in payments, the dispute's in disputes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from bot.notifications.load import disputes, fulfilment, payments, risks
from bot.notifications.load.collect import ended_of
from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, days_of, overdue_of, parts_of, phrase
from bot.notifications.views import CopyView, FailedView, GapView, Phrase, StaleView, UnsureView
from core.chores import MESSAGES
from core.models import (
    Firing,
    FiringOutcome,
    ImportRun,
    Letter,
    OutboxMessage,
    Promise,
    PromiseState,
    Task,
    TaskState,
)
from core.models.base import table_of

F, P, I, O = table_of(Firing), table_of(Promise), table_of(ImportRun), table_of(OutboxMessage)  # noqa: E741


def chore(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """Any task but the dunning one."""
    task = facts.task(message.subject_id)
    if task.kind == "dispute":
        return disputes.chore(facts, message, task)
    ended = None
    if task.state != TaskState.open:
        if not message.for_update:
            return Cancel(str(task.state))
        ended = _ended(facts, task)
    return _KINDS[task.kind](facts, message, task, ended)


def _ended(facts: Facts, task: Task) -> Phrase | None:
    if task.state != TaskState.answered or task.result:
        return ended_of(facts, task)
    if task.kind == "assign":
        about = facts.about(task.customer_id or 0)
        owner = facts.org.responsible(None, about.owner_id)
        return phrase("ended.assigned", who=facts.name(owner)) if owner is not None else phrase("ended.resolved")
    if task.kind == "allocate":
        return phrase("ended.allocated")
    if task.kind == "receipts":
        return phrase("ended.imported")
    return phrase("ended.done", who=facts.actor(task.closed_by))


def gap(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """Nobody looks after a customer: choose somebody."""
    about = facts.about(task.customer_id or 0)
    if ended is None and not about.receivables:
        if not message.for_update:
            return Cancel("settled")
        ended = phrase("ended.settled")
    lost = [r for r in about.receivables if facts.org.responsible(r.owner_id, about.owner_id) is None]
    kind = "no_owner" if about.owner_id is None else "inactive_owner"
    if not lost and facts.org.active(about.owner_id):
        # Somebody is responsible, but the step asked for somebody above who isn't there.
        kind = "no_manager"
        if facts.org.above(about.owner_id):
            if not message.for_update:
                return Cancel("assigned")
            ended = ended if ended is not None else phrase("ended.assigned", who=facts.name(about.owner_id))
    view = GapView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        gap=kind,
        overdue=overdue_of(about.receivables, facts.today),
        open=tuple(p.open for p in parts_of(about, about.receivables, facts.today, whole=True) if p.open.minor),
        days=days_of(about.receivables, facts.today),
        last_owner=facts.name(about.owner_id) if kind == "inactive_owner" else "",
        people=facts.sellers(),
        ended=ended,
    )
    return _loaded(task, view, about.code, tuple(r.number for r in about.receivables))


def copy(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """The customer wants a copy of a document."""
    about = facts.about(task.customer_id or 0)
    asked = [e for e in task.events if e.get("kind") == "copy"]
    in_case = [r for r in about.receivables if r.case_id is not None] or about.receivables
    contact = about.contacts.get("finance")
    answer_by = _answer_by(facts, message, task) if ended is None else None
    view = CopyView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        what="、".join(dict.fromkeys(str(e.get("what", "")) for e in asked)),
        asked_by=facts.actor(str(asked[-1].get("by", ""))) if asked else "",
        numbers=tuple(r.number for r in in_case),
        contact=" ".join(x for x in (contact.name, contact.email) if x) if contact is not None else "",
        answer_by=answer_by,
        late=facts.passed(answer_by),
        ended=ended,
    )
    return _loaded(task, view, about.code, view.numbers)


def unsure(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """A letter of which nobody knows whether it went."""
    event = _event(task, "letter")
    row = facts.work.session.get(Letter, event["letter"]) if "letter" in event else None
    if row is None:
        return Cancel("resolved")
    about = facts.about(row.customer_id)
    at = facts.local(row.created_at, message.person_id)
    assert at is not None
    view = UnsureView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        to=row.to,
        subject=row.subject,
        stage=row.stage,
        at=at,
        ended=ended,
    )
    return _loaded(task, view, about.code)


def failed(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """A message that could not be delivered. The event carries `outbox`, the message in question."""
    event = _event(task, "outbox")
    row = None
    if "outbox" in event:
        row = facts.work.session.get(OutboxMessage, event["outbox"])
    if row is None:
        return Cancel("resolved")
    about = facts.about(row.customer_id) if row.customer_id is not None else None
    view = FailedView(
        today=facts.today,
        to=facts.name(row.person_id) or row.address,
        messenger=row.messenger or str(event.get("messenger", "")) or ("mail" if row.address else ""),
        reason=row.reason or str(event.get("reason", "")) or "gave_up",
        what=row.kind,
        customer=about.name if about is not None else "",
        short=about.short if about is not None else "",
        at=facts.local(row.done_at, message.person_id),
        tries=max(1, row.attempts),
        ended=ended,
    )
    return _loaded(task, view, about.code if about is not None else "")


def stale(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """Receipts are known only up to an older day."""
    execute = facts.work.session.execute
    known = execute(select(func.max(I.c.known_to)).where(I.c.known_to.is_not(None))).scalar()
    expected = facts.work.company.calendar.previous_working_day(facts.today)
    if ended is None and (known is None or known >= expected):
        if not message.for_update:
            return Cancel("imported")
        ended = phrase("ended.imported")
    letters = execute(
        select(F.c.customer_id).where(F.c.outcome == FiringOutcome.deferred, F.c.reason == "receipts_stale").distinct()
    ).all()
    promises = execute(select(func.count()).where(P.c.state == PromiseState.open, P.c.ends_on < facts.today)).scalar_one()
    view = StaleView(
        today=facts.today,
        known_until=known,
        expected=expected,
        letters=len(letters),
        promises=promises,
        ended=ended,
    )
    return _loaded(task, view, "")


def _event(task: Task, name: str) -> dict[str, Any]:
    """The latest event that names such a thing."""
    return next((e for e in reversed(task.events) if name in e), {})


def _answer_by(facts: Facts, message: Message, task: Task) -> Any:
    return facts.local(facts.answer_by(task, delivering=not message.for_update), message.person_id)


def _loaded(task: Task, view: Any, code: str, receivables: tuple[str, ...] = ()) -> Loaded:
    return Loaded(
        kind=MESSAGES[task.kind],
        view=view,
        customer_code=code,
        task_id=task.id,
        receivables=receivables,
        severity=task.severity,
        over=task.state != TaskState.open,
    )


_KINDS: dict[str, Callable[[Facts, Message, Task, Phrase | None], Loaded | Cancel]] = {
    "allocate": payments.allocate,
    "assign": gap,
    "copy": copy,
    "reversed": payments.reversed_,
    "letter": unsure,
    "undelivered": failed,
    "receipts": stale,
    "invoice": fulfilment.invoice,
    "sign": fulfilment.sign,
    "prepay": fulfilment.prepay,
    "related": risks.check,
}
