"""App Home: a person's to-do list, live for whoever has opened it once."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from bot.adapters.base import Envelope, Receive, Reply
from bot.adapters.memory import Memory
from bot.adapters.slack.client import Api
from bot.adapters.slack.render import action_id, lines
from bot.adapters.slack.text import plain, written
from bot.card import Action, Card, Choice, more_line
from core.errors import Unreachable

log = logging.getLogger(__name__)

SETTLES = 2.0  # seconds in which further changes are waited for
MOST = 30  # lines


class Home:
    def __init__(self, api: Api, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._api, self._memory, self._clock = api, memory, clock
        self._receive: Receive | None = None
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._known: dict[str, bool] = {}

    def open(self, receive: Receive) -> None:
        self._receive = receive

    async def close(self) -> None:
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def opened(self, user_id: str) -> None:
        self._known[user_id] = True
        try:
            await asyncio.to_thread(self._memory.put_new, f"home:{user_id}", {}, self._clock())
        except Unreachable as error:
            log.warning("slack: that a Home was opened is not remembered: %s", error)
        await self.publish(user_id)

    def changed(self, user_id: str) -> None:
        """Something of this person changed: their list is drawn anew in a moment, once for all changes until then."""
        if self._receive is not None and user_id not in self._waiting and self._known.get(user_id, True):
            task = asyncio.create_task(self._soon(user_id))
            self._waiting[user_id] = task

    async def _soon(self, user_id: str) -> None:
        try:
            if user_id not in self._known:
                known = await asyncio.to_thread(self._memory.get, f"home:{user_id}")
                self._known[user_id] = known is not None
            if not self._known[user_id]:
                return
            await asyncio.sleep(SETTLES)
            self._waiting.pop(user_id, None)  # what changes from here on is another change
            await self.publish(user_id)
        except Exception:
            log.exception("slack: a Home could not be drawn")
        finally:
            if self._waiting.get(user_id) is asyncio.current_task():
                del self._waiting[user_id]

    async def publish(self, user_id: str) -> None:
        assert self._receive is not None
        reply = await self._receive(Envelope("slack", user_id, f"home:{uuid4().hex}", self._clock(), text="/todo"))
        shown = await self._api("views.publish", user_id=user_id, view=home_view(reply))
        if shown.problem is not None:
            log.warning("slack: a Home was not shown: %s", shown.problem.reason)


def home_view(reply: Reply) -> dict[str, Any]:
    """The list as blocks: a line a task, with the button that opens it."""
    card = reply.card
    if card is None:
        return {"type": "home", "blocks": [{"type": "section", "text": written(part)} for part in lines(reply.message)[:5]]}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": plain(card.title, 150)}]
    if card.text.strip():
        blocks.append({"type": "section", "text": plain(card.text, 2900)})
    blocks += _lines(card, f"d{reply.delivery_id}" if reply.delivery_id else "", reply.rev or 1)
    return {"type": "home", "blocks": blocks}


def _lines(card: Card, ref: str, rev: int) -> list[dict[str, Any]]:
    """A row and a choice of the same place are about the same task; choices without a row show their own words."""
    action = next((a for a in card.actions if a.inputs and a.inputs[0].choices), None)
    choices = action.inputs[0].choices if action is not None else ()
    count = max(len(card.rows), len(choices))
    blocks = []
    for n in range(min(count, MOST)):
        row = card.rows[n] if n < len(card.rows) else (choices[n].label,)
        block: dict[str, Any] = {"type": "section", "block_id": f"h{n}|{ref}|{rev}"}
        block["text"] = plain(" · ".join(cell for cell in row if cell), 2900)
        if action is not None and n < len(choices):
            block["accessory"] = _opener(n, action, choices[n], card.lang)
        blocks.append(block)
    if count > MOST:
        blocks.append({"type": "context", "elements": [plain(more_line(count - MOST, card.lang), 200)]})
    return blocks


def _opener(n: int, action: Action, choice: Choice, lang: str) -> dict[str, Any]:
    label = "打开" if lang == "zh" else "Open"
    value = json.dumps({action.inputs[0].name: choice.value}, ensure_ascii=False)
    return {"type": "button", "action_id": action_id("b", n, action), "text": plain(label, 75), "value": value}
