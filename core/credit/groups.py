"""The limit that the customers of one group share: set and ended by people. Who is in a group says `customer.group_name`."""

from collections.abc import Sequence

from sqlalchemy import or_, select

from core.credit import locks, orders, own_orders
from core.db import alone
from core.dunning.stored import active
from core.errors import DomainError
from core.models import CreditLine, Customer, GroupLimit
from core.models.base import table_of
from core.money import MAX_MINOR, known_currency
from core.permissions import Scope
from core.work import Work

C, G, L = table_of(Customer), table_of(GroupLimit), table_of(CreditLine)


def set_limit(work: Work, name: str, amount_minor: int, currency: str, reason: str) -> None:
    """From today on, all customers of this group together. It takes the place of the one that runs; their held orders are
    checked again. Errors: limit.reason, limit.bad_amount, limit.bad_currency, group.unknown, group.deserted,
    credit.group_moved, credit.own_order(number).
    """
    if not 0 <= amount_minor <= MAX_MINOR:
        raise DomainError("limit.bad_amount")
    if not known_currency(currency):
        raise DomainError("limit.bad_currency", value=currency[:20])
    old, members = _end(work, name, reason)
    made = GroupLimit(
        group_name=name, amount_minor=amount_minor, currency=currency, reason=reason, made_by_id=work.person_id,
        from_on=work.today,
    )  # fmt: skip
    work.session.add(made)
    work.session.flush()
    before = {"before_minor": old.amount_minor, "before_currency": old.currency} if old is not None else {}
    work.audit(
        "group.limit_set", "group_limit", made.id, None, group=name, after_minor=amount_minor, currency=currency,
        reason=reason, **before,
    )  # fmt: skip
    orders.check_locked(work, active(work)[1], members)


def end_limit(work: Work, name: str, reason: str) -> bool:
    """Each of them may use up its own limit again; it may have outlived its group. Whether there was one. Errors:
    limit.reason, group.unknown, credit.group_moved."""
    old, members = _end(work, name, reason, deserted=True)
    if old is None:
        return False
    work.audit(
        "group.limit_ended", "group_limit", old.id, None, group=name, before_minor=old.amount_minor,
        before_currency=old.currency, reason=reason,
    )  # fmt: skip
    orders.check_locked(work, active(work)[1], members)
    return True


def running(work: Work, name: str) -> GroupLimit | None:
    query = select(GroupLimit).where(G.c.group_name == name, G.c.ended_on.is_(None))
    found: GroupLimit | None = work.session.execute(
        query.execution_options(populate_existing=True)  # what was read before the lock may be outdated
    ).scalar_one_or_none()
    return found


def members(work: Work, name: str) -> list[Customer]:
    """By code."""
    return list(work.session.execute(select(Customer).where(C.c.group_name == name).order_by(C.c.code)).scalars())


def lines(work: Work, name: str) -> dict[int, list[CreditLine]]:
    """What is added to its members' own limits today, by customer."""
    found: dict[int, list[CreditLine]] = {}
    runs = or_(L.c.ended_on.is_(None), L.c.ended_on > work.today)
    query = select(CreditLine).join(Customer, C.c.id == L.c.customer_id).where(
        C.c.group_name == name, L.c.from_on <= work.today, L.c.until >= work.today, runs
    )  # fmt: skip
    for line in work.session.execute(query.order_by(L.c.id)).scalars():
        found.setdefault(line.customer_id, []).append(line)
    return found


def find(work: Work, scope: Scope, words: Sequence[str], *, quoted: bool = False) -> tuple[str, int]:
    """The group that these words begin with, and how many of them are its name; ("", 0) where none of its customers is
    whole in `scope`. The longest name wins; `quoted`: it is the first word alone. A group that has lost its customers and
    has a limit all the same is in sight of those who see everything."""
    names = [" ".join(words[:n]) for n in range(1, 2 if quoted else min(len(words), 12) + 1)]
    query = select(C.c.group_name).where(C.c.group_name.in_(names), scope.customers_whole()).distinct()
    known = set(work.session.execute(query).scalars())
    if scope.all:
        limited = select(G.c.group_name).where(G.c.group_name.in_(names), G.c.ended_on.is_(None))
        known |= set(work.session.execute(limited).scalars())
    return next(((names[n - 1], n) for n in range(len(names), 0, -1) if names[n - 1] in known), ("", 0))


def sees_all(work: Work, scope: Scope, name: str) -> bool:
    """Whether every customer of the group is theirs to see whole."""
    beyond = select(C.c.id).where(C.c.group_name == name, ~scope.customers_whole()).limit(1)
    return scope.all or work.session.execute(beyond).first() is None


def _end(
    work: Work, name: str, reason: str, *, deserted: bool = False
) -> tuple[GroupLimit | None, tuple[int, ...]]:
    """`deserted`: also where no customer belongs to it any more."""
    if not reason.strip():
        raise DomainError("limit.reason")
    alone(work.session, "group_limit")
    members = locks.lock_group(work, name) if name else ()
    old = running(work, name)
    if not members and not (deserted and old is not None):
        raise DomainError("group.unknown" if old is None else "group.deserted", value=name)
    own_orders.refuse(work, members)
    if old is not None:
        old.ended_on = work.today
        work.session.flush()  # one runs at a time: the old one ends before the new one is written
    return old, members
