"""The long connection of the 智能机器人, on the official SDK: brought back whatever ends it.

The SDK (1.0.2) reconnects after one of the ways in which a connection ends, gives up after ten attempts, cancels itself when
it closes a dead one, and does not know that it was thrown out. So it gets one connection at a time; the rest is here.
"""

import asyncio
import logging
import re
import ssl
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import websockets

from bot.adapters.base import Refused, Retry, Unknown
from bot.settings import WecomSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports websockets.client
    from aibot import WsConnectionManager, generate_req_id

log = logging.getLogger(__name__)
quiet = logging.getLogger(f"{__name__}.wire")
quiet.setLevel(logging.WARNING)  # at DEBUG websockets writes down every frame, and the first one has the secret

TIMEOUT = 10.0  # seconds for connecting, and for the answer to the subscription
PING = 30.0
SILENCE = 75.0  # two pings without an answer
LOOK = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY = 60.0  # seconds up, after which the next pause is the first one again
REFUSED_PAUSE, KICKED_PAUSE = 60.0, 300.0
STARTING = 5.0  # seconds that a start waits for the connection; it goes on without
CLOSING = 1.0
BUSY = frozenset({-1, 6000, 45009, 45033, 846607})  # too much or too often: later
_CODE = re.compile(r"errcode=(-?\d+)")
LOST, REFUSED, KICKED, SILENT = "not_connected", "subscription_refused", "kicked_out", "not_listening"


class Failed(Exception):
    """A request that was not done; `result` says what that means for the message. It never carries a secret."""

    def __init__(self, result: Retry | Refused | Unknown, code: int | None = None) -> None:
        super().__init__(result.reason)
        self.result, self.code = result, code


class _Mute:
    """Its log has whole messages, and people's names with them."""

    def debug(self, message: str, *args: Any) -> None: ...
    def info(self, message: str, *args: Any) -> None: ...
    def warn(self, message: str, *args: Any) -> None: ...

    def error(self, message: str, *args: Any) -> None:
        if message.startswith("Failed to parse"):
            log.warning("wecom: an unreadable frame was left aside: no JSON")


class _Socket(WsConnectionManager):  # type: ignore[misc]
    """One connection. `answered`: the errcode of the subscription; `heard`: when the last frame came."""

    def __init__(self, settings: WecomSettings, hear: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(_Mute(), heartbeat_interval=int(PING * 1000), ws_url=settings.aibot_url)
        self.set_credentials(settings.bot_id, settings.bot_secret.get_secret_value())
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.heard = time.monotonic()
        self.on_message = hear

    async def connect(self) -> None:
        """Errors: whatever stops a connection from being made."""
        self._ws = await websockets.connect(
            self._ws_url, ssl=ssl.create_default_context(), ping_interval=None, ping_timeout=None, open_timeout=TIMEOUT,
            close_timeout=CLOSING, logger=quiet,
        )  # fmt: skip
        self.heard = time.monotonic()
        self._receive_task = asyncio.ensure_future(self._receive_loop())
        await self._send_auth()

    async def _schedule_reconnect(self) -> None:
        """Whoever waits for the end decides."""

    def _handle_frame(self, frame: Any) -> None:
        self.heard = time.monotonic()
        try:
            if not isinstance(frame, dict) or not isinstance(frame.get("headers", {}), dict):
                raise TypeError("no frame")
            req_id = str(frame.get("headers", {}).get("req_id", ""))
            if not frame.get("cmd") and req_id.startswith("aibot_subscribe") and not self.answered.done():
                self.answered.set_result(int(frame.get("errcode", -1)))
            super()._handle_frame(frame)
        except Exception as error:  # would end its loop and leave the connection open
            log.warning("wecom: an unreadable frame was left aside: %s", type(error).__name__)

    async def until_it_ends(self, over: asyncio.Event) -> None:
        """Returns when it was closed, fell silent, or `over` was set."""
        while self._receive_task is not None and not self._receive_task.done() and not over.is_set():
            await asyncio.wait({self._receive_task}, timeout=LOOK)
            if time.monotonic() - self.heard > SILENCE:
                log.warning("wecom: the long connection has fallen silent")
                return

    async def drop(self) -> None:
        self.on_message = lambda frame: None
        self._stop_heartbeat()
        self._clear_pending_messages("dropped")
        ws: Any = self._ws
        task = self._receive_task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSING)
        if ws is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSING * 2):
                    await ws.close()
            if ws.transport is not None:
                with suppress(AttributeError):  # CPython 3.11.2 trips over a TLS transport that has ended already
                    ws.transport.abort()


