"""As an outsider meets it: from an empty folder and the example files to a promise, with every shape that is promised."""

import csv
import io
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, CommandLine

CARD = {
    "delivery", "rev", "at", "updated_at", "kind", "customer", "task", "receivables", "severity", "title", "text",
    "fields", "rows", "actions", "footer", "state",
}  # fmt: skip
DECISION = {
    "customer", "receivable", "ladder", "step", "occurrence", "audience", "to", "outcome", "reason", "kind", "delivery",
}  # fmt: skip
REPORT = {"kind", "rows", "created", "updated", "unchanged", "rejected", "warnings", "rounded", "totals"}
BUCKETS = {"not_due", "d1_30", "d31_60", "d61_90", "d90_plus"}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HUIKUAN_")]:
        monkeypatch.delenv(name)
    yield CommandLine(tmp_path, capsys)


def is_card(card: dict[str, Any]) -> None:
    assert set(card) == CARD, set(card) ^ CARD
    assert isinstance(card["delivery"], int) and isinstance(card["rev"], int)
    assert card["state"] in ("open", "closed")
    assert all(datetime.fromisoformat(card[name]).tzinfo is not None for name in ("at", "updated_at"))
    assert card["severity"] in ("due_soon", "overdue", "severe", "critical", "", None)
    assert isinstance(card["receivables"], list)
    assert all(set(field) == {"label", "value"} for field in card["fields"])
    assert all(isinstance(cell, str) for row in card["rows"] for cell in row)
    for action in card["actions"]:
        assert set(action) == {"id", "label", "ask"}
        if action["ask"] is not None:
            assert set(action["ask"]) == {"kind", "inputs"} and action["ask"]["kind"] in ("date", "choice", "form")
            for asked in action["ask"]["inputs"]:
                assert {"name", "type", "required"} <= set(asked)


def money(text: str) -> bool:
    whole, dot, cents = text.lstrip("-").partition(".")
    return whole.isdigit() and bool(dot) and len(cents) == 2


