"""The API side: /cgi-bin/... answers HTTP 200 with errcode and errmsg, whatever happens."""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from tests.fakes.wecom.faults import Fault, Faults
from tests.fakes.wecom.refused import Refused
from tests.fakes.wecom.sending import Sender
from tests.fakes.wecom.state import OAUTH_LIVES, RECALL_WITHIN, App, Corp

POSTS = {"message/send", "message/update_template_card", "message/recall", "menu/create"}
BIGGEST = {"file": 20 * 2**20, "image": 10 * 2**20}
# Refusals that only a mistake in the product explains; others (a member who left, an old code) happen to anybody.
MISTAKES = {*range(42014, 42052), 40004, 40008, 40031, 40056, 40058, 41001, 41011, 43012, 44001, 44004, 45002, 45008, 45034}
MISTAKES -= {42015, 42016}


@dataclass(frozen=True)
class Call:
    """One API call as it came in, and what it was told. errcode None: no proper answer."""

    path: str
    body: dict[str, Any]
    raw: bytes
    token: str
    errcode: int | None


class Api:
    def __init__(self, corp: Corp, sender: Sender, faults: Faults, wrong: list[str]) -> None:
        self._corp = corp
        self._sender = sender
        self._faults = faults
        self._wrong = wrong
        self.calls: list[Call] = []
        self._handlers: dict[str, Callable[[web.Request, dict[str, Any], bytes, App], dict[str, Any]]] = {
            "message/send": lambda request, body, raw, app: self._sender.send(body, raw, app),
            "message/update_template_card": lambda request, body, raw, app: self._sender.update(body, app),
            "message/recall": lambda request, body, raw, app: self._recall(body, app),
            "user/get": lambda request, body, raw, app: self._user(request.query.get("userid", "")),
            "agent/get": lambda request, body, raw, app: self._about(request, app),
            "auth/getuserinfo": lambda request, body, raw, app: self._who(request.query.get("code", "")),
            "menu/create": lambda request, body, raw, app: self._menu(request, body, app),
            "menu/get": lambda request, body, raw, app: self._menu_now(request, app),
        }

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/cgi-bin/{path:.+}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        fault = self._faults.take(path)
        if fault is not None and fault.kind in ("errcode", "status", "garbage"):
            return self._injected(request, path, fault)
        body, raw, answer = await self._answer(request, path)
        said = answer["errcode"] if fault is None else None
        self.calls.append(Call(path, body, raw, request.query.get("access_token", ""), said))
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.value)
        if fault is not None and fault.kind == "drop" and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer, dumps=lambda value: json.dumps(value, ensure_ascii=False))

    def _injected(self, request: web.Request, path: str, fault: Fault) -> web.Response:
        errcode = int(fault.value) if fault.kind == "errcode" else None
        self.calls.append(Call(path, {}, b"", request.query.get("access_token", ""), errcode))
        if fault.kind == "status":
            return web.Response(status=int(fault.value), text="<html>upstream failed</html>", content_type="text/html")
        if fault.kind == "garbage":
            return web.Response(text="<html>log in to the proxy</html>", content_type="text/html")
        return web.json_response({"errcode": errcode, "errmsg": "as the test wished"})

    async def _answer(self, request: web.Request, path: str) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
        """(the request's JSON, its bytes, the answer)"""
        body: dict[str, Any] = {}
        raw = b""
        try:
            self._count(path)
            if path == "gettoken":
                return body, raw, self._ok(self._token(request))
            app = self._corp.app_of(request.query.get("access_token", ""))
            if path == "media/upload":
                return body, raw, self._ok(await self._upload(request))
            if path not in self._handlers:
                self._wrong.append(f"{path}: an API that the fake does not know")
                raise Refused(48002, f"no api {path}")
            if path in POSTS:
                raw = await request.read()
                body = self._json(request, raw)
            return body, raw, self._ok(self._handlers[path](request, body, raw, app))
        except Refused as refused:
            if refused.errcode in MISTAKES:
                self._wrong.append(f"{path} was refused: {refused}")
            errmsg = f"{refused.errmsg}, hint: [{secrets.token_hex(8)}]"
            return body, raw, {"errcode": refused.errcode, "errmsg": errmsg}

    def _ok(self, found: dict[str, Any]) -> dict[str, Any]:
        return {"errcode": 0, "errmsg": "ok", **found}

    def _count(self, path: str) -> None:
        limits = self._corp.limits
        for most, seconds in ((limits.api_minute, 60), (limits.api_hour, 3600)):
            if self._corp.too_many(("api", path), most, seconds):
                raise Refused(45009, f"{path}: over {most} calls in {seconds} s")

    def _json(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        if request.method != "POST":
            raise Refused(40058, "this api wants a POST")
        try:
            body = json.loads(raw.decode("utf-8"))
        except (UnicodeDecodeError, ValueError):
            raise Refused(40058, "Warning: wrong json format.") from None
        if not isinstance(body, dict):
            raise Refused(40058, "the body is not an object")
        return body

    def _token(self, request: web.Request) -> dict[str, Any]:
        if request.query.get("corpid", "") != self._corp.corp_id:
            raise Refused(40013 if "corpid" in request.query else 41002, "corpid")
        for app in self._corp.apps.values():
            if app.secret == request.query.get("corpsecret"):
                return self._corp.issue_token(app)
        raise Refused(40001 if "corpsecret" in request.query else 41004, "corpsecret")

    async def _upload(self, request: web.Request) -> dict[str, Any]:
        kind = request.query.get("type", "")
        if kind not in BIGGEST:
            raise Refused(40004, f"type {kind!r}")
        form = await request.post() if request.content_type == "multipart/form-data" else {}
        part = form.get("media")
        if not isinstance(part, FileField):
            raise Refused(44001, "no file in a part named media")
        data = part.file.read()
        if len(data) <= 5:
            raise Refused(40006, f"{len(data)} bytes")
        if len(data) > BIGGEST[kind]:
            raise Refused(45001, f"{len(data)} bytes")
        media_id = secrets.token_urlsafe(32)
        self._corp.media[media_id] = (self._corp.now(), part.filename, data)
        return {"type": kind, "media_id": media_id, "created_at": str(int(self._corp.now()))}

    def _recall(self, body: dict[str, Any], app: App) -> dict[str, Any]:
        message = self._corp.messages.get(str(body.get("msgid", "")))
        if message is None or message.agentid != app.agentid or message.from_member:
            raise Refused(40058, "msgid")
        if self._corp.now() - message.at > RECALL_WITHIN:
            raise Refused(42052, "msgid is over 24 h old")
        message.recalled = True
        return {}

    def _user(self, userid: str) -> dict[str, Any]:
        if not userid:
            raise Refused(41009, "userid missing")
        member = self._corp.member(userid)
        if member is None:
            raise Refused(60111, "userid not found")
        if not member.visible:
            raise Refused(60011, "no privilege to access this member")
        return {"userid": member.userid, "name": member.name, "department": [1], "status": 1}

    def _who(self, code: str) -> dict[str, Any]:
        """A member by userid; somebody outside of the company has only an openid."""
        if not code:
            raise Refused(41008, "code missing")
        when, userid, used = self._corp.oauth.get(code, (0.0, "", True))
        if used or self._corp.now() - when > OAUTH_LIVES:
            self._wrong.append("auth/getuserinfo: a code unknown, used before or over 5 minutes old")
            raise Refused(40029, "invalid code")
        self._corp.oauth[code] = (when, userid, True)
        member = self._corp.member(userid)
        return {"userid": member.userid} if member else {"openid": f"open-{userid}"}

    def _about(self, request: web.Request, app: App) -> dict[str, Any]:
        """The page's fields that a product could use; more are there."""
        self._own(request, app)
        return {"agentid": app.agentid, "name": app.name, "close": int(app.closed), "redirect_domain": app.domain}

    # --- the app's menu

    def _menu(self, request: web.Request, body: dict[str, Any], app: App) -> dict[str, Any]:
        self._own(request, app)
        self._check_menu(body.get("button"), 3, 40016, deeper=True)
        app.menu = body
        return {}

    def _menu_now(self, request: web.Request, app: App) -> dict[str, Any]:
        self._own(request, app)
        if app.menu is None:
            raise Refused(46003, "no menu")
        return dict(app.menu)

    def _own(self, request: web.Request, app: App) -> None:
        if request.query.get("agentid") != str(app.agentid):
            raise Refused(301002, f"agentid {request.query.get('agentid')}")

    def _check_menu(self, buttons: Any, most: int, code: int, deeper: bool) -> None:
        if not isinstance(buttons, list) or not 1 <= len(buttons) <= most:
            raise Refused(code, f"1 to {most} buttons")
        for button in buttons:
            name = button.get("name", "") if isinstance(button, dict) else ""
            if not name or len(name.encode()) > (16 if deeper else 40):
                raise Refused(40018 if deeper else 40025, f"name {name!r}")
            if deeper and button.get("sub_button"):
                self._check_menu(button["sub_button"], 5, 40023, deeper=False)
            else:
                self._check_item(button)

    def _check_item(self, button: dict[str, Any]) -> None:
        if button.get("type") == "click":
            if not 0 < len(str(button.get("key", "")).encode()) <= 128:
                raise Refused(40019, "key")
        elif button.get("type") == "view":
            if not str(button.get("url", "")).startswith(("http://", "https://")) or len(button["url"]) > 1024:
                raise Refused(40020, "url")
        else:
            raise Refused(40017, f"type {button.get('type')!r}")
