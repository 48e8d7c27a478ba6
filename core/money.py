"""Money: an integer count of minor units (分, cents) and an ISO 4217 currency. Never a float, anywhere."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from core.errors import DomainError

# What is written before an amount. Others are written as "CHF 1,234.50".
_SYMBOLS = {"CNY": "¥", "USD": "US$", "EUR": "€", "GBP": "£", "HKD": "HK$", "JPY": "JP¥", "TWD": "NT$"}

# 10 billion yuan: above every real invoice, below anything that could overflow a sum of BIGINTs.
MAX_MINOR = 10**14
_PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,10})?")
_GROUPED = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` minor units of `currency`. Money of two currencies is never added."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return format_money(self)

    def __bool__(self) -> bool:
        return self.minor != 0


@lru_cache(maxsize=1)
def currencies() -> frozenset[str]:
    """Every ISO 4217 code that babel knows."""
    from babel.core import get_global
    from babel.numbers import list_currencies

    return frozenset(list_currencies()) & frozenset(
        c for codes in get_global("territory_currencies").values() for c, *_ in codes
    )


@lru_cache(maxsize=256)
def digits(currency: str) -> int:
    """Decimals of the currency: CNY 2, JPY 0, KWD 3."""
    if currency in ("CNY", "USD", "EUR", "HKD", "GBP"):  # spares the common process the import of babel
        return 2
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


def known_currency(code: str) -> bool:
    return code in ("CNY", "USD") or code in currencies()


def format_major(minor: int, currency: str) -> str:
    """Plain major units for JSON and files: `"1234.50"`."""
    places = digits(currency)
    sign, whole = ("-" if minor < 0 else ""), abs(minor)
    if not places:
        return f"{sign}{whole}"
    scale = 10**places
    return f"{sign}{whole // scale}.{whole % scale:0{places}d}"


def format_money(money: Money, lang: str = "zh") -> str:
    """For people: `¥1,234.50`, `-US$5.00`, `CHF 1,234.50`."""
    minor, currency = money.minor, money.currency
    symbol = _SYMBOLS.get(currency) or f"{currency} "
    if currency == "CNY" and lang == "en":
        symbol = "CN¥"
    places = digits(currency)
    scale = 10**places
    whole = abs(minor)
    text = f"{whole // scale:,}"
    if places:
        text += f".{whole % scale:0{places}d}"
    return f"{'-' if minor < 0 else ''}{symbol}{text}"


def to_minor(value: Decimal, currency: str, *, rounding: bool = False) -> int:
    """Exact minor units of a decimal amount in major units.

    More decimals than the currency has are `money.precision` unless `rounding`, which rounds half up.
    Amounts beyond ±10^12 major units are `money.too_large`.
    """
    if not value.is_finite():
        raise DomainError("money.not_a_number", value=str(value))
    places = digits(currency)
    if value.copy_abs() > MAX_MINOR:  # before it is computed with: 1e999999 would overflow
        raise DomainError("money.too_large", value=str(value)[:40])
    scaled = value.scaleb(places)
    if abs(scaled) > MAX_MINOR:
        raise DomainError("money.too_large", value=str(value))
    whole = scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    if whole != scaled and not rounding:
        raise DomainError("money.precision", value=str(value), currency=currency, digits=places)
    return int(whole)


def plain_number(text: str) -> Decimal | None:
    """`1234.50` as machines write it: ASCII digits, no exponent, no separators. None for anything else."""
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def ungrouped(text: str) -> str:
    """`1234.50` of `1,234.50`. Any other comma stays, and makes it no number: `1,50` may be one and a half."""
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def parse_major(text: str, currency: str) -> int:
    """Minor units of a plain machine-written amount such as `1234.50`. Errors: `money.not_a_number`, those of to_minor."""
    value = plain_number(text.strip())
    if value is None:
        raise DomainError("money.not_a_number", value=text[:40])
    return to_minor(value, currency)


def split(total_minor: int, weights: list[int]) -> list[int]:
    """Shares of `total_minor` in proportion to `weights`; the last part takes the rounding (R004)."""
    whole = sum(weights)
    parts = [total_minor * weight // whole for weight in weights[:-1]]
    return [*parts, total_minor - sum(parts)]
