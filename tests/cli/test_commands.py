"""What the commands do with a small company: import, export, policies, the doctor, settings."""

import csv
import io
import json
import socket
import zipfile
from collections.abc import Callable

import pytest

from tests.cli.conftest import RECEIVABLES, ROOT, CommandLine

Fill = Callable[[], None]
LADDER = str(ROOT / "examples/ladder-1-5-20-40.toml")


def test_an_import_says_what_it_did_and_a_rejected_row_is_exit_1(hk: CommandLine, company: Fill) -> None:
    company()
    again = hk("import", "receivables", "receivables.csv", "--json").json
    assert (again["rows"], again["created"], again["unchanged"]) == (2, 0, 2)
    file = hk.file("more.csv", RECEIVABLES + "I3,C404,2026-06-01,2026-07-01,5.00\n")
    report = hk("import", "receivables", file, "--json", code=1).json
    assert [row["code"] for row in report["rejected"]] == ["import.unknown_customer"]
    assert "C404" in hk("import", "receivables", file, code=1).out


def test_a_file_that_is_not_there(hk: CommandLine) -> None:
    hk.refused("import", "people", "nowhere.csv")


def test_export_is_what_import_reads(hk: CommandLine, company: Fill) -> None:
    company()
    hk("export", "receivables", "out.csv")
    raw = (hk.folder / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [(row["number"], row["customer"], row["due_on"], row["open_amount"]) for row in rows] == [
        ("I1", "C001", "2026-07-01", "120000.00"), ("I2", "C002", "", "500.50"),
    ]  # fmt: skip
    assert hk("import", "receivables", "out.csv", "--json").json["unchanged"] == 2
    assert hk("export", "customers", "--json").json["items"][0]["name"] == "华兴商贸"


def test_export_as_of_a_day(hk: CommandLine, company: Fill) -> None:
    company()
    file = hk.file("paid.csv", "customer,received_on,amount,receivable\nC001,2026-07-03,20000.00,I1\n")
    hk("import", "receipts", file, "--at", "2026-07-03T09:00")
    for day, amount in (("2026-07-02", "120000.00"), ("2026-07-03", "100000.00")):
        items = hk("export", "receivables", "--at", day, "--json").json["items"]
        assert items[0]["open_amount"] == amount
    assert hk("export", "receivables", "--at", "2026-05-31", "--json").json["rows"] == 0
    assert hk("export", "receipts", "--json").json["items"][0]["open_amount"] == "0.00"


def test_no_spreadsheet_takes_a_name_for_a_formula(hk: CommandLine) -> None:
    file = hk.file("c.csv", 'code,name,address\nC1,"=HYPERLINK(""http://x"")",+86 1\nC2,@SUM(A1),-\n')
    hk("import", "customers", file)
    text = hk.process("export", "customers").out
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "@", "+") or (cell[:1] == "-" and len(cell) > 1)]
    hk("export", "customers", "c.xlsx")
    with zipfile.ZipFile(hk.folder / "c.xlsx") as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_export_refuses_an_ending_it_cannot_write(hk: CommandLine, company: Fill) -> None:
    company()
    assert hk.refused("export", "customers", "c.pdf")["code"] == "file.bad_ending"
    assert hk.refused("export", "customers", "nowhere/c.csv")["code"] == "file.not_written"


def test_lint_names_the_line(hk: CommandLine) -> None:
    assert hk("policy", "lint", LADDER, "--json").json["ok"] is True
    file = hk.file("bad.toml", (ROOT / "examples/ladder-1-5-20-40.toml").read_text(encoding="utf-8").replace("at = 5", ""))
    answer = hk("policy", "lint", file, "--json", code=1).json
    assert [(p["line"], p["level"], p["code"]) for p in answer["problems"]] == [(16, "error", "policy.no_offset")]
    assert "bad.toml:16:" in hk("policy", "lint", file, code=1).out
    broken = hk("policy", "lint", hk.file("q.toml", 'name = "x\n'), code=1).out
    assert broken.strip() == "q.toml:1: 错误: 不是有效的 TOML：引号没有在同一行内结束"
    error = hk.refused("policy", "show", file)
    assert error["code"] == "policy.invalid" and error["where"] == "bad.toml:16"


def test_a_policy_is_shown_in_plain_words(hk: CommandLine) -> None:
    assert "逾期第 16 天" in hk("policy", "show").out
    shown = hk("policy", "show", LADDER, "--json").json
    assert shown["name"] == "ladder-1-5-20-40" and len(shown["lines"]) > 4


def test_a_policy_without_limits_names_the_currency_of_the_least_amount(hk: CommandLine) -> None:
    assert "低于 ¥1.00" in hk("policy", "show", LADDER).out


