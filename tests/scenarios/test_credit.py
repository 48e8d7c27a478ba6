"""An order against the customer's limit: released at once, or held until the right person has tapped."""

import pytest
from sqlalchemy import select

from core.errors import DomainError
from core.models import CreditLine
from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.ordering import ROUTES, codes, opened, place, state, stored, told


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def test_within_the_limit_it_is_released_and_nobody_is_asked(shop: Harness) -> None:
    assert place(shop, "甲", "1000.00", "SO1") == {"number": "SO1", "verdict": "released", "reasons": [], "request": None}
    for person in ("li", "zhou", "zhao", "cai"):
        shop.chat(person).expect_nothing()


def test_beyond_it_the_finance_director_decides_by_one_tap(hk: Harness) -> None:
    shop = opened(hk)
    shop.receivable("甲", "600.00", due="2026-08-01", number="I1")
    answer = place(shop, "甲", "500.00", "SO1", note="老客户，月底补齐")
    assert (answer["verdict"], codes(answer)) == ("held", ["over_limit"])
    shop.chat("li").expect_card("SO1", "zhou", kind="order.held")
    card = shop.chat("zhou").expect_card(
        "¥100.00", "SO1", "老客户，月底补齐", "已用 ¥600.00", "额度 ¥1,000.00", kind="credit.request",
        buttons=("credit.approve", "credit.approve_with", "credit.reject"),
    )  # fmt: skip
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    assert "zhou 已批准" in card.text and card.json["state"] == "closed" and card.buttons == []
    shop.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    shop.chat("cai").expect_card("SO1", "已放行", kind="order.decided")
    card.tap("credit.approve", expect="already")
    card.tap("credit.reject", reason="太晚", expect="already")
    assert state(shop, "SO1") == "released"


def test_who_comes_too_late_hears_who_has_decided(hk: Harness) -> None:
    shop = opened(hk)
    hk.people(fd2="finance_director")
    place(shop, "甲", "1000.01", "SO1")
    first, second = (shop.chat(who).expect_card(kind="credit.request") for who in ("zhou", "fd2"))
    first.tap("credit.approve")
    assert second.tap("credit.approve", expect="already")["message"] == "zhou已经批准"
    assert second.tap("credit.reject", reason="太晚", expect="already")["message"] == "zhou已经批准"
    assert first.tap("credit.approve", expect="already")["message"] == "已批准", "their own"
    shop.chat("li").expect_card("SO1", kind="order.held")
    for who in ("li", "cai"):
        shop.chat(who).expect_card("SO1", kind="order.decided")


