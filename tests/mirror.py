"""A story's phones in front of a real messenger: every card goes out over its adapter and SDK to the fake, every tap comes
back that way; the local store beside it keeps the whole card, since a messenger may show less of it than stories read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.routing import BaseRoute

from bot.adapters.base import (
    Adapter,
    Address,
    Callbacks,
    DeliveryRef,
    Envelope,
    NotThere,
    Receive,
    Refused,
    Reply,
    SendResult,
    Sent,
    Unknown,
)
from bot.adapters.local.adapter import LocalAdapter
from bot.card import Capabilities, Card
from bot.fit import PROFILES, fit


class Mirror:
    """Plays the real adapter towards the product: same name, same way in and out. Shown cards are kept whole."""

    def __init__(self, real: Adapter, local: LocalAdapter, today: Any) -> None:
        self.real, self.local, self.name = real, local, real.name
        self._today = today
        self.users: dict[str, str] = {}  # handle -> user id
        self._handles: dict[str, str] = {}  # and back
        self.refs: dict[str, str] = {}  # id of the local message -> the messenger's ref
        self.last: Reply | None = None
        self.answers: dict[int, str] = {}  # delivery -> id of the local message, of cards that were asked for
        self._texts: set[str] = set()  # who reads text only

    def knows(self, handle: str, user_id: str) -> None:
        self.users[handle] = user_id
        self._handles[user_id] = handle

    # --- the protocol ---

    def _there(self, to: Address) -> Address:
        """What the product believes to stand there is the whole card; what does is what is sent there now."""
        return replace(to, stands="", text_only=to.text_only or to.user_id in self._texts)

    def capabilities(self, to: Address) -> Capabilities:
        real = self.real.capabilities(self._there(to))
        return replace(PROFILES["full"], max_inline=0, answers_in_place=real.answers_in_place)

    def _fit(self, to: Address, card: Card, *, asks: bool = False) -> Card:
        there = self.real.capabilities(self._there(to))
        if asks and there.has_form:  # as bot.inbound: what a picker on the card has no room for, a form has
            there = replace(there, max_inline=0)
        return fit(card, there, today=self._today())[0]

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        self._texts |= {to.user_id} if to.text_only else set()
        result = await self.real.send(to, self._fit(to, card), key)
        if isinstance(result, Sent):
            shown = await self.local.send(Address(self._handles[to.user_id], to.lang), card, key)
            assert isinstance(shown, Sent), shown
            self.refs[shown.ref] = result.ref
        return result

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        ref = replace(ref, to=self._there(ref.to))
        result = await self.real.update(ref, self._fit(ref.to, card))
        # What can't be changed there is checked against the truth when it is pressed; the story reads the truth.
        if isinstance(result, Sent) or (isinstance(result, Refused) and self.real.capabilities(ref.to).updates != "always"):
            await self._mirrored(ref, card)
            return Sent(ref.ref)
        return result

    async def answered(self, handle: str, reply: Reply, ref: str) -> None:
        """A card that somebody asked for stands there from now on, like one that was sent."""
        assert reply.card is not None and reply.delivery_id is not None
        shown = await self.local.send(Address(handle, reply.card.lang), reply.card, f"answer:{reply.delivery_id}")
        assert isinstance(shown, Sent), shown
        self.refs[shown.ref] = ref
        self.answers[reply.delivery_id] = shown.ref

    async def _mirrored(self, ref: DeliveryRef, card: Card) -> None:
        local = self.answers.get(ref.delivery_id) or next(mine for mine, theirs in self.refs.items() if theirs == ref.ref)
        await self.local.update(replace(ref, ref=local), card)

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        return await self.real.find(to, key, payload, since)

    async def start(self, receive: Receive) -> None:
        async def heard(envelope: Envelope) -> Reply:
            reply = self.last = await receive(envelope)
            if reply.card is not None:
                here = envelope.ref or reply.delivery_id in self.answers
                if reply.delivery_id is not None and not reply.asks and reply.rev and here:
                    to = Address(envelope.user_id)
                    await self._mirrored(DeliveryRef(to, envelope.ref, reply.delivery_id, reply.rev), reply.card)
                reply = replace(reply, card=self._fit(Address(envelope.user_id), reply.card, asks=reply.asks))
            return reply

        await self.local.start(heard)
        await self.real.start(heard)

    async def stop(self) -> None:
        await self.real.stop()

    def routes(self) -> Sequence[BaseRoute]:
        return self.real.routes() if isinstance(self.real, Callbacks) else ()
