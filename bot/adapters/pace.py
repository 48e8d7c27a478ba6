"""Keeps under a messenger's limits: calls wait for their turn instead of being refused."""

import asyncio
from collections import OrderedDict

KEYS = 10_000  # remembered at most; the longest unused are forgotten, which by then have their full burst again


class Pace:
    """At most `burst` calls at once and `per_second` after that, for each key apart. 0 per second: no limit."""

    def __init__(self, per_second: float, burst: int = 1) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._burst = burst
        self._next: OrderedDict[str, float] = OrderedDict()  # key -> when the next call would be on time

    async def turn(self, key: str = "") -> None:
        """Returns when it is the caller's turn. The turn is taken at once, so callers stand in line."""
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        due = max(self._next.pop(key, 0.0), now - self._gap * (self._burst - 1))
        self._next[key] = due + self._gap
        while len(self._next) > KEYS:
            self._next.popitem(last=False)
        if due > now:
            await asyncio.sleep(due - now)
