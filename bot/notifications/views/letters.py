"""Letters to customers: the letter itself, the release of a batch, a letter that perhaps didn't go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from bot.notifications.views.base import SHANGHAI, Phrase, example_name, example_person, example_short, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRow:
    number: str
    due: date
    amount: Money  # chaseable amount, what is asked for
    days: int  # days overdue on `today`, the day of delivery
    invoice: bool = True  # False: a debit note or another claim, so no text calls it 发票


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterView:
    """letter.friendly (stage 1), letter.notice (2), document.final (3). One contact, one currency or several."""

    today: date  # the day of delivery: every number of days is true on it
    stage: int
    company: str
    bank_account: str  # may have several lines
    signature: str
    phone: str
    customer: str
    contact: str  # name of the person written to; "" if unknown
    receivables: tuple[LetterRow, ...]  # oldest due first, all overdue
    totals: tuple[Money, ...]  # per currency
    reply_to: str = ""

    @property
    def count(self) -> int:
        return len(self.receivables)

    @property
    def number(self) -> str:
        """The oldest one's number; the only one's if there is one."""
        return self.receivables[0].number if self.receivables else ""

    @property
    def days(self) -> int:
        return max((r.days for r in self.receivables), default=0)

    @property
    def due(self) -> date:
        return min((r.due for r in self.receivables), default=self.today)

    @property
    def one_invoice(self) -> bool:
        return len(self.receivables) == 1 and self.receivables[0].invoice

    @property
    def one_yesterday(self) -> bool:
        """R027's wording is true only then: exactly one invoice, due yesterday."""
        return self.one_invoice and self.receivables[0].days == 1 and self.due == self.today - timedelta(days=1)

    @property
    def one_later(self) -> bool:
        return self.one_invoice and not self.one_yesterday

    @property
    def several(self) -> bool:
        return not self.one_invoice

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), stage=2, company="示例设备有限公司" if zh else "Example Equipment Ltd.",
            bank_account="招商银行上海分行 1219 0000 0000 001" if zh else "CMB Shanghai 1219 0000 0000 001",
            signature="财务部 周敏" if zh else "Zhou Min, Finance", phone="021-5550 0100",
            customer=example_name(lang), contact="陈会计" if zh else "Ms Chen",
            receivables=(
                LetterRow(number="INV-2026-1001", due=date(2026, 7, 1), amount=yuan(120_000), days=7),
                LetterRow(number="INV-2026-1002", due=date(2026, 7, 6), amount=yuan(36_500), days=2),
            ),
            totals=(yuan(156_500),), reply_to="ar@example.com",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSample:
    customer: str
    to: str
    stage: int
    amount: tuple[Money, ...]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """letters.release: finance lets a batch of letters go."""

    today: date
    count: int  # letters
    customers: int
    totals: tuple[Money, ...]
    samples: tuple[LetterSample, ...]
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), count=14, customers=12, totals=(yuan(1_350_000),),
            samples=(
                LetterSample(customer=example_name(lang), to="finance@huaxing.example", stage=2,
                             amount=(yuan(120_000),), days=7),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsureView:
    """letter.unsure: the mail server's answer was lost; nobody knows whether the letter went."""

    today: date
    customer: str
    short: str
    to: str
    subject: str
    stage: int
    at: datetime
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang),
            to="finance@huaxing.example", subject="付款通知" if lang == "zh" else "Payment notice", stage=2,
            at=datetime(2026, 7, 8, 9, 2, tzinfo=SHANGHAI),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedView:
    """delivery.failed: a message could not be delivered; somebody has to put the address right."""

    today: date
    to: str  # person or address, as known
    messenger: str  # local, slack, dingtalk, wecom, mail; "" where nothing was tried
    reason: str  # code of [failure] in _words.toml, else the messenger's own words
    what: str  # message kind
    customer: str = ""
    short: str = ""
    at: datetime | None = None
    tries: int = 1
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), to=example_person(lang), messenger="wecom", reason="unknown_account",
            what="task.overdue", customer=example_name(lang), short=example_short(lang),
            at=datetime(2026, 7, 8, 9, 0, tzinfo=SHANGHAI),
        )
