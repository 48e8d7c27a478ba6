"""Hours that pass in no time: a clock for paces that moves when somebody waits, and a fake's own along with it."""

import asyncio
from collections.abc import Callable

import pytest

from bot.adapters import pace


class Hours:
    """`began` and `now` in seconds; `also` is told how many have passed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, also: Callable[[float], object] = lambda seconds: None) -> None:
        self.began = self.now = 1_000_000.0
        self._also = also
        self._ends: list[float] = []  # of those who wait
        monkeypatch.setattr(pace, "monotonic", lambda: self.now)
        monkeypatch.setattr(pace, "sleep", self._pass)

    async def _pass(self, seconds: float) -> None:
        end = self.now + seconds
        self._ends.append(end)
        try:
            while self.now < end:
                await asyncio.sleep(0)
                if self.now < end == min(self._ends):
                    self._also(end - self.now)
                    self.now = end
        finally:
            self._ends.remove(end)
