"""The limit that the customers of one group share: set and ended by whoever may set limits and sees all of them whole."""

from core.actions.limits import UNLIMITED
from core.actions.request import Context, Outcome, Result
from core.credit import groups
from core.errors import DomainError
from core.money import known_currency, parse_major, ungrouped
from core.permissions import scope_of


def set_limit(c: Context) -> Outcome:
    """`group`: its name. `amount` in major units of `currency`, the company's by default; or `limit`: unlimited."""
    name, scope = c.need("group"), scope_of(c.work.session, c.work.person_id or 0)
    if not groups.find(c.work, scope, [name], quoted=True)[1]:
        raise DomainError("group.unknown", value=name)
    if not groups.sees_all(c.work, scope, name):
        return Outcome(Result.not_allowed, "group.not_all_yours", {"group": name})
    if c.text("limit") == UNLIMITED:
        if groups.end_limit(c.work, name, c.need("reason")):
            return Outcome(Result.done, "group.limit_ended", {"group": name})
        return Outcome(Result.already, "group.no_limit", {"group": name})
    currency = c.text("currency").upper() or c.work.company.currency
    if not known_currency(currency):
        raise DomainError("limit.bad_currency", value=currency[:20])
    amount = parse_major(ungrouped(c.need("amount")), currency)
    groups.set_limit(c.work, name, amount, currency, c.need("reason"))
    return Outcome(Result.done, "group.limit_set", {"group": name, "minor": amount, "currency": currency})
