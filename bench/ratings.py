"""The day's ratings of every customer, against the same statements over the driver itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine, event

from bench import book
from bench.clock import Goal, Measure, interleave, seconds
from bench.dunning import count, sides
from bench.profile import where
from bench.stores import Store
from bot.engine import refresh_ratings
from core.models import Allocation, Receipt, Receivable
from core.models.base import table_of

EACH = 4  # receivables of a customer: three were paid, the last is open
LATE = (0, 2, 9, 21, 44)  # days late that customers pay
TUESDAY = book.DAY + timedelta(days=1)

Step = tuple[str, Any, bool]  # the statement, its parameters, whether they are many


def ratings(store: Store, customers: int, rounds: int) -> Iterator[Measure]:
    """Of everybody for the first time, where each gets a version; and the day after, where few change."""
    fill(store, "ratings_first", customers)
    store.copy("ratings_first", "ratings_next")
    refresh(store, "ratings_next", book.DAY)
    store.let_go("ratings_next")
    store.settle("ratings_next")
    for source, day, what in (
        ("ratings_first", book.DAY, f"ratings of {count(customers)} customers, the first"),
        ("ratings_next", TUESDAY, f"ratings of {count(customers)} customers, the day after"),
    ):
        yield _measure(store, source, day, what, customers, rounds)
    for name in ("ratings_first", "ratings_next", "ratings"):
        store.drop(name)


def _measure(store: Store, source: str, day: date, what: str, customers: int, rounds: int) -> Measure:
    steps, made = recorded(store, source, day)
    assert made == customers if day == book.DAY else made < customers, made

    def ours() -> float:
        store.copy(source, "ratings")
        return seconds(lambda: refresh(store, "ratings", day))

    def bare() -> float:
        store.copy(source, "ratings")
        with store.raw("ratings") as connection:
            return seconds(lambda: replay(connection, steps))

    found = interleave(rounds, ours=ours, bare=bare)
    measure = Measure(
        f"{what} ÷ the same statements over the driver", store.kind, Goal(3), found.ratios("ours", "bare"),
        sides(found, "ours", "bare"), found.spins,
    )  # fmt: skip
    if not measure.goal.met(measure.value):
        store.copy(source, "ratings")
        measure.where = where(lambda: refresh(store, "ratings", day))
    return measure


def refresh(store: Store, name: str, day: date) -> int:
    return refresh_ratings(book.transactions(store, name), book.morning(day))


def recorded(store: Store, source: str, day: date) -> tuple[list[Step], int]:
    """What a run says to the database, and how many versions it wrote."""
    store.copy(source, "ratings")
    with _listening(store.engine("ratings")) as steps:
        made = refresh(store, "ratings", day)
    return steps, made


@contextmanager
def _listening(engine: Engine) -> Iterator[list[Step]]:
    steps: list[Step] = []

    def said(_: Any, __: Any, statement: str, parameters: Any, ___: Any, many: bool) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            steps.append((statement, parameters, many))

    def committed(_: Any) -> None:
        steps.append(("COMMIT", (), False))

    event.listen(engine, "before_cursor_execute", said)
    event.listen(engine, "commit", committed)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", said)
        event.remove(engine, "commit", committed)


def replay(connection: Any, steps: list[Step]) -> None:
    """The same transactions; every row is fetched."""
    cursor, within = connection.cursor(), False
    for statement, parameters, many in steps:
        if statement == "COMMIT":
            if within:
                cursor.execute("COMMIT")
            within = False
            continue
        if not within:
            cursor.execute("BEGIN")
            within = True
        if many:
            cursor.executemany(statement, parameters)
        else:
            cursor.execute(statement, parameters)
            if cursor.description is not None:
                cursor.fetchall()


def fill(store: Store, name: str, customers: int) -> None:
    """Customers with a year of payments, each as late as it usually is; nothing is rated yet."""
    book.empty(store, name, customers)
    with store.raw(name) as connection:
        cursor = connection.cursor()
        if store.kind == "postgresql":
            cursor.execute("SET session_replication_role = replica")
        cursor.execute("BEGIN")
        columns = "id bigint, customer bigint, amount bigint, issued_on date, due_on date, paid_on date"
        cursor.execute(f"CREATE TEMPORARY TABLE filling ({columns})")
        store.fill(cursor, "filling", 6, _rows(customers))
        at = f"'{book.morning(book.DAY - timedelta(days=2)):%Y-%m-%d %H:%M:%S}'"
        book._insert(cursor, Receivable, "filling v", id="v.id", number="'R' || v.id", source="'bench'",
                     customer_id="v.customer", issued_on="v.issued_on", due_on="v.due_on", amount_minor="v.amount",
                     open_minor="CASE WHEN v.paid_on IS NULL THEN v.amount ELSE 0 END", currency="'CNY'",
                     settled_on="v.paid_on")  # fmt: skip
        book._insert(cursor, Receipt, "filling v WHERE v.paid_on IS NOT NULL", id="v.id", number="'P' || v.id",
                     source="'bench'", customer_id="v.customer", received_on="v.paid_on", amount_minor="v.amount",
                     open_minor="0", currency="'CNY'", recorded_at=at)  # fmt: skip
        book._insert(cursor, Allocation, "filling v WHERE v.paid_on IS NOT NULL", id="v.id", receipt_id="v.id",
                     receivable_id="v.id", amount_minor="v.amount", effective_on="v.paid_on", recorded_at=at)  # fmt: skip
        if store.kind == "postgresql":
            for table in map(table_of, (Receivable, Receipt, Allocation)):
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT max(id) + 1 FROM {table.name}))"
                )
        cursor.execute("COMMIT")
    store.let_go(name)
    store.settle(name)


def _rows(customers: int) -> Iterator[tuple[object, ...]]:
    """(id, customer, amount, issued, due, paid). One customer in fifty is 30 days overdue, and D the day after."""
    for c in range(1, customers + 1):
        late = LATE[c % len(LATE)]
        for n in range(EACH):
            i = (c - 1) * EACH + n
            open_ = n == EACH - 1
            days = (30 if c % 50 == 0 else -10) if open_ else 300 - 70 * n
            due = book.DAY - timedelta(days=days)
            paid = None if open_ else (due + timedelta(days=late)).isoformat()
            issued = (due - timedelta(days=30)).isoformat()
            yield i + 1, c, 10_000 + i * 7919 % 5_000_000, issued, due.isoformat(), paid
