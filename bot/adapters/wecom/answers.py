"""What a member is answered: the card in its place, a question, words, or a card of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bot.adapters.base import Address, Envelope, Receive, Refused, Reply, Retry, Unknown
from bot.adapters.memory import Memory
from bot.adapters.wecom import keys, people, render, xml
from bot.adapters.wecom.codes import Codes
from bot.adapters.wecom.people import Member, Stored
from bot.adapters.wecom.words import word
from bot.card import Action, Capabilities, Card, Lang
from bot.fit import ask_card, fit
from bot.plain import to_text
from bot.settings import WecomSettings
from bot.words import not_saved, sentence
from core.errors import Unreachable

log = logging.getLogger(__name__)

NAME = "wecom"
AGAIN = 2  # more attempts for an answer that did not get through


class Chat(Protocol):
    """What answers need of an adapter, the app's or the robot's."""

    engine: Engine
    clock: Callable[[], datetime]
    lang: Lang
    zone: ZoneInfo
    memory: Memory

    def capabilities(self, to: Address) -> Capabilities: ...
    def form_address(self, ref: str, card: Card) -> str: ...
    def too_much(self, card: Card) -> bool: ...


class App(Chat, Protocol):
    """And what only the app has: codes that change a card, and messages beside the passive reply."""

    settings: WecomSettings
    codes: Codes

    async def say(self, user_id: str, text: str, lang: str) -> None: ...
    async def show(self, user_id: str, code: str, card: dict[str, Any]) -> Retry | Refused | Unknown | None: ...
    async def post(self, user_id: str, raw: bytes) -> dict[str, Any] | Retry | Refused | Unknown: ...


async def _nothing() -> None:
    pass


@dataclass
class Answer:
    """What is shown: `card` in place of the one that was tapped, or `words`; and what goes out as a message of its own."""

    event: xml.Event
    member: Member
    ref: str = ""
    card: dict[str, Any] | None = None
    words: str = ""
    own: Card | None = None
    own_ref: str = ""
    own_rev: int = 1
    shown: Callable[[], Awaitable[None]] = field(default=_nothing)

    def passive(self) -> str:
        """The inside of the passive reply. A tap can't be answered with text, a long text not passively."""
        if self.card is not None:
            return xml.update(self.card)
        if self.words and self.event.kind != "tap" and len(render.texts(self.words, self.member.lang)) == 1:
            return xml.text(render.texts(self.words, self.member.lang)[0])
        return ""


