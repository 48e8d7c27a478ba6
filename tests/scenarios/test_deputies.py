"""Who decides while an approver is away: deputies, chains and circles of them, and who is back."""

from dataclasses import replace

import pytest

from core.credit import requests
from core.dunning.stored import active
from core.models import CreditRequest, CreditVote
from tests.harness import Harness, instant
from tests.phones import Card
from tests.scenarios.approving import BOTH, REQUEST, asked, audited, person, settled, staffed
from tests.scenarios.ordering import opened, place, state
from tests.scenarios.racing import count


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


def test_a_deputy_decides_while_the_director_is_away(shop: Harness) -> None:
    said = shop.chat("zhou").say("外出 到 7月8日 代理 @ma")
    assert said["outcome"] == "done" and "已登记外出" in said["card"].title
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("ma").expect_card("SO1", "zhou外出，由您代为审批", kind=REQUEST)
    shop.chat("zhou").expect_nothing()
    shop.chat("li").expect_card("ma 代 zhou", kind="order.held")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and "ma 代 zhou 已批准" in card.text
    shop.chat("li").expect_card("经ma 代 zhou批准", kind="order.decided")
    [voted] = audited(shop, "credit.voted")
    assert (voted["approve"], voted["rung"], voted["for"]) == (True, 0, ["zhou"])
    settled(shop)


def test_a_deputy_named_after_the_card_went_out_gets_it_and_so_does_who_is_back(shop: Harness) -> None:
    card = asked(shop)
    shop.chat("zhou").say("/away until 10 July deputy @ma")
    shop.tick()
    theirs = shop.chat("ma").expect_card("SO1", kind=REQUEST)
    shop.chat("zhou").say("/back")
    shop.tick()
    theirs.expect_update(state="closed")
    theirs.tap("credit.approve", expect="not_allowed")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and "ma" not in card.text.split("\n")[0]
    settled(shop)


def test_the_right_is_there_at_the_tap_before_anybody_looked(shop: Harness) -> None:
    """zhou goes away, and his deputy presses a card of his own before any check has run."""
    asked(shop)
    shop.person("zhou", deputy_id=person(shop, "fm"), away_until=instant("2026-07-09 10:00").date())
    assert shop.chat("fm").say("审批")["view"]["approvals"][0]["for"] == ["zhou"]
    with shop.db() as work:
        row = work.session.get_one(CreditRequest, 1)
        work = replace(work, person_id=person(shop, "fm"), actor="fm")
        voted = requests.vote(work, active(work)[1], row, person(shop, "fm"), approve=True)
    assert voted.code == "approved" and state(shop, "SO1") == "released"
    settled(shop)


def test_whoever_is_away_may_still_decide_themselves(shop: Harness) -> None:
    card = asked(shop)
    shop.chat("zhou").say("外出 到 7月8日")
    shop.tick()
    shop.chat("ma").expect_card(kind=REQUEST)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and "zhou 已批准" in card.text
    settled(shop)


def test_a_chain_of_deputies_is_followed_and_a_circle_stays_with_the_director(shop: Harness) -> None:
    day = instant("2026-07-09 10:00").date()
    shop.person("zhou", away_until=day)
    shop.person("ma", away_until=day, deputy_id=person(shop, "fm"))
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("fm").expect_card("SO1", "zhou外出", kind=REQUEST)
    shop.person("fm", away_until=day, deputy_id=person(shop, "zhou"))
    place(shop, "甲", "2000.00", "SO2")
    shop.chat("zhou").expect_card("SO2", kind=REQUEST).tap("credit.approve")
    shop.person("ma", active=False)
    shop.person("fm", away_until=None)
    place(shop, "甲", "2000.00", "SO3")  # a deputy who has left is passed over
    shop.chat("fm").expect_card("SO3", kind=REQUEST)
    settled(shop)


def test_whoever_asks_decides_neither_as_a_deputy(shop: Harness) -> None:
    shop.person("zhou", deputy_id=person(shop, "li"), away_until=instant("2026-07-09 10:00").date())
    card = asked(shop)
    card.tap("credit.approve", by="li", expect="not_allowed")
    assert shop.chat("li").say("审批")["view"]["approvals"] == []
    assert state(shop, "SO1") == "held"
    settled(shop)


def test_nor_does_whoever_looks_after_the_customer(shop: Harness) -> None:
    """Somebody else asked, and the rep gets the commission."""
    card = asked_for_wang(shop)
    shop.person("zhou", deputy_id=person(shop, "li"), away_until=instant("2026-07-09 10:00").date())
    assert shop.chat("li").say("审批")["view"]["approvals"] == []
    card.tap("credit.approve", by="li", expect="not_allowed")
    shop.tick()
    shop.chat("li").expect_nothing()
    assert state(shop, "SO1") == "held"
    shop.set_customer("甲", owner="lin")
    assert shop.chat("li").say("审批")["view"]["approvals"][0]["for"] == ["zhou"], "the customer is somebody else's by now"
    settled(shop)


def test_a_director_does_not_decide_about_a_customer_of_their_own(shop: Harness) -> None:
    shop.set_customer("甲", owner="zhou")
    place(shop, "甲", "2000.00", "SO1", asked_by="fm")
    shop.chat("gm").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def asked_for_wang(shop: Harness) -> Card:
    place(shop, "甲", "2000.00", "SO1", asked_by="wang")
    return shop.chat("zhou").expect_card("SO1", kind=REQUEST)


def test_one_deputy_for_both_says_it_once(shop: Harness) -> None:
    shop.policy(BOTH)
    for director in ("zhou", "zhao"):
        shop.person(director, deputy_id=person(shop, "ma"), away_until=instant("2026-07-09 10:00").date())
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("ma").expect_card("SO1", "zhou", "zhao", kind=REQUEST)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 1
    settled(shop)


def test_a_word_given_for_somebody_counts_when_they_are_back(shop: Harness) -> None:
    shop.policy(BOTH)
    shop.person("zhou", away_until=instant("2026-07-09 10:00").date())
    place(shop, "甲", "2000.00", "SO1")
    mine = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    shop.chat("ma").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    shop.chat("zhou").say("/back")
    shop.tick()
    mine.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 2
    settled(shop)


def test_nobody_on_any_rung(shop: Harness) -> None:
    for handle in ("zhou", "gm", "fm", "ada"):
        shop.person(handle, active=False)
    assert place(shop, "甲", "2000.00", "SO1")["request"] is None
    assert state(shop, "SO1") == "held" and audited(shop, "credit.nobody")
    settled(shop)


def test_an_approver_who_moved_away_decides_no_more(shop: Harness) -> None:
    shop.set_customer("甲", region="华东")
    shop.people(east="finance_director")
    shop.person("east", region="华东")
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("east").expect_card("SO1", kind=REQUEST)
    shop.person("east", region="华北")
    shop.person("zhou", region="华东")
    card.tap("credit.approve", expect="not_allowed")
    assert state(shop, "SO1") == "held"
    settled(shop)


def test_a_deputy_says_yes_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.person("zhou", deputy_id=person(hk, "fm"), away_until=instant("2026-07-09 10:00").date())
    place(hk, "甲", "2000.00", "SO1")
    hk.chat("li").expect_card("SO1", "fm 代 zhou", kind="order.held")
    hk.chat("fm").expect_card("SO1", "zhou外出", kind=REQUEST).tap("credit.approve")
    assert state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "fm 代 zhou", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")
