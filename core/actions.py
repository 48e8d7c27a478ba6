"""The table of actions: what a tap or a written command may do. `execute` is the only way in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from core import cases, chores, claims, disputes, followups, outbox, pauses, promises, tasks
from core.dunning.ladder import Policy
from core.dunning.state import Event
from core.dunning.states import RELEASED
from core.errors import DomainError
from core.ledger.post import allocate, new_credit_notes, new_receipts
from core.models import (
    Case,
    Claim,
    CreditNote,
    Customer,
    Delivery,
    Dispute,
    Firing,
    OutboxMessage,
    Pause,
    Person,
    Promise,
    Receipt,
    Receivable,
    Task,
    TaskState,
)
from core.models.base import table_of
from core.money import parse_major
from core.permissions import may, relation_to
from core.policies import active
from core.work import Work


class Result(StrEnum):
    """done: it took effect now. already: it had taken effect before, or the subject is closed; nothing changed.
    stale: the card showed older figures; nothing changed. not_allowed: not this person's. invalid: the input is wrong."""

    done = "done"
    already = "already"
    stale = "stale"
    not_allowed = "not_allowed"
    invalid = "invalid"


@dataclass(frozen=True)
class ActionRequest:
    """Which person asks for what. `action` is a permanent id, `input` the raw texts of its form.

    The subject is either the card that was tapped (`delivery_id`, `seen_rev`), or named (`subject`, `subject_id`)
    when it comes from a typed command.
    """

    person_id: int
    action: str
    input: Mapping[str, str] = field(default_factory=dict)
    delivery_id: int | None = None
    seen_rev: int | None = None
    subject: str = ""
    subject_id: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of it. `code` names the sentence to say (bot turns it into words), `facts` fill it."""

    result: Result
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Context:
    """What a handler works with: the request, its subject, and the customer it is about."""

    work: Work
    policy: Policy
    request: ActionRequest
    subject: str
    subject_id: int
    customer_id: int | None
    delivery: Delivery | None
    after: list[Event] = field(default_factory=list)  # brings the owner a new task at once
    receipts: list[int] = field(default_factory=list)  # posted by the handler

    def text(self, name: str) -> str:
        return str(self.request.input.get(name, "") or "").strip()

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise DomainError("input.missing", name=name, action=self.request.action)
        return value

    def day(self, name: str, *, required: bool = False) -> date | None:
        value = self.need(name) if required else self.text(name)
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise DomainError("input.bad_date", name=name, value=value) from None

    def money(self, name: str, *, required: bool = False) -> int | None:
        value = self.need(name) if required else self.text(name)
        if not value:
            return None
        minor = parse_major(value.replace(",", ""), self.currency() or self.work.company.currency)
        if minor <= 0:
            raise DomainError("input.bad_amount", name=name, value=value)
        return minor

    def currency(self) -> str | None:
        """The currency named, else the only one the customer has open; None when that is not one."""
        value = self.text("currency").upper()
        if value:
            return value
        R = table_of(Receivable)
        rows = self.work.session.execute(
            select(R.c.currency).where(R.c.customer_id == self.customer_id, R.c.open_minor > 0).distinct().limit(2)
        ).scalars()
        found = list(rows)
        return found[0] if len(found) == 1 else None

    @property
    def customer(self) -> int:
        assert self.customer_id is not None
        return self.customer_id

    def task(self) -> Task | None:
        if self.subject == "task":
            return self.work.session.get_one(Task, self.subject_id)
        mine = [t for t in tasks.open_tasks(self.work, self.customer) if t.person_id == self.work.person_id]
        return mine[0] if mine else None


Handler = Callable[[_Context], Outcome]


def execute(work: Work, request: ActionRequest) -> Outcome:
    """Does what a person asks for, in the caller's transaction, or says why not. Domain errors become `invalid`.

    The customer's row is locked first, so of two taps at once the second sees what the first did.
    """
    spec = TABLE.get(request.action)
    if spec is None:
        return Outcome(Result.invalid, "action.unknown", {"action": request.action})
    person = work.session.get(Person, request.person_id)
    if person is None or not person.active:
        return Outcome(Result.not_allowed, "action.not_allowed")
    work = replace(work, person_id=person.id, actor=person.handle if work.actor == "system" else work.actor)
    _, policy = active(work)
    found = _subject(work, policy, request)
    if isinstance(found, Outcome):
        return found
    if not _allowed(work, person, spec, found):
        return Outcome(Result.not_allowed, "action.not_allowed", {"action": request.action})
    if spec.fresh and found.delivery is not None and request.seen_rev is not None and request.seen_rev != found.delivery.rev:
        return Outcome(Result.stale, "action.stale")
    gone = _gone(found, spec)
    if gone is not None:
        return gone
    try:
        with work.session.begin_nested():
            outcome = spec.handler(found)
            work.session.flush()
            if found.customer_id is not None and outcome.result == Result.done:
                cases.refresh(work, [found.customer_id], found.receipts)
                followups.remember(work, found.after)
            return outcome
    except DomainError as error:
        return Outcome(Result.invalid, error.code, error.facts)


def _subject(work: Work, policy: Policy, request: ActionRequest) -> "_Context | Outcome":
    """What the tap is about, with its customer locked."""
    delivery = None
    subject, subject_id = request.subject, request.subject_id or 0
    if request.delivery_id is not None:
        delivery = work.session.get(Delivery, request.delivery_id)
        if delivery is None:
            return Outcome(Result.invalid, "delivery.unknown", {"delivery": request.delivery_id})
        subject, subject_id = delivery.subject, delivery.subject_id
    customer_id = _customer_of(work, subject, subject_id)
    if customer_id is not None:
        C = table_of(Customer)
        work.session.execute(select(C.c.id).where(C.c.id == customer_id).with_for_update())
        work.session.expire_all()
        if delivery is not None:
            work.session.refresh(delivery)
    return _Context(work, policy, request, subject, subject_id, customer_id, delivery)


_TABLES: dict[str, type[Any]] = {
    "task": Task, "case": Case, "promise": Promise, "claim": Claim, "dispute": Dispute, "pause": Pause, "receipt": Receipt,
}  # fmt: skip


def _customer_of(work: Work, subject: str, subject_id: int) -> int | None:
    if subject == "customer":
        return subject_id
    if subject == "arrived":
        return work.session.get_one(OutboxMessage, subject_id).customer_id
    model = _TABLES.get(subject)
    if model is None:
        return None
    row = work.session.get(model, subject_id)
    return None if row is None else int(row.customer_id) if row.customer_id is not None else None


def _belongs_to(context: _Context) -> int | None:
    """Whose subject it is, for "own" and "above": the task's person, the dispute's owner, whoever asked."""
    work, session = context.work, context.work.session
    if context.delivery is not None and context.request.action.startswith(("task.", "customer.", "dispute.", "receipt.")):
        if context.subject == "task":
            return session.get_one(Task, context.subject_id).person_id
        return context.delivery.person_id
    if context.subject == "task":
        return session.get_one(Task, context.subject_id).person_id
    if context.subject == "dispute":
        return session.get_one(Dispute, context.subject_id).owner_id
    if context.subject == "promise":
        return session.get_one(Promise, context.subject_id).made_by_id
    if context.subject == "pause":
        return session.get_one(Pause, context.subject_id).made_by_id
    if context.customer_id is None:
        return None
    mine = [t.person_id for t in tasks.open_tasks(work, context.customer_id)]
    if work.person_id in mine:
        return work.person_id
    R = table_of(Receivable)
    owned = session.execute(
        select(R.c.id)
        .where(R.c.customer_id == context.customer_id, R.c.owner_id == work.person_id, R.c.open_minor > 0)
        .limit(1)
    ).first()
    return work.person_id if owned else session.get_one(Customer, context.customer_id).owner_id


def _allowed(work: Work, person: Person, spec: "Spec", context: _Context) -> bool:
    owner = _belongs_to(context)
    relation = relation_to(work.session, person.id or 0, person.roles, owner)
    if may(spec.verb or context.request.action, person.roles, relation):
        return True
    # Whoever was sent the card may press its buttons: a stand-in has no role that says so. Never for approvals of
    # one's own request, which `may` refuses by its own rule.
    sent_to_them = context.delivery is not None and context.delivery.person_id == person.id
    return sent_to_them and owner != person.id


def _gone(context: _Context, spec: "Spec") -> Outcome | None:
    """The subject has ended meanwhile: the tap changes nothing, and says so."""
    if context.subject == "task":
        task = context.work.session.get_one(Task, context.subject_id)
        if task.state != TaskState.open:
            return Outcome(Result.already, f"task.{task.state}", {"by": task.closed_by, "at": task.closed_at})
    if context.subject == "case" and context.request.action.startswith("task."):
        case = context.work.session.get_one(Case, context.subject_id)
        if case.state == "closed":
            return Outcome(Result.already, "case.closed")
        if case.state == "waiting" and context.delivery is not None:
            return Outcome(Result.already, "case.waiting")
    return None


# --- handlers -------------------------------------------------------------------------------------


def _promise(c: _Context) -> Outcome:
    due_on = c.day("date", required=True)
    assert due_on is not None
    amount = c.money("amount")
    currency = c.currency() if amount is not None else c.text("currency").upper() or None
    made = promises.make(
        c.work, c.policy, c.customer, due_on,
        amount_minor=amount, currency=currency, note=c.text("note"), task_id=_task_id(c),
    )  # fmt: skip
    if any(m.needs for m in made):
        c.work.audit("task.promise_proposed", "customer", c.customer, c.customer, due_on=due_on.isoformat())
        return Outcome(Result.done, "promise.proposed", {"needs": next(m.needs for m in made if m.needs), "on": due_on})
    facts = {"due_on": due_on.isoformat(), "amounts": _amounts((m.promise.amount_minor, m.promise.currency) for m in made)}
    tasks.answer(c.work, c.customer, "promise", **facts, note=c.text("note"))
    return Outcome(
        Result.done, "promise.made", {"on": due_on, "amounts": facts["amounts"], "ids": [m.promise.id for m in made]}
    )


def _paid(c: _Context) -> Outcome:
    return _claim(c, c.money("amount"), "paid")


def _part_paid(c: _Context) -> Outcome:
    return _claim(c, c.money("amount", required=True), "part_paid")


def _claim(c: _Context, amount: int | None, kind: str) -> Outcome:
    currency = c.currency() if amount is not None else c.text("currency").upper() or None
    made = claims.make(
        c.work, c.policy, c.customer,
        amount_minor=amount, currency=currency, paid_on=c.day("paid_on"), task_id=_task_id(c),
    )  # fmt: skip
    amounts = _amounts((m.amount_minor, m.currency) for m in made)
    tasks.answer(c.work, c.customer, kind, amounts=amounts, paid_on=made[0].paid_on.isoformat())
    return Outcome(Result.done, "claim.made", {"amounts": amounts, "until": made[0].expires_on, "ids": [m.id for m in made]})


def _dispute(c: _Context) -> Outcome:
    amount = c.money("amount")
    currency = c.currency() if amount is not None else c.text("currency").upper() or None
    made = disputes.start(
        c.work, c.policy, c.customer, c.text("reason") or "other",
        amount_minor=amount, currency=currency, note=c.text("note"), task_id=_task_id(c),
    )  # fmt: skip
    amounts = _amounts((m.amount_minor, m.currency) for m in made)
    tasks.answer(c.work, c.customer, "dispute", amounts=amounts, reason=made[0].reason)
    return Outcome(
        Result.done, "dispute.opened", {"amounts": amounts, "reason": made[0].reason, "ids": [m.id for m in made]}
    )


def _not_reached(c: _Context) -> Outcome:
    again_on = c.day("again_on", required=True)
    assert again_on is not None
    tasks.not_reached(c.work, c.policy, c.customer, again_on)
    return Outcome(Result.done, "task.again", {"on": again_on})


def _copy(c: _Context) -> Outcome:
    tasks.needs_copy(c.work, c.policy, c.customer, c.text("what") or "invoice")
    return Outcome(Result.done, "task.copy_asked")


def _other(c: _Context) -> Outcome:
    tasks.other(c.work, c.policy, c.customer, c.need("note"))
    return Outcome(Result.done, "task.logged")


def _note(c: _Context) -> Outcome:
    c.work.audit("task.note", "customer", c.customer, c.customer, note=c.need("note"))
    return Outcome(Result.done, "task.noted")


def _snooze(c: _Context) -> Outcome:
    task, until = c.task(), c.day("until", required=True)
    assert until is not None
    if task is None:
        return Outcome(Result.invalid, "task.none")
    tasks.snooze(c.work, c.policy, task, until)
    return Outcome(Result.done, "task.snoozed", {"on": until})


def _reassign(c: _Context) -> Outcome:
    person = _person(c, "person")
    tasks.reassign(c.work, c.customer, c.task(), person.id or 0)
    return Outcome(Result.done, "task.reassigned", {"to": person.name})


def _assign(c: _Context) -> Outcome:
    person = _person(c, "person")
    customer = c.work.session.get_one(Customer, c.customer)
    customer.owner_id = person.id
    if "owner" not in customer.edited:
        customer.edited = [*customer.edited, "owner"]
    c.work.audit("customer.assign", "customer", c.customer, c.customer, to=person.handle)
    chores.close(c.work, "assign", c.customer, TaskState.answered)
    return Outcome(Result.done, "customer.assigned", {"to": person.name})


def _person(c: _Context, name: str) -> Person:
    value = c.need(name).lstrip("@")
    people = (
        c.work.session.execute(
            select(Person).where((table_of(Person).c.handle == value) | (table_of(Person).c.name == value))
        )
        .scalars()
        .all()
    )
    if len(people) != 1 or not people[0].active:
        raise DomainError("person.unknown", person=value)
    person: Person = people[0]
    return person


def _confirm_claim(c: _Context) -> Outcome:
    claim = c.work.session.get_one(Claim, c.subject_id)
    if claim.state != "pending":
        return Outcome(Result.already, f"claim.{claim.state}")
    receipt = claims.confirm(c.work, claim, c.text("number"))
    return Outcome(Result.done, "claim.confirmed", {"number": receipt.number, "receipt": receipt.id})


def _void_claim(c: _Context) -> Outcome:
    claim = c.work.session.get_one(Claim, c.subject_id)
    if claim.state != "pending":
        return Outcome(Result.already, f"claim.{claim.state}")
    c.after.append(claims.void(c.work, claim))
    return Outcome(Result.done, "claim.voided")


def _decide_promise(approve: bool) -> Handler:
    def handler(c: _Context) -> Outcome:
        promise = c.work.session.get_one(Promise, c.subject_id)
        if promise.state != "proposed":
            return Outcome(Result.already, f"promise.{promise.state}")
        promises.decide(c.work, c.policy, promise, approve=approve)
        if approve:
            amounts = _amounts([(promise.amount_minor, promise.currency)])
            tasks.answer(c.work, c.customer, "promise", due_on=promise.due_on.isoformat(), amounts=amounts, approved=True)
        outbox.touch(c.work, "promise", [c.subject_id])
        return Outcome(Result.done, "promise.approved" if approve else "promise.rejected")

    return handler


def _decide_pause(approve: bool) -> Handler:
    def handler(c: _Context) -> Outcome:
        pause = c.work.session.get_one(Pause, c.subject_id)
        if pause.state != "proposed":
            return Outcome(Result.already, f"pause.{pause.state}")
        pauses.decide(c.work, pause, approve=approve)
        return Outcome(Result.done, "pause.approved" if approve else "pause.rejected")

    return handler


def _pause(c: _Context) -> Outcome:
    until = c.day("until", required=True)
    assert until is not None
    pause = pauses.start(c.work, c.policy, c.customer, until, c.need("reason"))
    code = "pause.proposed" if pause.state == "proposed" else "pause.set"
    return Outcome(Result.done, code, {"until": until, "ids": [pause.id]})


def _unpause(c: _Context) -> Outcome:
    c.after += pauses.stop(c.work, c.customer)
    return Outcome(Result.done, "pause.ended")


def _settle_dispute(c: _Context) -> Outcome:
    if c.subject == "dispute":
        dispute = c.work.session.get_one(Dispute, c.subject_id)
        if dispute.state != "open":
            return Outcome(Result.already, f"dispute.{dispute.state}")
    else:
        open_ones = disputes.running(c.work, c.customer)
        currency = c.text("currency").upper()
        open_ones = [d for d in open_ones if not currency or d.currency == currency]
        if not open_ones:
            return Outcome(Result.already, "dispute.none")
        if len(open_ones) > 1:
            raise DomainError("dispute.which_currency", currencies=", ".join(sorted(d.currency for d in open_ones)))
        dispute = open_ones[0]
    outcome = c.need("outcome")
    value = c.text("amount")
    amount = parse_major(value.replace(",", ""), dispute.currency) if value else None
    event = disputes.settle(c.work, dispute, outcome, amount)
    if event is not None:
        c.after.append(event)
    return Outcome(Result.done, f"dispute.{dispute.state}", {"ids": [dispute.id]})


def _receipt(c: _Context) -> Outcome:
    day = c.day("date") or c.work.today
    if day > c.work.today:
        raise DomainError("receipt.future", on=day)
    currency = c.currency() or c.work.company.currency
    number = c.text("number") or f"HK-{c.customer}-{c.work.now:%Y%m%d%H%M%S%f}"
    adopted = claims.adopt(
        c.work, c.policy, customer_id=c.customer, currency=currency,
        amount_minor=c.money("amount", required=True) or 0, received_on=day, number=number, source="manual",
    )  # fmt: skip
    if adopted is not None:
        return Outcome(Result.done, "receipt.was_claim", {"number": number, "receipt": adopted})
    N = table_of(Receipt)
    if c.work.session.execute(select(N.c.id).where(N.c.source == "manual", N.c.number == number)).first():
        return Outcome(Result.already, "receipt.there", {"number": number})
    [receipt_id] = new_receipts(
        c.work,
        [
            {
                "number": number,
                "source": "manual",
                "customer_id": c.customer,
                "received_on": day,
                "amount_minor": c.money("amount", required=True),
                "currency": currency,
            }
        ],
    )
    c.receipts.append(receipt_id)
    return Outcome(Result.done, "receipt.recorded", {"number": number, "receipt": receipt_id})


def _allocate(c: _Context) -> Outcome:
    """From a chore card the customer's oldest unapplied receipt; typed, the receipt named."""
    N, R = table_of(Receipt), table_of(Receivable)
    named = c.text("receipt")
    mine = select(Receipt).where(N.c.customer_id == c.customer, N.c.open_minor > 0)
    if named:
        mine = mine.where(N.c.number == named)
    receipts = c.work.session.execute(mine.order_by(N.c.received_on, N.c.id)).scalars().all()
    if not receipts:
        return Outcome(Result.already, "receipt.nothing_unapplied")
    receipt = receipts[0]
    number = c.need("receivable")
    receivable = c.work.session.execute(
        select(Receivable)
        .where(R.c.customer_id == c.customer, R.c.number == number)
        .order_by(R.c.open_minor.desc())
        .limit(1)
    ).scalar_one_or_none()
    if receivable is None:
        raise DomainError("receivable.unknown", number=number)
    value = c.text("amount")
    amount = parse_major(value.replace(",", ""), receipt.currency) if value else None
    allocation = allocate(c.work, receipt, receivable, amount)
    facts = {"receipt": receipt.number, "receivable": number, "minor": allocation.amount_minor, "currency": receipt.currency}
    return Outcome(Result.done, "receipt.allocated", facts)


