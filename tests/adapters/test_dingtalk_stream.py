"""The connection to DingTalk: it comes back from everything, and ends when it is told to."""

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from tests.adapters.dingtalk_product import Product, hidden, impatient, played, products, sqlite
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk

OPEN = "/v1.0/gateway/connections/open"


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    yield from sqlite(databases)


@pytest.fixture
def fake() -> Iterator[FakeDingTalk]:
    with played() as running:
        yield running


@pytest.fixture
def product(fake: FakeDingTalk, engine: Engine) -> Iterator[Callable[..., Product]]:
    yield from products(fake, engine)


def talks(fake: FakeDingTalk) -> bool:
    return fake.say("li", "/todo", replies=1, patience=10).messages[0].text == "好"


def test_the_gateway_is_asked_for_what_we_need(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    product().start()
    [call] = fake.calls(OPEN)
    assert {each["topic"] for each in call.body["subscriptions"]} == {
        "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback",
    }  # fmt: skip
    assert fake.ping().acked and fake.calls_used() == 0


def test_a_gateway_that_is_down_stops_nothing(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    fake.fail(OPEN, status=503, times=2)
    begun = time.monotonic()
    product().start(connected=False)
    assert time.monotonic() - begun < 0.5
    fake.wait_connected(seconds=10)
    assert talks(fake)
    assert len([each for each in caplog.records if each.levelno >= logging.WARNING]) == 1


def test_nobody_at_that_address_stops_nothing(
    engine: Engine, product: Callable[..., Product], caplog: pytest.LogCaptureFixture
) -> None:
    hk = product(api_url="http://127.0.0.1:9").start(connected=False)
    time.sleep(1.5)
    begun = time.monotonic()
    hk.stop()
    assert time.monotonic() - begun < 3
    assert len([each for each in caplog.records if "gateway" in each.getMessage()]) == 1


def test_a_gateway_that_does_not_answer_can_be_left(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    release = fake.hold_gateway()
    hk = product().start(connected=False)
    time.sleep(0.3)
    begun = time.monotonic()
    hk.stop()
    assert time.monotonic() - begun < 3
    release()


def test_a_refused_handshake_is_another_try(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    fake.refuse_handshake()
    product().start()
    assert talks(fake)


def test_a_reset_connection_comes_back(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    product().start()
    fake.abort_stream()
    fake.wait_for(lambda: fake.connections() == 0)
    fake.wait_connected()
    assert talks(fake)


def test_a_disconnect_is_followed(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    product().start()
    fake.disconnect()
    fake.wait_connected()
    assert talks(fake)


def test_a_black_hole_is_noticed(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    hk = product()
    impatient(hk)
    hk.start()
    fake.freeze_stream()
    fake.wait_for(lambda: len(fake.calls(OPEN)) == 2, 10)
    fake.freeze_stream(False)
    fake.wait_connected()
    assert talks(fake)
    assert any("does not answer any more" in each.getMessage() for each in caplog.records)


def test_a_quiet_connection_is_kept(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    impatient(hk, quiet=0.1)
    hk.start()
    time.sleep(1.0)
    assert len(fake.calls(OPEN)) == 1 and talks(fake)


def test_we_end_in_a_black_hole_too(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    fake.freeze_stream()
    begun = time.monotonic()
    hk.stop()
    assert time.monotonic() - begun < 5
    fake.freeze_stream(False)


def test_start_and_stop_again(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    hk.run(hk.adapter.stop())
    assert fake.connections() == 0
    hk.start()
    assert talks(fake)


def test_sending_needs_no_connection(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    hk.send()
    hk.stop()
    assert len(fake.screen("li")) == 1 and fake.calls(OPEN) == []


def test_what_comes_late_was_meant_all_the_same(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    hour_ago = int((time.time() - 3600) * 1000)
    late = fake.say("li", "/todo", replies=1, patience=10, change={"createAt": hour_ago})
    assert late.messages[0].text == "好" and len(hk.heard) == 1
    assert fake.redeliver(late).acked
    assert len({each.event_id for each in hk.heard}) == 1  # what has been done is not done again


def test_neither_secret_nor_ticket_is_logged(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.refuse_handshake()
    hk = product().start()
    hk.send()
    fake.abort_stream()
    fake.wait_for(lambda: fake.connections() == 0)
    fake.wait_connected()
    talks(fake)
    hk.stop()
    assert hidden(caplog.records)
    assert not [each for each in caplog.records if "ticket=" in each.getMessage() or "session=" in each.getMessage()]
