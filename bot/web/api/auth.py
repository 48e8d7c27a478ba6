"""Who calls: a bearer token that is known, in force, and has the right."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from starlette.requests import Request

from bot.lanes import Lanes
from bot.transactions import Transactions
from bot.web.api.writers import PATIENCE
from core import tokens
from core.errors import DomainError, Unreachable
from core.work import Company, Work

MAX_TOKEN = 200


class Host(Protocol):
    """What the API needs of the application."""

    company: Company
    transactions: Transactions

    def clock(self) -> datetime: ...
    def follow(self) -> None: ...
    def answering(self) -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Caller:
    """A system with its token. Its orders are those of `source`; it neither sees nor touches those of others."""

    id: int
    name: str
    source: str
    scopes: frozenset[str]
    last_used_on: date | None

    @property
    def who(self) -> dict[str, Any]:
        """For a transaction in its name."""
        return {"actor": f"api:{self.name}", "channel": "api"}

    def seen_on(self, day: date) -> bool:
        """Whether it is known that the token was used on this day: nothing is left to write."""
        return self.last_used_on is not None and self.last_used_on >= day

    @property
    def events(self) -> str:
        """Under which its Idempotency-Keys are kept."""
        return tokens.keeper(self.id)


class Callers:
    """Looks up who calls; those who come at about the same time in one look."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lanes: Lanes[str, Caller | None] = Lanes(lambda token: self._find([token])[0], self._find)

    async def of(self, request: Request, scope: str) -> Caller:
        """Errors: api.no_token, api.no_scope, Unreachable."""
        return _may(await self._lanes.do(bearer(request)), scope)

    def _find(self, given: Sequence[str]) -> dict[int, Caller | None]:
        with self._host.transactions.look(self._host.clock()) as work:
            known = {token: _known(work, token) for token in dict.fromkeys(given)}
        return {place: known[token] for place, token in enumerate(given)}


def bearer(request: Request) -> str:
    """The token that a request brings, which may be anything. Errors: api.no_token."""
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].strip().partition(" ") if len(given) == 1 else ("", "", "")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN:
        raise DomainError("api.no_token")
    return token


def caller(work: Work, token: str, scope: str) -> Caller:
    """Whose token it is. Errors: api.no_token, api.no_scope."""
    return _may(_known(work, token), scope)


def _may(found: Caller | None, scope: str) -> Caller:
    if found is None:
        raise DomainError("api.no_token")
    if scope not in found.scopes:
        raise DomainError("api.no_scope", scope=scope)
    return found


def _known(work: Work, token: str) -> Caller | None:
    row = tokens.find(work, token)
    if row is None:
        return None
    return Caller(row.id or 0, row.name, row.source, frozenset(row.scopes), row.last_used_on)


def looked(host: Host, who: Caller) -> None:
    """A call that only read: remembering the day is not worth failing for."""
    now = host.clock()
    if not who.seen_on(host.company.calendar.business_date(now)):
        with suppress(Unreachable), host.transactions.work(now, patience=PATIENCE, **who.who) as work:
            tokens.used(work, who.id)
