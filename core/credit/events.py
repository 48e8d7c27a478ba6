"""What the order system is told of credit: what became of an order, and whose orders are stopped."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, func, or_, select

from core import webhooks
from core.ledger.rows import chunks
from core.models import CreditRequest, Customer, Hold, Order, RequestState, WebhookEvent
from core.models.base import among, table_of
from core.models.collection import BLOCKING
from core.money import format_major
from core.work import Work

C, H, Q, W = table_of(Customer), table_of(Hold), table_of(CreditRequest), table_of(WebhookEvent)
LOCKED, UNLOCKED = "customer.locked", "customer.unlocked"
_LOOK_BACK = timedelta(days=7)  # for holds that ended while somebody else told of them
_OF_ORDER = (
    select(C.c.code, Q.c.id)
    .outerjoin(Q, and_(Q.c.order_id == bindparam("order", type_=BigInteger), Q.c.state == RequestState.pending))
    .where(C.c.id == bindparam("customer", type_=BigInteger))
)
_LAST = select(W.c.body).where(W.c.subject == bindparam("subject")).order_by(W.c.id.desc()).limit(1)


# --- orders ---


def answer(order: Order, request_id: int | None) -> dict[str, Any]:
    """An order's verdict as other systems are told of it: by the REST API, on the command line, by an event."""
    return {
        "number": order.number,
        "verdict": str(order.state),
        "reasons": reasons(order.reasons),
        "request": request_id,
    }


def reasons(stored: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The reasons of a verdict with amounts in major units, each beside its currency."""
    return [_reason(reason) for reason in stored]


def _reason(stored: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in stored.items():
        match value:
            case [int(minor), str(currency)]:
                told |= {name: format_major(minor, currency), "currency": currency}
            case _:
                told[name] = value
    return told


def conditions(order: Order) -> dict[str, Any]:
    """What its approval asks for: `prepay`, in major units of the order's currency, and `terms_days`, which terms may not
    be longer than; empty without conditions."""
    prepay, days = order.conditions.get("prepay_minor"), order.conditions.get("terms_days")
    told = {} if prepay is None else {"prepay": format_major(prepay, order.currency), "currency": order.currency}
    return told if days is None else told | {"terms_days": days}


def order_changed(work: Work, order: Order) -> None:
    """The order as it is now, to whoever takes events: its state, its reasons, or what it waits for is another one."""
    if not work.company.webhooks:
        return
    work.session.flush()
    customer, request = work.session.execute(_OF_ORDER, {"order": order.id, "customer": order.customer_id}).one()
    told = answer(order, request) | {
        "source": order.source,
        "customer": customer,
        "amount": format_major(order.amount_minor, order.currency),
        "currency": order.currency,
        "conditions": conditions(order),
    }
    kind, subject = f"order.{order.state}", f"order:{order.id}"
    # Other reasons may make it another one's to decide, and each tells of it. What is new has been told of by nobody.
    last = work.session.execute(_LAST, {"subject": subject}).scalar() if order.placed_at != work.now else None
    if last is None or (last["event"], last["order"]) != (kind, told):
        webhooks.emit(work, kind, subject, {"order": told})


# --- customers ---


def customers_changed(work: Work, customer_ids: Collection[int]) -> int:
    """Tells of those whose holds are others than was told last; returns how many. What was told last is read from the
    log, so a hold that ends by its date alone, or one that was set before there was a receiver, is told of, too."""
    if not work.company.webhooks:
        return 0
    work.session.flush()
    events: list[tuple[str, str, dict[str, Any]]] = []
    for some in chunks(customer_ids):
        running, last = _holds(work, some), _told(work, some)
        for row in work.session.execute(select(C.c.id, C.c.code, C.c.name).where(among(C.c.id, some)).order_by(C.c.id)):
            holds, before = running.get(row.id, []), last.get(_subject(row.id), [])
            if holds != before:
                stop = "refused" if any(hold["kind"] == "blacklist" for hold in holds) else "held"
                told = {"code": row.code, "name": row.name, "orders": stop if holds else "open", "holds": holds}
                events.append((LOCKED if holds else UNLOCKED, _subject(row.id), {"customer": told}))
    webhooks.emit_all(work, events)
    return len(events)


def untold(work: Work) -> list[int]:
    """Customers of whose holds something is to be told; reads only."""
    if not work.company.webhooks:
        return []
    recent = or_(H.c.ended_on.is_(None), H.c.ended_on >= work.today - _LOOK_BACK)
    some = work.session.execute(select(H.c.customer_id).where(H.c.kind.in_(BLOCKING), recent).distinct()).scalars().all()
    found: list[int] = []
    for ids in chunks(some):
        running, last = _holds(work, ids), _told(work, ids)
        found += [i for i in ids if running.get(i, []) != last.get(_subject(i), [])]
    return found


def catch_up(work: Work, customer_ids: Collection[int]) -> int:
    """Locks them, as whoever changes a hold does, and tells of those that `untold` found."""
    ones = select(C.c.id).where(among(C.c.id, customer_ids)).order_by(C.c.id)
    work.session.execute(ones.with_for_update(key_share=True))
    return customers_changed(work, customer_ids)


def _subject(customer_id: int) -> str:
    return f"{webhooks.OF_CUSTOMER}{customer_id}"


def _holds(work: Work, customer_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """What stops their orders today, as it is told."""
    counts = and_(H.c.ended_on.is_(None), H.c.from_on <= work.today, or_(H.c.until.is_(None), H.c.until >= work.today))
    rows = work.session.execute(
        select(H).where(among(H.c.customer_id, customer_ids), H.c.kind.in_(BLOCKING), counts).order_by(H.c.id)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        told = {"kind": row.kind, "since": row.from_on.isoformat(), "until": row.until.isoformat() if row.until else None}
        if row.kind == "order":  # of a ladder: which step, how many days overdue, in which currency
            told |= {"step": row.step, "days": row.offset_days, "currency": row.currency}
        else:
            told |= {"reason": row.reason}
        found.setdefault(row.customer_id, []).append(told)
    return found


def _told(work: Work, customer_ids: Collection[int]) -> dict[str, list[dict[str, Any]]]:
    """By subject: the holds of its latest event."""
    subjects = [_subject(i) for i in customer_ids]
    latest = select(func.max(W.c.id)).where(W.c.subject.in_(subjects)).group_by(W.c.subject)
    rows = work.session.execute(select(W.c.subject, W.c.body).where(W.c.id.in_(latest)))
    return {row.subject: row.body["customer"]["holds"] for row in rows}
