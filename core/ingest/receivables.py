"""Receivables: new ones are posted in bulk, known ones compared by (source, number)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Table, select
from sqlmodel import Session

from core import disputes, invoicing
from core.dunning.schedule import first_look
from core.dunning.stored import active
from core.ingest import open_items
from core.ingest.context import Item, Run
from core.ingest.credit_notes import load_credit_notes
from core.ingest.events import date_by_shipments
from core.ingest.lookups import CustomerRef, audit_many, padded, plain, write_changes
from core.ingest.payments import Payments
from core.ingest.reasons import Reject
from core.ingest.terms import due_date, parse_terms
from core.ingest.values import amount, flag
from core.ledger import post
from core.ledger.marks import doubt, mark
from core.models import Customer, Receivable
from core.money import format_major
from core.work import Work

R: Table = Receivable.__table__  # type: ignore[attr-defined]

# canonical column -> column of the table, of what a changed row may simply change
FIELDS = {
    "kind": "kind", "order": "order_no", "contract": "contract_no", "product": "product", "region": "region",
    "owner": "owner_id", "terms": "terms", "event": "event", "event_on": "event_on", "due_on": "due_on",
    "tags": "tags",
}  # fmt: skip
_READ = (
    R.c.id, R.c.number, R.c.customer_id, R.c.currency, R.c.kind, R.c.issued_on, R.c.due_on, R.c.amount_minor,
    R.c.open_minor, R.c.order_no, R.c.contract_no, R.c.product, R.c.region, R.c.owner_id, R.c.terms, R.c.event,
    R.c.event_on, R.c.tags, R.c.edited,
)  # fmt: skip


class Receivables:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()
        self.open_items = run.filemap.mode == "open-items"

    def load(self, work: Work, items: Sequence[Item]) -> None:
        _, self.policy = active(work)
        self.disputed: list[tuple[int, int | None]] = []
        self.lowered: set[int] = set()  # customers with an invoice that was taken back, or some of it
        self.customers.load(work, (item.row["customer"] for item in items))
        notes: list[Item] = []
        mine: list[Item] = []
        for item in items:
            try:
                self._resolve(work, item)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
            else:
                (notes if item.row["kind"] == "credit_note" else mine).append(item)
        touched: set[int] = set()
        touched |= load_credit_notes(self.run, work, notes)
        known = self._known(work.session, mine)
        fresh = [item for item in mine if item.row["number"] not in known]
        receipts = Payments(self.run)
        if fresh:
            self._post(work, fresh, receipts)
            touched |= {item.row["customer_id"] for item in fresh}
        pairs = [(item, known[item.row["number"]]) for item in mine if item.row["number"] in known]
        if pairs:
            touched |= self._compare(work, pairs, receipts)
        undated = {(i.row["customer_id"], i.row["order"]) for i in mine if "order" in i.row and "event_on" not in i.row}
        touched |= date_by_shipments(work, self.policy, undated)
        receipt_ids = receipts.post(work)
        disputes.from_file(work, self.policy, self.disputed)
        self.run.report.extra.pop("customers_created", None)
        self.run.report.add("customers_created", self.customers.created)
        self.run.follow_up(work, touched, receipt_ids)
        if self.lowered:  # what was signed for is to be invoiced again
            invoicing.ask(work, self.policy, self.lowered)

    # --- one row ----------------------------------------------------------------------------------

    def _resolve(self, work: Work, item: Item) -> None:
        """What the row needs from outside itself: customer, currency, amounts, owner, due date."""
        row = item.row
        customer = self.customers.get(row["customer"])
        row["customer_id"] = customer.id
        currency = row.setdefault("currency", customer.currency)
        places = self.run.currencies.digits(currency)
        rounding = self.run.filemap.rounding
        kind = row.get("kind")
        minor, row["rounded"] = amount(row["amount"], "amount", places, currency, rounding)
        if kind == "credit_note":
            minor = abs(minor)
            if minor == 0:
                raise Reject("zero_amount", "amount", row["amount"])
        elif minor < 0:
            raise Reject("negative_amount", "amount", row["amount"])
        row["amount_minor"] = minor
        if "open_amount" in row:
            open_minor, _ = amount(row["open_amount"], "open_amount", places, currency, rounding)
            if kind != "credit_note" and open_minor < 0:
                raise Reject("negative_amount", "open_amount", row["open_amount"])
            if kind != "credit_note" and open_minor > minor:
                raise Reject("open_above_amount", "open_amount", row["open_amount"])
            row["open_minor"] = abs(open_minor)
        elif self.open_items:
            row["open_minor"] = minor
        if "owner" in row:
            row["owner_id"] = self.run.people(work.session).get(row["owner"], "owner")
        if "disputed" in row:
            row["disputed_minor"] = self._disputed(row["disputed"], places, currency)
        if kind is None:
            row["given_kind"], row["kind"] = False, "invoice"
        if kind != "credit_note":
            self._dates(item, customer, work.today)

    def _disputed(self, text: str, places: int, currency: str) -> int | None:
        """The amount, 0 for no, None for all of it."""
        if text not in ("0", "1"):
            try:
                return None if flag(text, "disputed") else 0
            except Reject:
                pass
        return abs(amount(text, "disputed", places, currency, self.run.filemap.rounding)[0])

    def _dates(self, item: Item, customer: CustomerRef, today: date) -> None:
        row, report = item.row, self.run.report
        due: date | None = row.get("due_on")
        issued: date = row.get("issued_on") or min(row.get("due_on", today), today)
        if "issued_on" not in row:
            row["given_issued"] = False
        elif issued > today:
            self.run.future("issued_on", item.number)
        row["issued"] = issued
        if "settled_on" in row and row["settled_on"] > today:
            self.run.future("settled_on", item.number)
        if due is not None and due < issued:
            report.warn(item.number, "due_before_issued", "due_on", due.isoformat(), issued=issued.isoformat())
        text = row.get("terms") or ("" if due is not None else customer.terms)
        computed: date | None = None
        if text:
            terms = parse_terms(text)
            if terms is None:
                if due is None:
                    report.warn(item.number, "unknown_terms", "terms", text)
            else:
                if "event" in row and not terms.event:
                    terms = type(terms)(terms.days, event=row["event"])
                if terms.event:
                    row.setdefault("event", terms.event)
                computed = due_date(terms, issued, row.get("event_on"))
        elif due is None and row.get("event_on"):
            computed = row["event_on"]
        if due is None:
            row["computed_due"] = computed
        elif computed is not None and computed != due:
            report.warn(
                item.number, "terms_mismatch", "due_on", due.isoformat(), terms=text, computed=computed.isoformat()
            )

    # --- new ones ---------------------------------------------------------------------------------

    def _post(self, work: Work, items: list[Item], receipts: "Payments") -> None:
        source, start = self.run.source, self.run.start
        rows = []
        for item in items:
            row = item.row
            due = row["due_on"] if "due_on" in row else row["computed_due"]
            rows.append(
                {
                    "number": row["number"],
                    "source": source,
                    "customer_id": row["customer_id"],
                    "kind": row["kind"],
                    "issued_on": row["issued"],
                    "due_on": due,
                    "amount_minor": row["amount_minor"],
                    "currency": row["currency"],
                    "order_no": row.get("order", ""),
                    "contract_no": row.get("contract", ""),
                    "product": row.get("product", ""),
                    "region": row.get("region", ""),
                    "owner_id": row.get("owner_id"),
                    "terms": row.get("terms", ""),
                    "event": row.get("event", ""),
                    "event_on": row.get("event_on"),
                    "tags": row.get("tags", []),
                    "start": start,
                    "next_step_on": first_look(self.policy, due),
                }
            )
        ids = post.new_receivables(work, rows)
        report = self.run.report
        for item, made in zip(items, ids, strict=True):
            row = item.row
            report.count(row["currency"], row["amount_minor"], row["rounded"])
            paid, on = row["amount_minor"] - row.get("open_minor", row["amount_minor"]), self.run.as_of
            if "settled_on" in row:
                on = row["settled_on"]
                paid = paid or (row["amount_minor"] if not row.get("open_minor") or self.open_items else 0)
            if paid:
                receipts.add(row, made, paid, on, f"settled/{row['number']}", history=True)
            self._disputes(item, made)
        report.created += len(items)

    def _disputes(self, item: Item, receivable_id: int) -> None:
        """A receivable that the file calls disputed: all of it, or the amount that it names."""
        if item.row.get("disputed_minor", 0) != 0:
            self.disputed.append((receivable_id, item.row["disputed_minor"]))

    # --- known ones -------------------------------------------------------------------------------

    def _known(self, session: Session, items: list[Item]) -> dict[str, Any]:
        if not items:
            return {}
        numbers = [item.row["number"] for item in items]
        found = session.execute(select(*_READ).where(R.c.source == self.run.source, R.c.number.in_(padded(numbers))))
        return {row.number: row for row in found}

    def _compare(self, work: Work, pairs: list[tuple[Item, Any]], receipts: "Payments") -> set[int]:
        touched: set[int] = set()
        changes: dict[int, dict[str, Any]] = {}
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        report = self.run.report
        for item, old in pairs:
            try:
                new, face = self._differences(work, item, old)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
                continue
            if face is not None:
                receivable = work.session.get_one(Receivable, old.id)
                post.adjust(work, receivable, face, "import")
                if face < old.amount_minor and old.order_no:
                    self.lowered.add(old.customer_id)
            if new:
                changes[old.id] = new
                before = {name: plain(getattr(old, name)) for name in new if name != "next_step_on"}
                after = {name: plain(new[name]) for name in before}
                if before:
                    audits.append((old.id, old.customer_id, {"number": old.number, "before": before, "after": after}))
            paid = self._paid(item, old, face, receipts)
            if new or face is not None or paid:
                report.updated += 1
                touched.add(old.customer_id)
            else:
                report.unchanged += 1
            report.count(old.currency, item.row["amount_minor"], item.row["rounded"])
            if old.open_minor:
                self._disputes(item, old.id)
        write_changes(work.session, R, changes)
        if changes:
            mark(work, touched)  # another due date or order number is behind a verdict, too
        doubt(work, [
            (old.customer_id, old.order_no) for _, old in pairs if old.order_no and "order_no" in changes.get(old.id, {})
        ])  # fmt: skip
        audit_many(work, "receivable.updated", "receivable", audits)
        return touched

    def _differences(self, work: Work, item: Item, old: Any) -> tuple[dict[str, Any], int | None]:
        """(changed columns, new face amount or None). Raises Reject before anything is written."""
        row, edited = item.row, old.edited
        if row["customer_id"] != old.customer_id:
            code = work.session.scalar(select(Customer.code).where(Customer.id == old.customer_id))  # type: ignore[call-overload]
            raise Reject("other_customer", "customer", row["customer"], number=old.number, customer=code)
        if row["currency"] != old.currency:
            raise Reject("other_currency", "currency", row["currency"], number=old.number, currency=old.currency)
        face: int | None = row["amount_minor"]
        if face == old.amount_minor or (self.open_items and "open_amount" not in row):
            face = None
        was = format_major(old.amount_minor, old.currency)
        if face is not None and self._edited(item, edited, "amount", "amount_minor", was):
            face = None
        if face is not None and face < old.amount_minor - old.open_minor:
            allocated = format_major(old.amount_minor - old.open_minor, old.currency)
            raise Reject("below_allocated", "amount", row["amount"], number=old.number, allocated=allocated)
        new: dict[str, Any] = {}
        for name, column in FIELDS.items():
            value = row.get(column if column == "owner_id" else name)
            if value is None or value == getattr(old, column) or (name == "kind" and row.get("given_kind") is False):
                continue
            if not self._edited(item, edited, name, column, plain(getattr(old, column))):
                new[column] = value
        if row["issued"] != old.issued_on and row.get("given_issued") is not False:
            kept = old.issued_on.isoformat()  # the journal says since when it is owed, and is never rewritten
            code = "edited_wins" if "issued_on" in edited else "issued_on_kept"
            self.run.report.warn(
                item.number, code, "issued_on", row["issued"].isoformat(), number=old.number, kept=kept
            )
        computed = row.get("computed_due")
        if computed is not None and computed != old.due_on and (
            old.due_on is None or new.keys() & {"terms", "event", "event_on"}
        ) and not self._edited(item, edited, "due_on", "due_on", plain(old.due_on)):  # fmt: skip
            new["due_on"] = computed
        # The engine had stopped looking at it, or another ladder may be the one that fits.
        if "due_on" in new or "tags" in new or (face is not None and not old.open_minor):
            new["next_step_on"] = first_look(self.policy, new.get("due_on", old.due_on))
        return new, face

    def _edited(self, item: Item, edited: list[str], name: str, column: str, kept: Any) -> bool:
        if not edited or (name not in edited and column not in edited):
            return False
        self.run.report.warn(item.number, "edited_wins", name, plain(item.row.get(name, "")), kept=kept)
        return True

    def _paid(self, item: Item, old: Any, face: int | None, receipts: "Payments") -> bool:
        """What the row says was paid since, on a receivable that is open here."""
        row = item.row
        open_here = old.open_minor + (face - old.amount_minor if face is not None else 0)
        if self.open_items:
            return open_items.fell(self.run, item, old, open_here, receipts)
        if "settled_on" in row and not row.get("open_minor"):
            return bool(open_here) and receipts.add(
                row, old.id, open_here, row["settled_on"], f"settled/{old.number}", history=False, item=item
            )
        if "open_minor" in row and row["open_minor"] != open_here:
            self.run.report.warn(
                item.number, "open_differs", "open_amount", format_major(row["open_minor"], old.currency),
                number=old.number, kept=format_major(open_here, old.currency),
            )  # fmt: skip
        return False
