"""The database: engines for SQLite and PostgreSQL, sessions, migrations, and what can be wrong with them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from operator import methodcaller
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Date, Dialect, Engine, Table, event, insert, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, create_engine

from core.errors import ConfigError, Unreachable
from core.jsontext import encode

PATIENCE = 5.0  # seconds that a writer waits for SQLite
PREPARED = 400  # statements that a connection to PostgreSQL keeps planned; by the number of rows in it one has many forms
MIGRATIONS = Path(__file__).parent / "migrations"


def _from_json(text: str | bytes) -> Any:
    """Most JSON in a table is empty, and a table is read by the thousand."""
    if text in ("[]", b"[]"):
        return []
    return {} if text in ("{}", b"{}") else json.loads(text)


def _to_json(value: Any) -> str:
    if not value and isinstance(value, list | dict):
        return "[]" if isinstance(value, list) else "{}"
    return encode(value).decode()


_JSON: dict[str, Any] = {"json_serializer": _to_json, "json_deserializer": _from_json}


def make_engine(url: str, *, migrating: bool = False) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…`.

    SQLite: writers begin IMMEDIATE (a deferred one would fail, or lose an update, when it turns into a writer);
    sessions with `read_only` don't. Foreign keys are off only while migrating: a batch would cascade otherwise.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError("db.unsupported", url=parsed.render_as_string(hide_password=True))
    extra: dict[str, Any] = {}
    if parsed.database in (None, "", ":memory:"):
        extra["poolclass"] = StaticPool
    else:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    patience = {"check_same_thread": False, "timeout": PATIENCE}
    engine = create_engine(parsed, connect_args=patience, hide_parameters=True, **_JSON, **extra)

    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        foreign_keys = "OFF" if migrating else "ON"
        patient = f"busy_timeout={PATIENCE * 1000:.0f}"
        for pragma in (patient, f"foreign_keys={foreign_keys}", "synchronous=FULL", "cache_size=-65536"):
            dbapi.execute("PRAGMA " + pragma)
        with suppress(Exception):  # a read-only file keeps its mode; the first write says so in words
            dbapi.execute("PRAGMA journal_mode=WAL")
        dbapi.create_function("business_date", 2, _business_date, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begun(conn: Connection) -> None:
        read_only = conn.get_execution_options().get("read_only")
        conn.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    """Last in, first out: a few connections do the work, and theirs are the statements that the server has planned."""
    engine = create_engine(url, pool_pre_ping=True, pool_use_lifo=True, hide_parameters=True, **_JSON)

    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, _record: Any) -> None:
        dbapi.prepared_max = PREPARED

    return engine


class business_date(FunctionElement[Any]):
    """SQL: the day of an instant in a zone, (instant, name of the zone). `date()` of a database knows only its own zone."""

    name = "business_date"
    type = Date()
    inherit_cache = True


@compiles(business_date, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"business_date({compiler.process(element.clauses, **kw)})"


@compiles(business_date, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    instant, zone = element.clauses
    return f"CAST(timezone({compiler.process(zone, **kw)}, {compiler.process(instant, **kw)}) AS DATE)"


@lru_cache(maxsize=4096)
def _business_date(instant: str | None, zone: str) -> str | None:
    """SQLite keeps instants as text, in UTC."""
    if instant is None:
        return None
    return datetime.fromisoformat(instant).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def insert_many(
    session: Session, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, once: str = ""
) -> None:
    """For rows by the thousand: values in the order of `columns`. `once`: a unique column; a row whose value there is
    in the table already is left out.

    Every column that may not be null must be given; nothing is filled in. On SQLite this is one executemany, made ready
    a column at a time. On PostgreSQL all rows are one parameter, as JSON: one by one, the driver takes twice the time.
    """
    if not rows:
        return
    session.flush()
    connection = session.connection()
    unless = f" ON CONFLICT ({once}) DO NOTHING" if once else ""
    if connection.dialect.name == "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        into, names = quote(table.name), ", ".join(map(quote, columns))
        text = f"INSERT INTO {into} ({names}) SELECT {names} FROM {_as_rows(into)}{unless}"
        connection.exec_driver_sql(text, {"rows": _as_json(columns, rows)})
        return
    text, in_order, processors = _inserting(table, tuple(columns), connection.dialect)
    values = dict(zip(columns, zip(*rows, strict=True), strict=True))
    ready = [_processed(values[name], processors[name]) for name in in_order]
    connection.exec_driver_sql(text + unless, list(zip(*ready, strict=True)))


def update_many(session: Session, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """The same for rows that are there: `id` is the first of `columns`, the others are set."""
    if not rows:
        return
    session.flush()
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    into, names = quote(table.name), list(map(quote, columns))
    if connection.dialect.name == "postgresql":
        changes = ", ".join(f"{name} = given.{name}" for name in names[1:])
        text = f"UPDATE {into} SET {changes} FROM {_as_rows(into)} AS given WHERE {into}.id = given.id"
        connection.exec_driver_sql(text, {"rows": _as_json(columns, rows)})
        return
    changes = ", ".join(f"{name} = ?" for name in names[1:])
    processors = _processors(table, connection.dialect)
    ready = [_processed(given, processors[name]) for name, given in zip(columns, zip(*rows, strict=True), strict=True)]
    text = f"UPDATE {into} SET {changes} WHERE id = ?"
    connection.exec_driver_sql(text, list(zip(*ready[1:], ready[0], strict=True)))


def _as_rows(table: str) -> str:
    return f"json_populate_recordset(NULL::{table}, %(rows)s)"


def _as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [dict(zip(columns, row, strict=True)) for row in rows]
    return encode(lines, methodcaller("isoformat")).decode()


@lru_cache(maxsize=64)
def _inserting(table: Table, columns: tuple[str, ...], dialect: Dialect) -> tuple[str, list[str], dict[str, Any]]:
    """The statement, the columns in the order of its parameters, and what makes each ready."""
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), [column.name for column in table.columns if column.name in columns], _processors(table, dialect)


@lru_cache(maxsize=64)
def _processors(table: Table, dialect: Dialect) -> dict[str, Any]:
    """By column: what makes a value ready for the driver, or None."""
    return {column.name: column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns}


def _processed(values: Sequence[Any], process: Any) -> Sequence[Any]:
    """The same object comes many times in a column: a date, a text, a list of recipients."""
    if process is None:
        return values
    known: dict[int, Any] = {}
    return [
        known[key] if (key := id(value)) in known else known.setdefault(key, process(value)) for value in values
    ]


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session that commits at the end, or rolls back everything."""
    with reachable(engine), _turn(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


_turns: WeakKeyDictionary[Engine, Lock] = WeakKeyDictionary()


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """SQLite has one writer at a time, and lets the others of this process sleep and try again; a lock wakes them up."""
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns.setdefault(engine, Lock())
    if not turn.acquire(timeout=PATIENCE):
        raise Unreachable("db.locked", url=engine.url.render_as_string(hide_password=True))
    try:
        yield
    finally:
        turn.release()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session for queries: never blocks a writer, and keeps nothing that is written in it."""
    with reachable(engine), engine.connect() as conn:
        conn = conn.execution_options(read_only=True)
        if engine.dialect.name != "postgresql":
            with Session(conn, autoflush=False) as session:
                yield session
            return
        # With a rollback at its end, psycopg would forget all statements that the server has planned for this connection.
        with conn.execution_options(postgresql_readonly=True).begin(), Session(conn, autoflush=False) as session:
            yield session


def others_write(session: Session) -> bool:
    """Whether other transactions may commit while this one is under way. On SQLite a writer is alone."""
    return session.get_bind().dialect.name != "sqlite"


def patient(session: Session, seconds: float) -> None:
    """The transaction waits for rows of others so long, and no longer. SQLite waits for its turn alone, PATIENCE."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL lock_timeout = {int(seconds * 1000)}"))


