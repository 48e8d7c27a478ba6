"""Days: holidays, old debts, due dates that move or are missing, ladders that are kept."""

from tests.harness import ONE_STEP, Harness

TWO_LADDERS = """
name = "two ladders"
letters = "off"
[[ladder]]
name = "patient"
when = { rating = ["A"] }
[[ladder.step]]
id = "slow10"
at = 10
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[ladder]]
name = "quick"
[[ladder.step]]
id = "quick1"
at = 1
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[ladder.step]]
id = "quick7"
at = 7
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
"""


def test_national_day_moves_only_the_sending(hk: Harness) -> None:
    hk.begin("2026-09-30 08:00", letters="send")
    hk.customer("甲", "li", email="finance@jia.example")
    hk.receivable("甲", "100.00", due="2026-09-30", number="I1", issued="2026-08-31")
    li, mail = hk.chat("li"), hk.mailbox("finance@jia.example")
    hk.at("2026-10-07 18:00")
    li.expect_nothing()
    assert hk.firings("I1") == [
        ("10-01", "letter1", "deferred"),
        ("10-01", "over1", "acted"),
        ("10-07", "letter2", "deferred"),
        ("10-07", "over7", "acted"),
    ]
    hk.at("2026-10-08 09:00")
    mail.expect_letter("I1", stage=1)
    card = li.expect_card("逾期 8 天", "¥100.00", kind="task.overdue")
    li.expect_nothing()  # one card for both
    assert "10月10日 18:00" in card.text  # Friday, and the Saturday that is worked
    hk.at("2026-10-10 09:00")
    mail.expect_letter("I1", stage=2)
    hk.at("2026-10-11 18:00")
    assert [f[2] for f in hk.firings("I1")] == ["acted"] * 4


def test_old_debts_are_caught_up_step_by_audience(hk: Harness) -> None:
    """Dunning.md section 3, the parenthesis: first seen at age 35."""
    hk.begin("2026-07-15 08:00", letters="send")
    hk.customer("甲", "li", email="finance@jia.example", business="sales@jia.example")
    hk.receivable("甲", "100.00", due="2026-06-10", number="I1", issued="2026-05-01")
    hk.morning("2026-07-15")
    mail = hk.mailbox("finance@jia.example")
    acted = {(d["step"], d["audience"]): (d["outcome"], d["to"]) for d in hk.reports[-1]["decisions"]}
    assert acted == {
        ("letter1", "customer.finance"): ("acted", ["finance@jia.example"]),
        ("over1", "owner"): ("superseded", ["li"]),
        ("letter2", "customer.finance"): ("deferred", ["finance@jia.example", "sales@jia.example"]),
        ("over7", "owner"): ("acted", ["li"]),
        ("severe16", "owner.manager"): ("acted", ["wang"]),
        ("severe16", "role:finance_director"): ("superseded", ["zhou"]),
        ("final30", "owner"): ("deferred", ["li"]),
        ("director30", "owner.director"): ("acted", ["zhao"]),
        ("risk31", "role:finance_director"): ("acted", ["zhou"]),
        ("risk31", "role:sales_director"): ("acted", ["zhao"]),
    }
    mine = hk.chat("li").expect_card("35", "¥100.00", severity="critical")
    manager = hk.chat("wang").expect_card("35", kind="alert.severe")
    director = hk.chat("zhao").expect_card("35", kind="task.critical", severity="critical")  # risk31 is on the same card
    finance = hk.chat("zhou").expect_card("35", kind="alert.high_risk")
    assert hk.holds("甲") == ["high_risk", "order"]
    mail.expect_letter("I1", stage=1)
    hk.morning("2026-07-17")
    mail.expect_letter("I1", stage=2)  # two days later, and not the final one at once

    hk.pay("甲", "100.00", "I1")
    hk.chat("li").expect_card(kind="payment.arrived")
    for card in (mine, manager, director, finance):
        card.expect_update("已结清", state="closed")
    assert hk.holds("甲") == []
    assert ("07-15", "final30", "cancelled") in hk.firings("I1")
    hk.morning("2026-07-24")


