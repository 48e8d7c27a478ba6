"""What must come back to somebody's desk later: the rest of a partial promise, "again on", a lost dispute."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.dunning.ladder import Policy
from core.dunning.state import Event
from core.models import FollowUp
from core.models.base import table_of
from core.time import local_instant
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
    data: dict[str, Any] | None = None,
) -> None:
    """Opens a new task for `person_id` (None: whoever is responsible) with the first cycle from `due_at` on."""
    work.session.add(
        FollowUp(
            customer_id=customer_id,
            currency=currency,
            kind=kind,
            person_id=person_id,
            due_at=due_at,
            data=data or {},
            created_at=work.now,
        )
    )


def rest_follows(work: Work, policy: Policy, customer_id: int, currency: str) -> None:
    """What a partial promise, claim or dispute leaves comes back to the owner at the next work window."""
    calendar = work.company.calendar
    start = calendar.next_open(work.now, policy.windows.work)
    if start == work.now:  # inside a window: the one after it
        start = local_instant(calendar.next_working_day(work.today), policy.windows.work.start, calendar.zone)
    later(work, customer_id, "rest", start, currency=currency)


def remember(work: Work, events: Iterable[Event]) -> None:
    """Keeps events for the cycle that plans their customer, which may be another transaction than the one that ended
    the promise, claim or pause: a crash in between loses nothing."""
    for event in events:
        later(
            work,
            event.customer_id,
            event.kind,
            work.now,
            currency=event.currency,
            person_id=event.person_id,
            data=event.data,
        )
    work.session.flush()


def take(work: Work, customer_ids: Collection[int], currencies: Mapping[int, Collection[str]]) -> dict[int, list[Event]]:
    """Takes up what is due for these customers. `currencies`: those a customer has open, for one that names none."""
    rows = work.session.execute(
        select(FollowUp)
        .where(U.c.done_at.is_(None), U.c.due_at <= work.now, U.c.customer_id.in_(list(customer_ids)))
        .order_by(U.c.id)
    ).scalars()
    events: dict[int, list[Event]] = {}
    for row in rows.all():
        row.done_at = work.now
        for currency in [row.currency] if row.currency else sorted(currencies.get(row.customer_id, ())):
            event = Event(row.kind, row.customer_id, currency, row.person_id, dict(row.data))
            events.setdefault(row.customer_id, []).append(event)
    return events


def due_customers(work: Work) -> list[int]:
    """Customers with something that comes back now."""
    rows = work.session.execute(select(U.c.customer_id).where(U.c.done_at.is_(None), U.c.due_at <= work.now).distinct())
    return list(rows.scalars())
