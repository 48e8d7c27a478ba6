"""What people ask to see: one customer, one receivable, one's own tasks. Reads only, a handful of statements each."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, and_, bindparam, cast, exists, func, or_, select
from sqlmodel import SQLModel

from core.ledger.balances import Balance, balance
from core.models import Customer
from core.models.collection import BLOCKING
from core.money import digits
from core.permissions import Scope, sees_whole_customer
from core.work import Work

_TABLES = SQLModel.metadata.tables
_PERSON, _CUSTOMER, _RECEIVABLE = _TABLES["person"], _TABLES["customer"], _TABLES["receivable"]
_PROMISE, _CLAIM, _DISPUTE, _COVER = (_TABLES[name] for name in ("promise", "claim", "dispute", "cover"))
_PAUSE, _HOLD, _TASK, _LINK = (_TABLES[name] for name in ("pause", "hold", "task", "task_receivable"))
_RECEIPT, _CREDIT_NOTE, _ENTRY = _TABLES["receipt"], _TABLES["credit_note"], _TABLES["entry"]
_FIRING, _LETTER, _AUDIT = _TABLES["firing"], _TABLES["letter"], _TABLES["audit"]

SEVERITIES = ("critical", "severe", "overdue", "due_soon")  # riskiest first
MAX_PROMISES = 10  # shown on a balance
MAX_NOTES = 20  # in a trace, the newest
# What a result of a task leaves behind, which a trace tells of itself.
RECORDED = {"promise": "promise", "paid": "claim", "part_paid": "claim", "dispute": "dispute"}
# What a receivable is, when several are true: the first.
COVERED = {"dispute": "disputed", "claim": "claimed", "promise": "promised"}


# Built once: making a statement costs as much as running it, and a balance must come at once.
_ID, _DAY = bindparam("customer", type_=_CUSTOMER.c.id.type), bindparam("today", type_=Date())
_SIDES = select(
    select(_PERSON.c.name).where(_PERSON.c.id == bindparam("owner")).scalar_subquery(),
    exists(_HOLD.c.id).where(
        _HOLD.c.customer_id == _ID, _HOLD.c.kind.in_(BLOCKING), _HOLD.c.ended_on.is_(None),
        _HOLD.c.from_on <= _DAY, or_(_HOLD.c.until.is_(None), _HOLD.c.until >= _DAY),
    ),
)
_PROMISES = (
    select(_PROMISE.c.currency, _PROMISE.c.amount_minor, _PROMISE.c.due_on, _PROMISE.c.state)
    .where(_PROMISE.c.customer_id == _ID)
    .order_by(_PROMISE.c.made_at.desc(), _PROMISE.c.id.desc())
    .limit(MAX_PROMISES)
)
_LAST_RECEIPT = (
    select(_RECEIPT.c.received_on, _RECEIPT.c.amount_minor)
    .where(
        _RECEIPT.c.customer_id == _ID,
        _RECEIPT.c.currency == bindparam("currency"),
        _RECEIPT.c.received_on <= _DAY,
        or_(_RECEIPT.c.reversed_on.is_(None), _RECEIPT.c.reversed_on > _DAY),
    )
    .order_by(_RECEIPT.c.received_on.desc(), _RECEIPT.c.id.desc())
    .limit(1)
)
_PAUSES = select(_PAUSE.c.receivable_id, _PAUSE.c.until).where(
    _PAUSE.c.customer_id == _ID, _PAUSE.c.state == "active", _PAUSE.c.from_on <= _DAY, _PAUSE.c.until >= _DAY
)
_COVERS = (
    select(_COVER.c.receivable_id, _COVER.c.kind, _COVER.c.amount_minor)
    .select_from(_COVER.join(_RECEIVABLE, _RECEIVABLE.c.id == _COVER.c.receivable_id))
    .where(_RECEIVABLE.c.customer_id == _ID, _COVER.c.active)
)


@dataclass(frozen=True, slots=True)
class PromiseRow:
    currency: str
    amount_minor: int
    due_on: date
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerBalance:
    """One customer as one person sees it. Promises and receipts are for who sees the whole customer."""

    customer: Customer
    owner: str
    currency: str  # whose figures come first
    figures: dict[str, Balance]
    states: dict[int, str] = field(default_factory=dict)  # of open receivables
    promises: list[PromiseRow] = field(default_factory=list)  # newest first
    last_receipt: tuple[date, int] | None = None
    whole: bool = True
    paused_until: date | None = None
    hold: bool = False

    @property
    def main(self) -> Balance:
        return self.figures.get(self.currency) or Balance(currency=self.currency)

    @property
    def others(self) -> list[Balance]:
        return [figures for currency, figures in sorted(self.figures.items()) if currency != self.currency]


def customer_balance(work: Work, customer: Customer, scope: Scope) -> CustomerBalance:
    """Everything on the answer to `/balance`."""
    assert customer.id is not None
    # Who sees the whole customer needs no conditions in any statement.
    whole = scope.whole(customer.owner_id, customer.region, customer.id)
    today, figures = work.today, balance(work.session, customer.id, work.today, None if whole else scope)
    currency = main_currency(customer.currency or work.company.currency, {key: row.total for key, row in figures.items()})
    pauses = _pauses(work, customer.id)
    states = receivable_states(work, customer.id, [item for row in figures.values() for item in row.items], pauses)
    row = work.session.execute(_SIDES, {"customer": customer.id, "owner": customer.owner_id, "today": today}).one()
    return CustomerBalance(
        customer=customer,
        owner=row[0] or "",
        currency=currency,
        figures=figures,
        states=states,
        promises=_promises(work, customer.id) if whole else [],
        last_receipt=_last_receipt(work, customer.id, currency, today) if whole else None,
        whole=whole,
        paused_until=max((until for key, until in pauses.items() if key is None), default=None),
        hold=bool(row[1]),
    )


def main_currency(preferred: str, totals: dict[str, int]) -> str:
    """The currency shown first: the preferred one unless there is business in others only."""
    if preferred in totals or not totals:
        return preferred
    return max(sorted(totals), key=lambda currency: abs(totals[currency]) * 1000 // 10 ** digits(currency))


def _promises(work: Work, customer_id: int) -> list[PromiseRow]:
    return [PromiseRow(*row) for row in work.session.execute(_PROMISES, {"customer": customer_id})]


def _last_receipt(work: Work, customer_id: int, currency: str, today: date) -> tuple[date, int] | None:
    row = work.session.execute(_LAST_RECEIPT, {"customer": customer_id, "currency": currency, "today": today}).first()
    return (row[0], row[1]) if row else None


def _pauses(work: Work, customer_id: int) -> dict[int | None, date]:
    """Until when dunning rests, by receivable; None stands for the whole customer."""
    found = dict[int | None, date]()
    for receivable_id, until in work.session.execute(_PAUSES, {"customer": customer_id, "today": work.today}):
        found[receivable_id] = max(until, found.get(receivable_id, until))
    return found


def receivable_states(
    work: Work, customer_id: int, items: Collection[Any], pauses: dict[int | None, date]
) -> dict[int, str]:
    """not_due, undated or overdue; or what keeps all of it out of dunning: disputed, claimed, promised, paused."""
    covers: dict[int, dict[str, int]] = {}
    for receivable_id, kind, amount in work.session.execute(_COVERS, {"customer": customer_id}) if items else ():
        here = covers.setdefault(receivable_id, {})
        here[kind] = here.get(kind, 0) + amount
    states = {}
    for item in items:
        covered = covers.get(item.receivable_id, {})
        if covered and sum(covered.values()) >= item.open_minor:
            states[item.receivable_id] = next(COVERED[kind] for kind in COVERED if kind in covered)
        elif None in pauses or item.receivable_id in pauses:
            states[item.receivable_id] = "paused"
        elif item.due_on is None:
            states[item.receivable_id] = "undated"
        else:
            states[item.receivable_id] = "overdue" if item.due_on < work.today else "not_due"
    return states


# --- what is to do --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoRow:
    task_id: int
    kind: str
    code: str  # "" for a task without a customer
    customer: str
    severity: str
    state: str  # open, snoozed, silent
    answer_by: datetime | None
    overdue: dict[str, int]  # by currency, of the receivables that the task is about
    days_overdue_max: int
    events: list[dict[str, Any]] = field(default_factory=list)
    disputed: dict[str, int] = field(default_factory=dict)  # by currency, of a dispute's task


def todo(work: Work, person_id: int) -> list[TodoRow]:
    """The person's open tasks, riskiest first: by severity, by what is overdue, by age."""
    t = _TASK.c
    tasks = select(
        t.id, t.kind, t.severity, t.answer_by, t.snoozed_until, t.events, t.customer_id,
        _CUSTOMER.c.code, _CUSTOMER.c.short_name, _CUSTOMER.c.name,
    ).select_from(_TASK.outerjoin(_CUSTOMER, _CUSTOMER.c.id == t.customer_id))
    tasks = tasks.where(t.person_id == person_id, t.state == "open")
    r = _RECEIVABLE.c
    sums = (
        select(_LINK.c.task_id, r.currency, cast(func.sum(r.open_minor), BigInteger), func.min(r.due_on).label("due_on"))
        .select_from(_TASK.join(_LINK, _LINK.c.task_id == t.id).join(_RECEIVABLE, r.id == _LINK.c.receivable_id))
        .where(t.person_id == person_id, t.state == "open", r.open_minor != 0, r.due_on < work.today)
        .group_by(_LINK.c.task_id, r.currency)
    )
    overdue: dict[int, dict[str, int]] = {}
    oldest: dict[int, date] = {}
    for task_id, currency, amount, due_on in work.session.execute(sums):
        overdue.setdefault(task_id, {})[currency] = amount
        oldest[task_id] = min(due_on, oldest.get(task_id, due_on))
    b = _DISPUTE.c
    disputing = select(t.customer_id).where(t.person_id == person_id, t.state == "open", t.kind == "dispute")
    disputes = select(b.customer_id, b.currency, cast(func.sum(b.amount_minor), BigInteger))
    disputes = disputes.where(b.state == "open", b.customer_id.in_(disputing)).group_by(b.customer_id, b.currency)
    disputed: dict[int, dict[str, int]] = {}
    for customer_id, currency, amount in work.session.execute(disputes):
        disputed.setdefault(customer_id, {})[currency] = amount
    rows = [
        TodoRow(
            task_id=row.id,
            kind=row.kind,
            code=row.code or "",
            customer=row.short_name or row.name or "",
            severity=row.severity,
            state=_task_state(work, row.answer_by, row.snoozed_until),
            answer_by=row.answer_by,
            overdue=overdue.get(row.id, {}),
            days_overdue_max=(work.today - oldest[row.id]).days if row.id in oldest else 0,
            events=row.events,
            disputed=disputed.get(row.customer_id, {}) if row.kind == "dispute" else {},
        )
        for row in work.session.execute(tasks)
    ]
    return sorted(rows, key=_risk)


