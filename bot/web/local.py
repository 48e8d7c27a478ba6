"""The local messenger's page: the chats of several people side by side, live, with a clock to turn in the demo.

`create_local_page(host)` is an application of its own, to be mounted at any path of a server on 127.0.0.1. All its
addresses are relative. It keeps no state but who is signed in; what it shows is in the database, so another
process (`huikuan say`, `huikuan run-once`, a second page) is seen as soon as it has written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, FastAPI, Header, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.responses import Response

from bot.adapters.base import Envelope, Reply
from bot.adapters.local import LocalAdapter, store
from bot.adapters.local.adapter import next_step
from bot.card import dump
from bot.preview import FORM
from bot.text import clean
from bot.web.guard import Guard, SignIn
from bot.web.letters import letter_file, policy_of
from bot.web.page import VIEWS, item, people
from bot.web.preview import preview_routes
from bot.web.shop import Shop, shop_routes
from core.db import reading
from core.errors import DomainError, Unreachable
from core.time import local_instant, parse_instant
from core.work import Company, Work

STATIC = Path(__file__).parent / "static"
POLL_SECONDS = 0.3
SETTLE_SECONDS = 10.0  # a message is read again for so long: the sender records its delivery only after sending
MAX_STEP = timedelta(days=400)
MORNING = time(9)
View = Literal["full", "slack", "dingtalk", "wecom", "text"]


class PageHost(Protocol):
    """What the page needs of the application."""

    engine: Engine
    company: Company
    demo: bool
    shop: Shop | None  # the demo's order system

    def clock(self) -> datetime: ...
    async def receive(self, envelope: Envelope) -> Reply: ...
    async def advance(self, to: datetime, progress: Callable[[datetime], None]) -> None: ...


_NO_LETTER = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>回款 huikuan</title>
<h1>没有这份催款函</h1><p lang="en">There is no such letter.</p></html>"""
MAX_ID = 2**53  # what JavaScript counts exactly, and a column holds


Text = Annotated[str, BeforeValidator(lambda said: clean(said) if isinstance(said, str) else said)]


class Tap(BaseModel):
    person: Text
    delivery: int = Field(ge=0, le=MAX_ID)
    action: Text = Field(max_length=100)
    rev: int | None = Field(default=None, ge=0, le=MAX_ID)
    input: dict[Text, Text] = Field(default_factory=dict, max_length=30)


class Say(BaseModel):
    person: Text
    text: Text = Field(min_length=1, max_length=4000)


class Turn(BaseModel):
    to: str | None = None
    step: Literal["hour", "day", "workday"] | None = None


