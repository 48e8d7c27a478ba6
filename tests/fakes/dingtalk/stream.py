"""Stream mode: who is connected, what is pushed to them, and whether and when they acknowledge it."""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from .state import Answer, Refused, World, needed, new_id, only_keys

CHAT = "/v1.0/im/bot/messages/get"
CARD = "/v1.0/card/instances/callback"
TICKET_SECONDS = 90


@dataclass
class Connection:
    connection_id: str
    socket: web.WebSocketResponse
    transport: asyncio.Transport
    subscriptions: list[tuple[str, str]]
    frozen: bool = False
    leaving: bool = False  # it was told to disconnect: nothing is pushed to it any more

    def wants(self, kind: str, topic: str) -> bool:
        open_ = not (self.leaving or self.socket.closed or self.transport.is_closing())
        return open_ and (kind == "SYSTEM" or any(k == kind and t in ("*", topic) for k, t in self.subscriptions))

    async def send(self, text: str) -> None:
        """Into a black hole when frozen, as with a cable that was pulled."""
        if not self.frozen:
            await self.socket.send_str(text)


@dataclass
class Push:
    message_id: str
    kind: str
    topic: str
    frame: dict[str, Any]
    acked: asyncio.Future[dict[str, Any]]
    again: asyncio.Event = field(default_factory=asyncio.Event)  # LATER: the product wants it once more
    sent: list[float] = field(default_factory=list)
    acks: list[tuple[float, dict[str, Any]]] = field(default_factory=list)  # seconds since the last sending


