"""Delivers the outbox: claim -> load the View, or cancel -> template -> fit -> adapter -> record.

No network inside a transaction. Whatever crashes, a message is visible once where the messenger can prove it: the
payload of the first attempt is stored and sent again, and a message whose fate is unclear is looked for first
(dunning.md section 10).
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update

from bot.adapters.base import Adapter, Address, DeliveryRef, NotThere, Refused, Retry, SendResult, Sent, Unknown
from bot.card import Card, as_lang, card_json, dump, load
from bot.fit import fit
from bot.notifications.load import Cancel, Facts, Loaded, Message
from bot.notifications.load import load as load_view
from bot.notifications.templates import render
from bot.transactions import Transactions
from core import chores, outbox
from core.dunning import cycle
from core.dunning.load import load_org
from core.models import (
    Account,
    Customer,
    Delivery,
    Firing,
    FiringOutcome,
    Letter,
    LetterState,
    OutboxMessage,
    OutboxState,
    Person,
    Task,
    TaskState,
)
from core.models.base import table_of
from core.policies import active
from core.time import local_instant
from core.work import Work

log = logging.getLogger(__name__)

O, D, F, T, L = (table_of(m) for m in (OutboxMessage, Delivery, Firing, Task, Letter))  # noqa: E741
BATCH = 50
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
MAIL = "mail"
MAY_BECOME_TRUE = ("netted", "below_min")  # nothing to chase now, but the task is open: looked at again next morning


@dataclass(slots=True)
class Parcel:
    """One message on its way: what to send, where, and how it stands in the outbox."""

    id: int
    key: str
    op: str
    adapter: Adapter
    to: Address
    card: Card
    first: bool
    ref: DeliveryRef | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    over: bool = False  # closed for good; a card may be drawn closed without that
    result: SendResult | None = None


@dataclass(slots=True)
class Delivered:
    """What a round of sending did."""

    sent: int = 0
    cancelled: int = 0
    failed: int = 0


async def deliver(
    transactions: Transactions, adapters: dict[str, Adapter], now: datetime, *, recover: bool = False
) -> Delivered:
    """Sends everything that may go at `now`. `recover`: nobody else is sending, so rows left in `sending` are orphans."""
    total = Delivered()
    while True:
        parcels, cancelled = await asyncio.to_thread(_claim, transactions, adapters, now, recover)
        total.cancelled += cancelled
        if not parcels and not cancelled:
            return total
        for parcel in parcels:
            parcel.result = await _send(parcel)
        await asyncio.to_thread(_record, transactions, parcels, now, total)


async def _send(parcel: Parcel) -> SendResult:
    if parcel.ref is not None:
        return await parcel.adapter.update(parcel.ref, parcel.card)
    if not parcel.first:
        payload = json.dumps(dump(parcel.card), ensure_ascii=False, sort_keys=True).encode()
        found = await parcel.adapter.find(parcel.to, parcel.key, payload)
        if not isinstance(found, NotThere):
            return found
    return await parcel.adapter.send(parcel.to, parcel.card, parcel.key)


# --- claiming -------------------------------------------------------------------------------------


def _claim(
    transactions: Transactions, adapters: dict[str, Adapter], now: datetime, recover: bool
) -> tuple[list[Parcel], int]:
    """Takes the next messages, in the order they were written, and draws them. Returns them and how many were dropped."""
    with transactions.work(now) as work:
        orphans = O.c.state == OutboxState.sending
        if not recover:
            orphans &= O.c.lease_until <= now
        ready = O.c.state.in_((OutboxState.pending, OutboxState.retry))
        shared = Facts(work)
        held = cycle.waits_for_digest(work, shared.org)
        ids = select(O.c.id).where(or_(ready, orphans), O.c.not_before <= now, ~held).order_by(O.c.id).limit(BATCH)
        rows = work.session.execute(
            select(OutboxMessage).where(O.c.id.in_(ids.with_for_update(skip_locked=True))).order_by(O.c.id)
        ).scalars()
        messages = list(rows)
        parcels: list[Parcel] = []
        cancelled = 0
        shared.preload(_message(message) for message in messages)
        for message in messages:
            first = message.attempts == 0
            made = _parcel(work, message, adapters, shared, first)
            if isinstance(made, str):
                _drop(work, message, made)
                cancelled += 1
                continue
            message.state = OutboxState.sending
            message.attempts += 1
            message.lease_until = now + LEASE
            parcels.append(made)
        return parcels, cancelled


def _parcel(work: Work, message: OutboxMessage, adapters: dict[str, Adapter], shared: Facts, first: bool) -> Parcel | str:
    """The message ready to go, or the reason why it is dropped."""
    if message.op == "update":
        return _update_parcel(work, message, adapters, shared)
    where = _address(work, message, adapters)
    if where is None:
        return "no_account"
    adapter, to = where
    if message.payload is not None:
        # Sent before, with an unclear fate: the same bytes again, so that the messenger can tell.
        card = load(message.payload["card"])
        return Parcel(message.id or 0, message.key, "send", adapter, to, card, first=False, facts=message.payload["facts"])
    loaded = load_view(work, _message(message), to.lang, facts=shared)
    if isinstance(loaded, Cancel):
        return loaded.reason
    card = render(loaded.kind, loaded.view, as_lang(to.lang))
    if adapter.name != MAIL:
        card, _ = fit(card, adapter.capabilities(to), today=work.today)
    facts = _facts(loaded)
    message.payload = {"card": dump(card), "facts": facts}
    message.messenger = adapter.name
    return Parcel(message.id or 0, message.key, "send", adapter, to, card, first=first, facts=facts, over=loaded.over)


def _update_parcel(work: Work, message: OutboxMessage, adapters: dict[str, Adapter], shared: Facts) -> Parcel | str:
    delivery = work.session.get(Delivery, message.delivery_id)
    if delivery is None or delivery.state == "closed":
        return "closed"
    adapter = adapters.get(delivery.messenger)
    if adapter is None:
        return "no_messenger"
    person = work.session.get(Person, delivery.person_id) if delivery.person_id else None
    lang = as_lang(person.locale if person else "", work.company.lang)
    to = Address(delivery.address, lang)
    loaded = load_view(work, of_delivery(delivery, message.data), lang, facts=shared)
    if isinstance(loaded, Cancel):
        return loaded.reason
    card = render(loaded.kind, loaded.view, lang)
    card, _ = fit(card, adapter.capabilities(to), today=work.today)
    if dump(card) == delivery.card.get("dump"):
        return "unchanged"
    ref = DeliveryRef(to, delivery.ref, delivery.id or 0, delivery.rev + 1)
    return Parcel(
        message.id or 0,
        message.key,
        "update",
        adapter,
        to,
        card,
        first=True,
        ref=ref,
        facts=_facts(loaded),
        over=loaded.over,
    )


def _message(message: OutboxMessage) -> Message:
    return Message(
        kind=message.kind,
        subject=message.subject,
        subject_id=message.subject_id,
        person_id=message.person_id,
        customer_id=message.customer_id,
        data=message.data,
        outbox_id=message.id,
    )


def of_delivery(delivery: Delivery, data: dict[str, Any] | None = None) -> Message:
    """A message that stands on a screen, to be drawn as it is true now."""
    return Message(
        kind=delivery.kind,
        subject=delivery.subject,
        subject_id=delivery.subject_id,
        person_id=delivery.person_id,
        customer_id=delivery.customer_id,
        data=data or delivery.card.get("data", {}),
        for_update=True,
        delivered_on=delivery.on_date,
        delivery_id=delivery.id,
        outbox_id=delivery.outbox_id,
    )


def _facts(loaded: Loaded) -> dict[str, Any]:
    return {
        "customer": loaded.customer_code,
        "task": loaded.task_id,
        "receivables": list(loaded.receivables),
        "severity": loaded.severity,
    }


def _address(work: Work, message: OutboxMessage, adapters: dict[str, Adapter]) -> tuple[Adapter, Address] | None:
    """Where a message goes: a letter to its mail address, a card to the person's preferred messenger that is on."""
    if message.person_id is None:
        customer = work.session.get_one(Customer, message.customer_id)
        lang = as_lang(customer.language, work.company.lang)
        return (adapters[MAIL], Address(message.address, lang)) if MAIL in adapters else None
    person = work.session.get_one(Person, message.person_id)
    if not person.active:
        return None
    lang = as_lang(person.locale, work.company.lang)
    return address_of(work, person, adapters, lang)


