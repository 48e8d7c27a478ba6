"""Counting this month's calls: written in a moment, once, and nothing of it outlives the adapter."""

import asyncio
import threading
from datetime import datetime
from typing import Any

import pytest

from bot.adapters.dingtalk import month
from tests.adapters.slack_product import NOW
from tests.harness import SHANGHAI


class Slow:
    """A memory that takes its time."""

    def __init__(self) -> None:
        self.begun, self.goes_on, self.counted = threading.Event(), threading.Event(), list[tuple[str, int]]()

    def count(self, key: str, by: int, at: datetime) -> None:
        self.begun.set()
        assert self.goes_on.wait(5)
        self.counted.append((key, by))


@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["while it is written", "before"])
def test_the_end_waits_for_what_is_being_written(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(month, "SECONDS", seconds)
    memory: Any = Slow()

    async def story() -> None:
        counts = month.Month(memory, lambda: NOW, SHANGHAI)
        counts.add()
        counts.add()
        if not seconds:
            assert await asyncio.to_thread(memory.begun.wait, 5)
        closing = asyncio.create_task(counts.close())
        assert await asyncio.to_thread(memory.begun.wait, 5)
        await asyncio.sleep(0.05)
        assert not closing.done()
        memory.goes_on.set()
        await closing
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())
    assert memory.counted == [("calls:2026-07", 2)]
