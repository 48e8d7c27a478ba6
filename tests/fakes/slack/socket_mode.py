"""Socket Mode: tickets, web sockets, hello, pings and acks."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.slack.state import APP, Workspace
from tests.fakes.slack.web_api import Args, method

PING_EVERY = 5.0  # Node's client reconnects after 30 s without one


class Line:
    """One open web socket."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket, self._request = socket, request
        self.deaf = False  # accepts everything and answers nothing
        self.leaving = False  # was asked to reconnect
        self.cut = False

    @property
    def alive(self) -> bool:
        return not (self.deaf or self.cut or self.socket.closed)

    def abort(self) -> None:
        self.cut = True
        if self._request.transport is not None:
            self._request.transport.abort()


class Sockets:
    def __init__(self, at: Workspace) -> None:
        self._at = at
        at.new_socket_url = self.new_url
        self._tickets: dict[str, bool] = {}  # whether it is still good
        self.lines: list[Line] = []
        self.spent_tickets = 0  # so many of the next urls fail their handshake
        self.dead_urls = 0  # so many of the next urls lead nowhere
        self.on_ack: Callable[[str, Any], None] = lambda envelope_id, reply: None

    @property
    def open(self) -> list[Line]:
        return [line for line in self.lines if not line.cut and not line.socket.closed]

    def new_url(self) -> str:
        ticket = self._at.new_id("ticket")
        self._tickets[ticket] = self.spent_tickets <= 0
        self.spent_tickets = max(0, self.spent_tickets - 1)
        base = self._at.base.replace("http:", "ws:", 1)
        if self.dead_urls > 0:
            self.dead_urls -= 1
            base = "ws://127.0.0.1:1"
        return f"{base}/link/?ticket={ticket}&app_id={APP}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if not self._tickets.get(request.query.get("ticket", "")):
            return web.Response(status=401, text="ticket is spent or unknown")
        self._tickets[request.query["ticket"]] = False
        socket = web.WebSocketResponse(autoping=False, timeout=0.5)
        await socket.prepare(request)
        line = Line(socket, request)
        self.lines.append(line)
        pings = asyncio.get_running_loop().create_task(self._ping(line))
        try:
            await socket.send_json(self._hello())
            await self._listen(line)
        finally:
            pings.cancel()
            self.lines.remove(line)
        return socket

    def _hello(self) -> dict[str, Any]:
        debug = {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060}
        info = {"app_id": APP}
        return {"type": "hello", "num_connections": len(self.open), "connection_info": info, "debug_info": debug}

    async def _ping(self, line: Line) -> None:
        while not line.socket.closed:
            await asyncio.sleep(PING_EVERY)
            if not line.deaf and not line.cut:
                await line.socket.ping(b"Ping from the fake")

    async def _listen(self, line: Line) -> None:
        async for frame in line.socket:
            if line.deaf:
                continue
            if frame.type == WSMsgType.PING:
                await line.socket.pong(frame.data)
            elif frame.type == WSMsgType.TEXT:
                self._read(frame.data)

    def _read(self, text: str) -> None:
        try:
            ack = json.loads(text)
        except ValueError:
            ack = None
        if not isinstance(ack, dict) or not isinstance(ack.get("envelope_id"), str):
            self._at.complain(f"a frame that is no ack: {text[:80]}")
            return
        if extra := set(ack) - {"envelope_id", "payload"}:
            self._at.complain(f"an ack with unknown keys {sorted(extra)}")
        self.on_ack(ack["envelope_id"], ack.get("payload") or None)

    async def send(self, envelope: dict[str, Any]) -> Line | None:
        """To one of them by chance; None when there is none."""
        staying = [line for line in self.open if not line.leaving] or self.open
        if not staying:
            return None
        line = random.choice(staying)
        try:
            await line.socket.send_json(envelope)
        except ConnectionError:
            return None
        return line

    async def ask_to_reconnect(self, reason: str) -> None:
        for line in self.open:
            line.leaving = True
            await line.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-fake"}})


@method("apps.connections.open", by_app=True)
def open_connection(at: Workspace, args: Args) -> dict[str, Any]:
    return {"url": at.new_socket_url()}
