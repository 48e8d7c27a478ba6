"""The fake itself: what a test calls, from any thread but the product's own event loop."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from tests.fakes.server import PATIENCE, FakeServer
from tests.fakes.wecom.api import Api, Call
from tests.fakes.wecom.attacks import Attacks, random_key
from tests.fakes.wecom.crypto import Crypto
from tests.fakes.wecom.faults import Faults
from tests.fakes.wecom.line import Delivery, Line, Patience, Try
from tests.fakes.wecom.page import Page
from tests.fakes.wecom.phones import Opened, Phones
from tests.fakes.wecom.screen import Selection, Shown
from tests.fakes.wecom.sending import Sender
from tests.fakes.wecom.state import App, Corp, Limits, Member

T = TypeVar("T")


class FakeWecom(FakeServer):
    """One company with one app (or more: `add_app`), whose members chat with the product.

    Every method waits for its end, which may take 4 x 5 s when the product is slow: a product that lives in the test's
    own event loop needs `await asyncio.to_thread(fake.tap, ...)`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        callback: str = "",
        corp_id: str = "ww0000000000fake",
        agent_id: int = 1000002,
        secret: str = "",
        token: str = "",
        aes_key: str = "",
        members: dict[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        token_lifetime: int = 7200,
        patience: Patience | None = None,
    ) -> None:
        """`members` maps userid to name. What is left empty is invented, and can be read from the fake."""
        super().__init__(port)
        self.corp_id, self.agent_id = corp_id, agent_id
        self.secret, self.token = secret or secrets.token_urlsafe(32), token or secrets.token_hex(12)
        self.aes_key = aes_key or random_key()
        self.lint: list[str] = []  # what a client would cut, and what no two sources agree about
        self.faults = Faults()
        self._corp = Corp(corp_id, clock, token_lifetime)
        self._corp.apps[agent_id] = App(agent_id, self.secret)
        self.line = Line(self._corp.now, self.wrong, patience or Patience())
        self._sender = Sender(self._corp, self.lint, self.wrong, lambda: bool(self.line.url))
        self._api = Api(self._corp, self._sender, self.faults, self.wrong)
        self._phones = Phones(self._corp, self.line, self._sender, self.lint, self.wrong)
        self._page = Page(self._phones, lambda: self._corp, self._corp.apps[agent_id], self.wrong, self.lint)
        if callback:
            self.set_callback(callback, self.token, self.aes_key)
        for userid, name in (members or {}).items():
            self.add_member(userid, name)

    def routes(self, app: web.Application) -> None:
        self._api.routes(app)
        self._page.routes(app)

    # --- the company and the console

    def set_callback(self, url: str, token: str = "", aes_key: str = "") -> None:
        """Where events go; an app without one may not send cards that call back."""
        self.token, self.aes_key = token or self.token, aes_key or self.aes_key
        self.line.url, self.line.crypto = url, Crypto(self.token, self.aes_key, self.corp_id)

    def add_member(self, userid: str, name: str = "", *, visible: bool = True, licensed: bool = True) -> Member:
        member = Member(userid, name or userid, visible, licensed)
        self._corp.members[userid.lower()] = member
        return member

    def remove_member(self, userid: str) -> None:
        del self._corp.members[userid.lower()]

    def add_app(self, agent_id: int, secret: str) -> None:
        """A second app of the same company, with its own token and its own cards."""
        self._corp.apps[agent_id] = App(agent_id, secret)

    def trust(self, *domains: str) -> None:
        """Links to other domains are refused from now on (50001)."""
        self._phones.trusted_domains = set(domains)

    def expire_tokens(self) -> None:
        """The tokens given out so far answer 42001."""
        self.call(lambda: self._corp.end_tokens(42001))

    def revoke_tokens(self) -> None:
        """The tokens given out so far answer 40014, as after a reset secret; also what real expiry was seen to give."""
        self.call(lambda: self._corp.end_tokens(40014))

    def pass_time(self, seconds: float) -> None:
        """For tokens, codes, intervals and limits; the product's own clock is its own."""
        self._corp.skipped += seconds

    @property
    def limits(self) -> Limits:
        """`limits.on = True` switches the rate limits on; its numbers may be lowered."""
        return self._corp.limits

    @property
    def dropped(self) -> list[tuple[str, dict[str, Any]]]:
        """(userid, payload) that the member's rate limit swallowed."""
        return self._corp.dropped

    @property
    def calls(self) -> list[Call]:
        """Every API call, in order."""
        return self._api.calls

    def calls_of(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    def uploaded(self, media_id: str) -> tuple[str, bytes]:
        """(file name, bytes)"""
        _, name, data = self._corp.media[media_id]
        return name, data

    # --- the members' screens

    def screen(self, user: str) -> list[Shown]:
        """The app's messages in order, as this member sees them now; recalled ones are gone."""
        return self.call(lambda: [one for one in self._phones.chat(user) if not one.from_member and not one.recalled])

    def last(self, user: str) -> Shown:
        return self.screen(user)[-1]

    # --- what members do

    def tap(
        self,
        user: str,
        message: Shown | str,
        button_key: str,
        selected: Selection | None = None,
        *,
        stale: bool = False,
    ) -> Delivery:
        """A tap on a button or an entry of the card's menu; `selected` is {question: option, or options}.

        `stale` taps what `message` showed when it was looked at, as a phone does that has not heard of an update.
        """
        return self._wait(self._phones.tap(user, message, button_key, selected or {}, stale))

    def say(self, user: str, text: str) -> Delivery:
        return self._wait(self._phones.say(user, text, self._app()))

    def menu_tap(self, user: str, key: str) -> Delivery:
        """An entry of the menu that the product made with menu/create."""
        return self._wait(self._phones.menu_tap(user, key, self._app()))

    def enter_agent(self, user: str) -> Delivery:
        """Opens the app's chat."""
        return self._wait(self._phones.enter_agent(user, self._app()))

    def open_link(self, user: str, url: str) -> Opened:
        """The phone opens an authorize link as found on a card: gives the product's page with code and state."""
        return self.call(lambda: self._phones.open_link(user, url))

    # --- what the console and strangers do

    def verify_url(self) -> Try:
        """The console's check; what is wrong with the answer stands in `error` and in `wrong`."""
        answer, word = self._wait(self.line.check())
        error = answer.error or ("" if answer.status == 200 else f"HTTP {answer.status}")
        if not error and answer.body != word:
            error = f"the body is {answer.body[:60]!r}, not exactly {word!r}"
        if error:
            self.wrong.append(f"URL check: {error}")
        return Try(answer.status, answer.seconds, answer.body, error, answer.query)

    def bad_posts(self) -> list[str]:
        """The kinds of bad POSTs: see attacks.py."""
        return list(self._attacks("nobody").kinds)

    def bad_post(self, kind: str, user: str, text: str = "/help") -> Try:
        """POSTs a bad callback that pretends that `user` said `text`; its status is for the test to judge."""
        query, body = self._attacks(user, text).kinds[kind]()
        return self._wait(self.line.post(query, body))

    def replay(self, delivery: Delivery) -> Try:
        """The very bytes of an earlier POST, sent again by somebody who saw them."""
        first = delivery.tries[0]
        return self._wait(self.line.post(first.query, first.sent))

    def _attacks(self, user: str, text: str = "") -> Attacks:
        return Attacks(self.line, lambda: self._phones.words(user, text, self._app()), self.agent_id)

    def _app(self) -> App:
        return self._corp.apps[self.agent_id]

    def _wait(self, steps: Coroutine[Any, Any, T]) -> T:
        """Like `run`, with the patience that retries need."""
        patience = self.line.patience
        longest = (1 + patience.retries) * (patience.post + patience.pause) + PATIENCE
        return asyncio.run_coroutine_threadsafe(steps, self._loop).result(longest)
