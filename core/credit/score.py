"""A score from 0 to 100 out of weighted inputs: each figure becomes points by its scale. Pure, in whole numbers.

The score is rounded to one decimal, and that is what the cuts are compared with: what is shown is what decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from core.credit.figures import UNITS
from core.credit.inputs import Inputs
from core.credit.rules import SCALES, RatingRules, Scale
from core.money import digits

_WHOLE = 1_000_000  # the most points that an input can have: a hundred
_PRECISE = 10**9  # a scale's ends, as whole numbers


class Figure(NamedTuple):
    """A figure as a fraction, so that no rounding comes between it and its points."""

    over: int
    under: int = 1

    @property
    def shown(self) -> Decimal:
        """To two decimals, without noughts at the end."""
        exact = (Decimal(self.over) / self.under).quantize(Decimal("0.01"), ROUND_HALF_UP)
        return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact.normalize()


@dataclass(frozen=True)
class ScorePart:
    """One input: its figure, its points (0 to 100) and its weight. None where there is nothing to judge: it has no part
    in the score, and the others weigh more. `source` and `as_of`: of an imported one."""

    name: str
    figure: Decimal | None
    points: Decimal | None
    weight: int
    source: str = ""
    as_of: date | None = None

    def json(self) -> dict[str, Any]:
        told = {"figure": _text(self.figure), "points": _text(self.points), "weight": self.weight}
        return told if self.as_of is None else told | {"source": self.source, "as_of": self.as_of.isoformat()}


@dataclass(frozen=True)
class Score:
    """`value`: 0 to 100, to one decimal."""

    value: Decimal
    parts: tuple[ScorePart, ...]

    def json(self) -> dict[str, Any]:
        return {"value": str(self.value), "inputs": {part.name: part.json() for part in self.parts}}


def _part(of: int, all_: int | None) -> Figure | None:
    return Figure(of, all_) if all_ else None


def _trend(of: Inputs) -> Figure | None:
    before, after = of.first_half, of.second_half.plus(of.overdue)
    if not before.minor or not after.minor:
        return None
    return Figure(after.minor_days * before.minor - before.minor_days * after.minor, after.minor * before.minor)


def _average(of: Inputs) -> Figure | None:
    weighed = of.weighed
    return _part(weighed.minor_days, weighed.minor)


# Every input that a score can be made of (core.credit.rules.SCALES), as far as there is something to judge.
FIGURES: Mapping[str, Callable[[Inputs], Figure | None]] = {
    "avg_late_days": _average,
    "late_share": lambda of: _part(of.late.minor, of.paid.minor),
    "max_late_days": lambda of: Figure(of.max_late_days),
    "times_overdue": lambda of: Figure(of.times_overdue),
    "overdue_share": lambda of: _part(of.overdue.minor, of.open_minor) or Figure(0),
    "on_time_run": lambda of: Figure(of.on_time_run),
    "broken_promises": lambda of: Figure(of.broken_promises),
    "promises_kept": lambda of: _part(of.promises_kept, of.promises_judged),
    "disputes": lambda of: Figure(of.disputes),
    "returns_share": lambda of: _part(of.returned_minor, of.invoiced_minor),
    "volume": lambda of: Figure(of.invoiced_minor, 10 ** digits(of.currency)),
    "months_known": lambda of: Figure(of.months_known),
    "trend_days": _trend,
    "usage": lambda of: _part(of.open_minor, of.limit_minor),
    "risk_events": lambda of: Figure(of.risk_points),
}


def score(of: Inputs, rules: RatingRules, *, parts: bool = True) -> Score | None:
    """None: the policy gives no weights, or none of what they weigh is known. Without `parts`, only its value."""
    total = weight_of_known = 0
    told = []
    for name, weight in rules.weights.items():
        reported = of.figures.get(name) if name not in FIGURES else None
        figure = Figure(reported.millionths, UNITS) if reported else FIGURES[name](of) if name in FIGURES else None
        points = None if figure is None else _points(figure, *_ends(rules.points.get(name) or SCALES[name]))
        if points is not None:
            total += weight * points
            weight_of_known += weight
        if parts:
            known = None if points is None else _tenth(points, 1)
            whence = (reported.source, reported.as_of) if reported else ()
            told.append(ScorePart(name, figure and figure.shown, known, weight, *whence))
    return Score(_tenth(total, weight_of_known), tuple(told)) if weight_of_known else None


def rating_of(found: Score, score_cuts: Mapping[str, int]) -> tuple[str, int]:
    """The rating of a score, and the cut that it was compared with: that of the letter; of a D the last one missed."""
    cut = 0
    for value, cut in score_cuts.items():
        if found.value >= cut:
            return value, cut
    return "D", cut


@lru_cache(maxsize=64)
def _ends(scale: Scale) -> tuple[int, int]:
    return int(scale.best * _PRECISE), int(scale.worst * _PRECISE)


def _points(figure: Figure, best: int, worst: int) -> int:
    """Of _WHOLE. `figure.under` is above 0."""
    share, span = worst * figure.under - figure.over * _PRECISE, (worst - best) * figure.under
    if span < 0:
        share, span = -share, -span
    return min(_WHOLE, max(0, (2 * _WHOLE * share + span) // (2 * span)))


def _tenth(total: int, weights: int) -> Decimal:
    """Points on average, 0 to 100, to one decimal; half is rounded up."""
    tenths = (2 * total * 1000 + weights * _WHOLE) // (2 * weights * _WHOLE)
    return Decimal(tenths).scaleb(-1)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
