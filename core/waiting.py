"""What waits for one person's decision or attention besides their tasks. Reads only, one statement a kind."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Select, cast, exists, func, literal, null, or_, select
from sqlmodel import SQLModel

from core.credit import seats
from core.credit.excess import excess
from core.credit.shown import over_of
from core.dunning.load import load_org
from core.dunning.org import Org
from core.dunning.stored import active
from core.models import ClaimState, DisputeState, FiringOutcome, PauseState, PromiseState, RequestState, TaskState
from core.permissions import letters_of
from core.work import Work

_TABLES = SQLModel.metadata.tables
_PERSON, _CUSTOMER, _RECEIVABLE, _COVER = (_TABLES[name] for name in ("person", "customer", "receivable", "cover"))
_PROMISE, _CLAIM, _DISPUTE, _PAUSE = (_TABLES[name] for name in ("promise", "claim", "dispute", "pause"))
_TASK, _FIRING, _OUTBOX = _TABLES["task"], _TABLES["firing"], _TABLES["outbox"]
_PROPOSAL, _HOLD = _TABLES["limit_proposal"], _TABLES["hold"]
_REQUEST, _VOTE, _ORDER = _TABLES["credit_request"], _TABLES["credit_vote"], _TABLES["sales_order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """`kind` is the kind of its card, `subject` and `id` what the card is about."""

    kind: str
    subject: str
    id: int
    customer_id: int | None = None
    code: str = ""
    customer: str = ""
    amount_minor: int = 0
    currency: str = ""
    on: date | None = None
    who: str = ""  # asked for it
    count: int = 0  # customers, of letters to release
    text: str = ""  # the order's number
    until: datetime | None = None  # the last instant at which they may decide

    @property
    def item(self) -> str:
        return f"{self.subject}:{self.id}"


def waiting(work: Work, person_id: int) -> list[Waiting]:
    """Decisions first, then what is due today; the oldest of a kind first."""
    found = [_order(request) for request in approvals(work, person_id)]
    for query in _queries(work, person_id):
        for row in work.session.execute(query):
            found.append(
                Waiting(
                    kind=row.kind, subject=row.subject, id=row.id, customer_id=row.customer_id, code=row.code or "",
                    customer=row.short_name or row.name or "", amount_minor=row.amount_minor or 0,
                    currency=row.currency or "", on=row.day, who=row.who or "",
                )
            )  # fmt: skip
    found += [*_proposals(work, person_id), *_watched(work, person_id)]
    letters = _letters(work, person_id)
    if letters is not None:
        found.append(letters)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A credit request that one person may decide now. `over_minor`: as its card shows it, in the currency of the limit; 0
    where the order is held for something else. `now_over`: the same by now, with its currency, where that was asked for."""

    id: int
    customer_id: int
    code: str
    customer: str
    order: str  # its number
    amount_minor: int
    currency: str
    over_minor: int
    limit_currency: str
    who: str  # the rep who asks; "" for the order system
    since: datetime
    until: datetime
    rung: int  # from 1
    of_rungs: int
    instead_of: tuple[str, ...] = ()  # names of those who are away, so that this person decides in their place
    now_over: tuple[int, str] | None = None

    @property
    def over(self) -> tuple[int, str]:
        """What is true now, as far as it is known."""
        return self.now_over or (self.over_minor, self.limit_currency)


def approvals(work: Work, person_id: int) -> list[Approval]:
    """What is pending, not past its time, and on a rung that names this person or somebody whose deputy they are today,
    and who hasn't had their say on it yet. The first to expire comes first."""
    q, o, c, v = _REQUEST.c, _ORDER.c, _CUSTOMER.c, _VOTE.c
    mine = (v.request_id == q.id, v.request_rev == q.rev, v.rung == q.rung, v.person_id == person_id)
    query = (
        select(
            q.id, q.customer_id, q.facts, q.rungs, q.rung, q.opened_at, q.expires_at, o.number, o.amount_minor,
            o.currency, o.asked_by_id, c.owner_id, c.code, c.short_name, c.name, _PERSON.c.name.label("who"),
        )
        .select_from(
            _REQUEST.join(_ORDER, o.id == q.order_id).join(_CUSTOMER, c.id == q.customer_id)
            .outerjoin(_PERSON, _PERSON.c.id == q.asked_by_id)
        )
        .where(q.state == RequestState.pending, q.expires_at > work.now, ~exists(select(literal(1)).where(*mine)))
        .order_by(q.expires_at, q.id)
    )  # fmt: skip
    org = load_org(work)
    return [
        Approval(
            id=row.id, customer_id=row.customer_id, code=row.code, customer=row.short_name or row.name, order=row.number,
            amount_minor=row.amount_minor, currency=row.currency, over_minor=over_of(row.facts)[0],
            limit_currency=over_of(row.facts)[1], who=row.who or "", since=row.opened_at,
            until=row.expires_at, rung=row.rung + 1, of_rungs=len(row.rungs),
            instead_of=tuple(org.members[seat].name for seat in _instead_of(row.rungs[row.rung], person_id, org)),
        )
        for row in work.session.execute(query)
        if person_id in seats.may_decide(row.rungs[row.rung])
        or (person_id not in (row.asked_by_id, row.owner_id) and _instead_of(row.rungs[row.rung], person_id, org))
    ]  # fmt: skip


