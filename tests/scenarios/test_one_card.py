"""One card per person, customer and day: whatever else happens that day is drawn on it (dunning.md section 6)."""

from tests.harness import ONE_STEP, Harness

ALERT = (
    ONE_STEP
    + """
[[ladder.step]]
id = "alert7"
at = 7
audience = ["owner.manager"]
action = "alert"
severity = "severe"
message = "alert.severe"
"""
)


def promised(hk: Harness, until: str = "2026-07-07") -> None:
    hk.overdue(policy=ONE_STEP).tap("task.promise", date=until)
    assert hk.state("甲") == "waiting"


def test_a_promise_due_today_is_drawn_on_the_card_of_todays_step(hk: Harness) -> None:
    promised(hk)
    hk.receivable("甲", "30.00", due="2026-07-06", number="I2")
    hk.morning("2026-07-07")
    card = hk.chat("li").expect_card("¥30.00", "承诺 7月7日付 ¥100.00", kind="task.overdue")
    hk.at("2026-07-07 18:00")
    hk.chat("li").expect_nothing()
    hk.at("2026-07-08 10:00")
    hk.pay("甲", "100.00", "I1")
    hk.chat("li").expect_card(kind="payment.arrived")
    assert "承诺 7月7日付" not in card.text  # that was yesterday


def test_a_step_later_that_day_takes_over_the_card_of_the_promise(hk: Harness) -> None:
    promised(hk)
    hk.morning("2026-07-07")
    li = hk.chat("li")
    card = li.expect_card("¥100.00", kind="promise.due")
    hk.at("2026-07-07 10:30")
    hk.receivable("甲", "30.00", due="2026-07-06", number="I2")
    hk.at("2026-07-07 11:00")
    li.expect_card("¥30.00", kind="note.rise")  # an edit notifies nobody
    card.expect_update("¥30.00", "承诺 7月7日付 ¥100.00")
    assert card.json["kind"] == "task.overdue"
    assert "task.promise" in card.buttons
    assert hk.tasks("甲")[-1] == ("li", "open")


def test_promises_in_two_currencies_are_one_card_that_day(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.receivable("甲", "70.00", due="2026-07-01", number="I2", currency="USD")
    hk.morning("2026-07-02")
    hk.chat("li").expect_card().tap("task.promise", date="2026-07-07")
    hk.morning("2026-07-07")
    card = hk.chat("li").expect_card("¥100.00", "US$70.00", kind="promise.due")
    hk.at("2026-07-07 18:00")
    hk.pay("甲", "70.00", "I2", currency="USD")
    hk.chat("li").expect_card(kind="payment.arrived")
    assert "US$70.00" not in card.text


def test_the_manager_hears_of_the_broken_promise_on_the_alert_of_the_day(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ALERT)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    li, wang = hk.chat("li"), hk.chat("wang")
    li.expect_card().tap("task.promise", date="2026-07-03")
    hk.morning("2026-07-03")
    li.expect_card(kind="promise.due")
    hk.morning("2026-07-07")
    li.expect_card("未兑现", kind="promise.broken").tap("task.promise", date="2026-07-08")
    hk.morning("2026-07-08")
    li.expect_card(kind="promise.due")
    hk.morning("2026-07-10")  # age 9: the alert of day 7 was kept back by the promise
    wang.expect_card("¥100.00", "连续失约", "2 次", "7月8日的承诺未兑现", kind="alert.severe")
    li.expect_card("未兑现", severity="severe")
    hk.at("2026-07-10 18:00")
    wang.expect_nothing()


def test_an_alert_later_that_day_takes_over_what_the_manager_was_told_this_morning(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ALERT)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    li, wang = hk.chat("li"), hk.chat("wang")
    card = li.expect_card()
    card.tap("task.promise", date="2026-07-03")
    hk.morning("2026-07-03")
    li.expect_card(kind="promise.due")
    hk.morning("2026-07-07")
    li.expect_card(kind="promise.broken").tap("task.promise", date="2026-07-08", amount="90")
    hk.morning("2026-07-08")
    li.expect_card("承诺 7月8日付 ¥90.00", "¥10.00")
    wang.expect_card("¥10.00", kind="alert.severe")
    hk.receivable("甲", "500.00", due="2026-07-09", number="I2")
    hk.morning("2026-07-09")
    hk.morning("2026-07-10")
    told = wang.expect_card("未兑现", "li", kind="promise.broken")
    li.expect_card("¥600.00", severity="severe")
    hk.at("2026-07-10 10:30")
    hk.receivable("甲", "800.00", due="2026-07-01", number="I3")
    hk.at("2026-07-10 11:00")
    wang.expect_card("¥1,400.00", kind="note.rise", severity="severe")
    told.expect_update("逾期 9 天")
    assert told.json["kind"] == "alert.severe"


def test_a_new_owner_whose_alert_waits_gets_one_card(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ALERT)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    mine = hk.chat("li").expect_card()
    hk.morning("2026-07-07")
    hk.chat("wang").expect_card("li", kind="task.silent").tap("task.other", note="x")
    hk.morning("2026-07-08")
    alert = hk.chat("wang").expect_card("¥100.00", kind="alert.severe")
    hk.at("2026-07-08 10:00")
    hk.receivable("甲", "50.00", due="2026-07-01", number="I2")
    hk.at("2026-07-08 11:00")
    lis = hk.chat("li").expect_card("¥50.00")
    hk.set_customer("甲", owner="wang")
    lis.expect_update("已移交 wang", state="closed")
    hk.chat("wang").expect_card(kind="note.rise")
    alert.expect_update("¥150.00")
    assert alert.json["kind"].startswith("task.")
    assert mine.json["state"] == "closed"


def test_an_answer_by_number_names_the_customer(hk: Harness) -> None:
    """“1 7-8” doesn't say whom it is about; whoever has several cards must see which one it was."""
    card = hk.overdue()
    hk.set_customer("甲", short_name="甲简称")
    number = 1 + card.buttons.index("task.promise")
    said = hk.type("li", f"{number} 7-8")
    assert said.outcome == "done" and said.message.startswith("甲简称："), said.message
    card.expect_update("已承诺", state="closed")
