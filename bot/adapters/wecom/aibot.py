"""WeCom without a public address: a 智能机器人 on a long connection. It may write only to whoever wrote to it first, and a
card changes only as the answer to a tap."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from bot.adapters.base import (
    Address,
    DeliveryRef,
    NotThere,
    Receive,
    Refused,
    Retry,
    SendResult,
    Sent,
    Unknown,
)
from bot.adapters.memory import Memory
from bot.adapters.pace import Pace
from bot.adapters.wecom import frames, keys
from bot.adapters.wecom.line import Failed, Line
from bot.adapters.wecom.robot import Robot
from bot.card import Capabilities, Card
from bot.fit import PROFILES
from bot.settings import Settings
from core.errors import ConfigError, Unreachable

log = logging.getLogger(__name__)

NAME = "wecom"
SENT, WROTE = "wecom.aibot", "wecom.wrote"  # names in the memory: the first is tidied, the second is for good
REMEMBERED, TIDY = timedelta(days=8), timedelta(hours=1)
NO_CHAT = 93006  # to whoever has not written
MEMBER, MEMBER_BURST = 0.25, 12  # 30 a minute and 1,000 an hour for each chat, answers among them
STOPPING = 4.0


def build(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> "AibotAdapter":
    """Errors: ConfigError messenger.not_set, settings.invalid."""
    own = settings.wecom
    values = {"bot_id": own.bot_id, "bot_secret": own.bot_secret.get_secret_value()}
    missing = [f"HUIKUAN_WECOM_{name.upper()}" for name, value in values.items() if not value]
    if missing:
        raise ConfigError("messenger.not_set", messenger=NAME, missing=", ".join(missing))
    if not own.aibot_url.startswith("wss://"):
        variable = "HUIKUAN_WECOM_AIBOT_URL"
        raise ConfigError("settings.invalid", key="wecom.aibot_url", detail="wss://…", variable=variable)
    return AibotAdapter(settings, engine, clock)


class AibotAdapter:
    name = NAME

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.settings = settings.wecom
        self.engine, self.clock = engine, clock
        self.lang, self.zone = settings.lang, settings.zone
        self.memory, self._wrote = Memory(engine, SENT), Memory(engine, WROTE)
        self._tidied: datetime | None = None
        self._robot = Robot(self)
        self._line = Line(self.settings, self._robot.hear)
        self._member = Pace(MEMBER, MEMBER_BURST)

    # --- the protocol ---

    def capabilities(self, to: Address) -> Capabilities:
        if to.by_text():
            return PROFILES["text"]
        return frames.capabilities(to.lang)

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        await self._tidy()
        ref = keys.ref_of(self.settings.bot_id, to.user_id, key)
        try:
            if not await self.has_written(to.user_id):
                return Refused("not_greeted")
            await asyncio.to_thread(self.memory.put, f"first:{ref}", {}, self.clock())
        except Unreachable:
            return Retry(5.0, "database")
        result = await self.push(to.user_id, frames.message(card, ref=ref, rev=1, as_text=to.text_only))
        if result is None:
            await self._quietly(self.memory.put, f"first:{ref}", {"sent": True}, self.clock())
            return Sent(ref)
        if not isinstance(result, Unknown):
            await self._quietly(self.memory.take, f"first:{ref}")
        return result

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        """Only the answer to a tap can change a card here."""
        return Refused("no_update")

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        ref = keys.ref_of(self.settings.bot_id, to.user_id, key)
        try:
            found = await asyncio.to_thread(self.memory.get, f"first:{ref}")
        except Unreachable as error:
            return Unknown(str(error))
        if found is None:
            forgotten = since is not None and self.clock() - since > REMEMBERED
            return Unknown("over a week ago") if forgotten else NotThere()
        return Sent(ref) if found.get("sent") else Unknown("no_proof")

    async def start(self, receive: Receive) -> None:
        await self._tidy()
        self._robot.start(receive)
        await self._line.start()

    def connected(self) -> bool:
        return self._line.up

    async def stop(self) -> None:
        """What is under way is answered first, so the connection goes last."""
        await self._robot.stop(STOPPING)
        await self._line.stop()

    # --- what the answers to members need ---

    def form_address(self, ref: str, card: Card) -> str:
        """A robot has no sign-in, so there is no form."""
        return ""

    def too_much(self, card: Card) -> bool:
        """Whether only words can say all of it."""
        return frames.too_much(card)

    async def say(self, user_id: str, text: str, lang: str) -> None:
        await self.tell(user_id, frames.text_message(text, lang))

    # --- sending ---

    async def push(self, user_id: str, body: dict[str, Any]) -> Retry | Refused | Unknown | None:
        """None when it is done."""
        await self._member.turn(user_id.lower())
        try:
            await self._line.ask(frames.PUSH, frames.to_member(user_id, body))
        except Failed as failed:
            if failed.code != NO_CHAT:
                return failed.result
            await self._quietly(self._wrote.take, user_id.lower())
            return Refused("not_greeted")
        return None

    async def tell(self, user_id: str, body: dict[str, Any], again: int = 2) -> bool:
        """A push that is no message of the outbox: tried a few times at once, or not at all."""
        for left in range(again, -1, -1):
            result = await self.push(user_id, body)
            if result is None:
                return True
            if not left or isinstance(result, Refused):
                log.warning("wecom: an answer was not delivered: %s", result.reason)
                return False
            await asyncio.sleep(min(result.after_seconds, 5.0) if isinstance(result, Retry) else 1.0)
        return False

    async def answer(self, cmd: str, req_id: str, body: dict[str, Any], chat: str) -> bool:
        """The answer to one frame; False if it did not get through. WeCom waits only seconds for it, so it goes at once;
        `chat`: the member to whom nothing else is said for a while then, "" in a group."""
        if chat:
            self._member.at_once(chat.lower())
        try:
            await self._line.ask(cmd, body, req_id)
        except Failed as failed:
            log.warning("wecom: %s did not get through: %s", cmd, failed.result.reason)
            return False
        return True

    # --- memory ---

    async def has_written(self, user_id: str) -> bool:
        return await asyncio.to_thread(self._wrote.get, user_id.lower()) is not None

    async def wrote(self, user_id: str) -> None:
        """From now on this member may be written to."""
        if not await self.has_written(user_id):
            await asyncio.to_thread(self._wrote.put, user_id.lower(), {"user_id": user_id}, self.clock())

    async def _quietly(self, do: Callable[..., Any], *given: Any) -> None:
        """What only helps later must not spoil what is done."""
        try:
            await asyncio.to_thread(do, *given)
        except Unreachable as error:
            log.warning("wecom: could not be remembered: %s", error)

    async def _tidy(self) -> None:
        now = self.clock()
        if self._tidied is None or abs(now - self._tidied) > TIDY:
            self._tidied = now
            await self._quietly(self.memory.forget, now - REMEMBERED)
