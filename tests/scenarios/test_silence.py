"""Silence climbs one level a day until somebody answers, and never moves the task."""

from tests.harness import ONE_STEP, Harness


def test_silence_climbs_from_li_to_the_admin(hk: Harness) -> None:
    first = hk.overdue(policy=ONE_STEP)
    assert "7月6日 18:00" in first.text
    cards = [first]
    hk.morning("2026-07-06")
    hk.chat("wang").expect_nothing()
    for day, silent, told, until in (
        ("2026-07-07", "li", "wang", "7月9日 18:00"),
        ("2026-07-10", "wang", "zhao", "7月14日 18:00"),
        ("2026-07-15", "zhao", "fm", "7月17日 18:00"),
        ("2026-07-20", "fm", "ada", "7月22日 18:00"),  # found on Saturday, said on Monday
    ):
        hk.morning(day)
        cards.append(hk.chat(told).expect_card(silent, until, "甲", kind="task.silent", severity="overdue"))
        cards[-2].expect_update("已超时", f"已上报{told}")
    hk.morning("2026-08-10")  # nobody is above the admin
    assert hk.tasks("甲") == [(p, "open") for p in ("li", "wang", "zhao", "fm", "ada")]  # the task has not moved

    hk.pay("甲", "100.00", "I1")
    hk.chat("li").expect_card(kind="payment.arrived")
    for card in cards:
        card.expect_update("已结清", state="closed")


def test_a_result_of_the_manager_closes_both_tasks(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.morning("2026-07-07")
    silent = hk.chat("wang").expect_card("li", kind="task.silent", buttons=("task.log", "task.promise"))
    silent.tap("task.promise", date="2026-07-10")
    card.expect_update("已承诺 7月10日", state="closed")
    assert silent.json["state"] == "closed"
    assert hk.tasks("甲") == [("li", "answered"), ("wang", "answered")]
    hk.morning("2026-07-10")
    hk.chat("li").expect_card(kind="promise.due")


def test_after_downtime_silence_climbs_one_level_only(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP)
    hk.sleep_until("2026-07-20 09:00")
    hk.tick()
    hk.chat("wang").expect_card("li", kind="task.silent")
    hk.at("2026-07-20 18:00")


def test_a_card_names_the_one_who_will_hear_of_it_not_one_who_is_silent_already(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP)
    hk.receivable("甲", "50.00", due="2026-07-09", number="I2", owner="lin")
    hk.morning("2026-07-07")
    hk.chat("wang").expect_card("li", kind="task.silent")
    hk.morning("2026-07-10")  # wang has not answered either
    hk.chat("zhao").expect_card("wang", kind="task.silent")
    card = hk.chat("lin").expect_card("¥50.00", kind="task.overdue")
    assert "超时将上报zhao" in card.text
    hk.morning("2026-07-15")
    hk.chat("fm").expect_card("zhao", kind="task.silent")


def test_a_manager_who_is_away_is_left_out(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP)
    hk.person("wang", active=False)
    hk.morning("2026-07-07")
    hk.chat("zhao").expect_card("li", kind="task.silent")


def test_a_rep_who_manages_themselves_is_reported_to_the_finance_manager(hk: Harness) -> None:
    hk.now = hk.now.replace(month=7, day=2)
    hk.company(letters="off")
    hk.people(li="rep<li", fm="finance_manager", zhou="finance_director")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01")
    hk.morning("2026-07-02")
    hk.chat("li").expect_card(kind="task.overdue")
    hk.morning("2026-07-07")
    silent = hk.chat("fm").expect_card("li", kind="task.silent")
    hk.chat("li").expect_nothing()
    silent.tap("task.promise", date="2026-07-16")
    hk.morning("2026-07-16")
    hk.chat("li").expect_card(kind="promise.due")
    hk.morning("2026-07-20")  # age 19, owner.manager is the finance manager as well
    hk.chat("fm").expect_card(kind="alert.severe")
    hk.chat("zhou").expect_card(kind="alert.severe")
    hk.chat("li").expect_card("未兑现", severity="severe")
