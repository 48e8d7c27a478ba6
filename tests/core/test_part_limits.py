"""Limits of parts: what a policy may say of them, and which orders they hold. No database."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.credit.exposure import Exposure
from core.credit.rules import LIMITED, CreditRules
from core.credit.verdict import OrderFacts, check
from core.dunning.policy import describe, parse
from tests.core.test_credit_vectors import said, standing
from tests.core.test_policy_credit import SMALL, found, read


@pytest.mark.parametrize(
    ("part", "limit", "now", "order", "held"),
    [
        ("overdue", 550, {"open_minor": 900, "overdue_minor": 550}, 550, False),
        ("overdue", 549, {"open_minor": 900, "overdue_minor": 550}, 550, True),
        ("overdue", 0, {"open_minor": 900}, 550, False),
        ("open", 900, {"open_minor": 900}, 550, False),
        ("open", 899, {"open_minor": 900}, 550, True),
        ("open", 899, {"open_minor": 900, "unapplied_minor": 900}, 550, True),  # nobody has said yet what it pays
        ("orders", 650, {"orders_minor": 100}, 550, False),  # the order belongs to this part, and to no other
        ("orders", 649, {"orders_minor": 100}, 550, True),
        ("orders", 549, {}, 550, True),
        ("shipments", 100, {"shipments_minor": 100}, 550, False),
        ("shipments", 99, {"shipments_minor": 100}, 550, True),
    ],
)
def test_a_part_may_be_as_large_as_its_limit(part: str, limit: int, now: dict[str, int], order: int, held: bool) -> None:
    rules = CreditRules(hold_on_overdue=False, part_limits={part: limit})
    assert said(order, standing(None, **now), rules)[1] == ["over_part_limit"] * held


def test_a_part_counts_every_currency_in_the_companys() -> None:
    rules = CreditRules(rates={"USD": Decimal("7.105")}, part_limits={"open": 171_13})
    now = replace(standing(None), exposures={"CNY": Exposure(open_minor=100_00), "USD": Exposure(open_minor=10_01)})
    assert check(OrderFacts(1, "CNY"), now, rules, "CNY").state == "released"  # 71.12105, rounded up
    [reason] = check(OrderFacts(1, "CNY"), now, replace(rules, part_limits={"open": 171_12}), "CNY").reasons
    assert reason.facts["amount"] == [1, "CNY"]
    assert said(1, now, replace(rules, rates={}))[1] == ["no_rate"]
    assert said(1, now, replace(rules, rates={}, part_limits={"overdue": 0}))[1] == [], "nothing of it is overdue"
    orders = CreditRules(part_limits={"orders": 100})
    assert [r.json() for r in check(OrderFacts(1, "USD"), standing(None), orders, "CNY").reasons] == [
        {"code": "no_rate", "currency": "USD"}
    ]


def test_what_is_paid_for_in_advance_passes_whatever_its_part_holds() -> None:
    trust = CreditRules(prepaid="trust", part_limits={"orders": 99, "open": 0})
    now = standing(None, orders_minor=500, reserved_minor=450, open_minor=1)
    assert said(100, now, trust, prepaid_minor=100) == ("released", [], 0)
    for prepaid, beyond in ((51, ["open"]), (50, ["orders", "open"])):  # of 500 ordered 50 are still to be paid
        reasons = check(OrderFacts(100, "CNY", prepaid), now, trust, "CNY").reasons
        assert [reason.facts["part"] for reason in reasons] == beyond
    received = CreditRules(part_limits={"orders": 0})
    assert said(100, standing(None, unapplied_minor=100), received, prepaid_minor=100)[0] == "released"
    waits = said(100, standing(None, unapplied_minor=99), received, prepaid_minor=100)[1]
    assert waits == ["over_part_limit", "prepayment_awaited"]
    assert said(100, standing(None), received, prepaid_minor=99)[1] == ["over_part_limit"], "for which no part gets smaller"


@pytest.mark.parametrize(
    ("written", "key", "code"),
    [
        ("part_limits = 500", "part_limits", "not_a_table"),
        ("part_limits = { this = 500 }", "part_limits.this", "unknown_key"),
        ("part_limits = { receivables = 500 }", "part_limits.receivables", "unknown_key"),
        ("part_limits = { overdue = -1 }", "part_limits.overdue", "not_an_amount"),
        ('part_limits = { overdue = "-0.01" }', "part_limits.overdue", "not_an_amount"),
        ('part_limits = { overdue = "lots" }', "part_limits.overdue", "not_an_amount"),
        ('part_limits = { overdue = "" }', "part_limits.overdue", "not_an_amount"),
        ('part_limits = { overdue = "1.001" }', "part_limits.overdue", "not_an_amount"),
        ("part_limits = { overdue = inf }", "part_limits.overdue", "not_an_amount"),
        ("part_limits = { overdue = 1e400 }", "part_limits.overdue", "not_an_amount"),
        ("part_limits = { overdue = true }", "part_limits.overdue", "not_an_amount"),
        ("part_limits = { overdue = [5] }", "part_limits.overdue", "not_an_amount"),
        ("part_limits = { overdue = { CNY = 5 } }", "part_limits.overdue", "not_an_amount"),
    ],
)
def test_a_mistake_in_them_is_found_on_its_line(written: str, key: str, code: str) -> None:
    assert found(f"[credit]\n\n{written}\n") == [(3, f"credit.{key}", code)]


def test_they_are_amounts_of_the_companys_currency() -> None:
    assert read("[credit]\n").part_limits == {}
    yen = read('[credit]\npart_limits = { shipments = "5000", open = 0 }\n', "JPY")
    assert list(yen.part_limits.items()) == [("open", 0), ("shipments", 5000)]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_is_told_in_plain_words(lang: str) -> None:
    limits = "\n".join(f"{part} = {number}00" for number, part in enumerate(LIMITED, 1))
    lines = describe(parse(f"{SMALL}[credit.part_limits]\n{limits}\n", currency="CNY"), lang)
    [line] = [line for line in lines if "分项额度：" in line or "Limits of parts" in line]
    assert all(f"¥{number}00.00" in line for number in range(1, 5)), line
    assert set(lines) - {line} == set(describe(parse(SMALL + "[credit]\n", currency="CNY"), lang))
