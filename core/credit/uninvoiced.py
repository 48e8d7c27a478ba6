"""Released orders that nobody has invoiced yet, by their numbers: receivables to come. The orders' and shipments' part of an
exposure, told order by order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, func, literal, select

from core.credit.parts import ZONE, days_of, each_of
from core.models import Order, OrderState
from core.models.base import table_of
from core.work import Work

O = table_of(Order)  # noqa: E741


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

    @property
    def to_ship_minor(self) -> int:
        return self.left_minor - self.shipped_minor


def _minor(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


_NUMBERS = (
    select(
        O.c.customer_id, O.c.currency, O.c.number, _minor(O.c.amount_minor).label("amount_minor"),
        literal(0, BigInteger).label("prepaid_minor"), func.min(O.c.placed_at).label("placed_at"), *days_of(ZONE),
    )
    .where(O.c.customer_id == bindparam("customer", type_=BigInteger), O.c.state == OrderState.released)
    .group_by(O.c.customer_id, O.c.currency, O.c.number)
    .subquery("numbers")
)  # fmt: skip
_EACH = each_of(_NUMBERS, _NUMBERS.c.placed_at)
_ROWS = select(_EACH.number, _EACH.currency, _EACH.amount_minor, _EACH.placed_at, _EACH.left, _EACH.out)
_ROWS = _ROWS.order_by(_EACH.placed_at, _EACH.number)


def of_customer(work: Work, customer_id: int) -> list[Uninvoiced]:
    """The oldest first; one statement."""
    found = []
    for row in work.session.execute(_ROWS, {"customer": customer_id, "zone": work.company.calendar.zone.key}):
        if row.left:
            out = min(row.left, row.out)
            found.append(Uninvoiced(row.number, row.currency, row.amount_minor, row.left, out, row.placed_at))
    return found
