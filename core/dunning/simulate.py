"""`policy try`: the engine's own decide and plan over days of the real ledger, with silence assumed. Writes nothing.

What a day brings is remembered in plain values instead of rows. Amounts are read as of each day, so for past days the
payments of the time count, and for coming days nothing more is paid.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from core.dunning.decide import Decision, decide
from core.dunning.facts import CaseFacts, worse
from core.dunning.ladder import LETTER_KINDS, Policy
from core.dunning.letters import LetterFacts, LetterPlan
from core.dunning.load import load_cases, load_org
from core.dunning.org import Org
from core.dunning.plan import plan
from core.dunning.state import CustomerPlan, CustomerState, PlannedTask, TaskFacts
from core.dunning.states import load_sending, load_states
from core.models import Firing, Receivable
from core.models.base import table_of
from core.time import local_instant
from core.work import Company, Work

R, F = table_of(Receivable), table_of(Firing)
CHUNK = 500


@dataclass(slots=True)
class _Memory:
    """What earlier days of the dry run did to one customer."""

    state: CustomerState
    done: dict[int, int] = field(default_factory=dict)  # receivable -> highest offset fired
    ladders: dict[int, str] = field(default_factory=dict)
    shifts: dict[int, int] = field(default_factory=dict)
    severity: dict[str, str] = field(default_factory=dict)
    look: date | None = None  # nothing can happen before
    issues: list[date] = field(default_factory=list)  # when receivables of the customer appear, in order


def try_policy(session: Session, company: Company, policy: Policy, first: date, last: date) -> dict[str, Any]:
    """The document of `policy try --json` for the days from `first` to `last`, both included."""
    days: dict[date, dict[str, list[Any]]] = defaultdict(lambda: {"decisions": [], "messages": []})
    customers = session.execute(
        select(R.c.customer_id)
        .where((R.c.open_minor > 0) | (R.c.settled_on > first), R.c.due_on.is_not(None))
        .distinct()
        .order_by(R.c.customer_id)
    ).scalars()
    ids = list(customers)
    work = Work(session, company, _morning(company, policy, first))
    org = load_org(work)
    for start in range(0, len(ids), CHUNK):
        _chunk(work, policy, org, ids[start : start + CHUNK], first, last, days)
    for day in days.values():
        day["messages"] = _digests(policy, day["messages"])
    return _document(policy, days, first, last)


def _morning(company: Company, policy: Policy, day: date) -> datetime:
    return local_instant(day, policy.windows.work.start, company.calendar.zone)


def _chunk(
    work: Work, policy: Policy, org: Org, ids: Sequence[int], first: date, last: date, days: dict[date, dict[str, list[Any]]]
) -> None:
    states = load_states(work, ids)
    for state in states.values():
        # Tasks opened and cards sent by the real engine on or after the first day belong to another story.
        state.tasks = {p: t for p, t in state.tasks.items() if t.carded_on is None or t.carded_on < first}
    memories = {i: _Memory(states[i], look=first) for i in ids}
    issued = select(R.c.customer_id, R.c.issued_on).where(R.c.customer_id.in_(ids), R.c.issued_on > first).distinct()
    for customer_id, issued_on in work.session.execute(issued.order_by(R.c.issued_on)):
        memories[customer_id].issues.append(issued_on)
    for receivable_id, customer_id, offset in work.session.execute(
        select(F.c.receivable_id, F.c.customer_id, func.max(F.c.offset_days))
        .where(F.c.customer_id.in_(ids), F.c.fired_on < first)
        .group_by(F.c.receivable_id, F.c.customer_id)
    ):
        memories[customer_id].done[receivable_id] = offset
    day = first
    while day <= last:
        awake = [i for i in ids if _awake(memories[i], day, _morning(work.company, policy, day))]
        if awake:
            today = replace(work, now=_morning(work.company, policy, day))
            sending = load_sending(today, policy)
            cases: dict[int, list[CaseFacts]] = defaultdict(list)
            for case in load_cases(today, policy, awake, day):
                cases[case.customer_id].append(_remembered(case, memories[case.customer_id]))
            for i in awake:
                memory = memories[i]
                _settle(memory, cases[i])
                decisions = [decide(policy, case, day) for case in cases[i]]
                planned = plan(policy, org, sending, memory.state, decisions, (), today.now, day)
                _report(org, planned, decisions, days[day], today.company, policy, day)
                _remember(policy, today, memory, planned, decisions, day)
        day += timedelta(days=1)


def _awake(memory: _Memory, day: date, now: datetime) -> bool:
    if memory.look is not None and memory.look <= day:
        return True
    if any(facts.unsent for facts in memory.state.letters.values()):
        return True
    return any(t.answer_by is not None and t.answer_by <= now and not t.escalated for t in memory.state.tasks.values())


def _remembered(case: CaseFacts, memory: _Memory) -> CaseFacts:
    for r in case.receivables:
        r.fired_offset = memory.done.get(r.id)
        r.ladder = memory.ladders.get(r.id, "")
        r.age_shift_days = memory.shifts.get(r.id, 0)
    case.case_severity = memory.severity.get(case.currency, "")
    return case


def _settle(memory: _Memory, cases: list[CaseFacts]) -> None:
    """What was paid by this day takes its tasks along."""
    still = {r.id for case in cases for r in case.receivables}
    memory.state.tasks = {p: t for p, t in memory.state.tasks.items() if t.receivables & still}
    for case in cases:
        letters = memory.state.letters.get(case.currency)
        if letters is not None:
            letters.unsent = {r: stages for r, stages in letters.unsent.items() if r in still}


def _remember(
    policy: Policy, work: Work, memory: _Memory, planned: CustomerPlan, decisions: list[Decision], day: date
) -> None:
    looks = [look for d in decisions for look in d.next_looks.values() if look is not None]
    looks += [issued for issued in memory.issues if issued > day][:1]
    # As-of amounts may fall or rise without a step: a later look is never later than the next one.
    memory.look = max(min(looks), day + timedelta(days=1)) if looks else None
    for decision in decisions:
        memory.shifts.update(decision.shifts)
        for hit in decision.hits:
            memory.done[hit.receivable.id] = max(hit.offset, memory.done.get(hit.receivable.id, hit.offset))
            memory.ladders[hit.receivable.id] = hit.ladder
    for currency, severity in planned.severities.items():
        memory.severity[currency] = worse(memory.severity.get(currency, "due_soon"), severity)
    _remember_letters(memory, planned, decisions, day)
    for task_id in planned.escalated:
        for task in memory.state.tasks.values():
            task.escalated |= task.id == task_id
    for change in planned.tasks:
        _remember_task(policy, work, memory, change, day)
    memory.state.alerts, memory.state.notices = {}, {}


def _remember_letters(memory: _Memory, planned: CustomerPlan, decisions: list[Decision], day: date) -> None:
    for decision in decisions:
        currency = decision.case.currency
        reached = [hit for hit in decision.hits if hit.step.is_letter]
        letters = memory.state.letters.get(currency)
        if letters is None:
            if not reached:
                continue
            blank = memory.state.new_letters
            letters = memory.state.letters[currency] = LetterFacts(last_on=blank.last_on, to=blank.to, cc=blank.cc)
        for hit in reached:
            letters.unsent.setdefault(hit.receivable.id, set()).add(hit.step.stage or 1)
        went = planned.letters.get(currency)
        if not isinstance(went, LetterPlan):
            continue
        for facts in memory.state.letters.values():
            facts.last_on = day
        for r in went.receivables:
            stages = letters.unsent.get(r, set())
            sent = {s for s in stages if s <= went.stage}
            if sent:
                letters.had[r] = max(letters.had.get(r, 0), min(2, max(sent)))
            letters.unsent[r] = stages - sent
        letters.unsent = {r: stages for r, stages in letters.unsent.items() if stages}


def _remember_task(policy: Policy, work: Work, memory: _Memory, change: PlannedTask, day: date) -> None:
    delivered = work.company.calendar.next_open(work.now, policy.windows.work)
    task = memory.state.tasks.get(change.person_id)
    fresh = task is None
    if task is None:
        task = memory.state.tasks[change.person_id] = TaskFacts(
            person_id=change.person_id, id=-len(memory.state.tasks) - 1, as_owner=change.as_owner
        )
    shown = fresh or change.card == "remind" or change.note
    task.severity, task.message, task.answer_days = change.severity, change.message, change.answer_days
    task.receivables |= change.receivables
    if shown:
        task.carded_on = work.company.calendar.business_date(delivered)
    overdue = task.answer_by is not None and task.answer_by <= work.now
    if shown and task.answer_days is not None and not overdue:
        task.answer_by = work.company.calendar.answer_by(delivered, task.answer_days, policy.windows.work)


def _report(
    org: Org,
    planned: CustomerPlan,
    decisions: list[Decision],
    day: dict[str, list[Any]],
    company: Company,
    policy: Policy,
    on: date,
) -> None:
    if not decisions:
        return
    code = decisions[0].case.code
    for f in planned.firings:
        day["decisions"].append(
            {
                "customer": code,
                "receivable": f.hit.receivable.number,
                "ladder": f.hit.ladder,
                "step": f.hit.step.id,
                "occurrence": f.hit.occurrence,
                "audience": f.hit.audience,
                "to": [org.members[p].handle for p in f.to] or list(f.addresses),
                "outcome": f.outcome,
                "reason": f.reason,
                "kind": f.kind,
                "delivery": None,
            }
        )
    window = company.calendar.next_open(_morning(company, policy, on), policy.windows.work)
    shown = company.calendar.business_date(window).isoformat()

    def message(kind: str, to: str, silence: bool) -> None:
        day["messages"].append({"kind": kind, "to": to, "customer": code, "on": shown, "silence": silence})

    for task in planned.tasks:
        handle, silence = org.members[task.person_id].handle, task.silent_task_id is not None
        if task.card in ("new", "remind"):
            message(task.message, handle, silence)
        elif task.note:
            message("note.rise", handle, silence)
    for alert in planned.alerts:
        if alert.card == "new":
            message(alert.kind, org.members[alert.person_id].handle, False)
    for letter in planned.letters.values():
        if isinstance(letter, LetterPlan) and letter.stage < 3:
            message(LETTER_KINDS[letter.stage], next((a for f in planned.firings for a in f.addresses), code), False)


def _digests(policy: Policy, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """More than five cards for one person in the morning are one digest."""
    cards = Counter(m["to"] for m in messages if m["kind"].startswith(("task.", "alert.", "promise.")))
    many = {person for person, count in cards.items() if count > policy.limits.digest_over}
    kept = [m for m in messages if m["to"] not in many or not m["kind"].startswith(("task.", "alert.", "promise."))]
    for person in sorted(many):
        first = next(m for m in messages if m["to"] == person)
        kept.append({"kind": "digest.daily", "to": person, "customer": None, "on": first["on"], "silence": False})
    return kept


def _document(policy: Policy, days: dict[date, dict[str, list[Any]]], first: date, last: date) -> dict[str, Any]:
    decisions = [d for day in days.values() for d in day["decisions"]]
    messages = [m for day in days.values() for m in day["messages"]]
    return {
        "policy": policy.name,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "days": [
            {"date": day.isoformat(), **days[day]} for day in sorted(days) if days[day]["decisions"] or days[day]["messages"]
        ],
        "totals": {
            "by_step": dict(sorted(Counter(d["step"] for d in decisions).items())),
            "by_audience": dict(sorted(Counter(d["audience"] for d in decisions).items())),
            "messages": len(messages),
            "escalations": sum(m["silence"] for m in messages),
        },
    }
