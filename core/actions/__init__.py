"""The table of actions: what a tap or a written command may do. `execute` is the only way in; of many at once, `begin`
and `follow`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select

from core import cases, followups, tasks
from core.actions import absence, approvals, credit, finance, groups, limits, proposals, ratings, results
from core.actions.request import ActionRequest, Context, Handler, Outcome, Result
from core.credit import locks
from core.dunning.ladder import Policy
from core.dunning.stored import active
from core.errors import DomainError
from core.models import (
    Case,
    Claim,
    CreditRequest,
    Customer,
    Delivery,
    Dispute,
    LimitProposal,
    Order,
    OutboxMessage,
    Pause,
    Person,
    Promise,
    Receipt,
    Receivable,
    StoredPolicy,
    Task,
    TaskState,
)
from core.models.base import table_of
from core.permissions import may, relation_to
from core.work import Work

__all__ = [
    "TABLE", "ActionRequest", "Context", "Outcome", "Result", "begin", "elsewhere", "execute", "follow", "lock_free",
    "would",
]  # fmt: skip


def execute(work: Work, request: ActionRequest) -> Outcome:
    """Does what a person asks for, in the caller's transaction, or says why not. Domain errors become `invalid`.

    The customer is locked first, so of two taps at once the second sees what the first did.
    """
    found = _asked(work, request)
    if isinstance(found, Outcome):
        return found
    try:
        with work.session.begin_nested():
            outcome = found.handle()
            if outcome.result == Result.done:
                follow(found.work, [found])
            return outcome
    except DomainError as error:
        return Outcome(Result.invalid, error.code, error.facts)


def would(work: Work, request: ActionRequest) -> Outcome:
    """What `execute` would answer now. Its customer stays locked, and nothing is changed."""
    found = _asked(work, request)
    if isinstance(found, Outcome):
        return found
    trial = work.session.begin_nested()
    try:
        return found.handle()
    except DomainError as error:
        return Outcome(Result.invalid, error.code, error.facts)
    finally:
        trial.rollback()


def begin(work: Work, request: ActionRequest) -> "tuple[Outcome, Context | None]":
    """The first half of `execute`, for a customer that is locked already. Until the context has gone through `follow`,
    in the same transaction, cases and cards are behind, so it is the only request about its customer."""
    found = _asked(work, request, locked=True)
    if isinstance(found, Outcome):
        return found, None
    try:
        with work.session.begin_nested():
            outcome = found.handle()
    except DomainError as error:
        return Outcome(Result.invalid, error.code, error.facts), None
    return outcome, found if outcome.result == Result.done else None


def follow(work: Work, changes: "Sequence[Context]") -> None:
    """What follows from these changes for cases, tasks and cards, at a price that hardly grows with their number."""
    by = {change.customer_id: change.work for change in changes if change.customer_id is not None}
    if not by:
        return
    work = replace(work, by=by) if len(by) > 1 else changes[0].work
    cases.refresh(work, sorted(by), [receipt for change in changes for receipt in change.receipts])
    for change in changes:
        if change.customer_id is not None:
            followups.remember(change.work, change.after)


def _asked(work: Work, request: ActionRequest, *, locked: bool = False) -> "Context | Outcome":
    """What is asked for, if it may be done."""
    spec = TABLE.get(request.action)
    if spec is None:
        return Outcome(Result.invalid, "action.unknown", {"action": request.action})
    refused = elsewhere(work, request.action)
    if refused is not None:
        return refused
    person = work.session.get(Person, request.person_id)
    if person is None or not person.active:
        return Outcome(Result.not_allowed, "action.not_allowed")
    work = replace(work, person_id=person.id, actor=person.handle if work.actor == "system" else work.actor)
    _, policy = active(work)
    found = _subject(work, policy, request, spec.handler, locked=locked)
    if isinstance(found, Outcome):
        return found
    if _no_such_button(found, spec):
        return Outcome(Result.invalid, "action.unknown", {"action": request.action})
    if not _allowed(work, person, spec, found):
        return Outcome(Result.not_allowed, "action.not_allowed", {"action": request.action})
    return _gone(found, spec) or _outdated(found, spec) or found


def elsewhere(work: Work, action: str) -> Outcome | None:
    """The refusal of a decision about credit in the local messenger once there is a real one, of whatever else makes room
    for an order, and of naming a deputy for such decisions: whoever sits at this machine acts there in anybody's name, and a
    decision must be its maker's own."""
    real = [name for name in work.company.messengers if name != "local"]
    if work.channel != "local" or not real or not (action.startswith(("credit.", "limit.")) or action in _MAKES_ROOM):
        return None
    return Outcome(Result.not_allowed, "credit.elsewhere", {"action": action})


