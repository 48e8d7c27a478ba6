"""Disputes: what somebody has to settle, and how it was settled."""

from __future__ import annotations

from sqlalchemy import select

from bot.notifications.load.claims import numbers_of
from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, overdue_of, phrase, sums
from bot.notifications.views import DisputeView, Phrase
from core.models import Audit, Dispute, DisputeState, Task
from core.models.base import table_of
from core.money import Money

U = table_of(Audit)
SETTLED = (DisputeState.accepted, DisputeState.rejected, DisputeState.part)


def dispute(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """A message about one dispute itself."""
    row = facts.work.session.get_one(Dispute, message.subject_id)
    if message.kind == "dispute.settled":
        if message.for_update:
            return Cancel("stays")
        return _loaded(facts, message, row) if row.state in SETTLED else Cancel(str(row.state))
    ended = None
    if row.state != DisputeState.open:
        if not message.for_update:
            return Cancel(str(row.state))
        ended = ended_of(row)
    return _loaded(facts, message, row, ended=ended)


def chore(facts: Facts, message: Message, task: Task) -> Loaded | Cancel:
    """The task of whoever settles: the oldest dispute of it that is open."""
    ids = [e["dispute"] for e in task.events if e.get("kind") == "dispute.open"]
    B = table_of(Dispute)
    rows = list(
        facts.work.session.execute(
            select(Dispute).where(B.c.id.in_(ids)).order_by(B.c.id), execution_options={"populate_existing": True}
        ).scalars()
    )
    if not rows:
        return Cancel("resolved")
    row = next((r for r in rows if r.state == DisputeState.open), None)
    if row is None or task.state != "open":
        if not message.for_update:
            return Cancel(str(rows[-1].state))
        return _loaded(facts, message, row or rows[-1], ended=ended_of(row or rows[-1]), task=task)
    return _loaded(facts, message, row, task=task)


def ended_of(row: Dispute) -> Phrase:
    if row.state == DisputeState.accepted:
        return phrase("ended.dispute_accepted", amount=sums([(row.accepted_minor, row.currency)]))
    if row.state == DisputeState.part:
        return phrase("ended.dispute_part", amount=sums([(row.accepted_minor, row.currency)]))
    if row.state == DisputeState.rejected:
        return phrase("ended.dispute_rejected")
    return phrase("ended.settled" if row.state == DisputeState.ended else "ended.resolved")


def _loaded(
    facts: Facts, message: Message, row: Dispute, *, ended: Phrase | None = None, task: Task | None = None
) -> Loaded:
    about = facts.about(row.customer_id)
    mine = [r for r in about.receivables if r.currency == row.currency]
    numbers = numbers_of(facts, "dispute", row.id or 0)
    amount = row.amount_minor
    if row.state == DisputeState.open:
        # Money pays the undisputed part first: min(disputed, open), all disputes of the currency together.
        left = sum(r.disputed_minor for r in mine)
        amount = min(amount, left) or amount
    settled_by = ""
    if row.state in SETTLED:
        settled_by = facts.who_did(f"dispute.{row.state}", "dispute", row.id)
    owner = facts.org.responsible(next((r.owner_id for r in mine), None), about.owner_id)
    view = DisputeView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        reason=row.reason,
        amount=Money(amount, row.currency),
        by=facts.name(row.made_by_id),
        opened_on=facts.day_of(row.made_at),
        numbers=numbers,
        note=row.note,
        answer_by=facts.local(row.answer_by, message.person_id) if ended is None else None,
        late=ended is None and facts.passed(row.answer_by),
        outcome=str(row.state) if row.state in SETTLED else "",
        credit=Money(row.accepted_minor, row.currency) if row.accepted_minor else None,
        settled_by=settled_by,
        overdue=overdue_of(mine, facts.today),
        owner="" if owner == message.person_id else facts.name(owner),
        ended=ended,
    )
    return Loaded(
        kind=message.kind,
        view=view,
        customer_code=about.code,
        task_id=task.id if task is not None else None,
        receivables=numbers,
        severity=task.severity if task is not None else "",
        over=ended is not None,
    )
