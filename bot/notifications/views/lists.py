"""Lists about credit: customers on hold, what became of a limit, one's own orders on hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import Phrase, example_name, example_person, example_short, yuan
from bot.notifications.views.credit import PreparedLine
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLine:
    code: str
    name: str
    kind: str  # [hold]
    since: date
    until: date | None = None
    by: str = ""  # "": a step of the policy
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsView:
    """reply.holds: `blacklist`: only those; `count` of them in all."""

    today: date
    blacklist: bool
    count: int
    lines: tuple[HoldLine, ...]

    @property
    def none(self) -> bool:
        return not self.count

    @property
    def more(self) -> int:
        return self.count - len(self.lines)

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), blacklist=False, count=3,
            lines=(
                HoldLine(code="C019", name=example_name(lang), kind="manual", since=date(2026, 7, 6), 
                         until=date(2026, 8, 10), by=example_person(lang), reason="对账未清" if zh else "reconciling"),
                HoldLine(code="C031", name=example_name(lang), kind="order", since=date(2026, 7, 1)),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    on: date
    how: str  # [limit_change]
    after: Money | None = None  # None: no limit
    before: Money | None = None
    start: date | None = None
    until: date | None = None
    by: str = ""
    reason: str = ""
    order: str = ""

    @property
    def limited(self) -> bool:
        return self.after is not None

    @property
    def was_limited(self) -> bool:
        return self.before is not None

    @property
    def changed(self) -> bool:
        return self.how != "approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """reply.limit: what a customer's limit is, and how it came to be, the newest first."""

    today: date
    code: str
    name: str
    limit: Money | None  # with the temporary one; None: no limit
    limit_source: str = "own"
    extra: Money | None = None
    extra_until: date | None = None
    prepared: tuple[PreparedLine, ...] = ()  # the first to begin first
    available: Money | None = None
    count: int = 0
    lines: tuple[LimitLine, ...] = ()

    @property
    def limited(self) -> bool:
        return self.limit is not None

    @property
    def by_policy(self) -> bool:
        return self.limit_source in ("new", "grade")

    @property
    def roomy(self) -> bool:
        return self.available is not None

    @property
    def unchanged(self) -> bool:
        return not self.count

    @property
    def more(self) -> int:
        return self.count - len(self.lines)

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), code="C019", name=example_name(lang), limit=yuan(400_000), extra=yuan(100_000),
            extra_until=date(2026, 8, 31), prepared=(PreparedLine.example(lang),), available=yuan(120_000), count=3,
            lines=(
                LimitLine(on=date(2026, 7, 6), how="raised", before=yuan(300_000), after=yuan(400_000),
                          until=date(2026, 8, 31), by=example_person(lang), reason="旺季备货" if zh else "peak season"),
                LimitLine(on=date(2026, 6, 20), how="approved", after=yuan(50_000), until=date(2026, 6, 30),
                          by=example_person(lang), order="SO-2026-0107"),
                LimitLine(on=date(2026, 1, 5), how="imported", after=yuan(300_000)),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrderLine:
    """An order of the reader's that is on hold. `state`: of [order]."""

    number: str
    customer: str
    amount: Money
    state: str = "held"
    reasons: tuple[Phrase, ...] = ()
    asked: tuple[str, ...] = ()  # who decides now

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            number="SO-2026-0118", customer=example_short(lang), amount=yuan(200_000),
            reasons=(Phrase(code="credit.over_limit", amount=(yuan(120_000),)),), asked=(example_person(lang, 2),),
        )  # fmt: skip
