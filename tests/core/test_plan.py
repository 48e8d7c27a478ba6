"""Tables of decisions, open tasks and events -> tasks, cards and firings of one customer. Pure."""

from datetime import timedelta
from typing import Any

import pytest

from core.dunning.decide import decide
from core.dunning.facts import CaseFacts
from core.dunning.letters import LetterSending
from core.dunning.org import Org
from core.dunning.plan import plan
from core.dunning.state import CardFacts, CustomerPlan, CustomerState, Event, PlannedTask, TaskFacts
from tests.core.dunning_facts import ADA, CAI, DAY, FM, LI, NOW, POLICY, WANG, ZHAO, ZHOU, case, org, owed

OFF = LetterSending(mode="off", profile=True, in_window=True, stale=False, gap_days=2)


def planned(
    *cases: CaseFacts, tasks: dict[int, TaskFacts] | None = None, alerts: dict[int, CardFacts] | None = None,
    events: list[Event] | None = None, people: Org | None = None,
) -> CustomerPlan:  # fmt: skip
    state = CustomerState(1, tasks=tasks or {}, alerts=alerts or {})
    decisions = [decide(POLICY, c, DAY) for c in cases]
    return plan(POLICY, people or org(), OFF, state, decisions, events or [], NOW, DAY)


def task(person: int = LI, **more: Any) -> TaskFacts:
    return TaskFacts(**({"person_id": person, "id": 7, "severity": "overdue", "receivables": {1}} | more))


def only(result: CustomerPlan) -> PlannedTask:
    assert len(result.tasks) == 1, result.tasks
    return result.tasks[0]


# --- one card a person, customer and day ---

