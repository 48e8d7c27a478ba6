"""On the way from an order to its money: goods to be signed for and invoiced, prepayment to be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import Phrase, example_name, example_person, example_short, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentRow:
    number: str
    order: str
    amount: Money  # what of it is to be invoiced, or signed for
    on: date  # signed for; shipped, where nobody has


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedOrderRow:
    order: str
    amount: Money
    on: date  # closed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignView:
    """task.sign: the rep is to get a signature for what left long ago."""

    today: date
    customer: str
    short: str
    code: str
    days: int  # how long goods may be on their way
    amounts: tuple[Money, ...]  # one a currency
    shipments: tuple[ShipmentRow, ...]
    contact: str = ""  # whom to ask: name, phone
    waits: bool = False  # receivables get their due date from the signature
    ended: Phrase | None = None

    @property
    def count(self) -> int:
        return len(self.shipments)

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019", days=10,
            amounts=(yuan(92_000),), contact="business@huaxing.example", waits=True,
            shipments=(
                ShipmentRow(number="SH-2026-0287", order="SO-2026-0081", amount=yuan(60_000), on=date(2026, 6, 25)),
                ShipmentRow(number="SH-2026-0291", order="SO-2026-0084", amount=yuan(32_000), on=date(2026, 6, 27)),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceView:
    """task.invoice: finance is to invoice what was signed for, and what orders that are closed brought."""

    today: date
    customer: str
    short: str
    code: str
    amounts: tuple[Money, ...]  # one a currency
    shipments: tuple[ShipmentRow, ...]
    orders: tuple[ClosedOrderRow, ...] = ()
    ended: Phrase | None = None

    @property
    def count(self) -> int:
        return len(self.shipments)

    @property
    def count_closed(self) -> int:
        return len(self.orders)

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            amounts=(yuan(104_000),),
            orders=(ClosedOrderRow(order="SO-2026-0055", amount=yuan(12_000), on=date(2026, 6, 26)),),
            shipments=(
                ShipmentRow(number="SH-2026-0311", order="SO-2026-0097", amount=yuan(60_000), on=date(2026, 7, 6)),
                ShipmentRow(number="SH-2026-0315", order="SO-2026-0101", amount=yuan(32_000), on=date(2026, 7, 7)),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepayRow:
    order: str
    amount: Money  # of the order
    missing: Money  # of the prepayment
    by: str = ""  # who approved it, where that was another one than of the others, or on other conditions
    conditions: Phrase | None = None  # theirs
    why: tuple[Phrase, ...] = ()  # "credit.comment": what was written beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepayView:
    """task.prepay: orders wait for prepayment; the rep asks the customer for it."""

    today: date
    customer: str
    short: str
    code: str
    amounts: tuple[Money, ...]  # what is missing, one a currency
    orders: tuple[PrepayRow, ...]
    agreed: bool = False  # approved on that condition, all of them
    by: str = ""  # who approved all of them
    why: tuple[Phrase, ...] = ()  # "credit.comment": what was written beside it
    conditions: Phrase | None = None  # "credit.conditions", the same of all of them
    contact: str = ""  # whom to ask: name, phone
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            amounts=(yuan(60_000),), agreed=True, by=example_person(lang, 2), contact="finance@huaxing.example",
            why=(Phrase(code="credit.comment", text="先收三成再发货" if lang == "zh" else "ship after the prepayment"),),
            conditions=Phrase(code="credit.conditions", n=30),
            orders=(PrepayRow(order="SO-2026-0118", amount=yuan(200_000), missing=yuan(60_000)),),
        )  # fmt: skip
