"""The page for trying a product by hand: what each person sees, and what they do, as JSON for page.html."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.slack.delivery import Answer
from tests.fakes.slack.elements import HOLDS, holds, usable
from tests.fakes.slack.people import People
from tests.fakes.slack.state import Impossible, Message, Refused, View, Workspace

PAGE = Path(__file__).with_name("page.html")


class HandPage:
    def __init__(self, at: Workspace, people: People) -> None:
        self._at, self._people = at, people

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._page)
        app.router.add_get("/_hand/state", self._state)
        app.router.add_post("/_hand/do", self._do)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE)

    async def _state(self, request: web.Request) -> web.Response:
        user = request.query.get("user") or next(iter(self._at.people), "")
        if user not in self._at.people:
            return web.json_response({"people": [], "messages": [], "wrong": self._at.wrong})
        seen = [self._shown(user, f"{m.channel}:{m.ts}", asdict(m)) for m in self._at.seen_by(user)]
        modal, home = self._at.top_view(user), self._at.homes.get(user)
        state = {
            "user": user,
            "people": [asdict(p) for p in self._at.people.values()],
            "messages": seen,
            "modal": modal and self._shown(user, modal.id, {"id": modal.id, **modal.body}),
            "home": home and self._shown(user, home.id, {"id": home.id, **home.body}),
            "files": [{"id": f.id, "name": f.name, "title": f.title} for f in self._at.files.values()],
            "wrong": self._at.wrong,
        }
        return web.json_response(state)

    def _shown(self, user: str, place: str, thing: dict[str, Any]) -> dict[str, Any]:
        """With `holds`: what each element shows now."""
        now = {
            f"{block['block_id']}/{element['action_id']}": holds(self._at, place, user, block, element)
            for block, element in usable(thing["blocks"])
            if element["type"] in HOLDS
        }
        return {**thing, "holds": now}

    async def _do(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            answer = await self._act(asked)
        except (Impossible, Refused) as no:
            return web.json_response({"problem": str(no)})
        return web.json_response({"problem": "" if answer.acked else answer.why_not or "late ack", "reply": answer.reply})

    async def _act(self, asked: dict[str, Any]) -> Answer:
        user, people = asked["user"], self._people
        if asked["do"] == "say" and asked["text"].startswith("/"):
            command, _, text = asked["text"].partition(" ")
            return await people.command(user, command, text.strip(), "")
        if asked["do"] == "say":
            return await people.say(user, asked["text"], "")
        if asked["do"] == "home":
            return await people.open_home(user)
        where = self._where(asked)
        if asked["do"] == "tap":
            sure = asked.get("sure", True)
            return await people.tap(user, where, asked["action_id"], asked.get("choice"), asked["block_id"], sure=sure)
        if not isinstance(where, View):
            raise Impossible("only a view can be submitted or closed")
        if asked["do"] == "submit":
            values = {tuple(name.split("\n")): value for name, value in asked["values"].items()}
            return await people.submit(user, where, values)
        return await people.close(user, where)

    def _where(self, asked: dict[str, Any]) -> Message | View:
        if asked.get("view"):
            views = [*self._at.views.values(), *self._at.homes.values()]
            found: Message | View | None = next((v for v in views if v.id == asked["view"]), None)
        else:
            found = self._at.message(asked["channel"], asked["ts"], asked["user"])
        if found is None:
            raise Impossible("it is gone")
        return found
