"""Nobody's limit is broken: turns in a line, turns that cannot wait, and quotas of what comes again."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.adapters.pace import Pace, Quota
from bot.adapters.wecom import adapter as app
from bot.adapters.wecom import aibot as robot
from tests.adapters.hours import Hours


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    return Hours(monkeypatch)


def most(times: Sequence[float], seconds: float) -> int:
    """In any stretch of so many seconds."""
    inside, found = deque[float](), 0
    for time in times:
        inside.append(time)
        while inside[0] <= time - seconds:
            inside.popleft()
        found = max(found, len(inside))
    return found


@pytest.mark.parametrize("which", [app, robot], ids=["app", "robot"])
async def test_a_member_of_wecom_gets_30_a_minute_and_1000_an_hour(hours: Hours, which: Any) -> None:
    pace, times = Pace(which.MEMBER, which.MEMBER_BURST), []
    for _ in range(1200):
        await pace.turn("li")
        times.append(hours.now)
    assert 24 <= most(times, 60) <= 30 and 800 <= most(times, 3600) <= 1000


def test_an_hour_of_calls_of_wecom_is_within_both_limits() -> None:
    def in_(seconds: float) -> float:
        return min(burst + per_second * seconds for per_second, burst in app.CALLS)

    assert in_(60) <= 10_000 and 100_000 < in_(3600) <= 150_000


async def test_both_limits_of_one_pace_are_kept(hours: Hours) -> None:
    pace, times = Pace(1.0, 2, (0.1, 20)), []
    for _ in range(60):
        await pace.turn()
        times.append(hours.now)
    assert most(times, 10) <= 12 and most(times, 300) <= 50


async def test_what_cannot_wait_goes_first_and_counts(hours: Hours) -> None:
    pace, times = Pace(0.5, 2), []
    for _ in range(5):
        pace.at_once("li")
    assert hours.now == hours.began
    await pace.turn("wang")
    assert hours.now == hours.began, "somebody else's chat"
    await pace.turn("li")
    assert hours.now - hours.began == pytest.approx(8.0)  # three more than the burst, and itself

    async def one() -> None:
        await pace.turn("li")
        times.append(hours.now)

    waiting = asyncio.create_task(one())
    await asyncio.sleep(0)  # it stands in line, and something goes before it
    pace.at_once("li")
    await waiting
    assert times[0] - hours.began == pytest.approx(12.0)


async def test_whoever_gives_up_holds_up_nobody(hours: Hours) -> None:
    pace = Pace(1.0)
    await pace.turn()
    for _ in range(3):
        tired = asyncio.create_task(pace.turn())
        await asyncio.sleep(0)
        tired.cancel()
        await asyncio.gather(tired, return_exceptions=True)
    before = hours.now
    await pace.turn()
    assert hours.now - before <= 1.0


def test_a_quota_says_when_and_keeps_what_the_messenger_said() -> None:
    now = 1000.0
    quota = Quota(lambda: datetime.fromtimestamp(now, UTC), 3, 60.0)
    assert [quota.left() for _ in range(3)] == [0.0] * 3
    now += 20
    assert quota.left() == 40.0 and quota.left(first=True) == 0.0
    now += 41
    assert [quota.left(), quota.left(), quota.left() > 0] == [0.0, 0.0, True]
    quota.shut(300.0)
    assert quota.left() == quota.left(first=True) == 300.0
    now += 300
    assert quota.left() == 0.0
    now -= 7200  # somebody set the clock back: what was counted by the other one is forgotten
    assert quota.left() < 310.0
