"""Chasing: the card of a collect task, the card of an alert, and the short notes about both."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.notifications.load.events import OF_THE_DAY, events_of, news
from bot.notifications.load.facts import (
    About,
    Cancel,
    Facts,
    Loaded,
    Message,
    amounts,
    aside_of,
    day,
    days_of,
    late,
    overdue_of,
    parts_of,
    phrase,
    row_of,
    sums,
    worst,
)  # fmt: skip
from bot.notifications.views import CollectView, NoteView, Phrase
from bot.notifications.views.base import Rows
from bot.notifications.views.ratings import letter_of
from core.chores import holders
from core.credit.rules import BLOCKING
from core.dunning.facts import ReceivableFacts, worse
from core.models import Case, CaseState, Delivery, Firing, OutboxMessage, PauseState, Task, TaskState
from core.models.base import table_of

# Kinds of a task's card that are drawn from something else than a CollectView, where nothing else is to be said.
SPECIAL = {
    "promise.broken": ("promise.broken", "promise.partly_kept"),
    "claim.expired": ("claim.expired",),
}
NOTES = ("note.rise", "note.closed", "note.decided")
SET_ASIDE = ("promised", "claimed", "disputed", "paused")


def task_card(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """The card of a collect task, as its message is now."""
    task = facts.task(message.subject_id)
    about = facts.about(task.customer_id or 0)
    ended = _ended(facts, message, task)
    if ended is not None and not message.for_update:
        return Cancel(str(task.state))
    mine = _of(facts, about, task)
    chaseable = [r for r in mine if r.chaseable]
    over = ended is not None
    if ended is None and not chaseable:
        if not message.for_update:
            return Cancel(_why_not(mine))
        ended = _set_aside(about, mine)
    unowned = _unowned(facts, about, mine, task) if ended is None else None
    special = _special(task) if unowned is None else None
    if special is not None:
        from bot.notifications.load import claims, promises

        of_task = promises.of_task if special == "promise.broken" else claims.of_task
        drawn = of_task(facts, message, task, ended)
        if drawn is not None:
            return replace(drawn, over=over)
    view = _view(
        facts, about, mine, message, lang, task=task, ended=ended, told=(unowned,) if unowned is not None else ()
    )
    if unowned is not None:
        view = replace(view, people=facts.sellers())
    return Loaded(
        kind=_kind(task, view),
        view=view,
        customer_code=about.code,
        task_id=task.id,
        receivables=tuple(r.number for r in mine),
        severity=view.severity,
        over=over,
        files=tuple(str(e["file"]) for e in task.events if e.get("file")),
    )


def alert_card(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """The card of an alert: a case, and no task of the reader's."""
    case = facts.work.session.get_one(Case, message.subject_id)
    about = facts.about(case.customer_id)
    mine = [r for r in about.receivables if r.case_id is not None]
    carried = _carried(facts, message)
    told = [r for r in mine if r.id in carried]
    alive = {r.currency for r in told if r.chaseable}
    ended = None
    if case.state == CaseState.closed and not alive:
        ended = phrase("ended.settled")
    elif case.state == CaseState.waiting and not alive:
        ended = _set_aside(about, [r for r in mine if r.currency == case.currency])
    over = ended is not None
    if not message.for_update:
        if ended is not None:
            return Cancel("settled" if case.state == CaseState.closed else "waiting")
        if carried and not alive:
            return Cancel(_why_not(told))
        if not any(r.chaseable for r in mine):
            return Cancel(_why_not(mine))
    elif ended is None and _newer(facts, message):
        ended, over = phrase("ended.superseded"), True
    elif ended is None and not any(r.chaseable for r in mine):
        ended = _set_aside(about, mine)
    # The card may outlive its own case: it also carries what is owed in another currency.
    severity = worst(c.case_severity for c in about.cases if c.currency in alive) if alive else case.severity
    also = news(facts, about, message.delivered_on or facts.today)
    view = _view(facts, about, mine, message, lang, severity=severity, ended=ended, told=also)
    return Loaded(
        kind=message.kind,
        view=view,
        customer_code=about.code,
        receivables=tuple(r.number for r in mine),
        severity=severity,
        over=over,
    )


