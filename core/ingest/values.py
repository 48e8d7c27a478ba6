"""Cells of machine-written files -> text, amounts, dates, flags. Nothing is guessed: what is unclear is a Reject."""

import re
import unicodedata
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from core.ingest.reasons import Reject
from core.money import MAX_MINOR

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def clean(cell: Any) -> str:
    """The text of a cell: one line, without invisible characters, without Excel's ways to force text."""
    if not isinstance(cell, str):
        return _native_text(cell)
    text = cell.strip()
    if not text:
        return ""
    first = text[0]
    if first == "=" and len(text) > 2 and text.startswith('="') and text.endswith('"'):
        text = text[2:-1].strip()
    elif first == "'" and len(text) > 1 and text[1] in "=+-@":
        text = text[1:]
    if not text.isprintable():
        text = _INVISIBLE.sub("", _CONTROL.sub(" ", text)).strip()
    return text


def _native_text(cell: Any) -> str:
    """XLSX cells are typed; a number used as a code loses its `.0`."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else format(Decimal(str(cell)), "f")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat(" ")
    return str(cell)


# --- amounts --------------------------------------------------------------------------------------

_PLAIN = re.compile(r"(\d{1,13})(?:\.(\d{1,2}))?")
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)")
_AFFIX = re.compile(r"^(?:CNY|RMB|USD|US\$|HK\$|[¥￥$€£])|(?:CNY|RMB|USD|元)$", re.IGNORECASE)
_COMMA_DECIMAL = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+),\d+|-?\d{1,3}(\.\d{3}){2,}")


def amount(
    cell: Any, column: str, places: int, currency: str, rounding: bool = False
) -> tuple[int, Decimal | None]:
    """Minor units (with sign), and what rounding added to the exact value, if it was rounded."""
    if isinstance(cell, str):
        plain = _PLAIN.fullmatch(cell)
        if plain and places == 2:
            whole, fraction = plain.groups()
            if fraction is None:
                minor = int(whole) * 100
            else:
                minor = int(whole) * 100 + (int(fraction) if len(fraction) == 2 else int(fraction) * 10)
            if minor > MAX_MINOR:
                raise Reject("too_large", column, cell)
            return minor, None
        value, three = _decimal(cell, column)
        exact_float = False
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        value, three, exact_float = Decimal(str(cell)), False, isinstance(cell, float)
        if not value.is_finite():
            raise Reject("bad_amount", column, cell)
    else:
        raise Reject("bad_amount", column, _native_text(cell))
    scaled = value.scaleb(places)
    if abs(scaled) > MAX_MINOR:
        raise Reject("too_large", column, cell)
    whole_units = scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    if whole_units == scaled:
        if three and places == 2 and not rounding:  # 1.500 may be fifteen hundred
            raise Reject("precision", column, cell, currency=currency, digits=places)
        return int(whole_units), None
    difference = (whole_units - scaled).scaleb(-places)
    if exact_float and abs(difference) < Decimal("0.000001"):
        return int(whole_units), None
    if not rounding:
        raise Reject("precision", column, _native_text(cell), currency=currency, digits=places)
    return int(whole_units), difference


def _decimal(cell: str, column: str) -> tuple[Decimal, bool]:
    """The value, and whether exactly three decimals are written."""
    text = unicodedata.normalize("NFKC", clean(cell)) if not cell.isascii() else clean(cell)
    text = text.replace(" ", "").replace("−", "-")
    sign = 1
    if text[:1] in ("-", "+"):
        sign, text = (-1 if text[0] == "-" else 1), text[1:]
    text = _AFFIX.sub("", text)
    if sign == 1 and text[:1] == "-":
        sign, text = -1, text[1:]
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif _COMMA_DECIMAL.fullmatch(text):
        raise Reject("comma_decimal", column, cell)
    if not text.isascii() or not _NUMBER.fullmatch(text):
        raise Reject("bad_amount", column, cell)
    if len(text) > 40:
        raise Reject("too_large", column, cell)
    return sign * Decimal(text), len(text.partition(".")[2]) == 3


# --- dates ----------------------------------------------------------------------------------------

_TIME = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _TIME)
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]" + _TIME)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _TIME)


@lru_cache(maxsize=4096)
def needs_date_order(text: str) -> bool:
    """1/2/2013 is a date only for somebody who knows the order. (31/02/2013 is none for anybody.)"""
    text = clean(text)
    return bool(_YEAR_LAST.fullmatch(text)) and not (_day(text, "DMY") is _day(text, "MDY") is None)


def day(cell: Any, column: str, order: str = "") -> date:
    if isinstance(cell, str):
        found = _day(cell, order)
    elif isinstance(cell, datetime):
        found = cell.date()
    else:
        found = cell if isinstance(cell, date) else None
    if found is None or not 1980 <= found.year <= 2100:
        raise Reject("bad_date", column, _native_text(cell) if not isinstance(cell, str) else cell)
    return found


@lru_cache(maxsize=4096)
def _day(text: str, order: str) -> date | None:
    text = clean(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    try:
        if found := _YEAR_FIRST.fullmatch(text):
            return date(int(found[1]), int(found[3]), int(found[4]))
        if found := _CHINESE.fullmatch(text) or _COMPACT.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _YEAR_LAST.fullmatch(text):
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            if order == "DMY":
                return date(year, second, first)
            if order == "MDY":
                return date(year, first, second)
    except ValueError:  # 31/02
        return None
    return None


# --- words ----------------------------------------------------------------------------------------

_YES = frozenset({"yes", "y", "true", "1", "是", "有", "启用", "在职", "x", "√"})
_NO = frozenset({"no", "n", "false", "0", "否", "无", "停用", "离职", "×"})
_MAIL = re.compile(r"[^\s@,;<>()\"\\]+@[^\s@,;<>()\"\\]+\.[^\s@,;<>()\"\\.]+")
_SEPARATOR = re.compile(r"\s*[;；]\s*")


def flag(text: str, column: str) -> bool:
    folded = text.casefold()
    if folded in _YES:
        return True
    if folded in _NO:
        return False
    raise Reject("bad_flag", column, text)


def words(text: str) -> list[str]:
    """`a; b；c`, each once, in order."""
    return list(dict.fromkeys(part for part in _SEPARATOR.split(text) if part))


def email(text: str, column: str) -> str:
    if not _MAIL.fullmatch(text) or len(text) > 254:
        raise Reject("bad_email", column, text)
    return text


def limited(text: str, column: str, limit: int) -> str:
    if len(text) > limit:
        raise Reject("too_long", column, text, length=len(text), limit=limit)
    return text