def in_place_of_somebody(work: Work, person_id: int) -> frozenset[int]:
    """Customers whose orders wait for this person's word because somebody is away whose deputy they are."""
    deputy_of = select(_PERSON.c.id).where(_PERSON.c.deputy_id == person_id, _PERSON.c.id != person_id).limit(1)
    if work.session.execute(deputy_of).first() is None:
        return frozenset()
    return frozenset(row.customer_id for row in approvals(work, person_id) if row.instead_of)


def approvals_now(work: Work, person_id: int) -> list[Approval]:
    """The same, with the excess of this moment."""
    found = approvals(work, person_id)
    now = excess(work, active(work)[1].credit, [row.id for row in found])
    return [replace(row, now_over=now[row.id]) for row in found]


def _instead_of(rung: seats.Rung, person_id: int, org: Org) -> list[int]:
    """Who is away today and has this person decide, whether or not anybody has looked since."""
    named = seats.seats(rung)
    return [] if person_id in named else [seat for seat in named if org.stand_in(seat) == person_id]


def _order(row: Approval) -> Waiting:
    return Waiting(
        kind="credit.request", subject="credit", id=row.id, customer_id=row.customer_id, code=row.code,
        customer=row.customer, amount_minor=row.amount_minor, currency=row.currency, who=row.who, text=row.order,
        until=row.until,
    )  # fmt: skip


def _queries(work: Work, person_id: int) -> list[Select[Any]]:
    p, z, m, b = _PROMISE.c, _PAUSE.c, _CLAIM.c, _DISPUTE.c
    t, v, r = _TASK.c, _COVER.c, _RECEIVABLE.c
    # Responsible is the receivable's owner, else the customer's; whoever stands in for them was sent the card.
    covered = _COVER.join(_RECEIVABLE, r.id == v.receivable_id)
    theirs = exists(
        select(literal(1)).select_from(covered)
        .where(v.kind == "promise", v.subject_id == p.id, v.active)
        .where(func.coalesce(r.owner_id, _CUSTOMER.c.owner_id) == person_id)
    )  # fmt: skip
    on_task = exists(
        select(literal(1)).where(t.kind == "dispute", t.state == TaskState.open)
        .where(t.customer_id == b.customer_id, t.person_id == person_id)
    )  # fmt: skip
    return [
        _about(_PROMISE, "promise.approval", "promise", p.amount_minor, p.currency, p.due_on).where(
            p.state == PromiseState.proposed, p.ends_on >= work.today, _sent(_PROMISE, "promise.approval", person_id)
        ),
        _about(_PAUSE, "pause.approval", "pause", null(), null(), z.until).where(
            z.state == PauseState.proposed, z.until >= work.today, _sent(_PAUSE, "pause.approval", person_id)
        ),
        _about(_CLAIM, "claim.review", "claim", m.amount_minor, m.currency, m.paid_on).where(
            m.state == ClaimState.pending, _sent(_CLAIM, "claim.review", person_id)
        ),
        # Usually a task of theirs; without one (it was handed over, or an import made it) it waits all the same.
        _about(_DISPUTE, "dispute.open", "dispute", b.amount_minor, b.currency, null()).where(
            b.state == DisputeState.open, b.owner_id == person_id, ~on_task
        ),
        _about(_PROMISE, "promise.due", "promise", p.amount_minor, p.currency, p.due_on).where(
            p.state == PromiseState.open, p.due_on == work.today, or_(theirs, _sent(_PROMISE, "promise.due", person_id))
        ),
    ]


