"""Four eyes: nobody makes room for an order of their own by setting a limit or a rating, or by ending a hold."""

from collections.abc import Collection

from sqlalchemy import exists, or_, select

from core.errors import DomainError
from core.models import CreditRequest, Order, OrderState, Person
from core.models.base import among, table_of
from core.work import Work

O, Q = table_of(Order), table_of(CreditRequest)  # noqa: E741
EVER = "concerned"  # in an order's facts: ids of those who asked for it, or about it, or entered it, before what is now


def refuse(work: Work, customer_ids: Collection[int]) -> None:
    """While an order is held that whoever acts here asked for or entered, or asked about (again), or did before the order
    system changed it. Their customers are locked.

    Errors: credit.own_order(number).
    """
    number = held_of(work, work.person_id, customer_ids) if work.person_id is not None else None
    if number is not None:
        raise DomainError("credit.own_order", number=number)


def held_of(work: Work, person_id: int, customer_ids: Collection[int]) -> str | None:
    """The number of the first order on hold that is this person's own in one of these ways."""
    handle = work.session.get_one(Person, person_id).handle
    names = (handle, work.actor) if person_id == work.person_id else (handle,)
    entered = or_(O.c.entered_by.in_(names), O.c.entered_by.endswith(f" as {handle}", autoescape=True))
    asked = exists().where(Q.c.order_id == O.c.id, Q.c.asked_by_id == person_id)
    mine = or_(O.c.asked_by_id == person_id, entered, asked)  # "cli:root as zhou": the command line, for somebody
    held = select(O.c.number, O.c.facts, mine.label("mine")).where(
        among(O.c.customer_id, customer_ids), O.c.state == OrderState.held
    )
    for order in work.session.execute(held.order_by(O.c.id)):
        if order.mine or person_id in order.facts.get(EVER, ()):
            return str(order.number)
    return None


def remember(work: Work, order: Order, people: Collection[int | None]) -> None:
    """These, and whoever has asked about it so far: a change, or somebody else who asks, makes it no less theirs."""
    asked = work.session.execute(select(Q.c.asked_by_id).where(Q.c.order_id == order.id)).scalars()
    ever = {*order.facts.get(EVER, ()), *people, *asked}
    order.facts = {**order.facts, EVER: sorted(person for person in ever if person is not None)}
