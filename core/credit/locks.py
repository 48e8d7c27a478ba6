"""The lock that every decision about credit begins with: the customer's, or those of its whole group where that has a
limit. Several customers are locked in the order of their ids, here as everywhere: so nobody waits in a circle."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, or_, select

from core.errors import DomainError
from core.models import Customer, GroupLimit, Order, OrderState
from core.models.base import among, table_of
from core.work import Work

ROUNDS = 5  # how often a group may grow while its members are being locked
C, G, O = table_of(Customer), table_of(GroupLimit), table_of(Order)  # noqa: E741
_MINE = C.alias("mine")
_ID = bindparam("id", type_=BigInteger)
_NAME: Any = bindparam("name")
_SHARED = (  # uncorrelated, so looked up once: nothing for nearly all customers
    select(G.c.group_name)
    .join(_MINE, _MINE.c.group_name == G.c.group_name)
    .where(_MINE.c.id == _ID, _MINE.c.group_name != "", G.c.ended_on.is_(None))
    .scalar_subquery()
)
_OF_CUSTOMER = select(C.c.id, C.c.group_name).where(or_(C.c.id == _ID, C.c.group_name == _SHARED)).order_by(C.c.id)
_OF_GROUP = select(C.c.id, C.c.group_name).where(C.c.group_name == _NAME).order_by(C.c.id)
_LOCK_CUSTOMER, _LOCK_GROUP = (query.with_for_update(key_share=True) for query in (_OF_CUSTOMER, _OF_GROUP))


def lock(work: Work, customer_id: int) -> tuple[int, ...]:
    """Until the transaction ends, nobody else decides about this customer, nor about any of its group if that has a limit.
    Ids of those whose orders use up the same limit, in order: the customer's alone as a rule, none of an unknown one.

    What was read before may be outdated now. Errors: credit.group_moved (the group has changed in this moment; the whole
    transaction may be tried again).
    """
    found = {row.id: row.group_name for row in work.session.execute(_LOCK_CUSTOMER, {"id": customer_id})}
    if not found.get(customer_id):
        return (customer_id,) if customer_id in found else ()
    return _as_it_is(work, set(found), _OF_CUSTOMER, {"id": customer_id})


def lock_group(work: Work, name: str) -> tuple[int, ...]:
    """The same for all customers of a group, whether it has a limit or not. Errors: credit.group_moved."""
    found = set(work.session.execute(_LOCK_GROUP, {"name": name}).scalars())
    return _as_it_is(work, found, _OF_GROUP, {"name": name})


def lock_many(work: Work, customer_ids: Iterable[int]) -> None:
    """For whoever decides about several customers in one transaction: all of them at once, with those who share a limit
    with one of them; one after the other, they would be locked out of order."""
    ids = set(customer_ids)
    if ids:
        shared = (
            select(G.c.group_name)
            .join(_MINE, _MINE.c.group_name == G.c.group_name)
            .where(among(_MINE.c.id, ids), _MINE.c.group_name != "", G.c.ended_on.is_(None))
        )
        query = select(C.c.id).where(or_(among(C.c.id, ids), C.c.group_name.in_(shared))).order_by(C.c.id)
        work.session.execute(query.with_for_update(key_share=True))


def lock_ones(work: Work, customer_ids: Iterable[int]) -> None:
    """These customers, as they are, for whoever changes something about many: not their groups."""
    ids = set(customer_ids)
    if ids:
        query = select(C.c.id).where(among(C.c.id, ids)).order_by(C.c.id)
        work.session.execute(query.with_for_update(key_share=True))


def lock_free(work: Work, customer_ids: Iterable[int]) -> list[int]:
    """Locks these customers as `lock_ones` does, but waits for nobody: ids of those that are locked now."""
    query = select(C.c.id).where(among(C.c.id, set(customer_ids))).order_by(C.c.id)
    return list(work.session.execute(query.with_for_update(key_share=True, skip_locked=True)).scalars())


def lock_orders(work: Work, customer_ids: Collection[int]) -> None:
    """Their held orders, in the order of ids as core.ledger.marks locks them, for whoever is about to write one after the
    other: a mark that is set meanwhile, without the customer's lock, would wait for one of them and be waited for with
    another. The customers are locked."""
    held = select(O.c.id).where(among(O.c.customer_id, customer_ids), O.c.state == OrderState.held)
    work.session.execute(held.order_by(O.c.id).with_for_update())


def _as_it_is(work: Work, held: set[int], query: Select[tuple[int, str]], asked: dict[str, object]) -> tuple[int, ...]:
    """While we waited for one of them, others may have joined, or the limit may have been set. Those with larger ids are
    locked, too; for a smaller one it is too late."""
    if work.session.get_bind().dialect.name == "sqlite":  # one writer: nothing has changed
        return tuple(sorted(held))
    for _ in range(ROUNDS):
        members = set(work.session.execute(query, asked).scalars())
        missing = members - held
        if not missing:
            return tuple(sorted(members))
        if held and min(missing) < max(held):
            break
        lock_ones(work, missing)
        held |= missing
    raise DomainError("credit.group_moved")
