"""Held orders are marked when something behind their verdict has changed, in the transaction that changes it. Whoever
has committed has them checked again: core.credit.orders. A mark that nobody came to is found by the next who looks.

Rows are locked in the order customers, orders, outbox; so mark after writing customers, and before drawing cards anew.
"""

from collections.abc import Collection

from sqlalchemy import BigInteger, String, bindparam, select, union, update

from core.models import CreditRequest, Customer, GroupLimit, Order, OrderState, RequestState
from core.models.base import table_of
from core.work import Work

C, G, O, Q = table_of(Customer), table_of(GroupLimit), table_of(Order), table_of(CreditRequest)  # noqa: E741
CHUNK = 1000
_IDS = bindparam("customers", expanding=True, type_=BigInteger)
_NAMES = bindparam("groups", expanding=True, type_=String)
_HELD = O.c.state == OrderState.held
_MEMBER = C.alias("member")
# What one customer uses up is gone for all who share a limit with it.
_WHOSE = union(
    select(C.c.id).where(C.c.id.in_(_IDS)),
    select(_MEMBER.c.id)
    .join(G, (G.c.group_name == _MEMBER.c.group_name) & G.c.ended_on.is_(None))
    .join(C, C.c.group_name == G.c.group_name)
    .where(C.c.id.in_(_IDS)),
    select(_MEMBER.c.id).where(_MEMBER.c.group_name.in_(_NAMES)),
)
_ANY = select(O.c.id).where(_HELD).limit(1)
# In the order of ids, so that two who mark cannot deadlock. One that is marked already is marked again: whoever checks
# it just now may have read the books before this change.
_MARK = update(O).values(recheck=True).where(
    O.c.id.in_(select(O.c.id).where(_HELD, O.c.customer_id.in_(_WHOSE)).order_by(O.c.id).with_for_update())
)  # fmt: skip
NOBODY = "nobody"  # in an order's facts: it waits for somebody who may decide about it
_ASKED = union(
    select(Q.c.customer_id).where(Q.c.state == RequestState.pending),
    select(O.c.customer_id).where(_HELD, O.c.facts[NOBODY].as_boolean()),
)
DONE = "done_minor"  # in an order's facts: what was shipped or invoiced of it already, and so not asked for
_MARK_ALL = update(O).values(recheck=True).where(
    O.c.id.in_(select(O.c.id).where(_HELD).order_by(O.c.id).with_for_update())
)  # fmt: skip


def mark(work: Work, customer_ids: Collection[int], groups: Collection[str] = ()) -> None:
    """The held orders of these customers, of those who share a limit with them, and of these groups."""
    ordered = sorted(set(customer_ids))
    named = sorted({name for name in groups if name})
    work.session.flush()
    if work.session.execute(_ANY).first() is None:
        return
    for start in range(0, max(len(ordered), 1 if named else 0), CHUNK):
        asked = {"customers": ordered[start : start + CHUNK], "groups": [] if start else named}
        work.session.connection().execute(_MARK, asked)


def mark_asked(work: Work) -> None:
    """The held orders about which somebody is asked, or would be if there were anybody: who may decide has changed."""
    work.session.flush()
    mark(work, work.session.execute(_ASKED).scalars().all())


def doubt(work: Work, orders: Collection[tuple[int, str]]) -> None:
    """(customer, number) of orders of which less was delivered than was said before: those that were released since it was
    delivered are looked at again."""
    work.session.flush()
    keys = sorted(set(orders))
    for start in range(0, len(keys), CHUNK):
        customers, numbers = (set(each) for each in zip(*keys[start : start + CHUNK], strict=True))
        some = select(O.c.id).where(  # by number, of which customers have few
            O.c.number.in_(sorted(numbers)), (O.c.customer_id + 0).in_(sorted(customers)),
            O.c.state == OrderState.released, O.c.facts[DONE].as_integer() > 0,
        )  # fmt: skip
        work.session.connection().execute(
            update(O).values(recheck=True).where(O.c.id.in_(some.order_by(O.c.id).with_for_update()))
        )


def mark_all(work: Work) -> None:
    """Every held order: the rules have changed, or a day has passed."""
    work.session.flush()
    work.session.connection().execute(_MARK_ALL)
