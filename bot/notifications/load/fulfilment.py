"""Goods that nobody has signed for, or invoiced; prepayment that orders wait for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from bot.notifications.load.credit import conditions_of, words_on
from bot.notifications.load.facts import About, Cancel, Facts, Loaded, Message, phrase
from bot.notifications.views import ClosedOrderRow, InvoiceView, Phrase, PrepayRow, PrepayView, ShipmentRow, SignView
from core import invoicing, unsigned
from core.chores import MESSAGES
from core.credit import prepayment
from core.dunning.stored import active
from core.models import CreditRequest, Order, OrderState, Shipment, Task, TaskState
from core.models.base import table_of
from core.money import Money

O, Q, S = table_of(Order), table_of(CreditRequest), table_of(Shipment)  # noqa: E741


def invoice(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """What finance is to invoice."""
    customer_id = task.customer_id or 0
    about = facts.about(customer_id)
    waiting, closed = [], []
    if ended is None:
        waiting = invoicing.to_invoice(facts.work, [customer_id]).get(customer_id, [])
        closed = invoicing.closed_orders(facts.work, active(facts.work)[1], [customer_id]).get(customer_id, [])
    if ended is None and not waiting and not closed:
        if not message.for_update:
            return Cancel("invoiced")
        ended = phrase("ended.invoiced")
    if task.state == TaskState.settled:
        ended = phrase("ended.invoiced")
    view = InvoiceView(
        today=facts.today, customer=about.name, short=about.short, code=about.code,
        amounts=_sums([(x.amount_minor, x.currency) for x in waiting] + [(x.amount_minor, x.currency) for x in closed]),
        shipments=tuple(
            ShipmentRow(
                number=each.number, order=each.order_no, amount=Money(each.amount_minor, each.currency), on=each.signed_on
            )
            for each in waiting
        ),
        orders=tuple(
            ClosedOrderRow(order=each.number, amount=Money(each.amount_minor, each.currency), on=each.closed_on)
            for each in closed
        ),
        ended=ended,
    )  # fmt: skip
    return _loaded(task, view, about)


def sign(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """What the rep is to get a signature for."""
    about, policy = facts.about(task.customer_id or 0), active(facts.work)[1]
    waiting = unsigned.awaited(facts.work, policy, [task.customer_id or 0]) if ended is None else []
    mine = [each for each in waiting if each.person_id == task.person_id]
    if ended is None and not mine:
        if not message.for_update:
            return Cancel("signed")
        ended = _signed(facts, task)
    if task.state == TaskState.settled:
        ended = _signed(facts, task)
    contact = about.contacts.get("business") or about.contacts.get("finance")
    view = SignView(
        today=facts.today, customer=about.name, short=about.short, code=about.code, days=policy.credit.unsigned_days,
        amounts=_sums((each.amount_minor, each.currency) for each in mine),
        shipments=tuple(
            ShipmentRow(
                number=each.number, order=each.order_no, amount=Money(each.amount_minor, each.currency), on=each.shipped_on
            )
            for each in mine
        ),
        contact=" ".join(x for x in (contact.name, contact.phone or contact.email) if x) if contact is not None else "",
        waits=any(each.waits for each in mine), ended=ended,
    )  # fmt: skip
    return _loaded(task, view, about)


def _signed(facts: Facts, task: Task) -> Phrase:
    """Whether all of it is signed for, or the rest needs no signature any more."""
    asked = {shipment for event in task.events for shipment in event.get("shipments", ())}
    left = select(S.c.id).where(S.c.id.in_(asked), S.c.signed_on.is_(None)).limit(1)
    return phrase("ended.resolved" if facts.work.session.execute(left).first() is not None else "ended.signed")


def prepay(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """What the rep is to ask the customer for."""
    about = facts.about(task.customer_id or 0)
    waiting = prepayment.awaited(facts.work, task.customer_id or 0) if ended is None else []
    mine = [each for each in waiting if each.person_id == task.person_id]
    if ended is None and not mine:
        if not message.for_update:
            return Cancel("prepaid")
        ended = _prepaid(facts, task)
    if task.state == TaskState.settled:
        ended = _prepaid(facts, task)
    contact = about.contacts.get("finance")
    said = _said(facts, mine)
    alike = len({(by, conditions) for by, _, conditions in said}) == 1
    by, _, conditions = said[-1] if alike else ("", (), None)
    why = tuple(dict.fromkeys(word for _, words, _ in said for word in words)) if alike else ()
    view = PrepayView(
        today=facts.today, customer=about.name, short=about.short, code=about.code,
        amounts=_sums((each.missing_minor, each.currency) for each in mine),
        orders=tuple(
            PrepayRow(
                order=each.number, amount=Money(each.order_minor, each.currency),
                missing=Money(each.missing_minor, each.currency), by="" if alike else its[0],
                conditions=None if alike else its[2], why=() if alike else its[1],
            )
            for each, its in zip(mine, said, strict=True)
        ),
        agreed=bool(mine) and all(each.agreed for each in mine),
        by=by, why=why, conditions=conditions,
        contact=" ".join(x for x in (contact.name, contact.phone or contact.email) if x) if contact is not None else "",
        ended=ended,
    )  # fmt: skip
    return _loaded(task, view, about)


def _said(facts: Facts, waiting: Sequence[prepayment.Awaited]) -> list[tuple[str, tuple[Phrase, ...], Phrase | None]]:
    """Of each order who approved it, their words, and on which conditions; nobody where it only promises a prepayment."""
    agreed = [each.order_id for each in waiting if each.agreed]
    rows = facts.work.session.execute(select(CreditRequest).where(Q.c.order_id.in_(agreed)).order_by(Q.c.id)).scalars()
    latest = {row.order_id: row for row in rows}
    found = [latest.get(each.order_id) for each in waiting]
    return [
        (facts.name(row.decided_by_id), words_on(facts, row), phrase("credit.conditions", **conditions_of(row)))
        if row is not None else ("", (), None)
        for row in found
    ]  # fmt: skip


def _prepaid(facts: Facts, task: Task) -> Phrase:
    """Whether one of its orders was released, or none of them waits any more for another reason."""
    asked = [event["order"] for event in task.events if "order" in event]
    query = select(O.c.id).where(O.c.id.in_(asked), O.c.state.in_((OrderState.released, OrderState.held))).limit(1)
    there = facts.work.session.execute(query).first() is not None
    return phrase("ended.prepaid" if there else "ended.resolved")


def _sums(amounts: Iterable[tuple[int, str]]) -> tuple[Money, ...]:
    found: dict[str, int] = {}
    for minor, currency in amounts:
        found[currency] = found.get(currency, 0) + minor
    return tuple(Money(minor, currency) for currency, minor in sorted(found.items()))


def _loaded(task: Task, view: InvoiceView | SignView | PrepayView, about: About) -> Loaded:
    return Loaded(
        kind=MESSAGES[task.kind], view=view, customer_code=about.code, task_id=task.id, severity=task.severity,
        over=view.ended is not None,
    )  # fmt: skip
