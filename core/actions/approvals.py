"""What somebody decides: claims, promises and pauses beyond the limits, disputes."""

from core import claims, disputes, outbox, pauses, promises, tasks
from core.actions.request import Context, Handler, Outcome, Result, amounts_of
from core.dunning.load import load_org
from core.errors import DomainError
from core.models import (
    Claim,
    Dispute,
    Pause,
    Promise,
)
from core.money import parse_major, ungrouped


def confirm_claim(c: Context) -> Outcome:
    claim = c.work.session.get_one(Claim, c.subject_id)
    if claim.state != "pending":
        return Outcome(Result.already, f"claim.{claim.state}")
    receipt = claims.confirm(c.work, claim, c.text("number"))
    c.receipts.append(receipt.id or 0)
    return Outcome(Result.done, "claim.confirmed", {"number": receipt.number, "receipt": receipt.id})


def void_claim(c: Context) -> Outcome:
    claim = c.work.session.get_one(Claim, c.subject_id)
    if claim.state != "pending":
        return Outcome(Result.already, f"claim.{claim.state}")
    c.after.append(claims.void(c.work, claim))
    return Outcome(Result.done, "claim.voided")


def _tell(c: Context, asked_by: int | None) -> None:
    outbox.decided(
        c.work, c.policy.windows, load_org(c.work),
        subject=c.subject, subject_id=c.subject_id, customer_id=c.customer, asked_by=asked_by,
    )  # fmt: skip


def decide_promise(approve: bool) -> Handler:
    def handler(c: Context) -> Outcome:
        promise = c.work.session.get_one(Promise, c.subject_id)
        if promise.state != "proposed":
            return Outcome(Result.already, f"promise.{promise.state}")
        if approve and promises.newer(c.work, promise) is not None:
            promises.withdraw(c.work, promise)
            return Outcome(Result.already, "promise.replaced")
        promises.decide(c.work, c.policy, promise, approve=approve)
        if approve:
            amounts = amounts_of([(promise.amount_minor, promise.currency)])
            tasks.answer(c.work, c.customer, "promise", due_on=promise.due_on.isoformat(), amounts=amounts, approved=True)
            tasks.others_follow(c.work, c.policy, c.customer, [promise.currency])
        outbox.touch(c.work, "promise", [c.subject_id])
        _tell(c, promise.made_by_id)
        return Outcome(Result.done, "promise.approved" if approve else "promise.rejected")

    return handler


def decide_pause(approve: bool) -> Handler:
    def handler(c: Context) -> Outcome:
        pause = c.work.session.get_one(Pause, c.subject_id)
        if pause.state != "proposed":
            return Outcome(Result.already, f"pause.{pause.state}")
        pauses.decide(c.work, pause, approve=approve)
        _tell(c, pause.made_by_id)
        return Outcome(Result.done, "pause.approved" if approve else "pause.rejected")

    return handler


def pause(c: Context) -> Outcome:
    until = c.day("until", required=True)
    assert until is not None
    pause = pauses.start(c.work, c.policy, c.customer, until, c.need("reason"))
    code = "pause.proposed" if pause.state == "proposed" else "pause.set"
    return Outcome(Result.done, code, {"until": until, "ids": [pause.id]})


def unpause(c: Context) -> Outcome:
    c.after += pauses.stop(c.work, c.customer)
    return Outcome(Result.done, "pause.ended")


def disputes_meant(c: Context) -> list[Dispute]:
    """The one on the card, else the customer's running ones in the currency that was named."""
    if c.subject == "dispute":
        return [c.work.session.get_one(Dispute, c.subject_id)]
    currency = c.text("currency").upper()
    return [d for d in disputes.running(c.work, c.customer) if not currency or d.currency == currency]


def settle_dispute(c: Context) -> Outcome:
    found = disputes_meant(c)
    if not found:
        return Outcome(Result.already, "dispute.none")
    if len(found) > 1:
        raise DomainError("dispute.which_currency", currencies=", ".join(sorted(d.currency for d in found)))
    [dispute] = found
    if dispute.state != "open":
        return Outcome(Result.already, f"dispute.{dispute.state}")
    outcome = c.need("outcome")
    value = c.text("amount")
    amount = parse_major(ungrouped(value), dispute.currency) if value else None
    event = disputes.settle(c.work, dispute, outcome, amount)
    if event is not None:
        c.after.append(event)
    return Outcome(Result.done, f"dispute.{dispute.state}", {"ids": [dispute.id]})
