"""Tokens with which other systems call the REST API: issued once, found by their digest, revoked for good. What a request
with an Idempotency-Key was answered is kept under its token, for a while."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update

from core.db import alone
from core.errors import DomainError
from core.models import ApiToken, InboundEvent
from core.models.base import table_of
from core.work import Work

SCOPES = (
    "orders:write", "orders:read", "customers:write", "receivables:write", "receipts:write", "shipments:write", "risk:write",
    "credit:read",
)  # fmt: skip
MAX_NAME = 64
REMEMBERED = timedelta(days=30)  # how long a request with a key can be sent again
_KEPT = "api:"
PREFIX = "hk_"  # so that whoever searches a repository for secrets finds it
T, E = table_of(ApiToken), table_of(InboundEvent)
_FIND = select(ApiToken).where(T.c.digest == bindparam("digest"))
_BY_NAME = select(ApiToken).where(T.c.name == bindparam("name"))


def issue(
    work: Work, name: str, scopes: Sequence[str], *, source: str = "", expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which nobody can see again.

    Errors: token.bad_name, token.bad_scope, token.no_scope, token.taken, token.expired (it would be from the beginning).
    """
    for field, value in (("NAME", name), ("--source", source)):
        if len(value) > MAX_NAME or not value.isprintable() or value != value.strip():
            shown = "".join(c if c.isprintable() else "?" for c in value[:MAX_NAME])
            raise DomainError("token.bad_name", field=field, value=shown)
    if not name:
        raise DomainError("token.bad_name", field="NAME", value="")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise DomainError("token.bad_scope", value=unknown[0][:40], allowed=", ".join(SCOPES))
    if not scopes:
        raise DomainError("token.no_scope", allowed=", ".join(SCOPES))
    if expires_at is not None and expires_at <= work.now:
        raise DomainError("token.expired")
    alone(work.session, "tokens")
    if work.session.execute(_BY_NAME, {"name": name}).first() is not None:
        raise DomainError("token.taken", name=name)
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        name=name,
        digest=_digest(token),
        source=source,
        scopes=[scope for scope in SCOPES if scope in scopes],
        created_at=work.now,
        expires_at=expires_at,
    )
    work.session.add(row)
    work.session.flush()
    work.audit("token.issued", "token", row.id, name=name, scopes=row.scopes, source=source)
    return row, token


def find(work: Work, token: str) -> ApiToken | None:
    """The token's row, if it may be used now: neither unknown, nor expired, nor revoked."""
    row: ApiToken | None = work.session.execute(_FIND, {"digest": _digest(token)}).scalar_one_or_none()
    return row if row is not None and state(row, work.now) == "active" else None


def state(row: ApiToken, now: datetime) -> str:
    """`active`, `expired` or `revoked`."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


def used(work: Work, token_id: int) -> None:
    """Once a day is often enough to see that nobody uses it any more, and keeps calls from waiting for each other."""
    stale = T.c.last_used_on.is_(None) | (T.c.last_used_on < work.today)
    work.session.execute(update(T).where(T.c.id == token_id, stale).values(last_used_on=work.today))


def every(work: Work) -> list[ApiToken]:
    return list(work.session.execute(select(ApiToken).order_by(T.c.id)).scalars())


def revoke(work: Work, name: str) -> ApiToken:
    """From now on nobody gets in with it; what it sent stays. Errors: token.unknown."""
    row: ApiToken | None = work.session.execute(_BY_NAME, {"name": name}).scalar_one_or_none()
    if row is None:
        raise DomainError("token.unknown", name=name[:MAX_NAME])
    if row.revoked_at is None:
        row.revoked_at = work.now
        work.audit("token.revoked", "token", row.id, name=row.name)
        work.session.flush()
    return row


def keeper(token_id: int) -> str:
    """Under which the answers to a token's requests are kept among the inbound events."""
    return f"{_KEPT}{token_id}"


def forget_answers(work: Work) -> None:
    """Those that nobody can want any more."""
    old = E.c.at < work.now - REMEMBERED
    work.session.execute(delete(E).where(E.c.messenger.startswith(_KEPT, autoescape=True), old))


def _digest(token: str) -> str:
    """The token is long and random: a slow hash would add nothing but the wait."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
