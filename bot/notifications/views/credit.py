"""Credit: an order that waits for somebody's decision, and what the rep hears of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Self

from bot.notifications.views.base import SHANGHAI, Phrase, example_name, example_person, example_short, yuan
from core.money import Money

_LONG = frozenset({"ended.approved_with", "ended.rejected", "ended.withdrawn"})  # with what somebody wrote, or asks for


class _Ends:
    """What a card says of its end, short enough that a title has room for the order and the customer."""

    __slots__ = ()
    ended: Phrase | None

    @property
    def verdict(self) -> Phrase | None:
        """Who decided and what."""
        if self.ended is None or self.ended.code not in _LONG:
            return self.ended
        return replace(self.ended, n=0, text="", on=None)

    @property
    def reason(self) -> str:
        if self.ended is None or self.ended.code not in ("ended.rejected", "ended.withdrawn"):
            return ""
        return self.ended.text

    @property
    def agreed(self) -> Phrase | None:
        """A yes on conditions, with them."""
        return self.ended if self.ended is not None and self.ended.code == "ended.approved_with" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InsuredLine:
    """What an insurer answers for, should the customer not pay."""

    amount: Money
    insurer: str
    until: date

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(amount=yuan(300_000), insurer="中国信保" if lang == "zh" else "Sinosure", until=date(2026, 12, 31))


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedLine:
    """A temporary limit that begins on a later day."""

    amount: Money  # on top of the customer's own
    start: date
    until: date
    by: str = ""
    reason: str = ""

    @classmethod
    def example(cls, lang: str) -> Self:
        reason = "国庆备货" if lang == "zh" else "autumn peak"
        return cls(
            amount=yuan(150_000), start=date(2026, 9, 15), until=date(2026, 10, 15), by=example_person(lang), reason=reason
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditView(_Ends):
    """credit.request: whoever decides sees the order against the customer's limit. Amounts in the limit's currency,
    but for the order's own."""

    today: date
    customer: str
    short: str
    code: str
    order: str  # its number
    amount: Money  # of the order, in its currency
    used: Money  # of the limit, without this order; below 0 is the customer's own money
    by: str = ""  # the rep who asks; "" when the order system did
    rating: str = ""  # A B C D
    rating_why: Phrase | None = None
    prepaid: Money | None = None
    limit: Money | None = None  # None: no limit; 0: cash only
    limit_source: str = "own"  # own new grade cash_only none: core.credit.granted
    available: Money | None = None  # before this order; may be below 0
    over: Money | None = None  # by how much the order is over the limit
    share_over: int = 0  # the same in percent of the limit
    group: str = ""  # whose limit the customer shares; "" if it has none
    group_limit: Money | None = None
    group_used: Money | None = None  # by all of them, without this order
    group_over: Money | None = None
    insured: tuple[InsuredLine, ...] = ()
    overdue: tuple[Money, ...] = ()
    days: int = 0  # days overdue of the oldest
    promise_on: date | None = None  # the last promise
    promise_amount: Money | None = None
    not_kept: int = 0  # promises broken in a row
    reasons: tuple[Phrase, ...] = ()  # why it is held: "credit.over_limit", ...
    note: str = ""  # the rep's words
    expires_at: datetime | None = None
    changed: bool = False  # the figures are worse than when the card was first sent
    moved: bool = False  # others decide than those who were asked first, though nothing is worse
    anew: bool = False  # approved before on a prepayment, which came too late or after things got worse
    refused_by: str = ""  # who rejected the order before it was asked about again
    refused_why: str = ""  # their words
    conditions: Phrase | None = None  # "credit.conditions": of those who have said yes already
    agreed_by: tuple[str, ...] = ()  # who of them asked for conditions
    comments: tuple[Phrase, ...] = ()  # "credit.comment": what they wrote
    acts_for: tuple[str, ...] = ()  # who is away, so that the reader decides in their place
    unanswered: tuple[str, ...] = ()  # who was asked first and didn't answer: the reader is above them
    reminders: int = 0  # how often those on the rung were reminded
    rung: int = 1
    of_rungs: int = 1
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def by_policy(self) -> bool:
        """No limit of its own: the policy gives one to its rating."""
        return self.limit_source in ("new", "grade")

    @property
    def exceeds(self) -> bool:
        return self.over is not None and self.over.minor > 0

    @property
    def group_exceeds(self) -> bool:
        """The order is too much for the group alone."""
        return self.group_over is not None and not self.exceeds

    @property
    def other_reasons(self) -> tuple[Phrase, ...]:
        """What neither the title nor a figure says."""
        over = "credit.over_limit" if self.exceeds else "credit.over_group_limit" if self.group_exceeds else ""
        return tuple(reason for reason in self.reasons if reason.code not in (over, "credit.overdue"))

    @property
    def limited(self) -> bool:
        """A limit of 0 is one, too."""
        return self.limit is not None

    @property
    def cash_only(self) -> bool:
        return self.limit is not None and self.limit.minor == 0

    @property
    def roomy(self) -> bool:
        """What is available says something only where nothing is over."""
        return self.available is not None and not self.exceeds

    @property
    def waives(self) -> Money | None:
        """The order's own prepayment that a plain yes would take back; with conditions it stays."""
        awaited = any(reason.code == "credit.prepayment_awaited" for reason in self.reasons)
        return self.prepaid if awaited and self.conditions is None and not self.anew else None

    @property
    def promised(self) -> bool:
        return self.promise_on is not None or self.not_kept > 0

    @property
    def several(self) -> bool:
        return self.of_rungs > 1

    @property
    def reminded(self) -> bool:
        """Whoever is asked only since nobody answered was not reminded of anything."""
        return self.reminders > 0 and not self.unanswered

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            rating="C", rating_why=Phrase(code="rating.average_late", text="18.4"), order="SO-2026-0118",
            amount=yuan(200_000), limit=yuan(500_000), used=yuan(420_000), available=yuan(80_000), over=yuan(120_000),
            share_over=24, group="华兴集团" if lang == "zh" else "Huaxing Group", group_limit=yuan(2_000_000),
            group_used=yuan(1_900_000), group_over=yuan(100_000), insured=(InsuredLine.example(lang),),
            overdue=(yuan(100_000),), days=7, promise_on=date(2026, 7, 6),
            promise_amount=yuan(120_000), not_kept=2,
            reasons=(
                Phrase(code="credit.over_limit", amount=(yuan(120_000),)), Phrase(code="credit.overdue", n=7),
            ),
            by=example_person(lang), note="老客户，月底回款后补齐" if lang == "zh" else "old customer, pays at month-end",
            expires_at=datetime(2026, 7, 10, 12, tzinfo=SHANGHAI), rung=1, of_rungs=2,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DeputyView:
    """note.deputy: to whoever decides in somebody's place."""

    today: date
    who: str  # is away
    start: date
    until: date
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def open(self) -> bool:
        return self.ended is None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(today=date(2026, 7, 8), who=example_person(lang, 2), start=date(2026, 7, 9), until=date(2026, 7, 17))


