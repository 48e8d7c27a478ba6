"""App Home: a person's to-do list, live for whoever has opened it once.

It is a look at the list, no message: drawing it writes nothing but what stands there, and that only when it differs.
"""

import asyncio
import hashlib
import json
import logging
from asyncio import sleep
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, select

from bot.adapters.base import Envelope, Receive, Reply
from bot.adapters.memory import Memory
from bot.adapters.slack.client import Api
from bot.adapters.slack.render import action_id, lines
from bot.adapters.slack.text import plain, written
from bot.card import Action, Card, Choice, more_line
from core.db import reading
from core.errors import Unreachable
from core.models import Account, Person
from core.models.base import table_of

log = logging.getLogger(__name__)

NAME = "slack"
HOME = "home"  # what its buttons carry in place of a message
KEY = "home:"  # of the memory, before a user id
SETTLES = 2.0  # seconds in which further changes are waited for
LOOK_EVERY = 60.0  # seconds, for people who have left
MOST = 30  # lines
A, P = table_of(Account), table_of(Person)


class Home:
    def __init__(self, api: Api, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._api, self._engine, self._clock = api, engine, clock
        self._memory = Memory(engine, NAME)
        self._receive: Receive | None = None
        self._watch: asyncio.Task[None] | None = None
        self._waiting: set[str] = set()
        self._redraws: set[asyncio.Task[None]] = set()
        self._known: dict[str, bool] = {}

    def open(self, receive: Receive) -> None:
        self._receive = receive
        self._watch = asyncio.create_task(self._watching())

    async def close(self) -> None:
        """What is not drawn yet, or being drawn, is left: the list is looked at anew when it is opened."""
        self._receive = None
        tasks = [*self._redraws, *([self._watch] if self._watch is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def opened(self, user_id: str) -> None:
        self._known[user_id] = True
        try:
            await asyncio.to_thread(self._memory.put_new, f"{KEY}{user_id}", {}, self._clock())
            await self._publish(user_id)
        except Unreachable as error:
            log.warning("slack: a Home was not drawn: %s", error)

    def changed(self, user_id: str, after: float = 0.0) -> None:
        """Something of this person changed: their list is drawn anew in a moment, once for all changes until then."""
        if self._receive is not None and user_id not in self._waiting and self._known.get(user_id, True):
            self._waiting.add(user_id)
            task = asyncio.create_task(self._soon(user_id, after))
            self._redraws.add(task)
            task.add_done_callback(self._redraws.discard)

    async def _soon(self, user_id: str, after: float) -> None:
        try:
            if await self._settled(user_id, after):
                await self._publish(user_id)
        except Unreachable as error:
            log.warning("slack: a Home was not drawn: %s", error)
        except Exception:
            log.exception("slack: a Home could not be drawn")

    async def _settled(self, user_id: str, after: float) -> bool:
        """Whether there is a Home to be drawn, after a moment; what changes from then on is another change."""
        try:
            if user_id not in self._known:
                known = await asyncio.to_thread(self._memory.get, f"{KEY}{user_id}")
                self._known[user_id] = known is not None
            if self._known[user_id]:
                await sleep(SETTLES + after)
            return self._known[user_id]
        finally:
            self._waiting.discard(user_id)

    # --- people who have left: nothing is sent to them any more, so nothing would draw their list anew ---

    async def _watching(self) -> None:
        while True:
            try:
                for user_id in await asyncio.to_thread(self._left):
                    await self._publish(user_id)
            except Unreachable as error:
                log.warning("slack: Homes of people who have left were not looked for: %s", error)
            except Exception:
                log.exception("slack: Homes of people who have left could not be drawn")
            await asyncio.sleep(LOOK_EVERY)

    def _left(self) -> list[str]:
        """Whose Home still shows a list, though their account is nobody's or of somebody who is not active."""
        listed = [key.removeprefix(KEY) for key, shown in self._memory.every(KEY).items() if not shown.get("blank")]
        query = select(A.c.user_id).join(P, P.c.id == A.c.person_id).where(A.c.messenger == NAME, P.c.active)
        with reading(self._engine) as session:
            ours = set(session.execute(query).scalars())
        return [user_id for user_id in listed if user_id not in ours]

    # --- drawing ---

    async def _publish(self, user_id: str) -> None:
        """Draws what differs from what stands there. Errors: Unreachable."""
        assert self._receive is not None
        looked = Envelope(NAME, user_id, f"{KEY}{uuid4().hex}", self._clock(), text="/todo", looks=True)
        reply = await self._receive(looked)
        if reply.outcome == "not_saved":  # nobody knows what is to do: what stands there may still be right
            return
        view, key = home_view(reply), f"{KEY}{user_id}"
        now = {"shown": _digest(view), "blank": reply.outcome == "not_allowed"}
        if now == await asyncio.to_thread(self._memory.get, key):
            return
        drawn = await self._api("views.publish", user_id=user_id, view=view)
        if drawn.problem is not None:
            if drawn.told_to_wait:
                self.changed(user_id, drawn.told_to_wait)
            else:
                log.warning("slack: a Home was not shown: %s", drawn.problem.reason)
            return
        await asyncio.to_thread(self._memory.put, key, now, self._clock())


def _digest(view: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:32]


def home_view(reply: Reply) -> dict[str, Any]:
    """The list as blocks: a line a task, with the button that opens it."""
    card = reply.card
    if card is None:
        return {"type": "home", "blocks": [{"type": "section", "text": written(part)} for part in lines(reply.message)[:5]]}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": plain(card.title, 150)}]
    if card.text.strip():
        blocks.append({"type": "section", "text": plain(card.text, 2900)})
    blocks += _lines(card)
    return {"type": "home", "blocks": blocks}


def _lines(card: Card) -> list[dict[str, Any]]:
    """A row and a choice of the same place are about the same task; choices without a row show their own words."""
    action = next((a for a in card.actions if a.inputs and a.inputs[0].choices), None)
    choices = action.inputs[0].choices if action is not None else ()
    count = max(len(card.rows), len(choices))
    blocks = []
    for n in range(min(count, MOST)):
        row = card.rows[n] if n < len(card.rows) else (choices[n].label,)
        block: dict[str, Any] = {"type": "section", "block_id": f"h{n}|{HOME}|1"}
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
