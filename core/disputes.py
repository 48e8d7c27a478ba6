"""Disputes: the disputed part leaves dunning until its owner settles it; the rest is chased on.

open -> accepted (a credit note) | rejected (back to dunning) | part (some of each) | ended (nothing open any more)
"""

from collections.abc import Sequence

from sqlalchemy import BigInteger, bindparam, select

from core import covers, followups, outbox
from core.chores import close, holders, open_chore
from core.dunning.ladder import DISPUTE_REASONS, Policy
from core.dunning.load import cases_of, load_org
from core.dunning.state import Event
from core.errors import DomainError
from core.ledger.post import allocate, new_credit_notes
from core.models import CreditNote, Dispute, DisputeState, Receivable, Task, TaskState
from core.models.base import table_of
from core.money import Money
from core.work import Work

B = table_of(Dispute)
_OPEN = select(Dispute).where(
    B.c.customer_id.in_(bindparam("customers", expanding=True, type_=BigInteger)), B.c.state == DisputeState.open
)


def start(
    work: Work,
    policy: Policy,
    customer_id: int,
    reason: str,
    *,
    amount_minor: int | None = None,
    currency: str | None = None,
    note: str = "",
    task_id: int | None = None,
) -> list[Dispute]:
    """Takes the disputed amount (default: all, in each currency) out of dunning and gives it an owner.

    Errors: dispute.reason, dispute.nothing_open, dispute.all_covered (promised, claimed or disputed), dispute.too_much,
    dispute.which_currency.
    """
    if reason not in DISPUTE_REASONS:
        raise DomainError("dispute.reason", reason=reason, reasons=", ".join(DISPUTE_REASONS))
    cases = [c for c in cases_of(work, policy, customer_id) if currency in (None, c.currency)]
    owed = [c for c in cases if covers.in_question(c, work.today)]
    if not owed:
        is_open = any(r.open_minor for case in cases for r in case.receivables)
        raise DomainError("dispute.all_covered" if is_open else "dispute.nothing_open")
    if amount_minor is not None and len(owed) > 1:
        raise DomainError("dispute.which_currency", currencies=", ".join(sorted(c.currency for c in owed)))
    org = load_org(work)
    made = []
    for case in owed:
        question = sum(r.chaseable_minor for r in covers.in_question(case, work.today))
        amount = question if amount_minor is None else amount_minor
        if not 0 < amount <= case.chaseable_minor:
            raise DomainError("dispute.too_much", amount=amount, most=Money(case.chaseable_minor, case.currency))
        owners = holders(org, policy.dispute_owners[reason], case.region)
        dispute = Dispute(
            customer_id=customer_id,
            currency=case.currency,
            reason=reason,
            amount_minor=amount,
            owner_id=owners[0] if owners else None,
            made_by_id=work.person_id,
            made_at=work.now,
            answer_by=work.company.calendar.answer_by(work.now, policy.limits.dispute_days, policy.windows.work),
            note=note,
            task_id=task_id,
        )
        work.session.add(dispute)
        work.session.flush()
        covers.cover(work, "dispute", dispute.id or 0, covers.spread(case, amount, work.today))
        if amount < question:
            followups.rest_follows(work, policy, customer_id, case.currency)
        work.audit(
            "dispute.opened", "dispute", dispute.id, customer_id,
            amount_minor=amount, currency=case.currency, reason=reason, note=note,
        )  # fmt: skip
        open_chore(
            work,
            policy,
            "dispute",
            owners[:1],
            customer_id=customer_id,
            data={"kind": "dispute.open", "dispute": dispute.id},
            answer_days=policy.limits.dispute_days,
        )
        made.append(dispute)
    return made


def from_file(work: Work, policy: Policy, marked: Sequence[tuple[int, int | None]]) -> None:
    """Receivables that an import calls disputed: (id, minor units, or None for all of it). Once each: one that has
    been disputed before, here or by an earlier import, is left as it is."""
    if not marked:
        return
    wanted = dict(marked)
    had = work.session.execute(
        select(covers.V.c.receivable_id).where(covers.V.c.kind == "dispute", covers.V.c.receivable_id.in_(list(wanted)))
    ).scalars()
    fresh = [i for i in wanted if i not in set(had)]
    org = load_org(work) if fresh else None
    R = table_of(Receivable)
    rows = work.session.execute(select(R).where(R.c.id.in_(fresh), R.c.open_minor > 0).order_by(R.c.id)).all()
    for row in rows:
        minor = wanted[row.id]
        amount = row.open_minor if minor is None else min(minor, row.open_minor)
        owners = holders(org, policy.dispute_owners["other"], row.region) if org is not None else []
        dispute = Dispute(
            customer_id=row.customer_id,
            currency=row.currency,
            reason="other",
            amount_minor=amount,
            owner_id=owners[0] if owners else None,
            made_at=work.now,
            answer_by=work.company.calendar.answer_by(work.now, policy.limits.dispute_days, policy.windows.work),
        )
        work.session.add(dispute)
        work.session.flush()
        covers.cover(work, "dispute", dispute.id or 0, [(row.id, amount)])
        work.audit("dispute.opened", "dispute", dispute.id, row.customer_id, amount_minor=amount, currency=row.currency)
        open_chore(
            work,
            policy,
            "dispute",
            owners[:1],
            customer_id=row.customer_id,
            data={"kind": "dispute.open", "dispute": dispute.id},
            answer_days=policy.limits.dispute_days,
        )