class Front:
    """The page's own moving parts: its adapter, the clock's task, and a bell for those who wait for news."""

    def __init__(self, host: PageHost, letters: Path | None = None) -> None:
        self.host = host
        self.letters = letters
        self.adapter = LocalAdapter(host.engine, host.clock)
        self.sign_in = SignIn()
        self.target: datetime | None = None
        self.reached: datetime | None = None
        self.failed = ""
        self.moves = 0  # grows with every change of the clock: an answer may be overtaken by the stream of events
        self.closed = False
        self._task: asyncio.Task[None] | None = None
        self._bells: set[asyncio.Event] = set()

    async def receiving(self) -> LocalAdapter:
        await self.adapter.start(self.host.receive)
        return self.adapter

    async def read(self, work: Callable[[Session], Any]) -> Any:
        def run() -> Any:
            with reading(self.host.engine) as session:
                return work(session)

        return await asyncio.to_thread(run)

    def work_of(self, session: Session) -> Work:
        """For reading."""
        return Work(session, self.host.company, self.host.clock())

    def items(self, messages: list[store.Message], view: str) -> list[dict[str, Any]]:
        calendar = self.host.company.calendar
        return [item(m, view, calendar.business_date(m.updated_at), calendar.zone) for m in messages]

    def ring(self) -> None:
        for bell in self._bells:
            bell.set()

    async def wait(self, bell: asyncio.Event) -> None:
        self._bells.add(bell)
        with suppress(TimeoutError):
            await asyncio.wait_for(bell.wait(), POLL_SECONDS)
        bell.clear()

    def forget(self, bell: asyncio.Event) -> None:
        self._bells.discard(bell)

    def close(self) -> None:
        """Ends the open event streams, which a server would wait for when it shuts down."""
        self.closed = True
        self.ring()

    # --- the clock ---

    def clock(self) -> dict[str, Any]:
        calendar = self.host.company.calendar
        now = (self.reached if self.target else None) or self.host.clock()
        return {
            "now": now.astimezone(calendar.zone).replace(second=0, microsecond=0).isoformat(),
            "today": calendar.business_date(now).isoformat(),
            "works": calendar.works(calendar.business_date(now)),
            "target": self.target.astimezone(calendar.zone).isoformat() if self.target else None,
            "failed": self.failed,
            "moves": self.moves,
        }

    def when(self, turn: Turn) -> datetime:
        calendar, now = self.host.company.calendar, self.host.clock()
        today = calendar.business_date(now)
        if turn.to is not None:
            to = parse_instant(turn.to, calendar.zone)
        elif turn.step == "hour":
            to = now + timedelta(hours=1)
        elif turn.step == "day":
            to = local_instant(today + timedelta(days=1), MORNING, calendar.zone)
        elif turn.step == "workday":
            to = local_instant(calendar.next_working_day(today), MORNING, calendar.zone)
        else:
            raise DomainError("clock.no_target")
        if to <= now:
            raise DomainError("clock.backwards")
        if to > now + MAX_STEP:
            raise DomainError("clock.too_far", days=MAX_STEP.days)
        return to

    def turn(self, to: datetime) -> None:
        self.moves += 1
        self.target, self.reached, self.failed = to, self.host.clock(), ""
        self._task = asyncio.create_task(self._turn(to))

    async def _turn(self, to: datetime) -> None:
        try:
            await self.host.advance(to, self._progress)
        except Exception as error:
            self.failed = str(error) or type(error).__name__
            raise
        finally:
            self.moves += 1
            self.target = self.reached = None
            self.ring()

    def _progress(self, at: datetime) -> None:
        self.moves += 1
        self.reached = at


def create_local_page(host: PageHost, letters: Path | None = None, form: str = FORM) -> FastAPI:
    """The application. `letters` is the folder of the letters of demand; `form`: where WeCom's form is, for /preview.

    `page.state.front.sign_in.new_token()` makes a link: `<where it is mounted>/enter?token=…`.
    """
    page = FastAPI(title="huikuan", openapi_url=None)
    front = Front(host, letters)
    page.state.front = front
    page.add_middleware(Guard, sign_in=front.sign_in)
    page.include_router(_routes(front))
    if host.shop is not None:
        page.include_router(shop_routes(host.shop, front.read, front.work_of))
    page.include_router(preview_routes(STATIC, form))
    page.mount("/static", StaticFiles(directory=STATIC))

    @page.exception_handler(Unreachable)
    async def unreachable(request: Request, error: Unreachable) -> JSONResponse:
        return _error(503, error.code, str(error))

    @page.exception_handler(DomainError)
    async def refused(request: Request, error: DomainError) -> JSONResponse:
        return _error(400, error.code, str(error))

    return page


