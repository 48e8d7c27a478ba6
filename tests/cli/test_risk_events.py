"""Risk events from a file, and a token for a system that reports them."""

from collections.abc import Callable

from tests.cli.conftest import CommandLine

AT = ("--at", "2026-06-02T10:00")
REPORTS = (
    "来源,编号,客户,种类,级别,日期,说明\n"
    "天眼查,L1,C001,诉讼,重大,2026-06-01,货款纠纷\n"
    "天眼查,L2,C009,诉讼,重大,2026-06-01,没有这个客户\n"
)
MAP = """
[columns]
source = "来源"
key = "编号"
customer = "客户"
kind = "种类"
severity = "级别"
happened_on = "日期"
text = "说明"
"""


def test_a_file_of_reports_is_told_to_whom_it_concerns(hk: CommandLine, company: Callable[[], None]) -> None:
    company()
    words = ("import", "risk-events", hk.file("risks.csv", REPORTS), "--map", hk.file("risks.toml", MAP), *AT, "--json")
    first = hk(*words, code=1).json
    assert (first["created"], [p["code"] for p in first["rejected"]]) == (1, ["import.unknown_customer"])
    hk("run-once", *AT)
    for person in ("li", "zhou"):
        assert "risk.event" in [card["kind"] for card in hk("chat", person, "--json").json["cards"]], person
    assert hk(*words, code=1).json["unchanged"] == 1


def test_a_token_for_reports_only(hk: CommandLine) -> None:
    made = hk("token", "add", "court feed", "--scope", "risk:write", "--json").json
    assert made["scopes"] == ["risk:write"] and made["token"].startswith("hk_")
    assert "credit:read" in hk.refused("token", "add", "x", "--scope", "risk:read")["hint"]
