"""Orders as they come in: what a number, a price and payment terms may look like."""

from typing import Any

import pytest

from core.credit.incoming import parse
from core.errors import DomainError
from core.money import parse_major, plain_number


def order(**more: Any) -> Any:
    return parse({"number": "1", "customer": "甲", "amount": "100.00", **more}, "CNY")


HOSTILE = (
    "1e999999", "-1e999999", "1e9999999999999999999", "1e-999999", "1_000", "1e3", "１０", "٣", "NaN", "9" * 400, "1.", "∞",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_an_amount_is_digits_and_nothing_else(text: str) -> None:
    assert plain_number(text) is None
    with pytest.raises(DomainError) as error:
        parse_major(text, "CNY")
    assert error.value.code == "money.not_a_number"
    for name in ("amount", "prepaid"):
        with pytest.raises(DomainError) as error:
            order(**{name: text})
        assert (error.value.code, error.value.facts["field"]) == ("order.amount", name)


@pytest.mark.parametrize("text", [*HOSTILE, "面议"])
@pytest.mark.parametrize("name", ["price", "list_price", "cost"])
def test_a_price_that_cannot_be_read_slips_past_no_check(name: str, text: str) -> None:
    with pytest.raises(DomainError) as error:
        order(lines=[{"item": "阀门", name: text}])
    assert (error.value.code, error.value.facts["field"]) == ("order.bad_field", name)


def test_prices_and_amounts_as_order_systems_write_them() -> None:
    found = order(amount=" 1,234.50 ", lines=[{"item": "阀门", "price": "1,000.00", "list_price": " 1200 ", "cost": None}])
    assert found.amount_minor == 123_450
    assert dict(found.lines[0]) == {"item": "阀门", "price": "1000.00", "list_price": "1200", "cost": ""}


@pytest.mark.parametrize(
    "text", ["1,00", "1,5", "5,5", "1,0000", "1,234,5", ",100", "100,", "1.234,50", "1,23.4", "1 000,00"]
)
def test_a_comma_that_separates_no_thousands_is_refused(text: str) -> None:
    for name in ("amount", "prepaid"):
        with pytest.raises(DomainError) as error:
            order(**{"amount": "99999", name: text})
        assert (error.value.code, error.value.facts["field"]) == ("order.amount", name)
    with pytest.raises(DomainError) as error:
        order(lines=[{"item": "阀门", "price": text}])
    assert error.value.code == "order.bad_field"


@pytest.mark.parametrize(("terms", "days"), [
    ("", None), ("net30", 30), ("n/30", 30), ("30", 30), ("61天", 61), ("月结60", 60), ("月结", 30), ("EOM", 30),
    ("60 days after invoice", 60), ("票到４５天", 45), ("发货后 30 日内付款", 30),
    ("3个月", 90), ("6 个月", 180), ("三个月", 90), ("两月", 60), ("半年", 182), ("1年", 365), ("12 months", 360),
    ("6w", 42), ("2周", 14), ("1季度", 90), ("三十天", 30), ("十五日", 15), ("六十天", 60), ("四十五天", 45),
    ("2/10 net 60", 60), ("30天付50%，90天付50%", 90), ("30%预付，70%货到60天", 60),
    ("3 mo", 90), ("18 mo.", 540), ("3 MTHS", 90), ("6mon", 180), ("3個月", 90), ("三個半月", 105), ("两个半月", 75),
    ("半个月", 15),
    ("2 quarters", 180), ("两季度", 180), ("5 yrs", 1825), ("一百二十天", 120), ("一百二天", 120), ("一百零五天", 105),
    ("壹佰捌拾天", 180), ("二十周", 140), ("net 1,000 days", 1000), ("12000", 12000),
    ("1.5个月", 45), ("1年6个月", 545), ("二个月零15天", 75),
    ("Net30, retention 12 mths", 360), ("货到30天付30%，余款质保一年后", 365), ("60 net", 60),
    ("L/C at 90 days sight", 90),
    ("net 30/60/90", 90), ("一次付清，30天", 30), ("月结30天", 30),
    ("1百20天", None), ("1 000 days", None), ("3 Monate", None), ("3 mois", None), ("1 an", None), ("2旬", None),
    ("３ヶ月", None),
    ("按合同第3条", None), ("第3季度末", None), ("一年半", None), ("30 days end of month", None),
    ("eighteen months 5%", None),
    ("两个多月", None), ("9" * 300, None),
    ("款到发货", 0), ("Cash", 0), ("预付100%", 0), ("现结", 0),
    ("次月15日", None), ("隔月结", None), ("按合同", None), ("三十", None), ("90%货到", None), ("as agreed", None),
])  # fmt: skip
def test_the_longest_wait_that_terms_speak_of(terms: str, days: int | None) -> None:
    assert order(terms=terms).terms_days == days
