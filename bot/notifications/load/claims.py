"""“The customer says it is paid”: finance looks for the money; managers hear of claims that nobody confirmed."""

from __future__ import annotations

from sqlalchemy import select

from bot.notifications.load.events import news
from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, days_of, overdue_of, phrase
from bot.notifications.load.promises import standing
from bot.notifications.views import ClaimView, Phrase
from core.dunning.state import NOTICES
from core.models import Audit, Claim, ClaimState, Cover, Receipt, Receivable, Task
from core.models.base import table_of
from core.money import Money

M, U, V, R, N = table_of(Claim), table_of(Audit), table_of(Cover), table_of(Receivable), table_of(Receipt)


def claim(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    row = facts.work.session.get_one(Claim, message.subject_id)
    return (expired if message.kind == "claim.expired" else review)(facts, message, row)


def review(facts: Facts, message: Message, row: Claim) -> Loaded | Cancel:
    """Finance confirms or voids."""
    if row.state == ClaimState.pending:
        return _loaded(facts, message, row)
    if not message.for_update:
        return Cancel(str(row.state))
    if row.state == ClaimState.expired:
        return _loaded(facts, message, row, ended=phrase("ended.expired"))
    who = facts.who_did(f"claim.{row.state}", "claim", row.id)
    if row.state == ClaimState.void:
        return _loaded(facts, message, row, ended=phrase("ended.voided", who=who))
    number = facts.work.session.execute(select(N.c.number).where(N.c.id == row.receipt_id)).scalar() or ""
    return _loaded(facts, message, row, ended=phrase("ended.confirmed", who=who, text=number))


def expired(facts: Facts, message: Message, row: Claim) -> Loaded | Cancel:
    """To the manager: nobody confirmed it, again."""
    ended = None
    about = facts.about(row.customer_id)
    if row.state != ClaimState.expired:
        ended = phrase("ended.corrected")
    elif not any(r.currency == row.currency for r in about.receivables):
        ended = phrase("ended.settled")
    if ended is not None and not message.for_update:
        return Cancel("settled" if ended.code == "ended.settled" else str(row.state))
    return _loaded(facts, message, row, ended=ended, in_a_row=_in_a_row(facts, row.customer_id))


def of_task(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | None:
    """The owner's task that an expired claim opened: the same card, with the task's answer-by."""
    event = next((e for e in reversed(task.events) if e.get("kind") == "claim.expired"), None)
    row = facts.work.session.get(Claim, event["claim"]) if event is not None else None
    if row is None or row.state != ClaimState.expired:
        return None
    return _loaded(facts, message, row, ended=ended, task=task, in_a_row=_in_a_row(facts, row.customer_id))


def _in_a_row(facts: Facts, customer_id: int) -> int:
    states = facts.work.session.execute(
        select(M.c.state)
        .where(M.c.customer_id == customer_id, M.c.state != ClaimState.pending)
        .order_by(M.c.ended_at.desc(), M.c.id.desc())
        .limit(20)
    ).scalars()
    count = 0
    for state in states:
        if state != ClaimState.expired:
            break
        count += 1
    return count


def numbers_of(facts: Facts, kind: str, subject_id: int) -> tuple[str, ...]:
    """The receivables that a claim or dispute is about, oldest first."""
    rows = facts.work.session.execute(
        select(R.c.number)
        .join(V, V.c.receivable_id == R.c.id)
        .where(V.c.kind == kind, V.c.subject_id == subject_id)
        .order_by(R.c.due_on, R.c.number)
    )
    return tuple(rows.scalars())


def _loaded(
    facts: Facts,
    message: Message,
    row: Claim,
    *,
    ended: Phrase | None = None,
    task: Task | None = None,
    in_a_row: int = 0,
) -> Loaded:
    today, about = facts.today, facts.about(row.customer_id)
    links = facts.links(task.id or 0) if task is not None else set()
    mine = [r for r in about.receivables if (r.id in links if task is not None else r.currency == row.currency)]
    numbers = numbers_of(facts, "claim", row.id or 0)
    answer_by = None
    if task is not None and ended is None:
        answer_by = facts.local(facts.answer_by(task, delivering=not message.for_update), message.person_id)
    owner = facts.org.responsible(next((r.owner_id for r in mine), None), about.owner_id)
    notice = task is None and ended is None and message.kind in NOTICES.values()
    told = news(facts, about, message.delivered_on or today, but=f"claim:{row.id}") if notice else ()
    view = ClaimView(
        today=today,
        customer=about.name,
        short=about.short,
        code=about.code,
        amount=Money(row.amount_minor, row.currency),
        claimed_by=facts.name(row.made_by_id),
        claimed_on=facts.day_of(row.made_at),
        paid_on=row.paid_on,
        expires_on=row.expires_on,
        numbers=numbers,
        overdue=overdue_of(mine, today),
        days=days_of(mine, today),
        in_a_row=in_a_row,
        **standing(about, [row.currency]),
        answer_by=answer_by,
        late=facts.passed(answer_by),
        owner="" if owner == message.person_id else facts.name(owner),
        events=told,
        ended=ended,
    )
    return Loaded(
        kind=message.kind if task is None else "claim.expired",
        view=view,
        customer_code=about.code,
        task_id=task.id if task is not None else None,
        receivables=numbers,
        severity=task.severity if task is not None else "",
        over=ended is not None,
    )