def in_place_of(name: str, whom: Collection[str], lang: str) -> str:
    """A deputy, with those in whose place they decide; just the name of whoever decides in their own right."""
    if not whom:
        return name
    return f"{name} 代 {'、'.join(whom)}" if lang == "zh" else f"{name} for {', '.join(whom)}"


_TONES = {
    "released": "success", "rejected": "danger", "refused": "danger", "withdrawn": "muted", "cancelled": "muted",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView(_Ends):
    """order.held, to the rep; order.decided, to the rep and to finance."""

    today: date
    customer: str
    short: str
    code: str
    order: str  # its number
    amount: Money  # of the order
    # held released conditions rejected expired withdrawn cancelled; refused: by a rule, nobody was asked; nobody: may decide
    state: str
    prepaid: Money | None = None
    over: Money | None = None
    reasons: tuple[Phrase, ...] = ()  # why it is held or refused
    asked: tuple[str, ...] = ()  # order.held: whose decision it waits for
    until: datetime | None = None  # order.held: until when they may decide
    by: str = ""  # order.decided: who; "" when it came about by itself, after a payment say
    why: tuple[Phrase, ...] = ()  # order.decided: what was written beside it, "credit.comment"
    conditions: Phrase | None = None  # "credit.conditions"
    note: str = ""  # the rep's own words
    may_ask: bool = False  # the reader may ask again
    ended: Phrase | None = None  # order.held, where the card is drawn anew

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @property
    def waits(self) -> bool:
        """For somebody's decision."""
        return bool(self.asked)

    @property
    def exceeds(self) -> bool:
        return self.over is not None and self.over.minor > 0

    @property
    def tone(self) -> str:
        return _TONES.get(self.state, "warning")

    @property
    def released(self) -> bool:
        return self.state == "released"

    @property
    def conditional(self) -> bool:
        return self.state == "conditions"

    @property
    def rejected(self) -> bool:
        return self.state == "rejected"

    @property
    def expired(self) -> bool:
        return self.state == "expired"

    @property
    def nobody(self) -> bool:
        return self.state == "nobody"

    @property
    def withdrawn(self) -> bool:
        return self.state == "withdrawn"

    @property
    def cancelled(self) -> bool:
        return self.state == "cancelled"

    @property
    def refused(self) -> bool:
        return self.state == "refused"

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), customer=example_name(lang), short=example_short(lang), code="C019",
            order="SO-2026-0118", amount=yuan(200_000), state="conditions", over=yuan(120_000),
            reasons=(
                Phrase(code="credit.over_limit", amount=(yuan(120_000),)), Phrase(code="credit.overdue", n=7),
            ),
            asked=(example_person(lang, 2),), until=datetime(2026, 7, 10, 12, tzinfo=SHANGHAI),
            by=example_person(lang, 2),
            why=(Phrase(code="credit.comment", text="先收三成再发货" if lang == "zh" else "ship after the prepayment"),),
            conditions=Phrase(code="credit.conditions", n=30, on=date(2026, 7, 31)),
            note="老客户，月底回款后补齐" if lang == "zh" else "old customer, pays at month-end",
        )  # fmt: skip
