"""Promises to pay: made, replaced, judged after the tolerance, corrected by money that turns out to have come in time.

proposed -> open | rejected            beyond the limits, a manager decides; dunning goes on until then
open -> kept | partly_kept | broken    judged when the tolerance has ended, kept as soon as it is
open -> replaced                       by a newer one in time
proposed -> replaced                   by a newer one, whether that stands by itself or waits for the manager
broken, partly_kept -> kept, partly_kept   by a back-dated receipt
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from sqlalchemy import BigInteger, Date, bindparam, func, select, update
from sqlmodel import col

from core import covers, followups, outbox
from core.dunning.facts import CaseFacts
from core.dunning.ladder import Policy
from core.dunning.load import cases_of, load_cases, load_org, newest_receipt, paid_since, unapplied_since
from core.dunning.state import Event
from core.errors import DomainError
from core.models import Promise, PromiseState, Receipt, Receivable
from core.models.base import table_of
from core.money import Money
from core.time import local_instant
from core.work import Work

P, N = table_of(Promise), table_of(Receipt)
NOT_KEPT = (PromiseState.broken, PromiseState.partly_kept)
CAME_TRUE = (PromiseState.kept, PromiseState.partly_kept)

# Statements are built once: that costs more than running one for a single customer.
R = table_of(Receivable)
V = covers.V
_WHOSE = bindparam("customers", expanding=True, type_=BigInteger)
_UNTIL = bindparam("until", type_=Date)
_OPEN = select(Promise).where(P.c.customer_id.in_(_WHOSE), P.c.state == PromiseState.open)
_OPEN_IN = _OPEN.where(P.c.currency == bindparam("currency"))
_PROPOSED = select(Promise).where(
    P.c.customer_id.in_(_WHOSE), P.c.currency == bindparam("currency"), P.c.state == PromiseState.proposed
)
_JUDGED = select(Promise).where(
    P.c.customer_id.in_(_WHOSE), P.c.state.in_(NOT_KEPT), P.c.due_on >= bindparam("since", type_=Date)
)
_SETTLED = select(func.count()).where(
    R.c.id.in_(bindparam("ids", expanding=True, type_=BigInteger)),
    R.c.open_minor == 0,
    R.c.settled_on <= _UNTIL,
)
_NOTHING_OPEN = (
    select(V.c.subject_id)
    .join(R, R.c.id == V.c.receivable_id)
    .join(P, P.c.id == V.c.subject_id)
    .where(V.c.kind == "promise", V.c.subject_id.in_(bindparam("ids", expanding=True, type_=BigInteger)))
    .group_by(V.c.subject_id)
    .having(
        func.count() == func.count().filter(R.c.open_minor == 0, R.c.settled_on <= _UNTIL, R.c.settled_on <= P.c.ends_on)
    )
)


@dataclass(frozen=True)
class Made:
    """A promise that was made, and why a manager must agree to it ("" where nobody must)."""

    promise: Promise
    needs: str
    of_minor: int = 0  # what is overdue, with what an earlier promise covers: a share of it must be promised
    withdrawn: tuple[Promise, ...] = ()  # waited for the manager until this one was made
    earlier: Promise | None = None  # stood until this one was made; where a manager must agree first, it still does


def make(
    work: Work,
    policy: Policy,
    customer_id: int,
    due_on: date,
    *,
    amount_minor: int | None = None,
    currency: str | None = None,
    note: str = "",
    task_id: int | None = None,
) -> list[Made]:
    """Records a promise, one a currency where neither amount nor currency is named.

    Errors: promise.past, promise.nothing_open, claimed or set_aside (of all that is open), which_currency, too_much (more
    than is open).
    """
    if due_on < work.today:
        raise DomainError("promise.past", on=due_on)
    cases = [c for c in cases_of(work, policy, customer_id) if currency is None or c.currency == currency]
    owed = [c for c in cases if _promisable(work, c)]
    if not owed:
        raise covers.none_left("promise", cases)
    if amount_minor is not None and len(owed) > 1:
        raise DomainError("promise.which_currency", currencies=", ".join(sorted(c.currency for c in owed)))
    if amount_minor is not None and amount_minor > (most := sum(r.open_minor for r in owed[0].receivables)):
        raise DomainError("promise.too_much", amount=Money(most, owed[0].currency))
    return [_make(work, policy, c, due_on, amount_minor, note, task_id) for c in owed]


def _promisable(work: Work, case: CaseFacts) -> bool:
    return any(r.due_on and (r.chaseable or r.promised_minor) for r in case.receivables)


def _make(
    work: Work,
    policy: Policy,
    case: CaseFacts,
    due_on: date,
    amount_minor: int | None,
    note: str,
    task_id: int | None,
) -> Made:
    limits, customer_id, currency = policy.limits, case.customer_id, case.currency
    asked = {"customers": [customer_id], "currency": currency}
    earlier = work.session.execute(_OPEN_IN, asked).scalar_one_or_none()
    replacements = 0
    if earlier is not None and earlier.ends_on < work.today:
        _end(work, earlier, verdict(work, earlier))  # too late to put it off: it is judged first
        case, earlier = _again(work, policy, case), None
    if earlier is not None:
        replacements = earlier.replacements + 1
        # What the earlier one covers is free to be promised anew; undone below if a manager must agree first.
        covers.release(work, "promise", earlier.id or 0)
        case = _again(work, policy, case)
    question = sum(r.chaseable_minor for r in covers.in_question(case, work.today))
    amount = question if amount_minor is None else amount_minor
    if amount <= 0:
        raise covers.none_left("promise", [case])
    needs, overdue = "", case.overdue_minor(work.today)
    if (due_on - work.today).days > limits.promise_max_days:
        needs = "too_far"
    elif amount < limits.promise_min_share * overdue:
        needs = "too_little"
    elif replacements > limits.promise_max_replacements:
        needs = "too_often"
    promise = Promise(
        customer_id=customer_id,
        currency=currency,
        amount_minor=amount,
        due_on=due_on,
        made_by_id=work.person_id,
        made_at=work.now,
        state=PromiseState.proposed if needs else PromiseState.open,
        note=note,
        ends_on=work.company.calendar.add_working_days(due_on, limits.promise_tolerance_days),
        replacements=replacements,
        after_receipt_id=newest_receipt(work),
        task_id=task_id,
    )
    if earlier is not None:
        if needs:
            _cover_again(work, earlier)
        else:
            _end(work, earlier, PromiseState.replaced)
    withdrawn = tuple(work.session.execute(_PROPOSED, asked).scalars())
    work.session.add(promise)
    work.session.flush()
    assert promise.id is not None
    for older in withdrawn:
        withdraw(work, older)
    if not needs:
        covers.cover(work, "promise", promise.id, covers.spread(case, amount, work.today))
    work.audit(
        "promise.made", "promise", promise.id, customer_id, amount_minor=amount, currency=currency,
        due_on=due_on.isoformat(), state=str(promise.state), needs=needs, note=note,
    )  # fmt: skip
    if needs:
        _ask_manager(work, policy, promise, needs, overdue)
    else:
        _remind(work, promise)
        if amount < question:
            followups.rest_follows(work, policy, customer_id, currency)
    return Made(promise, needs, overdue, withdrawn, earlier)


def withdraw(work: Work, promise: Promise) -> None:
    """A newer word of the customer stands for what the manager was asked to accept: approved late, it would undo that."""
    promise.state = PromiseState.replaced
    promise.ended_at = work.now
    work.audit("promise.withdrawn", "promise", promise.id, promise.customer_id)
    outbox.touch(work, "promise", [promise.id or 0])


def limit_passed(policy: Policy, promise: Promise, needs: str) -> int:
    """The number of the limit that a promise is beyond, in the unit of that limit: days, percent, or times."""
    limits = policy.limits
    numbers = {
        "too_far": limits.promise_max_days,
        "too_little": round(limits.promise_min_share * 100),
        "too_often": promise.replacements - 1,
    }
    return numbers.get(needs, 0)


def newer(work: Work, promise: Promise) -> Promise | None:
    """The open promise that was made after this one, which somebody is still asked about."""
    asked = {"customers": [promise.customer_id], "currency": promise.currency}
    found = work.session.execute(_OPEN_IN, asked).scalar_one_or_none()
    return found if found is not None and (found.id or 0) > (promise.id or 0) else None


def _again(work: Work, policy: Policy, case: CaseFacts) -> CaseFacts:
    """The same case, without what an earlier promise covered."""
    return next(c for c in load_cases(work, policy, [case.customer_id]) if c.currency == case.currency)


def _cover_again(work: Work, promise: Promise) -> None:
    work.session.execute(update(V).where(V.c.kind == "promise", V.c.subject_id == promise.id).values(active=True))


def _ask_manager(work: Work, policy: Policy, promise: Promise, needs: str, overdue_minor: int) -> None:
    org = load_org(work)
    approver = next(iter(org.chain(promise.made_by_id)), None)
    if approver is None:
        n, of = limit_passed(policy, promise, needs), Money(overdue_minor, promise.currency)
        raise DomainError("promise.beyond_limits", needs=needs, n=n, of=of)
    outbox.enqueue(
        work,
        [
            outbox.row(
                work,
                key=f"promise:{promise.id}:approval:{approver}",
                kind="promise.approval",
                subject="promise",
                subject_id=promise.id or 0,
                customer_id=promise.customer_id,
                person_id=approver,
                data={"needs": needs},
                not_before=outbox.outside_quiet(work, policy.windows, org.members[approver]),
            )
        ],
    )


def decide(work: Work, policy: Policy, promise: Promise, *, approve: bool) -> None:
    """The manager's word on a promise beyond the limits. Errors: promise.decided, promise.expired."""
    if promise.state != PromiseState.proposed:
        raise DomainError("promise.decided", state=str(promise.state))
    if not approve:
        _end(work, promise, PromiseState.rejected)
        return
    if promise.ends_on < work.today:
        raise DomainError("promise.expired", on=promise.due_on)
    asked = {"customers": [promise.customer_id], "currency": promise.currency}
    earlier = work.session.execute(_OPEN_IN, asked).scalar_one_or_none()
    if earlier is not None:
        # Too late to put it off: it is judged first.
        _end(work, earlier, verdict(work, earlier) if earlier.ends_on < work.today else PromiseState.replaced)
    case = next((c for c in load_cases(work, policy, [promise.customer_id]) if c.currency == promise.currency), None)
    question = sum(r.chaseable_minor for r in covers.in_question(case, work.today)) if case is not None else 0
    if case is None or not question:
        raise DomainError("promise.nothing_open")
    promise.state = PromiseState.open
    work.session.flush()
    covers.cover(work, "promise", promise.id or 0, covers.spread(case, promise.amount_minor, work.today))
    _remind(work, promise)
    if promise.amount_minor < question:
        followups.rest_follows(work, policy, promise.customer_id, promise.currency)
    replaced = earlier.id if earlier is not None and earlier.state == PromiseState.replaced else None
    work.audit("promise.approved", "promise", promise.id, promise.customer_id, replaced=replaced)


