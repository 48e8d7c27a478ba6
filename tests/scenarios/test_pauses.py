"""Pauses end by themselves; long ones and second ones need the manager."""

from tests.harness import Harness


def test_a_pause_takes_all_out_and_ends_by_itself_at_todays_step(hk: Harness) -> None:
    card = hk.overdue()
    hk.act("li", "pause.set", "甲", until="2026-07-10", reason="客户搬迁")
    card.expect_update("暂停催收", "7月10日", state="closed")
    assert hk.state("甲") == "waiting"
    hk.morning("2026-07-10")  # over7 would have been on 07-08
    assert [f[1] for f in hk.firings("I1")] == ["letter1", "over1"]
    hk.morning("2026-07-12")
    hk.chat("li").expect_nothing()
    hk.morning("2026-07-13")
    hk.chat("li").expect_card("逾期 12 天", "暂停催收已到期")
    hk.chat("li").expect_nothing()
    assert ("07-11", "over7", "acted") in hk.firings("I1")
    assert hk.state("甲") == "open"


def test_a_pause_shows_on_every_card_and_can_be_ended_by_hand(hk: Harness) -> None:
    hk.overdue()
    hk.act("li", "pause.set", "甲", until="2026-07-10", reason="对账")
    hk.at("2026-07-06 10:00")
    hk.act("li", "pause.end", "甲")
    hk.at("2026-07-06 11:00")
    hk.chat("li").expect_card("¥100.00", "逾期 5 天")


def test_more_than_fourteen_days_or_a_second_one_needs_the_manager(hk: Harness) -> None:
    card = hk.overdue()
    hk.act("li", "pause.set", "甲", until="2026-07-17", reason="对账")
    ask = hk.chat("wang").expect_card("对账", "15 天", kind="pause.approval")
    hk.morning("2026-07-03")
    assert hk.state("甲") == "open"  # until then dunning goes on
    ask.tap("pause.reject")
    hk.chat("li").expect_card("wang 已驳回", "催收照常", kind="note.decided")
    assert hk.state("甲") == "open"
    assert card.json["state"] == "open"

    hk.act("li", "pause.set", "甲", until="2026-07-06", reason="对账")
    card.expect_update("暂停催收", state="closed")
    hk.morning("2026-07-07")
    again = hk.chat("li").expect_card("暂停催收已到期")
    hk.act("li", "pause.set", "甲", until="2026-07-09", reason="还是对账")
    second = hk.chat("wang").expect_card("第 2 次", kind="pause.approval")
    assert hk.state("甲") == "open"
    second.tap("pause.approve", by="li", expect="not_allowed")
    second.tap("pause.approve")
    hk.chat("li").expect_card("wang 已批准", kind="note.decided")
    again.expect_update("暂停催收", state="closed")
    assert hk.state("甲") == "waiting"
