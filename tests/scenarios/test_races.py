"""Two at once, twice the same, and too late: one effect, an honest answer, nothing lost."""

from collections.abc import Iterator

import pytest

from bot.engine import run_cycle
from core.models import Claim, Firing, InboundEvent, Promise, StoredPolicy, Task
from core.models.base import table_of
from tests.harness import Harness, instant
from tests.scenarios.racing import at_once, cards_of, company, count, other, outcomes, sound, tap

P, T, F, C, E = (table_of(m) for m in (Promise, Task, Firing, Claim, InboundEvent))
CUSTOMERS = 8


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    """Thursday 2026-07-02, nine o'clock: eight customers are one day overdue, and li and lin know."""
    hk = company(database_url, CUSTOMERS)
    hk.now = instant("2026-07-02 09:00")
    hk.tick()
    yield hk
    hk.stop()


def test_two_taps_at_once_on_one_card(hk: Harness) -> None:
    with other(hk) as second:
        for number, card in enumerate(cards_of(hk, "li"), 1):
            replies = at_once(
                lambda card=card: tap(hk.app, hk.now, "li", card, "task.promise", date="2026-07-06"),
                lambda card=card: tap(second, hk.now, "li", card, "task.promise", date="2026-07-07"),
            )
            assert outcomes(replies) == ["already", "done"], replies
            assert count(hk, Promise) == number
    hk.deliver()
    sound(hk)


def test_a_rep_and_the_manager_press_different_buttons_at_once(hk: Harness) -> None:
    with other(hk) as second:
        for card in cards_of(hk, "lin"):
            replies = at_once(
                lambda card=card: tap(hk.app, hk.now, "lin", card, "task.promise", date="2026-07-06"),
                lambda card=card: tap(second, hk.now, "wang", card, "task.paid"),
            )
            assert outcomes(replies) == ["already", "done"], replies
    assert count(hk, Promise) + count(hk, Claim) == CUSTOMERS // 2
    hk.deliver()
    sound(hk)


def test_one_event_delivered_twice_at_once(hk: Harness) -> None:
    with other(hk) as second:
        for number, card in enumerate(cards_of(hk, "li")):
            event = f"event-{number}"
            replies = at_once(
                *(
                    lambda app=app, card=card, event=event: tap(
                        app, hk.now, "li", card, "task.promise", event=event, date="2026-07-06"
                    )
                    for app in (hk.app, second, hk.app, second)
                )
            )
            assert outcomes(replies) == ["done"] * 4 and len({r.message for r in replies}) == 1, replies
            assert count(hk, InboundEvent, E.c.event_id.like(f"%:{event}")) == 1
    assert count(hk, Promise) == CUSTOMERS // 2


def test_a_redelivered_event_gets_the_first_answer(hk: Harness) -> None:
    card = cards_of(hk, "li")[0]
    first = tap(hk.app, hk.now, "li", card, "task.promise", event="e", date="2026-07-06")
    again = tap(hk.app, instant("2026-07-02 10:00"), "li", card, "task.promise", event="e", date="2026-07-06")
    assert (first.outcome, first.message) == (again.outcome, again.message) and first.outcome == "done"
    assert tap(hk.app, hk.now, "li", card, "task.promise", date="2026-07-06").outcome == "already"
    assert count(hk, Promise) == 1


def test_a_tap_while_the_engine_runs(hk: Harness) -> None:
    """Day seven: the second step is reached while people answer the first."""
    cards = [("li", c) for c in cards_of(hk, "li")] + [("lin", c) for c in cards_of(hk, "lin")]
    hk.now = instant("2026-07-08 09:00")
    with other(hk) as second, other(hk) as third:

        def people() -> list[str]:
            return [tap(second, hk.now, who, c, "task.promise", date="2026-07-10").outcome for who, c in cards]

        answers, first, again = at_once(
            people, lambda: run_cycle(hk.app.transactions, hk.now), lambda: run_cycle(third.transactions, hk.now)
        )
    assert set(answers) == {"done"}
    assert first + again <= CUSTOMERS * 2
    assert count(hk, Promise, P.c.state == "open") == CUSTOMERS
    hk.tick()
    sound(hk)
    assert count(hk, Task, T.c.state == "open") == 0


@pytest.mark.parametrize("round_", range(3))
def test_two_cycles_and_two_senders_at_the_same_instant(hk: Harness, round_: int) -> None:
    """Promises break, steps are reached and digests are made by whichever comes first."""
    for card in cards_of(hk, "li"):
        assert tap(hk.app, hk.now, "li", card, "task.promise", date="2026-07-06").outcome == "done"
    hk.now = instant("2026-07-08 09:00")
    with other(hk) as second, other(hk) as third:
        at_once(*(lambda app=app: run_cycle(app.transactions, hk.now) for app in (hk.app, second, third)))
        assert count(hk, Promise, P.c.state == "broken") == CUSTOMERS // 2
        assert count(hk, Firing, F.c.fired_on == hk.now.date()) == CUSTOMERS * 2, "letter2 and over7 of each"
        at_once(lambda: hk.run(hk.app.deliver(hk.now)), lambda: _deliver(second, hk), lambda: _deliver(third, hk))
    sound(hk)


def _deliver(app: object, hk: Harness) -> None:
    import asyncio

    asyncio.run(app.deliver(hk.now))  # type: ignore[attr-defined]


def test_the_very_first_cycle_in_two_processes(database_url: str) -> None:
    hk = company(database_url, 3)
    hk.now = instant("2026-07-02 09:00")
    with other(hk) as second:
        at_once(lambda: run_cycle(hk.app.transactions, hk.now), lambda: run_cycle(second.transactions, hk.now))
    hk.deliver()
    sound(hk)
    assert count(hk, Firing) == 6 and count(hk, Task) == 3 and count(hk, StoredPolicy) == 1
    hk.stop()