def test_a_dry_run_says_how_many_days_it_looked_at(hk: CommandLine, company: Fill) -> None:
    company()
    said = hk("policy", "try", LADDER, "--from", "2026-07-01", "--to", "2026-07-31").out
    assert "31 天中有 " in said


def test_a_taken_port_is_said(hk: CommandLine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = hk("serve", "--port", port, code=2).err
    assert f"端口 {port} 已被占用" in said


def test_applying_a_policy(hk: CommandLine, company: Fill) -> None:
    company()
    words = ["policy", "apply", LADDER, "--at", "2026-07-03T20:00"]
    assert hk.refused(*words, "--as", "nobody")["code"] == "person.unknown"
    assert hk.refused(*words, "--as", "li")["code"] == "policy.not_allowed"
    assert hk.refused(*words, "--as", "zhou", "--keep", "C404")["code"] == "customer.unknown"
    applied = hk(*words, "--as", "zhou", "--json").json
    assert applied["active_from"] == "2026-07-06T09:00:00+08:00", "Friday evening: from Monday's window"
    assert hk(*words, "--as", "zhou", "--json").json["already"] is True
    assert hk("policy", "show", "--json").json["name"] == "ladder-1-5-20-40"


def test_the_ledger_of_a_small_company_is_sound(hk: CommandLine, company: Fill) -> None:
    company()
    answer = hk("ledger", "check", "--json").json
    assert answer["ok"] and answer["checked"] > 5 and answer["problems"] == []


# --- settings ---


def test_the_environment_wins_over_the_file(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    hk.file("huikuan.toml", 'lang = "en"\nletters = "off"\n[company]\nname = "甲"\n')
    assert "Policy default" in hk("policy", "show").out
    monkeypatch.setenv("HUIKUAN_LANG", "zh")
    monkeypatch.setenv("HUIKUAN_COMPANY_BANK_ACCOUNT", "6222")
    shown = hk("policy", "show", "--json").json
    assert shown["lines"][0].startswith("策略") and shown["letters"] == "off"

    from bot.settings import load, to_company

    profile = to_company(load()).profile
    assert (profile.name, profile.bank_account, profile.complete) == ("甲", "6222", False)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("HUIKUAN_LANG", "de", "settings.invalid"),
        ("HUIKUAN_MESSENGERS", "pigeon", "settings.invalid"),
        ("HUIKUAN_MESSENGERS", "企业微信,飞书", "settings.invalid"),
        ("HUIKUAN_TIMEZONE", "Mars/Olympus", "settings.invalid"),
        ("HUIKUAN_CALENDAR", "XX", "settings.invalid"),
        ("HUIKUAN_CURRENCY", "BTC", "settings.invalid"),
        ("HUIKUAN_DATABASE_URL", "mysql://me:sesame@host/db", "settings.invalid"),
        ("HUIKUAN_DATABASE_URL", "sesame", "settings.invalid"),
        ("HUIKUAN_SMTP_URL_FILE", "no-such-file", "settings.secret_file"),
    ],
)
def test_a_setting_that_cannot_be(
    hk: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: str
) -> None:
    monkeypatch.setenv(name, value)
    error = hk.refused("policy", "show")
    assert error["code"] == code and name in error["where"] + error["hint"] + error["message"]
    assert "sesame" not in json.dumps(error)


