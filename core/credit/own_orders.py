"""Four eyes: nobody makes room for an order of their own by setting a limit or a rating, or by ending a hold."""

from collections.abc import Collection

from sqlalchemy import or_, select

from core.errors import DomainError
from core.models import Order, OrderState, Person
from core.models.base import among, table_of
from core.work import Work

O = table_of(Order)  # noqa: E741


def refuse(work: Work, customer_ids: Collection[int]) -> None:
    """While an order is held that whoever acts here asked for or entered. Their customers are locked.

    Errors: credit.own_order(number).
    """
    if work.person_id is None:
        return
    handle = work.session.get_one(Person, work.person_id).handle
    entered = or_(O.c.entered_by.in_((handle, work.actor)), O.c.entered_by.endswith(f" as {handle}", autoescape=True))
    mine = or_(O.c.asked_by_id == work.person_id, entered)  # "cli:root as zhou": the command line, for somebody
    held = select(O.c.number).where(among(O.c.customer_id, customer_ids), O.c.state == OrderState.held, mine)
    number = work.session.execute(held.order_by(O.c.id).limit(1)).scalar()
    if number is not None:
        raise DomainError("credit.own_order", number=number)