def _about(table: Any, kind: str, subject: str, amount: Any, currency: Any, day: Any) -> Select[Any]:
    c = _CUSTOMER.c
    columns = (
        literal(kind).label("kind"), literal(subject).label("subject"), table.c.id, table.c.customer_id, c.code,
        c.short_name, c.name, amount.label("amount_minor"), currency.label("currency"), day.label("day"),
        _PERSON.c.name.label("who"),
    )  # fmt: skip
    tables = table.join(_CUSTOMER, c.id == table.c.customer_id).outerjoin(_PERSON, _PERSON.c.id == table.c.made_by_id)
    return select(*columns).select_from(tables).order_by(table.c.id)


def _sent(table: Any, kind: str, person_id: int) -> Any:
    """Whether they were asked: whoever was not sent the card is not the one to decide."""
    o = _OUTBOX.c
    theirs = select(literal(1)).where(o.subject == table.name, o.subject_id == table.c.id, o.person_id == person_id)
    return exists(theirs.where(o.kind == kind, o.op == "send"))


def _proposals(work: Work, person_id: int) -> list[Waiting]:
    """Limits that were proposed to this person."""
    q, c, o = _PROPOSAL.c, _CUSTOMER.c, _OUTBOX.c
    asked = select(literal(1)).where(
        o.subject == "proposal", o.subject_id == q.id, o.person_id == person_id, o.kind == "limit.proposed", o.op == "send"
    )
    query = (
        select(q.id, q.customer_id, q.after_minor, q.currency, q.expires_on, c.code, c.short_name, c.name)
        .join(_CUSTOMER, c.id == q.customer_id)
        .where(q.state == "pending", q.expires_on >= work.today, exists(asked))
        .order_by(q.expires_on, q.id)
    )
    return [
        Waiting(
            kind="limit.proposed", subject="proposal", id=row.id, customer_id=row.customer_id, code=row.code,
            customer=row.short_name or row.name, amount_minor=row.after_minor, currency=row.currency, on=row.expires_on,
        )
        for row in work.session.execute(query)
    ]  # fmt: skip


def _watched(work: Work, person_id: int) -> list[Waiting]:
    """The agenda of management: customers whose overdue total was reported to this person and is still above, the largest
    first; with the total of now."""
    h, r, c, o = _HOLD.c, _RECEIVABLE.c, _CUSTOMER.c, _OUTBOX.c
    told = select(literal(1)).where(
        o.subject == "watch", o.subject_id == h.id, o.person_id == person_id, o.kind == "watch.report", o.op == "send"
    )
    total = (
        select(cast(func.coalesce(func.sum(r.open_minor), 0), BigInteger))
        .where(r.customer_id == h.customer_id, r.currency == h.currency, r.due_on < work.today, r.open_minor != 0)
        .correlate(_HOLD)
        .scalar_subquery()
        .label("minor")
    )
    query = (
        select(h.id, h.customer_id, h.currency, h.from_on, c.code, c.short_name, c.name, total)
        .join(_CUSTOMER, c.id == h.customer_id)
        .where(h.kind == "watch", h.ended_on.is_(None), exists(told))
        .order_by(h.currency, total.desc(), h.id)
    )
    return [
        Waiting(
            kind="watch.report", subject="watch", id=row.id, customer_id=row.customer_id, code=row.code,
            customer=row.short_name or row.name, amount_minor=row.minor, currency=row.currency, on=row.from_on,
        )
        for row in work.session.execute(query)
    ]  # fmt: skip


def _letters(work: Work, person_id: int) -> Waiting | None:
    """Letters in review, of the customers whose letters this person releases; once they were asked."""
    o, f = _OUTBOX.c, _FIRING.c
    asked = select(func.max(o.subject_id)).where(o.subject == "release", o.op == "send", o.person_id == person_id)
    day = work.session.execute(asked).scalar()
    if day is None:
        return None
    theirs = select(_CUSTOMER.c.id).where(letters_of(work.session, person_id).customers())
    count = work.session.execute(
        select(func.count(f.customer_id.distinct())).where(
            f.outcome == FiringOutcome.deferred, f.reason == "in_review", f.stage < 3, f.customer_id.in_(theirs)
        )
    ).scalar_one()
    return Waiting(kind="letters.release", subject="release", id=int(day), count=count) if count else None
