"""A page at / where one human plays every member: page.html asks these three routes."""

import json
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.wecom.phones import AUTHORIZE, Phones
from tests.fakes.wecom.refused import NotThere, Refused
from tests.fakes.wecom.state import App, Corp

HTML = Path(__file__).with_name("page.html")


class Page:
    def __init__(self, phones: Phones, corp: Callable[[], Corp], app: App, wrong: list[str], lint: list[str]) -> None:
        self._phones = phones
        self._corp = corp
        self._app = app
        self._wrong = wrong
        self._lint = lint

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._html)
        app.router.add_get("/human/state", self._state)
        app.router.add_post("/human/act", self._act)
        app.router.add_get("/human/open", self._open)
        app.router.add_get(AUTHORIZE, self._who)

    async def _html(self, request: web.Request) -> web.Response:
        return web.Response(text=HTML.read_text(encoding="utf-8"), content_type="text/html")

    async def _state(self, request: web.Request) -> web.Response:
        people: list[dict[str, Any]] = [
            {"userid": member.userid, "name": member.name, "chat": [asdict(one) for one in self._phones.chat(member.userid)]}
            for member in self._corp().members.values()
        ]
        state = {"people": people, "menu": self._phones.menu_items(self._app), "wrong": self._wrong, "lint": self._lint}
        return web.json_response(state, dumps=lambda value: json.dumps(value, ensure_ascii=False))

    async def _act(self, request: web.Request) -> web.Response:
        # A page elsewhere in the same browser cannot send this type without asking first.
        if request.content_type != "application/json":
            return web.Response(status=415)
        what = await request.json()
        try:
            if what["do"] == "tap":
                chosen = {key: ids for key, ids in what["selected"].items() if ids}
                await self._phones.tap(what["user"], what["msgid"], what["key"], chosen, False)
            elif what["do"] == "say":
                await self._phones.say(what["user"], what["text"], self._app)
            else:
                await self._phones.menu_tap(what["user"], what["key"], self._app)
        except (NotThere, RuntimeError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response()

    async def _who(self, request: web.Request) -> web.Response:
        """A phone knows whose it is; a browser is asked. The end of the address does not get here."""
        url = f"{request.url}#wechat_redirect"
        people = [(member.name, urlencode({"user": member.userid, "url": url})) for member in self._corp().members.values()]
        links = "".join(f'<p><a href="/human/open?{escape(query)}">{escape(name)}</a></p>' for name, query in people)
        return web.Response(text=f"<meta charset=utf-8><h1>您是谁？</h1>{links}", content_type="text/html")

    async def _open(self, request: web.Request) -> web.Response:
        try:
            opened = self._phones.open_link(request.query.get("user", ""), request.query.get("url", ""))
        except (NotThere, Refused) as error:
            return web.Response(status=400, text=str(error))
        raise web.HTTPFound(opened.url)