class Answers:
    """What both the app and the robot say and show; how it gets there is theirs."""

    def __init__(self, adapter: Chat) -> None:
        self._adapter = adapter

    async def to(self, event: xml.Event, until: float, receive: Receive) -> Answer | None:
        """Handles one event; None if nothing was saved."""
        if event.kind == "tap" and (key := keys.read(event.key)) is not None:
            return await self._tapped(event, key, until, receive)
        member = await asyncio.to_thread(people.member, self._adapter.engine, event.user_id, self._adapter.lang)
        if event.kind == "enter":
            return await self._hello(event, member)
        if event.kind == "other":
            return Answer(event, member, words=word("only_text", member.lang))
        if event.kind == "text":
            return await self._typed(event, member, until, receive)
        log.warning("wecom: a tap on something that is none of ours")
        return Answer(event, member)

    async def not_saved(self, event: xml.Event) -> Answer:
        """Nothing was saved, and WeCom won't come again: the person is told to."""
        lang = self._adapter.lang
        try:
            key = keys.read(event.key) if event.kind == "tap" else None
            ref = key.ref if key is not None else ""
            member, shown = await asyncio.to_thread(people.tapped, self._adapter.engine, ref, event.user_id, lang)
        except Unreachable:
            member, key, shown = Member(event.user_id, "en" if lang == "en" else "zh"), None, None
        said = not_saved(member.lang, typed=event.kind != "tap")
        if key is not None and shown is not None:
            return Answer(event, member, key.ref, card=self._drawn(shown.card, key.ref, shown.rev, said))
        return Answer(event, member, words=said)

    # --- typed ---

    async def _hello(self, event: xml.Event, member: Member) -> Answer:
        """Once a day at most, to whoever opens the chat."""
        adapter, now = self._adapter, self._adapter.clock()
        key, today = f"hello:{event.user_id.lower()}", now.astimezone(adapter.zone).date().isoformat()
        known = await asyncio.to_thread(adapter.memory.get, key)
        if known is not None and known.get("day") == today:
            return Answer(event, member)
        await asyncio.to_thread(adapter.memory.put, key, {"day": today}, now)
        words = word("hello", member.lang) if member.linked else sentence("account.unknown", {}, member.lang)[0]
        return Answer(event, member, words=words)

    async def _typed(self, event: xml.Event, member: Member, until: float, receive: Receive) -> Answer | None:
        envelope = Envelope(NAME, member.user_id, event.id, self._adapter.clock(), text=event.text or " ", until=until)
        reply = await receive(envelope)
        if reply.outcome == "not_saved":
            return None
        if reply.card is None:
            return Answer(event, member, words=reply.message)
        return Answer(event, member, own=reply.card, own_ref=_name(reply), own_rev=max(reply.rev, 1))

    # --- tapped ---

    async def _tapped(self, event: xml.Event, key: keys.Key, until: float, receive: Receive) -> Answer | None:
        adapter = self._adapter
        member, shown = await asyncio.to_thread(people.tapped, adapter.engine, key.ref, event.user_id, adapter.lang)
        given = render.chosen(event.selected)
        answer = Answer(event, member, ref=key.ref)
        if shown is not None and (key.step == keys.BACK or given is None):
            return replace(answer, card=self._drawn(shown.card, key.ref, shown.rev))
        if key.step == keys.ASK and shown is not None and member.linked:
            asked = next((a for a in shown.card.actions if (a.id, a.target) == (key.action, key.target)), None)
            if asked is not None and shown.open:
                return replace(answer, card=self._question(shown.card, asked, key.ref, shown.rev, member))
        more = {"target": key.target} if key.target else {}
        reply = await receive(
            Envelope(
                NAME, member.user_id, event.id, self._adapter.clock(), until=until, action=key.action, seen_rev=key.rev,
                ref="" if keys.delivery_of(key.ref) is not None else key.ref, delivery_id=keys.delivery_of(key.ref),
                input={**dict(key.given), **more, **(given or {})},
            )
        )  # fmt: skip
        if reply.outcome == "not_saved":
            return None
        return self._in_place(answer, key, shown, reply)

    def _in_place(self, answer: Answer, key: keys.Key, shown: Stored | None, reply: Reply) -> Answer:
        if reply.card is not None and reply.asks:
            form = self._adapter.form_address(key.ref, shown.card if shown is not None else reply.card)
            asked = render.question(reply.card, ref=key.ref, rev=reply.rev, form=form, notice=reply.message)
            return replace(answer, card=asked)
        if reply.card is None:
            if shown is None:
                return replace(answer, words=reply.message)
            return replace(answer, card=self._drawn(shown.card, key.ref, shown.rev, reply.message))
        if shown is None or reply.delivery_id == shown.delivery_id:
            card = self._drawn(reply.card, key.ref, reply.rev, reply.message)
            return replace(answer, card=card, shown=reply.shown)
        if key.action == render.OPENS or self._adapter.too_much(reply.card):
            left = shown.card if key.action == render.OPENS else replace(shown.card, actions=(), closed=True)
            card = self._drawn(left, key.ref, shown.rev)
            return replace(answer, card=card, own=reply.card, own_ref=_name(reply), own_rev=max(reply.rev, 1))
        ref = _name(reply) or key.ref
        return replace(answer, card=self._drawn(reply.card, ref, max(reply.rev, 1)), shown=reply.shown)

    def _drawn(self, card: Card, ref: str, rev: int, notice: str = "") -> dict[str, Any]:
        if any(a.draw in ("form", "inline") for a in card.actions):  # stored when more could be drawn
            card, _ = fit(card, self._adapter.capabilities(Address("", card.lang)), today=self._today())
        return render.template_card(card, ref=ref, rev=rev, form=self._adapter.form_address(ref, card), notice=notice)

    def _question(self, card: Card, action: Action, ref: str, rev: int, member: Member) -> dict[str, Any]:
        adapter = self._adapter
        asked, _ = ask_card(card, action, adapter.capabilities(Address(member.user_id, member.lang)), today=self._today())
        return render.question(asked, ref=ref, rev=rev, form=adapter.form_address(ref, card))

    def _today(self) -> date:
        return self._adapter.clock().astimezone(self._adapter.zone).date()


