"""Brings commands, taps and events to the product, over Socket Mode or signed HTTP, and watches how it answers."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack.socket_mode import Sockets
from tests.fakes.slack.state import Workspace

ACK_WITHIN = 3.0
RETRIES_AFTER = (0.0, 60.0, 300.0)


@dataclass
class Delivery:
    """One attempt to tell the product something. `reply` is the payload of its ack."""

    kind: str  # "slash_commands", "interactive" or "events_api"
    payload: dict[str, Any]
    envelope_id: str
    attempt: int = 0
    reason: str = ""
    sent: float = 0.0  # by time.monotonic()
    acked: float | None = None
    late: bool = False  # acked after its time was over
    reply: Any = None
    why_not: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # HTTP only
    body: bytes = b""
    honest: bool = True  # how it was signed: what is under way stays as it is, whatever is signed next
    done: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def name(self) -> str:
        """What it is about, for people."""
        if self.kind == "slash_commands":
            return self.payload["command"]
        inner = self.payload.get("event", self.payload)
        return ":".join(str(inner[key]) for key in ("type", "subtype") if key in inner)

    @property
    def event_id(self) -> str:
        return self.payload.get("event_id", "")


@dataclass(frozen=True)
class Answer:
    """What a person's tool learns: whether the app acked in time, what it said, and how long it took."""

    acked: bool
    reply: Any
    seconds: float
    why_not: str
    delivery: Delivery | None = None

    @property
    def response_action(self) -> str:
        return self.reply.get("response_action", "") if isinstance(self.reply, dict) else ""


@dataclass
class Signing:
    """How HTTP requests are signed: change it to forge, to be out of date, or to be junk."""

    secret: str
    skew: float = 0.0
    timestamp: str | None = None  # as the header says it, instead of the clock
    signature: str | None = None
    honest: bool = True  # then a refusal is the product's fault, else an acceptance is

    def headers(self, body: bytes) -> dict[str, str]:
        stamp = self.timestamp if self.timestamp is not None else str(int(time.time() + self.skew))
        digest = hmac.new(self.secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        own = self.signature if self.signature is not None else f"v0={digest}"
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": own}


class Courier:
    def __init__(self, at: Workspace, sockets: Sockets, signing: Signing) -> None:
        self._at, self._sockets = at, sockets
        sockets.on_ack = self.take_ack
        self.signing = signing
        self.request_url = ""  # when set, everything goes there and nothing to the sockets
        self.ack_within = ACK_WITHIN
        self.retries_after: tuple[float, ...] = RETRIES_AFTER
        self.sent: list[Delivery] = []
        self._by_envelope: dict[str, Delivery] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, steps: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(steps)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def reachable(self) -> bool:
        return bool(self.request_url or self._sockets.open)

    async def push(self, kind: str, payload: dict[str, Any]) -> Answer:
        """Tells the product; an event that it does not ack is told again in the background."""
        first = await self._attempt(Delivery(kind, payload, str(uuid.uuid4())))
        stop = first.headers.get("no-retry") == "1"
        if kind == "events_api" and first.acked is None and not stop:
            self.spawn(self._again(first))
        return self._answer(first)

    async def replay(self, old: Delivery) -> Answer:
        """The very same envelope, or the very same signed request, once more."""
        same = Delivery(old.kind, old.payload, old.envelope_id, old.attempt, old.reason, headers=old.headers, body=old.body)
        return self._answer(await self._attempt(same))

    def _answer(self, done: Delivery) -> Answer:
        took = (done.acked or time.monotonic()) - done.sent
        return Answer(done.acked is not None and not done.late, done.reply, took, done.why_not, done)

    async def _again(self, first: Delivery) -> None:
        reason = "timeout" if not first.why_not.startswith("HTTP") else "http_error"
        for attempt, pause in enumerate(self.retries_after, 1):
            await asyncio.sleep(pause)
            done = await self._attempt(Delivery("events_api", first.payload, str(uuid.uuid4()), attempt, reason))
            if done.acked is not None or done.headers.get("no-retry") == "1":
                return

    async def _attempt(self, one: Delivery) -> Delivery:
        self.sent.append(one)
        self._by_envelope[one.envelope_id] = one
        one.sent = time.monotonic()
        if self.request_url:
            await self._by_http(one)
        else:
            await self._by_socket(one)
        return one

    # Socket Mode

    async def _by_socket(self, one: Delivery) -> None:
        envelope = {"type": one.kind, "envelope_id": one.envelope_id, "payload": one.payload}
        envelope["accepts_response_payload"] = one.kind != "events_api"
        if one.kind == "events_api":
            envelope |= {"retry_attempt": one.attempt, "retry_reason": one.reason}
        line = await self._sockets.send(envelope)
        if line is None:
            one.why_not = "nobody is connected"
            return
        try:
            await asyncio.wait_for(one.done.wait(), self.ack_within)
        except TimeoutError:
            one.why_not = "no ack in time"
            if line.alive:
                self._at.complain(f"no ack of {one.name} within {self.ack_within:g} s")

    def take_ack(self, envelope_id: str, reply: Any) -> None:
        one = self._by_envelope.get(envelope_id)
        if one is None:
            self._at.complain(f"ack of an envelope that was never sent: {envelope_id}")
            return
        if one.acked is not None:
            self._at.complain(f"{one.name} is acked twice")
            return
        one.acked, one.reply = time.monotonic(), reply
        one.late = one.acked - one.sent > self.ack_within
        if one.late:
            self._at.complain(f"ack of {one.name} came after {one.acked - one.sent:.1f} s")
        one.done.set()

    # HTTP

    def _form(self, one: Delivery) -> tuple[bytes, str]:
        if one.kind == "events_api":
            return _json(one.payload).encode(), "application/json"
        form = one.payload if one.kind == "slash_commands" else {"payload": _json(one.payload)}
        return urlencode(form).encode(), "application/x-www-form-urlencoded"

    async def _by_http(self, one: Delivery) -> None:
        if not one.body:
            one.body, kind = self._form(one)
            one.headers = {"Content-Type": kind, **self.signing.headers(one.body)}
            one.honest = self.signing.honest
            if one.attempt:
                one.headers |= {"X-Slack-Retry-Num": str(one.attempt), "X-Slack-Retry-Reason": one.reason}
        status, text, headers = await self.post(one.body, one.headers)
        if headers.get("X-Slack-No-Retry") == "1":
            one.headers["no-retry"] = "1"
        if status == 200:
            one.acked, one.reply = time.monotonic(), _reply(text)
            if not one.honest:
                self._at.complain(f"{one.name} with a bad signature was accepted")
            return
        one.why_not = f"HTTP {status}" if status else text
        if one.honest:
            self._at.complain(f"{one.name} was answered with {one.why_not}")

    async def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        """Status 0 when there was no answer in time."""
        patience = aiohttp.ClientTimeout(total=self.ack_within)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(self.request_url, data=body, headers=headers) as answer,
            ):
                return answer.status, await answer.text(), dict(answer.headers)
        except TimeoutError:
            return 0, f"no answer within {self.ack_within:g} s", {}
        except aiohttp.ClientError as error:
            return 0, f"not reachable: {type(error).__name__}", {}


def _json(payload: dict[str, Any]) -> str:
    """Half a surrogate, which UTF-8 has not, can be said in JSON all the same."""
    said = json.dumps(payload, ensure_ascii=False)
    return said if said.encode("utf-8", "replace").decode() == said else json.dumps(payload)


def _reply(text: str) -> Any:
    """What an HTTP answer says: nothing, JSON, or the plain text that answers a slash command."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return {"text": text}
