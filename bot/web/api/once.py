"""Idempotency-Key: the same request gets its first answer again, whatever has happened since."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import String, bindparam, select
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request

from bot.web.api.auth import Caller, Host
from core import tokens
from core.credit import locks
from core.errors import DomainError, Unreachable
from core.models import Customer, InboundEvent
from core.models.base import table_of
from core.work import Work

TRIES = 3
C, E = table_of(Customer), table_of(InboundEvent)
_ANSWER = select(E.c.answer).where(E.c.messenger == bindparam("messenger"), E.c.event_id == bindparam("event"))
_CUSTOMERS = select(C.c.id).where(C.c.code.in_(bindparam("codes", expanding=True, type_=String)))
_KEY = re.compile(r"[!-~]{1,200}")
KEY_HEADER = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]{1,200}$"},
    "description": "The same key with the same content gets the first answer again, for 30 days.",
}  # fmt: skip


def key_of(request: Request) -> str:
    """The request's key, or "". Errors: api.bad_key."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return ""
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise DomainError("api.bad_key")
    return given[0]


@dataclass(frozen=True)
class Asked:
    """What a system asks for. `act` answers it, in a transaction in the caller's name; if it raises, it leaves nothing
    behind. `fingerprint` tells the same content under a key from another. `customer`: the code of whom it is about."""

    who: Caller
    key: str
    fingerprint: str
    act: Callable[[Work], dict[str, Any]]
    customer: str = ""

    def answer(self, work: Work) -> dict[str, Any]:
        """What `act` answers; with a key that was used before, what it answered then. Errors: those of `act`;
        api.key_conflict."""
        if self.key and (known := _first(work, self.who, self.key, self.fingerprint)) is not None:
            return known
        found = self.act(work)
        if self.key:
            kept = {"fingerprint": self.fingerprint, "status": 200, "body": found}
            work.session.add(InboundEvent(messenger=self.who.events, event_id=self.key, at=work.now, answer=kept))
            work.session.flush()
        return found


def once(host: Host, asked: Asked) -> dict[str, Any]:
    """What is asked for, in a transaction of its own. Errors: those of Asked.answer; Unreachable."""
    now, who = host.clock(), asked.who
    for _ in range(TRIES):
        try:
            with host.transactions.work(now, **who.who) as work:
                found = asked.answer(work)
                if not who.seen_on(work.today):
                    tokens.used(work, who.id)
                return found
        except IntegrityError:
            continue  # somebody wrote the same key or the same numbers just now: next time they are known
        except DomainError as error:
            if error.code != "credit.group_moved":
                raise
    raise Unreachable("db.locked", url="")


def together(host: Host, many: Sequence[Asked]) -> dict[int, dict[str, Any] | Exception]:
    """By place, the answers to several who ask about customers, and the errors that are theirs, in one transaction; nothing
    if they had better be asked one by one. Errors: Unreachable."""
    found: dict[int, dict[str, Any] | Exception] = {}
    try:
        with host.transactions.work(host.clock(), channel="api") as work:
            codes = {asked.customer for asked in many}
            locks.lock_many(work, work.session.execute(_CUSTOMERS, {"codes": sorted(codes)}).scalars())
            for place, asked in enumerate(many):
                try:
                    with work.session.begin_nested():
                        found[place] = asked.answer(replace(work, **asked.who.who))
                except DomainError as error:
                    found[place] = error
            for who in {asked.who.id: asked.who for asked in many}.values():
                if not who.seen_on(work.today):
                    tokens.used(work, who.id)
            return found
    except IntegrityError:
        return {}
    except Unreachable:
        if host.transactions.engine.dialect.name == "sqlite":  # everybody has waited long enough
            raise
        return {}  # perhaps two transactions waited for each other, and only this one had to give way


def _first(work: Work, who: Caller, key: str, fingerprint: str) -> dict[str, Any] | None:
    """What this key was answered. Errors: api.key_conflict."""
    kept = work.session.execute(_ANSWER, {"messenger": who.events, "event": key}).scalar()
    if kept is None:
        return None
    if kept["fingerprint"] != fingerprint:
        raise DomainError("api.key_conflict")
    return dict(kept["body"])