def test_messengers_by_the_names_that_people_use(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.settings import load

    monkeypatch.setenv("HUIKUAN_MESSENGERS", "企业微信，钉钉, Slack")
    assert load().messengers == ("wecom", "dingtalk", "slack")


def test_settings_files_that_cannot_be(hk: CommandLine) -> None:
    assert hk.refused("--config", "none.toml", "policy", "show")["code"] == "settings.no_file"
    file = hk.file("a.toml", 'langg = "zh"\n')
    error = hk.refused("--config", file, "policy", "show")
    assert error["code"] == "settings.unknown_key" and "lang" in error["hint"] and error["where"] == "a.toml"
    assert hk.refused("--config", hk.file("b.toml", "lang ="), "policy", "show")["code"] == "settings.not_toml"
    file = hk.file("c.toml", 'database_url = "postgresql://me:sesame@host/db"\n')
    error = hk.refused("--config", file, "policy", "show")
    assert error["code"] == "settings.secret_in_file" and "sesame" not in json.dumps(error)


def test_a_secret_comes_from_a_file_and_is_never_shown(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    hk.file("secret", "smtp://me:sesame@mail.example:587\n")
    monkeypatch.setenv("HUIKUAN_SMTP_URL_FILE", "secret")

    from bot.settings import load

    found = load()
    assert found.smtp_url.get_secret_value() == "smtp://me:sesame@mail.example:587"
    assert "sesame" not in repr(found) + str(found) + found.model_dump_json()


def test_every_secret_may_come_from_a_file(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import BaseModel, SecretStr

    from bot.settings import Settings, environment_names, load

    inner = {name: field.annotation for name, field in Settings.model_fields.items()}
    for name in environment_names():
        section, _, part = name.lower().removeprefix("huikuan_").partition("_")
        model = inner.get(section)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        if model.model_fields[part].annotation is not SecretStr:
            continue
        with monkeypatch.context() as one:
            one.setenv(name + "_FILE", hk.file("secret", "sesame" * 8 + "\n"))
            found = load()
            assert getattr(getattr(found, section), part).get_secret_value() == "sesame" * 8, name


# --- the doctor ---


def states(answer: object) -> dict[str, str]:
    return {check["name"]: check["state"] for check in answer["checks"]}  # type: ignore[index]


def test_the_doctor_on_a_fresh_folder(hk: CommandLine) -> None:
    answer = hk("doctor", "--json").json
    assert set(answer) == {"checks", "cases", "gaps"}
    assert states(answer)["database"] == "warn"
    assert not (hk.folder / "var").exists(), "looking makes nothing"


def test_the_doctor_finds_gaps(hk: CommandLine, company: Fill) -> None:
    company()
    answer = hk("doctor", "--data", "--json").json
    assert answer["gaps"] == {
        "no_owner": [{"customer": "C002", "name": "乙公司"}],
        "no_contact": [{"customer": "C002", "name": "乙公司"}],
        "undated": [{"receivable": "I2", "customer": "C002", "event": ""}],
        "inactive_owner": [],
    }
    assert answer["data"]["no_agreed_date"] == [{"receivable": "I2", "customer": "C002"}]
    assert states(answer)["gaps"] == states(answer)["data"] == "warn"
    assert "fail" not in states(answer).values()

    hk.file("people.csv", "handle,name,active\nli,小李,no\n")
    hk("import", "people", "people.csv")
    assert hk("doctor", "--json").json["gaps"]["inactive_owner"] == [{"customer": "C001", "owner": "li"}]


def test_the_doctor_knows_a_misspelt_setting(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_LETERS", "off")
    check = next(c for c in hk("doctor", "--json").json["checks"] if c["name"] == "settings")
    assert check["state"] == "warn" and "HUIKUAN_LETTERS" in check["message"]


def test_the_doctor_says_which_people_cannot_be_reached(
    hk: CommandLine, company: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    company()
    hk("import", "accounts", hk.file("a.csv", "person,messenger,user_id\nli,slack,U1\n"))
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "slack")
    checks = {c["name"]: c for c in hk("doctor", "--json", code=1).json["checks"]}
    check = checks["accounts"]
    unfit = checks["slack.settings"]
    assert unfit["state"] == "fail" and "HUIKUAN_SLACK_BOT_TOKEN" in unfit["message"]
    assert check["state"] == "warn" and "wang" in check["message"] and "li" not in check["message"].split("：")[1]
    hk("import", "accounts", hk.file("a.csv", "person,messenger,user_id\nwang,wecom,W1\n"))
    checks = {c["name"]: c for c in hk("doctor", "--json", code=1).json["checks"]}
    check = checks["accounts"]
    assert "渠道没有启用的：wecom 1 人" in check["message"] and "HUIKUAN_MESSENGERS=slack,wecom" in check["hint"]


def test_the_doctor_asks_the_messengers_before_there_is_a_database(
    hk: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "wecom")
    said = hk("doctor", code=1).out
    assert "✗ wecom.settings" in said and "HUIKUAN_WECOM_SECRET" in said
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "dingtalk")
    for name in ("CLIENT_ID", "CLIENT_SECRET", "ROBOT_CODE"):
        monkeypatch.setenv(f"HUIKUAN_DINGTALK_{name}", "x")
    monkeypatch.setenv("HUIKUAN_DINGTALK_API_URL", "http://127.0.0.1:9")
    checks = {c["name"]: c for c in hk("doctor", "--json", code=1).json["checks"]}
    assert checks["dingtalk.secret"]["state"] == "fail"
    assert checks["dingtalk.calls"]["state"] == "warn" and "数据库" in checks["dingtalk.calls"]["message"]
    assert not (hk.folder / "var").exists(), "looking makes nothing"


def test_one_messenger_that_is_set_wrong_hides_no_other(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is there is not missing; three faults take one run."""
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "slack,wecom,dingtalk")
    monkeypatch.setenv("HUIKUAN_SLACK_BOT_TOKEN", "xapp-the-other-one")
    monkeypatch.setenv("HUIKUAN_SLACK_APP_TOKEN", "xapp-1")
    for name, value in {"CORP_ID": "ww1", "AGENT_ID": "1", "SECRET": "s", "TOKEN": "t", "AES_KEY": "too short"}.items():
        monkeypatch.setenv(f"HUIKUAN_WECOM_{name}", value)
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"HUIKUAN_DINGTALK_{name}", "x")
    for name in ("HUIKUAN_DINGTALK_API_URL", "HUIKUAN_WECOM_API_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    checks = {c["name"]: c for c in hk("doctor", "--json", code=1).json["checks"]}
    slack = checks["slack.settings"]
    assert "格式不对：HUIKUAN_SLACK_BOT_TOKEN (xoxb-…)" in slack["message"] and "缺少" not in slack["message"]
    assert {checks[name]["state"] for name in ("wecom.aes_key", "wecom.secret", "dingtalk.secret")} == {"fail"}
    assert "the-other-one" not in json.dumps(checks)
    monkeypatch.delenv("HUIKUAN_SLACK_APP_TOKEN")
    both = {c["name"]: c for c in hk("doctor", "--json", code=1).json["checks"]}["slack.settings"]["message"]
    assert "缺少设置：HUIKUAN_SLACK_APP_TOKEN" in both and "格式不对：HUIKUAN_SLACK_BOT_TOKEN" in both


def test_the_doctor_says_in_a_line_of_its_own_why_it_fails(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_LANG", "xx")
    assert "✗ settings" in hk("doctor", code=2).out


def test_the_doctor_names_whom_nothing_reached(hk: CommandLine, company: Fill) -> None:
    import sqlite3

    company()
    with sqlite3.connect(hk.folder / "var/huikuan.db") as db:
        put = (
            "INSERT INTO outbox (key, kind, op, subject, subject_id, person_id, address, data, not_before, windowed, state,"
            " attempts, touched, messenger, reason, created_at) SELECT handle || ?, 'task.overdue', ?, 'task', 1, id, '',"
            " '{}', '2026-07-01 00:00:00', 0, 'dead', 1, 0, '', ?, '2026-07-01 00:00:00' FROM person WHERE handle = ?"
        )
        db.execute(put, ("1", "update", "refused", "li"))
    assert states(hk("doctor", "--json").json)["deliveries"] == "ok", "an edit that was refused leaves a card that was seen"
    with sqlite3.connect(hk.folder / "var/huikuan.db") as db:
        db.execute(put, ("2", "send", "no_account", "li"))
        db.execute(put, ("3", "send", "84061", "wang"))
    found = hk("doctor", "--json", code=None).json["checks"]
    assert [c for c in found if c["state"] == "fail"] == []
    check = next(c for c in found if c["name"] == "deliveries")
    assert "无法送达 2 条" in check["message"] and "小李（没有绑定账号）" in check["message"]
    assert "王总（84061）" in check["message"]
    assert "huikuan link" in check["hint"] and "serve" not in check["hint"]


def test_a_broken_database_fails_the_doctor(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    hk.file("letter.txt", "no database " * 200)
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", "sqlite:///letter.txt")
    assert states(hk("doctor", "--json", code=1).json)["database"] == "fail"


def test_the_calendar_warns_before_it_ends(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from bot.doctor import examine
    from bot.settings import load

    def state(day: datetime) -> str:
        return states(examine(load(), day, lang="en"))["calendar"]

    assert state(datetime(2026, 11, 1, tzinfo=UTC)) == "ok"
    assert state(datetime(2026, 12, 1, tzinfo=UTC)) == "warn"
    monkeypatch.setenv("HUIKUAN_CALENDAR_DAYS_WORK", '["2027-02-20"]')
    assert state(datetime(2026, 12, 1, tzinfo=UTC)) == "ok"


def test_a_wrong_account_is_taken_away(hk: CommandLine, company: Fill) -> None:
    company()
    for user in ("U1", "U2"):  # as an earlier version kept both
        hk("import", "accounts", hk.file("a.csv", f"person,messenger,user_id\nwang,slack,{user}\n"))
    _account(hk, "wang", "slack", "U1")
    error = hk.refused("unlink", "wang", "Slack")
    assert error["code"] == "account.several" and "U2, U1" in error["message"]
    assert "slack U1" in hk("unlink", "wang", "slack", "U1").out
    assert hk("unlink", "wang", "slack", "--json").json == {"person": "wang", "messenger": "slack", "user_id": "U2"}
    assert hk.refused("unlink", "wang", "slack")["code"] == "account.none_there"
    assert hk.refused("unlink", "nobody", "slack")["code"] == "person.unknown"


def _account(hk: CommandLine, handle: str, messenger: str, user_id: str) -> None:
    import sqlite3

    with sqlite3.connect(hk.folder / "var/huikuan.db") as db:
        put = "INSERT INTO account (person_id, messenger, user_id, preferred, text_only) SELECT id, ?, ?, 0, 0 FROM person"
        db.execute(f"{put} WHERE handle = ?", (messenger, user_id, handle))
