"""A rating that a person sets."""

from core.actions.request import Context, Outcome, Result
from core.credit import orders, rating


def override(c: Context) -> Outcome:
    """Stands until a day, whatever payment behaviour says. Held orders are checked against it at once."""
    until = c.day("until", required=True)
    assert until is not None
    value = c.need("rating").upper()
    rating.override(c.work, c.customer, value, c.text("reason"), until)
    c.work.session.flush()
    orders.check_customer(c.work, c.policy, c.customer)
    return Outcome(Result.done, "rating.set", {"rating": value, "until": until})
