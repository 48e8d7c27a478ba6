"""A limit that the figures speak for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import Phrase, example_name, example_person, example_short, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalMonth:
    """What fell due in a month, and what came in."""

    year: int
    number: int
    due: Money
    received: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """limit.proposed: whoever decides sees the limit as it is, as it might be, and the figures behind it."""

    today: date
    customer: str
    short: str
    code: str
    raises: bool  # else it shrinks
    before: Money
    after: Money
    percent: str  # how much more; or how much of it stays
    owner: str = ""
    rating: str = ""
    rated_before: str = ""  # before it got worse; "" for new
    why: Phrase | None = None  # of the rating
    used: Money | None = None
    months: tuple[ProposalMonth, ...] = ()  # of a raise, the oldest first
    asked_by: str = ""  # who asks for it; "" where the figures do
    reason: str = ""  # theirs
    starts: date | None = None  # None: at once
    lasts: date | None = None  # through this day; None: for good
    until: date | None = None  # the last day on which it can be decided
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def wanted(self) -> bool:
        return self.lasts is not None

    @property
    def earned(self) -> bool:
        return self.raises and not self.wanted

    @property
    def count(self) -> int:
        return len(self.months)

    @property
    def cash_only(self) -> bool:
        return self.after.minor == 0

    @property
    def tone(self) -> str:
        return "info" if self.raises else "warning"

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 1), customer=example_name(lang), short=example_short(lang), code="C019", raises=True,
            before=yuan(500_000), after=yuan(575_000), percent="15%", owner=example_person(lang), rating="A",
            used=yuan(420_000),
            months=tuple(
                ProposalMonth(year=2026, number=month, due=yuan(due), received=yuan(came))
                for month, due, came in ((4, 180_000, 200_000), (5, 150_000, 150_000), (6, 210_000, 230_000))
            ),
            until=date(2026, 7, 15),
        )  # fmt: skip
