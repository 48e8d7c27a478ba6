"""Alembic's entry: runs on SQLite and PostgreSQL, the whole upgrade in one transaction."""

from alembic import context
from sqlmodel import SQLModel

import core.models  # noqa: F401  # registers the tables
from core.db import make_engine

engine = make_engine(context.config.attributes["url"], migrating=True)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
