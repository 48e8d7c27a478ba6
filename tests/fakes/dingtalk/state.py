"""What the fake DingTalk remembers. Touched in the server's loop only."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from .template import Template

Json = dict[str, Any]
CARD_ADVISED = 3_000  # characters in one card variable; sources say 1,024 bytes or 20,000 characters [?]


class Refused(Exception):
    """A call that DingTalk answers with an error. `wrong`: only a faulty product makes this call."""

    def __init__(self, code: str, message: str, *, status: int = 400, wrong: bool = True) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.wrong = code, message, status, wrong


class NotOnScreen(AssertionError):
    """A person cannot do this: there is no such button, link, field or card in front of them."""


@dataclass
class User:
    user_id: str
    union_id: str
    mobile: str
    name: str
    corp_id: str


@dataclass
class Message:
    """One message in one chat. `seen_by` are the people on whose screens it stands."""

    message_id: str
    kind: str  # text, markdown, card, action_card, other
    sender: str  # "robot" or a user id
    seen_by: list[str]
    conversation: str | None = None  # None: the single chat with the robot
    title: str = ""
    text: str = ""
    links: dict[str, str] = field(default_factory=dict)  # of an action card: text -> address
    card: "Card | None" = None
    query_key: str | None = None
    read_by: set[str] = field(default_factory=set)
    recalled: bool = False


@dataclass
class Card:
    out_track_id: str
    template_id: str
    stream: bool  # callbackType STREAM: without it no tap reaches the product
    data: dict[str, str]
    private: dict[str, dict[str, str]] = field(default_factory=dict)
    space_models: set[str] = field(default_factory=set)
    spaces: list[str] = field(default_factory=list)

    def for_user(self, user_id: str) -> dict[str, str]:
        return {**self.data, **self.private.get(user_id, {})}


@dataclass
class Todo:
    todo_id: str
    source_id: str
    owner: str
    subject: str
    description: str
    creator: str
    executors: list[str]
    participants: list[str]
    due: int | None
    priority: int
    url: str
    only_executors: bool
    ticked: set[str] = field(default_factory=set)
    done: bool = False


@dataclass(frozen=True)
class Button:
    text: str
    action_id: str  # empty: the button opens `url`
    params: Mapping[str, Any]
    url: str
    enabled: bool


@dataclass(frozen=True)
class Seen:
    """A message as one person sees it. `problem`: the person sees this text and nothing else."""

    message_id: str
    kind: str
    sender: str
    conversation: str | None
    title: str = ""
    text: str = ""
    card: str = ""  # the outTrackId
    variables: Mapping[str, str] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    form: tuple[Mapping[str, Any], ...] = ()
    form_action: str = ""
    form_params: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Answer:
    """What a push led to: `response` is the product's, `seconds` the time until its ack."""

    message_id: str
    acked: bool
    code: int | None = None
    response: Any = None
    seconds: float | None = None
    pushes: int = 0  # more than one: it was sent again, with the same messageId
    applied: bool = False  # the answer to a tap changed the card
    messages: tuple[Seen, ...] = ()  # what the robot said to this person from the push on


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int


class World:
    """One company, one app, its robot."""

    def __init__(self, wrong: list[str]) -> None:
        self.wrong = wrong
        self.client_id, self.client_secret = "dingfakeclient", "fake-secret"
        self.corp_id, self.robot_code = "dingfakecorp", "dingfakeclient"
        self.users: dict[str, User] = {}
        self.groups: dict[str, list[str]] = {}
        self.templates: dict[str, Template] = {}
        self.messages: list[Message] = []
        self.cards: dict[str, Card] = {}
        self.todos: dict[str, Todo] = {}
        self.webhooks: dict[str, tuple[str, str | None, float]] = {}  # session -> user, conversation, until
        self.media: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.invalid: set[str] = set()
        self.flow_controlled: Counter[str] = Counter()
        self.second_create = "reuse"  # or "refuse": which of the two is unverified [?]
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def complain(self, text: str) -> None:
        self.wrong.append(text)

    def by_union_id(self, union_id: str) -> User | None:
        return next((user for user in self.users.values() if user.union_id == union_id), None)

    def post(self, message: Message) -> None:
        self.messages.append(message)


def new_id(prefix: str = "") -> str:
    return prefix + uuid4().hex


def only_keys(body: Any, allowed: Iterable[str], where: str) -> Json:
    """The body, when it is an object without a key DingTalk does not know. Its code for that is invented [?]."""
    if not isinstance(body, dict):
        raise Refused("InvalidParameter", f"{where}: a JSON object is needed")
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise Refused("InvalidParameter", f"{where}: unknown {', '.join(unknown)}")
    return body


def needed(body: Json, where: str, *keys: str) -> None:
    """DingTalk's own code for a missing parameter."""
    for key in keys:
        if body.get(key) in (None, "", [], {}):
            raise Refused(f"Missing{key}", f"{where}: {key} is mandatory for this action.")


def text_map(holder: Any, where: str) -> dict[str, str]:
    """`{"cardParamMap": {...}}` -> the map, when all of it is text."""
    if holder is None:
        return {}
    values = only_keys(holder, {"cardParamMap"}, where).get("cardParamMap", {})
    if not isinstance(values, dict):
        raise Refused("param.error", f"{where}: cardParamMap is not an object")
    for key, value in values.items():
        if not isinstance(value, str):
            raise Refused("param.error", f"{where}: {key} is {type(value).__name__}, every value must be text")
        if len(key) > 100 or len(value) > 20_000:
            raise Refused("param.error", f"{where}: {key[:100]} is too long")
    return values
