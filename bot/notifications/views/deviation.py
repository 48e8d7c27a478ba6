"""Limits that are off their model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import example_name, example_person, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationLine:
    code: str
    name: str
    owner: str
    rating: str
    granted: Money
    model: Money
    share: str  # "+15%"; "" where the model gives nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationTotal:
    """Of one currency."""

    granted: Money
    model: Money
    share: str
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationView:
    """reply.deviation: `customers` are the farthest off, of `off` in all; those of `compared` have a limit and a model."""

    today: date
    allowed: str  # "5%"
    months: int  # of the window
    customers: tuple[DeviationLine, ...]
    off: int
    compared: int
    without_limit: int
    without_model: int
    too_new: int = 0  # known for less than three months
    totals: tuple[DeviationTotal, ...] = ()

    @property
    def none(self) -> bool:
        return not self.off

    @property
    def nothing(self) -> bool:
        return not self.compared

    @property
    def tone(self) -> str:
        return "warning" if self.off else "info" if self.nothing else "success"

    @property
    def more(self) -> int:
        return self.off - len(self.customers)

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), allowed="5%", months=12, off=2, compared=38, without_limit=2, without_model=3,
            customers=(
                DeviationLine(code="C019", name=example_name(lang), owner=example_person(lang), rating="C",
                              granted=yuan(500_000), model=yuan(100_000), share="+400%"),
                DeviationLine(code="C007", name=example_name(lang), owner=example_person(lang), rating="A",
                              granted=yuan(200_000), model=yuan(300_000), share="-33.3%"),
            ),
            totals=(DeviationTotal(granted=yuan(9_800_000), model=yuan(9_400_000), share="+4.3%", customers=38),),
        )  # fmt: skip
