"""What waits for somebody's word about a held order. The first decision wins; everybody's card closes. The word itself:
core.credit.votes.

pending -> approved | rejected     every rung said yes; somebody said no
pending -> expired                 nobody decided in time: the order stays held
pending -> obsolete | withdrawn    no longer needed or possible; taken back

Whoever is away has a deputy decide, nobody about what they asked for themselves: core.credit.route, core.credit.seats.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, literal_column, select

from core import outbox
from core.chores import holders
from core.credit import deciders, events, own_orders, prepayment, route, shown, verdict
from core.credit.deciders import Deciders
from core.credit.exposure import Standing
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.ledger.marks import NOBODY, mark
from core.models import CreditRequest, CreditVote, Customer, Order, OrderState, RequestState
from core.models.base import table_of
from core.time import work_hours_later
from core.work import Work

Q, V, O, D = table_of(CreditRequest), table_of(CreditVote), table_of(Order), outbox.D  # noqa: E741
KEPT = ("agreed", "anew", "rejected")  # of a request's facts, besides what its cards show of the customer
_PENDING = select(CreditRequest).where(Q.c.order_id == bindparam("order"), Q.c.state == RequestState.pending)
_HELD: Any = literal_column(f"'{OrderState.held.value}'")  # written out, for the index of the held ones
_WITH_HELD = (
    select(O.c.customer_id)
    .where(O.c.customer_id.in_(bindparam("customers", expanding=True)), O.c.state == _HELD)
    .distinct()
)
_HELD_CARD = (
    select(D.c.id)
    .where(
        D.c.subject == "order", D.c.subject_id == bindparam("order"), D.c.person_id == bindparam("person"),
        D.c.kind == "order.held", D.c.state == "open",
    )
    .limit(1)
)  # fmt: skip


def pending(work: Work, order_id: int) -> CreditRequest | None:
    found: CreditRequest | None = work.session.execute(_PENDING, {"order": order_id}).scalar_one_or_none()
    return found


def latest(work: Work, order_id: int) -> CreditRequest | None:
    """The request that was made last about the order, whatever became of it."""
    query = select(CreditRequest).where(Q.c.order_id == order_id).order_by(Q.c.id.desc()).limit(1)
    found: CreditRequest | None = work.session.execute(query).scalar_one_or_none()
    return found


def open_(
    work: Work, policy: Policy, order: Order, now: Standing, found: verdict.Verdict, asked_by_id: int | None = None,
    *, agreed: Mapping[str, Any] | None = None,
) -> CreditRequest | None:  # fmt: skip
    """Asks the first rung; the rep is told. `asked_by_id`: who asks, where that isn't the rep. `agreed`: conditions of an
    earlier yes, which stay. None: there is nobody who may decide."""
    chosen = route.choose(found, now, policy.credit)
    org, asked_by_id = load_org(work), asked_by_id or order.asked_by_id
    never = barred(order, org, now) | {person for person in (asked_by_id, work.person_id) if person is not None}
    asked = route.rungs(chosen, now, org, never) if chosen is not None else ()
    if not asked or chosen is None:
        _nobody(work, policy, order)
        return None
    order.facts = {k: v for k, v in order.facts.items() if k != NOBODY}
    rules, calendar, window = policy.credit, work.company.calendar, policy.windows.work
    request = CreditRequest(
        order_id=order.id or 0,
        customer_id=order.customer_id,
        asked_by_id=asked_by_id,
        facts=shown.of(now, found) | ({"agreed": dict(agreed)} if agreed else {}),
        route=chosen.name,
        rungs=[each.json() for each in asked],
        opened_at=work.now,
        expires_at=work_hours_later(calendar, work.now, window, rules.expires_hours),
        remind_at=work_hours_later(calendar, work.now, window, rules.remind_hours),
    )
    work.session.add(request)
    work.session.flush()
    work.audit("credit.asked", "credit", request.id, order.customer_id, order=order.number, route=chosen.name)
    _send(work, policy, request, org, request.rungs[0]["people"])
    rep = rep_of(work, order, org)
    if not _reads_it(work, order, rep):
        _tell(work, policy, order, "order.held", [rep], request.id, org)
    prepayment.ask(work, policy, order)
    return request


def rep_of(work: Work, order: Order, org: Org) -> int | None:
    """Who follows the order: whose it is, or once they have left, who looks after the customer by now."""
    if org.active(order.asked_by_id):
        return order.asked_by_id
    return org.responsible(None, work.session.get_one(Customer, order.customer_id).owner_id)


def concerned(order: Order, org: Org, request: CreditRequest | None = None) -> set[int]:
    """Whose order it is, who entered it, and who asked (again), before it was changed, too."""
    entered = org.of_handle(order.entered_by.rpartition(" as ")[2])
    asked = request.asked_by_id if request is not None else None
    ever = order.facts.get(own_orders.EVER, ())
    return {person for person in (order.asked_by_id, entered, asked, *ever) if person is not None}


def barred(order: Order, org: Org, now: Standing, request: CreditRequest | None = None) -> set[int]:
    """They and whoever looks after the customer: nobody of them decides, nor as somebody's deputy."""
    return concerned(order, org, request) | ({now.owner_id} if now.owner_id is not None else set())


