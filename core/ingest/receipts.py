"""Receipts: posted in bulk, put on what they name, the rest unapplied."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Table, select
from sqlmodel import Session

from core import claims
from core.dunning.stored import active
from core.ingest.context import Item, Run
from core.ingest.lookups import audit_many, padded, write_changes
from core.ingest.reasons import Reject
from core.ingest.values import amount
from core.ledger import post
from core.models import Allocation, Order, OrderState, Receipt, Receivable
from core.money import format_major
from core.work import Work

P: Table = Receipt.__table__  # type: ignore[attr-defined]
R: Table = Receivable.__table__  # type: ignore[attr-defined]
A: Table = Allocation.__table__  # type: ignore[attr-defined]
O: Table = Order.__table__  # type: ignore[attr-defined]  # noqa: E741

_MONEY = ("customer_id", "received_on", "amount_minor", "currency")
_CONTENT = (*_MONEY, "payer", "reference")
_FAR = date(9999, 1, 1)


class ReceiptsLoader:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()
        self._later: list[Item] = []  # reversals of receipts that may stand further down
        self._occurrences: dict[int, int] = {}

    def load(self, work: Work, items: Sequence[Item]) -> None:
        self.customers.load(work, (item.row["customer"] for item in items))
        receipts: list[Item] = []
        for item in items:
            try:
                self._resolve(item, work.today)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
                continue
            if "reverses" in item.row:
                self._later.append(item)
            else:
                self._key(item)
                receipts.append(item)
        known = self._known(work.session, receipts)
        fresh, confirmed = self._confirmed(work, [item for item in receipts if item.row["key"] not in known])
        known |= self._known(work.session, confirmed)  # they carry the imported number now
        touched: set[int] = {item.row["customer_id"] for item in fresh}
        corrected: list[tuple[Item, Any]] = []
        touched |= self._compare(work, [i for i in receipts if i.row["key"] in known], known, corrected)
        ids = self._post(work, fresh)
        for item, old in corrected:
            ids.append(self._correct(work, item, old))
            touched |= {old.customer_id, item.row["customer_id"]}
        self.run.report.extra.pop("customers_created", None)
        self.run.report.add("customers_created", self.customers.created)
        self.run.follow_up(work, touched, ids)

    def finish(self, work: Work) -> None:
        """The reversals, when every receipt of the file is in."""
        touched: set[int] = set()
        ids: list[int] = []
        for item in self._later:
            try:
                receipt = self._reverse(work, item)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
                continue
            if receipt is None:
                self.run.report.unchanged += 1
            else:
                self.run.report.created += 1
                touched.add(receipt.customer_id)
                assert receipt.id is not None
                ids.append(receipt.id)
            self.run.report.count(item.row["currency"], -item.row["amount_minor"], item.row["rounded"])
        self.run.follow_up(work, touched, ids)

    # --- one row ----------------------------------------------------------------------------------

    def _resolve(self, item: Item, today: date) -> None:
        row = item.row
        customer = self.customers.get(row["customer"])
        row["customer_id"] = customer.id
        currency = row.setdefault("currency", customer.currency)
        places = self.run.currencies.digits(currency)
        minor, row["rounded"] = amount(row["amount"], "amount", places, currency, self.run.filemap.rounding)
        if "reverses" in row:
            minor = abs(minor)
        elif minor < 0:
            raise Reject("negative_amount", "amount", row["amount"])
        if minor == 0:
            raise Reject("zero_amount", "amount", row["amount"])
        row["amount_minor"] = minor
        if row["received_on"] > today:
            self.run.future("received_on", item.number)

    def _key(self, item: Item) -> None:
        """The number, or what identifies a receipt without one: its content, and which one of its kind in the file.

        What it is meant to pay is no part of that: naming it later must not make a second receipt.
        """
        row = item.row
        if "number" in row:
            row["key"] = row["number"]
            return
        content = "\0".join(str(row.get(name, "")) for name in _CONTENT)
        digest = hashlib.sha256(content.encode()).digest()
        short = int.from_bytes(digest[:8], "big")
        count = self._occurrences[short] = self._occurrences.get(short, 0) + 1
        row["key"] = f"auto/{row['received_on'].isoformat()}/{digest[:8].hex()}/{count}"

    def _known(self, session: Session, items: list[Item]) -> dict[str, Any]:
        if not items:
            return {}
        keys = [item.row["key"] for item in items]
        found = session.execute(select(P).where(P.c.source == self.run.source, P.c.number.in_(padded(keys))))
        return {row.number: row for row in found}

    def _confirmed(self, work: Work, items: list[Item]) -> tuple[list[Item], list[Item]]:
        """(new ones, those that finance has confirmed already from a rep's claim: that receipt takes the number)."""
        customers = {item.row["customer_id"] for item in items}
        if not claims.any_confirmed(work, customers):
            return items, []
        _, policy = active(work)
        left, confirmed = [], []
        for item in items:
            row = item.row
            found = claims.adopt(
                work, policy, customer_id=row["customer_id"], currency=row["currency"],
                amount_minor=row["amount_minor"], received_on=row["received_on"], number=row["key"], source=self.run.source,
            )  # fmt: skip
            if found is None:
                left.append(item)
                continue
            confirmed.append(item)
            self.run.report.warn(item.number, "claim_confirmed", "number", row.get("number", ""), customer=row["customer"])
        return left, confirmed

    # --- new ones ---------------------------------------------------------------------------------

    def _post(self, work: Work, items: list[Item]) -> list[int]:
        if not items:
            return []
        targets = _Targets(self.run, work.session, items)
        ids = post.new_receipts(work, [self._columns(item) for item in items])
        pairs: list[tuple[int | None, int | None, int, int]] = []
        for item, made in zip(items, ids, strict=True):
            pairs += [(made, None, target, part) for target, part in targets.take(item)]
            self.run.report.count(item.row["currency"], item.row["amount_minor"], item.row["rounded"])
        post.allocate_many(work, pairs)
        self.run.report.created += len(items)
        return ids

    def _columns(self, item: Item) -> dict[str, Any]:
        row = item.row
        return {
            "number": row["key"],
            "source": self.run.source,
            "customer_id": row["customer_id"],
            "received_on": row["received_on"],
            "amount_minor": row["amount_minor"],
            "currency": row["currency"],
            "payer": row.get("payer", ""),
            "reference": row.get("reference", ""),
        }

    # --- known ones -------------------------------------------------------------------------------

    def _compare(
        self, work: Work, items: list[Item], known: dict[str, Any], corrected: list[tuple[Item, Any]]
    ) -> set[int]:
        """Counts and updates what is known; receipts that must be posted anew go into `corrected`."""
        report = self.run.report
        changes: dict[int, dict[str, Any]] = {}
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        for item in items:
            row, old = item.row, known[item.row["key"]]
            if any(row[name] != getattr(old, name) for name in _MONEY):
                if old.reversed_on is not None:
                    error = Reject("receipt_reversed", "number", old.number, number=old.number)
                    self.run.reject(item.number, item.cells, error)
                    continue
                report.warn(item.number, "receipt_corrected", "number", old.number, number=old.number)
                corrected.append((item, old))
                report.updated += 1
            elif new := _changed(row, old):
                changes[old.id] = new
                before = {name: getattr(old, name) for name in new}
                audits.append((old.id, old.customer_id, {"number": old.number, "before": before, "after": new}))
                report.updated += 1
            else:
                report.unchanged += 1
            report.count(row["currency"], row["amount_minor"], row["rounded"])
        write_changes(work.session, P, changes)
        audit_many(work, "receipt.updated", "receipt", audits)
        return set()

    def _correct(self, work: Work, item: Item, old: Any) -> int:
        """Reverses the old receipt, gives its number to a new one, and puts that where the old one was."""
        session = work.session
        query = select(A.c.receivable_id).where(A.c.receipt_id == old.id, A.c.undone_on.is_(None)).order_by(A.c.id)
        former = list(session.scalars(query))
        receipt = session.get_one(Receipt, old.id)
        post.reverse_receipt(work, receipt, old.received_on)
        count = 1
        while session.scalar(select(P.c.id).where(P.c.source == old.source, P.c.number == f"{old.number}~{count}")):
            count += 1
        receipt.number = f"{old.number}~{count}"
        session.flush()
        (made,) = post.new_receipts(work, [self._columns(item)])
        targets = _Targets(self.run, session, [item], former)
        post.allocate_many(work, [(made, None, target, part) for target, part in targets.take(item, former)])
        return made

    # --- reversals --------------------------------------------------------------------------------

    def _reverse(self, work: Work, item: Item) -> Receipt | None:
        """None: it was reversed before."""
        row = item.row
        query = select(P.c.id, P.c.source).where(P.c.number == row["reverses"], P.c.customer_id == row["customer_id"])
        found = list(work.session.execute(query))
        own = [hit for hit in found if hit.source == self.run.source]
        if not own and not self.run.own_only:
            own = found
        if len(own) != 1:
            raise Reject("unknown_receipt", "reverses", row["reverses"])
        receipt = work.session.get_one(Receipt, own[0].id)
        if receipt.reversed_on is not None:
            return None
        if row["amount_minor"] != receipt.amount_minor or row["currency"] != receipt.currency:
            raise Reject("partial_reversal", "amount", row["amount"], number=receipt.number)
        if row["received_on"] < receipt.received_on:
            raise Reject("reversed_before", "received_on", row["received_on"].isoformat(), number=receipt.number)
        post.reverse_receipt(work, receipt, row["received_on"])
        return receipt


def _changed(row: dict[str, Any], old: Any) -> dict[str, Any]:
    return {name: row[name] for name in ("payer", "reference") if name in row and row[name] != getattr(old, name)}


def _orders(session: Session, numbers: set[str]) -> set[tuple[int, str, str]]:
    """Customer, currency and number of orders that are still to be delivered or invoiced."""
    if not numbers:
        return set()
    runs = O.c.state.in_((OrderState.held, OrderState.released))
    query = select(O.c.customer_id, O.c.currency, O.c.number).where(O.c.number.in_(padded(sorted(numbers))), runs)
    return {(row.customer_id, row.currency, row.number) for row in session.execute(query)}


class _Targets:
    """What is open on the receivables that a chunk's receipts name, as the receipts take it one after the other."""

    def __init__(self, run: Run, session: Session, items: Sequence[Item], former: Sequence[int] = ()) -> None:
        self.run = run
        self._by_number: dict[str, list[Any]] = defaultdict(list)
        self._by_group: dict[tuple[int, str, str, str], list[Any]] = defaultdict(list)
        self._rows: dict[int, Any] = {}
        self._open: dict[int, int] = {}
        self._load(session, R.c.number, {i.row["receivable"] for i in items if "receivable" in i.row})
        self._load(session, R.c.order_no, {i.row["order"] for i in items if "order" in i.row}, only_open=True)
        self._load(session, R.c.contract_no, {i.row["contract"] for i in items if "contract" in i.row}, only_open=True)
        self._load(session, R.c.id, set(former))
        self._orders = _orders(session, {i.row["order"] for i in items if "order" in i.row})

    def _load(self, session: Session, column: Any, values: set[Any], *, only_open: bool = False) -> None:
        if not values:
            return
        columns = (
            R.c.id, R.c.number, R.c.source, R.c.customer_id, R.c.currency, R.c.open_minor, R.c.due_on, R.c.issued_on,
            R.c.order_no, R.c.contract_no,
        )  # fmt: skip
        query = select(*columns).where(column.in_(padded(sorted(values))))
        if only_open:
            query = query.where(R.c.open_minor > 0)
        for row in session.execute(query):
            if row.id not in self._rows:
                self._rows[row.id] = row
                self._open[row.id] = row.open_minor
            if column is R.c.number:
                self._by_number[row.number].append(row)
            elif column is not R.c.id:
                name = "order" if column is R.c.order_no else "contract"
                self._by_group[row.customer_id, row.currency, name, getattr(row, column.name)].append(row)
        for rows in self._by_group.values():
            rows.sort(key=lambda row: (row.due_on or _FAR, row.issued_on, row.id))

    def take(self, item: Item, former: Sequence[int] = ()) -> list[tuple[int, int]]:
        """(receivable id, part of the receipt); warns if a receipt names something and does not fit there."""
        row = item.row
        name = next((n for n in ("receivable", "order", "contract") if n in row), "")
        rows = [self._rows[i] for i in former] if not name else self._named(item, name)
        rows = [r for r in rows if r.customer_id == row["customer_id"] and r.currency == row["currency"]]
        left = row["amount_minor"]
        parts: list[tuple[int, int]] = []
        for target in rows:
            part = min(left, self._open[target.id])
            if part > 0:
                parts.append((target.id, part))
                self._open[target.id] -= part
                left -= part
        if left and name and (rows or name != "receivable"):
            rest = format_major(left, row["currency"])
            ours = name == "order" and (row["customer_id"], row["currency"], row[name]) in self._orders
            self.run.report.warn(item.number, "order_prepaid" if ours else "more_than_open", name, row[name], rest=rest)
        return parts

    def _named(self, item: Item, name: str) -> list[Any]:
        row = item.row
        if name != "receivable":
            return self._by_group[row["customer_id"], row["currency"], name, row[name]]
        found = self._by_number[row["receivable"]]
        if not found:
            self.run.report.warn(item.number, "unknown_receivable", "receivable", row["receivable"])
            return []
        mine = [r for r in found if r.customer_id == row["customer_id"] and r.currency == row["currency"]]
        if not mine:
            self.run.report.warn(item.number, "not_this_receivable", "receivable", row["receivable"])
        own = [r for r in mine if r.source == self.run.source] or mine
        return own[:1]
