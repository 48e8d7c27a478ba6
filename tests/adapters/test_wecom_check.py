"""What the doctor finds about WeCom, and what it tells to do."""

import asyncio
import gc
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.adapters.check import Finding
from bot.adapters.reach import ask, new_word
from bot.adapters.wecom import check as checking
from bot.adapters.wecom.adapter import WecomAdapter
from bot.adapters.wecom.check import check
from bot.adapters.wecom.client import Client
from bot.adapters.wecom.wire import Wire
from tests.adapters.wecom_world import CANARY, Clock, Server, company, make, settings
from tests.fakes.wecom import FakeWecom
from tests.fakes.wecom.aibot import FakeAibot


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    with company() as fake:
        yield fake


async def found(wecom: FakeWecom, **own: Any) -> dict[str, Finding]:
    given = settings(wecom, public_url=own.pop("public_url", ""))
    for name, value in own.items():
        setattr(given.wecom, name, value)
    findings = await check(given)
    for one in findings:
        assert one.message_zh and one.message_en and CANARY not in repr(one)
        assert one.state == "ok" or one.name == "wecom.clock" or (one.hint_zh and one.hint_en)
    return {one.name: one for one in findings}


async def alive(request: Any) -> JSONResponse:
    return JSONResponse({"status": "ok"})


@pytest.fixture
def adapter(wecom: FakeWecom, engine: Engine) -> WecomAdapter:
    return make(wecom, engine, Clock())


@pytest.fixture
def url(wecom: FakeWecom, adapter: WecomAdapter) -> Iterator[str]:
    """Where the product answers."""
    wecom._app().domain = "127.0.0.1"
    with Server([Route("/healthz", alive), *adapter.routes()]) as found:
        yield found


async def test_all_is_well(wecom: FakeWecom, adapter: WecomAdapter, url: str) -> None:
    states = {name: one.state for name, one in (await found(wecom, public_url=url)).items()}
    assert states == {
        "wecom.aes_key": "ok", "wecom.secret": "ok", "wecom.agent": "ok", "public_url": "warn", "wecom.callback": "ok",
        "wecom.clock": "ok", "wecom.called": "warn",
    }  # fmt: skip
    assert wecom.calls_of("message/send") == []
    assert not adapter.connected()  # that we called ourselves does not say that WeCom does


OTHERS = [{"token": SecretStr("x")}, {"aes_key": SecretStr("b" * 42 + "A")}, {"corp_id": "ww-other"}]


@pytest.mark.parametrize("wrong", OTHERS)
async def test_the_callback_is_asked_as_wecom_asks_it(wecom: FakeWecom, url: str, wrong: dict[str, Any]) -> None:
    refused = (await found(wecom, public_url=url, **wrong))["wecom.callback"]
    assert refused.state == "fail" and "EncodingAESKey" in refused.message_zh and "huikuan serve" in refused.hint_en


@pytest.mark.parametrize(("off", "problem"), [(-302, "HTTP 403"), (302, "HTTP 403"), (-295, ""), (295, "")])
async def test_five_minutes_and_no_more_a_callback_counts(
    wecom: FakeWecom, url: str, monkeypatch: pytest.MonkeyPatch, off: int, problem: str
) -> None:
    now, word = time.time(), new_word()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("bot.adapters.wecom.wire.time.time", lambda: now + off)
        query = Wire(settings(wecom).wecom).asked(word)
    answer = await ask("GET", url + "/wecom/callback", params=query)
    assert (answer.problem, answer.said == word) == (problem, not problem)


async def test_a_proxy_that_passes_only_the_sign_of_life(wecom: FakeWecom) -> None:
    with Server([Route("/healthz", alive)]) as url:
        half = (await found(wecom, public_url=url))["wecom.callback"]
    assert half.state == "fail" and "HTTP 404" in half.message_zh and "/wecom/callback" in half.hint_zh


