"""Reads what `plan` needs of many customers: open tasks, today's cards, letters had and waiting. A fixed number of
statements for any number of customers."""

from collections.abc import Sequence
from datetime import date, time

from sqlalchemy import and_, func, or_, select

from core.dunning.ladder import Policy
from core.dunning.letters import FINAL, LetterFacts, LetterSending
from core.dunning.state import NOTICES, CardFacts, CustomerState, TaskFacts
from core.models import (
    Case,
    CaseState,
    Contact,
    Firing,
    FiringOutcome,
    ImportRun,
    Letter,
    LetterState,
    OutboxMessage,
    OutboxState,
    Receivable,
    Task,
    TaskReceivable,
    TaskState,
)
from core.models.base import among, table_of
from core.outbox import WAITING
from core.time import local_instant
from core.work import Work

T = table_of(Task)
TR = table_of(TaskReceivable)
F = table_of(Firing)
O = table_of(OutboxMessage)  # noqa: E741
L = table_of(Letter)
K = table_of(Case)
K, R, X, Y = table_of(Case), table_of(Receivable), table_of(Contact), table_of(ImportRun)

RELEASED = "released"  # the reason of a deferred letter firing that finance has let go


def load_states(work: Work, customer_ids: Sequence[int]) -> dict[int, CustomerState]:
    states = {i: CustomerState(i) for i in customer_ids}
    _tasks(work, customer_ids, states)
    _cards(work, customer_ids, states)
    _letters(work, customer_ids, states)
    return states


def _tasks(work: Work, customer_ids: Sequence[int], states: dict[int, CustomerState]) -> None:
    by_id: dict[int, TaskFacts] = {}
    rows = work.session.execute(
        select(T).where(among(T.c.customer_id, customer_ids), T.c.state == TaskState.open, T.c.kind == "collect")
    )
    for t in rows.mappings():
        by_id[t["id"]] = states[t["customer_id"]].tasks[t["person_id"]] = TaskFacts(
            person_id=t["person_id"],
            id=t["id"],
            as_owner=t["as_owner"],
            severity=t["severity"],
            message=t["message"],
            answer_days=t["answer_days"],
            answer_by=t["answer_by"],
            escalated=t["escalated_on"] is not None,
            snoozed_until=t["snoozed_until"],
            reminders=t["reminders"],
            events=list(t["events"]),
        )
    if by_id:
        links = select(TR.c.task_id, TR.c.receivable_id).where(among(TR.c.task_id, list(by_id)))
        for task_id, receivable_id in work.session.execute(links):
            by_id[task_id].receivables.add(receivable_id)


def _cards(work: Work, customer_ids: Sequence[int], states: dict[int, CustomerState]) -> None:
    """Cards that wait, and cards of today. One that went into the morning digest counts as shown."""
    midnight = local_instant(work.today, time(0), work.company.calendar.zone)
    shown = and_(O.c.done_at >= midnight, or_(O.c.state == OutboxState.sent, O.c.reason == "in_digest"))
    running = and_(O.c.subject == "case", K.c.id == O.c.subject_id, K.c.state != CaseState.closed)
    rows = work.session.execute(
        select(O.c.customer_id, O.c.person_id, O.c.subject, O.c.subject_id, O.c.state, K.c.id, O.c.data)
        .outerjoin(K, running)
        .where(
            among(O.c.customer_id, customer_ids),
            O.c.op == "send",
            or_(O.c.subject.in_(("task", "case")), O.c.kind.in_(set(NOTICES.values()))),
            O.c.kind != "note.rise",
            or_(O.c.state.in_(WAITING), shown),
        )
    )
    for customer_id, person_id, subject, subject_id, message_state, running_case, data in rows:
        state = states[customer_id]
        if subject != "task":
            card = CardFacts(message_state in WAITING, data.get("severity", "due_soon"), data.get("events", []))
            if subject != "case":
                state.notices[person_id] = card
            elif running_case is not None:  # the card of a closed case ends: nothing can join it
                state.alerts[person_id] = card
            continue
        task = state.tasks.get(person_id)
        if task is None or task.id != subject_id:
            continue
        if message_state in WAITING:
            task.pending = True
        else:
            task.carded_on = work.today


def _letters(work: Work, customer_ids: Sequence[int], states: dict[int, CustomerState]) -> None:
    rows = work.session.execute(
        select(F.c.customer_id, K.c.currency, F.c.receivable_id, F.c.stage, F.c.outcome, F.c.reason)
        .join(K, K.c.id == F.c.case_id)
        .join(R, and_(R.c.id == F.c.receivable_id, R.c.due_on <= F.c.due_on))  # of a later due date: history
        .where(among(F.c.customer_id, customer_ids), F.c.stage.is_not(None))
    )

    def letters_of(customer_id: int, currency: str) -> LetterFacts:
        return states[customer_id].letters.setdefault(currency, LetterFacts())

    found = False
    for customer_id, currency, receivable_id, stage, outcome, reason in rows:
        letters = letters_of(customer_id, currency)
        found = True
        if outcome == FiringOutcome.deferred:
            letters.unsent.setdefault(receivable_id, set()).add(stage)
            states[customer_id].released |= reason == RELEASED
        elif outcome == FiringOutcome.acted and stage < FINAL:
            letters.had[receivable_id] = max(letters.had.get(receivable_id, 0), stage)
    last: dict[int, date] = {}
    if found:
        rows = work.session.execute(
            select(L.c.customer_id, func.max(L.c.sent_on))
            .where(among(L.c.customer_id, customer_ids), L.c.sent_on.is_not(None), L.c.state != LetterState.cancelled)
            .group_by(L.c.customer_id)
        )
        last = {customer_id: sent_on for customer_id, sent_on in rows}
    contacts: dict[int, dict[str, str]] = {}
    for contact in work.session.execute(
        select(X.c.customer_id, X.c.type, X.c.email).where(
            among(X.c.customer_id, customer_ids)
        )
    ):
        contacts.setdefault(contact.customer_id, {})[contact.type] = contact.email
    for customer_id, state in states.items():
        known = contacts.get(customer_id, {})
        for letters in (*state.letters.values(), state.new_letters):
            letters.to, letters.cc = known.get("finance", ""), known.get("business", "")
            letters.last_on = last.get(customer_id)


def load_sending(work: Work, policy: Policy) -> LetterSending:
    """What holds for all letters at this moment."""
    company = work.company
    local = work.now.astimezone(company.calendar.zone)
    return LetterSending(
        mode=company.letters or policy.letters,
        profile=company.profile.complete,
        in_window=company.calendar.works(local.date()) and policy.windows.letters.holds(local.time()),
        stale=receipts_stale(work),
        gap_days=policy.limits.letter_gap_days,
    )


def receipts_stale(work: Work) -> bool:
    """Whether receipts are known only up to before the last working day. False until a receipts source exists."""
    known = work.session.execute(
        select(func.max(Y.c.known_to)).where(Y.c.known_to.is_not(None))
    ).scalar()
    return known is not None and known < work.company.calendar.previous_working_day(work.today)
