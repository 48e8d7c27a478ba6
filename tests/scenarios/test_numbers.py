"""What an invoice, a shipment or a prepayment takes from an order, it takes once: whatever number the order has."""

from typing import Any

import pytest

from core.credit import orders
from core.credit.exposure import Exposure, standing
from core.credit.incoming import parse
from core.dunning.stored import active
from core.errors import DomainError
from tests.harness import Harness
from tests.scenarios.ordering import codes, opened, place, put, state, told

RECEIVABLES = "number,customer,issued_on,due_on,amount,order"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def exposure(shop: Harness) -> Exposure:
    with shop.look() as work:
        return standing(work, 1).exposures.get("CNY", Exposure())


def used(shop: Harness) -> int:
    found = exposure(shop)
    return found.open_minor + found.orders_minor + found.shipments_minor


def invoiced(shop: Harness, number: str) -> str:
    """As the order itself says."""
    return str(shop.chat("li").say(f"/order {number}")["view"]["invoiced"])


def place_from(shop: Harness, source: str, number: str, amount: str) -> dict[str, Any]:
    with shop.db() as work:
        new = parse({"number": number, "customer": "甲", "amount": amount}, "CNY")
        made = orders.submit(work, active(work)[1], new, source)
        answer = orders.as_json(made.order, made.request_id)
    shop.deliver()
    return answer


# --- prepaid ---


