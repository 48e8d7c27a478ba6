"""Results of a task: what a rep logs about a customer, and what it leads to.

    open -> answered        a result was logged: promise, says paid, dispute, not reached, copy, other
    open -> settled         nothing is open any more (core.cases)
    open -> waiting         all of it is set aside (core.cases)
    open -> handed_over     somebody else is responsible (core.cases)

A result closes every open collect task of the customer: the rep's and the manager's.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select

from core import chores, followups, outbox
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.errors import DomainError
from core.models import Audit, Case, CaseState, Receivable, Task, TaskState
from core.models.base import table_of
from core.time import local_instant
from core.work import Work

T = table_of(Task)
_OPEN = (
    select(Task)
    .where(T.c.customer_id == bindparam("customer"), T.c.kind == "collect", T.c.state == TaskState.open)
    .order_by(T.c.id)
)
K = table_of(Case)
_RUNNING = select(K.c.currency).where(K.c.customer_id == bindparam("customer"), K.c.state != CaseState.closed)


def open_tasks(work: Work, customer_id: int) -> list[Task]:
    """The open collect tasks of a customer, everybody's."""
    return list(work.session.execute(_OPEN, {"customer": customer_id}).scalars())


def answer(work: Work, customer_id: int, kind: str, **facts: Any) -> None:
    """Records the result and closes the customer's open collect tasks. Cards are drawn anew by what follows from a result
    (core.cases), with all others of the customer."""
    work.audit(f"task.{kind}", "customer", customer_id, customer_id, **facts)
    followups.answered(work, customer_id)
    chores.end(work, open_tasks(work, customer_id), TaskState.answered, result={"kind": kind, **facts}, redrawn=False)


def others_follow(work: Work, policy: Policy, customer_id: int, currencies: Collection[str]) -> None:
    """A result about some currencies has closed the task about all of them: what runs in the others comes back."""
    running = work.session.execute(_RUNNING, {"customer": customer_id}).scalars().all()
    for currency in sorted(set(running).difference(currencies)):
        followups.rest_follows(work, policy, customer_id, currency)


def not_reached(work: Work, policy: Policy, customer_id: int, again_on: date) -> None:
    """Nobody answered the phone: a new task on `again_on`; three in a row go to the manager.

    Errors: task.again_past, task.again_too_far.
    """
    calendar = work.company.calendar
    if again_on <= work.today:
        raise DomainError("task.again_past", on=again_on)
    latest = calendar.add_working_days(work.today, policy.limits.again_max_days)
    if again_on > latest:
        raise DomainError("task.again_too_far", on=again_on, latest=latest)
    tasks = open_tasks(work, customer_id)
    answer(work, customer_id, "not_reached", again_on=again_on.isoformat())
    start = local_instant(again_on, policy.windows.work.start, calendar.zone)
    owner = next((t.person_id for t in tasks if t.as_owner), None)
    followups.later(work, customer_id, "again_on", start, person_id=owner)
    if _in_a_row(work, customer_id, "task.not_reached") % policy.limits.not_reached_max == 0:
        org = load_org(work)
        upper = next(iter(org.chain(owner if owner is not None else work.person_id)), None)
        if upper is not None:
            followups.later(
                work, customer_id, "not_reached", work.now, person_id=upper, data={"times": policy.limits.not_reached_max}
            )


def _in_a_row(work: Work, customer_id: int, action: str) -> int:
    """How many of the latest logged results are `action`."""
    U = table_of(Audit)
    results = (
        "task.promise", "task.paid", "task.part_paid", "task.dispute", "task.not_reached", "task.copy", "task.other",
    )  # fmt: skip
    work.session.flush()
    rows = work.session.execute(
        select(U.c.action)
        .where(U.c.customer_id == customer_id, U.c.action.in_(results))
        .order_by(U.c.at.desc(), U.c.id.desc())
        .limit(20)
    ).scalars()
    count = 0
    for found in rows:
        if found != action:
            break
        count += 1
    return count


def needs_copy(work: Work, policy: Policy, customer_id: int, what: str) -> None:
    """The customer wants a copy: a task for finance, and back to the owner after some working days."""
    answer(work, customer_id, "copy", what=what)
    org = load_org(work)
    chores.open_chore(
        work,
        policy,
        "copy",
        chores.holders(org, "finance")[:1],
        customer_id=customer_id,
        data={"kind": "copy", "what": what, "by": work.actor},
    )
    come_back(work, policy, customer_id)


def other(work: Work, policy: Policy, customer_id: int, note: str) -> None:
    """Something else, in words. Errors: task.note_needed."""
    if not note.strip():
        raise DomainError("task.note_needed")
    answer(work, customer_id, "other", note=note.strip())
    come_back(work, policy, customer_id)


def come_back(work: Work, policy: Policy, customer_id: int) -> None:
    """A new task for whoever is responsible after some working days."""
    calendar = work.company.calendar
    day = calendar.add_working_days(work.today, policy.limits.follow_up_days)
    followups.later(work, customer_id, "follow_up", local_instant(day, policy.windows.work.start, calendar.zone))


def wake(work: Work, policy: Policy) -> None:
    """A snoozed task comes back on its day, with its card sent anew."""
    rows = work.session.execute(
        select(Task).where(T.c.state == TaskState.open, T.c.snoozed_until <= work.today).order_by(T.c.id)
    ).scalars()
    found = rows.all()
    org = load_org(work) if found else None
    messages = []
    for task in found:
        task.snoozed_until = None
        task.reminders += 1
        task.rev += 1
        messages.append(
            outbox.task_card(
                work,
                policy.windows,
                org.members[task.person_id] if org else None,
                task_id=task.id or 0,
                person_id=task.person_id,
                customer_id=task.customer_id,
                kind=task.message,
                number=task.reminders,
            )
        )
    work.session.flush()
    outbox.enqueue(work, messages)


def snooze(work: Work, policy: Policy, task: Task, until: date) -> None:
    """Hides a task from the to-do list until a date; moves no answer-by. Errors: task.snooze_past, task.snooze_max."""
    if until <= work.today:
        raise DomainError("task.snooze_past", on=until)
    if task.snoozes >= policy.limits.snooze_max:
        raise DomainError("task.snooze_max", times=policy.limits.snooze_max)
    task.snoozed_until, task.snoozes, task.rev = until, task.snoozes + 1, task.rev + 1
    work.audit("task.snooze", "task", task.id, task.customer_id, until=until.isoformat())


def reassign(work: Work, customer_id: int, task: Task | None, person_id: int) -> None:
    """Makes somebody else responsible for the receivables in question. An edit made here wins over the next import."""
    from core.models import TaskReceivable

    TR, R = table_of(TaskReceivable), table_of(Receivable)
    query = select(Receivable).where(R.c.customer_id == customer_id, R.c.open_minor > 0)
    if task is not None:
        query = query.where(R.c.id.in_(select(TR.c.receivable_id).where(TR.c.task_id == task.id)))
    for receivable in work.session.execute(query).scalars().all():
        receivable.owner_id = person_id
        if "owner" not in receivable.edited:
            receivable.edited = [*receivable.edited, "owner"]
    work.audit("task.reassign", "customer", customer_id, customer_id, to=person_id)
