"""What stands in the local messenger: rows of LocalMessage, and the delivery each belongs to.

Every write takes the next `version`, a number that only grows, under a lock that makes versions appear in order:
whoever reads `version > n` again and again misses nothing (bot.web tails chats that way, across processes).

A payload is one of
    {"card": bot.card.dump(...), "rev": n}                                a card the bot sent; drawn as revision n
    {"text": "...", "outcome": ""}                                        a plain line, of a person or of the bot
    {"subject", "text", "to", "cc", "stage", "receivables"}               a letter, in channel "mail"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Select, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from bot.card import card_json, load
from core.models import Contact, Customer, Delivery, Letter, LocalMessage

_ROW = LocalMessage.__table__.c  # type: ignore[attr-defined]
_DELIVERY = Delivery.__table__.c  # type: ignore[attr-defined]
_LETTER = Letter.__table__.c  # type: ignore[attr-defined]
_WRITERS = 0x6875696B  # advisory lock of PostgreSQL: one writer of versions at a time


@dataclass(frozen=True)
class Message:
    """One message as it stands now. `delivery` is None until the sender has recorded that it was delivered."""

    id: int
    channel: str
    address: str
    direction: str
    payload: dict[str, Any]
    at: datetime
    updated_at: datetime
    version: int
    delivery: int | None = None
    state: str = "open"
    facts: dict[str, Any] = field(default_factory=dict)  # Delivery.card: customer, task, receivables, severity ...

    @property
    def rev(self) -> int:
        """The revision that this drawing shows, not the newest one: a tap has to say what the reader saw."""
        return int(self.payload.get("rev", 1))


# --- writing: inside the caller's short transaction -----------------------------------------------------


def _next_version(session: Session) -> int:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITERS})
    newest: int | None = session.execute(select(func.max(_ROW.version))).scalar_one()
    return (newest or 0) + 1


def add(
    session: Session, *, channel: str, address: str, direction: str, key: str, payload: dict[str, Any], at: datetime
) -> int:
    """Stores a message, once: a second one with the same key changes nothing. Its id either way."""
    values = {
        "channel": channel, "address": address, "direction": direction, "key": key, "payload": payload,
        "at": at, "updated_at": at, "version": _next_version(session),
    }  # fmt: skip
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    insert = dialect.insert(LocalMessage).on_conflict_do_nothing(index_elements=["key"]).returning(_ROW.id)
    made: int | None = session.connection().execute(insert, values).scalar()
    return made if made is not None else int(session.execute(select(_ROW.id).where(_ROW.key == key)).scalar_one())


def replace(session: Session, message_id: int, payload: dict[str, Any], at: datetime) -> bool:
    """Draws a message anew. False if there is no such message."""
    values = {"payload": payload, "updated_at": at, "version": _next_version(session)}
    done = session.execute(update(LocalMessage).where(_ROW.id == message_id).values(**values))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def touch(session: Session, channel: str, delivery_id: int) -> None:
    """A delivery that closed without a new drawing (a question that was answered): whoever watches looks again."""
    found = session.get(Delivery, delivery_id)
    if found is None or found.state != "closed" or found.messenger != channel or not found.ref.isdigit():
        return
    message = session.get(LocalMessage, int(found.ref))
    if message is not None and not message.payload.get("card", {}).get("closed"):
        session.execute(update(LocalMessage).where(_ROW.id == message.id).values(version=_next_version(session)))


def show_reply(
    session: Session, *, channel: str, address: str, key: str, payload: dict[str, Any], delivery_id: int | None, at: datetime
) -> int:
    """The bot's answer to something a person did just now.

    Where it belongs to a delivery that stands in this chat already, that message is drawn anew; a delivery that
    nobody has shown yet learns where it stands.
    """
    found = session.get(Delivery, delivery_id) if delivery_id is not None else None
    if found is not None:
        payload = payload | {"rev": found.rev}
        if found.messenger == channel and found.ref.isdigit():
            old = session.get(LocalMessage, int(found.ref))
            if old is not None and old.address == address:
                if old.payload != payload:
                    replace(session, int(found.ref), payload, at)
                return int(found.ref)
    made = add(session, channel=channel, address=address, direction="out", key=key, payload=payload, at=at)
    if found is not None and found.messenger == channel and not found.ref:
        found.ref = str(made)
    return made


# --- reading ---------------------------------------------------------------------------------------------


def by_key(session: Session, channel: str, address: str, key: str) -> int | None:
    query = select(_ROW.id).where(_ROW.key == key, _ROW.channel == channel, _ROW.address == address)
    return session.execute(query).scalar_one_or_none()


def newest_version(session: Session) -> int:
    return session.execute(select(func.max(_ROW.version))).scalar_one() or 0


def chat(session: Session, handle: str, *, limit: int = 100, before: int | None = None) -> list[Message]:
    """The latest messages of a person's chat, newest last; `before` an id for the page above."""
    query = select(LocalMessage.__table__).where(_ROW.channel == "local", _ROW.address == handle)  # type: ignore[attr-defined]
    return _latest(session, query, limit, before)


def mailbox(session: Session, addresses: Sequence[str] | None = None, *, limit: int = 200) -> list[Message]:
    """Letters to customers, newest last: all, or those to (or with a copy to) these addresses."""
    query = select(LocalMessage.__table__).where(_ROW.channel == "mail")  # type: ignore[attr-defined]
    if addresses is None:
        return _latest(session, query, limit, None)
    mine = set(addresses)
    found = _latest(session, query, 10 * limit, None)
    return [m for m in found if m.address in mine or mine.intersection(m.payload.get("cc", ()))][-limit:]


