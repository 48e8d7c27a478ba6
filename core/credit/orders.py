"""Orders: checked as they come in, checked again when what is behind the verdict changes, taken back, ended.

held -> released | refused | rejected | cancelled     by a decision, by a new check, by the order system
rejected -> held                                       asked again by the rep, with something new to say
released -> cancelled | closed                         taken back; nothing more will be delivered or invoiced
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, union, update
from sqlalchemy.exc import IntegrityError

from core import outbox
from core.credit import asking, events, lines, locks, prepayment, progress, reminders, requests, route, verdict, votes
from core.credit.exposure import Standing, standing
from core.credit.incoming import NewOrder
from core.credit.judge import judge
from core.credit.leaning import LEANS, LEANS_ON_GROUP, leaned
from core.db import others_write
from core.dunning.ladder import Policy
from core.errors import DomainError
from core.ledger.marks import DONE, NOBODY, mark
from core.models import CreditRequest, Customer, Order, OrderState, Person, RequestState
from core.models.base import among, table_of
from core.permissions import scope_of
from core.work import Work

O, C, P, Q = table_of(Order), table_of(Customer), table_of(Person), table_of(CreditRequest)  # noqa: E741
_WAITING = union(
    select(O.c.customer_id).where(O.c.recheck),
    select(Q.c.customer_id).where(
        Q.c.state == RequestState.pending, or_(Q.c.expires_at <= bindparam("now"), Q.c.remind_at <= bindparam("now"))
    ),
).subquery()
_TO_CHECK = select(_WAITING.c.customer_id).order_by(_WAITING.c.customer_id)
_IS_TO_CHECK = _TO_CHECK.where(_WAITING.c.customer_id == bindparam("customer"))
_CODED = select(C.c.id).where(C.c.code == bindparam("code"))
_KNOWN = select(Order).where(O.c.source == bindparam("source"), O.c.number == bindparam("number"))


@dataclass(frozen=True)
class Submitted:
    """The order with its verdict. `again`: it was known already, and nothing changed."""

    order: Order
    request_id: int | None
    again: bool = False


def submit(work: Work, policy: Policy, new: NewOrder, source: str = "") -> Submitted:
    """Writes the order with its verdict; a held one asks whoever may release it.

    Errors: customer.unknown (also for one whom the person who enters it doesn't see), person.unknown, order.to_come,
    order.conflict (its number is that of another order), credit.group_moved.
    """
    customer_id = _customer(work, new.customer)
    locks.lock(work, customer_id)
    known = _known(work, new, source)
    if known is not None:
        return known
    now = standing(work, customer_id)
    order, found = judged(work, policy, new, source, now)
    try:
        with work.session.begin_nested() if others_write(work.session) else nullcontext():
            work.session.add(order)
            work.session.flush()
    except IntegrityError:  # the same number came for another customer just now
        raise DomainError("order.conflict", number=new.number) from None
    made = begun(work, policy, order, found, now)
    if order.state == OrderState.released:
        requests.mark_others(work, policy, [customer_id], shares=now.group is not None)
    return made


def judged(work: Work, policy: Policy, new: NewOrder, source: str, now: Standing) -> tuple[Order, verdict.Verdict]:
    """A new order, not written yet, with the verdict about it on its customer's standing. Errors: person.unknown,
    order.to_come."""
    order = Order(
        source=source,
        number=new.number,
        customer_id=now.customer_id,
        amount_minor=new.amount_minor,
        currency=new.currency,
        prepaid_minor=new.prepaid_minor,
        terms=new.terms,
        terms_days=new.terms_days,
        lines=[dict(line) for line in new.lines],
        note=new.note,
        extra=dict(new.extra),
        asked_by_id=whose(work, new, now),
        entered_by=work.actor,
        fingerprint=new.fingerprint,
        state=OrderState.held,
        placed_at=work.now,
        ordered_on=own_day(work, new),
    )
    found = judge(work, policy.credit, order, now)
    settle(order, found)
    # What others post while this is being judged finds no order to mark.
    order.recheck = order.state == OrderState.held and others_write(work.session)
    return order, found


def begun(work: Work, policy: Policy, order: Order, found: verdict.Verdict, now: Standing) -> Submitted:
    """What follows from a new order that is written: others are told, and asked."""
    work.audit(
        f"order.{order.state}", "order", order.id, order.customer_id, amount_minor=order.amount_minor,
        currency=order.currency, reasons=order.reasons, used_minor=found.used_minor, over_minor=found.over_minor,
    )  # fmt: skip
    request = requests.open_(work, policy, order, now, found) if order.state == OrderState.held else None
    events.order_changed(work, order)
    return Submitted(order, request.id if request is not None else None)


def _customer(work: Work, code: str) -> int:
    """To a person who enters orders, customers that they don't see whole are unknown; an order system sees all."""
    query = _CODED
    if work.person_id is not None:
        query = query.where(scope_of(work.session, work.person_id).customers_whole())
    found: int | None = work.session.execute(query, {"code": code}).scalar()
    if found is None:
        raise DomainError("customer.unknown", value=code)
    return found


def _known(work: Work, new: NewOrder, source: str) -> Submitted | None:
    order = work.session.execute(_KNOWN, {"source": source, "number": new.number}).scalar_one_or_none()
    if order is None:
        return None
    if order.fingerprint != new.fingerprint:
        raise DomainError("order.conflict", number=new.number)
    pending = requests.pending(work, order.id or 0)
    return Submitted(order, pending.id if pending is not None else None, again=True)


def own_day(work: Work, new: NewOrder) -> date | None:
    """The order's own day; it may be tomorrow here, where the order system is. Errors: order.to_come."""
    if new.ordered_on is not None and new.ordered_on > work.today + timedelta(days=1):
        raise DomainError("order.to_come", number=new.number, on=new.ordered_on)
    return new.ordered_on


def whose(work: Work, new: NewOrder, now: Standing, before: int | None = None) -> int | None:
    """Whom the order names, else the customer's owner. `before`: whose it was until now.

    Errors: person.unknown; also for somebody who doesn't see the customer: they would read of it on the order's cards.
    """
    if not new.asked_by:
        return now.owner_id
    found: int | None = work.session.execute(select(P.c.id).where(P.c.handle == new.asked_by)).scalar()
    if found is not None and found in (now.owner_id, before):
        return found
    if found is None or not scope_of(work.session, found).whole(now.owner_id, now.region):
        raise DomainError("person.unknown", handle=new.asked_by)
    return found


def settle(order: Order, found: verdict.Verdict) -> None:
    order.state = OrderState(found.state)
    order.reasons = [reason.json() for reason in found.reasons]
    leans = {LEANS: order.facts.get(LEANS, 0), LEANS_ON_GROUP: order.facts.get(LEANS_ON_GROUP, 0)}
    if found.state == verdict.RELEASED:
        leans = {LEANS: found.leans_minor, LEANS_ON_GROUP: found.leans_group_minor}
    done = {DONE: found.done_minor} if found.state == verdict.RELEASED and found.done_minor else {}
    kept = {name: value for name, value in order.facts.items() if name != DONE}
    order.facts = {**kept, **done, "used_minor": found.used_minor, "over_minor": found.over_minor, **leans}


def check_again(work: Work, policy: Policy, order: Order, now: Standing | None = None) -> None:
    """A held order in the light of what is true now: money came, a limit was raised, a hold has ended, or a blacklist
    begun. Its customer is locked, and `now` how it stands, if that is known. One that was approved waits for its
    prepayment, whatever else there is room for; a request that nobody answered in time ends, unless it is needed no
    longer. One that stays held says why by now. A released one is doubted: held_by."""
    if order.state == OrderState.released:
        _doubt(work, policy, order)
    if order.state != OrderState.held:
        return
    now = now or standing(work, order.customer_id)
    found = judge(work, policy.credit, order, now)
    pending = requests.pending(work, order.id or 0)
    if pending is None and order.conditions and found.state != verdict.REFUSED:
        _approved(work, policy, order, now, found)
        return
    if found.state == verdict.HELD:
        expires = pending is not None and pending.expires_at <= work.now
        _stays_held(work, policy, order, found, told=expires)
        if pending is not None and expires:
            requests.expire(work, policy, pending, order)
        elif pending is not None:
            reminders.look_after(work, policy, pending, order, now, found)
        elif NOBODY in order.facts:
            asking.of_somebody(work, policy, order, now, found)
        return
    if pending is not None:
        requests.end(work, pending, "obsolete")
    settle(order, found)
    requests.settle_order(work, policy, order, OrderState(found.state), by="check")


def _stays_held(work: Work, policy: Policy, order: Order, found: verdict.Verdict, *, told: bool) -> None:
    """Its reasons and figures are those of now. Who follows it hears of other reasons; another day of delay is none. `told`:
    they hear of it anyway."""
    before, reasons = order.reasons, [reason.json() for reason in found.reasons]
    if (reasons, found.used_minor) == (before, order.facts.get("used_minor")):
        return
    order.reasons = reasons
    order.facts = {**order.facts, "used_minor": found.used_minor, "over_minor": found.over_minor}
    if _but_days(reasons) == _but_days(before):
        return
    work.session.flush()
    if {reason["code"] for reason in reasons} != {reason["code"] for reason in before}:
        prepayment.settle(work, [order.customer_id])
        prepayment.ask(work, policy, order)
    outbox.touch(work, "order", [order.id or 0])
    if not told:
        events.order_changed(work, order)


def _but_days(reasons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in reason.items() if name != "days"} for reason in reasons]


