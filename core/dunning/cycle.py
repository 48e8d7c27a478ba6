"""One engine cycle: what time alone brings about, then facts -> decide -> plan -> apply, chunk by chunk.

`prepare` ends what has run out and lists the customers to look at; `run_chunk` does one transaction's worth of them.
The edge commits between chunks, so taps never wait long; a crash in between loses nothing, because every firing is
unique and the next cycle finds the rest.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, false, or_, select

from core import cases, chores, claims, disputes, followups, outbox, pauses, payments, promises, tasks
from core.credit import holds
from core.db import alone
from core.dunning import stored
from core.dunning.apply import Chunk
from core.dunning.decide import Decision, decide
from core.dunning.ladder import Policy
from core.dunning.letters import FINAL, IN_REVIEW
from core.dunning.load import candidates, load_cases, load_org
from core.dunning.org import Org
from core.dunning.plan import plan
from core.dunning.state import CustomerPlan, Event
from core.dunning.states import load_sending, load_states, receipts_stale
from core.dunning.stored import active
from core.errors import DomainError
from core.models import Customer, Firing, FiringOutcome, JobSlot, Person, Task, TaskState
from core.models.base import among, table_of
from core.time import local_instant
from core.work import Work

CHUNK = 500  # customers a transaction
F, T, C, P = table_of(Firing), table_of(Task), table_of(Customer), table_of(Person)
CYCLE = "cycle"  # the job of the slot that remembers the last cycle


def last_cycle(work: Work) -> JobSlot | None:
    return work.session.get(JobSlot, (CYCLE, "last"))


def prepare(work: Work) -> list[list[int]]:
    """Ends promises, claims and pauses whose time is over, and finds who must be looked at: customers, in chunks.

    Errors: engine.before_last_cycle when `work.now` lies before the last cycle.
    """
    alone(work.session, CYCLE)
    last = last_cycle(work)
    if last is not None and work.now < last.claimed_at:
        raise DomainError("engine.before_last_cycle", at=work.now, last=last.claimed_at)
    stored.migrate_due(work)
    _, policy = active(work)
    since = None if last is None else work.company.calendar.business_date(last.claimed_at)
    if since is not None and since < work.today:
        cases.refresh(work, cases.due_effects(work, since))
        outbox.touch_customers(work, holds.turned(work, since))
    cases.refresh(work, _left_behind(work))
    events: list[Event] = []
    if receipts_stale(work):
        _ask_for_receipts(work)
    else:
        chores.close(work, "receipts", None, TaskState.answered)
        events += promises.judge_due(work)
        events += promises.announce(work, policy, events)
    expired = claims.expire_due(work)
    expired += claims.announce(work, policy, expired)
    followups.remember(work, [*events, *expired, *pauses.end_due(work)])
    disputes.report_overdue(work, policy)
    tasks.wake(work, policy)
    found = {*candidates(work), *_silent(work), *_letters_waiting(work), *followups.due_customers(work)}
    customers = sorted(found)
    if last is None:
        work.session.add(JobSlot(job=CYCLE, slot="last", claimed_at=work.now, lease_until=work.now, done_at=work.now))
    else:
        last.claimed_at = last.lease_until = last.done_at = work.now
    return [customers[i : i + CHUNK] for i in range(0, len(customers), CHUNK)]


def _left_behind(work: Work) -> list[int]:
    """Customers with the open task of somebody who is no longer active: it moves to whoever stands in."""
    gone = select(P.c.id).where(P.c.active.is_(False))
    rows = work.session.execute(
        select(T.c.customer_id)
        .where(T.c.state == TaskState.open, T.c.kind == "collect", T.c.as_owner, T.c.person_id.in_(gone))
        .distinct()
    )
    return list(rows.scalars())


def _silent(work: Work) -> list[int]:
    """Customers with a task whose answer is overdue and not reported upwards yet."""
    rows = work.session.execute(
        select(T.c.customer_id)
        .where(T.c.state == TaskState.open, T.c.kind == "collect", T.c.answer_by <= work.now, T.c.escalated_on.is_(None))
        .distinct()
    )
    return list(rows.scalars())


def _letters_waiting(work: Work) -> list[int]:
    """Customers with a letter that could not go yet, while letters may go."""
    _, policy = active(work)
    sending = load_sending(work, policy)
    if sending.mode == "off" or not sending.profile or sending.stale or not sending.in_window:
        return []
    waiting = select(F.c.customer_id).where(F.c.outcome == FiringOutcome.deferred, F.c.stage.is_not(None))
    if sending.mode == "review":
        waiting = waiting.where(F.c.reason != IN_REVIEW)  # one that waited for a contact, say, is to be reviewed now
    return list(work.session.execute(waiting.distinct()).scalars())


def _ask_for_receipts(work: Work) -> None:
    _, policy = active(work)
    org = load_org(work)
    chores.open_chore(work, policy, "receipts", chores.holders(org, "finance")[:1], customer_id=None)


def run_chunk(work: Work, customer_ids: Sequence[int]) -> list[CustomerPlan]:
    """Decides, plans and writes for these customers. Returns the plans, for the report."""
    if not customer_ids:
        return []
    policy_id, policy = active(work)
    # Whoever else changes these customers waits for the end of this transaction, and then sees its firings.
    work.session.execute(select(C.c.id).where(among(C.c.id, customer_ids)).order_by(C.c.id).with_for_update(key_share=True))
    org = load_org(work)
    sending = load_sending(work, policy)
    facts = load_cases(work, policy, customer_ids)
    states = load_states(work, customer_ids)
    decisions = defaultdict(list)
    # A running case may have been deselected when a new policy was applied: it keeps the one it began with.
    kept = stored.by_id(work, {c.policy_id for c in facts if c.policy_id not in (None, policy_id)})
    for case in facts:
        decisions[case.customer_id].append(decide(kept.get(case.policy_id, policy), case, work.today))
    open_in = {
        i: {d.case.currency: any(r.chaseable for r in d.case.receivables) for d in decisions[i] if d.case.receivables}
        for i in decisions
    }
    events = followups.take(work, customer_ids, open_in)
    plans = [
        plan(policy, org, sending, states[i], decisions[i], events.get(i, ()), work.now, work.today)
        for i in customer_ids
        if i in decisions
    ]
    every = [d for i in customer_ids for d in decisions.get(i, ())]
    Chunk(work, policy, policy_id, org, every, states, plans).write()
    _gaps(work, [p.customer_id for p in plans if p.gap])
    payments.ask_to_allocate(work, policy, sorted({d.case.customer_id for d in every if _netted_away(d, work.today)}))
    return plans


def _netted_away(decision: Decision, day: date) -> bool:
    """A step was reached, and unapplied credit leaves nothing to chase: it is looked at again tomorrow."""
    tomorrow = day + timedelta(days=1)
    return any(why == "netted" and decision.next_looks.get(r) == tomorrow for r, why in decision.why_not.items())


def _gaps(work: Work, customer_ids: list[int]) -> None:
    """“Who looks after 甲?”, one task per customer to the finance manager, else an admin."""
    if not customer_ids:
        return
    _, policy = active(work)
    org = load_org(work)
    people = chores.holders(org, "finance_manager")[:1]
    asked = select(T.c.customer_id).where(  # whoever stands in is asked on the card that they have
        among(T.c.customer_id, customer_ids), T.c.person_id.in_(people), T.c.kind == "collect", T.c.as_owner,
        T.c.state == TaskState.open,
    )  # fmt: skip
    for customer_id in sorted(set(customer_ids) - set(work.session.execute(asked).scalars())):
        chores.open_chore(work, policy, "assign", people, customer_id=customer_id)


def finish(work: Work) -> None:
    """After the last chunk: finance is asked for the letters in review, and the morning's cards become digests."""
    _ask_for_release(work)
    morning_digest(work)
    _late_digests(work)


