"""Processes that die at the worst moment, and processes that run side by side."""

import random
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.engine import run_cycle
from core.models import Firing, Promise, Task
from core.models.base import table_of
from tests.harness import Harness, instant
from tests.processes import how_it_ended, process
from tests.scenarios import crashing
from tests.scenarios.racing import at_once, cards_of, company, count, other, sound, tap

P, T, F = table_of(Promise), table_of(Task), table_of(Firing)


def crash(hk: Harness, place: str) -> None:
    with process(crashing.main, hk.app.settings.database, hk.now.isoformat(), place) as dying:
        assert how_it_ended(dying) == -signal.SIGKILL


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    hk = company(database_url, 4)
    hk.now = instant("2026-07-02 09:00")
    yield hk
    hk.stop()


@pytest.mark.parametrize("place", ["stored", "claimed", "prepared", "decided"])
def test_whatever_dies_everything_is_said_once(hk: Harness, place: str) -> None:
    crash(hk, place)
    hk.tick()
    sound(hk)
    assert count(hk, Firing) == 8 and count(hk, Task, T.c.state == "open") == 4
    assert len(hk.unread("local", "li")) == len(hk.unread("local", "lin")) == 2


def test_another_process_takes_over_when_the_lease_has_run_out(hk: Harness) -> None:
    """Nobody may say that the first sender is dead before its lease is over: then the messenger is asked first."""
    crash(hk, "stored")
    with other(hk) as second:
        assert at_once(lambda: _deliver(second, hk, 30))[0].sent == 0
        assert at_once(lambda: _deliver(second, hk, 90))[0].sent == 4
    sound(hk)


def _deliver(app: object, hk: Harness, seconds: int) -> object:
    import asyncio

    async def run() -> object:
        await app.start()  # type: ignore[attr-defined]
        return await app.deliver(hk.now + timedelta(seconds=seconds))  # type: ignore[attr-defined]

    return asyncio.run(run())


def test_what_ran_out_is_not_lost_between_prepare_and_chunk(hk: Harness) -> None:
    """A promise is judged, then the process dies before the owner is told: the next cycle tells."""
    hk.tick()
    for card in cards_of(hk, "li"):
        assert tap(hk.app, hk.now, "li", card, "task.promise", date="2026-07-06").outcome == "done"
    hk.now = instant("2026-07-06 09:00")
    hk.tick()
    for message in hk.unread("local", "li"):
        hk.read(message)
    hk.now = instant("2026-07-08 09:00")
    crash(hk, "prepared")
    assert count(hk, Promise, P.c.state == "broken") == 2 and count(hk, Task, T.c.state == "open") == 2
    hk.tick()
    for _ in range(2):
        hk.chat("li").expect_card("未兑现", severity="overdue")
    hk.chat("li").expect_nothing()
    sound(hk)


def test_two_processes_run_the_same_hour(hk: Harness) -> None:
    same = (crashing.main, hk.app.settings.database, hk.now.isoformat(), "none")
    with process(*same) as one, process(*same) as two, process(*same) as three:
        assert [how_it_ended(p) for p in (one, two, three)] == [0, 0, 0]
    sound(hk)
    assert count(hk, Firing) == 8 and count(hk, Task) == 4
    assert len(hk.unread("local", "li")) == 2


def test_days_of_work_in_four_processes_at_once(database_url: str) -> None:
    """People tap, two engines run and two senders send, day after day: nobody is turned away, nothing happens twice."""
    hk = company(database_url, 10)
    chance = random.Random(5)
    buttons = [
        ("task.promise", {"date": "2026-07-31"}),
        ("task.paid", {}),
        ("task.dispute", {"reason": "price", "amount": "10"}),  # small enough for one every day
        ("task.other", {"note": "…"}),
    ]
    with other(hk) as second, other(hk) as third:
        for day in ("02", "03", "06", "07", "08", "09", "10", "17", "20"):
            hk.now = instant(f"2026-07-{day} 09:00")
            cards = [(who, card) for who in ("li", "lin") for card in cards_of(hk, who)]
            wanted = [(who, card, *chance.choice(buttons)) for who, card in cards if chance.random() < 0.5]

            def people(wanted: list[object] = wanted) -> list[tuple[str, str]]:
                return [(r.outcome, r.message) for r in (tap(third, hk.now, w, c, a, **given) for w, c, a, given in wanted)]  # type: ignore[misc, has-type]

            answers, *_ = at_once(
                people,
                lambda: run_cycle(hk.app.transactions, hk.now),
                lambda: run_cycle(second.transactions, hk.now),
                lambda: hk.run(hk.app.deliver(hk.now)),
                lambda: _deliver(second, hk, 0),
            )
            assert {a for a, _ in answers} <= {"done", "already"}, answers
            hk.tick()
            sound(hk)
    hk.stop()
