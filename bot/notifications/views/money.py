"""Money that moved, and what finance has to put right: receipts, allocation, stale imports, gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import (
    Option,
    Phrase,
    ReceivableRow,
    example_name,
    example_person,
    example_rows,
    example_short,
    yuan,
)  # fmt: skip
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """payment.arrived (one line per owner, customer and day), payment.reversed (a task of owner and finance)."""

    today: date
    customer: str
    short: str
    code: str
    amount: tuple[Money, ...]  # arrived or reversed, per currency
    on: date  # received on, or reversed on
    count: int = 1  # receipts in it
    numbers: tuple[str, ...] = ()  # receipt numbers
    unapplied: tuple[Money, ...] = ()  # the part that settles nothing yet
    overdue: tuple[Money, ...] = ()  # what stays overdue
    netted: tuple[Money, ...] = ()  # payment.arrived: what is overdue beside that, and covered by unapplied money
    open: tuple[Money, ...] = ()
    days: int = 0
    aside: tuple[Money, ...] = ()  # payment.arrived: the part of `overdue` that is promised, disputed, claimed, paused
    promise: str = ""  # state of the promise it touches: kept, partly_kept
    promise_on: date | None = None  # the promise that runs, payment.reversed
    promise_amount: Money | None = None
    reason: str = ""  # payment.reversed, as given
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def settled(self) -> bool:
        return not self.overdue and not self.netted

    @property
    def several(self) -> bool:
        return self.count > 1

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 20), customer=example_name(lang), short=example_short(lang), code="C019",
            amount=(yuan(120_000),), on=date(2026, 7, 20), count=2, numbers=("R-0720-1", "R-0720-2"),
            unapplied=(yuan(5_000),), overdue=(yuan(36_500),), open=(yuan(206_500),), days=14,
            aside=(yuan(16_500),), promise="kept", promise_on=date(2026, 7, 31), promise_amount=yuan(20_000),
            reason="退票" if lang == "zh" else "bank return",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateView:
    """receipt.allocate: money came in, and nobody said for what."""

    today: date
    customer: str
    short: str
    code: str
    number: str  # of the receipt
    amount: Money
    unallocated: Money
    on: date
    payer: str = ""
    reference: str = ""
    candidates: tuple[ReceivableRow, ...] = ()  # open ones, oldest due first
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 20), customer=example_name(lang), short=example_short(lang), code="C019",
            number="R-0720-1", amount=yuan(100_000), unallocated=yuan(80_000), on=date(2026, 7, 20),
            payer=example_name(lang), reference="货款" if lang == "zh" else "goods", candidates=example_rows(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleView:
    """receipts.stale: receipts are known only up to an older day, so letters and broken promises wait."""

    today: date
    known_until: date | None  # effective day of the newest import; None: never imported
    expected: date  # the last working day
    letters: int = 0  # waiting
    promises: int = 0
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), known_until=date(2026, 7, 3), expected=date(2026, 7, 7), letters=14, promises=2,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GapView:
    """task.gap: nobody looks after a customer."""

    today: date
    customer: str
    short: str
    code: str
    gap: str  # code of [gap] in _words.toml: no_owner, inactive_owner, no_contact, no_manager
    overdue: tuple[Money, ...] = ()
    open: tuple[Money, ...] = ()
    days: int = 0
    last_owner: str = ""
    people: tuple[Option, ...] = ()  # value = handle
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            gap="no_owner", overdue=(yuan(120_000),), open=(yuan(326_500),), days=7,
            last_owner=example_person(lang, 1),
            people=(Option(value="li", label=example_person(lang)), Option(value="wang", label=example_person(lang, 1))),
        )
