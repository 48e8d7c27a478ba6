"""What somebody was not sent for lack of an account goes when they have one. What is no longer true by then is cancelled
as every message is: it is drawn when it leaves. So goes what stands where they are no longer."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import and_, select, tuple_, update
from sqlalchemy.engine import Row

from core import chores, outbox
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Account, OutboxState, Task, TaskState
from core.models.base import among, table_of
from core.work import Work

O, D, T, A = outbox.O, outbox.D, table_of(Task), table_of(Account)  # noqa: E741
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


def moved(work: Work, person: int, places: Collection[tuple[str, str]]) -> None:
    """Accounts, (messenger, user id), that are no longer this person's: the cards that stand there are never changed again,
    and what they ask comes anew where the person is reached now, as does what reached nobody.

    Whoever has left gets nothing.
    """
    there = tuple_(D.c.messenger, D.c.address).in_(sorted(places))
    standing = work.session.execute(
        select(D.c.id, O.c.kind, O.c.subject, O.c.subject_id, O.c.customer_id, O.c.task_id, O.c.windowed, O.c.data)
        .outerjoin_from(D, O, O.c.id == D.c.outbox_id)
        .where(D.c.person_id == person, D.c.state == "open", there)
        .order_by(D.c.id)
    ).all()
    if standing:
        work.session.execute(update(D).where(among(D.c.id, {row.id for row in standing})).values(state="closed"))
    member = load_org(work).members.get(person)
    if member is None or not member.active:
        return
    _, policy = active(work)
    coming = {(row.subject, row.subject_id): row for row in standing if row.kind and not row.kind.startswith("note.")}
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"{row.subject}:{row.subject_id}:anew:{person}:{row.id}", kind=row.kind, subject=row.subject,
            subject_id=row.subject_id, person_id=person, customer_id=row.customer_id, task_id=row.task_id,
            windowed=row.windowed, data={key: value for key, value in row.data.items() if key not in ("tried", "refused")},
            not_before=(outbox.in_work_window if row.windowed else outbox.outside_quiet)(work, policy.windows, member),
        )
        for row in coming.values()
    ])  # fmt: skip
    # What a wrong account was refused is as if there had been none.
    refused = (O.c.person_id == person, O.c.op == "send", O.c.state == OutboxState.dead)
    work.session.execute(update(O).where(*refused).values(reason=NO_ACCOUNT, payload=None))
    there_is = select(A.c.id).where(A.c.person_id == person, A.c.messenger.in_(work.company.messengers)).limit(1)
    if "local" in work.company.messengers or work.session.scalar(there_is) is not None:
        revive(work, [person])


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