def received(work: Work, promise: Promise) -> int:
    """Money recorded after the promise was made and effective by its end: on what it covers, or not applied yet."""
    return _received(work, promise, covers.covered(work, "promise", promise.id or 0))


def _received(work: Work, promise: Promise, covered: Collection[int]) -> int:
    until = min(promise.ends_on, work.today)
    paid = sum(paid_since(work, list(covered), promise.after_receipt_id, until).values())
    return paid + unapplied_since(work, promise.customer_id, promise.currency, promise.after_receipt_id, until)


def _nothing_open(work: Work, promise: Promise, covered: Collection[int]) -> bool:
    """Whether all that it covers was settled in time, by whatever means."""
    until = min(promise.ends_on, work.today)
    asked = {"ids": list(covered), "until": until}
    return bool(covered) and bool(work.session.execute(_SETTLED, asked).scalar_one() == len(covered))


def verdict(work: Work, promise: Promise) -> PromiseState:
    """What the promise is worth by the money known now: kept, partly kept or broken."""
    covered = covers.covered(work, "promise", promise.id or 0)
    promise.received_minor = _received(work, promise, covered)
    if promise.received_minor >= promise.amount_minor or _nothing_open(work, promise, covered):
        return PromiseState.kept
    return PromiseState.partly_kept if promise.received_minor > 0 else PromiseState.broken


