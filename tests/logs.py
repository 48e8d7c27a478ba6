"""The log of a whole test. `caplog.records` begins anew with each phase: in what a fixture does at its end it is empty."""

import logging

import pytest
from sqlalchemy import Engine, inspect, text

PHASES = ("setup", "call", "teardown")


def whole_log(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Every record since the test was set up, oldest first."""
    return [record for phase in PHASES for record in caplog.get_records(phase)]  # type: ignore[arg-type]


def written(caplog: pytest.LogCaptureFixture) -> str:
    """The same as it would stand in a file, with tracebacks."""
    return "\n".join(map(logging.Formatter().format, whole_log(caplog)))


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in whole_log(caplog) if record.levelno >= logging.ERROR]


def books(engine: Engine) -> str:
    """All that is in a database, as text: what was thought to be an error's reason is read by people, too."""
    tables = inspect(engine).get_table_names()
    with engine.connect() as connection:
        rows = (row for table in tables for row in connection.execute(text(f'SELECT * FROM "{table}"')))
        return "\n".join(str(tuple(row)) for row in rows)  # a row itself leaves out the middle of what is long
