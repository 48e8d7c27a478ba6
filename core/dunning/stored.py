"""Policies in the database: which one holds, applying a new one, and moving the running cases to it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from core.db import alone
from core.dunning.policy import Policy, default_policy, parse
from core.errors import DomainError
from core.ledger.marks import mark_all
from core.models import Case, CaseState, Customer, JobSlot, Person, Receivable, StoredPolicy
from core.work import Work

MAY_APPLY = frozenset({"finance_manager", "finance_director", "management", "admin"})
_KNOWN = "policy"  # in a session: when it was asked for, and which one holds
_BEGUN = col(StoredPolicy.active_from) <= bindparam("now")
_NEWEST = col(StoredPolicy.active_from).desc(), col(StoredPolicy.id).desc()
_IN_FORCE = select(StoredPolicy).where(_BEGUN).order_by(*_NEWEST).limit(1)
_WHICH = select(col(StoredPolicy.id), col(StoredPolicy.fingerprint)).where(_BEGUN).order_by(*_NEWEST).limit(1)
JOB = "policy.migrate"  # one slot a stored policy, done when its running cases have been moved


@dataclass(frozen=True)
class RunningCase:
    customer: str  # code
    name: str
    currency: str
    severity: str
    policy: str
    keeps: bool  # stays with its present policy


@dataclass(frozen=True)
class Applied:
    policy_id: int
    name: str
    fingerprint: str
    active_from: datetime
    already: bool  # the same text was the newest one before
    cases: list[RunningCase] = field(default_factory=list)


_texts: dict[tuple[int, str], str] = {}  # by number and fingerprint


@lru_cache(maxsize=32)
def _parsed(policy_id: int, fingerprint: str, text: str, currency: str) -> Policy:
    return parse(text, f"policy {policy_id}", currency)


def of(row: StoredPolicy, currency: str) -> Policy:
    """A stored policy as values. Errors: PolicyError, if this version no longer understands it."""
    return _parsed(row.id or 0, row.fingerprint, row.toml, currency)


def active_row(session: Session, now: datetime) -> StoredPolicy | None:
    """The latest whose time has come. None: nobody has applied one, the shipped default holds."""
    return session.execute(_IN_FORCE, {"now": now}).scalars().first()


def by_id(work: Work, ids: Collection[int | None]) -> dict[int | None, Policy]:
    """Stored policies, whether in force or not."""
    rows = (work.session.get_one(StoredPolicy, i) for i in ids)
    return {row.id: of(row, work.company.currency) for row in rows}


def active(work: Work) -> tuple[int, Policy]:
    """The policy in force now, and its id. The first time, the shipped default is stored."""
    known = work.session.info.get(_KNOWN)
    if known is None or known[0] != work.now:
        known = work.session.info[_KNOWN] = work.now, *_in_force(work)
    policy_id, policy = known[1:]
    return policy_id, policy


def _in_force(work: Work) -> tuple[int, Policy]:
    """Its text is read where this process doesn't know it yet: it is long, and never changes."""
    which = work.session.execute(_WHICH, {"now": work.now}).first()
    if which is None:
        row = ensure(work)
        return row.id or 0, of(row, work.company.currency)
    known = _texts.get(tuple(which))
    if known is None:
        known = _texts[tuple(which)] = work.session.get_one(StoredPolicy, which.id).toml
    return which.id, _parsed(*which, known, work.company.currency)


def ensure(work: Work) -> StoredPolicy:
    """The active row; the first time, the shipped default is stored, so that cases can point to it."""
    row = active_row(work.session, work.now)
    if row is None:
        alone(work.session, "policy")
        row = active_row(work.session, work.now)
    if row is None:
        row = _store(work, default_policy(work.company.currency), work.now)
        work.session.flush()
    return row


