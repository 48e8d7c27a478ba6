"""Which steps are reached today, and why. Pure and total: every receivable gets its firings or a reason for none."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from core.dunning.facts import CaseFacts, ReceivableFacts
from core.dunning.ladder import Ladder, Policy, Step, next_offset, occurrences, second_positive_offset


@dataclass(frozen=True, slots=True)
class Hit:
    """A step occurrence that a receivable reached today for one audience: a firing to be written.

    `outcome` is acted or superseded (a later step of the same audience speaks instead). Letters are only reached
    here; whether one can go is decided by `letters`.
    """

    receivable: ReceivableFacts
    ladder: str
    step: Step
    occurrence: int
    offset: int
    audience: str
    outcome: str
    reason: str


@dataclass(slots=True)
class Decision:
    """What one case reached today. `why_not` has a word for every receivable that may not be chased."""

    case: CaseFacts
    hits: list[Hit] = field(default_factory=list)
    why_not: dict[int, str] = field(default_factory=dict)
    shifts: dict[int, int] = field(default_factory=dict)  # age shifts found for old debts that start at the first step
    next_looks: dict[int, date | None] = field(default_factory=dict)  # receivable -> next date with something to decide


def decide(policy: Policy, case: CaseFacts, day: date) -> Decision:
    """The firings of one customer and currency on business date `day`. Facts must have been netted."""
    decision = Decision(case)
    for r in case.receivables:
        if r.due_on is None:
            decision.why_not[r.id] = r.why_not
            decision.next_looks[r.id] = None
            continue
        ladder = _ladder(policy, case, r)
        if ladder is None:
            decision.why_not[r.id] = "no_ladder"
            decision.next_looks[r.id] = None
            continue
        # A due date moved later starts anew, so a shift of the old one no longer counts.
        age = r.age(day)
        shift = r.age_shift_days if r.fired_offset is not None else _old_debt_shift(ladder, r, age)
        age -= shift
        reached = _reached(ladder, r, age)
        if not r.chaseable:
            decision.why_not[r.id] = r.why_not
            # Something waits for the reason to pass, so look again tomorrow.
            decision.next_looks[r.id] = day + timedelta(days=1) if reached else _next_look(ladder, r, age, shift)
            continue
        if shift != r.age_shift_days:
            decision.shifts[r.id] = shift
        decision.hits += _hits(ladder.name, r, reached, age)
        decision.next_looks[r.id] = _next_look(ladder, r, age, shift)
    return decision


def _ladder(policy: Policy, case: CaseFacts, r: ReceivableFacts) -> Ladder | None:
    return (policy.ladder(r.ladder) if r.ladder else None) or policy.choose(case, r)


def _old_debt_shift(ladder: Ladder, r: ReceivableFacts, age: int) -> int:
    """An old debt that starts at the first step counts its first day here as age 1 (dunning.md section 3)."""
    if r.start != "first" or r.fired_offset is not None:
        return 0
    second = second_positive_offset(ladder)
    return age - 1 if second is not None and age > second else 0


def _reached(ladder: Ladder, r: ReceivableFacts, age: int) -> list[tuple[Step, int, int, str]]:
    """(step, occurrence, offset, audience) of all that is reached and not done yet; dropped steps left out.

    Everything reached fires at once, so whatever lies at or below the highest offset fired is done. That also holds
    for a case moved to another ladder.
    """
    done = -(10**6) if r.fired_offset is None else r.fired_offset
    found: list[tuple[Step, int, int, str]] = []
    for step in ladder.steps:
        if step.at > age:
            break
        if step.offsets[-1] <= done:
            continue
        for occurrence, offset in occurrences(step, age):
            if offset <= done or offset < 0 <= age or (offset == 0 and age >= 1):
                continue
            found += [(step, occurrence, offset, audience) for audience in step.audience]
    return found


def _hits(ladder: str, r: ReceivableFacts, reached: list[tuple[Step, int, int, str]], age: int) -> list[Hit]:
    latest: dict[str, tuple[int, int]] = {}
    for step, occurrence, offset, audience in reached:
        if step.speaks:
            latest[audience] = max(latest.get(audience, (offset, occurrence)), (offset, occurrence))
    hits = []
    for step, occurrence, offset, audience in reached:
        outcome, reason = "acted", f"age {age} reached {offset:+d}"
        if step.speaks and latest[audience] != (offset, occurrence):
            outcome, reason = "superseded", f"caught up: {latest[audience][0]:+d} speaks to {audience} today"
        hits.append(Hit(r, ladder, step, occurrence, offset, audience, outcome, reason))
    return hits


def _next_look(ladder: Ladder, r: ReceivableFacts, age: int, shift: int) -> date | None:
    assert r.due_on is not None
    offset = next_offset(ladder, age)
    return None if offset is None else r.due_on + timedelta(days=offset + shift)
