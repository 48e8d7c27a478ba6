"""What did not leave: no longer true, nowhere to go, refused for good. What cannot be delivered becomes a task, never
silence."""

from sqlalchemy import update

from core import chores
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Firing, FiringOutcome, Letter, LetterState, OutboxMessage, OutboxState, Person
from core.models.base import table_of
from core.time import local_instant
from core.work import Work

F, L = table_of(Firing), table_of(Letter)
MAY_BECOME_TRUE = ("netted", "below_min")  # nothing to chase now, but the task is open: looked at again next morning


def drop(work: Work, message: OutboxMessage, reason: str) -> None:
    """No longer true, or nowhere to go. What cannot be delivered becomes a task, never silence."""
    if reason in MAY_BECOME_TRUE and message.op == "send" and message.subject == "task":
        _, policy = active(work)
        tomorrow = work.company.calendar.next_working_day(work.today)
        message.not_before = local_instant(tomorrow, policy.windows.work.start, work.company.calendar.zone)
        message.reason = reason
        return
    message.done_at = work.now
    message.reason = reason
    if reason in ("no_account", "no_messenger"):
        message.state = OutboxState.dead
        if message.op == "send":  # what is only to change was delivered
            undelivered(work, message, reason)
        return
    message.state = OutboxState.cancelled
    if message.op != "send":
        return
    outcome = FiringOutcome.cancelled
    if message.subject == "letter":
        work.session.execute(update(L).where(L.c.id == message.subject_id).values(state=LetterState.cancelled, sent_on=None))
        outcome = FiringOutcome.deferred  # what is still owed is planned anew; settled ones were cancelled already
    work.session.execute(
        update(F)
        .where(F.c.outbox_id == message.id, F.c.outcome == FiringOutcome.acted)
        .values(outcome=outcome, was=FiringOutcome.acted, reason=reason, changed_at=work.now)
    )


def undelivered(work: Work, message: OutboxMessage, reason: str) -> None:
    _, policy = active(work)
    org = load_org(work)
    people = [p for p in chores.holders(org, "finance_manager")[:1] if p != message.person_id]
    if not people:
        people = [p for p in chores.holders(org, "admin")[:1] if p != message.person_id]
    name = work.session.get_one(Person, message.person_id).name if message.person_id else message.address
    data = {"kind": "delivery.failed", "outbox": message.id, "reason": reason, "what": message.kind, "to": name}
    chores.open_chore(work, policy, "undelivered", people, customer_id=message.customer_id, data=data)
