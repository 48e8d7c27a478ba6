"""Money that was received counts once, until what was delivered for it is paid: whatever becomes of the order."""

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from core.credit import orders
from core.credit.exposure import Exposure, standing
from core.credit.incoming import parse
from core.dunning.stored import active
from tests.harness import Harness, instant
from tests.scenarios.ordering import TOLD, cancel, close, codes, opened, place, put, state, told
from tests.scenarios.test_groups import shares

SHIPMENTS = "number,customer,order,amount,shipped_on"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """甲 of li may owe 1,000."""
    return opened(hk)


@pytest.fixture
def cash(shop: Harness) -> Harness:
    """甲 pays in advance, and 1,000 is there."""
    shop.set_customer("甲", credit_limit_minor=0)
    shop.book_receipt("甲", "1000.00", number="R0")
    return shop


def ship(hk: Harness, amount: str, number: str = "SO1", name: str = "D1") -> None:
    hk.imports("shipments", SHIPMENTS, f"{name},甲,{number},{amount},2026-07-06")


def invoice(hk: Harness, amount: str, number: str = "SO1", name: str = "I1") -> None:
    hk.receivable("甲", amount, due="2026-08-30", number=name, order_no=number)


def exposure(hk: Harness) -> Exposure:
    with hk.look() as work:
        return standing(work, 1).exposures.get("CNY", Exposure())


# --- 1: the order ends, or is held again ---


@pytest.mark.parametrize("ends", [close, cancel])
@pytest.mark.parametrize("delivered", [ship, invoice])
def test_what_was_delivered_for_a_prepayment_keeps_it_when_the_order_ends(
    cash: Harness, ends: Callable[..., None], delivered: Callable[..., None]
) -> None:
    assert place(cash, "甲", "1000.00", "SO1", prepaid=True)["verdict"] == "released"
    delivered(cash, "1000.00")
    ends(cash, "SO1")
    assert exposure(cash).free_minor == 0
    assert codes(place(cash, "甲", "1000.00", "SO2", prepaid=True)) == ["no_credit", "prepayment_awaited"]
    told(cash)


def test_only_what_was_delivered_keeps_it_and_only_until_it_is_paid(cash: Harness) -> None:
    place(cash, "甲", "1000.00", "SO1", prepaid=True)
    ship(cash, "300.00")
    invoice(cash, "200.00")
    close(cash, "SO1")
    assert exposure(cash).free_minor == 70_000
    cash.pay("甲", "200.00", "I1")  # by other money
    assert exposure(cash).free_minor == 90_000
    told(cash)


def test_an_order_that_was_taken_back_before_anything_left_keeps_nothing(cash: Harness) -> None:
    place(cash, "甲", "1000.00", "SO1", prepaid=True)
    cancel(cash, "SO1")
    assert place(cash, "甲", "1000.00", "SO2", prepaid=True)["verdict"] == "released"
    told(cash)


def test_an_order_that_is_held_again_keeps_what_was_paid_for_the_goods_that_left(cash: Harness) -> None:
    place(cash, "甲", "1000.00", "SO1", prepaid=True)
    ship(cash, "1000.00")
    assert put(cash, "SO1", "1100.00")["verdict"] == "held"
    assert place(cash, "甲", "1000.00", "SO2", prepaid=True)["verdict"] == "held"
    assert put(cash, "SO1", "1200.00")["verdict"] == "held"
    assert place(cash, "甲", "1000.00", "SO3", prepaid=True)["verdict"] == "held"
    told(cash)


def test_the_condition_of_another_approval_waits_for_money_of_its_own_after_the_close(cash: Harness) -> None:
    place(cash, "甲", "1000.00", "SO1", prepaid=True)
    place(cash, "甲", "2000.00", "SO2")
    cash.chat("zhou").expect_card("SO2", kind="credit.request").tap("credit.approve_with", prepay_percent="50")
    invoice(cash, "1000.00")
    close(cash, "SO1")
    cash.tick()
    assert state(cash, "SO2") == "held"
    cash.pay("甲", "1000.00", number="R2")
    cash.tick()
    assert state(cash, "SO2") == "released"
    told(cash)


