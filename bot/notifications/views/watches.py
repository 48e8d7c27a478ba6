"""A customer whose overdue total is watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import Phrase, example_name, example_person, example_short, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPromise:
    on: date
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """watch.report: the figures of a customer for management, as they are now; all of them in one currency."""

    today: date
    customer: str
    short: str
    code: str
    over: Money  # what was passed
    total: Money  # overdue, gross
    d1_30: Money
    d31_60: Money
    d61_90: Money
    d90_plus: Money
    days: int = 0  # days overdue of the oldest
    oldest_due: date | None = None
    balance: Money | None = None
    limit: Money | None = None
    used: Money | None = None
    rating: str = ""
    owner: str = ""
    promises: tuple[WatchPromise, ...] = ()  # open ones, the next first
    not_kept: int = 0  # promises not kept in a row
    last_on: date | None = None  # last contact
    last_by: str = ""
    last_note: str = ""
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def overdue(self) -> tuple[Money, ...]:
        return (self.total,) if self.total.minor else ()

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            over=yuan(1_000_000), total=yuan(1_260_000), d1_30=yuan(560_000), d31_60=yuan(400_000), d61_90=yuan(300_000),
            d90_plus=yuan(0), days=75, oldest_due=date(2026, 4, 24), balance=yuan(1_900_000), limit=yuan(1_500_000),
            used=yuan(2_100_000), rating="C", owner=example_person(lang),
            promises=(WatchPromise(on=date(2026, 7, 20), amount=yuan(200_000)),), not_kept=2, last_on=date(2026, 7, 3),
            last_by=example_person(lang), last_note="客户称等月底排款" if zh else "Waits for the month-end payment run",
        )  # fmt: skip
