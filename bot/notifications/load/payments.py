"""Money as people hear of it: what arrived, what was taken back, what waits to be allocated."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.notifications.load.facts import (
    About,
    Cancel,
    Facts,
    Loaded,
    Message,
    days_of,
    overdue_of,
    phrase,
    row_of,
    sums,
)  # fmt: skip
from bot.notifications.load.promises import standing
from bot.notifications.views import AllocateView, PaymentView, Phrase
from core.dunning.facts import ReceivableFacts
from core.models import (
    Allocation,
    CreditNote,
    Entry,
    EntryKind,
    OutboxMessage,
    Promise,
    PromiseState,
    Receipt,
    Receivable,
    Task,
    TaskState,
)
from core.models.base import table_of
from core.money import Money
from core.payments import unapplied_credits

N, P, E, O = table_of(Receipt), table_of(Promise), table_of(Entry), table_of(OutboxMessage)  # noqa: E741
A, R = table_of(Allocation), table_of(Receivable)
REVERSED_DAYS = 7  # how far before the task a reversal may lie that it is about


def arrived(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """One line per owner, customer and day. The amounts are those that came in; what stays overdue is as of today."""
    found = facts.work.session.execute(select(O.c.data).where(O.c.id == message.subject_id)).scalar() or {}
    ids = found.get("receipts") or message.data.get("receipts") or []
    rows = _receipts(facts, ids)
    if not rows:
        return Cancel("resolved")
    good = [r for r in rows if r.reversed_on is None]
    ended = None
    if not good:
        if not message.for_update:
            return Cancel("reversed")
        good, ended = rows, phrase("ended.reversed")
    elif message.delivered_on is not None and message.delivered_on < facts.today:
        return Cancel("stays")
    customer_id = message.customer_id or good[0].customer_id
    about = facts.about(customer_id)
    mine = _visible(facts, about, message.person_id)
    unpaid = [r for r in mine if r.due_on and r.age(facts.today) > 0 and _unpaid(r) > 0]
    view = PaymentView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        amount=sums((r.amount_minor, r.currency) for r in good),
        on=max(r.received_on for r in good),
        count=len(good),
        numbers=tuple(r.number for r in good),
        unapplied=sums((r.open_minor, r.currency) for r in good if ended is None),
        overdue=sums((_unpaid(r), r.currency) for r in unpaid),
        netted=sums((r.netted_minor, r.currency) for r in mine if r.due_on and r.age(facts.today) > 0 and r.netted_minor),
        open=sums((r.open_minor, r.currency) for r in mine),
        days=max((r.age(facts.today) for r in unpaid), default=0),
        aside=sums((_unpaid(r) - (r.chaseable_minor if r.chaseable else 0), r.currency) for r in unpaid),
        promise=_promise(facts, customer_id, good),
        ended=ended,
    )
    return Loaded(
        kind="payment.arrived",
        view=view,
        customer_code=about.code,
        receivables=_paid_by(facts, [r.id or 0 for r in good]),
        over=ended is not None,
    )


def _unpaid(r: ReceivableFacts) -> int:
    """Promised, claimed or disputed money has not arrived: only what credit covers is out."""
    return r.open_minor - r.netted_minor


def _paid_by(facts: Facts, receipt_ids: list[int]) -> tuple[str, ...]:
    """What the money settles or settled: the receivables it was put on, oldest first. Taken back, they are named all
    the same."""
    rows = facts.work.session.execute(
        select(R.c.number)
        .join(A, A.c.receivable_id == R.c.id)
        .where(A.c.receipt_id.in_(receipt_ids))
        .order_by(R.c.due_on.is_(None), R.c.due_on, R.c.number)
    )
    return tuple(dict.fromkeys(rows.scalars()))


def reversed_(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """A receipt was taken back and something is open again: owner and finance look into it."""
    about = facts.about(task.customer_id or 0)
    if ended is None and not about.receivables:
        if not message.for_update:
            return Cancel("settled")
        ended = phrase("ended.settled")
    since = facts.day_of(task.opened_at) - timedelta(days=REVERSED_DAYS)
    rows = facts.work.session.execute(
        select(N.c.number, N.c.amount_minor, N.c.currency, N.c.reversed_on, E.c.reason)
        .outerjoin(E, (E.c.receipt_id == N.c.id) & (E.c.kind == EntryKind.reversal))
        .where(N.c.customer_id == about.id, N.c.reversed_on >= since)
        .order_by(N.c.reversed_on.desc(), N.c.id.desc())
    ).all()
    latest = [r for r in rows if r.reversed_on == rows[0].reversed_on]
    view = PaymentView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        amount=sums((r.amount_minor, r.currency) for r in latest)
        or sums((r.open_minor, r.currency) for r in about.receivables),
        on=latest[0].reversed_on if latest else facts.day_of(task.opened_at),
        count=len(latest) or 1,
        numbers=tuple(dict.fromkeys(r.number for r in latest)),
        overdue=overdue_of(about.receivables, facts.today),
        open=sums((r.open_minor, r.currency) for r in about.receivables),
        days=days_of(about.receivables, facts.today),
        **standing(about, {r.currency for r in about.receivables}),
        reason=next((r.reason for r in latest if r.reason), ""),
        ended=ended,
    )
    return Loaded(
        kind="payment.reversed",
        view=view,
        customer_code=about.code,
        task_id=task.id,
        receivables=tuple(r.number for r in about.receivables),
        severity=task.severity,
        over=ended is not None,
    )


def allocate(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """The customer's oldest receipt or credit note that settles nothing yet, and what it could settle."""
    about = facts.about(task.customer_id or 0)
    row = next(iter(unapplied_credits(facts.work, about.id)), None)
    if row is None or ended is not None:
        if not message.for_update:
            return Cancel("allocated")
        known: list[Receipt | CreditNote] = [
            *_receipts(facts, [e["receipt"] for e in task.events if e.get("kind") == "receipt"]),
            *(
                facts.work.session.get_one(CreditNote, e["credit_note"])
                for e in task.events
                if e.get("kind") == "credit_note"
            ),
        ]
        if not known:
            return Cancel("allocated")
        row = known[-1]
        if task.state in (TaskState.open, TaskState.answered):
            taken_back = isinstance(row, Receipt) and row.reversed_on is not None
            ended = phrase("ended.reversed" if taken_back else "ended.allocated")
    candidates = [r for r in about.receivables if r.currency == row.currency]
    view = AllocateView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        number=row.number,
        amount=Money(row.amount_minor, row.currency),
        unallocated=Money(row.open_minor, row.currency),
        on=row.received_on if isinstance(row, Receipt) else row.issued_on,
        payer=row.payer if isinstance(row, Receipt) else "",
        reference=row.reference if isinstance(row, Receipt) else row.reason,
        candidates=tuple(row_of(r, facts.today) for r in candidates),
        ended=ended,
    )
    return Loaded(
        kind="receipt.allocate",
        view=view,
        customer_code=about.code,
        task_id=task.id,
        receivables=tuple(r.number for r in candidates),
        severity=task.severity,
        over=task.state != TaskState.open,
    )


def _receipts(facts: Facts, ids: list[int]) -> list[Receipt]:
    rows = facts.work.session.execute(
        select(Receipt).where(N.c.id.in_(ids)).order_by(N.c.id), execution_options={"populate_existing": True}
    )
    return list(rows.scalars())


def _visible(facts: Facts, about: About, person_id: int | None) -> list[ReceivableFacts]:
    """What the reader looks after; everything, for whoever has the customer, or none of it."""
    mine = [r for r in about.receivables if facts.org.responsible(r.owner_id, about.owner_id) == person_id]
    return about.receivables if not mine or about.owner_id == person_id else mine


def _promise(facts: Facts, customer_id: int, rows: list[Receipt]) -> str:
    """What the money made of a promise: kept, or partly kept."""
    since = min(r.recorded_at for r in rows)
    state = facts.work.session.execute(
        select(P.c.state)
        .where(
            P.c.customer_id == customer_id,
            P.c.state.in_((PromiseState.kept, PromiseState.partly_kept)),
            P.c.ended_at >= since,
        )
        .order_by(P.c.ended_at.desc(), P.c.id.desc())
        .limit(1)
    ).scalar()
    return str(state or "")
