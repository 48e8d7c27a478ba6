"""A yes counts for what was shown, from everybody who must agree, on the conditions of each, and until things get worse."""

import pytest

from core.credit import groups
from core.dunning.policy import default_policy
from core.models import CreditLine, CreditVote
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness, instant
from tests.scenarios.approving import BOTH, REQUEST, asked, audited, person, request, settled, staffed
from tests.scenarios.ordering import place, state, stored
from tests.scenarios.racing import count, tap

L = table_of(CreditLine)


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


# --- what was shown ---


def test_a_card_opened_from_a_list_is_compared_with_what_it_showed(shop: Harness) -> None:
    place(shop, "甲", "1100.00", "SO1")
    sent = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    opened = tap(shop.app, shop.now, "zhou", sent.delivery, "task.open", task="credit:1").delivery_id
    assert opened is not None
    shop.receivable("甲", "90000.00", due="2026-08-01", number="I1")
    assert tap(shop.app, shop.now, "zhou", sent.delivery, "credit.approve").outcome == "stale"
    assert tap(shop.app, shop.now, "zhou", opened, "credit.approve").outcome == "stale"
    assert state(shop, "SO1") == "held"
    again = tap(shop.app, shop.now, "zhou", sent.delivery, "task.open", task="credit:1").delivery_id
    assert again is not None
    assert tap(shop.app, shop.now, "zhou", again, "credit.approve").outcome == "done"
    assert state(shop, "SO1") == "released"
    settled(shop)


# --- in which currency ---

RATES = """[credit]
rates = { USD = "7" }
"""


def _shares(shop: Harness, policy: str) -> None:
    """甲 has no limit of its own any more; its group's is 1,000 yuan."""
    shop.policy(policy)
    shop.set_customer("甲", credit_limit_minor=None, group_name="G")
    with shop.db() as work:
        groups.set_limit(work, "G", 100_000, "CNY", "年度")


def _in_dollars(shop: Harness) -> None:
    """70 yuan: an order of 2,000 is 1,930 over by now, 275.72 dollars."""
    with shop.db() as work:
        groups.set_limit(work, "G", 1_000, "USD", "改币种")


def test_a_limit_in_another_currency_is_no_figure_to_compare_with(shop: Harness) -> None:
    _shares(shop, ONE_STEP + RATES + REST)
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card("超集团额度", "¥1,000.00", kind=REQUEST)
    _in_dollars(shop)
    card.tap("credit.approve", expect="stale")
    assert state(shop, "SO1") == "held"
    settled(shop)


