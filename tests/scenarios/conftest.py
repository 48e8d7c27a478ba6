"""`hk`: a company for one story, on SQLite and on PostgreSQL."""

import logging
from collections.abc import Iterator

import pytest

from tests.harness import Harness
from tests.logs import errors
from tests.scenarios.scripted import Scripted, join


@pytest.fixture
def hk(database_url: str, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[Harness]:
    caplog.set_level(logging.WARNING)
    harness = Harness(database_url)
    failed = request.session.testsfailed
    yield harness
    if request.session.testsfailed > failed:
        harness.stop()  # the story has failed already: its own message is the one to read
    else:
        harness.close()
        assert errors(caplog) == []


@pytest.fixture
def chats(hk: Harness) -> Scripted:
    return join(hk, Scripted("slack"))
