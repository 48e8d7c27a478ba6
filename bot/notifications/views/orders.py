"""Answers about orders and credit: what waits for an approval, one order, one customer's credit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from bot.notifications.views.base import SHANGHAI, Phrase, example_name, example_person, example_short, yuan
from bot.notifications.views.credit import InsuredLine, PreparedLine
from bot.notifications.views.risks import RiskLine
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalLine:
    item: str  # what the line opens: `credit:12`
    customer: str
    order: str
    amount: Money
    since: datetime
    expires: datetime
    over: Money | None = None  # by how much it is over the limit now
    was: Money | None = None  # what its card shows of that, where it is another
    who: str = ""  # asks for it
    instead_of: tuple[str, ...] = ()  # who is away, so that the reader decides in their place


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsView:
    """reply.approvals: the orders that one person may decide now, the first to expire first; each line opens its card."""

    today: date
    person: str
    requests: tuple[ApprovalLine, ...]

    @property
    def count(self) -> int:
        return len(self.requests)

    @property
    def none(self) -> bool:
        return not self.requests

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), person=example_person(lang, 2),
            requests=(
                ApprovalLine(item="credit:12", customer=example_short(lang), order="SO-2026-0118", amount=yuan(200_000),
                             since=datetime(2026, 7, 8, 9, 30, tzinfo=SHANGHAI),
                             expires=datetime(2026, 7, 10, 12, tzinfo=SHANGHAI), over=yuan(120_000), was=yuan(80_000),
                             who=example_person(lang)),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStep:
    """What somebody decided about an order, or what became of a request by itself."""

    at: datetime
    what: Phrase  # "ended.approved", "ended.request_expired", ...
    comment: str = ""  # what they wrote beside their yes


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusView:
    """reply.order: `state` is one of [order], where `conditions` and `expired` are held orders."""

    today: date
    number: str
    customer: str
    code: str
    amount: Money
    state: str
    placed: datetime  # when it came here
    ordered_on: date | None = None  # the order's own day
    prepaid: Money | None = None
    missing: Money | None = None  # of the prepayment that it waits for
    shipped: Money | None = None
    shipped_on: date | None = None  # the last shipment
    signed: Money | None = None
    signed_on: date | None = None
    invoiced: Money | None = None
    terms: str = ""
    at_most: int | None = None  # days that the approval allows
    by: str = ""  # whose order it is
    note: str = ""  # their words
    reasons: tuple[Phrase, ...] = ()  # of the latest verdict
    asked: tuple[str, ...] = ()  # whose decision it waits for
    until: datetime | None = None  # until when they may decide
    steps: tuple[OrderStep, ...] = ()  # oldest first

    @property
    def tone(self) -> str:
        bad = {"released": "success", "rejected": "danger", "refused": "danger", "cancelled": "muted", "closed": "muted"}
        return bad.get(self.state, "warning")

    @property
    def held_back(self) -> bool:
        """What once held up an order that is released now is no longer why it is what it is."""
        return bool(self.reasons) and self.state in ("held", "conditions", "expired", "refused", "rejected")

    @property
    def shortened(self) -> bool:
        """Terms of 0 days are some, too."""
        return self.at_most is not None

    @property
    def has_terms(self) -> bool:
        return bool(self.terms) or self.shortened

    @property
    def unasked(self) -> bool:
        return self.state == "held" and not self.asked

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), number="SO-2026-0118", customer=example_name(lang), code="C019", amount=yuan(200_000),
            state="held", placed=datetime(2026, 7, 8, 9, 30, tzinfo=SHANGHAI), ordered_on=date(2026, 7, 7),
            prepaid=yuan(20_000), missing=yuan(12_000),
            shipped=yuan(40_000), shipped_on=date(2026, 7, 8),
            terms="月结30" if lang == "zh" else "30 days EOM", by=example_person(lang),
            note="老客户，月底回款后补齐" if lang == "zh" else "old customer, pays at month-end",
            reasons=(Phrase(code="credit.over_limit", amount=(yuan(120_000),)), Phrase(code="credit.overdue", n=7)),
            asked=(example_person(lang, 2),), until=datetime(2026, 7, 10, 12, tzinfo=SHANGHAI),
            steps=(OrderStep(at=datetime(2026, 7, 8, 11, tzinfo=SHANGHAI),
                             what=Phrase(code="ended.approved", who=example_person(lang, 1)),
                             comment="先收三成再发货" if lang == "zh" else "ship after the prepayment"),),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyExposure:
    currency: str
    open: Money
    orders: Money
    shipments: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLine:
    order: str
    amount: Money
    expires: datetime
    asked: tuple[str, ...]
    over: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    number: str
    amount: Money
    state: str
    on: date  # placed


@dataclass(frozen=True, slots=True, kw_only=True)
class UninvoicedLine:
    """A released order: what of it is to be invoiced, and what of that is shipped."""

    order: str
    left: Money
    shipped: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditStatusView:
    """reply.credit: a customer's limit and what uses it up, in the currency of the limit; other currencies in `others`."""

    today: date
    code: str
    name: str
    rating: str  # "" if unrated
    owner: str
    used: Money  # below 0 is the customer's own money
    open: Money  # receivables
    orders: Money  # released and not shipped yet
    shipments: Money  # shipped and not invoiced yet
    unapplied: Money  # ≤ 0
    limit: Money | None = None  # with the temporary one; None: no limit
    limit_source: str = "own"  # own new grade cash_only none: core.credit.granted
    set_limit: Money | None = None  # what somebody set, where the rating leaves nothing of it
    terms_days: int = 0  # longer ones need approval
    terms_agreed: bool = False  # with this customer; else they are what its rating is worth
    extra: Money | None = None  # of it for a while
    extra_until: date | None = None
    prepared: tuple[PreparedLine, ...] = ()  # the first to begin first
    available: Money | None = None  # the lower of what its own limit and the group's leave
    group: str = ""  # whose limit it shares
    group_limit: Money | None = None
    group_used: Money | None = None
    insured: tuple[InsuredLine, ...] = ()
    usage: str = ""  # "65%"
    cash_only: bool = False  # the limit is 0, or counts as 0 because of the rating
    overdue: tuple[Money, ...] = ()
    days: int = 0  # days overdue of the oldest
    holds: tuple[str, ...] = ()
    pending: tuple[PendingLine, ...] = ()
    others: tuple[CurrencyExposure, ...] = ()
    latest: tuple[OrderLine, ...] = ()  # newest first
    uninvoiced: tuple[UninvoicedLine, ...] = ()  # the oldest few
    uninvoiced_more: int = 0  # how many others
    risks: tuple[RiskLine, ...] = ()  # newest first

    @property
    def tone(self) -> str:
        return "warning" if self.overdue or self.holds or self.exceeded else "info"

    @property
    def limited(self) -> bool:
        """A limit of 0 is one, too."""
        return self.limit is not None

    @property
    def by_policy(self) -> bool:
        """No limit of its own: the policy gives one to its rating."""
        return self.limit_source in ("new", "grade")

    @property
    def roomy(self) -> bool:
        """What is available is known: by a limit of its own, or of its group."""
        return self.available is not None

    @property
    def blacklisted(self) -> bool:
        return "blacklist" in self.holds

    @property
    def by_rating(self) -> bool:
        """The policy gives this rating no credit, whatever limit is set."""
        return self.limit_source == "cash_only"

    @property
    def exceeded(self) -> bool:
        return self.available is not None and self.available.minor < 0

    @property
    def has_orders(self) -> bool:
        return self.orders.minor != 0

    @property
    def has_shipments(self) -> bool:
        return self.shipments.minor != 0

    @property
    def has_unapplied(self) -> bool:
        return self.unapplied.minor != 0

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), code="C019", name=example_name(lang), rating="C", owner=example_person(lang),
            used=yuan(420_000), open=yuan(325_000), orders=yuan(60_000), shipments=yuan(40_000),
            unapplied=yuan(-5_000), limit=yuan(600_000), terms_days=60, terms_agreed=True,
            extra=yuan(100_000), extra_until=date(2026, 7, 31), prepared=(PreparedLine.example(lang),),
            available=yuan(100_000), usage="70%",
            group="华兴集团" if lang == "zh" else "Huaxing Group", group_limit=yuan(2_000_000), group_used=yuan(1_900_000),
            insured=(InsuredLine.example(lang),),
            overdue=(yuan(100_000),), days=7, holds=("order",),
            pending=(PendingLine(order="SO-2026-0118", amount=yuan(200_000), over=yuan(20_000),
                                 expires=datetime(2026, 7, 10, 12, tzinfo=SHANGHAI), asked=(example_person(lang, 2),)),),
            others=(CurrencyExposure(currency="USD", open=yuan(1_234, "USD"), orders=yuan(0, "USD"),
                                     shipments=yuan(0, "USD")),),
            latest=(
                OrderLine(number="SO-2026-0118", amount=yuan(200_000), state="held", on=date(2026, 7, 8)),
                OrderLine(number="SO-2026-0097", amount=yuan(100_000), state="released", on=date(2026, 6, 24)),
            ),
            uninvoiced=(UninvoicedLine(order="SO-2026-0097", left=yuan(100_000), shipped=yuan(40_000)),), uninvoiced_more=2,
            risks=RiskLine.examples(lang),
        )  # fmt: skip
