"""/trace 编号: one receivable from contract and clause to the last thing that was said about it."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from bot.card import day_words
from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.commands.words import became, happened
from bot.notifications.views import TraceStep, TraceView
from bot.words import reason, step_day
from core.credit.progress import Sent, shipments
from core.dunning.ladder import LETTER_KINDS
from core.dunning.words import audience
from core.money import Money, format_major
from core.queries import Trace
from core.queries import trace as find_trace

SHOWN = 5  # shipments that the card names


def trace(ask: Ask) -> CommandReply:
    number = " ".join(ask.typed.words)
    if not number:
        return ask.error("command.usage", usage=ask.usage)
    found = find_trace(ask.work, ask.scope, number)
    if found is None:
        return ask.error("receivable.unknown", value=number)
    row = found.row
    sent = shipments(ask.work, row.customer_id, row.order_no)
    view = TraceView(
        today=ask.work.today, number=row.number, customer=row.customer, amount=Money(row.amount_minor, row.currency),
        open=Money(row.open_minor, row.currency), issued=row.issued_on, due=row.due_on, days_overdue=found.days_overdue,
        state=found.state, order=row.order_no, contract=row.contract_no, clause=row.terms,
        shipment=_sent(sent, ask) or _event(found, ask),
        steps=_steps(ask, found),
    )  # fmt: skip
    return CommandReply(kind="reply.trace", view=view, json=_json(ask, found, sent), customer_id=row.customer_id)


def _sent(sent: Sequence[Sent], ask: Ask) -> str:
    """The shipments of its order: numbers, and when they were signed for."""
    lang = ask.lang
    signed = "签收 {}" if lang == "zh" else "signed {}"
    left, right = ("（", "）") if lang == "zh" else (" (", ")")
    told = [
        f"{each.number}{left}{signed.format(_day(each.signed_on, ask))}{right}" if each.signed_on else each.number
        for each in sent[:SHOWN]
    ]
    return ("、" if lang == "zh" else ", ").join(told) + ("…" if len(sent) > SHOWN else "")


def _day(day: date | None, ask: Ask) -> str:
    return day_words(day, ask.work.today, ask.lang) if day is not None else ""


def _event(found: Trace, ask: Ask | None = None) -> str:
    """As the card says it, or without `ask` as JSON has it."""
    on = found.row.event_on
    day = "" if on is None else on.isoformat() if ask is None else _day(on, ask)
    return " ".join(part for part in (found.row.event, day) if part)


def _steps(ask: Ask, found: Trace) -> tuple[TraceStep, ...]:
    zone: ZoneInfo = ask.work.company.calendar.zone
    currency, zh = found.row.currency, ask.lang == "zh"

    def amount(minor: int | None) -> tuple[Money, ...]:
        return () if minor is None else (Money(minor, currency),)

    def step(on: date, what: str, detail: list[str], minor: int | None = None) -> TraceStep:
        said = " ".join(part for part in detail if part)
        return TraceStep(on=on, what=happened(what, ask.lang), amount=amount(minor), detail=said)

    steps = []
    for entry in found.entries:
        kind = "undone" if entry.kind == "allocation" and entry.amount_minor > 0 else entry.kind
        steps.append(step(entry.on, kind, [entry.actor, entry.reference, entry.reason], abs(entry.amount_minor)))
    for firing in found.firings:
        why = reason(firing.reason, ask.lang) if firing.outcome != "acted" else ""
        kind = firing.kind if firing.kind.startswith("letter.") else firing.kind.split(".")[0]
        whom = ("、" if zh else ", ").join(firing.names) or audience(firing.audience, ask.lang)
        steps.append(step(firing.on, kind, [step_day(firing.offset_days, zh), whom, why]))
    for contact in found.contacts:
        on = _day(contact.on, ask)
        day = contact.at.astimezone(zone).date()
        what = LETTER_KINDS.get(contact.stage, contact.what) if contact.what == "letter" else contact.what
        who = "" if contact.who == "system" else contact.who
        state = became(contact.what, contact.state, ask.lang)
        steps.append(step(day, what, [who, on, state, contact.note], contact.amount_minor))
    return tuple(sorted(steps, key=lambda one: one.on))


def _json(ask: Ask, found: Trace, sent: Sequence[Sent]) -> dict[str, Any]:
    row, zone = found.row, ask.work.company.calendar.zone

    def text(minor: int) -> str:
        return format_major(minor, row.currency)

    return {
        "number": row.number, "kind": row.kind, "source": row.source,
        "customer": {"code": row.code, "name": row.customer},
        "currency": row.currency, "amount": text(row.amount_minor), "open": text(row.open_minor),
        "issued": row.issued_on.isoformat(), "due": row.due_on.isoformat() if row.due_on else None,
        "days_overdue": found.days_overdue, "state": found.state,
        "settled": row.settled_on.isoformat() if row.settled_on else None,
        "order": row.order_no, "contract": row.contract_no, "clause": row.terms, "shipment": _event(found),
        "shipments": [
            {"number": each.number, "amount": format_major(each.amount_minor, each.currency), "currency": each.currency,
             "shipped": each.shipped_on.isoformat(), "signed": each.signed_on.isoformat() if each.signed_on else None}
            for each in sent
        ],
        "entries": [
            {"on": e.on.isoformat(), "at": e.at.astimezone(zone).isoformat(), "kind": e.kind, "amount": text(e.amount_minor),
             "reference": e.reference, "actor": e.actor, "handle": e.handle, "via": e.via, "reason": e.reason}
            for e in found.entries
        ],
        "firings": [
            {"on": f.on.isoformat(), "step": f.step, "occurrence": f.occurrence, "audience": f.audience, "kind": f.kind,
             "severity": f.severity, "outcome": f.outcome, "reason": f.reason, "to": f.to}
            for f in found.firings
        ],
        "contacts": [
            {"at": c.at.astimezone(zone).isoformat(), "what": c.what, "who": c.who, "state": c.state,
             "amount": None if c.amount_minor is None else text(c.amount_minor),
             "date": c.on.isoformat() if c.on else None, "note": c.note}
            for c in found.contacts
        ],
    }  # fmt: skip
