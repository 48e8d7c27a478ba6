"""What the doctor finds about WeCom, and what it tells to do."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.adapters.check import Finding
from bot.adapters.wecom.check import check
from tests.adapters.wecom_world import CANARY, Server, company, settings
from tests.fakes.wecom import FakeWecom


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


async def test_all_is_well(wecom: FakeWecom) -> None:
    with Server([Route("/healthz", alive)]) as url:
        states = {name: one.state for name, one in (await found(wecom, public_url=url)).items()}
    assert states == {
        "wecom.aes_key": "ok", "wecom.secret": "ok", "public_url": "warn", "wecom.callback": "ok", "wecom.clock": "ok",
        "wecom.called": "warn",
    }  # fmt: skip
    assert wecom.calls_of("message/send") == []


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


async def test_nobody_is_there(wecom: FakeWecom) -> None:
    gone = await found(wecom, public_url="https://127.0.0.1:9", api_url="http://127.0.0.1:9")
    assert gone["public_url"].state == "ok" and gone["wecom.callback"].state == "warn"
    assert gone["wecom.secret"].state == "fail" and gone["wecom.clock"].state == "warn"


async def test_a_wrong_clock(wecom: FakeWecom, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from core.time import utcnow

    monkeypatch.setattr("bot.adapters.wecom.check.utcnow", lambda: utcnow() + timedelta(minutes=4))
    assert (await found(wecom))["wecom.clock"].state == "fail"
