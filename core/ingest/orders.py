"""Orders, each judged as it comes in. Known ones are compared by (source, number), and never changed by a file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from core.credit import orders
from core.credit.incoming import NewOrder, parse
from core.dunning.stored import active
from core.errors import DomainError
from core.ingest.context import Item, Run
from core.ingest.reasons import Reject
from core.ingest.values import amount, flag
from core.models import Person
from core.models.base import table_of
from core.money import format_major
from core.work import Work

P = table_of(Person)
VERDICTS = ("released", "held", "refused")


class OrdersLoader:
    """`released`, `held` and `refused` in the report count the orders that are new in this file."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.customers = run.customers()
        run.report.extra.update(dict.fromkeys(VERDICTS, 0))

    def load(self, work: Work, items: Sequence[Item]) -> None:
        self.customers.load(work, (item.row["customer"] for item in items))
        for item in items:
            try:
                new = self._resolve(work, item)
                self._submit(work, item, new)
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
        self.run.report.extra.pop("customers_created", None)
        self.run.report.add("customers_created", self.customers.created)

    def _resolve(self, work: Work, item: Item) -> NewOrder:
        """The same order as the API would make of it. Raises Reject."""
        row = item.row
        customer = self.customers.get(row["customer"])
        currency = row.get("currency", customer.currency)
        places, rounding = self.run.currencies.digits(currency), self.run.filemap.rounding
        minor, row["rounded"] = amount(row["amount"], "amount", places, currency, rounding)
        if minor <= 0:
            raise Reject("negative_amount" if minor else "zero_amount", "amount", row["amount"])
        prepaid = self._prepaid(row.get("prepaid", ""), minor, places, currency)
        data: dict[str, Any] = {
            "number": row["number"], "customer": customer.code, "currency": currency,
            "amount": format_major(minor, currency), "terms": row.get("terms"), "note": row.get("note"),
            "ordered_on": row["ordered_on"].isoformat() if "ordered_on" in row else None,
            "prepaid": True if prepaid == minor else format_major(prepaid, currency) if prepaid else None,
            "asked_by": self._handle(work, row["asked_by"]) if "asked_by" in row else None, "extra": row.get("extra"),
        }  # fmt: skip
        try:
            return parse(data, self.run.company.currency)
        except DomainError as error:
            column = str(error.facts.get("field", ""))
            raise Reject("order_field", column, str(row.get(column, ""))) from None

    def _prepaid(self, text: str, minor: int, places: int, currency: str) -> int:
        """Yes for all of it, or an amount."""
        if not text:
            return 0
        if text not in ("0", "1"):
            try:
                return minor if flag(text, "prepaid") else 0
            except Reject:
                pass
        found, _ = amount(text, "prepaid", places, currency, self.run.filemap.rounding)
        if found < 0:
            raise Reject("negative_amount", "prepaid", text)
        if found > minor:
            raise Reject("prepaid_above_amount", "prepaid", text)
        return found

    def _handle(self, work: Work, text: str) -> str:
        person_id = self.run.people(work.session).get(text, "asked_by")
        return str(work.session.execute(select(P.c.handle).where(P.c.id == person_id)).scalar_one())

    def _submit(self, work: Work, item: Item, new: NewOrder) -> None:
        try:
            made = orders.submit(work, active(work)[1], new, self.run.source)
        except DomainError as error:
            if error.code == "person.unknown":  # or one who doesn't see the customer
                raise Reject("unknown_person", "asked_by", item.row["asked_by"]) from None
            if error.code == "order.to_come":
                raise Reject("order_to_come", "ordered_on", str(new.ordered_on)) from None
            if error.code != "order.conflict":
                raise
            raise Reject("order_changed", "number", new.number, number=new.number) from None
        report = self.run.report
        report.count(new.currency, new.amount_minor, item.row["rounded"])
        if made.again:
            report.unchanged += 1
            return
        report.created += 1
        report.add(str(made.order.state), 1)
