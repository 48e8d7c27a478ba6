"""Accounts: a person's identity in one messenger. Linked by an import, or by the person with a one-time code."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update

from core.errors import DomainError
from core.models import Account, LinkCode, LinkTries, Person
from core.models.base import table_of
from core.work import Work

A, K, P = table_of(Account), table_of(LinkCode), table_of(Person)
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without I, L, O, 0 and 1, which people mix up
LENGTH = 8
VALID = timedelta(minutes=30)
TRIES, TRIES_WITHIN = 5, timedelta(hours=1)


def issue(work: Work, person_id: int) -> str:
    """A new code for this person; earlier ones end. It is shown once and never stored."""
    work.session.execute(delete(K).where(K.c.person_id == person_id, K.c.used_at.is_(None)))
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    work.session.add(LinkCode(person_id=person_id, digest=_digest(code), expires_at=work.now + VALID))
    work.audit("account.code_issued", "person", person_id)
    return f"{code[:4]}-{code[4:]}"


def link(work: Work, messenger: str, user_id: str, code: str) -> Person:
    """Gives an account to the person whose code this is.

    Errors: account.bad_code, account.too_many_tries. A wrong try counts, so the caller must commit after the error.
    """
    tries = work.session.get(LinkTries, (messenger, user_id))
    if tries is not None and work.now - tries.since >= TRIES_WITHIN:
        tries.since, tries.failed = work.now, 0
    if tries is not None and tries.failed >= TRIES:
        raise DomainError("account.too_many_tries")
    found = work.session.execute(
        select(LinkCode)
        .join(P, P.c.id == K.c.person_id)
        .where(K.c.digest == _digest(code), K.c.used_at.is_(None), K.c.expires_at > work.now, P.c.active)
        .with_for_update(of=K)
    ).scalar_one_or_none()
    if found is None:
        if tries is None:
            tries = LinkTries(messenger=messenger, user_id=user_id, since=work.now)
            work.session.add(tries)
        tries.failed += 1
        raise DomainError("account.bad_code")
    found.used_at = work.now
    if tries is not None:
        work.session.delete(tries)
    work.session.add(Account(person_id=found.person_id, messenger=messenger, user_id=user_id))
    work.audit("account.linked", "person", found.person_id, messenger=messenger)
    return work.session.get_one(Person, found.person_id)


def prefer(work: Work, person_id: int, messenger: str, handle: str) -> None:
    """Cards go to this messenger first. `handle`: the account of the local one, which needs no row before.

    Errors: account.not_linked.
    """
    mine = A.c.person_id == person_id
    there = work.session.execute(select(A.c.id).where(mine, A.c.messenger == messenger).order_by(A.c.id).limit(1)).scalar()
    if there is None and messenger == "local":
        account = Account(person_id=person_id, messenger=messenger, user_id=handle)
        work.session.add(account)
        work.session.flush()
        there = account.id
    if there is None:
        raise DomainError("account.not_linked", messenger=messenger)
    work.session.execute(update(A).where(mine).values(preferred=False))
    work.session.execute(update(A).where(A.c.id == there).values(preferred=True))
    work.audit("account.preferred", "person", person_id, messenger=messenger)


def _digest(code: str) -> str:
    """Typed with or without the dash, in either case."""
    plain = "".join(c for c in code.upper() if c.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
