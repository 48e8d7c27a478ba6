"""Accounts: a person's identity in one messenger. Linked by an import, or by the person with a one-time code; taken away."""

import hashlib
import secrets
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import DomainError
from core.models import Account, LinkCode, LinkTries, Person
from core.models.base import table_of
from core.revive import moved, revive
from core.work import Work

A, K, T, P = table_of(Account), table_of(LinkCode), table_of(LinkTries), table_of(Person)
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without I, L, O, 0 and 1, which people mix up
LENGTH = 8
VALID = timedelta(minutes=30)
TRIES, TRIES_WITHIN = 5, timedelta(hours=1)


def issue(work: Work, person_id: int) -> str:
    """A new code for this person; earlier ones end. It is shown once and never stored."""
    work.session.execute(delete(K).where(K.c.person_id == person_id, K.c.used_at.is_(None)))
    work.session.execute(delete(T).where(T.c.since <= work.now - TRIES_WITHIN))  # what was tried counts no more
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    work.session.add(LinkCode(person_id=person_id, digest=_digest(code), expires_at=work.now + VALID))
    work.audit("account.code_issued", "person", person_id)
    return f"{code[:4]}-{code[4:]}"


def link(work: Work, messenger: str, user_id: str, code: str) -> Person:
    """Gives an account to the person whose code this is, and sends what they missed without one.

    Errors: account.bad_code, account.too_many_tries, account.linked_already. A wrong try counts, so the caller must
    commit after the error.
    """
    tries = _tries(work, messenger, user_id)
    if work.now - tries.since >= TRIES_WITHIN:
        tries.since, tries.failed = work.now, 0
    if tries.failed >= TRIES:
        raise DomainError("account.too_many_tries")
    found = work.session.execute(
        select(LinkCode)
        .join(P, P.c.id == K.c.person_id)
        .where(K.c.digest == _digest(code), K.c.used_at.is_(None), K.c.expires_at > work.now, P.c.active)
        .with_for_update(of=K)
    ).scalar_one_or_none()
    if found is None:
        tries.failed += 1
        raise DomainError("account.bad_code")
    known = work.session.execute(select(Account).where(A.c.messenger == messenger, A.c.user_id == user_id)).scalar()
    if known is not None and (holder := work.session.get_one(Person, known.person_id)).active:
        raise DomainError("account.linked_already", name=holder.name)  # two lines of one account at the same moment
    found.used_at = work.now
    work.session.delete(tries)
    if known is not None:  # of somebody who left: the company gave the account, or its name, to another
        work.audit("account.taken_over", "person", known.person_id, messenger=messenger)
        left, known.person_id = known.person_id, found.person_id
        known.preferred = known.text_only = False
        moved(work, left, [(messenger, user_id)])
    else:
        work.session.add(Account(person_id=found.person_id, messenger=messenger, user_id=user_id))
    work.audit("account.linked", "person", found.person_id, messenger=messenger)
    work.session.flush()
    revive(work, [found.person_id])
    return work.session.get_one(Person, found.person_id)


def _tries(work: Work, messenger: str, user_id: str) -> LinkTries:
    """Locked until the transaction ends: guesses made at once are counted, too, and an account is linked once."""
    key = (messenger, user_id)
    tries = work.session.get(LinkTries, key, with_for_update=True)
    if tries is None:
        with suppress(IntegrityError), work.session.begin_nested():
            work.session.add(LinkTries(messenger=messenger, user_id=user_id, since=work.now))
        tries = work.session.get_one(LinkTries, key, with_for_update=True)
    return tries


def take_away(work: Work, person_id: int, messenger: str, user_id: str = "") -> str:
    """Ends the account of that person there, and returns its user id: nobody acts from it any more, no card goes
    there, and open ones come anew elsewhere. `user_id`: which one, where there are several.

    Errors: account.none_there, account.several.
    """
    mine = A.c.person_id == person_id, A.c.messenger == messenger
    found = list(work.session.execute(select(A.c.user_id).where(*mine).order_by(A.c.id)).scalars())
    chosen = [one for one in found if user_id in ("", one)]
    if not chosen:
        raise DomainError("account.none_there", messenger=messenger, value=user_id or "-")
    if len(chosen) > 1:
        raise DomainError("account.several", messenger=messenger, names=", ".join(chosen))
    work.session.execute(delete(A).where(*mine, A.c.user_id == chosen[0]))
    work.audit("account.removed", "person", person_id, messenger=messenger, user_id=chosen[0])
    moved(work, person_id, [(messenger, chosen[0])])
    return str(chosen[0])


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
