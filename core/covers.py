"""What promises, claims and disputes take out of dunning: amounts spread over receivables, oldest first."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import insert, select, update

from core.dunning.facts import CaseFacts, ReceivableFacts, oldest_first
from core.models import Cover
from core.models.base import table_of
from core.work import Work

V = table_of(Cover)


def in_question(case: CaseFacts, day: date) -> list[ReceivableFacts]:
    """What "all of it" means for a customer: the case's receivables that may be chased; without a case what is
    overdue; else everything dated. Oldest first."""
    chased = [r for r in oldest_first(case.receivables) if r.chaseable]
    in_case = [r for r in chased if r.case_id is not None]
    overdue = [r for r in chased if r.age(day) > 0]
    return in_case or overdue or chased


def spread(case: CaseFacts, amount_minor: int, day: date) -> list[tuple[int, int]]:
    """(receivable, minor) pairs that take up `amount_minor`: first what is in question, then the rest, oldest first."""
    first = in_question(case, day)
    rest = [r for r in oldest_first(case.receivables) if r.chaseable and r not in first]
    taken = []
    for r in (*first, *rest):
        part = min(amount_minor, r.chaseable_minor)
        if part > 0:
            taken.append((r.id, part))
            amount_minor -= part
    return taken


def cover(work: Work, kind: str, subject_id: int, parts: Iterable[tuple[int, int]]) -> None:
    rows = [
        {"kind": kind, "subject_id": subject_id, "receivable_id": r, "amount_minor": minor, "active": True}
        for r, minor in parts
    ]
    if rows:
        work.session.execute(insert(V), rows)


def release(work: Work, kind: str, subject_id: int) -> None:
    """The promise, claim or dispute no longer keeps anything out of dunning."""
    work.session.execute(update(V).where(V.c.kind == kind, V.c.subject_id == subject_id).values(active=False))


def covered(work: Work, kind: str, subject_id: int) -> dict[int, int]:
    """receivable -> minor units, whether still active or not."""
    rows = work.session.execute(
        select(V.c.receivable_id, V.c.amount_minor).where(V.c.kind == kind, V.c.subject_id == subject_id)
    )
    return {receivable_id: minor for receivable_id, minor in rows}
