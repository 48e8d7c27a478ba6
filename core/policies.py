"""The policy in force, for whoever changes something."""

from core.dunning import stored
from core.dunning.ladder import Policy
from core.work import Work


def active(work: Work) -> tuple[int, Policy]:
    """The policy in force now, and its id. The first time, the shipped default is stored."""
    row = stored.ensure(work)
    return row.id or 0, stored.of(row, work.company.currency)
