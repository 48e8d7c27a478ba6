"""An import of receivables, against executemany into the same three tables; and its memory."""

import csv
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench import book
from bench.clock import Goal, Measure, interleave, seconds
from bench.dunning import count, sides
from bench.profile import where
from bench.stores import Store
from core import ingest
from core.db import make_engine

A_COMMIT = 1000  # rows, on both sides


def imports(store: Store, large: int, rounds: int) -> Iterator[Measure]:
    files = _files(store, large)
    batches = prepared(large)

    def ours() -> float:
        store.copy("import_from", "import_to")
        transactions = book.transactions(store, "import_to")
        reports: list[ingest.Report] = []
        took = seconds(
            lambda: reports.append(ingest.run(lambda: transactions.work(book.morning()), "receivables", files[large]))
        )
        assert (reports[0].created, reports[0].rejected) == (large, []), reports[0].to_json()
        return took

    def bare() -> float:
        store.copy("import_from", "import_to")
        with store.raw("import_to") as connection:
            return seconds(lambda: executemany(store, connection, batches))

    found = interleave(rounds, ours=ours, bare=bare)
    measure = Measure(
        f"import of {count(large)} rows: executemany into the same three tables ÷ ours", store.kind, Goal(0.1, least=True),
        found.ratios("bare", "ours"), sides(found, "bare", "ours"), found.spins,
    )  # fmt: skip
    if not measure.goal.met(measure.value):
        store.copy("import_from", "import_to")
        transactions = book.transactions(store, "import_to")
        measure.where = where(lambda: ingest.run(lambda: transactions.work(book.morning()), "receivables", files[large]))
    yield measure

    for name in ("import_from", "import_to"):
        store.drop(name)


def memory(store: Store, small: int, large: int) -> Iterator[Measure]:
    """The peak of a process that imports, from 20k rows to 200k."""
    files = _files(store, small, large)

    def peak(size: int) -> float:
        store.copy("import_from", "import_to")
        command = [sys.executable, "-m", "bench.imports", store.url("import_to"), str(files[size])]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    found = interleave(2, large=lambda: peak(large), small=lambda: peak(small))
    peaks = f"{found.median('large') / 1024:.0f} MB ÷ {found.median('small') / 1024:.0f} MB"
    yield Measure(
        f"import, peak memory, {count(large)} ÷ {count(small)} rows", store.kind, Goal(1.3),
        found.ratios("large", "small"), peaks, found.spins,
    )  # fmt: skip
    for name in ("import_from", "import_to"):
        store.drop(name)


def _files(store: Store, *sizes: int) -> dict[int, Path]:
    """The files, and a database with their customers."""
    book.empty(store, "import_from", max(sizes) // book.A_CUSTOMER)
    store.let_go("import_from")
    store.settle("import_from")
    return {size: write_file(store.folder / f"{size}.csv", size) for size in sizes}


def _row(i: int) -> tuple[str, str, date, date, int]:
    """(number, customer, issued, due, minor units)."""
    issued = book.DAY - timedelta(days=i % 200)
    return f"INV-{i:07d}", f"K{i // book.A_CUSTOMER + 1}", issued, issued + timedelta(days=30), 10_000 + i * 7919 % 5_000_000


def write_file(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "customer", "issued_on", "due_on", "amount", "currency", "product"])
        for i in range(rows):
            number, customer, issued, due, minor = _row(i)
            writer.writerow([number, customer, issued, due, f"{minor // 100}.{minor % 100:02d}", "CNY", "轴承"])
    return path


_RECEIVABLE = (
    "id, number, source, customer_id, kind, issued_on, due_on, amount_minor, currency, open_minor, order_no, contract_no, "
    "product, region, terms, event, tags, edited, ladder, start, age_shift_days, next_step_on"
)
_ENTRY = (
    "customer_id, currency, receivable_id, kind, amount_minor, effective_on, recorded_at, receipt_id, credit_note_id, "
    "allocation_id, actor, reason"
)
_AUDIT = "at, actor, person_id, channel, action, subject, subject_id, customer_id, data"


def prepared(rows: int) -> list[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
    """Ready values for the three tables, a thousand receivables at a time."""
    at = f"{book.morning():%Y-%m-%d %H:%M:%S.%f}"
    batches = []
    for start in range(0, rows, A_COMMIT):
        receivables, entries, audits = [], [], []
        for i in range(start, min(start + A_COMMIT, rows)):
            number, _, issued, due, minor = _row(i)
            customer, first, last = i // book.A_CUSTOMER + 1, issued.isoformat(), due.isoformat()
            receivables.append((
                i + 1, number, "", customer, "invoice", first, last, minor, "CNY", minor, "", "", "轴承", "", "", "", "[]",
                "[]", "", "today", 0, (due - timedelta(days=30)).isoformat(),
            ))  # fmt: skip
            entries.append((customer, "CNY", i + 1, "issue", minor, first, at, None, None, None, "system", ""))
            data = f'{{"number": "{number}", "amount_minor": {minor}, "currency": "CNY", "on": "{first}"}}'
            audits.append((at, "system", None, "system", "receivable.issued", "receivable", i + 1, customer, data))
        batches.append((receivables, entries, audits))
    return batches


def executemany(store: Store, connection: Any, batches: list[Any]) -> None:
    cursor = connection.cursor()
    mark: str = store.mark  # type: ignore[attr-defined]
    statements = [
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join([mark] * (columns.count(',') + 1))})"
        for table, columns in (("receivable", _RECEIVABLE), ("entry", _ENTRY), ("audit", _AUDIT))
    ]
    if store.kind == "sqlite":
        cursor.execute("PRAGMA foreign_keys=ON")
    for batch in batches:
        cursor.execute("BEGIN")
        for statement, rows in zip(statements, batch, strict=True):
            cursor.executemany(statement, rows)
        cursor.execute("COMMIT")


def main() -> None:
    """In a process of its own: imports a file and prints the peak of its memory in KB."""
    from bot.transactions import Transactions

    url, path = sys.argv[1:]
    transactions = Transactions(make_engine(url), book.COMPANY)
    ingest.run(lambda: transactions.work(book.morning()), "receivables", path)
    print(_peak())


def _peak() -> int:
    """In KB. Linux counts the memory of the parent, before it became this program, into ru_maxrss; not into VmHWM."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
