"""What the loaders share: the message to load for, their answers, and the facts read so far in this transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, Date, bindparam, func, select

from bot.card import Card, Lang
from bot.notifications.templates import render
from bot.notifications.views import Option, Part, Phrase, ReceivableRow
from core.dunning.facts import CaseFacts, ReceivableFacts, oldest_first, said_tags
from core.dunning.ladder import SEVERITIES, Policy
from core.dunning.load import load_cases, load_org
from core.dunning.org import Member, Org
from core.dunning.stored import active
from core.models import (
    Audit,
    Contact,
    Customer,
    Dispute,
    DisputeState,
    Hold,
    Pause,
    PauseState,
    Promise,
    PromiseState,
    Task,
    TaskReceivable,
    TaskState,
)
from core.models.base import table_of
from core.models.collection import BLOCKING
from core.money import Money
from core.promises import NOT_KEPT
from core.work import Work

# What somebody logs about a customer: the contact history.
CONTACTS = (
    "task.promise", "task.paid", "task.part_paid", "task.dispute", "task.not_reached", "task.copy", "task.other",
    "task.note",
)  # fmt: skip
_CHUNK = 500

# Statements are built once: that costs more than running one for a single customer.
C, P, B, U = table_of(Customer), table_of(Promise), table_of(Dispute), table_of(Audit)
Z, H, N = table_of(Pause), table_of(Hold), table_of(Contact)
_WHOSE = bindparam("customers", expanding=True, literal_execute=True, type_=BigInteger)
_TODAY = bindparam("today", type_=Date)

_CUSTOMERS = select(
    C.c.id, C.c.code, C.c.name, C.c.short_name, C.c.rating, C.c.owner_id, C.c.language, C.c.no_letters
).where(C.c.id.in_(_WHOSE))
_PROMISES = (
    select(Promise)
    .where(P.c.customer_id.in_(_WHOSE), P.c.state.in_((PromiseState.open, PromiseState.kept, *NOT_KEPT)))
    .order_by(P.c.ended_at.desc(), P.c.id.desc())
)
_DISPUTES = select(Dispute).where(B.c.customer_id.in_(_WHOSE), B.c.state == DisputeState.open).order_by(B.c.id)
_PAUSES = select(Pause).where(
    Z.c.customer_id.in_(_WHOSE), Z.c.state == PauseState.active, Z.c.from_on <= _TODAY, Z.c.until >= _TODAY
)
_HOLDS = select(H.c.customer_id, H.c.kind).where(
    H.c.customer_id.in_(_WHOSE), H.c.ended_on.is_(None), H.c.from_on <= _TODAY, H.c.until.is_(None) | (H.c.until >= _TODAY)
)
_CONTACTS = select(Contact).where(N.c.customer_id.in_(_WHOSE))
_LATEST = select(Audit).where(
    U.c.id.in_(
        select(func.max(U.c.id)).where(U.c.customer_id.in_(_WHOSE), U.c.action.in_(CONTACTS)).group_by(U.c.customer_id)
    )
)

SELLERS = ("rep", "sales_manager", "sales_director")  # who may look after a customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be drawn: an outbox row about to leave, or (`for_update`) a delivery to be drawn anew."""

    kind: str
    subject: str
    subject_id: int
    person_id: int | None = None
    customer_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    for_update: bool = False
    delivered_on: date | None = None  # of a delivery
    delivery_id: int | None = None
    outbox_id: int | None = None  # the row that first said it


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A View that is true now. `kind` is what it is drawn as, which may differ from what the message said.

    `over`: the card is closed for good, whatever comes. A card may close without that: money waits to be allocated.
    """

    kind: str
    view: Any
    customer_code: str = ""
    task_id: int | None = None
    receivables: tuple[str, ...] = ()  # numbers
    severity: str = ""
    over: bool = False
    files: tuple[str, ...] = ()  # names of documents that the card speaks of
    shows: dict[str, Any] = field(default_factory=dict)  # what a tap on it is compared with
    holds: tuple[str, ...] = ()  # kinds of the customer's holds that stop orders: every card says them

    def card(self, lang: Lang) -> Card:
        return render(self.kind, self.view, lang, self.holds)


@dataclass(frozen=True, slots=True)
class Cancel:
    """No longer true, and why: a code. Of an update: what stands on the screen stays."""

    reason: str


@dataclass(slots=True)
class About:
    """One customer, as of today."""

    id: int
    code: str
    name: str
    short: str
    rating: str
    owner_id: int | None
    language: str = ""
    no_letters: bool = False
    cases: list[CaseFacts] = field(default_factory=list)  # one a currency
    receivables: list[ReceivableFacts] = field(default_factory=list)  # of all cases, oldest first
    promises: list[Promise] = field(default_factory=list)  # open
    not_kept: int = 0
    disputes: list[Dispute] = field(default_factory=list)  # open, oldest first
    pauses: list[Pause] = field(default_factory=list)  # active today
    holds: set[str] = field(default_factory=set)  # kinds
    contacts: dict[str, Contact] = field(default_factory=dict)  # by type
    last: Audit | None = None  # latest contact

    def owner_of(self, receivable: ReceivableFacts) -> int | None:
        return receivable.owner_id or self.owner_id


class Facts:
    """Everything read so far, each thing once. For one transaction at one instant; never writes.

    `preload` before a batch reads its customers and tasks with a fixed number of statements; else they are read
    when they are first asked for.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self._customers: dict[int, About] = {}
        self.coded: dict[str, About] = {}
        self._silent: dict[int, set[int]] = {}  # customer -> people
        self._tasks: dict[int, Task] = {}
        self._links: dict[int, set[int]] = {}
        self._org: Org | None = None
        self._policy: Policy | None = None

    # Not cached_property: in Python 3.11 its lock is shared by all objects of a class. Whoever begins a transaction
    # under it waits for the database, and who has the database waits for the lock, until the database gives up.
    @property
    def org(self) -> Org:
        if self._org is None:
            self._org = load_org(self.work)
        return self._org

    @property
    def policy(self) -> Policy:
        if self._policy is None:
            self._policy = active(self.work)[1]
        return self._policy

    @property
    def today(self) -> date:
        return self.work.today

    @property
    def letters_on(self) -> bool:
        return (self.work.company.letters or self.policy.letters) != "off"

    def preload(self, messages: Iterable[Message]) -> None:
        """Reads what these messages are about, at once."""
        customers: set[int] = set()
        tasks: set[int] = set()
        for m in messages:
            if m.customer_id is not None:
                customers.add(m.customer_id)
            if m.subject == "task":
                tasks.add(m.subject_id)
            for item in m.data.get("items", ()):
                if item.get("customer") is not None:
                    customers.add(item["customer"])
                if item["subject"] == "task":
                    tasks.add(item["id"])
        self._load_tasks(tasks)
        self._load_customers(customers | {t.customer_id for t in self._tasks.values() if t.customer_id is not None})

    # --- tasks ---

    def task(self, task_id: int) -> Task:
        if task_id not in self._tasks:
            self._load_tasks({task_id})
        return self._tasks[task_id]

    def links(self, task_id: int) -> set[int]:
        """The receivables that a task is about."""
        self.task(task_id)
        return self._links[task_id]

    def _load_tasks(self, wanted: Collection[int]) -> None:
        T, L = table_of(Task), table_of(TaskReceivable)
        for ids in _chunks(sorted(i for i in wanted if i not in self._tasks)):
            rows = self.work.session.execute(
                select(Task).where(T.c.id.in_(ids)), execution_options={"populate_existing": True}
            )
            for task in rows.scalars():
                self._tasks[task.id or 0] = task
                self._links[task.id or 0] = set()
            links = select(L.c.task_id, L.c.receivable_id).where(L.c.task_id.in_(ids))
            for task_id, receivable_id in self.work.session.execute(links).all():
                self._links[task_id].add(receivable_id)

    # --- customers ---

    def about(self, customer_id: int) -> About:
        if customer_id not in self._customers:
            self._load_customers({customer_id})
        return self._customers[customer_id]

    def _load_customers(self, wanted: Collection[int]) -> None:
        for ids in _chunks(sorted(i for i in wanted if i not in self._customers)):
            self._read(ids)

    def _read(self, ids: list[int]) -> None:
        asked: dict[str, Any] = {"customers": ids, "today": self.today}
        fresh = {"populate_existing": True}

        def read(statement: Any) -> Any:
            return self.work.session.execute(statement, asked, execution_options=fresh)

        found: dict[int, About] = {
            c.id: About(c.id, c.code, c.name, c.short_name or c.name, c.rating, c.owner_id, c.language, bool(c.no_letters))
            for c in read(_CUSTOMERS)
        }
        for case in load_cases(self.work, self.policy, ids, to_decide=False):
            found[case.customer_id].cases.append(case)
        for about in found.values():
            about.receivables = oldest_first([r for case in about.cases for r in case.receivables])
        judged: dict[int, list[str]] = defaultdict(list)
        for promise in read(_PROMISES).scalars():
            if promise.state == PromiseState.open:
                found[promise.customer_id].promises.append(promise)
            else:
                judged[promise.customer_id].append(promise.state)
        for customer_id, states in judged.items():
            kept = (n for n, state in enumerate(states) if state == PromiseState.kept)
            found[customer_id].not_kept = next(kept, len(states))
        for dispute in read(_DISPUTES).scalars():
            found[dispute.customer_id].disputes.append(dispute)
        for pause in read(_PAUSES).scalars():
            found[pause.customer_id].pauses.append(pause)
        for customer_id, kind in read(_HOLDS):
            found[customer_id].holds.add(kind)
        for contact in read(_CONTACTS).scalars():
            found[contact.customer_id].contacts[contact.type] = contact
        for entry in read(_LATEST).scalars():
            found[entry.customer_id or 0].last = entry
        self._customers |= found
        self.coded |= {about.code: about for about in found.values()}

    def holds(self, code: str) -> tuple[str, ...]:
        """What stops the orders of a customer who was read before: kinds of holds, today."""
        about = self.coded.get(code)
        return () if about is None else _stopping(about.holds)

    # --- people ---

    def person(self, person_id: int | None) -> Member | None:
        return None if person_id is None else self.org.members.get(person_id)

    def name(self, person_id: int | None) -> str:
        member = self.person(person_id)
        return "" if member is None else member.name

    def actor(self, actor: str) -> str:
        """Who did it, as people call them; nobody for the machine."""
        handle = actor.rpartition(" as ")[2]
        if handle == "system":
            return ""
        return self._names.get(handle, handle)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {m.handle: m.name for m in self.org.members.values()}

    def who_did(self, action: str, subject: str, subject_id: int | None) -> str:
        """The name of whoever did this to it, the last time; "" if nobody has."""
        done = select(U.c.actor).where(U.c.subject == subject, U.c.subject_id == subject_id, U.c.action == action)
        actor = self.work.session.execute(done.order_by(U.c.id.desc()).limit(1)).scalar()
        return self.actor(actor) if actor else ""

    def above(self, task: Task) -> str:
        """Who will hear of it if this task gets no result: whoever is silent about the customer already will not."""
        silent = self._silent_about(task.customer_id) if task.customer_id is not None else set()
        return self.name(next((p for p in self.org.chain(task.person_id) if p not in silent), None))

    def _silent_about(self, customer_id: int) -> set[int]:
        """Who let an answer-by pass; read for all customers known so far at once."""
        T = table_of(Task)
        for ids in _chunks(sorted({customer_id, *self._customers} - self._silent.keys())):
            self._silent |= {i: set() for i in ids}
            passed = select(T.c.customer_id, T.c.person_id).where(
                T.c.customer_id.in_(ids), T.c.kind == "collect", T.c.state == TaskState.open, T.c.answer_by <= self.work.now
            )
            for row in self.work.session.execute(passed):
                self._silent[row.customer_id].add(row.person_id)
        return self._silent[customer_id]

    def local(self, at: datetime | None, person_id: int | None) -> datetime | None:
        """An instant on the reader's clock."""
        if at is None:
            return None
        member = self.person(person_id)
        return at.astimezone((member.zone if member is not None else None) or self.work.company.calendar.zone)

    def day_of(self, at: datetime) -> date:
        return self.work.company.calendar.business_date(at)

    def options(self, people: Iterable[int]) -> tuple[Option, ...]:
        return tuple(Option(value=self.org.members[i].handle, label=self.org.members[i].name) for i in people)

    def sellers(self) -> tuple[Option, ...]:
        """Who may be made to look after a customer, by name."""
        found = [m for m in self.org.members.values() if m.active and m.roles.intersection(SELLERS)]
        return self.options(m.id for m in sorted(found, key=lambda m: (m.name, m.id)))

    # --- answer-by ---

    def answer_by(self, task: Task, *, delivering: bool) -> datetime | None:
        """Until when a result is expected. `delivering`: the card goes out now, which sets it (dunning.md section 7)."""
        overdue = task.answer_by is not None and task.answer_by <= self.work.now
        if not delivering or task.answer_days is None or overdue:
            return task.answer_by
        return self.work.company.calendar.answer_by(self.work.now, task.answer_days, self.policy.windows.work)

    def passed(self, answer_by: datetime | None) -> bool:
        return answer_by is not None and answer_by <= self.work.now

    def escalated_to(self, task: Task) -> str:
        """Who was told of the silence; nobody yet, or nobody above."""
        if task.escalated_on is None:
            return ""
        T = table_of(Task)
        opened = select(T.c.person_id).where(T.c.silent_task_id == task.id).order_by(T.c.id.desc()).limit(1)
        told = self.work.session.execute(opened).scalar()
        return self.name(told) if told is not None else self.above(task)


