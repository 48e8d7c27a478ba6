"""Answers about a group of customers: the limit that they share, and what each of them uses up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import example_name, yuan
from core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    code: str
    name: str
    used: Money  # in the currency of the group's limit; below 0 is its own money
    limit: Money | None = None  # its own with what is added for a while, in its own currency; 0: cash only

    @property
    def limited(self) -> bool:
        return self.limit is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """reply.group: those members that the reader sees; `hidden` of them are somebody else's, and counted all the same."""

    today: date
    name: str
    used: Money
    members: tuple[MemberLine, ...]
    hidden: int = 0
    limit: Money | None = None  # None: none set
    available: Money | None = None
    usage: str = ""  # "65%"
    since: date | None = None
    reason: str = ""

    @property
    def tone(self) -> str:
        return "warning" if self.exceeded else "info"

    @property
    def limited(self) -> bool:
        return self.limit is not None

    @property
    def deserted(self) -> bool:
        """No customer belongs to it any more, and its limit is still there."""
        return self.limited and not self.members and not self.hidden

    @property
    def exceeded(self) -> bool:
        return self.available is not None and self.available.minor < 0

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), name="华兴集团" if zh else "Huaxing Group", used=yuan(1_900_000), hidden=1,
            limit=yuan(2_000_000), available=yuan(100_000), usage="95%", since=date(2026, 1, 1),
            reason="年度授信" if zh else "yearly review",
            members=(
                MemberLine(code="C019", name=example_name(lang), used=yuan(420_000), limit=yuan(500_000)),
                MemberLine(code="C020", name="华兴物流有限公司" if zh else "Huaxing Logistics Ltd", used=yuan(680_000)),
            ),
        )  # fmt: skip
