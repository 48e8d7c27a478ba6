"""Two years day by day, with kill −9 in between: each step fires exactly once for each invoice still open that day.

CI replays a generated file of the layout of IBM's late payment histories, and the real one where HUIKUAN_IBM_CSV
names it.
"""

import os
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.db import make_engine, reading
from core.ledger import invariants
from tests.cli.conftest import CommandLine
from tests.databases import Databases
from tests.scenarios import replaying
from tests.scenarios.replaying import LADDER, days_of, expected, fired, layout, prepare, replay, told

REAL = os.environ.get("HUIKUAN_IBM_CSV", "")


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


def try_policy(cli: CommandLine, url: str, first: date, last: date) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HUIKUAN_DATABASE_URL", url)
        return dict(cli("policy", "try", str(LADDER), "--from", str(first), "--to", str(last), "--json").json)


def check(url: str, file: Path, first: date, last: date) -> None:
    """What fired is what the file says, each once; everybody was told once; the ledger holds."""
    got, wanted = Counter(fired(url)), expected(file, first, last)
    assert not wanted - set(got), f"missing: {sorted(wanted - set(got))[:10]}"
    assert not set(got) - wanted, f"too much: {sorted(set(got) - wanted)[:10]}"
    assert max(got.values()) == 1, got.most_common(5)
    assert told(url) == []
    engine = make_engine(url)
    with reading(engine) as session:
        assert invariants.check(session) == []
    engine.dispose()


def by_step(wanted: set[replaying.Fired]) -> dict[str, int]:
    return dict(sorted(Counter(step for _, step, _ in wanted).items()))


def test_a_few_months_on_both_databases(database_url: str, tmp_path: Path, cli: CommandLine) -> None:
    file = layout(tmp_path / "ibm.csv", invoices=1200, customers=25, months=4, seed=1)
    first, last = days_of(file)
    wanted = expected(file, first, last)
    assert len(wanted) > 100 and set(by_step(wanted)) == {"l1", "l5", "l20", "l40"}
    prepare(database_url, file, first, finance=2)
    before = try_policy(cli, database_url, first, last)["totals"]["by_step"]
    story = replay(database_url, first, last, kills=5, seed=2)
    assert story.kills >= 3
    check(database_url, file, first, last)
    assert before == by_step(wanted)
    assert try_policy(cli, database_url, first, last)["totals"]["by_step"] == before, "what was done changes no dry run"


@pytest.mark.parametrize("source", ["generated", *(["real"] if REAL else [])])
@pytest.mark.timeout(300)
def test_two_years(databases: Databases, source: str, tmp_path: Path, cli: CommandLine) -> None:
    file = Path(REAL) if source == "real" else layout(tmp_path / "ibm.csv", invoices=300, customers=60, months=24, seed=3)
    first, last = days_of(file)
    url = databases.create("sqlite")
    prepare(url, file, first)
    story = replay(url, first, last, kills=6, seed=4)
    print(f"{source}: {(last - first).days} days, {story.kills} kills, {story.seconds:.1f} s")
    assert story.kills >= 4
    check(url, file, first, last)
    assert try_policy(cli, url, first, last)["totals"]["by_step"] == by_step(expected(file, first, last))
    databases.drop(url)
