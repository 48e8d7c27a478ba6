"""Databases for measuring: files of SQLite, and a PostgreSQL server of our own that writes durably."""

import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, make_url

from core.db import make_engine, upgrade
from tests.databases import RunningServer, start_server

DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}


class Store(ABC):
    """One kind of database. A name stands for a database with the newest schema."""

    kind: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._engines: dict[str, Engine] = {}

    @abstractmethod
    def url(self, name: str) -> str:
        ...

    def create(self, name: str) -> None:
        upgrade(self.url(name))

    @abstractmethod
    def copy(self, name: str, to: str) -> None:
        """`to` becomes a copy, whatever it was."""

    def engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = make_engine(self.url(name))
        return self._engines[name]

    def let_go(self, name: str) -> None:
        """Closes its connections. The engine keeps the statements that it has built, as that of a running server does."""
        if name in self._engines:
            self._engines[name].dispose()

    @contextmanager
    @abstractmethod
    def raw(self, name: str) -> Iterator[Any]:
        """A connection of the driver itself, as durable as the program's."""
        yield

    @abstractmethod
    def fill(self, cursor: Any, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
        ...

    @abstractmethod
    def settle(self, name: str) -> None:
        """After loading: statistics, and nothing left to write."""

    @abstractmethod
    def drop(self, name: str) -> None:
        ...

    def close(self) -> None:
        for name in list(self._engines):
            self.let_go(name)


class Sqlite(Store):
    kind = "sqlite"
    mark = "?"

    def url(self, name: str) -> str:
        return f"sqlite:///{self.folder / name}.db"

    def copy(self, name: str, to: str) -> None:
        self.let_go(name)
        self.drop(to)
        shutil.copyfile(self.folder / f"{name}.db", self.folder / f"{to}.db")

    @contextmanager
    def raw(self, name: str) -> Iterator[Any]:
        connection = sqlite3.connect(self.folder / f"{name}.db", isolation_level=None)
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        yield connection
        connection.close()

    def fill(self, cursor: Any, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
        cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)

    def settle(self, name: str) -> None:
        with self.raw(name) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def drop(self, name: str) -> None:
        self.let_go(name)
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"{name}.db{suffix}").unlink(missing_ok=True)


class Postgresql(Store):
    kind = "postgresql"
    mark = "%s"
    _server: RunningServer

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = start_server(**DURABLE)

    def _name(self, name: str) -> str:
        return f"{self._server.prefix}{name}"

    def url(self, name: str) -> str:
        return self._server.url(self._name(name))

    def create(self, name: str) -> None:
        self.drop(name)
        self._server.execute(f'CREATE DATABASE "{self._name(name)}" TEMPLATE template0')
        super().create(name)

    def copy(self, name: str, to: str) -> None:
        self.let_go(name)
        self.drop(to)
        self._server.execute(f'CREATE DATABASE "{self._name(to)}" TEMPLATE "{self._name(name)}" STRATEGY file_copy')

    @contextmanager
    def raw(self, name: str) -> Iterator[Any]:
        url = make_url(self.url(name)).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            yield connection

    def fill(self, cursor: Any, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def settle(self, name: str) -> None:
        with self.raw(name) as connection:
            connection.execute("VACUUM (ANALYZE, PARALLEL 0)")
            connection.execute("CHECKPOINT")

    def drop(self, name: str) -> None:
        self.let_go(name)
        self._server.execute(f'DROP DATABASE IF EXISTS "{self._name(name)}" WITH (FORCE)')

    def close(self) -> None:
        super().close()
        self._server.stop()


STORES: dict[str, type[Sqlite] | type[Postgresql]] = {"sqlite": Sqlite, "postgresql": Postgresql}
