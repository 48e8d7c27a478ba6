"""Money that came in, as people hear of it: one line a day to the owner, one chore for what is not allocated yet."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import BigInteger, bindparam, select, union

from core import chores, outbox
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.models import (
    Allocation,
    Case,
    CaseState,
    CreditNote,
    Customer,
    OutboxMessage,
    Promise,
    PromiseState,
    Receipt,
    Receivable,
)
from core.models.base import table_of
from core.work import Work

N, K, C, A, R = table_of(Receipt), table_of(Case), table_of(Customer), table_of(Allocation), table_of(Receivable)
G = table_of(CreditNote)

# Statements are built once: that costs more than running one for a single customer.
_WHOSE = bindparam("customers", expanding=True, type_=BigInteger)
_NOW = bindparam("now", type_=A.c.undone_at.type)
_OTHER = A.alias()
_INSTEAD = select(_OTHER.c.id).where(
    _OTHER.c.receivable_id == R.c.id, _OTHER.c.recorded_at == _NOW, _OTHER.c.undone_on.is_(None)
)
_TAKEN_BACK = (
    select(K.c.customer_id, R.c.owner_id)
    .join(R, R.c.case_id == K.c.id)
    .join(A, A.c.receivable_id == R.c.id)
    .outerjoin(N, N.c.id == A.c.receipt_id)
    .outerjoin(G, G.c.id == A.c.credit_note_id)
    .where(K.c.customer_id.in_(_WHOSE), K.c.state != CaseState.closed, R.c.open_minor > 0)
    .where(A.c.undone_at == _NOW, N.c.reversed_on.is_not(None) | G.c.cancelled_on.is_not(None), ~_INSTEAD.exists())
    .order_by(R.c.id)
)
_UNAPPLIED = union(
    *(select(table.c.customer_id).where(table.c.customer_id.in_(_WHOSE), table.c.open_minor > 0) for table in (N, G))
)


def customer_owner(work: Work, customer_id: int) -> tuple[int | None, str]:
    """(owner, region) of a customer."""
    row = work.session.execute(select(C.c.owner_id, C.c.region).where(C.c.id == customer_id)).one()
    return row.owner_id, row.region


def arrived(work: Work, policy: Policy, receipt_ids: Collection[int]) -> None:
    """Tells owners of customers with an open case or promise, and finance of what is not allocated. Not for history."""
    rows = work.session.execute(
        select(N.c.id, N.c.customer_id, N.c.currency, N.c.amount_minor, N.c.open_minor, N.c.received_on)
        .where(N.c.id.in_(list(receipt_ids)), N.c.history.is_(False), N.c.reversed_on.is_(None))
        .order_by(N.c.id)
    ).all()
    if not rows:
        return
    org = load_org(work)
    waiting = _with_case_or_promise(work, {row.customer_id for row in rows})
    lines: dict[tuple[int, int], list[int]] = defaultdict(list)
    owners = _allocated_owners(work, [row.id for row in rows])
    customers = {
        row.id: row for row in work.session.execute(select(C.c.id, C.c.owner_id, C.c.region).where(C.c.id.in_(waiting)))
    }
    for row in rows:
        if row.customer_id in waiting:
            customer = customers[row.customer_id]
            people, _ = org.resolve("owner", owners.get(row.id), customer.owner_id, customer.region)
            for person in people:
                lines[row.customer_id, person].append(row.id)
    for (customer_id, person), ids in lines.items():
        _line(work, policy, customer_id, person, ids, outbox.outside_quiet(work, policy.windows, org.members[person]))
    for row in rows:
        if row.open_minor > 0:
            _, region = customer_owner(work, row.customer_id)
            chores.open_chore(
                work,
                policy,
                "allocate",
                chores.holders(org, "finance", region)[:1],
                customer_id=row.customer_id,
                data={"kind": "receipt", "receipt": row.id},
            )


def taken_back(work: Work, policy: Policy, org: Org, customer_ids: Collection[int]) -> None:
    """Owner and finance look into money that has just been taken back from a running case (a bounced draft).

    A receivable that got other money at the same moment was corrected, not taken back from.
    """
    rows = work.session.execute(_TAKEN_BACK, {"customers": list(customer_ids), "now": work.now}).all()
    for customer_id in dict.fromkeys(row.customer_id for row in rows):
        look_into(work, policy, org, customer_id, [row.owner_id for row in rows if row.customer_id == customer_id])


def look_into(work: Work, policy: Policy, org: Org, customer_id: int, owners: Collection[int | None]) -> None:
    """“Payment reversed”: one task for finance and for whoever is responsible for what is open again."""
    mine, region = customer_owner(work, customer_id)
    people = [person for owner in owners for person in org.resolve("owner", owner, mine, region)[0]]
    finance = chores.holders(org, "finance", region)[:1]
    chores.open_chore(work, policy, "reversed", [*people, *finance], customer_id=customer_id)


def _with_case_or_promise(work: Work, customer_ids: set[int]) -> set[int]:
    P = table_of(Promise)
    cases = select(K.c.customer_id).where(K.c.customer_id.in_(customer_ids), K.c.state != CaseState.closed)
    promises = select(P.c.customer_id).where(P.c.customer_id.in_(customer_ids), P.c.state == PromiseState.open)
    return set(work.session.execute(cases.union(promises)).scalars())


def _allocated_owners(work: Work, receipt_ids: list[int]) -> dict[int, int]:
    """receipt -> owner of the oldest receivable it paid, where that has an owner of its own."""
    rows = work.session.execute(
        select(A.c.receipt_id, R.c.owner_id)
        .join(R, R.c.id == A.c.receivable_id)
        .where(A.c.receipt_id.in_(receipt_ids), A.c.undone_on.is_(None), R.c.owner_id.is_not(None))
        .order_by(R.c.due_on.desc())
    )
    return {receipt_id: owner_id for receipt_id, owner_id in rows}


def _line(work: Work, policy: Policy, customer_id: int, person: int, receipt_ids: list[int], not_before: datetime) -> None:
    """One payment.arrived per owner, customer and day; further receipts of the day update it."""
    key = f"arrived:{customer_id}:{person}:{work.today.isoformat()}"
    O = table_of(OutboxMessage)  # noqa: E741
    message = work.session.execute(select(OutboxMessage).where(O.c.key == key)).scalar_one_or_none()
    if message is not None:
        message.data = {"receipts": [*message.data["receipts"], *receipt_ids]}
        work.session.flush()
        outbox.touch(work, "arrived", [message.id or 0])
        return
    message = OutboxMessage(
        key=key,
        kind="payment.arrived",
        subject="arrived",
        subject_id=0,
        customer_id=customer_id,
        person_id=person,
        data={"receipts": receipt_ids},
        not_before=not_before,
        created_at=work.now,
    )
    work.session.add(message)
    work.session.flush()
    message.subject_id = message.id or 0  # its own row holds the receipts that it names
    work.session.flush()


def unapplied_credits(work: Work, customer_id: int) -> list[Receipt | CreditNote]:
    """What the customer has paid or been granted and no receivable has taken: receipts first, each oldest first."""
    receipts = work.session.execute(
        select(Receipt)
        .where(N.c.customer_id == customer_id, N.c.open_minor > 0, N.c.reversed_on.is_(None))
        .order_by(N.c.received_on, N.c.id)
    ).scalars()
    notes = work.session.execute(
        select(CreditNote)
        .where(G.c.customer_id == customer_id, G.c.open_minor > 0, G.c.cancelled_on.is_(None))
        .order_by(G.c.issued_on, G.c.id)
    ).scalars()
    return [*receipts, *notes]


def ask_to_allocate(work: Work, policy: Policy, customer_ids: Collection[int]) -> None:
    """Unapplied credit leaves nothing to chase where a step was reached: finance gets one chore to say what it pays."""
    if not customer_ids:
        return
    org = load_org(work)
    for customer_id in customer_ids:
        credits = unapplied_credits(work, customer_id)
        if not credits:
            continue
        first = credits[0]
        kind = "receipt" if isinstance(first, Receipt) else "credit_note"
        _, region = customer_owner(work, customer_id)
        people = chores.holders(org, "finance", region)[:1]
        chores.open_chore(work, policy, "allocate", people, customer_id=customer_id, data={"kind": kind, kind: first.id})


def allocate_chores_done(work: Work, customer_ids: Collection[int]) -> None:
    """Closes the "allocate" chore of customers without unapplied credit."""
    left = set(work.session.execute(_UNAPPLIED, {"customers": list(customer_ids)}).scalars())
    chores.close_all(work, "allocate", [customer_id for customer_id in customer_ids if customer_id not in left])
