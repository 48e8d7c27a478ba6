"""Bad files, hostile names and wrong moments through the real command line: an exit code, a sentence, never a traceback,
and names that arrive as they were typed."""

import csv
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.notifications.leaves import TemplateError
from tests.cli.conftest import CommandLine
from tests.conftest import locks_waited_for

NAMES = [
    "<!channel> 公司", "{{7*7}}{% raw %}", "]]><x>&amp;", "**x** _y_ `z` ~q~", "@all @所有人", "甲" * 200, "🧾🤝 GmbH",
    "a|b|c", "=SUM(A1)", "O'Brien \"& Söhne\"", "%s %(x)s {0} {name}", "\\n\\u0041", "<script>alert(1)</script>",
    "[链接](http://x.example)", "-- ; DROP TABLE customer;", "$" + "{jndi:x}", "&lt;b&gt;", "١٢٣ עברית",
]  # fmt: skip
PEOPLE = (
    "handle,name,roles,manager\nli,小李,rep,wang\nwang,王总,sales_manager,\ncai,财务,finance,\n"
    "fm,经理,finance_manager,\ngone,走,rep,\n"
)
TYPED = [
    "", " ", "/", "//", "\x00", "余额", "余额 甲" + "甲" * 5000, "/promise 甲 yesterday", "/promise 甲 明天 1e9",
    "/promise 甲 0001-01-01", "/receipt 甲 NaN 明天", "/dispute 甲 because ∞", "/pause 甲 until 31/02 x",
    "/allocate a b c", "/log", "/snooze", "1 2 3", "９９ 明天", "/balance '; drop table customer;--", "/aging @nobody",
    "/overdue -1", "/overdue 1e9", "/lang xx",
]  # fmt: skip


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HUIKUAN_")]:
        monkeypatch.delenv(name)
    yield CommandLine(tmp_path, capsys)


