"""Insured amounts: shown to whoever decides, added to the limit where the policy says so, and gone when they end."""

from typing import Any

import pytest
from sqlalchemy import select

from core.credit.exposure import Insured, standing
from core.models import Audit, CreditLine, Customer
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.ordering import codes, opened, place, state, told
from tests.scenarios.test_credit_races import ALL_OF

EXTRA = ALL_OF.replace("[[credit.route]]", '[credit]\ninsured = "extra"\nrates = { USD = "7.00" }\n[[credit.route]]')
HEAD = "customer,insurer,amount,currency,from_on,until"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def insured(hk: Harness) -> list[Insured]:
    with hk.look() as work:
        return list(standing(work, 1).insured)


def insure(hk: Harness, *rows: str) -> dict[str, Any]:
    return hk.imports("insurance", HEAD, *rows)


def lines(hk: Harness) -> list[tuple[int, bool]]:
    with hk.look() as work:
        rows = work.session.execute(select(CreditLine).order_by(table_of(CreditLine).c.id)).scalars()
        return [(row.amount_minor, row.ended_on is None) for row in rows]


def test_it_is_shown_and_the_limit_stays(shop: Harness) -> None:
    report = insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    assert report["created"] == 1
    answer = place(shop, "甲", "1100.00", "SO1")
    assert codes(answer) == ["over_limit"]
    card = shop.chat("zhou").expect_card("信保额度", "¥500.00", "中国信保", "12月31日", kind="credit.request")
    assert "¥1,000.00" in card.text
    told(shop)


def test_it_adds_to_the_limit_where_the_policy_says_so(shop: Harness) -> None:
    shop.policy(EXTRA)
    place(shop, "甲", "1500.00", "SO1")
    insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    shop.tick()
    assert state(shop, "SO1") == "released"
    assert codes(place(shop, "甲", "0.01", "SO2")) == ["over_limit"]
    insure(shop, "甲,Sinosure,0.01,USD,2026-01-01,2026-12-31")  # seven cents
    shop.tick()
    assert state(shop, "SO2") == "released"
    told(shop)


def test_cash_only_stays_cash_only(shop: Harness) -> None:
    shop.policy(EXTRA)
    shop.act("zhou", "limit.set", "甲", amount="0", reason="款到发货")
    insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    assert codes(place(shop, "甲", "0.01", "SO1")) == ["no_credit"]
    told(shop)


def test_one_that_ended_yesterday_or_begins_tomorrow_is_none(shop: Harness) -> None:
    shop.policy(EXTRA)
    insure(shop, "甲,旧,500.00,,2026-01-01,2026-07-05", "甲,新,300.00,,2026-07-08,2026-12-31")
    assert insured(shop) == [] and codes(place(shop, "甲", "1000.01", "SO1")) == ["over_limit"]
    shop.at("2026-07-08 00:01")
    assert [one.insurer for one in insured(shop)] == ["新"]
    told(shop)


def test_the_next_cover_ends_the_one_before_on_its_day(shop: Harness) -> None:
    insure(shop, "甲,旧,500.00,,2026-01-01,2026-12-31")
    insure(shop, "甲,新,300.00,,2026-07-08,2026-12-31")
    assert [one.insurer for one in insured(shop)] == ["旧"]
    shop.at("2026-07-08 00:01")
    assert [one.insurer for one in insured(shop)] == ["新"]


def test_the_same_file_again_changes_nothing(shop: Harness) -> None:
    rows = ("甲,旧,500.00,,2026-01-01,2026-07-07", "甲,新,300.00,,2026-07-08,2026-12-31")
    assert insure(shop, *rows)["created"] == 1 and lines(shop) == [(50_000, False), (30_000, True)]
    again = insure(shop, *rows)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert lines(shop) == [(50_000, False), (30_000, True)]
    corrected = insure(shop, "甲,新,400.00,,2026-07-08,2026-12-31")
    assert (corrected["created"], corrected["updated"]) == (0, 1) and lines(shop)[1:] == [(30_000, False), (40_000, True)]