async def test_the_app_is_asked_about(wecom: FakeWecom) -> None:
    other = (await found(wecom, agent_id=wecom.agent_id + 1))["wecom.agent"]
    assert other.state == "fail" and "HUIKUAN_WECOM_AGENT_ID" in other.hint_zh and "301002" in other.message_en
    wecom.faults.errcode("agent/get", 60020)  # a token is given to any address
    ip = await found(wecom)
    assert ip["wecom.secret"].state == "ok" and ip["wecom.agent"].state == "fail" and "可信" in ip["wecom.agent"].hint_zh
    wecom.faults.errcode("agent/get", 48002)
    assert (await found(wecom))["wecom.agent"].state == "warn"
    wecom._app().closed = True
    assert "停用" in (await found(wecom))["wecom.agent"].message_zh


@pytest.mark.parametrize(("domain", "state"), [("", "warn"), ("example.org", "warn"), ("example.com", "ok"),
                                               ("ar.example.com:443", "ok"), ("r.example.com", "warn")])  # fmt: skip
async def test_forms_open_on_the_trusted_domain_only(wecom: FakeWecom, domain: str, state: str) -> None:
    wecom._app().domain = domain
    client = Client(settings(wecom).wecom)
    said = checking._app(client, "https://ar.example.com")
    client.close()
    assert said.state == state and (state == "ok" or "ar.example.com" in said.hint_zh)


async def test_wrong_keys_and_trusted_addresses(wecom: FakeWecom) -> None:
    wrong = await found(wecom, secret=SecretStr("wrong"), aes_key=SecretStr("short"))
    assert wrong["wecom.secret"].state == "fail" and "HUIKUAN_WECOM_SECRET" in wrong["wecom.secret"].hint_zh
    assert wrong["wecom.aes_key"].state == "fail" and wrong["public_url"].state == "warn"
    assert "HUIKUAN_WECOM_CORP_ID" in (await found(wecom, corp_id="ww-other"))["wecom.secret"].hint_en
    wecom.faults.errcode("gettoken", 60020)
    assert "可信" in (await found(wecom))["wecom.secret"].hint_zh


async def test_a_robot_is_not_subscribed_to_be_checked() -> None:
    from tests.adapters import aibot_world

    with aibot_world.company() as robot:
        first, second = await check(aibot_world.settings(robot))
        assert (first.name, first.state, second.name, second.state) == ("wecom.connection", "ok", "wecom.aibot", "warn")
        assert "serve" in second.hint_zh and robot.frames == []
        given = aibot_world.settings(robot)
        given.wecom.aibot_url = "wss://127.0.0.1:9"
        assert (await check(given))[0].state == "fail"


def test_a_look_at_the_robots_connection_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the other side lets go: the loop of the check ends with it, and its socket was left to the garbage."""
    from tests.adapters import aibot_world

    async def slow_to_leave(fake: FakeAibot, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        await socket.receive()
        assert socket._writer is not None
        with suppress(ConnectionError):
            await socket._writer.close(1000)
        time.sleep(0.3)  # nobody there reads what TLS says at the end
        return socket

    monkeypatch.setattr(FakeAibot, "_connected", slow_to_leave)
    with warnings.catch_warnings(record=True) as left, aibot_world.company() as robot:
        warnings.simplefilter("always", ResourceWarning)
        assert asyncio.run(check(aibot_world.settings(robot)))[0].state == "ok"
        gc.collect()
        assert [str(one.message) for one in left] == []


async def test_nobody_is_there(wecom: FakeWecom) -> None:
    gone = await found(wecom, public_url="https://127.0.0.1:9", api_url="http://127.0.0.1:9")
    assert gone["public_url"].state == "ok" and gone["wecom.callback"].state == "warn"
    assert gone["wecom.secret"].state == "fail" and gone["wecom.clock"].state == "warn"


async def test_a_wrong_clock(wecom: FakeWecom, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from core.time import utcnow

    for off, state in ((4, "warn"), (6, "fail")):
        monkeypatch.setattr("bot.adapters.wecom.check.utcnow", lambda off=off: utcnow() + timedelta(minutes=off))
        assert (await found(wecom))["wecom.clock"].state == state
