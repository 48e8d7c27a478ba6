"""Tables of facts -> decision and reason: netting, what may be chased, which steps are reached."""

from datetime import date, timedelta
from typing import Any

import pytest

from core.dunning.decide import Decision, decide
from core.dunning.facts import CaseFacts
from core.dunning.policy import parse
from tests.core.dunning_facts import DAY, POLICY, case, owed

# --- netting: (facts of the case, facts of its receivables) -> (chaseable, why not) of each ---

NETTED: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[tuple[int, str]]]] = {
    "all of it": ({}, [{}], [(10_000, "")]),
    "credit goes to the oldest first": (
        {"unapplied_minor": 12_000},
        [{"age": 1}, {"age": 9}],
        [(8_000, ""), (0, "netted")],
    ),
    "credit covers nothing undated": (
        {"unapplied_minor": 12_000},
        [{"age": None}, {"age": 1}],
        [(10_000, "undated"), (0, "netted")],
    ),
    "a promise keeps out what it covers": ({}, [{"promised_minor": 6_000}], [(4_000, "")]),
    "all of it promised": ({}, [{"promised_minor": 10_000}], [(0, "promised")]),
    "unapplied money pays the promised part first": (
        {"unapplied_minor": 6_000, "promise_money_minor": 6_000},
        [{"promised_minor": 6_000}],
        [(4_000, "")],
    ),
    "credit from before the promise pays what is not promised": (
        {"unapplied_minor": 4_000},
        [{"promised_minor": 6_000}],
        [(0, "promised")],
    ),
    "a dispute is at most what is open": ({}, [{"minor": 3_000, "disputed_minor": 4_000}], [(0, "disputed")]),
    "money pays the undisputed part first": (
        {"unapplied_minor": 6_000},
        [{"disputed_minor": 4_000}],
        [(0, "netted")],  # the greater part of why
    ),
    "a claim": ({}, [{"claimed_minor": 10_000}], [(0, "claimed")]),
    "promised, claimed and disputed in parts": (
        {},
        [{"promised_minor": 3_000, "claimed_minor": 3_000, "disputed_minor": 3_000}],
        [(1_000, "")],
    ),
    "the customer is paused": ({"paused": True}, [{}], [(10_000, "paused")]),
    "the receivable is paused": ({}, [{"paused": True}, {}], [(10_000, "paused"), (10_000, "")]),
    "written off": ({}, [{"tags": ("written_off",)}], [(10_000, "written_off")]),
    "the customer is not to be dunned": ({"tags": ("no_dunning",)}, [{}], [(10_000, "no_dunning")]),
    "no due date": ({}, [{"age": None}], [(10_000, "undated")]),
    "settled": ({}, [{"minor": 0}], [(0, "settled")]),
    "too little to chase": ({}, [{"minor": 99}], [(99, "below_min")]),
    "enough to chase": ({}, [{"minor": 100}], [(100, "")]),
    "the sum counts, not the single one": ({}, [{"minor": 60}, {"minor": 40}], [(60, ""), (40, "")]),
    "what is set aside does not count": (
        {},
        [{"minor": 60}, {"minor": 40, "promised_minor": 40}],
        [(60, "below_min"), (0, "promised")],
    ),
}


@pytest.mark.parametrize("name", NETTED)
def test_what_may_be_chased_and_why_not(name: str) -> None:
    about, rows, expected = NETTED[name]
    made = case(*(owed(i, **row) for i, row in enumerate(rows, start=1)), **about)
    assert [(r.chaseable_minor, r.why_not) for r in made.receivables] == expected


# --- steps ---


def on(made: CaseFacts, day: date = DAY, policy: Any = POLICY) -> Decision:
    return decide(policy, made, day)


def steps(decision: Decision) -> list[str]:
    """`step` acted, `(step)` superseded; `!audience` where a step has several."""
    return [
        ("{}" if h.outcome == "acted" else "({})").format(h.step.id + (f"!{h.audience}" if len(h.step.audience) > 1 else ""))
        for h in decision.hits
    ]


AGES = {
    -8: [],
    -7: ["pre7"],
    -1: ["pre7"],
    0: [],  # steps before the due date are dropped, the due day has none
    1: ["letter1", "over1"],
    6: ["letter1", "over1"],
    7: ["letter1", "letter2", "(over1)", "over7"],
    15: ["letter1", "letter2", "(over1)", "over7"],
    16: [
        "letter1", "letter2", "(over1)", "over7", "severe16!owner.manager", "severe16!role:finance_director",
    ],
    30: [
        "letter1", "letter2", "(over1)", "over7", "severe16!owner.manager", "severe16!role:finance_director", "final30",
        "director30",
    ],
    31: [
        "letter1", "letter2", "(over1)", "over7", "severe16!owner.manager", "(severe16!role:finance_director)", "final30",
        "director30", "risk31!role:finance_director", "risk31!role:sales_director",
    ],
}  # fmt: skip


@pytest.mark.parametrize("age", AGES)
def test_first_seen_at_an_age_everything_missed_is_caught_up(age: int) -> None:
    assert sorted(steps(on(case(owed(age=age))))) == sorted(AGES[age])