def deciders_now(
    work: Work, request: CreditRequest, order: Order, now: Standing, found: verdict.Verdict, policy: Policy, org: Org
) -> Deciders | None:
    """Who decides it by now: deputies, whoever has come or gone since, or others altogether. None: nobody may."""
    never, said = barred(order, org, now, request), voted(work, request)
    return deciders.by_now(request, now, found, policy.credit, org, never, said)


def remind_later(work: Work, policy: Policy, request: CreditRequest) -> None:
    """Others are asked, or about something else: they have time of their own before they are reminded."""
    request.reminders = 0
    request.remind_at = work_hours_later(work.company.calendar, work.now, policy.windows.work, policy.credit.remind_hours)


def begin_anew(
    work: Work, policy: Policy, request: CreditRequest, order: Order, now: Standing, found: verdict.Verdict, by_now: Deciders
) -> None:
    """The first rung is asked on what is true now; nothing that was said before counts. Others who decide have the time
    that anybody has."""
    facts = shown.of(now, found)
    why = "worse" if shown.has_worsened(request.facts, facts) else "moved"
    before = request.rungs[request.rung]["people"]
    request.rev += 1
    kept = {key: request.facts[key] for key in KEPT if key in request.facts}
    request.facts, request.rung = facts | kept | {"anew": why}, 0
    request.route, request.rungs = by_now.route, by_now.fresh
    remind_later(work, policy, request)
    if by_now.anew:
        hours = policy.credit.expires_hours
        request.expires_at = work_hours_later(work.company.calendar, work.now, policy.windows.work, hours)
    order.reasons = facts["reasons"]
    order.facts = {**order.facts, "used_minor": found.used_minor, "over_minor": found.over_minor}
    asked = {"before": before, "people": request.rungs[0]["people"], "route": request.route}
    work.audit(f"credit.{why}", "credit", request.id, request.customer_id, facts=facts, **asked)
    events.order_changed(work, order)
    work.session.flush()
    outbox.touch(work, "credit", [request.id or 0])
    outbox.touch(work, "order", [order.id or 0])
    cards(work, policy, request)


def voted(work: Work, request: CreditRequest) -> list[int]:
    """Who of the rung has said yes, in order."""
    rows = select(V.c.person_id).where(
        V.c.request_id == request.id, V.c.request_rev == request.rev, V.c.rung == request.rung, V.c.approve
    )
    return list(work.session.execute(rows.order_by(V.c.at, V.c.person_id)).scalars())


def voters(work: Work, request: CreditRequest) -> set[int]:
    """Whose words count, of every rung."""
    rows = select(V.c.person_id).where(V.c.request_id == request.id, V.c.request_rev == request.rev)
    return set(work.session.execute(rows).scalars())


def end(work: Work, request: CreditRequest, state: str) -> None:
    request.state, request.decided_at = RequestState(state), work.now
    work.audit(
        f"credit.{request.state}", "credit", request.id, request.customer_id,
        facts=request.facts, conditions=request.conditions, reason=request.reason,
    )  # fmt: skip
    work.session.flush()
    outbox.touch(work, "credit", [request.id or 0])


def expire(work: Work, policy: Policy, request: CreditRequest, order: Order) -> None:
    """Nobody decided in time: the order stays held, and the rep may ask again."""
    end(work, request, RequestState.expired)
    order.decided_at = work.now
    work.session.flush()
    events.order_changed(work, order)
    outbox.touch(work, "order", [order.id or 0])
    tell_end(work, policy, order, request)


def nobody_left(work: Work, policy: Policy, request: CreditRequest, order: Order) -> None:
    """Whoever might decide is gone: nobody waits for them any longer."""
    end(work, request, "obsolete")
    order.decided_at = work.now
    _nobody(work, policy, order)
    events.order_changed(work, order)
    outbox.touch(work, "order", [order.id or 0])


def _nobody(work: Work, policy: Policy, order: Order) -> None:
    """The rep and finance hear that the order waits for somebody who may decide about it, once."""
    if NOBODY in order.facts:
        return
    order.facts = {**order.facts, NOBODY: True}
    work.audit("credit.nobody", "order", order.id, order.customer_id)
    work.session.flush()
    _tell(work, policy, order, "order.decided", [rep_of(work, order, load_org(work)), *_to_be_told(work, order)])


