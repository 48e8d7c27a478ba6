"""The other answers to what people type: help, choices, confirmations, results, errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from bot.notifications.views.base import (
    Option,
    Phrase,
    example_name,
    example_person,
    example_short,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A label and what stands beside it, both already words."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpView:
    """reply.help: the commands that this person may use; label = what to type, value = what it does."""

    today: date
    commands: tuple[Line, ...]
    words: tuple[str, ...] = ()  # each command's own, where there are many: a card may have no room for all lines
    unknown: str = ""  # the text that wasn't understood, if that is why help is shown

    @classmethod
    def example(cls, lang: str) -> Self:
        line = Line(label="余额 客户", value="客户余额与账龄") if lang == "zh" else Line(
            label="/balance customer", value="balance and aging of a customer")  # fmt: skip
        return cls(today=date(2026, 7, 8), commands=(line,), unknown="ablance")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """reply.test: `huikuan send-test`."""

    today: date
    person: str

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(today=date(2026, 7, 8), person=example_person(lang))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoamiView:
    """reply.whoami"""

    today: date
    person: str
    handle: str
    roles: tuple[str, ...]  # codes of [role] in _words.toml
    manager: str = ""
    region: str = ""
    deputy: str = ""  # decides about credit while they are away
    away_from: date | None = None
    away_until: date | None = None
    accounts: tuple[Line, ...] = ()  # messenger, user id
    lang: str = ""

    @property
    def away(self) -> bool:
        return self.away_from is not None or self.away_until is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), person=example_person(lang), handle="li", roles=("rep",),
            manager=example_person(lang, 1), region="华东" if lang == "zh" else "East", deputy=example_person(lang, 2),
            away_from=date(2026, 7, 10), away_until=date(2026, 7, 15),
            accounts=(Line(label="local", value="li"),), lang=lang,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """reply.choice: several hits; value goes back as `pick`."""

    today: date
    asked: str  # what was typed
    options: tuple[Option, ...]
    waiting: bool = False  # cards of the reader's, any of which the line might mean

    @property
    def matches(self) -> bool:
        return not self.waiting

    @property
    def count(self) -> int:
        return len(self.options)

    @classmethod
    def example(cls, lang: str) -> Self:
        return cls(
            today=date(2026, 7, 8), asked="hx",
            options=(Option(value="C019", label=example_name(lang)), Option(value="C020", label=example_short(lang))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    """reply.confirm: a write that was guessed from a name that isn't exact."""

    today: date
    what: str  # already words: 登记承诺
    customer: str
    code: str
    details: tuple[Line, ...] = ()
    ended: Phrase | None = None

    @property
    def closed(self) -> bool:
        return self.ended is not None

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), what="登记承诺" if zh else "Log a promise", customer=example_name(lang), code="C019",
            details=(Line(label="承诺日期" if zh else "Date", value="7月10日" if zh else "10 Jul"),),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SureView:
    """reply.sure: a tap that the messenger itself could not ask about once more."""

    today: date
    what: str  # what the button says: 批准
    question: str  # what it asks, with its amounts
    details: tuple[Line, ...] = ()  # what was filled in

    @classmethod
    def example(cls, lang: str) -> Self:
        zh, name = lang == "zh", example_short(lang)
        asked = f"撤回 {name} 订单 SO-118（¥200,000.00）的放行申请？"
        in_english = f"Take back the request to release order SO-118 of {name}, CN¥200,000.00?"
        return cls(
            today=date(2026, 7, 8), what="撤回申请" if zh else "Withdraw", question=asked if zh else in_english,
            details=(Line(label="撤回原因" if zh else "Reason", value="客户改期" if zh else "postponed"),),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """reply.error"""

    today: date
    code: str  # stable, "promise.too_far"
    message: str
    hint: str = ""

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), code="customer.unknown",
            message="找不到客户“华新”" if zh else "No customer called “huaxin”",
            hint="可用编号、简称或拼音首字母查询" if zh else "Try the code, short name or initials",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneView:
    """reply.done: it is done; what happens next."""

    today: date
    what: str  # already words: 承诺已登记
    details: tuple[Line, ...] = ()
    next: str = ""
    warnings: tuple[Line, ...] = ()  # label = code, value = words

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), what="承诺已登记" if zh else "Promise logged",
            details=(Line(label="客户" if zh else "Customer", value=example_name(lang)),),
            next="7月10日提醒您核对到账" if zh else "You will be reminded on 10 Jul",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    """reply.object: any changed or shown object as labels and values, e.g. a policy in plain words."""

    today: date
    title: str
    text: str = ""
    details: tuple[Line, ...] = ()

    @classmethod
    def example(cls, lang: str) -> Self:
        zh = lang == "zh"
        return cls(
            today=date(2026, 7, 8), title="收款 R-0720-1" if zh else "Receipt R-0720-1",
            details=(Line(label="金额" if zh else "Amount", value="¥120,000.00"),),
        )
