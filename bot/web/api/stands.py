"""How an order stands now, as the REST API tells it: its verdict, what of it is done, and who is asked about it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.credit import events, orders, progress, requests
from core.models import CreditRequest, Order, Person
from core.models.base import table_of
from core.money import format_major
from core.permissions import may
from core.work import Work

P = table_of(Person)


def stands(work: Work, order: Order) -> dict[str, Any]:
    """schemas.OrderNow."""
    pending = requests.pending(work, order.id or 0)
    done = progress.of_order(work, order)
    money = {
        "amount": order.amount_minor, "shipped": done.shipped_minor, "signed": done.signed_minor,
        "invoiced": done.invoiced_minor,
    }  # fmt: skip
    return {
        **orders.as_json(order, pending.id if pending is not None else None),
        "currency": order.currency,
        **{name: format_major(minor, order.currency) for name, minor in money.items()},
        "pending": _asked(work, pending) if pending is not None else None,
        "conditions": events.conditions(order),
        "placed": _shown(work, order.placed_at),
        "ordered_on": order.ordered_on.isoformat() if order.ordered_on else None,
        "decided": _shown(work, order.decided_at),
        "ended": _shown(work, order.ended_at),
    }


def _asked(work: Work, request: CreditRequest) -> dict[str, Any]:
    """schemas.Pending: roles and no names, whom to ask is the company's own affair."""
    rung = request.rungs[request.rung]
    return {
        "request": request.id,
        "since": _shown(work, request.opened_at),
        "expires": _shown(work, request.expires_at),
        "step": request.rung + 1,
        "steps": len(request.rungs),
        "need": rung["need"],
        "asked": _roles(work, rung["people"]),
    }


def _roles(work: Work, people: Collection[int]) -> list[str]:
    """Of these people, as far as they decide about credit; in alphabetical order."""
    rows = work.session.execute(select(P.c.roles).where(P.c.id.in_(people))).scalars()
    return sorted({role for roles in rows for role in roles or () if may("credit.approve", [role])})


def _shown(work: Work, at: datetime | None) -> str | None:
    return at.astimezone(work.company.calendar.zone).isoformat() if at is not None else None
