"""What an import did: counts, rejected rows, warnings, sums; and the file of rejected rows."""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from core.ingest.reasons import Reject, reason
from core.ingest.values import clean
from core.money import digits, format_major


@dataclass
class Report:
    """`created`, `updated` and `unchanged` count rows of the file; they and the rejected ones make up `rows`."""

    kind: str
    lang: str = "zh"
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    rounded_rows: int = 0
    rounded_by: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    totals: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    extra: dict[str, int] = field(default_factory=dict)  # customers_created, settled
    rejected_file: str = ""
    dry_run: bool = False

    @property
    def clean(self) -> bool:
        return not self.rejected

    def reject(self, row: int, error: Reject) -> dict[str, Any]:
        made = _problem(row, error.code, error.column, error.value, self.lang, error.facts)
        self.rejected.append(made)
        return made

    def warn(self, row: int | None, code: str, column: str = "", value: object = "", **facts: Any) -> None:
        self.warnings.append(_problem(row, code, column, value, self.lang, facts))

    def count(self, currency: str, minor: int, rounded: Decimal | None = None) -> None:
        """A row that is in now, with its amount."""
        total = self.totals[currency]
        total[0] += 1
        total[1] += minor
        if rounded is not None:
            self.rounded_rows += 1
            self.rounded_by[currency] += rounded

    def add(self, name: str, count: int) -> None:
        if count:
            self.extra[name] = self.extra.get(name, 0) + count

    def to_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "kind": self.kind,
            "rows": self.rows,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "warnings": self.warnings,
            "rounded": {"rows": self.rounded_rows, "difference": self._difference()},
            "totals": {
                currency: {"count": count, "amount": format_major(minor, currency)}
                for currency, (count, minor) in sorted(self.totals.items())
            },
            **self.extra,
        }
        if self.dry_run:
            shown["dry_run"] = True
        if self.rejected_file:
            shown["rejected_file"] = self.rejected_file
        return shown

    def _difference(self) -> str | dict[str, str]:
        """What rounding added. One text; with several currencies one a currency, for those are never summed."""
        each = {currency: _exact(value, currency) for currency, value in sorted(self.rounded_by.items())}
        if len(each) > 1:
            return {**each}
        return next(iter(each.values()), "0.00")


def _exact(value: Decimal, currency: str) -> str:
    """At least the currency's digits, and all there are: a difference of a third of a cent is shown."""
    shortest = value.normalize()
    places = max(digits(currency), -int(shortest.as_tuple().exponent))
    return f"{shortest:.{places}f}"


def _problem(
    row: int | None, code: str, column: str, value: object, lang: str, facts: dict[str, Any]
) -> dict[str, Any]:
    shown = value if isinstance(value, str) else clean(value)
    if len(shown) > 200:
        shown = shown[:199] + "…"
    text = reason(code, lang, **{"column": column, "value": shown, **facts})
    return {"row": row, "column": column, "value": shown, "code": f"import.{_PUBLIC.get(code, code)}", "reason": text}


# Codes whose sentence is more exact than scripts need to know.
_PUBLIC = {"comma_decimal": "bad_amount"}


_NUMBER = re.compile(r"[-+]?[\d.,]+")


def safe_cell(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula. Reading it again gives the same text."""
    text = cell if isinstance(cell, str) else clean(cell)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠") and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


class RejectFile:
    """`FILE.rejected.csv`: the rejected rows as they were, and why. Made when the first one comes."""

    def __init__(self, source: Path, columns: list[str], *, keep: bool) -> None:
        self.path = source.with_name(source.name + ".rejected.csv")
        self.columns = [c for c in columns if c != "reason"]
        self._places = [i for i, c in enumerate(columns) if c != "reason"]
        self._keep = keep
        self._width = len(columns)
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> "RejectFile":
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def name(self) -> str:
        return str(self.path) if self._file is not None else ""

    def write(self, cells: list[Any], why: str) -> None:
        if not self._keep:
            return
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8-sig", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow([*(safe_cell(c) for c in self.columns), "reason"])
        kept = [safe_cell(cells[i]) if i < len(cells) else "" for i in self._places]
        beyond = [safe_cell(c) for c in cells[self._width :]]
        self._writer.writerow([*kept, safe_cell(why), *beyond])
