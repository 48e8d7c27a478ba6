"""Taps that come faster than one transaction for each allows: those that wait are booked together, each about a customer
of its own. What follows from a tap costs nearly as much for one customer as for twenty.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, func, select

from bot.adapters.base import Envelope, Reply
from bot.card import as_lang
from bot.inbound import Desk, Door, receive
from bot.kept import event_of, remember
from bot.lanes import Lanes
from core import actions
from core.actions import ActionRequest, Context, Outcome
from core.dunning.load import read_ahead
from core.dunning.stored import active
from core.errors import Unreachable
from core.models import Account, Delivery, InboundEvent, Person, Task
from core.models.base import table_of
from core.work import Work

log = logging.getLogger(__name__)

# What reps press by the hundred. Decisions of approvers and finance go one by one: they lock and read more than that.
SUBJECTS = ("task", "case", "promise", "arrived")

D, A, P, E, T = (table_of(m) for m in (Delivery, Account, Person, InboundEvent, Task))
_MESSENGER = bindparam("messenger", type_=String)
_THESE = bindparam("these", expanding=True, type_=String)
_IDS = bindparam("ids", expanding=True, type_=BigInteger)
_PEOPLE = (
    select(A.c.user_id, Person)
    .join(Person, P.c.id == A.c.person_id)
    .where(A.c.messenger == _MESSENGER, A.c.user_id.in_(_THESE), P.c.active)
)
_KNOWN = select(E.c.event_id).where(E.c.messenger == _MESSENGER, E.c.event_id.in_(_THESE))
_CARD = select(D.c.id, D.c.ref, D.c.person_id, D.c.customer_id, D.c.subject)
_BY_ID = _CARD.where(D.c.messenger == _MESSENGER, D.c.id.in_(_IDS))
_NEWEST = select(func.max(D.c.id)).where(D.c.messenger == _MESSENGER, D.c.ref.in_(_THESE)).group_by(D.c.ref)
_BY_REF = _CARD.where(D.c.id.in_(_NEWEST.scalar_subquery()))
_CARDS = select(Delivery).where(D.c.id.in_(_IDS))
_TASKS = select(Task).where(T.c.id.in_(_IDS))


@dataclass(frozen=True)
class _Tap:
    """One that can be booked with others: on a card of the person's own, about one customer."""

    place: int  # among those that wait
    envelope: Envelope
    person: Person
    customer_id: int


