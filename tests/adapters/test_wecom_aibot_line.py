"""WeCom's robot: its long connection, whatever ends it."""

# ruff: noqa: F811

import asyncio

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Address, Refused, Retry
from bot.adapters.wecom import line
from bot.adapters.wecom.adapter import build
from bot.adapters.wecom.aibot import AibotAdapter
from bot.settings import Settings
from tests.adapters.aibot_world import CANARY, do, greeted, make, sent, settings, started, until
from tests.adapters.test_wecom_aibot import _nothing_secret, adapter, database_url, listener, wecom  # noqa: F401
from tests.adapters.wecom_world import LI, Clock, Listener, fitted
from tests.fakes.wecom.aibot import FakeAibot

ENDS = (*[line.LOST] * 3, line.KICKED, line.KICKED, line.REFUSED, line.LOST)


@pytest.mark.parametrize("end", ["1000", "1001", "1011", "cut"])
async def test_it_comes_back_whatever_ends_it(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, end: str) -> None:
    async with started(adapter, listener):
        await greeted(wecom)
        wecom.refuse_connections = 2
        await do(wecom.cut) if end == "cut" else await do(wecom.close, int(end))
        await until(lambda: not adapter._line.up)
        assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Retry)  # type: ignore[arg-type]
        await until(lambda: adapter._line.up)
        await sent(adapter)
        assert wecom.refuse_connections == 0


async def test_it_notices_a_black_hole(
    wecom: FakeAibot, engine: Engine, listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(line, "PING", 0.2)
    monkeypatch.setattr(line, "SILENCE", 0.5)
    async with started(make(wecom, engine, Clock()), listener) as adapter:
        await greeted(wecom)
        await asyncio.sleep(0.6)
        assert wecom.count("aibot_subscribe") == 1, "pings that are answered keep it up"
        await do(wecom.black_hole)
        await until(lambda: wecom.count("aibot_subscribe") == 2)
        await until(lambda: adapter._line.up)
        await sent(adapter)
    assert "fallen silent" in caplog.text


async def test_thrown_out_it_says_so_and_waits(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(adapter, listener):
        await greeted(wecom)
        thrown_out = asyncio.get_running_loop().time()
        await do(wecom.kick)
        await until(lambda: not adapter._line.up)
        result = await adapter.send(LI, fitted(adapter), "1")  # type: ignore[arg-type]
        assert isinstance(result, Retry) and result.reason == "kicked_out"
        await asyncio.sleep(0.2)
        assert wecom.count("aibot_subscribe") == 1, "it does not fight back at once"
        await until(lambda: adapter._line.up)
        assert asyncio.get_running_loop().time() - thrown_out >= line.KICKED_PAUSE
    assert "another program has connected with this robot" in caplog.text


async def test_it_waits_longest_where_another_program_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that throw each other out by turns would be heard by nobody; what is only lost is back in seconds."""
    kept, ends, pauses = line.Line(Settings().wecom, lambda frame: None), [*ENDS], []

    async def once() -> str:
        return ends.pop(0)

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        if not ends:
            raise asyncio.CancelledError

    monkeypatch.setattr(kept, "_once", once)
    monkeypatch.setattr(line.asyncio, "sleep", slept)  # type: ignore[attr-defined]
    with pytest.raises(asyncio.CancelledError):
        await kept._keep()
    assert pauses == [1.0, 2.0, 4.0, 300.0, 300.0, 60.0, 1.0]


async def test_a_wrong_secret_is_said_and_tried_again(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    wecom.secret = "another one"
    async with started(adapter, listener):
        assert not adapter._line.up and "HUIKUAN_WECOM_BOT_SECRET" in caplog.text
        result = await adapter.send(Address("LiSi"), fitted(adapter), "1")  # type: ignore[arg-type]
        assert isinstance(result, Refused), "whoever has not written hears nothing anyway"
        wecom.secret = CANARY
        await until(lambda: adapter._line.up)


async def test_nobody_there_does_not_hold_up_the_start(engine: Engine, wecom: FakeAibot, listener: Listener) -> None:
    given = settings(wecom)
    given.wecom.aibot_url = "wss://127.0.0.1:9"
    adapter = build(given, engine, Clock())
    began = asyncio.get_running_loop().time()
    await adapter.start(listener)
    await adapter.stop()
    await adapter.stop()
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_stranger_in_between_is_not_trusted(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with started(adapter, listener):
        assert not adapter._line.up and wecom.count("aibot_subscribe") == 0
