"""Orders of many customers, none of whom shares a limit: checked at once, in about as few statements as one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import String, bindparam, select

from core.credit import orders, requests, route, verdict
from core.credit.exposure import Standing, standings
from core.credit.incoming import NewOrder
from core.credit.locks import lock_free
from core.dunning.ladder import Policy
from core.errors import DomainError
from core.models import Customer, Order, OrderState
from core.models.base import table_of
from core.work import Work

C, O = table_of(Customer), table_of(Order)  # noqa: E741
_THESE = bindparam("these", expanding=True, type_=String)
_CODED = (
    select(C.c.code, C.c.id).where(C.c.code.in_(_THESE)).order_by(C.c.id).with_for_update(key_share=True, skip_locked=True)
)
_NUMBERED = select(O.c.source, O.c.number).where(O.c.number.in_(_THESE))


@dataclass(frozen=True)
class Incoming:
    """An order that another system places, and in whose name `work` is: all of them are in one transaction."""

    work: Work
    new: NewOrder
    source: str


def submit(work: Work, policy: Policy, many: Mapping[int, Incoming]) -> dict[int, orders.Submitted]:
    """By place, as core.credit.orders.submit does for each, in the order of places. Left out is what had better be
    submitted alone: a second order of a customer or of a number, one that is known, one of a group with a limit, one whose
    customer somebody else is at, and what is refused with an error. Errors: IntegrityError, if somebody wrote one of the
    numbers just now."""
    found = _judged(policy, _standing_apart(work, many), many)
    work.session.add_all([order for order, _, _ in found.values()])
    work.session.flush()
    made = {place: orders.begun(many[place].work, policy, *what) for place, what in found.items()}
    released = {each.order.customer_id for each in made.values() if each.order.state == OrderState.released}
    requests.mark_others(work, policy, released, shares=False)
    return made


def _standing_apart(work: Work, many: Mapping[int, Incoming]) -> dict[int, Standing]:
    """By place. The customers are locked; nobody waits for those that somebody else has."""
    numbers, codes = {each.new.number for each in many.values()}, {each.new.customer for each in many.values()}
    ids = {code: i for code, i in work.session.execute(_CODED, {"these": sorted(codes)})}
    first: dict[int, int] = {}
    taken: set[tuple[str, str]] = set()
    for place, each in sorted(many.items()):
        named = (each.source, each.new.number)
        if each.new.customer in ids and ids[each.new.customer] not in first and named not in taken:
            first[ids[each.new.customer]] = place
            taken.add(named)
    known = {(source, number) for source, number in work.session.execute(_NUMBERED, {"these": sorted(numbers)})}
    now = standings(work, first) if first else {}
    return {
        place: now[i] for i, place in first.items()
        if i in now and (many[place].source, many[place].new.number) not in known
    }  # fmt: skip


def _judged(
    policy: Policy, now: Mapping[int, Standing], many: Mapping[int, Incoming]
) -> dict[int, tuple[Order, verdict.Verdict, Standing]]:
    found = {}
    for place, standing in sorted(now.items()):
        each = many[place]
        try:
            found[place] = *orders.judged(each.work, policy, each.new, each.source, standing), standing
        except DomainError:  # alone, it says what is wrong
            continue
    return found


def check(work: Work, policy: Policy, customer_ids: Collection[int]) -> set[int]:
    """The held orders of these customers in the light of what is true now, as core.credit.orders.check_customer does for
    each. Whose were checked: left out is who shares a limit, and whom somebody else is at."""
    now = standings(work, lock_free(work, customer_ids))
    found, released = set(now), set()
    for order in orders.held_by(work, found):
        was = order.state
        orders.check_again(work, policy, order, now.get(order.customer_id))
        work.session.flush()
        if order.state != was or was != OrderState.held:
            now.pop(order.customer_id, None)  # it counts for the next, or no longer
        if order.state == OrderState.released != was:
            released.add(order.customer_id)
    if released and route.by_exposure(policy.credit):
        orders.check_locked(work, policy, released)
    return found
