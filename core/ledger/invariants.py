"""What must always hold, as functions that return what does not: `huikuan ledger check` runs them all.

Each is one or a few set-based queries that come back empty on a sound database. Nothing is repaired here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlmodel import Session, SQLModel

from core.models import ClaimState, DisputeState, EntryKind, OutboxState, PromiseState

_TABLES = SQLModel.metadata.tables
_RECEIVABLE, _RECEIPT, _CREDIT_NOTE = _TABLES["receivable"], _TABLES["receipt"], _TABLES["credit_note"]
_ENTRY, _ALLOCATION = _TABLES["entry"], _TABLES["allocation"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that breaks one invariant. `code` is the invariant's name."""

    code: str
    table: str
    id: int
    detail: str


def check(session: Session) -> list[Problem]:
    return [problem for invariant in INVARIANTS for problem in invariant(session)]


# --- caches ---------------------------------------------------------------------------------------


def receivable_open_is_the_sum_of_its_entries(session: Session) -> list[Problem]:
    sums = _sums("receivable_id")
    there = func.coalesce(sums.c.amount, 0)
    query = (
        select(_RECEIVABLE.c.id, _RECEIVABLE.c.open_minor, there)
        .outerjoin_from(_RECEIVABLE, sums, sums.c.subject == _RECEIVABLE.c.id)
        .where(_RECEIVABLE.c.open_minor != there)
    )
    return found(session, query, "receivable.open", "receivable", "open_minor is {}, its entries sum up to {}")


def receivable_amount_is_issue_and_adjustments(session: Session) -> list[Problem]:
    sums = _sums("receivable_id", _ENTRY.c.kind.in_([EntryKind.issue, EntryKind.adjustment]))
    there = func.coalesce(sums.c.amount, 0)
    query = (
        select(_RECEIVABLE.c.id, _RECEIVABLE.c.amount_minor, there)
        .outerjoin_from(_RECEIVABLE, sums, sums.c.subject == _RECEIVABLE.c.id)
        .where(_RECEIVABLE.c.amount_minor != there)
    )
    return found(session, query, "receivable.amount", "receivable", "amount_minor is {}, issue and adjustments are {}")


def settled_on_is_the_day_it_last_became_zero(session: Session) -> list[Problem]:
    nets = _day_nets("receivable_id").subquery()
    last = (
        select(nets.c.subject, func.max(nets.c.day).label("day")).where(nets.c.amount != 0).group_by(nets.c.subject)
    ).subquery()
    right = case((_RECEIVABLE.c.open_minor == 0, func.coalesce(last.c.day, _RECEIVABLE.c.issued_on)))
    query = (
        select(_RECEIVABLE.c.id, _RECEIVABLE.c.settled_on, right)
        .outerjoin_from(_RECEIVABLE, last, last.c.subject == _RECEIVABLE.c.id)
        .where(_RECEIVABLE.c.settled_on.is_distinct_from(right))
    )
    return found(session, query, "receivable.settled", "receivable", "settled_on is {}, its entries say {}")


def credit_open_is_the_sum_of_its_entries(session: Session) -> list[Problem]:
    problems = []
    for table in (_RECEIPT, _CREDIT_NOTE):
        sums = _sums(f"{table.name}_id", _ENTRY.c.receivable_id.is_(None))
        there = -func.coalesce(sums.c.amount, 0)
        query = (
            select(table.c.id, table.c.open_minor, there)
            .outerjoin_from(table, sums, sums.c.subject == table.c.id)
            .where(table.c.open_minor != there)
        )
        problems += found(
            session, query, f"{table.name}.open", table.name, "open_minor is {}, its unapplied entries sum up to {}"
        )
    return problems


def credit_amount_is_what_was_posted(session: Session) -> list[Problem]:
    """One entry with the amount, on its day; reversed or cancelled exactly if one entry takes it all back that day."""
    problems = []
    for table, kind, on, gone in (
        (_RECEIPT, EntryKind.receipt, "received_on", "reversed_on"),
        (_CREDIT_NOTE, EntryKind.credit_note, "issued_on", "cancelled_on"),
    ):
        for code, entry_kind, sign, day in (("amount", kind, -1, on), ("reversed", EntryKind.reversal, 1, gone)):
            posted = _posted(f"{table.name}_id", entry_kind)
            amount = sign * func.coalesce(posted.c.amount, 0)
            right = case((table.c[day].is_not(None), table.c.amount_minor), else_=0)
            query = (
                select(table.c.id, right, table.c[day], amount, posted.c.day)
                .outerjoin_from(table, posted, posted.c.subject == table.c.id)
                .where(or_(amount != right, posted.c.day.is_distinct_from(table.c[day]), posted.c.number > 1))
            )
            words = "should be {} on {}, its entries say {} on {}"
            problems += found(session, query, f"{table.name}.{code}", table.name, words)
    return problems


