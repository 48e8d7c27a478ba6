"""How many cards: one a person, customer and day, a digest when there are more than five, reminders that count."""

from dataclasses import replace

from core.dunning import stored
from core.dunning.policy import parse
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
    digest.expect_update("今日待办 5 项")
    assert "客户3" not in digest.text

    hk.morning("2026-07-07")  # six silent tasks: a digest for the manager as well
    hk.chat("wang").expect_card("今日待办 6 项", kind="digest.daily")
    digest.expect_update("最早的答复期限 7月6日 18:00 已超时")
    assert "请在" not in digest.text


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


def test_what_happens_in_the_night_is_said_in_the_morning(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.at("2026-07-02 21:00")
    hk.pay("甲", "100.00", "I1")
    hk.chat("li").expect_nothing()
    assert card.json["state"] == "open"
    hk.at("2026-07-03 07:59")
    hk.deliver()
    hk.chat("li").expect_nothing()
    hk.at("2026-07-03 08:00")
    hk.deliver()
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    card.expect_update("已结清", state="closed")


def test_windows_are_those_of_the_reader(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.person("li", timezone="America/New_York")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.at("2026-07-02 20:59")
    hk.deliver()
    hk.chat("li").expect_nothing()
    hk.at("2026-07-02 21:00")  # nine in the morning in New York
    hk.deliver()
    hk.chat("li").expect_card("逾期 1 天")


def test_a_step_that_repeats_counts_its_reminders(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP.replace("at = 1\n", "at = 1\nevery = 3\nuntil = 8\n").replace("answer_by = 2\n", ""))
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    li = hk.chat("li")
    cards = [li.expect_card("逾期 1 天")]
    for day, n in (("2026-07-06", 2), ("2026-07-08", 3)):  # Sunday's waits for Monday
        hk.morning(day)
        cards.append(li.expect_card(f"第{n}次提醒"))
        cards[-2].expect_update("请看新卡片", state="closed")
    hk.morning("2026-07-20")
    assert [f[0] for f in hk.firings("I1")] == ["07-02", "07-05", "07-08"]


def test_a_case_that_is_moved_to_another_policy_does_not_repeat_what_has_fired(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP)
    hk.at("2026-07-03 10:00")
    steps = ONE_STEP.replace('name = "one step"', 'name = "steps"').replace("at = 1\n", "at = 0\n")
    later = "[[ladder.step]]" + steps.split("[[ladder.step]]")[1].replace("over1", "over4").replace("at = 0\n", "at = 4\n")
    with hk.db() as work:
        person_id = hk._person_id(work, "fm")
        applied = stored.apply(replace(work, person_id=person_id, actor="fm"), parse(steps + later, "new.toml", "CNY"))
    assert [(c.customer, c.keeps) for c in applied.cases] == [("甲", False)]
    hk.morning("2026-07-06")  # age 5: over4 was reached on Sunday
    hk.chat("li").expect_card("第2次提醒")
    assert [f[:2] for f in hk.firings("I1")] == [("07-02", "over1"), ("07-05", "over4")]
