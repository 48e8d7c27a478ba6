"""Tables: which letter goes, with which stage, or why none does (dunning.md section 5)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.dunning.letters import FINAL, LetterFacts, LetterPlan, LetterSending, plan_letter, stage_of
from tests.core.dunning_facts import DAY, case, owed

OPEN = LetterSending(mode="send", profile=True, in_window=True, stale=False, gap_days=2)


def waiting(unsent: dict[int, set[int]], **more: Any) -> LetterFacts:
    return LetterFacts(**({"unsent": unsent, "to": "finance@jia.example", "cc": "sales@jia.example"} | more))


@pytest.mark.parametrize(
    ("unsent", "had", "stage"),
    [
        ({1: {1}}, {}, 1),
        ({1: {1, 2}}, {}, 1),  # stage by stage
        ({1: {2}}, {1: 1}, 2),
        ({1: {1}}, {2: 2}, 2),  # never milder than what a listed one has had
        ({1: {1}}, {3: 2}, 1),  # 3 is not on the letter
        ({1: {1, 2, 3}}, {}, 1),
        ({1: {3}}, {1: 2}, FINAL),
        ({1: {3}, 2: {1}}, {1: 2}, 2),  # 1 waits for its file, 2 had nothing, but the letter lists 1
        ({}, {1: 2}, None),
        ({3: {1}}, {}, None),  # what waits is not overdue or not chased
    ],
)
def test_the_lowest_unsent_stage_never_milder_than_before(
    unsent: dict[int, set[int]], had: dict[int, int], stage: int | None
) -> None:
    assert stage_of(LetterFacts(unsent=unsent, had=had), [1, 2]) == stage


REASONS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    # sending, letters, case -> why it waits
    "off": ({"mode": "off"}, {}, {}, "letters_off"),
    "no profile": ({"profile": False}, {}, {}, "no_profile"),
    "the customer wants none": ({}, {}, {"no_letters": True}, "no_letters"),
    "no contact": ({}, {"to": ""}, {}, "no_contact"),
    "receipts are not in": ({"stale": True}, {}, {}, "receipts_stale"),
    "in review": ({"mode": "review"}, {}, {}, "in_review"),
    "one day after the last": ({}, {"last_on": DAY - timedelta(days=1)}, {}, "gap"),
    "on the day of the last": ({}, {"last_on": DAY}, {}, "gap"),
    "outside the window": ({"in_window": False}, {}, {}, "window"),
    "no contact is said before review": ({"mode": "review"}, {"to": ""}, {}, "no_contact"),
}


@pytest.mark.parametrize("name", REASONS)
def test_why_a_letter_waits(name: str) -> None:
    sending, letters, about, why = REASONS[name]
    planned = plan_letter(replace(OPEN, **sending), case(owed(), **about), waiting({1: {1}}, **letters), DAY)
    assert planned == why


@pytest.mark.parametrize(
    ("sending", "letters", "released", "expected"),
    [
        ({}, {}, False, LetterPlan(1, (1,), cc=False)),
        ({"mode": "review"}, {}, True, LetterPlan(1, (1,), cc=False)),
        ({}, {"last_on": DAY - timedelta(days=2)}, False, LetterPlan(1, (1,), cc=False)),
        ({}, {"unsent": {1: {2}}}, False, LetterPlan(2, (1,), cc=True)),
        ({}, {"unsent": {1: {2}}, "cc": ""}, False, LetterPlan(2, (1,), cc=False)),
        ({"mode": "review"}, {"unsent": {1: {3}}, "to": ""}, False, LetterPlan(3, (1,), cc=False)),  # a human sends it
        ({}, {"unsent": {}}, False, ""),
    ],
)
def test_when_it_goes(
    sending: dict[str, Any], letters: dict[str, Any], released: bool, expected: LetterPlan | str
) -> None:
    known = waiting(**({"unsent": {1: {1}}} | letters))
    assert plan_letter(replace(OPEN, **sending), case(owed()), known, DAY, released=released) == expected


def test_it_lists_everything_that_is_overdue_and_chased() -> None:
    facts = case(
        owed(1, age=1),
        owed(2, age=40),
        owed(3, age=0),
        owed(4, age=-3),
        owed(5, age=5, promised_minor=10_000),
        owed(6, age=None),
        owed(7, age=5, disputed_minor=4_000),
    )
    planned = plan_letter(OPEN, facts, waiting({1: {1}}), DAY)
    assert isinstance(planned, LetterPlan)
    assert planned.receivables == (1, 2, 7)


@pytest.mark.parametrize(("days", "goes"), [(3, False), (4, True), (5, True)])
def test_v30_a_gap_of_four_days(days: int, goes: bool) -> None:
    sending = replace(OPEN, gap_days=4)
    planned = plan_letter(sending, case(owed()), waiting({1: {1}}, last_on=DAY - timedelta(days=days)), DAY)
    assert isinstance(planned, LetterPlan) == goes