# --- entries --------------------------------------------------------------------------------------


def entries_have_the_sign_and_side_of_their_kind(session: Session) -> list[Problem]:
    e = _ENTRY.c
    on_receivable = e.receivable_id.is_not(None)
    receipt, note = e.receipt_id.is_not(None), e.credit_note_id.is_not(None)
    no_credit = and_(e.receipt_id.is_(None), e.credit_note_id.is_(None))
    one_credit = case((receipt, 1), else_=0) + case((note, 1), else_=0) == 1
    loose = and_(e.receivable_id.is_(None), e.allocation_id.is_(None))
    right = {
        EntryKind.issue: and_(on_receivable, no_credit, e.allocation_id.is_(None), e.amount_minor > 0),
        EntryKind.adjustment: and_(on_receivable, no_credit, e.allocation_id.is_(None)),
        EntryKind.allocation: and_(one_credit, e.allocation_id.is_not(None)),
        EntryKind.receipt: and_(loose, receipt, e.credit_note_id.is_(None), e.amount_minor < 0),
        EntryKind.credit_note: and_(loose, note, e.receipt_id.is_(None), e.amount_minor < 0),
        EntryKind.reversal: and_(loose, one_credit, e.amount_minor > 0),
    }
    fits = case(*((e.kind == kind, case((rule, 1), else_=0)) for kind, rule in right.items()), else_=0)
    query = select(e.id, e.kind, e.amount_minor).where(fits == 0)
    return found(session, query, "entry.shape", "entry", "a {} of {} on the wrong side, or with the wrong sign")


def entries_agree_with_their_rows(session: Session) -> list[Problem]:
    """Same customer and currency as the receivable and the credit, and never before them."""
    problems = []
    for table, day in ((_RECEIVABLE, "issued_on"), (_RECEIPT, "received_on"), (_CREDIT_NOTE, "issued_on")):
        query = (
            select(_ENTRY.c.id, literal(table.name), table.c.id)
            .join_from(_ENTRY, table, table.c.id == _ENTRY.c[f"{table.name}_id"])
            .where(
                or_(
                    table.c.customer_id != _ENTRY.c.customer_id,
                    table.c.currency != _ENTRY.c.currency,
                    _ENTRY.c.effective_on < table.c[day],
                )
            )
        )
        words = "another customer or currency than {} {}, or effective before it"
        problems += found(session, query, "entry.subject", "entry", words)
    return problems


def receivables_are_issued_once(session: Session) -> list[Problem]:
    posted = _posted("receivable_id", EntryKind.issue)
    query = (
        select(_RECEIVABLE.c.id, _RECEIVABLE.c.issued_on, posted.c.number, posted.c.day)
        .join_from(_RECEIVABLE, posted, posted.c.subject == _RECEIVABLE.c.id)
        .where(or_(posted.c.number != 1, posted.c.day != _RECEIVABLE.c.issued_on))
    )
    words = "issued on {}, but it has {} issue entries, the first of {}"
    return found(session, query, "receivable.issue", "receivable", words)


def allocations_are_pairs_that_cancel_out(session: Session) -> list[Problem]:
    """−amount on the receivable and +amount on the credit, on its day; if undone, the opposite on that day."""
    e, a = _ENTRY.c, _ALLOCATION.c
    same = and_(e.receipt_id.is_not_distinct_from(a.receipt_id), e.credit_note_id.is_not_distinct_from(a.credit_note_id))

    def legs(on_receivable: bool, amount: ColumnElement[int], day: ColumnElement[date]) -> ColumnElement[int]:
        side = e.receivable_id == a.receivable_id if on_receivable else e.receivable_id.is_(None)
        fits = and_(side, same, e.kind == EntryKind.allocation, e.amount_minor == amount, e.effective_on == day)
        return cast(func.coalesce(func.sum(case((fits, 1), else_=0)), 0), BigInteger)

    made = legs(True, -a.amount_minor, a.effective_on), legs(False, a.amount_minor, a.effective_on)
    undone = legs(True, a.amount_minor, a.undone_on), legs(False, -a.amount_minor, a.undone_on)
    wanted = case((a.undone_on.is_(None), 0), else_=1)
    number = func.count(e.id)
    bad_dates = or_(a.undone_on < a.effective_on, a.undone_on.is_(None) != a.undone_at.is_(None))
    query = (
        select(a.id, number, wanted)
        .outerjoin_from(_ALLOCATION, _ENTRY, e.allocation_id == a.id)
        .group_by(a.id)
        .having(
            or_(
                *(leg != 1 for leg in made),
                *(leg != wanted for leg in undone),
                number != 2 + 2 * wanted,
                func.coalesce(bad_dates, False),
            )
        )
    )
    wrong = found(session, query, "allocation.entries", "allocation", "its {} entries are not its pair (undone: {})")
    strays = (
        select(e.id, e.allocation_id)
        .outerjoin_from(_ENTRY, _ALLOCATION, a.id == e.allocation_id)
        .where(e.allocation_id.is_not(None), a.id.is_(None))
    )
    return wrong + found(session, strays, "entry.allocation", "entry", "there is no allocation {}")


