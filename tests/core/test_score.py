"""The score: points by hand-computed figures, weights, cuts, and what it decides."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session, col, select

from core.credit.inputs import Inputs, Weighed, inputs
from core.credit.rating import explain, rate, refresh
from core.credit.rules import SCALES, CreditRules, RatingRules, Scale
from core.credit.score import FIGURES, rating_of, score
from core.dunning.policy import default_policy
from core.models.credit import Rating
from tests.factories import DAY, customer, make_work, receipt, receivable

EVERY = dict.fromkeys(SCALES, 1) | {"avg_late_days": 86}
HAND = Inputs(
    customer_id=1, currency="CNY", since=DAY - timedelta(days=365), until=DAY,
    first_half=Weighed(2, 100_000, 1_000_000),  # 10 days late on average
    second_half=Weighed(4, 200_000, 3_000_000),  # 15
    late=Weighed(3, 75_000, 4_000_000), overdue=Weighed(1, 100_000, 2_000_000), max_late_days=30, on_time_run=3,
    invoiced_minor=25_000_000, broken_promises=1, promises_kept=3, promises_judged=4, open_disputes=1, disputes=1,
    returned_minor=500_000, risk_points=1, months_known=9, overdue_days=20, open_minor=400_000, limit_minor=500_000,
)  # fmt: skip
POINTS = {
    "avg_late_days": ("15", "66.7"),  # 6,000,000 ÷ 400,000; (45 − 15) ÷ 45
    "late_share": ("0.25", "58.3"),  # 75 of 300; (0.6 − 0.25) ÷ 0.6
    "max_late_days": ("30", "66.7"),
    "times_overdue": ("4", "66.7"),  # of 12: three paid late, one overdue
    "overdue_share": ("0.25", "50.0"),
    "on_time_run": ("3", "50.0"),
    "broken_promises": ("1", "66.7"),
    "promises_kept": ("0.75", "50.0"),  # halfway from 0.5 to 1
    "disputes": ("1", "75.0"),
    "returns_share": ("0.02", "80.0"),  # 5,000 of 250,000
    "volume": ("250000", "25.0"),
    "months_known": ("9", "25.0"),
    "trend_days": ("6.67", "55.6"),  # 5,000,000 ÷ 300,000 − 10; (15 − 6.67) ÷ 15
    "usage": ("0.8", "40.0"),  # 4,000 of 5,000; (1 − 0.8) ÷ 0.5
    "risk_events": ("1", "66.7"),
}


def rules(**more: object) -> RatingRules:
    return replace(RatingRules(), **more)  # type: ignore[arg-type]


def test_each_input_has_its_figure_and_points() -> None:
    assert set(POINTS) == set(SCALES) == set(FIGURES) and len(SCALES) >= 10 and sum(EVERY.values()) == 100
    found = score(HAND, rules(weights=EVERY))
    assert found is not None
    assert {part.name: (f"{part.figure:f}", str(part.points)) for part in found.parts} == POINTS
    # 86 × 66.667 + 58.333 + 3 × 66.667 + 4 × 50 … = 6,510.0 in all
    others = sum(Decimal(points) for name, (_, points) in POINTS.items() if name != "avg_late_days")
    assert abs(found.value - (86 * Decimal("66.6667") + others) / 100) <= Decimal("0.05")


def test_the_weights_say_how_much_each_counts() -> None:
    found = score(HAND, rules(weights={"disputes": 75, "volume": 25}))
    assert found is not None and found.value == Decimal("62.5")  # 0.75 × 75 + 0.25 × 25
    assert found.json() == {
        "value": "62.5",
        "inputs": {
            "disputes": {"figure": "1", "points": "75.0", "weight": 75},
            "volume": {"figure": "250000", "points": "25.0", "weight": 25},
        },
    }
    assert score(HAND, RatingRules()) is None, "without weights there is no score"


def test_what_is_not_known_has_no_part_in_it() -> None:
    bare = replace(HAND, limit_minor=None, promises_judged=0, promises_kept=0)
    found = score(bare, rules(weights={"usage": 50, "promises_kept": 20, "volume": 30}))
    assert found is not None and found.value == Decimal("25.0")
    assert [(part.name, part.points) for part in found.parts] == [
        ("usage", None), ("promises_kept", None), ("volume", Decimal("25.0")),
    ]  # fmt: skip
    assert score(bare, rules(weights={"usage": 100})) is None
    cash = replace(HAND, limit_minor=0)
    assert FIGURES["usage"](cash) is None


@pytest.mark.parametrize(
    ("invoiced", "points"),
    [(0, "0.0"), (1, "0.0"), (100_000_000, "100.0"), (999_999_999_999, "100.0"), (50_050_000, "50.1")],
)
def test_points_end_at_nought_and_a_hundred(invoiced: int, points: str) -> None:
    found = score(replace(HAND, invoiced_minor=invoiced), rules(weights={"volume": 100}))
    assert found is not None and str(found.value) == points


def test_a_scale_of_the_policys_own() -> None:
    own = rules(weights={"volume": 100}, points={"volume": Scale(Decimal(250_000), Decimal(50_000))})
    found = score(HAND, own)
    assert found is not None and found.value == 100
    reverse = rules(weights={"volume": 100}, points={"volume": Scale(Decimal(0), Decimal(1_000_000))})
    found = score(HAND, reverse)
    assert found is not None and found.value == 75


@pytest.mark.parametrize(
    ("disputes", "value", "cut"), [(0, "A", 80), (1, "B", 60), (2, "C", 40), (3, "D", 40)]
)  # 100, 75, 50, 25 points
def test_the_cuts(disputes: int, value: str, cut: int) -> None:
    found = score(replace(HAND, disputes=disputes), rules(weights={"disputes": 100}))
    assert found is not None and rating_of(found, RatingRules().score_cuts) == (value, cut)
    assert rating_of(replace(found, value=Decimal("80.0")), RatingRules().score_cuts)[0] == "A"
    assert rating_of(replace(found, value=Decimal("79.9")), RatingRules().score_cuts)[0] == "B"


def test_the_score_decides_only_where_the_policy_says_so() -> None:
    weighed = rules(weights={"disputes": 100})
    quiet = replace(HAND, on_time_run=0, broken_promises=0)
    cuts = rate(quiet, weighed)
    assert cuts.value == "B" and [part.code for part in cuts.parts] == ["average_days_late"]
    shown, bare = score(quiet, weighed), score(quiet, weighed, parts=False)
    assert shown is not None and bare is not None and shown.value == bare.value == 75 and not bare.parts
    decided = rate(replace(quiet, disputes=3), replace(weighed, method="score"))
    assert [(p.code, p.value, p.is_, p.limit) for p in decided.parts] == [("score", "D", "25.0", 40)]
    assert rate(replace(quiet, disputes=0, overdue_days=31), replace(weighed, method="score")).value == "D"
    assert rate(replace(quiet, disputes=0, broken_promises=2), replace(weighed, method="score")).value == "D"
    assert rate(replace(quiet, on_time_run=3), replace(weighed, method="score")).value == "A", "lifted by a step"
    few = replace(quiet, first_half=Weighed(), second_half=Weighed(2, 100, 0))
    assert rate(few, replace(weighed, method="score")).value == "new"


def test_a_version_keeps_the_score_and_everybody_is_scored_at_once(session: Session) -> None:
    work = make_work(session)
    c = customer(work, "C1", credit_limit_minor=1_000_00)
    for n in range(3):
        due = DAY - timedelta(days=100 - n)
        receipt(work, c, "100.00", on=due + timedelta(days=9), to=receivable(work, f"I{n}", c, "100.00", due=due))
    weighed = rules(method="score", weights={"avg_late_days": 50, "late_share": 25, "usage": 25})
    policy = replace(default_policy(), credit=CreditRules(rating=weighed))
    assert refresh(work, policy) == 1
    # 9 days late: 80 points; all of it late: 0; nothing open: 100 → 40 + 0 + 25
    [kept] = session.exec(select(Rating).order_by(col(Rating.id))).all()
    assert (kept.value, kept.inputs["score"]["value"], kept.inputs["parts"]) == (
        "B", "65.0", [{"code": "score", "value": "B", "is_": "65.0", "limit": 60}],
    )  # fmt: skip
    assert refresh(work, policy) == 0
    found = explain(work, policy, c.id or 0)
    assert found.score is not None and found.score.value == Decimal("65.0")
    assert inputs(work, [c.id or 0])[c.id or 0].limit_minor == 1_000_00
    assert date.fromisoformat(kept.inputs["until"]) == DAY
