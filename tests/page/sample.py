"""A small company in the local messenger, told with the real templates, for the page's tests and for screenshots.

    python -m tests.page.sample out/        writes out/local-1280.png and others
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from bot.adapters.base import Address, DeliveryRef, Envelope, Reply, Sent
from bot.adapters.local import LocalAdapter, LocalMailbox
from bot.card import Card
from bot.fit import fit
from bot.notifications.templates import render
from bot.notifications.views import REGISTRY
from bot.notifications.views.base import Part, Phrase, yuan
from bot.web.local import create_local_page
from core.db import make_engine, transaction, upgrade
from core.models import Delivery, Person
from core.time import Calendar
from core.work import Company, Profile

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 7, 8, 9, 0, tzinfo=ZONE)
PEOPLE = (
    ("lina", "李娜", ["rep"], "wangwei"),
    ("wangwei", "王伟", ["sales_manager"], "zhoumin"),
    ("zhoumin", "周敏", ["sales_director"], ""),
    ("chenyan", "陈燕", ["finance"], "hexin"),
    ("hexin", "何欣", ["finance_director"], ""),
    ("sunlei", "孙磊", ["rep"], "wangwei"),
)


def in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Sample:
    """A PageHost. What `receive` answers can be replaced; what came in is kept in `heard`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        profile = Profile(name="东海精工有限公司", name_en="Donghai Precision Co., Ltd.")
        self.company = Company(Calendar(ZONE), profile=profile, messengers=("local",))
        self.demo = True
        self.shop = None
        self.now = NOW.astimezone(UTC)
        self.heard: list[Envelope] = []
        self.answer: Callable[[Envelope], Reply] = self._answer
        self.chats = LocalAdapter(engine, self.clock)
        self.mail = LocalMailbox(engine, self.clock)
        self._count = 0

    def clock(self) -> datetime:
        return self.now

    async def receive(self, envelope: Envelope) -> Reply:
        self.heard.append(envelope)
        return await asyncio.to_thread(self.answer, envelope)

    async def advance(self, to: datetime, progress: Callable[[datetime], None]) -> None:
        while self.now < to:
            self.now = min(to, self.now + timedelta(hours=2))
            progress(self.now)
            await asyncio.sleep(0.02)

    def _answer(self, envelope: Envelope) -> Reply:
        if envelope.text:
            kind, name = ("reply.todo", "reply_todo") if "待办" in envelope.text else ("reply.balance", "reply_balance")
            return Reply("done", "", render(kind, REGISTRY[name].example("zh"), "zh"))
        if envelope.action == "task.log":
            card = self.card_of(envelope.delivery_id or 0)
            step = next(a for a in card.actions if a.id == "task.promise")
            return Reply("done", "", replace(card, actions=(step,)), delivery_id=envelope.delivery_id, asks=True)
        if envelope.action == "task.promise":
            day = date.fromisoformat(envelope.input["date"])
            closed = collect(days=7, ended=Phrase(code="ended.promised", on=day, amount=(yuan(120_000),), who="李娜"))
            self.redraw(envelope.delivery_id or 0, render("task.overdue", closed, "zh"), closed=True)
            return Reply("done", f"已登记：{day.month}月{day.day}日回款 120,000.00 元")
        return Reply("stale", "数字已更新，请看最新卡片")

    # --- what the sender does ---

    def post(self, handle: str, kind: str, view: Any, lang: str = "zh", **facts: Any) -> int:
        return self.send(handle, render(kind, view, lang), **facts)  # type: ignore[arg-type]

    def send(self, handle: str, card: Card, **facts: Any) -> int:
        """Sends and records the delivery, as the sender does. Its id."""
        self._count += 1
        to = Address(handle)
        fitted, _lost = fit(card, self.chats.capabilities(to), today=self.now.astimezone(ZONE).date())
        sent = in_thread(self.chats.send(to, fitted, f"{handle}:{self._count}"))
        assert isinstance(sent, Sent), sent
        return self._record("local", handle, sent.ref, card.kind, facts, closed=card.closed)

    def letter(self, kind: str, view: Any, to: str, cc: tuple[str, ...] = ()) -> None:
        self._count += 1
        sent = in_thread(self.mail.send(Address(to), render(kind, view, "zh"), f"letter:{self._count}", cc=cc))
        assert isinstance(sent, Sent), sent
        self._record("mail", to, sent.ref, kind, {})

    def redraw(self, delivery_id: int, card: Card, *, closed: bool = False) -> None:
        with transaction(self.engine) as session:
            delivery = session.get(Delivery, delivery_id)
            assert delivery is not None
            delivery.rev += 1
            delivery.state = "closed" if closed else "open"
            ref = DeliveryRef(Address(delivery.address), delivery.ref, delivery_id, delivery.rev)
        sent = in_thread(self.chats.update(ref, card))
        assert isinstance(sent, Sent), sent

    def card_of(self, delivery_id: int) -> Card:
        from bot.adapters.local import store
        from bot.card import load

        with transaction(self.engine) as session:
            delivery = session.get(Delivery, delivery_id)
            assert delivery is not None
            return load(store.messages(session, [int(delivery.ref)])[0].payload["card"])

    def _record(self, messenger: str, address: str, ref: str, kind: str, facts: dict[str, Any], closed: bool = False) -> int:
        with transaction(self.engine) as session:
            delivery = Delivery(
                messenger=messenger, address=address, ref=ref, kind=kind, subject="task", subject_id=1, at=self.now,
                updated_at=self.now, on_date=self.now.astimezone(ZONE).date(), card=facts,
                state="closed" if closed else "open",
            )  # fmt: skip
            session.add(delivery)
            session.flush()
            assert delivery.id is not None
            return delivery.id


