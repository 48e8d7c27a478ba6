"""Delivers the outbox: claim -> load the View, or cancel -> template -> fit -> adapter -> record.

No network inside a transaction. Whatever crashes, a message is visible once where the messenger can prove it: the
payload of the first attempt is stored and sent again, and a message whose fate is unclear is looked for first
(dunning.md section 10).
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bot.adapters.base import Adapter, Files, NotThere, Refused, SendResult, Sent, Unknown
from bot.card import dump
from bot.notifications.parcel import Parcel, claim
from bot.notifications.record import Delivered, record
from bot.transactions import Transactions

log = logging.getLogger(__name__)

AT_ONCE = 8  # people that one messenger is sent to at the same time


async def deliver(
    transactions: Transactions,
    adapters: dict[str, Adapter],
    now: datetime,
    *,
    recover: bool = False,
    documents: Path | None = None,
) -> Delivered:
    """Sends everything that may go at `now`. `recover`: nobody else is sending, so rows left in `sending` are orphans."""
    total = Delivered()
    while True:
        parcels, cancelled = await asyncio.to_thread(claim, transactions, adapters, now, recover)
        total.cancelled += cancelled
        if not parcels and not cancelled:
            return total
        await _send_all(parcels)
        await asyncio.to_thread(record, transactions, parcels, now, total)
        if documents is not None:
            await _attach(parcels, documents)


async def _attach(parcels: Sequence[Parcel], documents: Path) -> None:
    """The documents that a card speaks of, where the messenger takes files. Tried once: the card stands, and names them."""
    for parcel in parcels:
        if not (isinstance(parcel.result, Sent) and isinstance(parcel.adapter, Files)):
            continue
        for name in parcel.files:
            try:
                content = await asyncio.to_thread((documents / name).read_bytes)
                result = await parcel.adapter.upload(parcel.to, name, content)
            except OSError as error:
                result = Refused(type(error).__name__)
            if not isinstance(result, Sent):
                log.warning("%s: the document of outbox %s was not sent: %s", parcel.adapter.name, parcel.id, result.reason)


async def _send_all(parcels: Sequence[Parcel]) -> None:
    """Several people at once, each one's messages in order; one messenger's slowness holds up no other's."""
    queues: dict[tuple[str, str], list[Parcel]] = {}
    for parcel in parcels:
        queues.setdefault((parcel.adapter.name, parcel.to.user_id), []).append(parcel)
    room = {name: asyncio.Semaphore(AT_ONCE) for name, _ in queues}

    async def one_by_one(name: str, queue: list[Parcel]) -> None:
        async with room[name]:
            for parcel in queue:
                parcel.result = await _safely(parcel)

    await asyncio.gather(*(one_by_one(name, queue) for (name, _), queue in queues.items()))


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
        payload = json.dumps(dump(parcel.card), ensure_ascii=False, sort_keys=True).encode()
        found = await parcel.adapter.find(parcel.to, parcel.key, payload)
        parcel.untraceable = isinstance(found, Unknown)
        if not isinstance(found, NotThere):
            return found
    return await parcel.adapter.send(parcel.to, parcel.card, parcel.key)
