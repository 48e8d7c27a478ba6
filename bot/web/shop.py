"""The demo's order system: what its panel on the page shows. The orders themselves go in by the REST API.

The panel is a client like any other: it posts to /api/v1/orders with a token of its own. What is read here, behind the
page's door, is what an order system would know from its own database, and who is asked, to show their phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlmodel import Session

from bot.commands.orders import asked_now, reasons_of, requests_of, state_of
from bot.notifications.templates import templates
from bot.notifications.views.credit import in_place_of
from core import tokens
from core.credit import seats
from core.credit.decision import decision
from core.credit.exposure import standing
from core.credit.verdict import OrderFacts, check
from core.dunning.stored import active
from core.errors import DomainError
from core.models import CreditRequest, Customer, Order, Person, RequestState
from core.models.base import table_of
from core.money import Money, format_major, format_money
from core.work import Work

SHOWN = 30  # orders on the panel, the newest first
NAME = "demo-order-system-"  # of its tokens; each time the demo is opened there is a new one
O, C, P = table_of(Order), table_of(Customer), table_of(Person)  # noqa: E741


@dataclass(frozen=True)
class Shop:
    """The order system that the page plays: its token for the REST API, and the source of its orders."""

    token: str
    source: str


def open_shop(work: Work, source: str) -> Shop:
    """A token for this time; those of the times before end, since nobody knows them any more."""
    before = [row for row in tokens.every(work) if row.name.startswith(NAME)]
    for row in before:
        tokens.revoke(work, row.name)
    _, token = tokens.issue(work, f"{NAME}{len(before) + 1}", ("orders:write", "orders:read"), source=source)
    return Shop(token, source)


def next_number(work: Work) -> str:
    """SO-260715-01: of its day the next one that nobody has used."""
    day = f"SO-{work.today:%y%m%d}-"
    used = work.session.execute(select(func.count()).where(O.c.number.startswith(day))).scalar_one()
    return f"{day}{used + 1:02d}"


def shop_routes(
    shop: Shop, read: Callable[[Callable[[Session], Any]], Any], work_of: Callable[[Session], Work]
) -> APIRouter:
    """`read` runs in a thread with a session of its own."""
    router = APIRouter()

    @router.get("/api/shop")
    async def get_shop(lang: str = "zh") -> Any:
        def found(session: Session) -> dict[str, Any]:
            return {"token": shop.token, "customers": _customers(session), **_lines(work_of(session), shop, lang)}

        return await read(found)

    @router.get("/api/shop/orders")
    async def get_orders(lang: str = "zh") -> Any:
        return await read(lambda session: _lines(work_of(session), shop, lang))

    @router.get("/api/shop/customers/{code}")
    async def get_customer(code: str, lang: str = "zh") -> Any:
        return await read(lambda session: _credit(work_of(session), code, lang))

    return router


def _customers(session: Session) -> list[dict[str, str]]:
    rows = session.execute(select(C.c.code, C.c.name, C.c.short_name, C.c.currency).order_by(C.c.code))
    return [{"code": row.code, "name": row.short_name or row.name, "currency": row.currency} for row in rows]


def _credit(work: Work, code: str, lang: str) -> dict[str, Any]:
    """A customer's credit, so that whoever tries it knows which amount is released and which is held.

    `limit` and `available` are texts in words, None without a limit; `room` is what is available in major units.
    """
    customer_id = work.session.execute(select(C.c.id).where(C.c.code == code)).scalar()
    if customer_id is None:
        raise DomainError("customer.unknown", value=code[:100])
    now, rules = standing(work, customer_id), active(work)[1].credit
    found = check(OrderFacts(0, now.currency), now, rules, work.company.currency)
    room = found.available_minor
    return {
        "rating": now.rating,
        "limit": None if found.limit_minor is None else format_money(Money(found.limit_minor, now.currency), lang),
        "available": None if room is None else format_money(Money(room, now.currency), lang),
        "room": None if room is None else format_major(max(room, 0), now.currency),
        "overdue_days": now.overdue_days,
        "held": bool(now.holds & {"order", "manual", "blacklist"}),
    }


def _lines(work: Work, shop: Shop, lang: str) -> dict[str, Any]:
    lang = "zh" if lang == "zh" else "en"
    mine = select(Order, C.c.short_name, C.c.name, C.c.code).join(C, C.c.id == O.c.customer_id)
    rows = work.session.execute(mine.where(O.c.source == shop.source).order_by(O.c.id.desc()).limit(SHOWN)).all()
    requests = requests_of(work, [row.Order.id or 0 for row in rows])
    people = _people(work, [row.Order for row in rows], [r for some in requests.values() for r in some])
    lines = [_line(work, row, requests.get(row.Order.id or 0, ()), people, lang) for row in rows]
    return {"orders": lines, "next": next_number(work)}


def _people(work: Work, orders: Iterable[Order], requests: Iterable[CreditRequest]) -> dict[int | None, dict[str, str]]:
    wanted = {order.asked_by_id for order in orders}
    for request in requests:
        by = request.decided_by_id
        wanted |= {by, *asked_now(request), *seats.acts_for(request.rungs[request.rung], by)}
    rows = work.session.execute(select(P.c.id, P.c.handle, P.c.name).where(P.c.id.in_(wanted - {None})))
    return {row.id: {"handle": row.handle, "name": row.name} for row in rows}


def _line(
    work: Work, row: Any, requests: Sequence[CreditRequest], people: dict[int | None, dict[str, str]], lang: str
) -> dict[str, Any]:
    order, last = row.Order, requests[-1] if requests else None
    pending = last if last is not None and last.state == RequestState.pending else None
    decided = decision(order, last)
    why = [templates().phrase(phrase, lang) for phrase in reasons_of(order.reasons, lang)]  # type: ignore[arg-type]
    return {
        "number": order.number,
        "customer": row.short_name or row.name,
        "code": row.code,
        "amount": format_money(Money(order.amount_minor, order.currency), lang),
        "at": order.placed_at.astimezone(work.company.calendar.zone).isoformat(),
        "state": state_of(order, requests),
        "why": why if order.state != "released" else [],
        "asked": [people[person] for person in asked_now(pending) if person in people],
        "rep": people.get(order.asked_by_id),
        "by": _decider(decided, people, lang) if decided is not None else None,
        "reason": decided.reason if decided is not None else "",
    }


def _decider(request: CreditRequest, people: dict[int | None, dict[str, str]], lang: str) -> dict[str, str] | None:
    """With those in whose place they decided."""
    by = people.get(request.decided_by_id)
    if by is None:
        return None
    seated = seats.acts_for(request.rungs[request.rung], request.decided_by_id)
    whom = [people[seat]["name"] for seat in seated if seat in people]
    return {**by, "name": in_place_of(by["name"], whom, lang)}
