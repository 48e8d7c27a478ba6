"""What must always hold of orders, requests, limits and ratings; `huikuan ledger check` runs these as well."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import String, and_, case, cast, exists, func, or_, select
from sqlmodel import Session

from core.credit.parts import OF_ALL
from core.credit.seats import has_a_say
from core.ledger.invariants import Problem, doubles, found
from core.models import (
    Audit,
    CreditLine,
    CreditRequest,
    CreditVote,
    Customer,
    Entry,
    EntryKind,
    GroupLimit,
    Hold,
    LimitProposal,
    Order,
    OrderState,
    Receivable,
    RequestState,
    Shipment,
)
from core.models.base import table_of
from core.models.credit import Rating

A, C, E, H, L, O, P, Q, R, S, T, V, G = (  # noqa: E741
    table_of(model) for model in (
        Audit, Customer, Entry, Hold, CreditLine, Order, LimitProposal, CreditRequest, Receivable, Shipment, Rating,
        CreditVote, GroupLimit,
    )
)  # fmt: skip
DECIDED = (RequestState.approved, RequestState.rejected)
# The order was another one when this was decided, or the decision held no longer.
CHANGED = exists().where(
    A.c.subject == "order", A.c.subject_id == Q.c.order_id, A.c.action.in_(("order.changed", "credit.anew")),
    A.c.at >= Q.c.decided_at,
)  # fmt: skip
_ZONE = "zone"  # in the session's notes
FREE = (OrderState.released, OrderState.closed)
Key = tuple[int, str, str]  # customer, currency, order number
Uses = dict[tuple[str, int, str], int]  # (part, customer, currency): minor units


def check(session: Session, zone: str = "Asia/Shanghai") -> list[Problem]:
    """`zone`: of the company's days."""
    session.info[_ZONE] = zone
    return [problem for invariant in INVARIANTS for problem in invariant(session)]


# --- verdicts and decisions ---------------------------------------------------------------------------


def released_orders_have_a_verdict_or_a_decision(session: Session) -> list[Problem]:
    """Without a reason against it, the figures that say so; with one, somebody's yes."""
    approved = exists().where(Q.c.order_id == O.c.id, Q.c.state == RequestState.approved)
    silent = and_(_empty(O.c.reasons), _empty(O.c.facts))
    query = select(O.c.id, O.c.number, O.c.state).where(
        O.c.state == OrderState.released, ~approved, or_(silent, ~_empty(O.c.reasons))
    )
    return found(session, query, "order.released", "sales_order", "{} is {} without a verdict or anybody's word")


def requests_end_once(session: Session) -> list[Problem]:
    """One that is over says when, one that was decided also who; an order waits for one answer, and gets one, and another
    one each time it is changed."""
    over = Q.c.state != RequestState.pending
    when = select(Q.c.id, Q.c.state).where(over != Q.c.decided_at.is_not(None))
    who = select(Q.c.id, Q.c.state).where(
        Q.c.state.in_(DECIDED) != Q.c.decided_by_id.is_not(None), Q.c.state != RequestState.withdrawn
    )  # by the rep, or by the order system
    waiting = doubles(Q, [Q.c.order_id], Q.c.state == RequestState.pending)
    decided = doubles(Q, [Q.c.order_id], and_(Q.c.state.in_(DECIDED), ~CHANGED))
    return [
        *found(session, when, "request.decided", "credit_request", "{}, and when is not said, or too early"),
        *found(session, who, "request.decided", "credit_request", "{}, and by whom doesn't fit that"),
        *found(session, waiting, "request.pending", "credit_request", "{} requests about its order are pending"),
        *found(session, decided, "request.twice", "credit_request", "its order was decided {} times"),
    ]


