"""Socket Mode that is stopped in the very moment in which it connects."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.base import Retry
from bot.adapters.slack import socket
from bot.adapters.slack.client import Answer


def test_stopped_in_the_moment_in_which_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection stands and the line is cancelled before it hears of that: it ends all the same."""

    async def story() -> None:
        reached = asyncio.Event()

        class Client:
            def __init__(self, *_: Any, **__: Any) -> None:
                self.socket_mode_request_listeners: list[Any] = []
                self.message_processor = self.current_session_monitor = self.message_receiver = self.current_session = None
                self.aiohttp_client_session = SimpleNamespace(close=nothing)

            async def connect(self) -> None:
                await reached.wait()

            async def is_connected(self) -> bool:
                return True

        monkeypatch.setattr(socket, "_Client", Client)
        line = socket.Line(called, "xapp-1", SimpleNamespace(introduce=introduced))
        keeping = asyncio.create_task(line.keep())
        await asyncio.sleep(0.05)
        reached.set()
        await asyncio.sleep(0)  # `connect` is woken up, and whoever waits for it is not yet
        keeping.cancel()
        done, _ = await asyncio.wait({keeping}, timeout=2)
        keeping.cancel()
        await line.close()
        assert done and keeping.cancelled()

    asyncio.run(story())


def test_no_socket_is_asked_for_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def busy(*_: Any, **__: Any) -> Answer:
        return Answer(problem=Retry(30.0, "ratelimited"), error="ratelimited")

    monkeypatch.setattr(socket, "sleep", sleep)
    line = socket.Line(busy, "xapp-1", SimpleNamespace(introduce=introduced))  # type: ignore[arg-type]
    assert asyncio.run(line._connect()) == "ratelimited" and waited == [30.0]


async def nothing() -> None:
    pass


async def introduced() -> str:
    return ""


class Opened(dict[str, str]):
    problem = None
    error = ""


async def _opened(*_: Any, **__: Any) -> Opened:
    return Opened(url="wss://here")


called: Any = _opened
called.client = SimpleNamespace(proxy=None)
