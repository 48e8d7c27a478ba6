"""Promises: the card of the day, a broken one, a correction, a request for approval."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import select

from bot.notifications.load.events import news
from bot.notifications.load.facts import About, Cancel, Facts, Loaded, Message, days_of, overdue_of, phrase, sums
from bot.notifications.views import Phrase, PromiseView
from core import covers, promises
from core.dunning.facts import ReceivableFacts
from core.dunning.state import NOTICES
from core.models import Audit, Promise, PromiseState, Task
from core.models.base import table_of
from core.money import Money

U, P = table_of(Audit), table_of(Promise)
NOT_KEPT = (PromiseState.broken, PromiseState.partly_kept)
EVENTS = ("promise.broken", "promise.partly_kept")
_ENDED = {
    PromiseState.kept: "ended.kept",
    PromiseState.partly_kept: "ended.partly_kept",
    PromiseState.broken: "ended.broken",
    PromiseState.replaced: "ended.replaced",
    PromiseState.rejected: "ended.rejected",
}


def standing(about: About, currencies: Collection[str]) -> dict[str, Any]:
    """The first promise that runs in these currencies, for a View with `promise_on` and `promise_amount`."""
    running = [p for p in about.promises if p.currency in currencies]
    first = min(running, key=lambda p: p.due_on, default=None)
    return {} if first is None else {"promise_on": first.due_on, "promise_amount": Money(first.amount_minor, first.currency)}


def promise(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    row = facts.work.session.get_one(Promise, message.subject_id)
    return _KINDS[message.kind](facts, message, row)


def due(facts: Facts, message: Message, row: Promise) -> Loaded | Cancel:
    """On the day promised. Ends with the promise."""
    ended = None
    if row.state != PromiseState.open:
        ended = phrase(_ENDED.get(PromiseState(row.state), "ended.resolved"), who="")
    elif row.due_on > facts.today:
        ended = phrase("ended.promised", on=row.due_on, amount=sums([(row.amount_minor, row.currency)]))
    if ended is not None and not message.for_update:
        return Cancel(str(row.state) if row.state != PromiseState.open else "not_due")
    return _loaded(facts, message, row, ended=ended)


def broken(facts: Facts, message: Message, row: Promise) -> Loaded | Cancel:
    """To the manager: not kept again. No longer true when money turns up, or nothing is left to chase."""
    ended = None
    about = facts.about(row.customer_id)
    newer = next((p for p in about.promises if p.currency == row.currency), None)
    if row.state not in NOT_KEPT:
        ended = phrase("ended.kept" if row.state == PromiseState.kept else "ended.corrected")
    elif newer is not None and message.for_update:
        ended = phrase("ended.promised", on=newer.due_on, amount=sums([(newer.amount_minor, newer.currency)]))
    elif not any(r.currency == row.currency for r in about.receivables):
        ended = phrase("ended.settled")
    if ended is not None and not message.for_update:
        return Cancel("settled" if ended.code == "ended.settled" else str(row.state))
    return _loaded(facts, message, row, ended=ended)


def corrected(facts: Facts, message: Message, row: Promise) -> Loaded | Cancel:
    """Better than it was called. Said once; it asks nothing."""
    if message.for_update:
        return Cancel("stays")
    if row.state not in promises.CAME_TRUE:
        return Cancel(str(row.state))
    was = next((e.data.get("was", "") for e in reversed(_audit(facts, row)) if "was" in e.data), "")
    return _loaded(facts, message, row, was=str(was))


def approval(facts: Facts, message: Message, row: Promise) -> Loaded | Cancel:
    """Beyond the limits: a manager decides."""
    trail = _audit(facts, row)
    ended = None
    if row.state != PromiseState.proposed:
        if not message.for_update:
            return Cancel(str(row.state))
        rejected = row.state == PromiseState.rejected
        after = _after(facts, row) if row.state == PromiseState.replaced else None
        word = next((e for e in trail if e.action == ("promise.rejected" if rejected else "promise.approved")), None)
        code = "ended.rejected" if rejected else "ended.approved" if word is not None else "ended.cancelled"
        ended = phrase(code, who=facts.actor(word.actor) if word is not None else "")
        if word is None and after is not None:
            ended = phrase("ended.promised_anew", on=after.due_on, amount=sums([(after.amount_minor, after.currency)]))
    elif row.ends_on < facts.today:
        if not message.for_update:
            return Cancel("expired")
        ended = phrase("ended.expired")
    needs = message.data.get("needs") or next((e.data["needs"] for e in trail if e.data.get("needs")), "")
    told = (phrase(f"limit.{needs}", n=promises.limit_passed(facts.policy, row, needs)),) if needs else ()
    running = None if ended is not None else next((p for p in facts.about(row.customer_id).promises if _same(p, row)), None)
    return _loaded(facts, message, row, ended=ended, limits=told, replaces=running)


def _same(one: Promise, other: Promise) -> bool:
    return one.currency == other.currency and one.id != other.id


def _after(facts: Facts, row: Promise) -> Promise | None:
    """The next one that the customer made in that currency."""
    later = P.c.customer_id == row.customer_id, P.c.currency == row.currency, P.c.id > row.id
    return facts.work.session.execute(select(Promise).where(*later).order_by(P.c.id).limit(1)).scalar_one_or_none()


def of_task(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | None:
    """The owner's task that a broken promise opened: the same card, with the task's answer-by."""
    event = next((e for e in reversed(task.events) if e.get("kind") in EVENTS), None)
    row = facts.work.session.get(Promise, event["promise"]) if event is not None else None
    if row is None or row.state not in NOT_KEPT:
        return None
    links = facts.links(task.id or 0)
    about = facts.about(row.customer_id)
    mine = [r for r in about.receivables if r.id in links]
    return _loaded(facts, message, row, ended=ended, task=task, mine=mine)


def _audit(facts: Facts, row: Promise) -> list[Audit]:
    """What was done with this promise, oldest first."""
    found = select(Audit).where(U.c.subject == "promise", U.c.subject_id == row.id).order_by(U.c.id)
    return list(facts.work.session.execute(found).scalars())


def _loaded(
    facts: Facts,
    message: Message,
    row: Promise,
    *,
    ended: Phrase | None = None,
    was: str = "",
    limits: tuple[Phrase, ...] = (),
    replaces: Promise | None = None,
    task: Task | None = None,
    mine: list[ReceivableFacts] | None = None,
) -> Loaded:
    today, about = facts.today, facts.about(row.customer_id)
    if mine is None:
        mine = [r for r in about.receivables if r.currency == row.currency]
    received = row.received_minor
    if row.state == PromiseState.open:
        received = promises.received(facts.work, row)
    answer_by = None
    if task is not None and ended is None:
        answer_by = facts.local(facts.answer_by(task, delivering=not message.for_update), message.person_id)
    owner = facts.org.responsible(next((r.owner_id for r in mine), None), about.owner_id)
    notice = task is None and ended is None and message.kind in NOTICES.values()
    overdue, days, promised = overdue_of(mine, today), days_of(mine, today), 0
    if replaces is not None:  # the share is taken of what is overdue with what is promised now
        case = next((c for c in about.cases if c.currency == row.currency), None)
        whole = covers.overdue_with_promised(facts.work, case) if case is not None else []
        overdue, days = sums((minor, row.currency) for _, minor in whole), max((r.age(today) for r, _ in whole), default=0)
        promised = sum(min(r.promised_minor, minor) for r, minor in whole)
    told = news(facts, about, message.delivered_on or today, but=f"promise:{row.id}") if notice else ()
    view = PromiseView(
        today=today,
        customer=about.name,
        short=about.short,
        code=about.code,
        amount=Money(row.amount_minor, row.currency),
        on=row.due_on,
        by=facts.name(row.made_by_id),
        made_on=facts.day_of(row.made_at),
        received=Money(received, row.currency),
        missing=Money(max(0, row.amount_minor - received), row.currency),
        state=str(row.state),
        was=was,
        not_kept=about.not_kept,
        overdue=overdue,
        days=days,
        promised=sums([(promised, row.currency)]),
        limits=limits,
        earlier=sums([(replaces.amount_minor, replaces.currency)]) if replaces is not None else (),
        earlier_on=replaces.due_on if replaces is not None else None,
        note=row.note,
        answer_by=answer_by,
        late=facts.passed(answer_by),
        owner="" if owner == message.person_id else facts.name(owner),
        events=told,
        ended=ended,
    )
    return Loaded(
        kind=message.kind if task is None else "promise.broken",
        view=view,
        customer_code=about.code,
        task_id=task.id if task is not None else None,
        receivables=tuple(r.number for r in mine),
        severity=task.severity if task is not None else "",
        over=ended is not None,
    )


_KINDS: dict[str, Callable[[Facts, Message, Promise], Loaded | Cancel]] = {
    "promise.due": due,
    "promise.broken": broken,
    "promise.corrected": corrected,
    "promise.approval": approval,
}
