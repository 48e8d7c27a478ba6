"""Goods on their way: what is shipped and not invoiced uses up the limit, and what is signed for is to be invoiced."""

from typing import Any

import pytest

from core.credit.exposure import Exposure, standing
from core.credit.rules import CreditRules
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import codes, opened, place, state, told

SHIPMENTS = "number,customer,order,amount,currency,shipped_on,signed_on"
RECEIVABLES = "number,customer,issued_on,due_on,amount,order"
ON_SHIPMENT = ONE_STEP + """
[credit]
parts = ["open", "shipments"]
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"] }]
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def ship(hk: Harness, *lines: str) -> dict[str, Any]:
    return hk.imports("shipments", SHIPMENTS, *lines)


def exposure(hk: Harness, currency: str = "CNY") -> Exposure:
    with hk.look() as work:
        return standing(work, 1).exposures.get(currency, Exposure())


def used(hk: Harness, *parts: str) -> int:
    with hk.look() as work:
        rules = CreditRules(parts=parts) if parts else CreditRules()
        return standing(work, 1).used_minor(rules, "CNY")


# --- what uses up the limit ---


def test_a_shipment_takes_its_part_from_the_order_and_the_invoice_from_the_shipment(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor) == (90_000, 0)
    report = ship(shop, "D1,甲,SO1,400.00,,2026-07-06,", "D2,甲,SO1,200.00,,2026-07-06,")
    assert (report["created"], report["totals"]) == (2, {"CNY": {"count": 2, "amount": "600.00"}})
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor, used(shop)) == (30_000, 60_000, 90_000)
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,500.00,SO1")
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor, used(shop)) == (30_000, 10_000, 90_000)
    shop.imports("receivables", RECEIVABLES, "I2,甲,2026-07-06,2026-08-06,400.00,SO1")
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor, used(shop)) == (0, 0, 90_000)
    assert ship(shop, "D1,甲,SO1,400.00,,2026-07-06,")["unchanged"] == 1


def test_v21_an_invoice_adjusted_to_nothing_brings_it_back(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,")
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,900.00,SO1")
    assert exposure(shop).open_minor == 90_000 and exposure(shop).shipments_minor == exposure(shop).orders_minor == 0
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,0,SO1")
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor, used(shop)) == (50_000, 40_000, 90_000)


def test_more_than_was_ordered_counts_as_shipped(shop: Harness) -> None:
    place(shop, "甲", "500.00", "SO1")
    ship(shop, "D1,甲,SO1,650.00,,2026-07-06,")
    assert (exposure(shop).orders_minor, exposure(shop).shipments_minor) == (0, 65_000)
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,650.00,SO1")
    assert used(shop) == 65_000


def test_a_shipment_whose_order_nobody_knows_counts_until_it_is_invoiced(shop: Harness) -> None:
    shop.customer("乙", "li")
    place(shop, "乙", "100.00", "SO8")
    warned = ship(shop, "D1,甲,SO9,400.00,,2026-07-06,", "D2,甲,SO8,100.00,USD,2026-07-06,")["warnings"]
    assert [w["code"] for w in warned] == ["import.order_of_other"]
    assert (exposure(shop).shipments_minor, exposure(shop, "USD").shipments_minor) == (40_000, 10_000)
    assert codes(place(shop, "甲", "700.00", "SO1")) == ["no_rate", "over_limit"]
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,150.00,SO9")
    assert exposure(shop).shipments_minor == 25_000
    told(shop)


def test_a_policy_may_count_only_what_has_left(shop: Harness) -> None:
    shop.policy(ON_SHIPMENT)
    for number in ("SO1", "SO2", "SO3"):
        assert place(shop, "甲", "900.00", number)["verdict"] == "released"
    assert used(shop, "open", "shipments") == 0
    ship(shop, "D1,甲,SO1,900.00,,2026-07-06,", "D2,甲,SO2,200.00,,2026-07-06,")
    assert used(shop, "open", "shipments") == 110_000 and used(shop) == 270_000
    assert codes(place(shop, "甲", "1.00", "SO4")) == ["over_limit"]
    told(shop)


def test_prepayment_pays_for_what_has_left_first(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1", prepaid="300.00")
    ship(shop, "D1,甲,SO1,500.00,,2026-07-06,")
    found = exposure(shop)
    assert (found.reserved_minor, found.reserved_shipped_minor) == (30_000, 30_000)
    with shop.look() as work:
        trusting = CreditRules(prepaid="trust", parts=("shipments",))
        assert standing(work, 1).used_minor(trusting, "CNY") == 20_000
        assert standing(work, 1).used_minor(CreditRules(prepaid="trust"), "CNY") == 60_000
    told(shop)


def test_a_hold_never_stops_shipping_notes_and_invoices_of_what_was_delivered(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    for command in ("hold", "blacklist"):
        shop.chat("fm").say(f"/{command} 甲 欠款未清")
    assert ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-06")["created"] == 1
    report = shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,400.00,SO1")
    assert (report["created"], report["rejected"]) == (1, [])
    assert place(shop, "甲", "1.00", "SO2")["verdict"] == "refused"
    told(shop)


# --- rows ---


def test_what_cannot_go_in_says_why_and_the_rest_goes_in(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    good = "D1,甲,SO1,400.00,,2026-07-06,"
    report = ship(
        shop, good, "D2,丙,SO1,1.00,,2026-07-06,", "D3,甲,,1.00,,2026-07-06,", "D4,甲,SO1,-1.00,,2026-07-06,",
        "D5,甲,SO1,1.00,,2026-07-06,2026-07-05", "D6,甲,SO1,1.00,QQQ,2026-07-06,", "D7,甲,SO1,x,,2026-07-06,",
        "D8,甲,SO1,1.00,,,", good,
    )  # fmt: skip
    assert [(p["row"], p["code"]) for p in report["rejected"]] == [
        (3, "import.unknown_customer"), (4, "import.missing_value"), (5, "import.negative_amount"),
        (6, "import.signed_before"), (7, "import.unknown_currency"), (8, "import.bad_amount"),
        (9, "import.missing_value"), (10, "import.duplicate"),
    ]  # fmt: skip
    assert report["created"] == 1 and exposure(shop).shipments_minor == 40_000


def test_a_shipment_may_be_put_right_until_its_order_is_invoiced(shop: Harness) -> None:
    shop.customer("乙", "li")
    place(shop, "甲", "900.00", "SO1")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,", "D2,甲,SO1,100.00,,2026-07-06,")
    assert ship(shop, "D1,甲,SO1,350.00,,2026-07-06,")["updated"] == 1
    assert ship(shop, "D2,甲,SO1,0,,2026-07-06,")["updated"] == 1  # it didn't take place
    assert exposure(shop).shipments_minor == 35_000
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,100.00,SO1")
    report = ship(shop, "D1,甲,SO1,300.00,,2026-07-06,", "D2,甲,SO2,0,,2026-07-06,")
    assert [p["code"] for p in report["rejected"]] == ["import.shipment_invoiced"] * 2
    report = ship(shop, "D1,乙,SO1,350.00,,2026-07-06,", "D2,甲,SO1,0,USD,2026-07-06,")
    assert [p["code"] for p in report["rejected"]] == ["import.other_customer", "import.other_currency"]
    assert ship(shop, "D1,甲,SO1,350.00,,2026-07-05,2026-07-06")["updated"] == 1  # dates may
    shop.chat("cai").expect_card("D1", "¥250.00", kind="task.invoice")


# --- what follows ---


def test_what_is_signed_for_is_to_be_invoiced_and_then_no_more(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,", "D2,甲,SO1,200.00,,2026-07-06,")
    assert shop.tasks("甲", "invoice") == []
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-06")
    card = shop.chat("cai").expect_card("申请开票", "D1", "SO1", "¥400.00", kind="task.invoice", buttons=("task.other",))
    ship(shop, "D2,甲,SO1,200.00,,2026-07-06,2026-07-06")
    card.expect_update("¥600.00", "D2")
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,500.00,SO1")
    card.expect_update("¥100.00")
    assert shop.tasks("甲", "invoice") == [("cai", "open")]
    shop.imports("receivables", RECEIVABLES, "I2,甲,2026-07-06,2026-08-06,100.00,SO1")
    card.expect_update("已开票")
    assert shop.tasks("甲", "invoice") == [("cai", "settled")]
    shop.imports("receivables", RECEIVABLES, "I2,甲,2026-07-06,2026-08-06,0,SO1")  # taken back: to be invoiced again
    shop.chat("cai").expect_card("D2", "¥100.00", kind="task.invoice")


def test_what_finance_has_answered_is_asked_again_only_with_more(shop: Harness) -> None:
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-06")
    shop.chat("cai").expect_card(kind="task.invoice").tap("task.other", note="明天开")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-05,2026-07-06")
    assert shop.tasks("甲", "invoice") == [("cai", "answered")]
    ship(shop, "D2,甲,SO2,50.00,,2026-07-06,2026-07-06")
    shop.chat("cai").expect_card("D1", "D2", "¥450.00", kind="task.invoice")


def test_a_due_date_that_waits_for_the_signature_gets_it_from_the_shipment(shop: Harness) -> None:
    lines = ("number,customer,issued_on,amount,order,terms", "I1,甲,2026-07-01,400.00,SO1,签收后30天",
             "I2,甲,2026-07-01,100.00,SO1,发货后10天", "I3,甲,2026-07-01,1.00,SO1,验收后10天")  # fmt: skip
    shop.imports("receivables", *lines)
    ship(shop, "D1,甲,SO1,400.00,,2026-07-02,2026-07-03", "D2,甲,SO1,101.00,,2026-07-04,")
    assert due(shop) == {"I1": None, "I2": "2026-07-14", "I3": None}
    ship(shop, "D2,甲,SO1,101.00,,2026-07-04,2026-07-06")
    assert due(shop) == {"I1": "2026-08-05", "I2": "2026-07-14", "I3": None}
    shop.imports("receivables", lines[0], "I4,甲,2026-07-06,10.00,SO1,签收后5天")
    assert due(shop)["I4"] == "2026-07-11"
    shop.imports("receivables", *lines)  # the file doesn't know the dates
    assert due(shop)["I1"] == "2026-08-05"


def due(hk: Harness) -> dict[str, str | None]:
    from sqlalchemy import select

    from core.models import Receivable
    from core.models.base import table_of

    R = table_of(Receivable)
    with hk.look() as work:
        return {row.number: row.due_on and row.due_on.isoformat() for row in work.session.execute(select(R))}


# --- prepayment ---


def test_an_order_that_waits_for_prepayment_is_the_reps_task_until_it_is_in(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    answer = place(shop, "甲", "800.00", "SO1", prepaid=True)
    assert (answer["verdict"], codes(answer)) == ("held", ["no_credit", "prepayment_awaited"])
    card = shop.chat("li").expect_card("SO1", "尚缺预付款 ¥800.00", kind="task.prepay", buttons=("task.other",))
    place(shop, "甲", "200.00", "SO2", prepaid=True)
    card.expect_update("¥1,000.00", "SO2")
    shop.pay("甲", "800.00")
    shop.at("2026-07-06 11:00")
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("released", "held")
    card.expect_update("SO2", "尚缺预付款 ¥200.00")
    assert shop.tasks("甲", "prepay") == [("li", "open")]
    shop.pay("甲", "200.00")
    shop.at("2026-07-06 12:00")
    card.expect_update("预付款已到账")
    assert state(shop, "SO2") == "released" and shop.tasks("甲", "prepay") == [("li", "settled")]
    told(shop)


def test_the_task_ends_with_its_order(shop: Harness) -> None:
    from core.credit import orders
    from core.dunning.stored import active

    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card(kind="credit.request").tap("credit.approve_with", prepay_percent="30")
    card = shop.chat("li").expect_card("zhou", "¥600.00", kind="task.prepay")
    with shop.db() as work:
        orders.cancel(work, active(work)[1], orders.find(work, "SO1")[0])
    shop.deliver()
    card.expect_update("无需再处理")
    assert shop.tasks("甲", "prepay") == [("li", "settled")]
    told(shop)


def test_both_tasks_stand_in_the_to_do_list(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "800.00", "SO1", prepaid=True)
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-06")
    assert "有订单待预付款" in str(shop.chat("li").say("待办"))
    assert "有发货已签收，待开票" in str(shop.chat("cai").say("待办"))
    told(shop)


# --- what people see ---


def test_an_order_says_how_far_it_has_got(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1", prepaid="300.00", extra={"渠道": "天猫"})
    ship(shop, "D1,甲,SO1,400.00,,2026-07-03,2026-07-05", "D2,甲,SO1,200.00,,2026-07-06,")
    shop.imports("receivables", RECEIVABLES, "I1,甲,2026-07-06,2026-08-06,250.00,SO1")
    answer = shop.chat("li").say("/order SO1")
    card, view = str(answer["card"]), answer["view"]
    for words in ("¥600.00", "7月6日", "¥400.00", "7月5日", "¥250.00", "¥300.00"):
        assert words in card
    told_of = {name: view[name] for name in ("shipped", "signed", "invoiced", "prepaid", "missing_prepayment", "extra")}
    assert told_of == {
        "shipped": "600.00", "signed": "400.00", "invoiced": "250.00", "prepaid": "300.00", "missing_prepayment": "0.00",
        "extra": {"渠道": "天猫"},
    }  # fmt: skip
    trace = str(shop.chat("li").say("/trace I1"))
    assert "SO1" in trace and "D1（签收 7月5日）、D2" in trace
    told(shop)


def test_an_order_says_what_prepayment_is_missing(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "800.00", "SO1", prepaid=True)
    shop.pay("甲", "500.00")
    card = str(shop.chat("li").say("/order SO1"))
    assert "尚缺预付款" in card and "¥300.00" in card
    told(shop)


def test_a_limit_says_what_is_shipped(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,")
    card = str(shop.chat("fm").say("/credit 甲"))
    assert "未发货订单" in card and "¥500.00" in card and "已发货未开票" in card and "¥400.00" in card


def test_each_rep_answers_for_orders_of_their_own(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=0)
    place(shop, "甲", "800.00", "SO1", prepaid=True, asked_by="li")
    shop.set_customer("甲", owner="lin")
    place(shop, "甲", "200.00", "SO2", prepaid=True)
    card = shop.chat("li").expect_card("SO1", kind="task.prepay")
    assert "SO2" not in card.text
    shop.chat("li").expect_card("SO1", kind="order.held")
    theirs = shop.chat("lin").expect_card("SO2", kind="task.prepay")
    shop.chat("lin").expect_card("SO2", kind="order.held")
    card.tap("task.snooze", until="2026-07-07")
    shop.at("2026-07-07 10:00")
    card.tap("task.other", note="周五付款")
    assert shop.tasks("甲", "prepay") == [("li", "answered"), ("lin", "open")]
    assert "task.other" in theirs.buttons
    told(shop)