def _end(work: Work, promise: Promise, state: PromiseState) -> None:
    promise.state = state
    promise.ended_at = work.now
    covers.release(work, "promise", promise.id or 0)
    if state != PromiseState.rejected:
        followups.drop(work, promise.customer_id, promise.currency, "promise.due")
    work.audit(f"promise.{state}", "promise", promise.id, promise.customer_id, received_minor=promise.received_minor)
    work.session.flush()
    outbox.touch(work, "promise", [promise.id or 0])


def keep_early(work: Work, customer_ids: Collection[int]) -> None:
    """Open promises whose money is all there are kept at once; nobody is reminded of them any more."""
    running = work.session.execute(_OPEN, {"customers": list(customer_ids)}).scalars().all()
    if not running:
        return
    newest, asked = newest_receipt(work), {"ids": [promise.id for promise in running], "until": work.today}
    done = set(work.session.execute(_NOTHING_OPEN, asked).scalars())
    for promise in running:  # without money since it was made, and something of it open, it is what it was
        if (promise.after_receipt_id < newest or promise.id in done) and verdict(work, promise) == PromiseState.kept:
            _end(work, promise, PromiseState.kept)


def judge_due(work: Work) -> list[Event]:
    """Ends every open promise whose tolerance has passed. Returns what the owners must hear."""
    rows = work.session.execute(
        select(Promise)
        .where(P.c.state == PromiseState.open, P.c.ends_on < work.today)
        .order_by(col(Promise.customer_id), col(Promise.id))
    )
    events = []
    for promise in rows.scalars().all():
        state = verdict(work, promise)
        _end(work, promise, state)
        if state == PromiseState.kept:
            continue
        events.append(
            Event(
                f"promise.{state}",
                promise.customer_id,
                promise.currency,
                None,
                {
                    "promise": promise.id,
                    "amount_minor": promise.amount_minor,
                    "received_minor": promise.received_minor,
                    "currency": promise.currency,
                    "due_on": promise.due_on.isoformat(),
                    "in_a_row": not_kept_in_a_row(work, promise.customer_id),
                },
            )
        )
    return events


