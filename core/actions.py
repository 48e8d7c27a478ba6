"""The table of actions: what a tap or a written command may do. `execute` is the only way in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    when it comes from a typed command.
    """

    person_id: int
    action: str
    input: Mapping[str, str] = field(default_factory=dict)
    delivery_id: int | None = None
    seen_rev: int | None = None
    subject: str = ""
    subject_id: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of it. `code` names the sentence to say (bot turns it into words), `facts` fill it."""

    result: Result
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
