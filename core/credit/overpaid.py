"""Who has earned a higher limit: customers whose receipts covered what fell due in each of the last whole months, with
nothing overdue now. Many customers at once; reads only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, exists, func, literal, or_, select

from core.credit.inputs import months_before
from core.models import Allocation, Customer, Hold, LimitProposal, Receipt, Receivable
from core.models.base import among, table_of
from core.models.collection import BLOCKING
from core.work import Work

C, R, N, A, H, Q = (table_of(m) for m in (Customer, Receivable, Receipt, Allocation, Hold, LimitProposal))


@dataclass(frozen=True)
class Month:
    """What fell due in one month, less credit notes, and what came in; minor units of the customer's currency."""

    first: date
    due_minor: int
    received_minor: int


@dataclass(frozen=True)
class Overpaid:
    customer_id: int
    currency: str
    limit_minor: int  # the customer's own, above 0
    owner_id: int | None
    region: str
    months: tuple[Month, ...]  # the oldest first


def overpaid(work: Work, customer_ids: Collection[int], months: int, cash_only: Collection[str]) -> list[Overpaid]:
    """By id. Left out are who has no limit of their own, something overdue in any currency, a hold, a rating of
    `cash_only`, a proposal that waits, or one to raise the limit since the month began. Four statements."""
    spans = _whole_months(work.today, months)
    who = work.session.execute(_candidates(work, customer_ids, cash_only)).all()
    if not who:
        return []
    ids = [row.id for row in who]
    due = _by_month(work, _sums(R, R.c.due_on, R.c.amount_minor, spans, ids))
    credited = _by_month(work, _sums(R, R.c.due_on, A.c.amount_minor, spans, ids, _CREDITED))
    received = _by_month(work, _sums(N, N.c.received_on, N.c.amount_minor, spans, ids, N.c.reversed_on.is_(None)))
    nothing = (0,) * months
    found = []
    for row in who:
        key = row.id, row.currency or work.company.currency
        less = credited.get(key, nothing)
        each = tuple(
            Month(first, due_minor - less[at], received.get(key, nothing)[at])
            for at, ((first, _), due_minor) in enumerate(zip(spans, due.get(key, nothing), strict=True))
        )
        if all(month.received_minor >= month.due_minor > 0 for month in each):
            found.append(Overpaid(row.id, key[1], row.credit_limit_minor, row.owner_id, row.region, each))
    return found


def _whole_months(today: date, months: int) -> list[tuple[date, date]]:
    """First and last day of each, the oldest first; the one that runs isn't one of them."""
    firsts = [months_before(today.replace(day=1), back) for back in range(months, -1, -1)]
    return [(first, after - timedelta(days=1)) for first, after in pairwise(firsts)]


def _candidates(work: Work, customer_ids: Collection[int], cash_only: Collection[str]) -> Select[Any]:
    overdue = exists(select(literal(1)).where(R.c.customer_id == C.c.id, R.c.open_minor > 0, R.c.due_on < work.today))
    running = and_(H.c.ended_on.is_(None), or_(H.c.until.is_(None), H.c.until >= work.today))
    held = exists(select(literal(1)).where(H.c.customer_id == C.c.id, H.c.kind.in_(BLOCKING), running))
    month = work.today.replace(day=1).isoformat()
    this_month = and_(Q.c.kind == "raise", Q.c.facts["month"].as_string() == month)
    proposed = exists(select(literal(1)).where(Q.c.customer_id == C.c.id, or_(Q.c.state == "pending", this_month)))
    return (
        select(C.c.id, C.c.currency, C.c.credit_limit_minor, C.c.owner_id, C.c.region)
        .where(
            among(C.c.id, customer_ids), C.c.credit_limit_minor > 0, C.c.rating.not_in(sorted(cash_only)), ~overdue, ~held,
            ~proposed,
        )
        .order_by(C.c.id)
    )  # fmt: skip


_CREDITED = and_(
    A.c.receivable_id == R.c.id, A.c.credit_note_id.is_not(None), A.c.undone_on.is_(None)
)  # what a credit note took off was never to be paid


def _sums(
    table: Any, day: Any, minor: Any, spans: list[tuple[date, date]], ids: Collection[int],
    only: ColumnElement[bool] | None = None,
) -> Select[Any]:  # fmt: skip
    """Customer, currency, and the sum of each month."""
    each = [
        cast(func.coalesce(func.sum(case((day.between(first, last), minor), else_=0)), 0), BigInteger)
        for first, last in spans
    ]
    query = select(table.c.customer_id, table.c.currency, *each).where(
        among(table.c.customer_id, ids), day.between(spans[0][0], spans[-1][1])
    )
    return (query if only is None else query.where(only)).group_by(table.c.customer_id, table.c.currency)


def _by_month(work: Work, query: Select[Any]) -> dict[tuple[int, str], tuple[int, ...]]:
    return {(id_, currency): tuple(sums) for id_, currency, *sums in work.session.execute(query)}
