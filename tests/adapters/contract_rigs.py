"""What differs per messenger when all of them are held to one contract: how each goes wrong, forges and comes again.

Phones are those of `tests.rigs`. A place adds its messenger's faults to them, under the same names everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import WSMsgType, web

from bot.adapters.base import Envelope, Reply, Sent, Unknown
from bot.adapters.local import store
from tests.adapters.contract_wecom import Wecom, WecomRobot
from tests.adapters.contract_words import CANARY, DAY, FORGED, PATIENCE, WORD
from tests.fakes.dingtalk.stream import CARD
from tests.fakes.slack import broken, dropped, slow, too_many
from tests.rigs import Shown, dingtalk, slack


class Local:
    """The messenger of this machine: calls in this process, nothing in between that could break or be forged."""

    id = messenger = "local"
    streams = False
    proves = True  # that a message is there once

    def __init__(self) -> None:
        self.world: Any = None
        self._heard: list[Envelope] = []

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def settings(self) -> dict[str, str]:
        return {}

    def join(self, world: Any) -> None:
        self.world = world

    def account(self, handle: str) -> str:
        return handle

    def trouble(self) -> list[str]:
        return []

    def secrets(self) -> list[str]:
        return []

    def shown(self, handle: str) -> list[Shown]:
        with self.world.look() as work:
            found = [m for m in store.chat(work.session, handle, limit=500) if m.direction == "out"]
        return [_local(m.id, store.card_of(m)) for m in found]

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        with self.world.look() as work:
            [found] = store.messages(work.session, [int(ref)])
        reply = self.world.run(self.world.app.local.tap(handle, found.delivery, action, found.rev, inputs))
        return str(reply.message)

    def say(self, handle: str, text: str) -> str:
        reply = self.world.run(self.world.app.local.say(handle, text))
        return str(reply.message) or (reply.card.title + reply.card.text if reply.card else "")

    # --- faults ---

    def lose_answer(self, times: int | None = 1) -> None:
        """As if the process ended right after the commit: the row stands, and nobody learned it."""
        adapter, send = self.world.app.local, self.world.app.local.send

        async def lost(*given: Any) -> Any:
            if times is not None:
                adapter.send = send
            result = await send(*given)
            assert isinstance(result, Sent)
            return Unknown("lost")

        adapter.send, self.heal = lost, lambda: setattr(adapter, "send", send)

    late_answer = lose_answer

    def forge(self, handle: str, ref: str) -> None:
        """Whoever gets as far as the adapter went through the page's own token; a name that nobody has is left."""
        self.tap("nobody", ref, "task.promise", {"date": DAY, "note": WORD})

    def replay(self) -> tuple[Any, Any]:
        """It never comes again by itself; the very same envelope is what would."""
        envelope, first = self.world.replies[-1]
        return first.message, self.world.run(self.world.app.receive(envelope)).message


def _local(message_id: int, card: dict[str, Any]) -> Shown:
    words = [card["title"], card["text"], *(f"{f['label']} {f['value']}" for f in card["fields"])]
    words += [*(" ".join(row) for row in card["rows"]), card["footer"] or ""]
    actions = [a["id"] for a in card["actions"]]
    return Shown(str(message_id), "\n".join(words), actions, not actions)


async def text_frame(socket: web.WebSocketResponse, raw: bytes) -> None:
    """Whatever the bytes are; aiohttp itself sends text only."""
    assert socket._writer is not None
    with contextlib.suppress(ConnectionError):
        await socket._writer.send_frame(raw, WSMsgType.TEXT)


