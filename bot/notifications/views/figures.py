"""Answers with figures. The fields are those of the `view` column of the public surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from bot.notifications.views.base import (
    SHANGHAI,
    Phrase,
    example_name,
    example_person,
    example_short,
    yuan,
)  # fmt: skip
from bot.notifications.views.lists import HeldOrderLine
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseLine:
    date: date
    amount: Money
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine:
    number: str
    issued: date | None
    due: date | None
    open: Money
    days_overdue: int  # 0 when not overdue
    state: str  # code of [receivable] in _words.toml: not_due, overdue, promised, disputed, claimed, paused, undated
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyLine:
    """The figures of one further currency."""

    currency: str
    balance: Money
    overdue: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """reply.balance"""

    today: date
    code: str
    name: str
    rating: str  # "" if unrated
    owner: str
    currency: str
    balance: Money
    overdue: Money
    not_due: Money
    undated: Money
    unapplied: Money  # ≤ 0
    d1_30: Money
    d31_60: Money
    d61_90: Money
    d90_plus: Money
    oldest_due: date | None = None
    days_overdue_max: int = 0
    credit_limit: Money | None = None
    credit_used: Money | None = None
    credit_available: Money | None = None
    credit_usage: str = ""  # "65 %"
    promises: tuple[PromiseLine, ...] = ()
    last_receipt_on: date | None = None
    last_receipt: Money | None = None
    open: tuple[OpenLine, ...] = ()  # oldest due first
    others: tuple[CurrencyLine, ...] = ()
    paused_until: date | None = None

    @property
    def tone(self) -> str:
        return "info" if self.fine else "warning"

    @property
    def has_undated(self) -> bool:
        return self.undated.minor != 0

    @property
    def has_unapplied(self) -> bool:
        return self.unapplied.minor != 0

    @property
    def unallocated(self) -> Money:
        return Money(-self.unapplied.minor, self.currency)

    @property
    def is_overdue(self) -> bool:
        return self.overdue.minor != 0

    @property
    def others_overdue(self) -> tuple[Money, ...]:
        return tuple(line.overdue for line in self.others if line.overdue.minor)

    @property
    def fine(self) -> bool:
        return not self.is_overdue and not self.others_overdue

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), code="C019", name=example_name(lang), rating="C", owner=example_person(lang),
            currency="CNY", balance=yuan(321_500), overdue=yuan(120_000), not_due=yuan(206_500), undated=yuan(1_500),
            unapplied=yuan(-5_000), d1_30=yuan(120_000), d31_60=yuan(0), d61_90=yuan(0), d90_plus=yuan(0),
            oldest_due=date(2026, 7, 1), days_overdue_max=7, credit_limit=yuan(500_000), credit_used=yuan(326_500),
            credit_available=yuan(173_500), credit_usage="65%",
            promises=(PromiseLine(date=date(2026, 7, 10), amount=yuan(60_000), state="open"),),
            last_receipt_on=date(2026, 6, 30), last_receipt=yuan(50_000),
            open=(
                OpenLine(number="INV-2026-1001", issued=date(2026, 6, 1), due=date(2026, 7, 1), open=yuan(120_000),
                         days_overdue=7, state="overdue"),
                OpenLine(number="INV-2026-1003", issued=date(2026, 6, 20), due=None, open=yuan(1_500),
                         days_overdue=0, state="undated"),
            ),
            others=(CurrencyLine(currency="USD", balance=yuan(1_234, "USD"), overdue=yuan(0, "USD")),),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AgingLine:
    key: str  # customer, rep or region
    not_due: Money
    d1_30: Money
    d31_60: Money
    d61_90: Money
    d90_plus: Money
    unapplied: Money
    total: Money

    @property
    def overdue(self) -> Money:
        late = (self.d1_30, self.d31_60, self.d61_90, self.d90_plus)
        return Money(sum(m.minor for m in late), self.total.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgingView:
    """reply.aging: buckets + unapplied = total, always."""

    today: date
    as_of: date
    basis: str  # due | issued
    scope: str  # what was asked for, "" = everything the person may see
    currency: str
    groups: Sequence[AgingLine]  # largest first
    not_due: Money  # with the undated
    d1_30: Money
    d31_60: Money
    d61_90: Money
    d90_plus: Money
    undated: Money
    unapplied: Money  # ≤ 0
    total: Money
    others: tuple[Money, ...] = ()  # totals in other currencies

    @property
    def has_undated(self) -> bool:
        return self.undated.minor != 0

    @property
    def by_due(self) -> bool:
        return self.basis != "issued"

    @property
    def by_invoice(self) -> bool:
        return self.basis == "issued"

    @classmethod
    def example(cls, lang: str) -> Self:
        line = AgingLine(
            key=example_short(lang), not_due=yuan(206_500), d1_30=yuan(120_000), d31_60=yuan(0), d61_90=yuan(0),
            d90_plus=yuan(0), unapplied=yuan(-5_000), total=yuan(321_500),
        )  # fmt: skip
        return cls(
            today=date(2026, 7, 8), as_of=date(2026, 7, 8), basis="due", scope=example_person(lang), currency="CNY",
            groups=(line,), not_due=line.not_due, d1_30=line.d1_30, d31_60=line.d31_60, d61_90=line.d61_90,
            d90_plus=line.d90_plus, undated=yuan(1_500), unapplied=line.unapplied, total=line.total,
            others=(yuan(1_234, "USD"),),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueLine:
    code: str
    name: str
    overdue: Money
    days_overdue_max: int
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueView:
    """reply.overdue"""

    today: date
    as_of: date
    currency: str
    customers: tuple[OverdueLine, ...]
    others: tuple[OverdueLine, ...] = ()  # what is overdue in other currencies, also of those above
    total: tuple[Money, ...] = ()  # of those shown
    cut: bool = False  # there are more than were asked for

    @property
    def count(self) -> int:
        return len(self.customers) if self.cut else len({line.code for line in (*self.customers, *self.others)})

    @property
    def none(self) -> bool:
        return not self.customers

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), as_of=date(2026, 7, 8), currency="CNY",
            customers=(OverdueLine(code="C019", name=example_name(lang), overdue=yuan(120_000), days_overdue_max=7,
                                   owner=example_person(lang)),),
            total=(yuan(120_000),),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoLine:
    """A task, or what waits for a decision: then `event` says for which."""

    task: str  # what the line opens: a task's id, or another subject such as `claim:12`
    customer: str
    severity: str
    overdue: tuple[Money, ...]
    days_overdue_max: int
    answer_by: datetime | None
    state: str
    late: bool = False  # answer_by has passed
    event: Phrase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoView:
    """reply.todo: what waits for a decision, then tasks, riskiest first; each line opens its card. `held`: orders of theirs
    that wait for others, the oldest few."""

    today: date
    person: str
    tasks: tuple[TodoLine, ...]
    held: tuple[HeldOrderLine, ...] = ()
    held_more: int = 0

    @property
    def count(self) -> int:
        return len(self.tasks)

    @property
    def none(self) -> bool:
        return not self.tasks

    @property
    def amounts(self) -> bool:
        return any(line.overdue for line in self.tasks)

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), person=example_person(lang),
            tasks=(TodoLine(task="promise:7", customer=example_short(lang), severity="overdue", overdue=(),
                            days_overdue_max=0, answer_by=None, state="open",
                            event=Phrase(code="todo.promise_approval", on=date(2026, 8, 20), amount=(yuan(80_000),),
                                         who=example_person(lang))),
                   TodoLine(task="T1", customer=example_short(lang), severity="overdue", overdue=(yuan(120_000),),
                            days_overdue_max=7, answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI), state="open"),),
            held=(HeldOrderLine.example(lang),),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    on: date
    what: str  # already words: 开票, 发货, 收款, 提醒 ...
    amount: tuple[Money, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """reply.trace: one receivable from contract to last contact."""

    today: date
    number: str
    customer: str
    amount: Money
    open: Money
    issued: date | None
    due: date | None
    days_overdue: int = 0
    state: str = "overdue"  # [receivable]
    order: str = ""
    contract: str = ""
    clause: str = ""
    shipment: str = ""
    steps: tuple[TraceStep, ...] = ()  # newest last

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), number="INV-2026-1001", customer=example_name(lang), amount=yuan(150_000),
            open=yuan(120_000), issued=date(2026, 6, 1), due=date(2026, 7, 1), days_overdue=7, order="SO-2026-118",
            contract="HT-2026-017", clause="月结30" if lang == "zh" else "30 days EOM", shipment="SH-0601",
            steps=(TraceStep(on=date(2026, 6, 30), what="收款" if lang == "zh" else "receipt", amount=(yuan(30_000),),
                             detail="R-0630"),),
        )  # fmt: skip