def test_nor_does_a_yes_to_yuan_count_for_dollars(shop: Harness) -> None:
    _shares(shop, BOTH.replace("[[credit.route]]", RATES + "[[credit.route]]"))
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    _in_dollars(shop)
    shop.at("2026-07-06 11:00")
    assert request(shop).rev == 2
    shop.chat("zhou").expect_card("275.72", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "held", "zhao is asked anew"
    shop.tick()
    assert request(shop).rev == 2, "the same figures are no news"
    settled(shop)


def test_the_limit_of_another_group_is_another_limit(shop: Harness) -> None:
    _shares(shop, ONE_STEP + REST)
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card("超集团额度", "¥1,000.00", kind=REQUEST)
    shop.customer("乙", "li", group_name="H")
    with shop.db() as work:
        groups.set_limit(work, "H", 150_000, "CNY", "年度")
    shop.set_customer("甲", group_name="H")
    card.tap("credit.approve", expect="stale")
    assert state(shop, "SO1") == "held"
    settled(shop)


# --- from everybody ---

REST = """
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"] }]
"""
THREE = """
[[credit.route]]
name = "three"
rungs = [{ audience = ["role:sales_manager"] }, { audience = ["role:sales_director"] },
         { audience = ["role:finance_director"] }]
"""


def _then_two_more_must_agree(shop: Harness) -> None:
    """wang has said yes: zhao is asked, then zhou."""
    shop.at("2026-07-06 11:00")
    assert [rung["people"] for rung in request(shop).rungs][1:] == [[person(shop, "zhao")], [person(shop, "zhou")]]
    shop.chat("zhou").expect_nothing()
    [card for card in shop.chat("zhao").unread() if card.json["kind"] == REQUEST][-1].tap("credit.approve")
    assert state(shop, "SO1") == "held"
    shop.chat("zhou").expect_card("SO1", "第 3/3 级", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 3
    settled(shop)


def test_a_deputy_of_who_has_had_their_say_still_has_their_own(shop: Harness) -> None:
    shop.policy(ONE_STEP + THREE)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("wang").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert shop.chat("wang").say("/away 7-20 代理 @zhao")["outcome"] == "done"
    _then_two_more_must_agree(shop)


def test_who_takes_the_place_of_who_has_had_their_say_still_has_their_own(shop: Harness) -> None:
    shop.policy(ONE_STEP + THREE)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("wang").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    shop.person("wang", roles=["rep"])
    shop.person("zhao", roles=["sales_director", "sales_manager"])
    _then_two_more_must_agree(shop)


def test_two_rungs_of_one_person_are_one_until_others_take_their_place(shop: Harness) -> None:
    shop.policy(ONE_STEP + THREE)
    shop.person("wang", deputy_id=person(shop, "zhao"), away_until=instant("2026-07-08 10:00").date())
    place(shop, "甲", "2000.00", "SO1")
    assert [rung["people"] for rung in request(shop).rungs] == [[person(shop, "zhao")], [person(shop, "zhou")]]
    shop.chat("wang").say("/back")
    shop.tick()
    shop.chat("wang").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    _then_two_more_must_agree(shop)


# --- on whose conditions ---

THEN = """
[[credit.route]]
name = "two"
rungs = [{ audience = ["role:sales_director"] }, { audience = ["role:finance_director"] }]
"""


def test_the_conditions_of_each_who_agrees_hold(shop: Harness) -> None:
    shop.policy(ONE_STEP + THEN)
    place(shop, "甲", "2000.00", "SO1", terms="月结60")
    first = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    first.tap("credit.approve_with", prepay_percent="30", terms="45", until="2026-07-20")
    shop.chat("zhou").expect_card("预付30%", "账期不超过45天", kind=REQUEST).tap("credit.approve_with", terms="30")
    assert request(shop).conditions == {"prepay_percent": 30, "terms": 30, "until": "2026-07-20"}
    assert state(shop, "SO1") == "held" and stored(shop, "SO1").conditions == {"prepay_minor": 60_000, "terms_days": 30}
    settled(shop)


def test_of_two_who_must_both_agree_a_plain_yes_takes_nothing_back(shop: Harness) -> None:
    shop.policy(BOTH)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card(kind=REQUEST).tap("credit.approve_with", prepay_percent="50")
    other = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    assert "预付50%" in other.text
    other.tap("credit.approve")
    assert stored(shop, "SO1").conditions == {"prepay_minor": 100_000} and state(shop, "SO1") == "held"
    settled(shop)


def test_what_was_said_to_better_figures_is_said_no_more(shop: Harness) -> None:
    shop.policy(ONE_STEP + THEN)
    place(shop, "甲", "2000.00", "SO1")
    first = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    first.tap("credit.approve_with", prepay_percent="30")
    second = shop.chat("zhou").expect_card("预付30%", kind=REQUEST)
    shop.receivable("甲", "300.00", due="2026-08-01", number="I1")
    second.tap("credit.approve", expect="stale")
    again = [card for card in shop.chat("zhao").unread() if card.json["kind"] == REQUEST][-1]
    assert "预付30%" not in again.text
    again.tap("credit.approve")
    [card for card in shop.chat("zhou").unread() if "credit.approve" in card.buttons][-1].tap("credit.approve")
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").conditions == {}
    settled(shop)


# --- the prepayment it waits for ---


def test_with_a_prepayment_and_a_larger_limit_it_still_waits_for_the_money(shop: Harness) -> None:
    asked(shop).tap("credit.approve_with", prepay_percent="30", until="2026-07-20")
    shop.at("2026-07-06 11:00")
    assert state(shop, "SO1") == "held" and count(shop, CreditLine) == 0  # the limit grows with the release
    assert place(shop, "甲", "1700.00", "SO2")["verdict"] == "held"
    shop.pay("甲", "599.99")
    assert state(shop, "SO1") == "held"
    shop.pay("甲", "0.01", number="R2")
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").prepaid_minor == 60_000
    assert count(shop, CreditLine, L.c.amount_minor == 40_000, L.c.made_by_id == person(shop, "zhou")) == 1
    assert state(shop, "SO2") == "held"
    settled(shop)


def test_whatever_there_is_room_for_the_agreed_money_comes_first(shop: Harness) -> None:
    asked(shop).tap("credit.approve_with", prepay_percent="30")
    shop.set_customer("甲", credit_limit_minor=1_000_000)
    shop.at("2026-07-06 11:00")
    assert state(shop, "SO1") == "held"
    shop.pay("甲", "600.00")
    assert state(shop, "SO1") == "released"
    settled(shop)


# --- until things get worse ---


def test_a_hold_set_after_the_approval_asks_anew_when_the_money_is_there(shop: Harness) -> None:
    asked(shop).tap("credit.approve_with", prepay_percent="30", terms="15")
    shop.act("fm", "hold.set", "甲", reason="fraud")
    shop.chat("zhou").expect_nothing()  # as long as the money isn't there
    shop.pay("甲", "600.00")
    assert state(shop, "SO1") == "held" and stored(shop, "SO1").conditions == {}
    again = shop.chat("zhou").expect_card("此前", "预付30%", "账期不超过15天", kind=REQUEST)
    shop.at("2026-07-06 11:00")
    shop.chat("zhou").expect_nothing()
    assert len(audited(shop, "credit.anew")) == 1
    again.tap("credit.approve")
    assert state(shop, "SO1") == "released"  # on the old conditions, which are met
    assert stored(shop, "SO1").conditions == {"prepay_minor": 60_000, "terms_days": 15}
    assert stored(shop, "SO1").prepaid_minor == 60_000
    settled(shop)


def test_asked_anew_it_may_be_refused(shop: Harness) -> None:
    asked(shop).tap("credit.approve_with", prepay_percent="30")
    shop.receivable("甲", "90000.00", due="2026-08-07", number="I9")
    shop.book_receipt("甲", "600.00")
    shop.tick()
    shop.chat("zhou").expect_card("此前", kind=REQUEST).tap("credit.reject", reason="欠款太多")
    assert state(shop, "SO1") == "rejected" and stored(shop, "SO1").conditions == {}
    settled(shop)


@pytest.mark.parametrize(
    ("good", "day", "then"),
    [
        ("", "2026-08-04", "released"), ("", "2026-08-05", "held"),
        ("7", "2026-07-12", "released"), ("7", "2026-07-13", "held"),
    ],
)
def test_an_approval_is_good_for_thirty_days_or_as_the_policy_says(shop: Harness, good: str, day: str, then: str) -> None:
    if good:
        shop.policy(default_policy().text.replace("approval_good_days = 30", f"approval_good_days = {good}"))
    asked(shop).tap("credit.approve_with", prepay_percent="30")
    shop.sleep_until(f"{day} 12:00")
    shop.pay("甲", "600.00")
    shop.tick()
    assert state(shop, "SO1") == then
    if then == "held":
        shop.chat("zhou").expect_card("SO1", "此前", kind=REQUEST).tap("credit.approve")
        assert state(shop, "SO1") == "released"
    settled(shop)
