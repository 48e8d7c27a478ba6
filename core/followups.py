"""What must come back to somebody's desk later: the rest of a partial promise, "again on", a lost dispute."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from core.dunning.ladder import Policy
from core.dunning.state import NOTICES, Event
from core.models import FollowUp
from core.models.base import table_of
from core.time import local_instant
from core.work import Work

U = table_of(FollowUp)
OF_ITS_DAY = ("again_on", "follow_up")  # on a later day they only mean that something is left to do
_ANSWERED = (
    U.update()
    .where(U.c.customer_id == bindparam("customer"), U.c.done_at.is_(None), U.c.kind.in_(OF_ITS_DAY))
    .values(done_at=bindparam("now"))
)


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


def take(work: Work, customer_ids: Collection[int], open_in: Mapping[int, Mapping[str, bool]]) -> dict[int, list[Event]]:
    """Takes up what is due for these customers. `open_in`: the currencies a customer has something open in, and whether
    any of it may be chased. Where none may be for now, it waits: a debt never drops off everybody's desk. What is only
    to be known doesn't wait."""
    rows = work.session.execute(
        select(FollowUp)
        .where(U.c.done_at.is_(None), U.c.due_at <= work.now, U.c.customer_id.in_(list(customer_ids)))
        .order_by(U.c.id)
    ).scalars()
    events: dict[int, list[Event]] = {}
    for row in rows.all():
        known = open_in.get(row.customer_id, {})
        notice = row.kind in NOTICES
        here = {c: notice or chased for c, chased in known.items() if row.currency in ("", c)}
        if here and not any(here.values()):
            continue
        row.done_at = work.now
        late = work.company.calendar.business_date(row.due_at) < work.today
        kind = "rest" if late and row.kind in OF_ITS_DAY else row.kind
        for currency in sorted(c for c, chased in here.items() if chased):
            event = Event(kind, row.customer_id, currency, row.person_id, dict(row.data))
            events.setdefault(row.customer_id, []).append(event)
    return events


def answered(work: Work, customer_id: int) -> None:
    """A new result makes what an earlier one wanted to come back to pointless."""
    work.session.execute(_ANSWERED, {"customer": customer_id, "now": work.now})


def drop(work: Work, customer_id: int, currency: str, kind: str) -> None:
    """What was to come back is no longer true."""
    work.session.execute(
        U.update()
        .where(U.c.customer_id == customer_id, U.c.currency == currency, U.c.kind == kind, U.c.done_at.is_(None))
        .values(done_at=work.now)
    )


def due_customers(work: Work) -> list[int]:
    """Customers with something that comes back now."""
    rows = work.session.execute(select(U.c.customer_id).where(U.c.done_at.is_(None), U.c.due_at <= work.now).distinct())
    return list(rows.scalars())
