"""The connection over which DingTalk tells us what people do: the official SDK, with its gaps closed.

What is changed: the gateway is asked with our own client (address and proxies from the settings); every push is
acknowledged with an answer, also when it is junk; an EVENT with the status that the protocol wants; a connection on
which nothing comes any more is closed; the SDK's log lines lose the content of messages.
"""

import asyncio
import concurrent.futures
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from dingtalk_stream import AckMessage, Credential, DingTalkStreamClient  # type: ignore[import-untyped]

from bot.adapters.dingtalk.client import Client, Done, Failed, NotReached

log = logging.getLogger(__name__)

CHAT, CARD = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"
SUBSCRIPTIONS = [{"type": "CALLBACK", "topic": CHAT}, {"type": "CALLBACK", "topic": CARD}]
QUIET = 20.0  # seconds without a frame after which the server is asked whether it is there
PATIENCE = 10.0  # seconds for its answer
CLOSING = 1.0  # seconds that a goodbye may take


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Given:
    """The answer to a push, and what to do once it has left."""

    response: dict[str, Any] = field(default_factory=dict)
    left: Callable[[], Awaitable[None]] = _nothing


Handle = Callable[[str, str, Any], Awaitable[Given | None]]  # (topic, message id, data); None: no ack, it comes again


class Stream(DingTalkStreamClient):  # type: ignore[misc]
    def __init__(self, client: Client, handle: Handle, *, quiet: float = QUIET, patience: float = PATIENCE) -> None:
        quiet_socket = logging.getLogger(f"{__name__}.socket")
        quiet_socket.setLevel(logging.INFO)  # below that it writes down tickets and messages
        options = {
            "proxy": True if client.proxied else None, "close_timeout": CLOSING, "ping_interval": None,
            "logger": quiet_socket,
        }  # fmt: skip
        super().__init__(Credential(client.app_id, client.secret), _quiet_logger(), options)
        self._client, self._handle = client, handle
        self._quiet, self._patience = quiet, patience
        self._heard = 0.0
        self.up = False  # a connection stood
        self._told = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: concurrent.futures.Future[Any] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await super().start()

    async def stop(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        await super().stop()

    # --- connecting ---

    def open_connection(self) -> dict[str, Any] | None:
        """Called by the SDK in a thread; the call itself is made in our loop, where it can be given up."""
        assert self._loop is not None
        self._opening = asyncio.run_coroutine_threadsafe(self._client.open_stream(SUBSCRIPTIONS), self._loop)
        try:
            outcome = self._opening.result()
        except concurrent.futures.CancelledError:
            return None
        finally:
            self._opening = None
        if isinstance(outcome, Done) and all(isinstance(outcome.data.get(k), str) for k in ("endpoint", "ticket")):
            self._told = False
            return outcome.data
        self._tell(outcome)
        return None

    def _tell(self, outcome: object) -> None:
        """One line, until it works again: the tries go on."""
        if not self._told:
            why = f"{outcome.code} {outcome.message}" if isinstance(outcome, Failed) else getattr(outcome, "reason", "?")
            kind = "could not be reached" if isinstance(outcome, NotReached) else "gave no connection"
            log.warning("DingTalk's gateway %s (%s); trying again until it does", kind, why)
        self._told = True

    async def keepalive(self, ws: Any, ping_interval: float = QUIET) -> None:
        """Asks when it has been quiet; closes a connection on which no answer comes."""
        self._heard, self.up = time.monotonic(), True
        while True:
            await asyncio.sleep(max(0.05, self._heard + self._quiet - time.monotonic()))
            if time.monotonic() - self._heard < self._quiet:
                continue
            try:
                async with asyncio.timeout(self._patience):  # wait_for may forget that it was cancelled
                    await (await ws.ping())
                self._heard = time.monotonic()
            except Exception:
                log.warning("DingTalk's stream does not answer any more; connecting anew")
                await ws.close()
                return

    # --- frames ---

    async def background_task(self, json_message: Any, websocket: Any = None) -> None:
        self._heard = time.monotonic()
        if not isinstance(json_message, dict) or not isinstance(json_message.get("headers"), dict):
            log.warning("DingTalk sent something that is no frame")
            return
        await super().background_task(json_message, websocket)

    async def _dispatch_message(self, json_message: dict[str, Any]) -> tuple[str, Any]:
        kind = json_message.get("type")
        if kind == "CALLBACK":
            return "", await self._callback(json_message)
        if kind == "EVENT":  # we ask for none; one that comes all the same is not to come again
            return "", _ack(json_message, {"status": "SUCCESS", "message": ""})
        if kind != "SYSTEM":
            log.warning("DingTalk sent a frame of an unknown type")
            return "", None
        found: tuple[str, Any] = await super()._dispatch_message(json_message)
        return found

    async def _callback(self, frame: dict[str, Any]) -> Any:
        """However old a frame is, it counts: nobody but DingTalk writes on this connection, so it can't be somebody's copy,
        and what was said while we were away was meant. A second one of the same id is answered as the first; what a card
        says by now is compared where the tap is handled."""
        headers = frame["headers"]
        try:
            data = json.loads(frame.get("data") or "")
        except (ValueError, TypeError, RecursionError):
            log.warning("DingTalk sent a message that is no JSON")
            return _ack(frame, {"response": {}})
        given = await self._handle(str(headers.get("topic", "")), str(headers.get("messageId", "")), data)
        if given is None:
            return None
        ack = _ack(frame, {"response": given.response})
        ack.left = given.left
        return ack

    async def _send_ack(self, ack: Any, target_websocket: Any) -> None:
        await super()._send_ack(ack, target_websocket)
        left = ack.__dict__.pop("left", None) if ack is not None else None
        if left is not None and target_websocket is not None:
            task = asyncio.create_task(left())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def settled(self, seconds: float) -> None:
        """Acknowledgements that are ready leave, and what follows from them is done."""
        for waited in (self._connection_tasks, self._leaving):
            if waited:
                await asyncio.wait(set(waited), timeout=seconds)


def _ack(frame: dict[str, Any], data: dict[str, Any]) -> Any:
    ack = AckMessage()
    ack.code, ack.message, ack.data = AckMessage.STATUS_OK, "OK", data
    ack.headers.message_id = str(frame["headers"].get("messageId", ""))
    ack.headers.content_type = "application/json"
    return ack


class _Short(logging.Filter):
    """The SDK's lines up to the first value, and what kind of error it was: values are messages, or tell too much."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg).split(",")[0].split("%")[0].split("=")[0].strip()
        if text.startswith("open connection failed"):
            return False  # we have said so, once
        causes = [type(each).__name__ for each in record.args or () if isinstance(each, Exception)]
        if record.exc_info and record.exc_info[0]:
            causes.append(record.exc_info[0].__name__)
        record.msg, record.args = " ".join([text, *causes]), ()
        record.exc_info = record.exc_text = None
        return True


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.sdk")
    if not any(isinstance(each, _Short) for each in logger.filters):
        logger.addFilter(_Short())
    return logger
