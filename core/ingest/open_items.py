"""Open-items mode: the file lists all that is open at its source. What fell or vanished since was paid."""

from array import array
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, select
from sqlmodel import Session

from core.ingest.context import Item, OpenWork, Run
from core.ingest.payments import Payments
from core.ingest.reasons import refusal
from core.models import Receivable
from core.money import format_major

R: Table = Receivable.__table__  # type: ignore[attr-defined]
SHARE = 0.3  # more than this vanishing at once is more likely half a file
_CHUNK = 1000


def fell(run: Run, item: Item, old: Any, open_here: int, payments: Payments) -> bool:
    """A receipt of what the open amount fell by."""
    open_there = item.row["open_minor"]
    if open_there > open_here:
        run.report.warn(
            item.number, "open_risen", "open_amount", format_major(open_there, old.currency), number=old.number,
            kept=format_major(open_here, old.currency),
        )  # fmt: skip
    if open_there >= open_here:
        return False
    number = f"open/{run.as_of.isoformat()}/{old.number}"
    return payments.add(item.row, old.id, open_here - open_there, run.as_of, number, history=False)


class Present:
    """The numbers in the file, as hashes from the first pass."""

    def __init__(self, parts: Iterable["array[int]"]) -> None:
        self._hashes = {value for part in parts for value in part}

    def __contains__(self, number: str) -> bool:
        return hash(number) in self._hashes


def vanished(session: Session, run: Run, present: Present) -> tuple[list[int], int]:
    """(ids of this source's open items that are not in the file, how many are open)."""
    query = select(R.c.id, R.c.number).where(
        R.c.source == run.source, R.c.open_minor > 0, R.c.issued_on <= run.as_of
    )
    gone: list[int] = []
    total = 0
    for row in session.execute(query.execution_options(yield_per=_CHUNK)):
        total += 1
        if row.number not in present:
            gone.append(row.id)
    return gone, total


def check(session: Session, run: Run, present: Present, *, yes: bool, lang: str) -> list[int]:
    """What has vanished. Refused if that is too much to believe, before anything is written."""
    gone, total = vanished(session, run, present)
    if len(gone) > total * SHARE and not yes:
        raise refusal("vanished", lang, vanished=len(gone), total=total)
    return gone


def settle(open_work: OpenWork, run: Run, gone: list[int]) -> None:
    """Receipts for what vanished, in chunks of their own."""

    for start in range(0, len(gone), _CHUNK):
        with open_work() as work:
            payments = Payments(run)
            query = select(R.c.id, R.c.number, R.c.customer_id, R.c.currency, R.c.open_minor).where(
                R.c.id.in_(gone[start : start + _CHUNK]), R.c.open_minor > 0
            )
            rows = list(work.session.execute(query.order_by(R.c.id)))
            for row in rows:
                number = f"open/{run.as_of.isoformat()}/{row.number}"
                payments.add(row._asdict(), row.id, row.open_minor, run.as_of, number, history=False)
            receipt_ids = payments.post(work)
            run.follow_up(work, {row.customer_id for row in rows}, receipt_ids)
            run.report.add("vanished", len(rows))
