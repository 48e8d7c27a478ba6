"""Disputes: the disputed part leaves dunning, the rest is chased on; settled by a credit note or back to the ladder."""

from tests.harness import Harness


def test_forty_of_a_hundred_disputed_then_sixty_paid_then_twenty_more(hk: Harness) -> None:
    card = hk.overdue()
    li = hk.chat("li")
    hk.at("2026-07-03 10:00")
    card.tap("task.dispute", reason="quality", amount="40")
    assert card.json["state"] == "closed"
    chore = hk.chat("fm").expect_card("¥40.00", "质量", kind="dispute.open", buttons=("dispute.settle",))

    hk.at("2026-07-06 09:00")
    rest = li.expect_card("¥60.00")
    hk.at("2026-07-06 14:00")
    hk.pay("甲", "60.00", "I1")  # money pays the undisputed part first
    li.expect_card("¥60.00", kind="payment.arrived")
    rest.expect_update("争议", state="closed")
    assert hk.state("甲") == "waiting"
    assert "¥40.00" in chore.text

    hk.at("2026-07-07 10:00")
    hk.pay("甲", "20.00", "I1")  # min(disputed, open)
    li.expect_card("¥20.00", kind="payment.arrived")
    chore.expect_update("¥20.00", state="open")

    hk.at("2026-07-08 10:00")
    hk.pay("甲", "20.00", "I1")
    li.expect_card("已无逾期款", kind="payment.arrived")
    chore.expect_update(state="closed")
    assert hk.state("甲") == "closed"


def test_an_accepted_dispute_becomes_a_credit_note(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.dispute", reason="price")
    assert hk.state("甲") == "waiting"
    hk.morning("2026-07-03")
    chore = hk.chat("fm").expect_card("¥100.00", "li", kind="dispute.open")
    chore.tap("dispute.settle", outcome="accepted")
    assert "已接受" in chore.text
    assert chore.json["state"] == "closed"
    assert hk.state("甲") == "closed"
    hk.morning("2026-07-20")


def test_a_rejected_dispute_goes_back_at_todays_step(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.dispute", reason="delivery")
    chore = hk.chat("fm").expect_card(kind="dispute.open")
    hk.morning("2026-07-09")  # over7 would have been yesterday
    assert [f[1] for f in hk.firings("I1") if f[1].startswith("over")] == ["over1"]
    hk.at("2026-07-09 13:30")
    chore.tap("dispute.settle", outcome="rejected")
    hk.at("2026-07-09 14:00")
    again = hk.chat("li").expect_card("¥100.00", "争议已驳回", severity="overdue")
    assert "7月13日 18:00" in again.text
    assert [f for f in hk.firings("I1") if f[1] == "over7"] == [("07-09", "over7", "acted")]


def test_a_dispute_accepted_in_part_brings_back_the_rest(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.dispute", reason="quantity", amount="100")
    chore = hk.chat("fm").expect_card(kind="dispute.open")
    hk.at("2026-07-03 10:30")
    chore.tap("dispute.settle", outcome="part", amount="30")
    hk.at("2026-07-03 11:00")
    hk.chat("li").expect_card("¥70.00")
    chore.tap("dispute.settle", outcome="accepted", expect="already")


def test_how_much_is_accepted_can_be_said_on_any_card(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.dispute", reason="quantity", amount="100")
    chore = hk.chat("fm").expect_card(kind="dispute.open")
    hk.at("2026-07-03 10:30")
    refused = chore.tap("dispute.settle", outcome="part", expect="invalid")
    assert "请写明接受的金额" in refused["message"]  # and the way to say it is still there
    chore.tap("dispute.settle", outcome="part", amount="30")
    hk.at("2026-07-03 11:00")
    hk.chat("li").expect_card("¥70.00")
    assert hk.open("I1") == "70.00"


def test_what_is_promised_is_not_called_paid_when_it_is_disputed(hk: Harness) -> None:
    """Everything is promised: the answer says so, and what to do; which works."""
    hk.overdue().tap("task.promise", date="2026-07-10")
    li = hk.chat("li")
    refused = str(li.say("争议 甲 质量 30")["card"])
    assert "都已承诺" in refused and "先把承诺改小" in refused
    assert li.say("承诺 甲 7月10日 70")["outcome"] == "done"
    assert "争议已登记" in str(li.say("争议 甲 质量 30")["card"])
    hk.chat("fm").expect_card("¥30.00", kind="dispute.open")


def test_the_amount_that_stands_behind_words_is_disputed_and_the_answer_names_it(hk: Harness) -> None:
    hk.overdue("2000.00")
    li = hk.chat("li")
    assert "¥100.00" in str(li.say("争议 甲 短少 100")["card"].fields)
    hk.chat("fm").expect_card("¥100.00", "短少", kind="dispute.open")
    assert "¥1,900.00" in str(li.say("争议 甲 质量")["card"].fields)  # all that is left
