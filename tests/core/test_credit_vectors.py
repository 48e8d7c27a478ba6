"""Vectors of the specification about credit, by name, and what a verdict says of every rule. No database."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from core.credit.exposure import Exposure, Standing
from core.credit.rules import CreditRules
from core.credit.verdict import OrderFacts, check
from core.errors import DomainError

TODAY = date(2026, 7, 6)


def standing(limit: int | None, *, rating: str = "B", extra: int = 0, holds: tuple[str, ...] = (), **parts: Any) -> Standing:
    return Standing(
        customer_id=1, code="甲", name="甲", rating=rating, owner_id=1, region="", currency="CNY", base_minor=limit,
        extra_minor=extra, exposures={"CNY": Exposure(**parts)}, holds=frozenset(holds), today=TODAY,
    )  # fmt: skip


def said(order: int, now: Standing, rules: CreditRules | None = None, **more: Any) -> tuple[str, list[str], int]:
    found = check(OrderFacts(order, "CNY", **more), now, rules or CreditRules(), "CNY")
    return found.state, [reason.code for reason in found.reasons], found.over_minor


def test_v19_a_draft_counts_with_its_tax() -> None:
    assert said(550, standing(100)) == ("held", ["over_limit"], 450)
    assert said(550, standing(1_100)) == ("released", [], 0)


def test_v19_a_part_has_a_limit_of_its_own() -> None:
    late = standing(None, open_minor=550, overdue_minor=550, oldest_due=date(2026, 7, 5))
    limited = {
        part: CreditRules(hold_on_overdue=False, part_limits={part: minor})
        for part, minor in (("overdue", 499), ("open", 300))
    }
    assert said(550, late, CreditRules(hold_on_overdue=False)) == ("released", [], 0)
    assert said(550, late, limited["overdue"]) == ("held", ["over_part_limit"], 0)
    assert said(550, late, limited["open"]) == ("held", ["over_part_limit"], 0)
    messages = [check(OrderFacts(550, "CNY"), late, rules, "CNY").reasons[0].json() for rules in limited.values()]
    assert messages == [
        {"code": "over_part_limit", "part": "overdue", "amount": [51, "CNY"], "limit": [499, "CNY"]},
        {"code": "over_part_limit", "part": "open", "amount": [250, "CNY"], "limit": [300, "CNY"]},
    ]


def test_v21_an_order_moves_from_ordered_to_owed() -> None:
    assert said(100, standing(100)) == ("released", [], 0)
    assert said(100, standing(100, orders_minor=100)) == ("held", ["over_limit"], 100)
    assert said(100, standing(200, open_minor=100)) == ("released", [], 0)


def test_v24_no_limit_is_none_and_nought_is_cash_only() -> None:
    assert said(10**12, standing(None, open_minor=100)) == ("released", [], 0)
    assert said(1, standing(0, open_minor=100)) == ("held", ["no_credit"], 101)
    assert said(1, standing(200, open_minor=100)) == ("released", [], 0)
    assert said(150, standing(200, open_minor=100)) == ("held", ["over_limit"], 50)


@pytest.mark.parametrize(
    ("now", "order", "expected"),
    [
        (standing(100, unapplied_minor=50), 150, []),
        (standing(100, unapplied_minor=50), 151, ["over_limit"]),
        (standing(100, extra=50), 150, []),
        (standing(100, rating="D"), 1, ["no_credit"]),
        (standing(None, rating="D"), 1, ["no_credit"]),
        (standing(None, rating="C"), 10**9, []),
        (standing(100, holds=("order",)), 1, ["hold"]),
        (standing(100, holds=("high_risk",)), 1, []),
        (standing(1000, open_minor=10, overdue_minor=10, oldest_due=date(2026, 7, 5)), 1, ["overdue"]),
        (standing(1000, open_minor=10, overdue_minor=10, oldest_due=date(2026, 6, 6)), 1, ["overdue"]),
        (standing(1000, open_minor=10, overdue_minor=10, oldest_due=date(2026, 6, 5)), 1, ["frozen"]),
    ],
)
def test_reasons(now: Standing, order: int, expected: list[str]) -> None:
    assert said(order, now)[1] == expected


def test_other_currencies_at_the_policys_rates_rounded_up() -> None:
    now = Standing(
        customer_id=1, code="甲", name="甲", rating="", owner_id=1, region="", currency="CNY", base_minor=100_00,
        extra_minor=0, exposures={"USD": Exposure(open_minor=10_01)}, holds=frozenset(), today=TODAY,
    )  # fmt: skip
    rules = CreditRules(rates={"USD": Decimal("7.105")})
    found = check(OrderFacts(28_87, "CNY"), now, rules, "CNY")
    assert (found.used_minor, found.over_minor, found.state) == (71_13, 0, "released")  # 71.12105
    assert check(OrderFacts(28_88, "CNY"), now, rules, "CNY").over_minor == 1
    [missing] = check(OrderFacts(1, "CNY"), now, CreditRules(), "CNY").reasons
    assert missing.json() == {"code": "no_rate", "currency": "USD"}
    [missing] = check(OrderFacts(1, "CNY"), replace(now, currency="USD", exposures={}), CreditRules(), "CNY").reasons
    assert missing.json() == {"code": "no_rate", "currency": "USD"}, "the company's own needs no rate"
    assert [r.code for r in check(OrderFacts(1, "EUR"), now, rules, "CNY").reasons] == ["no_rate"]


def test_even_within_the_limit_where_the_policy_says_so() -> None:
    rules = CreditRules(ask_within="sales_manager")
    assert said(1, standing(100), rules) == ("held", ["ask_within"], 0)
    assert said(101, standing(100), rules)[1] == ["over_limit"]


def test_paid_in_advance_it_stays_possible_but_not_below_cost() -> None:
    late = standing(0, open_minor=500, overdue_minor=500, oldest_due=date(2026, 1, 1), unapplied_minor=100)
    assert said(100, late, prepaid_minor=100)[0] == "released"
    assert said(101, late, prepaid_minor=101)[0] == "held"
    trust = CreditRules(prepaid="trust")
    assert said(500, late, trust, prepaid_minor=500)[0] == "released"
    cheap = ({"item": "a", "price": "9", "cost": "10"},)
    assert said(100, late, prepaid_minor=100, lines=cheap)[:2] == ("refused", ["below_cost"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([], "order.not_an_object"),
        ({"number": "1", "customer": "甲"}, "order.field_missing"),
        ({"number": "1", "customer": "甲", "amount": "0"}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": "-1"}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": 1.5}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": "1e400"}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": "0.001"}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": "1" + "0" * 15}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": "1", "currency": "XXQ"}, "order.bad_field"),
        ({"number": "", "customer": "甲", "amount": "1"}, "order.field_missing"),
        ({"number": "1\0", "customer": "甲", "amount": "1"}, "order.bad_field"),
        ({"number": "1\n2", "customer": "甲", "amount": "1"}, "order.bad_field"),
        ({"number": "1", "customer": "\ud800", "amount": "1"}, "order.bad_field"),
        ({"number": "1", "customer": "甲", "amount": "1", "prepaid": "2"}, "order.amount"),
        ({"number": "1", "customer": "甲", "amount": "1", "lines": "x"}, "order.bad_lines"),
        ({"number": "1", "customer": "甲", "amount": "1", "colour": "red"}, "order.unknown_field"),
    ],
)
def test_what_is_no_order_says_why(data: Any, code: str) -> None:
    from core.credit.incoming import parse

    with pytest.raises(DomainError) as caught:
        parse(data, "CNY")
    assert caught.value.code == code


def test_the_same_order_written_another_way_is_the_same() -> None:
    from core.credit.incoming import parse

    one = parse({"number": "1", "customer": "甲", "amount": "1,000.00", "prepaid": False}, "CNY")
    two = parse({"customer": "甲", "amount": 1000, "number": " 1 ", "currency": "cny"}, "CNY")
    assert one.fingerprint == two.fingerprint and one.terms_days is None
    assert parse({"number": "1", "customer": "甲", "amount": "1000.01"}, "CNY").fingerprint != one.fingerprint
