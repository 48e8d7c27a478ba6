"""Who is responsible: the task moves with it, and nobody to tell is a task for somebody."""

import pytest

from tests.harness import ONE_STEP, Harness


@pytest.mark.parametrize("how", ["import", "reassign", "assign"])
def test_the_task_moves_to_the_new_owner_and_answer_by_starts_anew(hk: Harness, how: str) -> None:
    card = hk.overdue(policy=ONE_STEP)
    lin = hk.chat("lin")
    hk.at("2026-07-03 10:00")
    if how == "import":
        hk.set_customer("甲", owner="lin")
    elif how == "reassign":
        hk.act("wang", "task.reassign", "甲", person="lin")
    else:
        hk.act("wang", "customer.assign", "甲", person="lin")
    card.expect_update("已移交 lin", state="closed")
    moved = lin.expect_card("¥100.00", "li", "7月7日 18:00", kind="task.overdue", severity="overdue")
    assert hk.tasks("甲") == [("li", "handed_over"), ("lin", "open")]
    card.tap("task.promise", date="2026-07-10", expect="already")

    hk.morning("2026-07-08")
    silent = hk.chat("wang").expect_card("lin", kind="task.silent")  # lin's silence, not li's
    moved.tap("task.promise", date="2026-07-10")
    silent.expect_update("已承诺")
    hk.morning("2026-07-10")
    lin.expect_card(kind="promise.due")


def test_a_task_that_moves_joins_the_one_that_the_new_owner_has(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.receivable("甲", "30.00", due="2026-07-01", number="I2", owner="lin")
    hk.morning("2026-07-02")
    mine = hk.chat("li").expect_card("¥100.00", "I1")
    assert "I2" not in mine.text
    theirs = hk.chat("lin").expect_card("¥30.00", "I2")
    hk.at("2026-07-02 10:00")
    mine.tap("task.reassign", by="wang", person="lin")
    hk.chat("wang").expect_card("已移交 lin")  # the answer to the tap
    assert "已移交 lin" in mine.text
    theirs.expect_update("¥130.00", "I1", "I2")
    assert hk.tasks("甲") == [("li", "handed_over"), ("lin", "open")]


def test_a_promise_keeps_its_maker_when_the_owner_changes(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP).tap("task.promise", date="2026-07-07")
    hk.at("2026-07-06 10:00")
    hk.set_customer("甲", owner="lin")
    hk.morning("2026-07-07")
    hk.chat("lin").expect_card("li", kind="promise.due")
    hk.morning("2026-07-09")
    hk.chat("lin").expect_card("未兑现", "li")


def test_a_customer_without_owner_is_asked_about_and_the_answer_moves_the_task(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    fm = hk.chat("fm")
    # Whoever stands in is asked on the card that they get anyway.
    card = fm.expect_card("¥100.00", "没有负责人", kind="task.overdue", buttons=("customer.assign", "task.promise"))
    assert hk.tasks("甲", "assign") == []
    hk.morning("2026-07-03")
    fm.expect_nothing()  # one question, however many cycles
    card.tap("customer.assign", person="li")
    assert "已移交 li" in card.text
    hk.chat("li").expect_card("¥100.00", "由 fm 移交", "7月7日 18:00", kind="task.overdue")


def test_an_owner_who_has_left_is_replaced_by_their_manager(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.person("li", active=False)
    hk.morning("2026-07-02")
    hk.chat("wang").expect_card("¥100.00", kind="task.overdue")
    hk.chat("fm").expect_card("甲", "停用", "li", kind="task.gap")


def test_the_open_task_of_somebody_who_leaves_goes_to_their_manager(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.at("2026-07-03 10:00")
    hk.person("li", active=False)
    hk.at("2026-07-03 11:00")
    moved = hk.chat("wang").expect_card("li", "¥100.00", "7月7日 18:00", kind="task.overdue")
    card.expect_update("已移交 wang", state="closed")
    hk.set_customer("甲", owner="lin")
    moved.expect_update("已移交 lin", state="closed")
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    assert hk.tasks("甲") == [("li", "handed_over"), ("wang", "handed_over"), ("lin", "open")]


def test_who_has_no_account_anywhere_becomes_a_task_for_somebody_who_has(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.accounts_of("fm")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01")
    hk.morning("2026-07-02")
    failed = hk.chat("fm").expect_card("li", "没有绑定账号", "甲", kind="delivery.failed", buttons=("task.other",))
    assert "导入账号" in failed.text and "本地聊天" not in failed.text
    hk.morning("2026-07-08")
    failed.tap("task.other", note="已绑定")
    assert failed.json["state"] == "closed"
    hk.chat("li").expect_nothing()


ALERT_NEXT_DAY = ONE_STEP + """
[[ladder.step]]
id = "alert2"
at = 2
audience = ["owner.manager"]
action = "alert"
severity = "severe"
message = "alert.severe"
"""


def test_a_manager_hands_the_customer_over_from_an_alert(hk: Harness) -> None:
    card = hk.overdue(policy=ALERT_NEXT_DAY)
    hk.morning("2026-07-03")
    hk.chat("li").expect_card(kind="note.rise")
    alert = hk.chat("wang").expect_card(kind="alert.severe", buttons=("task.reassign",))
    alert.tap("task.reassign", by="lin", person="lin", expect="invalid")  # for lin there is no such card
    said = alert.tap("task.reassign", person="lin")
    assert "已移交" in said["message"] and "lin" in said["message"]
    card.expect_update("已移交 lin", state="closed")
    hk.chat("lin").expect_card("¥100.00", "li", kind="task.overdue", severity="severe")
    assert alert.json["state"] == "open" and "lin" in alert.text  # still severe, and now lin's
    assert hk.tasks("甲") == [("li", "handed_over"), ("lin", "open")]
    alert.tap("task.reassign", person="nobody", expect="invalid")
    hk.pay("甲", "100.00", "I1")
    hk.chat("lin").expect_card(kind="payment.arrived")  # the new owner's, not li's
    alert.expect_update("已结清", state="closed")


def test_a_manager_hands_over_what_came_to_them_by_silence(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.morning("2026-07-07")
    silent = hk.chat("wang").expect_card("li", kind="task.silent", buttons=("task.reassign",))
    silent.tap("task.reassign", person="lin")
    card.expect_update("已移交 lin", state="closed")
    moved = hk.chat("lin").expect_card("¥100.00", "7月9日 18:00", kind="task.overdue")
    assert "已移交 lin" in silent.text and silent.json["state"] == "closed"  # the manager has acted on the silence
    assert hk.tasks("甲") == [("li", "handed_over"), ("wang", "handed_over"), ("lin", "open")]
    hk.morning("2026-07-09")
    hk.chat("wang").expect_nothing()
    hk.morning("2026-07-10")
    hk.chat("wang").expect_card("lin", kind="task.silent")
    moved.tap("task.promise", date="2026-07-13")
