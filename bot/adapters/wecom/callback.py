"""GET and POST /wecom/callback: who knocks is verified first, read second. Junk is one line in the log."""

import logging
import time
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from bot.adapters.reach import is_ours
from bot.adapters.wecom import xml
from bot.adapters.wecom.wire import Forged, Wire

log = logging.getLogger(__name__)

MAX_BODY = 1_000_000
Handle = Callable[[xml.Event], Awaitable[str | None]]


class Callback:
    """`handle` gets an event and returns the inside of a passive reply, "" for none, None if it is to come again.
    `called`: whenever somebody knocked who has the key."""

    def __init__(
        self, wire: Wire, corp_id: str, agent_id: int, handle: Handle, called: Callable[[], None] = lambda: None
    ) -> None:
        self._wire, self._corp_id, self._agent_id, self._handle = wire, corp_id, str(agent_id), handle
        self._called = called

    async def answer(self, request: Request) -> Response:
        try:
            if request.method == "GET":
                return self._check(request)
            return await self._event(request)
        except Forged as error:
            log.warning("wecom: a callback was refused: %s", error)
            return Response(status_code=403)
        except ClientDisconnect:
            log.warning("wecom: a callback was refused: cut off")
            return Response(status_code=400)

    def _check(self, request: Request) -> Response:
        """The console's check: the decrypted word, and nothing but it."""
        query = dict(request.query_params)
        said = self._wire.open(query, query.get("echostr", ""))
        if not is_ours(said):
            self._called()
        return PlainTextResponse(said)

    async def _event(self, request: Request) -> Response:
        query = dict(request.query_params)
        plain = self._wire.open(query, self._wire.encrypted(await _body(request)))
        self._called()
        if self._wire.again(query):
            log.warning("wecom: a callback was replayed")
            return Response()
        try:
            event = xml.read(plain)
        except Exception as error:  # signed, and still not what a callback looks like
            raise Forged(type(error).__name__) from None
        if event.agent_id not in ("", self._agent_id):
            log.warning("wecom: an event of another app was ignored")
            return Response()
        inner = await self._handle(event)
        if inner is None:
            return Response(status_code=503)
        self._wire.answered(query)
        if not inner:
            return Response()
        sealed = self._wire.seal(xml.passive(self._corp_id, event.user_id, int(time.time()), inner))
        return Response(sealed, media_type="text/xml")


async def _body(request: Request) -> bytes:
    """Errors: Forged, before more than the limit is read."""
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > MAX_BODY:
            raise Forged("too long")
    return found
