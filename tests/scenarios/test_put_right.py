"""What was decided on what is true no longer: deliveries that never were, limits for orders that are over, stale reasons."""

from typing import Any

import pytest
from sqlalchemy import select

from core.credit.exposure import standing
from core.models import WebhookEvent
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.approving import request
from tests.scenarios.ordering import close, codes, opened, place, put, state, stored, told

SHIPMENTS = "number,customer,order,amount,shipped_on"
RECEIVABLES = "number,customer,issued_on,due_on,amount,order"
W = table_of(WebhookEvent)


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """甲 of li may owe 1,000."""
    return opened(hk)


def limit(hk: Harness) -> int | None:
    with hk.look() as work:
        return standing(work, 1).limit_minor


def events(hk: Harness) -> list[Any]:
    with hk.look() as work:
        return [(row.kind, row.body) for row in work.session.execute(select(W).order_by(W.c.id))]


def invoice(hk: Harness, amount: str, order: str = "SO1") -> None:
    hk.imports("receivables", RECEIVABLES, f"I1,甲,2026-07-06,2026-08-30,{amount},{order}")


def ship(hk: Harness, amount: str, order: str = "SO1") -> None:
    hk.imports("shipments", SHIPMENTS, f"D1,甲,{order},{amount},2026-07-06")


# --- deliveries that never were ---


@pytest.mark.parametrize("delivered", [invoice, ship])
@pytest.mark.parametrize("right", [("0", "SO1"), ("10.00", "SO1"), ("5000.00", "SO2")])
def test_an_order_that_a_mistyped_delivery_released_is_held_again(shop: Harness, delivered: Any, right: Any) -> None:
    shop.company(webhooks=True)
    place(shop, "甲", "5000.00", "SO1")
    delivered(shop, "5000.00")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)
    delivered(shop, *right)
    shop.tick()
    assert state(shop, "SO1") == "held" and stored(shop, "SO1").decided_at is None
    assert events(shop)[-1][0] == "order.held"
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_one_that_fits_anyway_stays_released(shop: Harness) -> None:
    place(shop, "甲", "5000.00", "SO1")
    invoice(shop, "5000.00")
    shop.tick()
    shop.act("fm", "limit.set", "甲", amount="9000", reason="年度授信")
    invoice(shop, "0")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)


def test_what_somebody_approved_stays_released(shop: Harness) -> None:
    place(shop, "甲", "5000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    ship(shop, "5000.00")
    ship(shop, "0")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)


def test_what_somebody_approved_was_a_smaller_order(shop: Harness) -> None:
    """1,100 were approved; 5,000 are released since they have left, it was said."""
    place(shop, "甲", "1100.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    ship(shop, "5000.00")
    assert put(shop, "SO1", "5000.00")["verdict"] == "released"
    told(shop)
    ship(shop, "0")
    shop.tick()
    assert state(shop, "SO1") == "held"
    assert request(shop).facts["over_minor"] == 400_000
    told(shop)


def test_nor_does_it_keep_what_was_added_to_the_limit_for_that(raised: Harness) -> None:
    ship(raised, "5000.00")
    assert put(raised, "SO1", "5000.00")["verdict"] == "released"
    ship(raised, "0")
    raised.tick()
    assert (state(raised, "SO1"), limit(raised)) == ("held", 100_000)
    assert request(raised).facts["over_minor"] == 400_000
    told(raised)


def test_so_it_was_where_other_reasons_speak_against_it(shop: Harness) -> None:
    place(shop, "甲", "1100.00", "SO1", terms="按合同")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    ship(shop, "5000.00")
    assert put(shop, "SO1", "5000.00", terms="按合同")["verdict"] == "released"
    ship(shop, "0")
    shop.tick()
    assert state(shop, "SO1") == "held"
    told(shop)


def test_a_mistaken_invoice_that_a_credit_note_takes_back_was_none(shop: Harness) -> None:
    place(shop, "甲", "5000.00", "SO1")
    invoice(shop, "5000.00")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)
    shop.credit_note("甲", "5000.00", "I1")
    shop.tick()
    assert state(shop, "SO1") == "held"
    told(shop)
    shop.imports("receivables", RECEIVABLES, "I2,甲,2026-07-06,2026-08-30,5000.00,SO1")
    shop.tick()
    assert state(shop, "SO1") == "released"
    told(shop)


def test_nor_does_it_release_an_order_that_waits(shop: Harness) -> None:
    place(shop, "甲", "5000.00", "SO1")
    shop.receivable("甲", "4000.00", due="2026-08-30", number="I1", order_no="SO1")
    shop.credit_note("甲", "4000.00", "I1")
    shop.tick()
    assert state(shop, "SO1") == "held" and stored(shop, "SO1").facts["over_minor"] == 400_000
    told(shop)


