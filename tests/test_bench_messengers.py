"""The benchmarks of messengers still work, on a tiny crowd. What they measure is not asserted."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bench import clock, messengers, office, serving, table
from bench.far import Far
from bench.messengers import Crowd, paced, used
from bench.office import NAMES, Office
from bench.stores import STORES
from tests.adapters.hours import Hours

CROWD = Crowd(cards=8, people=4, taps=4, signed=2, paced=2)


@pytest.fixture(autouse=True)
def no_spinning(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (clock, messengers, serving):
        monkeypatch.setattr(module, "spin", lambda: 1.0)


def test_messengers_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SETTLES", 0.0)
    with closing(STORES["sqlite"](tmp_path)) as store:
        found = list(messengers.messengers(store, CROWD, 1))
    assert [measure.what.split()[0].strip(":,") for measure in found] == [
        "Slack", "Slack", "Slack", "DingTalk", "DingTalk", "WeCom", "WeCom", "memory"]  # fmt: skip
    for measure in found:
        assert measure.database == "sqlite" and measure.value > 0 and not measure.broken
        assert table.line(measure).count("|") == 7
    assert found[-1].verdict == "no goal" and "local messenger alone" in found[-1].sides


def test_paced_sending_breaks_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many cards that whichever limit is there would be broken by whoever does not wait."""
    monkeypatch.setattr(messengers, "AT_ONCE", 2)
    monkeypatch.setattr(messengers, "Far", hurried(monkeypatch))
    with closing(STORES["sqlite"](tmp_path)) as store:
        for measure in paced(store, replace(CROWD, paced=32)):
            assert measure.value > 0 and not measure.broken, measure


def test_whoever_does_not_wait_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DingTalk's limit is one of seconds, which a slow machine may keep by itself."""
    monkeypatch.setattr(messengers, "AT_ONCE", 2)
    monkeypatch.setattr(office, "NAMES", {name: NAMES[name] for name in ("slack", "wecom")})
    monkeypatch.setattr(Office, "anew", lambda self, anew=Office.anew: (anew(self), self.without_limits()))
    with closing(STORES["sqlite"](tmp_path)) as store:
        assert ["refused" in measure.broken for measure in paced(store, replace(CROWD, paced=32))] == [True, True]


def hurried(monkeypatch: pytest.MonkeyPatch) -> type[Far]:
    """Where the product waits, the hours pass there, too."""

    class Hurried(Far):
        def __init__(self, messenger: str) -> None:
            super().__init__(messenger)
            Hours(monkeypatch, lambda seconds: self.do("pass_time", seconds))

    return Hurried


def test_shares_of_a_limit() -> None:
    assert used("slack", {"D1": [0.0, 0.0, 0.0, 1.0, 2.0], "D2": [5.0]}) == [1.0, 1 / 3]
    assert used("wecom", {"li": [0.0] * 12 + [4.0 * n for n in range(1, 20)]}) == [26 / 30]
    assert used("dingtalk", {"all": [n / 10 for n in range(51)]}) == [0.5] * 5
