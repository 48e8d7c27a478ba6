"""What others report of a customer: who hears of it, and what it stops."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.models import Audit, RiskEvent
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import ROUTES, opened, place, state
from tests.scenarios.racing import count

A, K = table_of(Audit), table_of(RiskEvent)
HEADER = "source,key,customer,kind,severity,happened_on,text,url"
LAWSUIT = "天眼查,L1,甲,诉讼,重大,2026-07-03,货款纠纷 80 万,https://risk.example/L1"
LISTED = "协会,B1,甲,blacklist,info,2026-07-02,多家拖欠"


@pytest.fixture
def shop(hk: Harness) -> Iterator[Harness]:
    hk.people(feng="risk")
    yield opened(hk)
    for person in ("li", "zhao", "zhou", "cai", "fm", "feng"):
        for card in hk.chat(person).unread():
            if card.json["kind"].startswith(("order.", "credit.", "reply.")):
                hk.read(card.id)


def with_setting(line: str) -> str:
    return ONE_STEP + ROUTES.replace("[credit]", f"[credit]\n{line}", 1)


def reported(shop: Harness, *lines: str, kind: str = "risk-events") -> tuple[int, int, int, list[str]]:
    report = shop.imports(kind, HEADER, *lines)
    return report["created"], report["updated"], report["unchanged"], [p["code"] for p in report["rejected"]]


def test_risk_and_the_owner_hear_what_is_at_stake(shop: Harness) -> None:
    shop.customer("乙", "li", tax_id="T1")
    shop.set_customer("甲", tax_id="T1")
    shop.receivable("甲", "300.00", "2026-06-29")
    assert place(shop, "甲", "100.00", "SO1")["verdict"] == "held"
    assert reported(shop, LAWSUIT) == (1, 0, 0, [])
    card = shop.chat("feng").expect_card(
        "天眼查", "涉诉", "重大", "7月3日", "货款纠纷 80 万", "¥300.00，逾期 ¥300.00（7天）", "SO1", "乙（乙）",
        "https://risk.example/L1", "拉黑 甲 原因", kind="risk.event",
    )  # fmt: skip
    assert card.buttons == []
    card = shop.chat("li").expect_card("涉诉", "先问风控或财务", kind="risk.event")
    assert "拉黑" not in str(card.json)
    assert count(shop, Audit, A.c.action == "risk.recorded") == 1
    assert shop.type("feng", "拉黑 甲 已核实").outcome == "done"  # as the card says
    assert shop.holds("甲") == ["blacklist"] and state(shop, "SO1") == "refused"
    shop.chat("cai").expect_card("关联企业排查", "乙", kind="task.related")


def test_the_same_report_again_says_nothing_new(shop: Harness) -> None:
    reported(shop, LAWSUIT)
    for person in ("feng", "li"):
        shop.chat(person).expect_card(kind="risk.event")
    assert reported(shop, LAWSUIT) == (0, 0, 1, [])
    assert reported(shop, LAWSUIT.replace("80", "90")) == (0, 1, 0, [])
    assert not shop.chat("feng").unread() and count(shop, Audit, A.c.action == "risk.updated") == 1


def test_what_gets_worse_is_told(shop: Harness) -> None:
    assert reported(shop, LAWSUIT.replace("重大", "警示")) == (1, 0, 0, [])
    assert not shop.chat("feng").unread()
    assert reported(shop, LAWSUIT) == (0, 1, 0, [])
    for person in ("feng", "li"):
        shop.chat(person).expect_card("重大", kind="risk.event")


def test_a_policy_may_want_warnings_told(shop: Harness) -> None:
    shop.policy(with_setting('risk_alerts = "warning"'))
    reported(shop, LAWSUIT.replace("重大", "warning"), LAWSUIT.replace("重大", "info").replace("L1", "L2"))
    for person in ("feng", "li"):
        shop.chat(person).expect_card("警示", kind="risk.event")


def test_without_anybody_for_risk_the_finance_director_hears_of_it(hk: Harness) -> None:
    opened(hk)
    reported(hk, LAWSUIT)
    for person in ("zhou", "li"):
        hk.chat(person).expect_card("涉诉", kind="risk.event")


@pytest.mark.parametrize(("policy", "holds", "verdict"), [
    ("alert", [], "released"), ("hold", ["manual"], "held"), ("blacklist", ["blacklist"], "refused"),
])  # fmt: skip
def test_a_blacklisting_elsewhere_stops_what_the_policy_says(
    shop: Harness, policy: str, holds: list[str], verdict: str
) -> None:
    shop.policy(with_setting(f'on_blacklist_event = "{policy}"'))
    assert place(shop, "甲", "1500.00", "SO1")["verdict"] == "held"
    assert reported(shop, LISTED) == (1, 0, 0, [])
    for person in ("feng", "li"):
        shop.chat(person).expect_card("外部黑名单", "协会", kind="risk.event")
    assert shop.holds("甲") == holds
    assert state(shop, "SO1") == ("refused" if policy == "blacklist" else "held")
    assert place(shop, "甲", "1.00", "SO2")["verdict"] == verdict
    assert reported(shop, LISTED) == (0, 0, 1, []) and shop.holds("甲") == holds


def test_a_customer_that_paid_for_it_is_not_blacklisted_again_by_the_same_report(shop: Harness) -> None:
    shop.policy(with_setting('on_blacklist_event = "blacklist"'))
    reported(shop, LISTED)
    for person in ("feng", "li"):
        shop.chat(person).expect_card(kind="risk.event")
    shop.act("zhou", "blacklist.end", "甲", reason="已澄清")
    reported(shop, LISTED)
    reported(shop, LISTED.replace("多家拖欠", "两家拖欠"))
    assert shop.holds("甲") == []


def test_what_is_no_report(shop: Harness) -> None:
    shop.customer("乙", "li")
    reported(shop, LAWSUIT.replace("重大", "info"))
    codes = reported(
        shop, "天眼查,L2,丙,诉讼,重大,2026-07-03", "天眼查,L3,甲,破产,重大,2026-07-03", "天眼查,L4,甲,诉讼,高,2026-07-03",
        "天眼查,L5,甲,诉讼,重大,2026-07-07", "天眼查,L6,甲,诉讼,重大,2026-07-03,,javascript:alert(1)",
        "天眼查,,甲,诉讼,重大,2026-07-03", ",L7,甲,诉讼,重大,2026-07-03", "天眼查,L1,乙,诉讼,重大,2026-07-03",
    )[3]  # fmt: skip
    assert [code.removeprefix("import.") for code in codes] == [
        "unknown_customer", "bad_value", "bad_value", "not_yet", "bad_value", "missing_value", "missing_value",
        "event_of_another",
    ]  # fmt: skip
    assert count(shop, RiskEvent) == 1 and not shop.chat("feng").unread()


def test_credit_and_rating_say_what_was_reported(shop: Harness) -> None:
    reported(shop, LAWSUIT.replace("重大", "警示"), LISTED.replace("2026-07-02", "2024-07-02").replace("blacklist", "other"))
    for command in ("/credit 甲", "/rating 甲"):
        reply = shop.type("feng", command)
        said: dict[str, Any] = reply.view
        assert [(e["key"], e["happened_on"]) for e in said["risk_events"]] == [("L1", "2026-07-03")], command
        assert "涉诉（警示），7月3日，天眼查" in str(reply.card), command
