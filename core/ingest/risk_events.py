"""Risk events: what others report of customers, by (source, key)."""

from collections.abc import Sequence

from core.credit import risks
from core.credit.risks import NewEvent
from core.dunning.stored import active
from core.ingest.context import Item, Run
from core.ingest.reasons import Reject
from core.work import Work


class RiskEventsLoader:
    """A row's own `source` wins over that of the map or the token: a file may gather the reports of several."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()

    def load(self, work: Work, items: Sequence[Item]) -> None:
        self.customers.load(work, (item.row["customer"] for item in items))
        good: list[Item] = []
        events: list[NewEvent] = []
        for item in items:
            try:
                events.append(self._event(work, item))
                good.append(item)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
        report = self.run.report
        for item, outcome in zip(good, risks.record(work, active(work)[1], events), strict=True):
            if outcome == "other_customer":
                self.run.reject(item.number, item.cells, Reject("event_of_another", "customer", item.row["customer"]))
            else:
                setattr(report, outcome, getattr(report, outcome) + 1)

    def _event(self, work: Work, item: Item) -> NewEvent:
        row = item.row
        customer = self.customers.get(row["customer"])
        source = row.get("source", self.run.source)
        if not source:
            raise Reject("missing_value", "source")
        if row["happened_on"] > work.today:
            raise Reject("not_yet", "happened_on", row["happened_on"].isoformat())
        return NewEvent(
            source=source, key=row["key"], customer_id=customer.id, kind=row["kind"], severity=row["severity"],
            happened_on=row["happened_on"], text=row.get("text", ""), url=row.get("url", ""),
        )  # fmt: skip
