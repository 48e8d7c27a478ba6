"""Reading: CSV in whatever encoding it turns out to have, XLSX as it is. Rows come one by one."""

import codecs
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.ingest.reasons import refusal
from core.ingest.values import clean

_BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Table:
    """A header and rows. `rows()` starts anew each time and gives (row number as a spreadsheet shows it, cells)."""

    path: Path
    columns: list[str]
    rows: Callable[[], Iterator[tuple[int, list[Any]]]]


def open_table(path: Path, lang: str, *, encoding: str = "", sheet: str = "") -> Table:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise refusal("no_file", lang, where=path, detail=error.strerror or "") from None
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _workbook(path, lang, sheet)
    return _text(path, lang, encoding)


# --- CSV ------------------------------------------------------------------------------------------


def _text(path: Path, lang: str, encoding: str) -> Table:
    encoding = encoding or _encoding(path, lang)
    delimiter = _delimiter(path, encoding, lang)

    def rows(*, header: bool = False) -> Iterator[tuple[int, list[Any]]]:
        number = 0
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            try:
                for number, cells in enumerate(reader, 1):
                    if number > 1 or header:
                        yield number, cells
            except csv.Error as error:
                raise refusal("bad_csv", lang, where=path, row=number + 1, detail=str(error)) from None
            except UnicodeError:
                raise refusal("encoding", lang, where=path) from None

    first = next(iter(rows(header=True)), (1, []))[1]
    return Table(path, _header(first, path, lang), rows)


def _encoding(path: Path, lang: str) -> str:
    """BOM, else UTF-8, else GB18030 if it reads like Chinese; each strictly and to the last byte."""
    with path.open("rb") as file:
        head = file.read(4)
    for mark, name in _BOMS:
        if head.startswith(mark):
            if _decodes(path, name) is not None:
                return name
            raise refusal("encoding", lang, where=path)
    if _decodes(path, "utf-8") is not None:
        return "utf-8"
    common = _decodes(path, "gb18030")
    if common is not None and common >= 0.7:
        return "gb18030"
    raise refusal("encoding", lang, where=path)


def _decodes(path: Path, name: str) -> float | None:
    """None if the file is not in this encoding, else the share of its foreign characters that are common Chinese.

    GB18030 reads nearly any bytes. Real Chinese text is mostly GB 2312; Latin-1 or Big5 read as GB18030 is not.
    """
    decoder = codecs.getincrementaldecoder(name)("strict")
    foreign = common = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                text = decoder.decode(block)
                if "\x00" in text:
                    return None
                if name == "gb18030":
                    far = "".join(c for c in text if c > "\x7f")
                    foreign += len(far)
                    common += len(far.encode("gb2312", "ignore")) // 2
        decoder.decode(b"", True)
    except UnicodeError:
        return None
    return common / foreign if foreign else 1.0


def _delimiter(path: Path, encoding: str, lang: str) -> str:
    try:
        with path.open(encoding=encoding, newline="") as file:
            line = file.readline(_BLOCK)
    except (UnicodeError, LookupError):
        raise refusal("encoding", lang, where=path) from None
    counts = {mark: line.count(mark) for mark in (",", "\t", ";")}
    return "," if counts[","] else max(counts, key=lambda mark: counts[mark])


# --- workbooks ------------------------------------------------------------------------------------


def _workbook(path: Path, lang: str, sheet: str) -> Table:
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        content = book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)
        start_row = content.start[0] if content.start else 0
    except Exception as error:  # calamine raises its own kinds, and panics as RuntimeError
        raise refusal("bad_workbook", lang, where=path, detail=str(error)) from None
    if sheet and sheet not in names:
        raise refusal("bad_workbook", lang, where=path, detail=sheet)

    def rows() -> Iterator[tuple[int, list[Any]]]:
        for number, cells in enumerate(_cells(content, start_row), 1):
            if number > 1 + start_row:
                yield number, cells

    first: list[Any] = []
    for number, cells in enumerate(_cells(content, start_row), 1):
        if number == 1 + start_row:
            first = cells
            break
    return Table(path, _header(first, path, lang), rows)


def _cells(content: Any, start_row: int) -> Iterator[list[Any]]:
    """Every row from the sheet's first one on, also the empty ones above the table."""
    for _ in range(start_row):
        yield []
    yield from content.iter_rows()


def _header(cells: list[Any], path: Path, lang: str) -> list[str]:
    columns = [clean(cell) for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    if not any(columns):
        raise refusal("empty", lang, where=path)
    seen: set[str] = set()
    for column in columns:
        if column and column in seen:
            raise refusal("duplicate_column", lang, where=path, column=column)
        seen.add(column)
    return columns