def _doubt(work: Work, policy: Policy, order: Order) -> None:
    """Released since it was delivered anyway, which is put right by now: it is judged anew. What somebody approved as it is
    was not released by that."""
    done = progress.done(work, order).minor
    if done >= order.facts.get(DONE, 0):
        return
    order.state = OrderState.held  # nobody's limit is used up by it while it is judged
    work.session.flush()
    now = standing(work, order.customer_id)
    found = judge(work, policy.credit, order, now)
    if found.state != verdict.RELEASED:  # nor does it keep what was added to the limit for what it was before
        lines.shorten(work, policy.credit, order, order.amount_minor - done)
        now = standing(work, order.customer_id)
        found = judge(work, policy.credit, order, now)
    settle(order, found)
    if found.state == verdict.RELEASED:
        return
    order.decided_at = None
    work.audit("order.doubted", "order", order.id, order.customer_id, reasons=order.reasons)
    work.session.flush()
    mark(work, [order.customer_id])
    if found.state != verdict.HELD:
        requests.settle_order(work, policy, order, OrderState(found.state), by="check")
        return
    requests.open_(work, policy, order, now, found)
    prepayment.settle(work, [order.customer_id])
    outbox.touch(work, "order", [order.id or 0])
    events.order_changed(work, order)


def _approved(work: Work, policy: Policy, order: Order, now: Standing, found: verdict.Verdict) -> None:
    """On a prepayment: with it the order is released, unless whoever approved it knew less."""
    prepay = int(order.conditions.get("prepay_minor", 0))
    exposure = now.exposures.get(order.currency)
    done = progress.done(work, order)
    missing = prepay - done.paid_minor
    free = done.kept_minor + (exposure.free_minor if exposure is not None else 0)
    if missing > 0 and (free < missing or free - leaned(work, policy.credit, now, order.currency) < missing):
        return
    approved = requests.latest(work, order.id or 0)
    if approved is not None:
        if asking.anew(work, policy, order, approved, now, found):
            return
        votes.raise_limit(work, policy, approved, order)
    order.prepaid_minor = max(order.prepaid_minor, prepay)  # no other order is released by the same money
    requests.settle_order(work, policy, order, OrderState.released, by="prepayment")


