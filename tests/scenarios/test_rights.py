"""Who may press what: a button of another card, a decision about one's own request, the hand-over of a task."""

from sqlalchemy import select

from core.models import Claim, Customer, Dispute, Firing, Promise, Receipt
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.racing import count, deliveries, tap


def test_a_button_of_another_card_is_no_such_action(hk: Harness) -> None:
    hk.overdue()
    [card] = deliveries(hk, "li")
    for who in ("li", "wang", "cai", "fm"):
        for action, given in (
            ("claim.confirm", {"number": "X"}), ("claim.void", {}), ("promise.approve", {}), ("promise.reject", {}),
            ("pause.approve", {}), ("pause.reject", {}), ("letters.release", {}),
            ("dispute.settle", {"outcome": "accepted"}),
            ("receipt.record", {"amount": "5"}), ("credit_note.record", {"amount": "5", "reason": "x"}),
            ("task.note", {"note": "x"}), ("pause.set", {"until": "2026-07-06", "reason": "x"}), ("pause.end", {}),
        ):  # fmt: skip
            answer = tap(hk.app, hk.now, who, card, action, **given)
            assert (answer.outcome, answer.card) == ("invalid", None), (who, action, answer)
    assert count(hk, Claim) == count(hk, Promise) == count(hk, Receipt) == 0


def test_nobody_settles_a_dispute_that_they_raised(hk: Harness) -> None:
    card = hk.overdue()
    hk.person("li", roles=["rep", "finance"])
    [mine] = deliveries(hk, "li")
    card.tap("task.dispute", reason="price")
    hk.chat("fm").expect_card(kind="dispute.open")
    [chore] = deliveries(hk, "fm")
    for who in ("li", "cai", "wang"):
        for delivery in (chore, mine):
            answer = tap(hk.app, hk.now, who, delivery, "dispute.settle", outcome="accepted")
            assert answer.outcome in ("not_allowed", "invalid")
        hk.run(hk.app.local.say(who, "/dispute 甲 accept"))
        for message in hk.unread("local", who):
            hk.read(message)
        assert count(hk, Dispute, table_of(Dispute).c.state == "open") == 1, who
    assert tap(hk.app, hk.now, "fm", chore, "dispute.settle", outcome="accepted").outcome == "done"
    hk.deliver()


def test_a_rep_in_finance_does_not_confirm_their_own_claim(hk: Harness) -> None:
    card = hk.overdue()
    hk.person("li", roles=["rep", "finance"])
    hk.at("2026-07-03 10:00")
    card.tap("task.paid", paid_on="2026-07-02")
    hk.chat("cai").expect_card(kind="claim.review")
    own = hk.chat("li").expect_card(kind="claim.review")
    own.tap("claim.confirm", number="B-1", expect="not_allowed")
    assert count(hk, Receipt) == 0


def test_a_task_is_handed_over_by_its_person_and_whoever_is_above(hk: Harness) -> None:
    hk.overdue()
    [card] = deliveries(hk, "li")
    assert tap(hk.app, hk.now, "lin", card, "task.reassign", person="lin").outcome != "done"
    assert tap(hk.app, hk.now, "cai", card, "task.reassign", person="lin").outcome == "not_allowed"
    assert tap(hk.app, hk.now, "zhao", card, "task.reassign", person="li").outcome == "done"
    assert tap(hk.app, hk.now, "li", card, "task.reassign", person="lin").outcome == "done"
    hk.deliver()
    hk.chat("lin").expect_card()


def test_finance_of_a_region_releases_the_letters_of_that_region(hk: Harness) -> None:
    hk.begin("2026-06-01 08:00", letters="review")
    hk.person("cai", region="华东")
    for code, region in (("甲", "华东"), ("乙", "华北")):
        hk.customer(code, "li", region=region, email=f"{region}@example.com")
        hk.receivable(code, "100.00", due="2026-07-01", issued="2026-06-01")
    hk.morning("2026-07-02")
    hk.chat("cai").expect_card("1 封", kind="letters.release").tap("letters.release")
    for who in ("li", "wang", "fm"):
        for card in hk.chat(who).unread():
            hk.read(card.id)
    F, C = table_of(Firing), table_of(Customer)
    with hk.look() as work:
        rows = work.session.execute(
            select(C.c.code, F.c.reason).join(C, C.c.id == F.c.customer_id).where(F.c.outcome == "deferred")
        ).all()
    assert {code for code, why in rows if why == "in_review"} == {"乙"}


def test_notes_about_the_whole_customer_are_not_for_who_has_one_receivable(hk: Harness) -> None:
    hk.overdue()
    hk.receivable("甲", "50.00", due="2026-08-01", number="I2", owner="lin", issued="2026-06-01")
    hk.chat("li").say("/log 甲 秘密")
    whole, part = (hk.chat(who).say("/trace I2") for who in ("li", "lin"))
    assert "秘密" in str(whole["view"]) and part["outcome"] == "done" and "秘密" not in str(part["view"])