# --- on every day ---------------------------------------------------------------------------------


def open_is_never_negative_on_any_day(session: Session) -> list[Problem]:
    query = _days_with(_day_nets("receivable_id"), lambda level: level < 0)
    words = "on {} its open amount is {}"
    return found(session, query, "receivable.negative", "receivable", words)


def unapplied_is_never_positive_on_any_day(session: Session) -> list[Problem]:
    """Of each receipt and credit note, and so of each customer and currency."""
    problems = []
    for table in ("receipt", "credit_note"):
        nets = _day_nets(f"{table}_id", _ENTRY.c.receivable_id.is_(None))
        words = "on {} it had been used for {} more than there was"
        problems += found(session, _days_with(nets, lambda level: level > 0), f"{table}.overdrawn", table, words)
    return problems


# --- collecting -----------------------------------------------------------------------------------


def covers_are_within_their_subject(session: Session) -> list[Problem]:
    """What a promise, claim or dispute takes out of dunning is at most its amount, of its customer and currency, and
    active exactly while it counts."""
    cover = _TABLES["cover"]
    problems = []
    for kind, live in (
        ("promise", PromiseState.open), ("claim", ClaimState.pending), ("dispute", DisputeState.open)
    ):  # fmt: skip
        table = _TABLES[kind]
        mine = and_(cover.c.kind == kind, cover.c.subject_id == table.c.id)
        total = cast(func.sum(cover.c.amount_minor), BigInteger)
        too_much = (
            select(table.c.id, table.c.amount_minor, total)
            .join_from(table, cover, mine)
            .group_by(table.c.id, table.c.amount_minor)
            .having(total > table.c.amount_minor)
        )
        problems += found(session, too_much, "cover.sum", kind, "of {}, but its covers sum up to {}")
        wrong = (
            select(cover.c.id, literal(kind), cover.c.subject_id)
            .select_from(
                cover.outerjoin(table, cover.c.subject_id == table.c.id).join(
                    _RECEIVABLE, _RECEIVABLE.c.id == cover.c.receivable_id
                )
            )
            .where(cover.c.kind == kind)
        )
        foreign = or_(
            table.c.id.is_(None),
            table.c.customer_id != _RECEIVABLE.c.customer_id,
            table.c.currency != _RECEIVABLE.c.currency,
        )
        stale = case((cover.c.active, 1), else_=0) != case((table.c.state == live, 1), else_=0)
        words = "{} {} is not of this receivable's customer and currency"
        problems += found(session, wrong.where(foreign), "cover.subject", "cover", words)
        problems += found(session, wrong.where(stale), "cover.active", "cover", "not as active as {} {}")
    return problems


def one_promise_is_open(session: Session) -> list[Problem]:
    p = _TABLES["promise"].c
    query = doubles(_TABLES["promise"], [p.customer_id, p.currency], p.state == PromiseState.open)
    return found(session, query, "promise.open", "promise", "{} promises of one customer and currency are open")


def one_case_is_running(session: Session) -> list[Problem]:
    c = _TABLES["case_file"].c
    query = doubles(_TABLES["case_file"], [c.customer_id, c.currency], c.state != "closed")
    return found(session, query, "case.running", "case_file", "{} cases of one customer and currency are running")


def one_collecting_task_is_open(session: Session) -> list[Problem]:
    t = _TABLES["task"].c
    about_a_customer = and_(t.state == "open", t.customer_id.is_not(None))
    query = doubles(_TABLES["task"], [t.customer_id, t.person_id, t.kind], about_a_customer)
    return found(session, query, "task.open", "task", "{} tasks of one kind are open for one customer and person")


def a_step_fires_once(session: Session) -> list[Problem]:
    f = _TABLES["firing"].c
    key = [f.receivable_id, f.due_on, f.step, f.occurrence, f.audience]
    return found(session, doubles(_TABLES["firing"], key), "firing.twice", "firing", "{} firings of one step occurrence")


def firings_belong_to_their_receivable(session: Session) -> list[Problem]:
    f, case_file = _TABLES["firing"].c, _TABLES["case_file"]
    query = (
        select(f.id, f.receivable_id, f.case_id)
        .select_from(
            _TABLES["firing"]
            .join(_RECEIVABLE, _RECEIVABLE.c.id == f.receivable_id)
            .join(case_file, case_file.c.id == f.case_id)
        )
        .where(
            or_(
                f.customer_id != _RECEIVABLE.c.customer_id,
                f.customer_id != case_file.c.customer_id,
                _RECEIVABLE.c.currency != case_file.c.currency,
            )
        )
    )
    words = "receivable {}, case {} and it are not of one customer and currency"
    return found(session, query, "firing.subject", "firing", words)


