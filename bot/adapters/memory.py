"""What an adapter must remember between processes, by a key: a few rows of its own, each change its own transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select
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

    def get(self, key: str) -> dict[str, Any] | None:
        with reading(self._engine) as session:
            return session.execute(select(S.c.value).where(*self._which(key))).scalar()

    def put(self, key: str, value: dict[str, Any], at: datetime) -> None:
        def change(session: Session, found: AdapterState | None) -> None:
            if found is None:
                session.add(AdapterState(messenger=self._messenger, key=key, value=value, at=at))
            else:
                found.value, found.at = value, at

        self._change(key, change)

    def put_new(self, key: str, value: dict[str, Any], at: datetime) -> dict[str, Any]:
        """Keeps what is there; returns what stands there now."""
        kept = value

        def change(session: Session, found: AdapterState | None) -> None:
            nonlocal kept
            if found is None:
                session.add(AdapterState(messenger=self._messenger, key=key, value=value, at=at))
            else:
                kept = found.value

        self._change(key, change)
        return kept

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

    def forget(self, before: datetime) -> None:
        with transaction(self._engine) as session:
            session.execute(delete(S).where(S.c.messenger == self._messenger, S.c.at < before))

    def _which(self, key: str) -> tuple[Any, Any]:
        return S.c.messenger == self._messenger, S.c.key == key[:MAX_KEY]

    def _change(self, key: str, change: Callable[[Session, AdapterState | None], None]) -> None:
        with transaction(self._engine) as session:
            query = select(AdapterState).where(*self._which(key)).with_for_update()
            change(session, session.execute(query).scalar_one_or_none())
