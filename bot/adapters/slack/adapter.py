"""The adapter: cards into people's direct messages, found again by their key, changed in place; and what comes back."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from starlette.routing import BaseRoute

from bot.adapters.base import Address, DeliveryRef, NotThere, Receive, Refused, Retry, SendResult, Sent, Unknown
from bot.adapters.called import Called
from bot.adapters.memory import Memory
from bot.adapters.pace import Pace
from bot.adapters.slack.client import DEFAULT_PAUSE, Answer, Api
from bot.adapters.slack.desk import Desk
from bot.adapters.slack.door import Door
from bot.adapters.slack.files import upload
from bot.adapters.slack.home import Home
from bot.adapters.slack.render import payload
from bot.adapters.slack.socket import Line
from bot.card import Capabilities, Card
from bot.fit import PROFILES
from bot.settings import Settings, SlackSettings
from core.errors import ConfigError, Unreachable

log = logging.getLogger(__name__)

METADATA = "huikuan"
GONE = "channel_not_found"
LOOK_BACK = 24 * 3600.0  # at least
PAGES = 20
SHOWN, SHOWN_FOR, TIDY = "shown:", timedelta(days=90), timedelta(days=1)
# Posts to one channel: Slack allows one a second, counted at its end of a jittery line, and tolerates short bursts.
PER_SECOND, BURST = 0.9, 3


class SlackAdapter:
    name = "slack"

    def __init__(self, settings: SlackSettings, engine: Engine, clock: Callable[[], datetime], lang: str = "zh") -> None:
        self._settings = settings
        self._memory, self._clock = Memory(engine, self.name), clock
        self.api = Api(settings.bot_token.get_secret_value(), settings.api_url, clock)
        self._pace = Pace(PER_SECOND, BURST)
        self._dms: dict[str, str] = {}
        self.home = Home(self.api, engine, clock)
        self.desk = Desk(self, clock, lang)
        self._called = Called(engine, self.name, clock)
        self.door = Door(self.api, self.desk, settings.signing_secret.get_secret_value(), self._called.note)
        self._line = Line(self.api, settings.app_token.get_secret_value(), self.door)
        self._keeper: asyncio.Task[None] | None = None
        self._tidied: datetime | None = None

    # --- the protocol ---

    def capabilities(self, to: Address) -> Capabilities:
        return PROFILES["slack"]

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        metadata = {"event_type": METADATA, "event_payload": {"key": digest(key)}}
        posted = await self.post_to(to.user_id, payload(card), metadata=metadata)
        if posted.problem is not None:
            return posted.problem
        self.home.changed(to.user_id)
        return Sent(_ref(posted)) if {"channel", "ts"} <= posted.data.keys() else Unknown("posted without a name")

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        own = await asyncio.to_thread(self._shown, ref.delivery_id) if not ref.ref else ref.ref
        channel, _, ts = own.partition(":")
        if not ts:
            return Refused("shown where nothing can be changed")
        content = payload(card, ref="" if ref.ref else f"d{ref.delivery_id}", rev=ref.rev)
        metadata = {"event_type": METADATA, "event_payload": {"delivery": ref.delivery_id, "rev": ref.rev}}
        first = self.desk.was_tapped(own)
        changed = await self.api(
            "chat.update", first=first, channel=channel, ts=ts, **content, metadata=metadata, parse="none"
        )
        if changed.problem is not None:
            return changed.problem
        self.home.changed(ref.to.user_id)
        return Sent(ref.ref)

    async def upload(self, to: Address, name: str, content: bytes) -> SendResult:
        channel = await self.dm(to.user_id)
        return _unopened(channel) if isinstance(channel, Answer) else await upload(self.api, channel, name, content)

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        """As far back as it may stand. Older than a page of history reaches is not sworn to."""
        channel = await self.dm(to.user_id)
        if isinstance(channel, Answer):
            return Unknown(channel.error or "unreachable")
        wanted, cursor = digest(key), ""
        oldest = time.time() - self._look_back(since)
        for _ in range(PAGES):
            page = await self.api(
                "conversations.history", channel=channel, oldest=f"{oldest:.6f}", limit=200,
                include_all_metadata=True, **(dict[str, Any](cursor=cursor) if cursor else {}),
            )  # fmt: skip
            if page.problem is not None:
                return Unknown(page.error or page.problem.reason)
            for message in page["messages"]:
                if _key_of(message) == wanted:
                    return Sent(f"{channel}:{message['ts']}")
            cursor = (page.data.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return NotThere()
        return Unknown("too many messages to look through")

    def _look_back(self, since: datetime | None) -> float:
        """Seconds. Slack's clock is not ours, so some more than it can be."""
        ago = (self._clock() - since).total_seconds() if since is not None else 0.0
        return LOOK_BACK + max(0.0, ago)

    async def start(self, receive: Receive) -> None:
        self.api.closed = self.door.closing = False
        self.desk.open(receive)
        self.home.open(receive)
        steps = self.door.introduce_until_known if self._settings.mode == "http" else self._line.keep
        self._keeper = asyncio.create_task(steps())

    def connected(self) -> bool:
        """Over HTTP Slack calls us: that it knows our token says nothing about that."""
        if self._settings.mode == "http":
            return bool(self.door.me) and self._called.at is not None
        return self._line.up

    async def stop(self) -> None:
        """Nothing new is taken; what is under way ends, its answers too."""
        self.door.closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self.door.idle()
        await self._called.settled()
        await self._line.close()
        await self.desk.close()
        await self.home.close()
        await self.api.close()

    def routes(self) -> Sequence[BaseRoute]:
        return self.door.routes() if self._settings.mode == "http" else ()

    # --- what the desk needs, too ---

    async def dm(self, user_id: str) -> str | Answer:
        """The id of somebody's direct messages with us, or why there is none. It is the same for as long as the app is."""
        if user_id in self._dms:
            return self._dms[user_id]
        key = f"dm:{user_id}"
        known = await asyncio.to_thread(self._memory.get, key)
        if known is None:
            opened = await self.api("conversations.open", users=user_id)
            if not opened.ok:
                return opened
            channel = opened.data.get("channel")
            if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
                return Answer(problem=Retry(DEFAULT_PAUSE, "conversations.open names no channel"))
            known = {"channel": channel["id"]}
            await asyncio.to_thread(self._memory.put, key, known, self._clock())
        self._dms[user_id] = str(known["channel"])
        return self._dms[user_id]

    async def post_to(self, user_id: str, content: dict[str, Any], **more: Any) -> Answer:
        """Into somebody's direct messages. An app that was made anew has others than are remembered: opened once more."""
        try:
            channel = await self.dm(user_id)
            if isinstance(channel, Answer):
                return replace(channel, problem=_unopened(channel))
            posted = await self.post(channel, content, **more)
            if posted.error != GONE:
                return posted
            self._dms.pop(user_id, None)
            await asyncio.to_thread(self._memory.take, f"dm:{user_id}")
            anew = await self.dm(user_id)
        except Unreachable as error:
            return Answer(problem=Retry(1.0, str(error)))
        if isinstance(anew, Answer):
            return replace(anew, problem=_unopened(anew))
        return posted if anew == channel else await self.post(anew, content, **more)

    async def post(self, channel: str, content: dict[str, Any], *, patiently: bool = False, **more: Any) -> Answer:
        await self._pace.turn(channel)
        call = self.api.patiently if patiently else self.api
        return await call(
            "chat.postMessage", channel=channel, **content, **more,
            mrkdwn=False, parse="none", unfurl_links=False, unfurl_media=False,
        )  # fmt: skip

    async def keep_shown(self, delivery_id: int, posted: Answer) -> None:
        """Where an answer with buttons stands: its delivery does not know, and it may have to change."""
        await asyncio.to_thread(self._keep_shown, f"{SHOWN}{delivery_id}", _ref(posted))

    def _keep_shown(self, key: str, ref: str) -> None:
        """Answers are many, and old ones change no more."""
        now = self._clock()
        self._memory.put(key, {"ref": ref}, now)
        if self._tidied is None or abs(now - self._tidied) > TIDY:
            self._tidied = now
            self._memory.forget(now - SHOWN_FOR, SHOWN)

    def _shown(self, delivery_id: int) -> str:
        known = self._memory.get(f"{SHOWN}{delivery_id}")
        return str(known["ref"]) if known is not None else ""


