"""Members' events: each is handled once, answered within WeCom's five seconds if it can be, and afterwards if not."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.adapters.base import Envelope, Receive, Reply
from bot.adapters.wecom import xml
from bot.adapters.wecom.answers import Answer, AppAnswers

log = logging.getLogger(__name__)

SAVE, ANSWER = 4.0, 4.6  # seconds after an event came: later nothing is saved; later WeCom hears nothing from us
TRIES = 4  # WeCom's own, the first one included
LATE = 6.0  # seconds that a redelivery may take; after them the answer goes through the API
KEPT = 60.0
REMEMBERED = 1000


@dataclass
class _Open:
    """One event, shared by its deliveries."""

    task: "asyncio.Task[Answer | None]"
    waiting: int = 0
    taken: bool = False
    inner: str = ""
    ended: float = field(default=0.0)


class Desk:
    def __init__(self, answers: AppAnswers) -> None:
        self._answers = answers
        self._receive: Receive | None = None
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._tries: OrderedDict[str, int] = OrderedDict()  # deliveries of an event that had no answer yet
        self._background: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    def start(self, receive: Receive) -> None:
        self._receive = receive
        self._closing.clear()

    async def stop(self, within: float) -> None:
        """Nobody is heard any more; what is under way is finished, and what follows from it, as far as it can be."""
        self._receive = None
        self._closing.set()
        until = time.monotonic() + within
        while (busy := self._busy()) and time.monotonic() < until:
            await asyncio.wait(busy, timeout=until - time.monotonic())
            await asyncio.sleep(0.01)  # whoever waited for them may begin something
        for task in self._busy():
            task.cancel()

    def _busy(self) -> set[asyncio.Task[Any]]:
        every = {*self._background, *(one.task for one in self._open.values())}
        return {task for task in every if not task.done()}

    async def receive(self, envelope: Envelope) -> Reply:
        """For what comes in beside the callbacks. RuntimeError when nobody is there."""
        if self._receive is None:
            raise RuntimeError("wecom was not started")
        return await self._receive(envelope)

    async def handle(self, event: xml.Event) -> str | None:
        """The inside of the passive reply; "" for none; None if the event is to come again."""
        if self._receive is None:
            return None
        if event.kind == "ignored":
            return ""
        began, last = time.monotonic(), self._count(event.id) >= TRIES
        work = self._work(event, began)
        work.waiting += 1
        await asyncio.wait({work.task}, timeout=max(began + ANSWER - time.monotonic(), 0))
        work.waiting -= 1
        if not work.task.done():
            if last:
                self._later(self._in_the_end(event, work))
            return None
        answer = None if work.task.cancelled() else work.task.result()
        if answer is None:
            self._open.pop(event.id, None)
            return await self._answers.sorry(event) if last else None
        self._tries.pop(event.id, None)
        if not work.taken:
            work.taken, work.inner = True, answer.passive()
            self._later(self._answers.finish(answer))
        return work.inner

    def _work(self, event: xml.Event, began: float) -> _Open:
        for old in [key for key, one in self._open.items() if one.ended and began - one.ended > KEPT]:
            del self._open[old]
        known = self._open.get(event.id)
        if known is not None:
            return known
        work = _Open(asyncio.create_task(self._answer(event, began + SAVE)))
        work.task.add_done_callback(lambda _: self._ended(work))
        self._open[event.id] = work
        return work

    def _ended(self, work: _Open) -> None:
        work.ended = time.monotonic()
        if not work.waiting and not work.task.cancelled() and work.task.result() is not None:
            self._later(self._afterwards(work))

    async def _afterwards(self, work: _Open) -> None:
        """WeCom gave up waiting. If it doesn't ask again soon, the answer takes the other way."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LATE)
        answer = work.task.result()
        if not work.taken and answer is not None:
            work.taken = True
            await self._answers.by_api(answer)

    async def _answer(self, event: xml.Event, until: float) -> Answer | None:
        """None: nothing was saved."""
        receive = self._receive
        try:
            if receive is None:
                return None
            return await self._answers.to(event, until, receive)
        except Exception:
            log.error("wecom: an event was not handled", exc_info=True)
            return None

    def _count(self, event_id: str) -> int:
        """How often this event came, this time included."""
        self._tries[event_id] = self._tries.pop(event_id, 0) + 1
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return self._tries[event_id]

    async def _in_the_end(self, event: xml.Event, work: _Open) -> None:
        """WeCom won't come again, and its last try ended before the work did: in vain, the person is told all the same."""
        await asyncio.wait({work.task})
        if work.task.cancelled() or work.task.result() is None:
            await self._answers.sorry_late(event)

    def _later(self, steps: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(steps)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("wecom: an answer was not delivered", exc_info=error)
