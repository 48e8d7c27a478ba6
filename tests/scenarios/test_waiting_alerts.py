"""Alerts that wait over a weekend: what is paid meanwhile is not told, and what is still owed is not lost with it."""

from tests.harness import Harness
from tests.scenarios.replaying import LADDER


def company(hk: Harness, since: str = "2026-07-02") -> None:
    hk.sleep_until(f"{since} 08:00")
    hk.people(fin="finance", li="rep")
    hk.customer("甲公司", "li")
    hk.policy(LADDER.read_text(encoding="utf-8"))


def paid(hk: Harness, amount: str, number: str, currency: str = "CNY") -> None:
    hk.pay("甲公司", amount, number, currency=currency)
    hk.chat("li").expect_card(amount, kind="payment.arrived")


def test_an_alert_does_not_join_one_that_is_paid_before_it_leaves(hk: Harness) -> None:
    company(hk)
    hk.receivable("甲公司", "100.00", due="2026-07-03", number="I1")
    hk.receivable("甲公司", "200.00", due="2026-07-05", number="I2")
    hk.at("2026-07-05 12:00")  # a Sunday: I1's alert of yesterday waits
    paid(hk, "100.00", "I1")
    hk.at("2026-07-06 09:00")
    card = hk.chat("fin").expect_card("¥200.00", kind="alert.severe")
    assert card.json["receivables"] == ["I2"]
    hk.at("2026-07-06 18:00")


def test_what_else_an_alert_carries_is_told_though_its_gravest_part_was_paid(hk: Harness) -> None:
    company(hk, since="2026-06-14")
    hk.receivable("甲公司", "100.00", due="2026-06-14", number="I1")
    hk.receivable("甲公司", "200.00", due="2026-07-03", number="I2")
    hk.morning("2026-07-02")
    hk.at("2026-07-03 18:00")
    for _ in ("l1", "l5"):
        hk.chat("fin").expect_card("逾期金额 ¥100.00", kind="alert.severe")
    hk.at("2026-07-05 12:00")  # Saturday: I1 twenty days, I2 one day
    paid(hk, "100.00", "I1")
    hk.at("2026-07-06 09:00")
    card = hk.chat("fin").expect_card("¥200.00", kind="alert.severe", severity="overdue")
    assert card.json["receivables"] == ["I2"]


def test_nothing_is_told_again_because_something_graver_was_paid(hk: Harness) -> None:
    company(hk, since="2026-06-14")
    hk.receivable("甲公司", "100.00", due="2026-06-14", number="I1")
    hk.receivable("甲公司", "200.00", due="2026-07-02", number="I2")
    hk.morning("2026-07-02")
    hk.at("2026-07-03 18:00")
    for _ in ("l1", "l5"):
        hk.chat("fin").expect_card("逾期金额 ¥100.00", kind="alert.severe")
    hk.chat("fin").expect_card("¥300.00", kind="alert.severe")
    hk.at("2026-07-05 12:00")
    paid(hk, "100.00", "I1")
    hk.at("2026-07-06 18:00")
    hk.chat("fin").expect_nothing()


def test_one_card_for_two_currencies_outlives_the_first_of_them(hk: Harness) -> None:
    company(hk)
    hk.receivable("甲公司", "100.00", due="2026-07-03", number="I1")
    hk.receivable("甲公司", "70.00", due="2026-07-03", number="U1", currency="USD")
    hk.at("2026-07-05 12:00")
    paid(hk, "100.00", "I1")
    hk.at("2026-07-06 09:00")
    card = hk.chat("fin").expect_card("70.00", kind="alert.severe", severity="overdue")
    assert card.json["receivables"] == ["U1"]
    hk.at("2026-07-06 11:00")
    paid(hk, "70.00", "U1", "USD")
    card.expect_update("已结清", state="closed")
