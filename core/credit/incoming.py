"""An order as the order system, a file or the page sends it, read into values. Pure.

    {number, customer, amount, currency?, ordered_on?, terms?, prepaid?, lines?, note?, asked_by?, extra?}

`ordered_on` is an ISO date. Amounts are texts in major units. `extra` is kept and not looked at.
"""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from core.errors import DomainError
from core.money import MAX_MINOR, Money, known_currency, parse_major, plain_number, ungrouped

FIELDS = (
    "number", "customer", "amount", "currency", "ordered_on", "terms", "prepaid", "lines", "note", "asked_by", "extra",
)  # fmt: skip
PRICES = ("price", "list_price", "cost")
_CLOSE = "/close"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS = (  # how long one is, in days; an unknown one makes the terms unreadable
    (r"天|日|days?|d", 1), (r"月|months?|mths?|mons?|mos?|m", 30), (r"周|星期|礼拜|weeks?|wks?|w", 7),
    (r"季度?|quarters?|qtrs?", 90), (r"年|years?|yrs?|y", 365),
)  # fmt: skip
_UNIT = "|".join(unit for unit, _ in _UNITS)
_DIGITS = {"零": 0, "两": 2, **{word: n for n, word in enumerate("一二三四五六七八九", start=1)}}
_TENS = {"十": 10, "百": 100, "千": 1000}
_SAME = str.maketrans("個週兩〇壹贰貳叁參肆伍陆陸柒捌玖拾佰仟後", "个周两零一二二三三四五六六七八九十百千后")
_COUNT = re.compile(
    r"(?P<before>第|[a-z]+)?(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+(?:\.[0-9]+)?|[半零一二两三四五六七八九十百千]+)"
    rf"\s*(?P<of>个?)(?P<half>半?)\s*(?P<unit>%|(?:{_UNIT})(?![a-z]))?(?P<after>\s*(?:[a-z]+|[^\W_]))?"
)
_BEFORE = frozenset({"net", "nett", "n", "t", "tt", "d", "da", "dp", "oa", "eom"})  # net30
_AFTER = frozenset({"net", "eom", "and", "or", "to", "after", "from", "upon", "on", "at"})  # 60 net
_UNCOUNTED = re.compile(r"[月季年旬]|weeks?|months?|quarters?|years?")
_READABLE = 99_999  # days
_LATER = re.compile(r"[次下隔]个?月|next month")  # counted from a day that nobody told
_AT_ONCE = frozenset({
    "现结", "现款", "现金", "现付", "预付", "预付款", "预付100%", "100%预付", "全款预付", "款到发货", "先款后货", "货到付款",
    "立即付款", "cash", "cod", "cash on delivery", "prepaid", "prepayment", "immediate", "due on receipt", "无", "none",
    "n/a", "-",
})  # fmt: skip
MAX_TEXT, MAX_LINES, MAX_EXTRA, MAX_NAME, MAX_NUMBER = 400, 500, 100, 100, 10**15