def _carried(facts: Facts, message: Message) -> set[int]:
    """The receivables whose steps an alert tells of. Their firings name the first recipient's message, and those of
    one alert were written at one instant."""
    F, O = table_of(Firing), table_of(OutboxMessage)  # noqa: E741
    mine = select(O.c.subject_id, O.c.created_at).where(O.c.id == message.outbox_id, O.c.subject == "case").subquery()
    siblings = select(O.c.id).join(
        mine, (O.c.subject == "case") & (O.c.subject_id == mine.c.subject_id) & (O.c.created_at == mine.c.created_at)
    )
    return set(facts.work.session.execute(select(F.c.receivable_id).where(F.c.outbox_id.in_(siblings))).scalars())


def alert_rise(facts: Facts, message: Message) -> Loaded | Cancel:
    """One short message: the card of an alert says something worse than when it was sent."""
    if message.for_update:
        return Cancel("stays")
    case = facts.work.session.get_one(Case, message.subject_id)
    about = facts.about(case.customer_id)
    mine = [r for r in about.receivables if r.case_id is not None]
    if case.state != CaseState.open or not any(r.chaseable for r in mine):
        return Cancel(_why_not(mine))
    view = NoteView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        severity=message.data["severity"],
        days=days_of(mine, facts.today),
        overdue=overdue_of(mine, facts.today),
    )
    return Loaded(
        kind="note.rise",
        view=view,
        customer_code=about.code,
        receivables=tuple(r.number for r in mine),
        severity=view.severity,
    )


def rise(facts: Facts, message: Message) -> Loaded | Cancel:
    """One short message about a rise. It is said once: an edit would change what somebody has read."""
    if message.for_update:
        return Cancel("stays")
    task = facts.task(message.subject_id)
    about = facts.about(task.customer_id or 0)
    if task.state != TaskState.open:
        return Cancel(str(task.state))
    told = message.data.get("severity", task.severity)
    if worse(task.severity, told) != task.severity:
        return Cancel("eased")
    mine = _of(facts, about, task)
    if not any(r.chaseable for r in mine):
        return Cancel(_why_not(mine))
    today = facts.today
    days = days_of(mine, today)
    fresh = [e for e in task.events if e.get("on") == today.isoformat()]
    if task.events and "on" not in task.events[-1]:
        fresh.append(task.events[-1])
    answer_by = facts.local(facts.answer_by(task, delivering=True), message.person_id)
    view = NoteView(
        today=today,
        customer=about.name,
        short=about.short,
        severity=task.severity,
        days=days,
        overdue=overdue_of(mine, today) or sums((r.chaseable_minor, r.currency) for r in mine if r.chaseable),
        events=events_of(fresh, days),
        answer_by=answer_by,
        late=facts.passed(answer_by),
    )
    return Loaded(
        kind="note.rise",
        view=view,
        customer_code=about.code,
        task_id=task.id,
        receivables=tuple(r.number for r in mine),
        severity=task.severity,
    )


def ended_of(facts: Facts, task: Task) -> Phrase | None:
    """How a task ended; None while it is open."""
    if task.state == TaskState.open:
        return None
    if task.state == TaskState.settled:
        return phrase("ended.settled")
    if task.state == TaskState.handed_over:
        return phrase("ended.handed_over", who=task.waiting_on)
    if task.state == TaskState.waiting:
        return _waiting(facts, task)
    result = task.result or {}
    kind = result.get("kind", "")
    if kind == "promise":
        return phrase("ended.promised", on=day(result.get("due_on")), amount=amounts(result.get("amounts")))
    if kind == "not_reached":
        return phrase("ended.not_reached", on=day(result.get("again_on")))
    if kind in ("paid", "part_paid", "dispute"):
        return phrase(f"ended.{kind}", amount=amounts(result.get("amounts")))
    if kind == "copy":
        return phrase("ended.copy")
    if kind == "other":
        return phrase("ended.other", text=str(result.get("note", "")))
    return phrase("ended.answered", who=facts.actor(task.closed_by))


def _of(facts: Facts, about: About, task: Task) -> list[ReceivableFacts]:
    """The receivables of a task that are still open, oldest first."""
    links = facts.links(task.id or 0)
    return [r for r in about.receivables if r.id in links]


def _why_not(mine: list[ReceivableFacts]) -> str:
    """Why nothing of this is chased: what holds for the oldest of it."""
    return mine[0].why_not if mine else "settled"


def _ended(facts: Facts, message: Message, task: Task) -> Phrase | None:
    ended = ended_of(facts, task)
    if ended is None and message.for_update and _newer(facts, message):
        return phrase("ended.superseded")
    return ended


