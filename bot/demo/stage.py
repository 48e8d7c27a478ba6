"""`huikuan demo`: everything in one process, a database of its own, the local messenger's page, a clock to turn."""

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from datetime import datetime, time
from functools import partial
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, event, func, select

from bot.app import App
from bot.demo import company, history
from bot.demo.story import SHOP, Story
from bot.server import bind
from bot.server import run as serve
from bot.settings import CompanyProfile, Settings, WebhookSettings
from bot.web.shop import open_shop
from core.db import make_engine, schema_state, upgrade
from core.dunning.cycle import CYCLE
from core.errors import ConfigError
from core.models import Audit, JobSlot
from core.models.base import table_of
from core.time import Calendar, local_instant, utcnow

FILE = "huikuan.db"
HOST = "127.0.0.1"
OPENS = time(9)
_MARK = ("demo", "company")  # the slot that makes a database a demo's


def run(settings: Settings, *, port: int, data: Path | None, at: datetime | None, browser: bool) -> None:
    """Serves the demo until ctrl-C. Errors: demo.foreign, demo.unfinished, demo.port_taken, demo.backwards."""
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError), _folder(data) as folder:
        asyncio.run(_demo(settings, folder, port=port, keep=data is not None, at=at, browser=browser))


async def _demo(settings: Settings, folder: Path, *, port: int, keep: bool, at: datetime | None, browser: bool) -> None:
    loop, whole = asyncio.get_running_loop(), asyncio.current_task()
    assert whole is not None
    for name in (signal.SIGINT, signal.SIGTERM):  # the server sets its own later
        loop.add_signal_handler(name, whole.cancel)
    listening = _listen(port)
    say = _Teller(settings.lang)
    with contextlib.closing(listening):
        app = await open_demo(settings, folder / FILE, at=at, say=say)
        try:
            kept = folder if keep else None
            await serve(app, listening, engine=False, links=2, ready=partial(_ready, app, say, kept, browser))
        finally:
            await app.stop()


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="huikuan-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def _listen(port: int) -> socket.socket:
    try:
        return bind(HOST, port)
    except ConfigError:
        raise ConfigError("demo.port_taken", port=port) from None


# --- the database ---------------------------------------------------------------------------------


async def open_demo(settings: Settings, path: Path, *, at: datetime | None = None, say: "_Teller | None" = None) -> App:
    """The App of a new demo at `path`, or of the one that is there. Its clock stands still. Started."""
    say = say or _Teller(settings.lang, quiet=True)
    own = demo_settings(settings, path)
    there, letters = _examine(own.database, path), own.letters_dir.exists()
    app = App(own, demo=True)
    try:
        if there is None:
            now = at or usual_now(app.company.calendar, utcnow())
            await _found(app, now, say)
        else:
            await _reopen(app, there, at, say)
        with app.work(app.clock(), actor="demo") as work:
            app.shop = open_shop(work, SHOP)
    except BaseException:
        app.engine.dispose()
        if there is None:  # half a sample is of no use
            for end in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            if not letters:
                shutil.rmtree(own.letters_dir, ignore_errors=True)
        raise
    return app


def demo_settings(settings: Settings, path: Path) -> Settings:
    """The user's language and calendar; nothing else of theirs: the demo reaches nobody outside this machine."""
    return settings.model_copy(
        update={
            "database_url": SecretStr(f"sqlite:///{path}"),
            "messengers": ("local",),
            "currency": "CNY",
            "public_url": "",
            "letters": "send",
            "letters_dir": path.parent / "letters",
            "smtp_url": SecretStr(""),
            "mail_from": "",
            "imap_url": SecretStr(""),
            "webhook": WebhookSettings(),
            "company": CompanyProfile(**{name: getattr(company.PROFILE, name) for name in CompanyProfile.model_fields}),
        }
    )


def usual_now(calendar: Calendar, real: datetime) -> datetime:
    """09:00 of the latest working day that is not after `real`."""
    day = calendar.business_date(real)
    if not calendar.works(day) or local_instant(day, OPENS, calendar.zone) > real:
        day = calendar.previous_working_day(day)
    return local_instant(day, OPENS, calendar.zone)


def _examine(url: str, path: Path) -> datetime | None:
    """The time at which an existing demo stopped; None where a new one is to be made.

    Looks without leaving a trace: a database that is not ours stays as it is, to the byte.
    Errors: demo.foreign, demo.unfinished.
    """
    marked = _marked(path)
    if marked is None:
        upgrade(url)
        return None
    if not marked:
        raise ConfigError("demo.foreign", file=str(path))
    engine = make_engine(url)
    try:
        if schema_state(engine) == "older":
            upgrade(url)
        return _stopped_at(engine, path)
    finally:
        engine.dispose()


def _marked(path: Path) -> bool | None:
    """Whether a demo made this database. None: there is nothing yet."""
    if not path.exists():
        return None
    slot = table_of(JobSlot)
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as raw:
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if slot.name not in tables:
                return False if tables else None
            query = f"SELECT 1 FROM {slot.name} WHERE job = ? AND slot = ?"
            return raw.execute(query, _MARK).fetchone() is not None
    except sqlite3.Error:
        return False


