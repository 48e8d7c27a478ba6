"""FakeDingTalk: the server, and everything a test may ask of it from its own thread."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from ..server import PATIENCE, FakeServer
from .cards import Cards
from .gate import Gate, Trouble
from .hand import Hand
from .oapi import Oapi
from .people import People
from .robot import Robot
from .state import Answer, Call, Json, Seen, Todo, User, World
from .stream import Push, Stream
from .template import Template
from .todos import Todos

T = TypeVar("T")


class FakeDingTalk(FakeServer):
    """`api` and `oapi` are the addresses to give to the product; `wrong` must be empty when a test ends.

    Every method blocks its thread: a product in the test's own loop needs `asyncio.to_thread(fake.tap, ...)`.
    Pushes take these too: `replies` (so many messages of the robot are waited for), `patience` (seconds), `copies`
    (the frame comes so often at once), `change` and `without` (keys of the frame's data: malformed, wrong tenant).
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.world = World(self.wrong)
        self.gate = Gate(self.world)
        self.stream = Stream(self.world)
        self.card_calls = Cards(self.world)
        self.people = People(self.world, self.stream, self.card_calls)

    def routes(self, app: web.Application) -> None:
        app.middlewares.append(self.gate.middleware)
        for routed in (self.gate, self.stream, self.card_calls):
            routed.routes(app)
        Robot(self.world).routes(app)
        Todos(self.world).routes(app)
        Oapi(self.world).routes(app)
        Hand(self.people).routes(app)

    async def _serve(self) -> None:
        await super()._serve()
        self.people.base, self.stream.base = self.url, self.url.replace("http:", "ws:")

    async def closing(self) -> None:
        for trouble in self.gate.troubles:
            if trouble.release is not None:
                trouble.release.set()
        await self.stream.closing()

    @property
    def api(self) -> str:
        return self.url

    @property
    def oapi(self) -> str:
        return self.url

    @property
    def client_id(self) -> str:
        return self.world.client_id

    @property
    def client_secret(self) -> str:
        return self.world.client_secret

    @property
    def robot_code(self) -> str:
        return self.world.robot_code

    @property
    def corp_id(self) -> str:
        return self.world.corp_id

    # --- who and what there is --------------------------------------------------------------------

    def add_user(self, user_id: str, union_id: str, mobile: str, name: str, corp_id: str | None = None) -> User:
        """With another `corp_id` it is somebody outside the company."""
        user = User(user_id, union_id, mobile, name, corp_id or self.world.corp_id)
        self.call(lambda: self.world.users.__setitem__(user_id, user))
        return user

    def add_group(self, conversation: str, members: Iterable[str]) -> None:
        self.call(lambda: self.world.groups.__setitem__(conversation, list(members)))

    def add_template(self, template_id: str, exported: str | Json | None = None, *, published: bool = True) -> None:
        """`exported`: the template file; None: a template nobody described, any variable is fine."""
        template = Template(exported, published=published)
        self.call(lambda: self.world.templates.__setitem__(template_id, template))

    # --- what people do ---------------------------------------------------------------------------

    def say(self, user: str, text: str, **how: Any) -> Answer:
        return self._slow(self.people.say(user, text, **how), how)

    def say_in_group(self, user: str, conversation: str, text: str, **how: Any) -> Answer:
        """The person @s the robot."""
        return self._slow(self.people.say(user, text, conversation, **how), how)

    def tap(self, user: str, card: Seen | str, action_id: str, **how: Any) -> Answer:
        """`anyway=True`: also by somebody who was not sent the card."""
        return self._slow(self.people.tap(user, card, action_id, **how), how)

    def submit(self, user: str, card: Seen | str, values: Json, **how: Any) -> Answer:
        return self._slow(self.people.submit(user, card, values, **how), how)

    def follow(self, user: str, message: Seen | str, link_text: str, **how: Any) -> Answer:
        return self._slow(self.people.follow(user, message, link_text, **how), how)

    def tick_todo(self, user: str, todo: Todo | str) -> Todo:
        """By its id, its sourceId or as `todos` gave it."""
        return self.call(lambda: self.people.tick(user, todo))

    def read(self, user: str) -> None:
        self.call(lambda: self.people.read(user))

    def screen(self, user: str) -> list[Seen]:
        return self.call(lambda: self.people.screen(user))

    def card(self, user: str, out_track_id: str) -> Seen:
        """A card as this person sees it now."""
        return self.call(lambda: self.people._card(user, out_track_id, False))

    def todos(self, user: str) -> list[Todo]:
        return self.call(lambda: self.people.todos(user))

    def _slow(self, steps: Coroutine[Any, Any, Answer], how: Mapping[str, Any]) -> Answer:
        patience = how.get("patience", 5.0) + PATIENCE
        return asyncio.run_coroutine_threadsafe(steps, self._loop).result(patience)

    # --- the stream -------------------------------------------------------------------------------

    def event(self, event_type: str, data: Json, *, patience: float = 5.0, copies: int = 1) -> Answer:
        headers = {
            "eventType": event_type,
            "eventId": f"event-{time.monotonic_ns()}",
            "eventCorpId": self.world.corp_id,
            "eventBornTime": str(int(self.world.now() * 1000)),
            "eventUnifiedAppId": "fake-unified-app",
        }
        steps = self.stream.push("EVENT", "*", data, headers=headers, patience=patience, copies=copies)
        return self._slow(steps, {"patience": patience})

    def ping(self, *, patience: float = 5.0) -> Answer:
        return self._slow(self.stream.push("SYSTEM", "ping", {"opaque": "fake"}, patience=patience), {"patience": patience})

    def push(self, topic: str, data: Any, *, kind: str = "CALLBACK", patience: float = 5.0) -> Answer:
        """Any frame. Text as `data` goes out as it is."""
        return self._slow(self.stream.push(kind, topic, data, patience=patience), {"patience": patience})

    def push_text(self, text: str) -> None:
        """Not even a frame."""
        self.run(self.stream.raw(text))

    def redeliver(self, answer: Answer, *, patience: float = 5.0) -> Answer:
        """The push which led to `answer` once more, with the same messageId. The card is not changed by it."""
        return self._slow(self.stream.again(answer.message_id, patience), {"patience": patience})

    def acks(self, answer: Answer) -> list[Json]:
        """All the product ever acknowledged that push with."""
        push: Push = self.stream.pushes[answer.message_id]
        return self.call(lambda: [ack for _, ack in push.acks])

    def connections(self) -> int:
        return self.call(lambda: len(self.stream.open_connections()))

    def wait_for(self, condition: Callable[[], T], seconds: float = 5.0) -> T:
        """Asks until the answer is true, then returns it."""
        until = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > until:
                raise AssertionError(f"not within {seconds} s")
            time.sleep(0.01)
        return answer

    def wait_connected(self, count: int = 1, seconds: float = 10.0) -> None:
        self.wait_for(lambda: self.connections() >= count, seconds)

    def disconnect(self, reason: str = "going for maintenance") -> None:
        """A SYSTEM disconnect; TCP is closed `stream.disconnect_grace` seconds later."""
        self.run(self.stream.disconnect(reason))

    def abort_stream(self) -> None:
        """TCP reset of every connection."""
        self.call(self.stream.abort)

    def freeze_stream(self, frozen: bool = True) -> None:
        """A black hole, until `freeze_stream(False)`; a new connection is not frozen."""
        self.call(lambda: self.stream.freeze(frozen))

    def refuse_handshake(self, times: int = 1) -> None:
        self.fail("/connect", status=503, code="unavailable", times=times)

    def hold_gateway(self) -> Callable[[], None]:
        """The gateway takes the request and does not answer, until the returned function is called."""
        return self.hold("/v1.0/gateway/connections/open")

    # --- what goes wrong with calls ---------------------------------------------------------------

    def fail(
        self, path: str, *, status: int = 500, code: str = "ServiceUnavailable", message: str = "", times: int = 1
    ) -> None:
        """`path`: "/v1.0/card/*" or "PUT /v1.0/card/instances"; for oapi paths `code` is the errcode."""
        self._trouble(Trouble(path, times, "fail", status, code, message=message))

    def limit(self, path: str, times: int = 1) -> None:
        self.fail(path, status=403, code="QpsLimit", times=times)

    def slow(self, path: str, seconds: float, times: int = 1) -> None:
        self._trouble(Trouble(path, times, "slow", seconds=seconds))

    def drop(self, path: str, *, acted: bool = True, times: int = 1) -> None:
        """The connection is cut instead of an answer; `acted`: after DingTalk did what was asked."""
        self._trouble(Trouble(path, times, "drop" if acted else "drop_before"))

    def hold(self, path: str, times: int = 1_000_000) -> Callable[[], None]:
        release = asyncio.Event()
        trouble = Trouble(path, times, "hold", release=release)
        self._trouble(trouble)

        def let_go() -> None:
            trouble.times = 0
            release.set()

        return lambda: self.call(let_go)

    def _trouble(self, trouble: Trouble) -> None:
        self.call(lambda: self.gate.troubles.append(trouble))

    def clear_troubles(self) -> None:
        self.call(self.gate.troubles.clear)

    def revoke_tokens(self) -> None:
        """Every token is refused from now on; new ones are given out."""
        self.call(self.gate.tokens.clear)

    def set_quota(self, calls: int | None) -> None:
        """How many calls the rest of the month allows."""
        self.call(lambda: setattr(self.gate, "quota", None if calls is None else self.gate.used + calls))

    def set_rate(self, calls_a_second: int | None) -> None:
        self.call(lambda: setattr(self.gate, "rate", calls_a_second))

    def calls_used(self) -> int:
        return self.call(lambda: self.gate.used)

    def invalid(self, *users: str) -> None:
        """They come back in invalidStaffIdList, and cards to them are illegal."""
        self.call(lambda: self.world.invalid.update(users))

    def flow_control(self, user: str, times: int = 1) -> None:
        """The next sendings to this person come back in flowControlledStaffIdList."""
        self.call(lambda: self.world.flow_controlled.update({user: times}))

    def advance(self, seconds: float) -> None:
        """DingTalk's clock goes on: tickets, tokens and session webhooks expire."""
        self.call(lambda: self.world.advance(seconds))

    def calls(self, path: str = "") -> list[Call]:
        """What the product asked for, oldest first; `path` "" for all."""
        return self.call(lambda: [each for each in self.world.calls if path in ("", each.path)])