def _credit_note(c: _Context) -> Outcome:
    currency = c.currency() or c.work.company.currency
    number = c.text("number") or f"CN-{c.customer}-{c.work.now:%Y%m%d%H%M%S%f}"
    O = table_of(CreditNote)  # noqa: E741
    if c.work.session.execute(select(O.c.id).where(O.c.source == "manual", O.c.number == number)).first():
        return Outcome(Result.already, "credit_note.there", {"number": number})
    new_credit_notes(
        c.work,
        [
            {
                "number": number,
                "source": "manual",
                "customer_id": c.customer,
                "issued_on": c.work.today,
                "amount_minor": c.money("amount", required=True),
                "currency": currency,
                "reason": c.need("reason"),
            }
        ],
    )
    return Outcome(Result.done, "credit_note.recorded", {"number": number})


def _release(c: _Context) -> Outcome:
    """Finance lets the reviewed letters go; the next cycle in the letters window sends them, stage by stage."""
    F = table_of(Firing)
    released = c.work.session.execute(
        F.update()
        .where(F.c.outcome == "deferred", F.c.reason == "in_review", F.c.stage.is_not(None))
        .values(reason=RELEASED)
        .returning(F.c.customer_id)
    ).scalars()
    customers = sorted(set(released))
    if not customers:
        return Outcome(Result.already, "letters.none")
    c.work.audit("letters.release", "release", c.subject_id, customers=len(customers))
    outbox.touch(c.work, "release", [c.subject_id])
    return Outcome(Result.done, "letters.released", {"customers": len(customers), "customer_ids": customers})


