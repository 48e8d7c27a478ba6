"""dunning.md section 11, letter by letter: one receivable, a broken promise, eleven days of downtime, a payment."""

from tests.harness import Harness


def test_the_worked_example_comes_out_exactly(hk: Harness) -> None:
    hk.people(
        zhao="sales_director", wang="sales_manager<zhao", li="rep<wang", zhou="finance_director", cai="finance",
        fm="finance_manager",
    )  # fmt: skip
    hk.customer("甲", "li", email="finance@jia.example")
    hk.receivable("甲", "120000.00", due="2026-07-01", number="I1", issued="2026-06-01")
    li, wang, zhou = hk.chat("li"), hk.chat("wang"), hk.chat("zhou")

    hk.morning("2026-06-22")
    hk.at("2026-06-23 18:00")
    li.expect_nothing()

    hk.at("2026-06-24 09:00")
    first = li.expect_card("¥120,000.00", "甲", kind="task.due_soon", severity="due_soon")

    hk.at("2026-07-01 18:00")
    li.expect_nothing()
    assert [d["step"] for r in hk.reports for d in r["decisions"]] == ["pre7"]

    hk.at("2026-07-02 09:00")
    letter = hk.mailbox("finance@jia.example").expect_letter("友好提醒", "已于昨日到期", "I1", stage=1)
    assert letter["receivables"] == ["I1"]
    first.expect_update("逾期 1 天")
    assert first.json["severity"] == "overdue"
    li.expect_card("7月6日 18:00", kind="note.rise")
    li.expect_nothing()

    hk.at("2026-07-03 10:00")
    first.tap("task.promise", date="2026-07-06", amount="120000")
    assert "已承诺 7月6日" in first.text
    assert first.json["state"] == "closed"
    assert case_state(hk) == "waiting"

    hk.at("2026-07-06 09:00")
    due = li.expect_card("承诺", "¥120,000.00", kind="promise.due")

    hk.at("2026-07-07 18:00")
    li.expect_nothing()
    assert promise_state(hk) == "open"

    hk.at("2026-07-08 09:00")
    assert promise_state(hk) == "broken"
    hk.mailbox("finance@jia.example").expect_letter("付款通知", "逾期7天", stage=2)
    again = li.expect_card("¥120,000.00", "7", severity="overdue")
    li.expect_nothing()
    assert "7月10日 18:00" in again.text
    assert sorted(d["step"] for d in hk.reports[-1]["decisions"]) == ["letter2", "over7"]

    hk.sleep_until("2026-07-20 09:00")
    report = hk.tick()
    assert [(d["step"], d["to"]) for d in report["decisions"]] == [("severe16", ["wang"]), ("severe16", ["zhou"])]
    silent = wang.expect_card("li", "19", kind="task.silent", severity="severe")
    wang.expect_nothing()
    alert = zhou.expect_card("19", kind="alert.severe", severity="severe")
    again.expect_update("19")
    assert again.json["severity"] == "severe"
    li.expect_card(kind="note.rise")
    li.expect_nothing()

    hk.at("2026-07-20 14:00")
    hk.pay("甲", "120000.00", "I1")
    for card in (again, silent, alert):
        card.expect_update("已结清", state="closed")
    li.expect_card("¥120,000.00", kind="payment.arrived")
    li.expect_nothing()
    assert case_state(hk) == "closed"
    assert due.json["state"] == "closed"

    hk.at("2026-07-21 18:00")
    hk.morning("2026-08-31")
    for chat in (li, wang, zhou, hk.chat("zhao"), hk.chat("cai"), hk.chat("fm")):
        chat.expect_nothing()


def case_state(hk: Harness) -> str:
    from core.models import Case

    with hk.look() as work:
        return str(work.session.get_one(Case, 1).state)


def promise_state(hk: Harness) -> str:
    from core.models import Promise

    with hk.look() as work:
        return str(work.session.get_one(Promise, 1).state)