# --- 2: what is delivered, and the rest ---


@pytest.mark.parametrize("delivered", [ship, invoice])
def test_half_of_the_prepayment_isnt_all_of_it_because_half_was_delivered(
    shop: Harness, delivered: Callable[..., None]
) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "200.00", "SO1", prepaid=True)
    delivered(shop, "100.00")
    shop.pay("甲", "100.00")
    shop.tick()
    assert state(shop, "SO1") == "held"
    card = shop.chat("li").expect_card("SO1", kind="task.prepay")
    assert "¥100.00" in card.text, "100 of 200 are there"
    shop.pay("甲", "100.00", number="R2")
    shop.tick()
    assert state(shop, "SO1") == "released" and exposure(shop).free_minor == 0
    told(shop)


def test_what_paid_the_invoice_is_no_longer_to_come(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "200.00", "SO1", prepaid=True)
    invoice(shop, "100.00")
    shop.pay("甲", "100.00", "I1")
    shop.tick()
    assert state(shop, "SO1") == "held"
    shop.pay("甲", "100.00", number="R2")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)


def test_a_larger_order_needs_more_prepayment_than_its_invoice_has_used(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    shop.pay("甲", "100.00")
    place(shop, "甲", "100.00", "SO1", prepaid=True)
    invoice(shop, "100.00")
    assert put(shop, "SO1", "200.00", prepaid=True)["verdict"] == "held"
    shop.pay("甲", "100.00", number="R2")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)


def test_an_order_that_comes_after_its_shipment_pays_for_that_too(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    ship(shop, "100.00")
    shop.pay("甲", "100.00")
    assert place(shop, "甲", "200.00", "SO1", prepaid=True)["verdict"] == "held"
    shop.pay("甲", "100.00", number="R2")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)


def test_what_is_overdue_stops_no_order_of_which_all_is_paid_in_advance(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=None)
    shop.receivable("甲", "500.00", due="2026-07-05", number="OLD")
    place(shop, "甲", "200.00", "SO1", prepaid=True)
    invoice(shop, "100.00")
    shop.book_receipt("甲", "100.00", number="R1")
    shop.tick()
    assert state(shop, "SO1") == "held"
    shop.book_receipt("甲", "100.00", number="R2")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop, *TOLD, "task.overdue", "payment.arrived")


# --- 3: 红冲 ---


def test_a_credit_note_is_no_payment(cash: Harness) -> None:
    place(cash, "甲", "1000.00", "SO1", prepaid=True)
    invoice(cash, "1000.00")
    cash.credit_note("甲", "1000.00", "I1")
    invoice(cash, "1000.00", name="I2")
    assert exposure(cash).free_minor == 0
    assert place(cash, "甲", "1000.00", "SO2", prepaid=True)["verdict"] == "held"
    told(cash)


# --- 4: groups ---


def test_own_money_that_made_room_in_the_groups_limit_is_no_prepayment_of_another_order(hk: Harness) -> None:
    hk.begin("2026-07-06 10:00")
    for name in ("甲", "乙"):
        hk.customer(name, "li", credit_limit_minor=None, group_name="华兴")
    shares(hk, amount="100")
    hk.pay("甲", "1000.00")
    assert place(hk, "甲", "1100.00", "SO1")["verdict"] == "released"
    assert place(hk, "甲", "1000.00", "SO2", prepaid=True)["verdict"] == "held"
    hk.pay("甲", "1000.00", number="R2")
    hk.tick()
    assert state(hk, "SO2") == "released"
    told(hk)


# --- 5: leaning stays ---


def test_what_a_closed_order_leans_on_it_leans_on_until_it_is_paid(shop: Harness) -> None:
    shop.book_receipt("甲", "1000.00", number="R1")
    assert place(shop, "甲", "2000.00", "SO1")["verdict"] == "released"
    invoice(shop, "2000.00")
    assert place(shop, "甲", "1000.00", "SO2", prepaid=True)["verdict"] == "held"
    close(shop, "SO1")
    shop.tick()
    assert state(shop, "SO2") == "held"
    shop.book_receipt("甲", "1000.00", "I1", number="R2")
    shop.tick()
    assert state(shop, "SO2") == "released"
    told(shop)


