"""What comes back: a signed request to its committed effect, and taps to their acknowledgement at a hundred a second."""

import asyncio
import contextlib
import re
import statistics
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.clock import Goal, Measure, interleave, shown
from bench.dunning import sides
from bench.office import NAMES, Office
from bench.profile import where
from bench.stores import Store
from bot.adapters.slack.door import PATH

DEADLINES = {"slack": 3.0, "dingtalk": 2.0, "wecom": 5.0}  # seconds for an acknowledgement
A_SECOND, FEWER = 100, (20, 40)
Signed = list[tuple[bytes, dict[str, str]]]


# --- one signed request after the other ---


def inbound(product: Office, number: int, rounds: int) -> Measure:
    """Ours: a promise of payment, booked. Bolt: a listener that makes one durable insert and acknowledges."""
    store, far = product.store, product.far
    site = Starlette(routes=list(product.adapter.routes()))
    signed: Signed = []

    def ours() -> float:
        product.anew()
        product.send()
        signed[:] = far.do("signed", number)
        took = product.run(one_by_one(site, signed, product.settled))
        assert product.effects() == number, product.effects()
        return took

    def bolt(**more: Any) -> float:
        secret = far.do("environment")["HUIKUAN_SLACK_SIGNING_SECRET"]
        with reference(store, secret, **more) as bare:
            took: float = product.run(one_by_one(bare, signed))
            return took

    ours()
    bolt()
    found = interleave(rounds, ours=ours, bolt=bolt, eager=lambda: bolt(process_before_response=True))
    measure = Measure(
        f"Slack, a signed tap to its booked promise ({number} of them): bolt with one durable insert ÷ ours", store.kind,
        Goal(0.5, least=True), found.ratios("bolt", "ours"), sides(found, "bolt", "ours"), found.spins,
    )  # fmt: skip
    measure.notes.append(
        "bolt looks every 10 ms whether its listener is done; with `process_before_response`, which waits for it: "
        f"{statistics.median(found.ratios('eager', 'ours')):.2f}× ({shown(found.median('eager'))})"
    )
    if not measure.goal.met(measure.value):
        measure.where = where(ours, inline=True)
    return measure


async def _nothing() -> None:
    pass


async def one_by_one(site: Any, signed: Signed, settled: Any = _nothing) -> float:
    """Seconds from the request to the answer, all together; what follows from one is done before the next."""
    took = 0.0
    for body, headers in signed:
        began = perf_counter()
        status = await posted(site, body, headers)
        took += perf_counter() - began
        assert status == 200, status
        await settled()
    return took


async def posted(site: Any, body: bytes, headers: dict[str, str]) -> int:
    """The request as a server hands it over; the status of the answer."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": PATH,
        "raw_path": PATH.encode(), "query_string": b"", "root_path": "", "scheme": "http", "headers": raw,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await site(scope, receive, send)
    return statuses[0]


@contextlib.contextmanager
def reference(store: Store, secret: str, **more: Any) -> Iterator[Starlette]:
    """Bolt as its own page shows it, with a listener whose only work is one row, committed before it acknowledges."""
    store.create("bolt")

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T0FAKE", bot_user_id="U0BOT", bot_id="B0FAKE", bot_token="-")

    app = AsyncApp(client=AsyncWebClient(), authorize=authorize, signing_secret=secret, **more)
    with store.raw("bolt") as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE tapped (at text)")

        @app.action(re.compile(".*"))
        async def insert(ack: Any, body: dict[str, Any]) -> None:
            cursor.execute(f"INSERT INTO tapped VALUES ({store.mark})", (body["trigger_id"],))  # type: ignore[attr-defined]
            await ack()

        handler = AsyncSlackRequestHandler(app)

        async def endpoint(request: Request) -> Response:
            return await handler.handle(request)

        yield Starlette(routes=[Route(PATH, endpoint, methods=["POST"])])
    store.drop("bolt")


# --- a hundred a second ---


def acknowledged(product: Office, number: int, rounds: int) -> Measure:
    """p99 of the time to the acknowledgement as the fake sees it, each tap a promise on a card of its own."""
    far, name = product.far, product.messenger
    booked: list[int] = []

    async def tapped(taps: int, a_second: int) -> list[float]:
        waiting = asyncio.get_running_loop().run_in_executor(None, far.do, "taps", taps, a_second)
        took: list[float] = await waiting
        await product.settled()
        return took

    def p99(taps: int = number, a_second: int = A_SECOND) -> float:
        product.anew()
        product.send()
        took = product.run(tapped(taps, a_second))
        booked.append(product.effects())
        return sorted(took)[int(0.99 * (len(took) - 1))]

    found = interleave(rounds, p99=p99)
    deadline = DEADLINES[name]
    measure = Measure(
        f"{NAMES[name]}: {A_SECOND} taps a second, p99 to the acknowledgement ÷ the deadline of {deadline:g} s",
        product.store.kind, Goal(0.1), [each / deadline for each in found.taken["p99"]],
        f"{shown(found.median('p99'))} ÷ {deadline:g} s", found.spins,
    )  # fmt: skip
    if min(booked) < number:
        measure.notes.append(f"of {number} promises {min(booked)} were booked; the others were told that nothing is saved")
    if not measure.goal.met(measure.value):
        fewer = (f"at {rate} taps a second {p99(max(1, number // 2), rate) / deadline:.3f}×" for rate in FEWER)
        measure.notes.append(", ".join(fewer))
        measure.where = where(p99, inline=True)
    return measure
