"""Delivers the outbox: claim -> load the View, or cancel -> template -> fit -> adapter -> record.

No network inside a transaction. Whatever crashes, a message is visible once where the messenger can prove it: the
payload of the first attempt is stored and sent again, and a message whose fate is unclear is looked for first
(dunning.md section 10).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.adapters.base import Adapter, Ahead, Files, NotThere, Refused, SendResult, Sent, Unknown
from bot.notifications.parcel import LEASE, Parcel, claim, renew
from bot.notifications.record import Delivered, record
from bot.transactions import Transactions
from core.errors import Unreachable

log = logging.getLogger(__name__)

RENEW_SECONDS = 20.0  # a third of a lease
AT_ONCE = 8  # people that one messenger is sent to at the same time


@dataclass
class Hands:
    """What this process is sending right now. Rounds may run beside each other; a messenger is in one of them at a time, so
    that everybody's messages stay in order and a slow messenger holds up no other."""

    busy: set[str] = field(default_factory=set)  # messengers
    messages: set[int] = field(default_factory=set)
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    free: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def put_down(self, parcels: Sequence[Parcel]) -> None:
        self.messages -= {parcel.id for parcel in parcels}
        self.busy.discard(parcels[0].adapter.name)
        async with self.free:
            self.free.notify_all()


@dataclass(frozen=True)
class Round:
    transactions: Transactions
    adapters: dict[str, Adapter]
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    hands: Hands
    documents: Path | None
    total: Delivered


async def deliver(
    transactions: Transactions,
    adapters: dict[str, Adapter],
    clock: Callable[[], datetime],
    *,
    recover: bool = False,
    documents: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
    hands: Hands | None = None,
    until: Collection[str] | None = None,
) -> Delivered:
    """Sends everything that may go. What another round is busy with, that one goes on with.

    `recover`: no other process is sending, so rows left in `sending` are orphans. `stopping`: what has begun ends, the rest
    of what was claimed is given back. `until`: messengers whose messages have all left when this returns, whichever round
    sent them; None: all of them.
    """

    def free() -> bool:
        return way.hands.busy.isdisjoint(way.adapters if until is None else until)

    way = Round(transactions, adapters, clock, stopping, hands or Hands(), documents, Delivered())
    going: set[asyncio.Task[None]] = set()
    try:
        while not stopping():
            parcels, cancelled = await _claim(way, recover)
            way.total.cancelled += cancelled
            by_messenger: dict[str, list[Parcel]] = {}
            for parcel in parcels:
                by_messenger.setdefault(parcel.adapter.name, []).append(parcel)
            going |= {asyncio.create_task(_through(way, mine)) for mine in by_messenger.values()}
            if parcels or cancelled or going:
                going = await _some(going)
            elif not free():
                async with way.hands.free:
                    await way.hands.free.wait_for(free)
            else:
                break
    finally:
        if going:
            await asyncio.wait(going)
    for task in going:
        task.result()
    return way.total


async def _claim(way: Round, recover: bool) -> tuple[list[Parcel], int]:
    """One at a time: what is claimed is in somebody's hands before the next look for orphans."""
    hands = way.hands
    async with hands.claiming:
        held, busy = frozenset(hands.messages), frozenset(hands.busy)
        found = await asyncio.to_thread(claim, way.transactions, way.adapters, way.clock(), recover, held, busy)
        hands.messages |= {parcel.id for parcel in found[0]}
        hands.busy |= {parcel.adapter.name for parcel in found[0]}
    return found


async def _some(going: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Waits until one of these is done. Errors: its own."""
    if not going:
        return going
    done, rest = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return rest


async def _through(way: Round, parcels: Sequence[Parcel]) -> None:
    """One messenger's part of a batch: sent, and recorded without waiting for the others'."""
    try:
        async with _leased(way, parcels) as mine:
            await _send_all(parcels, lambda: way.stopping() or not mine())
        await asyncio.to_thread(record, way.transactions, parcels, way.clock(), way.total)
        if way.documents is not None:
            await _attach(parcels, way.documents)
    finally:
        await way.hands.put_down(parcels)


@asynccontextmanager
async def _leased(way: Round, parcels: Sequence[Parcel]) -> AsyncIterator[Callable[[], bool]]:
    """However slow a messenger is, nobody else takes what is on its way. Yields whether that holds: a machine may have
    slept, or the database been away, for longer than the lease."""
    until = way.clock() + LEASE

    async def again_and_again() -> None:
        nonlocal until
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            now = way.clock()
            try:
                await asyncio.to_thread(renew, way.transactions, parcels, now)
            except Unreachable as error:
                log.warning("what is being sent could not be kept: %s", error)
            else:
                until = now + LEASE

    renewing = asyncio.create_task(again_and_again())
    try:
        yield lambda: way.clock() < until
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _attach(parcels: Sequence[Parcel], documents: Path) -> None:
    """The documents that a card speaks of, where the messenger takes files. Tried once: the card stands, and names them."""
    for parcel in parcels:
        if not (parcel.files and isinstance(parcel.result, Sent) and isinstance(parcel.adapter, Files)):
            continue
        for name in parcel.files:
            try:
                content = await asyncio.to_thread((documents / name).read_bytes)
                result = await parcel.adapter.upload(parcel.to, name, content)
            except OSError as error:
                result = Refused(type(error).__name__)
            if not isinstance(result, Sent):
                log.warning("%s: the document of outbox %s was not sent: %s", parcel.adapter.name, parcel.id, result.reason)


async def _send_all(parcels: Sequence[Parcel], stopping: Callable[[], bool]) -> None:
    """One messenger's: several people at once, each one's messages in order."""
    queues: dict[str, list[Parcel]] = {}
    for parcel in parcels:
        queues.setdefault(parcel.to.user_id, []).append(parcel)
    await _ahead(parcels)
    room = asyncio.Semaphore(AT_ONCE)

    async def one_by_one(queue: list[Parcel]) -> None:
        async with room:
            for parcel in queue:
                if not stopping():
                    parcel.result = await _safely(parcel)

    await asyncio.gather(*map(one_by_one, queues.values()))


async def _ahead(parcels: Sequence[Parcel]) -> None:
    fresh = [parcel for parcel in parcels if parcel.op == "send" and parcel.first]
    if fresh and isinstance(adapter := fresh[0].adapter, Ahead):
        await adapter.ahead([(parcel.to, parcel.card, parcel.key) for parcel in fresh])


async def _safely(parcel: Parcel) -> SendResult:
    """An adapter answers with a value; if it fails all the same, nobody knows what was shown."""
    try:
        return await _send(parcel)
    except Exception:
        log.exception("%s failed on outbox %s", parcel.adapter.name, parcel.id)
        return Unknown("adapter_failed")


async def _send(parcel: Parcel) -> SendResult:
    if parcel.ref is not None:
        return await parcel.adapter.update(parcel.ref, parcel.card)
    if not parcel.first:
        payload = json.dumps(parcel.dumped, ensure_ascii=False, sort_keys=True).encode()
        found = await parcel.adapter.find(parcel.to, parcel.key, payload, parcel.since)
        parcel.untraceable = isinstance(found, Unknown)
        if not isinstance(found, NotThere):
            return found
    return await parcel.adapter.send(parcel.to, parcel.card, parcel.key)
