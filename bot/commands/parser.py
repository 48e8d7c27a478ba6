"""Reading a typed line: which command, which customer, what else. Free text stays as it was typed."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from bot.commands.amounts import take_amount
from bot.commands.dates import MAX_WORDS, looks_like_date, take_date
from bot.commands.reply import PICK, CommandReply, choice, error
from bot.text import clean
from core.errors import DomainError
from core.models import Customer, Person
from core.money import format_major
from core.permissions import Scope, scope_of
from core.search import find_prefix
from core.work import Work

# What may be typed for each command; the first of either language is the one in the help.
NAMES: dict[str, tuple[str, ...]] = {
    "balance": ("balance", "余额", "bal", "查余额", "欠款"),
    "aging": ("aging", "账龄", "ageing", "帐龄"),
    "overdue": ("overdue", "逾期", "逾期排名"),
    "todo": ("todo", "待办", "todos", "tasks", "任务"),
    "promise": ("promise", "承诺", "promised"),
    "paid": ("paid", "已付", "说已付", "已付款", "称已付"),
    "dispute": ("dispute", "争议", "disputed"),
    "pause": ("pause", "暂停", "暂停催收"),
    "unpause": ("unpause", "恢复", "恢复催收", "resume"),
    "log": ("log", "记录", "note", "备注"),
    "snooze": ("snooze", "稍后", "延后"),
    "receipt": ("receipt", "收款", "到账"),
    "allocate": ("allocate", "核销", "分配"),
    "credit-note": ("credit-note", "红字", "贷项", "creditnote", "红冲"),
    "trace": ("trace", "追溯", "溯源"),
    "help": ("help", "帮助", "?", "h", "命令"),
    "whoami": ("whoami", "我是谁", "me"),
    "lang": ("lang", "语言", "language"),
    "handover": ("handover", "移交", "交接"),
    "policy": ("policy", "策略", "政策"),
}
WORDS = {word: name for name, words in NAMES.items() for word in words}
_GLUED = sorted((word for word in WORDS if not word.isascii()), key=len, reverse=True)
_TOKENS = re.compile(r'"[^"]*"|“[^”]*”|「[^」]*」|\S+')


@dataclass(frozen=True, slots=True)
class Typed:
    """`name` is "" if no command was recognised; `words` are what follows it."""

    name: str
    words: tuple[str, ...]
    text: str
    quoted: bool = False  # the first word was in quotes: it is the whole name


def parse(text: str) -> Typed:
    """`/balance 华兴`, `余额 华兴`, `余额华兴`, `/hk balance 华兴`, `／ＢＡＬＡＮＣＥ 华兴` are the same."""
    text = clean(text).replace("\u200b", "").strip()
    tokens = [(token.strip('"“”「」'), token[0] in '"“「') for token in _TOKENS.findall(text)]
    head = _folded(tokens[0][0]) if tokens else ""
    if head == "hk" and len(tokens) > 1:
        tokens = tokens[1:]
        head = _folded(tokens[0][0])
    if head == "credit" and len(tokens) > 1 and _folded(tokens[1][0]) == "note":
        tokens, head = tokens[1:], "credit-note"
    rest = tokens[1:]
    if head not in WORDS:
        glued = next((word for word in _GLUED if head.startswith(word)), None)
        if glued is None:
            return Typed("", tuple(token for token, _ in tokens), text)
        first = tokens[0][0].lstrip("/／ ")[len(glued) :].lstrip(":：")
        rest = [(first, False), *rest] if first else rest
        head = glued
    return Typed(WORDS[head], tuple(word for word, _ in rest if word), text, bool(rest) and rest[0][1])


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().lstrip("/").rstrip(":")


@dataclass(frozen=True)
class Ask:
    """A command being answered."""

    work: Work
    person: Person
    lang: str
    typed: Typed
    usage: str
    confirmed: bool = False

    @cached_property
    def scope(self) -> Scope:
        assert self.person.id is not None
        return scope_of(self.work.session, self.person.id)

    def error(self, code: str, outcome: str = "invalid", **facts: object) -> CommandReply:
        return error(self.work, self.lang, code, facts, outcome)

    def currency_of(self, customer: Customer) -> str:
        return customer.currency or self.work.company.currency


@dataclass(frozen=True, slots=True)
class Named:
    """Who is meant, and the words after the name. `customers` has several entries if a choice must be made."""

    customers: list[Customer]
    exact: bool
    rest: tuple[str, ...]
    asked: str

    @property
    def one(self) -> Customer:
        return self.customers[0]


def named(ask: Ask) -> Named | CommandReply:
    """The customer at the beginning of the words, or the answer that there is none."""
    words = ask.typed.words
    if not words:
        return ask.error("customer.missing", usage=ask.usage)
    found = find_prefix(ask.work.session, ask.scope, words[:1] if ask.typed.quoted else words[:12])
    if not found.customers:
        return ask.error("customer.unknown", value=_name_typed(ask, words))
    return Named(found.customers, found.exact, words[found.words :], " ".join(words[: found.words]))


def _name_typed(ask: Ask, words: tuple[str, ...]) -> str:
    """Of a name that nobody has, the words up to the first date or amount."""
    for at in range(1, len(words)):
        if looks_like_date(words[at]) or take_quietly(words[at:]):
            return " ".join(words[:at])
    return " ".join(words)


def take_quietly(words: tuple[str, ...]) -> bool:
    try:
        return take_amount(words, "CNY") is not None
    except DomainError:
        return True


def pick(ask: Ask, name: Named, rest: str = "") -> CommandReply:
    return choice(ask.work, name.asked, name.customers, f"/{ask.typed.name} {PICK} {rest}".rstrip())


@dataclass(slots=True)
class Fields:
    """What follows a name: a date, an amount, and words, in any order that can be told apart."""

    day: date | None = None
    amount_minor: int | None = None
    currency: str | None = None  # only if it was written
    rest: tuple[str, ...] = ()


def fields(
    words: Iterable[str], today: date, currency: str, *, day: bool = True, future: bool | None = True, amount: bool = True
) -> Fields:
    """A date and an amount before the first word that is neither. A wrong date or amount is an error, not a note."""
    left, found = tuple(words), Fields()
    while left:
        if day and found.day is None and any(looks_like_date(" ".join(left[:n])) for n in range(1, MAX_WORDS + 1)):
            found.day, count = take_date(left, today, future=future)
        elif amount and found.amount_minor is None and (taken := take_amount(left, currency)):
            found.amount_minor, found.currency, count = taken
        else:
            break
        left = left[count:]
    found.rest = left
    return found


def amount_input(found: Fields, currency: str) -> dict[str, str]:
    """The amount as an action takes it."""
    if found.amount_minor is None:
        return {}
    given = {"amount": format_major(found.amount_minor, found.currency or currency)}
    return given | ({"currency": found.currency} if found.currency else {})
