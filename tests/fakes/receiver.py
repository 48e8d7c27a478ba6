"""The order system that takes our events, as strict as docs/api.md says one should be: it checks signature, freshness and
shape itself, and refuses what doesn't fit. Written from that page alone, without a line of the product.

    with Receiver("the secret", clock) as shop:
        shop.does = "hang"          # for every request from now on, or shop.does_with["SO1"] = 500 for one subject
        shop.taken                  # what it said yes to, in order, copies included
"""

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from tests.fakes.server import FakeServer

FRESH = 300  # seconds
NAMES = {"order": "number", "customer": "code", "receivable": "number"}
AMOUNT = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class Taken:
    id: str
    event: str
    subject: str  # SO1, a customer's code, an invoice number
    body: dict[str, Any]
    raw: bytes


class Receiver(FakeServer):
    """`does`: ok, hang, slow, drop (says nothing after it has taken the event), endless, redirect, or a status."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time, port: int = 0) -> None:
        super().__init__(port)
        self._secret, self._clock = secret.encode(), clock
        self.does: str | int = "ok"
        self.does_with: dict[str, str | int] = {}
        self.taken: list[Taken] = []
        self.asked = 0
        self.followed = 0  # requests that came after a redirect
        self.at_once = 0  # the most requests about one subject at the same time
        self._now: dict[str, int] = {}
        self._bytes: dict[str, bytes] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/events", self._event)
        app.router.add_route("*", "/elsewhere", self._elsewhere)

    def down(self) -> None:
        """Nobody listens any more, until `up`."""
        self.run(self._shut())

    def up(self) -> None:
        self.run(self._serve())

    async def _elsewhere(self, _: web.Request) -> web.Response:
        self.followed += 1
        return web.Response(status=200)

    async def _event(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.asked += 1
        found = self._read(request, raw)
        if isinstance(found, str):
            self.wrong.append(found)
            return web.Response(status=401)
        self._now[found.subject] = self._now.get(found.subject, 0) + 1
        self.at_once = max(self.at_once, self._now[found.subject])
        try:
            return await self._answer(request, found)
        finally:
            self._now[found.subject] -= 1

    async def _answer(self, request: web.Request, found: Taken) -> web.StreamResponse:
        does = self.does_with.get(found.subject, self.does)
        match does:
            case "hang":
                while request.transport is not None and not request.transport.is_closing():
                    await asyncio.sleep(0.01)
                return web.Response()
            case "slow":
                await asyncio.sleep(0.2)
            case "redirect":
                return web.Response(status=301, headers={"Location": f"{self.url}/elsewhere"})
            case int() if does >= 300:
                return web.Response(status=does, text="no")
        self.taken.append(found)
        if does == "endless":
            return await self._talk(request)
        if does == "drop":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=does if isinstance(does, int) else 204)

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=200)
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b"." * 65536)
                await asyncio.sleep(0.001)
        return answer

    def _read(self, request: web.Request, raw: bytes) -> Taken | str:
        """The event, or what is wrong with the request."""
        if problem := self._forged(request.headers.get("X-Huikuan-Signature", ""), raw):
            return problem
        if request.headers.get("Content-Type") != "application/json":
            return "not JSON by its header"
        body = json.loads(raw)
        if (body["id"], body["event"]) != (request.headers["X-Huikuan-Delivery"], request.headers["X-Huikuan-Event"]):
            return "headers and body differ"
        if self._bytes.setdefault(body["id"], raw) != raw:
            return "the same id with another body"
        if datetime.fromisoformat(body["at"]).utcoffset() is None:
            return "an instant without its offset"
        if problem := _shape(body):
            return problem
        noun = body["event"].partition(".")[0]
        subject = body[noun][NAMES[noun]] if noun in NAMES else ""
        return Taken(body["id"], body["event"], subject, body, raw)

    def _forged(self, header: str, raw: bytes) -> str:
        parts = [part.partition("=") for part in header.split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        if len(stamps) != 1 or not stamps[0].isdecimal():
            return "no timestamp"
        if abs(self._clock() - int(stamps[0])) > FRESH:
            return "stale"
        wanted = hmac.new(self._secret, f"{stamps[0]}.".encode() + raw, hashlib.sha256).hexdigest()
        if not any(name == "v1" and hmac.compare_digest(value, wanted) for name, _, value in parts):
            return "forged"
        return ""

    # --- for tests ---

    @property
    def told(self) -> list[tuple[str, str]]:
        """(event, subject) of all that it took."""
        return [(one.event, one.subject) for one in self.taken]

    def about(self, subject: str) -> list[str]:
        return [one.event for one in self.taken if one.subject == subject]

    def last(self, event: str) -> dict[str, Any]:
        found = [one.body for one in self.taken if one.event == event]
        assert found, self.told
        return found[-1]


def _shape(body: Any, name: str = "") -> str:
    """Amounts are texts in major units; nothing of ours that nobody outside understands."""
    if isinstance(body, dict):
        return next((problem for key, value in body.items() if (problem := _shape(value, key))), "")
    if isinstance(body, list):
        return next((problem for item in body if (problem := _shape(item, name))), "")
    if name.endswith(("_minor", "_id")):
        return f"{name} is internal"
    if name in ("amount", "open", "prepay") and not (isinstance(body, str) and AMOUNT.fullmatch(body)):
        return f"{name} is no amount: {body!r}"
    return f"{name} is a fraction" if isinstance(body, float) else ""