def _task_id(c: _Context) -> int | None:
    return c.subject_id if c.subject == "task" else None


def _amounts(pairs: Iterable[tuple[int, str]]) -> list[list[Any]]:
    """JSON for an outcome: [[minor, currency], …]."""
    return [[minor, currency] for minor, currency in pairs]


@dataclass(frozen=True)
class Spec:
    """What an action needs. `fresh`: a tap on an older revision of the card is stale. `verb`: its row in permissions."""

    handler: Handler
    fresh: bool = False
    verb: str = ""


# Ids are permanent: cards in people's chats carry them.
TABLE: dict[str, Spec] = {
    "task.promise": Spec(_promise),
    "task.paid": Spec(_paid),
    "task.part_paid": Spec(_part_paid),
    "task.dispute": Spec(_dispute),
    "task.not_reached": Spec(_not_reached),
    "task.copy": Spec(_copy),
    "task.other": Spec(_other),
    "task.note": Spec(_note),
    "task.snooze": Spec(_snooze),
    "task.reassign": Spec(_reassign),
    "customer.assign": Spec(_assign),
    "claim.confirm": Spec(_confirm_claim, fresh=True),
    "claim.void": Spec(_void_claim, fresh=True),
    "promise.approve": Spec(_decide_promise(True), fresh=True),
    "promise.reject": Spec(_decide_promise(False), fresh=True),
    "pause.approve": Spec(_decide_pause(True), fresh=True),
    "pause.reject": Spec(_decide_pause(False), fresh=True),
    "pause.set": Spec(_pause),
    "pause.end": Spec(_unpause),
    "dispute.settle": Spec(_settle_dispute, fresh=True),
    "receipt.record": Spec(_receipt),
    "receipt.allocate": Spec(_allocate),
    "credit_note.record": Spec(_credit_note),
    "letters.release": Spec(_release, fresh=True),
}