def address_of(work: Work, person: Person, adapters: dict[str, Adapter], lang: str) -> tuple[Adapter, Address] | None:
    A = table_of(Account)
    accounts = work.session.execute(select(Account).where(A.c.person_id == person.id).order_by(A.c.preferred.desc(), A.c.id))
    known = {a.messenger: a for a in reversed(list(accounts.scalars()))}
    order = sorted(work.company.messengers, key=lambda m: not (m in known and known[m].preferred))
    for name in order:
        if name not in adapters:
            continue
        if name in known:
            return adapters[name], Address(known[name].user_id, lang)
        if name == "local":
            return adapters[name], Address(person.handle, lang)
    return None


def _drop(work: Work, message: OutboxMessage, reason: str) -> None:
    """No longer true, or nowhere to go. What cannot be delivered becomes a task, never silence."""
    if reason in MAY_BECOME_TRUE and message.op == "send" and message.subject == "task":
        _, policy = active(work)
        tomorrow = work.company.calendar.next_working_day(work.today)
        message.not_before = local_instant(tomorrow, policy.windows.work.start, work.company.calendar.zone)
        message.reason = reason
        return
    message.done_at = work.now
    message.reason = reason
    if reason in ("no_account", "no_messenger"):
        message.state = OutboxState.dead
        _undelivered(work, message, reason)
        return
    message.state = OutboxState.cancelled
    if message.op != "send":
        return
    outcome = FiringOutcome.cancelled
    if message.subject == "letter":
        work.session.execute(update(L).where(L.c.id == message.subject_id).values(state=LetterState.cancelled, sent_on=None))
        outcome = FiringOutcome.deferred  # what is still owed is planned anew; settled ones were cancelled already
    work.session.execute(
        update(F)
        .where(F.c.outbox_id == message.id, F.c.outcome == FiringOutcome.acted)
        .values(outcome=outcome, was=FiringOutcome.acted, reason=reason, changed_at=work.now)
    )


