"""Orders that other systems submit: those that come at about the same time share a transaction, with the look at who sends
them. Whatever can't share one has its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from starlette.requests import Request

from bot.lanes import Lanes
from bot.web.api import body
from bot.web.api.auth import Caller, Host, bearer, caller
from bot.web.api.once import Asked, key_of, once, unanswered
from bot.web.api.writers import PATIENCE, Writers
from core import tokens
from core.credit import apart, incoming, orders
from core.dunning.stored import active
from core.errors import DomainError, Unreachable
from core.work import Work

SCOPE = "orders:write"


@dataclass(frozen=True)
class _Sent:
    token: str
    request: Request
    raw: bytes


@dataclass(frozen=True, kw_only=True)
class _Submission(Asked):
    new: incoming.NewOrder


class Submissions:
    def __init__(self, host: Host, writers: Writers) -> None:
        self._host = host
        self._lanes: Lanes[_Sent, dict[str, Any]] = Lanes(self._alone, self._together, threads=writers.threads)

    async def submit(self, request: Request) -> dict[str, Any]:
        """The order's verdict. Errors: those of auth.caller, body.read, body.decode, key_of, incoming.parse, orders.submit
        and once."""
        token = bearer(request)
        return await self._lanes.do(_Sent(token, request, await body.read(request)))

    def _alone(self, sent: _Sent) -> dict[str, Any]:
        with self._host.transactions.look(self._host.clock()) as work:
            who = caller(work, sent.token, SCOPE)
        return once(self._host, self._asked(who, sent))

    def _together(self, many: Sequence[_Sent]) -> dict[int, dict[str, Any] | Exception]:
        """By place, verdicts and errors; left out is who had better come alone. Errors: Unreachable."""
        try:
            with self._host.transactions.work(self._host.clock(), channel="api", patience=PATIENCE) as work:
                return self._answers(work, many)
        except IntegrityError:
            return {}
        except Unreachable:
            if self._host.transactions.engine.dialect.name == "sqlite":  # everybody has waited long enough
                raise
            return {}  # perhaps two transactions waited for each other, and only this one had to give way

    def _answers(self, work: Work, many: Sequence[_Sent]) -> dict[int, dict[str, Any] | Exception]:
        found: dict[int, dict[str, Any] | Exception] = {}
        callers: dict[str, Caller] = {}
        asked: dict[int, _Submission] = {}
        for place, sent in enumerate(many):
            try:
                if sent.token not in callers:
                    callers[sent.token] = caller(work, sent.token, SCOPE)
                asked[place] = self._asked(callers[sent.token], sent)
            except DomainError as error:
                found[place] = error
        asked = unanswered(work, asked)
        come = {
            place: apart.Incoming(replace(work, **each.who.who), each.new, each.who.source) for place, each in asked.items()
        }
        for place, made in apart.submit(work, active(work)[1], come).items():
            found[place] = told = orders.as_json(made.order, made.request_id)
            asked[place].keep(work, told)
        for who in callers.values():
            if not who.seen_on(work.today):
                tokens.used(work, who.id)
        return found

    def _asked(self, who: Caller, sent: _Sent) -> _Submission:
        """Errors: api.bad_key, those of body.decode and incoming.parse."""
        key = key_of(sent.request)
        new = incoming.parse(body.decode(sent.raw), self._host.company.currency)

        def act(work: Work) -> dict[str, Any]:
            made = orders.submit(work, active(work)[1], new, who.source)
            return orders.as_json(made.order, made.request_id)

        return _Submission(who, key, new.fingerprint, act, new=new)
