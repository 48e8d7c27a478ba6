"""What finance records: receipts, allocations, credit notes, the release of letters."""

from sqlalchemy import select

from core import claims, outbox, payments
from core.actions.request import Context, Outcome, Result
from core.dunning.letters import IN_REVIEW
from core.dunning.states import RELEASED
from core.errors import DomainError
from core.ledger.post import allocate, new_credit_notes, new_receipts
from core.models import (
    CreditNote,
    Customer,
    Firing,
    Receipt,
    Receivable,
)
from core.models.base import table_of
from core.money import parse_major, ungrouped
from core.permissions import letters_of


def record_receipt(c: Context) -> Outcome:
    day = c.day("date") or c.work.today
    if day > c.work.today:
        raise DomainError("receipt.future", on=day)
    currency = c.currency() or c.work.company.currency
    number = c.text("number") or f"HK-{c.customer}-{c.work.now:%Y%m%d%H%M%S%f}"
    N = table_of(Receipt)
    if c.work.session.execute(select(N.c.id).where(N.c.source == "manual", N.c.number == number)).first():
        return Outcome(Result.already, "receipt.there", {"number": number})
    adopted = claims.adopt(
        c.work, c.policy, customer_id=c.customer, currency=currency,
        amount_minor=c.money("amount", required=True) or 0, received_on=day, number=number, source="manual",
    )  # fmt: skip
    if adopted is not None:
        return Outcome(Result.done, "receipt.was_claim", {"number": number, "receipt": adopted})
    [receipt_id] = new_receipts(
        c.work,
        [
            {
                "number": number,
                "source": "manual",
                "customer_id": c.customer,
                "received_on": day,
                "amount_minor": c.money("amount", required=True),
                "currency": currency,
            }
        ],
    )
    c.receipts.append(receipt_id)
    return Outcome(Result.done, "receipt.recorded", {"number": number, "receipt": receipt_id})


def allocate_receipt(c: Context) -> Outcome:
    """From a chore card the customer's oldest unapplied receipt or credit note; typed, the one named."""
    R = table_of(Receivable)
    named = c.text("receipt")
    credits = [x for x in payments.unapplied_credits(c.work, c.customer) if not named or x.number == named]
    if not credits:
        return Outcome(Result.already, "receipt.nothing_unapplied")
    receipt = credits[0]
    number = c.need("receivable")
    receivable = c.work.session.execute(
        select(Receivable)
        .where(R.c.customer_id == c.customer, R.c.number == number)
        .order_by(R.c.open_minor.desc())
        .limit(1)
    ).scalar_one_or_none()
    if receivable is None:
        raise DomainError("receivable.unknown", number=number)
    value, currency = c.text("amount"), c.text("currency").upper()
    if currency and currency != receipt.currency:
        raise DomainError("receipt.other_currency", currency=currency, receipt=receipt.currency)
    amount = parse_major(ungrouped(value), receipt.currency) if value else None
    allocation = allocate(c.work, receipt, receivable, amount)
    facts = {"receipt": receipt.number, "receivable": number, "minor": allocation.amount_minor, "currency": receipt.currency}
    return Outcome(Result.done, "receipt.allocated", facts)


def record_credit_note(c: Context) -> Outcome:
    currency = c.currency() or c.work.company.currency
    number = c.text("number") or f"CN-{c.customer}-{c.work.now:%Y%m%d%H%M%S%f}"
    O = table_of(CreditNote)  # noqa: E741
    if c.work.session.execute(select(O.c.id).where(O.c.source == "manual", O.c.number == number)).first():
        return Outcome(Result.already, "credit_note.there", {"number": number})
    new_credit_notes(
        c.work,
        [
            {
                "number": number,
                "source": "manual",
                "customer_id": c.customer,
                "issued_on": c.work.today,
                "amount_minor": c.money("amount", required=True),
                "currency": currency,
                "reason": c.need("reason"),
            }
        ],
    )
    return Outcome(Result.done, "credit_note.recorded", {"number": number})


def release_letters(c: Context) -> Outcome:
    """Finance lets the reviewed letters go; the next cycle in the letters window sends them, stage by stage."""
    F, C = table_of(Firing), table_of(Customer)
    theirs = select(C.c.id).where(letters_of(c.work.session, c.work.person_id).customers())
    released = c.work.session.execute(
        F.update()
        .where(F.c.outcome == "deferred", F.c.reason == IN_REVIEW, F.c.stage.is_not(None))
        .where(F.c.customer_id.in_(theirs))
        .values(reason=RELEASED)
        .returning(F.c.customer_id)
    ).scalars()
    customers = sorted(set(released))
    if not customers:
        return Outcome(Result.already, "letters.none")
    c.work.audit("letters.release", "release", c.subject_id, customers=len(customers))
    outbox.touch_all(c.work, "release")  # whoever pressed, nothing waits any more on anybody's card
    return Outcome(Result.done, "letters.released", {"customers": len(customers), "customer_ids": customers})
