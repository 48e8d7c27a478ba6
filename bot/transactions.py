"""Opens transactions of the core: one Work each, committed at the end, rolled back on error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy import Engine

from core.db import patient, reading, transaction
from core.work import Company, Work


class TooLate(Exception):
    """Whoever waits for the answer has been told that nothing is saved, so nothing is."""


@dataclass(frozen=True)
class Transactions:
    """The database and the company that every Work belongs to."""

    engine: Engine
    company: Company

    @contextmanager
    def work(
        self,
        now: datetime,
        *,
        actor: str = "system",
        person_id: int | None = None,
        channel: str = "system",
        until: float | None = None,
        patience: float | None = None,
    ) -> Iterator[Work]:
        """`until`: on time.monotonic(); nothing is saved later than that. `patience`: seconds that it waits for whoever is
        at the same customer. Errors: TooLate; Unreachable(db.locked)."""
        with transaction(self.engine) as session:
            if patience is not None:
                patient(session, patience)
            yield Work(session, self.company, now, actor, person_id, channel)
            if until is not None and monotonic() > until:
                raise TooLate

    @contextmanager
    def look(self, now: datetime) -> Iterator[Work]:
        """For reading only; never waits for a writer."""
        with reading(self.engine) as session:
            yield Work(session, self.company, now)
