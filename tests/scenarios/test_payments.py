"""Money that comes in: in parts, ahead of its allocation, and taken back again."""

from tests.harness import ONE_STEP, Harness


def test_part_payments_between_the_steps_show_what_is_left(hk: Harness) -> None:
    first = hk.overdue("120000.00")
    li, wang = hk.chat("li"), hk.chat("wang")

    hk.at("2026-07-03 14:00")
    hk.pay("甲", "50000.00", "I1")
    line = li.expect_card("¥50,000.00", "仍逾期 ¥70,000.00", kind="payment.arrived")
    first.expect_update("¥70,000.00")

    hk.at("2026-07-03 16:00")
    hk.pay("甲", "20000.00", "I1")
    line.expect_update("¥70,000.00", "仍逾期 ¥50,000.00")
    first.expect_update("¥50,000.00")
    li.expect_nothing()  # the second receipt of the day changed the line of the first

    hk.morning("2026-07-07")
    silent = wang.expect_card("li", "¥50,000.00", kind="task.silent")
    hk.morning("2026-07-08")
    second = li.expect_card("¥50,000.00", "第2次提醒", kind="task.overdue")
    first.expect_update("请看新卡片", state="closed")

    hk.pay("甲", "50000.00", "I1")
    li.expect_card("¥50,000.00", "已无逾期款", kind="payment.arrived")
    second.expect_update("已结清", state="closed")
    silent.expect_update("已结清", state="closed")
    assert hk.state("甲") == "closed"
    hk.morning("2026-08-10")