def settle_order(work: Work, policy: Policy, order: Order, state: OrderState, *, by: str) -> None:
    """The order is released or not, and those who wait for it are told."""
    order.state = state
    order.decided_at = order.decided_at or work.now
    figures = {name: order.facts[name] for name in ("used_minor", "over_minor") if name in order.facts}
    work.audit(
        f"order.{state}", "order", order.id, order.customer_id, by=by, conditions=order.conditions, reasons=order.reasons,
        **figures,
    )  # fmt: skip
    events.order_changed(work, order)
    work.session.flush()
    if state == OrderState.released:
        mark_others(work, policy, [order.customer_id])
    prepayment.settle(work, [order.customer_id])
    outbox.touch(work, "order", [order.id or 0])
    tell_outcome(work, policy, order)


def mark_others(work: Work, policy: Policy, customer_ids: Collection[int], *, shares: bool = True) -> None:
    """Orders of theirs were released: what they use up may take held ones to other approvers, the customers' own and, if
    they `share` limits, those of their groups."""
    if not customer_ids or not route.by_exposure(policy.credit):
        return
    asked = {"customers": sorted(customer_ids)}
    whose = customer_ids if shares else work.session.execute(_WITH_HELD, asked).scalars().all()
    if whose:
        mark(work, whose)


def _to_be_told(work: Work, order: Order) -> list[int | None]:
    """The rep, and finance; not whoever has just decided."""
    org = load_org(work)
    return [person for person in (rep_of(work, order, org), *holders(org, "finance")[:1]) if person != work.person_id]


def cards(work: Work, policy: Policy, request: CreditRequest, again: Collection[int] = ()) -> None:
    """Whoever of the rung has no card gets one; those in `again` get it once more, which takes the older one's place."""
    on_its_way, shown = _have_card(work, request)
    reminded = shown.intersection(again)
    people = [p for p in request.rungs[request.rung]["people"] if p not in on_its_way and (p not in shown or p in reminded)]
    _send(work, policy, request, load_org(work), people, reminded)


def _send(
    work: Work, policy: Policy, request: CreditRequest, org: Org, people: Sequence[int], reminded: Collection[int] = ()
) -> None:
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"credit:{request.id}:{request.rev}:{request.rung}:{person}:{work.now.isoformat()}",
            kind="credit.request", subject="credit", subject_id=request.id or 0, customer_id=request.customer_id,
            person_id=person, data={"again": request.reminders} if person in reminded else {},
            not_before=outbox.outside_quiet(work, policy.windows, org.members.get(person)),
        )
        for person in people
    ])  # fmt: skip


def _have_card(work: Work, request: CreditRequest) -> tuple[set[int], set[int]]:
    """People whose card of this request is on its way, and those who have it open: it is drawn anew, not sent twice."""
    message = outbox.O.c
    leaving = select(message.person_id).where(
        message.subject == "credit", message.subject_id == request.id, message.op == "send",
        message.kind == "credit.request", message.state.in_(outbox.WAITING),
    )  # fmt: skip
    shown = select(D.c.person_id).where(
        D.c.subject == "credit", D.c.subject_id == request.id, D.c.state == "open", D.c.outbox_id.is_not(None)
    )
    return set(work.session.execute(leaving).scalars()), set(work.session.execute(shown).scalars())


def _reads_it(work: Work, order: Order, rep: int | None) -> bool:
    """Whether they have an open card of the held order, which is drawn anew."""
    return work.session.execute(_HELD_CARD, {"order": order.id, "person": rep}).first() is not None


def tell_outcome(work: Work, policy: Policy, order: Order, told: Collection[int] = ()) -> None:
    """The rep and finance hear what became of it, but for whoever has just done it, and those who are `told` already."""
    _tell(work, policy, order, "order.decided", [each for each in _to_be_told(work, order) if each not in told])


def tell_end(work: Work, policy: Policy, order: Order, request: CreditRequest) -> None:
    """That a request has come to nothing hears the rep in any case: with that card they may ask again."""
    people = [rep_of(work, order, load_org(work)), *_to_be_told(work, order)]
    _tell(work, policy, order, "order.decided", people, request.id)


def _tell(
    work: Work, policy: Policy, order: Order, kind: str, people: list[int | None], request_id: int | None = None,
    org: Org | None = None,
) -> None:  # fmt: skip
    org = org or load_org(work)
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"order:{order.id}:{kind}:{order.state}:{request_id or ''}:{work.now.isoformat()}:{person}",
            kind=kind, subject="order", subject_id=order.id or 0, customer_id=order.customer_id, person_id=person,
            not_before=outbox.outside_quiet(work, policy.windows, org.members.get(person)),
        )
        for person in dict.fromkeys(people)
        if person is not None and org.active(person)
    ])  # fmt: skip
