"""A messenger that answers as it is told, for stories of what the outbox makes of it."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.adapters.base import Address, DeliveryRef, NotThere, Receive, SendResult, Sent, Unknown
from bot.card import Capabilities, Card
from bot.fit import PROFILES
from core.models import Account, OutboxMessage
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness

O = table_of(OutboxMessage)  # noqa: E741


class Scripted:
    """A messenger that answers as it is told; `shown` is what stands on the screen."""

    def __init__(self, name: str, *, in_place: bool = False) -> None:
        self.name, self.in_place = name, in_place
        self.shown: list[tuple[str, Card]] = []
        self.updates: list[tuple[int, Card]] = []
        self.sends: list[SendResult | None] = []  # None: as it should be
        self.tried = 0
        self.never_shows = False  # what it gives no clear answer to
        self.finds: list[Sent | NotThere | Unknown] = []
        self.receive: Receive | None = None

    def capabilities(self, to: Address) -> Capabilities:
        return replace(PROFILES["full"], answers_in_place=self.in_place)

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        told = self.sends.pop(0) if self.sends else None
        self.tried += 1
        if told is None or (isinstance(told, Unknown) and not self.never_shows):
            self.shown.append((key, card))
        return Sent(f"{to.user_id}:{len(self.shown)}") if told is None else told

    async def update(self, ref: DeliveryRef, card: Card) -> SendResult:
        self.updates.append((ref.rev, card))
        return Sent(ref.ref)

    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        return self.finds.pop(0)

    async def start(self, receive: Receive) -> None:
        self.receive = receive

    async def stop(self) -> None: ...


def join(hk: Harness, made: Scripted, *, first: bool = True) -> Scripted:
    """Li has an account there; cards go to it first, or last."""
    others = hk.app.company.messengers
    hk.begin("2026-07-02 08:00")
    hk.company(messengers=(made.name, *others) if first else (*others, made.name))
    hk.policy(ONE_STEP)
    hk.app.adapters[made.name] = made
    hk.run(made.start(hk.app.receive))
    with hk.db() as work:
        work.session.add(Account(person_id=hk._person_id(work, "li") or 0, messenger=made.name, user_id="U-li"))
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    return made


def minutes(hk: Harness, count: int) -> None:
    for _ in range(count):
        hk.now += timedelta(minutes=1)
        hk.deliver()


def start(hk: Harness) -> None:
    """The morning's first beat: li's card goes out."""
    hk.now = hk.now.replace(hour=1)
    hk.run(hk.app.tick(hk.now, recover=True))


def states(hk: Harness) -> list[str]:
    with hk.look() as work:
        return list(work.session.execute(select(O.c.state).where(O.c.op == "send").order_by(O.c.id)).scalars())
