"""The verdict of an order against two limits, and what is said to be available: the same arithmetic."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.credit import verdict
from core.credit.exposure import Exposure, GroupStanding, Insured, Standing
from core.credit.granted import available, granted
from core.credit.rules import CreditRules
from core.credit.verdict import OrderFacts

TODAY = date(2026, 7, 6)
MONEY = st.integers(0, 300)
EXPOSURE = st.builds(Exposure, open_minor=MONEY, unapplied_minor=MONEY, orders_minor=MONEY)


def standing(
    limit: int | None, own: Exposure, others: list[Exposure], shared: int | None, currency: str = "CNY"
) -> Standing:
    mine = {"CNY": own}
    group = GroupStanding("g", shared, currency, mine, [{"CNY": one} for one in others]) if shared is not None else None
    return Standing(
        customer_id=1, code="甲", name="甲", rating="", owner_id=1, region="", currency="CNY", base_minor=limit,
        extra_minor=0, exposures=mine, holds=frozenset(), today=TODAY, group=group,
    )  # fmt: skip


@given(st.none() | MONEY, EXPOSURE, st.lists(EXPOSURE, max_size=3), st.none() | st.integers(0, 900), st.integers(1, 400))
def test_an_order_passes_a_limit_if_it_is_more_than_what_is_available(
    limit: int | None, own: Exposure, others: list[Exposure], shared: int | None, amount: int
) -> None:
    now, rules = standing(limit, own, others, shared), CreditRules()
    found = verdict.check(OrderFacts(amount, "CNY"), now, rules, "CNY")
    room = available(now, rules, "CNY")
    assert found.is_over == (room is not None and amount > room)
    codes = {reason.code for reason in found.reasons}
    assert ("over_group_limit" in codes) == (found.group is not None and found.group.over_minor > 0)
    assert (found.state == "held") == bool(codes) and (found.state == "held") == found.is_over


def test_each_currency_is_rounded_against_the_customer() -> None:
    rules = CreditRules(rates={"USD": Decimal("7.1")}, insured="extra")
    now = standing(None, Exposure(open_minor=1), [Exposure(open_minor=1), Exposure(open_minor=1)], 10, "USD")
    assert now.group is not None and now.group.used_minor(rules, "CNY") == 3  # a fen each is a cent each
    assert available(now, rules, "CNY") == 49  # 7 cents are 49.7 fen
    assert available(now, CreditRules(), "CNY") == 0  # nobody can count it


def test_insured_amounts_are_rounded_down() -> None:
    now = standing(100, Exposure(), [], None)
    covered = Standing(**{**vars(now), "insured": (Insured(3, "USD", "x", TODAY), Insured(5, "JPY", "x", TODAY))})
    rates = {"USD": Decimal("7.1")}
    assert granted(covered, CreditRules(rates=rates, insured="extra"), "CNY").minor == 121  # 21.3; no rate for yen
    assert granted(covered, CreditRules(rates=rates), "CNY").minor == 100
    assert granted(covered, CreditRules(insured="extra"), "CNY").minor == 100