def collect(**changes: Any) -> Any:
    """The overdue card with as much on it as a usual day has."""
    usual: dict[str, Any] = {
        "unapplied": (), "promise_on": None, "promise_amount": None, "not_kept": 0, "dispute": "", "dispute_amount": None,
        "hold": False, "events": (), "no_contact": False, "redelivered": False, "reminder_n": 1, "owner": "",
    }  # fmt: skip
    return replace(REGISTRY["collect"].example("zh"), **(usual | changes))


def add_people(engine: Engine) -> None:
    with transaction(engine) as session:
        ids: dict[str, int] = {}
        for handle, name, roles, manager in sorted(PEOPLE, key=lambda p: bool(p[3]) + ("rep" in p[2])):
            person = Person(handle=handle, name=name, roles=roles, manager_id=ids.get(manager))
            session.add(person)
            session.flush()
            assert person.id is not None
            ids[handle] = person.id


def fill(host: Sample) -> None:
    """A few days of work."""
    example = {name: view.example("zh") for name, view in REGISTRY.items()}
    host.now = (NOW - timedelta(days=1)).astimezone(UTC)
    soon = collect(severity="due_soon", days=0, due_in=7, customer="北辰实业有限公司", short="北辰实业")
    host.post("lina", "task.due_soon", soon)
    host.post("lina", "payment.arrived", example["payment"])
    paid = Phrase(code="ended.settled", on=date(2026, 7, 7), amount=(yuan(68_400),), who="陈燕")
    host.post("lina", "task.overdue", collect(ended=paid, customer="南浦化工有限公司", short="南浦化工"))
    host.post("chenyan", "claim.review", example["claim"])
    host.letter("letter.friendly", example["letter"], "finance@beichen.example")
    host.now = NOW.astimezone(UTC)
    host.post("wangwei", "task.silent", collect(severity="overdue"))
    host.post("wangwei", "promise.approval", example["promise"])
    severe = collect(severity="severe", days=19, customer="金桥机电有限公司", short="金桥机电", not_kept=2)
    host.post("wangwei", "alert.severe", severe)
    host.post("chenyan", "receipt.allocate", example["allocate"])
    host.post("chenyan", "receipts.stale", example["stale"])
    host.post("zhoumin", "task.critical", collect(severity="critical", days=33, hold=True, rating="D"))
    host.post("zhoumin", "digest.daily", example["digest"])
    host.letter("letter.notice", example["letter"], "finance@huaxing.example", ("li@huaxing.example",))
    host.letter("letter.friendly", example["letter"], "ar@nanpu.example")
    host.post("lina", "task.overdue", collect(parts=(Part(overdue=yuan(120_000), open=yuan(326_500)),)), severity="overdue")


@contextlib.contextmanager
def serving(host: Sample, letters: Path | None = None) -> Iterator[tuple[str, FastAPI]]:
    """The page on a free port of this machine, in a thread."""
    with listening(create_local_page(host, letters)) as found:
        yield found


@contextlib.contextmanager
def listening(page: FastAPI) -> Iterator[tuple[str, FastAPI]]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(page, log_level="error", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}", page
    finally:
        page.state.front.close()
        server.should_exit = True
        thread.join(10)
        sock.close()


def link(site: tuple[str, Any]) -> str:
    """A new one-time link."""
    base, page = site
    return f"{base}/enter?token={page.state.front.sign_in.new_token()}"


CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip


SIZES = {"1280": (1280, 800, 1), "390": (390, 844, 2)}


def shoot(folder: Path, name: str) -> None:
    from playwright.sync_api import sync_playwright

    width, height, scale = SIZES[name]
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/sample.db"
        upgrade(url)
        engine = make_engine(url)
        stack.callback(engine.dispose)
        add_people(engine)
        host = Sample(engine)
        fill(host)
        site = stack.enter_context(serving(host))
        chromium = stack.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        stack.callback(browser.close)
        tab = browser.new_page(
            viewport={"width": width, "height": height}, device_scale_factor=scale, locale="zh-CN"
        )
        tab.on("console", lambda m: print(m.text, file=sys.stderr))
        tab.on("pageerror", lambda e: print(e, file=sys.stderr))

        def picture(what: str = "") -> None:
            tab.wait_for_timeout(700)
            tab.screenshot(path=folder / f"local-{name}{what and '-' + what}.png")

        tab.goto(link(site))
        tab.wait_for_selector("body[data-ready]")
        picture()
        rep = tab.locator('[data-person="lina"]')
        for action in ("task.promise", "task.log"):
            rep.locator(f'[data-action="{action}"]').last.click()
            picture(action)
            tab.keyboard.press("Escape")
        if width < 700:
            for handle in ("wangwei", "chenyan", "@mailbox", "lina"):
                tab.locator(f'[data-tab="{handle}"]').click()
                picture(handle.strip("@"))
        for view in ("slack", "dingtalk", "wecom", "text", "full"):
            tab.select_option("#view", view)
            picture(view)
        rep.locator(".say input").fill("余额 华兴商贸")
        tab.keyboard.press("Enter")
        picture("say")
        tab.click("#lang")
        picture("en")
        tab.locator("#people").click()
        picture("people")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        shoot(target, size)
