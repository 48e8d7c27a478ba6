"""When the engine must first look at a receivable."""

from datetime import date, timedelta

from core.dunning.ladder import Policy


def first_look(policy: Policy, due_on: date | None) -> date | None:
    """The earliest day on which any ladder of the policy could reach a step. None without a due date."""
    if due_on is None:
        return None
    earliest = min((offset for ladder in policy.ladders for offset in ladder.offsets[:1]), default=None)
    return None if earliest is None else due_on + timedelta(days=earliest)
