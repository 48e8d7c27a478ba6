"""Approvals that keep up by themselves: the figures, the people and the policy change, and the request goes to whoever
decides by now, within two seconds of the change."""

from datetime import date

import pytest

from core.credit import orders
from core.credit.rating import override
from core.dunning.stored import active
from core.ledger import marks
from core.models import CreditRequest, CreditVote
from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.approving import BOTH, REQUEST, audited, person, request, settled, staffed
from tests.scenarios.ordering import place, state, stored
from tests.scenarios.racing import at_once, count, other, outcomes, tap

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


# --- the figures ---


def test_what_has_grown_beyond_its_approver_goes_to_whose_it_is(shop: Harness) -> None:
    small(shop)
    card = shop.chat("fm").expect_card("SO1", "¥500.00", kind=REQUEST)
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.deliver()
    theirs = shop.chat("zhou").expect_card("SO1", "¥1,100.00", "情况较发起时变差", kind=REQUEST)
    card.expect_update("已转由 zhou 审批", state="closed")
    card.tap("credit.approve", expect="not_allowed")
    theirs.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditRequest) == 1
    settled(shop)


def test_so_does_what_another_order_of_the_customer_has_made_larger(shop: Harness) -> None:
    small(shop)
    shop.chat("fm").expect_card("SO1", kind=REQUEST)
    assert place(shop, "甲", "600.00", "SO2")["verdict"] == "released"
    shop.chat("zhou").expect_card("SO1", "¥1,100.00", kind=REQUEST)
    assert shop.chat("fm").say("审批")["view"]["approvals"] == []
    settled(shop)


def test_so_does_what_somebody_approved_of_the_customer(shop: Harness) -> None:
    small(shop)
    place(shop, "甲", "1600.00", "SO2")
    shop.chat("fm").expect_card("SO2", kind=REQUEST).tap("credit.approve")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    settled(shop)


def test_a_lower_rating_takes_it_to_who_decides_about_those(shop: Harness) -> None:
    shop.policy(ONE_STEP + BY_SIZE.replace("over_from = { CNY = 1000 }", 'rating = ["D"]'))
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("fm").expect_card("SO1", kind=REQUEST)
    with shop.db() as work:
        override(work, 1, "D", "bankrupt soon", date(2026, 12, 31))
    shop.deliver()
    shop.chat("zhou").expect_card("SO1", "D级", kind=REQUEST)
    settled(shop)


def test_days_overdue_alone_take_it_there_in_the_morning(shop: Harness) -> None:
    shop.receivable("甲", "900.00", due="2026-07-05", number="I1")
    shop.policy(ONE_STEP + BY_SIZE.replace("over_from = { CNY = 1000 }", "overdue_days_from = 2"))
    place(shop, "甲", "500.00", "SO1")
    shop.chat("fm").expect_card("SO1", kind=REQUEST)
    shop.at("2026-07-07 09:00")
    shop.chat("zhou").expect_card("SO1", "审批", kind=REQUEST)
    settled(shop)


def test_looking_again_and_again_sends_nothing_more(shop: Harness) -> None:
    small(shop)
    shop.chat("fm").expect_card(kind=REQUEST)
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.deliver()
    shop.chat("zhou").expect_card(kind=REQUEST)
    shop.receivable("甲", "1.00", due="2026-09-01", number="I2")  # worse, for the same director: the card says so
    for _ in range(3):
        shop.tick()
    shop.chat("zhou").expect_nothing()
    shop.chat("fm").expect_nothing()
    assert request(shop).rev == 3
    settled(shop)