def _subject(
    work: Work, policy: Policy, request: ActionRequest, handler: Handler, *, locked: bool
) -> "Context | Outcome":
    """What the tap is about, with its customer locked, or the group of which the limit may be in question; `locked`: it
    is, and nothing was read before that."""
    delivery = None
    subject, subject_id = request.subject, request.subject_id or 0
    if request.delivery_id is not None:
        delivery = work.session.get(Delivery, request.delivery_id)
        if delivery is None:
            return Outcome(Result.invalid, "delivery.unknown", {"delivery": request.delivery_id})
        subject, subject_id = delivery.subject, delivery.subject_id
    task = work.session.get(Task, subject_id) if subject == "task" and locked else None
    customer_id = task.customer_id if task is not None else _customer_of(work, subject, subject_id)
    if not locked:
        if customer_id is not None:
            try:
                locks.lock(work, customer_id)
            except DomainError as error:
                return Outcome(Result.stale, error.code, error.facts)
            _read_anew(work)
        task = work.session.get(Task, subject_id) if subject == "task" else None
    return Context(work, policy, request, handler, subject, subject_id, customer_id, delivery, task)


def lock_free(work: Work, customer_ids: Collection[int]) -> list[int]:
    """Locks these customers, but for those that somebody else has locked; their ids."""
    locked = locks.lock_free(work, customer_ids)
    _read_anew(work)
    return locked


def _read_anew(work: Work) -> None:
    """What was read before the lock may be outdated."""
    for row in work.session.identity_map.values():
        if not isinstance(row, Person | StoredPolicy):
            work.session.expire(row)


# Its columns and not the row: what is read before the lock may be outdated after it.
_CUSTOMER_OF = {
    name: select(table.c.customer_id).where(table.c.id == bindparam("id")) for name, table in (
        ("task", table_of(Task)), ("case", table_of(Case)), ("promise", table_of(Promise)), ("claim", table_of(Claim)),
        ("dispute", table_of(Dispute)), ("pause", table_of(Pause)), ("receipt", table_of(Receipt)),
        ("arrived", table_of(OutboxMessage)), ("credit", table_of(CreditRequest)),
        ("proposal", table_of(LimitProposal)),
        ("order", table_of(Order)),
    )
}  # fmt: skip


def _customer_of(work: Work, subject: str, subject_id: int) -> int | None:
    if subject == "customer":
        return subject_id
    if subject not in _CUSTOMER_OF:
        return None
    found: int | None = work.session.execute(_CUSTOMER_OF[subject], {"id": subject_id}).scalar()
    return found


def _no_such_button(context: Context, spec: "Spec") -> bool:
    """A button that no card about such a subject has: its id would be taken for that of something else."""
    if context.subject not in spec.subjects:
        return True
    if context.subject == "task" and context.request.action == "dispute.settle":
        return context.work.session.get_one(Task, context.subject_id).kind != "dispute"
    return context.customer_id is None and not spec.no_customer


def _belongs_to(context: Context) -> set[int | None]:
    """Whose subject it is, for "own" and "above": the task's person, the dispute's owner, whoever asked."""
    session, action = context.work.session, context.request.action
    if action == "dispute.settle":
        meant = approvals.disputes_meant(context)
        if meant:  # one by one: what belongs to several belongs to nobody
            owners = {dispute.owner_id for dispute in meant}
            return owners if len(owners) == 1 else set()
    if context.subject == "task":
        task = session.get_one(Task, context.subject_id)
        if task.kind in ("collect", "reversed") or action in ("task.other", "task.snooze") or not action.startswith("task."):
            return {task.person_id} | (_responsible(context) if action == "task.reassign" else set())
        return _responsible(context)  # of a chore whose card has no such button
    if context.subject == "promise" and action.startswith("promise."):
        return {session.get_one(Promise, context.subject_id).made_by_id}
    if context.subject == "pause":
        return {session.get_one(Pause, context.subject_id).made_by_id}
    if context.subject == "order":
        return credit.asked_by(context) or _responsible(context)
    if context.subject == "person":
        return {context.subject_id}
    return _responsible(context)


