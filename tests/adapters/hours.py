"""Hours that pass in no time: a clock for paces that moves when somebody waits, and a fake's own along with it."""

import asyncio
from typing import Protocol

import pytest

from bot.adapters import pace


class Passes(Protocol):
    def pass_time(self, seconds: float) -> None: ...


class Hours:
    """`began` and `now` in seconds; `also` lives by the same clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, also: Passes | None = None) -> None:
        self.began = self.now = 1_000_000.0
        self._also = also
        monkeypatch.setattr(pace, "monotonic", lambda: self.now)
        monkeypatch.setattr(pace, "sleep", self._pass)

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds
        if self._also is not None:
            self._also.pass_time(seconds)
