"""How a customer buys and how long it takes to pay: the part of its profile that no rating goes by. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import BigInteger, cast, func, select

from core.credit.inputs import Inputs, Item, months_between
from core.models import Order, OrderState, Receivable
from core.models.base import table_of
from core.time import local_instant
from core.work import Work

O, R = table_of(Order), table_of(Receivable)  # noqa: E741
_TENTH = Decimal("0.1")
_NOT_PLACED = (OrderState.cancelled, OrderState.refused, OrderState.rejected)


@dataclass(frozen=True)
class Count:
    """How many in the window and how much they were, in minor units of the customer's currency; `months` of it were
    looked at: from the first business on, at least one."""

    rows: int
    minor: int
    months: int

    @property
    def average_minor(self) -> int | None:
        """Half up to the minor unit; None without any."""
        return (2 * self.minor + self.rows) // (2 * self.rows) if self.rows else None

    @property
    def per_month(self) -> Decimal:
        return (Decimal(self.rows) / self.months).quantize(_TENTH, ROUND_HALF_UP)


@dataclass(frozen=True)
class Profile:
    """`payment_days`: from invoice to payment, weighted by amount, of what was paid in the window; None: nothing."""

    receivables: Count
    orders: Count  # those that credit was asked for, but for refused, rejected and cancelled ones
    payment_days: Decimal | None


def profile(work: Work, of: Inputs, items: Sequence[Item]) -> Profile:
    """Of one customer in its currency, in the window of its rating (`items`: what core.credit.rating.explain found). Two
    statements."""
    months = min(_window(of), max(1, of.months_known + 1))
    since = local_instant(of.since + timedelta(days=1), time(0), work.company.calendar.zone)
    issued = (R.c.issued_on > of.since, R.c.issued_on <= of.until)
    placed = (O.c.placed_at >= since, O.c.state.not_in(_NOT_PLACED))
    return Profile(
        receivables=Count(*_count(work, R, of, issued), months),
        orders=Count(*_count(work, O, of, placed), months),
        payment_days=_payment_days(items),
    )


def _window(of: Inputs) -> int:
    return max(1, months_between(of.since, of.until))


def _count(work: Work, table: Any, of: Inputs, which: Sequence[Any]) -> tuple[int, int]:
    total = cast(func.coalesce(func.sum(table.c.amount_minor), 0), BigInteger)
    mine = (table.c.customer_id == of.customer_id, table.c.currency == of.currency)
    rows, minor = work.session.execute(select(func.count(), total).where(*mine, *which)).one()
    return int(rows), int(minor)


def _payment_days(items: Sequence[Item]) -> Decimal | None:
    paid = [(item.amount_minor, (item.paid_on - item.issued_on).days) for item in items if item.weighed and item.paid_on]
    weight = sum(minor for minor, _ in paid)
    if not weight:
        return None
    return (Decimal(sum(minor * max(0, days) for minor, days in paid)) / weight).quantize(_TENTH, ROUND_HALF_UP)