class AppAnswers(Answers):
    """And how an answer of the app gets there: as the passive reply, or through the API."""

    def __init__(self, adapter: App) -> None:
        super().__init__(adapter)
        self._app = adapter

    async def finish(self, answer: Answer) -> None:
        """What follows after the passive reply: messages of their own, and the record of what is shown."""
        if answer.card is not None:
            await answer.shown()
        elif answer.event.kind == "tap":
            await asyncio.to_thread(self._app.codes.tapped, answer.ref, answer.event.code)
            if answer.words:
                await self._app.say(answer.member.user_id, answer.words, answer.member.lang)
        elif answer.words and not answer.passive():
            await self._app.say(answer.member.user_id, answer.words, answer.member.lang)
        await self._own(answer)

    async def by_api(self, answer: Answer) -> None:
        """The same when WeCom no longer waits: the tap's own code changes the card."""
        user_id, lang = answer.member.user_id, answer.member.lang
        if answer.card is not None and answer.event.code:
            failed = await self._app.show(user_id, answer.event.code, answer.card)
            if failed is None:
                await answer.shown()
            else:
                log.warning("wecom: a card was not changed after a tap: %s", failed.reason)
        elif answer.event.kind == "tap":
            await asyncio.to_thread(self._app.codes.tapped, answer.ref, answer.event.code)
        if answer.words:
            await self._app.say(user_id, answer.words, lang)
        await self._own(answer)

    async def sorry(self, event: xml.Event) -> str:
        """The same as a passive reply; what can't be said in one is sent."""
        answer = await self.not_saved(event)
        if answer.card is not None:
            return xml.update(answer.card)
        if event.kind == "tap":
            await self._app.say(answer.member.user_id, answer.words, answer.member.lang)
            return ""
        return xml.text(answer.words)

    async def sorry_late(self, event: xml.Event) -> None:
        """The same when nobody waits any more. The card is as it was, so words are enough."""
        lang = self._app.lang
        await self._app.say(event.user_id, not_saved(lang, typed=event.kind != "tap"), lang)

    async def _own(self, answer: Answer) -> None:
        """An answer that is a card: through the API, the same bytes until it got through."""
        if answer.own is None:
            return
        adapter, member, card = self._app, answer.member, answer.own
        if member.text_only or render.too_much(card):
            await adapter.say(member.user_id, to_text(card), member.lang)
            return
        ref = answer.own_ref or f"hk-{answer.event.id}"
        body = render.payload(
            card, ref=ref, rev=answer.own_rev, user_id=member.user_id, agent_id=adapter.settings.agent_id,
            form=adapter.form_address(ref, card),
        )  # fmt: skip
        body["template_card"]["task_id"] = f"hk-{answer.event.id}"
        for left in range(AGAIN, -1, -1):
            result = await adapter.post(member.user_id, render.to_bytes(body))
            if isinstance(result, dict):
                await asyncio.to_thread(adapter.codes.sent, ref, str(result.get("response_code", "")))
                return
            if not left or isinstance(result, Refused):
                log.warning("wecom: an answer was not delivered: %s", result.reason)
                return
            await asyncio.sleep(min(result.after_seconds, 5.0) if isinstance(result, Retry) else 1.0)


def _name(reply: Reply) -> str:
    """The name that the buttons of an answer carry."""
    return keys.kept(reply.delivery_id) if reply.delivery_id is not None else ""
