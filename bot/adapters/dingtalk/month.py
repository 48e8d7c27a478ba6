"""How many calls DingTalk has counted this month, as far as they were ours: its quota is the organisation's."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.adapters.memory import Memory
from core.errors import Unreachable

SECONDS = 1.0  # what a crash may forget


class Month:
    """Written a moment later, for all calls meanwhile: counting holds up no message, whatever the database does."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._memory, self._clock, self._zone = memory, clock, zone
        self._uncounted = 0
        self._writing: asyncio.Task[None] | None = None
        self._counting = False

    def add(self) -> None:
        self._uncounted += 1
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._soon())

    async def close(self) -> None:
        if self._writing is not None:
            if not self._counting:  # a thread goes on all the same, and its end is waited for
                self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write()

    def known(self) -> int:
        """As written so far; blocks. Errors: Unreachable."""
        kept = self._memory.get(self._key())
        return int(kept["n"]) if kept else 0

    async def _soon(self) -> None:
        await asyncio.sleep(SECONDS)
        await self._write()

    async def _write(self) -> None:
        by, self._uncounted = self._uncounted, 0
        if not by:
            return
        self._counting = True
        try:
            await asyncio.to_thread(self._memory.count, self._key(), by, self._clock())
        except Unreachable:
            self._uncounted += by  # with the next call
        finally:
            self._counting = False

    def _key(self) -> str:
        return f"calls:{self._clock().astimezone(self._zone):%Y-%m}"
