"""Tells another system what happened: claim -> sign -> POST -> record. No network inside a transaction.

Whatever the receiver does, an event is sent until it says 2xx; one that was taken and not recorded goes twice, with the
same id. Neither the secret nor the receiver's words get into a log or an error.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import aiohttp

from bot.settings import Settings
from bot.transactions import Transactions
from core import webhooks
from core.errors import ConfigError
from core.webhooks import Event, Outcome

log = logging.getLogger(__name__)

SECONDS, TO_CONNECT = 10.0, 5.0
BATCH, AT_ONCE = 40, 8
PING = "ping"


@dataclass(frozen=True)
class Receiver:
    """Where events go. The first secret signs; an old one signs beside it while the receiver learns the new one."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)


@dataclass
class Told:
    accepted: int = 0
    failed: int = 0


def receiver_of(settings: Settings) -> Receiver | None:
    """None: no address, or no secret; nothing ever goes unsigned."""
    found = settings.webhook
    secrets = tuple(secret for one in (found.secret, found.old_secret) if (secret := one.get_secret_value()))
    return Receiver(found.url, secrets) if found.url and found.secret.get_secret_value() else None


def require(settings: Settings) -> Receiver:
    """Errors: webhook.off, webhook.no_secret."""
    found = receiver_of(settings)
    if found is None:
        raise ConfigError("webhook.no_secret" if settings.webhook.url else "webhook.off")
    return found


def encode(body: Mapping[str, Any]) -> bytes:
    """The same bytes each time an event is sent."""
    return json.dumps(body, separators=(",", ":")).encode()


def headers(receiver: Receiver, kind: str, key: str, body: bytes, at: datetime) -> dict[str, str]:
    """`at`: the moment of sending, which is signed, too: what was overheard can't be sent again later."""
    stamp = str(int(at.timestamp()))
    signed = stamp.encode() + b"." + body
    signatures = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in receiver.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "huikuan",
        "X-Huikuan-Event": kind,
        "X-Huikuan-Delivery": key,
        "X-Huikuan-Signature": ",".join([f"t={stamp}", *(f"v1={one}" for one in signatures)]),
    }


async def deliver(
    transactions: Transactions,
    receiver: Receiver,
    *,
    clock: Callable[[], datetime],
    real_clock: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
) -> Told:
    """Sends what is due, until nothing is or the receiver takes nothing any more. `real_clock` is what is signed."""
    told = Told()
    if not await asyncio.to_thread(_any, transactions, clock()):
        return told
    async with _session() as session:
        while not stopping():
            events = await asyncio.to_thread(_claim, transactions, clock())
            if not events:
                break
            outcomes = await _send_all(session, receiver, events, real_clock, stopping)
            await asyncio.to_thread(_record, transactions, clock(), events, outcomes)
            accepted = sum(outcome.accepted for outcome in outcomes)
            told.accepted += accepted
            told.failed += len(outcomes) - accepted
            if not accepted:
                break
    if told.failed:
        log.warning("webhook: %d events were not accepted and will be sent again", told.failed)
    return told


async def ping(receiver: Receiver, now: datetime, at: datetime) -> Outcome:
    """One event of no meaning, sent once and kept nowhere. `at`: for its body; `now`: what is signed."""
    key = uuid4().hex
    event = Event(0, key, PING, {"id": key, "event": PING, "at": at.isoformat()}, 1)
    async with _session() as session:
        return await _send(session, receiver, event, now)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=TO_CONNECT),
        connector=aiohttp.TCPConnector(limit=AT_ONCE),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _any(transactions: Transactions, now: datetime) -> bool:
    with transactions.look(now) as work:
        return webhooks.any_ready(work)


def _claim(transactions: Transactions, now: datetime) -> list[Event]:
    with transactions.work(now) as work:
        return webhooks.claim(work, BATCH)


def _record(transactions: Transactions, now: datetime, events: list[Event], outcomes: list[Outcome]) -> None:
    sent = {outcome.event.id for outcome in outcomes}
    with transactions.work(now) as work:
        webhooks.record(work, outcomes)
        webhooks.give_back(work, [event for event in events if event.id not in sent])


async def _send_all(
    session: aiohttp.ClientSession,
    receiver: Receiver,
    events: list[Event],
    clock: Callable[[], datetime],
    stopping: Callable[[], bool],
) -> list[Outcome]:
    """Of those that were sent. Each is about another subject, so their order doesn't matter."""
    room = asyncio.Semaphore(AT_ONCE)
    outcomes: list[Outcome] = []

    async def one(event: Event) -> None:
        async with room:
            # Behind a receiver that hangs the rest waits for its own turn, so that no lease runs out meanwhile.
            if not stopping() and not (len(outcomes) >= AT_ONCE and not any(o.accepted for o in outcomes)):
                outcomes.append(await _send(session, receiver, event, clock()))

    await asyncio.gather(*(one(event) for event in events))
    return outcomes


async def _send(session: aiohttp.ClientSession, receiver: Receiver, event: Event, now: datetime) -> Outcome:
    body = encode(event.body)
    signed = headers(receiver, event.kind, event.key, body, now)
    try:
        # What the receiver says besides its status is not read: it could go on for ever.
        async with session.post(receiver.url, data=body, headers=signed, allow_redirects=False) as response:
            return Outcome(event, response.status, "redirect" if 300 <= response.status < 400 else "")
    except Exception as error:
        return Outcome(event, None, why(error))


def why(error: Exception) -> str:
    """A word for what went wrong; the error's own words may name what is secret in an address."""
    match error:
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "tls"
        case aiohttp.ClientConnectorError():
            return "refused"
        case _:
            return "broken"
