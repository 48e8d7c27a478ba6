"""A morning from the command line: the engine runs, a card comes, somebody answers it, a policy is tried."""

import re
from collections.abc import Callable
from datetime import date

import pytest

from tests.cli.conftest import ROOT, CommandLine


@pytest.fixture
def overdue(hk: CommandLine, company: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Thursday 2026-07-02, nine o'clock: I1 is one day overdue, and 小李 knows."""
    monkeypatch.setenv("HUIKUAN_LETTERS", "off")
    company()
    hk("run-once", "--at", "2026-07-02T09:00")
    return hk


def test_the_engine_runs_once_and_says_what_it_did(hk: CommandLine, company: Callable[[], None]) -> None:
    company()
    report = hk("run-once", "--at", "2026-07-02T09:00", "--json").json
    assert set(report) == {"at", "decisions", "changes", "sent", "deferred", "failed"}
    assert {(d["receivable"], d["step"]) for d in report["decisions"]} == {("I1", "letter1"), ("I1", "over1")}
    assert report["failed"] == 0 and report["at"] == "2026-07-02T09:00:00+08:00"
    assert {d["reason"] for d in report["decisions"]} == {"no_profile", "age 1 reached +1"}, "as stored"
    assert "公司资料不全，不能发信" in hk("policy", "try", str(ROOT / "core/dunning/default.toml"), "--from", "2026-07-03",
                                       "--to", "2026-07-31").out  # fmt: skip
    again = hk("run-once", "--at", "2026-07-02T09:00", "--json").json
    assert again["sent"] == 0


def test_the_engine_never_goes_back(overdue: CommandLine) -> None:
    assert overdue.refused("run-once", "--at", "2026-07-01T09:00")["code"] == "engine.before_last_cycle"


def test_a_card_is_read_and_answered(overdue: CommandLine) -> None:
    cards = overdue("chat", "li", "--json").json["cards"]
    card = next(card for card in cards if card["kind"] == "task.overdue")
    assert card["at"] == "2026-07-02T09:00:00+08:00" and card["updated_at"].endswith("+08:00")
    assert card["title"] in overdue("chat", "li").out
    words = ["tap", str(card["delivery"]), "task.promise", "date=2026-07-06", "--as", "li", "--at", "2026-07-03T10:00"]
    answer = overdue(*words, "--json").json
    assert answer["outcome"] == "done" and answer["card"]["state"] == "closed"
    assert overdue(*words, "--json").json["outcome"] == "already"
    words = ["tap", str(card["delivery"]), "task.promise", "date=2026-07-06", "--as", "wang", "--at", "2026-07-03T11:00"]
    assert overdue(*words, "--json", code=None).code in (0, 1)


def test_a_wrong_tap_is_exit_1_and_a_wrong_name_exit_2(overdue: CommandLine) -> None:
    card = next(c for c in overdue("chat", "li", "--json").json["cards"] if c["kind"] == "task.overdue")
    at = ["--at", "2026-07-03T10:00"]
    answer = overdue("tap", str(card["delivery"]), "task.promise", "date=soon", "--as", "li", *at, "--json", code=1).json
    assert answer["outcome"] == "invalid" and answer["message"]
    assert overdue.refused("tap", "1", "task.promise", "soon", "--as", "li", *at)["code"] == "usage.bad_input"
    assert overdue.refused("tap", "1", "task.promise", "--as", "nobody", *at)["code"] == "person.unknown"
    assert overdue.refused("chat", "nobody")["code"] == "person.unknown"


def test_typed_text_is_answered(overdue: CommandLine) -> None:
    answer = overdue("say", "li", "余额 C001", "--at", "2026-07-02T10:00", "--json").json
    assert answer["view"]["balance"] == "120000.00"
    assert "120,000.00" in overdue("say", "li", "余额 C001", "--at", "2026-07-02T10:01").out


def test_what_is_answered_without_a_card_is_said_in_words(overdue: CommandLine) -> None:
    words = ["say", "li", "批准 SO-99", "--at", "2026-07-02T10:00"]
    assert "找不到订单“SO-99”" in overdue(*words).out
    answer = overdue(*words, "--json").json
    assert (answer["reply"], answer["outcome"]) == (None, "invalid") and "SO-99" in answer["message"]


def test_the_mailbox_is_empty_while_letters_are_off(overdue: CommandLine) -> None:
    assert overdue("mailbox", "--json").json == {"letters": []}


def test_the_doctor_names_the_next_step_of_every_case(overdue: CommandLine) -> None:
    (case,) = overdue("doctor", "--json").json["cases"]
    assert (case["customer"], case["state"], case["severity"]) == ("C001", "open", "overdue")
    # The clock of this test stands long after: what has not fired yet is due now.
    assert (case["next"], case["on"], case["receivable"]) == ("letter2, over7", "2026-07-08", "I1")
    assert case["due_now"] == (date.today() >= date(2026, 7, 8))


def test_the_doctor_counts_the_letters_that_wait_for_their_release(
    hk: CommandLine, company: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NAME", "BANK_ACCOUNT", "SIGNATURE"):
        monkeypatch.setenv(f"HUIKUAN_COMPANY_{name}", "x")
    company()
    hk("run-once", "--at", "2026-07-02T09:00")
    check = next(c for c in hk("doctor", "--json").json["checks"] if c["name"] == "letters")
    assert "按“全部放行”" in check["hint"]
    assert check["state"] == "warn" and check["message"] == "1 封信函（1 个客户）等财务放行"
    assert "letters.release" in check["hint"]
    assert "等财务放行" in hk("doctor").out


def test_a_policy_is_tried_and_nothing_is_written(hk: CommandLine, company: Callable[[], None]) -> None:
    company()
    ladder = str(ROOT / "examples/ladder-1-5-20-40.toml")
    before = (hk.folder / "var/huikuan.db").read_bytes()
    words = ["policy", "try", ladder, "--from", "2026-07-01", "--to", "2026-07-31"]
    answer = hk(*words, "--json").json
    assert answer["totals"]["by_step"] == {"l1": 1, "l5": 1, "l20": 1}
    assert set(hk(*words, "--against", ladder, "--json").json["against"]["totals"]) == set(answer["totals"])
    assert hk.refused("policy", "try", ladder, "--from", "2026-07-31", "--to", "2026-07-01")["code"] == "policy.bad_range"
    assert (hk.folder / "var/huikuan.db").read_bytes() == before


def test_a_dry_run_names_who_would_get_what_about_whom_on_which_day(
    hk: CommandLine, company: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    company()
    default, ladder = (str(ROOT / name) for name in ("core/dunning/default.toml", "examples/ladder-1-5-20-40.toml"))
    words = ["policy", "try", default, "--from", "2026-07-01", "--to", "2026-07-31"]
    rows = [line.split() for line in hk(*words).out.splitlines()]
    assert ["2026-07-02", "小李", "逾期待办", "华兴商贸"] in rows
    assert ["2026-07-07", "王总", "超时上报", "华兴商贸"] in rows
    answer = hk(*words, "--json").json
    assert answer["names"]["customers"] == {"C001": "华兴商贸"} and answer["names"]["people"]["li"] == "小李"
    told = {(m["on"], m["to"], m["kind"], m["customer"]) for one in answer["days"] for m in one["messages"]}
    assert ("2026-07-02", "li", "task.overdue", "C001") in told

    compared = [line.split() for line in hk(*words, "--against", ladder).out.splitlines()]
    assert ["2026-07-02", "小李", "逾期待办", "华兴商贸", "仅本策略"] in compared
    assert any(row[-1:] == ["仅对比策略"] for row in compared)

    monkeypatch.setattr("bot.cli.policy.SHOWN_A_DAY", 1)
    monkeypatch.setattr("bot.cli.policy.SHOWN_DAYS", 4)
    short = hk(*words).out
    assert re.search(r"还有 \d 项", short) and "完整清单请加 --json" in short


def test_a_digest_of_a_dry_run_says_about_whom(hk: CommandLine, company: Callable[[], None]) -> None:
    company()
    lines = [f"C9{n},客户{n},li" for n in range(7)]
    hk("import", "customers", hk.file("c.csv", "code,name,owner\n" + "\n".join(lines) + "\n"), "--at", "2026-06-02T09:00")
    lines = [f"K{n},C9{n},2026-06-01,2026-07-01,500.00" for n in range(7)]
    head = "number,customer,issued_on,due_on,amount\n"
    hk("import", "receivables", hk.file("k.csv", head + "\n".join(lines) + "\n"), "--at", "2026-06-02T09:00")
    default = str(ROOT / "core/dunning/default.toml")
    said = hk("policy", "try", default, "--from", "2026-07-01", "--to", "2026-07-02").out
    [digest] = [line for line in said.splitlines() if "每日汇总" in line]
    assert "小李" in digest and "客户0、客户1" in digest and "还有 4 项" in digest


def test_a_card_is_punctuated_in_its_own_language(hk: CommandLine, company: Callable[[], None]) -> None:
    company()
    hk("say", "li", "/lang en")
    shown = hk("say", "li", "/balance C001", "--at", "2026-07-02T10:00").out
    assert "1–30 days: " in shown and "：" not in shown
