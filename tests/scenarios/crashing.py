"""One cycle in a process of its own that dies at a chosen place, as kill −9 would have it.

The place: stored (the adapter has the message, the outbox doesn't know), claimed (before the adapter), prepared (between
`prepare` and the first chunk), decided (between the chunks and the digests), none.
"""

import asyncio
import os
import signal
from datetime import datetime
from typing import Any

from bot import engine
from bot.adapters.base import Address, SendResult
from bot.adapters.local.adapter import LocalAdapter
from bot.app import App
from bot.card import Card
from bot.settings import Settings
from core.dunning import cycle


def die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, at: str, place: str) -> None:
    now = datetime.fromisoformat(at)
    app = App(Settings(database_url=url, letters="off"), clock=lambda: now)
    if place in ("stored", "claimed"):
        send = LocalAdapter.send

        async def dying(self: LocalAdapter, to: Address, card: Card, key: str) -> SendResult:
            if place == "stored":
                await send(self, to, card, key)
            return die()  # type: ignore[no-any-return]

        LocalAdapter.send = dying  # type: ignore[method-assign]
    elif place == "prepared":
        engine.cycle.run_chunk = die  # type: ignore[attr-defined]
    elif place == "decided":
        cycle.morning_digest = die
    asyncio.run(_run(app, now))


async def _run(app: App, now: datetime) -> None:
    await app.start()
    await app.tick(now)
    await app.stop()
