"""/todo, /log, /snooze: one's own work."""

from typing import Any
from zoneinfo import ZoneInfo

from bot.commands import lists
from bot.commands.collection import missing
from bot.commands.parser import Ask, fields, named
from bot.commands.reply import CommandReply
from bot.commands.write import change
from bot.notifications.views import Phrase, TodoLine, TodoView
from core.money import Money, format_major
from core.queries import TodoRow, main_currency
from core.queries import todo as todo_rows
from core.waiting import Waiting, waiting


def todo(ask: Ask) -> CommandReply:
    assert ask.person.id is not None
    company = ask.work.company.calendar.zone
    zone = ZoneInfo(ask.person.timezone) if ask.person.timezone else company
    rows, asked = todo_rows(ask.work, ask.person.id), waiting(ask.work, ask.person.id)
    held, held_told = lists.held_orders(ask)
    view = TodoView(
        today=ask.work.today,
        person=ask.person.name,
        held=held[: lists.HELD_SHOWN],
        held_more=len(held[lists.HELD_SHOWN :]),
        tasks=tuple(_decision(row, zone) for row in asked)
        + tuple(
            TodoLine(
                task=str(row.task_id), customer=row.customer, severity=row.severity, state=row.state,
                overdue=tuple(Money(minor, currency) for currency, minor in sorted(row.overdue.items())),
                days_overdue_max=row.days_overdue_max, answer_by=row.answer_by and row.answer_by.astimezone(zone),
                late=row.answer_by is not None and row.answer_by <= ask.work.now, event=_chore(row),
            )
            for row in rows
        ),
    )  # fmt: skip
    json = {
        "person": ask.person.handle,
        "tasks": [_json(ask, row, company) for row in rows],
        "waiting": [_asked(row, company) for row in asked],
        "held_orders": held_told,
    }
    return CommandReply(kind="reply.todo", view=view, json=json)


_DECISIONS = {
    "credit.request": "todo.credit_request",
    "limit.proposed": "todo.limit_proposed",
    "promise.approval": "todo.promise_approval",
    "pause.approval": "todo.pause_approval",
    "claim.review": "todo.claim",
    "dispute.open": "todo.dispute",
    "promise.due": "todo.promise_due",
    "letters.release": "todo.letters",
    "watch.report": "todo.watch",
}
_CHORES = {
    "allocate": "todo.allocate",
    "assign": "event.gap",
    "reversed": "todo.reversed",
    "letter": "event.letter_unsure",
    "undelivered": "todo.undelivered",
    "receipts": "event.receipts_stale",
    "invoice": "todo.invoice",
    "prepay": "todo.prepay",
    "sign": "todo.sign",
    "related": "todo.related",
}


def _decision(row: Waiting, zone: ZoneInfo) -> TodoLine:
    amount = (Money(row.amount_minor, row.currency),) if row.currency else ()
    said = Phrase(code=_DECISIONS[row.kind], on=row.on, amount=amount, who=row.who, n=row.count, text=row.text)
    return TodoLine(
        task=row.item, customer=row.customer, severity="overdue", overdue=(), days_overdue_max=0,
        answer_by=row.until and row.until.astimezone(zone), state="open", event=said,
    )  # fmt: skip


def _chore(row: TodoRow) -> Phrase | None:
    """What a task that isn't the dunning one is about."""
    if row.kind == "dispute":
        amount = tuple(Money(minor, currency) for currency, minor in sorted(row.disputed.items()))
        return Phrase(code="todo.dispute", amount=amount)
    if row.kind == "copy":
        what = dict.fromkeys(str(event.get("what", "")) for event in row.events if event.get("kind") == "copy")
        return Phrase(code="event.copy_wanted", text="、".join(what))
    return Phrase(code=_CHORES[row.kind]) if row.kind in _CHORES else None


def _asked(row: Waiting, zone: ZoneInfo) -> dict[str, Any]:
    """`item` is what `task.open` takes; no amount and no day where there is none."""
    return {
        "item": row.item, "kind": row.kind, "customer": row.code, "name": row.customer,
        "amount": format_major(row.amount_minor, row.currency) if row.currency else None,
        "currency": row.currency or None, "on": row.on.isoformat() if row.on else None, "by": row.who,
        "customers": row.count or 1, "order": row.text or None,
        "until": row.until.astimezone(zone).isoformat() if row.until else None,
    }  # fmt: skip


def _json(ask: Ask, row: TodoRow, zone: ZoneInfo) -> dict[str, Any]:
    currency = main_currency(ask.work.company.currency, row.overdue)
    return {
        "task": row.task_id, "kind": row.kind, "customer": row.code, "name": row.customer, "severity": row.severity,
        "currency": currency, "overdue": format_major(row.overdue.get(currency, 0), currency),
        "others": {key: format_major(minor, key) for key, minor in sorted(row.overdue.items()) if key != currency},
        "days_overdue_max": row.days_overdue_max,
        "answer_by": row.answer_by.astimezone(zone).isoformat() if row.answer_by else None,
        "state": row.state,
    }  # fmt: skip


def log(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    if not name.rest:
        return ask.error("command.usage", usage=ask.usage)
    note = " ".join(name.rest)
    return change(ask, name, "task.note", {"note": note}, note)


def snooze(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    found = fields(name.rest, ask.work.today, ask.currency_of(name.one), amount=False)
    if found.day is None or found.rest:
        return missing(ask, found.rest, "date.unknown")
    until = found.day.isoformat()
    return change(ask, name, "task.snooze", {"until": until}, until)
