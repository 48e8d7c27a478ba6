"""What makes the figures on an approver's card worse: one fact at a time, against a card that shows all of them."""

from typing import Any

import pytest

from core.credit.shown import has_worsened, is_no_worse, is_worse

CARD: dict[str, Any] = {
    "currency": "CNY", "limit_minor": 1000_00, "limit_source": "customer", "used_minor": 500_00, "over_minor": 100_00,
    "available_minor": 500_00, "overdue_minor": {"CNY": 50_00}, "overdue_days": 5, "rating": "B", "holds": ["overdue"],
    "reasons": [{"code": "over_limit"}], "group": {"name": "G", "over_minor": 10_00, "currency": "CNY"},
    "insured": [[200_00, "CNY", "Sinosure", "2026-12-31"]],
}  # fmt: skip
NO_LIMIT = CARD | {"limit_minor": None, "over_minor": 0, "reasons": [{"code": "terms"}]}


@pytest.mark.parametrize("change", [
    {"over_minor": 100_01}, {"overdue_minor": {"CNY": 50_01}}, {"overdue_minor": {"CNY": 50_00, "USD": 1}},
    {"rating": "C"}, {"rating": "D"}, {"holds": ["manual", "overdue"]},
    {"reasons": [{"code": "over_limit"}, {"code": "terms"}]},
    {"group": {"name": "G", "over_minor": 10_01, "currency": "CNY"}}, {"insured": []},
    {"insured": [[199_99, "CNY", "Sinosure", "2026-12-31"]]}, {"currency": "USD", "over_minor": 1},
    {"group": {"name": "H", "over_minor": 1, "currency": "CNY"}},
])  # fmt: skip
def test_each_of_these_is_worse(change: dict[str, Any]) -> None:
    assert is_worse(CARD, CARD | change) and has_worsened(CARD, CARD | change) and not is_no_worse(CARD, CARD | change)


@pytest.mark.parametrize("change", [
    {}, {"over_minor": 99_99}, {"overdue_minor": {}}, {"rating": "A"}, {"holds": []}, {"reasons": []}, {"group": None},
    {"insured": [[300_00, "CNY", "Sinosure", "2026-12-31"]]}, {"used_minor": 499_99},
    {"reasons": [{"code": "over_limit"}, {"code": "ask_within"}]}, {"limit_minor": 2000_00, "used_minor": 900_00},
])  # fmt: skip
def test_none_of_these_is(change: dict[str, Any]) -> None:
    assert not is_worse(CARD, CARD | change) and not has_worsened(CARD, CARD | change)


def test_another_day_of_delay_is_no_news_but_may_make_it_another_ones_to_decide() -> None:
    later = CARD | {"overdue_days": 6}
    assert not has_worsened(CARD, later) and not is_no_worse(CARD, later)


@pytest.mark.parametrize("card", [CARD | {"over_minor": 0}, NO_LIMIT], ids=["within the limit", "without one"])
def test_where_nothing_is_over_whatever_is_used_up_since_is_worse_than_the_card(card: dict[str, Any]) -> None:
    more = card | {"used_minor": 500_01}
    assert has_worsened(card, more) and not is_no_worse(card, more)
    assert not is_worse(card, more)  # of no weight for a yes that waits for its prepayment
