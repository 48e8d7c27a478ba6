"""The benchmarks still work: every one of them on a tiny book, on both databases. What they measure is not asserted."""

from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import book, clock, starts, table
from bench.clock import Goal, Measure
from bench.messengers import Crowd
from bench.stores import STORES, Store
from core.ledger import invariants

CROWD = Crowd(cards=8, people=4, taps=4, signed=2, paced=2)
TINY = bench.Sizes(
    run=(200, 400), ledger=(400, 800), firing=3, file=(40, 80), rated=100, orders=4, cards=2, crowd=CROWD, rounds=1
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_spinning(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (clock, starts):
        monkeypatch.setattr(module, "spin", lambda: 1.0)


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(STORES[request.param](tmp_path)) as opened:
        yield opened


def test_every_benchmark_of_a_database_runs(store: Store) -> None:
    found = list(bench.on(store, set(bench.ON_DATABASES) - {"messengers"}, TINY))
    assert len(found) == 15
    for measure in found:
        assert measure.database == store.kind and measure.value > 0
        assert table.line(measure).count("|") == 7


def test_a_range_and_what_must_never_happen() -> None:
    goal = Goal(0.8, least=True, most=1.0)
    assert str(goal) == "0.8 – 1×" and goal.met(0.9) and not goal.met(1.1) and not goal.met(0.7)
    assert Measure("this", "", goal, [1.5]).verdict == "missed by 1.50×"
    assert Measure("this", "", goal, [0.9], broken="1 refused").verdict == "missed: 1 refused"
    assert Measure("this", "", Goal(inf), [0.9]).verdict == "no goal" and str(Goal(inf)) == "–"


def test_what_needs_no_database_runs(tmp_path: Path) -> None:
    found = list(bench.measures({"cards", "help"}, (), TINY, tmp_path))
    assert [measure.database for measure in found] == ["", ""]


def test_a_made_up_book_is_a_sound_book(store: Store) -> None:
    days = [book.DAY]
    book.fill(store, "sound", 400, book.mornings(400, 5, days))
    with book.transactions(store, "sound").look(book.morning()) as work:
        assert invariants.check(work.session) == []


def test_results_are_kept_beside_new_ones() -> None:
    one = Measure("this ÷ that", "sqlite", Goal(2), [3.0, 4.0, 5.0], "1 s ÷ 2 s", where="here", notes=["so it is"])
    two = Measure("this ÷ that", "postgresql", Goal(0.5, least=True), [0.6])
    page = table.text([two], table.text([one]))
    assert "| this ÷ that | sqlite | ≤ 2× | 4.00 (3.00 – 5.00) | 1 s ÷ 2 s | missed by 2.00× |" in page
    assert "| this ÷ that | postgresql | ≥ 0.5× | 0.60 (0.60 – 0.60) |  | met |" in page
    assert "- this ÷ that (sqlite): so it is." in page and "where the time goes: here" in page
    again = table.text([Measure("this ÷ that", "sqlite", Goal(2), [1.0])], page)
    assert "missed" not in again and "where" not in again.partition(table.HEAD)[2]


def test_no_verdict_on_a_busy_machine() -> None:
    busy = Measure("this", "", Goal(2), [1.0], spins=(1.0, 1.6))
    assert busy.verdict.startswith("none")
    assert Measure("this", "", Goal(2), [1.0], spins=(1.6, 1.2)).verdict == "met"


def test_a_demo_s_address_is_found_in_what_it_says() -> None:
    assert starts.address("打开：http://127.0.0.1:33315/enter?token=17h9\n") == "http://127.0.0.1:33315/enter?token=17h9"
