"""“The customer says it is paid”: out of dunning for some working days, until finance or a receipt decides.

pending -> confirmed | void | expired
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import select
from sqlmodel import col

from core import covers, followups, outbox
from core.chores import holders
from core.dunning.ladder import Policy
from core.dunning.load import cases_of, load_org
from core.dunning.state import Event
from core.errors import DomainError
from core.ledger.post import allocate, new_receipts
from core.models import Claim, ClaimState, Receipt, Receivable
from core.models.base import table_of
from core.work import Work

M = table_of(Claim)
CLAIM_SOURCE = "claim"  # of a receipt that finance confirmed before it was imported


def make(
    work: Work,
    policy: Policy,
    customer_id: int,
    *,
    amount_minor: int | None = None,
    currency: str | None = None,
    paid_on: date | None = None,
    task_id: int | None = None,
) -> list[Claim]:
    """Records "says paid", one claim a currency where nothing is named, and asks finance to confirm each.

    Errors: claim.future, claim.nothing_open, claimed or set_aside (of all that is open), which_currency.
    """
    day = paid_on or work.today
    if day > work.today:
        raise DomainError("claim.future", on=day)
    cases = [c for c in cases_of(work, policy, customer_id) if currency in (None, c.currency)]
    owed = [c for c in cases if covers.claimable(c, work.today)]
    if not owed:
        raise covers.none_left("claim", cases)
    if amount_minor is not None and len(owed) > 1:
        raise DomainError("claim.which_currency", currencies=", ".join(sorted(c.currency for c in owed)))
    org = load_org(work)
    made = []
    for case in owed:
        parts = covers.claimable(case, work.today)
        question = sum(minor for _, minor in parts)
        amount = question if amount_minor is None else amount_minor
        if amount <= 0:
            raise DomainError("claim.bad_amount")
        claim = Claim(
            customer_id=customer_id,
            currency=case.currency,
            amount_minor=amount,
            paid_on=day,
            made_by_id=work.person_id,
            made_at=work.now,
            expires_on=work.company.calendar.add_working_days(work.today, policy.limits.claim_days),
            task_id=task_id,
        )
        work.session.add(claim)
        work.session.flush()
        covers.cover(work, "claim", claim.id or 0, covers.take(parts, amount) or covers.spread(case, amount, work.today))
        if amount < question:
            followups.rest_follows(work, policy, customer_id, case.currency)
        work.audit(
            "claim.made", "claim", claim.id, customer_id,
            amount_minor=amount, currency=case.currency, paid_on=day.isoformat(),
        )  # fmt: skip
        outbox.enqueue(
            work,
            [
                outbox.row(
                    work,
                    key=f"claim:{claim.id}:review:{person}",
                    kind="claim.review",
                    subject="claim",
                    subject_id=claim.id or 0,
                    customer_id=customer_id,
                    person_id=person,
                    not_before=outbox.outside_quiet(work, policy.windows, org.members[person]),
                )
                for person in holders(org, "finance", case.region)
            ],
        )
        made.append(claim)
    return made


def confirm(work: Work, claim: Claim, number: str = "") -> Receipt:
    """Finance has seen the money: the claim becomes a receipt. Errors: claim.decided, claim.number_taken."""
    _must_be_pending(claim)
    key = number or f"CLAIM-{claim.id}"
    N = table_of(Receipt)
    if work.session.execute(select(N.c.id).where(N.c.number == key)).first():
        raise DomainError("claim.number_taken", number=key)
    [receipt_id] = new_receipts(
        work,
        [
            {
                "number": key,
                "source": CLAIM_SOURCE,
                "customer_id": claim.customer_id,
                "received_on": claim.paid_on,
                "amount_minor": claim.amount_minor,
                "currency": claim.currency,
                "claim_id": claim.id,
            }
        ],
    )
    receipt = work.session.get_one(Receipt, receipt_id, populate_existing=True)
    _end(work, claim, ClaimState.confirmed, receipt_id)
    for receivable_id, minor in covers.covered(work, "claim", claim.id or 0).items():
        receivable = work.session.get_one(Receivable, receivable_id, populate_existing=True)
        part = min(minor, receivable.open_minor, receipt.open_minor)
        if part > 0:
            allocate(work, receipt, receivable, part)
            work.session.refresh(receipt)
    return receipt


def void(work: Work, claim: Claim) -> Event:
    """Finance says no such money came: back to dunning. Errors: claim.decided."""
    _must_be_pending(claim)
    _end(work, claim, ClaimState.void, None)
    return _back(claim, "claim.void")


def expire_due(work: Work) -> list[Event]:
    """Ends the claims that nobody confirmed in time."""
    rows = work.session.execute(
        select(Claim).where(M.c.state == ClaimState.pending, M.c.expires_on < work.today).order_by(col(Claim.id))
    )
    events = []
    for claim in rows.scalars().all():
        _end(work, claim, ClaimState.expired, None)
        events.append(_back(claim, "claim.expired"))
    return events


def announce(work: Work, policy: Policy, events: Collection[Event]) -> list[Event]:
    """Two expired claims in a row go to the manager: what they must hear."""
    org = load_org(work) if events else None
    upwards = []
    for event in events:
        if org is None or _expired_in_a_row(work, event.customer_id) < policy.limits.claim_expired_tell:
            continue
        claim = work.session.get_one(Claim, event.data["claim"])
        manager = next(iter(org.chain(claim.made_by_id)), None)
        if manager is not None:
            upwards.append(replace(event, kind=f"told.{event.kind}", person_id=manager))
    return upwards


def _expired_in_a_row(work: Work, customer_id: int) -> int:
    states = work.session.execute(
        select(M.c.state)
        .where(M.c.customer_id == customer_id, M.c.state != ClaimState.pending)
        .order_by(M.c.ended_at.desc(), M.c.id.desc())
        .limit(20)
    ).scalars()
    count = 0
    for state in states:
        if state != ClaimState.expired:
            break
        count += 1
    return count


def any_confirmed(work: Work, customer_ids: Collection[int]) -> bool:
    """Whether any of these customers has a receipt that came from a claim and no import has claimed yet."""
    N = table_of(Receipt)
    query = select(N.c.id).where(N.c.customer_id.in_(list(customer_ids)), N.c.source == CLAIM_SOURCE).limit(1)
    return bool(customer_ids) and work.session.execute(query).first() is not None


def adopt(
    work: Work,
    policy: Policy,
    *,
    customer_id: int,
    currency: str,
    amount_minor: int,
    received_on: date,
    number: str,
    source: str,
) -> int | None:
    """An imported receipt that finance has already confirmed from a claim is that receipt, not a second one.

    Gives it the imported number and source. Returns its id, or None when there is no such receipt.
    """
    N = table_of(Receipt)
    gap = timedelta(days=policy.limits.claim_match_days)
    fits = (
        N.c.customer_id == customer_id,
        N.c.currency == currency,
        N.c.source == CLAIM_SOURCE,
        N.c.reversed_on.is_(None),
    )
    by_number = select(N.c.id).where(*fits, N.c.number == number, N.c.amount_minor == amount_minor)
    by_amount = (
        select(N.c.id)
        .where(*fits, N.c.amount_minor == amount_minor, N.c.received_on.between(received_on - gap, received_on + gap))
        .order_by(N.c.received_on, N.c.id)
    )
    found = (work.session.execute(by_number).scalar() if number else None) or work.session.execute(by_amount).scalar()
    if found is None:
        return None
    work.session.execute(N.update().where(N.c.id == found).values(number=number, source=source))
    work.audit("receipt.adopted", "receipt", found, customer_id, number=number, source=source)
    return int(found)


def confirm_by_receipts(work: Work, policy: Policy, receipt_ids: Collection[int]) -> None:
    """A receipt of the same customer, currency and amount near its day proves a pending claim."""
    if not receipt_ids:
        return
    N = table_of(Receipt)
    pending = work.session.execute(
        select(Claim, N.c.id)
        .join(
            N, (N.c.customer_id == M.c.customer_id) & (N.c.currency == M.c.currency) & (N.c.amount_minor == M.c.amount_minor)
        )
        .where(M.c.state == ClaimState.pending, N.c.id.in_(list(receipt_ids)), N.c.claim_id.is_(None))
        .order_by(M.c.made_at, N.c.received_on)
    ).all()
    used: set[int] = set()
    for claim, receipt_id in pending:
        if claim.state != ClaimState.pending or receipt_id in used:
            continue
        receipt = work.session.get_one(Receipt, receipt_id, populate_existing=True)
        if abs((receipt.received_on - claim.paid_on).days) > policy.limits.claim_match_days:
            continue
        used.add(receipt_id)
        receipt.claim_id = claim.id
        _end(work, claim, ClaimState.confirmed, receipt_id)
        for receivable_id, minor in covers.covered(work, "claim", claim.id or 0).items():
            receivable = work.session.get_one(Receivable, receivable_id, populate_existing=True)
            part = min(minor, receivable.open_minor, receipt.open_minor)
            if part > 0:
                allocate(work, receipt, receivable, part)
                work.session.refresh(receipt)


def _must_be_pending(claim: Claim) -> None:
    if claim.state != ClaimState.pending:
        raise DomainError("claim.decided", state=str(claim.state))


def _end(work: Work, claim: Claim, state: ClaimState, receipt_id: int | None) -> None:
    claim.state, claim.ended_at, claim.receipt_id = state, work.now, receipt_id
    covers.release(work, "claim", claim.id or 0)
    work.audit(f"claim.{state}", "claim", claim.id, claim.customer_id, receipt=receipt_id)
    work.session.flush()
    outbox.touch(work, "claim", [claim.id or 0])


def _back(claim: Claim, kind: str) -> Event:
    data = {
        "claim": claim.id,
        "amount_minor": claim.amount_minor,
        "currency": claim.currency,
        "paid_on": claim.paid_on.isoformat(),
    }
    return Event(kind, claim.customer_id, claim.currency, None, data)