def test_what_got_better_goes_to_who_decides_about_that_and_needs_one_card(shop: Harness) -> None:
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.policy(ONE_STEP + BY_SIZE)
    place(shop, "甲", "1500.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.pay("甲", "600.00", "I1")
    theirs = shop.chat("fm").expect_card("SO1", "现由您审批", "¥500.00", kind=REQUEST)
    assert "变差" not in theirs.text
    card.expect_update("已转由 fm 审批", state="closed")
    theirs.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_what_got_better_under_another_name_for_the_same_people_needs_no_card(shop: Harness) -> None:
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.policy(ONE_STEP + BY_SIZE.replace("finance_manager", "finance_director"))
    place(shop, "甲", "1500.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.pay("甲", "600.00", "I1")
    shop.chat("zhou").expect_nothing()
    assert (request(shop).route, request(shop).rev) == ("small", 1)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_who_agreed_on_worse_figures_is_not_asked_again(shop: Harness) -> None:
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.policy(ONE_STEP + TWICE)
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("fm").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.pay("甲", "600.00", "I1")
    for handle in ("zhao", "fm"):
        assert REQUEST not in [each.json["kind"] for each in shop.chat(handle).unread()]
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 2
    settled(shop)


def test_who_agreed_on_better_figures_is_asked_again_once(shop: Harness) -> None:
    shop.policy(ONE_STEP + TWICE)
    place(shop, "甲", "1500.00", "SO1")
    shop.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    shop.chat("fm").expect_card("SO1", "第 2/2 级", kind=REQUEST)
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.deliver()
    [card] = [each for each in shop.chat("fm").unread() if each.json["kind"] == REQUEST] or [None]
    assert card is None, "the card that fm has is drawn anew"
    assert names(shop) == [[person(shop, "fm")], [person(shop, "zhou")]] and request(shop).rung == 0
    settled(shop)


def test_it_goes_up_and_down_with_the_figures_and_each_time_once(shop: Harness) -> None:
    small(shop)
    shop.chat("fm").expect_card(kind=REQUEST)
    for n in range(2):
        shop.receivable("甲", "600.00", due="2026-09-01", number=f"I{n}")
        shop.deliver()
        shop.chat("zhou").expect_card(kind=REQUEST)
        shop.pay("甲", "600.00", f"I{n}", number=f"R{n}")
        shop.chat("fm").expect_card(kind=REQUEST)
        shop.tick()
        for handle in ("zhou", "fm"):
            assert REQUEST not in [each.json["kind"] for each in shop.chat(handle).unread()]
    settled(shop)


# --- who has left ---


def test_once_the_last_who_was_missing_has_left_the_yes_of_the_others_decides(shop: Harness) -> None:
    shop.people(second="finance_director")
    shop.policy(BOTH.replace(', "role:sales_director"', ""))
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", terms="15")
    left = shop.chat("second").expect_card("SO1", kind=REQUEST)
    shop.imports("people", "handle,name,active", "second,second,no")
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").conditions == {"terms_days": 15}
    assert request(shop).decided_by_id == person(shop, "zhou") and audited(shop, "credit.left")
    assert left.json["state"] == "closed"
    shop.chat("li").expect_card("SO1", "经zhou批准", kind="order.decided")
    settled(shop)


def test_where_a_role_has_nobody_left_somebody_else_gives_the_second_yes(shop: Harness) -> None:
    shop.policy(BOTH)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    left = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    shop.imports("people", "handle,name,roles", "zhao,zhao,rep")
    assert state(shop, "SO1") == "held", "four eyes stay four"
    left.expect_update("已转由", "gm", state="closed")
    shop.chat("gm").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 2
    settled(shop)


def test_the_next_rung_is_asked_once_the_last_of_one_has_left(shop: Harness) -> None:
    shop.people(second="finance_manager")
    rungs = '[{ audience = ["role:finance_manager"], need = "all" }, { audience = ["role:finance_director"] }]'
    shop.policy(ONE_STEP + f'[[credit.route]]\nname = "all"\nrungs = {rungs}\n')
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("fm").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    shop.imports("people", "handle,name,active", "second,second,no")
    shop.chat("second").expect_card("已转由 zhou 审批", kind=REQUEST)
    shop.chat("zhou").expect_card("SO1", "第 2/2 级", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_a_yes_to_better_figures_decides_nothing_by_itself(shop: Harness) -> None:
    shop.people(second="finance_director")
    shop.policy(BOTH.replace(', "role:sales_director"', ""))
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    card.tap("credit.approve")
    shop.receivable("甲", "600.00", due="2026-09-01", number="I1")
    shop.imports("people", "handle,name,active", "second,second,no")
    assert (state(shop, "SO1"), request(shop).rev) == ("held", 2)
    card.expect_update("情况较发起时变差", "¥1,600.00")
    shop.chat("second").expect_card("已转由 zhou 审批", kind=REQUEST)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_whoever_takes_the_place_of_the_only_approver_is_asked(shop: Harness) -> None:
    card = asked_of_zhou(shop)
    shop.imports("people", "handle,name,active", "zhou,zhou,no")
    card.expect_update("已转由 gm 审批", state="closed")
    shop.chat("gm").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_where_nobody_is_left_the_rep_and_finance_hear_of_it_and_a_new_one_is_asked(shop: Harness) -> None:
    asked_of_zhou(shop)
    lines = [f"{handle},{handle},no" for handle in ("zhou", "gm", "fm", "ada")]
    shop.imports("people", "handle,name,active", *lines)
    assert (state(shop, "SO1"), request(shop).state) == ("held", "obsolete")
    mine = shop.chat("li").expect_card("无人可审批", kind="order.decided", buttons=("credit.ask_again",))
    shop.chat("cai").expect_card("SO1", "没有人可以审批", kind="order.decided")
    mine.tap("credit.ask_again", expect="invalid")
    shop.tick()
    shop.chat("li").expect_nothing()
    shop.imports("people", "handle,name,roles", "lin,lin,finance_director")
    shop.chat("lin").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_an_order_for_which_there_was_nobody_from_the_beginning_is_told_of_too(shop: Harness) -> None:
    for handle in ("zhou", "gm", "fm", "ada"):
        shop.person(handle, active=False)
    assert place(shop, "甲", "2000.00", "SO1")["request"] is None
    shop.chat("li").expect_card("没有人可以审批", kind="order.decided")
    shop.chat("cai").expect_card("没有人可以审批", kind="order.decided")
    shop.imports("people", "handle,name,active", "zhou,zhou,yes")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    settled(shop)


def asked_of_zhou(shop: Harness) -> Card:
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("li").expect_card("SO1", kind="order.held")
    return shop.chat("zhou").expect_card("SO1", kind=REQUEST)


# --- who is away, by a file ---


def test_an_absence_from_a_file_has_the_deputy_asked_at_once(shop: Harness) -> None:
    asked_of_zhou(shop)
    shop.imports("people", "handle,name,away_until", "zhou,zhou,2026-07-09")
    theirs = shop.chat("ma").expect_card("SO1", "zhou外出，由您代为审批", kind=REQUEST)
    shop.imports("people", "handle,name,deputy", "zhou,zhou,fm")
    theirs.expect_update("已转由", "fm 代 zhou", state="closed")
    shop.chat("fm").expect_card("SO1", kind=REQUEST)
    shop.imports("people", "handle,name,away_until", "zhou,zhou,2026-07-03")
    assert request(shop).rungs[0]["people"] == [person(shop, "zhou")]
    settled(shop)


def test_a_new_holder_of_the_role_is_asked_as_well(shop: Harness) -> None:
    asked_of_zhou(shop)
    shop.imports("people", "handle,name,roles", "lin,lin,finance_director", "new,new,finance_director")
    for handle in ("lin", "new"):
        shop.chat(handle).expect_card("SO1", kind=REQUEST)
    shop.chat("zhou").expect_nothing()
    settled(shop)


def test_other_columns_of_people_have_nothing_looked_at(shop: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of_zhou(shop)
    monkeypatch.setattr("bot.app.check_orders", lambda *_: 0)
    shop.imports("people", "handle,name,email", "zhou,老周,zhou@example.com")
    assert not stored(shop, "SO1").recheck
    shop.imports("people", "handle,name,away_until", "zhou,老周,2026-07-09")
    assert stored(shop, "SO1").recheck
    monkeypatch.undo()
    shop.deliver()
    settled(shop)


def test_a_customer_handed_to_its_approver_is_another_ones_to_decide_about(shop: Harness) -> None:
    card = asked_of_zhou(shop)
    shop.imports("customers", "code,name,owner", "甲,甲,zhou")
    card.expect_update("已转由 gm 审批", state="closed")
    shop.chat("gm").expect_card("SO1", kind=REQUEST)
    shop.sleep_until("2026-07-06 10:05")
    shop.act("fm", "customer.assign", "甲", person="li")
    shop.deliver()
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_conditions_that_were_agreed_to_stand_when_it_is_asked_again(shop: Harness) -> None:
    asked_of_zhou(shop).tap("credit.approve_with", prepay_percent="50")
    everybody = [f"{handle},{handle},no" for handle in ("zhou", "gm", "fm", "ada")]
    shop.imports("people", "handle,name,active", *everybody)
    shop.receivable("甲", "2000.00", due="2026-09-01", number="I1")
    shop.pay("甲", "1000.00", number="R1")  # the prepayment, and worse figures than those of the yes
    assert state(shop, "SO1") == "held" and stored(shop, "SO1").conditions == {}
    shop.imports("people", "handle,name,active", "zhou,zhou,yes")
    card = shop.chat("zhou").expect_card("SO1", "预付50%", kind=REQUEST)
    card.tap("credit.approve")
    assert stored(shop, "SO1").conditions == {"prepay_minor": 100_000}
    settled(shop)


# --- at one moment ---


def test_the_old_approvers_tap_and_the_look_that_moves_it(shop: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.policy(ONE_STEP + BY_SIZE)
    with other(shop) as second:
        for n in range(4):
            number = f"SO{n}"
            place(shop, "甲", "1500.00", number)
            card = shop.chat("fm").expect_card(number, kind=REQUEST)
            with monkeypatch.context() as patch:
                patch.setattr("bot.app.check_orders", lambda *_: 0)
                shop.receivable("甲", "600.00", due="2026-09-01", number=f"I{n}")

                def looks() -> None:
                    with second.work(shop.now) as work:
                        orders.check_customer(work, active(work)[1], 1)

                replies = at_once(
                    lambda card=card: tap(shop.app, shop.now, "fm", card.delivery, "credit.approve", rev=card.json["rev"]),
                    looks,
                )
            assert outcomes(replies[:1])[0] in ("stale", "not_allowed"), replies
            shop.deliver()
            assert (state(shop, number), request(shop).rev) == ("held", 2)
            theirs = [each for each in shop.chat("zhou").unread() if each.json["kind"] == REQUEST]
            assert len(theirs) == 1, "one card, whoever moved it"
            theirs[0].tap("credit.reject", reason="先收款")
            settled(shop)
            shop.pay("甲", "600.00", f"I{n}", number=f"R{n}")
    settled(shop)
