"""What promises, claims and disputes take out of dunning: amounts spread over receivables, oldest first."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import BigInteger, bindparam, func, insert, select, update

from core.dunning.facts import CaseFacts, ReceivableFacts, oldest_first
from core.errors import DomainError
from core.models import Cover
from core.models.base import table_of
from core.money import Money
from core.work import Work

V = table_of(Cover)
_COVERED = select(V.c.receivable_id, V.c.amount_minor).where(
    V.c.kind == bindparam("kind"), V.c.subject_id == bindparam("subject")
)
_BUT_FOR_PROMISES = ("", "promised", "claimed", "disputed", "netted", "below_min")
_ASIDE = (
    select(V.c.receivable_id, func.sum(V.c.amount_minor))
    .where(V.c.receivable_id.in_(bindparam("ids", expanding=True, type_=BigInteger)), V.c.kind != "promise", V.c.active)
    .group_by(V.c.receivable_id)
)


def in_question(case: CaseFacts, day: date) -> list[ReceivableFacts]:
    """What "all of it" means for a customer: what is overdue and may be chased, as the card's headline says; else what
    the ladder has reached; else everything dated. Oldest first."""
    return _in_question([r for r in oldest_first(case.receivables) if r.chaseable], day)


def _in_question(some: list[ReceivableFacts], day: date) -> list[ReceivableFacts]:
    overdue = [r for r in some if r.age(day) > 0]
    in_case = [r for r in some if r.case_id is not None]
    return overdue or in_case or some


def claimable(case: CaseFacts, day: date) -> list[tuple[int, int]]:
    """(receivable, minor) pairs that "it is paid" may be about: as `in_question`, with what has been promised first, since
    that is what people say is paid."""
    owed = [r for r in oldest_first(case.receivables) if r.chaseable or (r.why_not == "promised" and r.due_on)]
    promised = [r for r in owed if r.promised_minor]
    return [(r.id, r.chaseable_minor + r.promised_minor) for r in promised or _in_question(owed, day)]


def none_left(what: str, cases: Iterable[CaseFacts]) -> DomainError:
    """Why there is nothing to log, `what` a promise or a claim: <what>.nothing_open; claimed(amount), where finance is
    checking all that is open; set_aside, where it is disputed, paused or the like."""
    found = [(c.currency, r) for c in cases for r in c.receivables if r.open_minor > 0]
    if not found:
        return DomainError(f"{what}.nothing_open")
    claimed = [(currency, r.claimed_minor) for currency, r in found if r.claimed_minor]
    if len(claimed) < len(found) or len({currency for currency, _ in claimed}) > 1:
        return DomainError(f"{what}.set_aside")
    return DomainError(f"{what}.claimed", amount=Money(sum(minor for _, minor in claimed), claimed[0][0]))


def overdue_with_promised(work: Work, case: CaseFacts) -> list[tuple[ReceivableFacts, int]]:
    """What of a case is overdue and could be chased, were nothing of it promised: (receivable, minor) pairs."""
    past = [r for r in case.receivables if r.due_on and r.age(work.today) > 0 and r.why_not in _BUT_FOR_PROMISES]
    aside = {of: int(minor) for of, minor in work.session.execute(_ASIDE, {"ids": [r.id for r in past]})}
    free = [(r, r.open_minor - r.netted_minor - aside.get(r.id, 0)) for r in past]
    return [(r, minor) for r, minor in free if minor > 0]


def spread(case: CaseFacts, amount_minor: int, day: date) -> list[tuple[int, int]]:
    """(receivable, minor) pairs that take up `amount_minor`: first what is in question, then the rest, oldest first."""
    first = in_question(case, day)
    rest = [r for r in oldest_first(case.receivables) if r.chaseable and r not in first]
    return take([(r.id, r.chaseable_minor) for r in (*first, *rest)], amount_minor)


def take(parts: Iterable[tuple[int, int]], amount_minor: int) -> list[tuple[int, int]]:
    """The first of these (receivable, minor) pairs that add up to `amount_minor`, the last one perhaps partly."""
    taken = []
    for receivable_id, minor in parts:
        part = min(amount_minor, minor)
        if part > 0:
            taken.append((receivable_id, part))
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
    rows = work.session.execute(_COVERED, {"kind": kind, "subject": subject_id})
    return {receivable_id: minor for receivable_id, minor in rows}
