"""What is about to leave: an outbox row is claimed, its View loaded or the row dropped, and the card drawn and fitted."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update

from bot.adapters.base import CARD, TEXT, Adapter, Address, DeliveryRef, SendResult
from bot.card import Card, as_lang, dump, load
from bot.fit import fit
from bot.notifications.load import Cancel, Facts, Loaded, Message
from bot.notifications.load import load as load_view
from bot.notifications.readers import MAIL, Readers, address_of, address_to, meant_for
from bot.notifications.undelivered import drop
from bot.transactions import Transactions
from core import garbage
from core.db import update_many
from core.dunning import cycle
from core.models import Delivery, OutboxMessage, OutboxState
from core.models.base import among, table_of
from core.work import Work

O, D = table_of(OutboxMessage), table_of(Delivery)  # noqa: E741
# Rows, not objects of the session: nothing is changed in them, and that takes a fifth of the time.
_OF_MESSAGE = [
    O.c.id, O.c.key, O.c.op, O.c.kind, O.c.subject, O.c.subject_id, O.c.person_id, O.c.customer_id, O.c.data, O.c.payload,
    O.c.address, O.c.messenger, O.c.delivery_id, O.c.attempts, O.c.created_at,
]  # fmt: skip
BATCH = 150
LEASE = timedelta(seconds=60)
HAS_LEFT = "has_left"  # the reason of an update that nobody who may see it would see
TAKEN_AWAY = "taken_away"  # it may stand in a messenger that is on no more, so here it says 重发
CROSSED = "crossed"  # of a delivery: two drawings of it were on their way at once, so it is drawn once more
NEVER_CHANGES = "never_changes"  # the reason of an update that the messenger has no way to show
_DRAWN = ("id", "state", "attempts", "lease_until", "payload", "messenger", "touched")


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
    customers: frozenset[int] = frozenset()  # of whom a first message speaks
    untraceable: bool = False  # it was looked for, and nobody can tell whether it is there
    files: tuple[str, ...] = ()  # names of documents that go along with it
    result: SendResult | None = None
    since: datetime | None = None  # of one that may stand there: not before then
    attempts: int = 0  # with this one: who claims a message after this attempt counts one more
    _dumped: dict[str, Any] | None = None

    @property
    def stands(self) -> str:
        """What it is on the screen, for as long as it is there."""
        return self.to.stands or (CARD if self.adapter.capabilities(self.to).has_buttons else TEXT)

    @property
    def dumped(self) -> dict[str, Any]:
        if self._dumped is None:
            self._dumped = dump(self.card)
        return self._dumped

    @property
    def never_changes(self) -> bool:
        """Whether it tells of a change that the messenger has no way to show."""
        return self.ref is not None and self.adapter.capabilities(self.to).updates == "never"


@garbage.later()  # around it, so that what it made is gone by then
def claim(
    transactions: Transactions,
    adapters: dict[str, Adapter],
    now: datetime,
    recover: bool,
    held: Collection[int] = (),
    busy: Collection[str] = (),
) -> tuple[list[Parcel], int]:
    """Takes the next messages, in the order they were written, and draws them. Returns them and how many were dropped.

    `held`: messages that this process is sending, whatever became of their leases. `busy`: messengers whose messages wait.
    """
    with transactions.work(now) as work:
        orphans = O.c.state == OutboxState.sending
        if not recover:
            orphans &= O.c.lease_until <= now
        if held:
            orphans = and_(orphans, O.c.id.not_in(held))
        ready = O.c.state.in_((OutboxState.pending, OutboxState.retry))
        shared = Facts(work)
        may_go = and_(or_(ready, orphans), O.c.not_before <= now, ~cycle.waits_for_digest(work, shared.org))
        if busy:
            may_go &= ~meant_for(work, adapters, shared, busy)
        ids = select(O.c.id).where(may_go).order_by(O.c.id).limit(BATCH)
        claimed = select(*_OF_MESSAGE).where(O.c.id.in_(ids.with_for_update(skip_locked=True))).order_by(O.c.id)
        messages = work.session.execute(claimed).all()
        parcels: list[Parcel] = []
        asked = [_message(message) for message in messages]
        shared.preload(asked)
        readers = Readers(work, messages)
        # All are drawn before any is changed: a query in between would write every change by itself.
        drawn = [
            (message, _parcel(work, message, about, adapters, shared, readers))
            for message, about in zip(messages, asked, strict=True)
        ]
        dropped: dict[int, str] = {}
        for message, made in drawn:
            if isinstance(made, str):
                dropped[message.id] = made
                continue
            if made.adapter.name in busy:  # it is for the second messenger of its reader
                continue
            made.customers, made.attempts = _customers(message), message.attempts + 1
            parcels.append(made)
        if dropped:
            for row in work.session.execute(select(OutboxMessage).where(O.c.id.in_(dropped)).order_by(O.c.id)).scalars():
                if dropped[row.id or 0] == TAKEN_AWAY:
                    row.data, row.payload, row.state = {**row.data, "redelivered": 1}, None, OutboxState.retry
                else:
                    drop(work, row, dropped[row.id or 0])
        _take(work, parcels)
        return parcels, len(dropped)


def _take(work: Work, parcels: Sequence[Parcel]) -> None:
    """They are on their way. What is sent for the first time is kept: should its fate be unclear, the same goes again."""
    lease = work.now + LEASE
    first = [parcel for parcel in parcels if parcel.op == "send" and parcel.first]
    update_many(work.session, O, _DRAWN, [
        (p.id, OutboxState.sending.value, p.attempts, lease, {"card": p.dumped, "facts": p.facts}, p.adapter.name, False)
        for p in first
    ])  # fmt: skip
    others = {parcel.id for parcel in parcels} - {parcel.id for parcel in first}
    if others:
        taken = {"state": OutboxState.sending.value, "attempts": O.c.attempts + 1, "lease_until": lease}
        work.session.execute(update(O).where(among(O.c.id, others)).values(taken))


def _customers(message: Any) -> frozenset[int]:
    if message.op != "send":
        return frozenset()
    named = {item.get("customer") for item in message.data.get("items", ())}
    return frozenset(found for found in named | {message.customer_id} if found is not None)


def renew(transactions: Transactions, parcels: Sequence[Parcel], now: datetime) -> None:
    with transactions.work(now) as work:
        mine = O.c.id.in_([parcel.id for parcel in parcels])
        work.session.execute(O.update().where(mine, O.c.state == OutboxState.sending).values(lease_until=now + LEASE))


def _parcel(
    work: Work, message: Any, about: Message, adapters: dict[str, Adapter], shared: Facts, readers: Readers
) -> Parcel | str:
    """The message ready to go, or the reason why it is dropped."""
    if message.op == "update":
        changed = _update_parcel(work, message, adapters, shared, readers.address)
        if isinstance(changed, str):
            return changed
        delivery = work.session.get_one(Delivery, message.delivery_id)
        return changed if readers.may_read(delivery, shared.org, over=changed.over) else HAS_LEFT
    where = address_to(work, message, adapters, shared, readers)
    if where is None:
        return "no_account"
    adapter, to = where
    if message.payload is not None and not message.data.get("redelivered") and adapter.name != message.messenger:
        return TAKEN_AWAY
    key = message.key
    if message.data.get("redelivered"):
        key = f"{key}:{message.data['redelivered']}"  # another message, that says so
    elif message.payload is not None:
        # Sent before, with an unclear fate: the same bytes again, so that the messenger can tell.
        card = load(message.payload["card"])
        return Parcel(
            message.id, message.key, "send", adapter, to, card, first=False, facts=message.payload["facts"],
            since=message.created_at,
        )  # fmt: skip
    loaded = load_view(work, about, to.lang, facts=shared)
    if isinstance(loaded, Cancel):
        return loaded.reason
    card = loaded.card(as_lang(to.lang))
    if adapter.name != MAIL:
        card, _ = fit(card, adapter.capabilities(to), today=work.today)
    return Parcel(
        message.id or 0, key, "send", adapter, to, card, first=True, facts=_facts(loaded), over=loaded.over,
        files=loaded.files,
    )  # fmt: skip


def _update_parcel(
    work: Work, message: Any, adapters: dict[str, Adapter], shared: Facts,
    where: Callable[[Delivery, str], Address],
) -> Parcel | str:  # fmt: skip
    delivery = work.session.get(Delivery, message.delivery_id)
    if delivery is None or (delivery.state == "closed" and not delivery.card.get(CROSSED)):
        return "closed"
    adapter = adapters.get(delivery.messenger)
    if adapter is None:
        return "no_messenger"
    drawn = _drawn_anew(work, delivery, message.data, adapter, shared, where)
    if isinstance(drawn, str):
        return drawn
    to, loaded, card = drawn
    if dump(card) == delivery.card.get("dump") and not delivery.card.get(CROSSED):
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


def _drawn_anew(
    work: Work, delivery: Delivery, data: dict[str, Any] | None, adapter: Adapter, shared: Facts,
    where: Callable[[Delivery, str], Address],
) -> tuple[Address, Loaded, Card] | str:  # fmt: skip
    """A card on somebody's screen as it is true now, or why it stays as it is."""
    person = shared.person(delivery.person_id)
    lang = as_lang(person.lang if person else "", work.company.lang)
    to = where(delivery, lang)
    loaded = load_view(work, of_delivery(delivery, data), lang, facts=shared)
    if isinstance(loaded, Cancel):
        return loaded.reason
    card, _ = fit(loaded.card(lang), adapter.capabilities(to), today=work.today)
    return to, loaded, card


