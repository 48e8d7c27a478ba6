"""A customer's rating and what it goes by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import example_name, example_person, yuan
from bot.notifications.views.risks import RiskLine
from core.credit.rating import NEW
from core.money import Money


def letter_of(rating: str) -> str:
    """A rating as cards show it: "" for who has too little history for one."""
    return "" if rating == NEW else rating


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingPart:
    """A rule that made the rating: its code (core.credit.rating.Part), the rating after it, the figure and its limit."""

    code: str
    value: str
    figure: str
    limit: int

    @property
    def letter(self) -> str:
        return letter_of(self.value)

    @property
    def is_average(self) -> bool:
        return self.code == "average_days_late"

    @property
    def beyond(self) -> bool:
        """Above the last limit that there is for the average."""
        return self.value == "D"

    @property
    def is_score(self) -> bool:
        return self.code == "score"

    @property
    def is_few(self) -> bool:
        return self.code == "too_few_paid"

    @property
    def is_broken(self) -> bool:
        return self.code == "broken_promises"

    @property
    def is_overdue(self) -> bool:
        return self.code == "overdue"

    @property
    def is_lift(self) -> bool:
        return self.code == "on_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRow:
    """A receivable behind the figures."""

    number: str
    due: date
    amount: Money
    days_late: int
    paid: date | None = None  # None: open


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLine:
    """One input of the score: its name (core.credit.rules.SCALES, or of an imported figure), figure and points, "" where
    nothing is known. `source` and `as_of`: of an imported one."""

    name: str
    figure: str
    points: str
    weight: int
    source: str = ""
    as_of: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindLine:
    """A promise, dispute or credit note behind the figures."""

    on: date
    amount: Money
    said: str  # the promise's state, the dispute's reason, the note's number


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingView:
    """reply.rating: what stands, where it comes from, and how the customer paid in the window, to the receivables.

    Amounts are in the customer's currency, `until` and `since` of the window included; averages are texts, in days.
    """

    today: date
    code: str
    name: str
    letter: str  # "" without a rating
    source: str  # computed override import, or "" where nobody rated yet
    months: int  # of the window
    paid: int
    min_paid: int
    paid_amount: Money
    on: date | None = None  # since when it stands
    until: date | None = None  # an override's last day
    reason: str = ""
    by: str = ""
    computed: str = ""  # what payment behaviour says today, "" with too little of it
    parts: tuple[RatingPart, ...] = ()
    average: str = ""
    cuts: str = ""  # "A ≤ 3 · B ≤ 15 · C ≤ 30"
    late_share: str = ""  # "35%"
    longest: int = 0
    times_overdue: int = 0
    overdue: Money | None = None
    overdue_days: int = 0
    overdue_limit: int = 0
    broken: int = 0
    broken_limit: int = 0
    disputes: int = 0
    volume: Money | None = None
    trend: str = ""  # signed; "" where a half has nothing
    known: int = 0  # months
    run: int = 0
    run_needed: int = 0
    promises: str = ""  # "3/4": kept, of those that were judged
    returned: Money | None = None  # credit notes of the window
    bought: str = ""  # "3.5" receivables a month, in the window
    average_receivable: Money | None = None
    ordered: str = ""  # "3.5" orders a month, in the window; "" without any
    average_order: Money | None = None
    payment_days: str = ""  # "45.0" from invoice to payment; "" where nothing was paid
    usage: str = ""  # "80%" of the customer's own limit
    score: str = ""  # "72.4"; "" without one
    score_cuts: str = ""  # "A ≥ 80 · B ≥ 60 · C ≥ 40"
    score_decides: bool = False
    scored: tuple[ScoreLine, ...] = ()  # by weight
    judged_promises: tuple[BehindLine, ...] = ()  # the newest few
    raised_disputes: tuple[BehindLine, ...] = ()
    credit_notes: tuple[BehindLine, ...] = ()
    rows: tuple[RatingRow, ...] = ()  # the worst first, all of them
    risks: tuple[RiskLine, ...] = ()  # of the window, newest first

    @property
    def tone(self) -> str:
        return {"C": "warning", "D": "danger"}.get(self.letter, "info")

    @property
    def by_hand(self) -> bool:
        return self.source == "override"

    @property
    def imported(self) -> bool:
        return self.source == "import" and bool(self.letter)

    @property
    def judged(self) -> bool:
        return bool(self.computed)

    @property
    def differs(self) -> bool:
        return self.judged and self.computed != self.letter

    @property
    def lifts(self) -> bool:
        """0: the policy lifts nobody."""
        return self.run_needed > 0

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), code="C019", name=example_name(lang), letter="B", source="override",
            on=date(2026, 7, 1), until=date(2026, 9, 30), by=example_person(lang, 2), computed="C",
            reason="已更换财务负责人" if lang == "zh" else "they have a new head of finance",
            parts=(
                RatingPart(code="average_days_late", value="D", figure="31.2", limit=30),
                RatingPart(code="on_time", value="C", figure="3", limit=3),
            ),
            months=12, paid=18, min_paid=3, paid_amount=yuan(860_000), average="31.2", cuts="A ≤ 3 · B ≤ 15 · C ≤ 30",
            late_share="64%", longest=52, times_overdue=11, overdue=yuan(100_000), overdue_days=7, overdue_limit=30,
            broken=1, broken_limit=2, disputes=1, volume=yuan(1_200_000), trend="+4.5", known=38, run=3, run_needed=3,
            promises="3/4", returned=yuan(12_000), bought="2.5", average_receivable=yuan(40_000),
            ordered="1.8", average_order=yuan(55_000), payment_days="61.2",
            usage="65%", score="58.5", score_cuts="A ≥ 80 · B ≥ 60 · C ≥ 40",
            scored=(
                ScoreLine(name="avg_late_days", figure="31.2", points="30.7", weight=40),
                ScoreLine(name="broken_promises", figure="1", points="66.7", weight=30),
                ScoreLine(name="volume", figure="1200000", points="100.0", weight=20),
                ScoreLine(
                    name="资产负债率" if lang == "zh" else "debt ratio", figure="0.62", points="45.0", weight=5,
                    source="2025年报" if lang == "zh" else "annual report", as_of=date(2025, 12, 31),
                ),
                ScoreLine(name="usage", figure="", points="", weight=5),
            ),
            judged_promises=(
                BehindLine(on=date(2026, 7, 6), amount=yuan(120_000), said="broken"),
                BehindLine(on=date(2026, 5, 29), amount=yuan(80_000), said="kept"),
            ),
            raised_disputes=(BehindLine(on=date(2026, 6, 3), amount=yuan(12_000), said="quality"),),
            credit_notes=(BehindLine(on=date(2026, 6, 12), amount=yuan(12_000), said="CN-2026-0007"),),
            rows=(
                *(RatingRow(number=f"XS-2026-00{n:02}", due=date(2026, 3, n), amount=yuan(40_000), days_late=56 - 4 * n,
                            paid=date(2026, 5, 6)) for n in range(1, 7)),
                RatingRow(number="XS-2026-0107", due=date(2026, 7, 1), amount=yuan(100_000), days_late=7),
            ),
            risks=RiskLine.examples(lang),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingListLine:
    """A row behind a rating, or a version of it. `what`: a number, or "B → C"; `by`: who set it, "" for nobody."""

    on: date
    what: str
    said: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingListView:
    """reply.rating_list: a page of what is behind a rating (`about` rows), or of its versions (history)."""

    today: date
    code: str
    name: str
    about: str
    count: int
    page: int
    pages: int
    lines: tuple[RatingListLine, ...]

    @property
    def history(self) -> bool:
        return self.about == "history"

    @property
    def following(self) -> int:
        """The page after this one; 0 on the last."""
        return self.page + 1 if self.page < self.pages else 0

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), code="C019", name=example_name(lang), about="history", count=23, page=1, pages=2,
            lines=(
                RatingListLine(
                    on=date(2026, 7, 1), what="C → B", by=example_person(lang, 2),
                    said="人工设定 · 已更换财务负责人 · 至9月30日" if zh else "set by hand · new head of finance",
                ),
                RatingListLine(on=date(2026, 4, 1), what="B → C", said="按付款记录计算" if zh else "computed", by=""),
            ),
        )  # fmt: skip
