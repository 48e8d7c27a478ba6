"""The door of a page that acts in other people's names: this machine only, one browser, opened by a one-time token.

Three things are kept out: whoever did not get the token (a session cookie), another site in the same browser that
posts here (Origin, SameSite), and a name that an attacker lets resolve to 127.0.0.1 (Host). Messengers that call us
come under a public name and bring no token: what they ask for stands before the door, and only that.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CLOSED = """<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>回款 huikuan</title><h1>这个页面要用一次性链接打开</h1>
<p>请在终端重新运行命令，打开它新给出的链接。</p>
<p lang="en">This page opens by a one-time link. Run the command again and open the new link that it prints.</p></html>"""
# Not a redirect: a Strict cookie is not sent along a navigation that another site began, not even after redirects.
_ENTER = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>回款 huikuan</title>
<link rel="icon" href="static/icon.svg">
<meta http-equiv="refresh" content="0; url=./"><p><a href="./">回款 huikuan</a></p></html>"""


class SignIn:
    """One-time tokens, and the browsers that used one. In memory: a restart means a new link."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._sessions: set[str] = set()

    def new_token(self) -> str:
        token = secrets.token_urlsafe(32)
        self._tokens.add(token)
        return token

    def enter(self, token: str) -> str | None:
        """The session for this token, once."""
        found = next((t for t in self._tokens if hmac.compare_digest(t.encode(), token.encode())), None)
        if found is None:
            return None
        self._tokens.discard(found)
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        return session

    def knows(self, session: str) -> bool:
        return session in self._sessions


def cookie_name(conn: HTTPConnection) -> str:
    """Cookies ignore ports: two of these pages on one machine must not sign each other out."""
    return f"huikuan_{conn.url.port or 80}"


class BeforeDoor:
    """ASGI: requests for one of `routes` are answered by it, all others by the page behind its door."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = tuple(routes)
        self._open = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and any(route.matches(scope)[0] is not Match.NONE for route in self._routes)
        await (self._open if mine else self._app)(scope, receive, send)


class Guard:
    """ASGI: lets through what is allowed, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, sign_in: SignIn, open_paths: Iterable[str] = ("/static/",)) -> None:
        self._app = app
        self._sign_in = sign_in
        self._open = tuple(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    if name not in headers or name != "Content-Security-Policy":  # a letter has a narrower one
                        headers[name] = value
            await send(message)

        answer = self._refuse(HTTPConnection(scope))
        await (answer or self._app)(scope, receive, with_headers)

    def _refuse(self, conn: HTTPConnection) -> Response | None:
        host = conn.headers.get("host", "")
        bare = host if host.endswith("]") else host.rpartition(":")[0] or host
        if bare not in HOSTS:
            return JSONResponse({"error": {"code": "page.host", "message": "only on this machine"}}, 403)
        method = conn.scope["method"]
        if method not in ("GET", "HEAD") and conn.headers.get("origin") != f"{conn.url.scheme}://{host}":
            return JSONResponse({"error": {"code": "page.origin", "message": "only from this page"}}, 403)
        path = conn.scope["path"].removeprefix(conn.scope.get("root_path", ""))
        if path.startswith(self._open):
            return None
        signed_in = self._sign_in.knows(conn.cookies.get(cookie_name(conn), ""))
        if path == "/enter":
            return self._enter(conn, signed_in)
        if signed_in:
            return None
        if path.startswith("/api/"):
            return JSONResponse({"error": {"code": "page.signed_out", "message": "open the one-time link again"}}, 403)
        return HTMLResponse(_CLOSED, 403)

    def _enter(self, conn: HTTPConnection, signed_in: bool) -> Response:
        if conn.scope["method"] != "GET":  # somebody looks at the link; that does not use it up
            return Response(status_code=405)
        session = None if signed_in else self._sign_in.enter(conn.query_params.get("token", ""))
        if session is None:
            return HTMLResponse(_ENTER) if signed_in else HTMLResponse(_CLOSED, 403)
        answer = HTMLResponse(_ENTER)
        answer.set_cookie(cookie_name(conn), session, httponly=True, samesite="strict", path="/")
        return answer
