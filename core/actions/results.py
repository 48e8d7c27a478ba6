"""What a rep logs about a customer: the `task.*` actions, notes and owners."""

from collections.abc import Iterable
from typing import Any

from core import chores, claims, disputes, promises, tasks, unsigned
from core.actions.request import Context, Outcome, Result, amounts_of, person_named, task_id
from core.credit import prepayment
from core.errors import DomainError
from core.ledger.marks import mark
from core.models import Customer, TaskState
from core.money import Money


def promise(c: Context) -> Outcome:
    due_on = c.day("date", required=True)
    assert due_on is not None
    amount = c.money("amount")
    currency = c.currency() if amount is not None else c.text("currency").upper() or None
    made = promises.make(
        c.work, c.policy, c.customer, due_on,
        amount_minor=amount, currency=currency, note=c.text("note"), task_id=task_id(c),
    )  # fmt: skip
    counts = [m.promise for m in made if not m.needs]
    if len(counts) < len(made):
        c.work.audit("task.promise_proposed", "customer", c.customer, c.customer, due_on=due_on.isoformat())
    facts = {"due_on": due_on.isoformat(), "amounts": amounts_of((p.amount_minor, p.currency) for p in counts)}
    if counts:
        tasks.answer(c.work, c.customer, "promise", **facts, note=c.text("note"))
        tasks.others_follow(c.work, c.policy, c.customer, [p.currency for p in counts])
    ids = [m.promise.id for m in made]
    withdrawn = amounts_of((p.amount_minor, p.currency) for m in made for p in m.withdrawn)
    before = {"replaced": _earlier(m for m in made if not m.needs), "standing": _earlier(m for m in made if m.needs)}
    earlier = {name: found for name, found in before.items() if found}
    if len(counts) < len(made):
        first = next(m for m in made if m.needs)
        n, of = promises.limit_passed(c.policy, first.promise, first.needs), Money(first.of_minor, first.promise.currency)
        said = {"needs": first.needs, "n": n, "of": of, "on": due_on, "ids": ids, **earlier}
        return Outcome(Result.done, "promise.proposed", said)
    said = {"on": due_on, "amounts": facts["amounts"], "ids": ids, **earlier}
    if withdrawn:
        return Outcome(Result.done, "promise.made_instead", {**said, "withdrawn": withdrawn})
    return Outcome(Result.done, "promise.made", said)


def _earlier(made: Iterable[promises.Made]) -> list[dict[str, Any]]:
    """What stood before: on which day, how much."""
    found = [m.earlier for m in made if m.earlier is not None]
    return [{"date": p.due_on, "amount": Money(p.amount_minor, p.currency)} for p in found]


def paid(c: Context) -> Outcome:
    return _claim(c, c.money("amount"), "paid")


def part_paid(c: Context) -> Outcome:
    return _claim(c, c.money("amount", required=True), "part_paid")


def _claim(c: Context, amount: int | None, kind: str) -> Outcome:
    currency = c.currency() if amount is not None else c.text("currency").upper() or None
    made = claims.make(
        c.work, c.policy, c.customer,
        amount_minor=amount, currency=currency, paid_on=c.day("paid_on"), task_id=task_id(c),
    )  # fmt: skip
    amounts = amounts_of((m.amount_minor, m.currency) for m in made)
    tasks.answer(c.work, c.customer, kind, amounts=amounts, paid_on=made[0].paid_on.isoformat())
    tasks.others_follow(c.work, c.policy, c.customer, [m.currency for m in made])
    return Outcome(Result.done, "claim.made", {"amounts": amounts, "until": made[0].expires_on, "ids": [m.id for m in made]})


def dispute(c: Context) -> Outcome:
    amount = c.money("amount")
    currency = c.currency() if amount is not None else c.text("currency").upper() or None
    made = disputes.start(
        c.work, c.policy, c.customer, c.text("reason") or "other",
        amount_minor=amount, currency=currency, note=c.text("note"), task_id=task_id(c),
    )  # fmt: skip
    amounts = amounts_of((m.amount_minor, m.currency) for m in made)
    tasks.answer(c.work, c.customer, "dispute", amounts=amounts, reason=made[0].reason)
    tasks.others_follow(c.work, c.policy, c.customer, [m.currency for m in made])
    return Outcome(
        Result.done, "dispute.opened", {"amounts": amounts, "reason": made[0].reason, "ids": [m.id for m in made]}
    )


def not_reached(c: Context) -> Outcome:
    again_on = c.day("again_on", required=True)
    assert again_on is not None
    tasks.not_reached(c.work, c.policy, c.customer, again_on)
    return Outcome(Result.done, "task.again", {"on": again_on})


def copy(c: Context) -> Outcome:
    if not c.text("what"):
        raise DomainError("task.copy_what")
    tasks.needs_copy(c.work, c.policy, c.customer, c.text("what"))
    return Outcome(Result.done, "task.copy_asked")


def other(c: Context) -> Outcome:
    task = c.task() if c.subject == "task" else None
    if task is not None and task.kind != "collect":
        note = c.need("note")
        c.work.audit("chore.done", "task", task.id, task.customer_id, kind=task.kind, note=note)
        if task.kind in (prepayment.KIND, unsigned.KIND):  # each rep has orders of their own
            chores.end(c.work, [task], TaskState.answered)
        else:
            chores.close(c.work, task.kind, task.customer_id, TaskState.answered)
        if task.kind == "reversed":  # the debt is back, and the ladder may have ended
            tasks.come_back(c.work, c.policy, c.customer)
        return Outcome(Result.done, "task.logged")
    tasks.other(c.work, c.policy, c.customer, c.need("note"))
    return Outcome(Result.done, "task.logged")


def note(c: Context) -> Outcome:
    c.work.audit("task.note", "customer", c.customer, c.customer, note=c.need("note"))
    return Outcome(Result.done, "task.noted")


def snooze(c: Context) -> Outcome:
    task, until = c.task(), c.day("until", required=True)
    assert until is not None
    if task is None:
        return Outcome(Result.invalid, "task.none")
    tasks.snooze(c.work, c.policy, task, until)
    return Outcome(Result.done, "task.snoozed", {"on": until})


def reassign(c: Context) -> Outcome:
    person = person_named(c, "person")
    tasks.reassign(c.work, c.customer, c.task(), person.id or 0)
    # Whoever was told of the silence has acted on it; the new owner answers from now on.
    told = [t for t in tasks.open_tasks(c.work, c.customer) if t.silent_task_id and t.person_id != person.id]
    chores.end(c.work, told, TaskState.handed_over, why=person.name)
    return Outcome(Result.done, "task.reassigned", {"to": person.name})


def assign(c: Context) -> Outcome:
    person = person_named(c, "person")
    customer = c.work.session.get_one(Customer, c.customer)
    customer.owner_id = person.id
    if "owner" not in customer.edited:
        customer.edited = [*customer.edited, "owner"]
    c.work.audit("customer.assign", "customer", c.customer, c.customer, to=person.handle)
    mark(c.work, [c.customer])  # whoever looks after it decides about none of its orders
    chores.close(c.work, "assign", c.customer, TaskState.answered)
    return Outcome(Result.done, "customer.assigned", {"to": person.name})
