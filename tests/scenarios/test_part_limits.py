"""A part of what a customer uses up has a limit of its own (V19): beyond it a director decides, whatever room there is
within the customer's limit."""

from typing import Any

import pytest

from core.credit.exposure import standing
from core.ledger import marks
from core.models import Receivable
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import cancel, codes, place, put, state, stored, told
from tests.scenarios.test_changed_orders import ship

ROUTES = """
[credit]
hold_on_overdue = false
part_limits = { %s }

[[credit.route]]
name = "part"
reasons = ["over_part_limit"]
rungs = [{ audience = ["role:sales_director"] }]

[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"] }]
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """甲 may owe 10,000 and has owed 550 since yesterday."""
    hk.begin("2026-07-06 10:00")
    hk.customer("甲", "li", credit_limit_minor=1_000_000)
    hk.receivable("甲", "550.00", due="2026-07-05", number="I1", issued="2026-06-05")
    return hk


def limited(hk: Harness, limits: str) -> None:
    hk.policy(ONE_STEP + ROUTES % limits)
    with hk.db() as work:
        marks.mark_all(work)


def open_minor(hk: Harness) -> int:
    with hk.look() as work:
        return standing(work, 1).exposures["CNY"].open_minor


def orders_minor(hk: Harness) -> int:
    with hk.look() as work:
        return standing(work, 1).exposures["CNY"].orders_minor


def settled(hk: Harness) -> None:
    """Everybody reads what they were sent; the step of dunning is another story."""
    told(hk, "order.held", "order.decided", "credit.request", "task.overdue", "task.invoice", "receipt.allocate")


def test_v19_beyond_a_part_the_director_decides_by_a_tap(shop: Harness) -> None:
    limited(shop, 'overdue = "550"')
    assert place(shop, "甲", "550.00", "SO0")["verdict"] == "released", "as large as its limit it may be"
    cancel(shop, "SO0")
    limited(shop, 'overdue = "499"')
    answer = place(shop, "甲", "550.00", "SO1")
    assert answer["verdict"] == "held"
    assert answer["reasons"] == [
        {"code": "over_part_limit", "part": "overdue", "amount": "51.00", "limit": "499.00", "currency": "CNY"}
    ]
    card = shop.chat("zhao").expect_card("逾期款超分项额度 ¥51.00（上限 ¥499.00）", "SO1", kind="credit.request")
    assert "超分项额度" in shop.chat("li").expect_card("SO1", kind="order.held").text
    shop.chat("zhou").expect_nothing()
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and orders_minor(shop) == 55_000
    shop.receivable("甲", "550.00", due="2026-08-05", number="I2")
    with shop.db() as work:
        work.session.get_one(Receivable, 2).order_no = "SO1"
    assert (open_minor(shop), orders_minor(shop)) == (110_000, 0), "what was overridden is owed"
    settled(shop)


def test_v19_every_part_says_which_it_is(shop: Harness) -> None:
    limited(shop, 'open = "300", overdue = "499"')
    answer = place(shop, "甲", "550.00", "SO1")
    assert [(one["part"], one["amount"], one["limit"]) for one in answer["reasons"]] == [
        ("overdue", "51.00", "499.00"), ("open", "250.00", "300.00"),
    ]  # fmt: skip
    said = "逾期款超分项额度 ¥51.00（上限 ¥499.00）；应收余额超分项额度 ¥250.00（上限 ¥300.00）"
    shop.chat("zhao").expect_card(said, kind="credit.request")
    zhao = shop.chat("zhao")
    told = zhao.say("/order SO1")
    assert said in str(told) and told["view"]["reasons"] == answer["reasons"]
    zhao.say("/language en")
    assert "overdue amounts over the limit of CN¥499.00 by CN¥51.00" in str(zhao.say("/order SO1"))
    settled(shop)


def test_released_once_the_part_is_within_its_limit_again(shop: Harness) -> None:
    limited(shop, 'overdue = "499"')
    place(shop, "甲", "550.00", "SO1")
    card = shop.chat("zhao").expect_card(kind="credit.request")
    shop.pay("甲", "50.99", "I1")
    assert state(shop, "SO1") == "held"
    shop.pay("甲", "0.01", "I1")
    assert state(shop, "SO1") == "released"
    card.expect_update("无需再审批", state="closed")
    settled(shop)


def test_another_limit_in_the_policy_releases_it_too(shop: Harness) -> None:
    limited(shop, 'overdue = "499"')
    place(shop, "甲", "550.00", "SO1")
    limited(shop, 'overdue = "549.99", shipments = "0"')
    shop.tick()
    assert state(shop, "SO1") == "held"
    limited(shop, 'overdue = "550", shipments = "0"')
    shop.tick()
    assert state(shop, "SO1") == "released"
    settled(shop)


@pytest.mark.parametrize("worse", ["more of the part", "another part", "a lower limit"])
def test_a_tap_on_what_got_worse_since_is_stale(shop: Harness, worse: str) -> None:
    limited(shop, 'open = "500", shipments = "100"')
    place(shop, "甲", "550.00", "SO1")
    card = shop.chat("zhao").expect_card("¥50.00（上限 ¥500.00）", kind="credit.request")
    match worse:
        case "more of the part":
            shop.receivable("甲", "0.01", due="2026-08-05", number="I2")
            shows = "¥50.01（上限 ¥500.00）"
        case "another part":
            ship(shop, "D1", "SO9", 10_001)
            shows = "未开票发货超分项额度 ¥0.01（上限 ¥100.00）"
        case _:
            limited(shop, 'open = "400", shipments = "100"')
            shows = "¥150.00（上限 ¥400.00）"
    card.tap("credit.approve", expect="stale")
    assert state(shop, "SO1") == "held" and shows in card.text and "变差" in card.text
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_orders_count_until_they_are_invoiced_or_taken_back(shop: Harness) -> None:
    limited(shop, 'orders = "1000"')
    assert place(shop, "甲", "600.00", "SO1")["verdict"] == "released"
    assert place(shop, "甲", "400.00", "SO2")["verdict"] == "released"
    answer = place(shop, "甲", "0.01", "SO3")
    assert (codes(answer), answer["reasons"][0]["part"]) == (["over_part_limit"], "orders")
    shop.chat("zhao").expect_card("未发货订单超分项额度 ¥0.01（上限 ¥1,000.00）", kind="credit.request")
    cancel(shop, "SO2")
    shop.tick()
    assert state(shop, "SO3") == "released"
    assert put(shop, "SO1", "1000.00")["verdict"] == "held", "it grew beyond it by a cent"
    settled(shop)


def test_what_was_delivered_of_a_held_order_is_no_order_any_more(shop: Harness) -> None:
    limited(shop, 'orders = "500"')
    assert codes(place(shop, "甲", "550.00", "SO1")) == ["over_part_limit"]
    ship(shop, "D1", "SO1", 5_000)
    shop.pay("甲", "0.01", "I1")  # has it looked at again
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_a_part_that_another_order_fills_makes_it_another_ones_to_decide(shop: Harness) -> None:
    """SO1 waits for finance, since it is over the limit; then SO2 is approved and fills the part."""
    limited(shop, 'orders = "20000"')
    assert codes(place(shop, "甲", "10000.00", "SO1")) == ["over_limit"]
    shop.chat("zhou").expect_card("SO1", kind="credit.request")
    assert codes(place(shop, "甲", "15000.00", "SO2")) == ["over_limit"]
    shop.chat("zhou").expect_card("SO2", kind="credit.request").tap("credit.approve")
    shop.tick()
    shop.chat("zhao").expect_card("SO1", "未发货订单超分项额度 ¥5,000.00", kind="credit.request")
    assert [reason["code"] for reason in stored(shop, "SO1").reasons] == ["over_limit", "over_part_limit"]
    settled(shop)


def test_without_part_limits_nothing_changes(shop: Harness) -> None:
    limited(shop, "")
    answer: dict[str, Any] = place(shop, "甲", "550.00", "SO1")
    assert (answer["verdict"], answer["reasons"]) == ("released", [])
    settled(shop)
