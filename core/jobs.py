"""Periodic jobs as rows: a slot of time is done by whoever claims it first, and claimable again after a crash."""

from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from core.models import JobSlot
from core.work import Work

LEASE = timedelta(minutes=15)


def claim(work: Work, job: str, slot: str) -> bool:
    """True for exactly one caller, until it says `done` or its lease runs out."""
    row = work.session.get(JobSlot, (job, slot), with_for_update=True)
    if row is None:
        try:
            with work.session.begin_nested():
                work.session.add(JobSlot(job=job, slot=slot, claimed_at=work.now, lease_until=work.now + LEASE))
        except IntegrityError:  # somebody else was quicker
            return False
        return True
    if row.done_at is not None or row.lease_until > work.now:
        return False
    row.claimed_at, row.lease_until = work.now, work.now + LEASE
    return True


def done(work: Work, job: str, slot: str) -> None:
    row = work.session.get_one(JobSlot, (job, slot))
    row.done_at = work.now
