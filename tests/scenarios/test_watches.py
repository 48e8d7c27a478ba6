"""What is watched from an amount of the policy on: single receivables are tagged, a customer's overdue total is reported."""

from typing import Any

import pytest
from sqlalchemy import select

from bot import engine
from core.models import Audit, Hold
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.ordering import place
from tests.scenarios.racing import at_once, other
from tests.scenarios.test_todo import listed, opened

REPORT = """
[[watch]]
name = "report"
of = "overdue"
over = { CNY = "1000", USD = "200" }
audience = ["role:management"]
"""
HIGHER = REPORT.replace("report", "crisis").replace("1000", "5000")
KEY = """
[[watch]]
name = "key"
of = "receivable"
over = "500"
tag = "重点监控"
"""
KEY_LADDER = """
name = "key"
letters = "off"
[[ladder]]
name = "key"
[ladder.when]
tag = ["重点监控"]
[[ladder.step]]
id = "key1"
at = 1
audience = ["role:finance_manager"]
action = "task"
severity = "overdue"
message = "task.overdue"
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """Monday at nine; 甲 of li, and boss in the management."""
    hk.begin("2026-07-06 09:00")
    hk.people(boss="management")
    hk.customer("甲", "li", credit_limit_minor=300_000)
    hk.policy(ONE_STEP + REPORT)
    return hk


def looked(shop: Harness, at: str) -> None:
    shop.now = shop.now.__class__.fromisoformat(at.replace(" ", "T") + ":00+08:00")
    engine.report_watched(shop.app.transactions, shop.now)
    shop.deliver()


def owed(shop: Harness, amount: str, number: str, **more: Any) -> None:
    shop.receivable("甲", amount, due="2026-07-01", issued="2026-06-01", number=number, **more)


def reports(shop: Harness, who: str = "boss") -> list[Card]:
    return [card for card in shop.chat(who).unread() if card.json["kind"] == "watch.report"]


def rest(shop: Harness) -> None:
    """Everybody reads what else they were sent."""
    for person in ("li", "wang", "zhao", "zhou", "cai", "fm", "boss"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


def watched(shop: Harness) -> list[tuple[str, str, bool]]:
    H = table_of(Hold)
    with shop.look() as work:
        rows = work.session.execute(select(H).where(H.c.kind == "watch").order_by(H.c.id))
        return [(row.step, row.currency, row.ended_on is not None) for row in rows]


def test_a_total_above_the_amount_is_reported_once_with_its_figures(shop: Harness) -> None:
    owed(shop, "1000.00", "I1")
    looked(shop, "2026-07-06 09:00")
    assert reports(shop) == [], "1,000 is not more than 1,000"
    owed(shop, "0.01", "I2")
    looked(shop, "2026-07-06 10:00")
    card = shop.chat("boss").expect_card(
        "¥1,000.01", "超过 ¥1,000.00", "经营会议", "最长 5 天", "1–30天 ¥1,000.01", "¥3,000.00，已用 ¥1,000.01",
        kind="watch.report",
    )  # fmt: skip
    assert "负责人 li" in card.text
    looked(shop, "2026-07-06 11:00")
    owed(shop, "500.00", "I3")
    looked(shop, "2026-07-07 09:00")
    assert reports(shop) == [] and watched(shop) == [("report", "CNY", False)]


def test_it_says_when_the_total_is_below_again_and_comes_again_with_the_next_time(shop: Harness) -> None:
    owed(shop, "1200.00", "I1")
    looked(shop, "2026-07-06 09:00")
    card = shop.chat("boss").expect_card(kind="watch.report")
    shop.pay("甲", "300.00", "I1")
    looked(shop, "2026-07-06 10:00")
    assert "逾期合计已不超过 ¥1,000.00" in card.text and card.json["state"] == "closed"
    owed(shop, "300.00", "I2")
    looked(shop, "2026-07-06 11:00")
    shop.chat("boss").expect_card("¥1,200.00", kind="watch.report")
    assert watched(shop) == [("report", "CNY", True), ("report", "CNY", False)]


def test_of_two_amounts_each_is_reported_on_the_way_up(shop: Harness) -> None:
    shop.policy(ONE_STEP + REPORT + HIGHER)
    owed(shop, "1200.00", "I1")
    looked(shop, "2026-07-06 09:00")
    shop.chat("boss").expect_card("超过 ¥1,000.00", kind="watch.report")
    owed(shop, "4000.00", "I2")
    looked(shop, "2026-07-06 10:00")
    shop.chat("boss").expect_card("超过 ¥5,000.00", kind="watch.report")
    shop.pay("甲", "4000.00", "I2")
    looked(shop, "2026-07-06 11:00")
    assert reports(shop) == [], "on the way down nobody is told anew"
    assert [step for step, _, ended in watched(shop) if not ended] == ["report"]
    owed(shop, "4000.00", "I3")
    looked(shop, "2026-07-06 12:00")
    shop.chat("boss").expect_card("超过 ¥5,000.00", kind="watch.report")


def test_what_was_reported_is_the_agenda_of_the_next_meeting_as_long_as_it_is_above(shop: Harness) -> None:
    shop.customer("乙", "li")
    owed(shop, "1200.00", "I1")
    shop.receivable("乙", "3000.00", due="2026-07-01", issued="2026-06-01", number="J1")
    looked(shop, "2026-07-06 09:00")
    assert len(reports(shop)) == 2
    shop.pay("甲", "100.00", "I1")
    items, rows = listed(shop, "boss")
    assert len(items) == 2 and all(item.startswith("watch:") for item in items)
    assert rows.index("乙 会议议题：逾期合计 ¥3,000.00") < rows.index("甲 会议议题：逾期合计 ¥1,100.00")
    assert "逾期专题报告 · ¥3,000.00" in opened(shop, "boss", items[0])
    shop.pay("乙", "2500.00", "J1")
    looked(shop, "2026-07-06 10:00")
    assert len(listed(shop, "boss")[0]) == 1 and listed(shop, "zhou")[0] == []
    rest(shop)


def test_each_currency_for_itself_and_what_is_not_due_not_at_all(shop: Harness) -> None:
    owed(shop, "900.00", "I1")
    owed(shop, "150.00", "U1", currency="USD")
    shop.receivable("甲", "9000.00", due="2026-12-01", number="L1")
    looked(shop, "2026-07-06 09:00")
    assert reports(shop) == []
    owed(shop, "60.00", "U2", currency="USD")
    looked(shop, "2026-07-06 10:00")
    shop.chat("boss").expect_card("US$210.00", "超过 US$200.00", kind="watch.report")


def test_it_stops_no_order_and_ends_with_the_policy(shop: Harness) -> None:
    owed(shop, "1200.00", "I1")
    looked(shop, "2026-07-06 09:00")
    answer = place(shop, "甲", "100.00", "SO1")
    assert [reason["code"] for reason in answer["reasons"]] == ["overdue"]
    shop.policy(ONE_STEP)
    looked(shop, "2026-07-06 10:00")
    assert watched(shop) == [("report", "CNY", True)]
    rest(shop)


def test_the_morning_finds_it_by_itself_and_the_audit_has_it(shop: Harness) -> None:
    owed(shop, "1200.00", "I1")
    shop.at("2026-07-07 09:00")
    shop.chat("boss").expect_card("¥1,200.00", kind="watch.report")
    U = table_of(Audit)
    with shop.look() as work:
        [data] = work.session.execute(select(U.c.data).where(U.c.action == "watch.report")).scalars()
    assert data == {"watch": "report", "currency": "CNY"}
    rest(shop)


def test_two_servers_report_it_once(shop: Harness) -> None:
    owed(shop, "1200.00", "I1")
    with other(shop) as second:
        at_once(
            lambda: engine.report_watched(shop.app.transactions, shop.now),
            lambda: engine.report_watched(second.transactions, shop.now),
        )
    shop.deliver()
    assert len(reports(shop)) == 1 and watched(shop) == [("report", "CNY", False)]
    rest(shop)


def test_a_large_receivable_is_tagged_and_run_by_the_finance_manager_until_it_is_settled(shop: Harness) -> None:
    shop.policy(KEY_LADDER + ONE_STEP.split('letters = "off"')[1] + KEY)
    owed(shop, "500.01", "BIG")
    owed(shop, "500.00", "SMALL")
    shop.morning("2026-07-07")
    card = shop.chat("fm").expect_card("BIG", "重点监控", "¥500.01", kind="task.overdue")
    assert "SMALL" not in card.text
    assert "重点监控" not in shop.chat("li").expect_card("SMALL", kind="task.overdue").text
    shop.pay("甲", "400.00", "BIG")
    assert "重点监控" in card.text, "as long as anything of it is open"
    shop.type("li", "余额 甲")
    listed = shop.chat("li").expect_card(kind="reply.balance")
    assert "重点监控" in listed.text
    view = shop.type("fm", "余额 甲").view
    assert {row["number"]: row.get("tags") for row in view["open"]} == {"BIG": ["重点监控"], "SMALL": None}
    rest(shop)


LARGE = """
name = "large"
letters = "off"
[[ladder]]
name = "large"
[ladder.when]
above_average = "2"
[[ladder.step]]
id = "large_pre7"
at = -7
audience = ["owner"]
action = "task"
message = "task.due_soon"
[[ladder]]
name = "margin"
[ladder.when]
tag = ["低利润"]
[[ladder.step]]
id = "margin_pre3"
at = -3
audience = ["owner"]
action = "task"
message = "task.due_soon"
"""


def test_what_is_far_above_the_customers_average_is_reminded_of_earlier(shop: Harness) -> None:
    shop.policy(LARGE + ONE_STEP.split('letters = "off"')[1])
    for n in range(4):
        shop.receivable("甲", "100.00", due="2026-07-14", issued=f"2026-0{n + 1}-10", number=f"N{n}")
    shop.receivable("甲", "900.00", due="2026-07-14", issued="2026-06-10", number="LARGE")
    shop.receivable("甲", "5000.00", due="2026-07-14", issued="2025-06-10", number="OLD")
    shop.morning("2026-07-07")
    card = shop.chat("li").expect_card("LARGE", kind="task.due_soon")
    assert "OLD" in card.text and "N1" not in card.text, "5,000 is far above 260, too, though a year old and not in it"


def test_a_tag_of_the_file_chooses_the_ladder_even_when_it_comes_later(shop: Harness) -> None:
    shop.policy(LARGE + ONE_STEP.split('letters = "off"')[1])
    head = "number,customer,issued_on,due_on,amount,tags"
    shop.imports("receivables", head, "M1,甲,2026-06-01,2026-07-10,100.00,", "M2,甲,2026-06-01,2026-07-10,100.00,")
    shop.morning("2026-07-06")
    shop.chat("li").expect_nothing()
    shop.imports("receivables", head, "M1,甲,2026-06-01,2026-07-10,100.00,低利润", "M2,甲,2026-06-01,2026-07-10,100.00,")
    shop.morning("2026-07-07")
    card = shop.chat("li").expect_card("M1", "低利润", kind="task.due_soon")
    assert "M2" not in card.text
