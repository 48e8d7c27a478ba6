"""A first pass over the file: everything that refuses it as a whole is found before anything is written."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.ingest.files import Table
from core.ingest.maps import FileMap
from core.ingest.reasons import refusal
from core.ingest.records import DATES, RowParser
from core.ingest.values import needs_date_order

# What makes a row of the file itself: a second one with the same is a mistake.
KEYS = {
    "people": ("handle",), "accounts": ("messenger", "user_id"), "customers": ("code",), "receivables": ("number",),
    "receipts": ("number",), "orders": ("number",), "shipments": ("number",), "risk-events": ("key", "source"),
    "insurance": ("customer", "currency", "from_on"), "group-limits": ("group",),
    "figures": ("customer", "figure", "as_of", "source"),
}  # fmt: skip
_PARTS = 64


@dataclass
class Scan:
    """`repeated`: hashes of the keys that are there more than once."""

    rows: int = 0
    repeated: set[int] = field(default_factory=set)
    hashes: list["array[int]"] = field(default_factory=list)


def blank(cells: list[Any]) -> bool:
    return not any(cell not in ("", None) and (cell.__class__ is not str or cell.strip()) for cell in cells)


def scan(table: Table, parser: RowParser, filemap: FileMap, lang: str) -> Scan:
    """Keys are kept as eight bytes each, so that a long file needs little memory."""
    columns = KEYS[filemap.kind]
    dates = [] if filemap.date_order else [  # where the map names an order, a date that does not fit rejects its row
        (name, index) for name, index in parser.indexes.items() if name in DATES
    ]  # fmt: skip
    parts = [array("q") for _ in range(_PARTS)]
    count = 0
    for number, cells in table.rows():
        if blank(cells):
            continue
        count += 1
        for _, index in dates:
            cell = cells[index] if index < len(cells) else ""
            if cell.__class__ is str and needs_date_order(cell):
                column = table.columns[index]
                raise refusal("ambiguous_dates", lang, where=table.path, row=number, column=column, value=cell)
        key = "\0".join([parser.text(cells, column) for column in columns])
        if key:
            value = hash(fold(filemap.kind, key))
            parts[value % _PARTS].append(value)
    return Scan(count, set(_repeated(parts)), parts)


def fold(kind: str, key: str) -> str:
    return key.casefold() if kind in ("people", "accounts") else key


def _repeated(parts: list["array[int]"]) -> Iterator[int]:
    for part in parts:
        seen: set[int] = set()
        for value in part:
            if value in seen:
                yield value
            seen.add(value)