def _stopped_at(engine: Engine, path: Path) -> datetime:
    slot, audit = table_of(JobSlot), table_of(Audit)
    with engine.connect().execution_options(read_only=True) as conn:
        rows = conn.execute(select(slot.c.job, slot.c.slot, slot.c.done_at)).all()
        latest = conn.execute(select(func.max(audit.c.at))).scalar()
    times = [row.done_at for row in rows if row.job == CYCLE or (row.job, row.slot) == _MARK]
    if any(done is None for done in times):
        raise ConfigError("demo.unfinished", file=str(path))
    stopped: datetime = max([*times, *([latest] if latest else [])])
    return stopped


# --- a new one, or the old one --------------------------------------------------------------------


async def _found(app: App, now: datetime, say: "_Teller") -> None:
    calendar = app.company.calendar
    today = calendar.business_date(now)
    with app.work(now) as work:
        days = history.days_of(work, today)
    eve = local_instant(days.first, time(8), calendar.zone)
    app.set_clock(eve)
    with _hasty(app.engine):
        with app.work(eve) as work:
            work.session.add(JobSlot(job=_MARK[0], slot=_MARK[1], claimed_at=eve, lease_until=eve))
        await app.start()
        say("建立示例公司……", "Founding a sample company …")
        with app.work(eve, actor="import", channel="import") as work:
            _, customers = company.found(work)
            count = history.write(work, days, customers)
        say(
            f"{len(company.PEOPLE)} 位同事，{len(customers)} 个客户，{count} 笔应收，往前 {history.MONTHS} 个月",
            f"{len(company.PEOPLE)} people, {len(customers)} customers, {count} receivables of {history.MONTHS} months",
        )
        say("回放最近几天：", "Playing the last days:", end="")
        story = Story(app, days, progress=lambda day: say(f" {day:%m-%d}", f" {day:%m-%d}", end=""))
        await story.run(now)
        say("", "")
        app.set_clock(now)
        with app.work(now) as work:
            work.session.get_one(JobSlot, _MARK).done_at = now


async def _reopen(app: App, stopped: datetime, at: datetime | None, say: "_Teller") -> None:
    app.set_clock(stopped)
    if at is not None and at < stopped:
        shown = stopped.astimezone(app.company.calendar.zone)
        raise ConfigError("demo.backwards", at=shown)
    await app.start()
    say("打开上次的演示", "Opening the demo that is there")
    if at is not None and at > stopped:
        await app.advance(at, lambda reached: None)


@contextlib.contextmanager
def _hasty(engine: Engine) -> Iterator[None]:
    """While the sample is being written nothing is worth waiting for the disk: an unfinished one is written anew."""

    def unsynced(dbapi: object, _record: object) -> None:
        dbapi.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]

    event.listen(engine, "connect", unsynced)
    engine.dispose()
    gc.disable()  # looking for garbage among rows that are all still in use takes a sixth of the time
    try:
        yield
    finally:
        gc.enable()
        event.remove(engine, "connect", unsynced)
        engine.dispose()


# --- what the terminal says -----------------------------------------------------------------------


_POSTS = {
    "rep": ("业务员", "sales"),
    "sales_manager": ("销售经理", "sales managers"),
    "sales_director": ("销售总监", "sales director"),
    "finance": ("财务", "finance"),
    "finance_manager": ("财务经理", "finance manager"),
    "finance_director": ("财务总监", "finance director"),
    "management": ("总经理", "management"),
    "admin": ("系统管理员", "admin"),
}


class _Teller:
    def __init__(self, lang: str, *, quiet: bool = False) -> None:
        self._en, self._quiet = lang == "en", quiet

    def __call__(self, zh: str, en: str, *, end: str = "\n") -> None:
        if not self._quiet:
            print(en if self._en else zh, end=end, flush=True)


def _ready(app: App, say: _Teller, kept: Path | None, browser: bool, address: str, second: str) -> None:
    now = app.clock().astimezone(app.company.calendar.zone)
    for role, (zh, en) in _POSTS.items():
        names = [f"{who.name} {who.handle}" for who in company.PEOPLE if who.role == role]
        say(f"  {zh}：{'，'.join(names)}", f"  {en}: {', '.join(names)}")
    shown = f"{now:%Y-%m-%d %H:%M}"
    say(f"现在是 {shown}（演示的时钟，可在页面上拨动）", f"It is {shown}, by a clock that the page turns")
    say("页面右上角的“订单系统”：下一张单，看信用审批", "“Orders” at the top right: place one, and see it approved")
    if kept is not None:
        say(f"数据在 {kept}，下次用同一个 --data 接着看", f"The data stays in {kept}; the same --data opens it again")
    say(f"另一个浏览器用这个链接（每个链接只能打开一次）：{second}", f"For another browser (each link opens once): {second}")
    say(f"打开：{address}", f"Open: {address}")
    say("Ctrl-C 结束", "Ctrl-C ends it")
    if browser and _has_display():
        webbrowser.open(address)


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
