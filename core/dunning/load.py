"""Reads the facts of many customers at once, as of a business date: a fixed number of statements, never one a row."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Date, String, and_, bindparam, cast, func, or_, select
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
from core.models.base import table_of
from core.permissions import decides_credit
from core.time import months_before
from core.work import Work

R = table_of(Receivable)
C = table_of(Customer)
E = table_of(Entry)
F, K = table_of(Firing), table_of(Case)
Z, V, Q, A, N = (table_of(m) for m in (Pause, Cover, Promise, Allocation, Receipt))

# Null for none, as with most: that spares decoding empty lists by the ten thousand.
_TAGS = sql_case((cast(R.c.tags, String) != "[]", R.c.tags))

# Statements are built once: that costs more than running one for a single customer.
_WHOSE = bindparam("customers", expanding=True, literal_execute=True, type_=BigInteger)
_WHICH = bindparam("ids", expanding=True, literal_execute=True, type_=BigInteger)
_DAY = bindparam("day", type_=Date)
_AFTER = bindparam("after", type_=BigInteger)
_SINCE = bindparam("since", type_=Date)

_PEOPLE = select(
    *(table_of(Person).c[name] for name in (
        "id", "handle", "name", "roles", "manager_id", "region", "active", "timezone", "locale", "deputy_id", "away_from",
        "away_until",
    ))
)  # fmt: skip
_CUSTOMERS = select(
    C.c.id, C.c.code, C.c.name, C.c.short_name, C.c.rating, C.c.type, C.c.region, C.c.tags, C.c.owner_id, C.c.no_letters
).where(C.c.id.in_(_WHOSE))
# In the order of ReceivableFacts: by name, making one takes twice the time.
_SHOWN = (
    R.c.id, R.c.number, R.c.issued_on, R.c.due_on, R.c.open_minor, R.c.amount_minor, R.c.currency, R.c.case_id, R.c.owner_id,
)  # fmt: skip
_DECIDED_BY = (R.c.region, R.c.ladder, R.c.start, R.c.age_shift_days, R.c.next_step_on)


def _owed(*columns: Any) -> Any:
    return select(R.c.customer_id, _TAGS, *columns).where(
        R.c.customer_id.in_(_WHOSE), R.c.issued_on <= _DAY, or_(R.c.open_minor > 0, R.c.settled_on > _DAY)
    )


_OWED, _OWED_TO_SHOW = _owed(*_SHOWN, *_DECIDED_BY), _owed(*_SHOWN)
_RUNNING = select(K).where(K.c.customer_id.in_(_WHOSE), K.c.state != "closed")
_LATER = (
    select(E.c.receivable_id, cast(func.sum(E.c.amount_minor), BigInteger))
    .where(E.c.customer_id.in_(_WHOSE), E.c.effective_on > _DAY, E.c.receivable_id.is_not(None))
    .group_by(E.c.receivable_id)
)
_AVERAGES = (
    select(R.c.customer_id, R.c.currency, cast(func.sum(R.c.amount_minor), BigInteger), func.count())
    .where(R.c.customer_id.in_(_WHOSE), R.c.amount_minor > 0, R.c.issued_on > _SINCE, R.c.issued_on <= _DAY)
    .group_by(R.c.customer_id, R.c.currency)
)
_PAUSED = select(Z.c.customer_id, Z.c.receivable_id).where(
    Z.c.customer_id.in_(_WHOSE), Z.c.state == PauseState.active, Z.c.from_on <= _DAY, Z.c.until >= _DAY
)
_COVERED = (
    select(V.c.kind, V.c.subject_id, V.c.receivable_id, V.c.amount_minor)
    .join(R, R.c.id == V.c.receivable_id)
    .where(R.c.customer_id.in_(_WHOSE), V.c.active)
)
_PROMISED = select(Q.c.id, Q.c.customer_id, Q.c.currency, Q.c.after_receipt_id).where(
    Q.c.id.in_(_WHICH), Q.c.state == PromiseState.open
)
_FIRED = (
    select(F.c.receivable_id, F.c.due_on, func.max(F.c.offset_days))
    .where(F.c.customer_id.in_(_WHOSE))
    .group_by(F.c.receivable_id, F.c.due_on)
)
_PAID = (
    select(A.c.receivable_id, cast(func.sum(A.c.amount_minor), BigInteger))
    .join(N, N.c.id == A.c.receipt_id)
    .where(A.c.receivable_id.in_(_WHICH), A.c.undone_on.is_(None), N.c.id > _AFTER, N.c.received_on <= _DAY)
    .group_by(A.c.receivable_id)
)
_NEWEST = select(func.coalesce(func.max(N.c.id), 0))
_FREE = select(cast(func.coalesce(func.sum(N.c.open_minor), 0), BigInteger)).where(
    N.c.customer_id == bindparam("customer", type_=BigInteger),
    N.c.currency == bindparam("currency", type_=String),
    N.c.reversed_on.is_(None),
    N.c.id > _AFTER,
    N.c.received_on <= _DAY,
)


def load_org(work: Work) -> Org:
    """Everybody, active or not; away as of the business date."""
    day = work.today
    return Org(
        Member(
            id=id_,
            handle=handle,
            name=name,
            roles=frozenset(roles),
            manager_id=manager_id,
            region=region,
            active=active,
            zone=ZoneInfo(timezone) if timezone else None,
            lang=locale or work.company.lang,
            deputy_id=deputy_id,
            away=is_away(away_from, away_until, day),
            decides=decides_credit(roles),
        )
        for (id_, handle, name, roles, manager_id, region, active, timezone, locale, deputy_id, away_from,
             away_until) in work.session.execute(_PEOPLE)
    )  # fmt: skip


def is_away(away_from: date | None, away_until: date | None, day: date) -> bool:
    """Both days are days away; without the first, since ever; without the last, until they are back."""
    if away_from is None and away_until is None:
        return False
    return (away_from is None or away_from <= day) and (away_until is None or day <= away_until)


def candidates(work: Work) -> list[int]:
    """Customers with a receivable that a step may be reached for today. Ends the looks at what is settled."""
    day = work.today
    settled = and_(R.c.next_step_on <= day, R.c.open_minor == 0, R.c.settled_on <= day)
    work.session.execute(R.update().where(settled).values(next_step_on=None))
    rows = work.session.execute(
        select(R.c.customer_id).where(R.c.next_step_on <= day, R.c.issued_on <= day).distinct().order_by(R.c.customer_id)
    )
    return list(rows.scalars())


def load_cases(
    work: Work, policy: Policy, customer_ids: Sequence[int], day: date | None = None, *, to_decide: bool = True
) -> list[CaseFacts]:
    """The netted facts of each customer and currency that has something open on `day` (default: today), or a running
    case. Ordered by customer. `to_decide`: with what the ladder goes by, which a card doesn't tell."""
    day = day or work.today
    session, asked = work.session, {"customers": sorted(customer_ids), "day": day}
    changed = changed_since(session, day)
    customers = {row.id: row for row in session.execute(_CUSTOMERS, asked)}
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

    rows = session.execute(_OWED if to_decide else _OWED_TO_SHOW, asked).all()
    later: dict[int, int] = {r: minor for r, minor in session.execute(_LATER, asked)} if changed else {}
    by_id: dict[int, ReceivableFacts] = {}
    for customer_id, tags, *columns in rows:
        facts = ReceivableFacts(*columns)
        facts.open_minor -= later.get(facts.id, 0)
        if facts.open_minor <= 0:
            continue
        facts.tags = (*(tags or ()), *policy.tags_of(facts.amount_minor, facts.currency))
        by_id[facts.id] = facts
        case_of(customer_id, facts.currency).receivables.append(facts)

    for row in session.execute(_RUNNING, asked).mappings():
        case = case_of(row["customer_id"], row["currency"])
        case.case_id, case.case_severity, case.policy_id = row["id"], row["severity"], row["policy_id"]

    for (customer_id, currency), minor in unapplied(session, day, customer_ids, changed=changed).items():
        if (customer_id, currency) in cases:
            cases[customer_id, currency].unapplied_minor = -minor

    if policy.asks_averages:
        since = months_before(day, policy.credit.rating.window_months)
        for customer_id, currency, minor, count in session.execute(_AVERAGES, asked | {"since": since}):
            if (customer_id, currency) in cases:
                cases[customer_id, currency].average_minor = Decimal(minor) / count
    _pauses(work, asked, cases.values(), by_id)
    _covers(work, asked, cases, by_id)
    if to_decide:
        _fired(work, asked, by_id)
    for case in cases.values():
        net(case, policy.limits.chase_from(case.currency))
    return [cases[key] for key in sorted(cases)]


