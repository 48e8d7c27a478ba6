"""Who is told what, on how many cards: one customer's decisions and events of today become firings, tasks and messages.

Pure. The rules are dunning.md sections 5 to 7: one open task per customer and person, one card per person, customer
and day, a rise updates the card and sends one short message, a further step on a later day sends the card anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any

from core.dunning.decide import Decision, Hit
from core.dunning.facts import worse
from core.dunning.ladder import LETTER_KINDS, SEVERITIES, Policy
from core.dunning.letters import FINAL, LetterPlan, LetterSending, plan_letter
from core.dunning.org import Org
from core.dunning.state import (
    NOTICES,
    CustomerPlan,
    CustomerState,
    Event,
    PlannedAlert,
    PlannedFiring,
    PlannedNotice,
    PlannedTask,
    TaskFacts,
)

DEFAULT_ANSWER_DAYS = 2
FOR_MANAGER = ("not_reached",)  # events for somebody who isn't responsible: a task of their own about all of it
_EVENT_MESSAGE = {
    "promise.broken": "promise.broken",
    "promise.partly_kept": "promise.broken",
    "claim.expired": "claim.expired",
}


@dataclass(slots=True)
class _Touch:
    """What today brings one person for this customer, before it becomes a task change and a card."""

    hits: list[Hit] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    severity: str = ""
    answer_days: int | None = None
    as_owner: bool = True
    silent_task_id: int | None = None
    receivables: set[int] = field(default_factory=set)


def plan(
    policy: Policy,
    org: Org,
    sending: LetterSending,
    state: CustomerState,
    decisions: Iterable[Decision],
    events: Iterable[Event],
    now: datetime,
    day: date,
) -> CustomerPlan:
    """The plan of one customer for the cycle at `now`, business date `day`. `decisions`: one a currency."""
    result = CustomerPlan(state.customer_id)
    decisions = list(decisions)
    touches: dict[int, _Touch] = {}
    alerts: dict[int, list[tuple[str, Hit]]] = {}
    notices: dict[int, list[Event]] = {}
    for decision in decisions:
        _steps(result, org, decision, touches, alerts)
    for decision in decisions:
        _letters(result, org, sending, state, decision, touches, day)
    for event in events:
        if event.kind in NOTICES:
            _notice(org, decisions, event, notices)
        else:
            _event(policy, org, decisions, event, touches, day)
    _silence(result, policy, org, state, decisions, touches, now)
    _tasks(result, state, touches, alerts, notices, day)
    _alerts(result, state, alerts)
    _notices(result, state, notices)
    return result


def _steps(
    result: CustomerPlan,
    org: Org,
    decision: Decision,
    touches: dict[int, _Touch],
    alerts: dict[int, list[tuple[str, Hit]]],
) -> None:
    case = decision.case
    for hit in decision.hits:
        step = hit.step
        if step.is_letter:
            continue
        people, stand_in = org.resolve(hit.audience, hit.receivable.owner_id, case.owner_id, case.region)
        result.gap |= stand_in and hit.audience.startswith("owner")
        for action in step.actions:
            if action in ("hold", "flag"):
                result.holds.append((case.currency, "order" if action == "hold" else "high_risk", hit))
        outcome, reason = hit.outcome, hit.reason
        if not people:
            outcome, reason = "deferred", "nobody_to_tell"
        result.firings.append(PlannedFiring(hit, case.currency, outcome, reason, step.message, people))
        if step.severity:
            reached = result.severities.get(case.currency, step.severity)
            result.severities[case.currency] = worse(reached, step.severity)
        if outcome != "acted":
            continue
        for person in people:
            if "task" in step.actions:
                touch = touches.get(person)
                if touch is None:
                    touch = touches[person] = _Touch(as_owner=hit.audience == "owner")
                touch.hits.append(hit)
                touch.receivables.add(hit.receivable.id)
                touch.as_owner |= hit.audience == "owner"
                if step.severity and (not touch.severity or worse(touch.severity, step.severity) == step.severity):
                    touch.severity, touch.message = step.severity, step.message
                touch.answer_days = step.answer_by or touch.answer_days
            elif "alert" in step.actions:
                alerts.setdefault(person, []).append((case.currency, hit))


def _letters(
    result: CustomerPlan,
    org: Org,
    sending: LetterSending,
    state: CustomerState,
    decision: Decision,
    touches: dict[int, _Touch],
    day: date,
) -> None:
    case = decision.case
    reached = [hit for hit in decision.hits if hit.step.is_letter]
    letters = state.letters.get(case.currency, state.new_letters)
    if not (letters.unsent or reached):
        return
    letters = replace(letters, unsent={r: set(stages) for r, stages in letters.unsent.items()})
    for hit in reached:
        letters.unsent.setdefault(hit.receivable.id, set()).add(hit.step.stage or 1)
    planned = plan_letter(sending, case, letters, day, released=state.released)
    result.letters[case.currency] = planned
    for hit in reached:
        stage = hit.step.stage or 1
        goes = isinstance(planned, LetterPlan) and stage <= planned.stage and hit.receivable.id in planned.receivables
        people: tuple[int, ...] = ()
        addresses: tuple[str, ...] = ()
        if stage == FINAL:
            people, stand_in = org.resolve(hit.audience, hit.receivable.owner_id, case.owner_id, case.region)
            result.gap |= stand_in
        else:
            cc = (letters.cc,) if hit.step.cc and letters.cc else ()
            addresses = (letters.to, *cc) if letters.to else ()
        reason = hit.reason if goes else (planned if isinstance(planned, str) and planned else "earlier_stage_first")
        result.firings.append(
            PlannedFiring(
                hit, case.currency, "acted" if goes else "deferred", reason, LETTER_KINDS[stage], people, addresses
            )
        )
    if isinstance(planned, LetterPlan) and planned.stage == FINAL:
        # A human sends it: the owner of the oldest receivable on it gets the file as a task.
        oldest = min(
            (r for r in case.receivables if r.id in planned.receivables), key=lambda r: (r.due_on or date.max, r.id)
        )
        people, _ = org.resolve("owner", oldest.owner_id, case.owner_id, case.region)
        for person in people:
            touch = touches.setdefault(person, _Touch())
            touch.events.append({"kind": "letter.final", "on": day.isoformat()})
            touch.message = touch.message or LETTER_KINDS[FINAL]
            touch.severity = touch.severity or case.case_severity or "overdue"
            touch.receivables.update(planned.receivables)


def _event(policy: Policy, org: Org, decisions: list[Decision], event: Event, touches: dict[int, _Touch], day: date) -> None:
    case = next((d.case for d in decisions if d.case.currency == event.currency), None)
    chased = [r for r in case.receivables if r.chaseable] if case is not None else []
    if case is None or not chased:
        return
    # What the ladder has not reached yet is no part of it, unless there is nothing else.
    reached = [r for r in chased if r.case_id is not None or r.age(day) > 0]
    if not reached and event.kind == "pause.ended":
        return
    chased = reached or chased
    oldest = min(chased, key=lambda r: (r.due_on or date.max, r.id))
    theirs = [r for r in chased if org.responsible(r.owner_id, case.owner_id) == event.person_id]
    if event.person_id is not None and org.active(event.person_id) and (theirs or event.kind in FOR_MANAGER):
        people: tuple[int, ...] = (event.person_id,)
    else:  # whoever was meant is no longer responsible
        people, _ = org.resolve("owner", oldest.owner_id, case.owner_id, case.region)
    for person in people:
        own = [r for r in chased if org.responsible(r.owner_id, case.owner_id) in (person, None)]
        touch = touches.setdefault(person, _Touch(as_owner=bool(own)))
        touch.events.append(event.told(day))
        touch.message = _EVENT_MESSAGE.get(event.kind) or touch.message
        fresh = "overdue" if oldest.age(day) > 0 else "due_soon"
        touch.severity = worse(touch.severity or "due_soon", case.case_severity or fresh)
        touch.answer_days = touch.answer_days or _answer_days(policy)
        touch.receivables.update(r.id for r in own or chased)


def _notice(org: Org, decisions: list[Decision], event: Event, notices: dict[int, list[Event]]) -> None:
    case = next((d.case for d in decisions if d.case.currency == event.currency), None)
    if case is None:
        return
    if event.person_id is None:
        promised = next((r for r in case.receivables if r.promised_minor), None)
        people, _ = org.resolve("owner", promised.owner_id if promised else None, case.owner_id, case.region)
    elif org.active(event.person_id):
        people = (event.person_id,)
    else:
        people = tuple(islice(org.chain(event.person_id), 1))
    for person in people:
        notices.setdefault(person, []).append(event)


def _answer_days(policy: Policy) -> int:
    """What the policy gives an owner to answer, where no step says it."""
    given = (s.answer_by for ladder in policy.ladders for s in ladder.steps if s.answer_by and "owner" in s.audience)
    return next(given, DEFAULT_ANSWER_DAYS)


def _silence(
    result: CustomerPlan,
    policy: Policy,
    org: Org,
    state: CustomerState,
    decisions: list[Decision],
    touches: dict[int, _Touch],
    now: datetime,
) -> None:
    silent = {p: t for p, t in state.tasks.items() if t.answer_by is not None and t.answer_by <= now}
    chaseable = {r.id for d in decisions for r in d.case.receivables if r.chaseable}
    for person, task in sorted(silent.items()):
        # Nobody is silent about what may not be chased now: money that waits to be allocated, a written-off debt.
        if task.escalated or task.id is None or not task.receivables & chaseable:
            continue
        result.escalated.append(task.id)
        upper = next((p for p in org.chain(person) if p not in silent), None)
        if upper is None:
            continue
        touch = touches.setdefault(upper, _Touch(as_owner=False))
        member = org.members[person]
        since = task.answer_by.isoformat() if task.answer_by else ""
        touch.events.append({"kind": "task.silent", "who": member.name, "handle": member.handle, "since": since})
        touch.message = "task.silent"
        touch.severity = worse(touch.severity or "due_soon", task.severity)
        touch.answer_days = task.answer_days or touch.answer_days or _answer_days(policy)
        touch.silent_task_id = task.id
        touch.receivables.update(task.receivables)


def _tasks(
    result: CustomerPlan,
    state: CustomerState,
    touches: dict[int, _Touch],
    alerts: dict[int, list[tuple[str, Hit]]],
    notices: dict[int, list[Event]],
    day: date,
) -> None:
    top = max(result.severities.values(), key=SEVERITIES.index, default="")
    for person in (*alerts, *notices):
        task = state.tasks.get(person)
        if task is not None:  # one card per person, customer and day: the task's takes everything in
            touches.setdefault(person, _Touch(as_owner=False, message=task.message))
    for person in sorted({*touches, *state.tasks}):
        touch = touches.get(person)
        task = state.tasks.get(person)
        if touch is None:
            assert task is not None
            # Somebody else's firing raises this task, too.
            if top and worse(task.severity, top) != task.severity:
                result.tasks.append(_changed(task, _Touch(severity=top, message=task.message), day))
            continue
        for currency, hit in alerts.pop(person, []):
            touch.events.append({"kind": hit.step.message, "currency": currency, "days": hit.offset})
            touch.severity = worse(touch.severity or "due_soon", hit.step.severity or "due_soon")
        for event in notices.pop(person, []):
            touch.events.append(event.told(day))
        touch.severity = worse(touch.severity or "due_soon", top or "due_soon")
        if task is not None:
            result.tasks.append(_changed(task, touch, day))
            continue
        shown = [cards[person] for cards in (state.alerts, state.notices) if person in cards]
        result.tasks.append(
            PlannedTask(
                person_id=person,
                id=None,
                as_owner=touch.as_owner,
                severity=touch.severity,
                message=touch.message or "task.overdue",
                answer_days=touch.answer_days,
                receivables=touch.receivables,
                events=[*(e for card in shown for e in card.events), *touch.events],
                card="adopt" if shown else "new",
                note=any(not card.pending for card in shown),
                silent_task_id=touch.silent_task_id,
            )
        )


def _changed(task: TaskFacts, touch: _Touch, day: date) -> PlannedTask:
    severity = worse(task.severity, touch.severity or task.severity)
    rise = severity != task.severity
    further = any(hit.receivable.id in task.receivables for hit in touch.hits) or bool(touch.events)
    hidden = task.snoozed_until is not None and task.snoozed_until > day
    if task.pending:
        card, note = "none", False
    elif task.carded_on == day:
        card, note = "update", rise or bool(touch.silent_task_id)
    elif touch.silent_task_id:
        card, note = "remind", False
    elif rise:
        card, note = "update", True
    elif further and not hidden:
        card, note = "remind", False
    else:
        card, note = "update", False
    return PlannedTask(
        person_id=task.person_id,
        id=task.id,
        as_owner=task.as_owner or (touch.as_owner and bool(touch.hits)),
        severity=severity,
        message=touch.message or task.message,
        answer_days=touch.answer_days or task.answer_days,
        receivables=touch.receivables - task.receivables,
        events=touch.events,
        card=card,
        note=note,
        silent_task_id=touch.silent_task_id,
    )


def _alerts(result: CustomerPlan, state: CustomerState, alerts: dict[int, list[tuple[str, Hit]]]) -> None:
    for person, hits in sorted(alerts.items()):
        currency, worst = max(hits, key=lambda pair: (pair[1].offset, SEVERITIES.index(pair[1].step.severity or "due_soon")))
        severity = max((h.step.severity or "due_soon" for _, h in hits), key=SEVERITIES.index)
        shown, notice = state.alerts.get(person), state.notices.get(person)
        card = "update" if shown is not None else "adopt" if notice is not None else "new"
        before = shown or notice
        note = before is not None and not before.pending and worse(before.severity, severity) != before.severity
        result.alerts.append(PlannedAlert(person, currency, worst.step.message, severity, card, note))


def _notices(result: CustomerPlan, state: CustomerState, notices: dict[int, list[Event]]) -> None:
    """A card of their own only for who gets no other about this customer today; a second one is drawn on the first."""
    alerted = {alert.person_id for alert in result.alerts} | set(state.alerts)
    for person, events in sorted(notices.items()):
        update = person in alerted or person in state.notices
        result.notices.append(PlannedNotice(person, events[0], update))