def orders_are_what_their_requests_made_them(session: Session) -> list[Problem]:
    """Pending: held. Approved: released, or waiting for the prepayment. Rejected: rejected, and nothing else is."""
    waits = or_(O.c.state == OrderState.held)
    agreed = or_(O.c.state.in_((*FREE, OrderState.cancelled)), and_(waits, ~_empty(O.c.conditions)))
    agreed = or_(agreed, O.c.state == OrderState.refused)  # blacklisted before the prepayment came
    joined = select(Q.c.id, Q.c.state, O.c.number, O.c.state).join_from(Q, O, O.c.id == Q.c.order_id)
    wrong = or_(
        and_(Q.c.state == RequestState.pending, ~waits),
        and_(Q.c.state == RequestState.approved, ~agreed, ~CHANGED),
        and_(Q.c.state == RequestState.rejected, O.c.state != OrderState.rejected, ~CHANGED),
    )
    rejected = exists().where(Q.c.order_id == O.c.id, Q.c.state == RequestState.rejected)
    alone = select(O.c.id, O.c.number).where(O.c.state == OrderState.rejected, ~rejected)
    return [
        *found(session, joined.where(wrong), "request.order", "credit_request", "{}, but order {} is {}"),
        *found(session, alone, "order.rejected", "sales_order", "nobody rejected {}"),
    ]


def decisions_are_by_those_who_were_asked(session: Session) -> list[Problem]:
    """By the people of the last rung, never by who asked, this time or before; each word stands in the audit."""
    decided = select(Q.c.id, Q.c.decided_by_id, Q.c.rungs, Q.c.rung).where(Q.c.state.in_(DECIDED)).order_by(Q.c.id)
    problems = [
        Problem("request.rung", "credit_request", row.id, f"decided by person {row.decided_by_id}, who was not asked")
        for row in session.execute(decided)
        if row.rung >= len(row.rungs) or not has_a_say(row.rungs[row.rung], row.decided_by_id)
    ]
    votes = V.join(Q, Q.c.id == V.c.request_id).join(O, O.c.id == Q.c.order_id)
    before = Q.alias("before")
    asked = exists().where(
        before.c.order_id == Q.c.order_id, before.c.id < Q.c.id, before.c.asked_by_id == V.c.person_id
    )  # fmt: skip
    mine = or_(and_(V.c.person_id == O.c.asked_by_id, ~CHANGED), V.c.person_id == Q.c.asked_by_id, asked)
    own = select(V.c.request_id, V.c.person_id).select_from(votes).where(mine)
    said = exists().where(
        A.c.subject == "credit", A.c.subject_id == V.c.request_id, A.c.action == "credit.voted",
        A.c.person_id == V.c.person_id,
    )  # fmt: skip
    unsaid = select(V.c.request_id, V.c.person_id).where(~said)
    refused = select(V.c.request_id, V.c.person_id, Q.c.state).select_from(votes).where(
        ~V.c.approve, Q.c.state != RequestState.rejected
    )
    word = exists().where(
        V.c.request_id == Q.c.id, V.c.request_rev == Q.c.rev, V.c.rung == Q.c.rung, V.c.person_id == Q.c.decided_by_id
    )
    wordless = select(Q.c.id, Q.c.state).where(Q.c.state.in_(DECIDED), ~word)
    return [
        *problems,
        *found(session, own, "vote.own", "credit_vote", "person {} decided about what they asked for"),
        *found(session, unsaid, "vote.audit", "credit_vote", "the audit says nothing of the word of person {}"),
        *found(session, refused, "vote.no", "credit_vote", "person {} said no, and it is {}"),
        *found(session, wordless, "request.vote", "credit_request", "{} without the word of whoever decided"),
    ]