def test_a_no_needs_a_reason_and_says_it(hk: Harness) -> None:
    shop = opened(hk)
    place(shop, "甲", "1000.01", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    card.tap("credit.reject", reason=" ", expect="invalid")
    card.tap("credit.reject", reason="先收货款")
    assert state(shop, "SO1") == "rejected"
    shop.chat("li").expect_card("SO1", "先收货款", kind="order.decided")
    assert "zhou 已驳回：先收货款" in card.text and card.buttons == []
    shop.chat("cai").expect_card(kind="order.decided")


def test_nobody_else_decides_and_nobody_about_their_own(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    for person in ("li", "wang", "zhao", "cai"):
        card.tap("credit.approve", by=person, expect="not_allowed")
    card.tap("credit.approve", by="ada", expect="invalid")  # whoever sees no customer learns nothing of it
    assert state(shop, "SO1") == "held"
    shop.chat("li").expect_card(kind="order.held")
    place(shop, "甲", "2000.00", "SO2", asked_by="zhou")  # the finance director's own order goes to somebody else
    shop.chat("zhou").expect_card("SO2", kind="order.held")
    shop.chat("fm").expect_card("SO2", kind="credit.request").tap("credit.approve")
    shop.chat("zhou").expect_card("SO2", kind="order.decided")
    shop.chat("cai").expect_card("SO2", kind="order.decided")


def test_an_approver_who_lost_the_role_decides_nothing(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    shop.person("zhou", roles=["finance"])
    card.tap("credit.approve", expect="not_allowed")
    assert state(shop, "SO1") == "held"
    told(shop)


def test_whoever_is_overdue_asks_the_sales_director(shop: Harness) -> None:
    shop.receivable("甲", "100.00", due="2026-07-01", number="I1")
    assert codes(place(shop, "甲", "10.00", "SO1")) == ["overdue"]
    shop.chat("zhao").expect_card("逾期", "5", kind="credit.request").tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_whoever_is_overdue_and_over_the_limit_asks_the_sales_director_and_then_finance(shop: Harness) -> None:
    shop.receivable("甲", "100.00", due="2026-07-01", number="I1")
    assert codes(place(shop, "甲", "2000.00", "SO1")) == ["overdue", "over_limit"]
    shop.chat("zhou").expect_nothing()
    shop.chat("zhao").expect_card("第 1/2 级审批", "逾期", "¥1,100.00", kind="credit.request").tap("credit.approve")
    assert state(shop, "SO1") == "held"
    shop.chat("zhou").expect_card("第 2/2 级审批", kind="credit.request").tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_so_does_a_customer_whose_rating_pays_cash_only(shop: Harness) -> None:
    shop.set_customer("甲", rating="D")
    shop.receivable("甲", "100.00", due="2026-07-01", number="I1")
    assert codes(place(shop, "甲", "1.00", "SO1")) == ["overdue", "no_credit"]
    shop.chat("zhao").expect_card(kind="credit.request").tap("credit.approve")
    shop.chat("zhou").expect_card(kind="credit.request").tap("credit.reject", reason="先付清")
    assert state(shop, "SO1") == "rejected"
    told(shop)


def test_worse_figures_refuse_the_tap_and_draw_the_card_anew(hk: Harness) -> None:
    shop = opened(hk)
    place(shop, "甲", "1100.00", "SO1")
    card = shop.chat("zhou").expect_card("¥100.00", kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    shop.receivable("甲", "300.00", due="2026-08-01", number="I1")
    card.tap("credit.approve", expect="stale")
    assert state(shop, "SO1") == "held"
    assert "¥400.00" in card.text and "变差" in card.text and "credit.approve" in card.buttons
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    shop.chat("li").expect_card(kind="order.decided")
    shop.chat("cai").expect_card(kind="order.decided")


@pytest.mark.parametrize("limit", ["1000.00", None])
def test_so_do_figures_that_are_worse_where_nothing_is_over(hk: Harness, limit: str | None) -> None:
    """Within the limit, or without one, asked about for its terms: the card says what is used up, and that was less."""
    shop = opened(hk)
    shop.set_customer("甲", credit_limit_minor=None if limit is None else 1000_00)
    assert codes(place(shop, "甲", "100.00", "SO1", terms="月结60")) == ["terms"]
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    shop.receivable("甲", "850.00", due="2026-08-01", number="I1")
    card.tap("credit.approve", expect="stale")
    assert state(shop, "SO1") == "held" and "¥850.00" in card.text
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_better_figures_do_no_harm(shop: Harness) -> None:
    shop.receivable("甲", "900.00", due="2026-08-01", number="I1")
    place(shop, "甲", "500.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.pay("甲", "100.00", "I1")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_on_conditions_it_waits_for_the_prepayment(hk: Harness) -> None:
    shop = opened(hk)
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    card.tap("credit.approve_with", expect="invalid")
    card.tap("credit.approve_with", prepay_percent="0", expect="invalid")
    card.tap("credit.approve_with", prepay_percent="30")
    due = shop.chat("li").expect_card("预付30%", "¥600.00", "SO1", kind="task.prepay")  # and no order.decided besides
    shop.chat("cai").expect_card(kind="order.decided")
    assert state(shop, "SO1") == "held"
    shop.at("2026-07-06 11:00")
    assert state(shop, "SO1") == "held"
    shop.pay("甲", "600.00")
    shop.at("2026-07-06 12:00")
    assert state(shop, "SO1") == "released"
    due.expect_update("预付款已到账")
    shop.chat("li").expect_card("已放行", kind="order.decided")
    assert [one["what"] for one in shop.type("li", "订单 SO1").view["settled"]] == ["order.released_prepaid"]
    shop.chat("li").expect_card("附条件批准", "预付款 ¥600.00 已到，订单放行", kind="reply.order")
    told(shop)


def test_a_limit_that_is_raised_for_a_while_ends_by_itself(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("zhou").expect_card(kind="credit.request").tap("credit.approve_with", until="2026-07-10")
    assert state(shop, "SO1") == "released"
    shop.receivable("甲", "1500.00", due="2026-09-01", number="I1")
    with shop.db() as work:
        from core.models import Receivable

        work.session.get_one(Receivable, 1).order_no = "SO1"  # what is invoiced moves from the order to the receivable
    assert codes(place(shop, "甲", "0.01", "SO2")) == ["over_limit"]
    shop.pay("甲", "500.00", "I1")
    assert state(shop, "SO2") == "released"
    assert place(shop, "甲", "499.99", "SO3")["verdict"] == "released"
    shop.sleep_until("2026-07-11 10:00")
    shop.pay("甲", "500.00", "I1")
    assert codes(place(shop, "甲", "0.02", "SO4")) == ["over_limit"]
    told(shop)


def test_money_that_comes_in_releases_it_and_nobody_need_decide(shop: Harness) -> None:
    shop.receivable("甲", "1000.00", due="2026-08-01", number="I1")
    place(shop, "甲", "400.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    shop.pay("甲", "400.00", "I1")
    shop.at("2026-07-06 11:00")
    assert state(shop, "SO1") == "released"
    card.expect_update("无需再审批", state="closed")
    shop.chat("li").expect_card("已放行", kind="order.decided")
    told(shop)


def test_nobody_answers_and_the_order_stays_held(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("li").expect_card(kind="order.held")
    shop.at("2026-07-08 10:00")  # sixteen hours of work after Monday 10:00 are over on Tuesday at 17:00
    card.expect_update("请看新卡片", state="closed")  # it came again meanwhile
    card.tap("credit.approve", expect="already")
    assert state(shop, "SO1") == "held"
    shop.chat("li").expect_card("SO1", kind="order.decided")
    told(shop)


def test_cash_only_and_no_limit_at_all(shop: Harness) -> None:
    shop.customer("乙", "li", credit_limit_minor=0)
    shop.customer("丙", "li")
    assert codes(place(shop, "乙", "0.01", "SO1")) == ["no_credit"]
    assert place(shop, "丙", "99999999.00", "SO2")["verdict"] == "released"
    shop.pay("乙", "500.01")  # a cent of it makes room for SO1
    assert place(shop, "乙", "500.00", "SO3", prepaid=True)["verdict"] == "released"
    assert codes(place(shop, "乙", "500.00", "SO4", prepaid=True)) == ["no_credit", "prepayment_awaited"]
    told(shop)


def test_the_same_order_twice_is_one_and_another_with_its_number_is_refused(shop: Harness) -> None:
    first = place(shop, "甲", "2000.00", "SO1")
    assert place(shop, "甲", "2000.00", "SO1") == first
    with pytest.raises(DomainError) as caught:
        place(shop, "甲", "2000.01", "SO1")
    assert caught.value.code == "order.conflict"
    assert stored(shop, "SO1").amount_minor == 200_000
    shop.chat("zhou").expect_card(kind="credit.request")
    shop.chat("zhou").expect_nothing()
    told(shop)


def test_a_ladders_hold_and_a_blacklist(shop: Harness) -> None:
    from core.models import Hold

    with shop.db() as work:
        work.session.add(Hold(customer_id=1, currency="CNY", kind="order", from_on=work.today))
    assert codes(place(shop, "甲", "1.00", "SO1")) == ["hold"]
    told(shop)


def test_below_cost_is_refused_and_a_big_discount_asked(shop: Harness) -> None:
    cheap = [{"item": "阀门", "price": "9.99", "cost": "10", "list_price": "12"}]
    assert (place(shop, "甲", "9.99", "SO1", lines=cheap)["verdict"]) == "refused"
    less = [{"item": "阀门", "price": "11", "cost": "10", "list_price": "12"}]
    assert codes(place(shop, "甲", "11.00", "SO2", lines=less)) == ["discount"]
    assert codes(place(shop, "甲", "11.00", "SO3", terms="月结60")) == ["terms"]
    told(shop)


def test_below_cost_needs_approval_where_the_policy_says_so(shop: Harness) -> None:
    rules = ROUTES.replace("[credit]", '[credit]\nbelow_cost = "hold"', 1)
    shop.policy(ONE_STEP + rules.replace('["overdue", "frozen"]', '["below_cost"]', 1))
    cheap = [{"item": "阀门", "price": "9.99", "cost": "10"}]
    answer = place(shop, "甲", "9.99", "SO1", lines=cheap)
    assert (answer["verdict"], answer["reasons"]) == ("held", [{"code": "below_cost", "lines": ["阀门"]}])
    card = shop.chat("zhao").expect_card("SO1", "售价低于成本（阀门）", kind="credit.request")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


LEVELS = """
[[credit.route]]
name = "large"
overdue_from = "500"
rungs = [{ audience = ["role:sales_director"] }, { audience = ["role:finance_director"] }]

[[credit.route]]
name = "middle"
overdue_from = "100"
rungs = [{ audience = ["role:sales_director"] }]

[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_manager"] }]
"""


@pytest.mark.parametrize(("overdue", "asks"), [("99.99", ["fm"]), ("100.00", ["zhao"]), ("500.00", ["zhao", "zhou"])])
def test_the_more_is_overdue_the_more_must_agree(shop: Harness, overdue: str, asks: list[str]) -> None:
    shop.policy(ONE_STEP + LEVELS)
    shop.receivable("甲", overdue, due="2026-07-03", number="I1")
    assert codes(place(shop, "甲", "1.00", "SO1")) == ["overdue"]
    for person in asks:
        assert state(shop, "SO1") == "held"
        shop.chat(person).expect_card("SO1", kind="credit.request").tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def asked(hk: Harness) -> Card:
    """Half of 甲's limit is used up, and an order of three quarters comes in; the finance director's card."""
    shop = opened(hk)
    shop.receivable("甲", "500.00", due="2026-08-01", number="I1")
    place(shop, "甲", "750.00", "SO1", note="老客户")
    shop.chat("li").expect_card("SO1", "zhou", kind="order.held")
    return shop.chat("zhou").expect_card("¥250.00", "SO1", "老客户", kind="credit.request")


def test_the_director_says_yes_in_any_messenger(hk: Harness) -> None:
    asked(hk).tap("credit.approve")
    assert state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    hk.chat("cai").expect_card("SO1", "已放行", kind="order.decided")


def test_the_director_says_no_in_any_messenger(hk: Harness) -> None:
    asked(hk).tap("credit.reject", reason="先收货款")
    assert state(hk, "SO1") == "rejected"
    hk.chat("li").expect_card("SO1", "先收货款", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")


def test_the_director_says_yes_for_a_while_and_on_shorter_terms_in_any_messenger(hk: Harness) -> None:
    card = asked(hk)
    card.tap("credit.approve_with", terms="30", until="2026-07-31")
    assert state(hk, "SO1") == "released"
    assert stored(hk, "SO1").conditions == {"terms_days": 30} and "30天" in card.text and "7月31日" in card.text
    with hk.look() as work:
        [line] = work.session.execute(select(CreditLine)).scalars()
    assert line.until.isoformat() == "2026-07-31" and card.json["state"] == "closed"
    hk.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")


def test_the_director_says_yes_on_conditions_in_any_messenger(hk: Harness) -> None:
    asked(hk).tap("credit.approve_with", prepay_percent="30")
    assert state(hk, "SO1") == "held" and stored(hk, "SO1").conditions == {"prepay_minor": 22_500}
    hk.chat("li").expect_card("SO1", "30%", kind="task.prepay")
    hk.chat("cai").expect_card("SO1", kind="order.decided")