_AHEAD = "cases read ahead"


def read_ahead(work: Work, policy: Policy, customer_ids: Sequence[int]) -> None:
    """Reads the cases of many customers at once, for `cases_of`. They are locked, and nothing of theirs changes before."""
    ahead: dict[int, list[CaseFacts]] = {customer_id: [] for customer_id in customer_ids}
    for case in load_cases(work, policy, customer_ids):
        ahead[case.customer_id].append(case)
    work.session.info[_AHEAD] = ahead


def cases_of(work: Work, policy: Policy, customer_id: int) -> list[CaseFacts]:
    """One customer's, as they are before anything is changed: read ahead, or now."""
    known: list[CaseFacts] | None = work.session.info.get(_AHEAD, {}).pop(customer_id, None)
    return known if known is not None else load_cases(work, policy, [customer_id])


def _pauses(
    work: Work, asked: dict[str, Any], cases: Iterable[CaseFacts], by_id: dict[int, ReceivableFacts]
) -> None:
    whole = set()
    for customer_id, receivable_id in work.session.execute(_PAUSED, asked):
        if receivable_id is None:
            whole.add(customer_id)
        elif receivable_id in by_id:
            by_id[receivable_id].paused = True
    for case in cases:
        case.paused = case.customer_id in whole


def _covers(
    work: Work,
    asked: dict[str, Any],
    cases: dict[tuple[int, str], CaseFacts],
    by_id: dict[int, ReceivableFacts],
) -> None:
    """What promises, claims and disputes take out. Of a promise, only what is not paid since it was made."""
    session, day = work.session, asked["day"]
    promised: dict[int, dict[int, int]] = defaultdict(dict)
    for kind, subject_id, receivable_id, amount in session.execute(_COVERED, asked):
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
    newest = newest_receipt(work)
    for promise_id, customer_id, currency, after in session.execute(_PROMISED, {"ids": sorted(promised)}):
        covered = promised[promise_id]
        paid = paid_since(work, list(covered), after, day) if after < newest else {}
        for receivable_id, amount in covered.items():
            by_id[receivable_id].promised_minor = max(0, amount - paid.get(receivable_id, 0))
        if after < newest:
            cases[customer_id, currency].promise_money_minor = unapplied_since(work, customer_id, currency, after, day)


