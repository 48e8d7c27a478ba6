"""Risk events: what is reported of a customer, and what is at stake with it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import select

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message
from bot.notifications.views import Phrase
from bot.notifications.views.risks import RelatedRow, RelatedView, RiskView, StoppedOrder, StoppedView
from core.chores import MESSAGES
from core.credit.exposure import Standing, standing
from core.credit.holds import related
from core.credit.rules import BLOCKING
from core.credit.stopped import to_ship
from core.models import Hold, Order, OrderState, RiskEvent, Task, TaskState
from core.models.base import table_of
from core.money import Money
from core.permissions import may, scope_of

SHOWN, LISTED = 5, 20
O = table_of(Order)  # noqa: E741


def event(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """As it is reported now; what stands on a screen stays."""
    if message.for_update:
        return Cancel("stays")
    work = facts.work
    row = work.session.get_one(RiskEvent, message.subject_id)
    about, now = facts.about(row.customer_id), standing(work, row.customer_id)
    exposures = sorted(now.exposures.items())
    reader = facts.person(message.person_id)
    view = RiskView(
        today=facts.today, customer=about.name, short=about.short, code=about.code, kind=row.kind, severity=row.severity,
        source=row.source, on=row.happened_on, text=row.text, url=row.url,
        open=tuple(Money(e.open_minor, code) for code, e in exposures if e.open_minor),
        overdue=tuple(Money(e.overdue_minor, code) for code, e in exposures if e.overdue_minor), days=now.overdue_days,
        orders=tuple(Money(e.orders_minor, code) for code, e in exposures if e.orders_minor),
        shipments=tuple(Money(e.shipments_minor, code) for code, e in exposures if e.shipments_minor),
        waiting=_waiting(facts, row.customer_id),
        holds=tuple(kind for kind in BLOCKING if kind in now.holds),
        related=_related(facts, message, lang) if message.person_id is not None else (),
        decides=reader is not None and may("blacklist.set", reader.roles),
    )  # fmt: skip
    return Loaded(kind="risk.event", view=view, customer_code=about.code, severity="severe", over=True)


def _waiting(facts: Facts, customer_id: int) -> tuple[str, ...]:
    held = select(O.c.number).where(O.c.customer_id == customer_id, O.c.state == OrderState.held).order_by(O.c.id)
    return tuple(facts.work.session.execute(held.limit(SHOWN)).scalars())


def _related(facts: Facts, message: Message, lang: str) -> tuple[str, ...]:
    """Those that the reader sees, as /blacklist names them."""
    assert message.customer_id is not None and message.person_id is not None
    scope = scope_of(facts.work.session, message.person_id)
    one_of = "{}（{}）" if lang == "zh" else "{} ({})"
    return tuple(one_of.format(one.name, one.code) for one in related(facts.work, message.customer_id, scope)[:SHOWN])


def _open(now: Standing) -> tuple[Money, ...]:
    return tuple(Money(e.open_minor, code) for code, e in sorted(now.exposures.items()) if e.open_minor)


def stopped_orders(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """What is still to be shipped as the message leaves; what stands on a screen stays."""
    if message.for_update:
        return Cancel("stays")
    hold = facts.work.session.get_one(Hold, message.subject_id)
    orders = to_ship(facts.work, hold.customer_id)
    if hold.ended_on is not None or not orders:
        return Cancel("settled")
    about, total = facts.about(hold.customer_id), Counter[str]()
    for one in orders:
        total[one.currency] += one.to_ship_minor
    view = StoppedView(
        today=facts.today, customer=about.name, short=about.short, code=about.code, reason=hold.reason,
        by=facts.name(hold.made_by_id),
        orders=tuple(
            StoppedOrder(
                number=one.number, amount=Money(one.amount_minor, one.currency),
                left=Money(one.to_ship_minor, one.currency),
            )
            for one in orders
        ),
        total=tuple(Money(minor, currency) for currency, minor in sorted(total.items())),
    )  # fmt: skip
    return Loaded(kind="orders.stopped", view=view, customer_code=about.code, severity="severe", over=True)


def check(facts: Facts, message: Message, task: Task, ended: Phrase | None) -> Loaded | Cancel:
    """Whoever is related to a blacklisted customer, as the reader sees them."""
    work, customer_id = facts.work, task.customer_id or 0
    about, reader = facts.about(customer_id), task.person_id
    found = related(work, customer_id, scope_of(work.session, reader))
    standings = {one.customer_id: standing(work, one.customer_id) for one in found[:LISTED]}
    said: dict[str, Any] = next((event for event in reversed(task.events) if event.get("kind") == "blacklist"), {})
    view = RelatedView(
        today=facts.today, customer=about.name, short=about.short, code=about.code, reason=str(said.get("reason", "")),
        by=facts.actor(str(said.get("by", ""))),
        related=tuple(
            RelatedRow(
                name=one.name, code=one.code, same=one.same,
                holds=tuple(kind for kind in BLOCKING if kind in standings[one.customer_id].holds),
                open=_open(standings[one.customer_id]),
            )
            for one in found[:LISTED]
        ),
        ended=ended,
    )  # fmt: skip
    return Loaded(
        kind=MESSAGES[task.kind], view=view, customer_code=about.code, task_id=task.id, severity=task.severity,
        over=task.state != TaskState.open,
    )  # fmt: skip