def to_check(work: Work) -> list[int]:
    """Customers behind whose held orders something has changed (core.ledger.marks), and those with a request that nobody
    has decided: past its time, or time to remind."""
    return list(work.session.execute(_TO_CHECK, {"now": work.now}).scalars())


def is_to_check(work: Work, customer_id: int) -> bool:
    """Whether this customer is still one of them."""
    return work.session.execute(_IS_TO_CHECK, {"now": work.now, "customer": customer_id}).first() is not None


def check_customer(work: Work, policy: Policy, customer_id: int) -> None:
    """Its held orders, with those of a group that has a limit, the oldest first: each that is released counts for the
    next. Errors: credit.group_moved."""
    check_locked(work, policy, locks.lock(work, customer_id))


def check_locked(work: Work, policy: Policy, members: Collection[int]) -> None:
    """The same for customers that are locked; once more after one is released, where that may be why another one's approver
    isn't the one to decide any more."""
    again = True
    while again:
        again = False
        for order in held_by(work, members):
            was = order.state
            check_again(work, policy, order)
            work.session.flush()
            again = again or (order.state == OrderState.released != was and route.by_exposure(policy.credit))


def held_by(work: Work, customer_ids: Collection[int]) -> Sequence[Order]:
    """Their held orders, the oldest first, locked and marked no longer; before them those that were released and are in
    doubt by now (core.ledger.marks). The customers are locked."""
    locks.lock_orders(work, customer_ids)
    marked = update(O).where(among(O.c.customer_id, customer_ids), O.c.recheck).values(recheck=False)
    states = work.session.execute(marked.returning(O.c.id, O.c.state)).all()
    doubted = [row.id for row in states if row.state == OrderState.released]
    held = and_(among(O.c.customer_id, customer_ids), O.c.state == OrderState.held)
    rows = work.session.execute(select(Order).where(or_(held, O.c.id.in_(doubted)) if doubted else held).order_by(O.c.id))
    return sorted(rows.scalars(), key=lambda order: order.state != OrderState.released)


def cancel(work: Work, policy: Policy, order: Order) -> None:
    """The order system takes it back. Errors: order.ended, credit.group_moved."""
    locks.lock_orders(work, locks.lock(work, order.customer_id))
    if order.state not in (OrderState.held, OrderState.released):
        raise DomainError("order.ended", number=order.number, state=str(order.state))
    pending = requests.pending(work, order.id or 0)
    if pending is not None:
        requests.end(work, pending, "withdrawn")
    freed = order.state == OrderState.released
    order.state, order.ended_at = OrderState.cancelled, work.now
    lines.end(work, order)
    work.audit("order.cancelled", "order", order.id, order.customer_id)
    events.order_changed(work, order)
    work.session.flush()
    if freed:
        mark(work, [order.customer_id])
    prepayment.settle(work, [order.customer_id])
    outbox.touch(work, "order", [order.id or 0])


def find(work: Work, number: str) -> list[Order]:
    return list(work.session.execute(select(Order).where(O.c.number == number).order_by(O.c.id)).scalars())


def as_json(order: Order, request_id: int | None) -> dict[str, Any]:
    """The public answer to an order."""
    return events.answer(order, request_id)

