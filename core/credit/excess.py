"""By how much orders that wait for somebody's decision go beyond a limit now; cards show what it was."""

from collections.abc import Collection

from sqlalchemy import select

from core.credit import shown
from core.credit.exposure import Standing, standing
from core.credit.judge import judge
from core.credit.rules import CreditRules
from core.models import CreditRequest, Order
from core.models.base import among, table_of
from core.work import Work

O, Q = table_of(Order), table_of(CreditRequest)  # noqa: E741
Excess = tuple[int, str]  # minor units, and their currency


def excess(work: Work, rules: CreditRules, request_ids: Collection[int]) -> dict[int, Excess]:
    """By request: beyond the customer's own limit, else beyond its group's; 0 where the order is held for something else, or
    fits by now. Read for a person, without a lock: a few statements for each customer, of whom few wait for one person."""
    query = select(Q.c.id, Order).join_from(Q, Order, O.c.id == Q.c.order_id).where(among(Q.c.id, request_ids))
    standings: dict[int, Standing] = {}
    found: dict[int, Excess] = {}
    for request_id, order in work.session.execute(query.order_by(Q.c.id)).all():
        now = standings.get(order.customer_id) or standing(work, order.customer_id)
        standings[order.customer_id] = now
        found[request_id] = shown.over_of(shown.of(now, judge(work, rules, order, now)))
    return found
