"""Receipts that rows of receivables speak of: settled on a day, or open for less than before."""

from datetime import date
from typing import Any

from sqlalchemy import Table, select
from sqlmodel import Session

from core.ingest.context import Item, Run
from core.ingest.lookups import padded
from core.ledger import post
from core.models import Receipt
from core.work import Work


class Payments:
    """Receipts that follow from rows of receivables, each for one receivable; posted together."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._rows: list[dict[str, Any]] = []
        self._targets: list[int] = []
        self._items: list[Item | None] = []

    def add(
        self, row: dict[str, Any], receivable_id: int, paid: int, on: date, number: str, *, history: bool,
        item: Item | None = None,
    ) -> bool:  # fmt: skip
        self._rows.append(
            {
                "number": number,
                "source": self.run.source,
                "customer_id": row["customer_id"],
                "received_on": on,
                "amount_minor": paid,
                "currency": row["currency"],
                "reference": row["number"],
                "history": history,
            }
        )
        self._targets.append(receivable_id)
        self._items.append(item)
        return True

    def post(self, work: Work) -> list[int]:
        """The ids of those that are news, not history."""
        if not self._rows:
            return []
        self._number(work.session)
        ids = post.new_receipts(work, self._rows)
        together = zip(ids, self._targets, self._rows, strict=True)
        post.allocate_many(work, [(made, None, target, row["amount_minor"]) for made, target, row in together])
        return [made for made, row in zip(ids, self._rows, strict=True) if not row["history"]]

    def _number(self, session: Session) -> None:
        """A number that is taken (a reversed or a partial one) gets `/2`, `/3`, ... behind it."""
        table: Table = Receipt.__table__  # type: ignore[attr-defined]
        wanted = {row["number"] for row in self._rows}
        taken: set[str] = set()
        turn = 1
        while wanted:
            query = select(table.c.number).where(table.c.source == self.run.source)
            found = set(session.scalars(query.where(table.c.number.in_(padded(sorted(wanted))))))
            if not found:
                return
            taken |= found
            turn += 1
            for row in self._rows:
                if row["number"] in taken:
                    row["number"] = f"{row['number'].removesuffix(f'/{turn - 1}')}/{turn}"
            wanted = {row["number"] for row in self._rows} - taken
