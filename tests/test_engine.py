"""When the metronome ticks."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import engine
from core.time import Calendar, Window, parse_instant

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("window", "working"),
    [
        ("09:00-12:00", "09:00 10:00 11:00"),
        ("09:15-09:45", "09:00 09:15"),
        ("09:30-12:00", "09:00 09:30 10:00 11:00"),
        ("13:00-15:00", "09:00 13:00 14:00"),
    ],
)
def test_nine_every_day_each_hour_of_work_and_its_start(window: str, working: str, monkeypatch: Any) -> None:
    start, end = (engine.time.fromisoformat(at) for at in window.split("-"))
    policy = SimpleNamespace(windows=SimpleNamespace(work=Window(start, end)))
    monkeypatch.setattr(engine, "active", lambda work: (None, policy))
    work: Any = SimpleNamespace(company=SimpleNamespace(calendar=Calendar(ZONE)))
    friday, sunday = (parse_instant(f"2026-07-{day}T00:00", ZONE) for day in ("03", "05"))
    ticks = engine.hours_of_work(work, friday, sunday)
    assert [f"{t.astimezone(ZONE):%d %H:%M}" for t in ticks] == [*(f"03 {at}" for at in working.split()), "04 09:00"]
