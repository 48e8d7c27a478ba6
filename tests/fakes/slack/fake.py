"""FakeSlack: the whole workspace as one object that a test starts, drives and looks at."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiohttp import web

from tests.fakes.server import FakeServer
from tests.fakes.slack import chat, others  # noqa: F401  they register their methods
from tests.fakes.slack.delivery import Answer, Courier, Delivery, Signing
from tests.fakes.slack.faults import TIER_3, Fault, Minute, Pace
from tests.fakes.slack.page import HandPage
from tests.fakes.slack.people import People
from tests.fakes.slack.socket_mode import Sockets
from tests.fakes.slack.state import BOT_USER, Call, Channel, Message, Person, SharedFile, View, Workspace
from tests.fakes.slack.web_api import WebApi


class FakeSlack(FakeServer):
    """`url` + "/api/" is the base url of the SDK. What is wrong about the product collects in `wrong`."""

    signing_secret = "fake-signing-secret"

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.at = Workspace(self.wrong)
        self.sockets = Sockets(self.at)
        self.courier = Courier(self.at, self.sockets, Signing(self.signing_secret))
        self.people = People(self.at, self.courier)
        self.echo = True  # whether the app hears of what it does in a DM itself, as message.im events have it
        self.at.echo = self._echo

    def routes(self, app: web.Application) -> None:
        api = WebApi(self.at)
        app.router.add_route("*", "/api/{method}", api.handle)
        app.router.add_get("/link/", self.sockets.handle)
        app.router.add_post("/respond/{key}", partial(others.respond, self.at))
        app.router.add_post("/upload/{file}", partial(others.receive_upload, self.at))
        HandPage(self.at, self.people).routes(app)

    def start(self) -> "FakeSlack":
        super().start()
        self.at.base = self.url
        return self

    async def closing(self) -> None:
        await self.courier.stop()
        for line in list(self.sockets.lines):
            line.abort()

    def _echo(self, event: dict[str, Any]) -> None:
        if self.echo and self.courier.reachable and self.at.channels[event["channel"]].is_im:
            self.courier.spawn(self.people.tell(copy.deepcopy(event)))

    # How a product is told about this Slack

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def bot_token(self) -> str:
        return self.at.bot_token

    @property
    def app_token(self) -> str:
        return self.at.app_token

    # Who and what is there

    def add_user(self, user_id: str, email: str, name: str, real_name: str = "") -> Person:
        person = Person(user_id, email, name, real_name or name)
        self.call(lambda: self.at.people.update({user_id: person}))
        return person

    def add_channel(self, channel_id: str, name: str, members: list[str], *, with_bot: bool = True) -> None:
        inside = {*members, *([BOT_USER] if with_bot else [])}
        self.call(lambda: self.at.channels.update({channel_id: Channel(channel_id, name, members=inside)}))

    # What people do. Each waits for the ack and returns what the app said.

    def say(self, user: str, text: str, *, thread_ts: str = "") -> Answer:
        """In the DM with the bot."""
        return self.run(self.people.say(user, text, thread_ts))

    def mention(self, user: str, channel: str, text: str) -> Answer:
        return self.run(self.people.mention(user, channel, text))

    def command(self, user: str, command: str, text: str = "", *, channel: str = "") -> Answer:
        """In the DM with the bot, or in a channel. A command answered in the ack is on the screen afterwards."""
        return self.run(self.people.command(user, command, text, channel))

    def tap(
        self,
        user: str,
        where: Message | View,
        action_id: str,
        choice: Any = None,
        *,
        block_id: str | None = None,
        sure: bool = True,
    ) -> Answer:
        """Uses an element of a message, modal or Home as it is now. `choice`: a button's value (only to tell buttons
        apart), an option's value or words, a list of them, a date, a time, a user id, or what is typed. `sure=False`
        says no to the question that an element may ask first: nothing is sent then."""
        return self.run(self.people.tap(user, where, action_id, choice, block_id, sure=sure))

    def submit(self, user: str, view: View, values: dict[Any, Any] | None = None) -> Answer:
        """Fills the form by action id, block id, or (block id, action id), and sends it."""
        return self.run(self.people.submit(user, view, values or {}))

    def close(self, user: str, view: View) -> Answer:
        return self.run(self.people.close(user, view))

    def open_home(self, user: str) -> Answer:
        return self.run(self.people.open_home(user))

    # What is on a screen: copies, the oldest message first

    def screen(self, user: str) -> list[Message]:
        return self.call(lambda: copy.deepcopy(self.at.seen_by(user)))

    def view(self, user: str) -> View | None:
        """The modal in front."""
        return self.call(lambda: copy.deepcopy(self.at.top_view(user)))

    def home(self, user: str) -> View | None:
        return self.call(lambda: copy.deepcopy(self.at.homes.get(user)))

    @property
    def files(self) -> list[SharedFile]:
        return self.call(lambda: copy.deepcopy(list(self.at.files.values())))

    @property
    def calls(self) -> list[Call]:
        """Every Web API call that reached the fake."""
        return self.call(lambda: list(self.at.calls))

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to tell the product something, echoes of its own messages among them."""
        return self.call(lambda: list(self.courier.sent))

    @property
    def connections(self) -> int:
        return self.call(lambda: len(self.sockets.open))

    # What goes wrong

    def fail(self, method: str, fault: Fault, times: int | None = 1) -> None:
        """For the next `times` calls, None for all, of a method, "response_url", "upload" or "*"."""
        self.call(lambda: self.at.faults.add(method, fault, times))

    def heal(self, method: str | None = None) -> None:
        self.call(lambda: self.at.faults.clear(method))

    def revoke(self, token: str) -> None:
        self.call(lambda: self.at.revoked.add(token))

    def restore(self, token: str) -> None:
        self.call(lambda: self.at.revoked.discard(token))

    def limit_posts(self, per_second: float | None = 1.0, burst: int = 3) -> None:
        """429 for what is posted to a channel faster than that, and for more changes than Tier 3 allows; None switches
        both off."""
        pace = Pace(per_second, burst) if per_second else None
        tiers = {"chat.update": Minute(TIER_3)} if per_second else {}

        def now() -> None:
            self.at.pace, self.at.tiers = pace, tiers

        self.call(now)

    def later(self, seconds: float) -> None:
        """Moves the fake's clock: triggers and response urls grow old."""
        self.call(lambda: setattr(self.at, "shift", self.at.shift + seconds))

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Asks every client to connect anew."""
        self.run(self.sockets.ask_to_reconnect(reason))

    def cut(self) -> None:
        """Resets every web socket's TCP connection."""

        def now() -> None:
            for line in list(self.sockets.lines):
                line.abort()

        self.call(now)

    def black_hole(self, on: bool = True) -> None:
        """The sockets of now stay open and swallow everything, pings too."""

        def now() -> None:
            for line in self.sockets.lines:
                line.deaf = on

        self.call(now)

    def bad_tickets(self, times: int = 1) -> None:
        """The next urls of apps.connections.open are spent already."""
        self.call(lambda: setattr(self.sockets, "spent_tickets", times))

    def bad_urls(self, times: int = 1) -> None:
        """The next urls of apps.connections.open lead nowhere."""
        self.call(lambda: setattr(self.sockets, "dead_urls", times))

    def patience(self, ack_within: float = 3.0, retries_after: tuple[float, ...] = (0.0, 60.0, 300.0)) -> None:
        """How long an ack may take and when events come again: shorter for tests that cannot wait."""

        def change() -> None:
            self.courier.ack_within, self.courier.retries_after = ack_within, retries_after

        self.call(change)

    def replay(self, delivery: Delivery) -> Answer:
        """The same envelope id and event id, over HTTP the same signed request, once more."""
        return self.run(self.courier.replay(delivery))

    # HTTP instead of Socket Mode

    def send_to(self, request_url: str) -> None:
        """From now on everything is POSTed there, signed; an empty url goes back to the sockets."""
        self.call(lambda: setattr(self.courier, "request_url", request_url))

    @contextmanager
    def signing(
        self, *, secret: str | None = None, skew: float = 0.0, timestamp: str | None = None, signature: str | None = None
    ) -> Iterator[None]:
        """Signs badly meanwhile: with another secret, `skew` seconds off, or with headers as given."""
        bad = Signing(secret or self.signing_secret, skew, timestamp, signature, honest=False)
        honest, self.courier.signing = self.courier.signing, bad
        try:
            yield
        finally:
            self.courier.signing = honest

    def verify_url(self, challenge: str = "fake-challenge") -> bool:
        """What Slack does when a request URL is saved: whether the product sent the challenge back."""
        body = json.dumps({"token": "verification-token", "challenge": challenge, "type": "url_verification"}).encode()
        headers = {"Content-Type": "application/json", **self.courier.signing.headers(body)}
        status, text, _ = self.run(self.courier.post(body, headers))
        return status == 200 and challenge in text

    def ssl_check(self) -> int:
        """Unsigned, as Slack sends it; the HTTP status of the answer."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.run(self.courier.post(b"ssl_check=1&token=verification-token", form))[0]