def alone(session: Session, what: str) -> None:
    """Until this transaction ends, whoever else asks for the same waits. On SQLite a writer is alone anyhow."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"huikuan.{what}"})


@contextmanager
def reachable(engine: Engine) -> Iterator[None]:
    """Turns the driver's complaints about a locked, read-only or missing database into Unreachable."""
    try:
        yield
    except OperationalError as error:
        raise _explain(engine, error) from error
    except DBAPIError as error:
        if "read-only" in str(error.orig) or error.connection_invalidated:
            raise _explain(engine, error) from error
        raise


def _explain(engine: Engine, error: DBAPIError) -> Unreachable:
    text = str(error.orig)
    where = engine.url.render_as_string(hide_password=True)
    if "locked" in text or "lock timeout" in text:
        return Unreachable("db.locked", url=where)
    if "readonly" in text or "read-only" in text:
        return Unreachable("db.read_only", url=where)
    if "no such table" in text or "no such column" in text or "UndefinedTable" in type(error.orig).__name__:
        return Unreachable("db.not_migrated", url=where)
    return Unreachable("db.unreachable", url=where, detail=text.splitlines()[0] if text else "")


def _alembic(url: str) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Brings the schema to the newest migration, whole or not at all."""
    from alembic import command

    engine = make_engine(url, migrating=True)
    try:
        with reachable(engine):
            command.upgrade(_alembic(url), "head")
    finally:
        engine.dispose()


def schema_state(engine: Engine) -> str:
    """`current`, `empty`, `older` or `newer` than this code."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))
    with reachable(engine), engine.connect().execution_options(read_only=True) as conn:
        have = MigrationContext.configure(conn).get_current_revision()
    if have is None:
        return "empty"
    if have == script.get_current_head():
        return "current"
    return "older" if have in {s.revision for s in script.walk_revisions()} else "newer"


def require_current(engine: Engine) -> None:
    """Refuses a database whose schema is not this code's. Errors: db.empty, db.older, db.newer."""
    state = schema_state(engine)
    if state != "current":
        raise Unreachable(f"db.{state}", url=engine.url.render_as_string(hide_password=True))
