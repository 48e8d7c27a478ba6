"""When a messenger last called us, proven by its signature: for `huikuan doctor`, and for the lines that `serve` prints."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bot.adapters.check import Finding
from bot.adapters.memory import Memory
from core.errors import Unreachable

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)  # more often it need not be written
LAST = "last"


def memory(engine: Engine, messenger: str) -> Memory:
    """Apart from what the adapter forgets after some days."""
    return Memory(engine, f"{messenger}.called")


class Called:
    """Notes calls as they come; nobody waits for it, and a call that can't be noted is answered all the same."""

    def __init__(self, engine: Engine, messenger: str, clock: Callable[[], datetime]) -> None:
        self._memory, self._clock, self._messenger = memory(engine, messenger), clock, messenger
        self.at: datetime | None = None  # since this process runs
        self._written: datetime | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self) -> None:
        self.at = self._clock()
        if self._written is not None and abs(self.at - self._written) < EVERY:
            return
        self._written = self.at
        task = asyncio.create_task(self._write(self.at))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, at: datetime) -> None:
        try:
            await asyncio.to_thread(self._memory.put, LAST, {"at": at.isoformat()}, at)
        except Unreachable as error:
            self._written = None
            log.warning("%s: a call could not be noted: %s", self._messenger, error)

    async def settled(self) -> None:
        """Until all is written, at the end."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))


def last_call(engine: Engine, messenger: str) -> datetime | None:
    """Blocking. Errors: Unreachable."""
    found = memory(engine, messenger).get(LAST)
    return datetime.fromisoformat(found["at"]) if found is not None else None


async def called_finding(
    engine: Engine | None, messenger: str, names: tuple[str, str], address: str, zone: ZoneInfo, hint: tuple[str, str]
) -> Finding:
    """Whether it has ever called us, and when last. `names`: of the messenger, zh and en; `hint`: what to do if not."""
    name, (zh, en) = f"{messenger}.called", names
    try:
        at = await asyncio.to_thread(last_call, engine, messenger) if engine is not None else None
    except Unreachable as error:
        why = f"查不到{zh}何时调用过：{error}", f"when {en} called can't be read: {error}"
        return Finding(name, "warn", *why, "先让 doctor 的数据库检查通过", "see to the database first")
    if at is None:
        return Finding(name, "warn", f"{zh}还没有调用过 {address}", f"{en} has never called {address}", *hint)
    when = f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
    return Finding(name, "ok", f"{zh}最近一次调用：{when}", f"{en} called last at {when}")
