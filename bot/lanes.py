"""Work that comes while other work is being done waits for it, and is done next, many at once: a transaction for each costs
more than what is in it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Generic, TypeVar

from core.errors import Unreachable

log = logging.getLogger(__name__)

W = TypeVar("W")
R = TypeVar("R")

MOST = 20  # in one transaction: all of them wait for its end
STUCK = 0.25  # seconds after which those who wait no longer wait for this transaction
LANES = 4
MOMENT = 0.003  # seconds: of many who have their answers, more come at once; the first of them need not go alone


class Lanes(Generic[W, R]):
    """Whoever comes alone is served at once, as if there were no others.

    `alone` does one piece of work and returns its answer or raises. `together` does many, in one transaction: by place,
    the answers, or what `alone` would raise; what is missing is done alone, and everything if it fails. Both block, in
    `threads`. Raises it Unreachable, all of them get that. `spawn` runs steps that somebody waits for when the process ends.
    """

    def __init__(
        self,
        alone: Callable[[W], R],
        together: Callable[[Sequence[W]], Mapping[int, R | Exception]],
        spawn: Callable[[Coroutine[Any, Any, None]], object] | None = None,
        threads: Executor | None = None,
    ) -> None:
        self._one, self._many = alone, together
        self._threads = threads
        self._spawn = spawn or self._keep
        self._waiting: list[tuple[W, asyncio.Future[R]]] = []
        self._open = 0
        self._steps: set[asyncio.Task[None]] = set()

    async def do(self, work: W) -> R:
        """Errors: those of `alone`."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, answer))
        if not self._open:
            self._another()
        return await answer

    def _keep(self, steps: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(steps)
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)

    def _another(self) -> None:
        if self._waiting and self._open < LANES:
            self._open += 1
            self._spawn(self._lane())

    async def _lane(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                stuck = asyncio.get_running_loop().call_later(STUCK, self._another)
                try:
                    await self._handle(now)
                finally:
                    stuck.cancel()
                if len(now) > 1:
                    await asyncio.sleep(MOMENT)
        finally:
            self._open -= 1

    async def _handle(self, now: Sequence[tuple[W, asyncio.Future[R]]]) -> None:
        if len(now) == 1:
            await self._alone(*now[0])
            return
        try:
            found = await self._in_thread(self._many, [work for work, _ in now])
        except Unreachable as error:
            found = {place: error for place in range(len(now))}
        except Exception as error:  # alone, it shows whose it is; the others must not suffer for it
            log.warning("done one by one: %s", type(error).__name__)
            found = {}
        for place, (work, answer) in enumerate(now):
            if place in found:
                _say(answer, found[place])
            else:
                self._spawn(self._alone(work, answer))

    async def _in_thread(self, do: Callable[[Any], Any], what: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, do, what)

    async def _alone(self, work: W, answer: asyncio.Future[R]) -> None:
        try:
            _say(answer, await self._in_thread(self._one, work))
        except Exception as error:
            _say(answer, error)


def _say(answer: asyncio.Future[R], found: R | Exception) -> None:
    if answer.done():  # nobody waits for it any more
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
