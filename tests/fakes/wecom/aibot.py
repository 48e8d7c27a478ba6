"""企业微信's 智能机器人, played: one robot on a long connection (wss), and the phones of the members who talk to it.

    with FakeAibot(members={"LiSi": "李四"}) as wecom:
        os.environ["SSL_CERT_FILE"] = str(wecom.trusted)      # the certificate is its own
        ...                                                   # the product connects to wecom.url
        wecom.say("lisi", "帮助")                             # before that the robot may not write to them
        card = wecom.last("lisi")
        wecom.tap("lisi", card, card.key_of("批准"))
        assert wecom.wrong == [] and wecom.lint == []

One connection is live: a new one throws the old one out, with a `disconnected_event`. An update or a welcome counts within
five seconds of its event. Events are not sent again. What was decided here is marked [?] in aibot_rules.
"""

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.server import FakeServer
from tests.fakes.wecom import aibot_rules as rules
from tests.fakes.wecom.certificate import make
from tests.fakes.wecom.faults import Faults
from tests.fakes.wecom.refused import NotThere, Refused
from tests.fakes.wecom.screen import Selection, Shown, choose, look
from tests.fakes.wecom.state import Member, Message, View

WITHIN = 5.0  # seconds for an update and for a welcome
REPLY_WITHIN = 24 * 3600.0
GROUP = "wr-group-0001"


@dataclass
class Connection:
    socket: web.WebSocketResponse
    request: web.Request
    subscribed: bool = False
    deaf: bool = False  # a black hole: nothing is answered, not even a farewell

    def abort(self) -> None:
        if self.request.transport is not None:
            _abort(self.request.transport)


@dataclass
class Event:
    """What a member did, and what the product answered to it. `updated`: the tapped card was changed in its place."""

    kind: str
    user: str
    frame: dict[str, Any]
    at: float
    message: Message | None = None
    group: bool = False
    updated: bool = False
    words: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def req_id(self) -> str:
        return str(self.frame["headers"]["req_id"])

    @property
    def text(self) -> str:
        return "\n".join(self.words)


def _abort(transport: asyncio.BaseTransport) -> None:
    with suppress(AttributeError):  # CPython 3.11.2 (Debian 12) trips over a TLS transport that has ended already
        transport.abort()  # type: ignore[attr-defined]


