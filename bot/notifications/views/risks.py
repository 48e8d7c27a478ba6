"""What somebody outside reports of a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import Phrase, example_name, example_person, example_short, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLine:
    """A risk event among other facts of a customer."""

    kind: str
    severity: str
    source: str
    on: date

    @classmethod
    def examples(cls, lang: str) -> tuple[Self, ...]:
        source = "天眼查" if lang == "zh" else "court register"
        return (cls(kind="lawsuit", severity="major", source=source, on=date(2026, 7, 6)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """risk.event, to risk and to the customer's owner."""

    today: date
    customer: str
    short: str
    code: str
    kind: str  # registration lawsuit dishonest blacklist other
    severity: str  # info warning major
    source: str  # who reports it
    on: date  # since when it is so
    text: str = ""
    url: str = ""
    open: tuple[Money, ...] = ()  # receivables
    overdue: tuple[Money, ...] = ()
    days: int = 0  # days overdue of the oldest
    orders: tuple[Money, ...] = ()  # released and not shipped yet
    shipments: tuple[Money, ...] = ()  # shipped and not invoiced yet
    waiting: tuple[str, ...] = ()  # numbers of orders that are held
    holds: tuple[str, ...] = ()  # order | manual | blacklist
    related: tuple[str, ...] = ()  # customers of the same group, tax number, phone or address, whom the reader sees
    decides: bool = False  # the reader may stop orders

    @property
    def tone(self) -> str:
        return "danger" if self.severity == "major" or self.kind == "blacklist" else "warning"

    @property
    def exposed(self) -> bool:
        return bool(self.open or self.orders or self.shipments)

    @property
    def blacklisted(self) -> bool:
        return "blacklist" in self.holds

    @property
    def stoppable(self) -> bool:
        return self.decides and not self.blacklisted

    @property
    def advised(self) -> bool:
        """Who can't stop orders hears whom to talk to."""
        return not self.decides and not self.blacklisted

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019", kind="lawsuit",
            severity="major", source="天眼查" if zh else "court register", on=date(2026, 7, 6),
            text="作为被告，买卖合同纠纷，标的 80 万元" if zh else "sued by a supplier for 800,000",
            url="https://risk.example/case/118", open=(yuan(420_000),), overdue=(yuan(100_000),), days=7,
            orders=(yuan(60_000),), shipments=(yuan(40_000),), waiting=("SO-2026-0118",), holds=("order",),
            related=("华兴物流（C031）" if zh else "Huaxing Logistics (C031)",), decides=True,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedRow:
    """A customer beside one that is blacklisted. `same`: group_name, tax_id, phone, address."""

    name: str
    code: str
    same: tuple[str, ...]
    open: tuple[Money, ...]  # receivables
    holds: tuple[str, ...] = ()  # order | manual | blacklist


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedView:
    """task.related: finance looks at whoever is related to a blacklisted customer."""

    today: date
    customer: str
    short: str
    code: str
    reason: str
    by: str  # who blacklisted it
    related: tuple[RelatedRow, ...]
    ended: Phrase | None = None

    @property
    def count(self) -> int:
        return len(self.related)

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        name = "华兴物流有限公司" if zh else "Huaxing Logistics Ltd"
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            reason="失信被执行人" if zh else "dishonest debtor", by=example_person(lang),
            related=(RelatedRow(name=name, code="C031", same=("group_name", "phone"), open=(yuan(60_000),)),),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedOrder:
    """A released order of a blacklisted customer. `left`: what of it is neither shipped nor invoiced."""

    number: str
    amount: Money
    left: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedView:
    """orders.stopped: the owner and finance stop what is released and not shipped."""

    today: date
    customer: str
    short: str
    code: str
    reason: str
    by: str  # who blacklisted it
    orders: tuple[StoppedOrder, ...]
    total: tuple[Money, ...]  # left to ship, by currency

    @property
    def count(self) -> int:
        return len(self.orders)

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        orders = (
            StoppedOrder(number="SO-2026-0118", amount=yuan(80_000), left=yuan(50_000)),
            StoppedOrder(number="SO-2026-0121", amount=yuan(12_000), left=yuan(12_000)),
        )
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            reason="失信被执行人" if zh else "dishonest debtor", by=example_person(lang), orders=orders,
            total=(yuan(62_000),),
        )  # fmt: skip
