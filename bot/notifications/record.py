"""What became of what was sent: the outbox row, the delivery, the answer-by that it sets."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from bot.adapters.base import Refused, Retry, Sent, Unknown
from bot.card import load
from bot.notifications.parcel import CROSSED, NEVER_CHANGES, Parcel
from bot.notifications.undelivered import undelivered
from bot.transactions import Transactions
from core import chores, garbage, outbox
from core.db import insert_many
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Account, Customer, Delivery, Letter, LetterState, OutboxMessage, OutboxState, Task, TaskState
from core.models.base import among, table_of
from core.work import Work

log = logging.getLogger(__name__)

O, D, L, A, T, C = (table_of(m) for m in (OutboxMessage, Delivery, Letter, Account, Task, Customer))  # noqa: E741
_OF_SENT = [
    O.c.id, O.c.kind, O.c.subject, O.c.subject_id, O.c.person_id, O.c.customer_id, O.c.task_id, O.c.data, O.c.touched
]  # fmt: skip
_MADE = select(func.max(D.c.id)).where(D.c.outbox_id == O.c.id).scalar_subquery()
ELSEWHERE_AFTER = 3  # failed attempts: the person's next messenger is tried
TOO_LONG = 600.0  # seconds: who is told to wait so long tries the next messenger at once
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 1800.0  # seconds; from the third attempt on each is twice the one before
LONGEST_WAIT = 6 * 3600.0  # seconds, whatever a messenger asks for
AGAIN = 60.0  # seconds after which one is looked for whose fate is unclear
GIVE_UP = timedelta(days=3)  # and TRIES: what waited for a holiday to end has its tries, too
TRIES = 20


@dataclass(slots=True)
class Delivered:
    """What a round of sending did."""

    sent: int = 0
    cancelled: int = 0
    failed: int = 0


@garbage.later()  # around it, so that what it made is gone by then
def record(transactions: Transactions, parcels: Sequence[Parcel], now: datetime, total: Delivered) -> None:
    if not parcels:
        return
    with transactions.work(now) as work:
        _lock(work, parcels)
        shown = _Shown(work, [parcel for parcel in parcels if isinstance(parcel.result, Sent)])
        shown.record()
        total.sent += shown.sent
        others = [parcel for parcel in parcels if not isinstance(parcel.result, Sent)]
        query = select(OutboxMessage).where(among(O.c.id, [p.id for p in others]))
        messages = {m.id: m for m in work.session.execute(query).scalars()} if others else {}
        for parcel in others:
            message = messages[parcel.id]
            if message.state != OutboxState.sending or message.attempts != parcel.attempts:
                continue  # the lease ran out, and it is in other hands
            match parcel.result:
                case Retry(_, reason) | Refused(reason) if _elsewhere(work, message, parcel):
                    log.warning("outbox %s: %s says %s; tried elsewhere", message.id, parcel.adapter.name, reason)
                case Retry(after, reason) if not _in_vain(work, message):
                    message.state = OutboxState.retry
                    message.reason = reason
                    message.not_before = now + _pause(message.attempts, after)
                    if parcel.first:  # nothing was shown, so what is true then is drawn anew
                        message.payload = None
                case Refused() if parcel.never_changes:
                    message.state, message.done_at, message.reason = OutboxState.cancelled, now, NEVER_CHANGES
                    _end_is_told(work, message, parcel)
                case Retry(_, reason) | Refused(reason):
                    total.failed += message.op == "send"
                    _dead(work, message, reason)
                    _end_is_told(work, message, parcel)
                case Unknown(reason):
                    total.failed += 1
                    _unsure(work, message, reason, parcel)
                case None:  # the product stops before it was its turn
                    message.state, message.lease_until = OutboxState.retry, None
                    message.attempts -= 1
                    message.payload = None if parcel.first else message.payload


def _lock(work: Work, parcels: Sequence[Parcel]) -> None:
    """Whoever changes something about these customers has done so, or waits: nothing changes unseen."""
    customers: set[int] = set().union(*(parcel.customers for parcel in parcels))
    if customers:
        work.session.execute(select(C.c.id).where(C.c.id.in_(customers)).order_by(C.c.id).with_for_update(key_share=True))


def _pause(attempts: int, at_least: float) -> timedelta:
    """Until the next attempt. `at_least`: what the messenger asks for, in seconds. Who is down for hours isn't called all
    the time."""
    grown = FIRST_PAUSE * 2 ** min(attempts - ELSEWHERE_AFTER, TRIES) if attempts >= ELSEWHERE_AFTER else 0.0
    return timedelta(seconds=min(max(at_least, min(grown, LONGEST_PAUSE)), LONGEST_WAIT))


def _in_vain(work: Work, message: OutboxMessage) -> bool:
    """Whether it was tried for days: an outage ends, and what is no longer true by then is cancelled when it is drawn."""
    return message.attempts >= TRIES and work.now - message.created_at >= GIVE_UP


def _elsewhere(work: Work, message: OutboxMessage, parcel: Parcel) -> bool:
    """This attempt showed nothing: the message goes to the person's next messenger, if there is one. By an earlier attempt
    it may have been shown: then it stays longer, and says 重发 there."""
    perhaps_shown = not parcel.first or bool(message.data.get("redelivered"))
    if isinstance(parcel.result, Retry):
        enough = 2 * ELSEWHERE_AFTER if perhaps_shown else ELSEWHERE_AFTER
        if message.attempts < enough and parcel.result.after_seconds < TOO_LONG:
            return False
    elif perhaps_shown:
        return False
    if not _passed_on(work, message, parcel):
        return False
    if perhaps_shown:
        _mark_again(message)
    return True


def _mark_again(message: OutboxMessage) -> None:
    message.data = {**message.data, "redelivered": int(message.data.get("redelivered", 0)) + 1}
    message.payload = None


def _passed_on(work: Work, message: OutboxMessage, parcel: Parcel) -> bool:
    """To the person's next messenger, if there is one. Where the last of them refuses, those that only said "not now" are
    asked again: perhaps it was our own line that was down."""
    if message.op != "send" or message.person_id is None:
        return False
    here = parcel.adapter.name
    linked = set(work.session.execute(select(A.c.messenger).where(A.c.person_id == message.person_id)).scalars())
    usable = [m for m in work.company.messengers if m == "local" or m in linked]
    tried = [*message.data.get("tried", ()), here]
    refused = [*message.data.get("refused", ()), *([here] if isinstance(parcel.result, Refused) else [])]
    if here in refused and not set(usable) - set(tried):
        tried = refused
    if not set(usable) - set(tried):
        return False
    message.data = {**message.data, "tried": tried, "refused": refused}
    message.state, message.attempts, message.payload, message.not_before = OutboxState.retry, 0, None, work.now
    return True


class _Shown:
    """What people see now. All of it is written at once: statements one by one are what takes time."""

    def __init__(self, work: Work, parcels: Sequence[Parcel]) -> None:
        self._work, self._parcels = work, parcels
        self.sent = sum(parcel.op == "send" for parcel in parcels)

    def record(self) -> None:
        if not self._parcels:
            return
        execute = self._work.session.execute
        messages = {m.id: m for m in execute(select(*_OF_SENT).where(among(O.c.id, [p.id for p in self._parcels])))}
        self._changed([p for p in self._parcels if p.ref is not None], messages)
        fresh = {p.id: p for p in self._parcels if p.ref is None}
        known = self._deliveries(fresh)
        made = known | self._delivered([p for p in fresh.values() if p.id not in known], messages)
        sent = {"state": OutboxState.sent.value, "done_at": self._work.now, "reason": ""}
        delivery = func.coalesce(_MADE, O.c.delivery_id)  # an update names the one it changes
        execute(update(O).where(among(O.c.id, [p.id for p in self._parcels])).values(**sent, delivery_id=delivery))
        self._follow([(messages[i], p, made[i]) for i, p in fresh.items() if i not in known])

    def _deliveries(self, messages: Collection[int]) -> dict[int, int]:
        """By the message that was delivered."""
        if not messages:
            return {}
        query = select(D.c.outbox_id, D.c.id).where(among(D.c.outbox_id, messages))
        return {outbox_id: delivery_id for outbox_id, delivery_id in self._work.session.execute(query)}

    def _changed(self, parcels: Sequence[Parcel], messages: dict[int, Any]) -> None:
        """Cards that were drawn anew."""
        ids = [parcel.ref.delivery_id for parcel in parcels if parcel.ref is not None]
        if not ids:
            return
        found = self._work.session.execute(select(Delivery).where(D.c.id.in_(ids))).scalars()
        standing = {delivery.id: delivery for delivery in found}
        crossed: list[int] = []
        for parcel in parcels:
            assert parcel.ref is not None
            delivery, data = standing[parcel.ref.delivery_id], messages[parcel.id].data
            if delivery.rev >= parcel.ref.rev:  # another drawing got there meanwhile: which one stands, nobody knows
                crossed.append(delivery.id or 0)
                delivery.card, delivery.state = {**delivery.card, CROSSED: True}, "open"
                continue
            delivery.rev, delivery.kind, delivery.updated_at = parcel.ref.rev, parcel.card.kind, self._work.now
            kept = {"data": delivery.card.get("data", {}) | data, "stands": parcel.stands}
            delivery.card = {**parcel.facts, "dump": parcel.dumped, **kept, **_shows(delivery.card, parcel)}
            delivery.state = "closed" if parcel.over else "open"
        tasks = [delivery.subject_id for delivery in standing.values() if delivery.subject == "task"]
        _answer_by(self._work, tasks, only_first=True)
        if crossed:
            self._work.session.flush()
            outbox.redraw(self._work, crossed)

    def _delivered(self, parcels: Sequence[Parcel], messages: dict[int, Any]) -> dict[int, int]:
        rows = [self._row(parcel, messages[parcel.id]) for parcel in parcels]
        if rows:
            columns = list(rows[0])
            insert_many(self._work.session, D, columns, [[row[name] for name in columns] for row in rows])
        return self._deliveries([parcel.id for parcel in parcels])

    def _row(self, parcel: Parcel, message: Any) -> dict[str, Any]:
        assert isinstance(parcel.result, Sent)
        over = parcel.over or message.subject == "letter" or message.kind.startswith("note.")
        return {
            "outbox_id": parcel.id,
            "messenger": parcel.adapter.name,
            "address": parcel.to.user_id,
            "ref": parcel.result.ref,
            "person_id": message.person_id,
            "customer_id": message.customer_id,
            "kind": parcel.card.kind,
            "subject": message.subject,
            "subject_id": message.subject_id,
            "rev": 1,
            "at": self._work.now,
            "on_date": self._work.today,
            "updated_at": self._work.now,
            "state": "closed" if over else "open",
            "card": {**parcel.facts, "dump": parcel.dumped, "data": message.data, "stands": parcel.stands},
        }

    def _follow(self, fresh: Sequence[tuple[Any, Parcel, int]]) -> None:
        work = self._work
        answers: list[int] = []
        for message, parcel, _ in fresh:
            if message.subject == "letter":
                _letter_sent(work, message.subject_id, parcel)
            elif message.subject == "digest":
                answers += [i["id"] for i in message.data["items"] if i["subject"] == "task"]
            elif message.task_id is not None:
                answers.append(message.task_id)
        expected = _answer_by(work, answers)
        outbox.redraw(work, [made for m, p, made in fresh if m.touched or _other_days(m.task_id, p, expected)])
        # An older card of a task points to this one; the card that a note of a rise points to shows the same days.
        tasks = [m.task_id for m, _, _ in fresh if m.subject == "task" and m.task_id is not None]
        outbox.touch(work, "task", tasks, drawn={made for _, _, made in fresh})
        again = [m.subject_id for m, _, _ in fresh if m.subject == "credit" and m.data.get("again")]
        outbox.touch(work, "credit", again, drawn={made for _, _, made in fresh})


def _shows(before: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
    """What a tap is compared with, and since which drawing: on an older one something else was read."""
    shows, was = parcel.facts.get("shows"), before.get("shows", {})
    if shows is None or parcel.ref is None:
        return {}
    since = was.get("since", 1) if was.get("rev") == shows.get("rev") else parcel.ref.rev
    return {"shows": {**shows, "since": since}}


def _other_days(task_id: int | None, parcel: Parcel, expected: dict[int | None, datetime | None]) -> bool:
    """Whether an answer is due on another day than the card says: it was drawn before midnight, say."""
    holds = expected.get(task_id)
    return task_id in expected and parcel.facts.get("answer_by") != (holds and holds.isoformat())


def _answer_by(work: Work, task_ids: Sequence[int], *, only_first: bool = False) -> dict[int | None, datetime | None]:
    """The delivery of a card, digest or short message sets the answer-by; never while one is overdue. Returns what
    holds for each."""
    if not task_ids:
        return {}
    _, policy = active(work)
    holds: dict[int | None, datetime | None] = {}
    fresh: dict[int, list[int]] = {}  # by the days that somebody has
    query = select(T.c.id, T.c.state, T.c.answer_days, T.c.answer_by).where(among(T.c.id, set(task_ids)))
    for task_id, state, days, answer_by in work.session.execute(query):
        holds[task_id] = answer_by
        if state != TaskState.open or days is None:
            continue
        if answer_by is None or not (only_first or answer_by <= work.now):
            fresh.setdefault(days, []).append(task_id)
    for days, tasks in fresh.items():
        until = work.company.calendar.answer_by(work.now, days, policy.windows.work)
        work.session.execute(update(T).where(among(T.c.id, tasks)).values(answer_by=until))
        holds |= dict.fromkeys(tasks, until)
    return holds


def _letter_sent(work: Work, letter_id: int, parcel: Parcel) -> None:
    letter = work.session.get_one(Letter, letter_id)
    letter.state, letter.sent_on = LetterState.sent, work.today
    letter.subject, letter.text = parcel.card.title, parcel.card.text
    letter.receivables = list(parcel.facts["receivables"])
    work.audit(
        "letter.sent", "letter", letter.id, letter.customer_id,
        stage=letter.stage, to=letter.to, receivables=letter.receivables,
    )  # fmt: skip


def _dead(work: Work, message: OutboxMessage, reason: str) -> None:
    message.state, message.done_at, message.reason = OutboxState.dead, work.now, reason
    level = logging.WARNING if message.op == "send" else logging.INFO  # not every messenger can change every card
    log.log(level, "outbox %s (%s) was refused: %s", message.id, message.kind, reason)
    if message.subject == "letter":
        work.session.execute(update(L).where(L.c.id == message.subject_id).values(state=LetterState.cancelled, sent_on=None))
    if message.op == "send":
        undelivered(work, message, reason)


def _end_is_told(work: Work, message: OutboxMessage, parcel: Parcel) -> None:
    if parcel.ref is not None and parcel.ref.ref:  # an answer that only its asker saw has none
        _closing(work, message, parcel, parcel.ref.delivery_id)


def _closing(work: Work, message: OutboxMessage, parcel: Parcel, delivery_id: int) -> None:
    """The card can't be changed any more: one short message says so, if it is over and still has buttons."""
    delivery = work.session.get_one(Delivery, delivery_id)
    if message.person_id is None or not (parcel.over or parcel.card.closed):
        return
    if parcel.facts.get("shows", {}).get("newer"):  # it isn't over; its end is still to be told
        return
    links = parcel.adapter.capabilities(parcel.to).has_links  # what has no control may be a link there
    if not any(action.draw != "reply" or links for action in load(delivery.card["dump"]).actions):
        return
    _, policy = active(work)
    member = load_org(work).members.get(message.person_id)
    note = outbox.row(
        work,
        key=f"{message.subject}:{message.subject_id}:closed:{message.person_id}",
        kind="note.closed",
        subject=message.subject,
        subject_id=message.subject_id,
        customer_id=message.customer_id,
        person_id=message.person_id,
        data={**delivery.card.get("data", {}), **message.data, "kind": message.kind},
        not_before=outbox.outside_quiet(work, policy.windows, member),
    )
    outbox.enqueue(work, [note])


