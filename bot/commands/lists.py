"""Lists about credit: who is on hold or blacklisted, how a limit came to be, one's own orders on hold."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from bot.commands import credit
from bot.commands.orders import asked_now, reasons_of, requests_of, state_of
from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.notifications.views import (
    CreditStatusView,
    HeldOrderLine,
    HoldLine,
    HoldsView,
    LimitLine,
    LimitView,
)
from core.credit.events import reasons
from core.credit.held import HeldOrder, customers_on_hold, orders_of
from core.credit.limit_changes import LimitChange, limit_changes
from core.models import CreditRequest, Person, RequestState
from core.models.base import table_of
from core.money import Money, format_major

SHOWN, HELD_SHOWN = 20, 5
P = table_of(Person)


# --- customers on hold ---


def holds(ask: Ask, kinds: Collection[str]) -> CommandReply:
    """Of the customers that this person sees whole."""
    found = customers_on_hold(ask.work, ask.scope, kinds)
    view = HoldsView(
        today=ask.work.today, blacklist=set(kinds) == {"blacklist"}, count=len(found),
        lines=tuple(
            HoldLine(
                code=row.code, name=row.name, kind=row.kind, since=row.since, until=row.until, by=row.by,
                reason=row.reason if row.by else "",  # a ladder's says no more than its kind
            )
            for row in found[:SHOWN]
        ),
    )  # fmt: skip
    told = [
        {
            "customer": {"code": row.code, "name": row.name}, "owner": row.owner, "kind": row.kind,
            "since": row.since.isoformat(), "until": row.until.isoformat() if row.until else None,
            "by": row.by or None, "reason": row.reason or None, "step": row.step or None,
        }
        for row in found
    ]  # fmt: skip
    return CommandReply(kind="reply.holds", view=view, json={"holds": told})


# --- the history of a limit ---


def limit(ask: Ask) -> CommandReply:
    """The customer's limit and how it came to be, for whoever sees its credit."""
    reply = credit.credit(ask)
    if reply.kind != "reply.credit" or not isinstance(reply.view, CreditStatusView) or reply.customer_id is None:
        return reply
    now, found = reply.view, limit_changes(ask.work, reply.customer_id)
    currency = reply.json["currency"]
    view = LimitView(
        today=ask.work.today, code=now.code, name=now.name, limit=now.limit, limit_source=now.limit_source, extra=now.extra,
        extra_until=now.extra_until, prepared=now.prepared, available=now.available, count=len(found),
        lines=tuple(_line(row, currency) for row in found[:SHOWN]),
    )  # fmt: skip
    history = [_told(row, currency) for row in found]
    return replace(reply, kind="reply.limit", view=view, json=reply.json | {"history": history})


def _line(row: LimitChange, currency: str) -> LimitLine:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, row.currency or currency)

    return LimitLine(
        on=row.on, how=row.how, before=money(row.before_minor), after=money(row.after_minor), start=row.start,
        until=row.until, by=row.by, reason=row.reason, order=row.order,
    )  # fmt: skip


def _told(row: LimitChange, currency: str) -> dict[str, Any]:
    def text(minor: int | None) -> str | None:
        return None if minor is None else format_major(minor, row.currency or currency)

    return {
        "on": row.on.isoformat(), "how": row.how, "before": text(row.before_minor), "after": text(row.after_minor),
        "currency": row.currency or currency, "from": row.start.isoformat() if row.start else None,
        "until": row.until.isoformat() if row.until else None, "by": row.by or None, "reason": row.reason or None,
        "order": row.order or None,
    }  # fmt: skip


# --- one's own orders on hold ---


def held_orders(ask: Ask) -> tuple[tuple[HeldOrderLine, ...], list[dict[str, Any]]]:
    """All of them, for the card and for programs."""
    found = orders_of(ask.work, ask.person.id or 0)
    if not found:
        return (), []
    requests = requests_of(ask.work, [one.order.id or 0 for one in found])
    pending = {id_: next((r for r in rows if r.state == RequestState.pending), None) for id_, rows in requests.items()}
    asked = sorted({person for request in pending.values() for person in asked_now(request)})
    rows = ask.work.session.execute(select(P.c.id, P.c.name, P.c.handle).where(P.c.id.in_(asked)))
    people = {row.id: (row.name, row.handle) for row in rows}
    lines, told = [], []
    for one in found:
        id_ = one.order.id or 0
        deciders = [people[person] for person in asked_now(pending.get(id_)) if person in people]
        line = _held(ask, one, requests.get(id_, []), tuple(name for name, _ in deciders))
        lines.append(line)
        told.append({
            "order": one.order.number, "customer": one.customer, "currency": one.order.currency,
            "amount": format_major(one.order.amount_minor, one.order.currency), "state": line.state,
            "reasons": reasons(one.order.reasons), "asked": [handle for _, handle in deciders],
        })  # fmt: skip
    return tuple(lines), told


def _held(ask: Ask, one: HeldOrder, requests: list[CreditRequest], asked: tuple[str, ...]) -> HeldOrderLine:
    row = one.order
    return HeldOrderLine(
        number=row.number, customer=one.customer, amount=Money(row.amount_minor, row.currency),
        state=state_of(row, requests), reasons=reasons_of(row.reasons, ask.lang), asked=asked,
    )  # fmt: skip
