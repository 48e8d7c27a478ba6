"""A typed number whose button asks one thing more: the answer is typed as well, as the question says, in any messenger."""

from datetime import timedelta

import pytest

from bot import meant
from bot.adapters.base import Envelope
from bot.inbound import receive
from tests.harness import ONE_STEP, Harness
from tests.scenarios.approving import everybody_reads
from tests.scenarios.ordering import opened, place, state
from tests.scenarios.test_which_order import asks, say, which

RESULTS = {"promise": 1, "paid": 2, "part_paid": 3, "dispute": 4, "not_reached": 5, "copy": 6, "other": 7}


def question(hk: Harness, result: str) -> None:
    """“1 5”: the first button, 登记结果, and the fifth of its answers."""
    hk.overdue(policy=ONE_STEP)
    hk.chat("li").say(f"1 {RESULTS[result]}")


@pytest.mark.parametrize(
    "result, line, told",
    [
        ("not_reached", "1 7-6", "7月6日"), ("not_reached", "1 周一", "7月6日"), ("not_reached", "7-6", "7月6日"),
        ("not_reached", "联系不上 7-6", "7月6日"), ("dispute", "1 1 50", "¥50.00"), ("dispute", "质量问题 50", "¥50.00"),
        ("part_paid", "1 40 7-1", "¥40.00"), ("copy", "1 发票", "复印件"), ("other", "其他情况 出差", "已记录"),
        ("promise", "1 周一 80 备注", "¥80.00"),
    ],
)  # fmt: skip
def test_what_a_number_asks_is_answered_by_typing(hk: Harness, result: str, line: str, told: str) -> None:
    question(hk, result)
    said = hk.chat("li").say(line)
    assert said["outcome"] == "done" and told in said["message"], said
    assert said["message"].startswith("甲：")
    hk.deliver()
    everybody_reads(hk)


def test_a_day_is_typed_after_a_number_in_any_messenger(hk: Harness) -> None:
    question(hk, "not_reached")
    assert hk.chat("li").say("1 7-31")["outcome"] == "invalid"  # too far away, so it asks still
    said = hk.chat("li").say("1 7-6")
    assert said["outcome"] == "done" and "7月6日" in said["message"], said
    assert hk.tasks("甲") == [("li", "answered")]
    hk.deliver()


def test_an_amount_and_a_day_are_typed_after_a_number_in_any_messenger(hk: Harness) -> None:
    question(hk, "part_paid")
    said = hk.chat("li").say("1 40 7-1")
    assert said["outcome"] == "done", said
    hk.deliver()
    hk.chat("cai").expect_card("¥40.00", kind="claim.review")


def test_words_are_typed_after_a_number_in_any_messenger(hk: Harness) -> None:
    question(hk, "copy")
    assert hk.chat("li").say("1 7月的发票")["outcome"] == "done"
    hk.deliver()
    hk.chat("cai").expect_card("7月的发票", kind="task.copy")


def test_an_answer_is_no_answer_twice(hk: Harness) -> None:
    question(hk, "not_reached")
    hk.chat("li").say("1 7-6")
    assert hk.chat("li").say("7-7")["outcome"] == "invalid"
    everybody_reads(hk)


def test_another_number_is_no_day(hk: Harness) -> None:
    """Whoever changes their mind: “1 1” is the first answer of the card, and no first of the month."""
    question(hk, "not_reached")
    said = hk.chat("li").say("1 1")
    assert said["card"] is not None and [a.id for a in said["card"].actions] == ["task.promise"]
    assert hk.chat("li").say("1 7-6 80")["outcome"] == "done"
    hk.deliver()
    everybody_reads(hk)


@pytest.mark.parametrize(
    "line, whose", [("1 7-7", "甲"), ("联系不上 7-7", "甲"), ("7-7", ""), ("2 7-7", "which"), ("1 6", "which")]
)
def test_a_card_that_comes_in_between_takes_only_what_it_can_read(
    hk: Harness, monkeypatch: pytest.MonkeyPatch, line: str, whose: str
) -> None:
    monkeypatch.setattr(meant, "ASKED", timedelta(days=2))  # the next card comes in the morning
    question(hk, "not_reached")
    hk.customer("乙", "li")
    hk.receivable("乙", "200.00", due="2026-07-02", number="I2", issued="2026-06-01")
    hk.morning("2026-07-03")
    hk.chat("li").expect_card("¥200.00")
    said = hk.chat("li").say(line)
    if whose == "which":
        which(said)
    else:
        assert said["outcome"] == ("done" if whose else "invalid") and said["message"].startswith(whose), said
    everybody_reads(hk)


def test_what_asks_are_you_sure_is_answered_before_an_older_question(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    card.tap("task.promise", date="2026-09-30")
    hk.at("2026-07-02 10:00")
    card = hk.chat("wang").expect_card(kind="promise.approval")
    reject = Envelope("local", "wang", "1", hk.now, delivery_id=card.delivery, action="task.log", input={"result": "copy"},
                      apart=True)  # fmt: skip
    assert receive(hk.app.door, reject).asks
    approve = Envelope("local", "wang", "2", hk.now, delivery_id=card.delivery, action="promise.approve", apart=True)
    question = receive(hk.app.door, approve)
    assert question.card is not None and question.card.kind == "reply.sure"
    assert hk.chat("wang").say("1")["outcome"] == "done" and hk.promises("甲") == ["open"]
    hk.deliver()
    everybody_reads(hk)


@pytest.mark.parametrize(
    "line, order", [("驳回 太高", "SO1"), ("1 太高", "SO1"), ("驳回 SO2 太高", "SO2"), ("驳回 乙 太高", "SO2")]
)
def test_a_reason_that_was_asked_for_is_of_that_order_unless_another_is_named(hk: Harness, line: str, order: str) -> None:
    shop = opened(hk)
    shop.customer("乙", "li", credit_limit_minor=100_000)
    place(shop, "甲", "2000.00", "SO1")
    place(shop, "乙", "3000.00", "SO2")
    card = shop.chat("zhou").expect_card("SO1", kind="credit.request")
    link = Envelope("local", "zhou", "1", hk.now, delivery_id=card.delivery, action="credit.reject", opens=True, apart=True)
    assert receive(hk.app.door, link).asks
    asks(say(shop, "zhou", line), order, "驳回原因 太高")
    everybody_reads(shop)
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("held", "held")


def test_where_an_answer_stands_apart_from_its_card_it_names_the_customer_once(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP)
    line = Envelope("local", "li", "typed", hk.now, text="2 7-6", apart=True)
    assert receive(hk.app.door, line).message == "甲：已登记承诺：7月6日 付 ¥100.00"


def test_whoever_comes_too_late_reads_a_name(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.person("li", name="王强")
    card.tap("task.promise", date="2026-07-06")
    assert card.tap("task.promise", date="2026-07-07", expect="already")["message"] == "已经登记过结果（王强）"
