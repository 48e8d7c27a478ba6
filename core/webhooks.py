"""Events for another system: written with the change that caused them, sent in order, kept to be sent again.

pending -> sending -> accepted     the receiver said yes
sending -> pending                 it did not, or whoever was sending died: again, after a while that grows
sending -> parked                  given up after days of trying
accepted, parked -> pending        sent again by hand, with the same id and body
accepted -> gone                   some months later
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, exists, func, or_, select, update

from core.db import insert_many
from core.errors import DomainError
from core.models import WebhookEvent
from core.models.base import table_of
from core.work import Work

W = table_of(WebhookEvent)
WAITING = ("pending", "sending")
OF_CUSTOMER = "customer:"  # what the subject of such an event begins with
LEASE = timedelta(seconds=60)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
GIVE_UP, TRIES = timedelta(days=7), 10  # both must be reached: a process that was down for a week tries first
_COLUMNS = ("key", "kind", "subject", "body", "at", "state", "attempts", "not_before", "last_error")


@dataclass(frozen=True)
class Event:
    """One event on its way. `key` is its public id, the same each time it is sent; `attempt` counts from 1."""

    id: int
    key: str
    kind: str
    body: Mapping[str, Any]
    attempt: int


@dataclass(frozen=True)
class Outcome:
    """What became of one sending: an HTTP status, or why there is none."""

    event: Event
    status: int | None = None
    error: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Backlog:
    """What has not been accepted: how many wait, since when, why the last try failed, and how many are parked."""

    waiting: int
    oldest: datetime | None
    tried: int
    last_status: int | None
    last_error: str
    parked: int


def emit(work: Work, kind: str, subject: str, what: Mapping[str, Any]) -> None:
    """Writes an event about `subject` (order:7) in this transaction. `what` is public: amounts as texts in major units."""
    emit_all(work, [(kind, subject, what)])


def emit_all(work: Work, events: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
    """(kind, subject, what) of each, in order. Where no receiver is set nothing is written: nobody would ever take it."""
    if not work.company.webhooks:
        return
    rows = []
    for kind, subject, what in events:
        key = uuid4().hex  # never used again, not even by a database that was restored from a backup
        body = {"id": key, "event": kind, "at": shown(work, work.now), **what}
        rows.append((key, kind, subject, body, work.now, "pending", 0, work.now, ""))
    insert_many(work.session, W, _COLUMNS, rows)


def shown(work: Work, at: datetime) -> str:
    """An instant as it stands in a body: ISO 8601 with the offset of the company's zone."""
    return at.astimezone(work.company.calendar.zone).isoformat()


def _ready(now: datetime) -> ColumnElement[bool]:
    """To be sent, or left behind by a sender that died; and nothing earlier about its subject is still on its way."""
    before = W.alias("before")
    behind = exists().where(before.c.subject == W.c.subject, before.c.id < W.c.id, before.c.state.in_(WAITING))
    due = and_(_waits(), W.c.not_before <= now, or_(W.c.state == "pending", W.c.lease_until <= now))
    return and_(due, ~behind)


def _waits() -> ColumnElement[bool]:
    """Written out, so that SQLite sees that its index of what waits will do; else it reads the whole log every time."""
    return W.c.state.in_(bindparam(None, WAITING, expanding=True, literal_execute=True))


def any_ready(work: Work) -> bool:
    """Whether `claim` would find something; reads only."""
    return work.session.execute(select(W.c.id).where(_ready(work.now)).limit(1)).first() is not None


def claim(work: Work, n: int) -> list[Event]:
    """Takes up to `n` events, each of another subject, in the order they were written. Nobody else takes them while
    their lease runs; if it ends without a record, they are sent once more."""
    query = select(W.c.id, W.c.key, W.c.kind, W.c.body, W.c.attempts).where(_ready(work.now)).order_by(W.c.id).limit(n)
    rows = work.session.execute(query.with_for_update(skip_locked=True, of=W)).all()
    taken = {"state": "sending", "attempts": W.c.attempts + 1, "lease_until": work.now + LEASE}
    if rows:
        work.session.execute(update(W).where(W.c.id.in_([row.id for row in rows])).values(taken))
    return [Event(row.id, row.key, row.kind, row.body, row.attempts + 1) for row in rows]


def record(work: Work, outcomes: Sequence[Outcome]) -> None:
    """What became of what was claimed. A yes counts even if it comes late; a no only from whoever sent last."""
    for outcome in outcomes:
        mine = W.c.id == outcome.event.id
        said = {"last_status": outcome.status, "last_error": outcome.error, "lease_until": None}
        if outcome.accepted:
            done = {**said, "state": "accepted", "accepted_at": work.now}
            work.session.execute(update(W).where(mine, W.c.state.in_(WAITING)).values(done))
        else:
            given_up = work.now - GIVE_UP
            again = {
                **said,
                "state": case((and_(W.c.at <= given_up, W.c.attempts >= TRIES), "parked"), else_="pending"),
                "not_before": work.now + wait(outcome.event.attempt),
            }
            latest = and_(W.c.state == "sending", W.c.attempts == outcome.event.attempt)
            work.session.execute(update(W).where(mine, latest).values(again))
    if any(outcome.accepted and outcome.event.attempt > 1 for outcome in outcomes):
        _the_receiver_is_back(work)


