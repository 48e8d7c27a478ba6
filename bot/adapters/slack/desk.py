"""A request that means something -> the product's answer, shown where the person looks: ack, form, message or Home."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from slack_bolt import BoltResponse

from bot.adapters.base import Envelope, Receive, Refused, Reply, Retry
from bot.adapters.slack.client import Answer, Api
from bot.adapters.slack.forms import Back, again, form, note
from bot.adapters.slack.heard import Heard, hear
from bot.adapters.slack.home import HOME, Home
from bot.adapters.slack.render import notice, payload
from bot.card import Card
from bot.words import not_saved

log = logging.getLogger(__name__)

ACK_WITHIN = 3.0
SAVE_WITHIN = ACK_WITHIN - 0.5
ANSWER_WITHIN = ACK_WITHIN - 0.2
FINISH_WITHIN = 3.0
REMEMBERED = 1000
LAST_RETRY = 3  # Slack brings an event again so often, then never more


class Office(Protocol):
    """What the desk works with."""

    api: Api
    home: Home

    async def post_to(self, user_id: str, content: dict[str, Any], **more: Any) -> Answer: ...
    async def post(self, channel: str, content: dict[str, Any], **more: Any) -> Answer: ...
    async def keep_shown(self, delivery_id: int, posted: Answer) -> None: ...


class Desk:
    def __init__(self, office: Office, clock: Callable[[], datetime], lang: str) -> None:
        self._office, self._clock, self._lang = office, clock, lang
        self._receive: Receive | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._answered: OrderedDict[str, None] = OrderedDict()  # lines: answered is answered, also with “not saved”
        self._tapped: OrderedDict[str, None] = OrderedDict()  # messages that are about to change

    def open(self, receive: Receive) -> None:
        self._receive = receive

    async def close(self) -> None:
        """What was promised by an ack is finished."""
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=FINISH_WITHIN)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def was_tapped(self, ref: str) -> bool:
        """Whether somebody waits to see this message change. Said once."""
        return self._tapped.pop(ref, "") is None

    async def handle(self, body: dict[str, Any], began: float, attempt: int) -> BoltResponse:
        heard = hear(body)
        if heard.kind == "broken":
            log.warning("slack: a request was refused: not readable")
            return BoltResponse(status=200)  # anything else, and Slack brings the same again
        if heard.kind == "nothing" or heard.event_id in self._answered:
            return BoltResponse(status=200)
        if heard.kind == "home":
            self._later(self._office.home.opened(heard.user))
            return BoltResponse(status=200)
        if heard.back is not None:
            _remember(self._tapped, heard.at or heard.back.ref)
        asked = self._later(self._ask(heard, began))
        await asyncio.wait({asked}, timeout=began + ANSWER_WITHIN - time.monotonic())
        reply = asked.result() if asked.done() else None
        if heard.kind == "command":
            return _acked({"response_type": "ephemeral", **self._content(reply or self._not_saved(typed=True))})
        if heard.kind == "form":
            return self._form_answered(heard, reply or self._not_saved())
        if heard.kind == "tap":
            self._later(self._tap_answered(heard, reply, asked))
            return BoltResponse(status=200)
        if (reply is None or reply.outcome == "not_saved") and attempt < LAST_RETRY:
            return BoltResponse(status=503)  # Slack brings the same event again
        if heard.event_id not in self._answered:
            _remember(self._answered, heard.event_id)
            self._later(self._line_answered(heard, asked))
        return BoltResponse(status=200)

    # --- asking the product ---

    async def _ask(self, heard: Heard, began: float) -> Reply | None:
        """None if nobody knows: it failed, and nothing is saved."""
        assert self._receive is not None
        try:
            return await self._receive(self._envelope(heard, began + SAVE_WITHIN))
        except Exception:
            log.exception("slack: an event could not be handled")
            return None

    def _envelope(self, heard: Heard, until: float) -> Envelope:
        plain = Envelope("slack", heard.user, heard.event_id, self._clock(), text=heard.text, until=until)
        back = heard.back
        if back is None:
            return plain
        if back.ref == HOME:
            return replace(plain, action=back.action, input=heard.input)
        kept = back.ref.startswith("d") and back.ref[1:].isdecimal() and len(back.ref) < 16
        return replace(
            plain, ref="" if kept else back.ref, delivery_id=int(back.ref[1:]) if kept else None, action=back.action,
            seen_rev=back.rev, input=heard.input, opens=heard.opens,
        )  # fmt: skip

    def _not_saved(self, *, typed: bool = False) -> Reply:
        return Reply("not_saved", not_saved(self._lang, typed=typed))

    def _later(self, steps: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(steps)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("slack: an answer was not shown", exc_info=error)

    # --- answers ---

    @staticmethod
    def _content(reply: Reply) -> dict[str, Any]:
        """An answer as a message."""
        if reply.card is None:
            return notice(reply.message)
        return payload(reply.card, ref=f"d{reply.delivery_id}" if reply.delivery_id else "", rev=reply.rev or 1)

    async def _line_answered(self, heard: Heard, asked: asyncio.Task[Reply | None]) -> None:
        """To a typed line: in the direct messages as a message, in a channel for the one who asked only."""
        reply = await asked
        if reply is None or reply.outcome == "not_saved":
            reply = self._not_saved(typed=True)
        content = self._content(reply)
        if heard.kind == "mention":
            await self._whisper(heard.channel, heard.user, content)
        else:
            await self._post(heard.channel, reply, content)

    async def _post(self, channel: str, reply: Reply, content: dict[str, Any]) -> None:
        await self._posted(await self._office.post(channel, content, patiently=True), reply)

    async def _posted(self, posted: Answer, reply: Reply) -> None:
        if posted.problem is not None:
            log.warning("slack: an answer was not shown: %s", posted.problem.reason)
        elif reply.delivery_id is not None:
            await self._office.keep_shown(reply.delivery_id, posted)

    async def _whisper(self, channel: str, user: str, content: dict[str, Any]) -> None:
        said = await self._office.api.patiently(
            "chat.postEphemeral", channel=channel, user=user, **content, parse="none"
        )
        if said.problem is not None:
            log.warning("slack: an answer was not shown: %s", said.problem.reason)

    async def _tap_answered(self, heard: Heard, reply: Reply | None, asked: asyncio.Task[Reply | None]) -> None:
        if reply is None:
            await self._show(heard, self._not_saved())
            late = await asked
            if late is not None and late.outcome != "not_saved" and not late.asks:
                await self._show(heard, late)  # it was saved in the very last moment
            return
        if reply.asks and reply.card is not None and reply.card.actions:
            opened = await self._office.api("views.open", trigger_id=heard.trigger, view=self._form(heard, reply))
            if opened.problem is not None:
                log.warning("slack: a form was not opened: %s", opened.problem.reason)
                await self._show(heard, self._not_saved())
            return
        await self._show(heard, reply)

    @staticmethod
    def _form(heard: Heard, reply: Reply) -> dict[str, Any]:
        assert heard.back is not None and reply.card is not None
        asked = reply.card.actions[0].id
        return form(reply.card, replace(heard.back, action=asked, rev=reply.rev or heard.back.rev))

    def _form_answered(self, heard: Heard, reply: Reply) -> BoltResponse:
        if reply.asks and reply.card is not None and reply.card.actions:
            return _acked({"response_action": "update", "view": self._form(heard, reply)})
        if reply.outcome in ("invalid", "not_saved"):
            block = f"i|{reply.wrong}"
            if reply.outcome == "invalid" and any(b.get("block_id") == block for b in heard.view["blocks"]):
                return _acked({"response_action": "errors", "errors": {block: reply.message}})
            return _acked({"response_action": "update", "view": again(heard.view, reply.message)})
        self._later(self._show(heard, reply))
        return BoltResponse(status=200)

    async def _show(self, heard: Heard, reply: Reply) -> None:
        """What a tap or a form led to. The card itself is drawn anew through the outbox."""
        if reply.card is None and not reply.message:
            return
        content, back = self._content(reply), heard.back
        assert back is not None
        if back.ref == HOME and reply.outcome != "done":  # the list is older than what it says
            self._office.home.changed(heard.user)
        if reply.card is not None and reply.message and back.ref == f"d{reply.delivery_id}":
            await self._drawn_anew(heard, back, reply, content)
            return
        if reply.card is not None and not back.action.startswith("reply."):
            await self._opened(heard, reply, reply.card, content)
            return
        if back.respond and await self._replaced(back, reply, content):
            return
        if not heard.channel:
            await self._office.api("views.open", trigger_id=heard.trigger, view=note(reply.message, self._lang, reply.card))
        elif reply.card is None:
            if not (heard.respond and await self._office.api.respond(heard.respond, _private(content))):
                await self._whisper(heard.channel, heard.user, content)
        elif heard.at:
            await self._update(heard.at, reply, content)
        else:
            await self._post(heard.channel, reply, content)

    async def _replaced(self, back: Back, reply: Reply, content: dict[str, Any]) -> bool:
        """An answer that only one person sees gives way to what became of it: its buttons would stay for ever."""
        ends = reply.outcome in ("done", "already", "stale")
        return await self._office.api.respond(back.respond, {**_private(content), "replace_original": ends})

    async def _drawn_anew(self, heard: Heard, back: Back, reply: Reply, content: dict[str, Any]) -> None:
        """A list that something was opened from which is over, and the words for that."""
        if heard.at:
            await self._update(heard.at, reply, content)
        elif back.respond:
            await self._office.api.respond(back.respond, {**_private(content), "replace_original": True})
        await self._whisper(heard.channel, heard.user, notice(reply.message))

    async def _update(self, at: str, reply: Reply, content: dict[str, Any]) -> None:
        """A question that was answered becomes the answer."""
        channel, _, ts = at.partition(":")
        changed = await self._office.api("chat.update", first=True, channel=channel, ts=ts, **content, parse="none")
        if changed.problem is not None:
            await self._post(channel, reply, content)
        elif reply.delivery_id is not None:
            await self._office.keep_shown(reply.delivery_id, changed)

    async def _opened(self, heard: Heard, reply: Reply, card: Card, content: dict[str, Any]) -> None:
        """A card of its own goes into the direct messages, where it can change; from elsewhere a note says so."""
        posted = await self._office.post_to(heard.user, content, patiently=True)
        await self._posted(posted, reply)
        if isinstance(posted.problem, Retry | Refused):
            return
        text = "已发到与我的私聊，请在“消息”页处理。" if card.lang == "zh" else "It is in your direct messages with me now."
        if not heard.channel:
            await self._office.api("views.open", trigger_id=heard.trigger, view=note(text, card.lang, card))
        elif heard.private and heard.respond:
            await self._office.api.respond(heard.respond, _private(notice(text)))


def _remember(known: OrderedDict[str, None], name: str) -> None:
    known[name] = None
    while len(known) > REMEMBERED:
        known.popitem(last=False)


def _private(content: dict[str, Any]) -> dict[str, Any]:
    return {"response_type": "ephemeral", "replace_original": False, **content}


def _acked(body: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=body)
