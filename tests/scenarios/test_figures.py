"""Figures of customers that somebody outside knows: imported with their source and day, weighed by the policy, explained."""

from typing import Any

import pytest
from sqlmodel import select

from core.models import Audit, Customer, CustomerFigure
from core.models.credit import Rating
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import opened

HEADER = "customer,figure,value,source,as_of"
POLICY = ONE_STEP + """
[credit.rating]
method = "score"
min_paid = 1
lift_after_on_time = 1000
weights = { avg_late_days = 50, "资产负债率" = 50 }
points = { "资产负债率" = { best = 0.4, worst = 0.8 } }
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """甲 paid once, on time: a hundred points for it, and half of the score."""
    opened(hk)
    hk.policy(POLICY)
    hk.receivable("甲", "100.00", due="2026-07-01", issued="2026-06-01", number="I1")
    hk.pay("甲", "100.00", "I1", on="2026-07-01")
    return hk


def brought(hk: Harness, *lines: str) -> dict[str, Any]:
    return hk.imports("figures", HEADER, *lines)


def scored(hk: Harness) -> dict[str, Any]:
    [reply] = [hk.chat("fm").say("评级 甲")["card"]]
    return {field.label: field.value for field in reply.fields}


def score(hk: Harness) -> str:
    from core.credit.rating import explain
    from core.dunning.stored import active

    with hk.look() as work:
        found = explain(work, active(work)[1], 1)
    assert found.score is not None
    return str(found.score.value)


def rated(hk: Harness) -> str:
    with hk.look() as work:
        return work.session.exec(select(Customer.rating).where(Customer.code == "甲")).one()


def test_a_figure_is_half_of_the_score_and_says_whence_it_is(shop: Harness) -> None:
    assert score(shop) == "100.0" and "无数据，不计" in scored(shop)["资产负债率 50%"], "nobody knows it: it is left out"
    assert brought(shop, "甲,资产负债率,0.7,2025年报,2025-12-31")["created"] == 1
    assert score(shop) == "62.5"
    assert scored(shop)["资产负债率 50%"] == "0.7，得 25.0 分（2025年报，截至2025年12月31日）"
    shop.morning("2026-07-07")
    assert rated(shop) == "B"
    with shop.look() as work:
        kept = work.session.exec(select(Rating).order_by(Rating.version.desc())).first()
    assert kept is not None and kept.inputs["score"]["inputs"]["资产负债率"] == {
        "figure": "0.7", "points": "25.0", "weight": 50, "source": "2025年报", "as_of": "2025-12-31",
    }  # fmt: skip


def test_the_newest_counts_whenever_it_was_brought(shop: Harness) -> None:
    brought(shop, "甲,资产负债率,0.4,半年报,2026-06-30", "甲,资产负债率,0.8,2025年报,2025-12-31")
    assert score(shop) == "100.0"
    brought(shop, "甲,资产负债率,0.9,2024年报,2024-12-31")
    assert score(shop) == "100.0"
    brought(shop, "甲,资产负债率,0.8,快报,2026-07-05")
    assert score(shop) == "50.0"


def test_again_it_changes_nothing_and_otherwise_it_is_put_right(shop: Harness) -> None:
    line = "甲,资产负债率,0.8,年报,2025-12-31"
    assert brought(shop, line)["created"] == 1
    again = brought(shop, line)
    assert (again["created"], again["unchanged"]) == (0, 1)
    report = brought(shop, "甲,资产负债率,0.4,年报,2025-12-31")
    assert (report["created"], report["updated"]) == (0, 1) and score(shop) == "100.0"
    with shop.look() as work:
        assert len(work.session.exec(select(CustomerFigure)).all()) == 1
        said = work.session.exec(select(Audit).where(Audit.action == "figure.recorded").order_by(Audit.id)).all()
    assert [(row.data["before_millionths"], row.data["value_millionths"]) for row in said] == [
        (None, 800_000), (800_000, 400_000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("丁,资产负债率,0.5,年报,2025-12-31", "unknown_customer"), ("甲,资产负债率,62%,年报,2025-12-31", "bad_figure"),
        ("甲,资产负债率,0.1234567,年报,2025-12-31", "bad_figure"), ("甲,资产负债率,1e9,年报,2025-12-31", "bad_figure"),
        ("甲,注册资本,1000000000001,年报,2025-12-31", "bad_figure"), ("甲,资产负债率,,年报,2025-12-31", "missing_value"),
        ("甲,资产负债率,0.5,,2025-12-31", "missing_value"), ("甲,资产负债率,0.5,年报,2027-01-01", "not_yet"),
        ("甲,资产负债率,0.5,年报,upcoming", "bad_date"), ("甲,,0.5,年报,2025-12-31", "missing_value"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_none_is_refused_in_words_and_the_rest_goes_in(shop: Harness, line: str, code: str) -> None:
    report = brought(shop, line, "甲,资产负债率,-0.5,年报,2024-12-31")
    assert report["created"] == 1 and [row["code"] for row in report["rejected"]] == [f"import.{code}"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_with_usual_headers_needs_no_map(shop: Harness) -> None:
    report = shop.imports("figures", "客户,指标,数值,来源,截至日期", "甲,注册资本,\"5,000,000\",天眼查,2026-06-30")
    assert report["created"] == 1
    with shop.look() as work:
        [row] = work.session.exec(select(CustomerFigure)).all()
    assert (row.name, row.value_millionths, row.source, row.as_of.isoformat()) == (
        "注册资本", 5_000_000 * 10**6, "天眼查", "2026-06-30",
    )  # fmt: skip
