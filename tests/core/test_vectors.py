"""Cases from the test suites of other systems, by their number: the part of each that is the ledger's."""

from datetime import date, timedelta

import pytest
from sqlmodel import Session

from core.errors import DomainError
from core.ledger import balances, invariants, post, reports
from core.work import Work
from tests.factories import DAY, credit_note, customer, make_work, receipt, receivable


@pytest.fixture
def work(session: Session) -> Work:
    return make_work(session)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def open_on(work: Work, on: date) -> dict[str, int]:
    """Open amounts by number, in whole units, without what is settled."""
    assert invariants.check(work.session) == []
    return {item.number: item.open_minor // 100 for item in balances.open_items(work.session, on)}


def test_V02_of_two_halves_only_the_due_one_is_overdue(work: Work) -> None:
    c = customer(work, "C1")
    first = receivable(work, "1/2", c, "50.00", due=day(5))
    receivable(work, "2/2", c, "50.00", due=day(10))
    (row,) = reports.aging(work.session, day(6))
    assert (row.overdue, row.not_due) == (5000, 5000)
    money = receipt(work, c, "50.00", on=day(6), to=first)
    (row,) = reports.aging(work.session, day(6))
    assert (row.overdue, row.not_due) == (0, 5000)
    post.reverse_receipt(work, money, day(7))
    (row,) = reports.aging(work.session, day(7))
    assert (row.overdue, row.not_due) == (5000, 5000)
    assert open_on(work, day(6)) == {"2/2": 50}


def test_V03_a_full_credit_note_settles_and_its_cancellation_reopens(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    credit_note(work, c, "100.00")  # on its own it settles nothing
    assert owed.settled_on is None and open_on(work, DAY) == {"I1": 100}
    note = credit_note(work, c, "100.00", to=owed)
    assert owed.settled_on == DAY and open_on(work, DAY) == {}
    post.cancel_credit_note(work, note, day(1))
    assert owed.settled_on is None and open_on(work, day(1)) == {"I1": 100}


def test_V04_a_payment_over_three_terms(work: Work) -> None:
    c = customer(work, "C1")
    terms = [
        receivable(work, f"I1/{n}", c, amount, issued=DAY, due=day(30 * n))
        for n, amount in ((1, "30.00"), (2, "50.00"), (3, "20.00"))
    ]
    money = receipt(work, c, "40.00", on=day(1))
    for term in terms[:2]:
        post.allocate(work, money, term)
    assert open_on(work, day(1)) == {"I1/2": 40, "I1/3": 20}
    state = [(t.amount_minor, t.amount_minor - t.open_minor, t.open_minor) for t in terms[1:]]
    assert state == [(5000, 1000, 4000), (2000, 0, 2000)]


def test_V06_a_standalone_credit_note_stays_beside_the_invoice(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    receipt(work, c, "40.00", to=owed)
    credit_note(work, c, "100.00")
    assert open_on(work, DAY) == {"I1": 60}
    assert balances.unapplied(work.session, DAY) == {(c.id, "CNY"): -10000}
    (row,) = reports.aging(work.session, DAY)
    assert (row.not_due, row.unapplied, row.total) == (6000, -10000, -4000)


def test_V07_one_cent_stays_open(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    receipt(work, c, "99.99", to=owed)
    (item,) = balances.open_items(work.session, DAY)
    assert (item.open_minor, owed.settled_on) == (1, None)


def test_V08_subtotal_and_total(work: Work) -> None:
    c = customer(work, "C1")
    receivable(work, "I1", c, "100.00")
    receivable(work, "I2", c, "85.00")
    rows = reports.aging(work.session, DAY)
    assert [row.total for row in rows] == [18500]
    assert reports.totals(rows)["CNY"].total == 18500


def test_V13_a_cancelled_payment_is_owed_again(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "200.00")
    big = receipt(work, c, "55.00", to=owed)
    receipt(work, c, "35.00", to=owed)
    assert open_on(work, DAY) == {"I1": 110}
    post.reverse_receipt(work, big, DAY)
    assert open_on(work, DAY) == {"I1": 165}


def test_V16_partial_allocations(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "5000.00")
    receipt(work, c, "100.00", to=owed)
    assert owed.open_minor == 490000
    three = [receipt(work, c, "100.00") for _ in range(3)]
    for money, amount in zip(three, (10000, 10000, 3000), strict=True):
        post.allocate(work, money, owed, amount)
    assert (owed.open_minor, three[2].open_minor) == (467000, 7000)
    half_used = receipt(work, c, "200.00")
    post.allocate(work, half_used, owed, 10000)
    with pytest.raises(DomainError, match=r"ledger\.not_enough_credit"):
        post.allocate(work, half_used, owed, 20000)
    assert open_on(work, DAY) == {"I1": 4570}
