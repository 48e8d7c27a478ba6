"""WeCom's limits, on at the fake: what is sent waits for its turn, and what must be in time goes first and counts."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Reply
from bot.adapters.pace import Pace
from bot.adapters.wecom import frames
from bot.adapters.wecom.adapter import WecomAdapter
from bot.adapters.wecom.aibot import AibotAdapter
from tests.adapters import aibot_world, wecom_world
from tests.adapters.aibot_world import do, greeted, started
from tests.adapters.hours import Hours
from tests.adapters.wecom_world import Clock, Listener
from tests.databases import Databases
from tests.fakes.wecom import FakeWecom
from tests.fakes.wecom.aibot import FakeAibot

WORDS = {"msgtype": "markdown", "markdown": {"content": "逾期 7 天"}}


@pytest.fixture
def database_url(databases: Databases) -> str:
    return databases.create("sqlite")


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    with wecom_world.company() as fake:
        fake.limits.on = True
        yield fake


@pytest.fixture
def app(wecom: FakeWecom, engine: Engine) -> WecomAdapter:
    return wecom_world.make(wecom, engine, Clock())


@pytest.fixture
def aibot() -> Iterator[FakeAibot]:
    with aibot_world.company() as fake:
        fake.limits.on = True
        yield fake
        assert fake.wrong == []


@pytest.fixture
def robot(aibot: FakeAibot, engine: Engine) -> AibotAdapter:
    return aibot_world.make(aibot, engine, Clock())


# --- the app ---


async def test_nothing_of_what_one_member_gets_is_dropped(
    wecom: FakeWecom, app: WecomAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours(monkeypatch, wecom.pass_time)
    for n in range(50):
        await app.say("lisi" if n % 2 else "LiSi", f"第 {n} 条", "zh")
    await app.say("wang", "另一人", "zh")
    assert not wecom.dropped and not wecom.wrong
    assert (len(wecom.screen("lisi")), len(wecom.screen("wang"))) == (50, 1)
    assert hours.now - hours.began == pytest.approx(38 * 4.0)  # 12 at once, and the one to wang


async def test_no_call_is_one_too_many_whatever_it_is_for(
    wecom: FakeWecom, app: WecomAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three counts for itself at WeCom, and all together here."""
    Hours(monkeypatch, wecom.pass_time)
    wecom.limits.api_minute, wecom.limits.member_minute = 6, 1000
    for call in (lambda: app.post("lisi", b"{}"), lambda: app.show("lisi", "none", {}), lambda: app.signed_in("none")):
        app._calls, app._member = Pace(0.05, 3), Pace(0)
        before = len(wecom.calls)
        for _ in range(10):
            await call()
        assert len(wecom.calls) >= before + 10
    assert [call.errcode for call in wecom.calls if call.errcode == 45009] == []


# --- the robot ---


async def test_pushes_wait_so_that_none_is_refused(
    aibot: FakeAibot, robot: AibotAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours(monkeypatch, aibot.pass_time)
    async with started(robot, Listener()):
        await greeted(aibot)
        for n in range(50):
            assert await robot.push("lisi" if n % 2 else "LiSi", WORDS) is None
    assert aibot.limits.refused == 0 and len(aibot.screen("lisi")) == 51
    assert hours.now - hours.began == pytest.approx(39 * 4.0)  # 12 at once, one of them the answer to the greeting


async def test_answers_come_at_once_and_pushes_wait_for_them(
    aibot: FakeAibot, robot: AibotAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    async with started(robot, listener):
        await greeted(aibot)
        hours = Hours(monkeypatch, aibot.pass_time)
        for n in range(25):
            said = await do(aibot.say, "lisi", f"第 {n} 行")
            assert said.text == "已记录。"
        entered = await do(aibot.enter, "lisi")
        assert entered.refused == [] and hours.now == hours.began, "nobody was kept waiting"
        for _ in range(20):
            assert await robot.push("lisi", WORDS) is None
        assert aibot.limits.refused == 0 and hours.now - hours.began >= 60.0
        await greeted(aibot, "wang")
        before = hours.now
        assert await robot.push("wang", WORDS) is None and hours.now == before


async def test_an_answer_that_wecom_has_no_room_for_comes_as_a_push_later(
    aibot: FakeAibot, robot: AibotAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours(monkeypatch, aibot.pass_time)
    async with started(robot, Listener(usual=Reply("done", "已登记。"))):
        for n in range(30):
            await do(aibot.say, "lisi", f"第 {n} 行")
        await do(aibot.say, "lisi", "第 30 行", patience=0)
        await aibot_world.until(lambda: len(aibot.screen("lisi")) == 31)
    assert aibot.limits.refused == 1 and hours.now - hours.began >= 60.0
    assert [cmd for cmd, _ in aibot.frames if cmd in (frames.REPLY, frames.PUSH)] == [*[frames.REPLY] * 31, frames.PUSH]
