"""What must be said is a row, written with the change that caused it. States and their sentences: models.OutboxState.

    pending -> sending -> sent | retry | unsure | dead | cancelled
    retry   -> sending
    sending -> unsure, when its lease ran out and nothing can prove what happened

The key says a thing once: (kind, subject, occurrence, recipient).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, ColumnElement, Table, and_, bindparam, or_, select, update

from core.db import insert_many
from core.dunning.ladder import Windows
from core.dunning.org import Member, Org
from core.dunning.state import NOTICES
from core.dunning.stored import active
from core.models import Delivery, OutboxMessage, OutboxState
from core.models.base import table_of
from core.work import Work

O: Table = table_of(OutboxMessage)  # noqa: E741
D: Table = table_of(Delivery)
WAITING = (OutboxState.pending, OutboxState.retry, OutboxState.sending)

# Statements are built once: that costs more than running one.
_IDS = bindparam("ids", expanding=True, literal_execute=True, type_=BigInteger)


def _by(table: Table) -> dict[str, ColumnElement[bool]]:
    """Which messages, on their way or shown."""
    about = table.c.subject == bindparam("about")
    return {
        "subjects": and_(about, table.c.subject_id.in_(_IDS)),
        "all": about,
        "customers": table.c.customer_id.in_(_IDS),
        "messages": table.c.id.in_(_IDS),
    }


_LEAVES = and_(O.c.op == "send", O.c.state.in_(WAITING))
# Whoever sends them sees that they were drawn before this, and draws them once more. Those that wait are marked, too:
# somebody may be taking them just now.
_MARK = {by: update(O).where(which, _LEAVES).values(touched=True) for by, which in _by(O).items()}
_SHOWN = {
    by: select(D.c.id, D.c.kind, D.c.subject, D.c.subject_id, D.c.customer_id, D.c.person_id).where(
        which, D.c.state == "open"
    )
    for by, which in _by(D).items()
}
# By key and not as NOT EXISTS: until statistics know of this morning's outbox, PostgreSQL would read all of it a card.
_WAITING_UPDATES = select(O.c.delivery_id).where(
    O.c.delivery_id.in_(_IDS), O.c.op == "update", O.c.state.in_((OutboxState.pending, OutboxState.retry))
)
_DIGESTS_LEAVING = select(O.c.id, O.c.data).where(O.c.subject == "digest", _LEAVES)
_DIGESTS_SHOWN = select(D.c.id, D.c.card).where(D.c.subject == "digest", D.c.state == "open")


def in_work_window(work: Work, windows: Windows, member: Member | None) -> datetime:
    """When a card may be shown: now inside the reader's work window, else the start of the next one."""
    zone = member.zone if member is not None else None
    return work.company.calendar.next_open(work.now, windows.work, zone)


def outside_quiet(work: Work, windows: Windows, member: Member | None) -> datetime:
    """When an update, payment line, closing or approval may be shown: any time outside quiet hours."""
    zone = member.zone if member is not None else None
    return work.company.calendar.outside(work.now, windows.quiet, zone)


