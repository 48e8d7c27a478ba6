"""`[credit.rating]` of a policy: what is wrong in it is found, and figures that are imported have weights and scales."""

from decimal import Decimal

import pytest

from core.credit.rules import Scale
from tests.core.test_policy_credit import found, read


@pytest.mark.parametrize(
    ("written", "key", "code"),
    [
        ("weight = 1", "weight", "unknown_key"),
        ("weights = 1", "weights", "not_a_table"),
        ("weights = { age = 100 }", "weights.age", "unknown_key"),
        ("weights = { volume = 101 }", "weights.volume", "too_big"),
        ("weights = { volume = -1 }", "weights.volume", "too_small"),
        ("weights = { volume = 50, usage = 49 }", "weights", "weights_not_hundred"),
        ("weights = { volume = 0 }", "weights", "weights_not_hundred"),
        ('method = "luck"', "method", "unknown_word"),
        ('method = "score"', "method", "score_without_weights"),
        ("points = { age = { best = 1 } }", "points.age", "unknown_key"),
        ("points = { volume = 5 }", "points.volume", "not_a_table"),
        ("points = { volume = { top = 5 } }", "points.volume.top", "unknown_key"),
        ('points = { volume = { best = "many" } }', "points.volume.best", "not_a_figure"),
        ("points = { volume = { best = true } }", "points.volume.best", "not_a_figure"),
        ("points = { volume = { best = 0 } }", "points.volume", "no_scale"),
        ("weights = { rank = 100 }", "weights.rank", "unknown_key"),  # an imported figure has a scale
        ("points = { rank = { best = 1, worst = 50 } }", "points.rank", "unknown_key"),  # and a weight
        ("points = { rank = { best = 1 } }\nweights = { rank = 100 }", "points.rank", "figure_without_scale"),
        ("points = { rank = { best = 1, worst = 1 } }\nweights = { rank = 100 }", "points.rank", "no_scale"),
        ("score_cuts = { A = 101 }", "score_cuts.A", "too_big"),
        ("score_cuts = { A = 60 }", "score_cuts", "cuts_not_falling"),
        ("window_months = 0", "window_months", "too_small"),
        ("window_months = 121", "window_months", "too_big"),
        ("min_paid = 0", "min_paid", "too_small"),
        ("broken_promises_d = 0", "broken_promises_d", "too_small"),
        ("overdue_days_d = -1", "overdue_days_d", "too_small"),
        ("lift_after_on_time = 0", "lift_after_on_time", "too_small"),
        ("cuts_days = [3, 15, 30]", "cuts_days", "not_a_table"),
        ("cuts_days = { A = 3, B = 15, C = 30, D = 60 }", "cuts_days.D", "unknown_key"),
        ("cuts_days = { a = 3 }", "cuts_days.a", "unknown_key"),
        ("cuts_days = { A = -3 }", "cuts_days.A", "too_small"),
        ('cuts_days = { A = "3" }', "cuts_days.A", "not_whole"),
        ("cuts_days = { A = 3, B = 3, C = 30 }", "cuts_days", "cuts_not_rising"),
        ("cuts_days = { A = 30, B = 15, C = 3 }", "cuts_days", "cuts_not_rising"),
        ("cuts_days = { A = 20 }", "cuts_days", "cuts_not_rising"),
    ],
)
def test_a_mistake_in_the_rating_is_found(written: str, key: str, code: str) -> None:
    assert found(f"[credit.rating]\n\n{written}\n") == [(3, f"credit.rating.{key}", code)]


def test_a_figure_that_is_imported_is_weighed_by_a_scale_of_its_own() -> None:
    rules = read("""
[credit.rating]
weights = { volume = 70, "资产负债率" = 30 }
points = { "资产负债率" = { best = 0.4, worst = "0.8" } }
""").rating
    assert rules.weights == {"volume": 70, "资产负债率": 30} and rules.imported == ("资产负债率",)
    assert rules.points == {"资产负债率": Scale(Decimal("0.4"), Decimal("0.8"))}
