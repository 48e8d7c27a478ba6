"""Who decides while an approver is away: deputies, chains and circles of them, and who is back."""

from dataclasses import replace

import pytest

from core.credit import votes
from core.dunning.stored import active
from core.models import CreditRequest, CreditVote, Person
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
        voted = votes.vote(work, active(work)[1], row, person(shop, "fm"), approve=True)
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
    shop.person("li", roles=["rep", "sales_manager"])
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


# --- who may be one, and what they know ---


def test_a_rep_is_no_deputy_for_decisions_and_the_answer_says_who_could(shop: Harness) -> None:
    said = shop.chat("zhou").say("外出 到 7月8日 代理 @li")
    assert said["outcome"] == "invalid" and "li没有信用审批权限" in said["card"].title
    assert "fm" in said["message"] and "gm" in said["message"]
    with shop.look() as work:
        zhou = work.session.get_one(Person, person(shop, "zhou"))
    assert (zhou.away_until, zhou.deputy_id) == (None, person(shop, "ma"))
    settled(shop)


def test_a_rep_may_name_any_colleague(shop: Harness) -> None:
    assert shop.chat("li").say("外出 到 7月8日 代理 @lin")["outcome"] == "done"
    shop.chat("lin").expect_nothing()
    settled(shop)


def test_a_deputy_who_came_by_import_or_lost_the_role_decides_nothing(shop: Harness) -> None:
    report = shop.imports("people", "handle,name,roles,deputy,away_until", "zhou,zhou,finance_director,lin,2026-07-10")
    assert [warning["code"] for warning in report["warnings"]] == ["import.deputy_no_authority"]
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.chat("lin").expect_nothing()
    card.tap("credit.approve", by="lin", expect="invalid")
    assert shop.chat("lin").say("审批")["view"]["approvals"] == [] and state(shop, "SO1") == "held"
    settled(shop)


def test_the_deputy_is_told_and_reads_when_it_is_over(shop: Harness) -> None:
    shop.chat("zhou").say("外出 到 7月8日 代理 @ma")
    shop.deliver()
    shop.chat("ma").expect_card("zhou", "7月8日", kind="note.deputy")
    shop.chat("zhou").say("回来")
    shop.deliver()
    shop.chat("ma").expect_card("已返岗", "代理结束", kind="note.deputy")
    shop.chat("zhou").say("外出 到 7月9日 代理 @fm")
    shop.deliver()
    shop.chat("fm").expect_card("7月9日", kind="note.deputy")
    shop.chat("zhou").say("外出 到 7月9日 代理 @ma")
    shop.deliver()
    shop.chat("fm").expect_card("他人代理", kind="note.deputy")
    shop.chat("ma").expect_card("7月9日", kind="note.deputy")
    settled(shop)


def test_a_deputy_sees_the_customer_as_long_as_they_decide_about_it(shop: Harness) -> None:
    shop.people(sun="sales_manager")
    assert shop.chat("sun").say("信用 甲")["outcome"] == "invalid"
    shop.chat("zhou").say("外出 到 7月8日 代理 @sun")
    assert shop.chat("sun").say("信用 甲")["outcome"] == "invalid"  # nothing of it is theirs to decide
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("sun").expect_card("SO1", kind=REQUEST)
    for line in ("信用 甲", "订单 SO1", "余额 甲"):
        assert shop.chat("sun").say(line)["outcome"] == "done", line
    said = shop.chat("sun").say("批准 SO1")
    assert said["card"] is not None and said["card"].kind == "reply.sure", said
    assert shop.chat("sun").say("确认")["outcome"] == "done" and state(shop, "SO1") == "released"
    assert shop.chat("sun").say("信用 甲")["outcome"] == "invalid"
    for card in shop.chat("sun").unread():
        shop.read(card.id)
    settled(shop)
