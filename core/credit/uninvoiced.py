"""Released orders that nobody has invoiced yet, by their numbers: receivables to come. The orders' and shipments' part of an
exposure, told order by order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, cast, func, select

from core.credit.parts import ZONE, days_of, is_of
from core.models import Order, OrderState, Receivable, Shipment
from core.models.base import table_of
from core.work import Work

O, R, S = table_of(Order), table_of(Receivable), table_of(Shipment)  # noqa: E741


@dataclass(frozen=True)
class Uninvoiced:
    """Minor units of `currency`: the order, what of it no receivable has taken over, and what of that is shipped. Orders of
    several sources with one number are one."""

    number: str
    currency: str
    amount_minor: int
    left_minor: int
    shipped_minor: int
    placed_at: datetime


def _minor(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


_NUMBERS = (
    select(
        O.c.customer_id, O.c.currency, O.c.number, _minor(O.c.amount_minor).label("amount_minor"),
        func.min(O.c.placed_at).label("placed_at"), *days_of(ZONE),
    )
    .where(O.c.customer_id == bindparam("customer", type_=BigInteger), O.c.state == OrderState.released)
    .group_by(O.c.customer_id, O.c.currency, O.c.number)
    .subquery("numbers")
)  # fmt: skip
_N = _NUMBERS.c
_INVOICED = select(_minor(R.c.amount_minor)).where(
    and_(R.c.customer_id == _N.customer_id, R.c.currency == _N.currency, R.c.order_no == _N.number, is_of(_N))
)
_SHIPPED = select(_minor(S.c.amount_minor)).where(
    and_(S.c.customer_id == _N.customer_id, S.c.currency == _N.currency, S.c.order_no == _N.number)
)
_ROWS = select(
    _N.number, _N.currency, _N.amount_minor, _N.placed_at, _INVOICED.scalar_subquery().label("invoiced"),
    _SHIPPED.scalar_subquery().label("shipped"),
).order_by(_N.placed_at, _N.number)  # fmt: skip


def of_customer(work: Work, customer_id: int) -> list[Uninvoiced]:
    """The oldest first; one statement."""
    found = []
    for row in work.session.execute(_ROWS, {"customer": customer_id, "zone": work.company.calendar.zone.key}):
        left, out = max(0, row.amount_minor - row.invoiced), max(0, row.shipped - row.invoiced)
        if left:
            found.append(Uninvoiced(row.number, row.currency, row.amount_minor, left, min(left, out), row.placed_at))
    return found
