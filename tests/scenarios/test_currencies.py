"""Two currencies of one customer: never summed, one task, a case each."""

from tests.harness import ONE_STEP, Harness
from tests.phones import Card


def two_currencies(hk: Harness) -> Card:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.receivable("甲", "50.00", due="2026-07-01", number="U1", currency="USD")
    hk.morning("2026-07-02")
    return hk.chat("li").expect_card("¥100.00", "$50.00", "I1", "U1")


def test_one_task_names_both_and_a_case_each(hk: Harness) -> None:
    card = two_currencies(hk)
    assert "150.00" not in card.text
    assert hk.tasks("甲") == [("li", "open")]
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("open", "open")

    hk.at("2026-07-03 10:00")
    hk.pay("甲", "50.00", "U1", currency="USD")
    hk.chat("li").expect_card("$50.00", "¥100.00", kind="payment.arrived")
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("open", "closed")
    card.expect_update("¥100.00")
    assert "$" not in card.text
    hk.pay("甲", "100.00", "I1")
    card.expect_update("已结清", state="closed")


def test_a_promise_without_amount_is_one_for_each_currency(hk: Harness) -> None:
    card = two_currencies(hk)
    card.tap("task.promise", date="2026-07-08")
    assert hk.promises("甲") == ["open", "open"]
    assert "¥100.00" in card.text
    assert "$50.00" in card.text
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("waiting", "waiting")
    hk.at("2026-07-06 10:00")
    hk.pay("甲", "50.00", "U1", currency="USD")
    hk.chat("li").expect_card("$50.00", kind="payment.arrived")
    assert hk.promises("甲") == ["open", "kept"]
    hk.morning("2026-07-08")
    due = hk.chat("li").expect_card("¥100.00", kind="promise.due")
    assert "$" not in due.text


def test_a_promise_of_one_currency_leaves_the_other_to_chase(hk: Harness) -> None:
    card = two_currencies(hk)
    card.tap("task.promise", date="2026-07-08", currency="USD")
    assert hk.promises("甲") == ["open"]
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("open", "waiting")
    hk.morning("2026-07-03")
    rest = hk.chat("li").expect_card("¥100.00")
    assert hk.tasks("甲") == [("li", "answered"), ("li", "open")]
    rest.tap("task.dispute", reason="price", amount="100", currency="CNY")
    hk.chat("fm").expect_card("¥100.00", kind="dispute.open")
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("waiting", "waiting")


def test_credit_of_one_currency_nets_only_that_one(hk: Harness) -> None:
    card = two_currencies(hk)
    hk.pay("甲", "80.00", currency="USD")
    hk.chat("li").expect_card("$80.00", kind="payment.arrived")
    hk.chat("cai").expect_card("$80.00", kind="receipt.allocate")
    card.expect_update("¥100.00")
    assert "逾期金额 ¥100.00，另有 US$50.00 不催收\n" in card.text


def test_an_amount_says_which_currency_is_promised_on_any_card(hk: Harness) -> None:
    """No form asks for a currency: it stands with the amount, and the answer repeats it."""
    card = two_currencies(hk)
    said = card.tap("task.promise", date="2026-07-08", amount="US$50")
    assert "$50.00" in said["message"], said
    assert hk.promises("甲") == ["open"]
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("open", "waiting")
    hk.morning("2026-07-03")
    rest = hk.chat("li").expect_card("¥100.00")
    rest.tap("task.dispute", reason="price", amount="100")  # of what is still chased, or else the company's own
    hk.chat("fm").expect_card("¥100.00", kind="dispute.open")
    assert (hk.state("甲", "CNY"), hk.state("甲", "USD")) == ("waiting", "waiting")