def test_an_approved_condition_waits_for_money_that_nothing_leans_on(shop: Harness) -> None:
    shop.book_receipt("甲", "1000.00", number="R1")
    place(shop, "甲", "2000.00", "SO1")
    place(shop, "甲", "1000.00", "SO2")
    shop.chat("zhou").expect_card("SO2", kind="credit.request").tap("credit.approve_with", prepay_percent="100")
    invoice(shop, "2000.00")
    close(shop, "SO1")
    shop.tick()
    assert state(shop, "SO2") == "held"
    told(shop)


def test_a_change_forgets_nothing_that_the_order_leans_on(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    shop.book_receipt("甲", "150.00", number="R1")
    assert place(shop, "甲", "100.00", "SO1")["verdict"] == "released"
    invoice(shop, "100.00")
    assert put(shop, "SO1", "150.00")["verdict"] == "released"
    assert place(shop, "甲", "100.00", "SO2", prepaid=True)["verdict"] == "held"
    assert put(shop, "SO1", "400.00")["verdict"] == "held"
    assert place(shop, "甲", "100.00", "SO3", prepaid=True)["verdict"] == "held"
    told(shop)


def test_an_order_that_comes_after_its_shipment_leans_on_what_covers_that(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    shop.book_receipt("甲", "100.00", number="R1")
    ship(shop, "100.00")
    assert place(shop, "甲", "100.00", "SO1")["verdict"] == "released"
    assert place(shop, "甲", "100.00", "SO2", prepaid=True)["verdict"] == "held"
    told(shop)


# --- 12: money of tomorrow ---


def test_money_counts_from_the_day_on_which_it_is_received(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "500.00", "SO1", prepaid=True)
    shop.book_receipt("甲", "500.00", on="2026-07-08", number="R7")
    shop.tick()
    assert state(shop, "SO1") == "held" and exposure(shop).unapplied_minor == 0
    shop.at("2026-07-07 18:00")
    assert state(shop, "SO1") == "held"
    shop.at("2026-07-08 10:00")
    assert state(shop, "SO1") == "released"
    told(shop)


# --- 10: one number, one day ---


def _elsewhere(hk: Harness) -> None:
    """PostgreSQL has days of its own, unless it is told whose."""
    engine = hk.app.engine
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{engine.url.database}" SET timezone = \'Pacific/Kiritimati\''))
        engine.dispose()


@pytest.mark.parametrize(
    ("zone", "was", "comes"),
    [
        ("Asia/Shanghai", "2026-07-06 10:00", "2026-07-07 07:00"),  # still the 6th in London
        ("America/New_York", "2026-07-07 10:00", "2026-07-08 10:00"),  # 22:00 on the 7th: the 8th in London
    ],
)
def test_a_number_belongs_to_another_order_from_the_companys_next_day_on(
    hk: Harness, zone: str, was: str, comes: str
) -> None:
    hk.company(calendar=replace(hk.app.company.calendar, zone=ZoneInfo(zone)))
    _elsewhere(hk)
    shop = opened(hk)
    shop.now = instant(was)
    with shop.look() as work:
        day = work.today
    place(shop, "甲", "1000.00", "SO1")
    invoice(shop, "1000.00")
    shop.pay("甲", "1000.00", "I1")
    assert exposure(shop).orders_minor == 0, "what was paid on the same day is of it"
    close(shop, "SO1")
    told(shop)
    shop.now = instant(comes)
    with shop.db() as work:
        assert (work.today - day).days == 1
        new = parse({"number": "SO1", "customer": "甲", "amount": "900.00"}, "CNY")
        made = orders.submit(work, active(work)[1], new, "b2b")
        assert made.order.state == "released"
    shop.deliver()
    assert exposure(shop).orders_minor == 90_000, "what was paid before is not of this one"
    told(shop)


