"""Proposed limits: rounding, and that many customers take as many statements as few."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, select

from core.credit.overpaid import overpaid
from core.credit.proposals import monthly, rounded
from core.credit.rules import CreditRules, ProposalRules
from core.dunning.policy import default_policy
from core.models import LimitProposal
from core.work import Work
from tests.factories import customer, make_work, person, receipt, receivable

JULY = date(2026, 7, 1)


@pytest.mark.parametrize(
    ("minor", "down"),
    [(0, 0), (1, 1), (999, 999), (1_000, 1_000), (1_234_567_00, 1_230_000_00), (115_000_00, 115_000_00), (9_999, 9_990)],
)
def test_down_to_three_figures(minor: int, down: int) -> None:
    assert rounded(minor) == down and rounded(Decimal(minor) + Decimal("0.9")) == down


def paid_up(work: Work, code: str, limit_minor: int = 1_000_00) -> int:
    """A customer whose April, May and June were covered."""
    c = customer(work, code, credit_limit_minor=limit_minor)
    for month in (4, 5, 6):
        due = date(2026, month, 15)
        owed = receivable(work, f"{code}/{month}", c, "100.00", due=due, issued=due - timedelta(days=60))
        receipt(work, c, "100.00", on=date(2026, month, 28), to=owed)
    return c.id or 0


def test_as_many_statements_for_many_as_for_few(session: Session) -> None:
    work = make_work(session, JULY)
    person(work, "fm", "finance_manager")
    ids = [paid_up(work, f"C{n}") for n in range(12)]
    said: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        said.append(statement)

    session.flush()
    event.listen(session.get_bind(), "before_cursor_execute", listen)
    try:
        assert len(overpaid(work, ids[:1], 3, ())) == 1
        few = len(said)
        assert len(overpaid(work, ids, 3, ())) == 12
        assert len(said) == 2 * few == 8
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", listen)


def test_months_are_whole_and_the_amounts_exact(session: Session) -> None:
    work = make_work(session, JULY)
    one = paid_up(work, "C1")
    [found] = overpaid(work, [one], 3, ())
    assert [(m.first.isoformat(), m.due_minor, m.received_minor) for m in found.months] == [
        ("2026-04-01", 100_00, 100_00), ("2026-05-01", 100_00, 100_00), ("2026-06-01", 100_00, 100_00),
    ]  # fmt: skip
    assert overpaid(work, [one], 4, ()) == [], "nothing was due in March"
    assert overpaid(make_work(session, date(2026, 6, 30)), [one], 3, ()) == [], "June runs still, and March is asked for"


def test_a_raise_that_rounds_to_nothing_is_none(session: Session) -> None:
    work = make_work(session, JULY)
    person(work, "fm", "finance_manager")
    ids = [paid_up(work, "C1"), paid_up(work, "C2", 1_234_567_00)]
    rules = CreditRules(proposals=ProposalRules(raise_by=Decimal("0.0005")))
    assert monthly(work, replace(default_policy(), credit=rules), ids) == 0  # 1,000.50 is 1,000; 1,235,184 is 1,230,000
    rules = CreditRules(proposals=ProposalRules())
    assert monthly(work, replace(default_policy(), credit=rules), ids) == 2
    made = session.exec(select(LimitProposal).order_by(col(LimitProposal.id)))
    assert [row.after_minor for row in made] == [1_150_00, 1_410_000_00]
    assert monthly(work, replace(default_policy(), credit=rules), ids) == 0, "once a month"
