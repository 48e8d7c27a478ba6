"""Credit limits and holds that somebody sets or ends: never for a customer that they don't see whole."""

from collections.abc import Callable

from core.actions.request import Context, Handler, Outcome, Result
from core.credit import asked_limits, holds, limits
from core.errors import DomainError
from core.models import Customer, Person
from core.money import parse_major, ungrouped
from core.permissions import scope_of, sees_whole_customer
from core.work import Work

UNLIMITED = "unlimited"  # instead of an amount: no limit at all


def _in_sight(handler: Handler) -> Handler:
    def checked(c: Context) -> Outcome:
        scope = scope_of(c.work.session, c.work.person_id or 0)
        if not sees_whole_customer(c.work.session, scope, c.customer):
            return Outcome(Result.not_allowed, "action.not_allowed", {"action": c.request.action})
        return handler(c)

    return checked


def _limit(c: Context) -> Outcome:
    """`amount` in major units of the customer's currency, 0 for cash only; or `limit`: unlimited."""
    currency = limits.currency_of(c.work, c.work.session.get_one(Customer, c.customer))
    named = c.text("currency").upper()
    if named and named != currency:
        raise DomainError("limit.currency", currency=currency)
    until, start = c.day("until"), c.day("from")
    if start is not None and start < c.work.today:
        raise DomainError("limit.past", on=start)
    amount = None if c.text("limit") == UNLIMITED else parse_major(ungrouped(c.need("amount")), currency)
    limits.set_limit(c.work, c.customer, amount, until, c.need("reason"), from_on=start)
    facts = {"currency": currency, **({} if amount is None else {"minor": amount}), **({"until": until} if until else {})}
    if start is not None and start > c.work.today:
        return Outcome(Result.done, "limit.prepared", facts | {"from": start})
    return Outcome(Result.done, "limit.raised" if until else "limit.set", facts)


def _ask(c: Context) -> Outcome:
    """A temporary limit, by somebody who may not set it: whoever may is asked."""
    currency = limits.currency_of(c.work, c.work.session.get_one(Customer, c.customer))
    if c.text("currency").upper() not in ("", currency):
        raise DomainError("limit.currency", currency=currency)
    until, start = c.day("until", required=True), c.day("from")
    assert until is not None
    if start is not None and start < c.work.today:
        raise DomainError("limit.past", on=start)
    amount = parse_major(c.need("amount").replace(",", ""), currency)
    facts = {"currency": currency, "minor": amount, "until": until}
    if asked_limits.ask(c.work, c.policy, c.customer, amount, until, c.need("reason"), start) is None:
        return Outcome(Result.already, "limit.asked_same", facts)
    return Outcome(Result.done, "limit.asked", facts)


def _hold(c: Context) -> Outcome:
    until = c.day("until")
    if not holds.hold(c.work, c.customer, c.need("reason"), until):
        return _held_before(c)
    return Outcome(Result.done, "hold.until" if until else "hold.set", {"until": until} if until else {})


def _held_before(c: Context) -> Outcome:
    """By whom, since when and how long: a hold is never made shorter in this way."""
    row = holds.manual(c.work, c.customer)
    assert row is not None
    by = c.work.session.get_one(Person, row.made_by_id).name if row.made_by_id is not None else "huikuan"
    facts = {"by": by, "since": row.from_on} | ({"until": row.until} if row.until else {})
    return Outcome(Result.already, "hold.there_until" if row.until else "hold.there", facts)


def _blacklist(c: Context) -> Outcome:
    """The related customers that this person sees are named: they are not blacklisted with it."""
    news = holds.blacklist(c.work, c.customer, c.need("reason"))
    scope = scope_of(c.work.session, c.work.person_id or 0)
    known = {"related": [one.code for one in holds.related(c.work, c.customer, scope)]}
    if not news:
        return Outcome(Result.already, "hold.blacklisted_before", known)
    return Outcome(Result.done, "hold.blacklisted", known)


def _ends(end: Callable[[Work, int, str], bool], done: str, none: str) -> Handler:
    def handler(c: Context) -> Outcome:
        if end(c.work, c.customer, c.need("reason")):
            return Outcome(Result.done, done)
        return Outcome(Result.already, none)

    return handler


def _lift(c: Context) -> Outcome:
    """`reason`; `until`: through which day a ladder's hold rests."""
    until = c.day("until")
    facts = {"until": until} if until else {}
    match holds.lift(c.work, c.customer, c.need("reason"), until):
        case "lifted":
            return Outcome(Result.done, "hold.lifted", facts)
        case "suspended":
            return Outcome(Result.done, "hold.suspended", facts)
        case "both":
            return Outcome(Result.done, "hold.both", facts)
        case "ladder_stays":
            return Outcome(Result.done, "hold.ladder_stays", facts)
        case _:
            return Outcome(Result.already, "hold.none")


set_limit, ask, hold, blacklist = (_in_sight(handler) for handler in (_limit, _ask, _hold, _blacklist))
lift = _in_sight(_lift)
unblacklist = _in_sight(_ends(holds.unblacklist, "hold.unblacklisted", "hold.not_blacklisted"))
