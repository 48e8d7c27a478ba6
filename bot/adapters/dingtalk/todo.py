"""Tasks as DingTalk to-dos (待办), beside their cards: a convenience, and never a reason for a card to fail.

Calls cost quota, so this is off until a creator is set. Changes are made one after the other, in the background.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.adapters.dingtalk.client import Client, Done, Failed
from bot.adapters.memory import Memory
from bot.card import Card, short
from core.errors import Unreachable

log = logging.getLogger(__name__)

EXISTS = "task exist"
PRIORITY = {"danger": 40, "warning": 30}
FINISH = 3.0  # seconds for what is still to be done at the end


@dataclass
class Mirror:
    """`creator`: the unionId in whose name to-dos are made."""

    client: Client
    memory: Memory
    clock: Callable[[], datetime]
    creator: str
    _queue: "asyncio.Queue[Coroutine[Any, Any, None]]" = field(default_factory=asyncio.Queue)
    _worker: "asyncio.Task[None] | None" = None

    def sent(self, ref: str, user: str, card: Card) -> None:
        """A card was shown; if it is a task's, it becomes a to-do."""
        if self.creator and card.kind.startswith("task.") and not card.closed:
            self._later(self._create(ref, user, card))

    def changed(self, ref: str, card: Card) -> None:
        """A card was drawn anew; if that closed it, its to-do is done."""
        if self.creator and card.kind.startswith("task.") and card.closed:
            self._later(self._done(ref))

    async def stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            await asyncio.wait_for(self._queue.join(), FINISH)
        except TimeoutError:
            log.warning("some DingTalk to-dos were not changed before the end")
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        while not self._queue.empty():
            self._queue.get_nowait().close()

    # --- the work ---

    def _later(self, steps: Coroutine[Any, Any, None]) -> None:
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        self._queue.put_nowait(steps)

    async def _work(self) -> None:
        while True:
            steps = await self._queue.get()
            try:
                await steps
            except Unreachable as error:
                log.warning("a DingTalk to-do was not changed: %s", error)
            except Exception:
                log.exception("a DingTalk to-do was not changed")
            finally:
                self._queue.task_done()

    async def _create(self, ref: str, user: str, card: Card) -> None:
        union = await self._union(user)
        if not union:
            return
        colon = "：" if card.lang == "zh" else ": "
        description = "\n".join([card.text, *(f"{each.label}{colon}{each.value}" for each in card.fields)]).strip()
        body = {
            "sourceId": ref,
            "subject": short(card.title, 1_000),
            "description": short(description, 4_000),
            "creatorId": self.creator,
            "executorIds": [union],
            "isOnlyShowExecutor": True,
            "priority": PRIORITY.get(card.tone, 20),
        }
        outcome = await self.client.call("POST", self._path(), body)
        if isinstance(outcome, Failed) and EXISTS in outcome.message:
            outcome = await self.client.call("GET", self._path(f"/sources/{quote(ref, safe='')}"))
        if not isinstance(outcome, Done) or not outcome.data.get("id"):
            return self._told("made", outcome)
        await asyncio.to_thread(self.memory.put, f"todo:{ref}", {"id": str(outcome.data["id"])}, self.clock())

    async def _done(self, ref: str) -> None:
        known = await asyncio.to_thread(self.memory.get, f"todo:{ref}")
        if known is None:
            return
        outcome = await self.client.call("PUT", self._path(f"/{quote(known['id'], safe='')}"), {"done": True})
        if not isinstance(outcome, Done):
            return self._told("closed", outcome)
        await asyncio.to_thread(self.memory.take, f"todo:{ref}")

    async def _union(self, user: str) -> str:
        """The unionId of a user, looked up once."""
        known = await asyncio.to_thread(self.memory.get, f"union:{user}")
        if known is not None:
            return str(known["id"])
        outcome = await self.client.call_old("/topapi/v2/user/get", {"userid": user, "language": "zh_CN"})
        result = outcome.data.get("result") if isinstance(outcome, Done) else None
        union = result.get("unionid") if isinstance(result, dict) else None
        if not isinstance(union, str) or not union:
            self._told("made: no unionId", outcome)
            return ""
        await asyncio.to_thread(self.memory.put, f"union:{user}", {"id": union}, self.clock())
        return union

    def _path(self, rest: str = "") -> str:
        creator = quote(self.creator, safe="")
        return f"/v1.0/todo/users/{creator}/tasks{rest}?operatorId={creator}"

    @staticmethod
    def _told(what: str, outcome: object) -> None:
        reason = f"{outcome.code} {outcome.message}" if isinstance(outcome, Failed) else getattr(outcome, "reason", "")
        log.warning("a DingTalk to-do was not %s: %s", what, reason)
