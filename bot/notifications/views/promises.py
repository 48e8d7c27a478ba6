"""What was agreed with the customer: promises, claims ("says paid"), disputes, pauses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from bot.notifications.views.base import SHANGHAI, Phrase, example_name, example_person, example_short, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseView:
    """promise.due, promise.broken, promise.corrected, promise.approval."""

    today: date
    customer: str
    short: str
    code: str
    amount: Money
    on: date  # the day promised
    by: str  # who logged it
    made_on: date
    received: Money  # what came in for it so far
    missing: Money  # amount − received, not below 0
    state: str  # open | kept | partly_kept | broken | replaced | proposed
    was: str = ""  # promise.corrected: the state before
    not_kept: int = 0  # in a row, this one included
    overdue: tuple[Money, ...] = ()
    days: int = 0  # days overdue of the oldest
    promised: tuple[Money, ...] = ()  # promise.approval: how much of `overdue` the running promise covers
    limits: tuple[Phrase, ...] = ()  # promise.approval: "limit.too_far", "limit.too_little", "limit.too_often"
    earlier: tuple[Money, ...] = ()  # promise.approval: the running promise that a yes puts another in place of
    earlier_on: date | None = None
    note: str = ""
    answer_by: datetime | None = None
    late: bool = False  # answer_by has passed
    owner: str = ""
    events: tuple[Phrase, ...] = ()  # what else happened with the customer today
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def partly(self) -> bool:
        return self.received.minor > 0

    @property
    def often(self) -> bool:
        return self.not_kept > 1

    @property
    def due_today(self) -> bool:
        return self.on == self.today

    @property
    def due_other(self) -> bool:
        return not self.due_today

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            amount=yuan(120_000), on=date(2026, 7, 6), by=example_person(lang), made_on=date(2026, 7, 3),
            received=yuan(20_000), missing=yuan(100_000), state="partly_kept", was="broken", not_kept=2,
            overdue=(yuan(100_000),), days=7, limits=(Phrase(code="limit.too_far", n=30),),
            promised=(yuan(50_000),), earlier=(yuan(50_000),), earlier_on=date(2026, 7, 9),
            note="等月底排款" if lang == "zh" else "month-end payment run",
            answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI), owner=example_person(lang),
            events=(Phrase(code="event.claim_expired", amount=(yuan(8_000),)),),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    """claim.review (finance confirms or voids), claim.expired (owner and, twice in a row, manager)."""

    today: date
    customer: str
    short: str
    code: str
    amount: Money
    claimed_by: str
    claimed_on: date
    paid_on: date | None = None
    expires_on: date | None = None  # last day on which it rests
    numbers: tuple[str, ...] = ()  # receivables it covers
    overdue: tuple[Money, ...] = ()
    days: int = 0
    in_a_row: int = 0  # claim.expired: how many expired one after the other
    promise_on: date | None = None  # the promise that runs, claim.expired
    promise_amount: Money | None = None
    note: str = ""
    answer_by: datetime | None = None
    late: bool = False  # answer_by has passed
    owner: str = ""
    events: tuple[Phrase, ...] = ()  # what else happened with the customer today
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def often(self) -> bool:
        return self.in_a_row > 1

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            amount=yuan(120_000), claimed_by=example_person(lang), claimed_on=date(2026, 7, 7),
            paid_on=date(2026, 7, 6), expires_on=date(2026, 7, 10), numbers=("INV-2026-1001",),
            overdue=(yuan(120_000),), days=7, in_a_row=2,
            promise_on=date(2026, 7, 20), promise_amount=yuan(20_000), note="电汇" if lang == "zh" else "wire",
            answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI), owner=example_person(lang),
            events=(Phrase(code="event.promise_due", on=date(2026, 7, 8), amount=(yuan(8_000),)),),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeView:
    """dispute.open (whoever settles it), dispute.settled (the owner is told)."""

    today: date
    customer: str
    short: str
    code: str
    reason: str  # quality quantity price delivery invoice contract other
    amount: Money  # effective: min(disputed, open)
    by: str
    opened_on: date
    numbers: tuple[str, ...] = ()
    note: str = ""
    answer_by: datetime | None = None
    late: bool = False  # answer_by has passed
    outcome: str = ""  # accepted | rejected | part
    credit: Money | None = None  # credit note given
    settled_by: str = ""
    overdue: tuple[Money, ...] = ()
    owner: str = ""
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def chased(self) -> bool:
        """After the outcome something is chased on."""
        return self.outcome in ("rejected", "part")

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            reason="quality", amount=yuan(36_500), by=example_person(lang), opened_on=date(2026, 7, 7),
            numbers=("INV-2026-1002",), note="两台设备返修" if lang == "zh" else "two units sent back",
            answer_by=datetime(2026, 7, 14, 18, tzinfo=SHANGHAI), outcome="part", credit=yuan(6_500),
            settled_by=example_person(lang, 2), overdue=(yuan(120_000),), owner=example_person(lang),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseView:
    """pause.approval: a long or second pause needs the manager; dunning goes on until then."""

    today: date
    customer: str
    short: str
    code: str
    by: str
    reason: str  # as typed
    until: date
    days: int  # length of the pause in days
    nth: int = 1  # the n-th pause of this case
    overdue: tuple[Money, ...] = ()
    overdue_days: int = 0
    answer_by: datetime | None = None
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def again(self) -> bool:
        return self.nth > 1

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            by=example_person(lang), reason="法人变更,等新账户" if lang == "zh" else "new bank account pending",
            until=date(2026, 7, 31), days=23, nth=2, overdue=(yuan(120_000),), overdue_days=7,
            answer_by=datetime(2026, 7, 10, 18, tzinfo=SHANGHAI),
        )