def stopping(work: Work, customer_id: int | None) -> tuple[str, ...]:
    """Facts.holds of a customer of whom nothing else is asked."""
    if customer_id is None:
        return ()
    found = work.session.execute(_HOLDS, {"customers": [customer_id], "today": work.today})
    return _stopping({kind for _, kind in found})


def _stopping(holds: Collection[str]) -> tuple[str, ...]:
    return tuple(kind for kind in BLOCKING if kind in holds)


def _chunks(ids: Sequence[int]) -> list[list[int]]:
    return [list(ids[i : i + _CHUNK]) for i in range(0, len(ids), _CHUNK)]


# --- figures ---


def sums(pairs: Iterable[tuple[int, str]]) -> tuple[Money, ...]:
    """One Money a currency, in order of currency, nothing that is zero."""
    total: dict[str, int] = {}
    for minor, currency in pairs:
        total[currency] = total.get(currency, 0) + minor
    return tuple(Money(total[c], c) for c in sorted(total) if total[c])


def row_of(r: ReceivableFacts, today: date) -> ReceivableRow:
    return ReceivableRow(
        number=r.number,
        due=r.due_on,
        open=Money(r.open_minor, r.currency),
        chaseable=Money(r.chaseable_minor if r.chaseable else 0, r.currency),
        days=r.age(today) if r.due_on else 0,
        tags=said_tags(r.tags) if r.tags else (),
    )


