"""Calls to DingTalk: tokens, pacing. What comes of a call is a value, never an exception."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import aiohttp

from bot.adapters.base import Refused, Retry, Unknown
from bot.adapters.dingtalk.month import Month
from bot.adapters.memory import Memory
from bot.adapters.pace import Pace
from core.jsontext import encode

log = logging.getLogger(__name__)

TIMEOUT = 10.0
KEPT = 2.0  # seconds for which a connection waits for the next call
PER_SECOND = 18  # the standard edition allows 20, counted at their end of a jittery line
SPARE = 300  # seconds before its end at which a token is no longer used
WAIT, WAIT_LONG, WAIT_QUOTA = 2.0, 60.0, 3 * 3600.0
WAIT_ADMIN = 300.0  # for an administrator who allows the app something
TOKEN = "x-acs-dingtalk-access-token"
SECRETS = ("access_token", "appsecret", "session")  # in addresses
LOOPBACK = ("127.0.0.1", "localhost", "::1")

QUOTA = ("Forbidden.AccessDenied.ApiCountLimitForOrg", "90020")
SLOW_DOWN = ("QpsLimit", "send.too.fast", "send.byToken.tooFast", "too.many.group", "too.many.people")
DENIED = "Forbidden.AccessDenied."  # of a permission the app has not, or of an address that is not on its list
DENIED_OLD = ("60011", "subcode=60011")  # the same in the older API: the code, or what stands in the message of code 88
BUSY = "-1"  # of the older API
OLD_TOKEN = ("40014", "42001", "88")


@dataclass(frozen=True)
class Done:
    """DingTalk did it."""

    data: dict[str, Any]
    date: str = ""  # the clock of their server, as the header has it


@dataclass(frozen=True)
class Failed:
    """DingTalk answered that it did not."""

    status: int
    code: str
    message: str = ""
    wait: float | None = None  # seconds, where the answer says so


@dataclass(frozen=True)
class NotReached:
    """The call never left, so nothing was done."""

    reason: str


@dataclass(frozen=True)
class Lost:
    """The call left and no answer came: it may have been done."""

    reason: str


Outcome = Done | Failed | NotReached | Lost


def denied(outcome: Outcome) -> bool:
    """Whether an administrator has to allow the app something."""
    if not isinstance(outcome, Failed) or outcome.code in QUOTA:
        return False
    return outcome.code.startswith(DENIED) or outcome.code == DENIED_OLD[0] or DENIED_OLD[1] in outcome.message


def problem(outcome: Failed | NotReached | Lost) -> Retry | Refused | Unknown:
    """What it means for a message that was to be shown."""
    match outcome:
        case NotReached(reason):
            return Retry(WAIT, reason)
        case Lost(reason):
            return Unknown(reason)
        case Failed(status, code, message, wait):
            reason = f"{code} {message}".strip()[:200] or f"HTTP {status}"
            if code in QUOTA:
                return Retry(max(wait or 0.0, WAIT_QUOTA), reason)
            if denied(outcome):
                return Retry(wait or WAIT_ADMIN, reason)
            if status == 429 or any(code.startswith(each) for each in SLOW_DOWN):
                return Retry(wait or WAIT, reason)
            if status == 401 or code == "param.templateUnpublished":
                return Retry(wait or WAIT_LONG, reason)  # an administrator can put it right
            if status == 503:
                return Retry(wait or WAIT, reason)
            return Unknown(reason) if status >= 500 or code == BUSY else Refused(reason)


@dataclass
class _Token:
    text: str = field(default="", repr=False)
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


@dataclass
class Client:
    """One app. `secret` is never shown."""

    app_id: str
    secret: str = field(repr=False)
    api: str
    oapi: str
    memory: Memory
    clock: Callable[[], datetime]
    zone: ZoneInfo
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        self.api, self.oapi = self.api.rstrip("/"), self.oapi.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self.closed = False  # if so, every call is one that was not made
        self._pace = Pace(PER_SECOND)
        self._new, self._old = _Token(), _Token()
        self.month = Month(self.memory, self.clock, self.zone)

    @property
    def proxied(self) -> bool:
        """A proxy of the environment is used, but never for this machine itself."""
        return urlsplit(self.api).hostname not in LOOPBACK

    async def close(self) -> None:
        await self.month.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- calls ---

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Outcome:
        """A call of the present API. A token that is refused is replaced once."""
        outcome: Outcome = Lost("")
        for _ in range(2):
            token = await self._token()
            if not isinstance(token, str):
                return token
            headers = {TOKEN: token}
            outcome = await self._metered(method, self.api + path, body, headers=headers)
            if not (isinstance(outcome, Failed) and outcome.status == 401):
                return outcome
            if self._new.text == token:
                self._new.text = ""
        return outcome

    async def call_old(self, path: str, body: Mapping[str, Any]) -> Outcome:
        """A call of the older API, which has tokens of its own and answers errors with HTTP 200."""
        outcome: Outcome = Lost("")
        for _ in range(2):
            token = await self._old_token()
            if not isinstance(token, str):
                return token
            outcome = await self._metered("POST", self.oapi + path, body, query={"access_token": token})
            if not (isinstance(outcome, Failed) and outcome.code in OLD_TOKEN):
                return outcome
            if self._old.text == token:
                self._old.text = ""
        return outcome

    async def answer(self, address: str, body: Mapping[str, Any]) -> Outcome:
        """Into the chat that a message came from. Its address came with the message and is the right to use it."""
        if not self.ours(address):
            return NotReached("not an address of DingTalk")
        return await self._metered("POST", address, body)

    def ours(self, address: str) -> bool:
        """Whether an address that came from outside is one of DingTalk's."""
        try:
            where = urlsplit(address)
        except ValueError:
            return False
        return any((where.scheme, where.netloc) == urlsplit(known)[:2] for known in (self.api, self.oapi))

    async def open_stream(self, subscriptions: list[dict[str, str]]) -> Outcome:
        """`{"endpoint", "ticket"}` for one connection. Not counted, and no token is needed."""
        body = {
            "clientId": self.app_id,
            "clientSecret": self.secret,
            "subscriptions": subscriptions,
            "ua": "huikuan",
            "localIp": "",
        }
        return await self._request("POST", self.api + "/v1.0/gateway/connections/open", body)

    async def token_call(self) -> Outcome:
        """A new token, for whoever wants to know whether the secret is right."""
        body = {"appKey": self.app_id, "appSecret": self.secret}
        return await self._request("POST", self.api + "/v1.0/oauth2/accessToken", body)

    # --- tokens ---

    async def _token(self) -> "str | Failed | NotReached":
        async with self._new.lock:
            if self._new.text and time.monotonic() < self._new.until:
                return self._new.text
            return self._keep(self._new, await self.token_call(), "accessToken", "expireIn")

    async def _old_token(self) -> "str | Failed | NotReached":
        async with self._old.lock:
            if self._old.text and time.monotonic() < self._old.until:
                return self._old.text
            query = {"appkey": self.app_id, "appsecret": self.secret}
            answer = await self._request("GET", self.oapi + "/gettoken", None, query=query)
            return self._keep(self._old, answer, "access_token", "expires_in")

    @staticmethod
    def _keep(token: _Token, answer: Outcome, name: str, lasts: str) -> "str | Failed | NotReached":
        """Without a token the call was not made, whatever became of asking for one."""
        match answer:
            case Done(data):
                text = data.get(name)
                if not isinstance(text, str) or not text:
                    return NotReached("no token in the answer")
                token.text, token.until = text, time.monotonic() + max(60, int(data.get(lasts) or 0) - SPARE)
                return text
            case Failed(status, code, message, wait):
                return Failed(401 if status < 500 and status != 429 else 503, code, message, wait)
            case NotReached(reason) | Lost(reason):
                return NotReached(reason)

    # --- one request ---

    async def _metered(
        self, method: str, url: str, body: Mapping[str, Any] | None, *, headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Outcome:  # fmt: skip
        await self._pace.turn()
        outcome = await self._request(method, url, body, headers=headers, query=query)
        if not isinstance(outcome, NotReached):
            self.month.add()
        return outcome

    async def _request(
        self, method: str, url: str, body: Mapping[str, Any] | None, *, headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Outcome:  # fmt: skip
        if self.closed:
            return NotReached("stopped")
        data = encode(body) if body is not None else None
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            async with self._open().request(
                method, url, data=data, params=query, headers=sent, allow_redirects=False
            ) as answer:
                text = self._hidden(await answer.text(errors="replace"), url, sent, query or {})
                return _read(answer.status, answer.headers, text)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return NotReached(type(error).__name__)
        except TimeoutError:
            return Lost(f"no answer within {self.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:  # its text may name addresses with tokens in them
            return Lost(type(error).__name__)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=self.timeout)
            # Not kept for long: one that the server has just closed would leave the fate of a call unknown.
            connector = aiohttp.TCPConnector(keepalive_timeout=KEPT)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=self.proxied, connector=connector)
        return self._session

    def _hidden(self, text: str, url: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """An answer without what it was asked with: the texts of errors are written down, and some repeat it. All of it,
        since what is cut first leaves half of a secret."""
        asked = dict(parse_qsl(urlsplit(url).query)) | dict(query)
        for secret in (self.secret, headers.get(TOKEN), *(asked.get(name) for name in SECRETS)):
            text = text.replace(secret, "***") if secret else text
        return text


def _read(status: int, headers: Mapping[str, str], text: str) -> Outcome:
    try:
        data = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return Failed(status, f"HTTP {status}") if status >= 400 else Lost("the answer is no JSON object")
    wait = _seconds(headers.get("Retry-After", ""))
    if status >= 400:
        return Failed(status, str(data.get("code") or f"HTTP {status}"), _short(data.get("message")), wait)
    if data.get("errcode") not in (None, 0):
        return Failed(status, str(data["errcode"]), _short(data.get("errmsg")), wait)
    return Done(data, headers.get("Date", ""))


def _short(message: Any) -> str:
    return str(message or "")[:200]


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 6 else None
