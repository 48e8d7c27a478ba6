"""Posting: what each verb does to the journal and its caches, and what it refuses."""

from datetime import timedelta

from sqlmodel import Session

from core.ledger import post
from tests.factories import DAY, customer, make_work, receipt, receivable


def test_a_receipt_settles_and_its_reversal_reopens(session: Session) -> None:
    work = make_work(session)
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00")
    assert (owed.open_minor, owed.settled_on) == (10000, None)
    money = receipt(work, c, "130.00", to=owed)
    assert (owed.open_minor, owed.settled_on, money.open_minor) == (0, DAY, 3000)
    post.reverse_receipt(work, money, DAY + timedelta(days=3))
    assert (owed.open_minor, owed.settled_on, money.open_minor) == (10000, None, 0)
    assert money.reversed_on == DAY + timedelta(days=3)
