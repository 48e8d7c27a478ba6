"""Insured amounts: what an insurer answers for, by customer and currency. A row whose cover begins later ends the one
before; one with the amount 0 ends it without another."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Table, select

from core.credit import locks
from core.ingest.context import Item, Run
from core.ingest.lookups import audit_many, insert_ids, padded, write_changes
from core.ingest.reasons import Reject
from core.ingest.values import amount
from core.ledger.marks import mark
from core.models import CreditLine
from core.work import Work

L: Table = CreditLine.__table__  # type: ignore[attr-defined]
_READ = (
    L.c.id, L.c.customer_id, L.c.currency, L.c.insurer, L.c.amount_minor, L.c.from_on, L.c.until, L.c.ended_on,
)  # fmt: skip
_SAME = ("insurer", "amount_minor", "from_on", "until")
_Key = tuple[int, str]


class InsuranceLoader:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()

    def load(self, work: Work, items: Sequence[Item]) -> None:
        self.customers.load(work, (item.row["customer"] for item in items))
        good: list[Item] = []
        for item in items:
            try:
                self._resolve(item)
                good.append(item)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
        if not good:
            return
        customers = {item.row["customer_id"] for item in good}
        locks.lock_ones(work, customers)
        known = self._known(work, customers)
        changes: dict[int, dict[str, Any]] = {}
        fresh: list[dict[str, Any]] = []
        for item in sorted(good, key=lambda item: item.row["from_on"]):  # as they follow each other
            lines = known.setdefault((item.row["customer_id"], item.row["currency"]), [])
            try:
                self._place(work, item.row, lines, changes, fresh)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
        self._write(work, changes, fresh)

    def _resolve(self, item: Item) -> None:
        row = item.row
        customer = self.customers.get(row["customer"])
        row["customer_id"] = customer.id
        currency = row.setdefault("currency", customer.currency)
        places = self.run.currencies.digits(currency)
        minor, rounded = amount(row["amount"], "amount", places, currency, self.run.filemap.rounding)
        if minor < 0:
            raise Reject("negative_amount", "amount", row["amount"])
        if row["until"] < row["from_on"]:
            raise Reject("ends_before_it_begins", "until", row["until"].isoformat(), begins=row["from_on"].isoformat())
        row["amount_minor"] = minor
        if rounded is not None:
            self.run.report.rounded_rows += 1
            self.run.report.rounded_by[currency] += rounded

    def _known(self, work: Work, customer_ids: set[int]) -> dict[_Key, list[dict[str, Any]]]:
        """Their lines, the oldest first, in what becomes of them."""
        found: dict[_Key, list[dict[str, Any]]] = {}
        query = select(*_READ).where(L.c.customer_id.in_(padded(sorted(customer_ids))), L.c.kind == "insured")
        for row in work.session.execute(query.order_by(L.c.id)):
            found.setdefault((row.customer_id, row.currency), []).append(dict(row._mapping))
        return found

    def _place(
        self, work: Work, row: dict[str, Any], lines: list[dict[str, Any]], changes: dict[int, dict[str, Any]],
        fresh: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        running = next((line for line in lines if line["ended_on"] is None), None)
        if running is not None and all(running[name] == row[name] for name in _SAME):
            self.run.report.unchanged += 1
            return
        if running is not None and row["from_on"] < running["from_on"]:
            if not any(line["from_on"] == row["from_on"] for line in lines):
                begins = running["from_on"].isoformat()
                raise Reject("later_cover_known", "from_on", row["from_on"].isoformat(), begins=begins)
            self.run.report.unchanged += 1  # it was taken in before
            return
        if running is not None:
            self._end(running, max(work.today, row["from_on"]), changes)
            self.run.report.updated += 1
        if not row["amount_minor"]:
            self.run.report.unchanged += running is None
            return
        made = {
            "customer_id": row["customer_id"], "currency": row["currency"], "kind": "insured", "reason": "",
            "made_by_id": work.person_id, "request_id": None, "ended_on": None, **{name: row[name] for name in _SAME},
        }  # fmt: skip
        fresh.append(made)
        lines.append(made)
        self.run.report.created += running is None

    def _end(self, line: dict[str, Any], on: date, changes: dict[int, dict[str, Any]]) -> None:
        line["ended_on"] = on
        if "id" in line:
            changes[line["id"]] = {"ended_on": on}

    def _write(self, work: Work, changes: dict[int, dict[str, Any]], fresh: list[dict[str, Any]]) -> None:
        write_changes(work.session, L, changes)  # one runs at a time: the old ones end before the new ones are written
        ids = insert_ids(work.session, CreditLine, fresh)
        audit_many(work, "insurance.set", "customer", [
            (line["customer_id"], line["customer_id"], {
                "line": made, "insurer": line["insurer"], "amount_minor": line["amount_minor"], "currency": line["currency"],
                "from_on": line["from_on"].isoformat(), "until": line["until"].isoformat(), "by": "import",
            })
            for made, line in zip(ids, fresh, strict=True)
        ])  # fmt: skip
        ended = set(work.session.execute(select(L.c.customer_id).where(L.c.id.in_(padded(changes)))).scalars())
        audit_many(work, "insurance.ended", "customer", [(one, one, {"by": "import"}) for one in sorted(ended)])
        mark(work, ended | {line["customer_id"] for line in fresh})
