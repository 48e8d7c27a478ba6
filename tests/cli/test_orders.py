"""Orders from a file, and what waits for an approval, on the command line."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine

AT = ("--at", "2026-06-02T10:00")
CUSTOMERS = "code,name,owner,credit_limit,finance_email\nC001,华兴商贸,li,150000.00,a@x.example\n"
ORDER = {"number": "SO-1", "customer": "C001", "amount": "10000.00"}


@pytest.fixture
def shop(hk: CommandLine, company: Callable[[], None]) -> CommandLine:
    """华兴商贸 owes 120,000 of 150,000."""
    company()
    hk("import", "customers", hk.file("limits.csv", CUSTOMERS), "--at", "2026-06-02T09:30")
    return hk


def put(hk: CommandLine, orders: Any, name: str = "orders.json") -> str:
    return hk.file(name, json.dumps(orders, ensure_ascii=False))


def test_an_order_is_released_or_held_and_asks_at_once(shop: CommandLine) -> None:
    file = put(shop, [ORDER, {**ORDER, "number": "SO-2", "amount": "50000.00", "note": "老客户"}])
    made = shop("order", "submit", file, "--source", "shop", *AT, "--json").json
    assert made["failed"] == 0
    first, second = made["orders"]
    assert first == {"number": "SO-1", "verdict": "released", "reasons": [], "request": None}
    assert (second["number"], second["verdict"]) == ("SO-2", "held") and second["request"]
    assert [reason["code"] for reason in second["reasons"]] == ["over_limit"]
    kinds = [card["kind"] for card in shop("chat", "zhou", "--json").json["cards"]]
    assert kinds == ["credit.request"]
    assert [card["kind"] for card in shop("chat", "li", "--json").json["cards"]] == ["order.held"]
    again = shop("order", "submit", file, "--source", "shop", *AT, "--json").json
    assert again == made
    assert len(shop("chat", "zhou", "--json").json["cards"]) == 1


def test_one_order_needs_no_list_and_people_read_a_table(shop: CommandLine) -> None:
    said = shop("order", "submit", put(shop, {**ORDER, "amount": "50000.00"}), *AT).out
    assert "SO-1" in said and "订单暂缓放行" in said and "超信用额度 ¥20,000.00" in said
    assert "SO-1" in shop("approvals", "--as", "zhou", *AT).out
    assert "没有待审批" in shop("approvals", "--as", "li", *AT).out


def test_a_bad_order_does_not_stop_the_good_ones(shop: CommandLine) -> None:
    bad: list[Any] = [
        "SO-0", {**ORDER, "number": "A", "amuont": "1"}, {"customer": "C001", "amount": "1"},
        {**ORDER, "number": "B", "amount": 1.5}, {**ORDER, "number": "C", "customer": "C404"},
        {**ORDER, "number": "D", "asked_by": "nobody"}, {**ORDER, "number": "E", "note": "a\0b"}, None, [],
    ]  # fmt: skip
    made = shop("order", "submit", put(shop, [*bad, ORDER]), *AT, "--json", code=1).json
    assert [answer.get("error", {}).get("code") for answer in made["orders"]] == [
        "order.not_an_object", "order.unknown_field", "order.field_missing", "order.amount", "customer.unknown",
        "person.unknown", "order.bad_field", "order.not_an_object", "order.not_an_object", None,
    ]  # fmt: skip
    assert made["failed"] == len(bad) and [a["number"] for a in made["orders"]][:2] == [None, "A"]
    for answer in made["orders"][:-1]:
        assert answer["error"]["message"] and "{" not in answer["error"]["message"] and "…" not in answer["error"]["message"]
    changed = put(shop, {**ORDER, "amount": "20000.00"}, "changed.json")
    said = shop("order", "submit", changed, *AT, "--json", code=1).json
    assert said["orders"][0]["error"]["code"] == "order.conflict" and said["orders"][0]["number"] == "SO-1"
    other = shop("order", "submit", changed, "--source", "erp", *AT, "--json").json
    assert other["orders"][0]["verdict"] == "released"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "order.not_json"),
        (b"", "order.not_json"),
        (b'{"number": "\xff"}', "order.not_utf8"),
        (b'{"number": "\\ud800"}', "order.not_utf8"),
        (b"[" * 100_000, "order.too_deep"),
        (b'{"amount": "1", "amount": "2"}', "order.field_twice"),
        (b'{"amount": ' + b"9" * 5000 + b"}", "order.not_json"),
        (b"[" + b"1," * 1000 + b"1]", "order.too_many"),
        (b" " * 1_000_001, "order.file_too_large"),
    ],
)
def test_a_file_that_is_none_changes_nothing(shop: CommandLine, content: bytes, code: str) -> None:
    (shop.folder / "bad.json").write_bytes(content)
    assert shop.refused("order", "submit", "bad.json", *AT)["code"] == code


def test_names_that_are_wrong(shop: CommandLine) -> None:
    assert shop.refused("order", "submit", "nowhere.json", *AT)["code"] == "file.unreadable"
    assert shop.refused("order", "submit", ".", *AT)["code"] == "file.unreadable"
    file = put(shop, ORDER)
    assert shop.refused("order", "submit", file, "--as", "nobody", *AT)["code"] == "person.unknown"
    assert shop.refused("order", "submit", file, "--source", "x" * 65, *AT)["code"] == "order.bad_field"
    assert shop.refused("approvals", "--as", "nobody")["code"] == "person.unknown"
    assert shop.refused("approvals")["code"] == "usage.wrong"
    assert put(shop, []) and shop("order", "submit", "orders.json", "--json").json == {"orders": [], "failed": 0}


def test_standard_input_and_whoever_enters_it(shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\ufeff" + json.dumps({**ORDER, "amount": "50000.00"})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    made = shop("order", "submit", "-", "--as", "zhou", *AT, "--json").json
    assert made["orders"][0]["verdict"] == "held"
    assert shop("approvals", "--as", "zhou", *AT, "--json").json["approvals"] == [], "who entered it doesn't decide"


def test_who_enters_an_order_learns_nothing_of_customers_that_are_not_theirs(shop: CommandLine) -> None:
    shop("import", "people", shop.file("nan.csv", "handle,name,roles\nnan,小南,rep\n"), "--at", "2026-06-02T09:30")
    orders = [ORDER, {**ORDER, "number": "SO-2", "customer": "C404"}]
    made = shop("order", "submit", put(shop, orders), "--as", "nan", *AT, "--json", code=1).json
    foreign, unknown = (answer["error"] for answer in made["orders"])
    assert foreign["code"] == "customer.unknown"
    assert foreign == {**unknown, "message": unknown["message"].replace("C404", "C001")}
    assert shop("order", "submit", put(shop, ORDER), "--as", "li", *AT, "--json").json["orders"][0]["verdict"] == "released"
    known = shop("order", "submit", put(shop, ORDER), "--as", "nan", *AT, "--json", code=1).json["orders"][0]["error"]
    assert known == foreign, "though the order is known by now"
    named = shop("order", "submit", put(shop, {**ORDER, "number": "SO-3", "asked_by": "nan"}), *AT, "--json", code=1).json
    assert named["orders"][0]["error"]["code"] == "person.unknown"


def test_approvals_as_json(shop: CommandLine) -> None:
    made = shop("order", "submit", put(shop, {**ORDER, "amount": "50000.00"}), *AT, "--json").json
    found = shop("approvals", "--as", "zhou", *AT, "--json").json
    assert found["person"] == "zhou"
    [row] = found["approvals"]
    assert row["request"] == made["orders"][0]["request"] and (row["customer"], row["over"]) == ("C001", "20000.00")
    assert row["since"] == "2026-06-02T10:00:00+08:00"
    assert shop("approvals", "--as", "zhou", "--at", "2026-06-30T10:00", "--json").json["approvals"] == [], "expired"


def test_with_a_real_messenger_the_cards_wait_for_serve(shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "local,slack")
    for name, value in (("BOT_TOKEN", "xoxb-1-2-abc"), ("APP_TOKEN", "xapp-1-A-1-abc")):
        monkeypatch.setenv(f"HUIKUAN_SLACK_{name}", value)
    file = put(shop, {**ORDER, "amount": "50000.00"})
    assert shop.refused("order", "submit", file, *AT)["code"] == "time.at_refused"
    assert shop("order", "submit", file, "--json").json["orders"][0]["verdict"] == "held"
    assert shop("chat", "zhou", "--json").json["cards"] == []


def test_what_the_command_line_lacks_is_said(shop: CommandLine) -> None:
    shop("order", "submit", put(shop, {**ORDER, "amount": "50000.00"}), *AT)
    [card] = shop("chat", "zhou", "--json").json["cards"]
    answer = shop("tap", str(card["delivery"]), "credit.reject", "--as", "zhou", *AT, "--json", code=1).json
    assert answer["outcome"] == "invalid" and "驳回原因：reason=…" in answer["message"]
    again = shop("order", "submit", put(shop, {**ORDER, "amount": "1.00"}), *AT, code=1)
    assert "PUT /api/v1/orders/" in again.out, "what to do stands beside what is wrong"


def test_credit_is_decided_in_the_real_messenger_only(shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """At this machine anybody could tap in the director's name."""
    shop("order", "submit", put(shop, {**ORDER, "amount": "50000.00"}), *AT)
    [card] = shop("chat", "zhou", "--json").json["cards"]
    tap = ("tap", str(card["delivery"]))
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "local,slack")
    for name, value in (("BOT_TOKEN", "xoxb-1-2-abc"), ("APP_TOKEN", "xapp-1-A-1-abc")):
        monkeypatch.setenv(f"HUIKUAN_SLACK_{name}", value)
    tries = (["credit.approve"], ["credit.approve_with", "prepay_percent=30"], ["credit.reject", "reason=不行"])
    assert shop("say", "zhou", "1", "--json").json["outcome"] == "not_allowed", "a button by its number"
    for action, *given in tries:
        answer = shop(*tap, action, *given, "--as", "zhou", "--json", code=1).json
        assert answer["outcome"] == "not_allowed" and "企业微信、钉钉或 Slack" in answer["message"], action
    asked = shop(*tap, "credit.reject", "--as", "zhou", "--json", code=1).json  # not even the form
    assert asked["outcome"] == "not_allowed"
    away = shop("say", "zhou", "外出 到 月底 代理 @li", "--json").json
    assert away["outcome"] == "not_allowed", "nor is anybody made a deputy"
    assert shop("say", "li", "待办", "--json").json["outcome"] == "done", "the rest works as ever"
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "local")
    shop("order", "submit", put(shop, {**ORDER, "number": "SO-2", "amount": "50000.00"}), *AT)
    cards = [one["delivery"] for one in shop("chat", "zhou", "--json").json["cards"] if "SO-2" in str(one)]
    assert shop("tap", str(cards[-1]), "credit.approve", "--as", "zhou", *AT, "--json").json["outcome"] == "done"