def _unsure(work: Work, message: OutboxMessage, reason: str, parcel: Parcel) -> None:
    """A customer letter goes at most once: a human looks. A card goes at least once: it is looked for, and where nobody can
    tell, or that messenger gives no clear answer again and again, it is sent again or elsewhere, marked 重发."""
    message.reason = reason
    if message.subject != "letter":
        if _in_vain(work, message):
            _dead(work, message, reason)
            return
        passed = message.attempts >= ELSEWHERE_AFTER and _passed_on(work, message, parcel)
        if not passed:
            message.state = OutboxState.retry
            # Each time that it may be shown once more, the next is further away.
            again = AGAIN * 4 ** min(int(message.data.get("redelivered", 0)), TRIES)
            message.not_before = work.now + _pause(message.attempts, again)
        if passed or parcel.untraceable or message.data.get("redelivered"):
            _mark_again(message)
        return
    message.state, message.done_at = OutboxState.unsure, work.now
    letter = work.session.get_one(Letter, message.subject_id)
    letter.state, letter.sent_on = LetterState.unsure, work.today
    _, policy = active(work)
    people = chores.holders(load_org(work), "finance")[:1]
    data = {"kind": "letter", "letter": letter.id, "outbox": message.id}
    chores.open_chore(work, policy, "letter", people, customer_id=letter.customer_id, data=data)
