"""`hk`: the same company as in tests/scenarios, whose people sit before the messenger that the module names in `RIG`."""

import gc
import logging
from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.databases import Databases
from tests.logs import errors
from tests.remote import RemoteHarness, Rig


@pytest.fixture(scope="module")
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    module, _, name = request.module.RIG.partition(".")
    made: Rig = getattr(import_module(f"tests.rigs.{module}"), name or "Rig")()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def hk(
    rig: Rig, databases: Databases, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> Iterator[RemoteHarness]:
    caplog.set_level(logging.WARNING)
    gc.freeze()  # what is there already needs no sweeping after each story
    url = databases.create("sqlite")
    harness = RemoteHarness(url, rig)
    failed = request.session.testsfailed
    yield harness
    if request.session.testsfailed > failed:
        harness.stop()
        rig.trouble()  # what the fake says of it is no other story's
        rig.finish()
    else:
        harness.close()
        rig.finish()
        gc.collect()  # a task that nobody ended is an error when it is swept away, in no later story
        assert errors(caplog) == []
    databases.drop(url)