def row(
    work: Work,
    *,
    key: str,
    kind: str,
    subject: str,
    subject_id: int,
    not_before: datetime,
    person_id: int | None = None,
    customer_id: int | None = None,
    task_id: int | None = None,
    address: str = "",
    windowed: bool = False,
    op: str = "send",
    delivery_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A message as a row for `enqueue`."""
    return {
        "key": key,
        "kind": kind,
        "op": op,
        "subject": subject,
        "subject_id": subject_id,
        "customer_id": customer_id,
        "person_id": person_id,
        "address": address,
        "delivery_id": delivery_id,
        "task_id": task_id,
        "data": data or {},
        "not_before": not_before,
        "windowed": windowed,
        "state": OutboxState.pending.value,
        "attempts": 0,
        "touched": False,
        "messenger": "",
        "reason": "",
        "created_at": work.now,
    }


def enqueue(work: Work, rows: Sequence[dict[str, Any]]) -> None:
    """Writes messages. One whose key is there already is left as it is: it has been said, or will be."""
    if rows:
        columns = list(rows[0])
        insert_many(work.session, O, columns, [[row[name] for name in columns] for row in rows], once="key")


def task_card(
    work: Work,
    windows: Windows,
    member: Member | None,
    *,
    task_id: int,
    person_id: int,
    customer_id: int | None,
    kind: str,
    number: int = 0,
) -> dict[str, Any]:
    """The row of a task's card for its reader's work window. `number`: of the reminder; 0 = the first card."""
    return row(
        work,
        key=f"task:{task_id}:card:{number}",
        kind=kind,
        subject="task",
        subject_id=task_id,
        customer_id=customer_id,
        person_id=person_id,
        task_id=task_id,
        windowed=True,
        not_before=in_work_window(work, windows, member),
    )


def rise(
    work: Work, windows: Windows, member: Member | None, *, subject: str, subject_id: int, customer_id: int, severity: str
) -> dict[str, Any]:
    """The row of the one short message that goes with a card which now says something worse: edits notify nobody."""
    person_id = member.id if member is not None else None
    return row(
        work,
        key=f"{subject}:{subject_id}:rise:{severity}:{work.today.isoformat()}"
        + (f":{person_id}" if subject != "task" else ""),
        kind="note.rise",
        subject=subject,
        subject_id=subject_id,
        customer_id=customer_id,
        person_id=person_id,
        task_id=subject_id if subject == "task" else None,
        data={"severity": severity},
        windowed=True,
        not_before=in_work_window(work, windows, member),
    )


def decided(
    work: Work, windows: Windows, org: Org, *, subject: str, subject_id: int, customer_id: int, asked_by: int | None
) -> None:
    """Tells whoever asked for something beyond their limits what was decided, unless they did so themselves."""
    member = org.members.get(asked_by) if asked_by is not None else None
    if member is None or not member.active or asked_by == work.person_id:
        return
    note = row(
        work,
        key=f"{subject}:{subject_id}:decided",
        kind="note.decided",
        subject=subject,
        subject_id=subject_id,
        customer_id=customer_id,
        person_id=asked_by,
        not_before=outside_quiet(work, windows, member),
    )
    enqueue(work, [note])


def adopt(
    work: Work,
    customer_id: int,
    person_id: int,
    *,
    subject: str,
    subject_id: int,
    kind: str,
    data: dict[str, Any] | None = None,
) -> str:
    """Today's card without a task becomes the card of `subject`: one card per person, customer and day.

    Returns "shown" when somebody has seen it (a short message must say what is new), "waiting", or "" without such a card.
    """
    values: dict[str, Any] = {"subject": subject, "subject_id": subject_id, "kind": kind}
    task_id = subject_id if subject == "task" else None
    waiting = work.session.execute(
        update(O)
        .where(O.c.customer_id == customer_id, O.c.person_id == person_id, O.c.op == "send", O.c.state.in_(WAITING))
        .where(_bare(O.c.subject, O.c.kind))
        .values(**values, task_id=task_id, data=data or {})
    )
    shown = work.session.execute(
        update(D)
        .where(D.c.customer_id == customer_id, D.c.person_id == person_id, D.c.on_date == work.today)
        .where(_bare(D.c.subject, D.c.kind))
        .values(**values)
    )
    touch(work, subject, [subject_id])
    if shown.rowcount:  # type: ignore[attr-defined]
        return "shown"
    return "waiting" if waiting.rowcount else ""  # type: ignore[attr-defined]


def _bare(subject: ColumnElement[str], kind: ColumnElement[str]) -> ColumnElement[bool]:
    """A card without a task: an alert, or a notice. A task that a broken promise opened has a card of that kind, too."""
    return or_(subject == "case", and_(subject != "task", kind.in_(set(NOTICES.values()))))


def touch(work: Work, subject: str, subject_ids: Collection[int], *, drawn: Collection[int] = ()) -> None:
    """The open messages about these subjects are no longer true: each gets an update, drawn from what is true then.

    `drawn`: deliveries that show what is true already.
    """
    if subject_ids:
        _touch(work, "subjects", {"about": subject, "ids": sorted(subject_ids)}, drawn)


def touch_all(work: Work, subject: str) -> None:
    """The same for every open message about such a subject."""
    _touch(work, "all", {"about": subject})


def touch_customers(work: Work, customer_ids: Collection[int]) -> None:
    """The same for every open message about these customers, digests that name them included."""
    if not customer_ids:
        return
    named = set(customer_ids)
    _touch(work, "customers", {"ids": sorted(named)})
    leaving = work.session.execute(_DIGESTS_LEAVING)
    if on_their_way := [row.id for row in leaving if _names(row.data, named)]:
        work.session.execute(_MARK["messages"], {"ids": sorted(on_their_way)})
    shown = work.session.execute(_DIGESTS_SHOWN)
    redraw(work, [row.id for row in shown if _names(row.card.get("data", {}), named)])


def redraw(work: Work, delivery_ids: Collection[int]) -> None:
    """The same for these messages, as far as they are open."""
    if delivery_ids:
        _update(work, "messages", {"ids": sorted(delivery_ids)})


def _names(data: dict[str, Any], customers: set[int]) -> bool:
    return any(item["customer"] in customers for item in data.get("items", ()))


def _touch(work: Work, by: str, asked: dict[str, Any], drawn: Collection[int] = ()) -> None:
    """Marked first and then looked for: what is being sent meanwhile is found as the one or the other."""
    work.session.execute(_MARK[by], asked)
    _update(work, by, asked, drawn)


def _update(work: Work, by: str, asked: dict[str, Any], drawn: Collection[int] = ()) -> None:
    """A waiting update is enough; one that is being sent right now may have read the old state, so it gets another.

    The answer to a person's own tap goes at once, everything else outside quiet hours.
    """
    cards = [d for d in work.session.execute(_SHOWN[by], asked) if d.id not in drawn]
    if not cards:
        return
    known = set(work.session.execute(_WAITING_UPDATES, {"ids": sorted(d.id for d in cards)}).scalars())
    found = [d for d in cards if d.id not in known]
    if not found:
        return
    _, policy = active(work)
    not_before = work.now if work.by_hand else outside_quiet(work, policy.windows, None)
    enqueue(
        work,
        [
            row(
                work,
                key=f"update:{d.id}:{uuid4().hex}",  # two changes at one instant are two updates
                kind=d.kind,
                op="update",
                subject=d.subject,
                subject_id=d.subject_id,
                customer_id=d.customer_id,
                person_id=d.person_id,
                delivery_id=d.id,
                not_before=not_before,
            )
            for d in found
        ],
    )
