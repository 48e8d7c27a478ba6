"""What somebody was not sent for lack of an account goes when they have one. What is no longer true by then is cancelled
as every message is: it is drawn when it leaves."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.engine import Row

from core import chores, outbox
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Account, Delivery, OutboxState, Task, TaskState
from core.models.base import among, table_of
from core.work import Work

O, T, A, D = outbox.O, table_of(Task), table_of(Account), table_of(Delivery)  # noqa: E741
NO_ACCOUNT, NO_MESSENGER = "no_account", "no_messenger"
SUPERSEDED = "superseded"  # a newer message says it


def revive(work: Work, people: Collection[int]) -> None:
    """Whoever of these is active gets what they missed: of each subject the newest message, lines of several digests in
    one. Notes belong to a card that comes as it is now. What was asked of others for want of this is over."""
    members = load_org(work).members
    _, policy = active(work)
    over: set[int] = set()
    for person in sorted(people):
        member = members.get(person)
        if member is None or not member.active:
            continue
        missed = _missed(work, person)
        coming = {(row.subject, row.subject_id): row for row in missed if not row.kind.startswith("note.")}
        digests = [row for row in coming.values() if row.subject == "digest"]
        for older in digests[:-1]:
            del coming[older.subject, older.subject_id]
        for row in coming.values():
            later = outbox.in_work_window if row.windowed or row.subject == "digest" else outbox.outside_quiet
            values: dict[str, Any] = {
                "state": OutboxState.pending.value, "attempts": 0, "reason": "", "done_at": None, "lease_until": None,
                "not_before": later(work, policy.windows, member), "data": _data(row, digests, coming),
            }  # fmt: skip
            work.session.execute(update(O).where(O.c.id == row.id).values(values))
        said = {row.id for row in missed} - {row.id for row in coming.values()}
        if said:
            gone = {"state": OutboxState.cancelled.value, "reason": SUPERSEDED}
            work.session.execute(update(O).where(among(O.c.id, said)).values(gone))
        over |= {row.id for row in missed}
    _no_longer_asked(work, over)


def revive_reachable(work: Work) -> None:
    """The same for everybody who has an account in a messenger that is on: theirs may be on only since. Two statements where
    nobody missed anything. Cards in a messenger that was off meanwhile are drawn as they are true now."""
    shown = select(D.c.id).where(D.c.id == O.c.delivery_id, D.c.messenger.in_(work.company.messengers))
    missed = and_(O.c.op == "update", O.c.state == OutboxState.dead, O.c.reason == NO_MESSENGER, shown.exists())
    again = {"state": OutboxState.pending.value, "attempts": 0, "reason": "", "done_at": None}
    work.session.execute(update(O).where(missed).values(again))
    query = select(O.c.person_id).where(O.c.op == "send", O.c.state == OutboxState.dead, O.c.reason == NO_ACCOUNT).distinct()
    if "local" not in work.company.messengers:  # there everybody has an account: their handle
        query = query.join(A, A.c.person_id == O.c.person_id).where(A.c.messenger.in_(work.company.messengers))
    if people := [person for person in work.session.execute(query).scalars() if person is not None]:
        revive(work, people)


def _missed(work: Work, person: int) -> Sequence[Row[Any]]:
    """Oldest first."""
    return work.session.execute(
        select(O.c.id, O.c.kind, O.c.subject, O.c.subject_id, O.c.windowed, O.c.data)
        .where(O.c.person_id == person, O.c.op == "send", O.c.state == OutboxState.dead, O.c.reason == NO_ACCOUNT)
        .order_by(O.c.id)
        .with_for_update()
    ).all()


def _data(row: Row[Any], digests: Sequence[Row[Any]], coming: Collection[tuple[str, int]]) -> dict[str, Any]:
    """Without `tried` and `refused`, which are of the accounts that there were. A digest has no line for what comes as a
    card."""
    data = {key: value for key, value in row.data.items() if key not in ("tried", "refused")}
    if row.subject == "digest":
        items = (item for digest in digests for item in digest.data.get("items", ()))
        data["items"] = [item for item in items if (item["subject"], item["id"]) not in coming]
    return data


def _no_longer_asked(work: Work, messages: Collection[int]) -> None:
    """Ends the tasks about what was not delivered, as far as all of it is on its way now."""
    if not messages:
        return
    found = work.session.execute(select(Task).where(T.c.kind == "undelivered", T.c.state == TaskState.open)).scalars()
    ended = [task for task in found if task.events and all(event.get("outbox") in messages for event in task.events)]
    chores.end(work, ended, TaskState.answered)