def test_the_data_stays_whole(shop: CommandLine, tmp_path: Path) -> None:
    shop("order", "submit", put(shop, [{**ORDER, "number": f"SO-{n}"} for n in range(20)]), *AT)
    assert shop("ledger", "check", "--json").json["ok"]


def test_orders_and_shipments_come_in_by_file(shop: CommandLine) -> None:
    orders = "number,customer,amount,渠道\nSO-1,C001,10000.00,天猫\nSO-2,C001,50000.00,\nSO-3,C404,1.00,\n"
    file = shop.file("orders.csv", orders)
    made = shop("import", "orders", file, *AT, "--json", code=1).json
    assert (made["created"], made["released"], made["held"], made["refused"]) == (2, 1, 1, 0)
    assert [problem["code"] for problem in made["rejected"]] == ["import.unknown_customer"]
    assert "放行 0，暂缓 0，拒绝 0" in shop("import", "orders", file, *AT, code=1).out
    shipments = "number,customer,order,amount,shipped_on\nD-1,C001,SO-1,10000.00,2026-06-02\n"
    assert shop("import", "shipments", shop.file("shipments.csv", shipments), *AT, "--json").json["created"] == 1
    assert shop("ledger", "check", "--json").json["problems"] == []


def test_a_part_beyond_its_limit_is_said_in_the_file_as_on_the_card(
    shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (Path(__file__).parents[2] / "core/dunning/default.toml").read_text(encoding="utf-8")
    limits = 'part_limits = { open = "119999.50" }'
    wrong = rules.replace("part_limits = {}", 'part_limits = { open = "-1", paid = 5 }')
    said = shop("policy", "lint", shop.file("wrong.toml", wrong), code=1).out
    assert "paid" in said and "-1 不是 CNY 的有效金额" in said
    policy = shop.file("parts.toml", rules.replace("part_limits = {}", limits))
    assert "应收余额 ¥119,999.50；超出的须审批" in shop("policy", "show", policy).out
    shop("policy", "apply", policy, "--as", "zhou", "--at", "2026-06-02T09:45")
    [answer] = shop("order", "submit", put(shop, ORDER), *AT, "--json").json["orders"]
    assert answer["reasons"] == [
        {"code": "over_part_limit", "part": "open", "amount": "0.50", "limit": "119999.50", "currency": "CNY"}
    ]
    said = "应收余额超分项额度 ¥0.50（上限 ¥119,999.50）"
    assert said in shop("chat", "zhou", "--json").json["cards"][0]["text"]
    assert said in shop("export", "orders", "--at", "2026-06-02").out
    monkeypatch.setenv("HUIKUAN_LANG", "en")
    [order] = shop("export", "orders", "--at", "2026-06-02", "--json").json["items"]
    assert order["reasons"] == "open receivables over the limit of CN¥119,999.50 by CN¥0.50"


def test_orders_go_back_to_the_erp_with_what_became_of_them(shop: CommandLine) -> None:
    shop("order", "submit", put(shop, [ORDER, {**ORDER, "number": "SO-2", "amount": "50000.00", "terms": "net30"}]), *AT)
    bills = "number,customer,issued_on,due_on,amount,order\nB1,C001,2026-06-03,2026-07-03,6000.00,SO-1\n"
    shop("import", "receivables", shop.file("b.csv", bills), "--at", "2026-06-03T09:00")
    file = shop.file("p.csv", "customer,received_on,amount,receivable\nC001,2026-06-05,2500.00,B1\n")
    shop("import", "receipts", file, "--at", "2026-06-05T09:00")
    sent = "number,customer,order,amount,shipped_on\nD1,C001,SO-1,8000.00,2026-06-04\n"
    shop("import", "shipments", shop.file("d.csv", sent), "--at", "2026-06-05T09:00")

    def told(day: str) -> list[tuple[str, ...]]:
        names = ("number", "state", "amount", "shipped", "invoiced", "settled", "open_amount")
        return [tuple(row[name] for name in names) for row in shop("export", "orders", "--at", day, "--json").json["items"]]

    assert told("2026-06-05") == [
        ("SO-1", "released", "10000.00", "8000.00", "6000.00", "2500.00", "3500.00"),
        ("SO-2", "held", "50000.00", "0.00", "0.00", "0.00", "0.00"),
    ]
    assert told("2026-06-04")[0] == ("SO-1", "released", "10000.00", "8000.00", "6000.00", "0.00", "6000.00")
    assert told("2026-06-02")[0] == ("SO-1", "released", "10000.00", "0.00", "0.00", "0.00", "0.00")
    assert told("2026-06-01") == []
    [_, held] = shop("export", "orders", "--at", "2026-06-05", "--json").json["items"]
    assert (held["customer"], held["terms"], held["decided_at"]) == ("C001", "net30", "")
    assert held["placed_at"] == "2026-06-02T10:00:00+08:00" and held["asked_by"] == "li"
    assert held["reasons"].startswith("超信用额度 ¥")
    shop("export", "orders", "orders.xlsx")
