"""“The customer says it is paid”: confirmed, proved by a receipt, voided, forgotten."""

from datetime import date

from core import claims
from core.dunning.stored import active
from core.models import Receipt
from core.models.base import table_of
from core.money import parse_major
from tests.harness import Harness


def test_a_confirmed_claim_settles_it_and_its_import_is_not_a_second_receipt(hk: Harness) -> None:
    card = hk.overdue()
    hk.at("2026-07-03 10:00")
    card.tap("task.paid", paid_on="2026-07-02")
    assert hk.state("甲") == "waiting"
    ask = hk.chat("cai").expect_card("¥100.00", kind="claim.review", buttons=("claim.confirm", "claim.void"))
    ask.tap("claim.confirm", number="B-77")
    hk.chat("li").expect_card("¥100.00", "已无逾期款", kind="payment.arrived")
    assert "B-77" in ask.text
    assert ask.json["state"] == "closed"
    assert hk.state("甲") == "closed"

    hk.at("2026-07-06 10:00")
    with hk.db() as work:
        adopted = claims.adopt(
            work, active(work)[1], customer_id=1, currency="CNY", amount_minor=parse_major("100.00", "CNY"),
            received_on=date(2026, 7, 4), number="BANK-1", source="bank",
        )  # fmt: skip
        assert adopted is not None
    with hk.look() as work:
        N = table_of(Receipt)
        assert [(r.number, r.source) for r in work.session.execute(N.select())] == [("BANK-1", "bank")]
        second = claims.adopt(
            work, active(work)[1], customer_id=1, currency="CNY", amount_minor=parse_major("100.00", "CNY"),
            received_on=date(2026, 7, 4), number="BANK-2", source="bank",
        )  # fmt: skip
        assert second is None  # each claim stands for one receipt
    hk.morning("2026-07-20")


def test_a_receipt_proves_a_pending_claim(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.paid")
    ask = hk.chat("cai").expect_card(kind="claim.review")
    hk.at("2026-07-03 10:00")
    hk.pay("甲", "100.00")  # nobody said which receivable: the claim knows
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    ask.expect_update("已确认", state="closed")
    assert hk.state("甲") == "closed"
    hk.morning("2026-07-20")


def test_a_voided_claim_brings_the_task_back(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.paid")
    ask = hk.chat("cai").expect_card(kind="claim.review")
    hk.at("2026-07-03 10:30")
    ask.tap("claim.void")
    hk.at("2026-07-03 11:00")
    hk.chat("li").expect_card("¥100.00", "未查到", severity="overdue")
    ask.tap("claim.confirm", expect="already")


def test_what_is_said_to_be_paid_is_neither_promised_nor_said_again(hk: Harness) -> None:
    """Something is open, but all of it waits for finance; that is what it says."""
    hk.overdue().tap("task.paid")
    li = hk.chat("li")
    for line in ("承诺 甲 7-10", "承诺 甲 7-10 50", "已付 甲"):
        said = li.say(line)
        title = said["card"].title
        assert said["outcome"] == "invalid" and "¥100.00" in title and "财务正在核对" in title, said
    hk.chat("cai").expect_card(kind="claim.review").tap("claim.void")
    assert li.say("承诺 甲 7-10")["outcome"] == "done"
    hk.deliver()


def test_claims_that_nobody_confirms_expire_and_two_in_a_row_go_to_the_manager(hk: Harness) -> None:
    card = hk.overdue()
    li, wang, cai = hk.chat("li"), hk.chat("wang"), hk.chat("cai")
    card.tap("task.paid")
    ask = cai.expect_card(kind="claim.review")
    hk.morning("2026-07-07")  # Thu + 3 working days: out of dunning until tonight
    li.expect_nothing()
    hk.morning("2026-07-08")
    ask.expect_update("已过期", state="closed")
    again = li.expect_card("¥100.00", "未", severity="overdue")
    again.tap("task.paid")
    cai.expect_card(kind="claim.review")
    hk.morning("2026-07-13")
    wang.expect_nothing()
    hk.morning("2026-07-14")
    li.expect_card("¥100.00", kind="claim.expired")
    wang.expect_card("¥100.00", "2 次", kind="claim.expired")


def test_paid_in_part_is_a_claim_for_that_part(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.part_paid", amount="30")
    ask = hk.chat("cai").expect_card("¥30.00", kind="claim.review")
    hk.morning("2026-07-03")
    rest = hk.chat("li").expect_card("¥70.00", "继续催收")
    ask.tap("claim.confirm")
    hk.chat("li").expect_card("¥30.00", "¥70.00", kind="payment.arrived")
    assert "¥70.00" in rest.text
