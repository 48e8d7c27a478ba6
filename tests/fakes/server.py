"""A fake messenger's server: its own port, thread and loop, so that a slow or blocking client never stops it."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from aiohttp import web

T = TypeVar("T")
PATIENCE = 15.0  # seconds that anything asked of the fake may take


class FakeServer:
    """`start` and `stop`, or `with`. Subclasses add their routes in `routes` and end their sockets in `closing`."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._tls: ssl.SSLContext | None = None
        self.wrong: list[str] = []  # what the product did that the messenger would refuse or suffer from

    def routes(self, app: web.Application) -> None:
        raise NotImplementedError

    async def closing(self) -> None:
        """Ends what would keep the server from stopping, such as open web sockets."""

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        self._thread.start()
        self.run(self._serve())
        return self

    def stop(self) -> None:
        self.run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Runs something in the server's loop from any other thread, and waits for it."""
        return asyncio.run_coroutine_threadsafe(steps, self._loop).result(PATIENCE)

    def call(self, do: Callable[[], T]) -> T:
        """The same for a plain function: state is only touched in the server's loop."""

        async def once() -> T:
            return do()

        return self.run(once())

    def vanish(self) -> None:
        """Its machine is off: what is connected breaks, and whoever calls is refused, until `come_back`."""

        async def off() -> None:
            assert self._runner is not None and self._site is not None and self._runner.server is not None
            await self._site.stop()
            for line in self._runner.server.connections:
                if isinstance(line.transport, asyncio.Transport):
                    line.transport.abort()

        self.run(off())

    def come_back(self) -> None:
        """Under the address that it had."""
        self.run(self._listen())

    async def _serve(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        self.routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen()
        self._port = self._runner.addresses[0][1]

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls, reuse_address=True)
        await self._site.start()

    async def _shut(self) -> None:
        await self.closing()
        if self._runner is not None:
            await self._runner.cleanup()
        # Whoever answers a line that broke meanwhile is known to nobody else, and would be found by another test.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