def _late_digests(work: Work) -> None:
    """A digest whose lines have become late since it was drawn says so."""
    D = outbox.D
    mine = and_(T.c.person_id == D.c.person_id, T.c.state == TaskState.open)
    passed = and_(mine, T.c.answer_by > D.c.updated_at, T.c.answer_by <= work.now)
    shown = select(D.c.subject_id, D.c.card, T.c.id).join(T, passed).where(D.c.subject == "digest", D.c.state == "open")
    outbox.touch(
        work,
        "digest",
        {
            digest.subject_id
            for digest in work.session.execute(shown)
            if any((i["subject"], i["id"]) == ("task", digest.id) for i in digest.card.get("data", {}).get("items", ()))
        },
    )


def _ask_for_release(work: Work) -> None:
    """One card to each person in finance while letters wait to be released; it always shows what waits now."""
    _, policy = active(work)
    if (work.company.letters or policy.letters) != "review":
        return
    waiting = select(F.c.id).where(F.c.outcome == FiringOutcome.deferred, F.c.reason == IN_REVIEW, F.c.stage < FINAL)
    if work.session.execute(waiting.limit(1)).first() is None:
        return
    org = load_org(work)
    day = int(work.today.strftime("%Y%m%d"))
    D, O = outbox.D, outbox.O  # noqa: E741
    shown = select(D.c.person_id).where(D.c.subject == "release", D.c.state == "open")
    coming = select(O.c.person_id).where(O.c.subject == "release", O.c.op == "send", O.c.state.in_(outbox.WAITING))
    have = set(work.session.execute(shown.union(coming)).scalars())
    days = select(D.c.subject_id).where(D.c.subject == "release", D.c.state == "open")
    outbox.touch(work, "release", list(work.session.execute(days.distinct()).scalars()))  # one card, drawn anew
    outbox.enqueue(
        work,
        [
            outbox.row(
                work,
                key=f"release:{day}:{person}",
                kind="letters.release",
                subject="release",
                subject_id=day,
                person_id=person,
                not_before=outbox.outside_quiet(work, policy.windows, org.members[person]),
            )
            for person in chores.holders(org, "finance")
            if person not in have
        ],
    )


