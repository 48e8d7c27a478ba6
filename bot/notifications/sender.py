"""Delivers the outbox: claim -> load the View, or cancel -> template -> fit -> adapter -> record.

No network inside a transaction. Whatever crashes, a message is visible once where the messenger can prove it: the
payload of the first attempt is stored and sent again, and a message whose fate is unclear is looked for first
(dunning.md section 10).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from bot.adapters.base import Adapter, Ahead, Files, NotThere, Refused, SendResult, Sent, Unknown
from bot.notifications.parcel import Parcel, claim, renew
from bot.notifications.record import Delivered, record
from bot.transactions import Transactions

log = logging.getLogger(__name__)

RENEW_SECONDS = 20.0  # a third of a lease
AT_ONCE = 8  # people that one messenger is sent to at the same time


async def deliver(
    transactions: Transactions,
    adapters: dict[str, Adapter],
    clock: Callable[[], datetime],
    *,
    recover: bool = False,
    documents: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Sends everything that may go. `recover`: nobody else is sending, so rows left in `sending` are orphans.

    `stopping`: what has begun ends, the rest of what was claimed is given back.
    """
    total = Delivered()
    while not stopping():
        parcels, cancelled = await asyncio.to_thread(claim, transactions, adapters, clock(), recover)
        total.cancelled += cancelled
        if not parcels and not cancelled:
            break
        async with _leased(transactions, parcels, clock):
            await _send_all(parcels, stopping)
        await asyncio.to_thread(record, transactions, parcels, clock(), total)
        if documents is not None:
            await _attach(parcels, documents)
    return total


@asynccontextmanager
async def _leased(
    transactions: Transactions, parcels: Sequence[Parcel], clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    """However slow a messenger is, nobody else takes what is on its way."""

    async def again_and_again() -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await asyncio.to_thread(renew, transactions, parcels, clock())

    renewing = asyncio.create_task(again_and_again())
    try:
        yield
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
    """Several people at once, each one's messages in order; one messenger's slowness holds up no other's."""
    queues: dict[tuple[str, str], list[Parcel]] = {}
    for parcel in parcels:
        queues.setdefault((parcel.adapter.name, parcel.to.user_id), []).append(parcel)
    await _ahead(parcels)
    room = {name: asyncio.Semaphore(AT_ONCE) for name, _ in queues}

    async def one_by_one(name: str, queue: list[Parcel]) -> None:
        async with room[name]:
            for parcel in queue:
                if not stopping():
                    parcel.result = await _safely(parcel)

    await asyncio.gather(*(one_by_one(name, queue) for (name, _), queue in queues.items()))


async def _ahead(parcels: Sequence[Parcel]) -> None:
    fresh: dict[str, list[Parcel]] = {}
    for parcel in parcels:
        if parcel.op == "send" and parcel.first:
            fresh.setdefault(parcel.adapter.name, []).append(parcel)
    for mine in fresh.values():
        adapter = mine[0].adapter
        if isinstance(adapter, Ahead):
            await adapter.ahead([(parcel.to, parcel.card, parcel.key) for parcel in mine])


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
        found = await parcel.adapter.find(parcel.to, parcel.key, payload)
        parcel.untraceable = isinstance(found, Unknown)
        if not isinstance(found, NotThere):
            return found
    return await parcel.adapter.send(parcel.to, parcel.card, parcel.key)
