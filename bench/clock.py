"""Two sides, interleaved: ours and a reference, A B A B. A verdict only if the machine was as fast before as after."""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

ROUNDS = 5
NOISE = 1.5  # a spin loop before and after may differ by this much

Timed = Callable[[], float]  # does its part, and says how many seconds it took: setting up is nobody's time


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = perf_counter()
    work()
    return perf_counter() - start


def spin() -> float:
    """How fast this machine is right now, by a loop that needs nothing but the processor."""

    def once() -> None:
        for _ in range(3_000_000):
            pass

    return statistics.median(seconds(once) for _ in range(5))


@dataclass(slots=True)
class Goal:
    """A ratio that may not be above (or, with `least`, below) the limit; with `most`, not above that either."""

    limit: float
    least: bool = False
    unit: str = "×"
    most: float = inf

    @property
    def none(self) -> bool:
        """Only to be known."""
        return self.limit == inf

    def met(self, value: float) -> bool:
        return self.limit <= value <= self.most if self.least else value <= self.limit

    def missed_by(self, value: float) -> float:
        if value > self.most:
            return value / self.most
        return self.limit / value if self.least else value / self.limit

    def __str__(self) -> str:
        if self.none:
            return "–"
        if self.most != inf:
            return f"{self.limit:g} – {self.most:g}{self.unit}"
        return f"{'≥' if self.least else '≤'} {self.limit:g}{self.unit}"


@dataclass(slots=True)
class Measure:
    """What came out. `ratios` one a round; `sides` names and medians in seconds, for the curious."""

    what: str
    database: str
    goal: Goal
    ratios: Sequence[float]
    sides: str = ""
    spins: tuple[float, float] = (1.0, 1.0)
    where: str = ""  # where our time goes
    digits: int = 2
    notes: list[str] = field(default_factory=list)
    broken: str = ""  # what must never happen and did, whatever the ratio

    @property
    def value(self) -> float:
        return statistics.median(self.ratios)

    @property
    def quiet(self) -> bool:
        return max(self.spins) <= NOISE * min(self.spins)

    @property
    def verdict(self) -> str:
        if self.broken:
            return f"missed: {self.broken}"
        if self.goal.none:
            return "no goal"
        if not self.quiet:
            return "none: the machine was not quiet"
        if self.goal.met(self.value):
            return "met"
        return f"missed by {self.goal.missed_by(self.value):.2f}×"


@dataclass(slots=True)
class Rounds:
    """The seconds of every side in every round."""

    taken: dict[str, list[float]]
    spins: tuple[float, float]

    def ratios(self, ours: str, reference: str) -> list[float]:
        return [a / b for a, b in zip(self.taken[ours], self.taken[reference], strict=True)]

    def median(self, side: str) -> float:
        return statistics.median(self.taken[side])


def interleave(rounds: int = ROUNDS, **sides: Timed) -> Rounds:
    """Every side once a round, in the order given; once more if the machine was not quiet."""
    found = _interleave(rounds, sides)
    if max(found.spins) > NOISE * min(found.spins):
        found = _interleave(rounds, sides)
    return found


def _interleave(rounds: int, sides: dict[str, Timed]) -> Rounds:
    before = spin()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            taken[name].append(side())
    return Rounds(taken, (before, spin()))


def shown(value: float) -> str:
    """Seconds as people read them."""
    if value < 0.001:
        return f"{value * 1_000_000:.0f} µs"
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
