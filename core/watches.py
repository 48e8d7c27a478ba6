"""Customers whose overdue total passes an amount of the policy's `[[watch]]`: the people that it names get a report, once
for each time that it passes. A running hold of the kind `watch` remembers that it did; it stops no orders.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, and_, cast, func, or_, select

from core import outbox
from core.credit import locks
from core.dunning.ladder import Policy, Watch
from core.dunning.load import load_org
from core.ledger.balances import ZERO
from core.models import Customer, Hold, Receivable
from core.models.base import among, table_of
from core.work import Work

SUBJECT, KIND = "watch", "watch.report"
HOLD = "watch"
C, H, R = table_of(Customer), table_of(Hold), table_of(Receivable)
Key = tuple[int, str]  # customer, currency


@dataclass(frozen=True)
class Change:
    """What passed or no longer passes. `before`: which watch was reported last, "" for none; `after`: which it is now."""

    customer_id: int
    currency: str
    before: str
    after: str


def changes(work: Work, policy: Policy) -> list[Change]:
    """What is to be written; reads only, two statements."""
    return _changes(work, policy, None)


def report(work: Work, policy: Policy, found: list[Change]) -> int:
    """Writes what `changes` found, as far as it is still so once the customers are locked; how many were reported."""
    customers = sorted({one.customer_id for one in found})
    locks.lock_ones(work, customers)
    told = 0
    for one in _changes(work, policy, customers):
        ended = _end(work, one)
        if not one.after:
            work.audit("watch.ended", "customer", one.customer_id, one.customer_id, watch=one.before, currency=one.currency)
            continue
        hold = Hold(
            customer_id=one.customer_id, currency=one.currency, kind=HOLD, step=one.after, from_on=work.today, ended_by="",
        )  # fmt: skip
        work.session.add(hold)
        work.session.flush()
        before, after = policy.watch(one.before), policy.watch(one.after)
        if after is None or (ended and before is not None and before.over.get(one.currency, 0) > after.over[one.currency]):
            continue  # it fell below the higher of two: nothing new
        work.audit(KIND, "customer", one.customer_id, one.customer_id, watch=one.after, currency=one.currency)
        _tell(work, policy, after, hold)
        told += 1
    return told


def overdue_minor(work: Work, customer_id: int, currency: str) -> int:
    """All that the customer has overdue in the currency, gross, as /overdue shows it."""
    total = func.coalesce(func.sum(R.c.open_minor), 0)
    mine = and_(R.c.customer_id == customer_id, R.c.currency == currency, R.c.open_minor != ZERO, R.c.due_on < work.today)
    return int(work.session.execute(select(cast(total, BigInteger)).where(mine)).scalar_one())


def _changes(work: Work, policy: Policy, customer_ids: list[int] | None) -> list[Change]:
    running = _running(work, customer_ids)
    passed = _passed(work, policy, customer_ids)
    return [
        Change(*key, running.get(key, ""), passed.get(key, ""))
        for key in sorted({*running, *passed})
        if running.get(key, "") != passed.get(key, "")
    ]


def _running(work: Work, customer_ids: list[int] | None) -> Mapping[Key, str]:
    query = select(H.c.customer_id, H.c.currency, H.c.step).where(H.c.kind == HOLD, H.c.ended_on.is_(None))
    if customer_ids is not None:
        query = query.where(among(H.c.customer_id, customer_ids))
    return {(row.customer_id, row.currency): row.step for row in work.session.execute(query)}


def _passed(work: Work, policy: Policy, customer_ids: list[int] | None) -> Mapping[Key, str]:
    """The highest watch that each customer's overdue total passes."""
    watches = [watch for watch in policy.watches if watch.of == "overdue"]
    least: dict[str, int] = {}
    for watch in watches:
        for currency, minor in watch.over.items():
            least[currency] = min(minor, least.get(currency, minor))
    if not least:
        return {}
    total = cast(func.sum(R.c.open_minor), BigInteger)
    query = (
        select(R.c.customer_id, R.c.currency, total.label("minor"))
        .where(R.c.open_minor != ZERO, R.c.due_on < work.today, R.c.currency.in_(least))
        .group_by(R.c.customer_id, R.c.currency)
        .having(or_(*(and_(R.c.currency == currency, total > minor) for currency, minor in least.items())))
    )
    if customer_ids is not None:
        query = query.where(among(R.c.customer_id, customer_ids))
    found: dict[Key, str] = {}
    for customer_id, currency, minor in work.session.execute(query):
        highest = max((w for w in watches if w.passed(minor, currency)), key=lambda w: w.over[currency])
        found[customer_id, currency] = highest.name
    return found


def _end(work: Work, one: Change) -> bool:
    """Ends the running one, and its cards say so."""
    mine = (H.c.customer_id == one.customer_id, H.c.currency == one.currency, H.c.kind == HOLD, H.c.ended_on.is_(None))
    ids = list(work.session.execute(select(H.c.id).where(*mine)).scalars())
    if ids:
        work.session.execute(H.update().where(H.c.id.in_(ids)).values(ended_on=work.today, ended_by="watch"))
        outbox.touch(work, SUBJECT, ids)
    return bool(ids)


def _tell(work: Work, policy: Policy, watch: Watch, hold: Hold) -> None:
    org, customer = load_org(work), work.session.get_one(Customer, hold.customer_id)
    people: dict[int, None] = {}
    for audience in watch.audience:
        people |= dict.fromkeys(org.resolve(audience, None, customer.owner_id, customer.region)[0])
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"watch:{hold.id}:{person}", kind=KIND, subject=SUBJECT, subject_id=hold.id or 0,
            customer_id=hold.customer_id, person_id=person, windowed=True,
            not_before=outbox.in_work_window(work, policy.windows, org.members.get(person)),
        )
        for person in people
    ])  # fmt: skip