def test_credit_that_covers_it_all_sends_nothing_but_one_task_to_allocate(hk: Harness) -> None:
    hk.begin("2026-06-20 10:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.pay("甲", "150.00")
    hk.morning("2026-06-22")
    chore = hk.chat("cai").expect_card("¥150.00", "甲", kind="receipt.allocate")
    hk.morning("2026-07-20")
    assert hk.firings("I1") == []  # pre7 neither, and nothing for 19 days

    chore.tap("receipt.allocate", receivable="I1")
    hk.morning("2026-08-10")
    assert hk.firings("I1") == []


def test_credit_for_a_part_is_named_and_only_the_rest_is_chased(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.pay("甲", "40.00")
    hk.morning("2026-07-02")
    chore = hk.chat("cai").expect_card("¥40.00", kind="receipt.allocate")
    card = hk.chat("li").expect_card("¥60.00", "¥40.00", "未核销")
    chore.tap("receipt.allocate", receivable="I1")
    card.expect_update("¥60.00")
    assert "未核销" not in card.text


def test_a_card_and_the_balance_agree_where_credit_waits(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.receivable("甲", "50.00", due="2026-09-01", number="I2")
    hk.pay("甲", "40.00")
    hk.morning("2026-07-02")
    hk.chat("cai").expect_card("¥40.00", kind="receipt.allocate")
    card = hk.chat("li").expect_card("逾期金额 ¥60.00", "应收余额 ¥110.00", "未核销款 ¥40.00")
    assert card.json["kind"] == "task.overdue"
    said = hk.chat("li").say("余额 甲")["view"]
    assert (said["balance"], said["overdue"], said["unapplied"]) == ("110.00", "100.00", "-40.00")


def test_how_much_goes_on_which_receivable_can_be_said_on_any_card(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    for number in ("I1", "I2"):
        hk.receivable("甲", "100.00", due="2026-08-01", number=number)
    hk.pay("甲", "90.00")
    hk.at("2026-07-02 10:00")
    chore = hk.chat("cai").expect_card("¥90.00", kind="receipt.allocate")
    chore.tap("receipt.allocate", receivable="I2", amount="60")
    assert (hk.open("I1"), hk.open("I2")) == ("100.00", "40.00")
    assert "¥30.00" in chore.text and chore.json["state"] == "open"
    chore.tap("receipt.allocate", receivable="I1")
    assert (hk.open("I1"), hk.open("I2")) == ("70.00", "40.00")


def test_money_that_waits_to_be_allocated_makes_nobody_silent(hk: Harness) -> None:
    card = hk.overdue()
    hk.at("2026-07-03 10:00")
    hk.pay("甲", "100.00")
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    hk.chat("cai").expect_card("¥100.00", kind="receipt.allocate")
    card.expect_update("待财务核销")
    hk.morning("2026-07-07")  # li's answer-by has passed, but there is nothing to answer
    hk.chat("wang").expect_nothing()
    assert hk.state("甲") == "open"
    hk.morning("2026-07-17")


def test_a_receipt_reversed_after_the_end_opens_the_case_again(hk: Harness) -> None:
    card = hk.overdue()
    hk.at("2026-07-03 10:00")
    receipt = hk.pay("甲", "100.00", "I1")
    line = hk.chat("li").expect_card(kind="payment.arrived")
    card.expect_update("已结清")
    assert hk.state("甲") == "closed"

    hk.at("2026-07-06 14:00")
    hk.reverse(receipt)
    assert hk.state("甲") == "open"
    mine = hk.chat("li").expect_card("¥100.00", kind="payment.reversed")
    theirs = hk.chat("cai").expect_card("¥100.00", kind="payment.reversed")
    line.expect_update("收款已冲回")
    hk.at("2026-07-07 18:00")
    assert [f[:2] for f in hk.firings("I1")] == [("07-02", "letter1"), ("07-02", "over1")]  # not again

    hk.morning("2026-07-08")  # the ladder goes on where it was
    again = hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    hk.pay("甲", "100.00", "I1", number="R2")
    hk.chat("li").expect_card(kind="payment.arrived")
    for ended in (again, mine, theirs):
        ended.expect_update(state="closed")
    assert hk.state("甲") == "closed"


HEAD = "number,customer,received_on,amount,currency,receivable"
TWO_STEPS = ONE_STEP.replace("answer_by = 2\n", "") + """
[[ladder.step]]
id = "over8"
at = 8
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
"""


def two_overdue(hk: Harness) -> None:
    """One of two was paid days ago, the other keeps the case running."""
    hk.begin("2026-07-02 08:00")
    hk.policy(TWO_STEPS)
    hk.customer("甲", "li")
    for number in ("I1", "I2"):
        hk.receivable("甲", "100.00", due="2026-07-01", number=number, issued="2026-06-01")
    hk.morning("2026-07-02")
    hk.chat("li").expect_card("¥200.00", kind="task.overdue")
    hk.at("2026-07-03 10:00")
    hk.imports("receipts", HEAD, "R1,甲,2026-07-03,100.00,CNY,I1")
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")


def test_a_receipt_reversed_while_the_case_runs_is_looked_into_and_the_ladder_goes_on(hk: Harness) -> None:
    """Nobody was told, and what was open again was never spoken of any more."""
    two_overdue(hk)
    hk.morning("2026-07-09")
    hk.chat("li").expect_card("¥100.00", "第2次提醒", kind="task.overdue")
    hk.at("2026-07-10 14:00")
    hk.imports("receipts", f"{HEAD},reverses", "B1,甲,2026-07-10,-100.00,CNY,,R1")
    hk.chat("li").expect_card("¥100.00", kind="payment.reversed")
    hk.chat("cai").expect_card("¥100.00", kind="payment.reversed")
    hk.morning("2026-07-13")
    hk.chat("li").expect_card("¥200.00", "I1", kind="task.overdue")
    assert [f[1] for f in hk.firings("I1")] == [f[1] for f in hk.firings("I2")]


def test_a_receipt_that_is_only_corrected_alarms_nobody(hk: Harness) -> None:
    two_overdue(hk)
    hk.at("2026-07-06 14:00")
    hk.imports("receipts", HEAD, "R1,甲,2026-07-03,90.00,CNY,I1")
    hk.chat("li").expect_card("¥90.00", kind="payment.arrived")


def test_a_receipt_that_arrives_for_a_customer_nobody_chases_is_not_announced(hk: Harness) -> None:
    hk.begin("2026-06-01 10:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.pay("甲", "100.00", "I1")
    hk.morning("2026-07-10")


def test_a_credit_note_that_covers_it_all_asks_finance_once_to_allocate_it(hk: Harness) -> None:
    hk.begin("2026-07-01 10:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.credit_note("甲", "100.00")
    hk.morning("2026-07-06")
    hk.chat("li").expect_nothing()
    card = hk.chat("cai").expect_card("¥100.00", kind="receipt.allocate")
    card.tap("receipt.allocate", receivable="I1")
    assert card.json["state"] == "closed"
    assert hk.chat("cai").say("余额 甲")["view"]["balance"] == "0.00"


def test_money_of_another_currency_than_the_receipts_is_refused_in_words(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-08-01", number="I1")
    hk.pay("甲", "50.00", number="R-1")
    cai = hk.chat("cai")
    typed = cai.say("核销 R-1 I1 USD 50")
    assert (typed["outcome"], typed["view"]["error"]["code"]) == ("invalid", "receipt.other_currency")
    assert typed["view"]["error"]["message"] == "收款币种是 CNY，不是 USD"
    hk.at("2026-07-02 10:00")
    chore = cai.expect_card("¥50.00", kind="receipt.allocate")
    pressed = chore.tap("receipt.allocate", receivable="I1", amount="US$50", expect="invalid")
    assert "收款币种是 CNY，不是 USD" in pressed["message"]
    assert "¥50.00" in chore.text and chore.json["state"] == "open"
    chore.tap("receipt.allocate", receivable="I1", amount="50")
    assert chore.json["state"] == "closed"


def test_money_that_nobody_has_allocated_fits_what_is_overdue_wherever_it_is_told(hk: Harness) -> None:
    hk.overdue()
    hk.act("li", "task.dispute", "甲", reason="quality")
    hk.chat("fm").expect_card(kind="dispute.open")
    cai, li = hk.chat("cai"), hk.chat("li")
    said = cai.say("收款 甲 100 7-2 SK-9")["card"]
    assert said.title == "收款已登记" and "¥100.00 尚未核销" in said.text and "核销 SK-9 应收编号" in said.text
    arrived = li.expect_card("¥100.00", kind="payment.arrived")
    assert "已无逾期款" not in arrived.text and "逾期 ¥100.00，有未核销款可抵，待财务核销" in arrived.text
    balance = li.say("余额 甲")["card"]
    assert "逾期 ¥100.00" in balance.text and "应收余额已扣除未核销款 ¥100.00，核销前逾期照列" in balance.text
    cai.say("核销 SK-9 I1")
    arrived.expect_update("已无逾期款")
    assert "未核销款" not in li.say("余额 甲")["card"].text
    for handle in ("cai", "fm"):
        for card in hk.chat(handle).unread():
            hk.read(card.id)
