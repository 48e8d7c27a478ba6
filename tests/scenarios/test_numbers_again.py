"""An order number that comes again: what was shipped, invoiced and paid under it before is of the order before."""

from datetime import date
from typing import Any

import pytest

from bot import export
from core import invoicing
from core.credit import invariants, orders, uninvoiced
from core.credit.exposure import Exposure, standing
from core.credit.incoming import parse
from core.dunning.stored import active
from core.money import Money
from tests.harness import Harness
from tests.scenarios.approving import REQUEST, everybody_reads, staffed
from tests.scenarios.ordering import close, place, put, state
from tests.scenarios.test_put_right import limit

SHIPMENTS = "number,customer,order,amount,shipped_on"


@pytest.fixture
def shop(hk: Harness) -> Any:
    """甲 of li may owe 1,000."""
    staffed(hk)
    yield hk
    with hk.look() as work:
        assert invariants.check(work.session) == []
    everybody_reads(hk)


def exposure(shop: Harness) -> Exposure:
    with shop.look() as work:
        return standing(work, 1).exposures.get("CNY", Exposure())


def uses(shop: Harness) -> tuple[int, int, int]:
    """Open, on order, shipped."""
    found = exposure(shop)
    return found.open_minor, found.orders_minor, found.shipments_minor


def last_month(shop: Harness, amount: str, shipped: bool = True) -> int:
    """SO1 of then: invoiced and paid; it is July by now. Returns the receipt."""
    if shipped:
        shop.imports("shipments", SHIPMENTS, f"D0,甲,SO1,{amount},2026-06-01")
    shop.receivable("甲", amount, due="2026-08-30", number="OLD", issued="2026-06-01", order_no="SO1")
    receipt = shop.pay("甲", amount, "OLD", on="2026-06-30")
    shop.at("2026-07-08 10:00")
    return receipt


# --- the verdict ---


def test_what_was_shipped_invoiced_and_paid_before_is_not_delivered_of_the_new_order(shop: Harness) -> None:
    last_month(shop, "5000.00")
    assert place(shop, "甲", "5000.00", "SO1")["verdict"] == "held"


def test_nor_does_it_use_up_anything(shop: Harness) -> None:
    last_month(shop, "5000.00")
    place(shop, "甲", "100.00", "SO1")
    assert uses(shop) == (0, 10_000, 0)
    assert place(shop, "甲", "900.00", "SO2")["verdict"] == "released"


def test_what_is_shipped_of_the_new_one_takes_its_part_from_it(shop: Harness) -> None:
    last_month(shop, "5000.00")
    place(shop, "甲", "900.00", "SO1")
    shop.imports("shipments", SHIPMENTS, "D1,甲,SO1,300.00,2026-07-08")
    assert uses(shop) == (0, 60_000, 30_000)
    with shop.look() as work:
        [left] = uninvoiced.of_customer(work, 1)
    assert (left.left_minor, left.shipped_minor) == (90_000, 30_000)
    shop.receivable("甲", "500.00", due="2026-08-30", number="I1", order_no="SO1")
    assert uses(shop) == (50_000, 40_000, 0)


def test_what_was_shipped_shortly_before_the_order_came_is_of_it_unless_an_older_invoice_took_it(shop: Harness) -> None:
    shop.imports("shipments", SHIPMENTS, "D9,甲,SO1,900.00,2026-07-06")
    last_month(shop, "5000.00")
    assert uses(shop) == (0, 0, 90_000)
    assert place(shop, "甲", "900.00", "SO1")["verdict"] == "released"
    assert uses(shop) == (0, 0, 90_000)


def test_an_order_of_another_system_whose_number_was_closed(shop: Harness) -> None:
    place(shop, "甲", "1000.00", "SO1")
    shop.imports("shipments", SHIPMENTS, "D0,甲,SO1,1000.00,2026-07-06")
    shop.receivable("甲", "1000.00", due="2026-08-30", number="I0", order_no="SO1")
    shop.pay("甲", "1000.00", "I0")
    close(shop, "SO1")
    shop.at("2026-07-08 10:00")
    with shop.db() as work:
        new = parse({"number": "SO1", "customer": "甲", "amount": "900.00"}, "CNY")
        assert orders.submit(work, active(work)[1], new, "b2b").order.state == "released"
    assert uses(shop) == (0, 90_000, 0)


def test_money_that_bounces_is_owed_beside_the_new_order(shop: Harness) -> None:
    receipt = last_month(shop, "800.00", shipped=False)
    assert place(shop, "甲", "900.00", "SO1")["verdict"] == "released"
    assert uses(shop) == (0, 90_000, 0)
    shop.reverse(receipt)
    assert uses(shop) == (80_000, 90_000, 0)
    assert place(shop, "甲", "100.00", "SO2")["verdict"] == "held"


@pytest.mark.parametrize("day", [{}, {"ordered_on": "2026-07-08"}])
def test_goods_that_an_older_invoice_may_have_been_for_release_nothing(shop: Harness, day: dict[str, str]) -> None:
    """Nobody told us then what was shipped: 900 by now, of which 100 use up the limit."""
    last_month(shop, "800.00", shipped=False)
    place(shop, "甲", "1800.00", "SO1", **day)
    shop.imports("shipments", SHIPMENTS, "D1,甲,SO1,900.00,2026-07-08")
    assert uses(shop) == (0, 0, 10_000)
    shop.tick()
    assert state(shop, "SO1") == "held"
    shop.act("fm", "limit.set", "甲", amount="1800", reason="年度授信")
    shop.tick()
    assert (state(shop, "SO1"), uses(shop)) == ("released", (0, 90_000, 90_000))


