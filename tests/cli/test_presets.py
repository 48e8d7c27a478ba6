"""Presets on the command line: listed with a sentence, and taken by name wherever a policy file is."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import CommandLine

Fill = Callable[[], None]


def test_they_are_listed_with_a_sentence_in_the_readers_language(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = hk("policy", "presets", "--json").json["presets"]
    assert [row["name"] for row in rows] == ["s0", "s1", "s2", "s3", "s4", "union"]
    assert "财务总监" in rows[3]["about"] and "s3" in hk("policy", "presets").out
    monkeypatch.setenv("HUIKUAN_LANG", "en")
    assert "finance director" in hk("policy", "presets", "--json").json["presets"][3]["about"]
    assert "what it does" in hk("policy", "presets").out


def test_a_name_works_wherever_a_file_does(hk: CommandLine, company: Fill) -> None:
    company()
    assert hk("policy", "lint", "s3", "--json").json == {"file": "s3", "ok": True, "problems": []}
    assert "额度内的订单也须销售经理审批" in hk("policy", "show", "s3").out
    words = ("policy", "try", "s3", "--against", "s2", "--from", "2026-06-20", "--to", "2026-07-31")
    tried = hk(*words, "--json").json
    assert {"pre7", "pre3", "pre1", "over1", "over7"} <= set(tried["totals"]["by_step"])
    assert set(tried["against"]["totals"]["by_step"]) == {"pre7", "pre3", "due0"}
    hk("policy", "apply", "s3", "--as", "zhou", "--at", "2026-06-03T08:00")
    assert hk("policy", "show", "--json").json["name"] == "s3"


def test_a_file_of_that_name_comes_first(hk: CommandLine) -> None:
    hk.file("s3", 'name = "ours"\n[[ladder]]\n')
    assert hk("policy", "lint", "s3", "--json", code=1).json["ok"] is False
    refused = hk.refused("policy", "apply", "s9", "--as", "zhou")
    assert refused["code"] == "file.no_policy" and "s0, s1, s2" in refused["hint"]
