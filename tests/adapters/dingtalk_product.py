"""For the tests of the DingTalk adapter: the adapter in a loop of its own thread, the fake in another, sockets between."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from bot.adapters.base import Address, Envelope, Reply
from bot.adapters.build import messenger
from bot.adapters.dingtalk import template
from bot.adapters.dingtalk.adapter import DingtalkAdapter
from bot.card import Action, Card, Choice, Field, Input, dump
from bot.fit import fit
from bot.settings import Settings
from core.db import make_engine, transaction
from core.models import Delivery
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk

NOW = datetime(2026, 7, 8, 1, 0, tzinfo=UTC)
CANARY = "canary-secret-8fJq2"
LI = Address("li")
TEMPLATE = "hk.schema"

DATE = Input("date", "date", True, "承诺回款日")
MORE = (Input("amount", "amount", False, "金额"), Input("note", "text", False, "备注"))
PROMISE = Action("task.promise", "承诺日期", "date", (DATE, *MORE))
RESULTS = (Choice("promise", "承诺日期"), Choice("paid", "称已付款"), Choice("other", "其他情况"))
LOG = Action("task.log", "登记结果", "choice", (Input("result", "choice", True, "沟通结果", RESULTS),), style="primary")
APPROVE = Action("promise.approve", "批准")
RELEASE = Action("letters.release", "全部放行", confirm="确定放行吗？")


def card(*actions: Action, **more: Any) -> Card:
    given: dict[str, Any] = {
        "kind": "task.overdue", "lang": "zh", "tone": "warning", "title": "逾期 7 天 · 甲公司", "text": "请尽快登记结果。",
        "fields": (Field("客户", "甲公司"), Field("逾期金额", "¥120,000.00")), "actions": actions or (PROMISE, APPROVE),
        "footer": "负责人 李四",
    }  # fmt: skip
    return Card(**(given | more))


Receive = Callable[[Envelope], Awaitable[Reply]]


class Product:
    """The adapter alone. `receive` is what the test makes of an event; what came in is in `heard`."""

    def __init__(self, fake: FakeDingTalk, engine: Engine, *, cards: bool, **group: Any) -> None:
        self.fake, self.engine = fake, engine
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.heard: list[Envelope] = []
        self.receive: Receive = self._nothing
        self.adapter = self.run(self._build(settings(fake, cards=cards, **group)))
        self.stopped = False

    async def _build(self, found: Settings) -> DingtalkAdapter:
        adapter = messenger("dingtalk", found, self.engine, lambda: NOW)
        assert isinstance(adapter, DingtalkAdapter)
        return adapter

    def run(self, steps: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(steps, self.loop).result(30)

    async def _nothing(self, envelope: Envelope) -> Reply:
        return Reply("done", "好")

    async def _hear(self, envelope: Envelope) -> Reply:
        self.heard.append(envelope)
        return await self.receive(envelope)

    def start(self, *, connected: bool = True) -> "Product":
        self.run(self.adapter.start(self._hear))
        if connected:
            self.fake.wait_connected()
        return self

    def answers(self, *replies: Reply) -> None:
        """One after the other; the last one stays."""
        left = list(replies)

        async def receive(_: Envelope) -> Reply:
            return left.pop(0) if len(left) > 1 else left[0]

        self.receive = receive

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.run(self.adapter.stop())

    def end(self) -> None:
        self.stop()
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    # --- shorthands ---

    def fitted(self, shown: Card, to: Address = LI) -> Card:
        return fit(shown, self.adapter.capabilities(to), today=NOW.date())[0]

    def send(self, shown: Card | None = None, key: str = "task:1", to: Address = LI) -> Any:
        return self.run(self.adapter.send(to, self.fitted(shown or card(), to), key))

    def deliver(self, shown: Card | None = None, key: str = "task:1", user: str = "li") -> str:
        """Sent and recorded, as the product does it; returns the ref."""
        drawn = self.fitted(shown or card())
        ref = str(self.run(self.adapter.send(Address(user), drawn, key)).ref)
        record(self.engine, ref, drawn, user)
        return ref


def record(engine: Engine, ref: str, drawn: Card, user: str = "li", **more: Any) -> int:
    values: dict[str, Any] = {
        "messenger": "dingtalk", "address": user, "ref": ref, "kind": drawn.kind, "subject": "task", "subject_id": 1,
        "at": NOW, "updated_at": NOW, "on_date": NOW.date(), "card": {"dump": dump(drawn), "data": {}},
    }  # fmt: skip
    with transaction(engine) as session:
        row = Delivery(**(values | more))
        session.add(row)
        session.flush()
        return row.id or 0


def settings(fake: FakeDingTalk, *, cards: bool, database_url: str = "sqlite://", **group: Any) -> Settings:
    given = {
        "client_id": fake.client_id, "client_secret": fake.client_secret, "robot_code": fake.robot_code,
        "corp_id": fake.corp_id, "api_url": fake.api, "oapi_url": fake.oapi, "card_template": TEMPLATE if cards else "",
    }  # fmt: skip
    return Settings(database_url=database_url, messengers=("dingtalk",), dingtalk=given | group)


@contextmanager
def played() -> Iterator[FakeDingTalk]:
    """A company of three and a group. What the fake finds wrong fails the test at its end."""
    with FakeDingTalk() as fake:
        fake.world.client_secret = CANARY
        fake.add_user("li", "u-li", "13800000001", "李四")
        fake.add_user("wang", "u-wang", "13800000002", "王总")
        fake.add_user("stranger", "u-out", "13900000000", "外人", corp_id="dingother")
        fake.add_group("cid-group", ["li", "wang"])
        fake.add_template(TEMPLATE, template.text())
        yield fake
        assert fake.wrong == []


def sqlite(databases: Databases) -> Iterator[Engine]:
    """What the database does is proved elsewhere, on both."""
    url = databases.create("sqlite")
    engine = make_engine(url)
    yield engine
    engine.dispose()
    databases.drop(url)


def products(fake: FakeDingTalk, engine: Engine) -> Iterator[Callable[..., Product]]:
    made: list[Product] = []

    def make(*, cards: bool = True, **group: Any) -> Product:
        made.append(Product(fake, engine, cards=cards, **group))
        return made[-1]

    yield make
    for each in made:
        each.end()


def impatient(product: Product, *, quiet: float = 0.3, patience: float = 0.3) -> None:
    """A dead connection is noticed within a second."""
    product.adapter.stream_timing = (quiet, patience)


def hidden(records: list[logging.LogRecord]) -> bool:
    """Whether the canary secret is nowhere in the logs."""
    formatter = logging.Formatter("%(message)s")
    return all(CANARY not in formatter.format(record) for record in records)

