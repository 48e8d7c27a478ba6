"""Approvals while the policy, the order or its figures change: what was said stays only where that is safe."""

from dataclasses import replace
from typing import Any

import pytest

from core.credit import changes, orders
from core.credit.incoming import parse
from core.dunning.stored import active
from core.ledger import marks
from core.models import CreditRequest
from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.approving import REQUEST, person, request, settled, staffed
from tests.scenarios.ordering import opened, place, put, state, stored
from tests.scenarios.racing import count, tap

BY_SIZE = """
[[credit.route]]
name = "large"
over_from = { CNY = 1000 }
rungs = [{ audience = ["role:finance_director"] }]

[[credit.route]]
name = "small"
rungs = [{ audience = ["role:finance_manager"] }]
"""
TWICE = """
[[credit.route]]
name = "large"
over_from = { CNY = 1000 }
rungs = [{ audience = ["role:finance_manager"] }, { audience = ["role:finance_director"] }]

[[credit.route]]
name = "small"
rungs = [{ audience = ["role:sales_director"] }, { audience = ["role:finance_manager"] }]
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


def small(shop: Harness, policy: str = BY_SIZE) -> None:
    """SO1 is over by 500: for the finance manager, below 1,000."""
    shop.policy(ONE_STEP + policy)
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("li").expect_card("SO1", "fm", kind="order.held")


def edited(shop: Harness, policy: str) -> None:
    """The policy is another one by now."""
    shop.policy(ONE_STEP + policy)
    with shop.db() as work:
        marks.mark_all(work)


def names(shop: Harness) -> list[list[int]]:
    return [rung["people"] for rung in request(shop).rungs]


def asked_of_zhou(shop: Harness) -> Card:
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("li").expect_card("SO1", kind="order.held")
    return shop.chat("zhou").expect_card("SO1", kind=REQUEST)


# --- the policy ---

TWO_RUNGS = """
[[credit.route]]
name = "all"
rungs = [{ audience = ["role:sales_director"] }, { audience = ["role:finance_director"] }]
"""


def test_rungs_that_are_edited_meanwhile_shift_nobodys_word(shop: Harness) -> None:
    """zhao has said yes on the first of two rungs; then a rung comes before them."""
    shop.policy(ONE_STEP + TWO_RUNGS)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    card = shop.chat("zhou").expect_card("SO1", "第 2/2 级", kind=REQUEST)
    before = TWO_RUNGS.replace("rungs = [", 'rungs = [{ audience = ["role:finance_manager"] }, ')
    edited(shop, before)
    shop.deliver()
    assert (request(shop).rung, request(shop).rev) == (0, 2)
    card.expect_update("已转由 fm 审批", state="closed")
    shop.chat("fm").expect_card("SO1", "审批规则有变", "第 1/3 级", kind=REQUEST).tap("credit.approve")
    shop.chat("zhao").expect_card("SO1", "第 2/3 级", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "held"
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_a_tap_before_anybody_looked_at_the_new_rungs_decides_nothing(
    shop: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.policy(ONE_STEP + TWO_RUNGS)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    card = shop.chat("zhou").expect_card("SO1", "第 2/2 级", kind=REQUEST)
    monkeypatch.setattr("bot.app.check_orders", lambda *_: 0)
    edited(shop, TWO_RUNGS.replace(" }]", ' }, { audience = ["role:management"] }]'))
    card.tap("credit.approve", expect="stale")
    assert (request(shop).rung, request(shop).rev, state(shop, "SO1")) == (0, 2, "held")
    monkeypatch.undo()
    shop.deliver()
    settled(shop)


def test_rungs_that_ask_the_same_people_in_other_words_keep_what_was_said(shop: Harness) -> None:
    shop.policy(ONE_STEP + TWO_RUNGS)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    edited(shop, TWO_RUNGS.replace("role:sales_director", "person:zhao").replace('"all"', '"both"'))
    shop.deliver()
    assert (request(shop).route, request(shop).rung, request(shop).rev) == ("both", 1, 1)
    shop.chat("zhao").expect_nothing()
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


# --- the order ---


def test_a_smaller_order_keeps_its_question_and_every_yes(shop: Harness) -> None:
    shop.policy(ONE_STEP + TWO_RUNGS)
    first = place(shop, "甲", "2000.00", "SO1")["request"]
    mine = shop.chat("li").expect_card("SO1", kind="order.held")
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", prepay_percent="30")
    card = shop.chat("zhou").expect_card("SO1", "¥1,000.00", kind=REQUEST)
    answer = put(shop, "SO1", "1999.00", note="少一件")
    assert (answer["verdict"], answer["request"]) == ("held", first)
    card.expect_update("¥999.00", "少一件", "预付30%")
    mine.expect_update("¥1,999.00")
    for handle in ("zhao", "zhou", "li"):
        assert not [each for each in shop.chat(handle).unread() if each.json["state"] != "closed"]
    card.tap("credit.approve")
    assert stored(shop, "SO1").conditions == {"prepay_minor": 59_970} and count(shop, CreditRequest) == 1
    settled(shop)


def test_a_tap_on_the_larger_order_agrees_to_the_smaller_one(shop: Harness) -> None:
    card = asked_of_zhou(shop)
    delivery, rev = card.delivery, card.json["rev"]
    put(shop, "SO1", "1999.00")
    assert tap(shop.app, shop.now, "zhou", delivery, "credit.approve", rev=rev).outcome == "done"
    shop.deliver()
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").amount_minor == 199_900
    settled(shop)


@pytest.mark.parametrize("change", [
    {"amount": "2000.01"}, {"amount": "1999.00", "terms": "月结60"}, {"amount": "1999.00", "prepaid": "0"},
    {"amount": "1999.00", "lines": [{"item": "阀门", "price": "70", "list_price": "100"}]},
])  # fmt: skip
def test_whatever_is_worse_about_it_is_asked_anew(shop: Harness, change: dict[str, Any]) -> None:
    lines = [{"item": "阀门", "price": "80", "list_price": "100"}]
    first = place(shop, "甲", "2000.00", "SO1", prepaid="100.00", lines=lines)["request"]
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    answer = put(shop, "SO1", **{"prepaid": "100.00", "lines": lines, **change})
    assert answer["verdict"] == "held" and answer["request"] != first
    card.expect_update(state="closed")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    settled(shop)


def test_a_smaller_order_whose_customer_got_worse_meanwhile_is_asked_anew(shop: Harness) -> None:
    first = place(shop, "甲", "2000.00", "SO1")["request"]
    shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    assert put(shop, "SO1", "1999.00")["request"] != first
    settled(shop)


def test_a_smaller_order_that_is_another_ones_to_decide_is_asked_of_them(shop: Harness) -> None:
    shop.policy(ONE_STEP + BY_SIZE)
    first = place(shop, "甲", "2100.00", "SO1")["request"]
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    assert put(shop, "SO1", "1500.00")["request"] != first
    card.expect_update(state="closed")
    shop.chat("fm").expect_card("SO1", kind=REQUEST)
    settled(shop)


def test_whoever_agreed_and_then_changed_the_order_is_one_of_those_who_ask(shop: Harness) -> None:
    shop.policy(ONE_STEP + TWO_RUNGS)
    first = place(shop, "甲", "2000.00", "SO1")["request"]
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    with shop.db() as work:
        mine = replace(work, person_id=person(shop, "zhao"), actor="shop as zhao")
        new = parse({"number": "SO1", "customer": "甲", "amount": "1999.00"}, "CNY")
        made = changes.change(mine, active(mine)[1], orders.find(mine, "SO1")[0], new)
        assert made.request_id not in (first, None)
    shop.deliver()
    assert person(shop, "zhao") not in names(shop)[0]
    settled(shop)


def test_a_question_that_has_run_out_is_not_kept(shop: Harness) -> None:
    first = place(shop, "甲", "2000.00", "SO1")["request"]
    shop.sleep_until("2026-07-09 10:00")
    assert put(shop, "SO1", "1999.00")["request"] != first
    settled(shop)


# --- the list ---


def test_the_list_shows_the_excess_of_now_and_what_the_card_said(shop: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of_zhou(shop)
    monkeypatch.setattr("bot.app.check_orders", lambda *_: 0)
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    said = shop.chat("zhou").say("审批")
    assert "超额 ¥1,600.00（原 ¥1,000.00）" in str(said["card"].rows)
    [row] = said["view"]["approvals"]
    assert (row["over"], row["over_on_card"], row["limit_currency"]) == ("1600.00", "1000.00", "CNY")
    shop.set_customer("甲", credit_limit_minor=1_000_000)
    said = shop.chat("zhou").say("审批")
    assert "已不超额（原 ¥1,000.00）" in str(said["card"].rows) and said["view"]["approvals"][0]["over"] is None
    monkeypatch.undo()
    shop.deliver()
    settled(shop)


def test_the_list_says_it_once_where_nothing_has_changed(shop: Harness) -> None:
    asked_of_zhou(shop)
    said = shop.chat("zhou").say("审批")
    assert "超额 ¥1,000.00'" in str(said["card"].rows) and said["view"]["approvals"][0]["over_on_card"] is None
    settled(shop)


# --- the same in any messenger ---


def test_what_has_grown_goes_to_whose_it_is_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.policy(ONE_STEP + BY_SIZE)
    place(hk, "甲", "1500.00", "SO1")
    hk.chat("li").expect_card("SO1", "fm", kind="order.held")
    hk.chat("fm").expect_card("SO1", kind=REQUEST)
    hk.receivable("甲", "600.00", due="2026-09-01", number="I1")
    hk.deliver()
    theirs = hk.chat("zhou").expect_card("SO1", "¥1,100.00", kind=REQUEST)
    theirs.tap("credit.approve")
    assert state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")


# --- what its card shows -----------------------------------------------------------------------------------------------


def test_an_open_card_follows_the_figures_without_a_tap(shop: Harness) -> None:
    """An invoice comes meanwhile: whoever opens the card later reads what is true by then."""
    small(shop)
    card = shop.chat("fm").expect_card("¥500.00", kind="credit.request")
    shop.receivable("甲", "200.00", due="2026-08-30")
    with shop.db() as work:
        marks.mark(work, [1])
    shop.deliver()
    card.expect_update("¥700.00")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_better_figures_are_shown_and_nothing_is_asked_anew(shop: Harness) -> None:
    shop.receivable("甲", "200.00", due="2026-08-30", number="I1")
    shop.policy(ONE_STEP + BY_SIZE)
    place(shop, "甲", "1500.00", "SO1")
    card = shop.chat("fm").expect_card("¥700.00", kind="credit.request")
    shop.pay("甲", "150.00", "I1")
    card.expect_update("¥550.00")
    assert request(shop).rev == 1
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)
