"""The adapter: cards of one template where one is set, else markdown with links; answers in place where cards are."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

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
from bot.adapters.dingtalk import render, text
from bot.adapters.dingtalk.client import Client, Done, Failed, problem
from bot.adapters.dingtalk.desk import Desk
from bot.adapters.dingtalk.outbound import Sender
from bot.adapters.dingtalk.refs import Refs
from bot.adapters.dingtalk.stream import PATIENCE, QUIET, Stream
from bot.adapters.dingtalk.todo import Mirror
from bot.adapters.memory import Memory
from bot.card import Capabilities, Card
from bot.fit import PROFILES
from bot.settings import Settings, to_company
from core.errors import ConfigError, Unreachable

log = logging.getLogger(__name__)

FINISH = 4.0  # seconds that the end of everything may take

# A form holds its choices in one variable of limited length.
CARDS = replace(PROFILES["dingtalk"], max_options=30, answers_in_place=True)
TEXTS = replace(PROFILES["text"], max_text=2_000, max_fields=20, max_value=200, max_rows=20, max_cell=80,
                max_options=50, has_links=True, markdown=True)  # fmt: skip


def build(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> "DingtalkAdapter":
    """Errors: ConfigError messenger.not_set, settings.invalid."""
    group = settings.dingtalk
    missing = [name for name in ("client_id", "client_secret") if not _filled(getattr(group, name))]
    if missing:
        names = ", ".join(f"HUIKUAN_DINGTALK_{name.upper()}" for name in missing)
        raise ConfigError("messenger.not_set", messenger="dingtalk", missing=names)
    for name in ("api_url", "oapi_url"):
        if not getattr(group, name).startswith(("https://", "http://")):
            raise ConfigError("settings.invalid", key=f"dingtalk.{name}", detail="https://…")
    return DingtalkAdapter(settings, engine, clock)


def _filled(value: object) -> bool:
    return bool(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def make_client(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Client:
    group = settings.dingtalk
    return Client(
        group.client_id, group.client_secret.get_secret_value(), group.api_url, group.oapi_url,
        Memory(engine, "dingtalk"), clock, settings.zone,
    )  # fmt: skip


class DingtalkAdapter:
    name = "dingtalk"

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        group = settings.dingtalk
        self.client = make_client(settings, engine, clock)
        self.mirror = Mirror(self.client, self.client.memory, clock, group.todo_creator)
        self._template = group.card_template
        self._clock = clock
        self._calendar = to_company(settings).calendar
        self._refs: Refs | None = None
        self.sender = Sender(self.client, group.robot_code or group.client_id, self._template, self._today)
        self.desk = Desk(self.sender, engine, clock, settings.lang, group.corp_id, self.mirror)
        self.stream: Stream | None = None
        self.stream_timing = (QUIET, PATIENCE)
        self._running: asyncio.Task[None] | None = None

    def _today(self) -> date:
        return self._calendar.business_date(self._clock())

    def _by_text(self, to: Address) -> bool:
        return to.by_text(cards=bool(self._template))

    async def _named(self) -> Refs:
        """Our names for messages. Errors: Unreachable."""
        if self._refs is None:
            self._refs = await self.desk.refs()
        return self._refs

    # --- the protocol ---

    def capabilities(self, to: Address) -> Capabilities:
        return TEXTS if self._by_text(to) else CARDS

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        try:
            ref = (await self._named()).of(key)
        except Unreachable as error:
            return Retry(1.0, str(error))
        if self._by_text(to):
            message = text.message(card, ref=ref, today=self._today())
            result = await self.sender.message(to.user_id, "sampleMarkdown", message)
        else:
            result = await self.sender.card(to.user_id, card, ref=ref, rev=1)
        if result is not None:
            return result
        await self.mirror.sent(ref, to.user_id, card)
        return Sent(ref)

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        asked_for = ref.delivery_id if not ref.ref else None  # an answer has a name of its own, and names its delivery
        try:
            name = ref.ref if asked_for is None else (await self._named()).answer(asked_for)
            await self.mirror.changed(name, card)
        except Unreachable as error:
            return Retry(1.0, str(error))
        if self._by_text(ref.to):
            return Refused("a text message stays as it is")
        body = render.change(name, render.face(card, rev=0 if asked_for is not None else ref.rev, delivery=asked_for))
        outcome = await self.client.call("PUT", "/v1.0/card/instances", body)
        if isinstance(outcome, Done):
            return Sent(ref.ref)
        result = problem(outcome)
        # Variables set twice show once, so an update may always be tried again.
        return Retry(5.0, result.reason) if isinstance(result, Unknown) and not isinstance(outcome, Failed) else result

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        """A card of the same name is shown once, however often it is sent. A text message has no name to ask for."""
        return Unknown("DingTalk cannot tell") if self._by_text(to) else NotThere()

    async def start(self, receive: Receive) -> None:
        """Returns at once: whether the gateway can be reached is its own affair."""
        self.client.closed = False
        self.desk.open(receive)
        self.mirror.start()
        quiet, patience = self.stream_timing
        self.stream = Stream(self.client, self.desk.handle, quiet=quiet, patience=patience)
        self._running = asyncio.create_task(self.stream.start())

    def connected(self) -> bool:
        return self.stream is not None and self.stream.up

    async def stop(self) -> None:
        """Nothing new is taken, what is under way is finished, then the connection ends."""
        await self.desk.close(self.stream, FINISH)
        if self.stream is not None:
            await self.stream.stop()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=FINISH)
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self.stream = self._running = None
        await self.mirror.stop()
        self.client.closed = True  # what is still to be delivered goes out after the next start
        await self.client.close()
