"""Holds that stand in the books already are kept when holds by people come in, on both databases."""

import pytest
from alembic import command
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from core.db import _alembic, make_engine, upgrade

_OLD = """INSERT INTO hold (customer_id, currency, kind, step, offset_days, reason, from_on, ended_on, ended_by)
          VALUES (:customer, 'CNY', :kind, 'over30', 30, 'age 30 reached 30', '2026-06-01', :ended, '')"""
_NEW = """INSERT INTO hold (customer_id, currency, kind, step, offset_days, reason, from_on, until, made_by_id, ended_by)
          VALUES (1, :currency, :kind, '', 0, 'x', '2026-07-01', '2026-07-31', :by, '')"""


def test_holds_are_kept_and_may_be_of_the_new_kinds(empty_database_url: str) -> None:
    command.upgrade(_alembic(empty_database_url), "0005")
    engine = make_engine(empty_database_url)
    customer = (
        "INSERT INTO customer (code, name, short_name, aliases, region, type, group_name, tags, rating, terms, currency,"
        " language, no_letters, phone, tax_id, address, extra, search, source, edited) VALUES ('甲', '甲', '', '[]', '', '',"
        " '', '[]', '', '', '', '', false, '', '', '', '{}', '', '', '[]')"
    )
    with engine.begin() as conn:
        before = {index["name"] for index in inspect(conn).get_indexes("hold")}
        conn.execute(text(customer))
        for kind, ended in (("order", None), ("high_risk", None), ("order", "2026-06-20")):
            conn.execute(text(_OLD), {"customer": 1, "kind": kind, "ended": ended})
    engine.dispose()
    upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    with engine.begin() as conn:
        rows = conn.execute(text("SELECT id, kind, reason, until, made_by_id FROM hold ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [
            (n, kind, "age 30 reached 30", None, None) for n, kind in enumerate(("order", "high_risk", "order"), start=1)
        ]
        assert {index["name"] for index in inspect(conn).get_indexes("hold")} == before
        assert {key["name"] for key in inspect(conn).get_foreign_keys("hold")} == {
            "fk_hold_customer_id_customer", "fk_hold_made_by_id_person",
        }  # fmt: skip
        for kind in ("manual", "blacklist"):
            conn.execute(text(_NEW), {"currency": "", "kind": kind, "by": None})
    for currency, kind, by in (("", "manual", None), ("CNY", "order", None), ("", "frozen", None), ("USD", "manual", 77)):
        with pytest.raises(IntegrityError), engine.begin() as conn:
            conn.execute(text(_NEW), {"currency": currency, "kind": kind, "by": by})
    engine.dispose()