def _newer(facts: Facts, message: Message) -> bool:
    """Whether a newer card about the same went out on a later day."""
    if message.delivered_on is None:
        return False
    D = table_of(Delivery)
    found = select(D.c.id).where(
        D.c.subject == message.subject,
        D.c.subject_id == message.subject_id,
        D.c.person_id == message.person_id,
        D.c.kind.not_in(NOTES),
        D.c.on_date > message.delivered_on,
    )
    return facts.work.session.execute(found.limit(1)).first() is not None


def _waiting(facts: Facts, task: Task) -> Phrase:
    """A task that ended because all of it was set aside; `waiting_on` says by what."""
    about = facts.about(task.customer_id or 0)
    return _aside(about, task.waiting_on) or phrase("ended.waiting")


def _set_aside(about: About, mine: list[ReceivableFacts]) -> Phrase:
    """Why nothing of `mine` is chased for now."""
    if not mine:
        return phrase("ended.settled")
    reasons = {r.why_not for r in mine}
    for reason in SET_ASIDE:
        if reason in reasons:
            return _aside(about, reason) or phrase("ended.waiting")
    return phrase("ended.netted" if "netted" in reasons else "ended.nothing_to_chase")


def _aside(about: About, reason: str) -> Phrase | None:
    if reason == "promised" and about.promises:
        return phrase(
            "ended.promised",
            on=min(p.due_on for p in about.promises),
            amount=sums((p.amount_minor, p.currency) for p in about.promises),
        )
    if reason == "claimed":
        return phrase("ended.paid")
    if reason == "disputed" and about.disputes:
        return phrase("ended.dispute", amount=sums((d.amount_minor, d.currency) for d in about.disputes))
    if reason == "netted":
        return phrase("ended.netted")
    if reason == "paused" and about.pauses:
        return phrase("ended.paused", on=max(p.until for p in about.pauses))
    return None


def _unowned(facts: Facts, about: About, mine: list[ReceivableFacts], task: Task) -> Phrase | None:
    """Nobody is responsible, and the reader, who stands in, is the one to choose somebody: asked on this card."""
    if not task.as_owner or task.person_id not in holders(facts.org, "finance_manager")[:1]:
        return None
    lost = [r for r in mine if facts.org.responsible(r.owner_id, about.owner_id) is None]
    if not lost:
        return None
    owner = about.owner_of(lost[0])
    return phrase("event.no_owner") if owner is None else phrase("event.owner_left", who=facts.name(owner))


def _special(task: Task) -> str | None:
    """promise.broken or claim.expired, while that is all there is to say: no reminder, no other event."""
    kinds = SPECIAL.get(task.message)
    if kinds is None or task.reminders:
        return None
    return task.message if all(e.get("kind") in kinds for e in task.events) else None


def _kind(task: Task, view: CollectView) -> str:
    """What is true now decides: a reminder of a due date that has passed is drawn as overdue, and the other way round."""
    kind = "task.overdue" if task.message in SPECIAL else task.message
    if view.closed:
        return kind
    if kind == "task.due_soon" and view.days > 0:
        return "task.overdue"
    if kind == "task.critical" and task.severity != "critical":
        kind = "task.overdue"
    if kind == "task.overdue" and view.days == 0:
        return "task.due_soon"
    return kind