def apply(work: Work, policy: Policy, *, keep: Collection[str] = ()) -> Applied:
    """Stores `policy`, to hold from the start of the next work window; the cases of customers in `keep` (codes) stay.

    Errors: policy.not_allowed, customer.unknown.
    """
    person = work.session.get(Person, work.person_id) if work.person_id else None
    if person is None or not MAY_APPLY.intersection(person.roles):
        raise DomainError("policy.not_allowed", handle=person.handle if person else work.actor)
    kept = _ids(work.session, keep)
    newest = select(StoredPolicy).order_by(col(StoredPolicy.active_from).desc(), col(StoredPolicy.id).desc()).limit(1)
    last = work.session.execute(newest).scalars().first()
    if last is not None and last.fingerprint == policy.fingerprint:
        return Applied(last.id or 0, last.name, last.fingerprint, last.active_from, True, _running(work.session, kept))
    begins = work.company.calendar.next_open(work.now, policy.windows.work)
    row = _store(work, policy, begins)
    work.session.flush()
    assert row.id is not None
    cases = _running(work.session, kept)
    slot = JobSlot(job=JOB, slot=str(row.id), claimed_at=work.now, lease_until=begins, data={"keep": sorted(kept)})
    work.session.add(slot)
    work.audit("policy.applied", "policy", row.id, name=policy.name, fingerprint=policy.fingerprint, keep=sorted(keep))
    migrate_due(work)
    return Applied(row.id, policy.name, policy.fingerprint, begins, False, cases)


def migrate_due(work: Work) -> int:
    """Moves running cases to the policies whose time has come, each policy once. Returns how many cases moved.

    The ladder is chosen anew; steps at or below the highest offset already fired count as done (dunning.md section 3).
    Every open receivable is looked at again on this day: a new policy may have an earlier step for it.
    """
    work.session.flush()
    open_slots = select(JobSlot).where(col(JobSlot.job) == JOB, col(JobSlot.done_at).is_(None))
    waiting = open_slots.where(col(JobSlot.lease_until) <= work.now)
    moved = 0
    for slot in sorted(work.session.execute(waiting).scalars(), key=lambda slot: int(slot.slot)):
        cases = (col(Case.state) != CaseState.closed) & col(Case.customer_id).not_in(slot.data.get("keep", []))
        ids = list(work.session.execute(select(col(Case.id)).where(cases)).scalars())
        work.session.execute(update(Case).where(cases).values(policy_id=int(slot.slot)))
        again = (col(Receivable.open_minor) > 0) & col(Receivable.due_on).is_not(None)
        work.session.execute(update(Receivable).where(again).values(next_step_on=work.today))
        inside = col(Receivable.case_id).in_(select(col(Case.id)).where(cases))
        work.session.execute(update(Receivable).where(inside).values(ladder=""))
        mark_all(work)
        slot.done_at = work.now
        work.audit("policy.migrated", "policy", int(slot.slot), cases=len(ids))
        moved += len(ids)
    return moved


def _store(work: Work, policy: Policy, begins: datetime) -> StoredPolicy:
    row = StoredPolicy(
        name=policy.name, fingerprint=policy.fingerprint, toml=policy.text,
        applied_by=work.actor, applied_at=work.now, active_from=begins,
    )  # fmt: skip
    work.session.add(row)
    work.session.info.pop(_KNOWN, None)
    return row


def _ids(session: Session, codes: Collection[str]) -> set[int]:
    found = session.execute(select(col(Customer.code), col(Customer.id)).where(col(Customer.code).in_(list(codes)))).all()
    missing = set(codes) - {code for code, _ in found}
    if missing:
        raise DomainError("customer.unknown", value=", ".join(sorted(missing)))
    return {customer_id for _, customer_id in found if customer_id is not None}


def _running(session: Session, kept: Collection[int]) -> list[RunningCase]:
    statement = (
        select(
            col(Case.customer_id), col(Customer.code), col(Customer.name), col(Case.currency), col(Case.severity),
            col(StoredPolicy.name),
        )
        .join(Customer, col(Customer.id) == col(Case.customer_id))
        .join(StoredPolicy, col(StoredPolicy.id) == col(Case.policy_id))
        .where(col(Case.state) != CaseState.closed)
        .order_by(col(Customer.code), col(Case.currency))
    )  # fmt: skip
    return [
        RunningCase(code, name, currency, severity, policy, customer_id in kept)
        for customer_id, code, name, currency, severity, policy in session.execute(statement)
    ]
