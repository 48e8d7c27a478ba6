"""What the contract's stories are told in: `place`, a messenger, and `hk`, the product with it."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.adapters.contract_rigs import PLACES
from tests.adapters.contract_world import Make, World, quick
from tests.databases import Databases
from tests.logs import books, written


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    quick(monkeypatch)
    made = PLACES[request.param]()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def kind() -> str:
    """Of the database. Where it makes a difference: `@on_each_database`."""
    return "sqlite"


@pytest.fixture
def hk(place: Any, kind: str, databases: Databases, caplog: pytest.LogCaptureFixture) -> Iterator[World]:
    """What the fake found wrong fails the story, and so does a secret in any log or row."""
    caplog.set_level(logging.DEBUG)
    url = databases.create(kind)
    world = World(url, place)
    yield world
    trouble = [] if world.stopped else place.trouble()  # what comes in when it has stopped is sent back, as it should be
    kept = books(world.app.engine)
    world.end()
    databases.drop(url)
    assert trouble == []
    said = written(caplog) + kept
    assert [secret for secret in place.secrets() if secret in said] == []


@pytest.fixture
def company(
    databases: Databases, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Make]:
    """`company(Slack(), Wecom(), homes=…)`; what a fake found wrong fails the story."""
    quick(monkeypatch)
    caplog.set_level(logging.DEBUG)
    made: list[World] = []

    def make(*places: Any, **more: Any) -> World:
        for place in places:
            place.start()
        made.append(World(databases.create(kind), *places, **more))
        return made[-1]

    yield make
    for world in made:
        trouble = [line for place in world.places.values() for line in place.trouble()]
        kept = books(world.app.engine)
        secrets = [secret for place in world.places.values() for secret in place.secrets()]  # stopped, it forgets them
        world.end()
        for place in world.places.values():
            place.stop()
        databases.drop(world.settings.database)
        assert trouble == []
        said = written(caplog) + kept
        assert [secret for secret in secrets if secret in said] == []
