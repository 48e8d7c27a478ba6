"""Messages that wait too long or reached nobody, for the doctor. An edit that was refused leaves a card that was seen."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.engine import Row
from sqlmodel import Session

from bot.card import as_lang
from bot.notifications.templates import templates
from bot.words import reason
from core.models import OutboxMessage, Person
from core.models.base import table_of

O, P = table_of(OutboxMessage), table_of(Person)  # noqa: E741
STUCK_AFTER = timedelta(hours=2)
NAMED = 3  # people


def look(session: Session, now: datetime, lang: str) -> tuple[list[str], list[str]]:
    """What there is to say, and what to do about it; nothing where all is well."""
    zh = lang == "zh"
    waiting = O.c.state.in_(("pending", "retry")) & (O.c.not_before < now - STUCK_AFTER)
    lost = (O.c.state == "sending") & (O.c.lease_until < now - STUCK_AFTER)
    count = select(func.count()).select_from(O)
    said, hints = [], []
    if stuck := session.execute(count.where(or_(waiting, lost))).scalar_one():
        said.append(f"卡住 {stuck} 条" if zh else f"{stuck} stuck")
        hints.append("由 huikuan serve 或 huikuan run-once 发送" if zh else "huikuan serve or huikuan run-once sends them")
    if unsure := session.execute(count.where(O.c.state == "unsure")).scalar_one():
        said.append(f"不确定是否送达 {unsure} 条" if zh else f"{unsure} perhaps not delivered")
        hints.append("财务在聊天里的核对卡片上登记" if zh else "finance has a card about each in their chat")
    if rows := _unreached(session):
        said.append(_who(rows, lang))
        hints += _what_to_do(rows, zh)
    return said, hints


def _unreached(session: Session) -> Sequence[Row[Any]]:
    """`to`, `reason`, `n`; most messages first."""
    to = func.coalesce(P.c.name, O.c.address)
    return session.execute(
        select(to.label("to"), O.c.reason, func.count().label("n"))
        .outerjoin_from(O, P, P.c.id == O.c.person_id)
        .where(O.c.op == "send", O.c.state == "dead")
        .group_by(to, O.c.reason)
        .order_by(func.count().desc(), to)
    ).all()


def _who(rows: Sequence[Row[Any]], lang: str) -> str:
    n = sum(row.n for row in rows)
    if lang == "zh":
        named = "、".join(f"{row.to}（{_why(row.reason, lang)}）" for row in rows[:NAMED])
        return f"无法送达 {n} 条：{named}" + ("等" if len(rows) > NAMED else "")
    named = ", ".join(f"{row.to} ({_why(row.reason, lang)})" for row in rows[:NAMED])
    return f"{n} reached nobody: {named}" + (", …" if len(rows) > NAMED else "")


def _why(stored: str, lang: str) -> str:
    """A messenger's own reason is shown as it is."""
    said = templates().word(stored, "failure", as_lang(lang))
    return reason(stored, lang) if said == stored else said


def _what_to_do(rows: Sequence[Row[Any]], zh: bool) -> list[str]:
    hints = []
    if any(row.reason == "no_account" for row in rows):
        hints.append(
            "huikuan link 工号 让本人绑定，或 huikuan import accounts；绑定后补发" if zh else
            "huikuan link PERSON, or huikuan import accounts; what they missed follows"
        )  # fmt: skip
    if any(row.reason != "no_account" for row in rows):
        hints.append(
            "核对他们的账号或邮箱，用 huikuan send-test 工号 试发" if zh else
            "check their accounts or mail addresses, then try huikuan send-test PERSON"
        )  # fmt: skip
    return hints
