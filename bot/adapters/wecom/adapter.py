"""The adapter of 企业微信: template cards through the API, answers through encrypted callbacks."""

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from sqlalchemy import Engine
from starlette.routing import BaseRoute, Route

from bot.adapters.base import (
    Adapter,
    Address,
    DeliveryRef,
    Envelope,
    NotThere,
    Receive,
    Refused,
    Reply,
    Retry,
    SendResult,
    Sent,
    Unknown,
)
from bot.adapters.called import Called
from bot.adapters.memory import Memory
from bot.adapters.pace import Pace
from bot.adapters.together import Together
from bot.adapters.wecom import keys, render
from bot.adapters.wecom.answers import AppAnswers
from bot.adapters.wecom.callback import Callback
from bot.adapters.wecom.client import Client, Failed
from bot.adapters.wecom.codes import Codes
from bot.adapters.wecom.desk import Desk
from bot.adapters.wecom.wire import Wire
from bot.card import Capabilities, Card
from bot.fit import PROFILES
from bot.settings import Settings, WecomSettings
from core.errors import ConfigError, Unreachable

log = logging.getLogger(__name__)

T = TypeVar("T")
NAME = "wecom"
SAME_BYTES = timedelta(hours=4) - timedelta(minutes=10)  # so long the same request cannot show twice
REMEMBERED, TIDY = timedelta(days=8), timedelta(hours=1)
USED = "errcode 60140"  # a response code that is used or too old
# A member gets 30 messages a minute and 1,000 an hour; more are dropped in silence. The company: 10,000 calls of an API a
# minute and 150,000 an hour (developer.work.weixin.qq.com/document/path/90454).
MEMBER, MEMBER_BURST = 0.25, 12
CALLS = (100.0, 100), (30.0, 40_000)
PATH = "/wecom/callback"
THREADS = 8  # calls at the same time
STOPPING = 4.0  # seconds for what is under way
AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")


