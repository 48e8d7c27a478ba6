"""Taps faster than one transaction for each: booked together they come to the same as one after the other."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from bot.adapters.base import Envelope, Reply
from bot.crowd import Crowd, book
from bot.inbound import receive
from core.credit.locks import lock_ones
from core.models import Account, Audit, Case, Cover, FollowUp, InboundEvent, OutboxMessage, Person, Promise, Task
from core.models.base import table_of
from tests.databases import Databases
from tests.harness import Harness, instant
from tests.scenarios.racing import cards_of, company, count, other, sound

CUSTOMERS = 8
HELD = {"key", "id", "event_id"}  # what is new in every run


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    hk = _morning(database_url)
    yield hk
    hk.stop()


@pytest.fixture
def another_database_url(database_url: str, databases: Databases) -> Iterator[str]:
    url = databases.create("sqlite" if database_url.startswith("sqlite") else "postgresql")
    yield url
    databases.drop(url)


def _morning(url: str) -> Harness:
    """Eight customers are one day overdue; li and lin have four cards each. An account makes somebody of a crowd."""
    hk = company(url, CUSTOMERS)
    with hk.app.work(hk.now) as work:
        people = {p.handle: p.id for p in work.session.execute(select(Person)).scalars()}
        for handle in ("li", "lin", "wang"):
            work.session.add(Account(person_id=people[handle], messenger="local", user_id=handle))
    hk.now = instant("2026-07-02 09:00")
    hk.tick()
    return hk


def _taps(hk: Harness, *, who: Sequence[str] = ("li", "lin"), **more: Any) -> list[Envelope]:
    given: dict[str, Any] = {"action": "task.promise", "input": {"date": "2026-07-06"}, **more}
    cards = [(handle, card) for handle in who for card in cards_of(hk, handle)]
    return [
        Envelope("local", handle, f"event-{n}", hk.now, delivery_id=card, **given) for n, (handle, card) in enumerate(cards)
    ]


def _rows(hk: Harness) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in the books of it, without the numbers that rows happen to get."""
    found = {}
    with hk.look() as work:
        for model in (Promise, Cover, Task, Case, FollowUp, Audit, InboundEvent, OutboxMessage):
            table = table_of(model)
            mine = [c for c in table.columns if c.name not in HELD and not c.name.endswith("_id")]
            mine += [table.c.customer_id] if "customer_id" in table.c else []
            rows = work.session.execute(select(*mine))
            found[table.name] = sorted(tuple(_plain(value) for value in row) for row in rows)
    return found


def _plain(value: Any) -> Any:
    """Numbers of rows inside of what is told differ; what is told doesn't."""
    if isinstance(value, dict):
        return str({k: v for k, v in sorted(value.items()) if k not in ("promise", "ids", "delivery_id")})
    return str(value)


def test_together_they_come_to_the_same_as_one_by_one(hk: Harness, another_database_url: str) -> None:
    replies = book(hk.app.door, _taps(hk))
    assert [replies[n].outcome for n in range(CUSTOMERS)] == ["done"] * CUSTOMERS
    alone = _morning(another_database_url)
    for envelope in _taps(alone):
        assert receive(alone.app.door, envelope).outcome == "done"
    assert _rows(hk) == _rows(alone)
    alone.stop()
    hk.deliver()
    sound(hk)


def test_each_change_is_audited_to_whoever_tapped(hk: Harness) -> None:
    book(hk.app.door, _taps(hk))
    A, P = table_of(Audit), table_of(Person)
    with hk.look() as work:
        query = select(A.c.actor, P.c.handle, A.c.channel).join(P, P.c.id == A.c.person_id)
        made = sorted(work.session.execute(query.where(A.c.action == "promise.made")).all())
        assert made == [("li", "li", "local")] * 4 + [("lin", "lin", "local")] * 4
        tasks = work.session.execute(select(Task)).scalars()
        assert {t.closed_by for t in tasks} == {"li", "lin"}


