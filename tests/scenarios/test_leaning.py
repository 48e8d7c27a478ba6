"""Money counts once: what made room for one order is not another one's prepayment."""

import pytest

from tests.harness import Harness
from tests.scenarios.ordering import opened, place, state, told
from tests.scenarios.test_groups import RATED, shares, used


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


# --- in the limit of a group ---


@pytest.fixture
def group(hk: Harness) -> Harness:
    """甲 and 乙 have no limits of their own, and may owe 1,000 together."""
    hk.begin("2026-07-06 10:00")
    for code in ("甲", "乙"):
        hk.customer(code, "li", group_name="华兴")
    shares(hk, amount="1000")
    return hk


def test_what_made_room_in_the_groups_limit_is_not_the_prepayment_of_another_order(group: Harness) -> None:
    place(group, "乙", "1000.00", "SO1")
    group.pay("甲", "600.00")
    assert place(group, "甲", "600.00", "SO2")["verdict"] == "released", "its own money pays for it"
    assert place(group, "甲", "600.00", "SO3", prepaid=True)["verdict"] == "held"
    assert used(group) == 100_000, "and no more than the limit"
    assert "¥600.00" in str(group.chat("li").say("/order SO3"))
    group.pay("甲", "600.00", number="R2")
    group.tick()
    assert state(group, "SO3") == "released" and used(group) == 100_000
    told(group)


def test_nor_is_what_made_room_for_an_order_of_another_member(group: Harness) -> None:
    """甲's money sets off what 甲 has on order, so 乙 may use up the limit; 甲 can't spend it once more."""
    place(group, "甲", "600.00", "SO1")
    group.pay("甲", "600.00")
    assert place(group, "乙", "1000.00", "SO2")["verdict"] == "released"
    assert place(group, "甲", "600.00", "SO3", prepaid=True)["verdict"] == "held"
    assert used(group) == 100_000
    told(group)


def test_what_somebody_approved_beyond_the_groups_limit_leans_on_no_money(group: Harness) -> None:
    group.receivable("甲", "300.00", due="2026-08-01", number="I1")
    place(group, "乙", "2000.00", "SO1")
    group.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    group.pay("甲", "600.00")
    assert place(group, "甲", "600.00", "SO2", prepaid=True)["verdict"] == "released"
    told(group)


def test_with_room_in_the_groups_limit_money_is_free_for_what_is_prepaid(group: Harness) -> None:
    place(group, "乙", "300.00", "SO1")
    place(group, "甲", "300.00", "SO2")
    group.pay("甲", "600.00")
    assert place(group, "甲", "600.00", "SO3", prepaid=True)["verdict"] == "released"
    assert used(group) == 60_000, "what is left of the limit counts for SO2"
    told(group)


def test_limits_in_other_currencies_lean_on_money_at_internal_rates(group: Harness) -> None:
    group.policy(RATED)
    shares(group, amount="100", currency="USD")
    place(group, "乙", "700.00", "SO1")
    group.pay("甲", "560.00")
    assert place(group, "甲", "560.00", "SO2")["verdict"] == "released"
    assert place(group, "甲", "560.00", "SO3", prepaid=True)["verdict"] == "held"
    told(group)