def running(work: Work, customer_id: int) -> list[Dispute]:
    rows = work.session.execute(
        select(Dispute).where(B.c.customer_id == customer_id, B.c.state == DisputeState.open).order_by(B.c.id)
    )
    return list(rows.scalars())


def effective(work: Work, dispute: Dispute) -> dict[int, int]:
    """receivable -> min(disputed, open): money pays the undisputed part first (dunning.md section 8)."""
    parts = {}
    for receivable_id, minor in covers.covered(work, "dispute", dispute.id or 0).items():
        receivable = work.session.get_one(Receivable, receivable_id, populate_existing=True)
        parts[receivable_id] = min(minor, receivable.open_minor)
    return parts


def settle(work: Work, dispute: Dispute, outcome: str, amount_minor: int | None = None) -> Event | None:
    """accept: credit note over all that is still disputed. part: over `amount_minor`. reject: nothing.

    What is not accepted goes back to dunning at today's step; the returned event tells the owner.
    Errors: dispute.decided, dispute.outcome, dispute.amount_needed, dispute.too_much.
    """
    if dispute.state != DisputeState.open:
        raise DomainError("dispute.decided", state=str(dispute.state))
    outcome = {"accepted": "accept", "rejected": "reject"}.get(outcome, outcome)
    states = {"accept": DisputeState.accepted, "reject": DisputeState.rejected, "part": DisputeState.part}
    if outcome not in states:
        raise DomainError("dispute.outcome", outcome=outcome)
    parts = effective(work, dispute)
    disputed = sum(parts.values())
    if outcome == "part" and amount_minor is None:
        raise DomainError("dispute.amount_needed")
    accepted = {"accept": disputed, "reject": 0}.get(outcome, amount_minor or 0)
    if accepted > disputed:
        raise DomainError("dispute.too_much", amount=accepted, most=Money(disputed, dispute.currency))
    covers.release(work, "dispute", dispute.id or 0)
    if accepted:
        _credit(work, dispute, parts, accepted)
    dispute.state, dispute.ended_at, dispute.accepted_minor = states[outcome], work.now, accepted
    work.audit(f"dispute.{dispute.state}", "dispute", dispute.id, dispute.customer_id, accepted_minor=accepted)
    work.session.flush()
    if not running(work, dispute.customer_id):
        close(work, "dispute", dispute.customer_id, TaskState.answered)
    if accepted == disputed:
        return None
    data = {"dispute": dispute.id, "amount_minor": disputed - accepted, "currency": dispute.currency}
    kind = "dispute.part" if accepted else "dispute.rejected"
    return Event(kind, dispute.customer_id, dispute.currency, None, data)


def _credit(work: Work, dispute: Dispute, parts: dict[int, int], accepted: int) -> None:
    [note_id] = new_credit_notes(
        work,
        [
            {
                "number": f"DISPUTE-{dispute.id}",
                "source": "dispute",
                "customer_id": dispute.customer_id,
                "issued_on": work.today,
                "amount_minor": accepted,
                "currency": dispute.currency,
                "reason": dispute.reason,
            }
        ],
    )
    for receivable_id, minor in parts.items():
        part = min(minor, accepted)
        if part > 0:
            note = work.session.get_one(CreditNote, note_id, populate_existing=True)
            receivable = work.session.get_one(Receivable, receivable_id, populate_existing=True)
            allocate(work, note, receivable, part)
            accepted -= part


def report_overdue(work: Work, policy: Policy) -> None:
    """A dispute that its owner has not settled in time becomes a task of the next person up, too."""
    late = work.session.execute(
        select(Dispute).where(B.c.state == DisputeState.open, B.c.answer_by <= work.now, B.c.reported_at.is_(None))
    ).scalars()
    found = late.all()
    org = load_org(work) if found else None
    for dispute in found:
        dispute.reported_at = work.now
        upper = org.chain(dispute.owner_id)[:1] if org is not None else []
        open_chore(
            work,
            policy,
            "dispute",
            upper,
            customer_id=dispute.customer_id,
            data={"kind": "dispute.open", "dispute": dispute.id},
            severity="severe",
            answer_days=policy.limits.dispute_days,
        )
    # Their owners' cards say that it is late, too.
    T = table_of(Task)
    customers = [dispute.customer_id for dispute in found]
    shown = select(T.c.id).where(T.c.kind == "dispute", T.c.state == TaskState.open, T.c.customer_id.in_(customers))
    outbox.touch(work, "task", list(work.session.execute(shown).scalars()) if found else [])


def end_settled(work: Work, customer_ids: list[int]) -> None:
    """A dispute about something that is no longer open has ended."""
    for dispute in work.session.execute(_OPEN, {"customers": customer_ids}).scalars().all():
        if sum(effective(work, dispute).values()):
            continue
        covers.release(work, "dispute", dispute.id or 0)
        dispute.state, dispute.ended_at = DisputeState.ended, work.now
        work.session.flush()
        if not running(work, dispute.customer_id):
            close(work, "dispute", dispute.customer_id, TaskState.settled)