def _responsible(context: Context) -> set[int | None]:
    """Who looks after the customer, or the part of it that is in question."""
    work, session = context.work, context.work.session
    if context.customer_id is None:
        return set()
    owner = session.get_one(Customer, context.customer_id).owner_id
    R = table_of(Receivable)
    if context.subject == "case":
        currency = session.get_one(Case, context.subject_id).currency
        query = select(R.c.owner_id).where(
            R.c.customer_id == context.customer_id, R.c.currency == currency, R.c.open_minor > 0
        )
        return {one if one is not None else owner for one in session.execute(query.distinct()).scalars()} or {owner}
    mine = [t.person_id for t in tasks.open_tasks(work, context.customer_id)]
    if work.person_id in mine:
        return {work.person_id}
    owned = session.execute(
        select(R.c.id)
        .where(R.c.customer_id == context.customer_id, R.c.owner_id == work.person_id, R.c.open_minor > 0)
        .limit(1)
    ).first()
    return {work.person_id if owned else owner}


def _allowed(work: Work, person: Person, spec: "Spec", context: Context) -> bool:
    if _asked_for_it(person, context):
        return False
    owners, verb = _belongs_to(context) or {None}, spec.verb or context.request.action
    if any(may(verb, person.roles, relation_to(work.session, person.id or 0, person.roles, owner)) for owner in owners):
        return True
    # Whoever was sent a card may press the buttons that it has: a stand-in has no role that says so.
    delivery = context.delivery
    return delivery is not None and delivery.person_id == person.id and delivery.kind in spec.cards


def _asked_for_it(person: Person, context: Context) -> bool:
    """Nobody decides what they asked for or said themselves, whatever their roles and whoever was sent the card."""
    session, action = context.work.session, context.request.action
    if action == "claim.confirm":
        return session.get_one(Claim, context.subject_id).made_by_id == person.id
    if action in ("promise.approve", "promise.reject"):
        return session.get_one(Promise, context.subject_id).made_by_id == person.id
    if action in ("pause.approve", "pause.reject"):
        return session.get_one(Pause, context.subject_id).made_by_id == person.id
    if action == "dispute.settle" and "finance_manager" not in person.roles:
        return any(dispute.made_by_id == person.id for dispute in approvals.disputes_meant(context))
    return False


def _outdated(context: Context, spec: "Spec") -> Outcome | None:
    """A button with an amount or a decision, on a card that has been drawn anew since: pressed for what it once said."""
    delivery, seen = context.delivery, context.request.seen_rev
    if not spec.fresh or delivery is None or seen is None or seen == delivery.rev:
        return None
    return Outcome(Result.already, "card.closed") if delivery.state == "closed" else Outcome(Result.stale, "action.stale")


def _named(work: Work, actor: str) -> str:
    """Who did it, as people call them."""
    handle = actor.rpartition(" as ")[2]
    P = table_of(Person)
    return work.session.execute(select(P.c.name).where(P.c.handle == handle)).scalar() or handle


def _gone(context: Context, spec: "Spec") -> Outcome | None:
    """The subject has ended meanwhile: the tap changes nothing, and says so."""
    if context.subject == "task":
        task = context.work.session.get_one(Task, context.subject_id)
        if task.state != TaskState.open:
            by = _named(context.work, task.closed_by)
            return Outcome(Result.already, f"task.{task.state}", {"by": by, "at": task.closed_at})
    if context.subject == "case" and context.request.action.startswith("task."):
        case = context.work.session.get_one(Case, context.subject_id)
        if case.state == "closed":
            return Outcome(Result.already, "case.closed")
        if case.state == "waiting" and context.delivery is not None:
            return Outcome(Result.already, "case.waiting")
    return None


@dataclass(frozen=True)
class Spec:
    """What an action needs.

    `subjects`: what it may be pressed or typed about; anything else is no such action. `cards`: the messages with such
    a button, which whoever was sent one may press. `fresh`: a tap on an older revision of the card is stale. `verb`:
    its row in permissions. `no_customer`: works on a task that is about nobody.
    """

    handler: Handler
    subjects: tuple[str, ...]
    cards: tuple[str, ...] = ()
    fresh: bool = False
    verb: str = ""
    no_customer: bool = False


