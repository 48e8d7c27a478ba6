"""A promise where one stands already: what is replaced, what “all” is and what the share is taken of is said, everywhere."""

from tests.harness import Harness
from tests.phones import Card


def promised_and_owed(hk: Harness, *, currency: str = "CNY") -> Card:
    """I1 over 88,888.88 is promised for Mon 07-06; I2 over 12,345.67 is overdue since yesterday, and on li's card."""
    card = hk.overdue("88888.88", currency=currency)
    hk.receivable("甲", "12345.67", due="2026-07-02", number="I2", issued="2026-06-02", currency=currency)
    hk.at("2026-07-02 18:00")
    card.tap("task.promise", date="2026-07-06", amount="88888.88")
    hk.morning("2026-07-03")
    return hk.chat("li").expect_card("12,345.67", "I2", kind="task.overdue")


def test_without_an_amount_the_answer_names_the_promise_that_it_replaces(hk: Harness) -> None:
    card = promised_and_owed(hk)
    assert "承诺回款 7月6日 ¥88,888.88" in card.text
    said = card.tap("task.promise", date="2026-07-09")["message"]
    assert said == "已登记承诺：7月9日 付 ¥101,234.55（取代原承诺：7月6日 ¥88,888.88）"
    assert hk.promises("甲") == ["replaced", "open"]


def test_whoever_types_it_reads_it_too_in_either_language(hk: Harness) -> None:
    promised_and_owed(hk)
    done = hk.chat("li").say("承诺 甲 7-9")
    assert ("取代原承诺", "7月6日 ¥88,888.88") in [(f.label, f.value) for f in done["card"].fields]
    assert done["view"]["replaced"] == [{"date": "2026-07-06", "amount": {"amount": "88888.88", "currency": "CNY"}}]
    hk.chat("li").say("/lang en")
    done = hk.chat("li").say("/promise 甲 7-10 95000")
    assert ("In place of", "9 Jul, CN¥101,234.55") in [(f.label, f.value) for f in done["card"].fields]


def test_in_english_on_a_card(hk: Harness) -> None:
    card = promised_and_owed(hk)
    hk.chat("li").say("/lang en")
    said = card.tap("task.promise", date="2026-07-09")["message"]
    assert said == "Promise logged: CN¥101,234.55 on 9 Jul (replaces the promise of 6 Jul, CN¥88,888.88)"


def test_in_two_currencies_each_one_that_is_replaced_is_named(hk: Harness) -> None:
    card = promised_and_owed(hk)
    hk.receivable("甲", "50.00", due="2026-07-01", number="U1", issued="2026-06-01", currency="USD")
    hk.act("li", "task.promise", "甲", date="2026-07-07", currency="USD")
    assert card.json["state"] == "closed"
    done = hk.chat("li").say("承诺 甲 7-9")
    assert ("取代原承诺", "7月6日 ¥88,888.88、7月7日 US$50.00") in [(f.label, f.value) for f in done["card"].fields]


def test_where_nothing_stands_nothing_is_said_of_it(hk: Harness) -> None:
    said = hk.overdue().tap("task.promise", date="2026-07-09")["message"]
    assert said == "已登记承诺：7月9日 付 ¥100.00"


def test_too_little_of_all_of_it_names_the_sum_and_leaves_what_stands(hk: Harness) -> None:
    """12,000 is nearly all of what the card shows, and little of what is overdue with what is promised already."""
    card = promised_and_owed(hk)
    said = card.tap("task.promise", date="2026-07-09", amount="12000")["message"]
    assert said == (
        "承诺金额不足逾期 ¥101,234.55 的 50%，已请上级审批；在此之前原承诺（7月6日 ¥88,888.88）不变，其余继续催收"
    )
    ask = hk.chat("wang").expect_card("¥12,000.00", kind="promise.approval")
    assert "逾期金额 ¥101,234.55" in ask.text and "其中已承诺 ¥88,888.88" in ask.text
    assert "不足逾期的 50%" in ask.text and "7月6日 ¥88,888.88" in ask.text
    typed = hk.chat("li").say("承诺 甲 7-9 12000")
    assert typed["card"].title == "承诺金额不足逾期 ¥101,234.55 的 50%，已请上级审批"
    assert ("原承诺不变", "7月6日 ¥88,888.88") in [(f.label, f.value) for f in typed["card"].fields]
    hk.chat("wang").expect_card("¥12,000.00", kind="promise.approval").tap("promise.approve")
    told = hk.chat("li").expect_card("¥12,000.00 已批准，承诺部分到期前不再催收", kind="note.decided")
    assert "7月6日付 ¥88,888.88 不再有效" in told.text
    assert hk.promises("甲") == ["replaced", "replaced", "open"]


def test_where_all_of_it_is_promised_the_approval_shows_what_is_overdue_all_the_same(hk: Harness) -> None:
    card = hk.overdue("88888.88")
    card.tap("task.promise", date="2026-07-06")
    hk.at("2026-07-03 10:00")
    hk.act("li", "task.promise", "甲", date="2026-07-09", amount="12000")
    ask = hk.chat("wang").expect_card("¥12,000.00", kind="promise.approval")
    assert "逾期金额 ¥88,888.88（2天）\n其中已承诺 ¥88,888.88（7月6日）" in ask.text


def test_what_is_said_to_be_paid_is_not_in_the_sum_of_which_the_share_is_taken(hk: Harness) -> None:
    card = promised_and_owed(hk)
    hk.act("li", "task.part_paid", "甲", amount="8888.88", paid_on="2026-07-02")
    hk.chat("cai").expect_card("¥8,888.88", kind="claim.review")
    said = hk.act("li", "task.promise", "甲", date="2026-07-09", amount="12000")
    assert card.json["state"] == "closed" and str(said["of"]) == "¥92,345.67"
    assert "逾期金额 ¥92,345.67" in hk.chat("wang").expect_card(kind="promise.approval").text


def test_every_card_that_takes_a_promise_shows_the_one_that_stands(hk: Harness) -> None:
    card = hk.overdue()
    assert any("含已承诺" in each["label"] for each in asks(card, "task.promise"))
    paid = hk.pay("甲", "10.00", "I1")
    hk.chat("li").expect_card(kind="payment.arrived")
    hk.act("li", "task.paid", "甲")
    hk.chat("cai").expect_card("¥90.00", kind="claim.review")
    hk.receivable("甲", "50.00", due="2026-07-01", number="I2")
    hk.act("li", "task.promise", "甲", date="2026-07-20")
    hk.morning("2026-07-08")
    late = hk.chat("li").expect_card("¥90.00", "承诺回款 7月20日 ¥50.00", kind="claim.expired")
    hk.at("2026-07-08 10:00")
    hk.reverse(paid)
    for handle in ("li", "cai"):
        hk.chat(handle).expect_card("¥10.00", "承诺回款 7月20日 ¥50.00", kind="payment.reversed")
    assert late.json["state"] == "open"


def asks(card: Card, action: str) -> list[dict]:
    return next(each["ask"]["inputs"] for each in card.json["actions"] if each["id"] == action)
