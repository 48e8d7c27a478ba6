"""Money counts once: what made room for one order is not another one's prepayment."""

import pytest

from tests.harness import Harness
from tests.scenarios.ordering import opened, place, state, told


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """甲 of li may owe 1,000."""
    return opened(hk)


def test_money_that_made_room_for_one_order_is_not_the_prepayment_of_another(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "600.00", "SO1")
    place(shop, "甲", "1000.00", "SO2", prepaid=True)
    shop.pay("甲", "1000.00")
    shop.tick()
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("released", "held")
    assert "¥600.00" in str(shop.chat("li").say("/order SO2"))
    assert place(shop, "甲", "500.00", "SO3", prepaid=True)["verdict"] == "held"
    assert place(shop, "甲", "400.00", "SO4", prepaid=True)["verdict"] == "released"
    shop.pay("甲", "600.00", number="R2")
    shop.tick()
    assert (state(shop, "SO2"), state(shop, "SO3")) == ("held", "released"), "1,600 for 600, 400 and 500: 100 is left"
    assert shop.chat("zhou").say("/credit 甲")["view"]["available"] == "100.00"
    told(shop)


def test_what_somebody_approved_beyond_the_limit_leans_on_no_money(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    shop.pay("甲", "1000.00")
    assert place(shop, "甲", "1000.00", "SO2", prepaid=True)["verdict"] == "released"
    told(shop)


def test_a_condition_isnt_met_by_a_higher_limit_but_by_the_money(shop: Harness) -> None:
    place(shop, "甲", "5000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve_with", prepay_percent="50")
    told(shop)
    shop.act("fm", "limit.set", "甲", amount="20000", reason="提额")
    shop.tick()
    assert state(shop, "SO1") == "held"
    shop.chat("li").expect_nothing()
    assert "¥2,500.00" in str(shop.chat("li").say("/order SO1"))
    shop.pay("甲", "2499.99")
    shop.tick()
    assert state(shop, "SO1") == "held", "a cent short"
    shop.pay("甲", "0.01", number="R2")
    shop.tick()
    assert state(shop, "SO1") == "released"
    shop.chat("li").expect_card("SO1", "预付50%", kind="order.decided")
    told(shop)
