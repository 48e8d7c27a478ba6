"""Orders: one over the limit checked, held and asked about, against the same statements through SQLAlchemy Core."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from bench import book
from bench.clock import Goal, Measure, interleave
from bench.dunning import count, sides
from bench.profile import where
from bench.stores import Store
from bot.transactions import Transactions
from core.credit import orders
from core.credit.incoming import NewOrder
from core.db import transaction
from core.dunning.stored import active

REQUESTERS = (1, 8)

Step = tuple[Any, Any]  # a statement of SQLAlchemy, or of the driver as text, and its parameters
_numbers = itertools.count(1)


def checks(store: Store, receivables: int, number: int, rounds: int) -> Iterator[Measure]:
    """`number` orders a round, each of another customer, in a transaction each; 1 and 8 threads that hand them in."""
    fill(store, "credit_book", receivables)
    store.copy("credit_book", "credit")
    engine, transactions = store.engine("credit"), book.transactions(store, "credit")
    customers = receivables // book.A_CUSTOMER
    steps = recorded(engine, transactions, customers)
    for requesters in REQUESTERS:

        def ours(requesters: int = requesters) -> float:
            return at_once(requesters, number, lambda n: submit(transactions, n % customers + 1))

        def core(requesters: int = requesters) -> float:
            return at_once(requesters, number, lambda n: replay(engine, steps, n % customers + 1))

        ours(), core()
        found = interleave(rounds, ours=ours, core=core)
        measure = Measure(
            f"an order held, {count(receivables)}, {requesters} at once: orders a second ÷ the same statements through Core",
            store.kind, Goal(0.4, least=True), found.ratios("core", "ours"), sides(found, "ours", "core"), found.spins,
        )  # fmt: skip
        measure.notes.append(f"{len(steps)} statements, {number / found.median('ours'):.0f} orders a second")
        if not measure.goal.met(measure.value):
            measure.where = where(lambda: [submit(transactions, n % customers + 1) for n in range(number)])
        yield measure
    for name in ("credit", "credit_book"):
        store.drop(name)


def fill(store: Store, name: str, receivables: int) -> None:
    """A book in which everybody pays cash, so that each order is held; and somebody decides about it."""
    book.fill(store, name, receivables, lambda _: None)
    with store.raw(name) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("UPDATE customer SET credit_limit_minor = 0")
        cursor.execute("""UPDATE person SET roles = '["finance_manager", "finance_director"]' WHERE handle = 'boss'""")
        cursor.execute("COMMIT")
    store.let_go(name)
    store.settle(name)


def submit(transactions: Transactions, customer: int) -> None:
    new = NewOrder(f"SO{next(_numbers)}", f"K{customer}", 100_000, "CNY")
    with transactions.work(book.morning(), actor="bench") as work:
        made = orders.submit(work, active(work)[1], new, "bench")
        assert made.request_id is not None, made.order.state


def at_once(threads: int, number: int, work: Callable[[int], object]) -> float:
    """Seconds for all of it, by threads that begin together."""
    barrier = Barrier(threads + 1)
    turns = iter(range(number))

    def hand_in() -> None:
        barrier.wait()
        for n in turns:  # one iterator for all: each takes the next one
            work(n)

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(hand_in) for _ in range(threads)]
        barrier.wait()
        start = perf_counter()
        for each in done:
            each.result()
        return perf_counter() - start


# --- the same statements ----------------------------------------------------------------------------


def recorded(engine: Engine, transactions: Transactions, customer: int) -> list[Step]:
    """What one order says to the database, once everything has been built."""
    submit(transactions, 1)
    submit(transactions, 2)
    with _listening(engine) as steps:
        submit(transactions, customer)
    return steps


@contextmanager
def _listening(engine: Engine) -> Iterator[list[Step]]:
    steps: list[Step] = []

    def built(_: Any, statement: Any, many: Any, one: Any, __: Any) -> None:
        steps.append((statement, dict(one) if one else [dict(row) for row in many] or {}))

    def driven(_: Any, __: Any, statement: str, parameters: Any, context: Any, ____: bool) -> None:
        if context.compiled is None and not statement.startswith(("BEGIN", "PRAGMA")):
            steps.append((statement, parameters))

    event.listen(engine, "before_execute", built)
    event.listen(engine, "before_cursor_execute", driven)
    try:
        yield steps
    finally:
        event.remove(engine, "before_execute", built)
        event.remove(engine, "before_cursor_execute", driven)


def replay(engine: Engine, steps: list[Step], customer: int) -> None:
    """The same, of another customer: its lock, and rows with keys of their own."""
    number = f"CORE{next(_numbers)}"
    mine: dict[str, Any] = {"id": customer, "customer": customer, "customer_id": customer, "number": number}
    subjects: dict[str, int] = {}
    with transaction(engine) as session:
        connection = session.connection()
        for statement, given in steps:
            if isinstance(statement, str):
                connection.exec_driver_sql(statement, _own_key(given, number))
                continue
            values = {name: mine.get(name, value) for name, value in given.items()}
            if values.get("subject") in subjects:
                values["subject_id"] = subjects[values["subject"]]
            result = connection.execute(statement, values)
            if not result.is_insert:
                if result.returns_rows:
                    result.all()
            elif statement.table.name in _INTO:
                subject, column = _INTO[statement.table.name]
                mine[column] = subjects[subject] = result.inserted_primary_key[0]


def _own_key(given: Any, number: str) -> Any:
    """Of a message: the first value of the row, or the first of the JSON."""
    if isinstance(given, dict):
        return given | {"rows": given["rows"].replace('"key": "', f'"key": "{number}:', 1)}
    rows = given if isinstance(given, list) else [given]
    return [(f"{number}:{key}", *more) for key, *more in rows]


_INTO = {"sales_order": ("order", "order_id"), "credit_request": ("credit", "request_id")}
