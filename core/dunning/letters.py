"""When a letter to a customer may go, and which stage it has (dunning.md section 5). Pure."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from core.dunning.facts import CaseFacts

IN_REVIEW = "in_review"  # why a letter waits until finance has released it
FINAL = 3  # rendered to a file for the owner, never sent by the machine


@dataclass(slots=True)
class LetterFacts:
    """What one customer and currency has had in letters, and what waits.

    `unsent` maps a receivable to the stages reached and not sent; `had` to the highest of the stages 1 and 2 it had.
    """

    unsent: dict[int, set[int]] = field(default_factory=dict)
    had: dict[int, int] = field(default_factory=dict)
    last_on: date | None = None  # of any letter to this customer
    to: str = ""
    cc: str = ""


@dataclass(frozen=True, slots=True)
class LetterSending:
    """What holds for all letters of the company now. `released` is finance's word for one batch in review mode."""

    mode: str  # off, review, send
    profile: bool
    in_window: bool
    stale: bool
    gap_days: int


@dataclass(frozen=True, slots=True)
class LetterPlan:
    """A letter that goes now: it lists `receivables`, and marks their firings up to `stage` as sent."""

    stage: int
    receivables: tuple[int, ...]
    cc: bool


def listed(case: CaseFacts, day: date) -> list[int]:
    """Every chaseable overdue receivable of the customer."""
    return [r.id for r in case.receivables if r.chaseable and r.age(day) > 0]


def stage_of(letters: LetterFacts, on_letter: list[int]) -> int | None:
    """The lowest unsent stage of what is listed, but never milder than what a listed one has had. None: no letter."""
    waiting = [stage for r in on_letter for stage in letters.unsent.get(r, ())]
    if not waiting:
        return None
    lowest = min(waiting)
    if lowest >= FINAL:
        return FINAL
    return max(lowest, *(letters.had.get(r, 0) for r in on_letter))


def plan_letter(
    sending: LetterSending, case: CaseFacts, letters: LetterFacts, day: date, *, released: bool = False
) -> LetterPlan | str:
    """The letter that goes now, or the reason why the waiting ones are deferred ("" when none waits)."""
    on_letter = listed(case, day)
    stage = stage_of(letters, on_letter)
    if stage is None:
        return ""
    if sending.mode == "off":
        return "letters_off"
    if not sending.profile:
        return "no_profile"
    if case.no_letters:
        return "no_letters"
    if stage < FINAL and not letters.to:
        return "no_contact"
    if sending.stale:
        return "receipts_stale"
    if sending.mode == "review" and stage < FINAL and not released:
        return IN_REVIEW
    if letters.last_on is not None and day < letters.last_on + timedelta(days=sending.gap_days):
        return "gap"
    if not sending.in_window:
        return "window"
    return LetterPlan(stage, tuple(on_letter), cc=stage == 2 and bool(letters.cc))
