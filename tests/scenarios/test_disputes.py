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


def test_what_is_promised_is_not_called_paid_when_it_is_disputed(hk: Harness) -> None:
    """Everything is promised: the answer says so, and what to do; which works."""
    hk.overdue().tap("task.promise", date="2026-07-10")
    hk.type("li", "争议 甲 质量 30")
    hk.chat("li").expect_card("都已承诺", "先把承诺改小", kind="reply.error")
    hk.type("li", "承诺 甲 7月10日 70")
    hk.chat("li").expect_card(kind="reply.done")
    hk.type("li", "争议 甲 质量 30")
    hk.chat("li").expect_card("争议已登记", kind="reply.done")
    hk.chat("fm").expect_card("¥30.00", kind="dispute.open")