# --- the order's own day ---


def test_its_own_day_tells_what_was_shipped_of_another_one_and_is_not_invoiced_yet(shop: Harness) -> None:
    shop.imports("shipments", SHIPMENTS, "D0,甲,SO1,500.00,2026-06-01")
    assert uses(shop) == (0, 0, 50_000)
    assert place(shop, "甲", "900.00", "SO1", ordered_on="2026-07-06")["verdict"] == "held"
    assert place(shop, "甲", "500.00", "SO2")["verdict"] == "released"
    put(shop, "SO1", "900.00", ordered_on="2026-06-01")
    assert state(shop, "SO1") == "held"


def test_beside_an_order_with_its_own_day_what_was_shipped_before_counts_until_it_is_invoiced(shop: Harness) -> None:
    shop.imports("shipments", SHIPMENTS, "D0,甲,SO1,500.00,2026-06-01")
    place(shop, "甲", "400.00", "SO1", ordered_on="2026-07-06")
    assert uses(shop) == (0, 40_000, 50_000)
    shop.receivable("甲", "500.00", due="2026-08-30", number="OLD", issued="2026-06-01", order_no="SO1")
    assert uses(shop) == (50_000, 40_000, 0)


def test_goods_that_left_the_day_before_are_not_counted_for_ever(shop: Harness) -> None:
    shop.imports("shipments", SHIPMENTS, "D1,甲,SO1,500.00,2026-07-05")
    place(shop, "甲", "500.00", "SO1", ordered_on="2026-07-06")
    shop.receivable("甲", "500.00", due="2026-08-30", number="I1", order_no="SO1")
    assert uses(shop) == (50_000, 0, 0)


# --- changed, closed, put right ---


def test_what_was_paid_before_is_no_floor_for_the_new_amount(shop: Harness) -> None:
    last_month(shop, "800.00", shipped=False)
    assert place(shop, "甲", "900.00", "SO1")["verdict"] == "released"
    assert put(shop, "SO1", "300.00")["verdict"] == "released"


def test_what_was_added_to_the_limit_ends_with_the_new_order(shop: Harness) -> None:
    last_month(shop, "2000.00")
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", until="2026-07-30")
    assert limit(shop) == 200_000
    close(shop, "SO1")
    assert limit(shop) == 100_000


def test_a_shipment_of_the_new_order_may_be_put_right_and_none_of_the_old_one(shop: Harness) -> None:
    last_month(shop, "800.00")
    place(shop, "甲", "100.00", "SO1")
    shop.imports("shipments", SHIPMENTS, "D1,甲,SO1,5000.00,2026-07-06")
    assert shop.imports("shipments", SHIPMENTS, "D1,甲,SO1,50.00,2026-07-06")["rejected"] == []
    report = shop.imports("shipments", SHIPMENTS, "D0,甲,SO1,50.00,2026-06-01")
    assert [row["code"] for row in report["rejected"]] == ["import.shipment_invoiced"]
    assert uses(shop) == (0, 5_000, 5_000)


def test_finance_invoices_what_is_signed_for_of_the_new_order_and_nothing_of_the_old_one(shop: Harness) -> None:
    signed = "number,customer,order,amount,shipped_on,signed_on"
    shop.imports("shipments", signed, "D0,甲,SO1,800.00,2026-06-01,2026-06-02")
    last_month(shop, "900.00", shipped=False)
    place(shop, "甲", "100.00", "SO1", ordered_on="2026-07-06")
    shop.imports("shipments", signed, "D1,甲,SO1,50.00,2026-07-06,2026-07-07")
    with shop.look() as work:
        assert [each.number for each in invoicing.to_invoice(work, [1])[1]] == ["D1"]
    said = shop.chat("li").say("/order SO1")["view"]
    assert (said["shipped"], said["signed"], said["invoiced"]) == ("50.00", "50.00", "0.00")


def test_an_export_says_the_same_of_the_new_order(shop: Harness) -> None:
    last_month(shop, "800.00")
    place(shop, "甲", "100.00", "SO1")
    shop.imports("shipments", SHIPMENTS, "D1,甲,SO1,50.00,2026-07-08")
    with shop.look() as work:
        [row] = export._orders(work.session, date(2026, 7, 8), work.company.calendar.zone)
    assert (row["shipped"], row["invoiced"]) == (Money(5_000, "CNY"), Money(0, "CNY"))


# --- paid on the day itself ---


def test_what_was_paid_on_the_day_of_the_order_is_of_it_in_every_list(shop: Harness) -> None:
    place(shop, "甲", "500.00", "SO1")
    shop.receivable("甲", "500.00", due="2026-08-30", number="I1", order_no="SO1")
    shop.pay("甲", "500.00", "I1")
    assert uses(shop) == (0, 0, 0)
    with shop.look() as work:
        assert uninvoiced.of_customer(work, 1) == []
        [row] = export._orders(work.session, date(2026, 7, 6), work.company.calendar.zone)
    assert (row["invoiced"], row["settled"]) == (Money(50_000, "CNY"), Money(50_000, "CNY"))