def test_prepaid_money_releases_one_order_and_no_second_one_after_the_invoice(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    shop.book_receipt("甲", "100.00")
    assert place(shop, "甲", "100.00", "SO1", prepaid=True)["verdict"] == "released"
    shop.receivable("甲", "100.00", due="2026-09-01", number="I1", order_no="SO1")
    found = exposure(shop)
    assert (found.reserved_minor, found.reserved_invoiced_minor, found.free_minor) == (0, 10_000, 0)
    assert codes(place(shop, "甲", "100.00", "SO2", prepaid=True)) == ["no_credit", "prepayment_awaited"]
    told(shop)


def test_the_condition_of_a_second_approval_waits_for_money_of_its_own(shop: Harness) -> None:
    for number in ("SO1", "SO2"):
        place(shop, "甲", "2000.00", number)
        shop.chat("zhou").expect_card(number, kind="credit.request").tap("credit.approve_with", prepay_percent="30")
    shop.book_receipt("甲", "600.00")
    shop.at("2026-07-06 12:00")
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("released", "held")
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-09-01,2000.00,SO1")
    shop.at("2026-07-06 13:00")
    assert state(shop, "SO2") == "held" and exposure(shop).free_minor == 0
    told(shop)


def test_prepayment_that_has_paid_its_invoice_is_reserved_no_more(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    shop.book_receipt("甲", "100.00")
    place(shop, "甲", "100.00", "SO1", prepaid=True)
    shop.receivable("甲", "60.00", due="2026-09-01", number="I1", order_no="SO1")
    assert exposure(shop).free_minor == 0
    shop.pay("甲", "60.00", "I1")  # by other money: 60 of the 100 are free
    found = exposure(shop)
    assert (found.reserved_minor, found.reserved_invoiced_minor, found.free_minor) == (4_000, 0, 6_000)
    told(shop)


# --- one number, two orders ---


def test_an_invoice_takes_over_one_of_two_orders_with_its_number(shop: Harness) -> None:
    assert place_from(shop, "web", "1", "1000.00")["verdict"] == "released"
    shop.receivable("甲", "1000.00", due="2026-09-01", number="I1", order_no="1")
    assert codes(place_from(shop, "pos", "1", "1000.00")) == ["over_limit"]
    shop.act("fm", "limit.set", "甲", amount="2000", reason="年度授信")
    assert (used(shop), exposure(shop).orders_minor) == (200_000, 100_000)
    shop.receivable("甲", "400.00", due="2026-09-01", number="I2", order_no="1")
    assert (used(shop), exposure(shop).orders_minor) == (200_000, 60_000)
    told(shop)


def test_a_number_that_was_used_and_paid_before_makes_no_order_free(shop: Harness) -> None:
    shop.receivable("甲", "5000.00", due="2026-06-01", issued="2026-05-01", number="I1", order_no="0001")
    shop.at("2026-07-06 10:00")
    shop.pay("甲", "5000.00", "I1")
    shop.at("2026-07-07 10:00")
    told(shop, "receipt.allocate", "task.call", "task.prepay", "ladder.step")
    assert codes(place(shop, "甲", "5000.00", "0001")) == ["over_limit"]
    assert place(shop, "甲", "900.00", "0002")["verdict"] == "released"
    told(shop)


def test_an_order_that_comes_after_its_invoice_is_not_counted_twice(shop: Harness) -> None:
    """The first import of a company: half of the order was invoiced last month. That an invoice is older than the day on
    which its order came to us says nothing; so one that is unpaid covers whichever order has its number, the wrong one, too,
    where a number is used again and nobody tells the order's own day."""
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-06-05,2026-08-05,500.00,1")
    shop.imports("orders", "number,customer,amount", "1,甲,1000.00")
    assert state(shop, "1") == "released" and (used(shop), exposure(shop).orders_minor) == (100_000, 50_000)
    told(shop)


# --- the order's own day ---


def test_the_orders_own_day_tells_the_unpaid_invoice_of_another_one_with_its_number(shop: Harness) -> None:
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-06-05,2026-08-05,500.00,1")
    assert codes(place(shop, "甲", "1000.00", "1", ordered_on="2026-07-06")) == ["over_limit"]
    shop.act("fm", "limit.set", "甲", amount="1500", reason="年度授信")
    shop.at("2026-07-06 11:00")
    assert (state(shop, "1"), used(shop), exposure(shop).orders_minor) == ("released", 150_000, 100_000)
    shop.imports("receivables", RECEIVABLES, "I2,甲,2026-07-06,2026-09-06,400.00,1")
    assert (used(shop), exposure(shop).orders_minor) == (150_000, 60_000)
    told(shop)


def test_on_the_first_import_its_own_day_tells_what_of_an_order_is_invoiced_and_paid_already(shop: Harness) -> None:
    shop.receivable("甲", "300.00", due="2026-08-05", issued="2026-06-05", number="I1", order_no="1")
    shop.receivable("甲", "200.00", due="2026-08-05", issued="2026-05-05", number="I0", order_no="1")
    shop.pay("甲", "300.00", "I1", on="2026-06-20")
    lines = ("订单号,客户,金额,下单日期", "1,甲,1000.00,2026/06/01")
    shop.at("2026-07-07 10:00")
    assert shop.imports("orders", *lines)["released"] == 1
    assert (used(shop), exposure(shop).orders_minor) == (90_000, 70_000)
    told(shop)


def test_a_day_that_is_put_right_changes_what_an_order_uses_up(shop: Harness) -> None:
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-06-05,2026-08-05,500.00,1")
    shop.set_customer("甲", credit_limit_minor=150_000)
    place(shop, "甲", "1000.00", "1")
    assert (exposure(shop).orders_minor, invoiced(shop, "1")) == (50_000, "500.00")
    assert put(shop, "1", "1000.00", ordered_on="2026-07-06")["verdict"] == "released"
    assert (exposure(shop).orders_minor, invoiced(shop, "1")) == (100_000, "0.00")
    answer = shop.chat("li").say("/order 1")
    assert answer["view"]["ordered_on"] == "2026-07-06" and "下单日期" in str(answer["card"])
    put(shop, "1", "1000.00", ordered_on="2026-06-05")
    assert exposure(shop).orders_minor == 50_000
    told(shop)


def test_of_two_orders_with_one_number_each_must_have_its_day(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=1_000_000)
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-06-05,2026-08-05,500.00,1")
    place(shop, "甲", "1000.00", "1", ordered_on="2026-07-06")
    place_from(shop, "web", "1", "700.00")
    assert exposure(shop).orders_minor == 120_000
    told(shop)


@pytest.mark.parametrize(("day", "code"), [
    ("2026-07-08", "order.to_come"), ("06/07/2026", "order.bad_field"), ("2026-02-30", "order.bad_field"),
    ("20260706", "order.bad_field"), ("2026-W28-1", "order.bad_field"), ("", "order.bad_field"),
])  # fmt: skip
def test_a_day_that_cannot_be_is_refused(shop: Harness, day: str, code: str) -> None:
    with pytest.raises(DomainError) as error:
        place(shop, "甲", "100.00", "1", ordered_on=day)
    assert error.value.code == code
    place(shop, "甲", "100.00", "1", ordered_on="2026-07-07")  # where the order system is, it is tomorrow
    if code == "order.to_come":
        with pytest.raises(DomainError) as error:
            put(shop, "1", "100.00", ordered_on=day)
        assert error.value.code == code
        report = shop.imports("orders", "number,customer,amount,ordered_on", f"2,甲,1.00,{day}")
        assert [row["code"] for row in report["rejected"]] == ["import.order_to_come"]
    told(shop)


# --- more than was ordered ---


def test_what_is_shipped_beyond_an_order_uses_up_the_limit(shop: Harness) -> None:
    place(shop, "甲", "10.00", "SO1")
    shop.imports("shipments", "number,customer,order,amount,shipped_on", "H1,甲,SO1,5000.00,2026-07-06")
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor) == (0, 500_000)
    assert codes(place(shop, "甲", "990.00", "SO2")) == ["over_limit"]
    shop.receivable("甲", "3000.00", due="2026-09-01", number="I1", order_no="SO1")
    assert (exposure(shop).shipments_minor, used(shop)) == (200_000, 500_000)
    told(shop)
