"""Reading a typed line: which command, which customer, what else. Free text stays as it was typed."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from bot.commands.amounts import looks_like_amount, take_amount
from bot.commands.dates import MAX_WORDS, dotted, looks_like_date, take_date
from bot.commands.reply import PICK, CommandReply, choice, error
from bot.text import clean
from core.errors import DomainError
from core.models import Customer, Person
from core.money import format_major
from core.permissions import Scope, scope_of
from core.search import find_prefix
from core.waiting import in_place_of_somebody
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
    "approvals": ("approvals", "审批", "待审批", "approval"),
    "order": ("order", "订单", "查订单"),
    "approve": ("approve", "批准"),
    "reject": ("reject", "驳回"),
    "withdraw": ("withdraw", "撤回", "撤回申请"),
    "credit": ("credit", "信用", "信用额度"),
    "rating": ("rating", "评级", "信用评级"),
    "deviation": ("deviation", "授信偏差", "额度偏差", "偏差"),
    "limit": ("limit", "额度", "设额度", "调额度", "授信"),
    "hold": ("hold", "冻结", "冻结客户", "freeze"),
    "unhold": ("unhold", "解冻", "解除冻结", "unfreeze"),
    "blacklist": ("blacklist", "黑名单", "拉黑", "列入黑名单"),
    "unblacklist": ("unblacklist", "移出黑名单", "解除黑名单", "取消黑名单"),
    "away": ("away", "外出", "请假", "休假", "出差"),
    "back": ("back", "回来", "返岗", "销假"),
    "help": ("help", "帮助", "?", "h", "命令"),
    "whoami": ("whoami", "我是谁", "me"),
    "lang": ("lang", "语言", "language"),
    "link": ("link", "绑定", "绑定账号"),
    "notify": ("notify", "推送", "推送到"),
    "handover": ("handover", "移交", "交接"),
    "policy": ("policy", "策略", "政策"),
}
BUTTONS = frozenset({"approve", "reject", "withdraw"})  # what a card's button does as well, and bot.meant reads
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
    in_quotes: tuple[str, ...] = ()  # which words were: no day is read in them


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
    in_quotes = tuple(word for word, is_quoted in rest[1:] if is_quoted)
    return Typed(WORDS[head], tuple(word for word, _ in rest if word), text, bool(rest) and rest[0][1], in_quotes)


def is_command(text: str) -> bool:
    """Whether the line begins with a word of ours that stands alone; else it may be what a button says: 承诺日期 7-10."""
    words = clean(text).replace("\u200b", "").split(maxsplit=2)
    head = _folded(words[0]) if words else ""
    if head == "hk" and len(words) > 1:
        head = _folded(words[1])
    return head in WORDS and WORDS[head] not in BUTTONS


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
        """With the customers about which they decide in somebody's place just now."""
        assert self.person.id is not None
        mine = scope_of(self.work.session, self.person.id)
        if mine.all:
            return mine
        return replace(mine, customer_ids=in_place_of_somebody(self.work, self.person.id))

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
    words: Iterable[str],
    today: date,
    currency: str,
    *,
    day: bool = True,
    future: bool | None = True,
    amount: bool = True,
    needs_day: bool = False,
) -> Fields:
    """A date and an amount before the first word that is neither. A wrong date or amount is an error, not a note.

    `needs_day`: a lone `12.1` is the date then. Errors: date.or_amount(value), and those of dates and amounts.
    """
    left, found = tuple(words), Fields()
    while left:
        apart = _unglued(left)
        wants_day, wants_amount = day and found.day is None, amount and found.amount_minor is None
        is_day = wants_day and _says_day(apart)
        if is_day and wants_amount and dotted(apart[0]):
            is_day = _dotted_day(apart, needs_day)
        if is_day:
            found.day, count = take_date(apart, today, future=future)
        elif wants_amount and (taken := take_amount(apart, currency)):
            found.amount_minor, found.currency, count = taken
        else:
            break
        left = apart[count:]
    found.rest = left
    return found


def _says_day(words: tuple[str, ...]) -> bool:
    return any(looks_like_date(" ".join(words[:n])) for n in range(1, MAX_WORDS + 1))


def _dotted_day(words: tuple[str, ...], needs_day: bool) -> bool:
    """Whether a first word like `12.1` is a date: beside an amount it is, beside a date it is an amount."""
    following = words[1:]
    if following and not dotted(following[0]):
        if take_quietly(following):
            return True
        if _says_day(following):
            return False
    elif following:
        raise DomainError("date.or_amount", value=words[0])
    if not needs_day:
        raise DomainError("date.or_amount", value=words[0])
    return True


_JOINT = re.compile(r"(?<!\d)[，,](?=.)|(?<=\d)[，,](?!\d)|[、；;]")
_GLUED_DAY = re.compile(r"(.*[日号天周一二三四五六底末])(\d.*)")


def _unglued(words: tuple[str, ...]) -> tuple[str, ...]:
    """`12月1日5万元`, `12月1日，5万元，电话确认`: a date or an amount at the beginning of a word is a word of its own."""
    first = words[0]
    if looks_like_date(first) or looks_like_amount(first):
        return words
    parts = _JOINT.split(first, maxsplit=1)
    if len(parts) == 2 and parts[0] and _one_thing(parts[0]):
        return (parts[0], *([parts[1]] if parts[1] else []), *words[1:])
    return _split_day(first) + words[1:]


def _one_thing(text: str) -> bool:
    return looks_like_date(text) or looks_like_amount(text) or len(_split_day(text)) > 1


def _split_day(text: str) -> tuple[str, ...]:
    match = _GLUED_DAY.fullmatch(unicodedata.normalize("NFKC", text))
    if match and looks_like_date(match[1]) and looks_like_amount(match[2]):
        return match[1], match[2]
    return (text,)


def amount_input(found: Fields, currency: str) -> dict[str, str]:
    """The amount as an action takes it."""
    if found.amount_minor is None:
        return {}
    given = {"amount": format_major(found.amount_minor, found.currency or currency)}
    return given | ({"currency": found.currency} if found.currency else {})
