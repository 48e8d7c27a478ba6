"""What is true of one customer's business in one currency on one day: the input of `decide`. Pure.

Amounts are minor units of the case's currency; ages are calendar days since the due date (dunning.md section 1).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from core.dunning.ladder import SEVERITIES

OFF_LIMITS = ("written_off", "no_dunning")


def said_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Those that are for people to read, each once."""
    return tuple(dict.fromkeys(tag for tag in tags if tag not in OFF_LIMITS))


_RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def worse(one: str, other: str) -> str:
    """The higher of two severities."""
    return one if _RANK[one] >= _RANK[other] else other


@dataclass(slots=True)
class ReceivableFacts:
    """One open receivable as of the day. What takes it out of dunning is filled in by `net`."""

    id: int
    number: str
    issued_on: date
    due_on: date | None
    open_minor: int
    amount_minor: int = 0
    currency: str = ""
    case_id: int | None = None
    owner_id: int | None = None
    # What the ladder goes by:
    region: str = ""
    ladder: str = ""
    start: str = "today"
    age_shift_days: int = 0
    next_step_on: date | None = None
    fired_offset: int | None = None  # the highest offset fired for this due date; all at or below it is done
    # What takes it out, and what is left:
    tags: tuple[str, ...] = ()
    paused: bool = False
    promised_minor: int = 0  # still out because of an open promise
    claimed_minor: int = 0
    disputed_minor: int = 0
    netted_minor: int = 0  # unapplied credit set against it, for chasing only
    chaseable_minor: int = 0
    why_not: str = ""  # "" = chaseable

    def age(self, day: date) -> int:
        """Days since the due date; only asked of dated receivables."""
        assert self.due_on is not None
        return (day - self.due_on).days

    @property
    def chaseable(self) -> bool:
        return not self.why_not


@dataclass(slots=True)
class CaseFacts:
    """A customer's open receivables of one currency, with the customer's own facts."""

    customer_id: int
    currency: str
    code: str
    name: str
    rating: str = ""
    type: str = ""
    region: str = ""
    tags: tuple[str, ...] = ()
    owner_id: int | None = None
    no_letters: bool = False
    unapplied_minor: int = 0  # positive: credit that no receivable has taken
    promise_money_minor: int = 0  # the part of it that came after an open promise was made
    paused: bool = False
    case_id: int | None = None
    case_severity: str = ""
    policy_id: int | None = None
    average_minor: Decimal | None = None  # of what was invoiced in the rating's window; only read where a ladder asks for it
    receivables: list[ReceivableFacts] = field(default_factory=list)

    @property
    def chaseable_minor(self) -> int:
        return sum(r.chaseable_minor for r in self.receivables if r.chaseable)

    def overdue_minor(self, day: date) -> int:
        """What may be chased and is overdue, net of credit."""
        return sum(r.chaseable_minor for r in self.receivables if r.chaseable and r.age(day) > 0)


def oldest_first(receivables: list[ReceivableFacts]) -> list[ReceivableFacts]:
    """By due date, undated last; ties by issue date, then number, so that every netting is repeatable."""
    return sorted(receivables, key=lambda r: (r.due_on or date.max, r.issued_on, r.number, r.id))


def net(case: CaseFacts, min_chase_minor: int) -> None:
    """Fills in what may be chased of each receivable, and why not where nothing may (dunning.md section 2).

    Unapplied credit is set against the oldest first. Money pays the promised part first and the undisputed part
    first: a promise keeps out only what it covers and is not paid yet, a dispute at most what is open.
    """
    credit = case.unapplied_minor
    promise_money = case.promise_money_minor
    # Where there is no money to set against anything, the order doesn't matter; most customers have none.
    for r in oldest_first(case.receivables) if credit or promise_money else case.receivables:
        rest = r.open_minor
        if credit or r.promised_minor or r.claimed_minor or r.disputed_minor:
            r.netted_minor = min(credit, rest) if r.due_on else 0
            credit -= r.netted_minor
            rest -= r.netted_minor
            paid_by_promise = min(promise_money, r.promised_minor)
            promise_money -= paid_by_promise
            r.promised_minor = min(r.promised_minor - paid_by_promise, rest)
            rest -= r.promised_minor
            r.claimed_minor = min(r.claimed_minor, rest)
            rest -= r.claimed_minor
            r.disputed_minor = min(r.disputed_minor, rest)
            rest -= r.disputed_minor
        r.chaseable_minor = rest
        r.why_not = _why_not(case, r)
    if case.chaseable_minor < min_chase_minor:
        for r in case.receivables:
            if r.chaseable:
                r.why_not = "below_min"


def _why_not(case: CaseFacts, r: ReceivableFacts) -> str:
    if r.due_on is None:
        return "undated"
    if r.open_minor <= 0:
        return "settled"
    if r.paused or case.paused:
        return "paused"
    if r.tags or case.tags:
        for tag in OFF_LIMITS:
            if tag in r.tags or tag in case.tags:
                return tag
    if r.chaseable_minor > 0:
        return ""
    parts = {
        "promised": r.promised_minor,
        "claimed": r.claimed_minor,
        "disputed": r.disputed_minor,
        "netted": r.netted_minor,
    }
    return max(parts, key=lambda name: parts[name])