def _task_state(work: Work, answer_by: datetime | None, snoozed_until: date | None) -> str:
    if snoozed_until is not None and snoozed_until > work.today:
        return "snoozed"
    return "silent" if answer_by is not None and answer_by <= work.now else "open"


def _risk(row: TodoRow) -> tuple[int, int, int, int]:
    largest = max((amount * 1000 // 10 ** digits(currency) for currency, amount in row.overdue.items()), default=0)
    return SEVERITIES.index(row.severity), -largest, -row.days_overdue_max, row.task_id


# --- one receivable, from contract to last contact ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEntry:
    on: date
    at: datetime
    kind: str
    amount_minor: int
    reference: str
    actor: str  # the person's name; "" where nobody did it
    handle: str
    via: str  # chat, import, system, or who sat at the machine: cli:root
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFiring:
    on: date
    step: str
    occurrence: int
    audience: str
    kind: str
    severity: str
    outcome: str
    reason: str
    offset_days: int  # of its step, from the due date
    to: list[str]  # handles, or addresses of contacts
    names: list[str]  # the same as people are called


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContact:
    """A letter that listed it, what somebody logged about it, or a note about the customer.

    `what`: letter, promise, claim, dispute, note, or the result of a task.
    """

    at: datetime
    what: str
    who: str
    state: str = ""
    amount_minor: int | None = None
    on: date | None = None
    note: str = ""
    stage: int = 0  # of a letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    row: Any  # the receivable's columns, and the customer's `code`, `customer`
    state: str
    days_overdue: int
    entries: list[TraceEntry]
    firings: list[TraceFiring]
    contacts: list[TraceContact]


def trace(work: Work, scope: Scope, number: str) -> Trace | None:
    """The receivable with this number, if the person sees it. If several sources have it, the newest open one."""
    r = _RECEIVABLE.c
    columns = (
        r.id, r.id.label("receivable_id"), r.number, r.source, r.kind, r.customer_id, r.currency, r.amount_minor,
        r.open_minor, r.issued_on, r.due_on, r.order_no, r.contract_no, r.product, r.terms, r.event, r.event_on,
        r.settled_on, _CUSTOMER.c.code, _CUSTOMER.c.name.label("customer"),
    )  # fmt: skip
    query = select(*columns).select_from(_RECEIVABLE.join(_CUSTOMER, _CUSTOMER.c.id == r.customer_id))
    same = r.number == number
    if number.upper() != number:
        same = or_(same, r.number == number.upper())
    query = query.where(same, scope.receivables()).order_by(r.open_minor == 0, r.issued_on.desc(), r.id.desc())
    row = work.session.execute(query.limit(1)).first()
    if row is None:
        return None
    late = (work.today - row.due_on).days if row.due_on and row.open_minor else 0
    state = "settled"
    if row.open_minor:
        state = receivable_states(work, row.customer_id, [row], _pauses(work, row.customer_id))[row.id]
    people = work.session.execute(select(_PERSON.c.handle, _PERSON.c.name))
    names = {person.handle: person.name for person in people}
    return Trace(
        row=row,
        state=state,
        days_overdue=max(late, 0),
        entries=_entries(work, row.id, names),
        firings=_firings(work, row.id, names),
        contacts=_contacts(
            work, row.id, row.number, row.customer_id, names, notes=sees_whole_customer(work.session, scope, row.customer_id)
        ),
    )


def _acted(actor: str, names: dict[str, str]) -> tuple[str, str, str]:
    """(name, handle, through what) of `cli:root as li`, `li`, `import` or `system`."""
    machine, at_machine, handle = actor.rpartition(" as ")
    if not at_machine and (handle not in names or handle in ("system", "import")):
        return "", "", handle
    return names.get(handle, handle), handle, machine if at_machine else "chat"


def _entries(work: Work, receivable_id: int, names: dict[str, str]) -> list[TraceEntry]:
    e = _ENTRY.c
    tables = _ENTRY.outerjoin(_RECEIPT, _RECEIPT.c.id == e.receipt_id)
    tables = tables.outerjoin(_CREDIT_NOTE, _CREDIT_NOTE.c.id == e.credit_note_id)
    query = (
        select(e.effective_on, e.recorded_at, e.kind, e.amount_minor, e.actor, e.reason,
               func.coalesce(_RECEIPT.c.number, _CREDIT_NOTE.c.number, "").label("reference"))
        .select_from(tables).where(e.receivable_id == receivable_id).order_by(e.effective_on, e.id)
    )  # fmt: skip
    found = []
    for row in work.session.execute(query):
        name, handle, via = _acted(row.actor, names)
        found.append(
            TraceEntry(
                on=row.effective_on, at=row.recorded_at, kind=row.kind, amount_minor=row.amount_minor,
                reference=row.reference, actor=name, handle=handle, via=via, reason=row.reason,
            )
        )  # fmt: skip
    return found


def _firings(work: Work, receivable_id: int, names: dict[str, str]) -> list[TraceFiring]:
    f = _FIRING.c
    query = (
        select(f.fired_on, f.step, f.occurrence, f.audience, f.kind, f.severity, f.outcome, f.reason,
               f.offset_days, f.to)
        .where(f.receivable_id == receivable_id).order_by(f.fired_on, f.id)
    )  # fmt: skip
    return [
        TraceFiring(
            on=row.fired_on, step=row.step, occurrence=row.occurrence, audience=row.audience, kind=row.kind,
            severity=row.severity, outcome=row.outcome, reason=row.reason, offset_days=row.offset_days,
            to=row.to, names=[names.get(one, one) for one in row.to],
        )
        for row in work.session.execute(query)
    ]  # fmt: skip


def _contacts(
    work: Work, receivable_id: int, number: str, customer_id: int, names: dict[str, str], *, notes: bool
) -> list[TraceContact]:
    """`notes`: with those about the whole customer."""
    session, found = work.session, list[TraceContact]()

    def called(actor: str) -> str:
        name, _, via = _acted(actor, names)
        return name or via

    m = _LETTER.c
    letters = select(m.created_at, m.to, m.state, m.sent_on, m.receivables, m.stage).where(m.customer_id == customer_id)
    for at, to, state, sent_on, numbers, stage in session.execute(letters):
        if number in numbers:
            found.append(TraceContact(at=at, what="letter", who=to, state=state, on=sent_on, stage=stage))
    for kind, table, on in (("promise", _PROMISE, "due_on"), ("claim", _CLAIM, "paid_on"), ("dispute", _DISPUTE, None)):
        c = table.c
        covers = and_(_COVER.c.subject_id == c.id, _COVER.c.kind == kind, _COVER.c.receivable_id == receivable_id)
        joined = table.join(_COVER, covers).outerjoin(_PERSON, _PERSON.c.id == c.made_by_id)
        query = select(c.made_at, _PERSON.c.name, c.state, _COVER.c.amount_minor, *([c[on]] if on else []))
        for at, who, state, amount, *day in session.execute(query.select_from(joined)):
            found.append(
                TraceContact(at=at, what=kind, who=who or "", state=state, amount_minor=amount, on=day[0] if day else None)
            )
    told = {(contact.what, contact.at) for contact in found}
    logged = dict[tuple[Any, ...], TraceContact]()  # a result closes everybody's task; it is told once
    t = _TASK.c
    answered = select(t.closed_at, t.closed_by, t.result).select_from(_TASK.join(_LINK, _LINK.c.task_id == t.id))
    for at, who, result in session.execute(answered.where(_LINK.c.receivable_id == receivable_id, t.closed_at.is_not(None))):
        if result:
            what = str(result.get("kind") or "result")
            if (RECORDED.get(what), at) not in told:
                note = str(result.get("note") or result.get("what") or "")
                logged[at, what, who] = TraceContact(at=at, what=what, who=called(who), note=note)
    found += logged.values()
    a = _AUDIT.c
    said = select(a.at, a.actor, a.data).where(a.customer_id == customer_id, a.action == "task.note")
    for at, who, data in session.execute(said.order_by(a.at.desc()).limit(MAX_NOTES)) if notes else ():
        found.append(TraceContact(at=at, what="note", who=called(who), note=str(data.get("note") or "")))
    found.sort(key=lambda contact: (contact.at, contact.what))
    return found
