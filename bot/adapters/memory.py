"""What an adapter must remember between processes, by a key: a few rows of its own, each change its own transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from core.db import reading, transaction
from core.models import AdapterState
from core.models.base import table_of

S = table_of(AdapterState)
MAX_KEY = 200


class Memory:
    """Blocking: call it in a thread. Errors: Unreachable."""

    def __init__(self, engine: Engine, messenger: str) -> None:
        self._engine, self._messenger = engine, messenger
        insert = (postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert)(S)
        one, fresh = [S.c.messenger, S.c.key], {"value": insert.excluded.value, "at": insert.excluded.at}
        self._put = insert.on_conflict_do_update(index_elements=one, set_=fresh)
        self._put_new = insert.on_conflict_do_nothing(index_elements=one)

    def get(self, key: str) -> dict[str, Any] | None:
        with reading(self._engine) as session:
            return session.execute(select(S.c.value).where(*self._which(key))).scalar()

    def every(self, kind: str) -> dict[str, dict[str, Any]]:
        """What is kept under the keys that begin with `kind`."""
        which = (S.c.messenger == self._messenger, S.c.key.startswith(kind, autoescape=True))
        with reading(self._engine) as session:
            return {key: value for key, value in session.execute(select(S.c.key, S.c.value).where(*which))}

    def put(self, key: str, value: dict[str, Any], at: datetime) -> None:
        self.put_all({key: value}, at)

    def put_all(self, values: dict[str, dict[str, Any]], at: datetime) -> dict[str, dict[str, Any]]:
        """Several at once: all of them or none; returns them.

        In the order of their keys, so that no two writers wait for each other.
        """
        with transaction(self._engine) as session:
            session.execute(self._put, [self._row(key, values[key], at) for key in sorted(values)])
        return values

    def put_new(self, key: str, value: dict[str, Any], at: datetime) -> dict[str, Any]:
        """Keeps what is there; returns what stands there now."""
        return self.put_all_new({key: value}, at)[key]

    def put_all_new(self, values: dict[str, dict[str, Any]], at: datetime) -> dict[str, dict[str, Any]]:
        """The same for several at once."""
        with transaction(self._engine) as session:
            session.execute(self._put_new, [self._row(key, values[key], at) for key in sorted(values)])
            mine = S.c.messenger == self._messenger, S.c.key.in_([key[:MAX_KEY] for key in values])
            kept = {key: value for key, value in session.execute(select(S.c.key, S.c.value).where(*mine))}
        return {key: kept[key[:MAX_KEY]] for key in values}

    def take(self, key: str) -> dict[str, Any] | None:
        """What stood there, once: nobody else gets it, too."""
        taken: dict[str, Any] | None = None

        def change(session: Session, found: AdapterState | None) -> None:
            nonlocal taken
            if found is not None:
                taken = found.value
                session.delete(found)

        self._change(key, change)
        return taken

    def count(self, key: str, by: int, at: datetime) -> int:
        """Adds to a number; returns the sum."""
        total = by

        def change(session: Session, found: AdapterState | None) -> None:
            nonlocal total
            if found is None:
                session.add(AdapterState(messenger=self._messenger, key=key, value={"n": by}, at=at))
            else:
                total = int(found.value["n"]) + by
                found.value, found.at = {"n": total}, at

        self._change(key, change)
        return total

    def forget(self, before: datetime, kind: str = "") -> None:
        """What was last written before; of the keys that begin with `kind`, where it is given."""
        which = (S.c.messenger == self._messenger, S.c.at < before, S.c.key.startswith(kind, autoescape=True))
        with transaction(self._engine) as session:
            session.execute(delete(S).where(*which))

    def _which(self, key: str) -> tuple[Any, Any]:
        return S.c.messenger == self._messenger, S.c.key == key[:MAX_KEY]

    def _row(self, key: str, value: dict[str, Any], at: datetime) -> dict[str, Any]:
        return {"messenger": self._messenger, "key": key[:MAX_KEY], "value": value, "at": at}

    def _change(self, key: str, change: Callable[[Session, AdapterState | None], None]) -> None:
        with transaction(self._engine) as session:
            query = select(AdapterState).where(*self._which(key)).with_for_update()
            change(session, session.execute(query).scalar_one_or_none())