def outbox_rows_are_where_their_state_says(session: Session) -> list[Problem]:
    """Ended rows say when, waiting ones don't; a row that is being sent has a lease."""
    o = _TABLES["outbox"].c
    ended = o.state.in_([OutboxState.sent, OutboxState.dead, OutboxState.cancelled])
    waiting = o.state.in_([OutboxState.pending, OutboxState.retry, OutboxState.sending])
    not_done = select(o.id, o.state).where(ended, o.done_at.is_(None))
    too_early = select(o.id, o.state).where(waiting, o.done_at.is_not(None))
    no_lease = select(o.id, o.state).where(o.state == OutboxState.sending, o.lease_until.is_(None))
    return [
        *found(session, not_done, "outbox.done", "outbox", "{}, but it has no done_at"),
        *found(session, too_early, "outbox.done", "outbox", "{}, but it has a done_at"),
        *found(session, no_lease, "outbox.lease", "outbox", "{}, but it has no lease"),
    ]


INVARIANTS: list[Callable[[Session], list[Problem]]] = [
    receivable_open_is_the_sum_of_its_entries,
    receivable_amount_is_issue_and_adjustments,
    settled_on_is_the_day_it_last_became_zero,
    credit_open_is_the_sum_of_its_entries,
    credit_amount_is_what_was_posted,
    entries_have_the_sign_and_side_of_their_kind,
    entries_agree_with_their_rows,
    receivables_are_issued_once,
    allocations_are_pairs_that_cancel_out,
    open_is_never_negative_on_any_day,
    unapplied_is_never_positive_on_any_day,
    covers_are_within_their_subject,
    one_promise_is_open,
    one_case_is_running,
    one_collecting_task_is_open,
    a_step_fires_once,
    firings_belong_to_their_receivable,
    outbox_rows_are_where_their_state_says,
]


# --- queries they share ---------------------------------------------------------------------------


def found(session: Session, query: Select[Any], code: str, table: str, words: str) -> list[Problem]:
    """The query's first column is the row's id, the others fill the words."""
    rows = session.execute(query.order_by(query.selected_columns[0]))
    return [Problem(code, table, id_, words.format(*facts)) for id_, *facts in rows]


def _sums(column: str, condition: ColumnElement[bool] | None = None) -> FromClause:
    subject = _ENTRY.c[column]
    total = cast(func.sum(_ENTRY.c.amount_minor), BigInteger)
    query = select(subject.label("subject"), total.label("amount")).where(subject.is_not(None)).group_by(subject)
    return (query if condition is None else query.where(condition)).subquery()


def _posted(column: str, kind: EntryKind) -> FromClause:
    """What the entries of one kind say about each subject: amount, day, how many."""
    subject = _ENTRY.c[column]
    return (
        select(
            subject.label("subject"),
            cast(func.sum(_ENTRY.c.amount_minor), BigInteger).label("amount"),
            func.min(_ENTRY.c.effective_on).label("day"),
            func.count().label("number"),
        )
        .where(_ENTRY.c.kind == kind, subject.is_not(None))
        .group_by(subject)
        .subquery()
    )


def _day_nets(column: str, condition: ColumnElement[bool] | None = None) -> Select[Any]:
    """What each day changed on each subject."""
    subject, day = _ENTRY.c[column], _ENTRY.c.effective_on
    net = cast(func.sum(_ENTRY.c.amount_minor), BigInteger)
    query = select(subject.label("subject"), day.label("day"), net.label("amount")).where(subject.is_not(None))
    return (query if condition is None else query.where(condition)).group_by(subject, day)


def _days_with(nets: Select[Any], wrong: Callable[[ColumnElement[int]], ColumnElement[bool]]) -> Select[Any]:
    """The days on which the level that the changes lead up to is wrong."""
    n = nets.subquery().c
    running = func.sum(n.amount).over(partition_by=n.subject, order_by=n.day)
    levels = select(n.subject, n.day, cast(running, BigInteger).label("level")).subquery().c
    return select(levels.subject, levels.day, levels.level).where(wrong(levels.level))


def doubles(table: Table, key: Sequence[ColumnElement[Any]], condition: ColumnElement[bool] | None = None) -> Select[Any]:
    """The first of several rows with the same key, and how many there are."""
    number: ColumnElement[Any] = func.count()
    query = select(func.min(table.c.id), number).group_by(*key).having(number > 1)
    return query if condition is None else query.where(condition)
