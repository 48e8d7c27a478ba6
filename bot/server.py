"""The long-running process: the web server, the messengers, the metronome and the sender in one event loop."""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable
from datetime import datetime

import uvicorn
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import BaseRoute, Route

from bot.adapters.base import Callbacks, Connects
from bot.app import App
from bot.card import as_lang
from bot.engine import hours_of_work, last_import
from bot.notifications.templates import templates
from bot.settings import Settings
from core import jobs
from core.errors import ConfigError
from core.time import utcnow

log = logging.getLogger(__name__)

NO_PAGE = """回款 huikuan 正在运行，在聊天里用；网页要在 HUIKUAN_MESSENGERS 中加上 local。
huikuan is running and lives in chats; for the page, add local to HUIKUAN_MESSENGERS.
"""
SEND_SECONDS = 2
LOOK_SECONDS = 0.5
TICK_SECONDS = 60


class Metronome:
    """APScheduler only beats; what is due is asked of the database each time, so missed beats lose nothing."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._scheduler = AsyncIOScheduler(
            timezone=app.company.calendar.zone,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_job(self._tick, IntervalTrigger(seconds=TICK_SECONDS), next_run_time=utcnow())
        self._scheduler.add_job(self._send, IntervalTrigger(seconds=SEND_SECONDS))
        self._scheduler.add_job(self._tell, IntervalTrigger(seconds=SEND_SECONDS))
        self._scheduler.add_listener(self._failed, EVENT_JOB_ERROR)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    async def _tick(self) -> None:
        # The scheduler cancels its jobs when it ends; a message that has left must be recorded all the same.
        await self._app.undisturbed(self._beat())

    async def _send(self) -> None:
        await self._app.undisturbed(self._app.deliver(self._app.clock(), until=()))

    async def _tell(self) -> None:
        await self._app.undisturbed(self._app.tell())

    async def _beat(self) -> None:
        """Runs the cycle once for each hour of work and after imports, whichever process claims that first."""
        now = self._app.clock()
        due = await asyncio.to_thread(self._due, now)
        if due is None:
            return
        await self._app.tick(now, until=())
        with self._app.work(now) as work:
            jobs.done(work, *due)

    def _due(self, now: datetime) -> tuple[str, str] | None:
        """The job and its slot."""
        with self._app.work(now) as work:
            midnight = now.astimezone(self._app.company.calendar.zone).replace(hour=0, minute=0, second=0, microsecond=0)
            passed = hours_of_work(work, midnight, now)
            if passed and jobs.claim(work, "hour", slot := passed[-1].isoformat()):
                return "hour", slot
            imported = last_import(work)
            return ("import", str(imported)) if imported is not None and jobs.claim(work, "import", str(imported)) else None

    @staticmethod
    def _failed(event: JobExecutionEvent) -> None:
        log.error("%s failed: %s", event.job_id, event.exception, exc_info=event.exception)


def bind(host: str, port: int) -> socket.socket:
    """The listening socket; port 0 takes a free one. Errors: system.port_taken, system.failed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends what it has at once; without, the end of an answer waits 40 ms for an ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        code = "system.port_taken" if error.errno == errno.EADDRINUSE else "system.failed"
        raise ConfigError(code, port=port, detail=error.strerror or str(error)) from None
    return listening


async def run(app: App, listening: socket.socket, *, engine: bool, ready: Callable[..., None], links: int = 1) -> None:
    """Serves until it is told to stop. `ready` gets the address of the page `links` times, each with a one-time token of
    its own: one browser each."""
    await app.start()
    page = _page(app)
    server = uvicorn.Server(uvicorn.Config(page, log_level="warning", access_log=False, timeout_graceful_shutdown=3))
    # Our own handlers: uvicorn's would re-raise the signal after the shutdown and end in a traceback.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, lambda: _stop(server, page))
    metronome = Metronome(app) if engine else None
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if metronome is not None:
        metronome.start()
    host, port = listening.getsockname()[:2]
    front = getattr(page.state, "front", None)
    here = f"http://{host}:{port}/"
    ready(*(here + (f"enter?token={front.sign_in.new_token()}" if front is not None else "") for _ in range(links)))
    telling = asyncio.create_task(_tell_connected(app))
    try:
        await serving
    finally:
        telling.cancel()
        if metronome is not None:
            metronome.stop()
        await app.stop()


