"""What members do in the robot's chat: each event is answered on the long connection, a tap within five seconds."""

import asyncio
import logging
import time
from typing import Any, Protocol

from bot.adapters.base import Receive
from bot.adapters.wecom import frames
from bot.adapters.wecom.answers import Answer, Answers, Chat
from bot.adapters.wecom.frames import Heard
from bot.adapters.wecom.words import word
from bot.plain import to_text

log = logging.getLogger(__name__)

SAVE, ANSWER = 4.0, 4.5  # seconds after a tap came: later nothing is saved; later the card is not changed any more


class Talk(Chat, Protocol):
    """What the robot needs of its adapter: who has written, answers to frames, and messages of their own."""

    async def has_written(self, user_id: str) -> bool: ...
    async def wrote(self, user_id: str) -> None: ...
    async def answer(self, cmd: str, req_id: str, body: dict[str, Any], chat: str) -> bool: ...
    async def tell(self, user_id: str, body: dict[str, Any]) -> bool: ...
    async def say(self, user_id: str, text: str, lang: str) -> None: ...


class Robot:
    def __init__(self, adapter: Talk) -> None:
        self._adapter = adapter
        self._answers = Answers(adapter)
        self._receive: Receive | None = None
        self._busy: set[asyncio.Task[Any]] = set()

    def start(self, receive: Receive) -> None:
        self._receive = receive

    async def stop(self, within: float) -> None:
        """Nobody is heard any more; what is under way is finished, as far as it can be."""
        self._receive = None
        if self._busy:
            await asyncio.wait(set(self._busy), timeout=within)
        for task in set(self._busy):
            task.cancel()

    def hear(self, frame: dict[str, Any]) -> None:
        """One frame, from the long connection; the answer is a matter of its own task."""
        receive = self._receive
        if receive is None:  # it does not come again, but nobody was told that it was done
            return
        try:
            heard = frames.read(frame)
        except Exception as error:
            log.warning("wecom: an unreadable event was left aside: %s", type(error).__name__)
            return
        if heard is not None:
            task = asyncio.create_task(self._handle(heard, receive))
            self._busy.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._busy.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("wecom: an answer was not delivered", exc_info=error)

    async def _handle(self, heard: Heard, receive: Receive) -> None:
        until = time.monotonic() + ANSWER
        answer = await self._answer(heard, until - ANSWER + SAVE, receive)
        if heard.event.kind == "tap":
            await self._tapped(heard, answer, in_time=time.monotonic() < until)
        elif heard.group:
            await self._in_group(heard, answer)
        else:
            await self._typed(heard, answer)

    async def _answer(self, heard: Heard, until: float, receive: Receive) -> Answer:
        try:
            if heard.wrote:
                await self._adapter.wrote(heard.event.user_id)
            answer = await self._answers.to(heard.event, until, receive)
        except Exception:
            log.error("wecom: an event was not handled", exc_info=True)
            answer = None
        return answer if answer is not None else await self._answers.not_saved(heard.event)

    # --- taps ---

    async def _tapped(self, heard: Heard, answer: Answer, *, in_time: bool) -> None:
        """The card in its place; as a message of its own when it is too late for that."""
        adapter, member = self._adapter, answer.member
        if answer.card is not None:
            shown = frames.card(answer.card, heard.task_id or answer.ref)
            done = in_time and await self._in_time(heard, frames.UPDATE, frames.update(shown))
            if not done:
                again = frames.card(answer.card, f"hk-{heard.event.id}-again")
                done = await adapter.tell(member.user_id, frames.card_message(again))
            if done:
                await answer.shown()
        if answer.words:
            await adapter.say(member.user_id, answer.words, member.lang)
        if answer.own is not None:
            await adapter.tell(member.user_id, self._own(heard, answer))

    # --- typed ---

    async def _typed(self, heard: Heard, answer: Answer) -> None:
        adapter, lang = self._adapter, answer.member.lang
        if heard.event.kind == "enter":
            await self._welcome(heard, answer)
        elif answer.own is not None:
            body = self._own(heard, answer)
            if body["msgtype"] == "markdown":
                body = frames.text_reply(to_text(answer.own), lang, heard.event.id)
            await self._reply(heard, answer, body)
        elif answer.words:
            await self._reply(heard, answer, frames.text_reply(answer.words, lang, heard.event.id))
        elif answer.card is not None:
            await adapter.tell(answer.member.user_id, frames.card_message(frames.card(answer.card, f"hk-{heard.event.id}")))

    async def _reply(self, heard: Heard, answer: Answer, body: dict[str, Any]) -> None:
        """To the frame itself; by a push where the connection it came on is gone."""
        if await self._in_time(heard, frames.REPLY, body):
            return
        pushed = answer.words or (to_text(answer.own) if body["msgtype"] == "stream" and answer.own else "")
        message = frames.text_message(pushed, answer.member.lang) if pushed else body
        await self._adapter.tell(answer.member.user_id, message)

    async def _welcome(self, heard: Heard, answer: Answer) -> None:
        if not answer.words:
            return
        said = answer.words
        if not await self._adapter.has_written(answer.member.user_id):
            said = f"{said}\n{word('write_first', answer.member.lang)}"
        await self._in_time(heard, frames.WELCOME, frames.welcome(said))

    async def _in_group(self, heard: Heard, answer: Answer) -> None:
        """Figures are for one person: the group only learns where the answer is."""
        adapter, member = self._adapter, answer.member
        if heard.event.kind == "enter":
            return
        body = self._own(heard, answer) if answer.own is not None else frames.text_message(answer.words, member.lang)
        told = await adapter.has_written(member.user_id) and await adapter.tell(member.user_id, body)
        said = word("in_private" if told else "write_in_private", member.lang)
        await self._in_time(heard, frames.REPLY, frames.text_reply(said, member.lang, heard.event.id))

    async def _in_time(self, heard: Heard, cmd: str, body: dict[str, Any]) -> bool:
        """The answer to the frame itself."""
        return await self._adapter.answer(cmd, heard.req_id, body, "" if heard.group else heard.event.user_id)

    def _own(self, heard: Heard, answer: Answer) -> dict[str, Any]:
        """An answer that is a card of its own."""
        card, member = answer.own, answer.member
        assert card is not None
        if member.text_only or frames.too_much(card):
            return frames.text_message(to_text(card), member.lang)
        ref, task_id = answer.own_ref or f"hk-{heard.event.id}", f"hk-{heard.event.id}"
        return frames.message(card, ref=ref, rev=answer.own_rev, task_id=task_id)
