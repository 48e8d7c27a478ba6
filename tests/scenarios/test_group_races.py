"""A group's customers at the same moment: nobody waits in a circle, and nobody passes its limit without somebody's word."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.app import App
from bot.settings import Settings
from core import ingest
from core.credit import groups, locks, orders
from core.credit.incoming import NewOrder
from core.dunning.stored import active
from core.errors import DomainError, Unreachable
from core.models import Customer, Order
from core.models.base import table_of
from core.work import Work
from tests.harness import Harness
from tests.processes import how_it_ended, process
from tests.scenarios.ordering import told
from tests.scenarios.racing import at_once, deliveries, other, tap
from tests.scenarios.test_groups import shares

C, O = table_of(Customer), table_of(Order)  # noqa: E741
LIMIT, EACH, MEMBERS, WORKERS, ROUNDS = 100_000, 4_100, 4, 8, 4


@pytest.fixture
def shop(hk: Harness) -> Iterator[Harness]:
    hk.begin("2026-07-06 10:00")
    for number in range(MEMBERS):
        hk.customer(f"K{number}", "li", group_name="华兴")
    shares(hk, amount="1000")
    yield hk
    hk.deliver()
    told(hk)


def submit(app: App, now: datetime, number: str, customer: str, amount_minor: int = EACH) -> str:
    with app.work(now) as work:
        made = orders.submit(work, active(work)[1], NewOrder(number, customer, amount_minor, "CNY"), "shop")
        return str(made.order.state)


def changed(app: App, now: datetime, change: Callable[[Work], object]) -> None:
    with app.work(now) as work:
        change(work)


def patiently(call: Callable[[], Any]) -> Any:
    """As an order system does that is told to come again: SQLite lets nobody wait for longer than some seconds."""
    for _ in range(20):
        with suppress(Unreachable):
            return call()
    raise AssertionError("the database is never free")


def _requester(url: str, now: datetime, worker: int, ready: object, found: object) -> None:
    """Each begins with another member, half of them going through the members backwards; a limit is set in between."""
    app = App(Settings(database_url=url, letters="off"), clock=lambda: now)
    ready.wait()  # type: ignore[attr-defined]
    states = []
    for n in range(ROUNDS):
        member = (worker + (n if worker % 2 else -n)) % MEMBERS
        states.append(patiently(lambda n=n, member=member: submit(app, now, f"SO{worker}-{n}", f"K{member}")))
        if worker == 0 and n == 1:
            patiently(lambda: changed(app, now, lambda work: groups.set_limit(work, "华兴", LIMIT, "CNY", "x")))
        elif worker == 1 and n == 2:
            patiently(lambda: changed(app, now, lambda work: orders.check_customer(work, active(work)[1], MEMBERS)))
    found.put(states)  # type: ignore[attr-defined]
    app.engine.dispose()


def released(shop: Harness) -> int:
    with shop.look() as work:
        return sum(work.session.execute(select(O.c.amount_minor).where(O.c.state == "released")).scalars())


def test_eight_requesters_of_four_members_never_pass_the_limit(shop: Harness, database_url: str) -> None:
    context = multiprocessing.get_context("forkserver")
    ready, found = context.Barrier(WORKERS), context.Queue()
    with ExitStack() as running:
        workers = [
            running.enter_context(process(_requester, database_url, shop.now, n, ready, found)) for n in range(WORKERS)
        ]
        states = [each for _ in workers for each in found.get(timeout=60)]
        assert [how_it_ended(worker) for worker in workers] == [0] * WORKERS
    assert states.count("released") == LIMIT // EACH and states.count("held") == WORKERS * ROUNDS - LIMIT // EACH
    assert released(shop) == LIMIT // EACH * EACH


def test_taps_and_orders_on_members_in_opposite_order(shop: Harness) -> None:
    """Approvers decide about the last member while orders come in for the first, and the other way round."""
    with other(shop) as second:
        for n in range(12):
            ends = ("K0", f"K{MEMBERS - 1}") if n % 2 else (f"K{MEMBERS - 1}", "K0")
            submit(shop.app, shop.now, f"A{n}", ends[0], LIMIT + 1)
            shop.deliver()
            card = deliveries(shop, "zhou", "credit")[-1]
            reply, *states = at_once(
                lambda card=card: tap(shop.app, shop.now, "zhou", card, "credit.reject", reason="超额"),
                *(
                    lambda app=app, end=end, k=k, n=n: submit(app, shop.now, f"B{n}-{k}", end, EACH)
                    for k, (app, end) in enumerate(((second, ends[1]), (shop.app, ends[1]), (second, ends[0])))
                ),
            )
            assert reply.outcome in ("done", "stale"), reply
            assert set(states) <= {"released", "held"}
            assert released(shop) <= LIMIT
            told(shop)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("code", "moved"), [("K9", True), ("J0", False)])
def test_a_customer_that_joins_while_its_group_is_being_locked(shop: Harness, code: str, moved: bool) -> None:
    """K0's order waits for K0, whom somebody changes; meanwhile a customer joins. With a larger id it is locked as well."""
    shop.customer(code, "li", **({} if moved else {"id": 0}))  # an id beyond all others, or below them
    assert lock_while(shop, code) == (["released"] if moved else ["credit.group_moved"])


def lock_while(shop: Harness, code: str) -> list[Any]:
    """The order's answer: it asks for the lock while the customer K1 is held by somebody who then moves `code`."""
    answers: list[Any] = []

    def order() -> None:
        try:
            with shop.app.work(shop.now) as work:
                members = locks.lock(work, first)
                codes = work.session.execute(select(C.c.code).where(C.c.id.in_(members)).order_by(C.c.id)).scalars().all()
                assert code in codes
                answers.append("released")
        except DomainError as error:
            answers.append(error.code)

    with shop.look() as work:
        first = work.session.execute(select(C.c.id).where(C.c.code == "K0")).scalar_one()
    with other(shop) as second:
        with second.work(shop.now) as work:
            work.session.execute(select(C.c.id).where(C.c.code == "K1").with_for_update(key_share=True))
            waiting = threading.Thread(target=order)
            waiting.start()
            time.sleep(0.3)
            with shop.app.work(shop.now) as meanwhile:
                meanwhile.session.execute(update(C).where(C.c.code == code).values(group_name="华兴"))
        waiting.join(20)
    return answers


def test_imports_that_name_members_backwards(shop: Harness, tmp_path: Path) -> None:
    """A file has its own order; its rows are locked in that of the ids all the same."""
    path = tmp_path / "customers.csv"
    with other(shop) as second:
        for n in range(8):
            names = [f"K{number},K{number},{'东西'[n % 2]}" for number in reversed(range(MEMBERS))]
            path.write_text("\n".join(["code,name,region", *names]), encoding="utf-8")
            report, *states = at_once(
                lambda: ingest.run(lambda: second.work(shop.now), "customers", path),
                *(
                    lambda app=app, k=k, n=n: submit(app, shop.now, f"I{n}-{k}", f"K{k % MEMBERS}", EACH)
                    for k, app in enumerate((shop.app, second, shop.app, second))
                ),
            )
            assert report.updated == MEMBERS and set(states) <= {"released", "held"}
    assert released(shop) <= LIMIT
