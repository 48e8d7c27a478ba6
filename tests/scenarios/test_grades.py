"""What a rating is worth by policy: limits and terms of new customers and of each grade, and where they come from."""

import pytest

from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import ROUTES, codes, place, state, told

GRADES = """
[credit.new]
limit = "1000.00"
terms_days = 30

[credit.grade.A]
limit = { CNY = "10000", USD = "1400" }
terms_days = 60

[credit.grade.B]
terms_days = 45
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    hk.begin("2026-07-06 10:00")
    hk.customer("甲", "li")
    hk.policy(ONE_STEP + ROUTES.replace("[credit]", '[credit]\nrates = { USD = "7" }', 1) + GRADES)
    return hk


def rate(shop: Harness, value: str) -> None:
    shop.act("fm", "rating.set", "甲", rating=value, until="2026-12-31", reason="评审")


def credit(shop: Harness, who: str = "li") -> dict:
    view = dict(shop.type(who, "信用 甲").view)
    for card in shop.chat(who).unread():
        shop.read(card.id)
    return view


def test_a_new_customer_has_the_limit_and_the_terms_of_new_ones(shop: Harness) -> None:
    assert place(shop, "甲", "1000.00", "SO1")["verdict"] == "released"
    assert codes(place(shop, "甲", "0.01", "SO2")) == ["over_limit"]
    card = shop.chat("zhou").expect_card("额度 ¥1,000.00（策略：新客户）", kind="credit.request")
    assert credit(shop)["limit_source"] == "new" and credit(shop)["limit"] == "1000.00"
    shop.type("li", "信用 甲")
    shop.chat("li").expect_card("¥1,000.00（策略：新客户）", kind="reply.credit")
    card.tap("credit.reject", reason="先收款")
    told(shop)
    shop.receivable("甲", "250.00", due="2026-12-31", number="I1")
    view = shop.type("li", "余额 甲").view
    assert view["credit"] == {"limit": "1000.00", "used": "1250.00", "available": "-250.00", "usage": "125%"}
    shop.chat("li").expect_card("¥1,000.00", kind="reply.balance")


def test_terms_beyond_those_of_the_rating_need_approval(shop: Harness) -> None:
    assert codes(place(shop, "甲", "1.00", "N30", terms="net30")) == []
    found = place(shop, "甲", "1.00", "N31", terms="net31")
    assert found["reasons"] == [{"code": "terms", "days": 31, "allowed": 30}]
    rate(shop, "A")
    assert codes(place(shop, "甲", "1.00", "A60", terms="net60")) == []
    assert place(shop, "甲", "1.00", "A61", terms="61天")["reasons"] == [{"code": "terms", "days": 61, "allowed": 60}]
    rate(shop, "B")
    assert codes(place(shop, "甲", "1.00", "B46", terms="net46")) == ["terms"]
    rate(shop, "C")
    assert place(shop, "甲", "1.00", "C31", terms="net31")["reasons"][-1] == {"code": "terms", "days": 31, "allowed": 30}
    told(shop)


def test_the_terms_agreed_with_a_customer_come_before_those_of_its_rating(shop: Harness) -> None:
    shop.set_customer("甲", terms="net60")
    assert codes(place(shop, "甲", "1.00", "N60", terms="net60")) == []
    assert place(shop, "甲", "1.00", "N61", terms="net61")["reasons"] == [{"code": "terms", "days": 61, "allowed": 60}]
    assert (credit(shop)["terms"], credit(shop)["terms_days"]) == ("net60", 60)
    shop.type("li", "信用 甲")
    shop.chat("li").expect_card("60 天以内（客户约定）", kind="reply.credit")
    shop.set_customer("甲", terms="月结 15 天")
    assert codes(place(shop, "甲", "1.00", "N15", terms="net15")) == []
    assert place(shop, "甲", "1.00", "N20", terms="net20")["reasons"] == [{"code": "terms", "days": 20, "allowed": 15}]
    assert codes(place(shop, "甲", "1.00", "NONE")) == [], "an order that says nothing has the customer's own terms"
    shop.set_customer("甲", terms="按合同")
    assert credit(shop)["terms_days"] == 30
    assert place(shop, "甲", "1.00", "N31", terms="net31")["reasons"] == [{"code": "terms", "days": 31, "allowed": 30}]
    told(shop)


def test_an_order_held_for_its_terms_goes_once_they_are_agreed_by_import(shop: Harness) -> None:
    shop.imports("customers", "code,name,terms", "K1,客户一,net30")
    assert codes(place(shop, "K1", "1.00", "N45", terms="net45")) == ["terms"]
    shop.imports("customers", "code,name,terms", "K1,客户一,net45")
    assert state(shop, "N45") == "released"
    told(shop)


def test_a_better_rating_brings_more(shop: Harness) -> None:
    assert codes(place(shop, "甲", "5000.00", "SO1")) == ["over_limit"]
    rate(shop, "A")
    assert state(shop, "SO1") == "released"
    assert (credit(shop)["limit"], credit(shop)["limit_source"]) == ("10000.00", "grade")
    rate(shop, "B")
    assert (credit(shop)["limit"], credit(shop)["limit_source"]) == (None, "none"), "the policy gives B none: no limit"
    rate(shop, "D")
    assert (credit(shop)["limit"], credit(shop)["limit_source"]) == ("0.00", "cash_only")
    told(shop)


def test_the_customers_own_limit_comes_first(shop: Harness) -> None:
    shop.act("fm", "limit.set", "甲", amount="200", reason="试单")
    assert codes(place(shop, "甲", "200.01", "SO1")) == ["over_limit"] and credit(shop)["limit_source"] == "own"
    shop.act("fm", "limit.set", "甲", amount="0", reason="款到发货")
    assert codes(place(shop, "甲", "0.01", "SO2")) == ["no_credit"], "0 is a limit of its own"
    shop.act("fm", "limit.set", "甲", limit="unlimited", reason="取消单独额度")
    assert credit(shop)["limit_source"] == "new"
    told(shop)


def test_in_another_currency(shop: Harness) -> None:
    shop.set_customer("甲", currency="USD")
    assert credit(shop)["limit"] == "142.85", "1,000 at 7, rounded down"
    rate(shop, "A")
    assert credit(shop)["limit"] == "1400.00", "what the policy says for the currency itself"
    shop.set_customer("甲", currency="EUR")
    assert credit(shop)["limit"] == "0.00", "without a rate nothing is delivered on credit"
    told(shop)
