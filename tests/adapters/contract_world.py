"""One product with real messengers around it, for the contract: every one that a story needs, all at once."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from sqlalchemy import Engine, event, inspect, select
from sqlalchemy.engine import make_url

from bot.adapters.base import Address, Callbacks, Envelope, Reply
from bot.adapters.dingtalk import desk as dingtalk_desk
from bot.adapters.slack import adapter as slack_adapter
from bot.adapters.slack import client as slack_client
from bot.adapters.slack import desk as slack_desk
from bot.adapters.slack import door, home, socket
from bot.adapters.wecom import client as wecom_client
from bot.adapters.wecom import desk as wecom_desk
from bot.adapters.wecom import line as wecom_line
from bot.adapters.wecom import robot as wecom_robot
from bot.app import App
from bot.settings import Settings
from bot.web import forms
from core.models import Account, Delivery, OutboxMessage
from core.models.base import table_of
from tests.adapters.contract_words import DAY, PATIENCE
from tests.adapters.wecom_world import Server
from tests.databases import KINDS
from tests.factories import PROFILE
from tests.fakes.slack_product import Loop
from tests.harness import Harness, instant
from tests.rigs import Shown

# What is written at the same moment, twice, or while somebody else writes: there the databases differ.
on_each_database = pytest.mark.parametrize("kind", KINDS)
A, D, O = table_of(Account), table_of(Delivery), table_of(OutboxMessage)  # noqa: E741


class World(Harness):
    """`homes`: who is in which places; everybody else is in all of them. `replies`: what the product answered."""

    def __init__(self, database_url: str, *places: Any, homes: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.places = {place.messenger: place for place in places}
        self.place, self.homes, self.now = places[0], homes or {}, instant("2026-06-01 08:00")
        env = {name: value for place in places for name, value in place.settings().items()}
        with patch.dict(os.environ, env):
            self.settings = Settings(database_url=database_url, letters="off", messengers=tuple(self.places))
        self.app = App(self.settings, clock=lambda: self.now)
        self._opened: list[Any] = []
        event.listen(self.app.engine, "connect", lambda connection, _: self._opened.append(connection))
        self.company(profile=PROFILE)
        self.reports: list[dict[str, Any]] = []
        self._read: set[int] = set()
        self._versions: dict[int, int] = {}
        self.replies: list[tuple[Envelope, Reply]] = []
        self._listen()

    def _listen(self) -> None:
        receive = self.app.receive

        async def heard(envelope: Envelope) -> Reply:
            reply = await receive(envelope)
            self.replies.append((envelope, reply))
            return reply

        self.app.receive = heard  # type: ignore[method-assign]
        routes: list[Any] = []
        for adapter in self.app.adapters.values():
            routes += adapter.routes() if isinstance(adapter, Callbacks) else ()
            if isinstance(adapter, forms.Messenger) and adapter.public_url:
                routes += forms.routes(adapter, self.app.transactions, self.app.clock)
            if adapter.name == "dingtalk":
                adapter.stream_timing = (0.3, 0.3)  # type: ignore[attr-defined]
                adapter.client.timeout = PATIENCE  # type: ignore[attr-defined]
        self.stopped = False
        self.server = Server(routes) if routes else None
        self.loop = Loop() if self.server is None else self.server
        url = self.server.__enter__() if self.server is not None else ""
        for place in self.places.values():
            if hasattr(place, "reach"):
                place.reach(url)
            if hasattr(place, "join"):
                place.join(self)
        self.run(self.app.start())

    def run(self, what: Any) -> Any:
        return self.loop.run(what)

    def end(self) -> None:
        """What is under way ends, then the product and its server do."""
        if not self.stopped:
            self.stop_product()
        if self.server is not None:
            self.server.__exit__()
        elif isinstance(self.loop, Loop):
            self.loop.stop()
        for connection in self._opened:  # what a tap still held when the product stopped came back to nobody's pool
            connection.close()

    def stop_product(self) -> None:
        self.stopped = True
        self.run(self.app.stop())

    # --- the company ---

    def people(self, **roles: str) -> None:
        super().people(**roles)
        with self.db() as work:
            for handle in roles:
                for name in self.homes.get(handle, tuple(self.places)):
                    user_id = self.places[name].account(handle)
                    if name != "local":
                        person_id = self._person_id(work, handle) or 0
                        work.session.add(Account(person_id=person_id, messenger=name, user_id=user_id))
        self._greeted(tuple(roles))

    def _greeted(self, handles: tuple[str, ...]) -> None:
        """Where nobody can be written to before they have written: everybody has."""
        for name, place in self.places.items():
            for handle in handles:
                if hasattr(place, "hired") and name in self.homes.get(handle, (name,)):
                    place.hired(handle)
        self.replies.clear()

    def told(self, amount: str = "120000.00") -> None:
        """甲 of li owes since yesterday; the cards of 2026-07-02 have not gone yet."""
        self.begin("2026-07-02 08:00")
        self.customer("甲", "li")
        self.receivable("甲", amount, due="2026-07-01", number="I1", issued="2026-06-01")

    def first(self) -> Shown:
        """li's card on the morning after the due date."""
        self.told()
        self.morning("2026-07-02")
        return self.shown("li")[-1]

    def beat(self, text: str) -> None:
        """What is due goes out, whatever comes of it."""
        self.now = instant(text)
        self.run(self.app.tick(self.now))

    def address(self, handle: str) -> Address:
        return Address(self.place._users[handle] if hasattr(self.place, "_users") else handle)

    @property
    def adapter(self) -> Any:
        return self.app.adapters[self.place.messenger]

    # --- phones ---

    def where(self, handle: str) -> Any:
        return self.places[self.homes.get(handle, (self.place.messenger,))[0]]

    def shown(self, handle: str) -> list[Shown]:
        found: list[Shown] = self.where(handle).shown(handle)
        return found

    def tap(self, handle: str, ref: str, action: str = "task.promise", **inputs: str) -> str:
        """What is said at once; the card that changes with it is looked at later."""
        return str(self.where(handle).tap(handle, ref, action, inputs or {"date": DAY}))

    def say(self, handle: str, text: str) -> str:
        return str(self.where(handle).say(handle, text))

    def reads(self, handle: str, words: str, said: str = "") -> None:
        """The person has these words before them: as the answer, or on the screen soon after."""
        until(lambda: self.sees_now(handle, words, said), f"{handle} reads {words}")

    def sees_now(self, handle: str, words: str, said: str = "") -> bool:
        return words in said or any(words in each.text for each in self.shown(handle))

    def sent(self) -> list[tuple[str, str]]:
        """(state, reason) of everything that was to be sent."""
        with self.look() as work:
            return [tuple(r) for r in work.session.execute(select(O.c.state, O.c.reason).where(O.c.op == "send"))]  # type: ignore[misc]

    # --- the database ---

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody else writes meanwhile, and takes their time; whoever only reads does not wait."""
        with writing(self.settings.database, self.app.engine):
            yield

    def impatient_database(self, seconds: float = 0.05) -> None:
        """Who waits for a lock gives up sooner than after five seconds."""
        milliseconds, postgresql = int(seconds * 1000), self.app.engine.dialect.name == "postgresql"
        said = f"SET lock_timeout = {milliseconds}" if postgresql else f"PRAGMA busy_timeout={milliseconds}"

        @event.listens_for(self.app.engine, "connect")
        def _(dbapi: Any, _record: Any) -> None:
            dbapi.execute(said)
            if postgresql:
                dbapi.commit()

        self.app.engine.dispose()


@contextmanager
def writing(url: str, engine: Engine) -> Iterator[None]:
    """Every table is written to by another connection, which does not end."""
    if engine.dialect.name == "postgresql":
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        tables = ", ".join(f'"{name}"' for name in inspect(engine).get_table_names())
        with psycopg.connect(plain) as other:
            other.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE".encode())
            yield
            other.rollback()
        return
    alone = sqlite3.connect(make_url(url).database or "", isolation_level=None)
    alone.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        alone.rollback()
        alone.close()


def until(holds: Any, what: str = "it", seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: did not come"
        time.sleep(0.02)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are lost are noticed at once, answers that don't come are not waited for."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    for where, name, value in (
        (socket, "GRACE", 0.5), (socket, "PING", 0.3), (socket, "LOOK_EVERY", 0.05), (socket, "FIRST_PAUSE", 0.1),
        (door, "FIRST_PAUSE", 0.1), (home, "SETTLES", 0.1), (slack_client, "SECONDS", PATIENCE),
        (slack_adapter, "PER_SECOND", 0.0), (wecom_client, "ANSWER", PATIENCE),
        (wecom_line, "TIMEOUT", PATIENCE), (wecom_line, "PING", 0.3), (wecom_line, "SILENCE", PATIENCE + 1.0),
        (wecom_line, "LOOK", 0.05), (wecom_line, "FIRST_PAUSE", 0.1), (wecom_line, "REFUSED_PAUSE", 0.3),
    ):  # fmt: skip
        monkeypatch.setattr(where, name, value)


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messengers that wait for half a second instead of seconds."""
    for where, name, value in (
        (slack_desk, "SAVE_WITHIN", 0.3), (slack_desk, "ANSWER_WITHIN", 0.5),
        (dingtalk_desk, "SAVE", 0.3), (dingtalk_desk, "ANSWER", 0.5),
        (wecom_desk, "SAVE", 0.3), (wecom_desk, "ANSWER", 0.4), (wecom_desk, "LATE", 0.3),
        (wecom_robot, "SAVE", 0.3), (wecom_robot, "ANSWER", 0.5),
    ):  # fmt: skip
        monkeypatch.setattr(where, name, value)


Make = Callable[..., World]