def build(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Adapter:
    """The app, or the robot where the settings say so. Errors: ConfigError messenger.not_set, messenger.no_package,
    settings.invalid."""
    own = settings.wecom
    if own.transport == "aibot":
        return _robot(settings, engine, clock)
    values = {"corp_id": own.corp_id, "agent_id": own.agent_id}
    values |= {name: getattr(own, name).get_secret_value() for name in ("secret", "token", "aes_key")}
    missing = [f"HUIKUAN_WECOM_{name.upper()}" for name, value in values.items() if not value]
    if missing:
        raise ConfigError("messenger.not_set", messenger=NAME, missing=", ".join(missing))
    if not right_key(own):
        variable = "HUIKUAN_WECOM_AES_KEY"
        raise ConfigError("settings.invalid", key="wecom.aes_key", detail="EncodingAESKey: 43", variable=variable)
    return WecomAdapter(settings, engine, clock)


def _robot(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Adapter:
    """Its SDK is an extra: who doesn't use it need not have it."""
    try:
        from bot.adapters.wecom import aibot
    except ModuleNotFoundError as error:
        if error.name != "aibot":
            raise
        raise ConfigError("messenger.no_package", messenger=NAME, package="huikuan[wecom-aibot]") from None
    return aibot.build(settings, engine, clock)


def right_key(settings: WecomSettings) -> bool:
    """Whether the EncodingAESKey can be one: 43 characters that stand for 32 bytes."""
    value = settings.aes_key.get_secret_value()
    try:
        return AES_KEY.fullmatch(value) is not None and len(base64.b64decode(value + "=")) == 32
    except binascii.Error:
        return False


class WecomAdapter:
    name = NAME

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.settings = settings.wecom
        self.public_url = settings.public_url.rstrip("/")
        self.engine, self.clock = engine, clock
        self.lang = settings.lang
        self.memory = Memory(engine, NAME)
        self.codes = Codes(self.memory, clock)
        self._called = Called(engine, NAME, clock)
        self.client = Client(self.settings)
        self.zone = settings.zone
        self._tidied: datetime | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=NAME)
        self._arriving: set[asyncio.Task[None]] = set()
        self._begun = Together(lambda values: self.memory.put_all_new(values, clock()))
        self._ended = Together(lambda values: self.memory.put_all(values, clock()))
        self._ready: dict[str, tuple[bytes, bool]] = {}  # what is about to be sent for the first time
        self._desk = Desk(AppAnswers(self))
        self._member = Pace(MEMBER, MEMBER_BURST)
        self._calls = Pace(*CALLS[0], *CALLS[1:])

    # --- the protocol ---

    def capabilities(self, to: Address) -> Capabilities:
        if to.by_text():
            return render.as_text(form=bool(self.public_url))
        return render.capabilities(PROFILES[NAME], lang=to.lang, form=bool(self.public_url))

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        ref = keys.ref_of(self.settings.corp_id, to.user_id, key)
        return await self.deliver(to, card, ref, 1)

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        name = ref.ref or keys.kept(ref.delivery_id)
        await self._settled()
        try:
            code = await asyncio.to_thread(self.codes.take, name, last=card.closed)
        except Unreachable:
            return Retry(5.0, "database")
        if not code:
            return Refused("no_code")
        shown = render.template_card(card, ref=name, rev=ref.rev, form=self.form_address(name, card))
        result = await self.show(ref.to.user_id, code.text, shown)
        if result is None:
            return Sent(ref.ref)
        if isinstance(result, Refused):
            # A code that was used by an attempt whose answer got lost: that attempt did it.
            tried = await self._quietly(self.memory.take, f"tried:{name}")
            return Sent(ref.ref) if result.reason == USED and tried == {"code": code.text} else result
        await self._quietly(self.codes.put_back, code)
        if isinstance(result, Unknown):
            await self._quietly(self.memory.put, f"tried:{name}", {"code": code.text}, self.clock())
        return result

    async def ahead(self, messages: Sequence[tuple[Address, Card, str]]) -> None:
        refs = [keys.ref_of(self.settings.corp_id, to.user_id, key) for to, _, key in messages]
        made = {ref: self._bytes(to, card, ref, 1) for ref, (to, card, _) in zip(refs, messages, strict=True)}
        try:
            self._ready = await self._first(made)
        except Unreachable:
            self._ready = {}  # each asks by itself

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        """Within four hours the same bytes cannot show twice, so sending again is safe; later nobody knows."""
        ref = keys.ref_of(self.settings.corp_id, to.user_id, key)
        await self._settled()
        try:
            found = await asyncio.to_thread(self.memory.get, f"first:{ref}")
        except Unreachable as error:
            return Unknown(str(error))
        if found is None:
            return Unknown("over a week ago") if self._forgotten(since) else NotThere()
        if found.get("sent"):
            return Sent(ref)
        return NotThere() if self._fresh(found) else Unknown("over four hours ago")

    async def start(self, receive: Receive) -> None:
        await self._tidy()
        self._desk.start(receive)

    async def stop(self) -> None:
        await self._desk.stop(STOPPING)
        await self._settled()
        await self._called.settled()
        await asyncio.to_thread(self.client.close)
        self._threads.shutdown(wait=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=NAME)  # it may be started again

    def routes(self) -> Sequence[BaseRoute]:
        """Where WeCom calls us."""
        own = self.settings
        callback = Callback(Wire(own), own.corp_id, own.agent_id, self._desk.handle, self._called.note)
        return [Route(PATH, callback.answer, methods=["GET", "POST"])]

    def connected(self) -> bool:
        return self._called.at is not None

    # --- sending ---

    async def deliver(self, to: Address, card: Card, ref: str, rev: int) -> SendResult:
        """One message under its name. What was sent with an unclear end is sent again byte by byte."""
        await self._tidy()
        try:
            if ref not in self._ready:
                self._ready |= await self._first({ref: self._bytes(to, card, ref, rev)})
            raw, before = self._ready.pop(ref)
        except Unreachable:
            return Retry(5.0, "database")
        answer = await self.post(to.user_id, raw)
        if isinstance(answer, dict):
            # Not waited for: the next message may go, and whoever needs what is remembered waits for it then.
            code = self.codes.of_sending(ref, str(answer.get("response_code", "")))
            sent = {f"first:{ref}": {"at": self.clock().isoformat(), "sent": True}}
            arriving = asyncio.create_task(self._arrived(sent | code))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)
            return Sent(ref)
        if not isinstance(answer, Unknown) and not before:
            await self._quietly(self.memory.take, f"first:{ref}")
        return answer

    def _bytes(self, to: Address, card: Card, ref: str, rev: int) -> bytes:
        form = self.form_address(ref, card)
        return render.to_bytes(render.payload(
            card, ref=ref, rev=rev, user_id=to.user_id, agent_id=self.settings.agent_id, form=form, as_text=to.text_only
        ))  # fmt: skip

    async def post(self, user_id: str, raw: bytes) -> dict[str, Any] | Retry | Refused | Unknown:
        """message/send in its turn."""
        await self._member.turn(user_id.lower())
        await self._calls.turn()
        try:
            return await self._blocking(self.client.send, raw)
        except Failed as failed:
            return failed.result

    async def say(self, user_id: str, text: str, lang: str) -> None:
        """Words that are no message of the outbox: an answer, for one person, now."""
        for part in render.texts(text, lang):
            body = {"touser": user_id, "agentid": self.settings.agent_id, "msgtype": "text", "text": {"content": part}}
            result = await self.post(user_id, render.to_bytes(body))
            if not isinstance(result, dict):
                log.warning("wecom: an answer was not delivered: %s", result.reason)
                return

    async def show(self, user_id: str, code: str, card: dict[str, Any]) -> Retry | Refused | Unknown | None:
        """Changes what one member sees; None when it is done."""
        await self._calls.turn()
        try:
            await self._blocking(self.client.update, user_id, code, card)
        except Failed as failed:
            return failed.result
        return None

    async def _blocking(self, call: Callable[..., T], *given: Any) -> T:
        """In threads of its own: a WeCom that doesn't answer takes none away from those who press buttons."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *given)

    def form_address(self, ref: str, card: Card) -> str:
        """Where the card can be filled in; "" without a public address, or for answers that are about nothing else."""
        if not self.public_url or card.kind.startswith("reply."):
            return ""
        return f"{self.public_url}/form?m={keys.named(ref, self.settings.secret.get_secret_value())}"

    def message_of(self, name: str) -> str:
        """The message that a form's address names; "" if the address is none of ours."""
        return keys.message_of(name, self.settings.secret.get_secret_value())

    def too_much(self, card: Card) -> bool:
        """Whether only words can say all of it."""
        return render.too_much(card)

    # --- the form's sign-in ---

    def sign_in(self, back_to: str, state: str) -> str:
        """The address at which WeCom says who opened it, and then goes `back_to` with a code and the state."""
        asked = {
            "appid": self.settings.corp_id, "redirect_uri": back_to, "response_type": "code", "scope": "snsapi_base",
            "state": state, "agentid": self.settings.agent_id,
        }  # fmt: skip
        return f"{self.settings.oauth_url.rstrip('/')}/connect/oauth2/authorize?{urlencode(asked)}#wechat_redirect"

    async def signed_in(self, code: str) -> str | None:
        """The member behind the code; "" for somebody else, None if WeCom could not be asked."""
        await self._calls.turn()
        try:
            return await self._blocking(self.client.member_of, code)
        except Failed as failed:
            return "" if isinstance(failed.result, Refused) else None

    async def receive(self, envelope: Envelope) -> Reply:
        """What the form was filled in with: the same way in as a tap."""
        return await self._desk.receive(envelope)

    # --- memory ---

    async def _first(self, made: Mapping[str, bytes]) -> dict[str, tuple[bytes, bool]]:
        """By message what to send: this, or what an earlier attempt of unclear end sent; and whether there was one.

        Errors: Unreachable.
        """
        at = self.clock().isoformat()
        mine = {f"first:{ref}": {"at": at, "body": raw.decode()} for ref, raw in made.items()}
        kept, found = await self._begun(mine), {}
        for ref, raw in made.items():
            first = kept[f"first:{ref}"]
            again = bool(first.get("body")) and self._fresh(first)
            found[ref] = (str(first["body"]).encode(), first != mine[f"first:{ref}"]) if again else (raw, False)
        return found

    async def _arrived(self, values: dict[str, dict[str, Any]]) -> None:
        try:
            await self._ended(values)
        except Unreachable as error:  # what only helps later must not spoil what is done
            log.warning("wecom: could not be remembered: %s", error)

    async def _settled(self) -> None:
        if self._arriving:
            await asyncio.wait(self._arriving)

    def _fresh(self, found: dict[str, Any]) -> bool:
        return self.clock() - datetime.fromisoformat(found["at"]) < SAME_BYTES

    def _forgotten(self, since: datetime | None) -> bool:
        return since is not None and self.clock() - since > REMEMBERED

    async def _quietly(self, do: Callable[..., Any], *given: Any) -> Any:
        """What only helps later must not spoil what is done."""
        try:
            return await asyncio.to_thread(do, *given)
        except Unreachable as error:
            log.warning("wecom: could not be remembered: %s", error)
            return None

    async def _tidy(self) -> None:
        """Forgets what is too old to matter, now and then."""
        now = self.clock()
        if self._tidied is None or abs(now - self._tidied) > TIDY:
            self._tidied = now
            await self._quietly(self.memory.forget, now - REMEMBERED)