def table(cli: CommandLine, name: str, rows: list[list[str]]) -> str:
    with (cli.folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return name


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_hostile_names_arrive_as_they_were_typed(
    cli: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", database_url)
    for name, value in (("NAME", "我司"), ("BANK_ACCOUNT", "622"), ("SIGNATURE", "财务部")):
        monkeypatch.setenv(f"HUIKUAN_COMPANY_{name}", value)
    monkeypatch.setenv("HUIKUAN_LETTERS", "send")
    cli("import", "people", cli.file("p.csv", PEOPLE))
    rows = [["code", "name", "owner", "finance_email"]]
    rows += [[f"C{n:02}", name, "li", f"c{n}@x.example"] for n, name in enumerate(NAMES)]
    cli("import", "customers", table(cli, "c.csv", rows))
    # One due date a working day, so that no digest takes the cards in.
    days = [f"2026-07-{d:02}" for d in (1, 2, 3, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24)]
    owed = [["number", "customer", "issued_on", "due_on", "amount"]]
    owed += [[f"I-{name[:40]}", f"C{n:02}", "2026-06-01", days[n], "10.00"] for n, name in enumerate(NAMES)]
    cli("import", "receivables", table(cli, "r.csv", owed), "--at", "2026-06-20T09:00")
    for day in range(22, 31):
        cli("run-once", "--at", f"2026-06-{day}T09:00")
    for day in range(1, 28):
        report = cli("run-once", "--at", f"2026-07-{day:02}T09:00", "--json").json
        assert report["failed"] == 0, report
    cards = cli("chat", "li", "--json").json["cards"]
    by_customer = {card["customer"]: card for card in cards if card["customer"]}
    assert len(by_customer) == len(NAMES)
    for number, name in enumerate(NAMES):
        card = by_customer[f"C{number:02}"]
        shown = list(texts(card))
        start = name[:30]
        assert any(start in text for text in shown), (name, shown)
        assert not any("49" in text for text in shown if "{{7" in name), shown
        whole = [text for text in shown if name in text]
        assert whole or len(name) > 100, (name, shown)
    letters = cli("mailbox", "--json").json["letters"]
    assert {letter["receivables"][0] for letter in letters} == {row[0] for row in owed[1:]}
    assert "‹" not in str(letters)
    answer = cli("say", "li", "/balance C01", "--at", "2026-07-27T10:00", "--json").json
    assert answer["view"]["customer"]["name"] == NAMES[1]
    for number in (0, 5, 8):
        exported = cli("export", "customers", "--json").json["items"][number]["name"]
        assert exported.lstrip("'") == NAMES[number]
    page = _page(cli, database_url)
    for name in NAMES:
        assert name[:30] in page, name


def _page(cli: CommandLine, url: str) -> str:
    """What the page of the local messenger gets as JSON, markup and all: text."""
    from bot.adapters.local import store
    from bot.app import App
    from bot.settings import Settings
    from bot.web.page import item

    app = App(Settings(database_url=url))
    with app.transactions.look(app.clock()) as work:
        found = store.chat(work.session, "li")
        today = work.today
        every = list(found)
        while found and (found := store.chat(work.session, "li", before=found[0].id)):
            every = [*found, *every]
        drawn = [item(message, "full", today) for message in every]
    app.engine.dispose()
    return "\n".join(texts(json.loads(json.dumps(drawn, default=str))))


BAD = [
    ("amount", "1.234,56"), ("amount", "-5"), ("amount", "1e9"), ("amount", "NaN"), ("amount", "Infinity"),
    ("amount", "0x10"), ("amount", "12,34"), ("amount", "10.005"), ("amount", ""), ("amount", "9" * 30),
    ("due_on", "31/02/2026"), ("due_on", "2026-02-30"), ("due_on", "soon"), ("due_on", "0001-01-01"),
    ("customer", "C404"), ("currency", "XXQ"), ("currency", "元"), ("number", ""), ("kind", "gift"), ("owner", "nobody"),
    ("number", "N" * 300),
]  # fmt: skip


def test_every_bad_row_is_named_and_the_good_ones_land(cli: CommandLine) -> None:
    cli("import", "people", cli.file("p.csv", PEOPLE))
    cli("import", "customers", cli.file("c.csv", "code,name\nC1,甲\n"))
    head = ["number", "customer", "issued_on", "due_on", "amount", "currency", "kind", "owner"]
    rows = [head]
    for number, (column, value) in enumerate(BAD):
        good = dict(zip(head, [f"B{number}", "C1", "2026-06-01", "2026-07-01", "10.00", "CNY", "", "li"], strict=True))
        rows.append([*(good | {column: value}).values()])
    rows += [["G1", "C1", "2026-06-01", "2026-07-01", "10.00", "", "", ""]] * 2  # twice in one file
    rows += [["G2", "C1", "2026-06-01", "", "5", "JPY", "", ""]]
    report = cli("import", "receivables", table(cli, "r.csv", rows), "--json", code=1).json
    bad = {(row["row"], row["column"]) for row in report["rejected"]}
    for number, (column, value) in enumerate(BAD):
        assert (number + 2, column) in bad, (column, value)
    assert all(set(row) == {"row", "column", "value", "code", "reason"} and row["reason"] for row in report["rejected"])
    assert report["created"] == 2 and report["totals"]["JPY"]["amount"] == "5"
    with (cli.folder / "r.csv.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) == len(report["rejected"]) + 1
    assert cli("ledger", "check", "--json").json["ok"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe\x00\xd8\x00", "import.encoding"),
        (b"code,name\nC1,\x81\x00\x98\xff\xff\n", "import.encoding"),
        (b"", "import.empty"),
        (b"kunde,name\nC1,x\n", "import.missing_column"),
        (b"code,name,name\nC1,x,y\n", "import.duplicate_column"),
        (b"PK\x03\x04not a workbook", "import.bad_workbook"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(cli: CommandLine, content: bytes, code: str) -> None:
    (cli.folder / "f.csv").write_bytes(content)
    error = cli.refused("import", "customers", "f.csv")
    assert error["code"] == code and error["hint"], error
    cli.refused("import", "customers", ".")


def test_ambiguous_dates_are_never_guessed(cli: CommandLine) -> None:
    cli("import", "customers", cli.file("c.csv", "code,name\nC1,甲\n"))
    file = cli.file("r.csv", "number,customer,due_on,amount\nI1,C1,03/04/2026,5\n")
    assert cli.refused("import", "receivables", file)["code"] == "import.ambiguous_dates"


@pytest.fixture
def overdue(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("HUIKUAN_LETTERS", "off")
    cli("import", "people", cli.file("p.csv", PEOPLE))
    cli("import", "people", cli.file("q.csv", "handle,name,active\ngone,走,no\n"))
    cli("import", "customers", cli.file("c.csv", "code,name,owner\nC1,甲,li\n"))
    file = cli.file("r.csv", "number,customer,issued_on,due_on,amount\nI1,C1,2026-06-01,2026-07-01,100.00\n")
    cli("import", "receivables", file, "--at", "2026-06-02T09:00")
    cli("run-once", "--at", "2026-07-02T09:00")
    return cli


def test_who_is_unknown_or_gone(overdue: CommandLine) -> None:
    at = ["--at", "2026-07-02T10:00"]
    for who, code in (("nobody", "person.unknown"), ("gone", "person.inactive"), ("", "person.unknown")):
        assert overdue.refused("say", who, "/help", *at)["code"] == code
        assert overdue.refused("tap", "1", "task.log", "--as", who, *at)["code"] == code
        assert overdue.refused("chat", who)["code"] == code


@pytest.mark.parametrize("delivery", ["0", "-1", "x", "²", "1e3", "99999999999999999999999", "1;2", "", "999999"])
def test_taps_on_what_is_no_card(overdue: CommandLine, delivery: str) -> None:
    words = ["tap", "--as", "li", "--at", "2026-07-02T10:00", "--json", "--", delivery, "task.log"]
    answer = overdue(*words, code=None)
    assert answer.code in (1, 2), answer
    if answer.code == 1:
        assert answer.json["outcome"] == "invalid" and answer.json["card"] is None
    else:
        assert answer.json["error"]["code"] in ("delivery.unknown", "usage.wrong")


def test_a_revision_that_is_none(overdue: CommandLine) -> None:
    words = ["task.promise", "date=2026-07-06", "rev=abc", "--as", "li", "--at", "2026-07-02T10:00", "--json"]
    assert overdue("tap", "1", *words, code=None).code in (0, 1)


def test_what_people_type_when_they_mean_something_else(overdue: CommandLine) -> None:
    for text in TYPED:
        answer = overdue("say", "li", text, "--at", "2026-07-02T10:00", "--json", code=None)
        assert answer.code in (0, 1, 2), (text, answer)
        assert answer.json.get("error", {}).get("code") != "internal", (text, answer.out)
        assert set(answer.json) >= {"reply", "view"} or set(answer.json) == {"error"}, text
    assert overdue("ledger", "check", "--json").json["ok"]
    assert not overdue("say", "li", "/balance 甲", "--at", "2026-07-02T10:00", "--json").json["view"]["promises"]


def test_a_template_that_names_what_its_view_lacks(overdue: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.notifications import templates as module

    def broken() -> Any:
        raise TemplateError("overdue.toml", "title.zh", "the View has no field 'colour'")

    monkeypatch.setattr(module, "templates", broken)
    report = overdue("doctor", "--json", code=None)
    assert report.code in (0, 1)
    checks = {check["name"]: check for check in report.json["checks"]}
    assert checks["templates"]["state"] == "fail" and "colour" in checks["templates"]["message"]
    assert report.code == 1


@contextmanager
def locked(cli: CommandLine) -> Iterator[None]:
    holder = sqlite3.connect(cli.folder / "var/huikuan.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_commands_that_only_read_never_wait(overdue: CommandLine) -> None:
    begun = time.monotonic()
    with locked(overdue), locks_waited_for(seconds=60):
        overdue("chat", "li", "--json")
        overdue("mailbox", "--json")
        overdue("ledger", "check", "--json")
        overdue("export", "receivables", "--json")
        overdue("policy", "show", "--json")
        overdue("policy", "try", _ladder(), "--from", "2026-07-01", "--to", "2026-07-05", "--json")
    assert time.monotonic() - begun < 50, "a minute would be the wait for a lock"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("words", [["run-once", "--at", "2026-07-02T10:00"], ["say", "li", "/help"]])
def test_commands_that_write_say_that_it_is_locked(overdue: CommandLine, words: list[str]) -> None:
    with locked(overdue):
        answer = overdue(*words, "--json", code=3)
    assert answer.json["error"]["code"] == "db.locked"


def _ladder() -> str:
    from tests.scenarios.replaying import LADDER

    return str(LADDER)