def _view(
    facts: Facts,
    about: About,
    mine: list[ReceivableFacts],
    message: Message,
    lang: str,
    *,
    ended: Phrase | None,
    task: Task | None = None,
    severity: str = "",
    told: tuple[Phrase, ...] = (),
) -> CollectView:
    today, reader = facts.today, message.person_id
    chaseable = [r for r in mine if r.chaseable]
    overdue = late(mine, today)
    days = max((r.age(today) for r in overdue), default=0)
    oldest = (overdue or chaseable or mine)[:1]
    owners = {facts.org.responsible(r.owner_id, about.owner_id) for r in about.receivables}
    whole = task is None or not task.as_owner or about.owner_id == task.person_id or owners <= {task.person_id}
    currencies = {r.currency for r in mine}
    promise = min((p for p in about.promises if p.currency in currencies), key=lambda p: p.due_on, default=None)
    dispute = next((d for d in about.disputes if d.currency in currencies), None)
    pause = max((p for p in about.pauses if p.state == PauseState.active), key=lambda p: p.until, default=None)
    silent = _silent(task)
    message_kind = message.kind if task is None else task.message
    skip = {"letter.final"} if message_kind == "letter.final" else set()
    events = list(task.events) if task is not None else []
    events = [e for e in events if e.get("kind") not in OF_THE_DAY or e.get("on") == facts.today.isoformat()]
    if silent is not None and message_kind == "task.silent":
        events = [e for e in events if not (e.get("kind") == "task.silent" and e.get("who") == silent.get("who"))]
    told = (*events_of(events, days, skip), *told)
    if task is not None and ended is None and task.snoozed_until is not None and task.snoozed_until > today:
        told = (*told, phrase("ended.snoozed", on=task.snoozed_until))
    answer_by = None
    if task is not None and ended is None:
        answer_by = facts.local(facts.answer_by(task, delivering=not message.for_update), reader)
    last_on, last_by, last_note = last_contact(facts, about, lang)
    since = silent.get("since") if silent is not None else None
    return CollectView(
        today=today,
        customer=about.name,
        short=about.short,
        code=about.code,
        parts=parts_of(about, mine, today, whole=whole),
        severity=_severity(task.severity if task is not None else severity, days),
        days=days,
        due_in=max(0, min((-r.age(today) for r in chaseable if r.age(today) <= 0), default=0)),
        oldest_due=oldest[0].due_on if oldest else None,
        receivables=Rows(chaseable, lambda r: row_of(r, today)),
        aside=aside_of(mine, today),
        unapplied=sums((c.unapplied_minor, c.currency) for c in about.cases if c.currency in currencies),
        promise_on=promise.due_on if promise is not None else None,
        promise_amount=sums([(promise.amount_minor, promise.currency)])[0] if promise is not None else None,
        not_kept=about.not_kept,
        dispute=dispute.reason if dispute is not None else "",
        dispute_amount=_disputed(mine, about, dispute),
        paused_until=pause.until if pause is not None else None,
        pause_reason=pause.reason if pause is not None else "",
        hold=not about.holds.isdisjoint(BLOCKING),
        rating=letter_of(about.rating),
        last_on=last_on,
        last_by=last_by,
        last_note=last_note,
        answer_by=answer_by,
        late=facts.passed(answer_by),
        escalated_to=facts.escalated_to(task) if task is not None and facts.passed(answer_by) else "",
        escalates_to=facts.above(task) if task is not None and answer_by is not None else "",
        reminder_n=task.reminders + 1 if task is not None else 1,
        silent_who=str(silent.get("who", "")) if silent is not None else "",
        silent_since=facts.local(datetime.fromisoformat(since), reader) if since else None,
        events=told,
        no_contact=facts.letters_on and not about.no_letters and not _mail(about),
        redelivered=bool(message.data.get("redelivered")),
        owner=_owner(facts, about, oldest, reader),
        ended=ended,
    )


def _severity(severity: str, days: int) -> str:
    """Never called due soon once it is overdue."""
    return "overdue" if severity == "due_soon" and days > 0 else severity


def _silent(task: Task | None) -> dict[str, Any] | None:
    """The latest silence that this task was opened for."""
    silent = [e for e in task.events if e.get("kind") == "task.silent"] if task is not None else []
    return silent[-1] if silent else None


def _disputed(mine: list[ReceivableFacts], about: About, dispute: Any) -> Any:
    """What the dispute takes out: min(disputed, open), of the receivables on this card."""
    if dispute is None:
        return None
    total = sums((r.disputed_minor, r.currency) for r in mine if r.currency == dispute.currency)
    return total[0] if total else sums([(dispute.amount_minor, dispute.currency)])[0]


def _mail(about: About) -> str:
    contact = about.contacts.get("finance")
    return contact.email if contact is not None else ""


def _owner(facts: Facts, about: About, oldest: list[ReceivableFacts], reader: int | None) -> str:
    """Who looks after it, where that is not the reader."""
    owner = facts.org.responsible(oldest[0].owner_id if oldest else None, about.owner_id)
    return "" if owner == reader else facts.name(owner)


def last_contact(facts: Facts, about: About, lang: str) -> tuple[Any, str, str]:
    """(when, who, what) of the latest thing somebody logged about the customer."""
    from bot.notifications.templates import templates

    if about.last is None:
        return None, "", ""
    note = str(about.last.data.get("note") or about.last.data.get("what") or "")
    kind = about.last.action.removeprefix("task.")
    words = templates()
    if not note and kind in words.word_groups["result"]:
        note = words.word(kind, "result", "zh" if lang == "zh" else "en")
    return facts.day_of(about.last.at), facts.actor(about.last.actor), note
