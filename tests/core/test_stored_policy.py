"""Applying a policy: who may, from when it holds, and what becomes of the running cases. On both databases."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, select

from core.dunning import stored
from core.dunning.policy import parse
from core.errors import DomainError
from core.models import Audit, Case, Customer, Person, Receivable, StoredPolicy
from core.time import Calendar
from core.work import Company, Work

COMPANY = Company(Calendar(ZoneInfo("Asia/Shanghai")))
FRIDAY_NOON = datetime(2026, 7, 3, 4, tzinfo=UTC)
FRIDAY_EVENING = datetime(2026, 7, 3, 12, tzinfo=UTC)
MONDAY_NINE = datetime(2026, 7, 6, 1, tzinfo=UTC)
NEW = parse(
    'name = "new"\n[[ladder]]\nname = "all"\n[[ladder.step]]\nid = "l3"\nat = 3\naudience = ["owner"]\naction = "task"\n'
)


def save(session: Session, row: Any) -> int:
    session.add(row)
    session.flush()
    return int(row.id)


@pytest.fixture
def work(session: Session) -> Work:
    person = save(session, Person(handle="zhou", name="周总", roles=["finance_director"]))
    return Work(session, COMPANY, FRIDAY_NOON, "zhou", person)


def at(work: Work, now: datetime) -> Work:
    return Work(work.session, work.company, now, work.actor, work.person_id)


def case(work: Work, code: str) -> tuple[Case, Receivable]:
    customer = save(work.session, Customer(code=code, name=code))
    policy = stored.ensure(work).id
    assert policy is not None
    running = Case(customer_id=customer, currency="CNY", opened_on=date(2026, 7, 2), policy_id=policy)
    save(work.session, running)
    owed = Receivable(
        number=code, customer_id=customer, issued_on=date(2026, 6, 1), due_on=date(2026, 7, 1), amount_minor=1, open_minor=1,
        currency="CNY", case_id=running.id, ladder="standard", next_step_on=date(2026, 7, 8),
    )  # fmt: skip
    save(work.session, owed)
    return running, owed


def test_a_new_database_has_the_shipped_policy(work: Work) -> None:
    assert stored.active(work)[1].name == "default"
    assert stored.ensure(work).id == stored.ensure(work).id
    assert len(work.session.exec(select(StoredPolicy)).all()) == 1


def test_it_holds_from_the_next_work_window(work: Work) -> None:
    stored.ensure(work)
    evening = at(work, FRIDAY_EVENING)
    applied = stored.apply(evening, NEW)
    assert applied.active_from == MONDAY_NINE
    assert stored.active(at(work, FRIDAY_EVENING))[1].name == "default"
    assert stored.active(at(work, MONDAY_NINE))[1].name == "new"


def test_inside_the_window_it_holds_at_once_and_running_cases_move(work: Work) -> None:
    running, owed = case(work, "C1")
    kept, kept_owed = case(work, "C2")
    before = kept.policy_id
    applied = stored.apply(work, NEW, keep=["C2"])
    assert [(c.customer, c.keeps) for c in applied.cases] == [("C1", False), ("C2", True)]
    for row in (running, owed, kept, kept_owed):
        work.session.refresh(row)
    assert (running.policy_id, owed.ladder, owed.next_step_on) == (applied.policy_id, "", work.today)
    assert (kept.policy_id, kept_owed.ladder) == (before, "standard")
    actions = [audit.action for audit in work.session.exec(select(Audit)).all()]
    assert actions == ["policy.applied", "policy.migrated"]


def test_cases_wait_for_the_day_and_move_once(work: Work) -> None:
    running, owed = case(work, "C1")
    before = running.policy_id
    applied = stored.apply(at(work, FRIDAY_EVENING), NEW)
    work.session.refresh(running)
    assert running.policy_id == before
    assert stored.migrate_due(at(work, MONDAY_NINE)) == 1
    work.session.refresh(running)
    assert running.policy_id == applied.policy_id
    owed.ladder = "all"
    assert stored.migrate_due(at(work, MONDAY_NINE)) == 0, "once"
    work.session.refresh(owed)
    assert owed.ladder == "all"


def test_the_same_text_again_changes_nothing(work: Work) -> None:
    first = stored.apply(work, NEW)
    again = stored.apply(work, NEW)
    assert again.already and again.policy_id == first.policy_id


@pytest.mark.parametrize("roles", [[], ["rep"], ["finance"], ["sales_director"]])
def test_not_everybody_may(work: Work, roles: list[str]) -> None:
    person = save(work.session, Person(handle="li", name="小李", roles=roles))
    with pytest.raises(DomainError) as refused:
        stored.apply(Work(work.session, COMPANY, work.now, "li", person), NEW)
    assert refused.value.code == "policy.not_allowed"
