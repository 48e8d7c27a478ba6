"""Goods that left and that nobody has signed for, or invoiced: somebody is asked, once, and no longer once it is done."""

from typing import Any

import pytest
from sqlalchemy import event

from core import invoicing, unsigned
from core.dunning.policy import default_policy
from core.dunning.stored import active
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import closed, opened, place, told

SHIPMENTS = "number,customer,order,amount,currency,shipped_on,signed_on"
RECEIVABLES = "number,customer,issued_on,due_on,amount,order,terms"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def ship(hk: Harness, *lines: str) -> dict[str, Any]:
    return hk.imports("shipments", SHIPMENTS, *lines)


def invoice(hk: Harness, *lines: str) -> dict[str, Any]:
    return hk.imports("receivables", RECEIVABLES, *lines)


# --- nobody signs ---


def test_goods_that_nobody_signs_for_are_the_reps_task_until_somebody_does(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,", "D2,甲,SO1,200.00,,2026-07-08,")
    shop.morning("2026-07-15")
    assert shop.tasks("甲", "sign") == []
    shop.morning("2026-07-16")
    buttons = ("task.other", "task.snooze")
    card = shop.chat("li").expect_card("¥400.00", "D1", "7月6日", "10 天", kind="task.sign", buttons=buttons)
    assert "D2" not in card.text
    shop.morning("2026-07-18")
    card.expect_update("¥600.00", "D2")
    shop.morning("2026-07-21")
    assert shop.tasks("甲", "sign") == [("li", "open")]
    assert "未签收" in str(shop.chat("li").say("待办"))
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-20")
    card.expect_update("D2", "¥200.00")
    ship(shop, "D2,甲,SO1,200.00,,2026-07-08,2026-07-20")
    card.expect_update("已签收")
    assert shop.tasks("甲", "sign") == [("li", "settled")]
    told(shop)


def test_what_is_invoiced_or_never_left_needs_no_signature(shop: Harness) -> None:
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,", "D2,甲,SO2,200.00,,2026-07-06,", "D3,甲,SO3,300.00,,2026-07-06,")
    invoice(shop, "I1,甲,2026-07-06,2026-09-06,400.00,SO1,")
    ship(shop, "D2,甲,SO2,0,,2026-07-06,")
    shop.morning("2026-07-16")
    card = shop.chat("li").expect_card("D3", "¥300.00", kind="task.sign")
    assert "D1" not in card.text and "D2" not in card.text
    invoice(shop, "I3,甲,2026-07-16,2026-09-06,300.00,SO3,")
    card.expect_update("无需再处理")
    shop.morning("2026-08-10")
    assert shop.tasks("甲", "sign") == [("li", "settled")]


def test_a_due_date_that_waits_for_the_signature_is_a_reason_to_ask_all_the_same(shop: Harness) -> None:
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,")
    invoice(shop, "I1,甲,2026-07-06,,400.00,SO1,签收后30天")
    shop.morning("2026-07-16")
    card = shop.chat("li").expect_card("D1", "账期自签收起算", kind="task.sign")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-15")
    card.expect_update("已签收")


def test_what_the_rep_has_said_holds_for_as_long_again_unless_there_is_more(shop: Harness) -> None:
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,", "D2,甲,SO2,100.00,,2026-07-09,")
    shop.morning("2026-07-16")
    shop.chat("li").expect_card("D1", kind="task.sign").tap("task.other", note="司机还没交回")
    shop.morning("2026-07-18")
    assert shop.tasks("甲", "sign") == [("li", "answered")]
    shop.morning("2026-07-20")
    more = shop.chat("li").expect_card("D1", "D2", "¥500.00", kind="task.sign")
    more.tap("task.other", note="周五寄回")
    shop.morning("2026-07-29")
    assert shop.tasks("甲", "sign") == [("li", "answered"), ("li", "answered")]
    shop.morning("2026-07-31")
    shop.chat("li").expect_card("D1", "D2", kind="task.sign")


def test_each_rep_is_asked_about_orders_of_their_own(shop: Harness) -> None:
    shop.set_customer("甲", owner="lin")
    place(shop, "甲", "300.00", "SO1", asked_by="lin")
    shop.set_customer("甲", owner="li")
    ship(shop, "D1,甲,SO1,300.00,,2026-07-06,", "D2,甲,SO2,100.00,,2026-07-06,")
    shop.morning("2026-07-16")
    theirs = shop.chat("lin").expect_card("D1", kind="task.sign")
    mine = shop.chat("li").expect_card("D2", kind="task.sign")
    assert "D2" not in theirs.text and "D1" not in mine.text
    mine.tap("task.other", note="明天取")
    assert shop.tasks("甲", "sign") == [("lin", "open"), ("li", "answered")]
    told(shop)


def test_the_policy_says_when_and_whether(shop: Harness) -> None:
    shop.policy(ONE_STEP + "[credit]\nunsigned_days = 3\nuninvoiced_days = 0\n")
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,")
    shop.morning("2026-07-09")
    card = shop.chat("li").expect_card("3 天", kind="task.sign")
    shop.policy(default_policy().text.replace("unsigned_days = 10", "unsigned_days = 0"))
    ship(shop, "D1,甲,SO1,401.00,,2026-07-06,")
    card.expect_update("无需再处理")
    shop.morning("2026-07-31")
    assert shop.tasks("甲", "sign") == [("li", "settled")]


# --- nobody invoices ---


def test_an_order_that_is_closed_and_never_invoiced_is_told_to_finance_once(shop: Harness) -> None:
    for number in ("SO1", "SO2", "SO3"):
        place(shop, "甲", "300.00", number)
    invoice(shop, "I2,甲,2026-07-06,2026-09-06,100.00,SO2,")
    for number in ("SO1", "SO2"):
        closed(shop, number)
    shop.morning("2026-07-15")
    assert shop.tasks("甲", "invoice") == []
    shop.morning("2026-07-16")
    card = shop.chat("cai").expect_card("SO1", "¥300.00", "7月6日", kind="task.invoice", buttons=("task.other",))
    assert "SO2" not in card.text and "SO3" not in card.text
    shop.morning("2026-07-20")
    assert shop.tasks("甲", "invoice") == [("cai", "open")]
    invoice(shop, "I1,甲,2026-07-20,2026-09-20,300.00,SO1,")
    card.expect_update("已开票")
    assert shop.tasks("甲", "invoice") == [("cai", "settled")]
    told(shop)


def test_what_finance_says_of_a_closed_order_is_the_last_word(shop: Harness) -> None:
    place(shop, "甲", "300.00", "SO1")
    closed(shop, "SO1")
    shop.morning("2026-07-16")
    shop.chat("cai").expect_card("SO1", kind="task.invoice").tap("task.other", note="客户取消，没有发货")
    shop.morning("2026-08-20")
    assert shop.tasks("甲", "invoice") == [("cai", "answered")]


def test_an_order_that_nobody_released_brought_nothing_to_invoice(shop: Harness) -> None:
    place(shop, "甲", "3000.00", "SO1")
    told(shop)
    closed(shop, "SO1")
    shop.deliver()
    shop.morning("2026-07-20")
    assert shop.tasks("甲", "invoice") == []


def test_signed_goods_that_finance_has_put_off_come_back_once_when_they_are_late(shop: Harness) -> None:
    ship(shop, "D1,甲,SO1,400.00,,2026-07-06,2026-07-06")
    shop.chat("cai").expect_card("D1", kind="task.invoice").tap("task.other", note="明天开")
    shop.morning("2026-07-15")
    assert shop.tasks("甲", "invoice") == [("cai", "answered")]
    shop.morning("2026-07-16")
    shop.chat("cai").expect_card("D1", "¥400.00", kind="task.invoice").tap("task.other", note="样品，不开票")
    shop.morning("2026-08-20")
    assert shop.tasks("甲", "invoice") == [("cai", "answered"), ("cai", "answered")]


def test_a_closed_order_whose_goods_left_is_signed_for_first_and_then_invoiced(shop: Harness) -> None:
    place(shop, "甲", "300.00", "SO1")
    ship(shop, "D1,甲,SO1,300.00,,2026-07-06,")
    closed(shop, "SO1")
    shop.morning("2026-07-16")
    card = shop.chat("li").expect_card("D1", kind="task.sign")
    assert shop.tasks("甲", "invoice") == []
    ship(shop, "D1,甲,SO1,300.00,,2026-07-06,2026-07-16")
    card.expect_update("已签收")
    due = shop.chat("cai").expect_card("D1", "¥300.00", kind="task.invoice")
    invoice(shop, "I1,甲,2026-07-16,2026-09-06,300.00,SO1,")
    due.expect_update("已开票")


def test_many_customers_are_looked_at_in_as_many_statements_as_few(shop: Harness) -> None:
    for n in range(30):
        shop.customer(f"乙{n}", "li")
    ship(shop, *(f"D{n},乙{n},SO{n},10.00,,2026-07-01," for n in range(30)))
    shop.sleep_until("2026-07-16 09:00")
    assert statements(shop, 30) == statements(shop, 2)


def statements(hk: Harness, many: int) -> int:
    """How many it takes to find what is late of so many customers."""
    seen: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    with hk.look() as work:
        policy, engine = active(work)[1], work.session.get_bind()
        customers = unsigned.customers(work, policy)[:many]
        event.listen(engine, "before_cursor_execute", listen)
        try:
            assert len(unsigned.awaited(work, policy, customers)) == many
            invoicing.late(work, policy)
        finally:
            event.remove(engine, "before_cursor_execute", listen)
    return len(seen)