def what_was_decided_stands_in_the_audit(session: Session) -> list[Problem]:
    """Of each request that is over that it is, by whoever decided, on what facts; of each order how it became what it is;
    of each hold by a person who set and who ended it, and why."""

    def says(subject: str, of: Any, customer: Any, *what: Any) -> Any:
        about = A.c.customer_id == customer, A.c.subject == subject, A.c.subject_id == of
        return exists().where(*about, *what)

    ended = says(
        "credit", Q.c.id, Q.c.customer_id, A.c.action == "credit." + Q.c.state, A.c.at == Q.c.decided_at,
        _has(A.c.data, "facts"), _has(A.c.data, "conditions"), _has(A.c.data, "reason"),
        or_(Q.c.decided_by_id.is_(None), A.c.person_id == Q.c.decided_by_id),
    )  # fmt: skip
    by_itself = says(
        "credit", Q.c.id, Q.c.customer_id, A.c.action == "credit." + Q.c.state, A.c.at == Q.c.decided_at,
        A.c.person_id.is_(None), _has(A.c.data, "facts"),
    )  # fmt: skip
    left = says("credit", Q.c.id, Q.c.customer_id, A.c.action == "credit.left")  # the last of them who had said nothing
    became = or_(A.c.action == "order." + O.c.state, A.c.action.in_(("order.changed", "credit.anew")))
    told = says("order", O.c.id, O.c.customer_id, became)
    by_hand = H.c.kind.in_(("manual", "blacklist"))
    begun = says("customer", H.c.customer_id, H.c.customer_id, A.c.action == "hold." + H.c.kind, _has(A.c.data, "reason"))
    over = and_(by_hand, H.c.ended_on.is_not(None))
    return [
        *found(
            session, select(Q.c.id, Q.c.state).where(Q.c.state != RequestState.pending, ~ended, ~and_(by_itself, left)),
            "request.audit", "credit_request", "{}, and the audit doesn't say by whom, when and on what facts",
        ),
        *found(
            session, select(O.c.id, O.c.number, O.c.state).where(~told), "order.audit", "sales_order",
            "{} is {}, and the audit doesn't say how",
        ),
        *found(session, select(H.c.id, H.c.kind).where(by_hand, ~begun), "hold.audit", "hold", "{}, unknown to the audit"),
        *found(session, select(H.c.id, H.c.kind).where(over, H.c.ended_by == ""), "hold.by", "hold", "{}, ended by nobody"),
    ]  # fmt: skip


# --- what is used up ----------------------------------------------------------------------------------


def exposures_are_what_the_entries_say(session: Session) -> list[Problem]:
    """By the statement that verdicts go by, and added up here from entries, orders and shipments."""
    counted: Uses = defaultdict(int)
    asked = {"customer": 0, "today": date.max, "zone": _zone(session)}  # of money to come, too
    for part, customer, currency, first, second, *_ in session.execute(OF_ALL, asked):
        if part in ("open", "paid", "orders", "shipments"):
            counted[part, customer, currency] += first
        if part == "orders":
            counted["shipments", customer, currency] += second
    plain = _uses(session)
    return [
        Problem("credit.exposure", "customer", key[1], f"{key[0]} in {key[2]} is {counted[key]}, added up {plain[key]}")
        for key in sorted({*counted, *plain})
        if counted[key] != plain[key]
    ]


def _zone(session: Session) -> str:
    return str(session.info.get(_ZONE, "Asia/Shanghai"))


def _uses(session: Session) -> Uses:
    uses: Uses = defaultdict(int)
    about = E.c.receivable_id.is_not(None)
    sums = select(E.c.customer_id, E.c.currency, about, func.sum(E.c.amount_minor))
    for customer, currency, owed, minor in session.execute(sums.group_by(E.c.customer_id, E.c.currency, about)):
        uses["open" if owed else "paid", customer, currency] += int(minor) if owed else -int(minor)
    faces = (
        select(
            R.c.id, R.c.customer_id, R.c.currency, R.c.order_no, R.c.issued_on, R.c.settled_on, func.sum(E.c.amount_minor)
        )
        .join_from(E, R, R.c.id == E.c.receivable_id)
        .where(E.c.kind.in_((EntryKind.issue, EntryKind.adjustment)))
        .group_by(R.c.id, R.c.customer_id, R.c.currency, R.c.order_no, R.c.issued_on, R.c.settled_on)
    )
    invoiced: dict[Key, list[tuple[int, date, date | None, int]]] = defaultdict(list)
    for receivable, customer, currency, number, issued_on, settled_on, minor in session.execute(faces):
        invoiced[customer, currency, number].append((receivable, issued_on, settled_on, int(minor)))
    shipped: dict[Key, list[tuple[date, int]]] = defaultdict(list)
    gone = select(S.c.customer_id, S.c.currency, S.c.order_no, S.c.shipped_on, S.c.amount_minor)
    for customer, currency, number, on, minor in session.execute(gone):
        shipped[customer, currency, number].append((on, minor))
    own_day = case((func.count(O.c.ordered_on) == func.count(), func.min(O.c.ordered_on)))
    ordered = select(O.c.customer_id, O.c.currency, O.c.number, func.sum(O.c.amount_minor), func.min(O.c.placed_at), own_day)
    ordered = ordered.where(O.c.state == OrderState.released).group_by(O.c.customer_id, O.c.currency, O.c.number)
    zone = ZoneInfo(_zone(session))
    released = {
        (row[0], row[1], row[2]): (int(row[3]), row[4].astimezone(zone).date(), row[5]) for row in session.execute(ordered)
    }
    history = _history(session)
    for key, (amount, placed, own) in released.items():
        taken = sum(
            minor for receivable, issued, settled, minor in invoiced[key]
            if (issued >= own if own is not None else not _was_settled(history[receivable], issued, settled, placed))
        )  # fmt: skip
        theirs = sum(face for *_, face in invoiced[key]) - taken
        all_of_it, before = (sum(minor for on, minor in shipped[key] if on < day) for day in (date.max, own or placed))
        out = max(0, all_of_it - (before if own is not None else min(before, theirs)) - taken)
        uses["shipments", key[0], key[1]] += max(out, all_of_it - taken - theirs)
        uses["orders", key[0], key[1]] += max(0, max(0, amount - taken) - out)
    for key, sent in shipped.items():
        if key not in released:
            left = sum(minor for _, minor in sent) - sum(face for *_, face in invoiced[key])
            uses["shipments", key[0], key[1]] += max(0, left)
    return uses


