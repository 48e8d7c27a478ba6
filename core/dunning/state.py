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
    """Something besides a step that needs the owner again, drawn on their card.

    `kind`: promise.broken, promise.partly_kept, claim.expired, dispute.rejected, pause.ended, follow_up.
    """

    kind: str
    customer_id: int
    currency: str
    person_id: int | None  # None: whoever is responsible
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class CustomerState:
    """One customer's open tasks (by person), alert cards that are still today's, and letters (by currency)."""

    customer_id: int
    tasks: dict[int, TaskFacts] = field(default_factory=dict)
    alerts: set[int] = field(default_factory=set)  # persons with an alert card pending or delivered today
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
    """A task to open (`id` None) or to change. `card`: new, remind, update or none; `note`: one short message of a rise."""

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
    """A card without a task. `update`: today's alert card takes it in."""

    person_id: int
    currency: str
    kind: str
    severity: str
    update: bool


@dataclass(slots=True)
class CustomerPlan:
    """Everything that follows today for one customer; `apply` writes it, `simulate` counts it."""

    customer_id: int
    firings: list[PlannedFiring] = field(default_factory=list)
    tasks: list[PlannedTask] = field(default_factory=list)
    alerts: list[PlannedAlert] = field(default_factory=list)
    letters: dict[str, LetterPlan | str] = field(default_factory=dict)  # by currency; a text says why none goes
    holds: list[tuple[str, str, Hit]] = field(default_factory=list)  # (currency, order | high_risk, hit)
    escalated: list[int] = field(default_factory=list)  # task ids whose silence has been reported upwards
    severities: dict[str, str] = field(default_factory=dict)  # currency -> severity reached by today's firings
    gap: bool = False  # nobody is responsible
