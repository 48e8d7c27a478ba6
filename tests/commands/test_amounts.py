"""Amounts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.amounts import looks_like_amount, parse_amount, take_amount
from core.errors import DomainError
from core.money import Money, format_major, format_money


@pytest.mark.parametrize(
    ("text", "major", "currency"),
    [
        ("5万", "50000.00", None), ("12.5w", "125000.00", None), ("12.5W", "125000.00", None), ("12.5万", "125000.00", None),
        ("50,000", "50000.00", None), ("¥50,000.00", "50000.00", "CNY"), ("￥50,000", "50000.00", "CNY"),
        ("3千", "3000.00", None), ("1.2亿", "120000000.00", None), ("5k", "5000.00", None), ("1.5m", "1500000.00", None),
        ("500", "500.00", None), ("0.01", "0.01", None), ("500元", "500.00", None), ("500块", "500.00", None),
        ("5万元", "50000.00", None), ("5万块钱", "50000.00", None), ("五万", "50000.00", None), ("两千", "2000.00", None),
        ("500美元", "500.00", "USD"), ("500 美金", "500.00", "USD"), ("USD 500", "500.00", "USD"),
        ("usd500", "500.00", "USD"),
        ("500 USD", "500.00", "USD"), ("US$1,234.50", "1234.50", "USD"), ("$500", "500.00", "USD"), ("€12", "12.00", "EUR"),
        ("JPY 5000", "5000", "JPY"), ("5万日元", "50000", "JPY"), ("KWD 1.234", "1.234", "KWD"),
        ("CHF 1,234.50", "1234.50", "CHF"),
        ("HK$ 5k", "5000.00", "HKD"), ("RMB 500", "500.00", "CNY"), ("人民币5万", "50000.00", "CNY"),
        ("5万人民币", "50000.00", "CNY"),
        ("５万", "50000.00", None), ("５０，０００．５", "50000.50", None), ("１２．５ｗ", "125000.00", None),
        ("5 万", "50000.00", None), ("１，２３４．５０", "1234.50", None), ("5千", "5000.00", None),
        ("５千元", "5000.00", None),
        ("3亿", "300000000.00", None), ("1万5千", "15000.00", None), ("1亿2000万元", "120000000.00", None),
        ("百", None, None), ("1,234,567.89", "1234567.89", None), ("+500", "500.00", None), ("3百万", "3000000.00", None),
    ],
)  # fmt: skip
def test_what_people_write(text: str, major: str | None, currency: str | None) -> None:
    if major is None:
        with pytest.raises(DomainError):
            parse_amount(text, "CNY")
        return
    minor, written = parse_amount(text, "CNY")
    assert written == currency
    assert format_major(minor, currency or "CNY") == major


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.234,56", "amount.ambiguous"), ("1,23", "amount.ambiguous"), ("1,2345", "amount.ambiguous"),
        ("1.2.3", "amount.ambiguous"),
        ("12,34,567", "amount.ambiguous"), ("¥5 USD", "amount.ambiguous"), ("1'000", "amount.ambiguous"),
        ("NaN", "amount.bad"), ("inf", "amount.bad"), ("1e9", "amount.bad"), ("", "amount.bad"), ("五", "amount.bad"),
        ("abc", "amount.bad"),
        ("5.", "amount.bad"), (".5", "amount.bad"), ("5万3", "amount.unit"),
        ("三万五", "amount.unit"),
        ("1万5千千", "amount.bad"), ("5千3万", "amount.bad"), ("0x10", "amount.bad"),
        ("ABC 500", "amount.bad"),
        ("-500", "amount.negative"), ("¥-500", "amount.negative"), ("－500", "amount.negative"), ("0", "amount.zero"),
        ("0.00", "amount.zero"), ("1.005", "money.precision"), ("1.23456万", None),
        ("JPY 1.5", "money.precision"), ("9999亿", None), ("99999亿", "money.too_large"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, code: str | None) -> None:
    if code is None:
        assert parse_amount(text, "CNY")[0] > 0
        return
    with pytest.raises(DomainError) as refused:
        parse_amount(text, "CNY")
    assert refused.value.code == code


def test_the_default_currency_counts_the_digits() -> None:
    assert parse_amount("500", "JPY") == (500, None)
    assert parse_amount("USD 500", "JPY") == (50000, "USD")


@pytest.mark.parametrize("text", ["5万", "-500", "1.234,56", "1e9", "NaN", "500元", "USD500", "¥5"])
def test_what_can_only_be_an_amount(text: str) -> None:
    assert looks_like_amount(text)


@pytest.mark.parametrize("text", ["3月货款", "2箱", "周五", "7-15", "尾款", "A100", "10abc", "十万火急", "千万别忘"])
def test_what_is_a_note(text: str) -> None:
    assert not looks_like_amount(text)
    assert take_amount([text, "5万"], "CNY") is None


def test_an_amount_may_be_two_words() -> None:
    assert take_amount(["USD", "500", "尾款"], "CNY") == (50000, "USD", 2)
    assert take_amount(["5", "万", "尾款"], "CNY") == (5_000_000, None, 2)
    assert take_amount(["500", "美元"], "CNY") == (50000, "USD", 2)
    assert take_amount(["500", "7-15"], "CNY") == (50000, None, 1)
    assert take_amount([], "CNY") is None


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_an_error_in_words(text: str) -> None:
    try:
        minor, _ = parse_amount(text, "CNY")
    except DomainError as error:
        assert error.code.split(".")[0] in ("amount", "money")
    else:
        assert minor > 0


@given(st.integers(1, 10**14), st.sampled_from(["CNY", "USD", "JPY", "KWD", "CHF"]), st.sampled_from(["zh", "en"]))
def test_what_we_write_we_can_read(minor: int, currency: str, lang: str) -> None:
    assert parse_amount(format_major(minor, currency), currency) == (minor, None)
    assert parse_amount(format_money(Money(minor, currency), lang), currency) == (minor, currency)