class Crowd:
    """Where taps wait for each other, but never for nothing: alone, a tap is booked at once."""

    def __init__(self, door: Door, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._door = door
        self._lanes: Lanes[Envelope, Reply] = Lanes(partial(receive, door), partial(book, door), spawn)

    async def receive(self, envelope: Envelope) -> Reply:
        """The answer to one event. Errors: those of bot.inbound.receive."""
        if _may_wait(envelope):
            return await self._lanes.do(envelope)
        return await asyncio.to_thread(receive, self._door, envelope)


def _may_wait(envelope: Envelope) -> bool:
    return envelope.action.startswith("task.") and not (envelope.text or envelope.looks or envelope.opens)


def book(door: Door, envelopes: Sequence[Envelope]) -> dict[int, Reply | Exception]:
    """Answers, by place, to the taps that could be booked in one transaction; all the others are to be handled alone, and
    all of them if anything goes wrong. Errors: Unreachable."""
    now, until = max(e.at for e in envelopes), min((e.until for e in envelopes if e.until is not None), default=None)
    try:
        with door.transactions.work(now, until=until) as work:
            return _booked(door, work, _taps(work, envelopes))
    except Unreachable:
        if door.transactions.engine.dialect.name == "sqlite":  # everybody has waited long enough
            raise
        return {}  # perhaps two transactions waited for each other, and only this one had to give way
    except Exception as error:  # alone, it shows whose it is; the others must not suffer for it
        log.warning("taps are booked one by one: %s", type(error).__name__)
        return {}


def _booked(door: Door, work: Work, taps: Sequence[_Tap]) -> dict[int, Reply | Exception]:
    free = set(actions.lock_free(work, [tap.customer_id for tap in taps])) if len(taps) > 1 else set()
    taps = [tap for tap in taps if tap.customer_id in free]
    if len(taps) < 2:
        return {}
    _read(work, taps)
    replies: dict[int, Reply] = {}
    changes: list[Context] = []

    def act(work: Work, request: ActionRequest) -> Outcome:
        outcome, change = actions.begin(work, request)
        changes.extend([change] if change is not None else [])
        return outcome

    for tap in taps:
        mine = replace(work, channel=tap.envelope.messenger, person_id=tap.person.id, actor=tap.person.handle)
        lang = as_lang(tap.person.locale, work.company.lang)
        replies[tap.place] = Desk(door, mine, tap.person, lang, tap.envelope, act).tapped()
    for tap in taps:
        remember(work, tap.envelope, replies[tap.place])
    actions.follow(work, changes)
    return dict(replies)


def _read(work: Work, taps: Sequence[_Tap]) -> None:
    """What each of them needs, for all of them at once. The session keeps what nobody holds only as long as it is used."""
    cards = work.session.execute(_CARDS, {"ids": [tap.envelope.delivery_id for tap in taps]}).scalars().all()
    tasks = work.session.execute(
        _TASKS, {"ids": [card.subject_id for card in cards if card.subject == "task"]}
    ).scalars().all()  # fmt: skip
    work.session.info["of the crowd"] = cards, tasks
    read_ahead(work, active(work)[1], sorted(tap.customer_id for tap in taps))


def _taps(work: Work, envelopes: Sequence[Envelope]) -> list[_Tap]:
    """One for each customer, the first that came. Columns and no rows: what is read before the lock may be outdated."""
    found: dict[int, _Tap] = {}
    day = work.today
    for messenger in sorted({e.messenger for e in envelopes}):
        mine = [(place, e) for place, e in enumerate(envelopes) if e.messenger == messenger and _on(work, e.at) == day]
        people = _people(work, messenger, {e.user_id for _, e in mine})
        events = {event_of(e) for _, e in mine}
        known = set(work.session.execute(_KNOWN, {"messenger": messenger, "these": sorted(events)}).scalars())
        cards = _cards(work, messenger, [e for _, e in mine])
        for place, envelope in mine:
            person, card = people.get(envelope.user_id), cards.get(envelope.ref or envelope.delivery_id)
            if person is None or card is None or card.customer_id is None or event_of(envelope) in known:
                continue
            if card.subject in SUBJECTS and card.person_id == person.id:
                plain = replace(envelope, delivery_id=card.id, ref="")
                found.setdefault(card.customer_id, _Tap(place, plain, person, card.customer_id))
    return list(found.values())


def _on(work: Work, at: datetime) -> object:
    return work.company.calendar.business_date(at)


def _people(work: Work, messenger: str, users: set[str]) -> dict[str, Person]:
    rows = work.session.execute(_PEOPLE, {"messenger": messenger, "these": sorted(users)})
    return {user_id: person for user_id, person in rows}


def _cards(work: Work, messenger: str, envelopes: Sequence[Envelope]) -> dict[str | int | None, Any]:
    """By what the messenger called them: its own name, or our number."""
    found: dict[str | int | None, Any] = {}
    refs = sorted({e.ref for e in envelopes if e.ref})
    if refs:
        rows = work.session.execute(_BY_REF, {"messenger": messenger, "these": refs})
        found |= {row.ref: row for row in rows}
    ids = sorted({e.delivery_id for e in envelopes if not e.ref and e.delivery_id is not None})
    if ids:
        found |= {row.id: row for row in work.session.execute(_BY_ID, {"messenger": messenger, "ids": ids})}
    return found
