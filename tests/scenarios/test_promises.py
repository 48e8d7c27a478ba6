"""Promises to pay: kept, partly kept, broken, replaced, corrected, and those that a manager must agree to."""

import pytest

from tests.harness import Harness
from tests.phones import Card


@pytest.mark.parametrize("allocated", [True, False], ids=["allocated", "unapplied"])
def test_ninety_of_a_hundred_over_two_receivables_is_partly_kept(hk: Harness, allocated: bool) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "60.00", due="2026-06-30", number="I1")
    hk.receivable("甲", "40.00", due="2026-07-01", number="I2")
    hk.morning("2026-07-02")
    li = hk.chat("li")
    card = li.expect_card("¥100.00", "I1", "I2")
    hk.at("2026-07-03 10:00")
    card.tap("task.promise", date="2026-07-06")
    assert hk.state("甲") == "waiting"
    hk.morning("2026-07-06")
    due = li.expect_card("¥100.00", kind="promise.due")

    hk.at("2026-07-07 14:00")
    hk.pay("甲", "90.00", *(["I1", "I2"] if allocated else []))
    li.expect_card("¥90.00", kind="payment.arrived")
    if not allocated:
        hk.at("2026-07-07 15:00")
        hk.chat("cai").expect_card("¥90.00", kind="receipt.allocate")
    due.expect_update("¥10.00")
    assert hk.promises("甲") == ["open"]

    hk.morning("2026-07-08")
    assert hk.promises("甲") == ["partly_kept"]
    again = li.expect_card("¥10.00", "部分兑现", severity="overdue")
    due.expect_update("承诺仅部分兑现", state="closed")
    assert hk.state("甲") == "open"
    assert again.json["state"] == "open"


def test_a_promise_that_covers_a_part_leaves_the_rest_to_chase(hk: Harness) -> None:
    card = hk.overdue()
    li = hk.chat("li")
    hk.at("2026-07-03 10:00")
    card.tap("task.promise", date="2026-07-10", amount="60")
    assert card.json["state"] == "closed"
    hk.at("2026-07-03 18:00")
    li.expect_nothing()

    hk.at("2026-07-06 09:00")
    rest = li.expect_card("¥40.00", "继续催收")
    hk.at("2026-07-07 10:00")
    hk.pay("甲", "60.00", "I1")  # pays the promised part first
    assert hk.promises("甲") == ["kept"]
    li.expect_card("仍逾期 ¥40.00", kind="payment.arrived")
    assert "¥40.00" in rest.text
    hk.pay("甲", "40.00", "I1")
    rest.expect_update("已结清", state="closed")
    hk.morning("2026-07-20")


def test_a_part_promised_before_work_leaves_the_rest_for_this_morning(hk: Harness) -> None:
    card = hk.overdue()
    hk.at("2026-07-03 08:30")
    card.tap("task.promise", date="2026-07-10", amount="60")
    hk.at("2026-07-03 09:00")
    hk.chat("li").expect_card("¥40.00", "继续催收")


