"""Rows by the thousand reach the table as they are, and what the database refuses is SQLAlchemy's complaint."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.db import insert_many, update_many
from core.models import Audit, JobSlot, TaskReceivable
from core.models.base import table_of
from tests.factories import make_work

AUDIT = ("at", "actor", "person_id", "channel", "action", "subject", "subject_id", "customer_id", "data")
SLOT = ("job", "slot", "claimed_at", "lease_until", "data")


def test_every_value_comes_back(session: Session) -> None:
    """Tabs, line ends, backslashes, quotes, nothing at all: whatever a COPY has a meaning for is only text."""
    work = make_work(session)
    odd = ["", "\\N", "\\.", "a\tb\nc\\d", "'\"{}", "甲,乙", "NULL"]
    rows: list[Any] = [
        (work.now, text, None, text, "odd", "", at, None, {text: [text, None, at]}) for at, text in enumerate(odd)
    ]
    insert_many(session, table_of(Audit), AUDIT, rows)
    audit = table_of(Audit)
    query = select(*(audit.c[name] for name in AUDIT)).where(audit.c.action == "odd").order_by(audit.c.subject_id)
    assert [tuple(row) for row in session.execute(query)] == rows


def test_rows_that_are_there_change_one_by_one(session: Session) -> None:
    work, audit = make_work(session), table_of(Audit)
    given: list[Any] = [(work.now, "li", None, "cli", "odd", "", at, None, {}) for at in range(3)]
    insert_many(session, audit, AUDIT, given)
    query = select(audit.c.id, audit.c.channel, audit.c.at, audit.c.data).where(audit.c.action == "odd").order_by(audit.c.id)
    one, two, three = session.execute(query).all()
    later, odd = work.now + timedelta(days=1), {"甲\t\\": [None, 2**70, "'"]}
    update_many(session, audit, ("id", "channel", "at", "data"), [(two.id, "x'", later, odd), (three.id, "", later, {})])
    assert session.execute(query).all() == [one, (two.id, "x'", later, odd), (three.id, "", later, {})]


def test_nothing_is_nothing(session: Session) -> None:
    insert_many(session, table_of(Audit), AUDIT, [])
    update_many(session, table_of(Audit), ("id", "channel"), [])


def test_a_refusal_is_an_integrity_error(session: Session) -> None:
    """Who catches one need not know by which way the rows went: the import does (core.ingest.run)."""
    with pytest.raises(IntegrityError):
        insert_many(session, table_of(TaskReceivable), ("task_id", "receivable_id"), [(10**6, 10**6)])
    session.rollback()
    at = make_work(session).now
    with pytest.raises(IntegrityError):
        insert_many(session, table_of(JobSlot), SLOT, [("j", "s", at, at, {})] * 2)
    session.rollback()
