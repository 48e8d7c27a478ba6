"""What people do, on its way in: read, handed to the product in time, answered. Junk never goes further than this."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from bot.adapters.base import TEXT, Envelope, Receive, Reply
from bot.adapters.dingtalk import decode, render, text
from bot.adapters.dingtalk.client import Done
from bot.adapters.dingtalk.decode import Chat, Pressed, Tap
from bot.adapters.dingtalk.outbound import Sender
from bot.adapters.dingtalk.refs import Refs
from bot.adapters.dingtalk.shelf import Standing, standing
from bot.adapters.dingtalk.stream import CARD, CHAT, Given, Stream
from bot.adapters.dingtalk.todo import Mirror
from bot.card import Card
from bot.text import clean, is_id
from bot.words import not_saved
from core.errors import Unreachable

log = logging.getLogger(__name__)

NAME = "dingtalk"
SAVE = 1.5  # seconds in which a push must be saved; DingTalk waits two
ANSWER = 1.75  # seconds after which the answer leaves, whatever it can say by then
LEADS_ON = "task.log"  # its answer is another question, also where all of that may be left empty
SETTLE = 0.5  # seconds in which last acknowledgements leave

WORDS = {
    "outside": ("抱歉，我只为本公司的同事服务。", "Sorry, I only work for people of this company."),
    "text_only": ("抱歉，我只看得懂文字。发送“帮助”看我能做什么。", "Sorry, I only read text. “help” shows what I can do."),
    "private": ("已私聊发送", "Sent to you in private"),
}


class Desk:
    def __init__(
        self, sender: Sender, engine: Engine, clock: Callable[[], datetime], lang: str, corp: str, mirror: Mirror
    ) -> None:
        self._sender, self._engine, self._clock, self._lang, self._corp = sender, engine, clock, lang, corp
        self._memory, self._mirror = sender.client.memory, mirror
        self._receive: Receive | None = None
        self._known: Refs | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- open and closed ---

    def open(self, receive: Receive) -> None:
        self._receive = receive

    async def close(self, stream: Stream | None, seconds: float) -> None:
        """Nothing new; what is under way is finished, and acknowledged."""
        self._receive = None
        until = time.monotonic() + seconds
        while self._tasks and (left := until - time.monotonic()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)
        if stream is not None:
            await stream.settled(SETTLE)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def refs(self) -> Refs:
        """Our names for messages, by a few letters of this database's own. Errors: Unreachable."""
        if self._known is None:
            from secrets import token_hex

            made = await asyncio.to_thread(self._memory.put_new, "install", {"id": token_hex(3)}, self._clock())
            self._known = Refs(str(made["id"]))
        return self._known

    def _work(self, steps: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs on when the connection that it came over is gone."""
        task = asyncio.create_task(steps)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a DingTalk event failed: %s", type(error).__name__, exc_info=error)

    async def handle(self, topic: str, message_id: str, data: Any) -> Given | None:
        """One push. None: we are closing, let it come again."""
        if self._receive is None:
            return None
        started = time.monotonic()
        if topic == CHAT:
            return await asyncio.shield(self._work(self._chat(self._receive, decode.chat(data), started)))
        found = decode.tap(data) if topic == CARD and is_id(message_id) else None
        if found is None:
            log.warning("DingTalk sent a message that is not understood (%s)", clean(topic[:80]))
            return Given()
        if self._corp and found.corp != self._corp:
            log.warning("a tap from another company was refused")
            return Given()
        return await asyncio.shield(self._work(self._safely(self._tap(self._receive, found, message_id, started))))

    async def _safely(self, steps: Coroutine[Any, Any, Given]) -> Given:
        try:
            return await steps
        except Unreachable as error:
            log.warning("dingtalk: an event was not handled: %s", error)
        except Exception:
            log.exception("dingtalk: an event was not handled")
        return Given(render.answer({"notice": self._not_saved()}))

    # --- saving ---

    async def _ask(self, receive: Receive, envelope: Envelope) -> Reply:
        """The product's answer, or the words for that it has none."""
        try:
            return await receive(envelope)
        except Exception as error:
            log.error("dingtalk: an event was not saved: %s", type(error).__name__, exc_info=error)
            return Reply("not_saved", self._not_saved())

    def _not_saved(self, *, typed: bool = False) -> str:
        return not_saved(self._lang, typed=typed)

    def _say(self, word: str) -> str:
        zh, en = WORDS[word]
        return zh if self._lang == "zh" else en

    # --- taps ---

    async def _tap(self, receive: Receive, tap: Tap, message_id: str, started: float) -> Given:
        pressed = decode.pressed(tap)
        if pressed is None:
            log.warning("DingTalk sent a form that is not ours")
            return Given()
        delivery = pressed.delivery if pressed.delivery is not None else (await self.refs()).delivery(tap.ref)
        if tap.action in (render.OPEN, render.BACK):
            own = await self._own(tap, pressed, delivery)
            if own is not None:
                return own
        envelope = Envelope(
            NAME, tap.user, message_id, self._clock(), delivery_id=delivery, ref=tap.ref if delivery is None else "",
            action=pressed.action, seen_rev=pressed.rev, input=pressed.input, until=started + SAVE,
            opens=tap.action == render.OPEN or (tap.form is not None and pressed.action == LEADS_ON),
        )  # fmt: skip
        task = self._work(self._ask(receive, envelope))
        await asyncio.wait({task}, timeout=max(0.0, started + ANSWER - time.monotonic()))
        if not task.done():
            self._work(self._late(tap, pressed, delivery, task))
            return Given(render.answer({"notice": self._not_saved()}))
        reply: Reply = task.result()
        variables, standing_now = await self._answer(tap, pressed, delivery, reply)

        async def left() -> None:
            if standing_now:
                await self._shown(tap.ref, reply)

        return Given(render.answer(variables), left)

    async def _own(self, tap: Tap, pressed: Pressed, delivery: int | None) -> Given | None:
        """A form is opened, or put away: nothing is changed by that. None: let the product say why not."""
        found = await asyncio.to_thread(standing, self._engine, tap.ref, delivery)
        if found is None or found.over or found.user != tap.user:
            return None
        if tap.action == render.BACK:
            return Given(render.answer(self._face(found, delivery)))
        target = pressed.input.get("target", "")
        action = next((a for a in found.card.actions if (a.id, a.target) == (pressed.action, target)), None)
        if action is None:
            return None
        asked = render.question(action, rev=pressed.rev or 0, delivery=delivery, lang=found.card.lang)
        return Given(render.answer(asked))

    async def _answer(
        self, tap: Tap, pressed: Pressed, delivery: int | None, reply: Reply
    ) -> tuple[render.Variables, bool]:
        """What the tapped card shows from now on, and whether that is the reply's card."""
        notice = {"notice": reply.message[: render.MAX_NOTICE]}
        if reply.outcome == "not_saved" or (reply.outcome == "invalid" and tap.form is not None):
            return notice, False  # a form stays as it was filled in
        if reply.asks and reply.card is not None and reply.card.actions:
            rev = reply.rev if delivery is None else 0
            return render.question(reply.card.actions[0], rev=rev, delivery=delivery, lang=reply.card.lang), False
        if reply.card is not None and reply.rev:
            return render.face(reply.card, rev=reply.rev, notice=reply.message), True
        if reply.card is not None and delivery is not None and pressed.action.startswith("reply."):
            return render.face(reply.card, rev=0, delivery=reply.delivery_id), False  # the answer stands where it was asked
        if reply.card is not None:
            self._work(self._card_to(tap.user, reply))
        return await self._put_back(tap, delivery, reply), False

    async def _put_back(self, tap: Tap, delivery: int | None, reply: Reply) -> render.Variables:
        """The card without its form, and what was said; somebody else's card does not say it."""
        notice = {"notice": reply.message[: render.MAX_NOTICE]}
        try:
            found = await asyncio.to_thread(standing, self._engine, tap.ref, delivery)
        except Unreachable:  # what was answered holds all the same, and an update brings the card
            found = None
        if found is not None and found.user != tap.user:
            self._work(self._sender.to(tap.user, "sampleText", {"content": reply.message or self._not_saved()}))
            return {}
        return {**self._face(found, delivery), **notice} if found is not None else notice

    @staticmethod
    def _face(found: Standing, delivery: int | None) -> render.Variables:
        return render.face(found.card, rev=found.rev if delivery is None else 0, delivery=delivery)

    async def _late(self, tap: Tap, pressed: Pressed, delivery: int | None, task: "asyncio.Task[Reply]") -> None:
        """The answer had to leave before there was one. If it was saved after all, the card says so by an update."""
        reply = await task
        if reply.outcome == "not_saved":
            return
        variables, standing_now = await self._answer(tap, pressed, delivery, reply)
        if not variables:
            return
        outcome = await self._sender.client.call("PUT", "/v1.0/card/instances", render.change(tap.ref, variables))
        if isinstance(outcome, Done) and standing_now:
            await self._shown(tap.ref, reply)

    async def _shown(self, ref: str, reply: Reply) -> None:
        try:
            if reply.card is not None:
                await self._mirror.changed(ref, reply.card)
            await reply.shown()
        except Unreachable as error:
            log.warning("dingtalk: a card's change was not noted, it will be sent again: %s", error)

    # --- what is typed ---

    async def _chat(self, receive: Receive, chat: Chat | None, started: float) -> Given:
        if chat is None:
            log.warning("DingTalk sent a chat message that is not understood")
        elif self._corp and chat.corp and chat.corp != self._corp:
            log.warning("a message of another company was refused")
        elif not chat.user or (self._corp and chat.sender_corp and chat.sender_corp != self._corp):
            self._work(self._sender.into(chat, "sampleText", {"content": self._say("outside")}))
        elif chat.kind != "text":
            self._work(self._sender.into(chat, "sampleText", {"content": self._say("text_only")}))
        else:
            task = self._work(self._typed(receive, chat, started))
            await asyncio.wait({task}, timeout=max(0.0, started + ANSWER - time.monotonic()))
        return Given()

    async def _typed(self, receive: Receive, chat: Chat, started: float) -> None:
        """Saved first; the answer then takes its time."""
        try:
            envelope = await self._envelope(chat, started)
        except Unreachable as error:
            log.warning("dingtalk: a message was not handled: %s", error)
            reply = Reply("not_saved", "")
        else:
            reply = await self._ask(receive, envelope)
        if reply.outcome == "not_saved":  # the answer to a question of ours is a tap, and is typed all the same
            reply = Reply("not_saved", self._not_saved(typed=text.read(chat.text) is None))
        self._work(self._answer_chat(chat, reply))

    async def _envelope(self, chat: Chat, started: float) -> Envelope:
        """A link of ours is a tap; all else is text."""
        envelope = Envelope(
            NAME, chat.user, chat.event_id, self._clock(), text=chat.text or ("帮助" if self._lang == "zh" else "help"),
            until=started + SAVE,
        )  # fmt: skip
        said = text.read(chat.text)
        if said is None:
            return envelope
        delivery = (await self.refs()).delivery(said.ref)
        return Envelope(
            NAME, chat.user, chat.event_id, envelope.at, delivery_id=delivery, ref=said.ref if delivery is None else "",
            action=said.action, input=said.input, until=envelope.until, opens=said.opens, apart=True,
        )  # fmt: skip

    async def _answer_chat(self, chat: Chat, reply: Reply) -> None:
        if reply.card is None or (reply.rev and not reply.asks):  # an answer to a link: the words are enough
            if chat.group and reply.delivery_id is not None:  # the words are about a card, and have its figures
                await self._sender.to(chat.user, "sampleText", {"content": reply.message})
                await self._sender.into(chat, "sampleText", {"content": self._say("private")})
            elif reply.message:
                await self._sender.into(chat, "sampleText", {"content": reply.message})
        elif chat.group:
            await self._card_to(chat.user, reply)
            await self._sender.into(chat, "sampleText", {"content": self._say("private")})
        else:
            await self._card_to(chat.user, reply, chat)

    async def _as_card(self, card: Card, delivery: int) -> bool:
        """Whether an answer is a card: where there are cards, and its reader sees them."""
        if not self._sender.template or not card.actions:
            return False
        found = await asyncio.to_thread(standing, self._engine, "", delivery)
        return found is None or found.stands != TEXT

    async def _card_to(self, user: str, reply: Reply, chat: Chat | None = None) -> None:
        """An answer in full: a card of its own where it has buttons, else a message with links."""
        card = reply.card
        assert card is not None
        refs = await self.refs()
        ref = refs.answer(reply.delivery_id or 0)
        if reply.delivery_id is not None and not reply.asks and await self._as_card(card, reply.delivery_id):
            trouble = await self._sender.card(user, card, ref=ref, rev=0, delivery=reply.delivery_id)
            if trouble is None:
                return
            log.warning("an answer's card was not sent: %s", trouble.reason)
        message = text.message(card, ref=ref, today=self._sender.today(), asks=reply.asks)
        if chat is not None:
            await self._sender.into(chat, "sampleMarkdown", message)
        else:
            await self._sender.to(user, "sampleMarkdown", message)