def _message(message: Any) -> Message:
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
    answer_by = getattr(loaded.view, "answer_by", None)
    return {
        "customer": loaded.customer_code,
        "task": loaded.task_id,
        "receivables": list(loaded.receivables),
        "severity": loaded.severity,
        "answer_by": answer_by and answer_by.astimezone(UTC).isoformat(),
        **({"shows": loaded.shows} if loaded.shows else {}),
    }


def claim_redraw(
    transactions: Transactions, adapters: dict[str, Adapter], now: datetime, delivery_id: int
) -> tuple[Card, int, Parcel | None] | None:
    """One card as it is true now, and its revision, where the answer to a tap carries the card; else None.

    The parcel, if something changed, is an update that is sent again unless it is recorded as shown. Updates that were
    refused are made up for: a tap may change what nothing else can.
    """
    with transactions.work(now) as work:
        delivery = work.session.get_one(Delivery, delivery_id)
        here = address_of(work, delivery)
        if not adapters[delivery.messenger].capabilities(here).answers_in_place:
            return None

        def where(_: Delivery, lang: str) -> Address:
            return replace(here, lang=lang)

        refused = or_(O.c.state == OutboxState.dead, O.c.reason == NEVER_CHANGES)
        waiting = work.session.execute(
            select(OutboxMessage)
            .where(O.c.delivery_id == delivery_id, O.c.op == "update")
            .where(or_(O.c.state.in_((OutboxState.pending, OutboxState.retry)), refused))
            .order_by(O.c.id)
            .with_for_update(skip_locked=True)
        ).scalars()
        shared, parcel = Facts(work), None
        for message in waiting.all():
            made = "shown" if parcel is not None else _update_parcel(work, message, adapters, shared, where)
            if isinstance(made, str):
                drop(work, message, made)
                continue
            parcel = made
            message.state, message.lease_until = OutboxState.sending, now + LEASE
            message.attempts += 1
            made.attempts = message.attempts
        if parcel is not None and parcel.ref is not None:
            return parcel.card, parcel.ref.rev, parcel
        # Somebody may be sending its update right now: the answer must not put the older card over it.
        adapter = adapters[delivery.messenger]
        drawn = "closed" if delivery.state == "closed" else _drawn_anew(work, delivery, None, adapter, shared, where)
        if isinstance(drawn, str) or dump(drawn[2]) == delivery.card["dump"]:
            return load(delivery.card["dump"]), delivery.rev, None
        return drawn[2], delivery.rev + 1, None
