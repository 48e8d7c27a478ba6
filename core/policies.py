"""Stored policies: which one is active, and how a new one takes effect. Editing a file alone changes nothing."""

from functools import lru_cache

from sqlalchemy import select
from sqlmodel import col

from core.dunning.ladder import Policy
from core.dunning.policy import default_policy, parse
from core.models import StoredPolicy
from core.work import Work


@lru_cache(maxsize=16)
def _parsed(toml: str, currency: str) -> Policy:
    return parse(toml, "policy", currency)


def active(work: Work) -> tuple[int, Policy]:
    """The policy in force now, and its id. A new database gets the default one."""
    row = (
        work.session.exec(
            select(StoredPolicy)  # type: ignore[call-overload]
            .where(col(StoredPolicy.active_from) <= work.now)
            .order_by(col(StoredPolicy.active_from).desc(), col(StoredPolicy.id).desc())
            .limit(1)
        )
        .scalars()
        .first()
    )
    if row is None:
        row = work.session.execute(select(StoredPolicy).order_by(col(StoredPolicy.id)).limit(1)).scalars().first()
    if row is None:
        row = store(work, default_policy(work.company.currency))
    assert row.id is not None
    return row.id, _parsed(row.toml, work.company.currency)


def store(work: Work, policy: Policy, *, by: str = "system") -> StoredPolicy:
    row = StoredPolicy(
        name=policy.name,
        fingerprint=policy.fingerprint,
        toml=policy.text,
        applied_by=by,
        applied_at=work.now,
        active_from=work.now,
    )
    work.session.add(row)
    work.session.flush()
    return row
