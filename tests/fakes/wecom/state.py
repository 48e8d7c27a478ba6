"""What the messenger keeps: members, apps and their tokens, messages as each member sees them, codes used once."""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.wecom.refused import Refused

# [?] The codes for a task_id used before, and for an update code that is unknown, used or too old, are not documented.
# (The published list also has 42022 "code used before"; nobody knows for which calls.)
TASK_USED = 42014
BAD_CODE = 60140
HOUR = 3600.0
CODE_LIVES = 72 * HOUR
RECALL_WITHIN = 24 * HOUR
MEDIA_LIVES = 72 * HOUR
OAUTH_LIVES = 300.0


@dataclass
class Member:
    userid: str
    name: str
    visible: bool = True  # in the app's visible range
    licensed: bool = True


@dataclass
class App:
    agentid: int
    secret: str
    token: str = ""
    token_ends: float = 0.0
    menu: dict[str, Any] | None = None
    name: str = "回款助手"
    closed: bool = False
    domain: str = ""  # “网页授权及JS-SDK”


@dataclass
class View:
    """One member's sight of a message; `replaced` is the text of the dead button that stands for all buttons."""

    card: dict[str, Any] = field(default_factory=dict)
    replaced: str = ""


@dataclass
class Message:
    msgid: str
    agentid: int
    msgtype: str
    content: dict[str, Any]
    at: float
    views: dict[str, View]
    from_member: bool = False
    recalled: bool = False
    response_code: str = ""


@dataclass
class Code:
    """Updates one message, once."""

    msgid: str
    agentid: int
    at: float
    used: bool = False


@dataclass
class Limits:
    """`on` switches them all. A member's excess is dropped in silence; the others answer 45009."""

    on: bool = False
    member_minute: int = 30
    member_hour: int = 1000
    api_minute: int = 10_000
    api_hour: int = 150_000
    people_day: int = 200_000  # accounts x 200, persons times messages, per app


class Corp:
    """Touched only in the fake's own loop."""

    def __init__(self, corp_id: str, clock: Callable[[], float], token_lifetime: int) -> None:
        self.corp_id = corp_id
        self.token_lifetime = token_lifetime
        self.limits = Limits()
        self.members: dict[str, Member] = {}  # by lower-cased userid
        self.apps: dict[int, App] = {}
        self.messages: dict[str, Message] = {}
        self.codes: dict[str, Code] = {}
        self.tasks: dict[tuple[int, str], str] = {}  # (agentid, task_id) -> msgid
        self.sent: dict[tuple[int, bytes], tuple[float, dict[str, Any]]] = {}
        self.media: dict[str, tuple[float, str, bytes]] = {}  # media_id -> (when, file name, bytes)
        self.oauth: dict[str, tuple[float, str, bool]] = {}  # code -> (when, userid, used)
        self.dead_tokens: dict[str, int] = {}  # token -> errcode
        self.dropped: list[tuple[str, dict[str, Any]]] = []  # (userid, payload) over a member's limit
        self.skipped = 0.0  # seconds that tests let pass
        self._clock = clock
        self._rates: dict[tuple[str, ...], deque[float]] = {}

    def now(self) -> float:
        return self._clock() + self.skipped

    def member(self, userid: str) -> Member | None:
        """userids are compared without case."""
        return self.members.get(userid.lower())

    # --- tokens

    def issue_token(self, app: App) -> dict[str, Any]:
        """The same token as long as it lives, as documented."""
        if not app.token or app.token_ends <= self.now():
            self._bury(app, 42001)
            app.token, app.token_ends = secrets.token_urlsafe(48), self.now() + self.token_lifetime
        return {"access_token": app.token, "expires_in": int(app.token_ends - self.now())}

    def end_tokens(self, errcode: int) -> None:
        for app in self.apps.values():
            self._bury(app, errcode)

    def app_of(self, token: str) -> App:
        if not token:
            raise Refused(41001, "access_token missing")
        for app in self.apps.values():
            if app.token == token:
                if app.token_ends > self.now():
                    return app
                self._bury(app, 42001)  # a thread reports that a real expiry answers 40014: products must take both
        raise Refused(self.dead_tokens.get(token, 40014), "invalid or expired access_token")

    def _bury(self, app: App, errcode: int) -> None:
        if app.token:
            self.dead_tokens[app.token] = errcode
        app.token = ""

    # --- messages and codes

    def add(self, message: Message) -> Message:
        self.messages[message.msgid] = message
        return message

    def new_code(self, message: Message) -> str:
        value = secrets.token_urlsafe(32)
        self.codes[value] = Code(message.msgid, message.agentid, self.now())
        return value

    def find_code(self, value: Any, agentid: int) -> Code:
        code = self.codes.get(value) if isinstance(value, str) else None
        if code is None:
            raise Refused(BAD_CODE, "response_code is not known")
        if code.agentid != agentid:
            raise Refused(42015, "the card was sent by another app")
        if code.used or self.now() - code.at > CODE_LIVES:
            raise Refused(BAD_CODE, "response_code was used before" if code.used else "response_code is over 72 h old")
        return code

    def take_task(self, agentid: int, card: dict[str, Any], msgid: str) -> None:
        """A task_id belongs to one message of an app; an update may keep its message's own."""
        if "task_id" not in card:
            return
        if self.tasks.get((agentid, card["task_id"]), msgid) != msgid:
            raise Refused(TASK_USED, f"task_id {card['task_id']} was used before")
        self.tasks[agentid, card["task_id"]] = msgid

    def show(self, message: Message, userid: str, card: dict[str, Any]) -> None:
        """Replaces what one member sees. [?] A card without a task_id keeps the old one."""
        view = message.views[userid]
        kept = {"task_id": view.card["task_id"]} if "task_id" in view.card else {}
        view.card, view.replaced = {**kept, **card}, card.get("replace_text", "")

    # --- rates

    def too_many(self, key: tuple[str, ...], most: int, seconds: float, count: int = 1) -> bool:
        """Counts `count` more, unless that is over the limit."""
        if not self.limits.on:
            return False
        times = self._rates.setdefault((*key, str(seconds)), deque())
        while times and times[0] <= self.now() - seconds:
            times.popleft()
        if len(times) + count > most:
            return True
        times.extend([self.now()] * count)
        return False
