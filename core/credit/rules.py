"""What a policy says about credit, as values: `[credit]` in the file. Read by core.dunning.policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.models.collection import BLOCKING as BLOCKING

# What uses up a limit: receivables, orders still to be shipped, shipments still to be invoiced, the order asked for.
PARTS = ("open", "orders", "shipments", "this")
LIMITED = ("overdue", "open", "orders", "shipments")  # the parts that can have a limit of their own
PREPAID = ("received", "trust")  # whether prepayment counts when it has come in, or when the order says so
BELOW_COST = ("refuse", "hold")
NEED = ("any", "all")
ON_BLACKLIST_EVENT = ("alert", "hold", "blacklist")  # besides the alert: nothing, a hold, or the own blacklist
RISK_ALERTS = ("major", "warning")  # the least severity that is told
INSURED = ("ignored", "extra")  # whether what an insurer answers for is shown only, or added to the limit
# Why an order is held, where a route can wait for it; and the other codes of core.credit.verdict: a blacklist refuses, and
# `ask_within` has a role of its own.
REASONS = (
    "over_limit", "over_group_limit", "over_part_limit", "no_credit", "overdue", "frozen", "hold", "terms", "discount",
    "below_cost", "no_rate", "prepayment_awaited",
)  # fmt: skip
NO_ROUTE = ("blacklist", "ask_within")


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
    overdue_from: Mapping[str, int] = field(default_factory=dict, hash=False)  # minor units overdue, any of the currencies
    overdue_days_from: int | None = None
    rating: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # any of them, see core.credit.verdict


RATINGS = ("A", "B", "C", "D")
METHODS = ("cuts", "score")


@dataclass(frozen=True)
class Scale:
    """How a figure becomes points: 100 at `best` and beyond, 0 at `worst` and beyond, in proportion between them."""

    best: Decimal
    worst: Decimal


def _scale(best: str, worst: str) -> Scale:
    return Scale(Decimal(best), Decimal(worst))


# What a score can be made of (core.credit.score); shares are from 0 to 1, days and counts as they are.
SCALES: Mapping[str, Scale] = {
    "avg_late_days": _scale("0", "45"),
    "late_share": _scale("0", "0.6"),
    "max_late_days": _scale("0", "90"),
    "times_overdue": _scale("0", "12"),
    "overdue_share": _scale("0", "0.5"),
    "on_time_run": _scale("6", "0"),
    "broken_promises": _scale("0", "3"),
    "promises_kept": _scale("1", "0.5"),
    "disputes": _scale("0", "4"),
    "returns_share": _scale("0", "0.1"),
    "volume": _scale("1000000", "0"),
    "months_known": _scale("36", "0"),
    "trend_days": _scale("0", "15"),
    "usage": _scale("0.5", "1"),
    "risk_events": _scale("0", "3"),
}


@dataclass(frozen=True)
class RatingRules:
    """How payment behaviour becomes a rating (definitions.md 3.10). `cuts_days`: average days late up to which it holds.

    `method`: what decides, the cuts or the score. `weights`: the share of each input in the score, together 100; without
    any there is no score; one that SCALES doesn't have is a figure that is imported (core.credit.figures), and `points` has
    its scale. `points`: scales other than SCALES. `score_cuts`: from which score on a rating holds.
    """

    window_months: int = 12
    min_paid: int = 3  # paid receivables in the window; with fewer a customer is "new"
    cuts_days: Mapping[str, int] = field(default_factory=lambda: {"A": 3, "B": 15, "C": 30}, hash=False)  # above: D
    broken_promises_d: int = 2  # from so many in the window: D
    overdue_days_d: int = 30  # anything overdue by more than this: D
    lift_after_on_time: int = 3  # paid on time in a row: one step better
    method: str = "cuts"
    weights: Mapping[str, int] = field(default_factory=dict, hash=False)
    points: Mapping[str, Scale] = field(default_factory=dict, hash=False)
    score_cuts: Mapping[str, int] = field(default_factory=lambda: {"A": 80, "B": 60, "C": 40}, hash=False)  # below: D

    @property
    def imported(self) -> tuple[str, ...]:
        """The inputs of the score that nobody here computes."""
        return tuple(name for name in self.weights if name not in SCALES)


@dataclass(frozen=True)
class Grade:
    """What customers of one rating get. `limit`: minor units by currency, for who has none of their own; {}: no limit.
    `terms_days`: longer terms need approval; None: as for everybody."""

    limit: Mapping[str, int] = field(default_factory=dict, hash=False)
    terms_days: int | None = None


@dataclass(frozen=True)
class ProposalRules:
    """When another limit is proposed, and what a limit should be by the model. Off where a policy has none of them.

    `raise_by`: the share by which a limit grows after `months` whole months in which receipts covered what fell due; 0 for
    never. `shrink`: the part of its limit that a customer keeps whose computed rating falls to this. `days`: working days
    until a proposal lapses. `model_months`: average months of invoices that a rating is worth. `deviation`: of a limit
    from its model, the share up to which nobody needs to look.
    """

    raise_by: Decimal = Decimal("0.15")
    months: int = 3
    shrink: Mapping[str, Decimal] = field(default_factory=lambda: {"C": Decimal("0.5"), "D": Decimal(0)}, hash=False)
    audience: tuple[str, ...] = ("role:finance_manager",)
    days: int = 10
    model_months: Mapping[str, int] = field(default_factory=lambda: {"A": 3, "B": 2, "C": 1, "D": 0}, hash=False)
    deviation: Decimal = Decimal("0.05")


@dataclass(frozen=True)
class CreditRules:
    """Every number of the credit check. `expires_hours` and `remind_hours` are hours of work."""

    parts: tuple[str, ...] = PARTS
    part_limits: Mapping[str, int] = field(default_factory=dict, hash=False)  # of LIMITED; minor units, company currency
    net_unapplied: bool = True  # what a customer has paid and nobody has allocated makes room
    prepaid: str = "received"
    insured: str = "ignored"
    ask_within: str = ""  # the role that is asked even within the limit; "" for nobody
    freeze_days_over: int = 30  # overdue by more days than this: no new orders without approval
    hold_on_overdue: bool = True  # a new order while anything is overdue is asked of the route
    cash_only: tuple[str, ...] = ("D",)  # ratings whose limit counts as 0
    terms_days: int = 30  # longer terms on an order need approval
    discount: Decimal = Decimal("0.05")  # more than this on a line needs approval
    below_cost: str = "refuse"
    on_blacklist_event: str = "alert"  # somebody else blacklists the customer
    risk_alerts: str = "major"
    check_related: str = "finance"  # the role that looks at who is related to a blacklisted customer; "" for nobody
    expires_hours: int = 16
    remind_hours: int = 4
    escalate_at: int = 2  # with this reminder whoever is above is asked as well; 0 for never
    approval_good_days: int = 30  # an approval whose prepayment comes later is asked for again
    unsigned_days: int = 10  # goods that left and that nobody has signed for by then: the rep is asked; 0 for never
    uninvoiced_days: int = 10  # delivered, or closed, and not invoiced by then: finance is asked; 0 for never
    rates: Mapping[str, Decimal] = field(default_factory=dict, hash=False)  # company currency for one unit of another
    rating: RatingRules = RatingRules()
    grades: Mapping[str, Grade] = field(default_factory=dict, hash=False)  # by rating, `new` among them
    proposals: ProposalRules | None = None
    routes: tuple[Route, ...] = (
        Route(
            "overdue_and_over", (Rung(("role:sales_director",)), Rung(("role:finance_director",))),
            over_share_from=Decimal(0), reasons=("overdue", "frozen"),
        ),
        Route("overdue", (Rung(("role:sales_director",)),), reasons=("overdue", "frozen")),
        Route("rest", (Rung(("role:finance_director",)),)),
    )

    def grade(self, rating: str) -> Grade:
        """Who was never rated is new."""
        return self.grades.get(rating or "new", Grade())

    def terms_of(self, rating: str) -> int:
        """The longest terms of a customer with this rating that need no approval, in days."""
        own = self.grade(rating).terms_days
        return self.terms_days if own is None else own