def _the_receiver_is_back(work: Work) -> None:
    """What it did not take before goes now, not when its wait of up to an hour is over."""
    behind = and_(W.c.state == "pending", W.c.attempts > 0, W.c.not_before > work.now)
    work.session.execute(update(W).where(behind).values(not_before=work.now))


def wait(attempt: int) -> timedelta:
    """How long after the so manieth failure it is tried again."""
    return min(FIRST_WAIT * (1 << min(attempt - 1, 20)), LONGEST_WAIT)


def give_back(work: Work, events: Collection[Event]) -> None:
    """What was claimed and not sent: the next sender takes it at once."""
    ids = [event.id for event in events]
    back = {"state": "pending", "attempts": W.c.attempts - 1, "lease_until": None}
    work.session.execute(update(W).where(W.c.id.in_(ids), W.c.state == "sending").values(back))


def replay(work: Work, ids: Collection[str] = (), since: datetime | None = None) -> int:
    """Sends these again (a row's number or an event's id), or all since an instant; returns how many. What is being sent
    just now is left alone. Errors: webhook.unknown(value, days), webhook.gone(value, days): its number was given once."""
    if ids:
        for problem in absent(work, ids).values():
            raise problem
        numbers, keys = _sorted_out(ids)
        chosen: ColumnElement[bool] = or_(W.c.id.in_(numbers), W.c.key.in_(keys))
    elif since is not None:
        chosen = W.c.at >= since
    else:
        return 0
    again = {"state": "pending", "attempts": 0, "not_before": work.now, "lease_until": None}
    done = work.session.execute(update(W).where(chosen, W.c.state != "sending").values(again))
    found: int = done.rowcount  # type: ignore[attr-defined]
    work.audit("webhook.replayed", count=found, ids=sorted(ids), since=since.isoformat() if since is not None else None)
    return found


def absent(work: Work, ids: Collection[str]) -> dict[str, DomainError]:
    """Those of these that can't be sent again, and why: webhook.unknown(value, days), webhook.gone(value, days)."""
    days, (numbers, keys) = work.company.webhook_days, _sorted_out(ids)
    rows = work.session.execute(select(W.c.id, W.c.key).where(or_(W.c.id.in_(numbers), W.c.key.in_(keys)))).all()
    here, known = {row.id for row in rows}, {row.key for row in rows}
    last = work.session.execute(select(func.max(W.c.id))).scalar() or 0
    found = {}
    for one in ids:
        if _is_number(one) and int(one) not in here:
            code = "webhook.gone" if int(one) <= last else "webhook.unknown"
            found[one] = DomainError(code, value=str(int(one)), days=days)
        elif not _is_number(one) and one not in known:
            found[one] = DomainError("webhook.unknown", value=one[:100], days=days)
    return found


def _sorted_out(ids: Collection[str]) -> tuple[set[int], set[str]]:
    """Numbers, and ids of events."""
    return {int(one) for one in ids if _is_number(one)}, {one for one in ids if not _is_number(one)}


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) <= 15


def forget(work: Work, most: int) -> int:
    """Deletes up to `most` events that were taken longer ago than the company keeps them; returns how many. What stays
    besides: each customer's latest, with which locks are compared (core.credit.events), and the very latest, so that no
    number is given twice."""
    later = W.alias("later")
    superseded = exists().where(later.c.subject == W.c.subject, later.c.id > W.c.id)
    old = and_(W.c.state == "accepted", W.c.accepted_at < work.now - timedelta(days=work.company.webhook_days))
    latest = select(func.max(W.c.id)).scalar_subquery()
    unneeded = and_(or_(~W.c.subject.startswith(OF_CUSTOMER), superseded), W.c.id < latest)
    query = select(W.c.id).where(old, unneeded).order_by(W.c.id).limit(most)
    ids = work.session.execute(query).scalars().all()
    if ids:
        work.session.execute(delete(W).where(W.c.id.in_(ids), W.c.state == "accepted"))  # but not what is sent again now
    return len(ids)


def log(work: Work, state: str = "", most: int = 100) -> list[WebhookEvent]:
    """The newest events, the newest first."""
    query = select(WebhookEvent).order_by(W.c.id.desc()).limit(most)
    return list(work.session.execute(query.where(W.c.state == state) if state else query).scalars())


def backlog(work: Work) -> Backlog:
    waiting = _waits()
    counts = work.session.execute(
        select(
            func.count().filter(waiting).label("waiting"),
            func.min(W.c.at).filter(waiting).label("oldest"),
            func.count().filter(and_(waiting, W.c.attempts > 0)).label("tried"),
            func.count().filter(W.c.state == "parked").label("parked"),
        ).where(W.c.state != "accepted")
    ).one()
    failed = (W.c.attempts > 0) & ((W.c.last_error != "") | W.c.last_status.is_not(None))
    newest = select(W.c.last_status, W.c.last_error).where(W.c.state != "accepted", failed).order_by(W.c.not_before.desc())
    last = work.session.execute(newest.limit(1)).first()
    return Backlog(
        counts.waiting, counts.oldest, counts.tried, last.last_status if last else None, last.last_error if last else "",
        counts.parked,
    )  # fmt: skip
