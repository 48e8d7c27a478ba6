"""Pauses: the request for a long one, or a second."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, days_of, overdue_of, phrase
from bot.notifications.views import PauseView
from core.models import Audit, Pause, PauseState
from core.models.base import table_of

U, Z = table_of(Audit), table_of(Pause)


def approval(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    session = facts.work.session
    row = session.get_one(Pause, message.subject_id)
    ended = None
    if row.state != PauseState.proposed:
        if not message.for_update:
            return Cancel(str(row.state))
        verdict = "rejected" if row.state == PauseState.rejected else "approved"
        ended = phrase(f"ended.{verdict}", who=facts.who_did(f"pause.{verdict}", "pause", row.id))
    elif row.until < facts.today:
        if not message.for_update:
            return Cancel("expired")
        ended = phrase("ended.expired")
    earlier = session.execute(
        select(func.count()).where(
            Z.c.customer_id == row.customer_id,
            Z.c.state.in_((PauseState.active, PauseState.ended)),
            Z.c.id < row.id,
        )
    ).scalar_one()
    about = facts.about(row.customer_id)
    view = PauseView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        by=facts.name(row.made_by_id),
        reason=row.reason,
        until=row.until,
        days=(row.until - row.from_on).days,
        nth=earlier + 1,
        overdue=overdue_of(about.receivables, facts.today),
        overdue_days=days_of(about.receivables, facts.today),
        ended=ended,
    )
    return Loaded(
        kind=message.kind,
        view=view,
        customer_code=about.code,
        receivables=tuple(r.number for r in about.receivables),
        over=ended is not None,
    )
