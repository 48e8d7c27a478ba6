"""The morning's digest: a line for each card that would have come, as far as it is still true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, phrase, sums, worst
from bot.notifications.views import DigestLine, DigestView
from core.dunning.ladder import SEVERITIES
from core.models import Task, TaskState
from core.models.base import table_of

T = table_of(Task)
Load = Callable[[Facts, Message, str], Loaded | Cancel]


def digest(facts: Facts, message: Message, lang: str, load: Load) -> Loaded | Cancel:
    """`load` draws one item. Lines riskiest first."""
    facts.preload([message])
    lines: dict[tuple[str, int], tuple[DigestLine, Loaded]] = {}
    for item in message.data.get("items", ()):
        loaded = load(facts, _message(item, message), lang)
        if isinstance(loaded, Loaded) and getattr(loaded.view, "ended", None) is None:
            lines.setdefault((item["subject"], item["id"]), (_line(item, loaded), loaded))
    if not lines and not message.for_update:
        return Cancel("settled")
    ordered = sorted(lines.values(), key=lambda pair: _risk(pair[0]))
    # A customer with two lines is counted once: both are about the same money.
    total: dict[str, DigestLine] = {}
    for line, loaded in ordered:
        total.setdefault(loaded.customer_code, line)
    answer_by = min((line.answer_by for line, _ in ordered if line.answer_by is not None), default=None)
    view = DigestView(
        today=facts.today,
        person=facts.name(message.person_id),
        lines=tuple(line for line, _ in ordered),
        total=sums((m.minor, m.currency) for line in total.values() for m in line.overdue),
        answer_by=answer_by,
        late=facts.passed(answer_by),
        notices=_notices(facts, message, [loaded for _, loaded in ordered]),
        ended=None if ordered else phrase("ended.resolved"),
    )
    return Loaded(
        kind="digest.daily",
        view=view,
        receivables=tuple(dict.fromkeys(n for _, loaded in ordered for n in loaded.receivables)),
        severity=worst(line.severity for line, _ in ordered),
        over=not ordered,
    )


# Decisions: in /todo without being tasks.
_DECISIONS = frozenset({
    "credit.request", "limit.proposed", "promise.approval", "pause.approval", "claim.review", "dispute.open", "promise.due",
    "letters.release", "watch.report",
})  # fmt: skip


def _notices(facts: Facts, message: Message, drawn: Sequence[Loaded]) -> int:
    """How many only tell of something: an alert about somebody else's task is no task of the reader's."""
    ids = sorted({one.task_id for one in drawn if one.task_id is not None})
    mine = select(T.c.id).where(T.c.id.in_(ids), T.c.person_id == message.person_id, T.c.state == TaskState.open)
    tasks = set(facts.work.session.execute(mine).scalars()) if ids else set()
    return sum(one.kind not in _DECISIONS and one.task_id not in tasks for one in drawn)


def _message(item: dict[str, Any], message: Message) -> Message:
    return Message(
        kind=item["kind"],
        subject=item["subject"],
        subject_id=item["id"],
        person_id=message.person_id,
        customer_id=item.get("customer"),
        data=item.get("data") or {},
        for_update=message.for_update,
        outbox_id=item.get("outbox"),
    )


def _line(item: dict[str, Any], loaded: Loaded) -> DigestLine:
    view = loaded.view
    events = getattr(view, "events", ())
    days = getattr(view, "days", 0)
    if not events and loaded.kind not in ("task.due_soon", "task.overdue", "task.critical", "alert.severe"):
        events = _SAYS.get(loaded.kind, lambda v: ())(view)
    overdue = getattr(view, "overdue", ())
    return DigestLine(
        task=str(loaded.task_id) if loaded.task_id is not None else f"{item['subject']}:{item['id']}",
        short=getattr(view, "short", ""),
        severity=loaded.severity or ("overdue" if overdue else "due_soon"),
        overdue=overdue,
        days=days,
        answer_by=getattr(view, "answer_by", None),
        late=getattr(view, "late", False),
        event=events[-1] if events else None,
    )


# What a line says of a card that isn't the ladder's.
_SAYS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "promise.due": lambda v: (phrase("event.promise_due", on=v.on, amount=(v.missing,)),),
    "promise.broken": lambda v: (phrase("event.promise_broken", on=v.on, amount=(v.amount,)),),
    "claim.expired": lambda v: (phrase("event.claim_expired", amount=(v.amount,)),),
    "task.silent": lambda v: (phrase("event.silent", who=v.silent_who),),
    "letter.final": lambda v: (phrase("event.letter_ready"),),
    "alert.high_risk": lambda v: (phrase("event.high_risk"),),
    "receipt.allocate": lambda v: (phrase("event.allocate", amount=(v.unallocated,)),),
    "task.gap": lambda v: (phrase("event.gap"),),
    "task.copy": lambda v: (phrase("event.copy_wanted", text=v.what),),
    "task.invoice": lambda v: (phrase("event.invoice_wanted", amount=v.amounts),),
    "task.sign": lambda v: (phrase("event.sign_wanted", amount=v.amounts),),
    "task.related": lambda v: (phrase("event.related_wanted", n=v.count),),
    "task.prepay": lambda v: (phrase("event.prepay_wanted", amount=v.amounts),),
    "payment.reversed": lambda v: (phrase("event.payment_reversed", on=v.on, amount=v.amount),),
    "dispute.open": lambda v: (phrase("event.dispute_open", amount=(v.amount,)),),
    "letter.unsure": lambda v: (phrase("event.letter_unsure"),),
    "delivery.failed": lambda v: (phrase("event.undelivered", who=v.to),),
    "watch.report": lambda v: (phrase("event.watch_customer", amount=v.overdue),),
    "receipts.stale": lambda v: (phrase("event.receipts_stale", on=v.expected),),
}


def _risk(line: DigestLine) -> tuple[int, int, int, str]:
    level = SEVERITIES.index(line.severity) if line.severity in SEVERITIES else 0
    return -level, -max((m.minor for m in line.overdue), default=0), -line.days, line.short
