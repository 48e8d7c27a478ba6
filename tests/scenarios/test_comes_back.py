"""A debt never drops off everybody's desk, and what people say is about what they looked at."""

from tests.harness import ONE_STEP, Harness


def test_a_snoozed_task_comes_back_on_its_day(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.snooze", until="2026-07-06")
    hk.morning("2026-07-03")
    hk.chat("li").expect_nothing()
    hk.morning("2026-07-06")
    hk.chat("li").expect_card("第2次提醒", kind="task.overdue")
    card.expect_update(state="closed")


def test_what_was_to_come_back_waits_while_nothing_may_be_chased(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP).tap("task.not_reached", again_on="2026-07-07")
    hk.at("2026-07-06 10:00")
    receipt = hk.pay("甲", "100.00")
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    allocate = hk.chat("cai").expect_card(kind="receipt.allocate")
    hk.morning("2026-07-08")
    hk.chat("li").expect_nothing()
    hk.reverse(receipt)
    allocate.expect_update(state="closed")
    hk.morning("2026-07-09")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")


def test_says_paid_on_the_day_of_a_promise_is_about_what_was_promised(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.receivable("甲", "78.00", due="2026-08-05", number="I9", issued="2026-07-02")
    card.tap("task.promise", date="2026-07-06")
    hk.morning("2026-07-06")
    hk.chat("li").expect_card(kind="promise.due").tap("task.paid")
    hk.chat("cai").expect_card("¥100.00", kind="claim.review").tap("claim.confirm")
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    assert hk.promises("甲") == ["kept"]
    assert hk.chat("cai").say("余额 甲")["view"]["balance"] == "78.00"
    hk.morning("2026-07-20")


def test_a_receipt_of_the_same_moment_keeps_the_promise(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.promise", date="2026-07-06")
    hk.pay("甲", "100.00", "I1")
    hk.chat("li").expect_card(kind="payment.arrived")
    assert hk.promises("甲") == ["kept"]


def test_a_due_date_moved_later_starts_anew_for_an_old_debt_that_began_at_the_first_step(hk: Harness) -> None:
    hk.begin("2026-07-01 08:00")
    hk.policy(ONE_STEP.replace("at = 1", "at = 1\nevery = 6\nuntil = 13"))
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-03-24", number="I1", issued="2026-02-01", start="first")
    hk.morning("2026-07-01")
    card = hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    hk.set_due("I1", "2026-07-10")
    card.expect_update()
    hk.morning("2026-07-13")
    hk.chat("li").expect_card("逾期 3 天", kind="task.overdue")
    assert ("07-11", "over1") in [f[:2] for f in hk.firings("I1")]
