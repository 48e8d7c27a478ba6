"""The reference statement: one flat table, one GROUP BY customer with five CASE sums."""

from datetime import date, timedelta

from bench.clock import seconds
from bench.stores import Store


def statement(day: date) -> str:
    def at(days: int) -> str:
        text = f"'{day - timedelta(days=days)}'"
        return text

    def bucket(condition: str) -> str:
        return f"SUM(CASE WHEN {condition} THEN open_minor ELSE 0 END)"

    sums = (
        bucket(f"due_on >= {at(0)}"),
        bucket(f"due_on < {at(0)} AND due_on >= {at(30)}"),
        bucket(f"due_on < {at(30)} AND due_on >= {at(60)}"),
        bucket(f"due_on < {at(60)} AND due_on >= {at(90)}"),
        bucket(f"due_on < {at(90)}"),
    )
    return f"SELECT customer, {', '.join(sums)} FROM flat GROUP BY customer"


def reference(store: Store, name: str, day: date) -> float:
    with store.raw(name) as connection:
        cursor = connection.cursor()
        return seconds(lambda: cursor.execute(statement(day)).fetchall())
