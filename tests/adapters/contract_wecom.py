"""WeCom's two places in the contract: the app, which is called back, and the robot on its long connection."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.adapters.wecom import client as wecom_client
from tests.adapters.contract_words import CANARY, DAY, FORGED, PATIENCE, WORD
from tests.fakes.wecom.line import Patience
from tests.rigs import Shown, slack, wecom, wecom_aibot


class Wecom(wecom.Rig):
    """The app: calls of its API, and encrypted callbacks."""

    id = "wecom"
    streams = False
    proves = True  # within four hours

    def settings(self) -> dict[str, str]:
        found = super().settings()
        self.fake._corp.apps[self.fake.agent_id].secret = self.fake.secret = f"wecom-{CANARY}"
        self.fake.line.patience = Patience(retries=3)
        self._came: list[Any] = []
        deliver, injected = self.fake.line.deliver, self.fake._api._injected

        async def kept(what: str, plain: str, agentid: int) -> Any:
            self._came.append(await deliver(what, plain, agentid))
            return self._came[-1]

        def told_when(request: web.Request, path: str, fault: Any) -> web.Response:
            answer = injected(request, path, fault)
            if answer.status == 429:
                answer.headers["Retry-After"] = str(self._after)
            return answer

        self.fake.line.deliver = kept  # type: ignore[method-assign]
        self.fake._api._injected = told_when  # type: ignore[method-assign]
        return found | {"HUIKUAN_WECOM_SECRET": self.fake.secret}

    def secrets(self) -> list[str]:
        tokens = [app.token for app in self.fake._corp.apps.values() if app.token]
        return [CANARY, self.fake.token, self.fake.aes_key, *tokens]

    def forgive(self) -> None:
        self.fake.wrong.clear()

    # --- faults ---

    def lose_answer(self, times: int | None = 1) -> None:
        self.fake.faults.drop("message/send", times)

    def late_answer(self) -> None:
        self.fake.faults.slow("message/send", wecom_client.ANSWER + 0.5)

    def too_many(self, seconds: int) -> None:
        self._after = seconds
        self.fake.faults.status("message/send", 429)

    def broken(self) -> None:
        self.fake.faults.status("message/send", 500)

    def all_broken(self) -> None:
        self.fake.faults.status("*", 503, None)

    def heal(self) -> None:
        self.fake.faults.heal()

    def end_token(self) -> None:
        self.fake.expire_tokens()

    def renew_token(self) -> None:
        """Whoever asks gets a new one."""

    def forge(self, handle: str, ref: str) -> None:
        assert self.fake.bad_post("forged", self._users[handle], FORGED).status == 403

    def replay(self) -> tuple[Any, Any]:
        """Byte by byte it is dropped; WeCom's own second try is signed anew and gets the same answer."""
        last = self._came[-1]
        again = self.fake.replay(replace(last))
        assert (again.status, again.body) == (200, "")
        second = self.fake._wait(self.fake.line.deliver(last.what, last.plain, self.fake.agent_id))
        user = last.plain.partition("<FromUserName><![CDATA[")[2].partition("]]>")[0]
        return self._read(last, user), self._read(second, user)

    def _read(self, delivery: Any, user: str) -> Any:
        reply = self.fake.line.read(delivery.tries[-1], user)
        return reply and (reply.kind, reply.text, reply.card)


class WecomRobot(wecom_aibot.Rig):
    """WeCom without a public address: a robot on a long connection, to whom everybody has said hello."""

    id = "wecom-robot"
    streams = True
    proves = False  # nobody can be asked for a message, and a second one of the same words is shown

    def __init__(self) -> None:
        super().__init__()
        self.world: Any = None
        self._hellos: set[str] = set()

    def settings(self) -> dict[str, str]:
        found = super().settings()
        self.fake.secret = f"robot-{CANARY}"
        self._hellos = set()
        return found | {"HUIKUAN_WECOM_BOT_SECRET": self.fake.secret}

    def join(self, world: Any) -> None:
        self.world = world

    def reach(self, url: str) -> None:
        """Nobody calls us: we dial."""

    def hired(self, handle: str) -> None:
        """What is said to a greeting is no message of the story."""
        super().hired(handle)
        self._hellos |= {seen.msgid for seen in self.fake.screen(self._users[handle])}

    def shown(self, handle: str) -> list[Shown]:
        screen = self.fake.screen(self._users[handle])
        return [wecom._shown(seen) for seen in screen if seen.msgid not in self._hellos]

    def in_words(self, name: str) -> str:
        """Words can only be sent as Markdown, and no way is known to take the meaning of a sign away."""
        return name.translate(str.maketrans("*_`[]<>#~|\\&", "＊＿｀［］＜＞＃～｜＼＆"))

    def secrets(self) -> list[str]:
        return [CANARY]

    def forgive(self) -> None:
        self.fake.wrong.clear()

    # --- faults ---

    def bad_frame(self, raw: bytes) -> None:
        from tests.adapters.contract_rigs import text_frame

        self.fake.run(text_frame(self.fake._live()[0].socket, raw))

    def lose_answer(self, times: int | None = 1) -> None:
        self.fake.faults.drop("aibot_send_msg", times)

    def late_answer(self) -> None:
        self.fake.faults.slow("aibot_send_msg", PATIENCE + 0.5)

    def too_many(self, seconds: int) -> None:
        """An errcode; nothing on the connection says how long to wait."""
        self.fake.faults.errcode("aibot_send_msg", 45009)

    def broken(self) -> None:
        """There is no HTTP 500 on a socket: “system busy” is what the server has instead."""
        self.fake.faults.errcode("aibot_send_msg", -1)

    def all_broken(self) -> None:
        self.fake.faults.errcode("aibot_send_msg", -1, None)

    def heal(self) -> None:
        self.fake.faults.heal()

    def end_token(self) -> None:
        """A connection has no token that ends. What can end is the secret: somebody makes a new one in the console."""
        self._secret, self.fake.secret = self.fake.secret, "made anew in the console"
        opened = self.opened()
        self.fake.cut()
        slack._until(lambda: self.opened() > opened and self.world.adapter._line._why == "subscription_refused")

    def renew_token(self) -> None:
        self.fake.secret = self._secret
        self.fake.wait_connected()
        slack._until(lambda: self.world.adapter._line.up)

    def opened(self) -> int:
        return self.fake.count("aibot_subscribe")

    def cut(self) -> None:
        self.fake.cut()

    def swallow(self, on: bool = True) -> None:
        """The next connection is a good one."""
        if on:
            self.fake.black_hole()
        else:
            self.fake.wait_connected()

    def forge(self, handle: str, ref: str) -> None:
        """Frames carry no signature: that they are WeCom's is what TLS says of the connection, which we dialled, and nobody
        has found out whether `aibotid` is written as in the console. What can be wrong is that nobody stands behind it."""
        pressed = f"{ref}|task.promise|1||date={DAY}&note={WORD}|"
        tap = {"card_type": "button_interaction", "event_key": pressed, "task_id": ref}
        self.fake.junk(json.dumps({
            "cmd": "aibot_event_callback", "headers": {"req_id": "forged"},
            "body": {
                "msgid": "forged", "msgtype": "event", "from": {"userid": " "},
                "event": {"eventtype": "template_card_event", "template_card_event": tap},
            },
        }))  # fmt: skip
        self.fake.wait_pinged()

    def replay(self) -> tuple[Any, Any]:
        last = [event for event in self.fake._events.values() if event.kind == "tap"][-1]
        return last.text, self.fake.again(last).text


ROBOT = WecomRobot.id
