"""A limit that was proposed: somebody agrees, and it is set, or declines with a reason."""

from datetime import date

from core.actions.request import Context, Handler, Outcome, Result
from core.credit import limits, own_orders, proposals
from core.models import LimitProposal
from core.money import Money, format_money


def decide(agree: bool) -> Handler:
    def handler(c: Context) -> Outcome:
        reason = c.text("reason") if agree else c.need("reason")
        proposal = proposals.locked(c.work, c.subject_id)
        assert c.work.person_id is not None
        if proposal.state != "pending":
            return Outcome(Result.already, f"limit.proposal_{proposal.state}")
        if proposals.is_over(proposal, c.work.today):
            return _ended(c, proposal, Result.already, "expired")
        if not proposals.may_decide(c.work, c.policy, proposal, c.work.person_id):
            return Outcome(Result.not_allowed, "limit.proposal_not_yours")
        if not proposals.is_current(c.work, proposal):
            return _ended(c, proposal, Result.stale, "obsolete")
        if not agree:
            proposals.end(c.work, proposal, "rejected", reason)
            return Outcome(Result.done, "limit.proposal_rejected")
        own_orders.refuse(c.work, [proposal.customer_id])
        proposals.end(c.work, proposal, "approved", reason)
        if "asked_by" in proposal.facts:
            return _granted(c, proposal)
        limits.set_limit(
            c.work, proposal.customer_id, proposal.after_minor, None, reason or _because(proposal), proposal_id=proposal.id
        )
        return Outcome(
            Result.done, "limit.proposal_approved", {"currency": proposal.currency, "minor": proposal.after_minor}
        )

    return handler


def _granted(c: Context, proposal: LimitProposal) -> Outcome:
    """What somebody asked for: until a day."""
    until, start = (date.fromisoformat(day) if day else None for day in map(proposal.facts.get, ("until", "from")))
    limits.set_limit(
        c.work, proposal.customer_id, proposal.after_minor, until, proposal.facts["reason"], from_on=start,
        proposal_id=proposal.id,
    )  # fmt: skip
    facts = {"currency": proposal.currency, "minor": proposal.after_minor, "until": until}
    if start is not None and start > c.work.today:
        return Outcome(Result.done, "limit.prepared", facts | {"from": start})
    return Outcome(Result.done, "limit.raised", facts)


def _ended(c: Context, proposal: LimitProposal, result: Result, state: str) -> Outcome:
    """An answer and no error: that it has ended stays written down."""
    proposals.end(c.work, proposal, state)
    return Outcome(result, f"limit.proposal_{state}")


def _because(proposal: LimitProposal) -> str:
    """The audit names the proposal; whoever reads the limit's history reads this."""
    before, after = (Money(minor, proposal.currency) for minor in (proposal.before_minor, proposal.after_minor))
    return f"#{proposal.id}: {format_money(before, 'zh')} → {format_money(after, 'zh')}"
