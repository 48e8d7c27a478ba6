"""Chasing: the card of a task or an alert, the morning's digest, and the short notes about both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from bot.notifications.views.base import (
    SHANGHAI,
    Option,
    Part,
    Phrase,
    ReceivableRow,
    example_name,
    example_person,
    example_rows,
    example_short,
    yuan,
)  # fmt: skip
from core.money import Money

_TONES = {"due_soon": "info", "overdue": "warning", "severe": "danger", "critical": "danger"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectView:
    """task.due_soon, task.overdue, task.critical, task.silent, alert.severe, alert.high_risk, letter.final."""

    today: date
    customer: str
    short: str  # short name, else the name
    code: str
    parts: tuple[Part, ...]  # one per currency with something open
    severity: str  # due_soon | overdue | severe | critical
    days: int  # days overdue of the oldest chaseable one; 0 when nothing is overdue
    due_in: int = 0  # days to the earliest due date, for task.due_soon; 0 = today
    oldest_due: date | None = None
    receivables: Sequence[ReceivableRow] = ()  # chaseable ones, oldest first
    aside: tuple[Money, ...] = ()  # overdue too, and not chased: promised, disputed, covered by unapplied money, …
    unapplied: tuple[Money, ...] = ()  # positive amounts: money received that isn't allocated yet
    promise_on: date | None = None
    promise_amount: Money | None = None
    not_kept: int = 0  # promises not kept in a row
    dispute: str = ""  # reason code of the open dispute
    dispute_amount: Money | None = None
    paused_until: date | None = None
    pause_reason: str = ""
    hold: bool = False  # ordering is stopped
    rating: str = ""  # A..D
    last_on: date | None = None  # last contact
    last_by: str = ""
    last_note: str = ""
    answer_by: datetime | None = None
    escalates_to: str = ""  # who is told when answer_by passes
    late: bool = False  # answer_by has passed
    escalated_to: str = ""  # who has been told that it passed
    reminder_n: int = 1  # 2 = 第2次提醒
    silent_who: str = ""  # task.silent: who hasn't answered
    silent_since: datetime | None = None
    events: tuple[Phrase, ...] = ()  # news drawn on this card: "event.promise_broken", ...
    people: tuple[Option, ...] = ()  # nobody is responsible: whom the reader may choose
    no_contact: bool = False  # a letter is due and the customer has no finance contact
    redelivered: bool = False  # 重发: an earlier copy may have arrived
    read_only: bool = False  # no buttons: somebody else took over
    owner: str = ""
    ended: Phrase | None = None  # closed card: how it ended ("ended.promised", "ended.settled", ...)

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def tone(self) -> str:
        return _TONES.get(self.severity, "warning")

    @property
    def overdue(self) -> tuple[Money, ...]:
        return tuple(p.overdue for p in self.parts if p.overdue.minor)

    @property
    def open(self) -> tuple[Money, ...]:
        return tuple(p.open for p in self.parts if p.open.minor)

    @property
    def due(self) -> tuple[Money, ...]:
        """What becomes due, for task.due_soon: the chaseable sums of the rows, by currency."""
        sums: dict[str, int] = {}
        for row in self.receivables:
            sums[row.chaseable.currency] = sums.get(row.chaseable.currency, 0) + row.chaseable.minor
        return tuple(Money(minor, currency) for currency, minor in sums.items()) or self.open

    @property
    def more_open(self) -> bool:
        """Not everything that is open is overdue, so both numbers are worth a line."""
        return any(p.overdue != p.open for p in self.parts)

    @property
    def soon(self) -> bool:
        return self.due_in > 0

    @property
    def again(self) -> bool:
        return self.reminder_n > 1

    @property
    def broken_often(self) -> bool:
        return self.not_kept > 1

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            parts=(Part(overdue=yuan(120_000), open=yuan(326_500)),), severity="overdue", days=7, due_in=7,
            oldest_due=date(2026, 7, 1), receivables=example_rows(), aside=(yuan(33_000),), unapplied=(yuan(5_000),),
            promise_on=date(2026, 7, 20), promise_amount=yuan(20_000), not_kept=2,
            dispute="quality", dispute_amount=yuan(8_000), paused_until=None, hold=True, rating="C",
            last_on=date(2026, 7, 3), last_by=example_person(lang),
            last_note="客户称等月底排款" if zh else "Waits for the month-end payment run",
            answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI), escalates_to=example_person(lang, 1),
            reminder_n=2, silent_who=example_person(lang), silent_since=datetime(2026, 7, 6, 18, tzinfo=SHANGHAI),
            events=(Phrase(code="event.promise_broken", on=date(2026, 7, 6), amount=(yuan(120_000),)),),
            no_contact=True, redelivered=True, owner=example_person(lang),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyView:
    """task.copy: finance is asked for a copy of a document."""

    today: date
    customer: str
    short: str
    what: str  # what is wanted, as typed
    asked_by: str
    numbers: tuple[str, ...] = ()  # receivables of the case
    contact: str = ""  # whom to send it to: name, mail
    answer_by: datetime | None = None
    late: bool = False  # answer_by has passed
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang),
            what="发票复印件" if lang == "zh" else "copy of the invoice", asked_by=example_person(lang),
            numbers=("INV-2026-1001",), contact="finance@huaxing.example",
            answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestLine:
    task: str  # id of the task that the line opens
    short: str
    severity: str
    overdue: tuple[Money, ...]
    days: int
    answer_by: datetime | None = None
    late: bool = False  # answer_by has passed
    event: Phrase | None = None  # why it is here today, when that isn't the ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestView:
    """digest.daily: more than five cards this morning become one; lines riskiest first."""

    today: date
    person: str
    lines: tuple[DigestLine, ...]
    total: tuple[Money, ...] = ()  # overdue over all lines
    answer_by: datetime | None = None  # the earliest
    late: bool = False  # it has passed
    notices: int = 0  # of the lines, those that tell of something and are no task or decision of the reader's
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def count(self) -> int:
        return len(self.lines)

    @property
    def todo(self) -> int:
        """What /todo lists, too."""
        return self.count - self.notices

    @classmethod
    def example(cls, lang: str) -> Self:
        levels = ("critical", "severe", "overdue", "overdue", "due_soon", "due_soon")
        return cls(
            today=date(2026, 7, 8), person=example_person(lang),
            lines=tuple(
                DigestLine(
                    task=f"T{n + 1}", short=f"{example_short(lang)}{n + 1}", severity=level,
                    overdue=() if level == "due_soon" else (yuan(90_000 - 10_000 * n),),
                    days=0 if level == "due_soon" else 33 - 6 * n,
                    answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI),
                )
                for n, level in enumerate(levels)
            ),
            total=(yuan(300_000),), answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """note.rise and note.closed: one short message, because an edited card notifies nobody."""

    today: date
    customer: str
    short: str
    severity: str = ""
    days: int = 0
    overdue: tuple[Money, ...] = ()
    events: tuple[Phrase, ...] = ()
    answer_by: datetime | None = None
    late: bool = False  # answer_by has passed
    ended: Phrase | None = None  # note.closed: how the task ended
    order: str = ""  # note.closed: the number of the order that the card was about
    amount: Money | None = None  # note.closed: of the order, the promise or the claim

    @property
    def tone(self) -> str:
        return _TONES.get(self.severity, "warning")

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 20), customer=example_name(lang), short=example_short(lang), severity="severe",
            days=19, overdue=(yuan(120_000),),
            events=(Phrase(code="event.promise_broken", on=date(2026, 7, 6), amount=(yuan(120_000),)),),
            answer_by=datetime(2026, 7, 22, 18, tzinfo=SHANGHAI),
            ended=Phrase(code="ended.promised", on=date(2026, 7, 24), amount=(yuan(120_000),),
                         who=example_person(lang)),
        )  # fmt: skip
