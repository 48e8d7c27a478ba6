"""The answer to an event, kept in case the messenger brings the event again."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from bot.adapters.base import Envelope, Reply
from bot.card import dump, load
from core.models import InboundEvent
from core.models.base import table_of
from core.work import Work

E = table_of(InboundEvent)
_ANSWER = select(E.c.answer).where(E.c.messenger == bindparam("messenger"), E.c.event_id == bindparam("event"))


def answer_to(work: Work, envelope: Envelope) -> Reply | None:
    """What this event was answered, if it was handled before."""
    event = {"messenger": envelope.messenger, "event": event_of(envelope)}
    known = work.session.execute(_ANSWER, event).scalar()
    return _from_json(known) if known is not None else None


def remember(work: Work, envelope: Envelope, reply: Reply) -> None:
    """Kept with what the event changed."""
    work.session.add(
        InboundEvent(messenger=envelope.messenger, event_id=event_of(envelope), at=envelope.at, answer=_to_json(reply))
    )


def event_of(envelope: Envelope) -> str:
    """What makes an event one: a messenger's id may be unique for each account only."""
    return f"{envelope.user_id}:{envelope.event_id}"[-200:]


def _to_json(reply: Reply) -> dict[str, Any]:
    return {
        "outcome": reply.outcome,
        "message": reply.message,
        "card": dump(reply.card) if reply.card is not None else None,
        "view": reply.view,
        "delivery_id": reply.delivery_id,
        "rev": reply.rev,
        "asks": reply.asks,
        "wrong": reply.wrong,
    }


def _from_json(data: Mapping[str, Any]) -> Reply:
    card = load(data["card"]) if data.get("card") else None
    return Reply(
        data["outcome"], data["message"], card, data.get("view", {}), data.get("delivery_id"), data["rev"], data["asks"],
        data.get("wrong", ""),
    )  # fmt: skip