class Stream:
    def __init__(self, world: World) -> None:
        self.world = world
        self.connections: list[Connection] = []
        self.pushes: dict[str, Push] = {}
        self.budget = 2.0  # seconds for the ack of a CALLBACK
        self.redeliver_after = 60.0  # the Node SDK's comment; 16 s was seen once [?]
        self.redeliveries = 3  # how often is not known [?]
        self.disconnect_grace = 10.0
        self.base = ""  # ws://host:port, known once the server listens
        self._tickets: dict[str, tuple[float, list[tuple[str, str]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1.0/gateway/connections/open", self.open)
        app.router.add_get("/connect", self.connect)

    # --- connecting -------------------------------------------------------------------------------

    async def open(self, request: web.Request) -> web.Response:
        allowed = {"clientId", "clientSecret", "subscriptions", "ua", "localIp", "extras"}
        body = only_keys(await request.json(), allowed, "connections/open")
        if (body.get("clientId"), body.get("clientSecret")) != (self.world.client_id, self.world.client_secret):
            raise Refused("authFailed", "鉴权失败", status=401, wrong=False)
        needed(body, "connections/open", "subscriptions")
        wanted = [(each["type"], each["topic"]) for each in body["subscriptions"]]
        ticket = new_id()
        self._tickets[ticket] = (self.world.now() + TICKET_SECONDS, wanted)
        return web.json_response({"endpoint": f"{self.base}/connect", "ticket": ticket})

    async def connect(self, request: web.Request) -> web.StreamResponse:
        until, wanted = self._tickets.pop(request.query.get("ticket", ""), (0.0, []))
        if until <= self.world.now() or request.transport is None:
            raise Refused("ticketInvalid", "the ticket is unknown, used or older than 90 seconds", status=401, wrong=False)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(new_id(), socket, request.transport, wanted)
        self.connections.append(connection)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._received(message.data)
        finally:
            self.connections.remove(connection)
        return socket

    def open_connections(self) -> list[Connection]:
        return [each for each in self.connections if each.wants("SYSTEM", "")]

    async def closing(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self.connections):
            connection.transport.abort()

    # --- what comes back --------------------------------------------------------------------------

    def _received(self, text: str) -> None:
        try:
            ack = json.loads(text)
            message_id = ack["headers"]["messageId"]
            data = json.loads(ack["data"])
        except (ValueError, TypeError, KeyError):
            self.world.complain(f"stream: not an acknowledgement, its data must be JSON text: {text[:200]}")
            return
        push = self.pushes.get(message_id)
        if push is None:
            self.world.complain(f"stream: acknowledged {message_id}, which was never pushed")
            return
        self._check(push, ack, data)
        push.acks.append((time.monotonic() - push.sent[-1], {"code": ack.get("code"), "data": data}))
        if push.kind == "EVENT" and isinstance(data, dict) and data.get("status") == "LATER":
            push.again.set()
        elif not push.acked.done():
            push.acked.set_result({"code": ack.get("code"), "data": data})

    def _check(self, push: Push, ack: Mapping[str, Any], data: Any) -> None:
        what = f"stream: {push.kind} {push.topic}"
        if ack.get("code") != 200:
            self.world.complain(f"{what}: acknowledged with {ack.get('code')} {ack.get('message')}")
        elif push.kind == "CALLBACK" and (not isinstance(data, dict) or "response" not in data):
            self.world.complain(f"{what}: the ack has no response")
        elif push.kind == "EVENT" and (not isinstance(data, dict) or data.get("status") not in ("SUCCESS", "LATER")):
            self.world.complain(f"{what}: the ack's data has no status SUCCESS or LATER")
        elif push.kind == "SYSTEM" and push.topic == "ping" and data != json.loads(push.frame["data"]):
            self.world.complain(f"{what}: the ack does not repeat the ping's data")

    # --- pushing ----------------------------------------------------------------------------------

    async def push(
        self, kind: str, topic: str, data: Any, *, headers: Mapping[str, str] | None = None, patience: float, copies: int = 1
    ) -> Answer:
        """Sends it to one connection and waits for the ack; unacknowledged, it is sent again in the background."""
        push = self._prepare(kind, topic, data, headers or {})
        task = asyncio.create_task(self._deliver(push, copies))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({push.acked}, timeout=patience)
        return self.answer(push)

    def answer(self, push: Push) -> Answer:
        if not push.acked.done():
            return Answer(push.message_id, False, pushes=len(push.sent))
        ack = push.acked.result()
        data = ack["data"]
        response = data.get("response") if push.kind == "CALLBACK" and isinstance(data, dict) else data
        return Answer(push.message_id, True, ack["code"], response, push.acks[0][0], len(push.sent))

    def _prepare(self, kind: str, topic: str, data: Any, headers: Mapping[str, str]) -> Push:
        message_id = new_id()
        own = {
            "contentType": "application/json",
            "messageId": message_id,
            "time": str(int(self.world.now() * 1000)),
            "topic": topic,
        }
        if kind != "SYSTEM":  # whether SYSTEM frames carry an appId is unverified [?]: they don't
            own["appId"] = "fake-app-id"
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        frame = {"specVersion": "1.0", "type": kind, "headers": {**own, **headers}, "data": text}
        push = Push(message_id, kind, topic, frame, asyncio.get_running_loop().create_future())
        self.pushes[message_id] = push
        return push

    async def _deliver(self, push: Push, copies: int) -> None:
        for _ in range(1 + self.redeliveries):
            connection = await self._somebody(push)
            if connection is None:
                return
            for _ in range(copies):
                await self.send(push, connection)
            copies = 1
            if await self._done(push, connection):
                return

    async def _somebody(self, push: Push) -> Connection | None:
        """A random subscriber. Chat waits for one as long as for an ack [?]; a tap without one fails at once."""
        until = time.monotonic() + (0 if push.topic == CARD else self.redeliver_after)
        while True:
            subscribed = [each for each in self.connections if each.wants(push.kind, push.topic)]
            if subscribed or time.monotonic() >= until:
                return random.choice(subscribed) if subscribed else None
            await asyncio.sleep(0.01)

    async def send(self, push: Push, connection: Connection) -> None:
        push.frame["headers"]["connectionId"] = connection.connection_id
        push.sent.append(time.monotonic())
        try:
            await connection.send(json.dumps(push.frame, ensure_ascii=False))
        except ConnectionError:
            return  # it went away meanwhile: the push stays without an ack

    async def _done(self, push: Push, connection: Connection) -> bool:
        """True when nothing more has to be sent. The product is blamed for silence only when it was reached."""
        swallowed = connection.frozen
        await asyncio.wait({push.acked}, timeout=min(self.budget, self.redeliver_after))
        reached = connection.wants("SYSTEM", "") and not (swallowed or connection.frozen)
        if push.kind == "CALLBACK" and not push.acked.done() and reached:
            self.world.complain(f"stream: CALLBACK {push.topic}: no ack within {self.budget:g} s")
        await asyncio.wait({push.acked}, timeout=max(0.0, self.redeliver_after - self.budget))
        return push.acked.done()

    # --- what the operator of DingTalk's gateway does ---------------------------------------------

    async def again(self, message_id: str, patience: float) -> Answer:
        """The same frame once more, with the same messageId; the answer is the one to this sending."""
        push = self.pushes[message_id]
        known = len(push.acks)
        connection = await self._somebody(push)
        if connection is None:
            return Answer(message_id, False, pushes=len(push.sent))
        await self.send(push, connection)
        until = time.monotonic() + patience
        while len(push.acks) == known and time.monotonic() < until:
            await asyncio.sleep(0.005)
        if len(push.acks) == known:
            return Answer(message_id, False, pushes=len(push.sent))
        seconds, ack = push.acks[-1]
        data = ack["data"]
        response = data.get("response") if push.kind == "CALLBACK" else data
        return Answer(message_id, True, ack["code"], response, seconds, len(push.sent))

    async def raw(self, text: str) -> None:
        """Any text at all, to every connection."""
        for connection in self.open_connections():
            await connection.send(text)

    async def disconnect(self, reason: str) -> None:
        for connection in self.open_connections():
            push = self._prepare("SYSTEM", "disconnect", {"reason": reason}, {})
            await self.send(push, connection)
            connection.leaving = True
            asyncio.get_running_loop().call_later(self.disconnect_grace, connection.transport.close)

    def abort(self) -> None:
        for connection in list(self.connections):
            connection.transport.abort()

    def freeze(self, frozen: bool) -> None:
        """Nothing comes in or goes out any more, not even a pong, and nobody is told."""
        for connection in self.connections:
            if connection.frozen == frozen:
                continue
            connection.frozen = frozen
            (connection.transport.pause_reading if frozen else connection.transport.resume_reading)()
