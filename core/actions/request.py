"""What is asked, by whom, about what: the request of a tap or command, its context, and what became of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from core import tasks
from core.dunning.ladder import Policy
from core.dunning.state import Event
from core.errors import DomainError
from core.models import (
    Delivery,
    Person,
    Receivable,
    Task,
)
from core.models.base import table_of
from core.money import parse_major, ungrouped
from core.work import Work

MAX_YEARS = 10  # how far a day may lie from today that somebody types or picks


class Result(StrEnum):
    """done: it took effect now. already: it had taken effect before, or the subject is closed; nothing changed.
    stale: the card showed older figures; nothing changed. not_allowed: not this person's. invalid: the input is wrong."""

    done = "done"
    already = "already"
    stale = "stale"
    not_allowed = "not_allowed"
    invalid = "invalid"


@dataclass(frozen=True)
class ActionRequest:
    """Which person asks for what. `action` is a permanent id, `input` the raw texts of its form.

    The subject is either the card that was tapped (`delivery_id`, `seen_rev`), or named (`subject`, `subject_id`)
    when it comes from a typed command. `shown`: what the card was compared with when it was tapped, where that was before
    it is done; None: what the card shows by now.
    """

    person_id: int
    action: str
    input: Mapping[str, str] = field(default_factory=dict)
    delivery_id: int | None = None
    seen_rev: int | None = None
    subject: str = ""
    subject_id: int | None = None
    shown: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of it. `code` names the sentence to say (bot turns it into words), `facts` fill it."""

    result: Result
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """What a handler works with: the request, its subject, and the customer it is about."""

    work: Work
    policy: Policy
    request: ActionRequest
    handler: "Handler"
    subject: str
    subject_id: int
    customer_id: int | None
    delivery: Delivery | None
    held: Task | None = None  # the subject, if it is a task: whoever asks the session for it gets this one
    after: list[Event] = field(default_factory=list)  # brings the owner a new task at once
    receipts: list[int] = field(default_factory=list)  # posted by the handler

    def handle(self) -> Outcome:
        outcome = self.handler(self)
        self.work.session.flush()
        return outcome

    def text(self, name: str) -> str:
        return str(self.request.input.get(name, "") or "").strip()

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise DomainError("input.missing", name=name, action=self.request.action)
        return value

    def day(self, name: str, *, required: bool = False) -> date | None:
        value = self.need(name) if required else self.text(name)
        if not value:
            return None
        try:
            found = date.fromisoformat(value)
        except ValueError:
            raise DomainError("input.bad_date", name=name, value=value) from None
        if abs(found.year - self.work.today.year) > MAX_YEARS:
            raise DomainError("input.bad_date", name=name, value=value)
        return found

    def money(self, name: str, *, required: bool = False) -> int | None:
        value = self.need(name) if required else self.text(name)
        if not value:
            return None
        minor = parse_major(ungrouped(value), self.currency() or self.work.company.currency)
        if minor <= 0:
            raise DomainError("input.bad_amount", name=name, value=value)
        return minor

    def currency(self) -> str | None:
        """The currency named, else the only one the customer has open; None when that is not one."""
        value = self.text("currency").upper()
        if value:
            return value
        return only_currency(self.work, self.customer_id)

    @property
    def customer(self) -> int:
        assert self.customer_id is not None
        return self.customer_id

    def task(self) -> Task | None:
        if self.subject == "task":
            return self.work.session.get_one(Task, self.subject_id)
        mine = [t for t in tasks.open_tasks(self.work, self.customer) if t.person_id == self.work.person_id]
        return mine[0] if mine else None


Handler = Callable[[Context], Outcome]


def only_currency(work: Work, customer_id: int | None) -> str | None:
    """The one currency that the customer has open; None when that is not one."""
    R = table_of(Receivable)
    rows = work.session.execute(
        select(R.c.currency).where(R.c.customer_id == customer_id, R.c.open_minor > 0).distinct().limit(2)
    ).scalars()
    found = list(rows)
    return found[0] if len(found) == 1 else None


def task_id(c: Context) -> int | None:
    return c.subject_id if c.subject == "task" else None


def amounts_of(pairs: Iterable[tuple[int, str]]) -> list[list[Any]]:
    """JSON for an outcome: [[minor, currency], …]."""
    return [[minor, currency] for minor, currency in pairs]


def person_named(c: Context, name: str) -> Person:
    value = c.need(name).lstrip("@")
    people = (
        c.work.session.execute(
            select(Person).where((table_of(Person).c.handle == value) | (table_of(Person).c.name == value))
        )
        .scalars()
        .all()
    )
    if len(people) != 1 or not people[0].active:
        raise DomainError("person.unknown", person=value)
    person: Person = people[0]
    return person
