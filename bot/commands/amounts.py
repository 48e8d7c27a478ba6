"""Amounts as people write them: 5万, 12.5w, ¥50,000.00, USD 500. Pure; what could be read in two ways is refused."""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

from core.errors import DomainError
from core.money import known_currency, to_minor

_UNITS = {
    "": 0, "百": 2, "千": 3, "k": 3, "万": 4, "w": 4, "萬": 4, "十万": 5, "百万": 6, "m": 6, "千万": 7, "kw": 7, "亿": 8,
    "億": 8,
}  # fmt: skip
_BEFORE = {
    "¥": "CNY", "cn¥": "CNY", "rmb": "CNY", "人民币": "CNY", "$": "USD", "us$": "USD", "美元": "USD", "€": "EUR", "£": "GBP",
    "hk$": "HKD", "nt$": "TWD", "jp¥": "JPY",
}  # fmt: skip
_AFTER = _BEFORE | {
    "元": "", "块": "", "块钱": "", "圆": "", "元整": "", "元人民币": "CNY", "美金": "USD", "刀": "USD", "欧元": "EUR",
    "欧": "EUR", "英镑": "GBP",
    "港币": "HKD", "港元": "HKD", "日元": "JPY", "新台币": "TWD", "台币": "TWD",
}  # fmt: skip
_CN_DIGITS = {"一": "1", "二": "2", "两": "2", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7", "八": "8", "九": "9",
    "十": "10"}


def _any(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word)


_UNIT = "|".join(sorted(filter(None, _UNITS), key=len, reverse=True))
_SHAPE = re.compile(
    rf"(?P<sign>[-+]?)\s*(?P<before>{_any(_BEFORE)}|[a-z]{{3}}(?=[\s\d.+-]))?\s*(?P<sign2>[-+]?)"
    rf"(?P<number>\d[\d.,']*|[一二两三四五六七八九十](?={_UNIT}))\s*(?P<unit>{_UNIT})?\s*"
    rf"(?P<after>{_any(_AFTER)}|[a-z]{{3}})?"
)
# 1亿2000万, 3万5千: each part has its unit, so there is one reading. 1万5 has two, and 五万三 too.
_COMPOUND = re.compile(rf"((?:\d+(?:\.\d+)?(?:{_UNIT})){{2,}})(元|块|块钱|圆|元整)?")
_PART = re.compile(rf"(\d+(?:\.\d+)?)({_UNIT})")
_HALF = re.compile(rf"[\d一二两三四五六七八九十][\d.,]*(?:{_UNIT})[\d一二两三四五六七八九][\d.,]*(元|块)?")
_PLAIN = re.compile(r"\d+(\.\d+)?")
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
# What can only be meant as an amount, even when it is a wrong one.
_TRIED = re.compile(r"[-+]?\s*([¥$€£]\s*)?[-+]?\d[\d.,']*(e[-+]?\d+)?|[-+]?(nan|inf|infinity)")


def parse_amount(text: str, default: str) -> tuple[int, str | None]:
    """(minor units, the currency if one is written). The minor units are of that currency, else of `default`.

    Errors: amount.bad(value), amount.unit(value), amount.ambiguous(value), amount.negative(value), amount.zero(value), and
    money.precision(value, currency, digits), money.too_large(value).
    """
    plain = _plain(text)
    match = _SHAPE.fullmatch(plain)
    if match is None:
        if compound := _COMPOUND.fullmatch(plain):
            return _added(compound[1], text, default), None
        raise DomainError("amount.unit" if _HALF.fullmatch(plain) else "amount.bad", value=text)
    if "-" in (match["sign"], match["sign2"]):
        raise DomainError("amount.negative", value=text)
    currency = _currency(match, text)
    number = match["number"]
    if number in _CN_DIGITS:
        number = _CN_DIGITS[number]
    elif _GROUPED.fullmatch(number):
        number = number.replace(",", "")
    elif not _PLAIN.fullmatch(number):
        raise DomainError("amount.ambiguous" if re.search(r"\d[.,']\d", number) else "amount.bad", value=text)
    value = Decimal(number).scaleb(_UNITS[match["unit"] or ""])
    minor = to_minor(value, currency or default)
    if minor == 0:
        raise DomainError("amount.zero", value=text)
    return minor, currency


def _added(parts: str, text: str, default: str) -> int:
    """The sum of the parts, each smaller than the unit of the one before."""
    total, below = Decimal(0), None
    for number, unit in _PART.findall(parts):
        value = Decimal(number).scaleb(_UNITS[unit])
        if below is not None and value >= Decimal(1).scaleb(below):
            raise DomainError("amount.bad", value=text)
        total, below = total + value, _UNITS[unit]
    return to_minor(total, default)


def _currency(match: re.Match[str], text: str) -> str | None:
    found = set()
    for word, table in ((match["before"], _BEFORE), (match["after"], _AFTER)):
        if not word:
            continue
        code = table.get(word)
        if code is None:
            code = word.upper()
            if not known_currency(code):
                raise DomainError("amount.bad", value=text)
        if code:
            found.add(code)
    if len(found) > 1:
        raise DomainError("amount.ambiguous", value=text)
    return found.pop() if found else None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("¥", "¥").split())


