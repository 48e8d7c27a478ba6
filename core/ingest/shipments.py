"""Shipments: goods that left, and whether they are signed for. Known ones are compared by (source, number).

What is invoiced can't be shipped for another amount any more; a shipment that didn't take place is one of 0.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, select

from core import invoicing
from core.credit import progress
from core.dunning.stored import active
from core.ingest.context import Item, Run
from core.ingest.events import date_by_shipments
from core.ingest.lookups import audit_many, insert_ids, padded, plain, write_changes
from core.ingest.reasons import Reject
from core.ingest.values import amount
from core.ledger.marks import doubt, mark
from core.models import Customer, Order, Shipment
from core.models.base import table_of
from core.money import format_major
from core.work import Work

S, O, C = table_of(Shipment), table_of(Order), table_of(Customer)  # noqa: E741
_LOCK = (
    select(C.c.id)
    .where(C.c.id.in_(bindparam("ids", expanding=True, type_=BigInteger)))
    .order_by(C.c.id)
    .with_for_update(key_share=True)
)
# canonical column -> column of the table, of what a changed row may change
FIELDS = {"order": "order_no", "amount_minor": "amount_minor", "shipped_on": "shipped_on", "signed_on": "signed_on"}
_FIXED = ("order", "amount_minor")  # once it is invoiced


class ShipmentsLoader:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()

    def load(self, work: Work, items: Sequence[Item]) -> None:
        self.customers.load(work, (item.row["customer"] for item in items))
        good = []
        for item in items:
            try:
                self._resolve(item, work)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
            else:
                good.append(item)
        # Another file about the same customers waits: the same row twice is one shipment, and one task.
        work.session.execute(_LOCK, {"ids": sorted({item.row["customer_id"] for item in good})})
        known = self._known(work, good)
        touched = self._post(work, [item for item in good if item.row["number"] not in known])
        touched |= self._compare(work, [(i, known[i.row["number"]]) for i in good if i.row["number"] in known])
        self.run.report.extra.pop("customers_created", None)
        self.run.report.add("customers_created", self.customers.created)
        if touched:
            _, policy = active(work)
            date_by_shipments(work, policy, touched)
            mark(work, {customer for customer, _ in touched})
            self.run.follow_up(work, {customer for customer, _ in touched})
            invoicing.ask(work, policy, {customer for customer, _ in touched})

    def _resolve(self, item: Item, work: Work) -> None:
        row = item.row
        customer = self.customers.get(row["customer"])
        row["customer_id"] = customer.id
        currency = row.setdefault("currency", customer.currency)
        places = self.run.currencies.digits(currency)
        minor, row["rounded"] = amount(row["amount"], "amount", places, currency, self.run.filemap.rounding)
        if minor < 0:
            raise Reject("negative_amount", "amount", row["amount"])
        row["amount_minor"] = minor
        for name in ("shipped_on", "signed_on"):
            if name in row and row[name] > work.today:
                self.run.future(name, item.number)
        if "signed_on" in row and row["signed_on"] < row["shipped_on"]:
            raise Reject(
                "signed_before", "signed_on", row["signed_on"].isoformat(), shipped=row["shipped_on"].isoformat()
            )

    def _known(self, work: Work, items: Sequence[Item]) -> dict[str, Any]:
        if not items:
            return {}
        numbers = [item.row["number"] for item in items]
        found = work.session.execute(select(S).where(S.c.source == self.run.source, S.c.number.in_(padded(numbers))))
        return {row.number: row for row in found}

    # --- new ones ---------------------------------------------------------------------------------

    def _post(self, work: Work, items: Sequence[Item]) -> set[tuple[int, str]]:
        """(customer, order number) of what was posted."""
        self._warn_of_others(work, items)
        rows = [
            {
                "source": self.run.source, "number": item.row["number"], "customer_id": item.row["customer_id"],
                "order_no": item.row["order"], "amount_minor": item.row["amount_minor"],
                "currency": item.row["currency"], "shipped_on": item.row["shipped_on"],
                "signed_on": item.row.get("signed_on"),
            }
            for item in items
        ]  # fmt: skip
        ids = insert_ids(work.session, Shipment, rows)
        audit_many(work, "shipment.recorded", "shipment", [
            (made, row["customer_id"], {name: row[name] for name in ("number", "order_no", "amount_minor", "currency")})
            for made, row in zip(ids, rows, strict=True)
        ])  # fmt: skip
        for item in items:
            self.run.report.count(item.row["currency"], item.row["amount_minor"], item.row["rounded"])
        self.run.report.created += len(items)
        return {(item.row["customer_id"], item.row["order"]) for item in items}

    def _warn_of_others(self, work: Work, items: Sequence[Item]) -> None:
        """An order of another customer: it doesn't take this shipment over."""
        numbers = sorted({item.row["order"] for item in items})
        if not numbers:
            return
        owners: dict[str, dict[int, str]] = {}
        query = select(O.c.number, C.c.id, C.c.code).join(C, C.c.id == O.c.customer_id)
        for number, customer_id, code in work.session.execute(query.where(O.c.number.in_(padded(numbers)))):
            owners.setdefault(number, {})[customer_id] = code
        for item in items:
            mine = owners.get(item.row["order"], {})
            if mine and item.row["customer_id"] not in mine:
                self.run.report.warn(
                    item.number, "order_of_other", "order", item.row["order"], customer=", ".join(sorted(mine.values()))
                )

    # --- known ones -------------------------------------------------------------------------------

    def _compare(self, work: Work, pairs: Sequence[tuple[Item, Any]]) -> set[tuple[int, str]]:
        touched: set[tuple[int, str]] = set()
        changes: dict[int, dict[str, Any]] = {}
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        news = [(item, old, _differences(item, old)) for item, old in pairs]
        fixed = [(item, old) for item, old, new in news if set(new) & {FIELDS[name] for name in _FIXED}]
        done = progress.of_orders(work, {old.customer_id for _, old in fixed}, {old.order_no for _, old in fixed})
        for item, old, new in news:
            try:
                self._check(work, item, old, new, done)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
                continue
            self.run.report.count(old.currency, item.row["amount_minor"], item.row["rounded"])
            if not new:
                self.run.report.unchanged += 1
                continue
            changes[old.id] = new
            before = {name: plain(getattr(old, name)) for name in new}
            after = {name: plain(value) for name, value in new.items()}
            audits.append((old.id, old.customer_id, {"number": old.number, "before": before, "after": after}))
            touched |= {(old.customer_id, old.order_no), (old.customer_id, new.get("order_no", old.order_no))}
            self.run.report.updated += 1
        write_changes(work.session, S, changes)
        doubt(work, [
            (old.customer_id, old.order_no) for _, old in pairs
            if "order_no" in (new := changes.get(old.id, {})) or new.get("amount_minor", old.amount_minor) < old.amount_minor
        ])  # fmt: skip
        audit_many(work, "shipment.updated", "shipment", audits)
        return touched

    def _check(self, work: Work, item: Item, old: Any, new: dict[str, Any], done: dict[progress.Key, Any]) -> None:
        row = item.row
        if row["customer_id"] != old.customer_id:
            code = work.session.execute(select(C.c.code).where(C.c.id == old.customer_id)).scalar()
            raise Reject("other_customer", "customer", row["customer"], number=old.number, customer=code)
        if row["currency"] != old.currency:
            raise Reject("other_currency", "currency", row["currency"], number=old.number, currency=old.currency)
        so_far = done.get((old.customer_id, old.order_no, old.currency), progress.NOTHING)
        invoiced = so_far.invoiced_minor or (so_far.others_until is not None and old.shipped_on <= so_far.others_until)
        if invoiced and "amount_minor" in new:
            kept = format_major(old.amount_minor, old.currency)
            raise Reject("shipment_invoiced", "amount", row["amount"], number=old.number, kept=kept)
        if invoiced and "order_no" in new:
            raise Reject("shipment_invoiced", "order", row["order"], number=old.number, kept=old.order_no)


def _differences(item: Item, old: Any) -> dict[str, Any]:
    given = {column: item.row[name] for name, column in FIELDS.items() if name in item.row}
    return {column: value for column, value in given.items() if value != getattr(old, column)}
