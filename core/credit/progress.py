"""How far orders have got: what of them is shipped, signed for and invoiced. By their numbers, whether huikuan knows the
order or not: shipments and receivables name it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, String, and_, bindparam, case, cast, func, literal, or_, select, union_all

from core.credit.parts import ZONE, days_of, is_of
from core.models import Allocation, Order, OrderState, Receivable, Shipment
from core.models.base import table_of
from core.work import Work

A, O, R, S = table_of(Allocation), table_of(Order), table_of(Receivable), table_of(Shipment)  # noqa: E741
CHUNK = 500


@dataclass(frozen=True)
class Progress:
    """Of one order, minor units of its currency. `shipped_on` and `signed_on`: the last of its shipments. What is shipped,
    signed for and invoiced under its number, of orders before it, too: `all_…`, and `others_until` the last day on which a
    receivable of these was issued, or settled."""

    shipped_minor: int = 0
    signed_minor: int = 0
    invoiced_minor: int = 0
    shipped_on: date | None = None
    signed_on: date | None = None
    all_signed_minor: int = 0
    all_invoiced_minor: int = 0
    others_until: date | None = None

    @property
    def done_minor(self) -> int:
        """What of it is exposure of another kind already, or was: shipments, receivables."""
        return max(self.shipped_minor, self.invoiced_minor)


NOTHING = Progress()
_IDS: Any = bindparam("ids", expanding=True, type_=BigInteger)
_NUMBERS: Any = bindparam("numbers", expanding=True, type_=String)
_ENDED = OrderState.cancelled, OrderState.closed
Key = tuple[int, str, str]  # customer id, order number, currency


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _parts(*whose: Any) -> Any:
    """What is shipped and invoiced under these numbers; `whose` days tell what of it is of orders before."""
    days = (
        select(O.c.customer_id, O.c.number, O.c.currency, *days_of(ZONE))
        .where(O.c.customer_id.in_(_IDS), O.c.number.in_(_NUMBERS), *whose)
        .group_by(O.c.customer_id, O.c.number, O.c.currency)
        .subquery("days")
    )
    D, never, nothing = days.c, cast(literal(None), Date), literal(0, BigInteger)

    def named(table: Any) -> Any:
        return and_(D.customer_id == table.customer_id, D.number == table.order_no, D.currency == table.currency)

    signed = case((S.c.signed_on.is_not(None), S.c.amount_minor), else_=0)
    before = S.c.shipped_on < func.coalesce(D.ordered_on, D.placed_on)
    shipped = (
        select(
            literal("shipped").label("part"), S.c.customer_id, S.c.order_no, S.c.currency,
            _sum(S.c.amount_minor).label("minor"), _sum(signed).label("signed"),
            _sum(case((before, S.c.amount_minor), else_=0)).label("before"),
            _sum(case((before, signed), else_=0)).label("signed_before"),
            func.max(S.c.shipped_on).label("shipped_on"), func.max(S.c.signed_on).label("last_on"), D.ordered_on,
        )
        .join_from(S, days, named(S.c), isouter=True)
        .where(S.c.customer_id.in_(_IDS), S.c.order_no.in_(_NUMBERS))
        .group_by(S.c.customer_id, S.c.order_no, S.c.currency, D.ordered_on)
    )  # fmt: skip
    mine = or_(D.number.is_(None), is_of(D))
    invoiced = (
        select(
            literal("invoiced"), R.c.customer_id, R.c.order_no, R.c.currency, _sum(R.c.amount_minor),
            _sum(case((mine, R.c.amount_minor), else_=0)), nothing, nothing, never,
            func.max(case((~mine, func.coalesce(R.c.settled_on, R.c.issued_on)))), never,
        )
        .join_from(R, days, named(R.c), isouter=True)
        .where(R.c.customer_id.in_(_IDS), R.c.order_no.in_(_NUMBERS))
        .group_by(R.c.customer_id, R.c.order_no, R.c.currency)
    )  # fmt: skip
    return union_all(shipped, invoiced)


_PARTS = _parts(O.c.state.not_in(_ENDED))
_PARTS_OF_ONE = _parts(O.c.id == bindparam("order", type_=BigInteger))


def of_orders(work: Work, customer_ids: Collection[int], numbers: Collection[str]) -> dict[Key, Progress]:
    """Of these customers' orders with these numbers, as far as anything is shipped or invoiced, by the days of those that
    run; one statement for each 500 numbers."""
    found: dict[Key, Progress] = {}
    wanted = sorted({number for number in numbers if number})
    for start in range(0, len(wanted), CHUNK):
        found |= _found(work, _PARTS, {"ids": sorted(customer_ids), "numbers": wanted[start : start + CHUNK]})
    return found


def of_order(work: Work, order: Order) -> Progress:
    """By its own days; orders of other sources that have its number share what is not older."""
    asked = {"ids": [order.customer_id], "numbers": [order.number], "order": order.id}
    return _found(work, _PARTS_OF_ONE, asked).get((order.customer_id, order.number, order.currency), NOTHING)


def _found(work: Work, statement: Any, asked: dict[str, Any]) -> dict[Key, Progress]:
    rows: dict[Key, dict[str, Any]] = {}
    for row in work.session.execute(statement, asked | {"zone": work.company.calendar.zone.key}):
        rows.setdefault((row.customer_id, row.order_no, row.currency), {})[row.part] = row
    return {key: _progress(**parts) for key, parts in rows.items()}


def _progress(shipped: Any = None, invoiced: Any = None) -> Progress:
    taken, mine = (invoiced.minor, invoiced.signed) if invoiced is not None else (0, 0)
    found = Progress(
        invoiced_minor=mine, all_invoiced_minor=taken, others_until=invoiced.last_on if invoiced is not None else None
    )
    if shipped is None:
        return found
    theirs = shipped.before if shipped.ordered_on is not None else min(shipped.before, taken - mine)
    left, signed = shipped.minor - theirs, shipped.signed - min(shipped.signed_before, theirs)
    return replace(
        found, shipped_minor=left, signed_minor=signed, all_signed_minor=shipped.signed,
        shipped_on=shipped.shipped_on if left else None, signed_on=shipped.last_on if signed else None,
    )  # fmt: skip


class _Days:
    """Of the order in question, see parts.is_of."""

    placed_on, ordered_on = bindparam("placed_on", type_=Date), bindparam("ordered_on", type_=Date)


def _done() -> Any:
    """What is shipped and invoiced under an order's number, and what of that is of others."""
    key = bindparam("customer", type_=BigInteger), bindparam("number", type_=String), bindparam("currency", type_=String)

    def named(customer_id: Any, number: Any, currency: Any) -> Any:
        return and_(customer_id == key[0], number == key[1], currency == key[2])

    sent = named(S.c.customer_id, S.c.order_no, S.c.currency)
    taken = select(_sum(R.c.amount_minor)).where(named(R.c.customer_id, R.c.order_no, R.c.currency), ~is_of(_Days))
    # No more than what counts as shipped as long as the order isn't released, by amounts alone: parts._without.
    rest, since = _sum(S.c.amount_minor) - taken.scalar_subquery(), S.c.shipped_on >= _Days.ordered_on
    own = _sum(case((since, S.c.amount_minor), else_=0))
    shipped = select(case((and_(_Days.ordered_on.is_not(None), own < rest), own), else_=rest)).where(sent)
    mine = named(R.c.customer_id, R.c.order_no, R.c.currency), is_of(_Days)
    invoiced, still_open = (select(_sum(minor)).where(*mine) for minor in (R.c.amount_minor, R.c.open_minor))
    settled = select(_sum(A.c.amount_minor)).join_from(R, A, A.c.receivable_id == R.c.id)
    settled = settled.where(*mine, A.c.undone_on.is_(None))
    paid, credited = (settled.where(of.is_not(None)) for of in (A.c.receipt_id, A.c.credit_note_id))
    others = select(_sum(O.c.amount_minor)).where(
        named(O.c.customer_id, O.c.number, O.c.currency), O.c.source != bindparam("source", type_=String),
        O.c.state.in_((OrderState.released, OrderState.closed)),
    )  # fmt: skip
    return select(*(one.scalar_subquery() for one in (shipped, invoiced, still_open, paid, credited, others)))


