"""`load`: rows that another system sends instead of a file, through the same loaders."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from core.ingest.context import Item, Run
from core.ingest.files import Table
from core.ingest.maps import REQUIRED, FileMap, columns_of
from core.ingest.reasons import Reject
from core.ingest.receipts import ReceiptsLoader
from core.ingest.records import FLAGS, RowParser
from core.ingest.report import RejectFile, Report
from core.ingest.run import CHUNK as MAX_ROWS
from core.ingest.run import LOADERS, record
from core.ingest.scan import KEYS, fold
from core.ingest.values import clean
from core.work import Work

__all__ = ["MAX_ROWS", "load", "needed", "taken"]

_YES_OR_NO = FLAGS | {"disputed"}


def taken(kind: str) -> tuple[str, ...]:
    """The columns that a row may have. Whence it comes says the caller, not the row."""
    return tuple(column for column in columns_of(kind) if column != "source")


def needed(kind: str) -> tuple[str, ...]:
    """Those that it must have. Without a number, the same receipt sent twice could not be told from two equal ones."""
    return ("number", *REQUIRED[kind]) if kind == "receipts" else REQUIRED[kind]


def load(
    work: Work, kind: str, rows: Sequence[object], *, source: str, lang: str = "zh", as_of: date | None = None
) -> Report:
    """At most MAX_ROWS rows, {column: text}, in the caller's transaction. Those that cannot go in are in the report, by
    their place from 1 on. `as_of`: the day through which receipts are complete now; today by default.

    Errors: IntegrityError, if somebody else writes the same rows in this moment.
    """
    filemap, report = FileMap(kind, source=source), Report(kind, lang, rows=len(rows))
    table = Table(Path("rows"), list(taken(kind)), lambda: iter(()))
    run = Run(
        work.company, filemap, report, RejectFile(Path("rows"), [], keep=False), "today", as_of or work.today, own_only=True
    )
    loader = LOADERS[kind](run)
    items = _items(rows, RowParser(table, filemap, lang, work.company.profile), run)
    if items:
        loader.load(work, items)
    if isinstance(loader, ReceiptsLoader):
        loader.finish(work)
    run.finish(work.today)
    if report.created or report.updated or (kind == "receipts" and report.clean):
        record(work, run)
    return report


def _items(rows: Sequence[object], parser: RowParser, run: Run) -> list[Item]:
    kind = run.filemap.kind
    first_rows: dict[str, int] = {}
    items = []
    for number, given in enumerate(rows, 1):
        cells: list[Any] = []
        try:
            cells = _cells(kind, given)
            row = parser.parse(cells)
            for name in needed(kind):
                if name not in row:
                    raise Reject("missing_value", name)
            columns = [column for column in KEYS[kind] if column in row]
            key = fold(kind, "\0".join(str(row[column]) for column in columns))
            first = first_rows.setdefault(key, number)
            if first != number:
                raise Reject("duplicate", columns[0], row[columns[0]], first=first)
        except Reject as error:
            run.reject(number, cells, error)
        else:
            items.append(Item(number, cells, row))
    return items


def _cells(kind: str, given: object) -> list[Any]:
    """A row's values in the order of the columns. Raises Reject."""
    if not isinstance(given, Mapping):
        raise Reject("not_an_object")
    columns = taken(kind)
    for name in given:
        if name not in columns:
            raise Reject("unknown_column", clean(str(name))[:80], allowed=", ".join(columns))
    return [_cell(name, given.get(name)) for name in columns]


def _cell(name: str, value: object) -> str | int | None:
    if isinstance(value, str):
        return clean(value)
    if value is None or (isinstance(value, int) and (name in _YES_OR_NO or not isinstance(value, bool))):
        return value
    raise Reject("bad_type", name)