def _undelivered(work: Work, message: OutboxMessage, reason: str) -> None:
    _, policy = active(work)
    org = load_org(work)
    people = [p for p in chores.holders(org, "finance_manager")[:1] if p != message.person_id]
    if not people:
        people = [p for p in chores.holders(org, "admin")[:1] if p != message.person_id]
    name = work.session.get_one(Person, message.person_id).name if message.person_id else message.address
    data = {"kind": "delivery.failed", "outbox": message.id, "reason": reason, "what": message.kind, "to": name}
    chores.open_chore(work, policy, "undelivered", people, customer_id=message.customer_id, data=data)


# --- recording ------------------------------------------------------------------------------------


def _record(transactions: Transactions, parcels: Sequence[Parcel], now: datetime, total: Delivered) -> None:
    if not parcels:
        return
    with transactions.work(now) as work:
        messages = {
            m.id: m for m in work.session.execute(select(OutboxMessage).where(O.c.id.in_([p.id for p in parcels]))).scalars()
        }
        for parcel in parcels:
            message = messages[parcel.id]
            match parcel.result:
                case Sent(ref):
                    total.sent += parcel.op == "send"
                    _sent(work, message, parcel, ref)
                case Retry(after, reason) if message.attempts < MAX_ATTEMPTS:
                    message.state = OutboxState.retry
                    message.reason = reason
                    message.not_before = now + timedelta(seconds=after)
                    message.payload = None  # nothing was shown, so what is true then is drawn anew
                case Retry(_, reason) | Refused(reason):
                    total.failed += 1
                    _dead(work, message, reason)
                case Unknown(reason):
                    total.failed += 1
                    _unsure(work, message, reason)
                case None:
                    raise AssertionError("a parcel without a result")


