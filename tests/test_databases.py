"""The database fixtures themselves: real servers, a fresh database for each test, nothing left behind."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from tests.databases import Databases, _clear_orphans


@contextmanager
def _connected(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def plain(tmp_path: Path) -> Databases:
    """Databases with a schema of one table, so that this page does not depend on ours."""

    def upgrade(url: str) -> None:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE note (words VARCHAR(20))"))
        engine.dispose()

    return Databases(tmp_path, upgrade)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_test_gets_a_migrated_database_of_its_own(plain: Databases, kind: str) -> None:
    first, second, bare = plain.create(kind), plain.create(kind), plain.create(kind, migrated=False)
    try:
        with _connected(first) as engine, engine.begin() as connection:
            connection.execute(text("INSERT INTO note VALUES ('first')"))
        with _connected(second) as engine, engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM note")).scalar() == 0
        with _connected(bare) as engine:
            assert inspect(engine).get_table_names() == []
        plain.drop(first)
        if kind == "sqlite":
            assert not Path(first.removeprefix("sqlite:///")).exists()
    finally:
        plain.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_server_is_postgresql_and_not_an_imitation(engine: Engine) -> None:
    with engine.connect() as connection:
        assert str(connection.execute(text("SELECT version()")).scalar()).startswith("PostgreSQL ")


@pytest.mark.skipif(
    sys.platform != "linux" or bool(os.environ.get("HUIKUAN_TEST_DATABASE_URL")), reason="asks Linux about our own server"
)
def test_a_killed_test_process_takes_its_server_with_it() -> None:
    script = (
        "from tests.databases import start_server; s = start_server(); "
        "print(s._process.pid, s.directory, flush=True); input()"
    )
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout
        pid, directory = victim.stdout.readline().split()
        server = os.pidfd_open(int(pid))
        victim.send_signal(signal.SIGKILL)
    try:
        assert select.select([server], [], [], 20)[0], "the server outlived its test process"
    finally:
        os.close(server)

    _clear_orphans()
    assert not Path(directory).exists()
