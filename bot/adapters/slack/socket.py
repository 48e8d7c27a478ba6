"""Socket Mode: one connection kept open. Each is a client of its own, thrown away when it is lost.

The SDK's own reconnecting goes on for ever with an address that is spent, so it only does what Slack asks for.
"""

import asyncio
import contextlib
import logging
import time
from asyncio import sleep
from typing import Any

from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.adapters.slack.client import Api, quiet
from bot.adapters.slack.door import FIRST_PAUSE, LONGEST_PAUSE, Door, say_problem

log = logging.getLogger(__name__)

PING = 5.0  # a connection that swallows everything is noticed after two of them
CONNECT_WITHIN = 10.0
GRACE = 3.0  # Slack asks for a new connection now and then: so long the SDK may take for it
LOOK_EVERY = 0.5
CLOSE_WITHIN = 1.0


class _Client(SocketModeClient):
    """Frames that nobody can read are one line of the log: the SDK's own, which are muted, have them whole."""

    async def enqueue_message(self, message: str) -> None:
        if message.startswith("{"):
            await super().enqueue_message(message)
        else:
            log.warning("slack: an unreadable frame was left aside")

    async def process_message(self) -> None:
        try:
            await super().process_message()  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:
            log.warning("slack: an unreadable frame was left aside: %s", type(error).__name__)


class Line:
    def __init__(self, api: Api, app_token: str, door: Door) -> None:
        self._api, self._token, self._door = api, app_token, door
        self._client: _Client | None = None
        self._acks: set[asyncio.Task[Any]] = set()
        self.up = False

    async def keep(self) -> None:
        """Until it is cancelled. Longer and longer pauses while nothing can be reached."""
        pause, lost = FIRST_PAUSE, False
        while True:
            try:
                problem = await self._connect()
            except Exception:  # whatever it was: nobody would connect any more
                log.exception("slack: the socket cannot be opened; trying again")
                problem = "socket"
            if not problem:
                if lost:
                    log.warning("slack: connected again")
                pause, lost, self.up = FIRST_PAUSE, True, True
                await self._until_lost()
                self.up = False
                log.warning("slack: the connection was lost; connecting again")
            else:
                lost = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            await self._drop()

    async def _connect(self) -> str:
        """"" or why not."""
        if problem := await self._door.introduce():
            say_problem("bot", problem)
            return problem
        opened = await self._api("apps.connections.open", token=self._token)
        if opened.problem is not None:
            problem = opened.error or opened.problem.reason
            say_problem("app", problem)
            await sleep(opened.told_to_wait)
            return problem
        url = opened.data.get("url")
        if not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
            problem = "apps.connections.open names no address"
            say_problem("app", problem)
            return problem
        client = _Client(
            self._token, logger=quiet, web_client=self._api.client, auto_reconnect_enabled=False, ping_interval=PING
        )
        client.proxy = self._api.client.proxy
        client.wss_uri = url
        client.socket_mode_request_listeners.append(self._take)
        self._client = client
        try:
            # Not wait_for, which forgets that it was cancelled if that comes in the moment in which we are connected.
            async with asyncio.timeout(CONNECT_WITHIN):
                await client.connect()  # type: ignore[no-untyped-call]
        except (TimeoutError, OSError) as error:
            log.warning("slack: the socket cannot be opened (%s); trying again", type(error).__name__)
            return "socket"
        return ""

    async def _until_lost(self) -> None:
        assert self._client is not None
        seen = time.monotonic()
        while time.monotonic() - seen < GRACE:
            if await self._client.is_connected():
                seen = time.monotonic()
            await asyncio.sleep(LOOK_EVERY)

    async def _take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._acks.add(task)
        try:
            response = await self._door.dispatch(request.payload, request.retry_attempt or 0)
            await send_async_response(client, request, response, time.time())
        finally:
            self._acks.discard(task)

    async def close(self) -> None:
        """Acks that are on their way go out first."""
        if self._acks:
            await asyncio.wait(self._acks, timeout=CLOSE_WITHIN)
        await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        client.closed = True
        tasks = [t for t in (client.message_processor, client.current_session_monitor, client.message_receiver) if t]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if client.current_session is not None:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await client.current_session.close()
        await client.aiohttp_client_session.close()
