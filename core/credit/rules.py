"""What a policy says about credit, as values: `[credit]` in the file. Read by core.dunning.policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.models.collection import BLOCKING as BLOCKING

PARTS = ("open", "orders", "this")  # what uses up a limit: receivables, orders not invoiced yet, the order asked for
PREPAID = ("received", "trust")  # whether prepayment counts when it has come in, or when the order says so
BELOW_COST = ("refuse", "hold")
NEED = ("any", "all")


@dataclass(frozen=True)
class Rung:
    """Who must agree: audiences as in a ladder (`role:finance_director`, `owner.manager`), one of them or all."""

    audience: tuple[str, ...]
    need: str = "any"


@dataclass(frozen=True)
class Route:
    """For which held orders these rungs are. Every condition that is given must hold; without any, for all of them."""

    name: str
    rungs: tuple[Rung, ...]
    over_from: Mapping[str, int] = field(default_factory=dict, hash=False)  # minor units over the limit, by currency
    over_share_from: Decimal | None = None  # of the limit
    overdue_days_from: int | None = None
    rating: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # any of them, see core.credit.verdict


RATINGS = ("A", "B", "C", "D")


@dataclass(frozen=True)
class RatingRules:
    """How payment behaviour becomes a rating (definitions.md 3.10). `cuts_days`: average days late up to which it holds."""

    window_months: int = 12
    min_paid: int = 3  # paid receivables in the window; with fewer a customer is "new"
    cuts_days: Mapping[str, int] = field(default_factory=lambda: {"A": 3, "B": 15, "C": 30}, hash=False)  # above: D
    broken_promises_d: int = 2  # from so many in the window: D
    overdue_days_d: int = 30  # anything overdue by more than this: D
    lift_after_on_time: int = 3  # paid on time in a row: one step better


@dataclass(frozen=True)
class CreditRules:
    """Every number of the credit check. `expires_hours` and `remind_hours` are hours of work."""

    parts: tuple[str, ...] = PARTS
    net_unapplied: bool = True  # what a customer has paid and nobody has allocated makes room
    prepaid: str = "received"
    ask_within: str = ""  # the role that is asked even within the limit; "" for nobody
    freeze_days_over: int = 30  # overdue by more days than this: no new orders without approval
    hold_on_overdue: bool = True  # a new order while anything is overdue is asked of the route
    cash_only: tuple[str, ...] = ("D",)  # ratings whose limit counts as 0
    terms_days: int = 30  # longer terms on an order need approval
    discount: Decimal = Decimal("0.05")  # more than this on a line needs approval
    below_cost: str = "refuse"
    expires_hours: int = 16
    remind_hours: int = 4
    rates: Mapping[str, Decimal] = field(default_factory=dict, hash=False)  # company currency for one unit of another
    rating: RatingRules = RatingRules()
    routes: tuple[Route, ...] = (
        Route("overdue", (Rung(("role:sales_director",)),), reasons=("overdue", "frozen")),
        Route("rest", (Rung(("role:finance_director",)),)),
    )
