"""The fake Slack with the product's side of it: the SDK in a loop of its own, bare or with a bot."""

from collections.abc import Iterator

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_product import Api, Bot, Loop, a_bot, a_loop, a_workspace, an_api


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with a_workspace() as fake:
        yield fake


@pytest.fixture
def product() -> Iterator[Loop]:
    with a_loop() as made:
        yield made


@pytest.fixture
def api(slack: FakeSlack, product: Loop) -> Api:
    return an_api(slack, product)


@pytest.fixture
def bot(slack: FakeSlack, product: Loop) -> Iterator[Bot]:
    with a_bot(slack, product) as made:
        yield made