def _error(status: int, code: str, message: str = "") -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def _routes(front: Front) -> APIRouter:
    router = APIRouter()
    host = front.host

    @router.get("/")
    async def index() -> Response:
        return FileResponse(STATIC / "local.html", media_type="text/html; charset=utf-8")

    @router.get("/api/people")
    async def get_people() -> Any:
        found: dict[str, Any] = await front.read(lambda s: people(s) | {"version": store.newest_version(s)})
        profile = host.company.profile
        return found | {
            "company": {"zh": profile.name, "en": profile.name_en or profile.name},
            "demo": host.demo,
            "shop": host.shop is not None,
            "lang": host.company.lang,
            "zone": host.company.calendar.zone.key,
            "views": VIEWS,
            "clock": front.clock(),
        }

    @router.get("/api/chat/{handle}")
    async def get_chat(
        handle: str, profile: View = "full", before: Annotated[int | None, Query(ge=0, le=MAX_ID)] = None
    ) -> Any:
        found = await front.read(lambda s: store.chat(s, handle, before=before))
        return {"items": front.items(found, profile)}

    @router.get("/api/mailbox")
    async def get_mailbox() -> Any:
        return {"items": front.items(await front.read(store.mailbox), "full")}

    @router.get("/letters/{handle}/{name}")
    async def get_letter(handle: str, name: str) -> Response:
        """A reader who may not see the customer gets the same answer as for a file that isn't there."""

        def page_of(session: Session) -> str | None:
            path = letter_file(session, front.letters, handle, name) if front.letters is not None else None
            try:
                return path.read_text(encoding="utf-8") if path is not None else None
            except OSError:
                return None

        page = await front.read(page_of)
        if page is None:
            return HTMLResponse(_NO_LETTER, 404)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy_of(page)})

    @router.post("/api/tap")
    async def post_tap(tap: Tap) -> Any:
        reply = await (await front.receiving()).tap(tap.person, tap.delivery, tap.action, tap.rev, tap.input)
        front.ring()
        asks = next_step(reply, tap.delivery)
        step = {"action": dump(reply.card)["actions"][0]} if asks and reply.card else None
        answered = reply.card.kind if reply.card is not None and step is None else None
        return {"outcome": reply.outcome, "message": reply.message, "next": step, "answer": answered}

    @router.post("/api/say")
    async def post_say(say: Say) -> Any:
        reply = await (await front.receiving()).say(say.person, say.text)
        front.ring()
        return {"outcome": reply.outcome, "message": reply.message}

    @router.post("/api/clock")
    async def post_clock(turn: Turn) -> Any:
        if not host.demo:
            return _error(404, "clock.real")
        if front.target is not None:
            return _error(409, "clock.busy")
        front.turn(front.when(turn))
        front.ring()
        return front.clock()

    @router.get("/api/events", response_class=EventSourceResponse)
    async def get_events(
        since: Annotated[int, Query(le=MAX_ID)],
        profile: View = "full",
        last_event_id: Annotated[int | None, Header(le=MAX_ID)] = None,
    ) -> AsyncIterable[ServerSentEvent]:
        # A little of the past again: what was written just before may not have had its delivery yet.
        async for event in _tail(front, last_event_id or max(since - 20, 0), profile):
            yield event

    return router


async def _tail(front: Front, version: int, view: str) -> AsyncIterable[ServerSentEvent]:
    bell, clock = asyncio.Event(), None
    fresh: dict[int, tuple[float, Any]] = {}  # message id -> until when to look again, what was shown
    loop = asyncio.get_running_loop()
    try:
        while not front.closed:
            since, again = version, list(fresh)

            def news(session: Session, since: int = since, again: list[int] = again) -> list[store.Message]:
                found = store.changed(session, since)
                seen = {m.id for m in found}
                return found + (store.messages(session, [i for i in again if i not in seen]) if again else [])

            try:
                found: list[store.Message] = await front.read(news)
            except Unreachable:
                found = []
            show = []
            for message in found:
                shown = (message.version, message.delivery, message.state)
                until, before = fresh.get(message.id, (0.0, None))
                if message.version > version or message.id not in fresh:
                    until = loop.time() + SETTLE_SECONDS
                if shown != before:
                    show.append(message)
                fresh[message.id] = (until, shown)
                version = max(version, message.version)
            fresh = {i: entry for i, entry in fresh.items() if entry[0] > loop.time()}
            if show:
                yield ServerSentEvent(event="messages", id=str(version), data=front.items(show, view))
            if (now := front.clock()) != clock:
                clock = now
                yield ServerSentEvent(event="clock", data=clock)
            if version - since < 100:
                await front.wait(bell)
    finally:
        front.forget(bell)
