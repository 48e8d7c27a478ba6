"""What `plan` knows and what it answers: open tasks and cards of a customer in, firings and messages out. Plain values."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from core.dunning.decide import Hit
from core.dunning.letters import LetterFacts, LetterPlan


@dataclass(slots=True)
class TaskFacts:
    """An open collect task. `carded_on` is the day its latest card was delivered; `pending`: one waits in the outbox."""

    person_id: int
    id: int | None = None
    as_owner: bool = True
    severity: str = "due_soon"
    message: str = "task.overdue"
    answer_days: int | None = None
    answer_by: datetime | None = None
    escalated: bool = False
    receivables: set[int] = field(default_factory=set)
    carded_on: date | None = None
    pending: bool = False
    snoozed_until: date | None = None
    reminders: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """Something besides a step. Most need the owner again: promise.broken, promise.partly_kept, claim.expired,
    dispute.rejected, pause.ended, follow_up. Those in NOTICES are only to be known.
    """

    kind: str
    customer_id: int
    currency: str
    person_id: int | None  # None: whoever is responsible
    data: dict[str, Any] = field(default_factory=dict)

    def told(self, day: date) -> dict[str, Any]:
        """What a card of that day keeps of it, whoever it was told to."""
        return {"kind": self.kind.removeprefix("told."), "on": day.isoformat(), **self.data}


# An event that asks for nothing -> the card that tells of it, where no other card of that person and day does.
NOTICES = {
    "promise.due": "promise.due",
    "told.promise.broken": "promise.broken",
    "told.promise.partly_kept": "promise.broken",
    "told.claim.expired": "claim.expired",
}


@dataclass(slots=True)
class CardFacts:
    """A card without a task that waits, or was delivered today. `events`: the notice that it tells of."""

    pending: bool
    severity: str = "due_soon"
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class CustomerState:
    """One customer's open tasks and today's cards without a task (by person), and letters (by currency)."""

    customer_id: int
    tasks: dict[int, TaskFacts] = field(default_factory=dict)
    alerts: dict[int, CardFacts] = field(default_factory=dict)
    notices: dict[int, CardFacts] = field(default_factory=dict)
    letters: dict[str, LetterFacts] = field(default_factory=dict)
    new_letters: LetterFacts = field(default_factory=LetterFacts)  # for a currency that has had none
    released: bool = False


@dataclass(slots=True)
class PlannedFiring:
    hit: Hit
    currency: str
    outcome: str  # acted, superseded, deferred
    reason: str
    kind: str
    to: tuple[int, ...] = ()  # persons
    addresses: tuple[str, ...] = ()  # of a letter


@dataclass(slots=True)
class PlannedTask:
    """A task to open (`id` None) or to change. `card`: new, adopt (today's card without a task becomes its card), remind,
    update or none; `note`: one short message of a rise."""

    person_id: int
    id: int | None
    as_owner: bool
    severity: str
    message: str
    answer_days: int | None
    receivables: set[int]
    events: list[dict[str, Any]]
    card: str
    note: bool
    silent_task_id: int | None = None


@dataclass(slots=True)
class PlannedAlert:
    """A card without a task. `card`: new, adopt (today's notice becomes it) or update (today's alert takes it in)."""

    person_id: int
    currency: str
    kind: str
    severity: str
    card: str
    note: bool


@dataclass(slots=True)
class PlannedNotice:
    """Somebody is to know. `update`: a card of today takes it in."""

    person_id: int
    event: Event
    update: bool


@dataclass(slots=True)
class CustomerPlan:
    """Everything that follows today for one customer; `apply` writes it, `simulate` counts it."""

    customer_id: int
    firings: list[PlannedFiring] = field(default_factory=list)
    tasks: list[PlannedTask] = field(default_factory=list)
    alerts: list[PlannedAlert] = field(default_factory=list)
    notices: list[PlannedNotice] = field(default_factory=list)
    letters: dict[str, LetterPlan | str] = field(default_factory=dict)  # by currency; a text says why none goes
    holds: list[tuple[str, str, Hit]] = field(default_factory=list)  # (currency, order | high_risk, hit)
    escalated: list[int] = field(default_factory=list)  # task ids whose silence has been reported upwards
    severities: dict[str, str] = field(default_factory=dict)  # currency -> severity reached by today's firings
    gap: bool = False  # nobody is responsible
