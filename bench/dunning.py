"""The dunning run, and a morning's cycle in a large ledger."""

from collections.abc import Iterator
from datetime import date, timedelta

from bench import book
from bench.clock import Goal, Measure, Rounds, interleave, seconds, shown
from bench.profile import where
from bench.reference import reference
from bench.stores import Store
from bot.engine import run_cycle

A_COMMIT = 500  # actions that the bare loop commits together


def runs(store: Store, small: int, large: int, rounds: int) -> Iterator[Measure]:
    """All firings of a day at once, against a loop that decides and writes one row per action; and how that grows."""
    sizes = {"small": small, "large": large}
    for name, size in sizes.items():
        book.fill(store, f"run_{name}", size, book.due_for_a_step)
    expected = {name: sum(book.due_for_a_step(i) is not None for i in range(size)) for name, size in sizes.items()}

    def cycle(name: str) -> float:
        store.copy(f"run_{name}", "run")
        transactions = book.transactions(store, "run")
        fired = 0

        def run() -> None:
            nonlocal fired
            fired = run_cycle(transactions, book.morning())

        took = seconds(run)
        assert fired == expected[name], (fired, expected[name])
        return took

    def loop(name: str, a_commit: int = A_COMMIT) -> float:
        return bare_loop(store, f"run_{name}", a_commit, expected[name])

    cycle("small")  # a running server has built its statements before
    found = interleave(
        rounds,
        ours_small=lambda: cycle("small"),
        bare_small=lambda: loop("small"),
        ours_large=lambda: cycle("large"),
        bare_large=lambda: loop("large"),
    )
    a_row = loop("small", 1)
    for name, size in sizes.items():
        ratios = found.ratios(f"ours_{name}", f"bare_{name}")
        measure = Measure(f"dunning run, {count(size)} ÷ bare loop", store.kind, Goal(15), ratios, spins=found.spins)
        measure.sides = sides(found, f"ours_{name}", f"bare_{name}")
        if name == "small":
            against = found.median("ours_small") / a_row
            measure.notes.append(f"against a loop that commits every row: {against:.2f}× ({shown(a_row)})")
        if not measure.goal.met(measure.value):
            store.copy(f"run_{name}", "run")
            measure.where = where(lambda: run_cycle(book.transactions(store, "run"), book.morning()))
        yield measure
    growth = found.ratios("ours_large", "ours_small")
    yield Measure(
        f"dunning run, {count(small)} → {count(large)}", store.kind, Goal(12), growth, spins=found.spins,
        sides=sides(found, "ours_large", "ours_small"),
    )  # fmt: skip
    for name in ("run_small", "run_large", "run"):
        store.drop(name)


def bare_loop(store: Store, name: str, a_commit: int, expected: int) -> float:
    """Reads every receivable, decides in Python, writes one durable row per action with a statement of its own."""
    steps, today = book.STEPS, book.DAY
    with store.raw(name) as connection:
        cursor = connection.cursor()
        cursor.execute("DROP TABLE IF EXISTS action")
        columns = "id bigint, customer bigint, step text, on_date date, age integer, open_minor bigint"
        cursor.execute(f"CREATE TABLE action ({columns})")
        marks = ", ".join([store.mark] * 6)  # type: ignore[attr-defined]
        statement = f"INSERT INTO action VALUES ({marks})"
        written = 0

        def run() -> None:
            nonlocal written
            cursor.execute("SELECT id, customer, due_on, open_minor, last FROM plain")
            rows = cursor.fetchall()
            cursor.execute("BEGIN")
            for id_, customer, due_on, open_minor, last in rows:
                due = date.fromisoformat(due_on) if isinstance(due_on, str) else due_on
                age = (today - due).days
                for at, (offset, step, _) in enumerate(steps):
                    if at > last and age >= offset and open_minor > 0:
                        cursor.execute(statement, (id_, customer, step, today.isoformat(), age, open_minor))
                        written += 1
                        if written % a_commit == 0:
                            cursor.execute("COMMIT")
                            cursor.execute("BEGIN")
            cursor.execute("COMMIT")

        took = seconds(run)
        assert written == expected, (written, expected)
        return took


def cycles(store: Store, small: int, large: int, firing: int, rounds: int) -> Iterator[Measure]:
    """A morning on which a few receivables fire: against the statement over everything, and in a tenth of the ledger."""
    days = working_days(2 * rounds + 1)  # one to warm up, and all of them twice if the machine was not quiet
    for name, size in (("small", small), ("large", large)):
        book.fill(store, f"book_{name}", size, book.mornings(size, firing, days))
    turns = {"small": iter(days), "large": iter(days)}

    def cycle(name: str) -> float:
        day = next(turns[name])
        fired = 0

        def run() -> None:
            nonlocal fired
            fired = run_cycle(book.transactions(store, f"book_{name}"), book.morning(day))

        took = seconds(run)
        assert fired == firing, (fired, firing)
        return took

    def flat() -> float:
        return reference(store, "book_large", book.DAY)

    for side in (lambda: cycle("small"), lambda: cycle("large"), flat):
        side()  # a first round that warms the caches
    found = interleave(rounds, ours_large=lambda: cycle("large"), flat=flat, ours_small=lambda: cycle("small"))
    first = Measure(
        f"a morning's cycle at {count(large)}, {count(firing)} firing ÷ reference statement", store.kind, Goal(2),
        found.ratios("ours_large", "flat"), sides(found, "ours_large", "flat"), found.spins,
    )  # fmt: skip
    second = Measure(
        f"a morning's cycle, {count(firing)} firing, {count(large)} ÷ {count(small)}", store.kind, Goal(1.5),
        found.ratios("ours_large", "ours_small"), sides(found, "ours_large", "ours_small"), found.spins,
    )  # fmt: skip
    left = next(turns["large"], None)
    if not first.goal.met(first.value) and left is not None:
        first.where = where(lambda: run_cycle(book.transactions(store, "book_large"), book.morning(left)))
    yield first
    yield second
    store.drop("book_small")


def working_days(number: int) -> list[date]:
    calendar, day, days = book.COMPANY.calendar, book.DAY, []
    while len(days) < number:
        if calendar.works(day):
            days.append(day)
        day += timedelta(days=1)
    return days


def count(number: int) -> str:
    if number % 1_000_000 == 0:
        return f"{number // 1_000_000}M"
    return f"{number // 1000}k" if number % 1000 == 0 and number >= 10_000 else f"{number:,}"


def sides(found: Rounds, ours: str, other: str) -> str:
    return f"{shown(found.median(ours))} ÷ {shown(found.median(other))}"
