"""The composition root: builds every object by hand, and is what the command line and the page talk to."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from getpass import getuser
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from bot import hooks, trial
from bot.adapters.base import CARD, TEXT, Adapter, Address, Envelope, Reply, Sent
from bot.adapters.build import messenger
from bot.adapters.local import store
from bot.adapters.local.adapter import LocalAdapter, LocalMailbox, next_step
from bot.card import Action, card_json
from bot.crowd import Crowd
from bot.engine import check_orders, hours_of_work, run_credit, run_cycle
from bot.inbound import Door, receive
from bot.notifications.documents import write_letters
from bot.notifications.parcel import claim_redraw
from bot.notifications.record import Delivered, record
from bot.notifications.sender import Hands, deliver
from bot.settings import Settings, to_company
from bot.transactions import Transactions
from bot.words import not_saved, sentence
from core import accounts
from core.db import make_engine
from core.dunning import stored
from core.errors import DomainError, Unreachable
from core.models import Customer, Delivery, Firing, LocalMessage, Person, Receivable
from core.models.base import table_of
from core.revive import revive_reachable
from core.time import utcnow
from core.work import Work

if TYPE_CHECKING:
    from bot.web.shop import Shop

log = logging.getLogger(__name__)

T = TypeVar("T")
MOMENT, MOMENTS = 0.1, 20  # seconds for which what follows from an event waits for that of others, and how often
CROWD = 1  # event under way; with more, cards are drawn anew with what follows, many at once
STOP_SECONDS = 15.0  # for messages that are on their way
F, D, R, C, P = (table_of(m) for m in (Firing, Delivery, Receivable, Customer, Person))


class App:
    """One running product. `clock` says what time it is; in the demo it stands still until somebody moves it."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], datetime] = utcnow, demo: bool = False, profile: str = "full"
    ) -> None:
        self.settings = settings
        self.demo = demo
        self.shop: Shop | None = None  # the demo's order system
        self.company = to_company(settings)
        self.engine = make_engine(settings.database)
        self.transactions = Transactions(self.engine, self.company)
        self._clock = clock
        self._frozen: datetime | None = None
        self.local = LocalAdapter(self.engine, self.clock, profile=profile)
        self.adapters: dict[str, Adapter] = {"mail": LocalMailbox(self.engine, self.clock)}
        if "local" in self.company.messengers:
            self.adapters["local"] = self.local
        for name in settings.real_messengers:
            self.adapters[name] = messenger(name, settings, self.engine, self.clock)
        self.door = Door(self.transactions, self.adapters)
        self.receiver = None if demo else hooks.receiver_of(settings)
        self._hands = Hands()
        self._telling = asyncio.Lock()
        self._background: set[asyncio.Task[Any]] = set()
        self._crowd = Crowd(self.door, self._later)
        self._answering = 0  # events
        self._asked = 0  # requests of other systems
        self._due = False  # something follows from an event, and will be delivered
        self._stopping = False

    # --- time ---

    def clock(self) -> datetime:
        return self._frozen or self._clock()

    @property
    def _real_time(self) -> bool:
        return self._clock is utcnow and self._frozen is None

    def set_clock(self, now: datetime) -> None:
        """The demo's clock, and that of a command with --at."""
        self._frozen = now

    def work(self, now: datetime, **who: Any) -> AbstractContextManager[Work]:
        return self.transactions.work(now, **who)

    # --- running ---

    async def start(self, *, listening: bool = True) -> None:
        """`listening`: to real messengers, too; of two processes that do, each would hear half of what is said."""
        self._stopping = False
        with self.work(self.clock()) as work:
            stored.ensure(work)
            if listening:  # to a messenger that is perhaps on only since people missed something
                revive_reachable(work)
        for adapter in self.adapters.values():
            if listening or adapter.name not in self.settings.real_messengers:
                await adapter.start(self.receive)

    async def stop(self) -> None:
        """What is being sent is finished, the rest given back; then nobody knocks any more."""
        self._stopping = True
        if self._background:
            await asyncio.wait(self._background, timeout=STOP_SECONDS)
        for adapter in self.adapters.values():
            await adapter.stop()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.engine.dispose()

    async def receive(self, envelope: Envelope) -> Reply:
        """One event of a messenger. In the local one, what follows from it is delivered before the answer returns."""
        if envelope.messenger != "local":
            return await self._answer(envelope)
        reply = await asyncio.to_thread(receive, self.door, envelope, self._actor(envelope))
        await self.deliver(envelope.at, until=("local",))
        if reply.delivery_id is not None and reply.card is None:
            reply = await asyncio.to_thread(self._with_card, reply)
        return reply

    async def _answer(self, envelope: Envelope) -> Reply:
        """A messenger waits seconds at most: the answer now, everything that follows from it in the background."""
        self._answering += 1
        try:
            reply = await self._crowd.receive(envelope)
            if self._answering <= CROWD:
                with suppress(Unreachable):  # what is saved isn't called unsaved: an update brings the card
                    reply = await self._in_place(envelope, reply)
        except Unreachable as error:
            log.warning("%s: an event was not saved: %s", envelope.messenger, error)
            return Reply("not_saved", not_saved(self.company.lang, typed=bool(envelope.text)))
        finally:
            self._answering -= 1
        if not envelope.looks:
            self.follow()
        return reply

    def follow(self) -> None:
        """What follows from a change that was just saved will be delivered; nobody waits for it."""
        if not self._due:
            self._due = True
            self._later(self._follow())

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Another system waits for an answer."""
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def _follow(self) -> None:
        """What follows from events is delivered a moment later, for all of them at once: answers come first."""
        for _ in range(MOMENTS):
            await asyncio.sleep(MOMENT)
            if not self._answering and not self._asked:
                break
        self._due = False
        await self.deliver(self.clock(), until=())

    async def _in_place(self, envelope: Envelope, reply: Reply) -> Reply:
        """The card that the tapped message shows from now on, where the answer itself carries it."""
        if reply.delivery_id is None or reply.card is not None or envelope.text or envelope.aside:
            return reply
        tapped = Address(envelope.user_id, stands=TEXT if envelope.apart else CARD)
        if not self.adapters[envelope.messenger].capabilities(tapped).answers_in_place:
            return reply  # whoever reads text only gets no more than that
        now = self.clock()
        drawn = await asyncio.to_thread(claim_redraw, self.transactions, self.adapters, now, reply.delivery_id)
        if drawn is None:
            return reply
        card, rev, parcel = drawn

        async def shown() -> None:
            if parcel is not None and parcel.ref is not None:
                parcel.result = Sent(parcel.ref.ref)
                await asyncio.to_thread(record, self.transactions, [parcel], now, Delivered())

        return replace(reply, card=card, rev=rev, shown=shown)

    def _later(self, steps: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(steps)
        self._background.add(task)
        task.add_done_callback(self._done)
        return task

    async def undisturbed(self, steps: Coroutine[Any, Any, Any]) -> None:
        """Whoever is cancelled while waiting for it, it goes on; `stop` waits for it."""
        await asyncio.shield(self._later(steps))

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery after an event failed", exc_info=error)

    @staticmethod
    def _actor(envelope: Envelope) -> str:
        """In the local messenger whoever sits at this machine acts for somebody: the audit names both."""
        return f"cli:{getuser()} as {envelope.user_id}" if envelope.messenger == "local" else ""

    def _with_card(self, reply: Reply) -> Reply:
        from bot.card import load

        with self.transactions.look(self.clock()) as work:
            delivery = work.session.get(Delivery, reply.delivery_id)
            return replace(reply, card=load(delivery.card["dump"]) if delivery is not None else None)

    async def deliver(self, now: datetime, *, recover: bool = False, until: Collection[str] | None = None) -> Delivered:
        """Held orders behind whose verdict something has changed are checked again, whoever changed it; then everything
        that may go is sent. `until`: messengers whose messages have left when this returns; None: all of them."""
        await asyncio.to_thread(check_orders, self.transactions, now)
        return await deliver(
            self.transactions, self.adapters, self.clock if self._real_time else lambda: now,
            recover=recover, documents=self.settings.letters_dir, stopping=lambda: self._stopping,
            hands=self._hands, until=until,
        )  # fmt: skip

    async def tell(self) -> hooks.Told:
        """Sends the events that are due to the system that takes them, if there is one."""
        if self.receiver is None:
            return hooks.Told()
        async with self._telling:
            return await hooks.deliver(
                self.transactions, self.receiver, clock=self.clock, real_clock=self._clock, stopping=lambda: self._stopping
            )

    async def tick(self, now: datetime, *, recover: bool = False, until: Collection[str] | None = None) -> Delivered:
        """One beat of the metronome: the engine's cycle, then everything that may go. `until`: as for `deliver`."""
        await asyncio.to_thread(run_cycle, self.transactions, now)
        await asyncio.to_thread(run_credit, self.transactions, now)
        await asyncio.to_thread(write_letters, self.transactions, now, self.settings.letters_dir)
        return await self.deliver(self.clock() if self._real_time else now, recover=recover, until=until)

    async def advance(self, to: datetime, progress: Callable[[datetime], None]) -> None:
        """Moves the demo's clock through every hour of work in between."""
        with self.work(self.clock()) as work:
            ticks = hours_of_work(work, self.clock(), to)
        for at in ticks:
            self.set_clock(at)
            await self.tick(at)
            progress(at)
        self.set_clock(to)
        await self.deliver(to)

    # --- what the command line asks ---

    def _run(self, steps: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async def whole() -> T:
            await self.start(listening=False)
            try:
                return await steps()
            finally:
                await self.stop()

        return asyncio.run(whole())

    def run_once(self, now: datetime) -> dict[str, Any]:
        """One cycle and delivery of everything due, as interface.md's `run-once --json`."""
        self.set_clock(now)

        async def steps() -> dict[str, Any]:
            with self.work(now) as work:
                revive_reachable(work)
            delivered = await self.tick(now, recover=not self.settings.real_messengers)
            await self.tell()
            with self.transactions.look(now) as work:
                return cycle_report(work, delivered)

        return self._run(steps)

    def say(self, handle: str, text: str, now: datetime) -> dict[str, Any]:
        self._as(handle, now)

        async def steps() -> dict[str, Any]:
            reply = await self.local.say(handle, text)
            with self.transactions.look(now) as work:
                card = self._reply_card(work, handle, reply)
                return {"reply": card, "message": reply.message, "view": dict(reply.view), "outcome": reply.outcome}

        return self._run(steps)

    def tap(self, delivery: str, action: str, inputs: dict[str, str], handle: str, now: datetime) -> dict[str, Any]:
        self._as(handle, now)
        if not delivery.isdecimal() or len(delivery) > 15:
            raise DomainError("delivery.unknown", delivery=delivery)

        async def steps() -> dict[str, Any]:
            rev = inputs.pop("rev", "")
            with self.transactions.look(now) as work:
                found = work.session.get(Delivery, int(delivery))
                mine = found is not None and found.address == handle
                seen = int(rev) if rev.isdecimal() and len(rev) <= 15 else found.rev if found is not None else None
            reply = await self.local.tap(handle, int(delivery), action, seen, inputs)
            with self.transactions.look(now) as work:
                # Whoever may not see the card learns nothing of it, not even that it is there.
                shown = self._card(work, int(delivery)) if mine or reply.delivery_id is not None else None
                card = shown or self._reply_card(work, handle, reply)
            asked = next_step(reply, int(delivery))
            if asked is not None and asked.id == action:  # nobody is there to be asked
                return {"outcome": "invalid", "message": _wanted(asked, self.company.lang), "card": card}
            return {"outcome": reply.outcome, "message": reply.message, "card": card}

        return self._run(steps)

    def _as(self, handle: str, now: datetime) -> None:
        self.set_clock(now)
        with self.transactions.look(now) as work:
            found = work.session.execute(select(P.c.active).where(P.c.handle == handle)).scalar()
        if found is None:
            raise DomainError("person.unknown", handle=handle)
        if not found:
            raise DomainError("person.inactive", handle=handle)

    def _card(self, work: Work, delivery_id: int) -> dict[str, Any] | None:
        delivery = work.session.get(Delivery, delivery_id)
        if delivery is None or not delivery.ref.isdecimal():
            return None
        found = store.messages(work.session, [int(delivery.ref)])
        return store.card_of(found[0], self.company.calendar.zone) if found else None

    def _reply_card(self, work: Work, handle: str, reply: Reply) -> dict[str, Any] | None:
        if reply.delivery_id is not None:
            card = self._card(work, reply.delivery_id)
            if card is not None:
                return card
        if reply.card is None:
            return None
        mine = table_of(LocalMessage)
        newest = work.session.execute(
            select(mine.c.id).where(mine.c.channel == "local", mine.c.address == handle).order_by(mine.c.id.desc()).limit(1)
        ).scalar()
        found = store.messages(work.session, [newest]) if newest is not None else []
        if not found:
            return {"kind": reply.card.kind, **card_json(reply.card)}
        return store.card_of(found[0], self.company.calendar.zone)

    def issue_code(self, handle: str) -> str:
        """A one-time code with which this person links an account. Errors: person.unknown, person.inactive."""
        now = self.clock()
        self._as(handle, now)
        with self.work(now, actor=f"cli:{getuser()}") as work:
            person_id = work.session.execute(select(P.c.id).where(P.c.handle == handle)).scalar_one()
            return accounts.issue(work, person_id)

    def take_away(self, handle: str, messenger: str, user_id: str = "") -> str:
        """Ends an account of that person; its user id. Errors: person.unknown, account.none_there, account.several."""
        with self.work(self.clock(), actor=f"cli:{getuser()}") as work:
            person_id = work.session.execute(select(P.c.id).where(P.c.handle == handle)).scalar()
            if person_id is None:
                raise DomainError("person.unknown", handle=handle)
            return accounts.take_away(work, person_id, messenger, user_id)

    def send_test(self, handle: str, messenger: str = "") -> list[dict[str, Any]]:
        """Sends a card to press to each account of a person. Nothing is listened to here: `serve` does.

        Errors: person.unknown, person.inactive, account.none.
        """
        now = self.clock()
        self._as(handle, now)

        async def steps() -> list[dict[str, Any]]:
            try:
                return await trial.send(self.transactions, self.adapters, handle, messenger, now)
            finally:
                await self.stop()

        return asyncio.run(steps())

    def chat(self, handle: str) -> dict[str, Any]:
        self._as(handle, self.clock())
        with self.transactions.look(self.clock()) as work:
            return {"person": handle, "cards": store.cards(work.session, handle, zone=self.company.calendar.zone)}

    def mailbox(self, whose: str = "") -> dict[str, Any]:
        with self.transactions.look(self.clock()) as work:
            return {"letters": store.letters(work.session, whose or None, self.company.calendar.zone)}


def _wanted(asked: Action, lang: str) -> str:
    """What a button of the command line lacks: its form has nobody to fill it in."""
    colon, between = ("：", "；") if lang == "zh" else (": ", "; ")
    wanted = [each for each in asked.inputs if each.required] or asked.inputs
    return sentence("input.asked", {"name": between.join(f"{i.label}{colon}{i.name}=…" for i in wanted)}, lang)[0]


def cycle_report(work: Work, delivered: Delivered) -> dict[str, Any]:
    """The firings written at `work.now`, and what changed of earlier ones."""
    rows = work.session.execute(
        select(F, C.c.code, R.c.number, R.c.currency)
        .join(C, C.c.id == F.c.customer_id)
        .join(R, R.c.id == F.c.receivable_id)
        .where(F.c.recorded_at == work.now)
        .order_by(F.c.id)
    ).mappings()
    fired = list(rows)
    deliveries = _deliveries(work, fired)
    decisions = [
        {
            "customer": f["code"],
            "receivable": f["number"],
            "ladder": f["ladder"],
            "step": f["step"],
            "occurrence": f["occurrence"],
            "audience": f["audience"],
            "to": f["to"],
            "outcome": f["outcome"] if f["changed_at"] is None else (f["was"] or f["outcome"]),
            "reason": f["reason"],
            "kind": f["kind"],
            "delivery": deliveries.get(f["outbox_id"]),
        }
        for f in fired
    ]
    changed = work.session.execute(select(F).where(F.c.changed_at == work.now).order_by(F.c.id)).mappings()
    changes = [{"firing": f["id"], "from": f["was"], "to": f["outcome"], "reason": f["reason"]} for f in changed]
    return {
        "at": work.now.astimezone(work.company.calendar.zone).isoformat(),
        "decisions": json.loads(json.dumps(decisions)),
        "changes": changes,
        "sent": delivered.sent,
        "deferred": sum(d["outcome"] == "deferred" for d in decisions),
        "failed": delivered.failed,
    }


def _deliveries(work: Work, fired: list[Any]) -> dict[int | None, int]:
    ids = [f["outbox_id"] for f in fired if f["outbox_id"] is not None]
    rows = work.session.execute(select(D.c.outbox_id, D.c.id).where(D.c.outbox_id.in_(ids)))
    return {outbox_id: delivery_id for outbox_id, delivery_id in rows}
