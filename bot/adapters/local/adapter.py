"""The adapter of the local messenger, and the mailbox that letters land in where no mail server is set up.

It keeps every promise of the protocol: a key makes a second send visible once, `find` is always sure, an update
draws the same message anew. Results are values; a database that is busy just now is a Retry, nothing was shown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Engine, select
from sqlmodel import Session

from bot.adapters.base import (
    Address,
    DeliveryRef,
    Envelope,
    NotThere,
    Receive,
    Refused,
    Reply,
    Retry,
    SendResult,
    Sent,
    Unknown,
)
from bot.adapters.local import store
from bot.card import Action, Capabilities, Card, dump
from bot.fit import PROFILES
from bot.lanes import Lanes
from core.db import reading, transaction
from core.errors import Unreachable
from core.models import Person

T = TypeVar("T")
Write = Callable[[Session], SendResult]

MAX_BYTES = 64_000  # of one message as JSON
STAGES = {"letter.friendly": 1, "letter.notice": 2, "document.final": 3}


class LocalAdapter:
    """Chats. `profile` names the messenger whose limits it plays (see bot.fit); the page can also play one at view."""

    name = "local"

    def __init__(self, engine: Engine, clock: Callable[[], datetime], *, profile: str = "full") -> None:
        self._engine = engine
        self._clock = clock
        # A sheet with all inputs loses less than a picker on the card, which has room for one.
        self._capabilities = replace(PROFILES[profile], max_inline=0) if profile == "full" else PROFILES[profile]
        self._receive: Receive | None = None
        self._writing: Lanes[Write, SendResult] = Lanes(self._written, self._written_together)

    # --- the protocol ---

    def capabilities(self, to: Address) -> Capabilities:
        return self._capabilities

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        return await self._store(to, {"card": dump(card), "rev": 1}, key)

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        payload = {"card": dump(card), "rev": ref.rev}
        if _size(payload) > MAX_BYTES:
            return Refused("too long")

        def work(session: Session) -> SendResult:
            there = ref.ref.isdigit() and store.replace(session, int(ref.ref), payload, self._clock())
            return Sent(ref.ref) if there else Refused("no such message")

        return await self._write(work)

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        def work() -> int | None:
            with reading(self._engine) as session:
                return store.by_key(session, self.name, to.user_id, key)

        try:
            found = await asyncio.to_thread(work)
        except Unreachable as error:
            return Unknown(str(error))
        return NotThere() if found is None else Sent(str(found))

    async def start(self, receive: Receive) -> None:
        self._receive = receive

    async def stop(self) -> None:
        self._receive = None

    # --- what people do in it: the page, `huikuan say` and `huikuan tap` come in here ---

    async def say(self, handle: str, text: str) -> Reply:
        """A person typed something. Both sides stay in the chat."""
        event = uuid4().hex
        envelope = Envelope(self.name, handle, event, self._clock(), text=text)
        await self._must(lambda s: self._add(s, handle, "in", f"in:{event}", {"text": text}))
        reply = await self._answer(envelope)
        await self._show(handle, event, reply)
        return reply

    async def tap(self, handle: str, delivery_id: int, action: str, seen_rev: int | None, input: Mapping[str, str]) -> Reply:
        """A person pressed a button. The card itself says what became of it; other answers are for the moment.

        A reply whose card asks one more thing (see `next_step`) is left to the caller to ask; it stays out of the chat.
        """
        event = uuid4().hex
        reply = await self._answer(
            Envelope(
                self.name, handle, event, self._clock(),
                delivery_id=delivery_id, action=action, seen_rev=seen_rev, input=dict(input),
            )
        )  # fmt: skip
        belongs = reply.delivery_id is not None or reply.outcome == "done"
        if reply.card is not None and belongs and next_step(reply, delivery_id) is None:
            await self._show(handle, event, reply)
        await self._must(lambda s: store.touch(s, self.name, delivery_id))
        return reply

    async def _answer(self, envelope: Envelope) -> Reply:
        if self._receive is None:
            raise RuntimeError("the local messenger was not started")
        return await self._receive(envelope)

    async def _show(self, handle: str, event: str, reply: Reply) -> None:
        if reply.card is None and not reply.message:
            return
        payload: dict[str, Any]
        if reply.card is None:
            payload = {"text": reply.message, "outcome": reply.outcome}
        else:
            payload = {"card": dump(reply.card), "rev": 1}
        await self._must(
            lambda s: store.show_reply(
                s, channel=self.name, address=handle, key=f"reply:{event}", payload=payload,
                delivery_id=reply.delivery_id if reply.card is not None else None, at=self._clock(),
            )
        )  # fmt: skip

    # --- storing ---

    def _accepts(self, session: Session, user_id: str) -> bool:
        query = select(Person.id).where(Person.handle == user_id, Person.active.is_(True))  # type: ignore[call-overload, attr-defined]
        return session.execute(query).first() is not None

    def _add(self, session: Session, address: str, direction: str, key: str, payload: dict[str, Any]) -> int:
        return store.add(
            session, channel=self.name, address=address, direction=direction, key=key, payload=payload, at=self._clock()
        )

    async def _store(self, to: Address, payload: dict[str, Any], key: str) -> SendResult:
        if _size(payload) > MAX_BYTES:
            return Refused("too long")

        def work(session: Session) -> SendResult:
            if not self._accepts(session, to.user_id):
                return Refused("no such address")
            return Sent(str(self._add(session, to.user_id, "out", key, payload)))

        return await self._write(work)

    async def _write(self, work: Write) -> SendResult:
        """Messages that are sent at about the same time share a transaction."""
        try:
            return await self._writing.do(work)
        except Unreachable as error:
            return Retry(1.0, str(error))

    async def _must(self, work: Callable[[Session], T]) -> T:
        return await asyncio.to_thread(self._written, work)

    def _written(self, work: Callable[[Session], T]) -> T:
        with transaction(self._engine) as session:
            return work(session)

    def _written_together(self, many: Sequence[Write]) -> dict[int, SendResult | Exception]:
        with transaction(self._engine) as session:
            return {place: work(session) for place, work in enumerate(many)}


class LocalMailbox(LocalAdapter):
    """Letters to customers, kept instead of sent. Nobody taps in a mailbox, and a sent letter stays as it is."""

    name = "mail"

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        super().__init__(engine, clock)
        self._capabilities = PROFILES.get("mail", PROFILES["text"])

    async def send(
        self,
        to: Address,
        card: Card,
        key: str,
        *,
        cc: Sequence[str] = (),
        stage: int | None = None,
        receivables: Sequence[str] = (),
    ) -> SendResult:
        """A letter as a card: the title is the subject. What the keywords leave out is read from the Letter row."""
        payload = {
            "subject": card.title,
            "text": letter_text(card),
            "to": to.user_id,
            "cc": list(cc),
            "stage": STAGES.get(card.kind, 0) if stage is None else stage,
            "receivables": list(receivables),
        }
        return await self._store(to, payload, key)

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        return Refused("a letter cannot be changed")

    def _accepts(self, session: Session, user_id: str) -> bool:
        name, at, host = user_id.rpartition("@")
        return bool(name and at and host) and not any(c.isspace() or c in "<>," for c in user_id)


def next_step(reply: Reply, delivery_id: int) -> Action | None:
    """The one thing that the answer to a tap asks next: 登记结果, then 客户承诺付款, asks for the date."""
    if not reply.asks or reply.card is None or reply.delivery_id != delivery_id:
        return None
    actions = reply.card.actions
    return actions[0] if len(actions) == 1 and actions[0].inputs else None


def letter_text(card: Card) -> str:
    """A letter's card as the text of a mail."""
    colon = "：" if card.lang == "zh" else ": "
    parts = [card.text]
    parts += ["\n".join(f"{f.label}{colon}{f.value}" for f in card.fields)]
    parts += ["\n".join("  ".join(row) for row in card.rows)]
    return "\n\n".join(part for part in [*parts, card.footer] if part)


def _size(payload: dict[str, Any]) -> int:
    return len(json.dumps(payload, ensure_ascii=False).encode())