def digest(key: str) -> str:
    """What a message carries to be found again; other apps can read it, so it says nothing."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _ref(posted: Answer) -> str:
    return f"{posted['channel']}:{posted['ts']}"


def _key_of(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", "")) if metadata.get("event_type") == METADATA else ""


def _unopened(opened: Answer) -> Retry | Refused:
    """Before there is a conversation, nothing can have been said in it."""
    if isinstance(opened.problem, Refused | Retry):
        return opened.problem
    return Retry(DEFAULT_PAUSE, opened.error or "unreachable")


def build(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> SlackAdapter:
    """Errors: messenger.not_set, messenger.malformed, messenger.not_set_and_malformed, which name every variable."""
    own = settings.slack
    prefix = "HUIKUAN_SLACK_"
    missing, malformed = [], []
    tokens = {"BOT_TOKEN": (own.bot_token, "xoxb-")}
    if own.mode == "socket":
        tokens["APP_TOKEN"] = (own.app_token, "xapp-")
    for name, (token, begins) in tokens.items():
        if not (value := token.get_secret_value()):
            missing.append(f"{prefix}{name} ({begins}…)")
        elif not value.startswith(begins) or not value.isascii():
            malformed.append(f"{prefix}{name} ({begins}…)")
    if own.mode == "http" and not own.signing_secret.get_secret_value():
        missing.append(f"{prefix}SIGNING_SECRET")
    url = urlsplit(own.api_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        malformed.append(f"{prefix}API_URL (https://slack.com/api/)")
    if missing or malformed:
        code = "_and_".join(name for name, found in (("not_set", missing), ("malformed", malformed)) if found)
        facts = {"missing": ", ".join(missing), "malformed": ", ".join(malformed)}
        raise ConfigError(f"messenger.{code}", messenger="slack", **{name: said for name, said in facts.items() if said})
    return SlackAdapter(own, engine, clock, settings.lang)
