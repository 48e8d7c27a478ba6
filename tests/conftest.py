"""Fixtures for everybody: `database_url`, `engine`, `session`, each on SQLite and on PostgreSQL.

A test of one database only says so:

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""

import gc
import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, Engine, event
from sqlmodel import Session

from tests.databases import KINDS, Databases, compile_once
from tests.fakes import slack_shapes

# A file runs in one process. These go first, the longest before the others, so that the processes end together.
LONG = (
    "test_bench.py", "test_through_wecom_robot.py", "test_through_dingtalk_text.py", "test_through_slack.py",
    "test_through_wecom.py", "test_through_dingtalk.py", "test_replay.py", "test_contract.py", "test_slack_inbound.py",
    "test_bench_messengers.py", "test_two_processes.py", "test_page.py", "test_slack_wire.py", "test_demo.py",
    "test_preview.py", "test_waiting_alerts.py", "test_walk.py", "test_results.py", "test_promises.py", "test_bad_input.py",
)  # fmt: skip

IN_CI = os.environ.get("HUIKUAN_CI") == "1"

# A database fixture is made once a test, not once an example: tests that write roll back by themselves.
settings.register_profile(
    "huikuan",
    deadline=None,
    derandomize=IN_CI,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("huikuan")

compile_once()
slack_shapes.watch()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected (some thousand tests and all that they import) is there until the end: whoever looks for
    garbage later need not look through it again, which took a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After the shuffling: what is not long stays as it fell."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_sessionfinish() -> None:
    slack_shapes.keep()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """`databases.create("sqlite" | "postgresql", migrated=True)` -> URL, for tests that need several."""
    from core.db import upgrade

    found = Databases(tmp_path_factory.mktemp("databases"), upgrade)
    yield found
    found.close()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A database of this test's own, migrated, without rows."""
    url = databases.create(request.param)
    yield url
    databases.drop(url)


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A database without any table, for the tests of the migrations."""
    url = databases.create(request.param, migrated=False)
    yield url
    databases.drop(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    from core.db import make_engine

    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Open, like `core.db.transaction`, but the test commits; what it did not commit is rolled back."""
    with Session(engine, expire_on_commit=False) as opened:
        yield opened


@pytest.fixture
def impatient() -> Iterator[None]:
    """SQLite gives up soon where another writer holds the database: what is said then doesn't depend on the wait."""
    with locks_waited_for(seconds=0.2):
        yield


@contextmanager
def locks_waited_for(seconds: float) -> Iterator[None]:
    """By every SQLite connection that is used meanwhile."""

    def used(connection: Connection) -> None:
        raw = connection.connection.dbapi_connection
        if isinstance(raw, sqlite3.Connection):
            raw.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")

    event.listen(Engine, "engine_connect", used)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", used)


# --- in CI nothing is skipped quietly -------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("page"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped:
        _fail(report)
    return report


def _fail(report: Any) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and HUIKUAN_CI=1 forbids that: {reason}"