@dataclass(frozen=True)
class NewOrder:
    """`asked_by`: a person's handle, "" for whoever looks after the customer. `terms_days`: what days_of reads in `terms`.
    `extra`: what else is to be kept of it, by name; nothing is decided on it."""

    number: str
    customer: str
    amount_minor: int
    currency: str
    prepaid_minor: int = 0
    terms: str = ""
    terms_days: int | None = None
    lines: tuple[Mapping[str, Any], ...] = ()
    note: str = ""
    asked_by: str = ""
    extra: Mapping[str, str | int | float] = field(default_factory=dict)
    ordered_on: date | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same order, however its JSON was written."""
        values = asdict(self)
        for later in ("extra", "ordered_on"):  # as it was before there was any
            if not values[later]:
                del values[later]
        known = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(known.encode()).hexdigest()


def parse(data: object, company_currency: str) -> NewOrder:
    """Errors: order.not_an_object, order.unknown_field, order.field_missing, order.bad_field, order.bad_number,
    order.bad_lines, order.amount."""
    if not isinstance(data, Mapping):
        raise DomainError("order.not_an_object")
    for name in data:
        if name not in FIELDS:
            raise DomainError("order.unknown_field", field=str(name)[:80], allowed=", ".join(FIELDS))
    currency = (_text(data, "currency") or company_currency).upper()
    if not known_currency(currency):
        raise DomainError("order.bad_field", field="currency", value=currency[:20])
    if data.get("amount") in (None, ""):
        raise DomainError("order.field_missing", field="amount")
    amount = _amount(data, "amount", currency)
    if not amount:
        raise _no_amount(data, "amount", currency)
    terms = _text(data, "terms")
    return NewOrder(
        number=_number(data),
        customer=_needed(data, "customer"),
        amount_minor=amount,
        currency=currency,
        prepaid_minor=_prepaid(data, amount, currency),
        terms=terms,
        terms_days=days_of(terms),
        lines=_lines(data),
        note=_text(data, "note"),
        asked_by=_text(data, "asked_by"),
        extra=_extra(data),
        ordered_on=_day(data, "ordered_on"),
    )


def days_of(terms: str) -> int | None:
    """The longest wait for money that payment terms speak of, in days: 60 of `2/10 net 60`, 90 of `3个月`. None: nothing is
    said, or not all of it can be read: a number of something else, or of nobody knows what; a person must look at it then.
    """
    text = unicodedata.normalize("NFKC", terms).casefold().strip().translate(_SAME)
    if _LATER.search(text):
        return None
    counts: list[float | None] = []
    at, rest, before = 0, "", 0
    while found := _COUNT.search(text, at):
        said = text[at : found.start()]
        rest, at = rest + said, found.start("after") if found["after"] else found.end()
        if found["unit"] == "%" or _is_word(found):
            before = before if found["number"] == "零" else 0
            continue
        days, one = _days(found), _one(found)
        if one < before and said.strip() in ("", "and", "又") and None not in (days, counts[-1]):  # 1年6个月
            days = (days or 0) + (counts.pop() or 0)
        counts.append(days)
        before = one if found["unit"] else 0
    if counts:
        longest = max((days for days in counts if days is not None), default=0.0)
        unclear = None in counts or _UNCOUNTED.search((rest + text[at:]).replace("月结", "")) or longest > _READABLE
        return None if unclear else int(longest)
    return 0 if text in _AT_ONCE else 30 if text in ("月结", "eom") else None


def _is_word(found: re.Match[str]) -> bool:
    """一次, 三方: no number."""
    return found["number"] in _DIGITS and not found["unit"] and not found["of"]


def _days(found: re.Match[str]) -> float | None:
    number, unit, before, after = found["number"], found["unit"], found["before"], (found["after"] or "").strip()
    if before and before not in _BEFORE:
        return None
    if not unit and (found["of"] or found["half"] or not number.isascii() or (after and after not in _AFTER)):
        return None
    count = float(number.replace(",", "")) if number.isascii() else _chinese(number)
    if count is None:
        return None
    return (count + (0.5 if found["half"] else 0)) * _one(found)


def _one(found: re.Match[str]) -> int:
    return next((days for units, days in _UNITS if found["unit"] and re.fullmatch(units, found["unit"])), 1)


def _chinese(words: str) -> float | None:
    """120 of 一百二十 and 一百二, 0.5 of 半."""
    if words == "半":
        return 0.5
    total, digit, last = 0, None, 0
    for word in words:
        if word in _TENS:
            total += (1 if digit is None else digit) * _TENS[word]
            digit, last = None, _TENS[word]
        elif word not in _DIGITS or digit:
            return None
        else:
            digit, last = _DIGITS[word], 0 if word == "零" else last
    return total + (digit or 0) * (last // 10 if last > 10 else 1)


def _text(data: Mapping[Any, Any], name: str) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value:
        raise DomainError("order.bad_field", field=name, value=str(value)[:40])
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DomainError("order.bad_field", field=name, value="?") from None
    return value.strip()


def _day(data: Mapping[Any, Any], name: str) -> date | None:
    value = data.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise DomainError("order.bad_field", field=name, value=str(value)[:40])


def _needed(data: Mapping[Any, Any], name: str) -> str:
    value = _text(data, name)
    if not value or len(value) > 100 or not value.isprintable():
        raise DomainError("order.field_missing" if not value else "order.bad_field", field=name, value=value[:40])
    return value


def _number(data: Mapping[Any, Any]) -> str:
    """With such an end, its address in the REST API would be that of ending another order."""
    number = _needed(data, "number")
    if number.endswith(_CLOSE):
        raise DomainError("order.bad_number", value=number, end=_CLOSE)
    return number


def _amount(data: Mapping[Any, Any], name: str, currency: str) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _no_amount(data, name, currency)
    try:
        minor = parse_major(ungrouped(str(value).strip()), currency)
    except DomainError:
        raise _no_amount(data, name, currency) from None
    if not 0 <= minor <= MAX_MINOR:
        raise _no_amount(data, name, currency)
    return minor


def _no_amount(data: Mapping[Any, Any], name: str, currency: str) -> DomainError:
    """`most`: as much as an amount in this currency can be."""
    return DomainError("order.amount", field=name, value=str(data.get(name))[:40], most=Money(MAX_MINOR, currency))


def _prepaid(data: Mapping[Any, Any], amount_minor: int, currency: str) -> int:
    """`true` for all of it, or an amount."""
    if data.get("prepaid") in (None, False):
        return 0
    if data["prepaid"] is True:
        return amount_minor
    prepaid = _amount(data, "prepaid", currency)
    if prepaid > amount_minor:
        raise _no_amount(data, "prepaid", currency)
    return prepaid


def _lines(data: Mapping[Any, Any]) -> tuple[Mapping[str, Any], ...]:
    lines = [] if data.get("lines") is None else data["lines"]
    if not isinstance(lines, list) or len(lines) > MAX_LINES or not all(isinstance(line, dict) for line in lines):
        raise DomainError("order.bad_lines", field="lines", most=MAX_LINES)
    return tuple({"item": _text(line, "item"), **{name: _price(line, name) for name in PRICES}} for line in lines)


def _price(line: Mapping[Any, Any], name: str) -> str:
    """One that can't be read would slip past the checks of discounts and costs."""
    value = ungrouped(_text(line, name))
    if value and plain_number(value) is None:
        raise DomainError("order.bad_field", field=name, value=value[:40])
    return value


def _extra(data: Mapping[Any, Any]) -> Mapping[str, str | int | float]:
    """Texts and numbers by name; one that is null or empty is left out."""
    extra = data.get("extra")
    if extra is None:
        return {}
    if not isinstance(extra, Mapping) or len(extra) > MAX_EXTRA:
        raise DomainError("order.bad_field", field="extra", value="")
    found: dict[str, str | int | float] = {}
    for given, value in extra.items():
        name = _text({"extra": given}, "extra")
        if not name or len(name) > MAX_NAME or name in found:
            raise DomainError("order.bad_field", field="extra", value=name[:40])
        if isinstance(value, int | float) and not isinstance(value, bool):
            if abs(value) > MAX_NUMBER or math.isnan(value):
                raise DomainError("order.bad_field", field="extra", value=name[:40])
            found[name] = value
        elif text := _text({"extra": value}, "extra"):
            found[name] = text
    return found
