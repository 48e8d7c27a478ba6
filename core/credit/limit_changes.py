"""How a customer's limit came to be what it is, and what is prepared for later: who set what, when, until when and why.
Reads only."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import or_, select

from core.models import Audit, CreditLine, CreditRequest, Order, Person
from core.models.base import table_of
from core.work import Work

A, L, Q, O, P = (table_of(m) for m in (Audit, CreditLine, CreditRequest, Order, Person))  # noqa: E741
_TOLD = ("limit.set", "limit.raised", "customer.updated")
_COLUMN = "credit_limit_minor"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """`how`: `set`, `raised` (for a while), `imported`, `approved` (with an order: `after_minor` more, for a while).
    Amounts in minor units of `currency`, "" where the import didn't say; None is no limit, 0 cash only."""

    on: date
    how: str
    before_minor: int | None
    after_minor: int | None
    currency: str
    start: date | None = None
    until: date | None = None
    by: str = ""
    reason: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A temporary limit that begins on a later day: `amount_minor` of `currency` on top of the customer's own, through
    `until`."""

    amount_minor: int
    currency: str
    start: date
    until: date
    by: str
    handle: str
    reason: str


def prepared(work: Work, customer_id: int) -> list[Prepared]:
    """The first to begin first; one statement."""
    query = (
        select(L.c.amount_minor, L.c.currency, L.c.from_on, L.c.until, L.c.ended_on, L.c.reason, P.c.name, P.c.handle)
        .select_from(L.outerjoin(P, P.c.id == L.c.made_by_id))
        .where(
            L.c.customer_id == customer_id, L.c.kind == "temporary", L.c.from_on > work.today,
            or_(L.c.ended_on.is_(None), L.c.ended_on > L.c.from_on),  # a newer one took its place before it began
        )
        .order_by(L.c.from_on, L.c.id)
    )  # fmt: skip
    day = timedelta(days=1)
    return [
        Prepared(
            amount_minor=row.amount_minor, currency=row.currency, start=row.from_on,
            until=row.until if row.ended_on is None else min(row.until, row.ended_on - day), by=row.name or "",
            handle=row.handle or "", reason=row.reason,
        )
        for row in work.session.execute(query)
    ]  # fmt: skip


def limit_changes(work: Work, customer_id: int) -> list[LimitChange]:
    """The newest first."""
    query = (
        select(A.c.at, A.c.action, A.c.data, P.c.name)
        .select_from(A.outerjoin(P, P.c.id == A.c.person_id))
        .where(A.c.customer_id == customer_id, A.c.action.in_(_TOLD))
        .order_by(A.c.at, A.c.id)
    )
    found = []
    for at, action, data, by in work.session.execute(query):
        change = _change(at.astimezone(work.company.calendar.zone).date(), action, data, by or "")
        if change is not None:
            found.append(change)
    found += _approved(work, customer_id)
    return sorted(found, key=lambda change: change.on)[::-1]


def _change(on: date, action: str, data: dict[str, Any], by: str) -> LimitChange | None:
    if action == "customer.updated":
        if _COLUMN not in data.get("after", {}):
            return None
        before, after = data.get("before", {}).get(_COLUMN), data["after"][_COLUMN]
        return LimitChange(on=on, how="imported", before_minor=before, after_minor=after, currency="")
    start, until = (date.fromisoformat(data[key]) if data.get(key) else None for key in ("from", "until"))
    return LimitChange(
        on=on, how=action.removeprefix("limit."), before_minor=data["before_minor"], after_minor=data["after_minor"],
        currency=data["currency"], start=start, until=until, by=by, reason=data.get("reason", ""),
    )  # fmt: skip


def _approved(work: Work, customer_id: int) -> list[LimitChange]:
    query = (
        select(L.c.from_on, L.c.until, L.c.amount_minor, L.c.currency, L.c.reason, P.c.name, O.c.number)
        .select_from(
            L.join(Q, Q.c.id == L.c.request_id).join(O, O.c.id == Q.c.order_id).outerjoin(P, P.c.id == L.c.made_by_id)
        )
        .where(L.c.customer_id == customer_id)
        .order_by(L.c.id)
    )
    return [
        LimitChange(
            on=on, how="approved", before_minor=None, after_minor=minor, currency=currency, until=until, by=by or "",
            reason=reason, order=order,
        )
        for on, until, minor, currency, reason, by, order in work.session.execute(query)
    ]  # fmt: skip