class Slack(slack.Rig):
    """Over Socket Mode."""

    id = "slack"
    streams = True
    proves = True

    def __init__(self) -> None:
        super().__init__()
        self.fake.at.bot_token, self.fake.at.app_token = f"xoxb-{CANARY}", f"xapp-{CANARY}"
        self.fake.courier.signing.secret = self.fake.signing_secret = f"signing-{CANARY}"

    def secrets(self) -> list[str]:
        return [CANARY, "ticket="]

    def forgive(self) -> None:
        self.fake.wrong.clear()

    # --- faults ---

    def lose_answer(self, times: int | None = 1) -> None:
        self.fake.fail("chat.postMessage", dropped(), times)

    def late_answer(self) -> None:
        self.fake.fail("chat.postMessage", slow(PATIENCE + 0.5))

    def too_many(self, seconds: int) -> None:
        self.fake.fail("chat.postMessage", too_many(seconds))

    def broken(self) -> None:
        self.fake.fail("chat.postMessage", broken())

    def all_broken(self) -> None:
        self.fake.fail("*", broken(503), None)

    def heal(self) -> None:
        self.fake.heal()

    def end_token(self) -> None:
        self.fake.revoke(self.fake.bot_token)

    def renew_token(self) -> None:
        self.fake.restore(self.fake.bot_token)

    def opened(self) -> int:
        return sum(call.method == "apps.connections.open" for call in self.fake.calls)

    def cut(self) -> None:
        self.fake.cut()

    def swallow(self, on: bool = True) -> None:
        self.fake.black_hole(on)

    def bad_frame(self, raw: bytes) -> None:
        self.fake.run(text_frame(self.fake.sockets.open[0].socket, raw))

    def forge(self, handle: str, ref: str) -> None:
        """The socket is ours and carries no signatures; what can be wrong about an envelope is whose it is."""
        self.fake.patience(0.5, ())
        user, (channel, _, ts) = self._users[handle], ref.partition(":")
        picker = {
            "type": "datepicker", "action_id": "i1|task.promise|date|", "block_id": f"a|{ref}|1", "action_ts": "1",
            "selected_date": DAY,
        }  # fmt: skip
        about = {
            "type": "block_actions", "team": {"id": "T0OTHER"}, "user": {"id": user, "name": WORD}, "trigger_id": "9",
            "container": {"type": "message", "channel_id": channel, "message_ts": ts}, "actions": [picker],
        }  # fmt: skip
        self.fake.run(self.fake.courier.push("interactive", about))
        self.forgive()

    def replay(self) -> tuple[Any, Any]:
        """The same envelope once more. A tap's answer is words for this person alone: said again, the same."""
        last = [d for d in self.fake.deliveries if d.kind == "interactive"][-1]
        known = self._said(last.payload["user"]["id"])
        self.fake.replay(last)
        slack._until(lambda: len(self._said(last.payload["user"]["id"])) > len(known))
        return known[-1], self._said(last.payload["user"]["id"])[-1]

    def _said(self, user: str) -> list[str]:
        return [slack._words(m.blocks) for m in self.fake.screen(user) if m.ephemeral]


class SlackHttp(Slack):
    """Over signed HTTP."""

    id = "slack-http"
    streams = False

    def settings(self) -> dict[str, str]:
        return super().settings() | {
            "HUIKUAN_SLACK_MODE": "http",
            "HUIKUAN_SLACK_SIGNING_SECRET": self.fake.signing_secret,
        }

    def reach(self, url: str) -> None:
        self.fake.send_to(f"{url}/slack/events")

    def _connected(self) -> None:
        """Nobody dials: Slack calls."""

    def forge(self, handle: str, ref: str) -> None:
        self.fake.patience(3.0, ())  # one attempt
        with self.fake.signing(secret="guessed"):
            self.fake.say(self._users[handle], FORGED)


ALWAYS = 1_000_000  # times


