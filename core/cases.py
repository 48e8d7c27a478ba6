"""Cases: what follows from a change of the ledger for cases, tasks, promises and cards, in the same transaction.

open -> waiting -> open     all of it is promised, disputed, claimed or paused; and no longer
open, waiting -> closed     none of its receivables is open any more
closed -> open              a reversed receipt re-opens it
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, CompoundSelect, Date, bindparam, select, true, union, update
from sqlalchemy import case as sql_case

from core import chores, claims, disputes, invoicing, outbox, payments, promises, unsigned
from core.credit import events, prepayment
from core.dunning.facts import CaseFacts, worse
from core.dunning.ladder import SEVERITIES, Policy
from core.dunning.load import load_cases, load_org
from core.dunning.org import Org
from core.dunning.stored import active
from core.ledger.marks import mark
from core.models import (
    Case,
    CaseState,
    Claim,
    ClaimState,
    Delivery,
    Dispute,
    DisputeState,
    Firing,
    Hold,
    Promise,
    PromiseState,
    Receivable,
    Task,
    TaskReceivable,
    TaskState,
)
from core.models.base import table_of
from core.work import Work

R, K, F, H = table_of(Receivable), table_of(Case), table_of(Firing), table_of(Hold)
T, TR, D = table_of(Task), table_of(TaskReceivable), table_of(Delivery)
SET_ASIDE = ("promised", "claimed", "disputed", "paused")

# Statements are built once: that costs more than running one for a single customer.
_WHOSE = bindparam("customers", expanding=True, type_=BigInteger)
_TASKS = (
    select(Task)
    .where(T.c.customer_id.in_(_WHOSE), T.c.state == TaskState.open, T.c.kind == "collect")
    .order_by(T.c.id)
)
_TODAY = bindparam("today", type_=Date)


def _busy_ones() -> CompoundSelect[Any]:
    promise, claim, dispute = table_of(Promise), table_of(Claim), table_of(Dispute)
    judged = (PromiseState.open, PromiseState.broken, PromiseState.partly_kept)
    return union(
        *(
            select(table.c.customer_id).where(table.c.customer_id.in_(_WHOSE), condition)
            for table, condition in (
                (K, true()),  # also those whose closed case is open again
                (T, T.c.state == TaskState.open),
                (promise, promise.c.state.in_(judged)),
                (claim, claim.c.state == ClaimState.pending),
                (dispute, dispute.c.state == DisputeState.open),
                (D, D.c.state == "open"),
            )
        )
    )


_BUSY = _busy_ones()
# A reversal opened what the engine had done with, in a case or before anything ever fired for it.
_LOOK_AGAIN = (
    update(R)
    .where(R.c.customer_id.in_(_WHOSE), R.c.open_minor > 0, R.c.due_on.is_not(None), R.c.next_step_on.is_(None))
    .values(next_step_on=_TODAY)
)
_OPEN_AGAIN = (
    select(K.c.id, K.c.customer_id, K.c.currency, R.c.id.label("receivable_id"), R.c.owner_id)
    .join(R, R.c.case_id == K.c.id)
    .where(K.c.customer_id.in_(_WHOSE), K.c.state == CaseState.closed, (R.c.open_minor > 0) | (R.c.settled_on > _TODAY))
    .order_by(K.c.id)
)
_RUNNING = select(Case).where(K.c.customer_id.in_(_WHOSE), K.c.state != CaseState.closed)
_SETTLED = (R.c.open_minor == 0) & (R.c.settled_on <= _TODAY)
_VOID = (
    select(F.c.id, sql_case((_SETTLED, "settled"), else_="due_later").label("reason"))
    .join(R, R.c.id == F.c.receivable_id)
    .where(F.c.customer_id.in_(_WHOSE), F.c.outcome == "deferred", _SETTLED | (R.c.due_on > F.c.due_on))
)
_FIRED = select(F.c.receivable_id, F.c.due_on, F.c.severity, F.c.step).where(
    F.c.case_id.in_(bindparam("cases", expanding=True, type_=BigInteger))
)
_HOLDS = select(Hold).where(H.c.case_id.in_(bindparam("cases", expanding=True, type_=BigInteger)), H.c.ended_on.is_(None))


def refresh(work: Work, customer_ids: Collection[int], receipt_ids: Collection[int] = ()) -> None:
    """Brings promises, claims, disputes, cases, tasks and cards of these customers in line with the ledger.

    `receipt_ids`: receipts that arrived with this change. Customers nobody is busy with cost one statement in all.
    """
    if not customer_ids:
        return
    work.session.flush()
    _, policy = active(work)
    work.session.execute(_LOOK_AGAIN, {"customers": list(customer_ids), "today": work.today})
    busy = _busy(work, customer_ids)
    if receipt_ids:
        payments.arrived(work, policy, receipt_ids)
        claims.confirm_by_receipts(work, policy, receipt_ids)
    if not busy:
        return
    promises.keep_early(work, busy)
    promises.correct(work, policy, busy)
    disputes.end_settled(work, busy)
    org = load_org(work)
    cases = load_cases(work, policy, busy)
    payments.taken_back(work, policy, org, busy)
    reopened = _reopen(work, policy, org, busy)
    if reopened:
        cases = load_cases(work, policy, busy)
    open_receivables = {r.id for c in cases for r in c.receivables}
    _cancel_deferred(work, busy)
    severity = _settle_cases(work, cases, busy)
    tasks, links = _tasks_of(work, busy)
    _hand_over(work, policy, org, cases, tasks, links)
    _settle_tasks(work, cases, severity, open_receivables, busy, tasks, links)
    payments.allocate_chores_done(work, busy)
    waiting = chores.who_has(work, busy, (invoicing.KIND, prepayment.KIND, unsigned.KIND))
    invoicing.taken_over(work, waiting[invoicing.KIND])
    unsigned.settle(work, waiting[unsigned.KIND])
    prepayment.settle(work, waiting[prepayment.KIND])
    outbox.touch_customers(work, busy)


def _busy(work: Work, customer_ids: Collection[int]) -> list[int]:
    """Those with a case, running or not, a task, promise, claim, dispute or open card."""
    return sorted(work.session.execute(_BUSY, {"customers": list(customer_ids)}).scalars())


def _reopen(work: Work, policy: Policy, org: Org, customer_ids: list[int]) -> bool:
    """A receivable of a closed case that is open again re-opens it, and owner and finance look into it."""
    rows = work.session.execute(_OPEN_AGAIN, {"customers": customer_ids, "today": work.today}).all()
    if not rows:
        return False
    running = {
        (row.customer_id, row.currency): row.id
        for row in work.session.execute(
            select(K.c.id, K.c.customer_id, K.c.currency).where(
                K.c.customer_id.in_(customer_ids), K.c.state != CaseState.closed
            )
        )
    }
    owners: dict[int, int | None] = {}
    for row in rows:
        case_id = running.setdefault((row.customer_id, row.currency), row.id)
        work.session.execute(update(K).where(K.c.id == case_id).values(state=CaseState.open, closed_on=None))
        work.session.execute(update(R).where(R.c.id == row.receivable_id).values(case_id=case_id, next_step_on=work.today))
        owners.setdefault(row.customer_id, row.owner_id)
    for customer_id, receivable_owner in owners.items():
        payments.look_into(work, policy, org, customer_id, [receivable_owner])
        work.audit("case.reopened", "customer", customer_id, customer_id)
    work.session.expire_all()
    return True


def _cancel_deferred(work: Work, customer_ids: list[int]) -> None:
    """Steps that waited, for what is settled or due later by now."""
    void = work.session.execute(_VOID, {"customers": customer_ids, "today": work.today}).all()
    for reason in sorted({row.reason for row in void}):
        ids = [row.id for row in void if row.reason == reason]
        values = {"outcome": "cancelled", "was": "deferred", "reason": reason, "changed_at": work.now}
        work.session.execute(update(F).where(F.c.id.in_(ids)).values(**values))


def _settle_cases(work: Work, cases: Iterable[CaseFacts], customer_ids: list[int]) -> dict[int, str]:
    """Closes, parks and eases the running cases; ends the holds that no open receivable has reached any more. Returns
    the severity of each customer that has one running still."""
    running = work.session.execute(_RUNNING, {"customers": customer_ids}).scalars().all()
    severities: dict[int, str] = {}
    if not running:
        return severities
    facts = {(c.customer_id, c.currency): c for c in cases}
    fired: dict[int, list[Any]] = defaultdict(list)
    of_these = {"cases": [c.id for c in running]}
    for row in work.session.execute(_FIRED, of_these):
        fired[row.receivable_id].append(row)
    holds_of: dict[int, list[Hold]] = defaultdict(list)
    for hold in work.session.execute(_HOLDS, of_these).scalars():
        holds_of[hold.case_id or 0].append(hold)
    freed: set[int] = set()
    for case in running:
        known = facts.get((case.customer_id, case.currency))
        mine = [r for r in known.receivables if r.case_id == case.id] if known else []
        # What fired for a due date that was moved later is history: the ladder starts anew.
        firings = [row for r in mine for row in fired[r.id] if r.due_on is None or row.due_on >= r.due_on]
        reached = {row.step for row in firings}
        for hold in holds_of[case.id or 0]:
            if hold.step not in reached:
                hold.ended_on, hold.ended_by = work.today, "system"
                freed.add(hold.customer_id)
        if not mine:
            case.state, case.closed_on = CaseState.closed, work.today
            work.audit("case.closed", "case", case.id, case.customer_id)
            continue
        severity = "due_soon"
        for row in firings:
            severity = worse(severity, row.severity or "due_soon")
        case.severity = severity
        case.state = CaseState.waiting if all(r.why_not in SET_ASIDE for r in mine) else CaseState.open
        severities[case.customer_id] = worse(severities.get(case.customer_id, "due_soon"), severity)
    if freed:
        mark(work, freed)
        events.customers_changed(work, freed)
    work.session.flush()
    return severities


def _tasks_of(work: Work, customer_ids: list[int]) -> tuple[list[Task], dict[int, set[int]]]:
    tasks = list(work.session.execute(_TASKS, {"customers": customer_ids}).scalars())
    links: dict[int, set[int]] = defaultdict(set)
    if tasks:
        for task_id, receivable_id in work.session.execute(
            select(TR.c.task_id, TR.c.receivable_id).where(TR.c.task_id.in_([t.id for t in tasks]))
        ):
            links[task_id].add(receivable_id)
    return tasks, links


def _settle_tasks(
    work: Work,
    cases: list[CaseFacts],
    severity: dict[int, str],
    still_open: set[int],
    customer_ids: list[int],
    tasks: list[Task],
    links: dict[int, set[int]],
) -> None:
    """Ends the tasks with nothing left to do, and lets severities fall silently."""
    tasks = [task for task in tasks if task.state == TaskState.open]
    why = {r.id: r.why_not for c in cases for r in c.receivables}
    anew = {r.id for c in cases for r in c.receivables if r.case_id is not None and r.fired_offset is None}
    for task in tasks:
        mine = links[task.id or 0] & still_open
        if not mine:
            chores.end(work, [task], TaskState.settled)
        elif all(why[r] in SET_ASIDE for r in mine):
            chores.end(work, [task], TaskState.waiting, why=max((why[r] for r in mine), key=SET_ASIDE.index))
        elif mine <= anew:
            chores.end(work, [task], TaskState.waiting, why="due_later")  # the due date has moved: nothing is late yet
        elif task.customer_id in severity and SEVERITIES.index(severity[task.customer_id]) < SEVERITIES.index(task.severity):
            # What was said with the higher severity (a broken promise, say) was about what is paid now.
            task.severity, task.events = severity[task.customer_id], []
            task.message = "task.due_soon" if task.severity == "due_soon" else "task.overdue"
    for customer_id in customer_ids:
        if not any(t.customer_id == customer_id and t.state == TaskState.open for t in tasks) and not any(
            c.customer_id == customer_id and c.receivables for c in cases
        ):
            for kind in ("reversed", "assign"):
                chores.close(work, kind, customer_id, TaskState.settled)


def _hand_over(
    work: Work, policy: Policy, org: Org, cases: list[CaseFacts], tasks: list[Task], links: dict[int, set[int]]
) -> None:
    """When the responsible person changes, the task moves, or joins the new owner's (dunning.md section 6).

    `tasks` and what they are about, `links`, are as they are afterwards.
    """
    responsible: dict[int, int] = {}
    for case in cases:
        for r in case.receivables:
            people, _ = org.resolve("owner", r.owner_id, case.owner_id, case.region)
            if people:
                responsible[r.id] = people[0]
    mine = {(t.customer_id, t.person_id): t for t in tasks}
    for task in tuple(tasks):
        if not task.as_owner:
            continue
        leaving: dict[int, set[int]] = defaultdict(set)
        for receivable_id in links[task.id or 0]:
            owner = responsible.get(receivable_id)
            if owner is not None and owner != task.person_id:
                leaving[owner].add(receivable_id)
        for owner, receivables in sorted(leaving.items()):
            work.session.execute(TR.delete().where(TR.c.task_id == task.id, TR.c.receivable_id.in_(receivables)))
            target = mine.get((task.customer_id, owner))
            if target is None:
                target = _moved(work, policy, org, task, owner)
                mine[task.customer_id, owner] = target
                tasks.append(target)
            present = links[target.id or 0]
            rows = [{"task_id": target.id, "receivable_id": r} for r in sorted(receivables - present)]
            if rows:
                work.session.execute(TR.insert(), rows)
            target.severity = worse(target.severity, task.severity)
            target.rev += 1
            links[task.id or 0] -= receivables
            present |= receivables
        if leaving and not links[task.id or 0]:
            names = ", ".join(org.members[p].name for p in sorted(leaving))
            chores.end(work, [task], TaskState.handed_over, why=names)
            work.audit("task.handed_over", "task", task.id, task.customer_id, to=sorted(leaving))
    work.session.flush()


def _moved(work: Work, policy: Policy, org: Org, task: Task, owner: int) -> Task:
    """The same task on the new owner's desk; answer-by starts anew with the delivery of its card."""
    target = Task(
        customer_id=task.customer_id,
        person_id=owner,
        severity=task.severity,
        message=task.message,
        opened_at=work.now,
        answer_days=task.answer_days,
        events=[*task.events, {"kind": "handed_over", "from": org.members[task.person_id].name}],
    )
    work.session.add(target)
    work.session.flush()
    windows, member, task_id = policy.windows, org.members[owner], target.id or 0
    customer_id = task.customer_id or 0
    there = outbox.adopt(work, customer_id, owner, subject="task", subject_id=task_id, kind=target.message)
    if there == "shown":
        outbox.enqueue(
            work,
            [
                outbox.rise(
                    work, windows, member,
                    subject="task", subject_id=task_id, customer_id=customer_id, severity=target.severity,
                )
            ],
        )  # fmt: skip
    elif not there:
        outbox.enqueue(
            work,
            [
                outbox.task_card(
                    work, windows, member,
                    task_id=task_id, person_id=owner, customer_id=customer_id, kind=target.message,
                )
            ],
        )  # fmt: skip
    return target


def due_effects(work: Work, since: Any) -> list[int]:
    """Customers whose entries became effective after `since` and by today, though recorded earlier."""
    from core.models import Entry

    E = table_of(Entry)
    rows = work.session.execute(
        select(E.c.customer_id).where(E.c.effective_on > since, E.c.effective_on <= work.today).distinct()
    )
    return sorted(rows.scalars())
