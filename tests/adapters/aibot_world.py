"""What the tests of WeCom's robot share: a fake that is trusted, an adapter on a database, and a started one."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine

from bot.adapters.base import Sent
from bot.adapters.wecom import line
from bot.adapters.wecom.adapter import build
from bot.adapters.wecom.aibot import AibotAdapter
from bot.card import Card
from bot.settings import Settings
from tests.adapters.wecom_world import CARD, LI, Listener, fitted
from tests.fakes.wecom.aibot import FakeAibot

CANARY = "canary-secret-of-the-robot-0123456789abcdef"
QUICK = {"FIRST_PAUSE": 0.05, "KICKED_PAUSE": 0.4, "REFUSED_PAUSE": 0.3, "LOOK": 0.05, "CLOSING": 0.3}


def settings(wecom: FakeAibot, **more: Any) -> Settings:
    own = {"transport": "aibot", "bot_id": wecom.bot_id, "bot_secret": wecom.secret, "aibot_url": wecom.url}
    return Settings(**{"messengers": ("wecom",), "wecom": own, **more})


@contextmanager
def company() -> Iterator[FakeAibot]:
    members = {"LiSi": "李四", "wang": "王经理"}
    with (
        FakeAibot(members=members, secret=CANARY) as fake,
        patch.dict(os.environ, {"SSL_CERT_FILE": str(fake.trusted)}),
        patch.multiple(line, **QUICK),
    ):
        yield fake


def make(wecom: FakeAibot, engine: Engine, clock: Any, **more: Any) -> AibotAdapter:
    made = build(settings(wecom, **more), engine, clock)
    assert isinstance(made, AibotAdapter)
    return made


@asynccontextmanager
async def started(adapter: AibotAdapter, listener: Listener) -> AsyncIterator[AibotAdapter]:
    await adapter.start(listener)
    try:
        yield adapter
    finally:
        await adapter.stop()


async def do(what: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What people do, beside the product's loop."""
    return await asyncio.to_thread(what, *given, **named)


async def greeted(wecom: FakeAibot, user: str = "lisi") -> None:
    await do(wecom.say, user, "你好")


async def sent(adapter: AibotAdapter, card: Card = CARD, key: str = "task:1:card:0") -> str:
    result = await adapter.send(LI, fitted(adapter, card), key)  # type: ignore[arg-type]
    assert isinstance(result, Sent), result
    return result.ref


async def until(said: Callable[[], Any], seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if said():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")
