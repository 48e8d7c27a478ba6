"""Calls of the Web API: one session of our own, ten seconds each, no retries of the SDK, refusals as values."""

import logging
import re
from asyncio import sleep
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.base import Refused, Retry, Unknown
from bot.adapters.pace import Quota
from core.time import utcnow

SECONDS = 10.0
TO_CONNECT = 5.0
DEFAULT_PAUSE = 30.0
HOOKS = "hooks.slack.com"  # where answers to commands and taps go
AFTER_BAD_TOKEN = 300.0
SLOW_DOWN = "ratelimited"
# Calls of a method in so many seconds. Tier 3 is 50 a minute, counted at Slack's end of a jittery line
# (docs.slack.dev/reference/methods/chat.update, docs.slack.dev/apis/web-api/rate-limits).
QUOTAS = {"chat.update": (48, 62.0)}
PATIENCE = 3  # calls

ERROR = re.compile(r"[a-z0-9_]{1,60}")
# What only somebody who can change the app's settings can put right. Nothing was shown.
TOKEN_ERRORS = frozenset({
    "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "not_allowed_token_type",
    "missing_scope", "no_permission", "org_login_required", "ekm_access_denied", "team_access_not_granted", "access_denied",
})  # fmt: skip
# Slack gave up on the call; it may have done it all the same.
UNCLEAR = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})

log = logging.getLogger(__name__)
# The SDK writes whole messages and one-time addresses into its log; what matters is said by this package.
quiet = logging.getLogger("bot.adapters.slack.sdk")
quiet.setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Answer:
    """What a call got: the answer, or why there is none."""

    data: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    problem: Retry | Refused | Unknown | None = None
    error: str = ""  # Slack's own name for it

    @property
    def ok(self) -> bool:
        return self.problem is None

    @property
    def told_to_wait(self) -> float:
        """Seconds, where that was all of the answer; else 0."""
        return self.problem.after_seconds if isinstance(self.problem, Retry) and self.error == SLOW_DOWN else 0.0

    def __getitem__(self, name: str) -> Any:
        return self.data[name]


class Api:
    """`await api("chat.postMessage", channel=…)`. Never raises for what a network or Slack does.

    Once Slack has said how long to wait with a method, no call of it leaves before that is over, whoever makes it: the
    answer is Slack's once more. `clock`: the one by which calls come again.
    """

    def __init__(self, token: str, url: str, clock: Callable[[], datetime] = utcnow) -> None:
        self._token, self._url, self._clock = token, url, clock
        self.quotas = {method: Quota(clock, most, seconds) for method, (most, seconds) in QUOTAS.items()}
        self._session: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None
        self.closed = False

    @property
    def client(self) -> AsyncWebClient:
        """The SDK's client, in the running loop."""
        if self._client is None or self._session is None:
            limits = aiohttp.ClientTimeout(total=SECONDS, sock_connect=TO_CONNECT)
            self._session = aiohttp.ClientSession(timeout=limits)
            self._client = AsyncWebClient(
                self._token, self._url, timeout=int(SECONDS), session=self._session, retry_handlers=[], logger=quiet
            )
            if proxy_bypass(urlsplit(self._url).hostname or ""):  # the SDK does not know NO_PROXY
                self._client.proxy = None
        return self._client

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self.client is not None and self._session is not None
        return self._session

    async def close(self) -> None:
        """From here on every call is one that was not made."""
        self.closed = True
        session, self._session, self._client = self._session, None, None
        if session is not None:
            await session.close()

    async def __call__(self, method: str, *, token: str = "", first: bool = False, **args: Any) -> Answer:
        """`token`: another one than the bot's. `first`: somebody waits for it, so others have to wait for it."""
        if self.closed:
            return Answer(problem=Retry(1.0, "stopped"))
        if token:  # only one asks by it, and waits by itself
            return await self._call(method, {"params": {"token": token}})
        quota = self.quotas.setdefault(method, Quota(self._clock))
        if left := quota.left(first=first):
            return Answer(problem=Retry(left, SLOW_DOWN), error=SLOW_DOWN)
        answer = await self._call(method, {"json": args})
        if answer.told_to_wait:
            quota.shut(answer.told_to_wait)
        return answer

    async def patiently(self, method: str, **args: Any) -> Answer:
        """For what nobody brings again: as long as Slack says how long to wait, it does, and tries again."""
        answer = await self(method, **args)
        for _ in range(PATIENCE - 1):
            if answer.told_to_wait:
                await sleep(answer.told_to_wait)
                answer = await self(method, **args)
        return answer

    async def _call(self, method: str, given: dict[str, Any]) -> Answer:
        try:
            got = await self.client.api_call(method, **given)
        except SlackApiError as refused:
            return _refused(refused)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
            return Answer(problem=_broken(error))
        data = got.data if isinstance(got.data, dict) else {}
        return Answer(data, {name.lower(): str(value) for name, value in got.headers.items()})

    async def respond(self, url: str, message: dict[str, Any]) -> bool:
        """To a response_url; whether Slack took it, or may have: that is not said again otherwise. It can be used five
        times within half an hour."""
        if self.closed:
            return False
        if not self.ours(url):  # the request named it, and what we say there is somebody's figures
            log.warning("slack: an answer was not sent: its address is none of Slack's")
            return False
        try:
            async with self.session.post(url, json=message, proxy=self.client.proxy, allow_redirects=False) as answer:
                return answer.status == 200
        except ValueError:
            return False
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return isinstance(_broken(error), Unknown)

    def ours(self, url: str) -> bool:
        """Whether an address that came with a request is Slack's: the API's own host, or its `hooks.`"""
        api = urlsplit(self._url)
        host = api.netloc.removeprefix("www.")
        try:
            where = urlsplit(url)
        except ValueError:
            return False
        if (where.scheme, where.netloc) == (api.scheme, api.netloc):
            return True
        return where.scheme == "https" and where.netloc in (HOOKS, f"hooks.{host}")


def _refused(refused: SlackApiError) -> Answer:
    response = refused.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    data = data if isinstance(data, dict) else {}
    headers = {str(name).lower(): str(value) for name, value in dict(getattr(response, "headers", None) or {}).items()}
    error = str(data.get("error") or "")
    if error and not ERROR.fullmatch(error):  # whatever else stands there may repeat what was sent
        error = "unnamed_error"
    if status == 429:
        error = SLOW_DOWN
    return Answer(data, headers, problem_of(status, error, headers), error)


def problem_of(status: int, error: str, headers: dict[str, str]) -> Retry | Refused | Unknown:
    if status == 429 or error == SLOW_DOWN:
        return Retry(_seconds(headers.get("retry-after", "")), SLOW_DOWN)
    if error in TOKEN_ERRORS:
        return Retry(AFTER_BAD_TOKEN, error)
    if not error or error in UNCLEAR or status >= 500:
        return Unknown(error or f"HTTP {status}")
    return Refused(error)


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) < 6 else DEFAULT_PAUSE


def _broken(error: BaseException) -> Retry | Unknown:
    """Where no connection came about, nothing was said. The text of an error may hold an address: only its name is kept."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Retry(DEFAULT_PAUSE, "unreachable")
    return Unknown(type(error).__name__)