def looks_like_amount(text: str) -> bool:
    """Whether it must be meant as an amount: `1.234,56` is a wrong amount, `3月货款` is a note."""
    plain = _plain(text)
    if _COMPOUND.fullmatch(plain) or _HALF.fullmatch(plain):
        return True
    return bool(_TRIED.fullmatch(plain)) or bool(
        (match := _SHAPE.fullmatch(plain)) and _written(match["before"], _BEFORE) and _written(match["after"], _AFTER)
    )


def _written(word: str | None, table: dict[str, str]) -> bool:
    return not word or word in table or known_currency(word.upper())


def take_amount(words: Sequence[str], default: str) -> tuple[int, str | None, int] | None:
    """(minor, currency, how many words) if the first words are an amount; None if they say something else."""
    for count in (2, 1):  # "USD 500", "5 万", "500 美元"
        text = " ".join(words[:count])
        if len(words) < count or (count == 2 and not _two_words(words[0], words[1])) or not looks_like_amount(text):
            continue
        minor, currency = parse_amount(text, default)
        return minor, currency, count
    return None


def _two_words(first: str, second: str) -> bool:
    first, second = _plain(first), _plain(second)
    if first[-1:].isdigit():
        return second in _UNITS or second in _AFTER or (len(second) == 3 and known_currency(second.upper()))
    return second[:1].isdigit() and (first in _BEFORE or (len(first) == 3 and known_currency(first.upper())))


_LABELS = ("金额", "争议金额", "共", "共计", "合计", "amount")
_GLUED = re.compile(rf"(?P<note>.*?[^\d.,'+-])(?P<amount>{_SHAPE.pattern})")


def amount_among(
    words: Sequence[str], default: str, *, plain: bool = False
) -> tuple[int, str | None, tuple[str, ...]] | None:
    """(minor, currency, the other words) if one amount stands among words of a note: `短少 8888.88`, `先付 5万 余款下月`,
    `金额 50000`. Only what is written as money is one, or what follows such a label; with `plain` the last word, too, if it
    is a number. Errors: amount.several(value), and those of an amount."""
    found: list[tuple[int, int, str, str]] = []  # from and to which word, what stays of it, the amount
    at = 0
    while at < len(words):
        one = _labelled(words, at) or _money(words, at) or (_last(words, at) if plain else None) or _glued(words, at)
        if one is not None:
            found.append(one)
        at = one[1] if one is not None else at + 1
    if not found:
        return None
    if len(found) > 1:
        raise DomainError("amount.several", value="、".join(amount for *_, amount in found))
    [(start, end, stays, amount)] = found
    minor, currency = parse_amount(amount, default)
    return minor, currency, (*words[:start], *([stays] if stays else []), *words[end:])


def _labelled(words: Sequence[str], at: int) -> tuple[int, int, str, str] | None:
    said = _plain(words[at]).rstrip(":")
    if said in _LABELS:
        count = _length(words[at + 1 :])
        return (at, at + 1 + count, "", " ".join(words[at + 1 : at + 1 + count])) if count else None
    label = next((each for each in _LABELS if said.startswith(each)), "")
    rest = _plain(words[at])[len(label) :].lstrip(": ")
    return (at, at + 1, "", rest) if label and looks_like_amount(rest) else None


def _money(words: Sequence[str], at: int) -> tuple[int, int, str, str] | None:
    """What nobody writes but of money: `5万`, `8888.88`, `3,000`, `USD 500`, `500 元`."""
    count = _length(words[at:])
    text = " ".join(words[at : at + count])
    return (at, at + count, "", text) if count == 2 or (count and _says_money(text)) else None


def _last(words: Sequence[str], at: int) -> tuple[int, int, str, str] | None:
    return (at, at + 1, "", words[at]) if at == len(words) - 1 and looks_like_amount(words[at]) else None


def _glued(words: Sequence[str], at: int) -> tuple[int, int, str, str] | None:
    """`短少8888.88元`"""
    match = _GLUED.fullmatch(_plain(words[at]))
    if match is None or not looks_like_amount(match["amount"]) or not _says_money(match["amount"]):
        return None
    return at, at + 1, match["note"].rstrip(":，, "), match["amount"]


def _length(words: Sequence[str]) -> int:
    """How many of the first words are an amount."""
    for count in (2, 1):
        if len(words) >= count and (count == 1 or _two_words(*words[:2])) and looks_like_amount(" ".join(words[:count])):
            return count
    return 0


def _says_money(text: str) -> bool:
    match = _SHAPE.fullmatch(_plain(text))
    if match is None:
        return bool(_COMPOUND.fullmatch(_plain(text)))
    number = match["number"]
    return bool(match["before"] or match["unit"] or match["after"] or _GROUPED.fullmatch(number)) or bool(
        re.fullmatch(r"\d+\.\d\d", number)
    )
