"""Tasks as DingTalk to-dos (待办), beside their cards: a convenience, and never a reason for a card to fail.

Calls cost quota, so this is off until a creator is set. What is still to be done is kept in the database until DingTalk
has done it, so that a to-do is closed when its task is, whatever becomes of a call or of this process:

    todo-new:REF    to be made: whose it is, and its words
    todo:REF        it stands: its id
    todo-done:REF   to be closed
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.adapters.base import Refused, Retry
from bot.adapters.dingtalk.client import Client, Done, Failed, Outcome, problem
from bot.adapters.memory import Memory
from bot.card import Card, short
from core.errors import Unreachable

log = logging.getLogger(__name__)

NEW, STANDS, CLOSING = "todo-new:", "todo:", "todo-done:"
EXISTS = "task exist"
NEVER = (200, 400, 404)  # with these it will not be done the next time, either; the older API has errors with HTTP 200
PRIORITY = {"danger": 40, "warning": 30}
FINISH = 3.0  # seconds for what is still to be done at the end
FIRST_PAUSE, LONGEST = 0.5, 3 * 3600.0  # seconds between tries: each pause is twice the last one


@dataclass
class _Tries:
    """How often one to-do failed, and until when (time.monotonic()) it is left alone."""

    n: int = 0
    until: float = 0.0


@dataclass
class Mirror:
    """`creator`: the unionId in whose name to-dos are made."""

    client: Client
    memory: Memory
    clock: Callable[[], datetime]
    creator: str
    _worker: "asyncio.Task[None] | None" = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: bool = False
    _tries: dict[str, _Tries] = field(default_factory=dict)
    _failed: int = 0  # tries since the last that succeeded, of whichever to-do: what is wrong is mostly wrong for all
    _until: float = 0.0

    def start(self) -> None:
        """What an earlier process left is done now."""
        if self.creator:
            self._wake()

    async def sent(self, ref: str, user: str, card: Card) -> None:
        """A card was shown; if it is a task's, it becomes a to-do."""
        if not self._mirrored(card) or card.closed:
            return
        colon = "：" if card.lang == "zh" else ": "
        description = "\n".join([card.text, *(f"{each.label}{colon}{each.value}" for each in card.fields)]).strip()
        wanted = {
            "user": user, "subject": short(card.title, 1_000), "description": short(description, 4_000),
            "priority": PRIORITY.get(card.tone, 20),
        }  # fmt: skip
        try:
            await asyncio.to_thread(self.memory.put_new, NEW + ref, wanted, self.clock())
        except Unreachable as error:
            log.warning("a DingTalk to-do will not be made: %s", error)
        else:
            self._wake()

    async def changed(self, ref: str, card: Card) -> None:
        """A card is drawn anew; if that closes it, its to-do will be done. Errors: Unreachable: nobody will remember."""
        if self._mirrored(card) and card.closed:
            await asyncio.to_thread(self.memory.put, CLOSING + ref, {}, self.clock())
            self._wake()

    async def stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._ending = True
        self._news.set()
        await asyncio.wait({worker}, timeout=FINISH)
        if not worker.done():
            log.info("some DingTalk to-dos are changed after the next start")
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        self._ending = False

    def _mirrored(self, card: Card) -> bool:
        return bool(self.creator) and card.kind.startswith("task.")

    # --- one after the other, in the background ---

    def _wake(self) -> None:
        self._news.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while not self._ending:
            self._news.clear()
            wait = await self._round()
            if not self._ending:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), wait)

    async def _round(self) -> float | None:
        """Does what is due. Returns the seconds until something else is, None if nothing is left."""
        if (wait := self._until - time.monotonic()) > 0:
            return wait
        try:
            left = await asyncio.to_thread(self._left)
            for ref in sorted(left, key=lambda ref: self._tries.get(ref, _Tries()).n):  # one that fails holds up no other
                if self._tries.get(ref, _Tries()).until > time.monotonic():
                    continue
                if (advice := await self._settle(ref)) is not None:
                    return self._put_off(ref, advice)
                self._tries.pop(ref, None)
                self._failed = 0
        except Unreachable as error:
            return self._put_off("", Retry(0.0, str(error)))
        waiting = [self._tries[ref].until for ref in left if ref in self._tries]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _left(self) -> list[str]:
        """What is to be made or closed. Blocking."""
        return [*dict.fromkeys(key.partition(":")[2] for kind in (CLOSING, NEW) for key in self.memory.every(kind))]

    def _put_off(self, ref: str, advice: Retry) -> float:
        log.warning("a DingTalk to-do is changed later: %s", advice.reason)
        self._failed += 1
        tries = self._tries.setdefault(ref, _Tries())
        tries.n += 1
        tries.until = time.monotonic() + _pause(tries.n)
        self._until = time.monotonic() + min(max(_pause(self._failed), advice.after_seconds), LONGEST)
        return self._until - time.monotonic()

    # --- one to-do ---

    async def _settle(self, ref: str) -> Retry | None:
        """Makes it, closes it. None: that is done, or will never be. Errors: Unreachable."""
        new, stands, closing = await asyncio.to_thread(lambda: [self.memory.get(k + ref) for k in (NEW, STANDS, CLOSING)])
        if new is not None and stands is None:
            outcome = await (self._made(ref, new) if closing is None else self._found(ref))
            if advice := _again(outcome):
                return advice
            if isinstance(outcome, Done) and outcome.data.get("id"):
                stands = {"id": str(outcome.data["id"])}
                await asyncio.to_thread(self.memory.put, STANDS + ref, stands, self.clock())
            elif closing is None:
                log.warning("a DingTalk to-do was not made: %s", _why(outcome))
        if new is not None:
            await asyncio.to_thread(self.memory.take, NEW + ref)
        if closing is None:
            return None
        if stands is not None:
            outcome = await self.client.call("PUT", self._path(f"/{quote(stands['id'], safe='')}"), {"done": True})
            if advice := _again(outcome):
                return advice
            if not isinstance(outcome, Done):
                log.warning("a DingTalk to-do was not closed: %s", _why(outcome))
            await asyncio.to_thread(self.memory.take, STANDS + ref)
        await asyncio.to_thread(self.memory.take, CLOSING + ref)
        return None

    async def _made(self, ref: str, wanted: dict[str, Any]) -> Outcome:
        union = await self._union(wanted["user"])
        if not isinstance(union, str):
            return union
        about = {name: wanted[name] for name in ("subject", "description", "priority")}
        body = {
            "sourceId": ref, "creatorId": self.creator, "executorIds": [union], "isOnlyShowExecutor": True, **about
        }  # fmt: skip
        outcome = await self.client.call("POST", self._path(), body)
        # Made by an earlier try whose answer was lost.
        return await self._found(ref) if isinstance(outcome, Failed) and EXISTS in outcome.message else outcome

    async def _found(self, ref: str) -> Outcome:
        return await self.client.call("GET", self._path(f"/sources/{quote(ref, safe='')}"))

    async def _union(self, user: str) -> str | Outcome:
        """The unionId of a user, looked up once."""
        known = await asyncio.to_thread(self.memory.get, f"union:{user}")
        if known is not None:
            return str(known["id"])
        outcome = await self.client.call_old("/topapi/v2/user/get", {"userid": user, "language": "zh_CN"})
        if not isinstance(outcome, Done):
            return outcome
        result = outcome.data.get("result")
        union = result.get("unionid") if isinstance(result, dict) else None
        if not isinstance(union, str) or not union:
            return Failed(200, "no unionId")
        await asyncio.to_thread(self.memory.put, f"union:{user}", {"id": union}, self.clock())
        return union

    def _path(self, rest: str = "") -> str:
        creator = quote(self.creator, safe="")
        return f"/v1.0/todo/users/{creator}/tasks{rest}?operatorId={creator}"


def _pause(n: int) -> float:
    """Before the try after `n` that failed."""
    return float(min(FIRST_PAUSE * 2 ** min(n - 1, 30), LONGEST))


def _again(outcome: Outcome) -> Retry | None:
    """None: done, or it never will be."""
    if isinstance(outcome, Done):
        return None
    found = problem(outcome)
    if isinstance(found, Retry):
        return found
    never = isinstance(found, Refused) and isinstance(outcome, Failed) and outcome.status in NEVER
    return None if never else Retry(0.0, found.reason)


def _why(outcome: Outcome) -> str:
    return f"{outcome.code} {outcome.message}".strip() if isinstance(outcome, Failed) else getattr(outcome, "reason", "")
