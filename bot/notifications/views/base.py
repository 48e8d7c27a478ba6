"""What every View shares: the facts of one message, frozen, loaded at send time, never a sentence.

Dates are business dates of the company; datetimes are aware and already in the reader's zone; amounts are Money
(minor units), one per currency, never summed across currencies. Codes (severity, reasons, states) become words
in templates/messages/_words.toml. Free text (names, notes) is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Generic, TypeVar, overload

from core.money import Money

Row = TypeVar("Row")
SHANGHAI = timezone(timedelta(hours=8))  # for the examples only


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One short sentence of the catalogue: `code` is a key of [phrase] in _words.toml, the rest its data."""

    code: str  # "ended.promised", "event.promise_broken"
    on: date | None = None
    at: datetime | None = None
    amount: tuple[Money, ...] = ()
    limit: Money | None = None  # which the amount goes beyond
    who: str = ""
    n: int = 0
    text: str = ""  # a note or a number somebody typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One currency of a customer."""

    overdue: Money  # chaseable overdue
    open: Money  # the balance: everything open, due or not, less unapplied credit


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivableRow:
    number: str
    due: date | None
    open: Money
    chaseable: Money
    days: int  # age on `today`; negative before the due date
    tags: tuple[str, ...] = ()


class Rows(Sequence[Row], Generic[Row]):
    """Rows that are made when they are looked at: a card shows a few of many."""

    __slots__ = ("_items", "_make")

    def __init__(self, items: Sequence[Any], make: Callable[[Any], Row]) -> None:
        self._items, self._make = items, make

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self[:] == other[:]

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(self[:])

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        found = self._items[index]
        return [self._make(item) for item in found] if isinstance(index, slice) else self._make(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One entry of a drop-down whose entries come from data (a person, a customer, a receivable)."""

    value: str
    label: str


def yuan(major: int, currency: str = "CNY") -> Money:
    """Whole yuan or dollars, for examples."""
    return Money(major * 100, currency)


def example_name(lang: str) -> str:
    return "华兴商贸有限公司" if lang == "zh" else "Huaxing Trading Co., Ltd."


def example_short(lang: str) -> str:
    return "华兴商贸" if lang == "zh" else "Huaxing Trading"


def example_person(lang: str, n: int = 0) -> str:
    return (("小李", "王总", "周总监") if lang == "zh" else ("Li Na", "Wang Wei", "Zhou Min"))[n]


def example_rows(count: int = 2) -> tuple[ReceivableRow, ...]:
    return tuple(
        ReceivableRow(
            number=f"INV-2026-{1001 + n}", due=date(2026, 7, 1) + timedelta(days=2 * n),
            open=yuan(60_000), chaseable=yuan(60_000), days=7 - 2 * n,
        )
        for n in range(count)
    )
