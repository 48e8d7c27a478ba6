"""The statement behind an exposure: what customers use up of their limits, by part and currency, and what is added to them.

What is to be invoiced of a released order is either shipped already or still to come: it is never counted twice. Of one
that is closed, or that nobody released, what was shipped all the same counts until receivables take it over, and so does
what was shipped beyond an order.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union,
    union_all,
)

from core.db import business_date
from core.models import (
    Allocation,
    CreditLine,
    CreditNote,
    Customer,
    Entry,
    Order,
    OrderState,
    Receipt,
    Receivable,
    Shipment,
)
from core.models.base import table_of

A, C, E, R, N, G, O, L, S = (  # noqa: E741
    table_of(m) for m in (Allocation, Customer, Entry, Receivable, Receipt, CreditNote, Order, CreditLine, Shipment)
)
ID = bindparam("customer", type_=BigInteger)
IDS: Any = bindparam("customers", expanding=True, type_=BigInteger)
TODAY = bindparam("today", type_=Date)
ZONE: Any = bindparam("zone", type_=String)  # the company's, whose day an instant is of
_GROUP: Any = bindparam("group", type_=String)
# Written out: for a parameter, no database would look into the index of the released ones.
_RELEASED: Any = literal_column(f"'{OrderState.released.value}'")
_ZERO, _NEVER, _NOBODY = literal(0, BigInteger), cast(literal(None), Date), literal("", String)

Whose = Callable[[Any], Any]  # which customers: a condition on the column with their ids


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _less(one: Any, other: Any) -> Any:
    return case((one < other, one), else_=other)


def _beyond(one: Any, other: Any) -> Any:
    return case((one > other, one - other), else_=0)


def each_of(numbers: Any, *more: Any) -> Any:
    """Of each of these order numbers what is invoiced, still open, paid, `left` to invoice, and `out`: shipped and not
    invoiced. `beside`: the same of all that is under the number, for other orders, too. `more`: columns of it."""
    N = numbers.c
    shipped = select(_sum(S.c.amount_minor)).where(_sent(N))
    named = and_(R.c.customer_id == N.customer_id, R.c.currency == N.currency, R.c.order_no == N.number)
    mine = is_of(N)
    paid = (
        select(_sum(A.c.amount_minor))
        .join_from(R, A, A.c.receivable_id == R.c.id)
        .where(named, mine, A.c.receipt_id.is_not(None), A.c.undone_on.is_(None))
    )
    days = func.coalesce(N.ordered_on, N.placed_on).label("since"), N.ordered_on
    # Grouped, so that what is invoiced is summed once a number and not wherever it is named below.
    sums = (
        select(
            N.customer_id, N.currency, N.number, N.amount_minor, N.prepaid_minor, *days,
            _sum(R.c.amount_minor).label("taken"), _sum(case((mine, R.c.amount_minor), else_=0)).label("invoiced"),
            _sum(case((mine, R.c.open_minor), else_=0)).label("open"),
            shipped.correlate(numbers).scalar_subquery().label("shipped"),
            case((N.prepaid_minor > 0, paid.correlate(numbers).scalar_subquery()), else_=0).label("paid"), *more,
        )
        .join_from(numbers, R, named, isouter=True)
        .group_by(N.customer_id, N.currency, N.number, N.amount_minor, N.prepaid_minor, N.placed_on, N.ordered_on, *more)
        .subquery("sums")
    )
    Z = sums.c
    before = select(of_others(_sum(S.c.amount_minor), Z.taken - Z.invoiced, Z.ordered_on))
    before = before.where(_sent(Z), S.c.shipped_on < Z.since).correlate(sums)
    others = or_(Z.ordered_on.is_not(None), Z.taken > Z.invoiced)  # without any, nobody looks at the days
    parts = select(sums, case((others, before.scalar_subquery()), else_=0).label("theirs")).subquery("parts")
    P = parts.c
    left, out = _beyond(P.amount_minor, P.invoiced), _beyond(P.shipped - P.theirs, P.invoiced)
    beside = _beyond(P.shipped, P.taken)
    return select(parts, left.label("left"), out.label("out"), beside.label("beside")).subquery("each").c


def _sent(order: Any) -> Any:
    return and_(S.c.customer_id == order.customer_id, S.c.order_no == order.number, S.c.currency == order.currency)


def of_others(before: Any, taken: Any, ordered_on: Any) -> Any:
    """What of the shipments `before` an order came is of others with its number: all of it before its own day; where it has
    none, what their receivables have `taken` over."""
    return case((or_(ordered_on.is_not(None), before < taken), before), else_=taken)


def _numbers(amount: Any, prepaid: Any, *where: Any) -> Any:
    """These orders, by number."""
    return select(
        O.c.customer_id, O.c.currency, O.c.number, _sum(amount).label("amount_minor"),
        _sum(prepaid).label("prepaid_minor"), *days_of(ZONE),
    ).where(*where).group_by(O.c.customer_id, O.c.currency, O.c.number)  # fmt: skip


def _of_orders(whose: Whose) -> tuple[Any, ...]:
    """Customer, currency and sums of the released orders: not shipped, shipped, prepayment for what is not invoiced, of that
    for what is shipped, and for what is invoiced and not paid. An order uses up what of it no receivable has taken over,
    and what is shipped beyond it; one that was adjusted to nothing gives it back. Prepayment pays for what is shipped
    first, and is spent once so much of the order's receivables is paid.

    Orders of several sources may have one number: together, what is invoiced or shipped under it counts for them once."""
    numbers = _numbers(O.c.amount_minor, O.c.prepaid_minor, whose(O.c.customer_id), O.c.state == _RELEASED)
    each = each_of(numbers.subquery("numbers"))
    unspent = _beyond(each.prepaid_minor, each.paid)
    prepaid = _less(unspent, each.left)
    out = case((each.out > each.beside, each.out), else_=each.beside)
    return (
        each.customer_id, each.currency, _sum(_beyond(each.left, each.out)), _sum(out), _sum(prepaid),
        _sum(_less(prepaid, each.out)), _sum(_less(unspent - prepaid, each.open)),
    )  # fmt: skip


def _owing(whose: Whose, without: Any) -> Any:
    """Numbers of orders that are not released, with something to pay, or to invoice: of the others customers have many that
    are long over."""
    owed = select(R.c.order_no).where(whose(R.c.customer_id), R.c.open_minor > 0, R.c.order_no != "")
    return union(owed, select(without.c.order_no).where(without.c.shipped > without.c.invoiced))


def _kept(whose: Whose, without: Any) -> tuple[Any, ...]:
    """Customer, currency and sum of the prepayment for what was delivered of orders that are not released, or no longer,
    and is not paid yet."""
    there = O.alias("there")
    live = exists().where(
        there.c.customer_id == O.c.customer_id, there.c.number == O.c.number, there.c.currency == O.c.currency,
        there.c.state == _RELEASED,
    )  # fmt: skip
    numbers = _numbers(
        O.c.amount_minor, O.c.prepaid_minor,
        whose(O.c.customer_id + 0), O.c.number.in_(_owing(whose, without)), O.c.prepaid_minor > 0, O.c.state != _RELEASED,
        ~live,
    )  # fmt: skip
    each = each_of(numbers.subquery("ended"))
    delivered = each.open + each.out  # and not paid
    return each.customer_id, each.currency, _sum(_less(_beyond(each.prepaid_minor, each.paid), delivered))


def leaning(leans: Any, whose: Whose) -> Any:
    """Rows of (currency, `leans` of its orders, what they use up), for each number of an order that leans on something."""
    amount = case((O.c.state == _RELEASED, O.c.amount_minor), else_=0)
    live = select(O.c.id).where(whose(O.c.customer_id), O.c.state == _RELEASED)
    ended = select(O.c.id).where(whose(O.c.customer_id + 0), O.c.number.in_(_owing(whose, _without(whose))))
    each = each_of(_numbers(amount, leans, leans > 0, O.c.id.in_(union(live, ended))).subquery("leaning"))
    return select(each.currency, each.prepaid_minor, each.open + each.out + _beyond(each.left, each.out))


def days_of(zone: Any) -> tuple[Any, Any]:
    """Of orders with one number: the day on which the first came to us, and their own, if each of them has one."""
    return business_date(func.min(O.c.placed_at), zone).label("placed_on"), own_day().label("ordered_on")


def own_day() -> Any:
    return case((func.count(O.c.ordered_on) == func.count(), func.min(O.c.ordered_on)))


def is_of(order: Any) -> Any:
    """Of receivables with an order's number: those issued before its own day belong to another one, whose number it has;
    where it has none, those that were settled before it came to us (`placed_on`, `ordered_on`), be they open again."""
    was_open = select(func.sum(E.c.amount_minor)).where(E.c.receivable_id == R.c.id, E.c.effective_on < order.placed_on)
    there = and_(
        or_(R.c.settled_on.is_(None), R.c.settled_on >= order.placed_on),
        or_(R.c.issued_on >= order.placed_on, func.coalesce(was_open.correlate_except(E).scalar_subquery(), 1) != 0),
    )
    own = order.ordered_on.is_not(None)  # asked first, so that what is not of it is false, too, and not null
    return or_(and_(own, R.c.issued_on >= order.ordered_on), and_(~own, there))


def _without(whose: Whose) -> Any:
    """What was shipped not for a released order, and invoiced of it, by order number. Looked up once a statement."""
    gone = (
        select(S.c.customer_id, S.c.order_no, S.c.currency, _sum(S.c.amount_minor).label("shipped"))
        .where(whose(S.c.customer_id))
        .group_by(S.c.customer_id, S.c.order_no, S.c.currency)
        .subquery("gone")
        .c
    )
    # By number: without statistics SQLite would read all orders of the customer for each of its shipments.
    mine = and_(O.c.customer_id + 0 == gone.customer_id, O.c.number == gone.order_no, O.c.currency == gone.currency)
    taken = and_(R.c.customer_id == gone.customer_id, R.c.currency == gone.currency, R.c.order_no == gone.order_no)
    return (
        select(gone.customer_id, gone.currency, gone.order_no, gone.shipped, _sum(R.c.amount_minor).label("invoiced"))
        .join_from(gone.order_no.table, R, taken, isouter=True)
        .where(~exists().where(mine, O.c.state == _RELEASED))
        .group_by(gone.customer_id, gone.order_no, gone.currency, gone.shipped)
        .cte("without")
    )


def _of_shipments(without: Any) -> tuple[Any, ...]:
    """Customer, currency and sum of what was shipped, not invoiced, and not for a released order."""
    return without.c.customer_id, without.c.currency, _sum(_beyond(without.c.shipped, without.c.invoiced))


def _parts(whose: Whose, added: Whose = lambda customer_id: customer_id == ID) -> Any:
    """Rows of (part, customer, currency, amounts …, day, insurer); what is `added` to limits, to whose. One statement, so
    one snapshot: an invoice that comes in between is never counted in neither part, or in both."""
    without = _without(whose)
    orders, shipments, kept = _of_orders(whose), _of_shipments(without), _kept(whose, without)
    nothing = (_ZERO, _ZERO, _ZERO, _ZERO, _NEVER, _NOBODY)
    return union_all(
        select(
            literal("open").label("part"), R.c.customer_id, R.c.currency, _sum(R.c.open_minor).label("minor"),
            _sum(case((R.c.due_on < TODAY, R.c.open_minor), else_=0)).label("second"),
            _ZERO.label("third"), _ZERO.label("fourth"), _ZERO.label("fifth"),
            func.min(case((R.c.due_on < TODAY, R.c.due_on))).label("day"), _NOBODY.label("insurer"),
        ).where(whose(R.c.customer_id), R.c.open_minor > 0).group_by(R.c.customer_id, R.c.currency),
        select(literal("paid"), N.c.customer_id, N.c.currency, _sum(N.c.open_minor), *nothing)
        .where(whose(N.c.customer_id), N.c.open_minor > 0, N.c.reversed_on.is_(None), N.c.received_on <= TODAY)
        .group_by(N.c.customer_id, N.c.currency),
        select(literal("paid"), G.c.customer_id, G.c.currency, _sum(G.c.open_minor), *nothing)
        .where(whose(G.c.customer_id), G.c.open_minor > 0, G.c.cancelled_on.is_(None))
        .group_by(G.c.customer_id, G.c.currency),
        select(literal("orders"), *orders, _NEVER, _NOBODY).group_by(*orders[:2]),
        select(literal("shipments"), *shipments, *nothing).group_by(*shipments[:2]),
        select(literal("kept"), *kept, *nothing).group_by(*kept[:2]),
        select(L.c.kind, L.c.customer_id, L.c.currency, L.c.amount_minor, *[_ZERO] * 4, L.c.until, L.c.insurer)
        .where(
            added(L.c.customer_id), L.c.from_on <= TODAY, L.c.until >= TODAY,
            or_(L.c.ended_on.is_(None), L.c.ended_on > TODAY),  # insured amounts end when the next begins
        ),
    )  # fmt: skip


OF_CUSTOMER = _parts(lambda customer_id: customer_id == ID)
OF_CUSTOMERS = _parts(lambda customer_id: customer_id.in_(IDS), lambda customer_id: customer_id.in_(IDS))
OF_ALL = _parts(lambda _: true())
OF_GROUP = _parts(lambda customer_id: customer_id.in_(select(C.c.id).where(C.c.group_name == _GROUP)))
