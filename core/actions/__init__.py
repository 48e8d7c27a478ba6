"""The table of actions: what a tap or a written command may do. `execute` is the only way in."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from core import cases, followups, tasks
from core.actions import approvals, finance, results
from core.actions.request import ActionRequest, Context, Handler, Outcome, Result
from core.dunning.ladder import Policy
from core.errors import DomainError
from core.models import (
    Case,
    Claim,
    Customer,
    Delivery,
    Dispute,
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
from core.permissions import may, relation_to
from core.policies import active
from core.work import Work

__all__ = ["TABLE", "ActionRequest", "Outcome", "Result", "execute"]


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


def _subject(work: Work, policy: Policy, request: ActionRequest) -> "Context | Outcome":
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
        work.session.execute(select(C.c.id).where(C.c.id == customer_id).with_for_update(key_share=True))
        work.session.expire_all()
        if delivery is not None:
            work.session.refresh(delivery)
    return Context(work, policy, request, subject, subject_id, customer_id, delivery)


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


def _belongs_to(context: Context) -> int | None:
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


def _allowed(work: Work, person: Person, spec: "Spec", context: Context) -> bool:
    owner = _belongs_to(context)
    relation = relation_to(work.session, person.id or 0, person.roles, owner)
    if may(spec.verb or context.request.action, person.roles, relation):
        return True
    # Whoever was sent the card may press its buttons: a stand-in has no role that says so. Never for approvals of
    # one's own request, which `may` refuses by its own rule.
    sent_to_them = context.delivery is not None and context.delivery.person_id == person.id
    return sent_to_them and owner != person.id


def _gone(context: Context, spec: "Spec") -> Outcome | None:
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


@dataclass(frozen=True)
class Spec:
    """What an action needs. `fresh`: a tap on an older revision of the card is stale. `verb`: its row in permissions."""

    handler: Handler
    fresh: bool = False
    verb: str = ""


# Ids are permanent: cards in people's chats carry them.
TABLE: dict[str, Spec] = {
    "task.promise": Spec(results.promise),
    "task.paid": Spec(results.paid),
    "task.part_paid": Spec(results.part_paid),
    "task.dispute": Spec(results.dispute),
    "task.not_reached": Spec(results.not_reached),
    "task.copy": Spec(results.copy),
    "task.other": Spec(results.other),
    "task.note": Spec(results.note),
    "task.snooze": Spec(results.snooze),
    "task.reassign": Spec(results.reassign),
    "customer.assign": Spec(results.assign),
    "claim.confirm": Spec(approvals.confirm_claim, fresh=True),
    "claim.void": Spec(approvals.void_claim, fresh=True),
    "promise.approve": Spec(approvals.decide_promise(True), fresh=True),
    "promise.reject": Spec(approvals.decide_promise(False), fresh=True),
    "pause.approve": Spec(approvals.decide_pause(True), fresh=True),
    "pause.reject": Spec(approvals.decide_pause(False), fresh=True),
    "pause.set": Spec(approvals.pause),
    "pause.end": Spec(approvals.unpause),
    "dispute.settle": Spec(approvals.settle_dispute, fresh=True),
    "receipt.record": Spec(finance.record_receipt),
    "receipt.allocate": Spec(finance.allocate_receipt),
    "credit_note.record": Spec(finance.record_credit_note),
    "letters.release": Spec(finance.release_letters, fresh=True),
}
