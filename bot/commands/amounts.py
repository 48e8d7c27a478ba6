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
