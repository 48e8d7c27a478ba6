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