@pytest.mark.parametrize(
    ("age", "fired", "expected", "next_look"),
    [
        (1, -7, ["letter1", "over1"], 7),
        (3, 1, [], 7),
        (7, 1, ["letter2", "over7"], 16),
        (8, 7, [], 16),
        (16, 7, ["severe16!owner.manager", "severe16!role:finance_director"], 30),
        (31, 30, ["risk31!role:finance_director", "risk31!role:sales_director"], None),
        (400, 31, [], None),
    ],
)
def test_what_has_fired_is_done(age: int, fired: int, expected: list[str], next_look: int | None) -> None:
    r = owed(age=age, fired_offset=fired)
    decision = on(case(r))
    assert sorted(steps(decision)) == sorted(expected)
    assert r.due_on is not None
    assert decision.next_looks[1] == (None if next_look is None else r.due_on + timedelta(days=next_look))


def test_a_step_that_waits_for_a_reason_to_pass_is_looked_at_again_tomorrow() -> None:
    decision = on(case(owed(age=7, fired_offset=1, promised_minor=10_000)))
    assert (decision.hits, decision.why_not, decision.next_looks) == ([], {1: "promised"}, {1: DAY + timedelta(days=1)})


def test_without_a_step_to_wait_for_the_next_look_is_the_next_step() -> None:
    decision = on(case(owed(age=3, fired_offset=1, promised_minor=10_000)))
    assert decision.next_looks == {1: DAY + timedelta(days=4)}


def test_undated_ones_are_never_looked_at() -> None:
    decision = on(case(owed(age=None), owed(2)))
    assert decision.why_not == {1: "undated"}
    assert decision.next_looks[1] is None
    assert {h.receivable.id for h in decision.hits} == {2}


@pytest.mark.parametrize(
    ("age", "shift", "expected"),
    [(7, 0, ["letter2", "over7", "letter1", "(over1)"]), (8, 7, ["letter1", "over1"]), (35, 34, ["letter1", "over1"])],
)
def test_old_debts_that_start_at_the_first_step_count_as_age_one(age: int, shift: int, expected: list[str]) -> None:
    decision = on(case(owed(age=age, start="first")))
    assert sorted(steps(decision)) == sorted(expected)
    assert decision.shifts == ({1: shift} if shift else {})
    r = decision.case.receivables[0]
    assert r.due_on is not None
    assert decision.next_looks[1] == r.due_on + timedelta(days=shift + (7 if shift else 16))


def test_the_shift_is_kept() -> None:
    assert steps(on(case(owed(age=41, start="first", age_shift_days=34, fired_offset=1)))) == ["letter2", "over7"]
    assert steps(on(case(owed(age=40, start="first", age_shift_days=34, fired_offset=1)))) == []


LADDERS = parse(
    """
name = "two"
[[ladder]]
name = "big"
when = { rating = ["A"], min_amount = { CNY = "1000.00" } }
[[ladder.step]]
id = "b10"
at = 10
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[ladder]]
name = "repeats"
when = { tag = ["vip"] }
[[ladder.step]]
id = "again"
at = 2
every = 3
until = 9
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[ladder]]
name = "zero"
when = { rating = ["A", "B"] }
[[ladder.step]]
id = "due0"
at = 0
audience = ["owner"]
action = "task"
severity = "due_soon"
message = "task.due_soon"
"""
)


@pytest.mark.parametrize(
    ("about", "row", "expected", "why"),
    [
        ({"rating": "A"}, {"age": 10, "minor": 100_000}, ["b10"], {}),
        ({"rating": "A"}, {"age": 0, "minor": 99_999}, ["due0"], {}),  # too small for the first ladder
        ({"rating": "A"}, {"age": 1, "minor": 99_999}, [], {}),  # a step of offset 0 is dropped at age 1
        ({"rating": "A", "tags": ("vip",)}, {"age": 8, "minor": 5_000}, ["(again)", "(again)", "again"], {}),
        ({}, {"age": 8, "tags": ("vip",), "fired_offset": 5}, ["again"], {}),
        ({}, {"age": 9, "tags": ("vip",), "fired_offset": 8}, [], {}),
        ({}, {"age": 5}, [], {1: "no_ladder"}),
        ({"rating": "C"}, {"age": 5, "ladder": "repeats"}, ["(again)", "again"], {}),  # the ladder is kept
    ],
)
def test_the_ladder_that_fits_is_chosen_and_kept(
    about: dict[str, Any], row: dict[str, Any], expected: list[str], why: dict[int, str]
) -> None:
    decision = on(case(owed(**row), **about), policy=LADDERS)
    assert steps(decision) == expected
    assert decision.why_not == why


def test_every_receivable_gets_its_firings_or_a_reason() -> None:
    """Total: nothing is left without an answer, whatever its state."""
    kinds: list[dict[str, Any]] = [
        {}, {"age": None}, {"minor": 0}, {"paused": True}, {"promised_minor": 10_000}, {"claimed_minor": 10_000},
        {"disputed_minor": 10_000}, {"tags": ("written_off",)}, {"age": -20}, {"fired_offset": 31, "age": 50},
    ]  # fmt: skip
    rows = [owed(i, **kind) for i, kind in enumerate(kinds, start=1)]
    decision = on(case(*rows))
    hit = {h.receivable.id for h in decision.hits}
    for r in rows:
        assert (r.id in hit) != (r.id in decision.why_not) or r.chaseable, r
        assert r.id in decision.next_looks
    assert all(h.reason for h in decision.hits)