def not_kept_in_a_row(work: Work, customer_id: int) -> int:
    """How many of the customer's latest judged promises were not kept, counted back to the last kept one."""
    states = work.session.execute(
        select(P.c.state)
        .where(P.c.customer_id == customer_id, P.c.state.in_((*NOT_KEPT, PromiseState.kept)))
        .order_by(P.c.ended_at.desc(), P.c.id.desc())
        .limit(50)
    ).scalars()
    count = 0
    for state in states:
        if state == PromiseState.kept:
            break
        count += 1
    return count


def announce(work: Work, policy: Policy, events: Sequence[Event]) -> list[Event]:
    """From the second promise in a row that was not kept, the manager is told, too: what they must hear."""
    told = [e for e in events if e.kind.startswith("promise.") and e.data["in_a_row"] >= policy.limits.promise_not_kept_tell]
    if not told:
        return []
    org = load_org(work)
    upwards = []
    for event in told:
        promise = work.session.get_one(Promise, event.data["promise"])
        manager = next(iter(org.chain(promise.made_by_id)), None)
        if manager is None:
            continue
        promise.told = [*promise.told, manager]
        upwards.append(replace(event, kind=f"told.{event.kind}", person_id=manager))
    return upwards


def _remind(work: Work, promise: Promise) -> None:
    """On its day, a card to whoever is responsible. One made for the same day needs none."""
    calendar = work.company.calendar
    if promise.due_on <= calendar.business_date(promise.made_at):
        return
    followups.later(
        work,
        promise.customer_id,
        "promise.due",
        local_instant(promise.due_on, time(0), calendar.zone),
        currency=promise.currency,
        data={
            "promise": promise.id,
            "amount_minor": promise.amount_minor,
            "currency": promise.currency,
            "due_on": promise.due_on.isoformat(),
        },
    )


def correct(work: Work, policy: Policy, customer_ids: Collection[int]) -> None:
    """A back-dated receipt makes a judged promise better than it was called; whoever was told hears of it."""
    recent = work.today - timedelta(days=400)
    rows = work.session.execute(_JUDGED, {"customers": list(customer_ids), "since": recent}).scalars()
    wrong = []
    for promise in rows.all():
        before, state = promise.state, verdict(work, promise)
        if state != before and state in CAME_TRUE:
            promise.state = state
            work.audit(f"promise.corrected.{state}", "promise", promise.id, promise.customer_id, was=str(before))
            wrong.append(promise)
    if not wrong:
        return
    org = load_org(work)
    messages = []
    for promise in wrong:
        case_owner = _owner(work, promise)
        people, _ = org.resolve("owner", None, case_owner)
        for person in dict.fromkeys([*people, *promise.told]):
            messages.append(
                outbox.row(
                    work,
                    key=f"promise:{promise.id}:corrected:{promise.state}:{person}",
                    kind="promise.corrected",
                    subject="promise",
                    subject_id=promise.id or 0,
                    customer_id=promise.customer_id,
                    person_id=person,
                    not_before=outbox.outside_quiet(work, policy.windows, org.members[person]),
                )
            )
    outbox.enqueue(work, messages)


def _owner(work: Work, promise: Promise) -> int | None:
    """Who was responsible for what it covers: the receivable's owner, else the customer's."""
    from core.models import Customer

    R, C = table_of(Receivable), table_of(Customer)
    covered = list(covers.covered(work, "promise", promise.id or 0))
    owner = work.session.execute(
        select(R.c.owner_id).where(R.c.id.in_(covered), R.c.owner_id.is_not(None)).order_by(R.c.due_on).limit(1)
    ).scalar()
    return owner or work.session.execute(select(C.c.owner_id).where(C.c.id == promise.customer_id)).scalar()