def late(receivables: Iterable[ReceivableFacts], today: date) -> list[ReceivableFacts]:
    """Those that are chaseable and overdue, in the same order."""
    return [r for r in receivables if not r.why_not and r.due_on is not None and r.due_on < today]


def overdue_of(receivables: Iterable[ReceivableFacts], today: date) -> tuple[Money, ...]:
    return sums((r.chaseable_minor, r.currency) for r in late(receivables, today))


def aside_of(receivables: Iterable[ReceivableFacts], today: date) -> tuple[Money, ...]:
    """What of these is overdue and not chased: promised, claimed, disputed, paused, or covered by unapplied money. With
    `overdue_of` it adds up to what /balance and /overdue show."""
    past = [r for r in receivables if r.due_on is not None and r.due_on < today]
    return sums((r.open_minor - (0 if r.why_not else r.chaseable_minor), r.currency) for r in past)


def days_of(receivables: Iterable[ReceivableFacts], today: date) -> int:
    return max((r.age(today) for r in late(receivables, today)), default=0)


def parts_of(about: About, mine: Iterable[ReceivableFacts], today: date, *, whole: bool) -> tuple[Part, ...]:
    """One a currency of `mine`. `whole`: what is open counts for the customer, net of credit as /balance shows it, else
    for `mine` alone."""
    mine = list(mine)
    parts = []
    for currency in sorted({r.currency for r in mine}):
        here = [r for r in mine if r.currency == currency]
        all_open = [r for r in about.receivables if r.currency == currency] if whole else here
        credit = sum(c.unapplied_minor for c in about.cases if c.currency == currency) if whole else 0
        parts.append(
            Part(
                overdue=Money(sum(r.chaseable_minor for r in late(here, today)), currency),
                open=Money(sum(r.open_minor for r in all_open) - credit, currency),
            )
        )
    return tuple(parts)


def worst(severities: Iterable[str]) -> str:
    return max((s for s in severities if s in SEVERITIES), key=SEVERITIES.index, default="")


def day(text: Any) -> date | None:
    """A date as stored in JSON."""
    return date.fromisoformat(str(text)[:10]) if text else None


def amounts(pairs: Iterable[Sequence[Any]] | None) -> tuple[Money, ...]:
    """[[minor, currency], …] as stored in JSON."""
    return sums((int(minor), str(currency)) for minor, currency in pairs or ())


def phrase(code: str, **facts: Any) -> Phrase:
    return Phrase(code=code, **facts)
