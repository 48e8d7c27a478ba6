"""What the loaders of one run share."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlmodel import Session

from core.ingest.lookups import Currencies, Customers, People, padded
from core.ingest.maps import FileMap
from core.ingest.reasons import Reject
from core.ingest.records import Row
from core.ingest.report import RejectFile, Report
from core.work import Company, Work

OpenWork = Callable[[], AbstractContextManager[Work]]


class Item(NamedTuple):
    """One row of the file: its number, its cells as they were, its checked values."""

    number: int
    cells: list[Any]
    row: Row


@dataclass
class Run:
    company: Company
    filemap: FileMap
    report: Report
    rejects: RejectFile
    start: str
    as_of: date  # the day on which what the file says was true
    own_only: bool = False  # another source's receipts are none of its business
    currencies: Currencies = field(default_factory=Currencies)
    _pending: list[tuple[int, list[Any], str]] = field(default_factory=list)
    _people: People | None = None
    _future: dict[str, tuple[int, int]] = field(default_factory=dict)  # column -> (count, first row)

    @property
    def source(self) -> str:
        return self.filemap.source

    def customers(self) -> Customers:
        return Customers(self.company.currency, self.filemap.create_customers, self.source)

    def people(self, session: Session) -> People:
        if self._people is None:
            self._people = People.load(session)
        return self._people

    def reject(self, number: int, cells: list[Any], error: Reject) -> None:
        made = self.report.reject(number, error)
        self._pending.append((number, cells, made["reason"]))

    def write_rejects(self) -> None:
        """After each chunk, in the order of the file."""
        for _, cells, why in sorted(self._pending, key=lambda pending: pending[0]):
            self.rejects.write(cells, why)
        self._pending.clear()

    def future(self, column: str, number: int) -> None:
        count, first = self._future.get(column, (0, number))
        self._future[column] = (count + 1, first)

    def follow_up(self, work: Work, customer_ids: Collection[int], receipt_ids: Collection[int] = ()) -> None:
        """Tasks, promises and cards of these customers follow, in the same transaction."""
        from core.cases import refresh

        if customer_ids:
            refresh(work, padded(sorted(customer_ids)), receipt_ids)

    def finish(self, today: date) -> None:
        for column, (count, first) in self._future.items():
            self.report.warn(first, "future_dates", column, "", count=count, today=today.isoformat())
        self.report.rejected.sort(key=lambda problem: problem["row"])
