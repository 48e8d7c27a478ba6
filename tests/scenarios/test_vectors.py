"""Vectors of other systems' test suites that are about reminders, by their number."""

import pytest

from tests.harness import ONE_STEP, Harness

THREE_STATES = """
name = "V27"
letters = "off"
[[ladder]]
name = "all"
[[ladder.step]]
id = "od1"
at = 30
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[ladder.step]]
id = "od2"
at = 40
audience = ["owner"]
actions = ["task", "hold"]
severity = "severe"
message = "task.overdue"
[[ladder.step]]
id = "od3"
at = 50
audience = ["owner"]
action = "task"
severity = "critical"
message = "task.critical"
"""


def test_v02_only_the_half_that_is_due_is_dunned(hk: Harness) -> None:
    hk.begin("2026-07-06 08:00", letters="send")
    hk.policy(ONE_STEP.replace('letters = "off"', ""))
    hk.customer("甲", "li")
    hk.receivable("甲", "50.00", due="2026-07-05", number="I1-1", issued="2026-06-30")
    hk.receivable("甲", "50.00", due="2026-07-10", number="I1-2", issued="2026-06-30")
    hk.morning("2026-07-06")
    card = hk.chat("li").expect_card("逾期 1 天 · ¥50.00", "I1-1")
    assert "I1-2" not in card.text
    receipt = hk.pay("甲", "50.00", "I1-1")
    hk.chat("li").expect_card("¥50.00", kind="payment.arrived")
    card.expect_update("已结清", state="closed")
    assert hk.state("甲") == "closed"
    hk.at("2026-07-06 10:00")
    hk.reverse(receipt)
    assert hk.state("甲") == "open"
    hk.chat("li").expect_card("¥50.00", kind="payment.reversed")
    hk.chat("cai").expect_card("¥50.00", kind="payment.reversed")


def test_v03_a_full_credit_note_ends_the_dunning_and_its_cancelling_opens_it_again(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    note = hk.credit_note("甲", "100.00", "I1")
    card.expect_update("已结清", state="closed")
    assert hk.state("甲") == "closed"
    hk.at("2026-07-03 10:00")
    hk.cancel_note(note)
    assert hk.state("甲") == "open"
    hk.chat("li").expect_card("¥100.00", kind="payment.reversed")
    hk.chat("cai").expect_card("¥100.00", kind="payment.reversed")


def test_v03_a_credit_note_that_stands_alone_does_not_end_it(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.credit_note("甲", "100.00")
    assert hk.state("甲") == "open"
    card.expect_update("待财务核销")
    assert hk.tasks("甲") == [("li", "open")]
    hk.morning("2026-07-08")  # nothing to chase while it could be set against it
    hk.chat("wang").expect_nothing()


def test_v27_states_at_30_40_and_50_days(hk: Harness) -> None:
    hk.begin("2026-07-25 08:00")
    hk.policy(THREE_STATES)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    li = hk.chat("li")
    hk.morning("2026-07-25")  # day 24: clear
    assert hk.state("甲") == ""
    hk.morning("2026-07-31")  # day 30
    first = li.expect_card("逾期 30 天", severity="overdue")
    assert hk.holds("甲") == []
    hk.morning("2026-08-10")  # day 40: blocked
    first.expect_update("40")
    li.expect_card(kind="note.rise", severity="severe")
    assert hk.holds("甲") == ["order"]
    hk.morning("2026-08-20")  # day 50
    first.expect_update("50")
    li.expect_card(kind="note.rise", severity="critical")
    hk.pay("甲", "100.00", "I1")
    li.expect_card(kind="payment.arrived")
    first.expect_update("已结清", state="closed")
    assert (hk.state("甲"), hk.holds("甲")) == ("closed", [])


@pytest.mark.parametrize("tag", ["written_off", "no_dunning"])
def test_v28_a_tag_keeps_it_clear_and_without_it_the_state_comes(hk: Harness, tag: str) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li", tags=[tag])
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-07")
    assert hk.firings("I1") == []
    hk.at("2026-07-07 18:00")
    hk.set_customer("甲", tags=[])
    hk.morning("2026-07-08")
    card = hk.chat("li").expect_card("逾期 7 天")
    hk.set_customer("甲", tags=[tag])
    card.expect_update("目前无需催收")
    hk.morning("2026-07-13")  # nobody is silent about what is not to be chased
    hk.chat("wang").expect_nothing()


def test_v30_a_threshold_counts_each_currency_apart(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP.replace("[[ladder]]", '[limits]\nmin_chase = { EUR = "50.99", USD = "49.99" }\n[[ladder]]', 1))
    hk.customer("甲", "li")
    hk.receivable("甲", "50.00", due="2026-07-01", number="E1", currency="EUR")
    hk.receivable("甲", "1.00", due="2026-07-01", number="U1", currency="USD")
    hk.morning("2026-07-02")
    hk.chat("li").expect_nothing()  # 50.00 EUR and 1.00 USD are not 51
    hk.receivable("甲", "1.00", due="2026-07-02", number="E2", currency="EUR")
    hk.morning("2026-07-03")
    card = hk.chat("li").expect_card("€51.00")
    assert "$" not in card.text
    assert hk.firings("U1") == []