def _history(session: Session) -> dict[int, list[tuple[date, int]]]:
    """By receivable, of those that were there before a released order with their number came."""
    there = exists().where(
        O.c.customer_id == R.c.customer_id, O.c.number == R.c.order_no, O.c.currency == R.c.currency,
        O.c.state == OrderState.released,
    )  # fmt: skip
    rows: dict[int, list[tuple[date, int]]] = defaultdict(list)
    query = select(E.c.receivable_id, E.c.effective_on, E.c.amount_minor).join_from(E, R, R.c.id == E.c.receivable_id)
    for receivable, on, minor in session.execute(query.where(R.c.order_no != "", there)):
        rows[receivable].append((on, int(minor)))
    return rows


def _was_settled(entries: list[tuple[date, int]], issued: date, settled: date | None, placed: date) -> bool:
    """Before an order with its number came."""
    then = [minor for on, minor in entries if on < placed]
    return (settled is not None and settled < placed) or (issued < placed and bool(then) and sum(then) == 0)


# --- what stands --------------------------------------------------------------------------------------


def customers_show_the_rating_in_force(session: Session) -> list[Problem]:
    """The newest version, once one was computed or set here; before that, an import may be ahead of its version."""
    newest = select(T.c.customer_id, func.max(T.c.version).label("version")).group_by(T.c.customer_id).subquery()
    query = (
        select(C.c.id, C.c.rating, T.c.value)
        .join_from(C, newest, newest.c.customer_id == C.c.id)
        .join(T, and_(T.c.customer_id == C.c.id, T.c.version == newest.c.version))
        .where(cast(C.c.edited, String).like('%"rating"%'), C.c.rating != T.c.value)
    )
    return found(session, query, "customer.rating", "customer", "shows {}, its newest rating is {}")


def one_of_each_runs(session: Session) -> list[Problem]:
    lines = doubles(L, [L.c.customer_id, L.c.currency, L.c.kind], L.c.ended_on.is_(None))
    holds = doubles(H, [H.c.customer_id, H.c.currency, H.c.kind], H.c.ended_on.is_(None))
    groups = doubles(G, [G.c.group_name], G.c.ended_on.is_(None))
    proposals = doubles(P, [P.c.customer_id], P.c.state == "pending")
    return [
        *found(session, lines, "line.running", "credit_line", "{} of one kind add to one customer's limit"),
        *found(session, holds, "hold.running", "hold", "{} of one kind run for one customer"),
        *found(session, groups, "group_limit.running", "group_limit", "{} limits of one group run"),
        *found(session, proposals, "proposal.pending", "limit_proposal", "{} proposals for one customer are pending"),
    ]


INVARIANTS: list[Callable[[Session], list[Problem]]] = [
    released_orders_have_a_verdict_or_a_decision,
    requests_end_once,
    orders_are_what_their_requests_made_them,
    decisions_are_by_those_who_were_asked,
    what_was_decided_stands_in_the_audit,
    exposures_are_what_the_entries_say,
    customers_show_the_rating_in_force,
    one_of_each_runs,
]


def _empty(column: Any) -> Any:
    """Of a column with a JSON list or object."""
    return cast(column, String).in_(("[]", "{}"))


def _has(column: Any, key: str) -> Any:
    return cast(column, String).like(f'%"{key}":%')
