"""Reads the facts of many customers at once, as of a business date: a fixed number of statements, never one a row."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, String, and_, cast, func, or_, select
from sqlalchemy import case as sql_case

from core.dunning.facts import CaseFacts, ReceivableFacts, net
from core.dunning.ladder import Policy
from core.dunning.org import Member, Org
from core.ledger.balances import changed_since, unapplied
from core.models import (
    Allocation,
    Case,
    Cover,
    Customer,
    Entry,
    Firing,
    Pause,
    PauseState,
    Person,
    Promise,
    PromiseState,
    Receipt,
    Receivable,
)
from core.models.base import among, table_of
from core.work import Work

R = table_of(Receivable)
C = table_of(Customer)
E = table_of(Entry)
Z, V, Q, A, N = (table_of(m) for m in (Pause, Cover, Promise, Allocation, Receipt))

# Null for none, as with most: that spares decoding empty lists by the ten thousand.
_TAGS = sql_case((cast(R.c.tags, String) != "[]", R.c.tags))


def load_org(work: Work) -> Org:
    """Everybody, active or not."""
    rows = work.session.execute(select(table_of(Person))).mappings()
    return Org(
        Member(
            id=p["id"],
            handle=p["handle"],
            name=p["name"],
            roles=frozenset(p["roles"]),
            manager_id=p["manager_id"],
            region=p["region"],
            active=p["active"],
            zone=ZoneInfo(p["timezone"]) if p["timezone"] else None,
            lang=p["locale"] or work.company.lang,
        )
        for p in rows
    )


def candidates(work: Work) -> list[int]:
    """Customers with a receivable that a step may be reached for today. Ends the looks at what is settled."""
    day = work.today
    settled = and_(R.c.next_step_on <= day, R.c.open_minor == 0, R.c.settled_on <= day)
    work.session.execute(R.update().where(settled).values(next_step_on=None))
    rows = work.session.execute(
        select(R.c.customer_id).where(R.c.next_step_on <= day, R.c.issued_on <= day).distinct().order_by(R.c.customer_id)
    )
    return list(rows.scalars())


def load_cases(work: Work, policy: Policy, customer_ids: Sequence[int], day: date | None = None) -> list[CaseFacts]:
    """The netted facts of each customer and currency that has something open on `day` (default: today), or a running
    case. Ordered by customer."""
    day = day or work.today
    session = work.session
    whose = select(
        C.c.id, C.c.code, C.c.name, C.c.short_name, C.c.rating, C.c.type, C.c.region, C.c.tags, C.c.owner_id, C.c.no_letters
    ).where(among(C.c.id, customer_ids))
    customers = {row.id: row for row in session.execute(whose)}
    cases: dict[tuple[int, str], CaseFacts] = {}

    def case_of(customer_id: int, currency: str) -> CaseFacts:
        key = (customer_id, currency)
        if key not in cases:
            c = customers[customer_id]
            cases[key] = CaseFacts(
                customer_id=customer_id,
                currency=currency,
                code=c.code,
                name=c.short_name or c.name,
                rating=c.rating,
                type=c.type,
                region=c.region,
                tags=tuple(c.tags),
                owner_id=c.owner_id,
                no_letters=c.no_letters,
            )
        return cases[key]

    columns = [
        R.c.id, R.c.number, R.c.customer_id, R.c.currency, R.c.issued_on, R.c.due_on, R.c.open_minor, R.c.amount_minor,
        R.c.owner_id, R.c.region, _TAGS, R.c.ladder, R.c.start, R.c.age_shift_days, R.c.case_id, R.c.next_step_on,
    ]  # fmt: skip
    rows = session.execute(
        select(*columns).where(
            among(R.c.customer_id, customer_ids),
            R.c.issued_on <= day,
            or_(R.c.open_minor > 0, R.c.settled_on > day),
        )
    ).all()
    later = _later(work, day, customer_ids)
    by_id: dict[int, ReceivableFacts] = {}
    for (id_, number, customer_id, currency, issued_on, due_on, open_now, amount_minor,
         owner_id, region, tags, ladder, start, shift, case_id, look) in rows:  # fmt: skip
        open_minor = open_now - later.get(id_, 0)
        if open_minor <= 0:
            continue
        facts = by_id[id_] = ReceivableFacts(
            id=id_,
            number=number,
            issued_on=issued_on,
            due_on=due_on,
            open_minor=open_minor,
            amount_minor=amount_minor,
            currency=currency,
            region=region,
            owner_id=owner_id,
            tags=tuple(tags or ()),
            ladder=ladder,
            start=start,
            age_shift_days=shift,
            case_id=case_id,
            next_step_on=look,
        )
        case_of(customer_id, currency).receivables.append(facts)

    running = select(table_of(Case)).where(
        among(table_of(Case).c.customer_id, customer_ids),
        table_of(Case).c.state != "closed",
    )
    for row in session.execute(running).mappings():
        case = case_of(row["customer_id"], row["currency"])
        case.case_id, case.case_severity, case.policy_id = row["id"], row["severity"], row["policy_id"]

    for (customer_id, currency), minor in unapplied(session, day, customer_ids).items():
        if (customer_id, currency) in cases:
            cases[customer_id, currency].unapplied_minor = -minor

    _pauses(work, day, customer_ids, cases.values(), by_id)
    _covers(work, day, customer_ids, cases, by_id)
    _fired(work, customer_ids, by_id)
    for case in cases.values():
        net(case, policy.limits.chase_from(case.currency))
    return [cases[key] for key in sorted(cases)]


def _later(work: Work, day: date, customer_ids: Sequence[int]) -> dict[int, int]:
    """What the entries effective after `day` changed, by receivable: open on `day` is open now minus this."""
    if not changed_since(work.session, day):
        return {}
    rows = work.session.execute(
        select(E.c.receivable_id, cast(func.sum(E.c.amount_minor), BigInteger))
        .where(among(E.c.customer_id, customer_ids), E.c.effective_on > day, E.c.receivable_id.is_not(None))
        .group_by(E.c.receivable_id)
    )
    return {receivable_id: minor for receivable_id, minor in rows}


def _pauses(
    work: Work, day: date, customer_ids: Sequence[int], cases: Iterable[CaseFacts], by_id: dict[int, ReceivableFacts]
) -> None:
    pauses = select(Z.c.customer_id, Z.c.receivable_id).where(
        among(Z.c.customer_id, customer_ids),
        Z.c.state == PauseState.active,
        Z.c.from_on <= day,
        Z.c.until >= day,
    )
    whole = set()
    for customer_id, receivable_id in work.session.execute(pauses):
        if receivable_id is None:
            whole.add(customer_id)
        elif receivable_id in by_id:
            by_id[receivable_id].paused = True
    for case in cases:
        case.paused = case.customer_id in whole


def _covers(
    work: Work,
    day: date,
    customer_ids: Sequence[int],
    cases: dict[tuple[int, str], CaseFacts],
    by_id: dict[int, ReceivableFacts],
) -> None:
    """What promises, claims and disputes take out. Of a promise, only what is not paid since it was made."""
    session = work.session
    covers = (
        select(V.c.kind, V.c.subject_id, V.c.receivable_id, V.c.amount_minor)
        .join(R, R.c.id == V.c.receivable_id)
        .where(among(R.c.customer_id, customer_ids), V.c.active)
    )
    promised: dict[int, dict[int, int]] = defaultdict(dict)
    for kind, subject_id, receivable_id, amount in session.execute(covers):
        facts = by_id.get(receivable_id)
        if facts is None:
            continue
        if kind == "promise":
            promised[subject_id][receivable_id] = amount
        elif kind == "claim":
            facts.claimed_minor += amount
        else:
            facts.disputed_minor += amount
    if not promised:
        return
    open_promises = session.execute(
        select(Q.c.id, Q.c.customer_id, Q.c.currency, Q.c.after_receipt_id).where(
            Q.c.id.in_(promised),
            Q.c.state == PromiseState.open,
        )
    )
    for promise_id, customer_id, currency, after in open_promises:
        covered = promised[promise_id]
        paid = paid_since(work, list(covered), after, day)
        for receivable_id, amount in covered.items():
            by_id[receivable_id].promised_minor = max(0, amount - paid.get(receivable_id, 0))
        cases[customer_id, currency].promise_money_minor = unapplied_since(work, customer_id, currency, after, day)


def paid_since(work: Work, receivable_ids: Sequence[int], after: int, until: date) -> dict[int, int]:
    """Receipt money allocated to each receivable recorded after receipt `after` and is effective by `until`."""
    rows = work.session.execute(
        select(A.c.receivable_id, cast(func.sum(A.c.amount_minor), BigInteger))
        .join(N, N.c.id == A.c.receipt_id)
        .where(
            A.c.receivable_id.in_(receivable_ids),
            A.c.undone_on.is_(None),
            N.c.id > after,
            N.c.received_on <= until,
        )
        .group_by(A.c.receivable_id)
    )
    return {receivable_id: minor for receivable_id, minor in rows}


def unapplied_since(work: Work, customer_id: int, currency: str, after: int, until: date) -> int:
    """Unallocated receipt money of the customer recorded after receipt `after` and is effective by `until`."""
    total = work.session.execute(
        select(cast(func.coalesce(func.sum(N.c.open_minor), 0), BigInteger)).where(
            N.c.customer_id == customer_id,
            N.c.currency == currency,
            N.c.reversed_on.is_(None),
            N.c.id > after,
            N.c.received_on <= until,
        )
    ).scalar_one()
    return int(total)


def _fired(work: Work, customer_ids: Sequence[int], by_id: dict[int, ReceivableFacts]) -> None:
    """A due date moved later starts anew: only firings of this due date, or of a later one, count."""
    F = table_of(Firing)
    rows = work.session.execute(
        select(F.c.receivable_id, F.c.due_on, func.max(F.c.offset_days))
        .where(among(F.c.customer_id, customer_ids))
        .group_by(F.c.receivable_id, F.c.due_on)
    ).all()
    for receivable_id, due_on, offset in rows:
        facts = by_id.get(receivable_id)
        if facts is None or facts.due_on is None or due_on < facts.due_on:
            continue
        facts.fired_offset = offset if facts.fired_offset is None else max(offset, facts.fired_offset)
