"""Idempotency-Key: the same request gets its first answer again, whatever has happened since."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import String, bindparam, select
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request

from bot.web.api.auth import Caller, Host
from bot.web.api.writers import PATIENCE
from core import tokens
from core.errors import DomainError, Unreachable
from core.models import InboundEvent
from core.models.base import table_of
from core.work import Work

TRIES = 3
E = table_of(InboundEvent)
_ANSWER = select(E.c.answer).where(E.c.messenger == bindparam("messenger"), E.c.event_id == bindparam("event"))
_USED = select(E.c.event_id).where(
    E.c.messenger == bindparam("messenger"), E.c.event_id.in_(bindparam("events", expanding=True, type_=String))
)
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
    behind. `fingerprint` tells the same content under a key from another."""

    who: Caller
    key: str
    fingerprint: str
    act: Callable[[Work], dict[str, Any]]

    def answer(self, work: Work) -> dict[str, Any]:
        """What `act` answers; with a key that was used before, what it answered then. Errors: those of `act`;
        api.key_conflict."""
        if self.key and (known := _first(work, self.who, self.key, self.fingerprint)) is not None:
            return known
        found = self.act(work)
        self.keep(work, found)
        work.session.flush()
        return found

    def keep(self, work: Work, found: dict[str, Any]) -> None:
        """The answer, for whoever comes with the same key."""
        if self.key:
            kept = {"fingerprint": self.fingerprint, "status": 200, "body": found}
            work.session.add(InboundEvent(messenger=self.who.events, event_id=self.key, at=work.now, answer=kept))


A = TypeVar("A", bound=Asked)


def once(host: Host, asked: Asked) -> dict[str, Any]:
    """What is asked for, in a transaction of its own. Errors: those of Asked.answer; Unreachable."""
    now, who = host.clock(), asked.who
    for _ in range(TRIES):
        try:
            with host.transactions.work(now, patience=PATIENCE, **who.who) as work:
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


def unanswered(work: Work, many: Mapping[int, A]) -> dict[int, A]:
    """Of these, those with no key, or the first with a key that nobody has used before."""
    keys: dict[str, set[str]] = {}
    for asked in many.values():
        if asked.key:
            keys.setdefault(asked.who.events, set()).add(asked.key)
    used: set[tuple[str, str]] = set()
    for messenger, events in keys.items():
        rows = work.session.execute(_USED, {"messenger": messenger, "events": sorted(events)})
        used |= {(messenger, key) for key in rows.scalars()}
    found: dict[int, A] = {}
    for place, asked in many.items():
        if not asked.key or (asked.who.events, asked.key) not in used:
            found[place] = asked
            used.add((asked.who.events, asked.key))
    return found


def _first(work: Work, who: Caller, key: str, fingerprint: str) -> dict[str, Any] | None:
    """What this key was answered. Errors: api.key_conflict."""
    kept = work.session.execute(_ANSWER, {"messenger": who.events, "event": key}).scalar()
    if kept is None:
        return None
    if kept["fingerprint"] != fingerprint:
        raise DomainError("api.key_conflict")
    return dict(kept["body"])
