"""/todo, /log, /snooze: one's own work."""

from typing import Any
from zoneinfo import ZoneInfo

from bot.commands.collection import missing
from bot.commands.parser import Ask, fields, named
from bot.commands.reply import CommandReply
from bot.commands.write import change
from bot.notifications.views import TodoLine, TodoView
from core.money import Money, format_major
from core.queries import TodoRow, main_currency
from core.queries import todo as todo_rows


def todo(ask: Ask) -> CommandReply:
    assert ask.person.id is not None
    company = ask.work.company.calendar.zone
    zone = ZoneInfo(ask.person.timezone) if ask.person.timezone else company
    rows = todo_rows(ask.work, ask.person.id)
    view = TodoView(
        today=ask.work.today,
        person=ask.person.name,
        tasks=tuple(
            TodoLine(
                task=str(row.task_id), customer=row.customer, severity=row.severity, state=row.state,
                overdue=tuple(Money(minor, currency) for currency, minor in sorted(row.overdue.items())),
                days_overdue_max=row.days_overdue_max, answer_by=row.answer_by and row.answer_by.astimezone(zone),
            )
            for row in rows
        ),
    )  # fmt: skip
    json = {"person": ask.person.handle, "tasks": [_json(ask, row, company) for row in rows]}
    return CommandReply(kind="reply.todo", view=view, json=json)


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
