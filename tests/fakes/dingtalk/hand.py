"""The page on which a human plays the company's people."""

import json
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from .people import People
from .state import NotOnScreen

PAGE = Path(__file__).with_name("hand.html")


class Hand:
    def __init__(self, people: People) -> None:
        self.people = people

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self.page)
        app.router.add_get("/hand/state", self.state)
        app.router.add_post("/hand/do", self.do)

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    async def state(self, request: web.Request) -> web.Response:
        world = self.people.world
        user = request.query.get("user", "")
        known = user in world.users
        shown = {
            "users": [[each.user_id, each.name] for each in world.users.values()],
            "groups": [group for group, members in world.groups.items() if user in members],
            "connected": len(self.people.stream.open_connections()),
            "messages": [asdict(each) for each in self.people.screen(user)] if known else [],
            "todos": [[each.todo_id, each.subject, each.done] for each in self.people.todos(user)] if known else [],
            "wrong": world.wrong,
        }
        return web.json_response(shown, dumps=lambda data: json.dumps(data, ensure_ascii=False, default=str))

    async def do(self, request: web.Request) -> web.Response:
        """`{"what": "say", "user": ..., ...}`"""
        given = await request.json()
        what, user = given["what"], given["user"]
        try:
            if what == "say":
                answer = await self.people.say(user, given["text"], given.get("group") or None)
            elif what == "tap":
                answer = await self.people.tap(user, given["card"], given["action"])
            elif what == "submit":
                answer = await self.people.submit(user, given["card"], given["values"])
            elif what == "follow":
                answer = await self.people.follow(user, given["message"], given["link"])
            else:
                self.people.tick(user, given["todo"])
                return web.json_response({})
        except NotOnScreen as impossible:
            return web.json_response({"problem": str(impossible)})
        return web.json_response({"acked": answer.acked, "seconds": answer.seconds})