class FakeAibot(FakeServer):
    """Blocking: a product in the test's own event loop needs `await asyncio.to_thread(fake.tap, …)`."""

    def __init__(
        self, port: int = 0, *, bot_id: str = "aibFAKE", secret: str = "", members: dict[str, str] | None = None
    ) -> None:
        super().__init__(port)
        self.bot_id, self.secret = bot_id, secret or secrets.token_urlsafe(32)
        self.lint: list[str] = []
        self.faults = Faults()  # by command
        self.limits = rules.Chats()
        self.frames: list[tuple[str, dict[str, Any]]] = []  # (command, body) of all that came
        self.connections: list[Connection] = []
        self.refuse_connections = 0  # so many of the next handshakes fail
        self._members = {userid.lower(): Member(userid, name) for userid, name in (members or {}).items()}
        self._wrote: set[str] = set()
        self._messages: list[Message] = []
        self._said: list[Message] = []  # what members said
        self._tasks: set[str] = set()
        self._events: dict[str, Event] = {}
        self._end = asyncio.Event()
        self._transports: list[asyncio.Transport] = []
        self._skipped = 0.0
        self._late: set[asyncio.Task[None]] = set()
        self._folder = tempfile.TemporaryDirectory()
        self._tls, self.trusted = make(Path(self._folder.name))

    @property
    def url(self) -> str:
        return f"wss://127.0.0.1:{self._port}"

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._connected)

    async def closing(self) -> None:
        self._end.set()
        for task in self._late:
            task.cancel()
        for transport in self._transports:  # of connections that ended, too: TLS says farewell at leisure
            _abort(transport)
        await asyncio.sleep(0.05)

    def stop(self) -> None:
        super().stop()
        self._folder.cleanup()

    # --- the company

    def add_member(self, userid: str, name: str = "", *, wrote: bool = False) -> None:
        self._members[userid.lower()] = Member(userid, name or userid)
        if wrote:
            self._wrote.add(userid.lower())

    def forget(self, user: str) -> None:
        """As if this member had never written: the robot was made anew."""
        self.call(lambda: self._wrote.discard(user.lower()))

    def pass_time(self, seconds: float) -> None:
        self._skipped += seconds

    def count(self, cmd: str) -> int:
        return sum(1 for name, _ in self.frames if name == cmd)

    # --- what goes wrong

    def close(self, code: int) -> None:
        """The server ends the connection: 1000, 1001 and 1011 were seen."""
        self.run(self._close(code))

    async def _close(self, code: int) -> None:
        for each in self._live():
            await each.socket.close(code=code)

    def cut(self) -> None:
        """The connection breaks without a word."""
        self.call(lambda: [each.abort() for each in self.connections])

    def black_hole(self) -> None:
        """It stays open, and nothing comes back on it."""
        self.call(lambda: [setattr(each, "deaf", True) for each in self.connections])

    def kick(self) -> None:
        """Another program subscribes with the same robot."""
        self.run(self._throw_out(self._live()))

    def junk(self, raw: str) -> None:
        """A frame as nobody should send it."""
        self.run(self._live()[0].socket.send_str(raw))

    def wait_pinged(self, seconds: float = 10.0) -> None:
        """Until the product has read on: it has heard all that came before."""
        known, end = self.count("ping"), time.monotonic() + seconds
        while self.count("ping") < known + 2:
            if time.monotonic() > end:
                raise NotThere("nobody pings")
            time.sleep(0.02)

    def wait_connected(self, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not self.call(self._live):
            if time.monotonic() > end:
                raise NotThere("nobody is connected")
            time.sleep(0.02)

    # --- what members see and do

    def screen(self, user: str) -> list[Shown]:
        """The robot's messages to this member, as they see them now."""
        who = self._member(user).userid
        return self.call(lambda: [look(one, who) for one in self._messages if who in one.views])

    def chat(self, user: str) -> list[Shown]:
        """The same with what they said themselves, oldest first."""
        who = self._member(user).userid
        both = self.call(lambda: sorted([*self._messages, *self._said], key=lambda one: one.at))
        return [look(one, who) for one in both if who in one.views]

    def people(self) -> list[Member]:
        return list(self._members.values())

    def last(self, user: str) -> Shown:
        return self.screen(user)[-1]

    def say(self, user: str, text: str, *, group: bool = False, patience: float = 6.0) -> Event:
        body = {"msgtype": "text", "text": {"content": f"@回款助手 {text}" if group else text}}
        return self._do("say", user, body, patience, group=group)

    def send_picture(self, user: str, patience: float = 6.0) -> Event:
        return self._do("say", user, {"msgtype": "image", "image": {"url": "https://example.com/", "aeskey": "x"}}, patience)

    def enter(self, user: str, patience: float = 6.0) -> Event:
        return self._do("enter", user, {"msgtype": "event", "event": {"eventtype": "enter_chat"}}, patience)

    def tap(self, user: str, shown: Shown, key: str, selected: Selection | None = None, *, patience: float = 6.0) -> Event:
        """A button as `shown` has it, which may be what it was before: a phone that did not hear of the change."""
        who = self._member(user).userid
        message = next((one for one in self._messages if one.msgid == shown.msgid and who in one.views), None)
        if message is None:
            raise NotThere(f"{user} has no such message")
        menu = [entry.key for entry in shown.menu]
        if key not in [*menu, *(button.key for button in shown.buttons if button.key)]:
            raise NotThere(f"no button {key!r}; there are {[*shown.buttons, *shown.menu]}")
        chosen = {} if key in menu else choose(shown, selected or {})
        return self._press(who, message, shown.card, key, chosen, patience)

    def intrude(self, user: str, key: str, patience: float = 6.0) -> Event:
        """A tap on a card that this member never had."""
        who = self._member(user).userid
        stranger = Message("none", 0, "template_card", {}, time.time(), {who: View({})})
        return self._press(who, stranger, {"card_type": "button_interaction", "task_id": "none"}, key, {}, patience)

    def again(self, event: Event, patience: float = 6.0) -> Event:
        """The same event once more, as after a reconnect: a new frame, the same msgid."""
        headers = {"req_id": f"req-{secrets.token_hex(8)}"}
        twin = Event(event.kind, event.user, {**event.frame, "headers": headers}, self._now(), event.message, event.group)
        return self._deliver(twin, patience)

    # --- events to the product

    def _press(
        self, who: str, message: Message, card: dict[str, Any], key: str, chosen: dict[str, list[str]], patience: float
    ) -> Event:
        items = [{"question_key": name, "option_ids": {"option_id": ids}} for name, ids in chosen.items()]
        tap = {"card_type": card["card_type"], "event_key": key, "task_id": card["task_id"]}
        if items:
            tap["selected_items"] = {"selected_item": items}
        event = {"eventtype": "template_card_event", "template_card_event": tap}
        return self._do("tap", who, {"msgtype": "event", "event": event}, patience, message=message)

    def _do(self, kind: str, user: str, inner: dict[str, Any], patience: float, **more: Any) -> Event:
        who = self._member(user).userid
        where = {"chattype": "group", "chatid": GROUP} if more.get("group") else {"chattype": "single"}
        body = {
            "msgid": secrets.token_hex(12), "create_time": int(time.time()), "aibotid": self.bot_id, **where,
            "from": {"userid": who}, **inner,
        }  # fmt: skip
        cmd = "aibot_msg_callback" if kind == "say" else "aibot_event_callback"
        frame = {"cmd": cmd, "headers": {"req_id": f"req-{secrets.token_hex(8)}"}, "body": body}
        if kind == "say" and not more.get("group"):
            self._wrote.add(who.lower())
            words = inner.get("text", {"content": "[图片]"})
            self._said.append(Message(secrets.token_hex(8), 0, "text", words, self._now(), {who: View()}, from_member=True))
        return self._deliver(Event(kind, who, frame, self._now(), **more), patience)

    def _deliver(self, event: Event, patience: float) -> Event:
        async def steps() -> None:
            live = self._live()
            if not live:
                raise NotThere("nobody is connected")
            self._events[event.req_id] = event
            await live[0].socket.send_json(event.frame)
            if patience:
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.answered.wait(), patience)

        self.run(steps())
        return event

    def _member(self, user: str) -> Member:
        found = self._members.get(user.lower())
        if found is None:
            raise NotThere(f"no member {user}")
        return found

    def _live(self) -> list[Connection]:
        return [each for each in self.connections if each.subscribed and not each.socket.closed]

    def _now(self) -> float:
        return time.monotonic() + self._skipped

    # --- frames of the product

    async def _connected(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_connections > 0:
            self.refuse_connections -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(timeout=0.5, autoclose=False)
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        if isinstance(request.transport, asyncio.Transport):
            self._transports.append(request.transport)
        try:
            async for frame in socket:
                if frame.type == WSMsgType.TEXT and not connection.deaf:
                    await self._read(connection, frame.data)
            if connection.deaf:
                await self._end.wait()
            await socket.close()
        finally:
            self.connections.remove(connection)
        return socket

    async def _read(self, connection: Connection, raw: str) -> None:
        frame = json.loads(raw)
        cmd, req_id, body = frame.get("cmd"), frame["headers"].get("req_id"), frame.get("body", {})
        if not isinstance(cmd, str) or not isinstance(req_id, str) or not req_id or not isinstance(body, dict):
            self.wrong.append(f"no frame: {raw[:100]}")
            return
        self.frames.append((cmd, body))
        fault = self.faults.take(cmd)
        if fault is not None and fault.kind == "errcode":
            await self._ack(connection, req_id, int(fault.value), "fault")
            return
        code, words = 0, "ok"
        try:
            await self._do_command(connection, cmd, req_id, body)
        except Refused as refused:
            code, words = refused.errcode, refused.errmsg
            if code not in (rules.BAD_SECRET, rules.NO_CHAT, rules.TOO_LATE, rules.TOO_OFTEN):
                self.wrong.append(f"{cmd}: {code} {words}")
            if req_id in self._events:
                self._events[req_id].refused.append(code)
        if fault is not None and fault.kind == "drop":
            connection.abort()
            return
        if fault is not None and fault.kind == "slow":  # this one answer is late; others are not held up by it
            later = asyncio.create_task(self._ack_after(fault.value, connection, req_id, code, words))
            self._late.add(later)
            later.add_done_callback(self._late.discard)
            return
        await self._ack_after(0, connection, req_id, code, words)

    async def _ack_after(self, seconds: float, connection: Connection, req_id: str, code: int, words: str) -> None:
        await asyncio.sleep(seconds)
        await self._ack(connection, req_id, code, words)
        if req_id in self._events and not code:
            self._events[req_id].answered.set()

    async def _ack(self, connection: Connection, req_id: str, code: int, words: str) -> None:
        if not connection.socket.closed:
            await connection.socket.send_json({"headers": {"req_id": req_id}, "errcode": code, "errmsg": words})

    async def _do_command(self, connection: Connection, cmd: str, req_id: str, body: dict[str, Any]) -> None:
        if cmd == "aibot_subscribe":
            await self._subscribe(connection, body)
            return
        if not connection.subscribed:
            raise Refused(rules.NOT_SUBSCRIBED, "not subscribed")
        known: dict[str, Callable[[str, dict[str, Any]], None]] = {
            "ping": lambda req_id, body: None,
            "aibot_send_msg": self._push,
            "aibot_respond_msg": self._reply,
            "aibot_respond_welcome_msg": self._welcome,
            "aibot_respond_update_msg": self._update,
        }
        if cmd not in known:
            raise Refused(rules.BAD_FRAME, f"unknown command {cmd}")
        known[cmd](req_id, body)

    async def _subscribe(self, connection: Connection, body: dict[str, Any]) -> None:
        if body != {"bot_id": self.bot_id, "secret": self.secret}:
            raise Refused(rules.BAD_SECRET, "invalid bot_id or secret")
        await self._throw_out(self._live())
        connection.subscribed = True

    async def _throw_out(self, connections: list[Connection]) -> None:
        body = {"msgid": secrets.token_hex(12), "create_time": int(time.time()), "aibotid": self.bot_id,
                "msgtype": "event", "event": {"eventtype": "disconnected_event"}}  # fmt: skip
        frame = {"cmd": "aibot_event_callback", "headers": {"req_id": secrets.token_hex(8)}, "body": body}
        for each in connections:
            each.subscribed = False
            if each.deaf:
                continue
            await each.socket.send_json(frame)
            await each.socket.close(code=1000)

    # --- commands

    def _push(self, req_id: str, body: dict[str, Any]) -> None:
        member = self._members.get(str(body.get("chatid", "")).lower())
        if body.get("chat_type") not in (0, 1):
            raise Refused(rules.BAD_FRAME, f"chat_type {body.get('chat_type')!r}: nobody pushes to groups here")
        if member is None or member.userid.lower() not in self._wrote:
            raise Refused(rules.NO_CHAT, "this member has not written to the robot")
        self._show(member.userid, body, rules.PUSHED, {"chatid", "chat_type"})
        for event in self._events.values():
            if event.user == member.userid and event.kind == "tap":
                event.answered.set()

    def _reply(self, req_id: str, body: dict[str, Any]) -> None:
        event = self._event(req_id, "say", REPLY_WITHIN)
        if event.group:
            event.words.append(rules.text_of(body, {"stream"}, set()))
            return
        event.words.append(self._show(event.user, body, rules.REPLIED, set()))

    def _welcome(self, req_id: str, body: dict[str, Any]) -> None:
        event = self._event(req_id, "enter", WITHIN)
        event.words.append(self._show(event.user, body, rules.WELCOMED, set()))

    def _update(self, req_id: str, body: dict[str, Any]) -> None:
        event = self._event(req_id, "tap", WITHIN)
        if body.get("response_type") != "update_template_card" or set(body) - {"response_type", "template_card", "userids"}:
            raise Refused(rules.BAD_FRAME, f"an update with {sorted(body)}")
        card = rules.card_of(body, self.lint, update=True)
        tapped = event.frame["body"]["event"]["template_card_event"]["task_id"]
        if card.get("task_id") != tapped:
            raise Refused(rules.BAD_FRAME, f"task_id {card.get('task_id')!r} instead of {tapped!r}")
        if event.updated or event.message is None:
            raise Refused(rules.TOO_LATE, "updated already")
        self.limits.count(event.user, self._now())
        event.message.views[event.user] = View(dict(card))
        event.updated = True
        event.words.append(look(event.message, event.user).text)

    def _event(self, req_id: str, kind: str, within: float) -> Event:
        event = self._events.get(req_id)
        if event is None or event.kind != kind:
            raise Refused(rules.BAD_FRAME, f"an answer to no {kind}")
        if self._now() - event.at > within:
            raise Refused(rules.TOO_LATE, f"over {within:.0f} s after the event")
        return event

    def _show(self, userid: str, body: dict[str, Any], allowed: set[str], extra: set[str]) -> str:
        """A new message on a member's screen; its words."""
        text = rules.text_of(body, allowed, extra)
        card = {} if text else rules.card_of(body, self.lint)
        if card.get("task_id", "") in self._tasks:
            raise Refused(42014, f"task_id {card['task_id']} was used before")
        if "task_id" in card:
            self._tasks.add(card["task_id"])
        self.limits.count(userid, self._now())
        kind = str(body["msgtype"])
        content = card or {"content": text}
        message = Message(secrets.token_hex(8), 0, kind, content, self._now(), {userid: View(dict(card))})
        self._messages.append(message)
        return look(message, userid).text
