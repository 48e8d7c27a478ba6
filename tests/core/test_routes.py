"""Which route an order goes: each condition of a route turns away what doesn't meet it, and only that."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.credit.exposure import Exposure, Standing
from core.credit.route import choose
from core.credit.rules import CreditRules, Route, Rung
from core.credit.verdict import Reason, Verdict

TODAY = date(2026, 7, 6)
REST = Route("rest", (Rung(("role:finance_director",)),))


def standing(days: int = 0, rating: str = "B", **overdue: int) -> Standing:
    """Overdue by `days` since the oldest, in each currency by so much."""
    oldest = TODAY - timedelta(days=days) if days else None
    owed = {code: Exposure(open_minor=minor, overdue_minor=minor, oldest_due=oldest) for code, minor in overdue.items()}
    return Standing(1, "甲", "甲", rating, 1, "", "CNY", 1_000_000, 0, owed, frozenset(), TODAY)


def taken(now: Standing, over: int = 0, codes: tuple[str, ...] = ("overdue",), **conditions: Any) -> bool:
    """Whether an order goes by a route with these conditions, and not by the one for all the rest."""
    found = Verdict("held", tuple(Reason(code) for code in codes), 0, over, 1_000_000)
    chosen = choose(found, now, CreditRules(routes=(Route("this", (Rung(("role:risk",)),), **conditions), REST)))
    assert chosen is not None
    return chosen.name == "this"


@pytest.mark.parametrize(("rating", "goes"), [("C", True), ("D", True), ("B", False), ("", False), ("new", False)])
def test_by_rating(rating: str, goes: bool) -> None:
    assert taken(standing(rating=rating), rating=("C", "D")) is goes


@pytest.mark.parametrize(("days", "goes"), [(0, False), (29, False), (30, True), (31, True)])
def test_by_days_overdue(days: int, goes: bool) -> None:
    assert taken(standing(days, CNY=100), overdue_days_from=30) is goes


@pytest.mark.parametrize(("minor", "goes"), [(0, False), (49_999, False), (50_000, True), (50_001, True)])
def test_by_the_amount_overdue(minor: int, goes: bool) -> None:
    assert taken(standing(5, CNY=minor), overdue_from={"CNY": 50_000}) is goes


def test_by_the_amount_overdue_in_any_currency_that_is_named() -> None:
    named = {"CNY": 50_000, "USD": 7_000}
    assert taken(standing(5, USD=7_000), overdue_from=named)
    assert taken(standing(5, USD=1, CNY=50_000), overdue_from=named)
    assert not taken(standing(5, USD=6_999, CNY=49_999), overdue_from=named), "currencies are never added up"
    assert not taken(standing(5, EUR=10**12), overdue_from=named)


def test_what_is_not_due_is_not_overdue() -> None:
    owed = {"CNY": Exposure(open_minor=10**9)}
    assert not taken(Standing(**{**vars(standing()), "exposures": owed}), overdue_from={"CNY": 1})


@pytest.mark.parametrize(("codes", "goes"), [(("terms",), False), (("terms", "frozen"), True), (("overdue",), True)])
def test_by_reasons(codes: tuple[str, ...], goes: bool) -> None:
    assert taken(standing(), codes=codes, reasons=("overdue", "frozen")) is goes


@pytest.mark.parametrize(("over", "goes"), [(0, False), (99_999, False), (100_000, True)])
def test_by_how_much_it_goes_over(over: int, goes: bool) -> None:
    assert taken(standing(), over, over_from={"CNY": 100_000}) is goes
    assert taken(standing(), over, over_share_from=Decimal("0.1")) is goes
    assert not taken(standing(), over, over_from={"USD": 1})


def test_all_conditions_must_hold() -> None:
    both = {"rating": ("D",), "overdue_from": {"CNY": 50_000}, "overdue_days_from": 10, "reasons": ("frozen",)}
    assert taken(standing(10, "D", CNY=50_000), codes=("frozen",), **both)
    assert not taken(standing(10, "C", CNY=50_000), codes=("frozen",), **both)
    assert not taken(standing(10, "D", CNY=49_999), codes=("frozen",), **both)
    assert not taken(standing(9, "D", CNY=50_000), codes=("frozen",), **both)
    assert not taken(standing(10, "D", CNY=50_000), codes=("overdue",), **both)