def _sent(work: Work, message: OutboxMessage, parcel: Parcel, ref: str) -> None:
    message.state, message.done_at, message.reason = OutboxState.sent, work.now, ""
    state = "closed" if parcel.over else "open"
    drawn = {**card_json(parcel.card), **parcel.facts, "dump": dump(parcel.card), "data": message.data}
    if parcel.ref is not None:
        delivery = work.session.get_one(Delivery, parcel.ref.delivery_id)
        delivery.rev, delivery.kind, delivery.updated_at = parcel.ref.rev, parcel.card.kind, work.now
        delivery.card = {**drawn, "data": delivery.card.get("data", {}) | message.data}
        delivery.state = state
        _answer_by(work, [delivery.subject_id] if delivery.subject == "task" else [], only_first=True)
        return
    existing = work.session.execute(select(Delivery).where(D.c.outbox_id == message.id)).scalar_one_or_none()
    if existing is not None:
        return
    delivery = Delivery(
        outbox_id=message.id,
        messenger=parcel.adapter.name,
        address=parcel.to.user_id,
        ref=ref,
        person_id=message.person_id,
        customer_id=message.customer_id,
        kind=parcel.card.kind,
        subject=message.subject,
        subject_id=message.subject_id,
        at=work.now,
        on_date=work.today,
        updated_at=work.now,
        state="closed" if message.subject == "letter" or message.kind.startswith("note.") else state,
        card=drawn,
    )
    work.session.add(delivery)
    work.session.flush()
    message.delivery_id = delivery.id
    if message.subject == "letter":
        _letter_sent(work, message, parcel)
    elif message.subject == "digest":
        _answer_by(work, [i["id"] for i in message.data["items"] if i["subject"] == "task"])
    elif message.task_id is not None:
        _answer_by(work, [message.task_id])
        if message.subject == "task":
            # An older card of it points to this one; the card that a note of a rise points to shows the same days.
            outbox.touch(work, "task", [message.task_id])


def _answer_by(work: Work, task_ids: Sequence[int], *, only_first: bool = False) -> None:
    """The delivery of a card, digest or short message sets the answer-by; never while one is overdue."""
    _, policy = active(work)
    for task_id in task_ids:
        task = work.session.get_one(Task, task_id)
        if task.state != TaskState.open or task.answer_days is None:
            continue
        if task.answer_by is not None and (only_first or task.answer_by <= work.now):
            continue
        task.answer_by = work.company.calendar.answer_by(work.now, task.answer_days, policy.windows.work)


def _letter_sent(work: Work, message: OutboxMessage, parcel: Parcel) -> None:
    letter = work.session.get_one(Letter, message.subject_id)
    letter.state, letter.sent_on = LetterState.sent, work.today
    letter.subject, letter.text = parcel.card.title, parcel.card.text
    letter.receivables = list(parcel.facts["receivables"])
    work.audit(
        "letter.sent", "letter", letter.id, letter.customer_id,
        stage=letter.stage, to=letter.to, receivables=letter.receivables,
    )  # fmt: skip


def _dead(work: Work, message: OutboxMessage, reason: str) -> None:
    message.state, message.done_at, message.reason = OutboxState.dead, work.now, reason
    log.warning("outbox %s (%s) was refused: %s", message.id, message.kind, reason)
    if message.subject == "letter":
        work.session.execute(update(L).where(L.c.id == message.subject_id).values(state=LetterState.cancelled, sent_on=None))
    if message.op == "send":
        _undelivered(work, message, reason)


def _unsure(work: Work, message: OutboxMessage, reason: str) -> None:
    """A customer letter goes at most once: a human looks. A card goes at least once: it is sent again, marked 重发."""
    message.reason = reason
    if message.subject != "letter":
        if message.attempts < MAX_ATTEMPTS:
            message.state = OutboxState.retry
            message.data = {**message.data, "redelivered": True}
            message.not_before = work.now + timedelta(minutes=1)
        else:
            _dead(work, message, reason)
        return
    message.state, message.done_at = OutboxState.unsure, work.now
    letter = work.session.get_one(Letter, message.subject_id)
    letter.state, letter.sent_on = LetterState.unsure, work.today
    _, policy = active(work)
    people = chores.holders(load_org(work), "finance")[:1]
    data = {"kind": "letter", "letter": letter.id, "outbox": message.id}
    chores.open_chore(work, policy, "letter", people, customer_id=letter.customer_id, data=data)
