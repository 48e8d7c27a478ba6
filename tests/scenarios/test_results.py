"""What comes of the other results: not reached, a copy, other, snooze."""

from datetime import date

import pytest

from bot.card import Input
from bot.fit import presets
from tests.harness import ONE_STEP, Harness


def test_not_reached_comes_back_on_the_day_and_three_in_a_row_go_up(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    li, wang = hk.chat("li"), hk.chat("wang")
    card.tap("task.not_reached", again_on="2026-07-06")
    assert "7月6日" in card.text
    hk.morning("2026-07-05")
    li.expect_nothing()
    hk.morning("2026-07-06")
    second = li.expect_card("¥100.00", "7月8日 18:00")  # with an answer-by of its own
    second.tap("task.not_reached", again_on="2026-07-07")
    hk.morning("2026-07-07")
    third = li.expect_card("¥100.00")
    wang.expect_nothing()
    third.tap("task.not_reached", again_on="2026-07-09")
    hk.at("2026-07-07 10:00")
    told = wang.expect_card("¥100.00", "3 次", buttons=("task.log",))
    hk.morning("2026-07-09")
    fourth = li.expect_card("¥100.00")
    fourth.tap("task.promise", date="2026-07-13")
    told.expect_update("已承诺", state="closed")
    assert hk.tasks("甲") == [("li", "answered")] * 3 + [("wang", "answered"), ("li", "answered")]
    hk.morning("2026-07-13")
    li.expect_card(kind="promise.due")


def test_again_on_is_at_most_five_working_days_ahead(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.not_reached", again_on="2026-07-10", expect="invalid")
    card.tap("task.not_reached", again_on="2026-07-02", expect="invalid")
    card.tap("task.not_reached", again_on="2026-07-09")
    hk.morning("2026-07-09")
    hk.chat("li").expect_card(kind="task.overdue")


def test_a_copy_is_a_task_for_finance_and_comes_back_after_five_working_days(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.copy", what="发票")
    chore = hk.chat("cai").expect_card("发票", "li", kind="task.copy", buttons=("task.other",))
    hk.morning("2026-07-03")
    chore.tap("task.other", note="已寄出")
    assert chore.json["state"] == "closed"
    assert hk.tasks("甲", "copy") == [("cai", "answered")]
    hk.morning("2026-07-08")
    hk.chat("li").expect_nothing()
    hk.morning("2026-07-09")
    hk.chat("li").expect_card("¥100.00", "请再跟进")


def test_other_comes_back_after_five_working_days(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.other", note="财务总监出差,下周安排")
    assert "下周安排" in card.text
    hk.morning("2026-07-08")
    hk.chat("li").expect_nothing()
    hk.morning("2026-07-09")
    hk.chat("li").expect_card("¥100.00", "下周安排")


def test_snooze_hides_twice_at_most_and_moves_no_answer_by(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    li = hk.chat("li")
    card.tap("task.snooze", until="2026-07-03")
    assert "7月6日 18:00" in card.text
    assert [t["state"] for t in li.say("待办")["view"]["tasks"]] == ["snoozed"]
    card.tap("task.snooze", until="2026-07-10")
    card.tap("task.snooze", until="2026-07-13", expect="invalid")
    hk.morning("2026-07-07")
    hk.chat("wang").expect_card("li", kind="task.silent")


def test_the_result_of_a_colleague_without_rights_is_refused(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.promise", date="2026-07-10", by="lin", expect="invalid")  # for lin there is no such card
    card.tap("task.promise", date="2026-07-10", by="cai", expect="not_allowed")
    assert hk.state("甲") == "open"


@pytest.mark.parametrize("day", ["2026-07-02", "2026-07-03", "2026-07-10", "2026-07-24", "2026-07-29", "2026-09-29"])
def test_every_day_that_is_offered_for_another_try_is_accepted(hk: Harness, day: str) -> None:
    card = hk.overdue(policy=ONE_STEP.replace("answer_by = 2", ""))
    hk.sleep_until(f"{day} 10:00")
    offered = presets(Input("again_on", "date", True, "x"), date.fromisoformat(day), "zh")
    assert len(offered) >= 2
    assert min(choice.value for choice in offered) > day
    card.tap("task.not_reached", again_on=max(choice.value for choice in offered))  # the furthest: so all of them


@pytest.mark.parametrize("what", ["", "   ", "\t", None])
def test_a_copy_of_nothing_is_refused_in_words(hk: Harness, what: str | None) -> None:
    card = hk.overdue(policy=ONE_STEP)
    given = {} if what is None else {"what": what}
    for way in ({"result": "copy"}, {}):
        said = card.tap("task.log" if way else "task.copy", **way, **given, note="x", expect="invalid")
        assert "请填写需要什么单据" in said["message"]
    assert hk.tasks("甲") == [("li", "open")] and hk.tasks("甲", "copy") == []
    card.tap("task.copy", what="发票复印件")
    hk.at("2026-07-02 10:00")
    hk.chat("cai").expect_card("发票复印件", kind="task.copy")
