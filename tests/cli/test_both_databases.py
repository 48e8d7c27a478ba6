"""The commands that bring their own SQL, on SQLite and on PostgreSQL."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import CommandLine


def test_a_small_company(
    hk: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch, company: Callable[[], None]
) -> None:
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", database_url)
    company()
    file = hk.file("paid.csv", "customer,received_on,amount,receivable\nC001,2026-07-03,20000.00,I1\n")
    hk("import", "receipts", file, "--at", "2026-07-03T09:00")
    hk(
        "import",
        "receivables",
        hk.file("note.csv", "number,customer,kind,issued_on,amount\nN1,C002,credit_note,2026-07-03,-5.00\n"),
    )
    before = hk("export", "receivables", "--at", "2026-07-02", "--json").json["items"]
    after = hk("export", "receivables", "--at", "2026-07-03", "--json").json["items"]
    assert [(row["number"], row["open_amount"]) for row in before] == [("I1", "120000.00"), ("I2", "500.50")]
    assert [(row["number"], row["open_amount"]) for row in after][::2] == [("I1", "100000.00"), ("N1", "-5.00")]
    for kind in ("customers", "receipts", "people"):
        assert hk("export", kind, "--json").json["rows"] > 0
    hk("import", "orders", hk.file("o.csv", "number,customer,amount\nSO1,C002,700.00\n"), "--at", "2026-07-03T09:00")
    bill = "number,customer,issued_on,due_on,amount,order\nB1,C002,2026-07-03,2026-08-03,300.00,SO1\n"
    hk("import", "receivables", hk.file("b.csv", bill), "--at", "2026-07-03T09:00")
    sent = "number,customer,order,amount,shipped_on\nD1,C002,SO1,500.00,2026-07-03\n"
    hk("import", "shipments", hk.file("d.csv", sent), "--at", "2026-07-03T09:00")
    [order] = hk("export", "orders", "--at", "2026-07-03", "--json").json["items"]
    assert (order["state"], order["shipped"], order["invoiced"]) == ("released", "500.00", "300.00")
    answer = hk("doctor", "--data", "--json").json
    assert not [check for check in answer["checks"] if check["state"] == "fail"]
    assert hk("ledger", "check", "--json").json["ok"]
    assert hk("db", "check", "--json").json == {"state": "current"}


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_server_is_only_upgraded_when_somebody_says_so(
    hk: CommandLine, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", empty_database_url)
    file = hk.file("p.csv", "handle,name\nli,小李\n")
    assert hk.refused("import", "people", file, code=3)["code"] == "db.empty"
    assert hk("db", "upgrade", "--json").json["was"] == "empty"
    hk("import", "people", file)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_only_reads(hk: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    joined = "&" if "?" in database_url else "?"
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", f"{database_url}{joined}options=-cdefault_transaction_read_only%3Don")
    file = hk.file("p.csv", "handle,name\nli,小李\n")
    assert hk.refused("import", "people", file, code=3)["code"] == "db.read_only"
    checks = {check["name"]: check for check in hk("doctor", "--json", code=1).json["checks"]}
    assert checks["database"]["state"] == "fail"
