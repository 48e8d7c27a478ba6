"""`python -m tests.fakes.wecom.robot --port 8064`: a 智能机器人 to try a product with, and a page to be its people.

The long connection is TLS and nothing but a long connection, so the page has a port of its own.
"""

import argparse
import asyncio
import json
import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.fakes.by_hand import exports
from tests.fakes.server import FakeServer
from tests.fakes.wecom.aibot import FakeAibot
from tests.fakes.wecom.page import HTML
from tests.fakes.wecom.refused import NotThere

PEOPLE = ["zhangsan=张三", "lisi=李四", "manager=李经理", "finance=王敏"]
ENTER = {"name": "打开会话", "type": "click", "key": "enter"}


class RobotPage(FakeServer):
    """page.html for the robot's people. `patience`: seconds that a press waits for the product's answer."""

    def __init__(self, robot: FakeAibot, port: int = 0, *, patience: float = 6.0) -> None:
        super().__init__(port)
        self._robot, self._patience = robot, patience

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._html)
        app.router.add_get("/human/state", self._state)
        app.router.add_post("/human/act", self._act)

    async def _html(self, request: web.Request) -> web.Response:
        return web.Response(text=HTML.read_text(encoding="utf-8"), content_type="text/html")

    async def _state(self, request: web.Request) -> web.Response:
        robot, people = self._robot, []
        for one in robot.people():
            chat = await asyncio.to_thread(robot.chat, one.userid)
            people.append({"userid": one.userid, "name": one.name, "chat": [asdict(shown) for shown in chat]})
        state = {"people": people, "menu": [ENTER], "wrong": robot.wrong, "lint": robot.lint}
        return web.json_response(state, dumps=lambda value: json.dumps(value, ensure_ascii=False))

    async def _act(self, request: web.Request) -> web.Response:
        # A page elsewhere in the same browser cannot send this type without asking first.
        if request.content_type != "application/json":
            return web.Response(status=415)
        try:
            await asyncio.to_thread(self._do, await request.json())
        except (NotThere, RuntimeError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response()

    def _do(self, what: dict[str, Any]) -> None:
        robot, user = self._robot, str(what["user"])
        if what["do"] == "say":
            robot.say(user, what["text"], patience=self._patience)
        elif what["do"] == "tap":
            shown = next((one for one in robot.screen(user) if one.msgid == what["msgid"]), None)
            if shown is None:
                raise NotThere(f"{user} has no such message")
            chosen = {key: ids for key, ids in what["selected"].items() if ids}
            robot.tap(user, shown, what["key"], chosen, patience=self._patience)
        else:
            robot.enter(user, patience=self._patience)


def environment(robot: FakeAibot) -> str:
    return exports(
        "wecom", transport="aibot", aibot_url=robot.url, bot_id=robot.bot_id, bot_secret=robot.secret,
        SSL_CERT_FILE=robot.trusted,
    )  # fmt: skip


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m tests.fakes.wecom.robot", description=__doc__)
    given.add_argument("--port", type=int, default=8064, help="of the page")
    given.add_argument("--line", type=int, default=0, metavar="PORT", help="of the long connection; default: any free one")
    given.add_argument("--member", action="append", metavar="USERID=NAME", help=f"default: {' '.join(PEOPLE)}")
    options = given.parse_args()
    members = dict((entry.split("=", 1) * 2)[:2] for entry in options.member or PEOPLE)
    with FakeAibot(options.line, members=members) as robot, RobotPage(robot, options.port) as page:
        print(f"# page for humans: {page.url}/   before anybody hears of anything they write to the robot first")
        print(environment(robot), flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("# stopped")


if __name__ == "__main__":
    main()
