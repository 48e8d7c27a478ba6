"""Limits that groups share, by the name of the group. What a file doesn't name stays as it is."""

from collections.abc import Sequence

from core.credit import groups
from core.errors import DomainError
from core.ingest.context import Item, Run
from core.ingest.reasons import Reject
from core.ingest.values import amount
from core.work import Work

REASON = "import"


class GroupLimitsLoader:
    """A group at a time: all of its customers are locked."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def load(self, work: Work, items: Sequence[Item]) -> None:
        for item in items:
            try:
                self._set(work, item)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)

    def _set(self, work: Work, item: Item) -> None:
        row, report = item.row, self.run.report
        name, currency = row["group"], row.get("currency", self.run.company.currency)
        places = self.run.currencies.digits(currency)
        minor, rounded = amount(row["limit"], "limit", places, currency, self.run.filemap.rounding)
        if minor < 0:
            raise Reject("negative_amount", "limit", row["limit"])
        old = groups.running(work, name)
        if old is not None and (old.amount_minor, old.currency) == (minor, currency):
            report.unchanged += 1
            return
        try:
            groups.set_limit(work, name, minor, currency, REASON)
        except DomainError as error:
            if error.code not in ("group.unknown", "group.deserted"):
                raise
            raise Reject("unknown_group", "group", name) from None
        if rounded is not None:
            report.rounded_rows += 1
            report.rounded_by[currency] += rounded
        report.updated += old is not None
        report.created += old is None
