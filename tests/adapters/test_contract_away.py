"""A messenger is away for an hour, and comes back: every card is shown, and none twice without a word."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.adapters.contract_rigs import PLACES
from tests.adapters.contract_world import World, until

NAMES = ("华兴", "东方", "天宇")
HOUR = [f"2026-07-02 {9 + m // 60:02}:{m % 60:02}" for m in range(0, 65, 5)]
AFTER = [f"2026-07-02 {10 + m // 60:02}:{m % 60:02}" for m in range(10, 120, 10)]
ON_THE_WIRE = [name for name in PLACES if name != "local"]  # local is in this process: nothing in between could be away


def owed(hk: World) -> None:
    """Three customers of li's owe since yesterday; the cards of 2026-07-02 have not gone yet."""
    hk.begin("2026-07-02 08:00")
    for number, name in enumerate(NAMES):
        hk.customer(name, "li")
        hk.receivable(name, "120000.00", due="2026-07-01", number=f"I{number}", issued="2026-06-01")


def copies(hk: World) -> dict[str, list[str]]:
    """What li sees of each customer, oldest first."""
    texts = [each.text for each in hk.shown("li")]
    return {name: [text for text in texts if name in text] for name in NAMES}


def pass_(hk: World, instants: list[str]) -> None:
    for instant in instants:
        hk.beat(instant)


def comes_back(hk: World, place: Any) -> None:
    if place.streams:
        until(hk.adapter.connected, "connected again")
    pass_(hk, AFTER)
    assert {state for state, _ in hk.sent()} == {"sent"}


def goes_on(hk: World) -> None:
    """The cards that were late are cards like any other; of copies it is the last one that is pressed."""
    hk.tap("li", [each for each in hk.shown("li") if NAMES[0] in each.text and each.actions][-1].ref)
    until(lambda: hk.promises(NAMES[0]) == ["open"])


@contextmanager
def answers_errors(place: Any) -> Iterator[None]:
    place.all_broken()
    yield
    place.heal()


@contextmanager
def refuses_connections(place: Any) -> Iterator[None]:
    place.fake.vanish()
    yield
    place.fake.come_back()


@pytest.mark.parametrize("away", [answers_errors, refuses_connections])
@pytest.mark.parametrize("place", ON_THE_WIRE, indirect=True)
def test_after_an_hour_away_each_card_is_shown_once(hk: World, place: Any, away: Any) -> None:
    owed(hk)
    with away(place):
        pass_(hk, HOUR)
        assert {state for state, _ in hk.sent()} == {"retry"} and hk.shown("li") == []
    comes_back(hk, place)
    assert {name: len(found) for name, found in copies(hk).items()} == dict.fromkeys(NAMES, 1)
    goes_on(hk)


def test_after_an_hour_of_lost_answers_nothing_is_shown_twice_without_a_word(hk: World, place: Any) -> None:
    """Everything is taken, and nothing said: where it can be looked for it stands once, elsewhere a copy says 重发."""
    owed(hk)
    place.lose_answer(None)
    pass_(hk, HOUR)
    place.heal()
    comes_back(hk, place)
    for found in copies(hk).values():
        assert ["重发" in text for text in found] == [False, *[True] * (len(found) - 1)]
        assert len(found) == 1 or not place.proves
    goes_on(hk)