async def _tell_connected(app: App) -> None:
    """A line for each messenger: when its connection stands; of one that calls us, where, and when it first did."""
    zh = app.company.lang == "zh"
    waiting, said = list(app.settings.real_messengers), set()
    while waiting:
        for name in waiting[:]:
            adapter, called = app.adapters[name], templates().word(name, "messenger", as_lang(app.company.lang))
            at = _called_at(adapter, app.settings.public_url)
            if at and name not in said:
                said.add(name)
                print(f"{called} 等待回调：{at}" if zh else f"{called} will call us at {at}", flush=True)
            if isinstance(adapter, Connects) and adapter.connected():
                waiting.remove(name)
                here = ("已收到回调", "has called us") if at else ("已连接", "is connected")
                print(f"{called} {here[0]}" if zh else f"{called} {here[1]}", flush=True)
        await asyncio.sleep(LOOK_SECONDS)


def _called_at(adapter: object, public_url: str) -> str:
    """Where a messenger calls us; "" for one that we connect to."""
    routes = adapter.routes() if isinstance(adapter, Callbacks) else ()
    paths = [route.path for route in routes if isinstance(route, Route)]
    return (public_url.rstrip("/") or "https://…") + paths[0] if paths else ""


def _page(app: App) -> FastAPI:
    """The local messenger's page, where the local messenger is listed; else nothing but a sign of life. The REST API and
    what messengers and their forms call stand before its door."""
    from bot.preview import form_of
    from bot.web.api import Beside, create_api
    from bot.web.guard import BeforeDoor
    from bot.web.local import create_local_page

    if "local" in app.company.messengers:
        page = create_local_page(app, app.settings.letters_dir, form_of(app.settings.public_url))
    else:
        page = FastAPI(title="huikuan", openapi_url=None)
        page.router.routes.append(Route("/", lambda _: PlainTextResponse(NO_PAGE)))

    page.add_middleware(BeforeDoor, routes=_open_routes(app))
    page.add_middleware(Beside, api=create_api(app))
    return page


def _open_routes(app: App) -> list[BaseRoute]:
    """What is called from outside, under whatever name this server has there; each verifies who knocks by itself."""
    from bot.web import forms

    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    found: list[BaseRoute] = [Route("/healthz", alive)]
    for adapter in app.adapters.values():
        if isinstance(adapter, Callbacks):
            found += adapter.routes()
        if isinstance(adapter, forms.Messenger) and adapter.public_url:
            found += forms.routes(adapter, app.transactions, app.clock)
    return found


def _stop(server: uvicorn.Server, page: FastAPI) -> None:
    front = getattr(page.state, "front", None)
    if front is not None:
        front.close()
    server.should_exit = True


def settle_in() -> None:
    """What has been made by now stays as long as the process: the collector need not look through all of it again and
    again, a tenth of a second in which nobody is answered."""
    gc.collect()
    gc.freeze()


def serve(settings: Settings, *, host: str, port: int, engine: bool) -> None:
    """`huikuan serve`. The page of the local messenger is only for this machine, behind a one-time token."""
    listening = bind(host, port)
    print("正在启动…" if settings.lang == "zh" else "Starting…", flush=True)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a beat that comes late or is left out loses nothing
    app = App(settings)

    def ready(address: str) -> None:
        settle_in()
        print(address, flush=True)

    asyncio.run(run(app, listening, engine=engine, ready=ready))
