"""Every invariant can fail: each is broken by raw SQL, and says so."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.ledger import invariants, post
from core.models import Case, Cover, Firing, OutboxMessage, Promise, StoredPolicy, Task
from tests.factories import DAY, credit_note, customer, make_work, person, receipt, receivable

RECEIVABLE, RECEIPT, NOTE = "WHERE number = 'I1'", "WHERE number = 'R1'", "WHERE number = 'N1'"
OF_I1 = "receivable_id = (SELECT id FROM receivable WHERE number = 'I1')"

# What stops a row from being doubled is a unique index: a temporary table of that name has none, and comes first.
UNGUARDED = "CREATE TEMP TABLE {0} AS SELECT * FROM {0}"


def double(table: str, where: str = "1 = 1") -> list[str]:
    return [
        UNGUARDED.format(table),
        f"CREATE TEMP TABLE copy AS SELECT * FROM {table} WHERE {where}",
        "UPDATE copy SET id = id + 1000",
        f"INSERT INTO {table} SELECT * FROM copy",
    ]


BREAKS: dict[Callable[[Session], list[invariants.Problem]], list[tuple[str, list[str]]]] = {
    invariants.receivable_open_is_the_sum_of_its_entries: [
        ("receivable.open", [f"UPDATE receivable SET open_minor = open_minor + 1 {RECEIVABLE}"]),
        ("receivable.open", [f"DELETE FROM entry WHERE {OF_I1}"]),
    ],
    invariants.receivable_amount_is_issue_and_adjustments: [
        ("receivable.amount", [f"UPDATE receivable SET amount_minor = amount_minor + 1 {RECEIVABLE}"]),
    ],
    invariants.settled_on_is_the_day_it_last_became_zero: [
        ("receivable.settled", [f"UPDATE receivable SET settled_on = '2026-01-01' {RECEIVABLE}"]),
        ("receivable.settled", ["UPDATE receivable SET settled_on = NULL WHERE number = 'I2'"]),
        ("receivable.settled", ["UPDATE receivable SET settled_on = '2026-01-01' WHERE number = 'I2'"]),
    ],
    invariants.credit_open_is_the_sum_of_its_entries: [
        ("receipt.open", [f"UPDATE receipt SET open_minor = open_minor + 1 {RECEIPT}"]),
        ("credit_note.open", [f"UPDATE credit_note SET open_minor = open_minor - 1 {NOTE}"]),
    ],
    invariants.credit_amount_is_what_was_posted: [
        ("receipt.amount", [f"UPDATE receipt SET amount_minor = amount_minor + 1 {RECEIPT}"]),
        ("receipt.amount", [f"UPDATE receipt SET received_on = '2026-01-01' {RECEIPT}"]),
        ("receipt.reversed", ["UPDATE receipt SET reversed_on = NULL WHERE number = 'R2'"]),
        ("receipt.reversed", [f"UPDATE receipt SET reversed_on = '2026-07-09' {RECEIPT}"]),
        ("credit_note.amount", [f"UPDATE credit_note SET amount_minor = amount_minor + 1 {NOTE}"]),
        ("credit_note.reversed", ["UPDATE credit_note SET cancelled_on = '2026-07-30' WHERE number = 'N2'"]),
    ],
    invariants.entries_have_the_sign_and_side_of_their_kind: [
        ("entry.shape", [f"UPDATE entry SET kind = 'issue' WHERE kind = 'adjustment' AND {OF_I1}"]),
        ("entry.shape", ["UPDATE entry SET amount_minor = -amount_minor WHERE kind = 'reversal'"]),
        ("entry.shape", ["UPDATE entry SET receipt_id = NULL WHERE kind = 'receipt'"]),
        ("entry.shape", ["UPDATE entry SET allocation_id = NULL WHERE kind = 'allocation'"]),
    ],
    invariants.entries_agree_with_their_rows: [
        ("entry.subject", ["UPDATE entry SET currency = 'USD' WHERE kind = 'receipt'"]),
        ("entry.subject", ["UPDATE entry SET customer_id = 2 WHERE kind = 'credit_note'"]),
        ("entry.subject", ["UPDATE entry SET effective_on = '2020-01-01' WHERE kind = 'adjustment'"]),
    ],
    invariants.receivables_are_issued_once: [
        ("receivable.issue", double("entry", f"kind = 'issue' AND {OF_I1}")),
        ("receivable.issue", ["UPDATE entry SET effective_on = '2026-06-30' WHERE kind = 'issue'"]),
    ],
    invariants.allocations_are_pairs_that_cancel_out: [
        ("allocation.entries", ["DELETE FROM entry WHERE kind = 'allocation' AND receivable_id IS NULL"]),
        ("allocation.entries", ["UPDATE entry SET amount_minor = amount_minor + 1 WHERE kind = 'allocation'"]),
        ("allocation.entries", ["UPDATE allocation SET undone_on = NULL, undone_at = NULL"]),
        ("allocation.entries", ["UPDATE allocation SET undone_at = NULL"]),
        ("allocation.entries", double("entry", "kind = 'allocation'")),
        ("entry.allocation", ["UPDATE entry SET allocation_id = 999 WHERE kind = 'allocation'"]),
    ],
    invariants.open_is_never_negative_on_any_day: [
        ("receivable.negative", ["UPDATE entry SET effective_on = '2026-09-01' WHERE kind = 'issue'"]),
    ],
    invariants.unapplied_is_never_positive_on_any_day: [
        ("receipt.overdrawn", ["UPDATE entry SET effective_on = '2026-09-01' WHERE kind = 'receipt'"]),
        ("credit_note.overdrawn", ["UPDATE entry SET effective_on = '2026-09-01' WHERE kind = 'credit_note'"]),
    ],
    invariants.covers_are_within_their_subject: [
        ("cover.sum", ["UPDATE cover SET amount_minor = 5001"]),
        ("cover.active", ["UPDATE promise SET state = 'kept'"]),
        ("cover.active", ["UPDATE cover SET active = (1 = 0)"]),
        ("cover.subject", ["UPDATE promise SET currency = 'USD'"]),
        ("cover.subject", ["UPDATE cover SET subject_id = 999"]),
    ],
    invariants.one_promise_is_open: [("promise.open", double("promise"))],
    invariants.one_case_is_running: [("case.running", double("case_file"))],
    invariants.one_collecting_task_is_open: [("task.open", double("task"))],
    invariants.a_step_fires_once: [("firing.twice", double("firing"))],
    invariants.firings_belong_to_their_receivable: [
        ("firing.subject", ["UPDATE firing SET customer_id = 2"]),
        ("firing.subject", ["UPDATE case_file SET currency = 'USD'"]),
    ],
    invariants.outbox_rows_are_where_their_state_says: [
        ("outbox.done", ["UPDATE outbox SET state = 'sent', done_at = NULL"]),
        ("outbox.done", ["UPDATE outbox SET state = 'retry', done_at = created_at"]),
        ("outbox.lease", ["UPDATE outbox SET state = 'sending', lease_until = NULL"]),
    ],
}


@pytest.fixture
def sound(session: Session) -> Session:
    """A bit of everything, posted properly. I1: adjusted, partly paid, one match undone. I2: settled."""
    work = make_work(session)
    li = person(work, "li")
    c, _other = customer(work, "C1", owner=li), customer(work, "C2")
    assert (c.id, _other.id) == (1, 2)
    first, second = receivable(work, "I1", c, "100.00"), receivable(work, "I2", c, "30.00")
    money = receipt(work, c, "40.00", number="R1", to=second)
    post.allocate(work, money, first)
    post.adjust(work, first, 12000, "more")
    post.adjust(work, first, 11000, "less")
    post.reverse_receipt(work, receipt(work, c, "5.00", number="R2", to=first), DAY + timedelta(days=1))
    note = credit_note(work, c, "20.00", number="N1")
    post.undo_allocation(work, post.allocate(work, note, first), DAY + timedelta(days=2))
    post.cancel_credit_note(work, credit_note(work, c, "2.00", number="N2"), DAY)

    policy = StoredPolicy(name="p", fingerprint="f", toml="", applied_at=work.now, active_from=work.now)
    session.add(policy)
    session.flush()
    case = Case(customer_id=1, currency="CNY", opened_on=DAY, policy_id=policy.id or 0)
    promise = Promise(
        customer_id=1, currency="CNY", amount_minor=5000, due_on=DAY, made_at=work.now, ends_on=DAY, made_by_id=li.id
    )
    session.add_all([case, promise, Task(customer_id=1, person_id=li.id or 0, opened_at=work.now)])
    session.add(OutboxMessage(key="k", kind="x", subject="task", subject_id=1, not_before=work.now, created_at=work.now))
    session.flush()
    session.add(Cover(kind="promise", subject_id=promise.id or 0, receivable_id=first.id or 0, amount_minor=5000))
    session.add(
        Firing(
            receivable_id=first.id or 0, due_on=DAY, step="over1", audience="owner", case_id=case.id or 0, customer_id=1,
            ladder="default", offset_days=1, action="task", kind="task.overdue", severity="overdue", fired_on=DAY,
            recorded_at=work.now, outcome="acted", reason="",
        )
    )  # fmt: skip
    session.flush()
    return session


def test_a_sound_ledger_has_no_problems(sound: Session) -> None:
    assert invariants.check(sound) == []


def test_every_invariant_is_broken_here() -> None:
    assert list(BREAKS) == invariants.INVARIANTS


def test_every_invariant_can_fail(sound: Session) -> None:
    for invariant, breaks in BREAKS.items():
        for code, statements in breaks:
            with sound.begin_nested() as savepoint:
                for statement in statements:
                    sound.execute(text(statement))
                problems = invariant(sound)
                assert code in {problem.code for problem in problems}, f"{invariant.__name__} misses: {statements}"
                assert all(problem.id and problem.detail and problem.table for problem in problems)
                savepoint.rollback()
    assert invariants.check(sound) == []
