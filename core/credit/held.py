"""What is held, as lists: one person's own orders, and customers whose orders need approval or are refused. Reads only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, exists, or_, select

from core.models import Customer, Hold, Order, OrderState, Person
from core.models.base import table_of
from core.permissions import Scope
from core.work import Work

O, C, H, P = table_of(Order), table_of(Customer), table_of(Hold), table_of(Person)  # noqa: E741


@dataclass(frozen=True, slots=True)
class HeldOrder:
    order: Order
    customer: str  # its short name


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A hold that counts today. `by`: who set it, "" for a ladder's (kind `order`), whose step's name is `step`."""

    customer_id: int
    code: str
    name: str
    owner: str
    kind: str
    since: date
    until: date | None
    by: str
    reason: str
    step: str


def orders_of(work: Work, person_id: int) -> list[HeldOrder]:
    """Orders on hold that this person asked for, or of customers they look after that nobody did who is here still; the
    oldest first."""
    here = exists().where(P.c.id == O.c.asked_by_id, P.c.active)
    mine = or_(O.c.asked_by_id == person_id, and_(C.c.owner_id == person_id, ~here))
    query = (
        select(Order, C.c.short_name, C.c.name)
        .join(Customer, C.c.id == O.c.customer_id)
        .where(O.c.state == OrderState.held, mine)
        .order_by(O.c.id)
    )
    return [HeldOrder(order, short or name) for order, short, name in work.session.execute(query)]


def customers_on_hold(work: Work, scope: Scope, kinds: Collection[str]) -> list[Held]:
    """Those that `scope` sees whole, the newest hold first; a customer with several kinds has a row for each."""
    counts = (H.c.ended_on.is_(None), H.c.from_on <= work.today, or_(H.c.until.is_(None), H.c.until >= work.today))
    setter, owner = P.alias("setter"), P.alias("owner")
    query = (
        select(
            H.c.customer_id, C.c.code, C.c.name, H.c.kind, H.c.from_on, H.c.until, H.c.reason, H.c.step,
            setter.c.name.label("by"), owner.c.name.label("owner"),
        )
        .select_from(
            H.join(C, C.c.id == H.c.customer_id)
            .outerjoin(setter, setter.c.id == H.c.made_by_id).outerjoin(owner, owner.c.id == C.c.owner_id)
        )
        .where(H.c.kind.in_(sorted(kinds)), *counts, scope.customers_whole())
        .order_by(H.c.from_on.desc(), H.c.id.desc())
    )  # fmt: skip
    return [
        Held(
            customer_id=row.customer_id, code=row.code, name=row.name, owner=row.owner or "", kind=row.kind,
            since=row.from_on, until=row.until, by=row.by or "", reason=row.reason, step=row.step,
        )
        for row in work.session.execute(query)
    ]  # fmt: skip
