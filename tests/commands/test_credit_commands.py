"""/approvals, /order, /credit and /todo: what waits for whom, what became of an order, what is left of a limit."""

from collections.abc import Iterator

import pytest

from bot.words import explain
from core.errors import DomainError
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import opened, place, told


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    story = Harness(database_url)
    yield opened(story)
    story.stop()


def says(hk: Harness, who: str, text: str, expect: str = "done") -> tuple[dict, str]:
    """(view, the card's text) of the answer."""
    reply = hk.type(who, text)
    assert reply.outcome == expect, reply
    card = hk.chat(who).unread()[-1]
    hk.read(card.id)
    return dict(reply.view), card.text


# --- approvals and /todo ---


def test_approvals_are_listed_for_whoever_decides(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1", note="老客户")
    told(hk)
    view, text = says(hk, "zhou", "审批")
    [row] = view["approvals"]
    assert (row["order"], row["customer"], row["by"]) == ("SO-1", "甲", "li")
    assert (row["amount"], row["over"]) == ("1500.00", "500.00")
    assert row["since"] == "2026-07-06T10:00:00+08:00" and row["expires"].endswith("+08:00")
    assert "SO-1" in text and "¥500.00" in text
    for other in ("li", "wang", "ada"):
        view, text = says(hk, other, "/approvals")
        assert view["approvals"] == [] and "没有待您审批" in text


def test_what_is_listed_opens_its_card(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1")
    told(hk)
    hk.type("zhou", "/approvals")
    listed = hk.chat("zhou").expect_card(kind="reply.approvals")
    request = hk.type("zhou", "/approvals").view["approvals"][0]["request"]
    told(hk, "reply.approvals")
    listed.tap("task.open", task=f"credit:{request}")
    card = hk.chat("zhou").expect_card("SO-1", kind="credit.request", buttons=("credit.approve", "credit.reject"))
    card.tap("credit.approve")
    told(hk)
    assert says(hk, "zhou", "/approvals")[0]["approvals"] == []


def test_todo_lists_the_approval(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1")
    told(hk)
    view, text = says(hk, "zhou", "待办")
    [row] = view["waiting"]
    assert (row["kind"], row["order"], row["amount"], row["by"]) == ("credit.request", "SO-1", "1500.00", "li")
    assert row["item"].startswith("credit:") and row["until"]
    assert "SO-1" in text and "信用审批" in text
    assert says(hk, "wang", "待办")[0]["waiting"] == []


def test_what_has_expired_waits_for_nobody(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1")
    told(hk)
    hk.sleep_until("2026-07-20 10:00")
    assert says(hk, "zhou", "审批")[0]["approvals"] == []
    assert says(hk, "zhou", "待办")[0]["waiting"] == []


def test_whoever_has_voted_waits_for_the_others(hk: Harness) -> None:
    hk.policy('name = "both"\nletters = "off"\n[[ladder]]\nname = "all"\n[[ladder.step]]\nid = "over1"\nat = 1\n'
              'audience = ["owner"]\naction = "task"\nseverity = "overdue"\nmessage = "task.overdue"\n'
              '[[credit.route]]\nname = "rest"\n'
              'rungs = [{ audience = ["role:finance_director", "role:sales_director"], need = "all" }]\n')  # fmt: skip
    place(hk, "甲", "1500.00", "SO-1")
    hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve")
    told(hk)
    assert says(hk, "zhou", "审批")[0]["approvals"] == []
    assert len(says(hk, "zhao", "审批")[0]["approvals"]) == 1
    view, text = says(hk, "li", "订单 SO-1")
    assert view["asked"] == ["zhou", "zhao"] and [d["by"] for d in view["decisions"]] == ["zhou"]
    assert "zhou 已批准" in text


def test_each_level_says_who_decided_there_also_after_they_have_left(hk: Harness) -> None:
    hk.policy(ONE_STEP + '[[credit.route]]\nname = "rest"\n'
              'rungs = [{ audience = ["role:sales_director"] }, { audience = ["role:finance_director"] }]\n')  # fmt: skip
    place(hk, "甲", "1500.00", "SO-1")
    hk.chat("zhao").expect_card(kind="credit.request").tap("credit.approve")
    told(hk)
    hk.person("zhao", roles=["sales_manager"])
    hk.people(sun="sales_director")
    hk.at("2026-07-06 14:00")
    assert "第 1/2 级 zhao 已批准" in says(hk, "li", "订单 SO-1")[1]
    hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve")
    told(hk)
    text = says(hk, "li", "订单 SO-1")[1]
    assert "第 1/2 级 zhao 已批准" in text and "第 2/2 级 zhou 已批准" in text
    hk.person("li", locale="en")
    assert "Approved by zhao (step 1 of 2)" in says(hk, "li", "/order SO-1")[1]


# --- one order ---


def test_an_order_says_why_it_is_held_and_who_is_asked(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1", note="老客户", terms="net30")
    told(hk)
    view, text = says(hk, "li", "订单 SO-1")
    assert (view["verdict"], view["state"], view["asked"], view["by"]) == ("held", "held", ["zhou"], "li")
    assert view["reasons"][0] == {"code": "over_limit", "amount": "500.00", "currency": "CNY"}
    assert "订单暂缓放行" in text and "超信用额度 ¥500.00" in text and "等zhou审批，截至" in text and "老客户" in text
    assert says(hk, "li", "order so-1")[0] == view


@pytest.mark.parametrize(
    ("action", "values", "state", "words"),
    [
        ("credit.approve", {}, "released", ("订单已放行", "zhou 已批准")),
        ("credit.reject", {"reason": "先还旧账"}, "rejected", ("订单已驳回", "zhou 已驳回：先还旧账")),
        ("credit.approve_with", {"prepay_percent": "30"}, "conditions", ("附条件批准", "预付30%", "预付款 ¥450.00 未到账")),
    ],
)
def test_an_order_says_what_was_decided_by_whom(
    hk: Harness, action: str, values: dict[str, str], state: str, words: tuple[str, ...]
) -> None:
    place(hk, "甲", "1500.00", "SO-1")
    hk.chat("zhou").expect_card(kind="credit.request").tap(action, **values)
    told(hk)
    view, text = says(hk, "li", "订单 SO-1")
    assert (view["state"], view["asked"], view["request"]) == (state, [], None)
    assert [(d["by"], d["approve"]) for d in view["decisions"]] == [("zhou", action != "credit.reject")]
    for word in words:
        assert word in text
    hk.person("li", locale="en")
    english = says(hk, "li", "/order SO-1")[1].replace("甲", "").replace("先还旧账", "")
    assert not any("一" <= char <= "鿿" for char in english), english


def test_nobody_learns_of_orders_that_they_may_not_see(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1")
    told(hk)
    foreign, unknown = says(hk, "lin", "订单 SO-1", "invalid"), says(hk, "lin", "订单 SO-9", "invalid")
    assert foreign[0]["error"]["code"] == "order.unknown"
    assert foreign[1] == unknown[1].replace("SO-9", "SO-1")
    says(hk, "ada", "订单 SO-1", "invalid")
    for who in ("li", "wang", "zhao", "zhou", "cai"):
        says(hk, who, "订单 SO-1")
    says(hk, "li", "订单", "invalid")


def test_whose_order_it_is_may_see_it_when_the_customer_is_somebody_elses_by_now(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1", asked_by="li")
    told(hk)
    hk.set_customer("甲", owner="lin")
    assert says(hk, "li", "订单 SO-1")[0]["by"] == "li"


def test_an_order_names_nobody_who_does_not_see_the_customer(hk: Harness) -> None:
    said = []
    for who in ("lin", "ada", "nobody"):
        with pytest.raises(DomainError) as refused:
            place(hk, "甲", "1500.00", "SO-1", asked_by=who)
        said.append(explain(refused.value)["message"].replace(who, "x"))
        assert refused.value.code == "person.unknown" and who in explain(refused.value)["message"]
    assert len(set(said)) == 1
    says(hk, "lin", "订单 SO-1", "invalid")
    place(hk, "甲", "1500.00", "SO-1", asked_by="wang")  # li's manager
    told(hk)


# --- a customer's credit ---


def test_credit_adds_up(hk: Harness) -> None:
    hk.receivable("甲", "300.00", due="2026-07-20")
    hk.receivable("甲", "100.00", due="2026-07-03")
    place(hk, "甲", "200.00", "SO-1")
    place(hk, "甲", "1500.00", "SO-2")
    told(hk)
    view, text = says(hk, "li", "信用 甲")
    assert view["limit"] == "1000.00" and view["cash_only"] is False and view["temporary"] is None
    [exposure] = view["exposure"]
    assert (exposure["open"], exposure["overdue"]) == ("400.00", "100.00")
    released = [o for o in view["orders"] if o["verdict"] == "released"]
    used = 400 + sum(float(o["amount"]) for o in released)
    assert (float(view["used"]), float(view["available"])) == (used, 1000 - used)
    assert view["usage"] == f"{used / 10:.0f}%" and view["days_overdue_max"] == 3
    assert {p["order"] for p in view["pending"]} == {o["number"] for o in view["orders"] if o["verdict"] == "held"}
    assert "信用额度 ¥1,000.00" in text and "逾期 ¥100.00（3天）" in text and "待审批 SO-2" in text


def test_a_temporary_limit_shows_its_end(hk: Harness) -> None:
    place(hk, "甲", "1500.00", "SO-1")
    hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve_with", until="2026-07-31")
    told(hk)
    view, text = says(hk, "li", "/credit 甲")
    assert view["temporary"] == {"amount": "500.00", "until": "2026-07-31"}
    assert (view["limit"], view["base_limit"], view["used"], view["usage"]) == ("1500.00", "1000.00", "1500.00", "100%")
    assert "含临时额度 ¥500.00，至7月31日" in text


def test_no_limit_and_no_credit_are_not_the_same(hk: Harness) -> None:
    hk.customer("乙", "li")
    hk.customer("丙", "li", credit_limit_minor=0)
    hk.customer("丁", "li", credit_limit_minor=100_000, rating="D")
    hk.customer("戊", "li", rating="D")
    view, text = says(hk, "li", "信用 乙")
    assert (view["limit"], view["available"], view["usage"]) == (None, None, None) and "未设信用额度" in text
    for name in ("丙", "丁", "戊"):
        view, text = says(hk, "li", f"信用 {name}")
        assert (view["limit"], view["cash_only"], view["usage"]) == ("0.00", True, None) and "须款到发货" in text


def test_credit_is_for_whoever_sees_the_whole_customer(hk: Harness) -> None:
    assert says(hk, "lin", "信用 甲", "invalid")[0]["error"]["code"] == "customer.unknown"
    hk.receivable("甲", "300.00", due="2026-07-20", owner="lin")
    says(hk, "lin", "信用 甲", "not_allowed")
    says(hk, "cai", "信用 甲")


def test_a_credit_note_is_still_one(hk: Harness) -> None:
    assert says(hk, "cai", "/credit note 甲 10 错票")[0]["code"].startswith("credit_note.")


# --- orders that are receivables to come ---


def test_credit_lists_what_is_to_be_invoiced_by_order(hk: Harness) -> None:
    place(hk, "甲", "300.00", "SO-1")
    place(hk, "甲", "200.00", "SO-2")
    place(hk, "甲", "100.00", "SO-3")
    hk.imports("shipments", "number,customer,order,amount,shipped_on", "D1,甲,SO-1,250.00,2026-07-06")
    hk.receivable("甲", "120.00", due="2026-08-01", number="I1", order_no="SO-1")
    hk.receivable("甲", "200.00", due="2026-08-01", number="I2", order_no="SO-2")
    view, text = says(hk, "li", "信用 甲")
    assert view["uninvoiced"] == [
        {"order": "SO-1", "currency": "CNY", "amount": "300.00", "left": "180.00", "shipped": "130.00"},
        {"order": "SO-3", "currency": "CNY", "amount": "100.00", "left": "100.00", "shipped": "0.00"},
    ]
    assert "待开票 SO-1" in text and "¥180.00，其中已发货 ¥130.00" in text and "待开票 SO-3" in text
    assert "待开票 SO-2" not in text
    [exposure] = view["exposure"]
    assert (exposure["orders"], exposure["shipments"]) == ("150.00", "130.00")


def test_held_orders_and_closed_ones_are_no_receivables_to_come(hk: Harness) -> None:
    place(hk, "甲", "2000.00", "SO-1")
    for number in range(2, 9):
        place(hk, "甲", f"{number}.00", f"SO-{number}")
    told(hk)
    view, text = says(hk, "li", "信用 甲")
    assert [row["order"] for row in view["uninvoiced"]] == [f"SO-{n}" for n in range(2, 9)]
    assert "待开票 SO-6" in text and "待开票 SO-7" not in text and "2 单" in text
