"""A temporary limit that somebody without the right asks for: a proposal with an end, decided as the others are, by somebody
else than whoever asked. Its facts say who asked, for how long and why."""

from datetime import date
from typing import Any

from sqlalchemy import select

from core.credit import limits, locks, proposals
from core.credit.rules import ProposalRules
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.errors import DomainError
from core.models import Customer, LimitProposal
from core.models.base import table_of
from core.work import Work

Q = table_of(LimitProposal)


def ask(
    work: Work, policy: Policy, customer_id: int, amount_minor: int, until: date, reason: str, from_on: date | None = None
) -> LimitProposal | None:
    """Asks those who decide for `amount_minor` in all, from `from_on` or today through `until`; None if the same is asked
    already.

    Errors: limit.asked_before, limit.nobody, limit.more_already(amount: Money, on), and those of a temporary limit:
    core.credit.limits.
    """
    locks.lock(work, customer_id)
    customer = work.session.get_one(Customer, customer_id, populate_existing=True)
    start = max(from_on or work.today, work.today)
    base, _ = limits.check_temporary(work, customer, amount_minor, start, until, reason)
    granted = limits.check_raises(work, customer, amount_minor, start)
    facts: dict[str, Any] = {
        "asked_by": work.person_id, "until": until.isoformat(), "reason": reason,
        **({"from": start.isoformat()} if start > work.today else {}),
        **({"granted_minor": granted} if granted != base else {}),  # with what was added for a while before
    }  # fmt: skip
    waiting = select(LimitProposal).where(Q.c.customer_id == customer_id, Q.c.state == "pending")
    pending = work.session.execute(waiting.execution_options(populate_existing=True)).scalar_one_or_none()
    if pending is not None and pending.expires_on >= work.today:
        if (pending.facts, pending.after_minor) == (facts, amount_minor):
            return None
        raise DomainError("limit.asked_before")
    if pending is not None:
        proposals.end(work, pending, "expired")
    rules = policy.credit.proposals or ProposalRules()
    people = proposals.deciders(load_org(work), rules, customer.owner_id, customer.region, work.person_id)
    if not people:
        raise DomainError("limit.nobody")
    proposal = LimitProposal(
        customer_id=customer_id, kind="raise", before_minor=base, after_minor=amount_minor,
        currency=limits.currency_of(work, customer), facts=facts, people=people, opened_at=work.now,
        expires_on=min(work.company.calendar.add_working_days(work.today, rules.days), until),
    )  # fmt: skip
    work.session.add(proposal)
    work.session.flush()
    work.audit(
        "limit.asked", proposals.SUBJECT, proposal.id, customer_id, before_minor=base, after_minor=amount_minor,
        currency=proposal.currency, until=until.isoformat(), reason=reason,
    )  # fmt: skip
    proposals.send(work, policy, proposal, people)
    return proposal
