"""What a policy says, as values: ladders of steps, the limits, the windows. Read from TOML by core.dunning.policy."""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from functools import cached_property
from typing import Protocol

from core.credit.rules import CreditRules
from core.money import digits
from core.time import Window

SEVERITIES = ("due_soon", "overdue", "severe", "critical")  # rising
ACTIONS = ("task", "letter", "alert", "flag", "hold")
STAFF = ("owner", "owner.manager", "owner.director")
CUSTOMER = ("customer.finance", "customer.business")
ROLES = (
    "rep", "sales_manager", "sales_director", "finance", "finance_manager", "finance_director", "risk", "management",
    "admin",
)  # fmt: skip
LETTERS = ("off", "review", "send")
WATCHED = ("receivable", "overdue")
DISPUTE_REASONS = ("quality", "quantity", "price", "delivery", "invoice", "contract", "other")
STAFF_KINDS = ("task.due_soon", "task.overdue", "task.critical", "alert.severe", "alert.high_risk")
LETTER_KINDS = {1: "letter.friendly", 2: "letter.notice", 3: "letter.final"}


class CustomerFacts(Protocol):
    @property
    def rating(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def tags(self) -> Collection[str]: ...
    @property
    def region(self) -> str: ...
    @property
    def average_minor(self) -> Decimal | None: ...


class ReceivableFacts(Protocol):
    @property
    def tags(self) -> Collection[str]: ...
    @property
    def region(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def open_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


@dataclass(frozen=True)
class Step:
    """What happens on day `at` after the due date (negative: before it), again every `every` days until day `until`.

    Without `severity` the step raises none. `answer_by` counts working days.
    """

    id: str
    at: int
    audience: tuple[str, ...]
    actions: tuple[str, ...]
    message: str
    severity: str | None = None
    stage: int | None = None
    cc: tuple[str, ...] = ()
    answer_by: int | None = None
    every: int | None = None
    until: int | None = None

    @cached_property
    def action(self) -> str:
        """As a firing stores it: several joined by +."""
        return "+".join(self.actions)

    @cached_property
    def is_letter(self) -> bool:
        return "letter" in self.actions

    @cached_property
    def speaks(self) -> bool:
        """Tasks and alerts supersede each other; letters have stages; flags and holds only act."""
        return "task" in self.actions or "alert" in self.actions

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        if self.every is None or self.until is None:
            return (self.at,)
        return tuple(range(self.at, self.until + 1, self.every))


@dataclass(frozen=True)
class When:
    """For whom a ladder is. Empty = for everybody; several values of one key: any of them; several keys: all of them."""

    rating: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    min_amount: Mapping[str, int] = field(default_factory=dict, hash=False)  # minor units
    above_average: Decimal | None = None  # invoiced at so many times the customer's average, or more

    @property
    def everybody(self) -> bool:
        return self == When()

    def fits(self, customer: CustomerFacts, receivable: ReceivableFacts) -> bool:
        """The receivable's own region wins over its customer's; a currency without a `min_amount` doesn't fit one."""
        if self.rating and customer.rating not in self.rating:
            return False
        if self.type and customer.type not in self.type:
            return False
        if self.region and (receivable.region or customer.region) not in self.region:
            return False
        if self.tag and not {*customer.tags, *receivable.tags}.intersection(self.tag):
            return False
        if self.above_average is not None:
            average = customer.average_minor
            if average is None or receivable.amount_minor < average * self.above_average:
                return False
        if not self.min_amount:
            return True
        least = self.min_amount.get(receivable.currency)
        return least is not None and receivable.open_minor >= least


@dataclass(frozen=True)
class Ladder:
    name: str
    when: When
    steps: tuple[Step, ...]  # by offset, then as written

    def step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Every day on which something happens, repeats included, once and in order."""
        return tuple(sorted({offset for step in self.steps for offset in step.offsets}))


@dataclass(frozen=True)
class Watch:
    """What is watched from more than `over` on. Of a `receivable`, its amount: it carries `tag` until it is settled. Of
    what is `overdue`, a customer's total: `audience` gets a report, once for each time that it passes."""

    name: str
    of: str
    over: Mapping[str, int] = field(hash=False)  # minor units by currency; others are not watched
    tag: str = ""
    audience: tuple[str, ...] = ()

    def passed(self, minor: int, currency: str) -> bool:
        return currency in self.over and minor > self.over[currency]


@dataclass(frozen=True)
class Limits:
    """Every number of dunning.md; `[limits]` in the file. Days of claims, tolerances and answers are working days."""

    min_chase: Mapping[str, int] = field(default_factory=dict, hash=False)  # minor units
    promise_max_days: int = 30
    promise_min_share: Decimal = Decimal("0.5")  # of what is overdue
    promise_max_replacements: int = 2
    promise_tolerance_days: int = 1
    promise_not_kept_tell: int = 2  # from so many in a row the manager is told
    claim_days: int = 3
    claim_match_days: int = 10  # calendar days between a claim and the receipt that proves it
    claim_expired_tell: int = 2
    dispute_days: int = 5
    pause_max_days: int = 14  # calendar days a pause may last without the manager
    pause_max: int = 1  # running or past pauses of a case without the manager
    letter_gap_days: int = 2  # calendar days between two letters to one customer
    snooze_max: int = 2
    again_max_days: int = 5  # "not reached": again on
    not_reached_max: int = 3  # in a row, then it escalates
    follow_up_days: int = 5  # after "needs a copy" and "other"
    digest_over: int = 5  # more cards than this in the morning become one

    def chase_from(self, currency: str) -> int:
        """The smallest sum worth a reminder, in minor units: 1.00 where the policy names nothing for the currency."""
        own = self.min_chase.get(currency)
        return int(10 ** digits(currency)) if own is None else own


_WORK, _LETTERS, _QUIET = Window(time(9), time(18)), Window(time(9), time(17)), Window(time(20), time(8))


@dataclass(frozen=True)
class Windows:
    """When messages go, in the reader's zone. `work` and `letters` on working days only."""

    work: Window = _WORK
    letters: Window = _LETTERS
    quiet: Window = _QUIET


_CREDIT = CreditRules()  # of a policy that says nothing about it


@dataclass(frozen=True)
class Policy:
    name: str
    letters: str  # off, review, send; a company's own switch wins over it
    ladders: tuple[Ladder, ...]
    limits: Limits
    windows: Windows
    dispute_owners: Mapping[str, str] = field(hash=False)  # reason -> role, every reason
    fingerprint: str
    text: str = field(repr=False)
    credit: CreditRules = _CREDIT
    watches: tuple[Watch, ...] = ()

    def tags_of(self, amount_minor: int, currency: str) -> tuple[str, ...]:
        """What a receivable of this amount carries besides its own tags."""
        marks = self._marks.get(currency)
        return tuple([tag for over, tag in marks if amount_minor > over]) if marks else ()

    @cached_property
    def _marks(self) -> dict[str, list[tuple[int, str]]]:
        """By currency: from more than how much on a receivable carries which tag. Asked for each receivable."""
        marks: dict[str, list[tuple[int, str]]] = {}
        for watch in self.watches:
            for currency, over in watch.over.items() if watch.of == "receivable" else ():
                marks.setdefault(currency, []).append((over, watch.tag))
        return marks

    @cached_property
    def asks_averages(self) -> bool:
        """Whether a ladder goes by what a customer's receivables are on average."""
        return any(ladder.when.above_average is not None for ladder in self.ladders)

    def watch(self, name: str) -> Watch | None:
        return next((watch for watch in self.watches if watch.name == name), None)

    def ladder(self, name: str) -> Ladder | None:
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Ladder]:
        return {ladder.name: ladder for ladder in reversed(self.ladders)}

    def choose(self, customer: CustomerFacts, receivable: ReceivableFacts) -> Ladder | None:
        """The first ladder that fits. None: nobody is reminded of this receivable."""
        for ladder in self.ladders:
            if ladder.when.fits(customer, receivable):
                return ladder
        return None


def occurrences(step: Step, age: int) -> list[tuple[int, int]]:
    """(occurrence from 1, offset) of everything of this step that is reached at `age`, oldest first."""
    return [(n, offset) for n, offset in enumerate(step.offsets, start=1) if offset <= age]


def next_offset(ladder: Ladder, age: int) -> int | None:
    """The next day after `age` on which something happens. None: the ladder has ended."""
    at = bisect_right(ladder.offsets, age)
    return ladder.offsets[at] if at < len(ladder.offsets) else None


def second_positive_offset(ladder: Ladder) -> int | None:
    """A debt first seen beyond it is an old one. None where the ladder hasn't two: then nothing is old."""
    at = bisect_right(ladder.offsets, 0) + 1
    return ladder.offsets[at] if at < len(ladder.offsets) else None
