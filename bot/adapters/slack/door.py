"""Where Slack comes in: Socket Mode and signed HTTP end here, in one Bolt app with one way through."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

from slack_bolt import BoltResponse
from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.adapters.reach import is_ours
from bot.adapters.slack.client import TOKEN_ERRORS, Api, quiet
from bot.adapters.slack.heard import team_of
from bot.text import is_id

log = logging.getLogger(__name__)

PATH = "/slack/events"
MAX_BODY = 1_000_000
MAX_STAMP = 12  # digits of a time in seconds
IDLE_WITHIN = 4.0
ATTEMPTS = ("1", "2", "3")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class Handler(Protocol):
    async def handle(self, body: dict[str, Any], began: float, attempt: int) -> BoltResponse: ...


class Door:
    def __init__(self, api: Api, handler: Handler, signing_secret: str, called: Callable[[], None]) -> None:
        """`called`: whenever a request came whose signature is Slack's."""
        self._api, self._handler, self._called = api, handler, called
        self._verifier = SignatureVerifier(signing_secret) if signing_secret else None  # Socket Mode needs none
        self.me: dict[str, Any] = {}  # what auth.test says: our workspace, our own user
        self.closing = False
        self._busy = 0
        self._app: AsyncApp | None = None

    # --- who we are ---

    async def introduce(self) -> str:
        """Asks Slack who we are, until it has said so; "" or why it does not."""
        if self.me:
            return ""
        found = await self._api("auth.test")
        if found.problem is not None:
            return found.error or found.problem.reason
        if not all(isinstance(found.data.get(name), str) for name in ("team_id", "user_id")):
            return "auth.test names no workspace"
        self.me = found.data
        return ""

    async def introduce_until_known(self) -> None:
        pause = FIRST_PAUSE
        while problem := await self.introduce():
            say_problem("bot", problem)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _who(self) -> AuthorizeResult:
        me = self.me
        return AuthorizeResult(
            enterprise_id=None, team_id=me["team_id"], bot_user_id=me["user_id"], bot_id=me.get("bot_id"), bot_token="-"
        )

    # --- the one way through ---

    @property
    def app(self) -> AsyncApp:
        if self._app is None:
            self._app = self._make()
        return self._app

    def _make(self) -> AsyncApp:
        """Bolt passes arguments by name and takes functions only."""

        async def authorize() -> AuthorizeResult:
            # Bolt's own way would ask Slack again, and tell people to reinstall the app if that fails.
            return self._who()

        async def everything(req: AsyncBoltRequest) -> BoltResponse:
            return await self._everything(req)

        # Signatures are looked at before anything is read, see `_http`.
        app = AsyncApp(
            client=AsyncWebClient(logger=quiet), authorize=authorize, logger=quiet, request_verification_enabled=False
        )
        app.use(everything)
        return app

    async def _everything(self, req: AsyncBoltRequest) -> BoltResponse:
        """Every request that Bolt let through: not from ourselves, and no handshake."""
        if team_of(req.body) != self.me["team_id"]:
            log.warning("slack: a request of another workspace was refused")
            return BoltResponse(status=403)
        try:
            return await self._handler.handle(req.body, req.context["began"], req.context["attempt"])
        except Exception:
            log.exception("slack: a request could not be handled")
            return BoltResponse(status=503)

    async def dispatch(self, body: dict[str, Any], attempt: int) -> BoltResponse:
        """A verified request. Whatever isn't 200 is not acknowledged: Slack brings events again, `attempt` counts it."""
        if self.closing:
            return BoltResponse(status=503)
        self._busy += 1
        began = time.monotonic()
        try:
            if problem := await self.introduce():
                say_problem("bot", problem)
                return BoltResponse(status=503)
            request = AsyncBoltRequest(mode="socket_mode", body=body, context={"began": began, "attempt": attempt})
            response = await self.app.async_dispatch(request)
        except (TypeError, ValueError, AttributeError, KeyError):
            response = BoltResponse(status=500)
        finally:
            self._busy -= 1
        if response.status == 500:  # Bolt's own: our part below never raises
            log.warning("slack: a request was refused: not readable")
            return BoltResponse(status=400)
        return response

    async def idle(self) -> None:
        """Until no request is under way, for a few seconds at most."""
        end = time.monotonic() + IDLE_WITHIN
        while self._busy and time.monotonic() < end:
            await asyncio.sleep(0.02)

    # --- HTTP ---

    def routes(self) -> Sequence[BaseRoute]:
        return [Route(PATH, self._http, methods=["POST"])]

    async def _http(self, request: Request) -> Response:
        try:
            raw = await _read(request)
        except _TooLarge:
            return _refused(413, "too large")
        except ClientDisconnect:
            return _refused(400, "cut off")
        if not self._signed(request, raw):
            return Response() if b"&ssl_check=1&" in b"&%b&" % raw else _refused(401, "bad signature")
        body = _parsed(raw, request.headers.get("content-type", ""))
        challenge = str((body or {}).get("challenge", ""))
        if not is_ours(challenge):
            self._called()
        if body is None or not is_id(challenge):
            return _refused(400, "not readable")
        if body.get("type") == "url_verification":
            return PlainTextResponse(challenge)
        again = request.headers.get("x-slack-retry-num", "")
        return to_starlette_response(await self.dispatch(body, int(again) if again in ATTEMPTS else 0))

    def _signed(self, request: Request, raw: bytes) -> bool:
        """On the raw bytes, before anything is made of them."""
        stamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if self._verifier is None or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= MAX_STAMP):
            return False
        try:
            return signature.isascii() and self._verifier.is_valid(raw, stamp, signature)
        except (ValueError, TypeError, UnicodeError):  # the SDK wants the body to be text
            return False


class _TooLarge(Exception):
    """More than Slack would send."""


async def _read(request: Request) -> bytes:
    """The body. Errors: _TooLarge; ClientDisconnect, where it ends before its end."""
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > MAX_BODY:
            raise _TooLarge
        parts.append(part)
    return b"".join(parts)


def _parsed(raw: bytes, content_type: str) -> dict[str, Any] | None:
    """Events are JSON, taps a form with JSON in `payload`, commands a form; their text may well say "payload"."""
    try:
        text = raw.decode()
        if content_type.partition(";")[0].strip().lower() == "application/json":
            found = json.loads(text)
        else:
            form = dict(parse_qsl(text, keep_blank_values=True))
            found = json.loads(form["payload"]) if "payload" in form else form
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(status: int, why: str) -> Response:
    log.warning("slack: a request was refused: %s", why)
    return PlainTextResponse(why, status_code=status)


def say_problem(which: str, problem: str) -> None:
    """`which`: the bot or the app token."""
    variable, kind = ("HUIKUAN_SLACK_BOT_TOKEN", "xoxb-") if which == "bot" else ("HUIKUAN_SLACK_APP_TOKEN", "xapp-")
    if problem in TOKEN_ERRORS:
        log.error(
            "slack: the %s token is refused (%s). Copy the %s… token from the app's settings at api.slack.com into %s"
            " and restart; see docs/setup-slack.md", which, problem, kind, variable,
        )  # fmt: skip
    else:
        log.warning("slack: not reachable (%s); trying again", problem)
