"""Tasks besides the dunning one: allocate a receipt, look after a customer, send a copy, check a letter.

One open chore of a kind per customer and person; the first answer closes everybody's.
"""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, select

from core import outbox
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.models import Task, TaskState
from core.models.base import table_of
from core.work import Work

T = table_of(Task)
_OPEN = select(Task).where(
    T.c.kind == bindparam("kind"), T.c.customer_id == bindparam("customer"), T.c.state == TaskState.open
)
_OPEN_OF = select(Task).where(
    T.c.kind == bindparam("kind"), T.c.customer_id.in_(bindparam("customers", expanding=True, type_=BigInteger)),
    T.c.state == TaskState.open,
)  # fmt: skip
_NOBODYS = select(Task).where(T.c.kind == bindparam("kind"), T.c.customer_id.is_(None), T.c.state == TaskState.open)

_WHO = (
    select(T.c.kind, T.c.customer_id)
    .where(
        T.c.kind.in_(bindparam("kinds", expanding=True, type_=String)),
        T.c.customer_id.in_(bindparam("customers", expanding=True, type_=BigInteger)), T.c.state == TaskState.open,
    )
    .distinct()
    .order_by(T.c.customer_id)
)  # fmt: skip

# kind of the task -> kind of its message
MESSAGES = {
    "allocate": "receipt.allocate",
    "assign": "task.gap",
    "copy": "task.copy",
    "reversed": "payment.reversed",
    "letter": "letter.unsure",
    "undelivered": "delivery.failed",
    "receipts": "receipts.stale",
    "dispute": "dispute.open",
    "invoice": "task.invoice",
    "prepay": "task.prepay",
    "sign": "task.sign",
    "related": "task.related",
}


def holders(org: Org, role: str, region: str = "") -> list[int]:
    """Who does the chores of a role: its holders, else the finance manager, else an admin."""
    for name in (role, "finance_manager", "admin"):
        found = org.holders(name, region)
        if found:
            return found
    return []


def open_chore(
    work: Work,
    policy: Policy,
    kind: str,
    people: Iterable[int],
    *,
    customer_id: int | None,
    data: dict[str, Any] | None = None,
    severity: str = "overdue",
    answer_days: int | None = None,
) -> list[Task]:
    """Opens the chore for each person who doesn't have it yet, with a card in their work window."""
    people = list(dict.fromkeys(people))
    have = {
        task.person_id: task
        for task in work.session.execute(
            select(Task).where(
                T.c.kind == kind, T.c.customer_id == customer_id, T.c.state == TaskState.open, T.c.person_id.in_(people)
            )
        ).scalars()
    }
    fresh = [
        Task(
            kind=kind,
            customer_id=customer_id,
            person_id=person,
            severity=severity,
            message=MESSAGES[kind],
            as_owner=False,
            opened_at=work.now,
            events=[data] if data else [],
            answer_days=answer_days,
        )
        for person in people
        if person not in have
    ]
    for task in have.values():
        if data and data not in task.events:
            task.events = [*task.events, data]
            task.rev += 1
    work.session.add_all(fresh)
    work.session.flush()
    org = load_org(work) if fresh else None
    outbox.enqueue(
        work,
        [
            outbox.task_card(
                work,
                policy.windows,
                org.members.get(task.person_id) if org else None,
                task_id=task.id or 0,
                person_id=task.person_id,
                customer_id=customer_id,
                kind=task.message,
            )
            for task in fresh
        ],
    )
    outbox.touch(work, "task", [task.id for task in have.values() if task.id is not None])
    return fresh


def who_has(work: Work, customer_ids: Collection[int], kinds: Collection[str]) -> dict[str, list[int]]:
    """Customers with an open chore, by kind; one statement for all of them."""
    found: dict[str, list[int]] = {kind: [] for kind in kinds}
    for kind, customer_id in work.session.execute(_WHO, {"kinds": list(kinds), "customers": list(customer_ids)}):
        found[kind].append(customer_id)
    return found


def close(work: Work, kind: str, customer_id: int | None, state: TaskState, why: str = "", by: str = "") -> None:
    """Closes everybody's chore of this kind for the customer, and their cards."""
    asked = {"kind": kind} if customer_id is None else {"kind": kind, "customer": customer_id}
    tasks = work.session.execute(_NOBODYS if customer_id is None else _OPEN, asked).scalars()
    end(work, tasks.all(), state, why=why, by=by)


def close_all(work: Work, kind: str, customer_ids: Collection[int]) -> None:
    """Closes everybody's answered chores of this kind for these customers, and their cards."""
    tasks = work.session.execute(_OPEN_OF, {"kind": kind, "customers": list(customer_ids)}).scalars()
    end(work, tasks.all(), TaskState.answered)


def end(
    work: Work,
    tasks: Iterable[Task],
    state: TaskState,
    *,
    why: str = "",
    by: str = "",
    result: dict[str, Any] | None = None,
    redrawn: bool = True,
) -> None:
    """Ends tasks, and has every card of them redrawn; not `redrawn`: by whoever calls, with all else of the customer."""
    ids = []
    for task in tasks:
        task.state = state
        task.closed_at = work.now
        task.closed_by = by or work.about(task.customer_id).actor
        task.waiting_on = why
        task.result = result or task.result
        task.rev += 1
        ids.append(task.id or 0)
    if ids and redrawn:
        work.session.flush()
        outbox.touch(work, "task", ids)