# the open task before, the age and highest fired offset of its receivable -> card, short message, severity
CARDS: dict[str, tuple[TaskFacts | None, int, int | None, tuple[str, bool, str]]] = {
    "the first step opens a task": (None, -7, None, ("new", False, "due_soon")),
    "a rise updates the card and says so": (
        task(severity="due_soon", carded_on=DAY - timedelta(days=8)), 1, -7, ("update", True, "overdue"),
    ),
    "a further step on a later day sends the card anew": (
        task(carded_on=DAY - timedelta(days=6)), 7, 1, ("remind", False, "overdue"),
    ),
    "a further step on the same day only updates": (task(carded_on=DAY), 7, 1, ("update", False, "overdue")),
    "a rise on the same day says so": (
        task(severity="due_soon", carded_on=DAY), 7, -7, ("update", True, "overdue"),
    ),
    "a card that still waits says it all": (task(severity="due_soon", pending=True), 7, -7, ("none", False, "overdue")),
    "a snoozed task is not sent anew": (
        task(carded_on=DAY - timedelta(days=6), snoozed_until=DAY + timedelta(days=1)), 7, 1, ("update", False, "overdue"),
    ),
    "a snooze that has ended hides nothing": (
        task(carded_on=DAY - timedelta(days=6), snoozed_until=DAY), 7, 1, ("remind", False, "overdue"),
    ),
    "another receivable without a rise only updates": (
        task(carded_on=DAY - timedelta(days=6), receivables={9}), 7, 1, ("update", False, "overdue"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_which_card(name: str) -> None:
    before, age, fired, (card, note, severity) = CARDS[name]
    result = planned(case(owed(age=age, fired_offset=fired)), tasks={LI: before} if before else {})
    found = only(result)
    assert (found.card, found.note, found.severity) == (card, note, severity)


def test_nothing_reached_changes_nothing() -> None:
    assert planned(case(owed(age=3, fired_offset=1)), tasks={LI: task()}) == CustomerPlan(1)


def test_two_receivables_and_two_currencies_are_one_task() -> None:
    usd = case(owed(3, currency="USD"), currency="USD")
    found = only(planned(case(owed(1), owed(2, age=7)), usd))
    assert (found.receivables, found.severity, found.answer_days) == ({1, 2, 3}, "overdue", 2)


# --- who is told ---


@pytest.mark.parametrize(
    ("people", "owner", "expected", "gap"),
    [
        (org(), LI, LI, False),
        (org(li={"active": False}), LI, WANG, True),
        (org(li={"active": False}, wang={"active": False}), LI, ZHAO, True),
        (org(), None, FM, True),
        (org(fm={"active": False}), None, ADA, True),
        (org(li={"manager_id": LI, "active": False}), LI, FM, True),
    ],
    ids=["the owner", "their manager", "the next above", "finance manager", "admin", "who managed themselves"],
)
def test_the_owner_or_whoever_stands_in(people: Org, owner: int | None, expected: int, gap: bool) -> None:
    result = planned(case(owed(), owner_id=owner), people=people)
    assert only(result).person_id == expected
    assert result.gap == gap


def test_the_owner_of_the_receivable_comes_first() -> None:
    assert only(planned(case(owed(owner_id=CAI)))).person_id == CAI


def test_nobody_at_all_is_still_a_firing_with_its_reason() -> None:
    result = planned(case(owed(), owner_id=None), people=Org([]))
    over1 = next(f for f in result.firings if f.hit.step.id == "over1")
    assert (over1.outcome, over1.reason, over1.to) == ("deferred", "nobody_to_tell", ())
    assert result.tasks == []
    assert result.gap


def test_alerts_are_cards_without_a_task_and_raise_every_open_task() -> None:
    result = planned(case(owed(age=16, fired_offset=7)), tasks={LI: task(carded_on=DAY - timedelta(days=9))})
    assert [(a.person_id, a.kind, a.severity, a.card) for a in result.alerts] == [
        (WANG, "alert.severe", "severe", "new"),
        (ZHOU, "alert.severe", "severe", "new"),
    ]
    found = only(result)
    assert (found.person_id, found.severity, found.card, found.note) == (LI, "severe", "update", True)


def test_an_alert_for_somebody_with_a_task_is_drawn_on_its_card() -> None:
    result = planned(case(owed(age=35)))
    assert [a.person_id for a in result.alerts] == [WANG, ZHOU]  # not zhao: the director has a task
    zhao = next(t for t in result.tasks if t.person_id == ZHAO)
    assert (zhao.severity, zhao.message) == ("critical", "task.critical")
    assert [e["kind"] for e in zhao.events] == ["alert.high_risk"]
    assert {(kind, h.step.id) for _, kind, h in result.holds} == {("order", "director30"), ("high_risk", "risk31")}


def test_a_task_adopts_the_alert_card_of_the_day() -> None:
    silent = task(answer_by=NOW - timedelta(hours=15))
    result = planned(case(owed(age=20, fired_offset=16)), tasks={LI: silent}, alerts={WANG: CardFacts(pending=False)})
    wang = next(t for t in result.tasks if t.person_id == WANG)
    assert (wang.card, wang.note, wang.message, wang.silent_task_id) == ("adopt", True, "task.silent", 7)


# --- silence ---


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ({LI: {"hours": 15}}, [WANG]),
        ({LI: {"hours": 0}}, [WANG]),  # the window's end is excluded
        ({LI: {"hours": -1}}, []),
        ({LI: {"hours": 15, "escalated": True}}, []),
        ({LI: {"hours": 15, "escalated": True}, WANG: {"hours": 15}}, [ZHAO]),
        ({LI: {"hours": 15}, WANG: {"hours": 15, "escalated": True}}, [ZHAO]),  # skips whoever is silent
        ({ZHAO: {"hours": 15}}, [FM]),
        ({FM: {"hours": 15}}, [ADA]),
        ({ADA: {"hours": 15}}, [FM]),
    ],
)
def test_silence_goes_to_the_next_who_is_not_silent(tasks: dict[int, dict[str, Any]], told: list[int]) -> None:
    open_tasks = {
        person: task(person, id=person * 10, answer_by=NOW - timedelta(hours=t.pop("hours")), **t)
        for person, t in ({p: dict(t) for p, t in tasks.items()}).items()
    }
    result = planned(case(owed(age=3, fired_offset=1)), tasks=open_tasks)
    assert [t.person_id for t in result.tasks if t.message == "task.silent"] == told
    assert len(result.escalated) == len(told)


def test_nobody_is_silent_about_what_may_not_be_chased() -> None:
    silent = task(answer_by=NOW - timedelta(hours=15))
    result = planned(case(owed(age=3, fired_offset=1), unapplied_minor=10_000), tasks={LI: silent})
    assert (result.tasks, result.escalated) == ([], [])


# --- events ---


@pytest.mark.parametrize(
    ("event", "message", "severity"),
    [
        ("promise.broken", "promise.broken", "severe"),
        ("promise.partly_kept", "promise.broken", "severe"),
        ("claim.expired", "claim.expired", "severe"),
        ("dispute.rejected", "task.overdue", "severe"),
        ("rest", "task.overdue", "severe"),
        ("pause.ended", "task.overdue", "severe"),
    ],
)
def test_an_event_is_a_new_task_with_the_severity_of_the_case(event: str, message: str, severity: str) -> None:
    facts = case(owed(age=20, fired_offset=16, case_id=5), case_id=5, case_severity="severe")
    found = only(planned(facts, events=[Event(event, 1, "CNY", None)]))
    assert (found.person_id, found.message, found.severity, found.card) == (LI, message, severity, "new")
    assert (found.answer_days, found.receivables, found.as_owner) == (2, {1}, True)


def test_an_event_joins_the_step_of_the_day() -> None:
    facts = case(owed(age=7, fired_offset=1, case_id=5), case_id=5, case_severity="overdue")
    found = only(planned(facts, events=[Event("dispute.rejected", 1, "CNY", None)]))
    assert (found.message, [e["kind"] for e in found.events]) == ("task.overdue", ["dispute.rejected"])


def test_an_event_about_what_is_not_chased_any_more_is_dropped() -> None:
    facts = case(owed(age=7, fired_offset=7, promised_minor=10_000))
    assert planned(facts, events=[Event("rest", 1, "CNY", None)]).tasks == []


def test_not_reached_is_a_task_of_the_managers_own() -> None:
    facts = case(owed(age=3, fired_offset=1, case_id=5), case_id=5, case_severity="overdue")
    found = only(planned(facts, events=[Event("not_reached", 1, "CNY", WANG, {"times": 3})]))
    assert (found.person_id, found.as_owner, found.receivables) == (WANG, False, {1})


def test_again_on_goes_to_whoever_is_responsible_now() -> None:
    facts = case(owed(age=3, fired_offset=1, case_id=5), case_id=5, case_severity="overdue", owner_id=CAI)
    assert only(planned(facts, events=[Event("again_on", 1, "CNY", LI)])).person_id == CAI


def test_a_pause_that_ends_before_anything_was_reached_says_nothing() -> None:
    assert planned(case(owed(age=-60)), events=[Event("pause.ended", 1, "CNY", None)]).tasks == []