def test_a_promise_of_more_than_is_open_by_then_is_kept_by_what_was_open(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-07-10", amount="100")
    hk.at("2026-07-03 10:00")
    hk.credit_note("甲", "40.00", "I1")
    hk.pay("甲", "60.00", "I1")
    assert hk.promises("甲") == ["kept"]
    hk.chat("li").expect_card(kind="payment.arrived")


def test_nobody_promises_more_than_is_open(hk: Harness) -> None:
    """What isn't due yet may be promised, too; a figure with two zeros too many would stop all dunning."""
    card = hk.overdue()
    hk.receivable("甲", "50.00", due="2026-08-01")
    card.tap("task.promise", date="2026-07-10", amount="150.01", expect="invalid")
    assert hk.promises("甲") == []
    refused = hk.chat("li").say("承诺 甲 7月10日 99999999")
    assert refused["outcome"] == "invalid" and "¥150.00" in str(refused["card"])
    card.tap("task.promise", date="2026-07-10", amount="150")
    assert hk.promises("甲") == ["open"]


def test_a_kept_promise_is_kept_at_once_and_nobody_is_reminded(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.promise", date="2026-07-10")
    hk.at("2026-07-06 10:00")
    hk.pay("甲", "100.00", "I1")
    assert hk.promises("甲") == ["kept"]
    hk.chat("li").expect_card("¥100.00", "已兑现", kind="payment.arrived")
    hk.morning("2026-07-20")


def broken_once(hk: Harness) -> Card:
    """Promised for Mon 07-06, nothing by Tue 07-07: the card of Wed 07-08."""
    card = hk.overdue()
    hk.at("2026-07-03 10:00")
    card.tap("task.promise", date="2026-07-06")
    hk.morning("2026-07-06")
    hk.chat("li").expect_card(kind="promise.due")
    hk.morning("2026-07-08")
    assert hk.promises("甲") == ["broken"]
    return hk.chat("li").expect_card("未兑现", severity="overdue")


def test_a_receipt_dated_in_time_and_posted_late_corrects_the_promise(hk: Harness) -> None:
    card = broken_once(hk)
    hk.at("2026-07-09 14:00")
    hk.pay("甲", "100.00", "I1", on="2026-07-07")
    assert hk.promises("甲") == ["kept"]
    hk.chat("li").expect_card("¥100.00", kind="promise.corrected")
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    card.expect_update("已结清", state="closed")


def test_the_second_in_a_row_goes_to_the_manager_who_hears_of_the_correction_too(hk: Harness) -> None:
    card = broken_once(hk)
    card.tap("task.promise", date="2026-07-09")
    hk.morning("2026-07-09")
    hk.chat("li").expect_card(kind="promise.due")
    hk.morning("2026-07-13")
    assert hk.promises("甲") == ["broken", "broken"]
    hk.chat("li").expect_card("未兑现", kind="promise.broken")
    told = hk.chat("wang").expect_card("未兑现", "li", kind="promise.broken")

    hk.at("2026-07-14 10:00")
    hk.pay("甲", "100.00", "I1", on="2026-07-10")
    assert hk.promises("甲") == ["broken", "kept"]
    hk.chat("li").expect_card(kind="promise.corrected")
    hk.chat("wang").expect_card(kind="promise.corrected")
    hk.chat("li").expect_card(kind="payment.arrived")
    told.expect_update(state="closed")


def test_a_new_promise_in_time_replaces_the_old_one(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.promise", date="2026-07-03")
    hk.morning("2026-07-03")
    due = hk.chat("li").expect_card(kind="promise.due")
    hk.at("2026-07-06 10:00")  # the tolerance runs until tonight
    hk.act("li", "task.promise", "甲", date="2026-07-13")
    assert hk.promises("甲") == ["replaced", "open"]
    due.expect_update("已改期", state="closed")
    hk.morning("2026-07-10")
    hk.chat("li").expect_nothing()
    hk.morning("2026-07-13")
    hk.chat("li").expect_card(kind="promise.due")


def test_a_promise_too_far_away_waits_for_the_manager_and_dunning_goes_on(hk: Harness) -> None:
    card = hk.overdue()
    li, wang = hk.chat("li"), hk.chat("wang")
    hk.at("2026-07-03 10:00")
    card.tap("task.promise", date="2026-08-20")
    ask = wang.expect_card("¥100.00", "30", kind="promise.approval", buttons=("promise.approve", "promise.reject"))
    assert hk.promises("甲") == ["proposed"]
    assert card.json["state"] == "open"
    hk.morning("2026-07-07")
    silent = wang.expect_card(kind="task.silent")
    hk.morning("2026-07-08")
    second = li.expect_card("第2次提醒")

    ask.tap("promise.approve")
    li.expect_card("wang 已批准", "8月20日", "¥100.00", kind="note.decided")  # said to whoever asked
    assert ask.json["state"] == "closed"
    assert hk.promises("甲") == ["open"]
    assert hk.state("甲") == "waiting"
    second.expect_update("已承诺", state="closed")
    silent.expect_update("已承诺", state="closed")
    hk.morning("2026-08-19")
    li.expect_nothing()
    hk.morning("2026-08-20")
    li.expect_card(kind="promise.due")


def test_a_promise_of_too_little_that_the_manager_rejects_changes_nothing(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.promise", date="2026-07-10", amount="40")
    ask = hk.chat("wang").expect_card("¥40.00", "50", kind="promise.approval")
    ask.tap("promise.reject")
    hk.chat("li").expect_card("wang 已驳回", "未获批准", kind="note.decided")
    assert hk.promises("甲") == ["rejected"]
    assert hk.state("甲") == "open"
    assert card.json["state"] == "open"


def test_who_puts_off_a_third_time_needs_the_manager(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-07-10")
    for day in ("13", "14"):
        hk.act("li", "task.promise", "甲", date=f"2026-07-{day}")
    assert hk.promises("甲") == ["replaced", "replaced", "open"]
    hk.act("li", "task.promise", "甲", date="2026-07-15")
    ask = hk.chat("wang").expect_card("2 次", kind="promise.approval")
    assert hk.promises("甲") == ["replaced", "replaced", "open", "proposed"]
    ask.tap("promise.approve")
    hk.chat("li").expect_card(kind="note.decided")
    assert hk.promises("甲") == ["replaced", "replaced", "replaced", "open"]
    hk.morning("2026-07-15")
    hk.chat("li").expect_card(kind="promise.due")


def test_nobody_approves_their_own_promise(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-08-20")
    ask = hk.chat("wang").expect_card(kind="promise.approval")
    ask.tap("promise.approve", by="li", expect="not_allowed")
    assert hk.promises("甲") == ["proposed"]


def test_an_approved_promise_of_a_part_leaves_the_rest_to_chase(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-07-15", amount="40")
    hk.chat("wang").expect_card("¥40.00", kind="promise.approval").tap("promise.approve")
    hk.chat("li").expect_card(kind="note.decided")
    assert hk.promises("甲") == ["open"]
    hk.morning("2026-07-03")
    hk.chat("li").expect_card("¥60.00", "继续催收")


def test_a_promise_put_off_too_late_counts_as_broken_first(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-07-03")
    hk.morning("2026-07-03")
    due = hk.chat("li").expect_card(kind="promise.due")
    hk.at("2026-07-07 08:30")  # the tolerance ended at midnight, the engine has not looked yet
    hk.act("li", "task.promise", "甲", date="2026-07-10")
    assert hk.promises("甲") == ["broken", "open"]
    due.expect_update("未兑现", state="closed")
    hk.morning("2026-07-10")
    hk.chat("li").expect_card(kind="promise.due")
    hk.at("2026-07-14 08:30")
    hk.act("li", "task.promise", "甲", date="2026-07-16")
    assert hk.promises("甲") == ["broken", "broken", "open"]
    hk.morning("2026-07-16")
    hk.chat("li").expect_card(kind="promise.due")
    hk.chat("wang").expect_nothing()  # it was put off again before they could be told


def test_a_newer_promise_that_stands_by_itself_withdraws_what_waits_for_the_manager(hk: Harness) -> None:
    card = hk.overdue("300.00")
    card.tap("task.promise", date="2026-07-03", amount="100")
    ask = hk.chat("wang").expect_card("¥100.00", "50", kind="promise.approval")
    assert hk.promises("甲") == ["proposed"]
    said = card.tap("task.promise", date="2026-07-06")["message"]
    assert "7月6日" in said and "¥300.00" in said and "¥100.00 已撤回" in said
    assert hk.promises("甲") == ["replaced", "open"]
    ask.expect_update("7月6日", "¥300.00", state="closed")
    ask.tap("promise.approve", expect="already")
    assert hk.promises("甲") == ["replaced", "open"]
    assert hk.state("甲") == "waiting"
    hk.morning("2026-07-06")
    hk.chat("li").expect_card("¥300.00", kind="promise.due")


def test_who_asks_anew_takes_back_what_they_asked_before(hk: Harness) -> None:
    card = hk.overdue()
    said = card.tap("task.promise", date="2026-08-20")["message"]
    assert "承诺日超过 30 天，已请上级审批" in said
    first = hk.chat("wang").expect_card("8月20日", kind="promise.approval")
    assert hk.chat("li").say("承诺 甲 8-10")["card"].title == "承诺日超过 30 天，已请上级审批"
    second = hk.chat("wang").expect_card("8月10日", kind="promise.approval")
    first.expect_update("8月10日", state="closed")
    first.tap("promise.approve", expect="already")
    second.tap("promise.approve")
    hk.chat("li").expect_card("8月10日", kind="note.decided")
    assert hk.promises("甲") == ["replaced", "open"]


def test_an_approval_says_which_promise_it_puts_off(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-07-10")
    hk.act("li", "task.promise", "甲", date="2026-08-20")
    ask = hk.chat("wang").expect_card("8月20日", kind="promise.approval")
    assert "7月10日" in ask.text and "取代" in ask.text
    ask.tap("promise.approve")
    told = hk.chat("li").expect_card("8月20日", kind="note.decided")
    assert "7月10日" in told.text


def test_a_promise_in_another_currency_withdraws_nothing(hk: Harness) -> None:
    card = hk.overdue()
    hk.receivable("甲", "50.00", due="2026-07-01", currency="USD")
    card.tap("task.promise", date="2026-08-20", currency="CNY")
    ask = hk.chat("wang").expect_card(kind="promise.approval")
    card.tap("task.promise", date="2026-07-06", currency="USD")
    assert hk.promises("甲") == ["proposed", "open"]
    assert ask.json["state"] == "open"
