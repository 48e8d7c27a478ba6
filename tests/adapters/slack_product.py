"""What the tests of the Slack adapter share: the fake, the adapter in a loop of its own, a `receive` to script."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.base import Address, Envelope, Reply
from bot.adapters.slack.adapter import SlackAdapter, build
from bot.card import Action, Card, Choice, Field, Input
from bot.settings import Settings
from core.db import make_engine, upgrade
from tests.fakes.slack import FakeSlack, Message
from tests.fakes.slack_product import LI, WANG, Loop, a_loop, until
from tests.logs import written

NOW = datetime(2026, 7, 8, 1, 0, tzinfo=UTC)
TO_LI = Address(LI)
SECRETS = ("xoxb-fake", "xapp-fake", "fake-signing-secret", "ticket=")
PROMISE = Action("task.promise", "承诺日期", "date", (Input("date", "date", True, "承诺回款日"),), draw="inline")
LOG = Action(
    "task.log", "登记结果", "choice",
    (Input("result", "choice", True, "沟通结果", (Choice("promise", "承诺付款"), Choice("paid", "称已付款"))),),
    "primary", draw="inline",
)  # fmt: skip
PAID = Action(
    "task.paid", "称已付款", "form",
    (Input("amount", "amount", False, "金额（不填为全部）"), Input("paid_on", "date", False, "付款日期")), draw="form",
)  # fmt: skip
RELEASE = Action("letters.release", "全部放行", confirm="放行 3 封信？", style="primary")
CARD = Card(
    kind="task.overdue", lang="zh", tone="danger", title="逾期 7 天 · 华兴商贸", text="请今天联系客户。\n第二行",
    fields=(Field("应收余额", "¥128,450.00"), Field("逾期", "¥28,450.00")), rows=(("I1", "¥28,450.00"), ("I2", "")),
    rows_more=3, actions=(LOG, PROMISE, PAID, RELEASE), footer="答复期限 07-09 18:00",
)  # fmt: skip


def settings(slack: FakeSlack, url: str = "sqlite://", **more: str) -> Settings:
    return Settings(
        database_url=url, messengers=("slack",),
        slack={
            "bot_token": slack.bot_token, "app_token": slack.app_token, "signing_secret": slack.signing_secret,
            "api_url": slack.api_url, **more,
        },
    )  # fmt: skip


class Product:
    """The adapter, started, with a `receive` that says what the test put into `says`; `heard` is what it was asked."""

    def __init__(self, slack: FakeSlack, loop: Loop, database: Path, **more: str) -> None:
        url = f"sqlite:///{database}"
        upgrade(url)
        self.engine = make_engine(url)
        self.slack, self.loop = slack, loop
        self.heard: list[Envelope] = []
        self.says: list[Reply | Exception] = []
        self.pause = 0.0
        self.pauses: dict[int, float] = {}  # of single ones among `heard`, the first is 1
        self.now = NOW
        self.adapter: SlackAdapter = build(settings(slack, url, **more), self.engine, lambda: self.now)

    async def receive(self, envelope: Envelope) -> Reply:
        self.heard.append(envelope)
        said = self.says.pop(0) if self.says else Reply("done", "已登记。")
        await asyncio.sleep(self.pauses.get(len(self.heard), self.pause))
        if isinstance(said, Exception):
            raise said
        return said

    def start(self, *, connected: bool = True) -> "Product":
        self.loop.run(self.adapter.start(self.receive))
        if connected:
            until(lambda: self.slack.connections == 1)
        return self

    def stop(self) -> None:
        self.loop.run(self.adapter.stop())
        self.engine.dispose()

    def send(self, card: Card = CARD, key: str = "task:1:card:0", to: Address = TO_LI) -> Any:
        return self.loop.run(self.adapter.send(to, card, key))

    def shown(self, card: Card = CARD) -> Message:
        """A card on li's screen."""
        self.send(card)
        return self.slack.screen(LI)[-1]


@contextmanager
def a_product(slack: FakeSlack, loop: Loop, folder: Path, **more: str) -> Iterator[Product]:
    made = Product(slack, loop, folder / "slack.db", **more).start(connected=more.get("mode") != "http")
    try:
        yield made
    finally:
        made.stop()


def find(blocks: list[dict[str, Any]], action: str) -> str:
    """The action id under which a control of ours stands."""
    for block in blocks:
        for element in [block.get("accessory"), *(block.get("elements") or [])]:
            if isinstance(element, dict) and re.match(rf"\w\d+\|{re.escape(action)}\|", element.get("action_id", "")):
                return str(element["action_id"])
    raise AssertionError(f"no {action}")


def words(thing: Any) -> str:
    """Every text in it, in reading order."""
    if isinstance(thing, list):
        return "\n".join(filter(None, map(words, thing)))
    if not isinstance(thing, dict):
        return ""
    own = thing["text"] if isinstance(thing.get("text"), str) else ""
    return "\n".join(filter(None, [own, *(words(part) for key, part in thing.items() if key != "confirm")]))


def asking(action: Action, **more: Any) -> Reply:
    """The product asks `action` of whoever pressed."""
    return Reply("done", "", replace(CARD, text="请选择：" + action.label, fields=(), rows=(), rows_more=0,
                                     actions=(replace(action, draw="form"),), **more), rev=4, asks=True)  # fmt: skip


__all__ = ["LI", "NOW", "WANG", "Loop", "Product", "a_loop", "a_product", "until"]


def no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """In the log of the whole test, whatever its phase."""
    assert [line for line in written(caplog).splitlines() if any(secret in line for secret in SECRETS)] == []