def changed(session: Session, version: int, *, limit: int = 200) -> list[Message]:
    """What was written after `version`, oldest change first."""
    query = select(LocalMessage.__table__).where(_ROW.version > version).order_by(_ROW.version).limit(limit)  # type: ignore[attr-defined]
    return _with_deliveries(session, query)


def messages(session: Session, ids: Iterable[int]) -> list[Message]:
    return _with_deliveries(session, select(LocalMessage.__table__).where(_ROW.id.in_(list(ids))))  # type: ignore[attr-defined]


def counts(session: Session) -> dict[str, int]:
    """How many messages the bot sent to each person."""
    query = select(_ROW.address, func.count()).where(_ROW.channel == "local", _ROW.direction == "out")
    return {address: count for address, count in session.execute(query.group_by(_ROW.address))}


def _latest(session: Session, query: Select[Any], limit: int, before: int | None) -> list[Message]:
    if before is not None:
        query = query.where(_ROW.id < before)
    return _with_deliveries(session, query.order_by(_ROW.id.desc()).limit(limit))[::-1]


def _with_deliveries(session: Session, query: Select[Any]) -> list[Message]:
    rows = session.execute(query).all()
    if not rows:
        return []
    deliveries = {
        (d.messenger, d.ref): d
        for d in session.execute(
            select(Delivery.__table__).where(  # type: ignore[attr-defined]
                _DELIVERY.messenger.in_({row.channel for row in rows}), _DELIVERY.ref.in_([str(row.id) for row in rows])
            )
        )
    }
    letter_ids = [d.subject_id for d in deliveries.values() if d.messenger == "mail" and d.subject == "letter"]
    letters: dict[int, Any] = {}
    if letter_ids:
        query = select(_LETTER.id, _LETTER.cc, _LETTER.stage, _LETTER.receivables).where(_LETTER.id.in_(letter_ids))
        letters = {letter.id: letter for letter in session.execute(query)}
    out = []
    for row in rows:
        delivery = deliveries.get((row.channel, str(row.id)))
        payload = dict(row.payload)
        if delivery is not None and row.channel == "mail" and delivery.subject_id in letters:
            letter = letters[delivery.subject_id]
            payload["cc"] = payload.get("cc") or letter.cc
            payload["stage"] = payload.get("stage") or letter.stage
            payload["receivables"] = payload.get("receivables") or letter.receivables
        out.append(
            Message(
                row.id, row.channel, row.address, row.direction, payload, row.at, row.updated_at, row.version,
                delivery=delivery.id if delivery else None, state=delivery.state if delivery else "open",
                facts=dict(delivery.card or {}) if delivery else {},
            )
        )  # fmt: skip
    return out


# --- the public shapes of `huikuan chat --json` and `mailbox --json` --------------------------------------


def card_of(message: Message, zone: tzinfo | None = None) -> dict[str, Any]:
    """CARD of interface.md; its instants on the clocks of `zone`."""
    facts = message.facts
    head = {
        "delivery": message.delivery,
        "rev": message.rev,
        "at": _shown(message.at, zone),
        "updated_at": _shown(message.updated_at, zone),
        "customer": facts.get("customer"),
        "task": facts.get("task"),
        "receivables": facts.get("receivables", []),
        "severity": facts.get("severity"),
    }
    if "card" not in message.payload:
        line = {"title": "", "text": message.payload.get("text", ""), "fields": [], "rows": [], "actions": [], "footer": ""}
        return head | {"kind": "reply.text", "state": "closed"} | line
    card = load(message.payload["card"])
    state = "closed" if card.closed or message.state == "closed" else "open"
    return head | {"kind": card.kind, "state": state} | card_json(card)


def _shown(at: datetime, zone: tzinfo | None) -> str:
    return (at.astimezone(zone) if zone is not None else at).isoformat()


def cards(session: Session, handle: str, *, zone: tzinfo | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """What the bot said to this person, newest last."""
    return [card_of(m, zone) for m in chat(session, handle, limit=limit) if m.direction == "out"]


def letter_of(message: Message, zone: tzinfo | None = None) -> dict[str, Any]:
    p = message.payload
    return {
        "at": _shown(message.at, zone),
        "to": p.get("to", message.address),
        "cc": list(p.get("cc", ())),
        "subject": p.get("subject", ""),
        "text": p.get("text", ""),
        "stage": p.get("stage", 0),
        "receivables": list(p.get("receivables", ())),
    }


def letters(session: Session, whose: str | None = None, zone: tzinfo | None = None) -> list[dict[str, Any]]:
    """All letters, or those of a customer (code, name or short name) or of one address."""
    if whose is None:
        return [letter_of(m, zone) for m in mailbox(session, limit=1000)]
    contact, customer = Contact.__table__.c, Customer.__table__.c  # type: ignore[attr-defined]
    named = select(customer.id).where(or_(customer.code == whose, customer.name == whose, customer.short_name == whose))
    addresses = list(session.execute(select(contact.email).where(contact.customer_id.in_(named))).scalars())
    return [letter_of(m, zone) for m in mailbox(session, [*addresses, whose], limit=1000)]