_MAKES_ROOM = frozenset({"group.limit_set", "hold.lift", "blacklist.end", "rating.set", "person.away"})
_ABOUT = ("task", "case", "customer", "promise", "claim", "arrived")
_ALERTS = ("alert.severe", "alert.high_risk")
_CARDS = (*_ALERTS, "promise.due", "promise.broken", "claim.expired")
_TYPED = ("customer",)

# Ids are permanent: cards in people's chats carry them.
TABLE: dict[str, Spec] = {
    "task.promise": Spec(results.promise, _ABOUT, _CARDS),
    "task.paid": Spec(results.paid, _ABOUT, _CARDS),
    "task.part_paid": Spec(results.part_paid, _ABOUT, _CARDS),
    "task.dispute": Spec(results.dispute, _ABOUT, _CARDS),
    "task.not_reached": Spec(results.not_reached, _ABOUT, _CARDS),
    "task.copy": Spec(results.copy, _ABOUT, _CARDS),
    "task.other": Spec(results.other, _ABOUT, _CARDS, no_customer=True),
    "task.note": Spec(results.note, _TYPED),
    "task.snooze": Spec(results.snooze, _ABOUT, _CARDS, no_customer=True),
    "task.reassign": Spec(results.reassign, _ABOUT, _ALERTS),
    "customer.assign": Spec(results.assign, ("task", "customer"), ("task.gap", "task.overdue", "task.due_soon")),
    "claim.confirm": Spec(approvals.confirm_claim, ("claim",), ("claim.review",), fresh=True),
    "claim.void": Spec(approvals.void_claim, ("claim",), ("claim.review",), fresh=True),
    "promise.approve": Spec(approvals.decide_promise(True), ("promise",), ("promise.approval",), fresh=True),
    "promise.reject": Spec(approvals.decide_promise(False), ("promise",), ("promise.approval",), fresh=True),
    "pause.approve": Spec(approvals.decide_pause(True), ("pause",), ("pause.approval",), fresh=True),
    "pause.reject": Spec(approvals.decide_pause(False), ("pause",), ("pause.approval",), fresh=True),
    "pause.set": Spec(approvals.pause, _TYPED),
    "pause.end": Spec(approvals.unpause, _TYPED),
    "dispute.settle": Spec(approvals.settle_dispute, ("task", "dispute", "customer"), ("dispute.open",), fresh=True),
    "receipt.record": Spec(finance.record_receipt, _TYPED),
    "receipt.allocate": Spec(finance.allocate_receipt, ("task", "customer", "receipt"), ("receipt.allocate",)),
    "credit_note.record": Spec(finance.record_credit_note, _TYPED),
    # Whoever was sent the card may be a deputy without such a role; whether they decide says the route: core.credit.
    "credit.approve": Spec(credit.decide(True), ("credit",), ("credit.request",)),
    "credit.approve_with": Spec(credit.approve_with, ("credit",), ("credit.request",)),
    "credit.reject": Spec(credit.decide(False), ("credit",), ("credit.request",)),
    "credit.explain": Spec(credit.explain, ("order",)),
    "credit.withdraw": Spec(credit.withdraw, ("order",)),
    "credit.ask_again": Spec(credit.ask_again, ("order",)),
    "person.away": Spec(absence.away, ("person",), no_customer=True),
    "person.back": Spec(absence.back, ("person",), no_customer=True),
    "limit.agree": Spec(proposals.decide(True), ("proposal",), ("limit.proposed",)),
    "limit.decline": Spec(proposals.decide(False), ("proposal",), ("limit.proposed",)),
    "limit.set": Spec(limits.set_limit, _TYPED),
    "limit.ask": Spec(limits.ask, _TYPED),
    "group.limit_set": Spec(groups.set_limit, ("group",), no_customer=True),
    "hold.set": Spec(limits.hold, _TYPED),
    "hold.lift": Spec(limits.lift, _TYPED),
    "blacklist.set": Spec(limits.blacklist, _TYPED),
    "blacklist.end": Spec(limits.unblacklist, _TYPED),
    "rating.set": Spec(ratings.override, _TYPED),
    "letters.release": Spec(
        finance.release_letters, ("release",), ("letters.release",), fresh=True, no_customer=True
    ),
}