def test_old_debts_that_start_at_the_first_step(hk: Harness) -> None:
    hk.begin("2026-07-15 08:00", letters="send")
    hk.customer("甲", "li", email="finance@jia.example")
    hk.receivable("甲", "100.00", due="2026-06-10", number="I1", issued="2026-05-01", start="first")
    hk.receivable("甲", "20.00", due="2026-07-13", number="I2", issued="2026-06-13", start="first")  # not old: age 2
    hk.morning("2026-07-15")
    card = hk.chat("li").expect_card("逾期 35 天", severity="overdue")
    hk.mailbox("finance@jia.example").expect_letter("I1", "逾期35天", "I2", stage=1)
    assert hk.firings("I1") == [("07-15", "letter1", "acted"), ("07-15", "over1", "acted")]
    card.tap("task.promise", date="2026-07-16")
    hk.pay("甲", "20.00", "I2")
    hk.chat("li").expect_card(kind="payment.arrived")
    hk.morning("2026-07-16")
    hk.chat("li").expect_card(kind="promise.due")
    hk.morning("2026-07-20")
    hk.chat("li").expect_card("部分兑现")
    hk.morning("2026-07-21")  # age 7 for the ladder
    assert [f[:2] for f in hk.firings("I1")][2:] == [("07-21", "letter2"), ("07-21", "over7")]
    hk.chat("li").expect_card("逾期 41 天")
    hk.mailbox("finance@jia.example").expect_letter("逾期41天", stage=2)


def test_without_due_date_nobody_is_reminded_and_it_counts_as_not_due(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due=None, number="I1", issued="2025-01-01")
    hk.morning("2026-07-20")
    assert hk.firings("I1") == []
    view = hk.chat("li").say("余额 甲")["view"]
    assert (view["not_due"], view["undated"], view["overdue"]) == ("100.00", "100.00", "0.00")


def test_an_undated_receivable_beside_an_overdue_one_is_not_chased(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due=None, number="I1", issued="2025-01-01")
    hk.receivable("甲", "30.00", due="2026-07-01", number="I2")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("¥30.00", "I2")
    assert "I1" not in card.text
    card.tap("task.promise", date="2026-07-10")  # all of it: what is chased
    assert "¥30.00" in card.text


def test_a_due_date_moved_later_starts_the_ladder_anew(hk: Harness) -> None:
    first = hk.overdue(policy=ONE_STEP)
    hk.at("2026-07-03 10:00")
    hk.set_due("I1", "2026-07-15")
    first.expect_update("等待中", state="closed")
    assert case_severity(hk) == "due_soon"
    hk.morning("2026-07-15")
    assert hk.firings("I1") == [("07-02", "over1", "acted")]
    hk.chat("wang").expect_nothing()  # nothing was late, so nobody was silent
    hk.morning("2026-07-16")
    assert hk.firings("I1") == [("07-02", "over1", "acted"), ("07-16", "over1", "acted")]
    hk.chat("li").expect_card("逾期 1 天", severity="overdue")


def case_severity(hk: Harness) -> str:
    case = hk.case("甲")
    assert case is not None
    return case.severity


def test_a_due_date_moved_earlier_counts_what_has_fired_as_done(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(TWO_LADDERS)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-05-01")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("逾期 1 天")
    hk.at("2026-07-03 10:00")
    hk.set_due("I1", "2026-06-29")
    card.expect_update("逾期 4 天")
    hk.morning("2026-07-06")  # age 7
    hk.chat("li").expect_card("逾期 7 天")
    assert [f[:2] for f in hk.firings("I1")] == [("07-02", "quick1"), ("07-06", "quick7")]


def test_a_rating_changed_in_the_middle_keeps_the_ladder(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(TWO_LADDERS)
    hk.customer("甲", "li", rating="B")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("逾期 1 天")
    hk.set_customer("甲", rating="A")
    hk.receivable("甲", "30.00", due="2026-07-02", number="I2")  # the new one goes by the new rating
    hk.morning("2026-07-08")
    second = hk.chat("li").expect_card("逾期 7 天", "第2次提醒")
    card.expect_update("请看新卡片")
    hk.morning("2026-07-13")
    assert [f[:2] for f in hk.firings("I1")] == [("07-02", "quick1"), ("07-08", "quick7")]
    assert [f[:2] for f in hk.firings("I2")] == [("07-12", "slow10")]
    second.expect_update("I2")  # another receivable's first firing without a rise only updates the card


def test_letters_start_anew_with_a_due_date_moved_later(hk: Harness) -> None:
    hk.begin("2026-07-08 08:00", letters="send")
    hk.customer("甲", "li", email="finance@jia.example")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    mail = hk.mailbox("finance@jia.example")
    hk.morning("2026-07-08")
    mail.expect_letter("I1", stage=1)
    hk.chat("li").expect_card(kind="task.overdue")
    hk.at("2026-07-08 10:00")
    hk.set_due("I1", "2026-07-31")  # before the second stage could go
    assert ("07-08", "letter2", "cancelled") in hk.firings("I1")
    hk.morning("2026-07-24")
    hk.chat("li").expect_card(kind="task.due_soon")
    hk.morning("2026-08-03")
    mail.expect_letter("I1", "友好提醒", stage=1)
    hk.chat("li").expect_card(kind="note.rise")
