"""How many cards: one a person, customer and day, a digest when there are more than five, reminders that count."""

from tests.harness import ONE_STEP, Harness


def five_and(hk: Harness, count: int) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    for n in range(1, count + 1):
        hk.customer(f"客户{n}", "li")
        hk.receivable(f"客户{n}", f"{n}00.00", due="2026-07-01", number=f"I{n}")
    hk.morning("2026-07-02")


def test_five_cards_come_singly(hk: Harness) -> None:
    five_and(hk, 5)
    for n in range(1, 6):
        hk.chat("li").expect_card(f"客户{n}", kind="task.overdue")


def test_six_cards_in_the_morning_become_one_digest_and_later_ones_come_singly(hk: Harness) -> None:
    five_and(hk, 6)
    li = hk.chat("li")
    digest = li.expect_card("6 项", "¥2,100.00", "客户1", "客户6", "7月6日 18:00", kind="digest.daily")
    li.expect_nothing()

    hk.at("2026-07-02 10:00")
    hk.customer("客户7", "li")
    hk.receivable("客户7", "700.00", due="2026-07-01", number="I7", issued="2026-06-01")
    hk.at("2026-07-02 11:00")
    li.expect_card("客户7", kind="task.overdue")

    opened = next(t["task"] for t in li.say("待办")["view"]["tasks"] if t["customer"] == "客户3")
    digest.tap("task.open", task=str(opened))
    card = li.expect_card("客户3", "¥300.00", kind="task.overdue", buttons=("task.promise",))
    card.tap("task.promise", date="2026-07-10")
    assert hk.tasks("客户3") == [("li", "answered")]
    digest.expect_update("5 项")
    assert "客户3" not in digest.text

    hk.morning("2026-07-07")  # six silent tasks: a digest for the manager as well
    hk.chat("wang").expect_card("6 项", kind="digest.daily")


def test_a_digest_is_decided_once_a_morning(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.at("2026-07-02 10:00")
    for n in range(1, 7):
        hk.customer(f"客户{n}", "li")
        hk.receivable(f"客户{n}", f"{n}00.00", due="2026-07-01", number=f"I{n}", issued="2026-06-01")
    hk.at("2026-07-02 11:00")  # not the morning: six cards
    for n in range(1, 7):
        hk.chat("li").expect_card(f"客户{n}", kind="task.overdue")


def test_a_rise_on_the_same_day_updates_the_card_and_says_so_once(hk: Harness) -> None:
    card = hk.overdue()
    li = hk.chat("li")
    hk.at("2026-07-02 10:30")
    hk.receivable("甲", "30.00", due="2026-06-25", number="I2", issued="2026-05-01")  # age 7: no rise
    hk.at("2026-07-02 11:00")
    card.expect_update("¥130.00", "I2")
    li.expect_nothing()
    hk.receivable("甲", "5.00", due="2026-06-15", number="I3", issued="2026-05-01")  # age 17: severe
    hk.at("2026-07-02 12:00")
    card.expect_update("¥135.00", "I3")
    assert card.json["severity"] == "severe"
    li.expect_card(kind="note.rise", severity="severe")
    hk.chat("wang").expect_card("17", kind="alert.severe")
    hk.chat("zhou").expect_card("17", kind="alert.severe")
    hk.receivable("甲", "6.00", due="2026-06-15", number="I4", issued="2026-05-01")  # severe already
    hk.at("2026-07-02 13:00")
    card.expect_update("¥141.00")
    hk.at("2026-07-02 18:00")
    for name in ("li", "wang", "zhou"):
        hk.chat(name).expect_nothing()


def test_a_further_step_sends_the_card_anew_and_the_old_one_points_to_it(hk: Harness) -> None:
    first = hk.overdue()
    hk.morning("2026-07-07")
    hk.chat("wang").expect_card(kind="task.silent")
    hk.morning("2026-07-08")
    second = hk.chat("li").expect_card("第2次提醒", "¥100.00")
    first.expect_update("请看新卡片", state="closed")
    assert second.buttons
    assert first.buttons == []


def test_the_first_firing_of_another_receivable_only_updates_the_card(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.receivable("甲", "30.00", due="2026-07-02", number="I2")
    hk.morning("2026-07-03")
    card.expect_update("¥130.00", "I2")
    hk.chat("li").expect_nothing()


def test_days_off_move_the_card_and_what_is_settled_meanwhile_is_never_said(hk: Harness) -> None:
    hk.begin("2026-07-03 19:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-03", number="I1")
    hk.morning("2026-07-05")
    assert hk.firings("I1") == [("07-04", "over1", "acted")]
    hk.pay("甲", "100.00", "I1")
    hk.chat("li").expect_card(kind="payment.arrived")  # a Sunday, but outside quiet hours
    hk.morning("2026-07-06")
    hk.chat("li").expect_nothing()
    assert hk.firings("I1") == [("07-04", "over1", "cancelled")]
