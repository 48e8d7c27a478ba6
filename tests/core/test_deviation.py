"""Granted against model limit, by hand-computed figures."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event
from sqlmodel import Session

from core.credit.deviation import Report, report
from core.credit.rules import CreditRules, Grade, ProposalRules
from core.models import Customer
from core.permissions import EVERYTHING, Scope
from core.work import Work
from tests.factories import DAY, customer, make_work, person, receivable

RULES = CreditRules(rates={"USD": Decimal(7)})


@pytest.fixture
def work(session: Session) -> Work:
    return make_work(session)


def invoiced(work: Work, c: Customer, amount: str, ago: int = 100, currency: str = "CNY") -> None:
    day = DAY - timedelta(days=ago)
    receivable(work, f"{c.code}/{ago}/{currency}", c, amount, issued=day, due=day + timedelta(days=400), currency=currency)


def rows(found: Report) -> list[tuple[str, int, int, str | None]]:
    return [(o.code, o.granted_minor, o.model_minor, None if o.share is None else str(o.share)) for o in found.off]


def test_the_model_is_months_of_the_rating_times_an_average_month(work: Work) -> None:
    for code, rating, limit in (("A1", "A", 330_00), ("B1", "B", 190_00), ("C1", "C", 100_00), ("C2", "C", 106_00)):
        invoiced(work, customer(work, code, rating=rating, credit_limit_minor=limit), "1200.00")
    # An average month is 100: A three of it, B two, C one.
    found = report(work, RULES, EVERYTHING)
    assert rows(found) == [("A1", 330_00, 300_00, "0.1000"), ("C2", 106_00, 100_00, "0.0600")]  # B is -5 %, and no more
    assert (found.compared, found.without_limit, found.without_model, found.allowed) == (4, 0, 0, Decimal("0.05"))
    [total] = found.totals
    assert (total.customers, total.granted_minor, total.model_minor, str(total.share)) == (4, 726_00, 700_00, "0.0371")
    assert found.off[0].monthly_minor == 100_00


@pytest.mark.parametrize(("limit", "off"), [(95_00, 0), (94_99, 1), (105_00, 0), (105_01, 1), (100_00, 0)])
def test_five_percent_is_still_allowed(work: Work, limit: int, off: int) -> None:
    invoiced(work, customer(work, "C1", rating="C", credit_limit_minor=limit), "1200.00")
    assert len(report(work, RULES, EVERYTHING).off) == off


def test_what_is_granted_is_what_counts(work: Work) -> None:
    invoiced(work, customer(work, "D1", rating="D", credit_limit_minor=900_00), "1200.00")  # cash only: 0 against 0
    invoiced(work, customer(work, "N1", rating="new"), "1200.00")  # no model for new ones
    invoiced(work, customer(work, "B1", rating="B"), "1200.00")  # by policy
    customer(work, "A1", rating="A")  # no limit
    customer(work, "A2", rating="A", credit_limit_minor=50_00)  # nothing invoiced: the model gives nothing
    rules = replace(RULES, grades={"B": Grade({"CNY": 250_00}), "new": Grade({"CNY": 10_00})})
    found = report(work, rules, EVERYTHING)
    assert rows(found) == [("A2", 50_00, 0, None), ("B1", 250_00, 200_00, "0.2500")]
    assert [one.source for one in found.off] == ["own", "grade"]
    assert (found.compared, found.without_limit, found.without_model) == (3, 1, 1)


def test_who_is_known_for_less_than_three_months_is_not_compared(work: Work) -> None:
    """What one month brought, over twelve, is no average month."""
    for code, ago in (("C1", 10), ("C2", 91), ("C3", 92)):  # three months ago was 1 April, 91 days
        invoiced(work, customer(work, code, rating="C", credit_limit_minor=900_00), "1200.00", ago=ago)
    found = report(work, RULES, EVERYTHING)
    assert ([one.code for one in found.off], found.compared, found.too_new) == (["C2", "C3"], 2, 1)


def test_only_the_window_and_the_currency_of_the_limit(work: Work) -> None:
    c = customer(work, "C1", rating="C", credit_limit_minor=100_00, currency="USD")
    invoiced(work, c, "1200.00", currency="USD")
    invoiced(work, c, "5000.00", ago=31)  # another currency
    invoiced(work, c, "6000.00", ago=365, currency="USD")  # the day on which the window begins isn't in it
    found = report(work, RULES, EVERYTHING)
    assert rows(found) == [] and [(t.currency, t.model_minor) for t in found.totals] == [("USD", 100_00)]


def test_the_policys_own_figures(work: Work) -> None:
    invoiced(work, customer(work, "A1", rating="A", credit_limit_minor=300_00), "1200.00")
    own = replace(RULES, proposals=ProposalRules(model_months={"A": 6}, deviation=Decimal("0.5")))
    assert rows(report(work, own, EVERYTHING)) == []
    assert rows(report(work, replace(own, proposals=ProposalRules(model_months={"A": 6})), EVERYTHING)) == [
        ("A1", 300_00, 600_00, "-0.5000")
    ]


def test_only_customers_in_sight_in_one_statement(work: Work, session: Session) -> None:
    li = person(work, "li", "rep")
    for code, region in (("C1", "华东"), ("C2", "")):
        invoiced(work, customer(work, code, rating="C", credit_limit_minor=900_00, region=region), "1200")
    customer(work, "C3", owner=li, rating="C", credit_limit_minor=900_00)
    session.flush()
    said: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        said.append(statement)

    event.listen(session.get_bind(), "before_cursor_execute", listen)
    try:
        assert [one.code for one in report(work, RULES, Scope(region="华东")).off] == ["C1"]
        assert len(said) == 1
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", listen)
    assert [one.code for one in report(work, RULES, Scope(owner_ids=frozenset({li.id or 0}))).off] == ["C3"]
    assert report(work, RULES, EVERYTHING).compared == 3 and date(2026, 7, 1) == DAY