@pytest.mark.parametrize("amount", ["900.00", "1500.00"])
def test_what_fitted_or_was_approved_stays_released_until_it_is_invoiced_anew(shop: Harness, amount: str) -> None:
    if place(shop, "甲", amount, "SO1")["verdict"] == "held":
        shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    invoice(shop, amount)
    shop.credit_note("甲", amount, "I1")
    shop.tick()
    assert state(shop, "SO1") == "released"
    assert place(shop, "甲", "1000.00", "SO2")["verdict"] == "released", "until then it uses up nothing"
    told(shop)


# --- limits for an order ---


@pytest.fixture
def raised(shop: Harness) -> Harness:
    """SO1 of 1,500 is released: 500 are added to the limit until 30 July."""
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("zhou").expect_card(kind="credit.request").tap("credit.approve_with", until="2026-07-30")
    assert (state(shop, "SO1"), limit(shop)) == ("released", 150_000)
    told(shop)
    return shop


def test_what_was_added_for_an_order_ends_with_it(raised: Harness) -> None:
    close(raised, "SO1")
    assert limit(raised) == 100_000
    assert codes(place(raised, "甲", "1500.00", "SO2")) == ["over_limit"]
    told(raised)


def test_for_what_was_delivered_of_it_it_stays(raised: Harness) -> None:
    ship(raised, "1200.00")
    close(raised, "SO1")
    assert limit(raised) == 120_000
    assert codes(place(raised, "甲", "1.00", "SO2")) == ["over_limit"]
    told(raised)


def test_a_smaller_order_needs_less_of_it(raised: Harness) -> None:
    assert put(raised, "SO1", "1400.00")["verdict"] == "released"
    assert limit(raised) == 140_000
    assert put(raised, "SO1", "1.00")["verdict"] == "released"
    assert limit(raised) == 100_000
    assert place(raised, "甲", "1499.00", "SO2")["verdict"] == "held"
    told(raised)


def test_an_order_that_is_asked_about_anew_has_none(raised: Harness) -> None:
    assert put(raised, "SO1", "1600.00")["verdict"] == "held"
    assert limit(raised) == 100_000
    asked = request(raised)
    assert asked.facts["over_minor"] == 60_000
    raised.chat("zhou").expect_card(kind="credit.request").tap("credit.reject", reason="不同意")
    assert limit(raised) == 100_000
    assert place(raised, "甲", "1500.00", "SO2")["verdict"] == "held"
    told(raised)


def test_an_import_that_makes_a_customer_pay_cash_ends_what_was_added(raised: Harness) -> None:
    raised.imports("customers", "code,name,credit_limit", "甲,甲,0")
    assert limit(raised) == 0
    assert place(raised, "甲", "10.00", "SO2")["verdict"] == "held"
    told(raised)


def test_an_import_that_changes_nothing_ends_nothing(raised: Harness) -> None:
    raised.imports("customers", "code,name,credit_limit", "甲,甲,1000")
    raised.imports("customers", "code,name,credit_limit", "甲,甲,2000")
    assert limit(raised) == 250_000


# --- reasons ---


def test_a_held_order_says_what_holds_it_now(shop: Harness) -> None:
    shop.company(webhooks=True)
    place(shop, "甲", "5000.00", "SO1")
    card = shop.chat("li").expect_card("SO1", "¥4,000.00", kind="order.held")
    shop.book_receipt("甲", "2000.00", number="R1")
    shop.tick()
    assert stored(shop, "SO1").reasons == [{"code": "over_limit", "amount": [200_000, "CNY"]}]
    assert stored(shop, "SO1").facts["over_minor"] == 200_000
    kind, body = events(shop)[-1]
    assert kind == "order.held" and body["order"]["reasons"] == [
        {"code": "over_limit", "amount": "2000.00", "currency": "CNY"}
    ]
    card.expect_update("¥2,000.00")
    before = len(events(shop))
    shop.tick()
    assert len(events(shop)) == before, "nothing has changed"
    told(shop)


def test_another_day_of_delay_is_no_news(shop: Harness) -> None:
    shop.company(webhooks=True)
    shop.receivable("甲", "500.00", due="2026-07-05", number="OLD")
    place(shop, "甲", "100.00", "SO1")
    before = [kind for kind, _ in events(shop)].count("order.held")
    shop.at("2026-07-07 10:00")
    assert stored(shop, "SO1").reasons == [{"code": "overdue", "days": 2}]
    assert [kind for kind, _ in events(shop)].count("order.held") == before
    told(shop, "order.held", "order.decided", "credit.request", "task.overdue", "ladder.step", "task.call")
