"""What a workspace holds: people, channels, messages, views, files, and the short-lived urls and triggers."""

import copy
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.slack.faults import Faults, Minute, Pace

TEAM, APP, BOT_USER, BOT_ID = "T0FAKE", "A0FAKE", "U0BOT", "B0FAKE"
TEAM_DOMAIN = "fake"
SCOPES = "chat:write commands im:write im:history files:write app_mentions:read"
TRIGGER_SECONDS, RESPONSE_SECONDS, RESPONSE_USES = 3.0, 1800.0, 5
MOST_VIEWS = 3


class Impossible(Exception):
    """A person cannot do that: what they would tap is not on their screen, or Slack's own form refuses it."""


class Refused(Exception):
    """A call that Slack answers with `ok: false`."""

    def __init__(self, error: str, messages: list[str] | None = None, **more: Any) -> None:
        super().__init__(error, *(messages or []))
        self.error, self.messages, self.more = error, messages or [], more


@dataclass
class Person:
    id: str
    email: str
    name: str
    real_name: str


@dataclass
class Channel:
    id: str
    name: str
    is_im: bool = False
    user: str = ""  # whose DM it is
    members: set[str] = field(default_factory=set)


@dataclass
class Message:
    channel: str
    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    edited: bool = False
    ephemeral: bool = False
    only_for: str = ""  # the one who sees an ephemeral message
    thread_ts: str = ""
    files: list[str] = field(default_factory=list)
    unfurls: dict[str, bool] = field(default_factory=dict)

    @property
    def by_bot(self) -> bool:
        return self.user == BOT_USER


@dataclass
class View:
    id: str
    user: str
    body: dict[str, Any]  # as the product sent it, with block ids
    hash: str
    root: str
    previous: str | None = None

    @property
    def title(self) -> str:
        return self.body.get("title", {}).get("text", "")

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return self.body["blocks"]


@dataclass
class SharedFile:
    id: str
    name: str
    length: int
    alt_txt: str = ""
    title: str = ""
    data: bytes | None = None
    channels: list[str] = field(default_factory=list)


@dataclass
class Trigger:
    user: str
    made: float
    used: bool = False


@dataclass
class ResponseUrl:
    user: str
    channel: str
    made: float
    message_ts: str = ""  # what replace_original replaces
    uses: int = 0


@dataclass
class Call:
    """A request that reached the fake: `answer` is None while, or because, nothing was answered."""

    method: str
    args: dict[str, Any]
    at: float
    answer: dict[str, Any] | None = None


class Workspace:
    """All of it, touched in the server's loop only."""

    def __init__(self, wrong: list[str], base: str = "") -> None:
        self.wrong, self.base = wrong, base
        self.bot_token, self.app_token = "xoxb-fake", "xapp-fake"
        self.revoked: set[str] = set()
        self.scopes = set(SCOPES.split())
        self.faults = Faults()
        self.pace: Pace | None = None
        self.tiers: dict[str, Minute] = {}  # by method
        self.extra_blocks: frozenset[str] = frozenset()
        self.update_keeps_metadata = False  # [?] whether it does: losing it is what a product must survive
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: list[Message] = []
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, SharedFile] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.chosen: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.shift = 0.0
        self.echo: Callable[[dict[str, Any]], None] = lambda event: None  # tells the app what happened in a DM
        self.new_socket_url: Callable[[], str] = lambda: ""
        self._ids = itertools.count(1)
        self._last_ts = 0

    def now(self) -> float:
        return time.time() + self.shift

    def complain(self, what: str) -> None:
        self.wrong.append(what)

    def new_id(self, letter: str) -> str:
        return f"{letter}0{next(self._ids):08d}"

    def new_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def person(self, user: str) -> Person:
        if user not in self.people:
            raise Impossible(f"nobody here is {user}")
        return self.people[user]

    def dm(self, user: str) -> Channel:
        """Opens the direct messages between the bot and someone, as the first message does."""
        found = Channel(f"D{user[1:]}", "directmessage", is_im=True, user=user, members={user, BOT_USER})
        return self.channels.setdefault(found.id, found)

    def message(self, channel: str, ts: str, user: str = "") -> Message | None:
        """With `user`, also what only they see."""
        fits = (m for m in self.messages if (m.channel, m.ts) == (channel, ts))
        return next((m for m in fits if not m.ephemeral or m.only_for == user), None)

    def post(self, message: Message) -> Message:
        message.blocks = with_ids(message.blocks, self)
        self.messages.append(message)
        return message

    def seen_by(self, user: str) -> list[Message]:
        mine = {c.id for c in self.channels.values() if user in c.members}
        return [m for m in self.messages if m.channel in mine and (not m.ephemeral or m.only_for == user)]

    def new_trigger(self, user: str) -> str:
        trigger = f"{self.new_id('')}.{self.new_id('')}.trigger"
        self.triggers[trigger] = Trigger(user, self.now())
        return trigger

    def use_trigger(self, trigger: str) -> str:
        """Whose click it was."""
        known = self.triggers.get(trigger)
        if known is None:
            raise Refused("invalid_trigger_id")
        if known.used:
            raise Refused("exchanged_trigger_id")
        if self.now() - known.made > TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        known.used = True
        return known.user

    def new_response_url(self, user: str, channel: str, message_ts: str = "") -> str:
        key = self.new_id("R")
        self.response_urls[key] = ResponseUrl(user, channel, self.now(), message_ts)
        return f"{self.base}/respond/{key}"

    def top_view(self, user: str) -> View | None:
        stack = self.stacks.get(user) or []
        return self.views[stack[-1]] if stack else None


def with_ids(blocks: list[dict[str, Any]], at: Workspace) -> list[dict[str, Any]]:
    """The blocks as Slack stores them: those without an id, and elements without an action id, get one."""
    stored = copy.deepcopy(blocks)
    for one in stored:
        one.setdefault("block_id", at.new_id("b"))
        if one.get("type") in ("section", "actions", "input"):
            for element in [one.get("accessory"), one.get("element"), *(one.get("elements") or [])]:
                if isinstance(element, dict) and element.get("type") not in (None, "image"):
                    element.setdefault("action_id", at.new_id("a"))
    return stored