_DONE = _done()


@dataclass(frozen=True)
class Done:
    """What of an order is exposure of another kind already, minor units of its currency. `paid_minor`: of its receivables,
    by money. `kept_minor`: of its prepayment, for what was delivered and isn't paid."""

    minor: int = 0
    paid_minor: int = 0
    kept_minor: int = 0


def done(work: Work, order: Order) -> Done:
    """What of an order that is not released is shipped or invoiced. Other sources may have used its number before: what is
    shipped or invoiced under it counts for their orders first, and what was settled before this one came is not of it. What
    credit notes took back of its invoices may still be delivered: it is judged. Only an order that is released anyhow uses
    up nothing until it is invoiced anew."""
    asked = {
        "customer": order.customer_id, "number": order.number, "currency": order.currency, "source": order.source,
        "placed_on": work.company.calendar.business_date(order.placed_at), "ordered_on": order.ordered_on,
    }  # fmt: skip
    sent, owed, still_open, paid, credited, theirs = map(int, work.session.execute(_DONE, asked).one())
    mine = max(0, max(sent, owed - credited) - theirs)
    due = min(mine, still_open + max(0, sent - owed))
    return Done(mine, paid, min(max(0, order.prepaid_minor - paid), due))


@dataclass(frozen=True)
class Sent:
    """One shipment of an order, minor units."""

    number: str
    amount_minor: int
    currency: str
    shipped_on: date
    signed_on: date | None


def shipments(work: Work, customer_id: int, number: str) -> list[Sent]:
    """Those of the customer's order with this number, the oldest first; none without a number."""
    if not number:
        return []
    rows = work.session.execute(
        select(S.c.number, S.c.amount_minor, S.c.currency, S.c.shipped_on, S.c.signed_on)
        .where(S.c.customer_id == customer_id, S.c.order_no == number)
        .order_by(S.c.shipped_on, S.c.id)
    )
    return [Sent(*row) for row in rows]
