"""Whose decision gave an order the state that it has: cards and panels name nobody else as having approved it, nor the
conditions of a yes that came to nothing. Pure."""

from core.models import CreditRequest, Order, OrderState, RequestState

NOTE = "note"  # in a rejected request's facts: the words about the order that its cards showed
_ON_TERMS = ("prepay_percent", "terms")  # conditions that the order keeps itself


def decision(order: Order, last: CreditRequest | None) -> CreditRequest | None:
    """`last`, the latest request about the order, if the order is what it is by that one: rejected by it, approved by it (on
    a prepayment, too), or left on hold since it was taken back. None where a check, a change or a rule of the policy did."""
    if last is None:
        return None
    match order.state:
        case OrderState.rejected:
            return last if last.state == RequestState.rejected else None
        case OrderState.held if last.state == RequestState.withdrawn:
            return last
        case OrderState.held | OrderState.released | OrderState.closed:
            return last if last.state == RequestState.approved and _stands(order, last) else None
        case _:
            return None


def _stands(order: Order, approved: CreditRequest) -> bool:
    """A change takes back what was agreed to before, and the time at which it was decided."""
    on_terms = any(name in approved.conditions for name in _ON_TERMS)
    return order.decided_at == approved.decided_at and (bool(order.conditions) or not on_terms)
