"""Which stories run through every messenger: whatever it can draw, what happens and what is booked is the same.

All of a module in `WHOLE`, but for those in `LEFT_OUT`; of any other module those that end with `in_any_messenger`. A new
story comes along by itself.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests import scenarios

Stories = dict[str, Callable[..., Any]]

WHOLE = (
    "accounts", "cards", "claims", "comes_back", "currencies", "customer_letters", "dates", "disputes", "imports", "morning",
    "one_card", "owners", "pauses", "payments", "promises", "results", "rights", "silence", "todo", "waiting_alerts",
    "worked_example", "wrong_input",
)  # fmt: skip

FORGED = "presses what no phone shows; each messenger's contract forges such presses"
CURRENCY = "no form asks for the currency alone: it is said with the amount"
FORMS = "forms refuse by themselves what the story sends"

# What has no phone in it, by module. Of credit, whose orders come in by the API, each kind of card has a story of its own.
APART = {
    "bad_input": "files and command lines",
    "crowd": "many taps in one transaction",
    "races": "threads and processes on one database",
    "replay": "command lines",
    "two_processes": "processes of their own",
    "unclear": "a messenger that fails as it is told; the contract has each one fail",
    "vectors": "the books",
    "walk": "a command line",
    "wrong_taps": FORGED,
}

# The same, by fixture.
THEIRS = {"door": "hands in what accounts say that no messenger knows; each messenger's contract links one"}

LEFT_OUT = {
    "a_button_of_another_card_is_no_such_action": FORGED,
    "a_copy_of_nothing_is_refused_in_words": FORMS,
    "a_day_that_is_none_or_far_away_is_a_sentence": FORGED,
    "a_line_that_is_none_opens_nothing": FORGED,
    "a_messenger_that_is_switched_on_later_brings_what_was_missed": "two messengers",
    "a_promise_in_another_currency_withdraws_nothing": CURRENCY,
    "a_promise_of_one_currency_leaves_the_other_to_chase": CURRENCY,
    "a_task_is_handed_over_by_its_person_and_whoever_is_above": FORGED,
    "a_task_that_moves_joins_the_one_that_the_new_owner_has": "a manager presses the rep's card, which she hasn't got",
    "characters_that_nobody_types_are_left_out": "characters that no messenger carries",
    "nobody_opens_what_waits_for_somebody_else": FORGED,
    "nobody_settles_a_dispute_that_they_raised": FORGED,
    "the_buttons_of_an_answered_todo_work": FORGED,
    "the_number_of_statements_does_not_grow_with_what_waits": "counts statements",
    "the_server_looks_at_an_import_a_minute_later_and_once": "two processes",
    "what_is_only_typed_is_no_button": FORGED,
}

SUFFIX = "in_any_messenger"


def modules() -> list[str]:
    return sorted(path.stem.removeprefix("test_") for path in Path(scenarios.__path__[0]).glob("test_*.py"))


def told_in(module: str) -> Stories:
    """The stories of a module by name."""
    found = vars(import_module(f"tests.scenarios.test_{module}"))
    return {name: story for name, story in found.items() if name.startswith("test_") and inspect.isfunction(story)}


def for_everybody() -> Stories:
    """Those that each messenger tells, ready to be a test module's own."""
    found: Stories = {}
    for module in modules():
        mine = {name: story for name, story in told_in(module).items() if _goes(module, name, story)}
        assert not found.keys() & mine.keys(), f"two stories of one name: {found.keys() & mine.keys()}"
        found |= mine
    return found


def for_who_types() -> Stories:
    """Those that press no older card: what is typed answers the newest."""
    return {name: story for name, story in for_everybody().items() if name.endswith(SUFFIX)}


def _goes(module: str, name: str, story: Callable[..., Any]) -> bool:
    asks = inspect.signature(story).parameters
    if "hk" not in asks or asks.keys() & THEIRS.keys():
        return False
    return name.endswith(SUFFIX) or (module in WHOLE and name.removeprefix("test_") not in LEFT_OUT)
