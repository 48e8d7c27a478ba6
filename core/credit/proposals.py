"""Limits that the figures speak for: proposed to people, never set by themselves. The first word counts.

pending -> approved | rejected     somebody agreed, and the limit is set; somebody declined
pending -> expired                 nobody said anything in time
pending -> obsolete                the limit has changed, or what spoke for it is no longer true
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import func, or_, select

from core import outbox
from core.credit import route
from core.credit.overpaid import Overpaid, overpaid
from core.credit.rules import ProposalRules
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.dunning.stored import active
from core.models import Customer, LimitProposal
from core.models.base import among, table_of
from core.money import MAX_MINOR
from core.work import Work

SUBJECT, KIND = "proposal", "limit.proposed"
DIGITS = 3  # figures of a proposed limit that are not nought
RANK = {"A": 0, "B": 1, "new": 1, "C": 2, "D": 3}
C, Q = table_of(Customer), table_of(LimitProposal)


@dataclass(frozen=True)
class Rerated:
    """A customer whose computed rating is another one now."""

    customer_id: int
    before: str
    after: str


@dataclass(frozen=True)
class _New:
    customer_id: int
    kind: str
    before_minor: int
    after_minor: int
    currency: str
    owner_id: int | None
    region: str
    facts: dict[str, Any]


def rounded(minor: int | Decimal) -> int:
    """Down to three figures: 1,234,567 is 1,230,000."""
    whole = int(Decimal(minor).to_integral_value(ROUND_FLOOR))
    step: int = 10 ** max(0, len(str(whole)) - DIGITS)
    return whole // step * step


# --- opening --------------------------------------------------------------------------------------


def customers(work: Work) -> list[int]:
    """Who has a limit of their own that could be raised."""
    return sorted(work.session.execute(select(C.c.id).where(C.c.credit_limit_minor > 0)).scalars())


def monthly(work: Work, policy: Policy, customer_ids: Collection[int]) -> int:
    """Proposes a higher limit to whoever of these customers has earned it, at most once a month each; how many."""
    rules = policy.credit.proposals
    if rules is None or not rules.raise_by:
        return 0
    asked = rules.months, policy.credit.cash_only
    found = [one.customer_id for one in overpaid(work, customer_ids, *asked)]
    if not found:
        return 0
    _lock(work, found)
    month = work.today.replace(day=1).isoformat()
    return _open(work, policy, rules, [_raise(one, rules, month) for one in overpaid(work, found, *asked)])


def _raise(one: Overpaid, rules: ProposalRules, month: str) -> _New:
    months = [[m.first.isoformat(), m.due_minor, m.received_minor] for m in one.months]
    return _New(
        one.customer_id, "raise", one.limit_minor, rounded(one.limit_minor * (1 + rules.raise_by)), one.currency,
        one.owner_id, one.region, {"month": month, "months": months, "share": str(rules.raise_by)},
    )  # fmt: skip


def after_ratings(work: Work, policy: Policy, rerated: Iterable[Rerated]) -> int:
    """Proposes a smaller limit to customers whose computed rating got worse; how many. Whoever's got better is no longer
    proposed one, and a higher one goes with a worse rating. Who is rated for the first time is left as they are. The
    customers are locked."""
    rules = policy.credit.proposals
    changed = {one.customer_id: one for one in rerated if one.before in RANK and one.after in RANK}
    if rules is None or not changed:
        return 0
    worse = {id_ for id_, one in changed.items() if RANK[one.after] > RANK[one.before]}
    _end_pending(work, worse, "raise")
    _end_pending(work, changed, "shrink")
    lower = [id_ for id_ in worse if changed[id_].after in rules.shrink]
    if not lower:
        return 0
    columns = C.c.id, C.c.credit_limit_minor, C.c.currency, C.c.owner_id, C.c.region
    rows = work.session.execute(
        select(*columns).where(among(C.c.id, lower), C.c.credit_limit_minor > 0).order_by(C.c.id)
    ).all()
    new = []
    for row in rows:
        one = changed[row.id]
        part = rules.shrink[one.after]
        new.append(_New(
            row.id, "shrink", row.credit_limit_minor, rounded(row.credit_limit_minor * part),
            row.currency or work.company.currency, row.owner_id, row.region,
            {"before": one.before, "after": one.after, "share": str(part)},
        ))  # fmt: skip
    return _open(work, policy, rules, new)


def _open(work: Work, policy: Policy, rules: ProposalRules, new: Sequence[_New]) -> int:
    org, calendar, rows, made = load_org(work), work.company.calendar, [], 0
    expires_on = calendar.add_working_days(work.today, rules.days)
    for one in new:
        grows = one.after_minor - one.before_minor
        if one.after_minor > MAX_MINOR or (grows <= 0 if one.kind == "raise" else grows >= 0):
            continue  # rounded down to nothing new
        people = _seats(org, rules, one.owner_id, one.region)
        if not people:
            work.audit("limit.nobody", "customer", one.customer_id, one.customer_id, kind=one.kind)
            continue
        proposal = LimitProposal(
            customer_id=one.customer_id, kind=one.kind, before_minor=one.before_minor, after_minor=one.after_minor,
            currency=one.currency, facts=one.facts, people=people, opened_at=work.now, expires_on=expires_on,
        )  # fmt: skip
        work.session.add(proposal)
        work.session.flush()
        work.audit(
            KIND, SUBJECT, proposal.id, one.customer_id, kind=one.kind, before_minor=one.before_minor,
            after_minor=one.after_minor, currency=one.currency, facts=one.facts, until=expires_on.isoformat(),
        )  # fmt: skip
        rows += _cards(work, policy, org, proposal, _asked(org, people, one.owner_id))
        made += 1
    outbox.enqueue(work, rows)
    return made


def send(work: Work, policy: Policy, proposal: LimitProposal, people: Iterable[int]) -> None:
    """A card for each of them."""
    outbox.enqueue(work, _cards(work, policy, load_org(work), proposal, people))


def _cards(work: Work, policy: Policy, org: Org, proposal: LimitProposal, people: Iterable[int]) -> list[dict[str, Any]]:
    return [
        outbox.row(
            work, key=f"proposal:{proposal.id}:{person}", kind=KIND, subject=SUBJECT, subject_id=proposal.id or 0,
            customer_id=proposal.customer_id, person_id=person, windowed=True,
            not_before=outbox.in_work_window(work, policy.windows, org.members.get(person)),
        )
        for person in people
    ]  # fmt: skip


# --- who ------------------------------------------------------------------------------------------


def may_decide(work: Work, policy: Policy, proposal: LimitProposal, person_id: int) -> bool:
    """Whoever the policy names today, or their deputy; never whoever looks after the customer, or asked for it."""
    asker = proposal.facts.get("asked_by")
    customer = work.session.get_one(Customer, proposal.customer_id)
    org, rules = load_org(work), policy.credit.proposals or ProposalRules()
    seats = _others(org, rules, customer.owner_id, customer.region, asker)
    return person_id not in (customer.owner_id, asker) and person_id in {*seats, *_asked(org, seats, customer.owner_id)}


def deciders(org: Org, rules: ProposalRules, owner_id: int | None, region: str, asker: int | None) -> list[int]:
    """Who is asked for what somebody wants: others than they."""
    seats = _others(org, rules, owner_id, region, asker)
    return [person for person in _asked(org, seats, owner_id) if person != asker]


def _others(org: Org, rules: ProposalRules, owner_id: int | None, region: str, asker: int | None) -> list[int]:
    """Without whoever asked; if they are all, whoever else sets limits."""
    seats = [person for person in _seats(org, rules, owner_id, region) if person != asker]
    for role in ("finance_manager", "finance_director", "management"):
        seats = seats or [person for person in org.holders(role, region) if person not in (owner_id, asker)][:1]
    return seats


def _seats(org: Org, rules: ProposalRules, owner_id: int | None, region: str) -> list[int]:
    named: list[int] = []
    for audience in rules.audience:
        people, stand_in = org.resolve(audience, None, owner_id, region)
        named += () if stand_in else people
    seats = [person for person in dict.fromkeys(named) if person != owner_id]
    for role in route.LAST:
        seats = seats or [person for person in org.holders(role) if person != owner_id][:1]
    return seats


def _asked(org: Org, seats: Iterable[int], owner_id: int | None) -> list[int]:
    """Deputies in place of who is away."""
    never = () if owner_id is None else (owner_id,)
    return list(dict.fromkeys(org.stand_in(seat, never) for seat in seats))


# --- the end --------------------------------------------------------------------------------------


def _lock(work: Work, customer_ids: Collection[int]) -> None:
    query = select(C.c.id).where(among(C.c.id, customer_ids)).order_by(C.c.id)
    work.session.execute(query.with_for_update(key_share=True))


def locked(work: Work, proposal_id: int) -> LimitProposal:
    """As it is now; nobody else ends it meanwhile."""
    query = select(LimitProposal).where(Q.c.id == proposal_id).with_for_update()
    found: LimitProposal = work.session.execute(query.execution_options(populate_existing=True)).scalar_one()
    return found


def is_current(work: Work, proposal: LimitProposal) -> bool:
    """Whether the limit is the one that it speaks of."""
    customer = work.session.get_one(Customer, proposal.customer_id)
    currency = customer.currency or work.company.currency
    return (customer.credit_limit_minor, currency) == (proposal.before_minor, proposal.currency)


def end(work: Work, proposal: LimitProposal, state: str, reason: str = "") -> None:
    proposal.state, proposal.reason, proposal.decided_at = state, reason, work.now
    proposal.decided_by_id = work.person_id if state in ("approved", "rejected") else None
    work.audit(
        f"limit.proposal_{state}", SUBJECT, proposal.id, proposal.customer_id, kind=proposal.kind,
        before_minor=proposal.before_minor, after_minor=proposal.after_minor, currency=proposal.currency, reason=reason,
    )  # fmt: skip
    work.session.flush()
    outbox.touch(work, SUBJECT, [proposal.id or 0])
    if "asked_by" in proposal.facts:
        outbox.decided(
            work, active(work)[1].windows, load_org(work), subject=SUBJECT, subject_id=proposal.id or 0,
            customer_id=proposal.customer_id, asked_by=proposal.facts["asked_by"],
        )  # fmt: skip


def limit_changed(work: Work, customer_id: int) -> None:
    """Somebody set it by hand: what was proposed is of yesterday. The customer is locked."""
    for proposal in _pending(work, Q.c.customer_id == customer_id):
        if not is_current(work, proposal):
            end(work, proposal, "obsolete")


def to_lapse(work: Work) -> list[int]:
    """Ids of what nobody decided by its last day, and of what an import has overtaken."""
    currency = func.coalesce(func.nullif(C.c.currency, ""), work.company.currency)
    moved = or_(C.c.credit_limit_minor.is_(None), C.c.credit_limit_minor != Q.c.before_minor, currency != Q.c.currency)
    over = select(Q.c.id).join(C, C.c.id == Q.c.customer_id).where(
        Q.c.state == "pending", or_(Q.c.expires_on < work.today, moved)
    )  # fmt: skip
    return sorted(work.session.execute(over).scalars())


def lapse(work: Work, proposal_ids: Collection[int]) -> None:
    """Ends what of these is pending still. Their customers are locked first, as for every other end of one."""
    whose = select(Q.c.customer_id).where(among(Q.c.id, proposal_ids))
    _lock(work, work.session.execute(whose).scalars().all())
    for proposal in _pending(work, among(Q.c.id, proposal_ids)):
        end(work, proposal, "expired" if is_current(work, proposal) else "obsolete")


def is_over(proposal: LimitProposal, today: date) -> bool:
    return proposal.expires_on < today


def _end_pending(work: Work, customer_ids: Collection[int], kind: str) -> None:
    if customer_ids:
        for proposal in _pending(work, among(Q.c.customer_id, customer_ids) & (Q.c.kind == kind)):
            end(work, proposal, "obsolete")


def _pending(work: Work, which: Any) -> list[LimitProposal]:
    query = select(LimitProposal).where(Q.c.state == "pending", which).order_by(Q.c.id).with_for_update()
    return list(work.session.execute(query.execution_options(populate_existing=True)).scalars())
