"""What a connection to the database keeps between two transactions, and what a look may not keep."""

import pytest
from sqlalchemy import text

from core.db import make_engine, reading, transaction
from core.errors import Unreachable
from tests.databases import Databases

PLANNED = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT code%'")


def test_looks_leave_the_statements_planned(databases: Databases) -> None:
    url = databases.create("postgresql")
    engine = make_engine(url)
    with transaction(engine) as session:
        for number in range(10):
            session.execute(text("SELECT code FROM customer WHERE id = :id"), {"id": number})
    with reading(engine) as session:
        session.execute(text("SELECT 1"))
    with transaction(engine) as session:
        assert session.execute(PLANNED).scalar_one() == 1
    engine.dispose()
    databases.drop(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_look_keeps_nothing_that_is_written_in_it(databases: Databases, kind: str) -> None:
    url = databases.create(kind)
    engine = make_engine(url)
    try:
        with reading(engine) as session:
            session.execute(text("DELETE FROM alembic_version"))
    except Unreachable as error:
        assert (kind, error.code) == ("postgresql", "db.read_only")
    with reading(engine) as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    engine.dispose()
    databases.drop(url)
