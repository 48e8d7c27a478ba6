"""Stories told through a real messenger: the product's adapter and the official SDK on one side, its strict fake on the
other, real sockets in between. What the fake didn't like fails the story."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Protocol
from unittest.mock import patch

import uvicorn
from fastapi import FastAPI
from sqlalchemy import delete, select

from bot.adapters.base import Reply
from bot.adapters.local import store
from bot.app import App
from bot.settings import Settings
from bot.web import forms
from core.models import Account, Delivery, Person
from core.models.base import table_of
from tests.harness import Harness
from tests.mirror import Mirror
from tests.phones import Card

A, D, P = table_of(Account), table_of(Delivery), table_of(Person)
PATIENCE = 30.0


class Rig(Protocol):
    """One messenger and the phones of people in it. Calls block; the product runs in another thread meanwhile.

    `start` and `stop` are called once for many stories, `settings` before each, `finish` after each.
    """

    messenger: str

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def settings(self) -> dict[str, str]: ...
    def account(self, handle: str) -> str: ...
    def shown(self, handle: str) -> list[Any]: ...
    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str: ...
    def say(self, handle: str, text: str) -> str: ...
    def trouble(self) -> list[str]: ...
    def finish(self) -> None: ...


class RemoteHarness(Harness):
    def __init__(self, database_url: str, rig: Rig) -> None:
        self.rig = rig
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="product", daemon=True)
        self._thread.start()
        with patch.dict(os.environ, rig.settings()):
            settings = Settings(database_url=database_url, letters="send", messengers=(rig.messenger,))
        app = App(settings, clock=lambda: self.now)
        self.mirror = Mirror(app.adapters[rig.messenger], app.local, self._today)
        app.adapters[rig.messenger] = self.mirror
        self._web = _web(app, self.mirror) if self.mirror.routes() else None
        self._begin(app)
        if self._web is not None:
            self._serving = asyncio.run_coroutine_threadsafe(self._web.serve(), self._loop)
            while not self._web.started:
                self.run(asyncio.sleep(0.01))
            rig.reach(f"http://127.0.0.1:{self._web.servers[0].sockets[0].getsockname()[1]}")  # type: ignore[attr-defined]

    def _today(self) -> Any:
        return self.app.company.calendar.business_date(self.now)

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    # --- the company ---

    def people(self, **roles: str) -> None:
        super().people(**roles)
        with self.db() as work:
            for handle in roles:
                user_id = self.rig.account(handle)
                self.mirror.knows(handle, user_id)
                person_id = self._person_id(work, handle)
                text = getattr(self.rig, "text_only", False)
                work.session.add(
                    Account(person_id=person_id, messenger=self.rig.messenger, user_id=user_id, text_only=text)
                )
        for handle in roles:
            if hasattr(self.rig, "hired"):  # where people must do something themselves before they are written to
                self.rig.hired(handle)

    def accounts_of(self, *handles: str) -> None:
        with self.db() as work:
            theirs = select(P.c.id).where(P.c.handle.in_(handles))
            work.session.execute(delete(A).where(A.c.person_id.not_in(theirs)))

    def account(self, handle: str) -> tuple[str, str]:
        return self.rig.messenger, self.mirror.users[handle]

    def says_from_account(self, handle: str, text: str) -> Reply:
        return self.type(handle, text)

    # --- phones ---

    def drawn(self, message_id: int) -> dict[str, Any]:
        with self.look() as work:
            message = store.messages(work.session, [message_id])[0]
            ref = self.mirror.refs.get(str(message_id))
            if ref is not None:
                asked_for = next((d for d, mine in self.mirror.answers.items() if mine == str(message_id)), None)
                here = D.c.ref == ref if asked_for is None else D.c.id == asked_for
                query = select(Delivery).where(D.c.messenger == self.rig.messenger, here)
                delivery = work.session.execute(query.order_by(D.c.id.desc()).limit(1)).scalar_one()
                message = replace(
                    message, delivery=delivery.id, state=delivery.state, facts=dict(delivery.card),
                    payload={**message.payload, "rev": delivery.rev},
                )  # fmt: skip
            return store.card_of(message)

    def press(self, handle: str, card: Card, action: str, rev: int | None, values: dict[str, str]) -> Reply:
        self.mirror.last = None
        return self._tap(handle, self.mirror.refs[str(card.id)], action, values)

    def type(self, handle: str, text: str) -> Reply:
        self.mirror.last = None
        self.rig.say(handle, text)
        return self._answered(handle, text)

    def choose(self, handle: str, text: str, action: str, values: dict[str, str]) -> Reply:
        self.type(handle, text)
        return self._tap(handle, self._newest(handle), action, values)

    def _tap(self, handle: str, ref: str, action: str, values: dict[str, str]) -> Reply:
        self.mirror.last = None
        self.rig.tap(handle, ref, action, values)
        return self._answered(handle, f"{action} of {handle}")

    def _newest(self, handle: str) -> str:
        """Where the answer stands that has just come."""
        known, end = set(self.mirror.refs.values()), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = self.rig.shown(handle)
            if shown and shown[-1].ref not in known:
                return str(shown[-1].ref)
            time.sleep(0.01)
        raise AssertionError(f"{handle} got no answer: {self.rig.shown(handle)}")

    def _answered(self, handle: str, what: str) -> Reply:
        end = time.monotonic() + PATIENCE
        while self.mirror.last is None and time.monotonic() < end:
            time.sleep(0.01)
        self.run(self._settled())
        reply = self.mirror.last
        assert reply is not None, f"{what}: the product heard nothing"
        own = reply.card is not None and reply.delivery_id is not None and not (reply.asks or reply.rev)
        if own and not reply.card.kind.startswith("reply."):  # type: ignore[union-attr]
            self.run(self.mirror.answered(handle, reply, self._newest(handle)))
        return reply

    async def _settled(self) -> None:
        """What follows from an event goes out in the background."""
        while self.app._background:
            await asyncio.gather(*self.app._background, return_exceptions=True)

    # --- the end ---

    def close(self) -> None:
        trouble = self.rig.trouble()
        super().close()
        assert not trouble, trouble

    def stop(self) -> None:
        try:
            if self._web is not None:
                self._web.should_exit = True
                self._serving.result(PATIENCE)
            self.run(self.app.stop())
        finally:
            self._runner.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()


def _web(app: App, mirror: Mirror) -> uvicorn.Server:
    page = FastAPI(openapi_url=None)
    page.router.routes.extend(mirror.routes())
    if isinstance(mirror.real, forms.Messenger) and mirror.real.public_url:
        page.router.routes.extend(forms.routes(mirror.real, app.transactions, app.clock))
    server = uvicorn.Server(uvicorn.Config(page, port=0, log_level="error", access_log=False))
    server.capture_signals = _no_signals  # type: ignore[method-assign, assignment]
    return server


class _no_signals:
    """A server in a thread of a test catches no signals."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
