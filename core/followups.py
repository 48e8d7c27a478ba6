"""What must come back to somebody's desk later: the rest of a partial promise, "again on", a lost dispute."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.dunning.state import Event
from core.models import FollowUp
from core.models.base import table_of
from core.work import Work

U = table_of(FollowUp)


def later(
    work: Work,
    customer_id: int,
    kind: str,
    due_at: datetime,
    *,
    currency: str = "",
    person_id: int | None = None,
    **data: Any,
) -> None:
    """Opens a new task for `person_id` (None: whoever is responsible) with the first cycle from `due_at` on."""
    work.session.add(
        FollowUp(
            customer_id=customer_id,
            currency=currency,
            kind=kind,
            person_id=person_id,
            due_at=due_at,
            data=data,
            created_at=work.now,
        )
    )


def due(work: Work, currencies: dict[int, list[str]]) -> list[Event]:
    """Takes every follow-up whose time has come. `currencies`: those a customer has open, for one that names none."""
    rows = work.session.execute(
        select(FollowUp).where(U.c.done_at.is_(None), U.c.due_at <= work.now).order_by(U.c.id)
    ).scalars()
    events = []
    for row in rows.all():
        row.done_at = work.now
        for currency in [row.currency] if row.currency else currencies.get(row.customer_id, []):
            events.append(Event(row.kind, row.customer_id, currency, row.person_id, dict(row.data)))
    return events


def due_customers(work: Work) -> list[int]:
    rows = work.session.execute(select(U.c.customer_id).where(U.c.done_at.is_(None), U.c.due_at <= work.now).distinct())
    return list(rows.scalars())
