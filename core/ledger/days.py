"""What receivables have open, and credits have left, day by day."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from sqlalchemy import BigInteger, cast, func, select
from sqlmodel import Session

from core.ledger.rows import ENTRY, chunks


class Days:
    """What receivables have open, and credits have left, at the end of each day of their history."""

    def __init__(
        self,
        session: Session,
        receivables: Collection[int] = (),
        receipts: Collection[int] = (),
        credit_notes: Collection[int] = (),
    ) -> None:
        self._changes: dict[tuple[str, int], dict[date, int]] = defaultdict(dict)
        self._load(session, "receivable", receivables, 1)
        self._load(session, "receipt", receipts, -1)
        self._load(session, "credit_note", credit_notes, -1)

    def _load(self, session: Session, subject: str, ids: Collection[int], sign: int) -> None:
        column = ENTRY.c[f"{subject}_id"]
        net = cast(func.sum(ENTRY.c.amount_minor), BigInteger)
        query = select(column, ENTRY.c.effective_on, net).group_by(column, ENTRY.c.effective_on)
        if subject != "receivable":
            query = query.where(ENTRY.c.receivable_id.is_(None))
        for some in chunks(ids):
            for id_, day, amount in session.execute(query.where(column.in_(some))):
                self._changes[subject, id_][day] = sign * amount

    def total(self, subject: tuple[str, int]) -> int:
        return sum(self._changes[subject].values())

    def first(self, subject: tuple[str, int], amount: int, earliest: date) -> date:
        """The first day, not before `earliest`, from which on `amount` is there on every day."""
        changes = self._changes[subject]
        left, found = sum(changes.values()), earliest
        for day in sorted(changes, reverse=True):
            if left < amount:
                break
            found = day
            left -= changes[day]
        return max(found, earliest)

    def take(self, subject: tuple[str, int], amount: int, day: date) -> None:
        changes = self._changes[subject]
        changes[day] = changes.get(day, 0) - amount
