"""For tests in which several things happen at one moment: a company with many customers, taps by account and event id,
and threads that begin together."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from bot.adapters.base import Envelope, Reply
from bot.app import App
from bot.inbound import receive
from bot.settings import Settings
from core.ledger import invariants
from core.models import Delivery, Firing, LocalMessage, OutboxMessage
from core.models.base import table_of
from tests.harness import Harness, instant

D, F, O, M = (table_of(m) for m in (Delivery, Firing, OutboxMessage, LocalMessage))  # noqa: E741


def company(url: str, customers: int, *, at: str = "2026-07-02 08:00", due: str = "2026-07-01") -> Harness:
    """li and lin look after customers K00, K01, … by turns, each with one receivable; wang is above, cai finance."""
    hk = Harness(url, letters="off")
    hk.now = instant(at)
    hk.people(zhao="sales_director", wang="sales_manager<zhao", li="rep<wang", lin="rep<wang")
    hk.people(cai="finance", fm="finance_manager")
    for number in range(customers):
        hk.customer(f"K{number:02}", ("li", "lin")[number % 2])
        hk.receivable(f"K{number:02}", "100.00", due=due, number=f"I{number:02}", issued="2026-06-01")
    return hk


def deliveries(hk: Harness, handle: str, subject: str = "task") -> list[int]:
    with hk.look() as work:
        wanted = select(D.c.id).where(D.c.address == handle, D.c.subject == subject).order_by(D.c.id)
        return list(work.session.execute(wanted).scalars())


def cards_of(hk: Harness, handle: str) -> list[int]:
    """Deliveries of the person's task cards; those in a digest are opened first, as a person would."""
    from sqlalchemy import select as choose

    from core.models import Person, Task

    T, P = table_of(Task), table_of(Person)
    with hk.look() as work:
        query = choose(T.c.id).join(P, P.c.id == T.c.person_id).where(P.c.handle == handle, T.c.state == "open")
        mine = list(work.session.execute(query.order_by(T.c.id)).scalars())
        digest = work.session.execute(
            select(D.c.id).where(D.c.address == handle, D.c.kind == "digest.daily").order_by(D.c.id.desc()).limit(1)
        ).scalar()
    if digest is None:
        return deliveries(hk, handle)
    found = []
    for task in mine:
        reply = tap(hk.app, hk.now, handle, digest, "task.open", task=str(task))
        assert reply.delivery_id, reply
        found.append(reply.delivery_id)
    return found


def tap(
    app: App, now: datetime, handle: str, delivery: int, action: str, *,
    event: str = "", rev: int | None = None, **given: str,
) -> Reply:  # fmt: skip
    """What a messenger would hand in: no delivery of answers, only the transaction."""
    return receive(
        app.door,
        Envelope(
            "local", handle, event or uuid4().hex, now, delivery_id=delivery, action=action, seen_rev=rev, input=given
        ),
    )  # fmt: skip


@contextmanager
def other(hk: Harness) -> Iterator[App]:
    """A second process, as far as the database can tell: an engine and connections of its own."""
    app = App(Settings(database_url=hk.app.settings.database_url.get_secret_value(), letters="off"), clock=lambda: hk.now)
    try:
        yield app
    finally:
        app.engine.dispose()


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Runs these in threads that begin together; their answers in order. Raises what one of them raised."""
    barrier = threading.Barrier(len(works))
    answers: list[Any] = [None] * len(works)
    failed: list[BaseException] = []

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            barrier.wait(30)
            answers[place] = work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failed:
        raise failed[0]
    return answers


def count(hk: Harness, model: Any, *where: Any) -> int:
    with hk.look() as work:
        return int(work.session.execute(select(func.count()).select_from(table_of(model)).where(*where)).scalar_one())


def sound(hk: Harness) -> None:
    """Each firing once, each message once, the ledger's rules hold, and nothing is stuck."""
    with hk.look() as work:
        read = work.session.execute
        unique = [F.c.receivable_id, F.c.due_on, F.c.step, F.c.occurrence, F.c.audience]
        assert not read(select(*unique).group_by(*unique).having(func.count() > 1)).all()
        sent = set(read(select(O.c.key).where(O.c.op == "send", O.c.state == "sent")).scalars())
        shown = list(read(select(M.c.key).where(M.c.direction == "out", M.c.key.not_like("reply:%"))).scalars())
        assert sorted(shown) == sorted(sent), set(shown) ^ sent
        assert not read(select(O.c.key, O.c.state).where(O.c.state.in_(("sending", "retry", "unsure", "dead")))).all()
        twice = select(D.c.outbox_id).where(D.c.outbox_id.is_not(None)).group_by(D.c.outbox_id).having(func.count() > 1)
        assert not read(twice).all()
        assert invariants.check(work.session) == []


def outcomes(replies: Sequence[Reply]) -> list[str]:
    return sorted(reply.outcome for reply in replies)
