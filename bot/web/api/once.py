"""Idempotency-Key: the same request gets its first answer again, whatever has happened since."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request

from bot.web.api.auth import Caller, Host
from core import tokens
from core.errors import DomainError, Unreachable
from core.models import InboundEvent
from core.models.base import table_of
from core.work import Work

TRIES = 3
E = table_of(InboundEvent)
_ANSWER = select(E.c.answer).where(E.c.messenger == bindparam("messenger"), E.c.event_id == bindparam("event"))
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


def once(
    host: Host, who: Caller, key: str, fingerprint: str, act: Callable[[Work], dict[str, Any]]
) -> dict[str, Any]:
    """What `act` answers, in one transaction in the caller's name; with a key that was used before, what it answered then.
    `fingerprint` tells the same content from another. An `act` that raises leaves nothing behind, and no key.

    Errors: those of `act`; api.key_conflict; Unreachable.
    """
    now = host.clock()
    for _ in range(TRIES):
        try:
            with host.transactions.work(now, **who.who) as work:
                if key and (known := _first(work, who, key, fingerprint)) is not None:
                    return known
                found = act(work)
                if key:
                    kept = {"fingerprint": fingerprint, "status": 200, "body": found}
                    work.session.add(InboundEvent(messenger=who.events, event_id=key, at=now, answer=kept))
                    work.session.flush()
                if not who.seen_on(work.today):
                    tokens.used(work, who.id)
                return found
        except IntegrityError:
            continue  # somebody wrote the same key or the same numbers just now: next time they are known
        except DomainError as error:
            if error.code != "credit.group_moved":
                raise
    raise Unreachable("db.locked", url="")


def _first(work: Work, who: Caller, key: str, fingerprint: str) -> dict[str, Any] | None:
    """What this key was answered. Errors: api.key_conflict."""
    kept = work.session.execute(_ANSWER, {"messenger": who.events, "event": key}).scalar()
    if kept is None:
        return None
    if kept["fingerprint"] != fingerprint:
        raise DomainError("api.key_conflict")
    return dict(kept["body"])
