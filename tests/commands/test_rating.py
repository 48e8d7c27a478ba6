"""/rating: what a customer is rated, what it goes by, and a rating that a person sets."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from core.credit.rating import refresh
from core.dunning.stored import active
from core.models import Promise
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import ROUTES, place

DUE = date(2026, 3, 2)


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    story = Harness(database_url)
    story.begin("2026-07-06 10:00")
    story.customer("甲", "li", name="甲商贸有限公司", short_name="甲商贸")
    yield story
    story.stop()


def paid(hk: Harness, *days_late: int) -> None:
    """Receivables of 100 each, due a week apart, each paid so many days late."""
    for n, late in enumerate(days_late):
        due = DUE + timedelta(days=7 * n)
        hk.receivable("甲", "100.00", due=due.isoformat(), issued=DUE.replace(month=1).isoformat(), number=f"P{n}")
        hk.pay("甲", "100.00", f"P{n}", on=(due + timedelta(days=late)).isoformat(), number=f"R{n}")


def rated(hk: Harness) -> None:
    with hk.db() as work:
        refresh(work, active(work)[1])


def says(hk: Harness, who: str, text: str, expect: str = "done") -> tuple[dict, str]:
    """(view, the card's text) of the answer."""
    reply = hk.type(who, text)
    assert reply.outcome == expect, reply
    card = hk.chat(who).unread()[-1]
    hk.read(card.id)
    return dict(reply.view), card.text


def test_a_new_customer_is_said_to_be_one(hk: Harness) -> None:
    paid(hk, 0)
    rated(hk)
    view, text = says(hk, "li", "评级 甲")
    assert (view["rating"], view["computed"], view["inputs"]["paid"]) == ("new", "new", 1)
    assert "新客户，暂无评级" in text and "已付清 1 笔，至少 3 笔" in text
    for line in ("余额 甲", "信用 甲", "评级 甲"):
        assert "new" not in says(hk, "li", line)[1]
    hk.person("li", locale="en")
    assert "new customer, not rated" in says(hk, "li", "/rating 甲")[1]


def test_every_input_with_its_figure_and_limit(hk: Harness) -> None:
    paid(hk, 40, 30, 35, 20, 0, 10, 25)
    hk.receivable("甲", "50.00", due="2026-07-01", number="OPEN")
    rated(hk)
    view, text = says(hk, "li", "/rating 甲")
    assert (view["rating"], view["source"], view["since"], view["current"]) == ("C", "computed", "2026-07-06", True)
    assert view["inputs"]["average_days_late"] == "21.7" and view["inputs"]["overdue_amount"] == "50.00"
    assert view["limits"]["cuts_days"] == {"A": 3, "B": 15, "C": 30} and view["limits"]["overdue_days_d"] == 30
    assert [row["days_late"] for row in view["receivables"]] == [40, 35, 30, 25, 20, 10, 5, 0]  # all of them
    for words in (
        "评级 C", "7月6日起", "平均逾期 21.7 天，不超过 30 天", "A ≤ 3 · B ≤ 15 · C ≤ 30", "7 笔（至少 3 笔）", "¥700.00",
        "86%", "7", "¥50.00，5天（超过 30 天为 D）", "0 次（2 次起为 D）", "0 笔（3 笔起上调一级）", "P0", "晚40天付",
        "还有 3 项",
    ):  # fmt: skip
        assert words in text, (words, text)
    assert "P4" not in text


def test_how_often_it_buys_how_much_at_a_time_and_how_long_it_takes_to_pay(hk: Harness) -> None:
    hk.receivable("甲", "300.00", due="2026-02-10", issued="2026-01-10", number="A1")
    hk.receivable("甲", "100.00", due="2026-03-10", issued="2026-02-08", number="A2")
    hk.receivable("甲", "200.01", due="2026-09-01", issued="2026-06-30", number="A3")
    hk.receivable("甲", "9000.00", due="2025-03-10", issued="2025-02-08", number="OLD")
    hk.receivable("甲", "77.00", due="2026-03-10", issued="2026-02-08", number="USD", currency="USD")
    hk.pay("甲", "300.00", "A1", on="2026-02-19", number="R1")  # 40 days after the invoice
    hk.pay("甲", "100.00", "A2", on="2026-03-10", number="R2")  # 30 days
    place(hk, "甲", "500.00", "SO1")
    place(hk, "甲", "700.00", "SO2", terms="现结")
    place(hk, "甲", "9.00", "SO3", lines=[{"price": "9", "cost": "10"}])
    view, text = says(hk, "li", "评级 甲")
    assert view["profile"] == {
        "currency": "CNY", "payment_days": "37.5",
        "receivables": {"count": 3, "amount": "600.01", "per_month": "0.3", "average": "200.00"},
        "orders": {"count": 2, "amount": "1200.00", "per_month": "0.2", "average": "600.00"},
    }  # fmt: skip
    for words in ("每月 0.3 笔，平均 ¥200.00", "每月 0.2 单，平均 ¥600.00", "开票后 37.5 天"):
        assert words in text, (words, text)


def test_who_is_known_for_two_months_buys_in_two_months(hk: Harness) -> None:
    for n, day in enumerate(("2026-05-20", "2026-06-01", "2026-06-30")):
        hk.receivable("甲", "100.00", due="2026-09-01", issued=day, number=f"A{n}")
    view, text = says(hk, "li", "评级 甲")
    assert view["profile"]["receivables"]["per_month"] == "1.5" and view["profile"]["payment_days"] is None
    assert "付款期" not in text and "下单频次" not in text


def test_every_row_is_reached_page_by_page(hk: Harness) -> None:
    for n in range(25):
        hk.receivable("甲", "100.00", due="2026-03-02", issued="2026-01-02", number=f"P{n:02}")
        hk.pay("甲", "100.00", f"P{n:02}", on=(DUE + timedelta(days=n + 1)).isoformat(), number=f"R{n:02}")
    rated(hk)
    assert len(says(hk, "li", "评级 甲")[0]["receivables"]) == 25
    view, text = says(hk, "li", "评级 甲 明细")
    assert len(view["rows"]) == 25
    assert view["rows"][0] == {
        "kind": "receivable", "number": "P24", "due": "2026-03-02", "paid": "2026-03-27", "days_late": 25,
        "amount": "100.00", "currency": "CNY", "weighed": True,
    }  # fmt: skip
    assert "25 项" in text and "下一页：评级 甲 明细 2" in text and "P05" in text and "P04" not in text
    view, text = says(hk, "li", "/rating 甲 details 2")
    assert "第 2 页，共 2 页" in text and "P04" in text and "P05" not in text and "下一页" not in text
    assert says(hk, "li", "评级 甲 明细 x", "invalid")[0]["error"]["code"] == "command.rest"


def test_every_version_is_told(hk: Harness) -> None:
    """When, from what to what, why and by whom, the newest first."""
    paid(hk, 0, 0, 0, 0)
    rated(hk)
    hk.at("2026-07-08 10:00")
    says(hk, "zhou", "评级 甲 C 到 9-30 更换负责人")
    view, text = says(hk, "li", "评级 甲 历史")
    newest, first = view["history"]
    assert (newest["date"], newest["from"], newest["to"], newest["by"]) == ("2026-07-08", first["to"], "C", "zhou")
    assert (newest["reason"], newest["until"], newest["source"]) == ("更换负责人", "2026-09-30", "override")
    assert (first["from"], first["source"], first["by"], first["version"]) == (None, "computed", None, 1)
    set_by_hand = "人工设定 · 更换负责人 · 至9月30日"
    for words in ("评级变更 2 次", f"{first['to']} → C", set_by_hand, "zhou", "按付款记录计算", "7月8日"):
        assert words in text, (words, text)
    assert [row["to"] for row in says(hk, "li", "/rating 甲 history")[0]["history"]] == ["C", first["to"]]


def test_set_by_hand_with_a_reason_and_an_end(hk: Harness) -> None:
    paid(hk, 40, 40, 40)
    rated(hk)
    assert says(hk, "zhou", "评级 甲")[0]["rating"] == "D"
    view, text = says(hk, "zhou", "评级 甲 b 到 9-30 已换财务负责人")
    assert view["input"] == {"rating": "B", "until": "2026-09-30", "reason": "已换财务负责人"}
    assert "评级已设定" in text and "9月30日" in text and "已换财务负责人" in text
    view, text = says(hk, "li", "评级 甲")
    assert (view["rating"], view["source"], view["until"], view["by"]) == ("B", "override", "2026-09-30", "zhou")
    assert (view["computed"], view["current"]) == ("D", True)
    for words in ("评级 B", "zhou", "9月30日", "已换财务负责人", "应为 D", "平均逾期 40.0 天，超过 30 天"):
        assert words in text, (words, text)
    with hk.look() as work:
        from sqlmodel import select

        from core.models import Audit

        [audit] = work.session.exec(select(Audit).where(Audit.action == "rating.overridden")).all()
        assert audit.data["before"] == "D" and audit.data["after"] == "B" and audit.data["until"] == "2026-09-30"


@pytest.mark.parametrize("text", ["已换负责人 到 9-30", "9月30日前 已换负责人", "已换负责人 by Sep 30"])
def test_its_end_may_stand_anywhere(hk: Harness, text: str) -> None:
    view, _ = says(hk, "zhou", f"评级 甲 B {text}")
    assert view["input"] == {"rating": "B", "until": "2026-09-30", "reason": "已换负责人"}


def test_a_name_that_is_not_exact_is_asked_back(hk: Harness) -> None:
    hk.customer("C019", "li", name="华兴商贸有限公司", short_name="华兴商贸", search="\nc019\n华兴商贸有限公司\n华兴商贸\n")
    reply = hk.type("zhou", "/rating 华兴 A until 2026-09-30 老客户 关系好")
    assert reply.view["confirm"]["action"] == "rating.set"
    card = hk.chat("zhou").expect_card("设定评级", "A", "老客户 关系好", kind="reply.confirm")
    assert says(hk, "li", "评级 C019")[0]["rating"] is None
    card.tap("reply.confirm")
    assert says(hk, "li", "评级 C019")[0]["rating"] == "A"


@pytest.mark.parametrize("who", ["li", "wang", "cai"])
def test_who_may_not(hk: Harness, who: str) -> None:
    assert says(hk, who, "评级 甲 A 到 9-30 老客户", "not_allowed")[0]["error"]["code"] == "action.not_allowed"
    assert says(hk, who, "评级 甲")[0]["rating"] is None


def test_not_for_a_customer_of_another_region(hk: Harness) -> None:
    hk.set_customer("甲", region="华东")
    hk.person("fm", region="华南")
    assert says(hk, "fm", "评级 甲", "invalid")[0]["error"]["code"] == "customer.unknown"
    hk.act("fm", "rating.set", "甲", expect="not_allowed", rating="A", until="2026-09-30", reason="老客户")
    assert says(hk, "zhou", "评级 甲")[0]["rating"] is None


@pytest.mark.parametrize("who", ["zhou", "fm"])
def test_who_may(hk: Harness, who: str) -> None:
    says(hk, who, "评级 甲 A 到 9-30 老客户")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("评级", "customer.missing"),
        ("评级 没有的客户", "customer.unknown"),
        ("评级 甲 E 到 9-30 老客户", "rating.unknown_value"),
        ("评级 甲 new 到 9-30 老客户", "rating.unknown_value"),
        ("评级 甲 A", "command.usage"),
        ("评级 甲 A 老客户", "date.unknown"),
        ("评级 甲 A 到 9-30", "rating.no_reason"),
        ("评级 甲 A 到 2026-07-05 老客户", "date.past"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(hk: Harness, text: str, code: str) -> None:
    view, _ = says(hk, "zhou", text, "invalid")
    assert view["error"]["code"] == code
    assert says(hk, "zhou", "评级 甲")[0]["rating"] is None


def test_each_code_has_words_in_both_languages() -> None:
    from bot.words import words_of

    for code in ("unknown_customer", "unknown_value", "no_reason", "until_past"):
        words = words_of(f"rating.{code}")
        assert words is not None and all(words)


SCORED = """
[credit.rating]
method = "score"
weights = { avg_late_days = 50, broken_promises = 30, usage = 20 }
"""


def test_the_score_with_every_input_its_points_and_weight(hk: Harness) -> None:
    hk.policy(ONE_STEP + ROUTES + SCORED)
    paid(hk, 18, 18, 18)
    rated(hk)
    view, text = says(hk, "li", "/rating 甲")
    # 18 of 45 days: 60 points; no promise broken: 100; no limit: left out. (50 × 60 + 30 × 100) ÷ 80
    assert (view["rating"], view["score"]["value"], view["score"]["decides"]) == ("B", "75.0", True)
    assert view["parts"] == [
        {"code": "score", "rating": "B", "is": "75.0", "limit": 60},
    ]  # fmt: skip
    assert view["score"]["inputs"]["usage"] == {"figure": None, "points": None, "weight": 20}
    for words in (
        "评分 75.0（A ≥ 80 · B ≥ 60 · C ≥ 40）", "依据 B", "评分 75.0，不低于 60", "平均逾期天数 50%", "18，得 60.0 分",
        "额度使用率 20%", "无数据，不计", "P0", "晚18天付",
    ):  # fmt: skip
        assert words in text, (words, text)
    hk.person("li", locale="en")
    text = says(hk, "li", "/rating 甲")[1]
    assert "Score 75.0" in text and "average days late 50%" in text and "18: 60.0 points" in text


def test_a_new_customer_who_is_long_overdue_is_told_why(hk: Harness) -> None:
    paid(hk, 0)
    hk.receivable("甲", "50.00", due="2026-06-01", number="OPEN")
    rated(hk)
    view, text = says(hk, "li", "评级 甲")
    assert (view["rating"], [part["code"] for part in view["parts"]]) == ("D", ["too_few_paid", "overdue"])
    assert "已付清 1 笔，不足 3 笔" in text and "现有逾期 35 天，超过 30 天" in text


def test_the_rows_behind_promises_disputes_and_credit_notes(hk: Harness) -> None:
    paid(hk, 0, 0, 0)
    card = hk.receivable("甲", "50.00", due="2026-07-01", number="OPEN")
    assert card
    hk.credit_note("甲", "5.00", "OPEN")
    hk.type("li", "争议 甲 quality 10")
    with hk.db() as work:
        for state, due in (("broken", date(2026, 6, 30)), ("kept", date(2026, 5, 29)), ("broken", date(2025, 1, 1))):
            work.session.add(Promise(
                customer_id=1, currency="CNY", amount_minor=40_00, due_on=due, ends_on=due, made_at=work.now, state=state
            ))  # fmt: skip
    for person in ("li", "fm", "cai"):
        for said in hk.chat(person).unread():
            hk.read(said.id)
    view, text = says(hk, "li", "/rating 甲")
    assert view["promises"] == [
        {"date": "2026-06-30", "amount": "40.00", "currency": "CNY", "state": "broken"},
        {"date": "2026-05-29", "amount": "40.00", "currency": "CNY", "state": "kept"},
    ]
    assert view["disputes"] == [{"date": "2026-07-06", "amount": "10.00", "currency": "CNY", "reason": "quality"}]
    [note] = view["credit_notes"]
    assert (note["amount"], view["inputs"]["returned"], view["inputs"]["disputes"]) == ("5.00", "5.00", 1)
    assert (view["inputs"]["promises_kept"], view["inputs"]["promises_judged"]) == (1, 2)
    for words in ("承诺 6月30日 ¥40.00，未兑现", "争议 7月6日 ¥10.00，质量问题", "红字 7月6日 ¥5.00", "兑现承诺 1/2"):
        assert words in text, (words, text)
