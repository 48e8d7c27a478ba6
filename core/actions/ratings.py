"""A rating that a person sets: never for a customer that they don't see whole."""

from core.actions.request import Context, Outcome, Result
from core.credit import orders, rating
from core.permissions import scope_of, sees_whole_customer


def override(c: Context) -> Outcome:
    """Stands until a day, whatever payment behaviour says. Held orders are checked against it at once."""
    scope = scope_of(c.work.session, c.work.person_id or 0)
    if not sees_whole_customer(c.work.session, scope, c.customer):
        return Outcome(Result.not_allowed, "action.not_allowed", {"action": c.request.action})
    until = c.day("until", required=True)
    assert until is not None
    value = c.need("rating").upper()
    rating.override(c.work, c.customer, value, c.text("reason"), until)
    c.work.session.flush()
    orders.check_customer(c.work, c.policy, c.customer)
    return Outcome(Result.done, "rating.set", {"rating": value, "until": until})