def newest_receipt(work: Work) -> int:
    """The id of the receipt that was recorded last, of all customers; 0 before the first."""
    newest: int = work.session.execute(_NEWEST).scalar_one()
    return newest


def paid_since(work: Work, receivable_ids: Sequence[int], after: int, until: date) -> dict[int, int]:
    """Receipt money allocated to each receivable recorded after receipt `after` and is effective by `until`."""
    rows = work.session.execute(_PAID, {"ids": sorted(receivable_ids), "after": after, "day": until})
    return {receivable_id: minor for receivable_id, minor in rows}


def unapplied_since(work: Work, customer_id: int, currency: str, after: int, until: date) -> int:
    """Unallocated receipt money of the customer recorded after receipt `after` and is effective by `until`."""
    asked = {"customer": customer_id, "currency": currency, "after": after, "day": until}
    total = work.session.execute(_FREE, asked).scalar_one()
    return int(total)


def _fired(work: Work, asked: dict[str, Any], by_id: dict[int, ReceivableFacts]) -> None:
    """A due date moved later starts anew: only firings of this due date, or of a later one, count."""
    for receivable_id, due_on, offset in work.session.execute(_FIRED, asked).all():
        facts = by_id.get(receivable_id)
        if facts is None or facts.due_on is None or due_on < facts.due_on:
            continue
        facts.fired_offset = offset if facts.fired_offset is None else max(offset, facts.fired_offset)
