"""Posting: what each verb does to the journal and its caches, and what it refuses."""

from collections.abc import Iterator
from datetime import date, timedelta
from threading import Barrier, Thread
from time import sleep

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.db import transaction
from core.errors import DomainError
from core.ledger import balances, invariants, post
from core.models import Allocation, Audit, Entry, Receipt, Receivable
from core.money import Money
from core.work import Work
from tests.factories import DAY, credit_note, customer, make_work, receipt, receivable


def day(number: int) -> date:
    return DAY + timedelta(days=number)


@pytest.fixture
def work(session: Session) -> Iterator[Work]:
    yield make_work(session, actor="zhou")
    assert invariants.check(session) == []


def opens(work: Work, *days: int) -> list[int]:
    """The open total of everything on these days."""
    return [sum(item.open_minor for item in balances.open_items(work.session, day(n))) for n in days]


def test_a_receipt_settles_and_its_reversal_reopens(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    assert (owed.open_minor, owed.settled_on) == (10000, None)
    money = receipt(work, c, "130.00", on=day(1), to=owed)
    assert (owed.open_minor, owed.settled_on, money.open_minor) == (0, day(1), 3000)
    post.reverse_receipt(work, money, day(3))
    assert (owed.open_minor, owed.settled_on, money.open_minor) == (10000, None, 0)
    assert money.reversed_on == day(3)
    assert opens(work, 0, 1, 2, 3) == [10000, 0, 0, 10000]
    with pytest.raises(DomainError, match=r"ledger\.already_reversed"):
        post.reverse_receipt(work, money, day(4))


def test_a_credit_note_settles_and_cancelling_it_reopens(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    note = credit_note(work, c, "100.00", to=owed, reason="quality")
    assert (owed.open_minor, owed.settled_on, note.open_minor) == (0, DAY, 0)
    post.cancel_credit_note(work, note, day(2))
    assert (owed.open_minor, owed.settled_on, note.cancelled_on) == (10000, None, day(2))
    with pytest.raises(DomainError, match=r"ledger\.already_cancelled"):
        post.cancel_credit_note(work, note, day(2))


def test_an_undone_match_reopens_and_can_be_made_elsewhere(work: Work) -> None:
    """X22. The second match counts from when the money was free again, so that no day uses it twice."""
    c = customer(work, "C1")
    first, second = receivable(work, "I1", c, "100.00"), receivable(work, "I2", c, "100.00")
    money = receipt(work, c, "100.00")
    wrong = post.allocate(work, money, first)
    post.undo_allocation(work, wrong, day(5))
    assert (first.open_minor, first.settled_on, money.open_minor) == (10000, None, 10000)
    assert wrong.undone_on == day(5)
    right = post.allocate(work, money, second)
    assert right.effective_on == day(5)
    assert second.settled_on == day(5)
    assert balances.unapplied(work.session, day(4)) == {}
    with pytest.raises(DomainError, match=r"ledger\.already_undone"):
        post.undo_allocation(work, wrong)


def test_a_match_undone_and_made_again_the_same_day_changes_no_day(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    money = receipt(work, c, "100.00", on=day(1))
    post.undo_allocation(work, post.allocate(work, money, owed), day(5))
    assert post.allocate(work, money, owed).effective_on == day(5)
    assert owed.settled_on == day(1)
    assert opens(work, 0, 1, 5) == [10000, 0, 0]


def test_an_allocation_counts_from_the_later_of_the_two(work: Work) -> None:
    c = customer(work, "C1")
    money = receipt(work, c, "100.00", on=day(-3))
    later = receivable(work, "I1", c, "60.00", issued=day(4), due=day(34))
    made = post.allocate(work, money, later)
    assert (made.effective_on, made.amount_minor, later.settled_on) == (day(4), 6000, day(4))
    assert balances.unapplied(work.session, day(3)) == {(c.id, "CNY"): -10000}
    assert balances.unapplied(work.session, day(4)) == {(c.id, "CNY"): -4000}


def test_a_future_receipt_does_not_count_yet(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    receipt(work, c, "100.00", on=day(1), to=owed)
    assert owed.settled_on == day(1)
    assert opens(work, 0, 1) == [10000, 0]
    assert balances.unapplied(work.session, day(0)) == {}


def test_a_future_invoice_is_not_owed_yet(work: Work) -> None:
    c = customer(work, "C1")
    receivable(work, "I1", c, "100.00", issued=day(1), due=day(-5))
    assert opens(work, 0, 1) == [0, 10000]


def test_an_adjustment_posts_the_difference(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    post.adjust(work, owed, 12000, "recount")
    assert (owed.amount_minor, owed.open_minor) == (12000, 12000)
    receipt(work, c, "70.00", to=owed)
    with pytest.raises(DomainError, match=r"ledger\.below_allocated") as refused:
        post.adjust(work, owed, 6999, "too low")
    assert refused.value.facts["allocated"] == Money(7000, "CNY")
    post.adjust(work, owed, 7000, "rest forgiven", on=day(2))
    assert (owed.amount_minor, owed.open_minor, owed.settled_on) == (7000, 0, day(2))
    assert opens(work, 1, 2) == [5000, 0]
    before = len(work.session.exec(select(Entry)).all())
    post.adjust(work, owed, 7000, "nothing new")
    assert len(work.session.exec(select(Entry)).all()) == before
    with pytest.raises(DomainError, match=r"ledger\.bad_amount"):
        post.adjust(work, owed, -1, "negative")


def test_a_back_dated_reduction_waits_until_there_is_enough(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    made = post.allocate(work, receipt(work, c, "80.00", on=day(1)), owed)
    post.undo_allocation(work, made, day(4))
    post.adjust(work, owed, 5000, "half", on=day(1))
    assert opens(work, 0, 1, 3, 4) == [10000, 2000, 2000, 5000]


def test_a_back_dated_reversal_waits_until_the_money_was_free(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    money = receipt(work, c, "100.00")
    post.undo_allocation(work, post.allocate(work, money, owed), day(3))
    post.reverse_receipt(work, money, day(1))
    assert money.reversed_on == day(3)


def test_nothing_is_issued_for_nothing(work: Work) -> None:
    zero = receivable(work, "I0", customer(work, "C1"), "0.00")
    assert (zero.open_minor, zero.settled_on) == (0, zero.issued_on)
    post.adjust(work, zero, 500, "after all", on=day(0))
    assert (zero.open_minor, zero.settled_on) == (500, None)
    assert opens(work, -1, 0) == [0, 500]


@pytest.mark.parametrize(
    ("amount", "code"),
    [(0, "ledger.bad_amount"), (-5, "ledger.bad_amount"), (10001, "ledger.not_enough_credit"), (8001, "ledger.too_much")],
)
def test_an_allocation_must_fit(work: Work, amount: int, code: str) -> None:
    c = customer(work, "C1")
    owed, money = receivable(work, "I1", c, "80.00"), receipt(work, c, "100.00")
    with pytest.raises(DomainError) as refused:
        post.allocate(work, money, owed, amount)
    assert refused.value.code == code


def test_what_never_goes_together(work: Work) -> None:
    c, other = customer(work, "C1"), customer(work, "C2")
    owed, money = receivable(work, "I1", c, "80.00"), receipt(work, c, "80.00")
    for wrong, code in (
        (receipt(work, other, "1.00"), "ledger.other_customer"),
        (receipt(work, c, "1.00", currency="USD"), "ledger.other_currency"),
    ):
        with pytest.raises(DomainError) as refused:
            post.allocate(work, wrong, owed)
        assert refused.value.code == code
    post.allocate(work, money, owed)
    with pytest.raises(DomainError, match=r"ledger\.nothing_open"):
        post.allocate(work, receipt(work, c, "1.00"), owed)
    with pytest.raises(DomainError, match=r"ledger\.not_enough_credit"):
        post.allocate(work, money, receivable(work, "I2", c, "1.00"))


def test_many_allocations_are_all_or_none(work: Work) -> None:
    c = customer(work, "C1")
    owed = [receivable(work, f"I{n}", c, "100.00") for n in range(3)]
    money, note = receipt(work, c, "230.00"), credit_note(work, c, "20.00")
    pairs = [(money.id, None, owed[0].id, 10000), (money.id, None, owed[1].id, 10000), (money.id, None, owed[2].id, 3100)]
    with pytest.raises(DomainError, match=r"ledger\.not_enough_credit"):
        post.allocate_many(work, pairs)  # type: ignore[arg-type]
    assert work.session.exec(select(Allocation)).all() == []
    pairs[2] = (money.id, None, owed[2].id, 3000)
    post.allocate_many(work, [*pairs, (None, note.id, owed[2].id, 2000)])  # type: ignore[list-item]
    assert [r.open_minor for r in owed] == [0, 0, 5000]
    assert (money.open_minor, note.open_minor) == (0, 0)


def test_bulk_rows_keep_their_order_and_fill_their_defaults(work: Work) -> None:
    c = customer(work, "C1")
    rows = [
        {"number": f"I{n:04d}", "customer_id": c.id, "amount_minor": n, "currency": "CNY", "issued_on": DAY}
        | ({"tags": ["写"]} if n % 2 else {"due_on": DAY})
        for n in range(2500)
    ]
    ids = post.new_receivables(work, rows)
    found = {r.id: r for r in work.session.exec(select(Receivable))}
    assert [found[i].amount_minor for i in ids] == list(range(2500))
    one, two = found[ids[1]], found[ids[2]]
    assert (one.tags, one.due_on, two.tags, two.kind) == (["写"], None, [], "invoice")
    assert post.new_receivables(work, []) == []


def test_every_posting_is_audited(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    money, note = receipt(work, c, "30.00"), credit_note(work, c, "10.00", to=owed)
    post.undo_allocation(work, post.allocate(work, money, owed))
    post.adjust(work, owed, 9000, "recount")
    post.reverse_receipt(work, money, DAY)
    post.cancel_credit_note(work, note, DAY)
    trail = work.session.exec(select(Audit).order_by(col(Audit.id))).all()
    assert [a.action for a in trail] == [
        "receivable.issued", "receipt.posted", "credit_note.posted", "receivable.allocated", "receivable.allocated",
        "allocation.undone", "receivable.adjusted", "receipt.reversed", "allocation.undone", "credit_note.cancelled",
    ]  # fmt: skip
    assert {a.actor for a in trail} == {"zhou"} and {a.customer_id for a in trail} == {c.id}
    assert trail[6].data == {
        "number": "I1", "amount_minor": -1000, "currency": "CNY", "on": "2026-07-01", "reason": "recount",
        "face_minor": 9000,
    }  # fmt: skip
    assert all(entry.actor == "zhou" and entry.recorded_at == work.now for entry in work.session.exec(select(Entry)))


def test_two_at_once_cannot_use_the_same_money_twice(engine: Engine) -> None:
    """The second waits for the first, then sees what it left."""
    with transaction(engine) as session:
        work = make_work(session)
        c = customer(work, "C1")
        owed, money = receivable(work, "I1", c, "100.00").id, receipt(work, c, "60.00").id
    inside, answers = Barrier(2), []

    def take(first: bool) -> None:
        if not first:
            inside.wait(10)
        with transaction(engine) as session:
            mine, target = session.get(Receipt, money), session.get(Receivable, owed)
            assert mine and target
            try:
                post.allocate(make_work(session), mine, target, 6000)
                answers.append("ledger.done")
            except DomainError as refused:
                answers.append(refused.code)
            if first:
                inside.wait(10)
                sleep(0.2)

    threads = [Thread(target=take, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == ["ledger.done", "ledger.not_enough_credit"]
    with transaction(engine) as session:
        assert invariants.check(session) == []