class _Dingtalk(dingtalk.Rig):
    streams = True
    path = "/v1.0/card/instances/createAndDeliver"

    def start(self) -> None:
        self.fake.world.client_secret = f"dingtalk-{CANARY}"
        super().start()
        refused = self.fake.gate._refusal

        def told_when(request: web.Request, why: Any) -> web.Response:
            """A gateway in between says when to come again; the fake itself never does."""
            answer = refused(request, why)
            if answer.status == 429:
                answer.headers["Retry-After"] = why.code.partition(":")[2]
            return answer

        self.fake.gate._refusal = told_when  # type: ignore[method-assign]

    def secrets(self) -> list[str]:
        return [CANARY, *(token for token, _ in self.fake.gate.tokens.values()), "session=", "ticket="]

    def forgive(self) -> None:
        self.fake.wrong.clear()

    # --- faults ---

    def lose_answer(self, times: int | None = 1) -> None:
        self.fake.drop(self.path, times=ALWAYS if times is None else times)

    def late_answer(self) -> None:
        """Done at once, said later."""
        answer = self.fake.gate._answer

        async def late(request: web.Request, handler: Any) -> Any:
            given = await answer(request, handler)
            if request.path == self.path:
                self.fake.gate._answer = answer  # type: ignore[method-assign]
                await asyncio.sleep(PATIENCE + 0.3)
            return given

        self.fake.gate._answer = late  # type: ignore[method-assign]

    def too_many(self, seconds: int) -> None:
        self.fake.fail(self.path, status=429, code=f"TooMany:{seconds}")

    def broken(self) -> None:
        self.fake.fail(self.path, status=500)

    def all_broken(self) -> None:
        self.fake.fail("*", status=503, times=ALWAYS)

    def heal(self) -> None:
        self.fake.clear_troubles()

    def end_token(self) -> None:
        self.fake.revoke_tokens()

    def renew_token(self) -> None:
        """Whoever asks gets a new one."""

    def opened(self) -> int:
        return len(self.fake.calls("/v1.0/gateway/connections/open"))

    def cut(self) -> None:
        self.fake.abort_stream()

    def swallow(self, on: bool = True) -> None:
        self.fake.freeze_stream(on)

    def bad_frame(self, raw: bytes) -> None:
        self.fake.run(text_frame(self.fake.stream.open_connections()[0].socket, raw))


class Dingtalk(_Dingtalk):
    """With a card template."""

    id = "dingtalk"
    proves = True

    def forge(self, handle: str, ref: str) -> None:
        """The stream is ours and carries no signatures; what can be wrong about a frame is whose it is."""
        content = {"cardPrivateData": {"actionIds": ["task.promise"], "params": {"g.date": DAY, "g.note": WORD}}}
        self.fake.push(CARD, {
            "type": "actionCallback", "outTrackId": ref, "corpId": "dingother", "userId": self._users[handle],
            "content": json.dumps(content),
        })  # fmt: skip

    def replay(self) -> tuple[Any, Any]:
        push = [p for p in self.fake.stream.pushes.values() if p.kind == "CALLBACK"][-1]
        first = push.acks[-1][1]["data"]["response"]
        return first, self.fake.run(self.fake.stream.again(push.message_id, 5.0)).response


class DingtalkText(_Dingtalk, dingtalk.TextRig):
    """Without: links in messages."""

    id = "dingtalk-text"
    path = "/v1.0/robot/oToMessages/batchSend"
    proves = False  # a text message has no name that could be asked for

    def forge(self, handle: str, ref: str) -> None:
        self.fake.say(self._users[handle], FORGED, change={"chatbotCorpId": "dingother"})

    def replay(self) -> tuple[Any, Any]:
        push = [p for p in self.fake.stream.pushes.values() if p.kind == "CALLBACK"][-1]
        user = json.loads(push.frame["data"])["senderStaffId"]
        known = self.fake.screen(user)
        assert self.fake.run(self.fake.stream.again(push.message_id, 5.0)).acked
        assert len(self.fake.screen(user)) == len(known)  # what stands in the chat is not said twice
        return known[-1].text, self.fake.screen(user)[-1].text


PLACES: dict[str, type[Any]] = {p.id: p for p in (Local, Slack, SlackHttp, Dingtalk, DingtalkText, Wecom, WecomRobot)}
Answered = tuple[Envelope, Reply]
