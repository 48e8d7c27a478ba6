"""Keeps under a messenger's limits: calls wait for their turn, or are told when to come again, instead of being refused."""

from asyncio import sleep
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

KEYS = 10_000  # remembered at most; the longest unused are forgotten, which by then have their full burst again


@dataclass(slots=True)
class _Line:
    """`next`: for each rate, when the next call would be on time. `waiting`: who stands in line, in order."""

    next: list[float]
    waiting: list[object] = field(default_factory=list)


class Pace:
    """At most `burst` calls at once and `per_second` after that, for each key apart. 0 per second: no limit.

    `more`: further pairs of the same two, for limits that count longer; all of them are kept.
    """

    def __init__(self, per_second: float, burst: int = 1, *more: tuple[float, int]) -> None:
        self._rates = [(1 / rate, most) for rate, most in ((per_second, burst), *more) if rate]
        self._lines: OrderedDict[str, _Line] = OrderedDict()

    async def turn(self, key: str = "") -> None:
        """Returns when it is the caller's turn: in the order in which they came."""
        if not self._rates:
            return
        line, me = self._line(key), object()
        line.waiting.append(me)
        try:
            while (left := self._left(line, line.waiting.index(me))) > 0:
                await sleep(left)  # what could not wait may have gone in between, so it is looked at again
            self._count(line)
        finally:
            line.waiting.remove(me)

    def at_once(self, key: str = "") -> None:
        """For what cannot wait: it counts, so the others wait for longer."""
        self._count(self._line(key))

    def _line(self, key: str) -> _Line:
        line = self._lines.pop(key, None) or _Line([0.0] * len(self._rates))
        self._lines[key] = line
        while len(self._lines) > KEYS:
            self._lines.popitem(last=False)
        return line

    def _left(self, line: _Line, ahead: int) -> float:
        now = monotonic()
        dues = [max(due, now - gap * (burst - 1)) + gap * ahead
                for due, (gap, burst) in zip(line.next, self._rates, strict=True)]  # fmt: skip
        return max(dues) - now

    def _count(self, line: _Line) -> None:
        now = monotonic()
        line.next = [max(due, now - gap * (burst - 1)) + gap
                     for due, (gap, burst) in zip(line.next, self._rates, strict=True)]  # fmt: skip


class Quota:
    """For calls that somebody brings again: at most `most` in `seconds`, and none before the messenger wants any more.

    `clock`: the one by which they come again. `most` 0: no limit of our own.
    """

    def __init__(self, clock: Callable[[], datetime], most: int = 0, seconds: float = 60.0) -> None:
        self._clock, self._most, self._seconds = clock, most, seconds
        self._gone: deque[float] = deque()
        self._shut = (0.0, 0.0)  # since when, until when

    def left(self, *, first: bool = False) -> float:
        """Seconds until one may leave; 0: it leaves now, and counts. `first`: others wait for it, so only the messenger
        itself can stop it."""
        now = self._clock().timestamp()
        while self._gone and not now - self._seconds < self._gone[0] <= now:
            self._gone.popleft()
        since, until = self._shut
        if since <= now < until:
            return until - now
        if self._most and not first and len(self._gone) >= self._most:
            return self._gone[-self._most] + self._seconds - now
        if self._most:
            self._gone.append(now)
        return 0.0

    def shut(self, seconds: float) -> None:
        """The messenger said so: nothing leaves for so long."""
        now = self._clock().timestamp()
        self._shut = (now, now + seconds)
