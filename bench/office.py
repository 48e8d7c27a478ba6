"""The product with one messenger, on copies of a book whose cards wait: 500 of 100 people."""

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar
from unittest.mock import patch

import uvicorn
from sqlalchemy import delete, func, select
from starlette.applications import Starlette

from bench import book
from bench.far import Far
from bench.stores import Store
from bot.adapters.base import Callbacks
from bot.adapters.pace import Pace
from bot.app import App
from bot.server import settle_in
from bot.settings import Settings
from core import outbox
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import Account, Delivery, Promise, Task
from core.models.base import table_of

T = TypeVar("T")
NAMES = {"slack": "Slack", "dingtalk": "DingTalk", "wecom": "WeCom"}
NOW = book.morning() + timedelta(hours=1)
D, K, P = (table_of(m) for m in (Delivery, Task, Promise))
WAITING, COPY = "cards_waiting", "cards"


def user_of(person: int) -> str:
    return f"U0{person:04d}"


def fill(store: Store, cards: int, people: int) -> list[str]:
    """A book in which a first card of every open task waits for its person. Returns the people's accounts."""
    book.fill(store, WAITING, cards * book.A_CUSTOMER, lambda i: None, people)
    users = [user_of(2 + n) for n in range(people)]
    with book.transactions(store, WAITING).work(NOW) as work:
        work.session.execute(delete(D))  # cards of earlier days
        for n, user in enumerate(users):
            work.session.add_all(Account(person_id=2 + n, messenger=name, user_id=user) for name in NAMES)
        _, policy = active(work)
        org = load_org(work)
        tasks = work.session.execute(select(K.c.id, K.c.person_id, K.c.customer_id).order_by(K.c.id)).all()
        outbox.enqueue(work, [
            outbox.task_card(work, policy.windows, org.members[t.person_id], task_id=t.id, person_id=t.person_id,
                             customer_id=t.customer_id, kind="task.overdue") for t in tasks
        ])  # fmt: skip
    store.let_go(WAITING)
    store.settle(WAITING)
    return users


class Office:
    """The app of one messenger. Its statements stay built between the rounds, as those of a running server."""

    def __init__(self, store: Store, far: Far, messenger: str, **settings: str) -> None:
        self.store, self.far, self.messenger = store, far, messenger
        self._runner = asyncio.Runner()
        with patch.dict(os.environ, {**far.do("environment"), **settings}):
            given = Settings(database_url=store.url(COPY), messengers=(messenger,), letters="off")
        self._server: uvicorn.Server | None = None
        self.app = App(given, clock=lambda: NOW)
        self.adapter: Any = self.app.adapters[messenger]
        settle_in()

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(steps)

    def anew(self) -> None:
        """Everything waits again, and nobody has seen anything."""
        self.app.engine.dispose()
        self.store.copy(WAITING, COPY)
        self.far.do("clear")

    def without_limits(self) -> None:
        adapter = self.adapter
        match self.messenger:
            case "slack":
                adapter._pace, adapter.api.quotas = Pace(0), {}
            case "dingtalk":
                adapter.client._pace = Pace(0)
            case _:
                adapter._member = adapter._calls = Pace(0)

    def send(self) -> int:
        """Everything that waits; the number of cards shown."""
        sent: int = self.run(self.app.deliver(NOW)).sent
        return sent

    def listen(self) -> None:
        """As `serve` does: the messenger's connection, and a web server for what calls us."""
        self.anew()
        self.run(self._listen())

    async def _listen(self) -> None:
        await self.app.start()
        routes = self.adapter.routes() if isinstance(self.adapter, Callbacks) else ()
        if routes:
            page = uvicorn.Config(Starlette(routes=list(routes)), port=0, log_level="error", access_log=False)
            server = uvicorn.Server(page)
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
            self._serving = asyncio.create_task(server.serve())
            self._server = server
            while not server.started:
                await asyncio.sleep(0.01)
            self.far.do("reach", f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        if self.app.settings.slack.mode == "socket":
            while not self.far.do("connected"):
                await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """What follows from taps has been done."""
        desk = getattr(self.adapter, "desk", None)
        while busy := {*self.app._background, *getattr(desk, "_tasks", ())}:
            await asyncio.gather(*busy, return_exceptions=True)

    def effects(self) -> int:
        """How many promises are in the books."""
        with self.app.transactions.look(NOW) as work:
            found: int = work.session.execute(select(func.count()).select_from(P)).scalar_one()
            return found

    def close(self) -> None:
        self.run(self._stop())
        self._runner.close()
        self.store.drop(COPY)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            await self._serving
        await self.app.stop()


@contextmanager
def office(store: Store, far: Far, messenger: str, **settings: str) -> Iterator[Office]:
    made = Office(store, far, messenger, **settings)
    try:
        yield made
    finally:
        made.close()
