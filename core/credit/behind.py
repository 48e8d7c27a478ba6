"""The rows behind a rating's figures besides receivables: promises that were judged, disputes, credit notes of the window.
Risk events: core.credit.risks."""

from dataclasses import dataclass
from datetime import date, timedelta
from datetime import time as time_of_day
from typing import Any

from sqlalchemy import ColumnElement, select

from core.credit.inputs import DISPUTED, PROMISED, RETURNED, Inputs
from core.models import CreditNote, Dispute, Promise
from core.models.base import table_of
from core.money import Money
from core.time import local_instant
from core.work import Work

P, D, N = (table_of(m) for m in (Promise, Dispute, CreditNote))


@dataclass(frozen=True)
class Behind:
    """One row. `kind`: promise, dispute, credit_note; `said`: the promise's state, the dispute's reason, the note's number.
    `on`: when it was due, raised, issued."""

    kind: str
    on: date
    amount: Money
    said: str


def behind(work: Work, of: Inputs) -> list[Behind]:
    """Of one customer, in every currency; by kind, the newest first. Three statements."""
    zone = work.company.calendar.zone
    asked: dict[str, Any] = {
        "as_of": of.until, "since": of.since, "since_at": local_instant(of.since + timedelta(days=1), time_of_day(0), zone),
    }  # fmt: skip

    def rows(table: Any, on: Any, said: Any, counted: ColumnElement[bool]) -> Any:
        columns = on.label("on"), table.c.amount_minor, table.c.currency, said.label("said")
        query = select(*columns).where(table.c.customer_id == of.customer_id, counted).order_by(on.desc(), table.c.id.desc())
        return work.session.execute(query, asked)

    promises = [("promise", row, row.on) for row in rows(P, P.c.due_on, P.c.state, PROMISED)]
    disputes = [
        ("dispute", row, row.on.astimezone(zone).date()) for row in rows(D, D.c.made_at, D.c.reason, DISPUTED)
    ]
    notes = [("credit_note", row, row.on) for row in rows(N, N.c.issued_on, N.c.number, RETURNED)]
    return [
        Behind(kind, on, Money(row.amount_minor, row.currency), str(row.said))
        for kind, row, on in (*promises, *disputes, *notes)
    ]
