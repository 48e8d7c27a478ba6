"""Before a call is done: is its token good, is the rate or the month used up, and what shall go wrong this time?"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from .state import Call, Refused, World, new_id

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NO_TOKEN = ("/v1.0/oauth2/", "/v1.0/gateway/", "/gettoken", "/robot/sendBySession", "/connect", "/hand")
NOT_METERED = ("/v1.0/oauth2/", "/v1.0/gateway/", "/gettoken", "/connect", "/hand")  # tokens are free [?]


@dataclass
class Trouble:
    """What happens to the next `times` calls of one path."""

    path: str  # "/v1.0/card/*", or with the method: "PUT /v1.0/card/instances"
    times: int
    kind: str  # fail, slow, drop, drop_before, hold
    status: int = 500
    code: str = ""
    seconds: float = 0.0
    release: asyncio.Event | None = None
    message: str = ""

    def hits(self, request: web.Request) -> bool:
        wanted = f"{request.method} {request.path}" if " " in self.path else request.path
        return self.times > 0 and fnmatchcase(wanted, self.path)


class Gate:
    def __init__(self, world: World) -> None:
        self.world = world
        self.troubles: list[Trouble] = []
        self.tokens: dict[str, tuple[str, float]] = {}  # "api" and "oapi" -> token, until
        self.quota: int | None = None
        self.used = 0
        self.rate: int | None = 20  # calls a second of the standard edition
        self.skipped = 0.0  # seconds that tests let pass for it
        self._recent: deque[float] = deque()

    # --- tokens -----------------------------------------------------------------------------------

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1.0/oauth2/accessToken", self.api_token)
        app.router.add_get("/gettoken", self.oapi_token)

    async def api_token(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (body.get("appKey"), body.get("appSecret")) != (self.world.client_id, self.world.client_secret):
            raise Refused("invalidClientIdOrSecret", "无效的clientId或者clientSecret", wrong=False)
        token, seconds = self._token("api")
        return web.json_response({"accessToken": token, "expireIn": seconds})

    async def oapi_token(self, request: web.Request) -> web.Response:
        given = (request.query.get("appkey"), request.query.get("appsecret"))
        if given != (self.world.client_id, self.world.client_secret):
            raise Refused("40089", "不合法的corpid或corpsecret", wrong=False)
        token, seconds = self._token("oapi")
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": seconds})

    def _token(self, kind: str) -> tuple[str, int]:
        """The same token again while it is good, as DingTalk does."""
        token, until = self.tokens.get(kind, ("", 0.0))
        if until <= self.world.now():
            token, until = new_id(f"{kind}-"), self.world.now() + 7200
            self.tokens[kind] = (token, until)
        return token, int(until - self.world.now())

    def _check_token(self, request: web.Request) -> None:
        if request.path.startswith("/v1.0/"):
            given, kinds = request.headers.get("x-acs-dingtalk-access-token", ""), ["api", "oapi"]
        else:
            # Whether oapi takes the new kind of token is contradictory [?]: gettoken's is the one that surely works.
            given, kinds = request.query.get("access_token", ""), ["oapi"]
        known = {token: kind for kind, (token, until) in self.tokens.items() if until > self.world.now()}
        if known.get(given) in kinds:
            return
        wrong = not given or given in known  # none at all, or one of the other kind
        code = "InvalidAuthentication" if request.path.startswith("/v1.0/") else "40014"
        raise Refused(code, "不合法的access_token", status=401, wrong=wrong)

    # --- what goes wrong --------------------------------------------------------------------------

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/" or request.path.startswith("/hand"):
            return await handler(request)
        body = await self._body(request)
        response = await self._answer(request, handler)
        self.world.calls.append(Call(request.method, request.path, dict(request.query), body, response.status))
        return response

    async def _body(self, request: web.Request) -> Any:
        if request.content_type != "application/json" or not request.can_read_body:
            return None
        try:
            return json.loads(await request.read())
        except ValueError:
            return None

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        trouble = next((each for each in self.troubles if each.hits(request)), None)
        try:
            if trouble is not None:
                trouble.times -= 1
                await self._before(trouble, request)
            self._meter(request)
            if not request.path.startswith(NO_TOKEN):
                self._check_token(request)
            response = await handler(request)
        except Refused as refused:
            response = self._refusal(request, refused)
        except web.HTTPException as unknown:
            response = self._refusal(request, Refused("InvalidAction.NotFound", "no such call", status=unknown.status))
        except (ValueError, TypeError, AttributeError, KeyError) as fault:
            response = self._refusal(request, Refused("InvalidParameter", f"not understood: {fault!r}"))
        if trouble is not None and trouble.kind.startswith("drop") and request.transport is not None:
            request.transport.abort()
        return response

    async def _before(self, trouble: Trouble, request: web.Request) -> None:
        match trouble.kind:
            case "fail":
                raise Refused(trouble.code, trouble.message or trouble.code, status=trouble.status, wrong=False)
            case "slow":
                await asyncio.sleep(trouble.seconds)
            case "hold" if trouble.release is not None:
                await trouble.release.wait()
            case "drop_before":
                raise Refused("dropped", "the connection was cut before the call was done", wrong=False)

    def _meter(self, request: web.Request) -> None:
        if request.path.startswith(NOT_METERED):
            return
        if self.quota is not None and self.used >= self.quota:
            code = "Forbidden.AccessDenied.ApiCountLimitForOrg" if request.path.startswith("/v1.0/") else "90020"
            raise Refused(code, "本月调用次数已用完", status=403, wrong=False)
        self.used += 1
        moment = time.monotonic() + self.skipped
        while self._recent and self._recent[0] <= moment - 1:
            self._recent.popleft()
        if self.rate is not None and len(self._recent) >= self.rate:
            raise Refused("QpsLimit", f"more than {self.rate} calls a second", status=403, wrong=False)
        self._recent.append(moment)

    def _refusal(self, request: web.Request, refused: Refused) -> web.Response:
        if refused.wrong:
            self.world.complain(f"{request.method} {request.path}: {refused}")
        if request.path.startswith(("/v1.0/", "/connect")):
            body = {"code": refused.code, "message": refused.message, "requestid": new_id().upper()}
            return web.json_response(body, status=refused.status)
        code = int(refused.code) if refused.code.lstrip("-").isdigit() else -1
        status = refused.status if refused.status >= 500 else 200
        return web.json_response({"errcode": code, "errmsg": refused.message, "request_id": new_id()}, status=status)
