"""The Web API's front door: arguments, tokens, scopes and faults are looked at here, methods are in the modules beside."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.slack.faults import Fault
from tests.fakes.slack.state import Call, Refused, Workspace

Args = dict[str, Any]
AS_JSON = ("blocks", "view", "metadata", "attachments", "files")  # strings of JSON where the call is a form
BUG_NAMES = """invalid_blocks invalid_blocks_format invalid_arguments msg_too_long msg_blocks_too_long no_text missing_scope
not_allowed_token_type unknown_method invalid_metadata_format invalid_metadata_schema invalid_json missing_argument"""
PRODUCT_BUGS = frozenset(BUG_NAMES.split())


@dataclass(frozen=True)
class Method:
    do: Callable[[Workspace, Args], dict[str, Any]]
    args: frozenset[str]
    scope: str
    by_app: bool


METHODS: dict[str, Method] = {}


def method(
    name: str, args: str = "", scope: str = "", *, by_app: bool = False
) -> Callable[[Callable[[Workspace, Args], dict[str, Any]]], Callable[[Workspace, Args], dict[str, Any]]]:
    """Registers a function as a Web API method with the arguments that Slack documents for it."""

    def register(do: Callable[[Workspace, Args], dict[str, Any]]) -> Callable[[Workspace, Args], dict[str, Any]]:
        METHODS[name] = Method(do, frozenset(args.split()) | {"token", "team_id"}, scope, by_app)
        return do

    return register


def needs(args: Args, *names: str) -> None:
    for name in names:
        if args.get(name) in (None, ""):
            raise Refused("invalid_arguments", [f"[ERROR] missing required field: {name}"])


def truth(given: Any) -> bool:
    return given in (True, 1, "1", "true", "True")


async def read_args(request: web.Request) -> Args:
    args: Args = dict(request.query)
    if request.content_type == "application/json":
        try:
            sent = await request.json()
        except ValueError:
            raise Refused("invalid_json") from None
        args |= sent if isinstance(sent, dict) else {}
    elif request.method == "POST":
        args |= dict(await request.post())
    for name in AS_JSON:
        if isinstance(args.get(name), str):
            args[name] = _parsed(name, args[name])
    return args


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        error = {"blocks": "invalid_blocks_format", "metadata": "invalid_metadata_format"}.get(name, "invalid_arguments")
        raise Refused(error, [f"[ERROR] {name} is not JSON"]) from None


def check_token(at: Workspace, known: Method, token: str) -> None:
    """The names other than invalid_auth are from memory [?]."""
    if not token:
        raise Refused("not_authed")
    if token in at.revoked:
        raise Refused("token_revoked")
    if token not in (at.bot_token, at.app_token):
        raise Refused("invalid_auth")
    if (token == at.app_token) != known.by_app:
        raise Refused("not_allowed_token_type")
    if known.scope and known.scope not in at.scopes:
        raise Refused("missing_scope", needed=known.scope, provided=",".join(sorted(at.scopes)))


def perform(at: Workspace, name: str, args: Args, bearer: str) -> dict[str, Any]:
    """The answer to a call, `ok: false` among them."""
    try:
        known = METHODS.get(name)
        if known is None:
            raise Refused("unknown_method", req_method=name)
        check_token(at, known, bearer or str(args.get("token") or ""))
        for extra in sorted(set(args) - known.args):
            at.complain(f"{name}: unknown argument {extra}")
        return {"ok": True, **known.do(at, args)}
    except Refused as no:
        return refusal(at, name, no)


def refusal(at: Workspace, name: str, no: Refused) -> dict[str, Any]:
    if no.error in PRODUCT_BUGS:
        at.complain(f"{name}: {no.error} {' '.join(no.messages)}".strip())
    answer: dict[str, Any] = {"ok": False, "error": no.error, **no.more}
    if no.messages:
        answer["response_metadata"] = {"messages": no.messages}
        answer["errors"] = [text.removeprefix("[ERROR] ") for text in no.messages]
    return answer


class WebApi:
    """Serves /api/<method>."""

    def __init__(self, at: Workspace) -> None:
        self._at = at

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        try:
            args = await read_args(request)
        except Refused as no:
            return web.json_response(refusal(self._at, name, no))
        call = Call(name, args, self._at.now())
        self._at.calls.append(call)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return await with_faults(self._at, request, name, lambda: self._answer(call, bearer))

    def _answer(self, call: Call, bearer: str) -> web.Response:
        pause = self._pause(call)
        if pause:
            call.answer = {"ok": False, "error": "ratelimited"}
            return web.json_response(call.answer, status=429, headers={"Retry-After": str(max(1, round(pause)))})
        call.answer = perform(self._at, call.method, call.args, bearer)
        headers = {"X-OAuth-Scopes": ",".join(sorted(self._at.scopes))} if bearer == self._at.bot_token else {}
        return web.json_response(call.answer, headers=headers)

    def _pause(self, call: Call) -> float:
        if call.method in self._at.tiers:
            return self._at.tiers[call.method].wait_for(self._at.now())
        if self._at.pace is None or call.method != "chat.postMessage":
            return 0.0
        channel = str(call.args.get("channel"))
        same = self._at.dm(channel).id if channel in self._at.people else channel
        return self._at.pace.wait_for(same, self._at.now())


async def with_faults(at: Workspace, request: web.Request, name: str, do: Callable[[], web.Response]) -> web.StreamResponse:
    """Does it, unless a fault for `name` is in the way or spoils the answer."""
    fault = at.faults.take(name)
    if fault is None:
        return do()
    if fault.does == "answer":
        return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type, headers=fault.headers)
    if fault.does == "error":
        return web.json_response({"ok": False, "error": fault.error})
    return await _spoiled(fault, request, do)


async def _spoiled(fault: Fault, request: web.Request, do: Callable[[], web.Response]) -> web.StreamResponse:
    answer = do() if fault.done_first else web.Response(status=500)
    if fault.does == "wait":
        await asyncio.sleep(fault.seconds)
    if (fault.does == "drop" or not fault.done_first) and request.transport is not None:
        request.transport.abort()
    return answer
