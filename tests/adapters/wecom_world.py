"""What the tests of the WeCom adapter share: a fake company, an adapter on a database, a server for its callbacks."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot.adapters.base import Address, Envelope, Reply
from bot.adapters.wecom.adapter import WecomAdapter, build
from bot.card import Action, Card, Choice, Field, Input
from bot.fit import fit
from bot.settings import Settings
from tests.fakes.wecom import FakeWecom

NOW = datetime(2026, 7, 2, 1, 0, tzinfo=UTC)  # Thursday, 09:00 in Shanghai
TODAY = NOW.date()
LI = Address("LiSi")
CANARY = "canary-secret-of-the-app-0123456789abcdef"

DATE = Input("date", "date", True, "承诺回款日")
REASON = Input("reason", "choice", True, "争议原因", tuple(Choice(f"r{n}", f"原因{n}") for n in range(5)))
CARD = Card(
    kind="task.overdue", lang="zh", tone="warning", title="逾期 7 天 · ¥120,000.00 · 华兴商贸",
    text="请在 18:00 前登记结果。",
    fields=(Field("客户", "华兴商贸"), Field("逾期金额", "¥120,000.00")),
    actions=(
        Action("task.promise", "承诺日期", "date", (DATE,), "primary"),
        Action("task.dispute", "有争议", "form", (REASON, Input("note", "text", False, "说明"))),
        Action("task.other", "其他情况", "form", (Input("note", "text", True, "情况说明"),)),
        Action("claim.void", "未查到", style="danger", confirm="确认没有查到这笔款？"),
        Action("promise.approve", "批准"),
    ),
    footer="负责人 小李",
)  # fmt: skip
DONE = Card("task.overdue", "zh", "success", "已承诺 7-10 · 华兴商贸", fields=(Field("客户", "华兴商贸"),), closed=True)


def settings(wecom: FakeWecom, **more: Any) -> Settings:
    own = {
        "corp_id": wecom.corp_id, "agent_id": wecom.agent_id, "secret": wecom.secret, "token": wecom.token,
        "aes_key": wecom.aes_key, "api_url": wecom.url, "oauth_url": wecom.url,
    }  # fmt: skip
    return Settings(**{"messengers": ("wecom",), "wecom": own, **more})


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Listener:
    """A `receive` that writes down what it got and answers as the test says."""

    answers: list[Any] = field(default_factory=list)
    heard: list[Envelope] = field(default_factory=list)
    shown: int = 0
    usual: Any = None

    async def __call__(self, envelope: Envelope) -> Reply:
        self.heard.append(envelope)
        answer = self.answers.pop(0) if self.answers else self.usual or Reply("done", "已记录。")
        if callable(answer):
            answer = answer(envelope)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def was_shown(self) -> None:
        self.shown += 1


def fitted(adapter: WecomAdapter, card: Card = CARD, to: Address = LI) -> Card:
    return fit(card, adapter.capabilities(to), today=TODAY)[0]


@contextmanager
def company(**more: Any) -> Iterator[FakeWecom]:
    members = {"LiSi": "李四", "wang": "王经理"}
    with FakeWecom(members=members, secret=CANARY, callback="http://127.0.0.1:9/wecom/callback", **more) as fake:
        yield fake


def make(wecom: FakeWecom, engine: Engine, clock: Clock, **more: Any) -> WecomAdapter:
    return build(settings(wecom, **more), engine, clock)


class Server:
    """Serves routes or a page in a thread and a loop of its own, so that a test may wait without stopping them."""

    def __init__(self, served: list[BaseRoute] | Starlette, listening: socket.socket | None = None) -> None:
        self._sockets = None if listening is None else [listening]
        page = served if isinstance(served, Starlette) else Starlette(routes=served)
        config = uvicorn.Config(page, port=0, log_level="warning", access_log=False)
        self._server = uvicorn.Server(config)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    async def _serve(self) -> None:
        serving = asyncio.ensure_future(self._server.serve(self._sockets))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(10)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def run(self, steps: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(steps, self.loop).result(20)

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)


def linked(engine: Engine) -> None:
    """LiSi's account belongs to somebody, as that of whoever is sent a card does."""
    from core.db import transaction
    from core.models import Account, Person

    with transaction(engine) as session:
        person = Person(handle="li", name="小李", roles=["rep"])
        session.add(person)
        session.flush()
        session.add(Account(person_id=person.id or 0, messenger="wecom", user_id="LiSi"))


def delivery(engine: Engine, ref: str, card: Card, **more: Any) -> int:
    """A row as the recorder writes it, for the tests that have no App."""
    from bot.card import card_json, dump
    from core.db import transaction
    from core.models import Delivery

    values: Mapping[str, Any] = {
        "messenger": "wecom", "address": "LiSi", "ref": ref, "kind": card.kind, "subject": "task", "subject_id": 1,
        "at": NOW, "updated_at": NOW, "on_date": TODAY, "card": {**card_json(card), "dump": dump(card), "data": {}},
    }  # fmt: skip
    with transaction(engine) as session:
        row = Delivery(**{**values, **more})
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id