def test_nothing_insured_any_more(shop: Harness) -> None:
    insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    assert insure(shop, "甲,中国信保,0,,2026-07-06,2026-12-31")["updated"] == 1
    assert insured(shop) == [] and lines(shop) == [(50_000, False)]
    assert insure(shop, "甲,中国信保,0,,2026-07-06,2026-12-31")["unchanged"] == 1
    A = table_of(Audit)
    with shop.look() as work:
        written = work.session.execute(select(A.c.action).where(A.c.action.like("insurance.%")).order_by(A.c.id)).scalars()
        assert list(written) == ["insurance.set", "insurance.ended"]


def test_a_temporary_limit_and_cover_stand_side_by_side(shop: Harness) -> None:
    shop.policy(EXTRA)
    insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    shop.act("zhou", "limit.set", "甲", amount="1300", until="2026-07-31", reason="旺季备货")
    assert place(shop, "甲", "1800.00", "SO1")["verdict"] == "released"
    shop.act("zhou", "limit.set", "甲", amount="0", reason="款到发货")  # ends the temporary one alone
    assert [one.minor for one in insured(shop)] == [50_000]
    told(shop)


def test_cover_that_is_gone_makes_the_card_stale(shop: Harness) -> None:
    insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    place(shop, "甲", "1100.00", "SO1")
    card = shop.chat("zhou").expect_card("信保额度", kind="credit.request")
    seen = card.json["rev"]
    insure(shop, "甲,中国信保,0,,2026-07-06,2026-12-31")
    card.expect_update()
    assert "信保额度" not in card.text
    card.tap("credit.approve", rev=seen, expect="stale")
    told(shop)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("谁,中国信保,500.00,,2026-01-01,2026-12-31", "unknown_customer"),
        ("甲,,500.00,,2026-01-01,2026-12-31", "missing_value"),
        ("甲,中国信保,-1,,2026-01-01,2026-12-31", "negative_amount"),
        ("甲,中国信保,0.001,,2026-01-01,2026-12-31", "precision"),
        ("甲,中国信保,5,XXQ,2026-01-01,2026-12-31", "unknown_currency"),
        ("甲,中国信保,5,,2026-12-31,2026-01-01", "ends_before_it_begins"),
        ("甲,中国信保,5,,morgen,2026-01-01", "bad_date"),
        ("甲,中国信保,5,,2025-01-01,2025-12-31", "later_cover_known"),
    ],
)
def test_rows_that_cannot_go_in(shop: Harness, row: str, code: str) -> None:
    insure(shop, "甲,中国信保,500.00,,2026-01-01,2026-12-31")
    report = insure(shop, row)
    assert [one["code"] for one in report["rejected"]] == [f"import.{code}"]
    assert lines(shop) == [(50_000, True)]


def test_another_currency_needs_another_limit(shop: Harness) -> None:
    """A limit of 1,000 yuan is none of 1,000 yen."""
    head = "code,name,currency,credit_limit"
    report = shop.imports("customers", head, "甲,甲,JPY,")
    assert [one["code"] for one in report["rejected"]] == ["import.limit_in_other_currency"]
    assert shop.imports("customers", head, "甲,甲,CNY,")["rejected"] == []
    assert shop.imports("customers", head, "甲,甲,JPY,20000")["updated"] == 1
    shop.act("zhou", "limit.set", "甲", amount="30000", reason="年度授信")  # and now it is set here, which wins
    report = shop.imports("customers", head, "甲,甲,CNY,1000")
    assert [one["code"] for one in report["rejected"]] == ["import.limit_in_other_currency"]
    shop.act("zhou", "limit.set", "甲", limit="unlimited", reason="改币种")
    assert shop.imports("customers", head, "甲,甲,CNY,1000")["rejected"] == []
    with shop.look() as work:
        row = work.session.get_one(Customer, 1)
        assert (row.currency, row.credit_limit_minor) == ("CNY", None)
