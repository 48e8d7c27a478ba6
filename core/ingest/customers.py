"""Customers and their contacts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from core.credit import limits, locks
from core.ingest.context import Item, Run
from core.ingest.lookups import audit_many, insert_ids, padded, write_changes
from core.ingest.people import changed
from core.ingest.reasons import Reject
from core.ingest.values import amount
from core.ledger.marks import mark
from core.models import Contact, Customer
from core.work import Work

C: Table = Customer.__table__  # type: ignore[attr-defined]
T: Table = Contact.__table__  # type: ignore[attr-defined]

# column of the table -> column of the file
FIELDS = {
    "name": "name", "short_name": "short_name", "aliases": "aliases", "owner_id": "owner", "region": "region",
    "type": "type", "group_name": "group", "tags": "tags", "rating": "rating", "credit_limit_minor": "credit_limit",
    "terms": "terms", "currency": "currency", "language": "language", "no_letters": "no_letters", "phone": "phone",
    "tax_id": "tax_id", "address": "address",
}  # fmt: skip
_EMPTY = {"aliases": [], "tags": [], "no_letters": False, "owner_id": None, "credit_limit_minor": None}
# What verdicts on orders go by, and who decides about them.
_JUDGED = {"credit_limit_minor", "rating", "group_name", "currency", "terms", "owner_id", "region"}
_SEARCHED = ("name", "short_name", "aliases")
_CONTACTS = ("finance", "business")


class CustomersLoader:
    def __init__(self, run: Run) -> None:
        self.run = run

    def load(self, work: Work, items: Sequence[Item]) -> None:
        from core.search import index_text

        session, report = work.session, self.run.report
        known = {
            row.code: row for row in session.execute(select(C).where(C.c.code.in_(padded(i.row["code"] for i in items))))
        }
        fresh: list[Item] = []
        pairs: list[tuple[Item, Any]] = []
        for item in items:
            old = known.get(item.row["code"])
            try:
                self._resolve(work, item, old)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
                continue
            if old is None:
                fresh.append(item)
            else:
                pairs.append((item, old))
        ids = insert_ids(session, Customer, [self._columns(item, index_text) for item in fresh])
        report.created += len(ids)
        audit_many(work, "customer.created", "customer", [(made, made, {"by": "import"}) for made in ids])
        places = dict(zip(ids, fresh, strict=True))
        contacts = self._contacts(work, {**places, **{old.id: item for item, old in pairs}})
        changes: dict[int, dict[str, Any]] = {}
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        moved: list[int] = []
        for item, old in pairs:
            new = changed(self.run, item, item.row, old, FIELDS)
            if new:
                audits.append((old.id, old.id, {
                    "code": old.code, "before": {n: getattr(old, n) for n in new}, "after": dict(new),
                }))  # fmt: skip
                if any(name in new for name in _SEARCHED):
                    names = [new.get(name, getattr(old, name)) for name in _SEARCHED]
                    new["search"] = index_text(old.code, *names)
                if new.keys() & {"owner_id", "region", "rating", "type", "tags"}:
                    moved.append(old.id)
                changes[old.id] = new
            if new or old.id in contacts:
                report.updated += 1
            else:
                report.unchanged += 1
        audit_many(work, "customer.updated", "customer", audits)
        locks.lock_ones(work, changes)  # in the order of their ids, and not of the file
        write_changes(session, C, changes)
        limits.end_temporary(work, [i for i, new in changes.items() if new.get("credit_limit_minor", 1) in (None, 0)])
        judged = {old.id: old.group_name for _, old in pairs if _JUDGED & changes.get(old.id, {}).keys()}
        mark(work, judged, judged.values())
        self.run.follow_up(work, moved)

    def _resolve(self, work: Work, item: Item, old: Any) -> None:
        row, currencies = item.row, self.run.currencies
        if "currency" in row:
            currencies.digits(row["currency"])
        if "owner" in row:
            row["owner_id"] = self.run.people(work.session).get(row["owner"], "owner")
        if "group" in row:
            row["group_name"] = row["group"]
        if old is not None:
            self._check_currency(row, old)
        if "credit_limit" in row:
            currency = row.get("currency") or (old.currency if old else "") or self.run.company.currency
            places = currencies.digits(currency)
            minor, rounded = amount(row["credit_limit"], "credit_limit", places, currency, self.run.filemap.rounding)
            if minor < 0:
                raise Reject("negative_amount", "credit_limit", row["credit_limit"])
            row["credit_limit_minor"] = minor
            if rounded is not None:
                self.run.report.rounded_rows += 1
                self.run.report.rounded_by[currency] += rounded

    def _check_currency(self, row: dict[str, Any], old: Any) -> None:
        """A limit of 100,000 in one currency is another one in the next."""
        kept = old.currency or self.run.company.currency
        if row.get("currency", kept) == kept or "currency" in old.edited or old.credit_limit_minor is None:
            return
        if "credit_limit" not in row or {"credit_limit", "credit_limit_minor"} & set(old.edited):
            raise Reject("limit_in_other_currency", "currency", row["currency"], kept=kept)

    def _columns(self, item: Item, index_text: Any) -> dict[str, Any]:
        row = item.row
        made = {column: row.get(column, _EMPTY.get(column, "")) for column in FIELDS}
        search = index_text(row["code"], *(made[name] for name in _SEARCHED))
        return {**made, "code": row["code"], "search": search, "source": self.run.source, "extra": {}, "edited": []}

    def _contacts(self, work: Work, items: dict[int, Item]) -> set[int]:
        """Writes names and addresses of contacts; the customers for which that changed something."""
        wanted: dict[tuple[int, str], dict[str, str]] = {}
        for customer_id, item in items.items():
            for type_ in _CONTACTS:
                given: dict[str, Any] = {
                    "name": item.row.get(f"{type_}_contact"),
                    "email": item.row.get(f"{type_}_email"),
                }
                kept = {name: str(value) for name, value in given.items() if value}
                if kept:
                    wanted[customer_id, type_] = kept
        if not wanted:
            return set()
        ids = sorted({customer_id for customer_id, _ in wanted})
        query = select(T).where(T.c.customer_id.in_(padded(ids)))
        known = {(row.customer_id, row.type): row for row in work.session.execute(query)}
        fresh: list[dict[str, Any]] = []
        changes: dict[int, dict[str, Any]] = {}
        touched: set[int] = set()
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        for (customer_id, type_), values in wanted.items():
            old = known.get((customer_id, type_))
            if old is None:
                fresh.append({"customer_id": customer_id, "type": type_, "name": "", "email": "", "phone": "", **values})
                touched.add(customer_id)
            elif new := {name: value for name, value in values.items() if value != getattr(old, name)}:
                changes[old.id] = new
                touched.add(customer_id)
                before = {name: getattr(old, name) for name in new}
                audits.append((old.id, customer_id, {"type": type_, "before": before, "after": new}))
        insert_ids(work.session, Contact, fresh)
        write_changes(work.session, T, changes)
        audit_many(work, "contact.updated", "contact", audits)
        return touched