class Line:
    """`hear` gets every frame that is no answer. `ask` sends one request and waits for its answer."""

    def __init__(self, settings: WecomSettings, hear: Callable[[dict[str, Any]], None]) -> None:
        self._settings, self._hear = settings, hear
        self._socket: _Socket | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._why = SILENT
        self._tried, self._over = asyncio.Event(), asyncio.Event()

    @property
    def up(self) -> bool:
        return self._socket is not None

    async def start(self) -> None:
        self._why, self._tried = LOST, asyncio.Event()
        self._keeper = asyncio.create_task(self._keep())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), STARTING)

    async def stop(self) -> None:
        keeper, self._keeper, self._why = self._keeper, None, SILENT
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait({keeper}, timeout=CLOSING * 5)

    async def ask(self, cmd: str, body: dict[str, Any], req_id: str = "") -> None:
        """`req_id`: of the frame that this answers. Errors: Failed."""
        socket = self._socket
        if socket is None:
            raise Failed(Retry(KICKED_PAUSE if self._why in (KICKED, SILENT) else REFUSED_PAUSE, self._why))
        try:
            await asyncio.wait_for(socket.send_reply(req_id or generate_req_id(cmd), body, cmd), TIMEOUT)
        except TimeoutError:
            raise Failed(Unknown("no_answer")) from None
        except Exception as error:
            raise _failed(error) from None

    # --- keeping it up ---

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            self._why = await self._once()
            self._tried.set()
            if self._why == LOST:
                pause = FIRST_PAUSE if time.monotonic() - began > STEADY else pause
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                await asyncio.sleep(KICKED_PAUSE if self._why == KICKED else REFUSED_PAUSE)
                pause = FIRST_PAUSE

    async def _once(self) -> str:
        """One connection, from its beginning to its end: why it ended."""
        self._over = asyncio.Event()
        kicked = asyncio.Event()

        def hear(frame: dict[str, Any]) -> None:
            if _event_type(frame) == "disconnected_event":
                kicked.set()
                self._over.set()
            else:
                self._hear(frame)

        socket = _Socket(self._settings, hear)
        try:
            await socket.connect()
            code = await asyncio.wait_for(asyncio.shield(socket.answered), TIMEOUT)
            if code:
                log.error(
                    "wecom: the robot's subscription was refused (errcode %s): check HUIKUAN_WECOM_BOT_ID and "
                    "HUIKUAN_WECOM_BOT_SECRET", code,
                )  # fmt: skip
                return LOST if code in BUSY else REFUSED
            log.info("wecom: the long connection is up")
            self._socket = socket
            self._tried.set()
            await socket.until_it_ends(self._over)
            log.warning("wecom: the long connection ended")
        except Exception as error:
            log.warning("wecom: no long connection: %s", type(error).__name__)
        finally:
            self._socket = None
            await socket.drop()
        if kicked.is_set():
            log.error(
                "wecom: another program has connected with this robot and thrown us out; nothing is heard or sent here. "
                "Trying again in %.0f s: let only one huikuan serve run with this Bot ID", KICKED_PAUSE,
            )  # fmt: skip
            return KICKED
        return LOST


def _event_type(frame: dict[str, Any]) -> str:
    body = frame.get("body")
    event = body.get("event") if isinstance(body, dict) else None
    return str(event.get("eventtype", "")) if isinstance(event, dict) else ""


def _failed(error: Exception) -> Failed:
    """What the SDK raises, by its words: it has one class for all."""
    said = str(error)
    found = _CODE.search(said)
    if found is not None:
        code = int(found[1])
        return Failed(Retry(60.0, f"errcode {code}") if code in BUSY else Refused(f"errcode {code}"), code)
    if "not connected" in said:
        return Failed(Retry(5.0, LOST))
    return Failed(Unknown("connection_lost"))