def morning_digest(work: Work) -> None:
    """More than five cards for one person at the start of the day's window become one digest.

    Decided with the first cycle of the day in the reader's window: later cards come singly.
    """
    alone(work.session, CYCLE)
    _, policy = active(work)
    org = load_org(work)
    zones = {m.zone or work.company.calendar.zone for m in org.members.values() if m.active}
    begun = {zone: day for zone in sorted(zones, key=str) if (day := _morning(work, policy, zone)) is not None}
    if not begun:
        return
    O = outbox.O  # noqa: E741
    waiting = (
        select(O.c.id, O.c.kind, O.c.subject, O.c.subject_id, O.c.customer_id, O.c.person_id)
        .where(O.c.op == "send", O.c.state == "pending", O.c.windowed, O.c.not_before <= work.now, O.c.kind != "note.rise")
        .where(O.c.person_id.is_not(None))
        .order_by(O.c.person_id, O.c.id)
    )
    digests, inside = [], []
    for person, cards in groupby(work.session.execute(waiting).all(), key=attrgetter("person_id")):
        day = begun.get(org.members[person].zone or work.company.calendar.zone)
        rows = list(cards)
        if day is not None and len(rows) > policy.limits.digest_over:
            digests.append(_digest(work, person, day, rows))
            inside += [row.id for row in rows]
    if inside:
        done = {"state": "cancelled", "reason": "in_digest", "done_at": work.now}
        work.session.execute(O.update().where(among(O.c.id, inside)).values(done))
    outbox.enqueue(work, digests)


def _morning(work: Work, policy: Policy, zone: ZoneInfo) -> date | None:
    """The day in that zone, if this is its first cycle inside the work window there."""
    day = _undecided(work, policy, zone)
    if day is not None:
        slot = JobSlot(
            job=f"digest:{zone}", slot=day.isoformat(), claimed_at=work.now, lease_until=work.now, done_at=work.now
        )
        work.session.add(slot)
    return day


def _undecided(work: Work, policy: Policy, zone: ZoneInfo) -> date | None:
    if work.company.calendar.next_open(work.now, policy.windows.work, zone) != work.now:
        return None
    day = work.now.astimezone(zone).date()
    return day if work.session.get(JobSlot, (f"digest:{zone}", day.isoformat())) is None else None


def waits_for_digest(work: Work, org: Org) -> ColumnElement[bool]:
    """The cards that waited for today's window, until the day's first cycle has decided on one digest: the sender
    beats more often than the engine, and would run ahead of it at nine. A window that opens at another hour than the
    company's has no cycle of its own, and waits for none."""
    _, policy = active(work)
    O = outbox.O  # noqa: E741
    people: dict[ZoneInfo, list[int]] = defaultdict(list)
    for member in org.members.values():
        if member.active:
            people[member.zone or work.company.calendar.zone].append(member.id)
    held: list[ColumnElement[bool]] = []
    for zone, ids in people.items():
        day = _undecided(work, policy, zone)
        opened = None if day is None else local_instant(day, policy.windows.work.start, zone)
        if opened is not None and opened == local_instant(work.today, policy.windows.work.start, work.company.calendar.zone):
            held.append(and_(O.c.op == "send", O.c.windowed, O.c.created_at < opened, O.c.person_id.in_(ids)))
    return or_(false(), *held)


def _digest(work: Work, person: int, day: date, cards: Sequence[Row[Any]]) -> dict[str, Any]:
    items = [
        {"kind": c.kind, "subject": c.subject, "id": c.subject_id, "customer": c.customer_id, "outbox": c.id} for c in cards
    ]
    return outbox.row(
        work,
        key=f"digest:{person}:{day.isoformat()}",
        kind="digest.daily",
        subject="digest",
        subject_id=person * 100000000 + int(day.strftime("%Y%m%d")),
        person_id=person,
        data={"items": items},
        not_before=work.now,
    )
