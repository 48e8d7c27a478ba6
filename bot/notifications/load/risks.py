"""Risk events: what is reported of a customer, and what is at stake with it."""

from __future__ import annotations

from sqlalchemy import select

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message
from bot.notifications.views.risks import RiskView
from core.credit.exposure import standing
from core.credit.holds import related
from core.credit.rules import BLOCKING
from core.models import Order, OrderState, RiskEvent
from core.models.base import table_of
from core.money import Money
from core.permissions import may, scope_of

SHOWN = 5
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
