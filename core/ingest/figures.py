"""Figures of customers that somebody outside knows, by customer, name, day and source."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from core.credit import figures, locks
from core.credit.figures import NewFigure
from core.ingest.context import Item, Run
from core.ingest.reasons import Reject
from core.money import plain_number, ungrouped
from core.work import Work


class FiguresLoader:
    """A row's own `source` wins over that of the map: a file may gather what several say."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()

    def load(self, work: Work, items: Sequence[Item]) -> None:
        self.customers.load(work, (item.row["customer"] for item in items))
        found: list[NewFigure] = []
        for item in items:
            try:
                found.append(self._figure(work, item.row))
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
        if not found:
            return
        locks.lock_ones(work, {one.customer_id for one in found})
        report = self.run.report
        for outcome in figures.record(work, found):
            setattr(report, outcome, getattr(report, outcome) + 1)

    def _figure(self, work: Work, row: dict[str, Any]) -> NewFigure:
        customer = self.customers.get(row["customer"])
        source = row.get("source", self.run.source)
        if not source:
            raise Reject("missing_value", "source")
        if row["as_of"] > work.today:
            raise Reject("not_yet", "as_of", row["as_of"].isoformat())
        return NewFigure(customer.id, row["figure"], _millionths(row["value"]), source, row["as_of"])


def _millionths(cell: Any) -> int:
    """A number to six decimals: a percentage is not guessed to be a share."""
    plain = str(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else ungrouped(str(cell).strip())
    value = plain_number(plain)
    if value is None or abs(value) > figures.BIGGEST:
        raise Reject("bad_figure", "value", str(cell)[:40])
    scaled = value * figures.UNITS
    if scaled != scaled.to_integral_value():
        if not isinstance(cell, float):
            raise Reject("bad_figure", "value", str(cell)[:40])
        scaled = scaled.quantize(Decimal(1))
    return int(scaled)