def test_from_nothing_to_a_promise(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NAME", "我司"), ("BANK_ACCOUNT", "622"), ("SIGNATURE", "财务部")):
        monkeypatch.setenv(f"HUIKUAN_COMPANY_{name}", value)
    monkeypatch.setenv("HUIKUAN_LETTERS", "send")

    assert cli.process("db", "upgrade", "--json").json["state"] == "current"
    assert cli("db", "check", "--json").json == {"state": "current"}
    for kind in ("people", "customers", "receivables", "receipts"):
        report = cli("import", kind, str(ROOT / f"examples/{kind}.csv"), "--at", "2026-06-30T08:00", "--json").json
        assert set(report) >= REPORT
        assert report["kind"] == kind and report["created"] == report["rows"] > 0 and report["rejected"] == []
        assert set(report["rounded"]) == {"rows", "difference"}
        for total in report["totals"].values():
            assert set(total) == {"count", "amount"} and money(total["amount"])
    again = cli("import", "receivables", str(ROOT / "examples/receivables.csv"), "--at", "2026-06-30T08:00", "--json").json
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, again["rows"])

    ladder = str(ROOT / "examples/ladder-1-5-20-40.toml")
    assert cli("policy", "lint", ladder, "--json").json["ok"] is True
    assert "over1" in cli("policy", "show").out and cli("policy", "show", ladder, "--json").json["lines"]
    tried = cli("policy", "try", ladder, "--from", "2026-06-30", "--to", "2026-07-31", "--json").json
    assert {"from", "to", "days", "totals"} <= set(tried)
    assert {"by_step", "by_audience", "messages"} <= set(tried["totals"])
    for day in tried["days"]:
        assert set(day) == {"date", "decisions", "messages"}
        assert all(set(decision) == DECISION for decision in day["decisions"])

    fired = []
    for day in ("06-30", "07-01", "07-02"):
        for hour in range(9, 18):
            report = cli("run-once", "--at", f"2026-{day}T{hour:02}:00", "--json").json
            assert set(report) == {"at", "decisions", "changes", "sent", "deferred", "failed"}
            assert report["at"] == f"2026-{day}T{hour:02}:00:00+08:00" and report["failed"] == 0
            for decision in report["decisions"]:
                assert set(decision) == DECISION and isinstance(decision["to"], list)
                assert decision["outcome"] in ("acted", "superseded", "deferred", "cancelled")
                fired.append(tuple(decision[k] for k in ("customer", "receivable", "step", "occurrence", "audience")))
            for change in report["changes"]:
                assert set(change) == {"firing", "from", "to", "reason"}
    assert len(fired) == len(set(fired)) > 5, "each firing is reported once in its life"
    assert ("000101", "FP2026050012", "over1", 1, "owner") in fired
    error = cli.refused("run-once", "--at", "2026-07-02T16:59")
    assert error["code"] == "engine.before_last_cycle" and "17:00" in error["message"]

    chat = cli("chat", "lihua", "--json").json
    assert set(chat) == {"person", "cards"} and chat["person"] == "lihua"
    for card in chat["cards"]:
        is_card(card)
    times = [card["at"] for card in chat["cards"]]
    assert times == sorted(times), "newest last"
    letters = cli("mailbox", "--json").json["letters"]
    for letter in letters:
        assert set(letter) == {"at", "to", "cc", "subject", "text", "stage", "receivables"}
        assert letter["stage"] in (1, 2) and letter["receivables"] and "@" in letter["to"]
    assert {letter["to"] for letter in cli("mailbox", "000101", "--json").json["letters"]} == {"liukj@huaxing.example"}

    said = cli("say", "lihua", "/balance 000101", "--at", "2026-07-02T17:05", "--json").json
    assert {"reply", "view"} <= set(said)
    view = said["view"]
    assert set(view) >= {
        "customer", "currency", "balance", "overdue", "not_due", "undated", "unapplied", "buckets", "oldest_due",
        "days_overdue_max", "credit", "promises", "last_receipt", "open", "others",
    }  # fmt: skip
    assert set(view["customer"]) == {"code", "name", "rating", "owner"} and set(view["buckets"]) == BUCKETS
    figures = {k: float(view[k]) for k in ("balance", "overdue", "not_due", "unapplied")}
    assert round(figures["overdue"] + figures["not_due"] + figures["unapplied"], 2) == figures["balance"]
    assert all(set(item) == {"number", "issued", "due", "open", "days_overdue", "state"} for item in view["open"])
    hidden = cli("say", "chenjie", "/balance 000101", "--at", "2026-07-02T17:05", "--json").json
    nothing = cli("say", "chenjie", "/balance 999999", "--at", "2026-07-02T17:05", "--json").json
    assert str(hidden["view"]).replace("000101", "") == str(nothing["view"]).replace("999999", "")
    assert "华兴" not in str(hidden)
    todo = cli("say", "lihua", "待办", "--at", "2026-07-02T17:05", "--json").json["view"]
    assert set(todo) >= {"person", "tasks"} and todo["tasks"]
    for task in todo["tasks"]:
        assert set(task) >= {"task", "customer", "severity", "overdue", "days_overdue_max", "answer_by", "state"}
    aging = cli("say", "zhouyan", "账龄", "--at", "2026-07-02T17:05", "--json").json["view"]
    assert set(aging) >= {"as_of", "basis", "currency", "groups", "buckets", "unapplied", "total", "undated", "others"}
    total = sum(float(amount) for amount in aging["buckets"].values()) + float(aging["unapplied"])
    assert round(total, 2) == float(aging["total"])
    overdue = cli("say", "zhouyan", "逾期", "--at", "2026-07-02T17:05", "--json").json["view"]
    assert set(overdue) >= {"as_of", "currency", "customers"}

    card = next(c for c in reversed(chat["cards"]) if c["kind"].startswith("task.") and c["state"] == "open")
    words = ["tap", str(card["delivery"]), "task.promise", "date=2026-07-10", "--at", "2026-07-02T17:10", "--json"]
    out_of_scope = cli(*words, "--as", "chenjie", code=1).json
    unknown = cli("tap", "999999", *words[2:], "--as", "chenjie", code=1).json
    assert out_of_scope["outcome"] == unknown["outcome"] == "invalid"
    assert out_of_scope["card"] is unknown["card"] is None
    assert out_of_scope["message"].replace(str(card["delivery"]), "") == unknown["message"].replace("999999", "")
    done = cli(*words, "--as", "lihua").json
    assert set(done) == {"outcome", "message", "card"} and done["outcome"] == "done" and done["message"]
    is_card(done["card"])
    assert done["card"]["delivery"] == card["delivery"] and done["card"]["state"] == "closed"
    assert cli(*words, "--as", "lihua").json["outcome"] == "already"
    assert cli.refused(*[w for w in words if w != "--json"], "--as", "nobody")["code"] == "person.unknown"

    checked = cli("ledger", "check", "--json").json
    assert checked["ok"] is True
    health = cli("doctor", "--data", "--json").json
    assert {"checks", "cases", "gaps"} <= set(health) and not [c for c in health["checks"] if c["state"] == "fail"]
    assert all(case["next"] or case["state"] == "waiting" or case["on"] is None for case in health["cases"])
    for kind in ("receivables", "customers", "receipts", "people"):
        printed = cli.process("export", kind, "--at", "2026-07-02").out
        assert list(csv.DictReader(io.StringIO(printed.lstrip("\ufeff"))))
    applied = cli("policy", "apply", ladder, "--as", "wuguang", "--at", "2026-07-02T20:00", "--json").json
    assert applied["active_from"] == "2026-07-03T09:00:00+08:00" and applied["cases"]
    report = cli("run-once", "--at", "2026-07-03T09:00", "--json").json
    assert {d["step"] for d in report["decisions"]} <= {"l1", "l5", "l20", "l40"}