def test_what_cannot_be_booked_with_others_is_left_to_be_done_alone(hk: Harness) -> None:
    """The same customer a second time, an event that was answered before, somebody else's card, a stranger."""
    taps = _taps(hk)
    first = book(hk.app.door, taps[:2])
    assert sorted(first) == [0, 1]
    again = Envelope("local", "wang", "other", hk.now, delivery_id=taps[2].delivery_id, action="task.paid")
    stranger = Envelope("local", "nobody", "x", hk.now, delivery_id=taps[3].delivery_id, action="task.paid")
    twice = Envelope("local", "li", "second", hk.now, delivery_id=taps[2].delivery_id, action="task.paid")
    booked = book(hk.app.door, [taps[0], again, stranger, taps[2], twice, taps[3]])
    assert sorted(booked) == [3, 5]
    assert count(hk, Promise) == 4


def test_one_with_a_wrong_date_is_told_so_and_the_others_are_booked(hk: Harness) -> None:
    taps = _taps(hk)
    wrong, past = (replace(tap, input={"date": date}) for tap, date in zip(taps, ("13月", "2026-06-01"), strict=False))
    replies = book(hk.app.door, [wrong, past, *taps[2:]])
    assert [replies[n].outcome for n in range(CUSTOMERS)] == ["invalid"] * 2 + ["done"] * 6
    assert count(hk, Promise) == 6


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_customer_that_somebody_else_has_locked_is_left_out(hk: Harness) -> None:
    """SQLite has one writer at a time: nobody else holds anything."""
    taps = _taps(hk)
    with other(hk) as second, second.work(hk.now) as work:
        with hk.look() as seen:
            busy = seen.session.execute(select(table_of(Task).c.customer_id).order_by(table_of(Task).c.id)).scalars().first()
        assert busy is not None
        lock_ones(work, [busy])
        assert len(book(hk.app.door, taps)) == CUSTOMERS - 1


def test_too_late_for_one_is_booked_for_nobody(hk: Harness) -> None:
    taps = _taps(hk)
    assert book(hk.app.door, [replace(taps[0], until=monotonic() - 1), *taps[1:]]) == {}
    assert (count(hk, Promise), count(hk, Task, table_of(Task).c.state != "open")) == (0, 0)


def test_whoever_waits_gets_the_answer_to_their_own_tap(hk: Harness) -> None:
    """Twenty events at one moment: one transaction for each customer's first, and everybody is answered for themselves."""
    taps = _taps(hk)
    second = [replace(tap, event_id=f"{tap.event_id}, again", action="task.paid", input={}) for tap in taps]
    replies = _answered(hk, [*taps, *second])
    assert [reply.outcome for reply in replies] == ["done"] * CUSTOMERS + ["already"] * CUSTOMERS
    assert count(hk, Promise) == CUSTOMERS
    hk.deliver()
    sound(hk)


def test_if_booking_together_fails_each_is_done_alone(hk: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of one of them")

    monkeypatch.setattr("bot.crowd.actions.begin", broken)
    replies = _answered(hk, _taps(hk))
    assert [reply.outcome for reply in replies] == ["done"] * CUSTOMERS
    assert count(hk, Promise) == CUSTOMERS


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_one_that_had_to_give_way_takes_nobody_along(hk: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two transactions that wait for each other: the database ends one of them, which may be that of the crowd."""

    def deadlock(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("deadlock detected"))

    monkeypatch.setattr("bot.crowd.actions.begin", deadlock)
    assert [reply.outcome for reply in _answered(hk, _taps(hk))] == ["done"] * CUSTOMERS
    assert count(hk, Promise) == CUSTOMERS


def _answered(hk: Harness, envelopes: Sequence[Envelope]) -> list[Reply]:
    async def all_of_them() -> list[Reply]:
        running: set[asyncio.Task[None]] = set()

        def spawn(steps: Coroutine[Any, Any, None]) -> None:
            running.add(asyncio.create_task(steps))

        crowd = Crowd(hk.app.door, spawn)
        found = await asyncio.gather(*(crowd.receive(envelope) for envelope in envelopes))
        await asyncio.gather(*running)
        return found

    return asyncio.run(all_of_them())
