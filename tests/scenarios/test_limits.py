"""Limits that people set: the customer's own, and one for a while; what waits is looked at again at once."""

from typing import Any

import pytest
from sqlalchemy import select

from core.credit import limits
from core.credit.exposure import standing
from core.errors import DomainError
from core.models import Audit, CreditLine, Customer
from core.models.base import table_of
from core.money import MAX_MINOR
from tests.harness import Harness
from tests.scenarios.ordering import codes, opened, place, state, told


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def limit(shop: Harness) -> int | None:
    with shop.look() as work:
        return standing(work, 1).limit_minor


def written(shop: Harness, action: str) -> list[dict[str, Any]]:
    U = table_of(Audit)
    with shop.look() as work:
        rows = work.session.execute(select(Audit).where(U.c.action == action).order_by(U.c.id)).scalars()
        return [row.data for row in rows]


def test_a_higher_limit_releases_what_waits(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.act("fm", "limit.set", "甲", amount="1,500.00", reason="年度授信")
    assert state(shop, "SO1") == "released"
    card.expect_update("无需再审批", state="closed")
    assert codes(place(shop, "甲", "0.01", "SO2")) == ["over_limit"]
    [said] = written(shop, "limit.set")
    assert said == {"before_minor": 100_000, "after_minor": 150_000, "currency": "CNY", "reason": "年度授信"}
    told(shop)


def test_none_and_cash_only(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    shop.act("zhou", "limit.set", "甲", limit="unlimited", reason="集团担保")
    assert limit(shop) is None and state(shop, "SO1") == "released"
    shop.act("zhou", "limit.set", "甲", amount="0", reason="款到发货")
    assert limit(shop) == 0 and codes(place(shop, "甲", "0.01", "SO2")) == ["no_credit"]
    told(shop)


def test_a_lower_limit_makes_the_card_stale_and_takes_nothing_back(shop: Harness) -> None:
    place(shop, "甲", "600.00", "SO1")
    place(shop, "甲", "500.00", "SO2")
    card = shop.chat("zhou").expect_card("¥100.00", kind="credit.request")
    seen = card.json["rev"]
    shop.act("fm", "limit.set", "甲", amount="500", reason="评级下调")
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("released", "held")
    card.expect_update("¥600.00")
    card.tap("credit.approve", rev=seen, expect="stale")
    told(shop)


def test_what_is_set_here_wins_over_the_next_import(shop: Harness) -> None:
    shop.act("zhou", "limit.set", "甲", amount="2000", reason="年度授信")
    shop.imports("customers", "code,name,credit_limit", "甲,甲,5.00")
    assert limit(shop) == 200_000
    with shop.look() as work:
        assert work.session.get_one(Customer, 1).edited == ["credit_limit"]


def test_for_a_while_it_is_what_was_asked_in_all(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    shop.act("fm", "limit.set", "甲", amount="1500", until="2026-07-08", reason="旺季备货")
    assert limit(shop) == 150_000 and state(shop, "SO1") == "released"
    shop.act("zhou", "limit.set", "甲", amount="1800", until="2026-07-07", reason="旺季备货")  # one at a time
    assert limit(shop) == 180_000
    assert [(said["before_minor"], said["after_minor"]) for said in written(shop, "limit.raised")] == [
        (100_000, 150_000), (150_000, 180_000),
    ]  # fmt: skip
    shop.at("2026-07-07 23:00")
    assert limit(shop) == 180_000
    shop.at("2026-07-08 00:01")
    assert limit(shop) == 100_000
    with shop.look() as work:
        lines = work.session.execute(select(CreditLine).order_by(table_of(CreditLine).c.id)).scalars().all()
        assert [(line.amount_minor, line.ended_on is None) for line in lines] == [(50_000, False), (80_000, True)]
        assert work.session.get_one(Customer, 1).edited == []
    told(shop)


def test_one_is_prepared_beforehand(shop: Harness) -> None:
    """It begins and ends by itself; what runs until then is left alone, and so is what is prepared for later."""
    place(shop, "甲", "1500.00", "SO1")
    shop.act("zhou", "limit.set", "甲", amount="1200", until="2026-07-09", reason="备货")
    raised = {"amount": "1500", "from": "2026-07-08", "until": "2026-07-10", "reason": "促销"}
    assert shop.act("fm", "limit.set", "甲", **raised)["code"] == "limit.prepared"
    shop.act("fm", "limit.set", "甲", **(raised | {"amount": "3000", "from": "2026-07-14", "until": "2026-07-15"}))
    said = written(shop, "limit.raised")[1]
    assert said == {
        "before_minor": 120_000, "after_minor": 150_000, "currency": "CNY", "from": "2026-07-08", "until": "2026-07-10",
        "reason": "促销",
    }  # fmt: skip
    assert limit(shop) == 120_000 and state(shop, "SO1") == "held"
    for day, minor, order in (("07", 120_000, "held"), ("08", 150_000, "released"), ("10", 150_000, "released"),
                              ("11", 100_000, "released"), ("14", 300_000, "released"), ("16", 100_000, "released")):
        shop.at(f"2026-07-{day} 10:00")
        assert (limit(shop), state(shop, "SO1")) == (minor, order), day
    told(shop)


def test_a_newer_one_takes_the_place_of_what_was_prepared(shop: Harness) -> None:
    shop.act("zhou", "limit.set", "甲", amount="1500", until="2026-07-10", reason="促销", **{"from": "2026-07-08"})
    shop.act("zhou", "limit.set", "甲", amount="1800", until="2026-07-08", reason="备货")
    assert limit(shop) == 180_000
    shop.at("2026-07-09 10:00")
    assert limit(shop) == 100_000
    shop.act("zhou", "limit.set", "甲", amount="1500", until="2026-07-20", reason="促销", **{"from": "2026-07-15"})
    shop.act("zhou", "limit.set", "甲", amount="0", reason="款到发货")
    shop.at("2026-07-16 10:00")
    assert limit(shop) == 0


def test_cash_only_ends_the_temporary_limit(shop: Harness) -> None:
    shop.act("zhou", "limit.set", "甲", amount="1500", until="2026-07-31", reason="旺季备货")
    shop.act("zhou", "limit.set", "甲", amount="1200", reason="年度授信")
    assert limit(shop) == 170_000  # the temporary one comes on top
    shop.act("zhou", "limit.set", "甲", amount="0", reason="款到发货")
    assert limit(shop) == 0


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "-1"}, "limit.bad_amount"),
        ({"amount": "1e40"}, "money.not_a_number"),
        ({"amount": "999999999999999999"}, "money.too_large"),
        ({"amount": "NaN"}, "money.not_a_number"),
        ({"amount": "0.001"}, "money.precision"),
        ({"amount": ""}, "input.missing"),
        ({"amount": "5", "reason": " "}, "input.missing"),
        ({"amount": "5", "currency": "USD"}, "limit.currency"),
        ({"amount": "1000", "until": "2026-07-31"}, "limit.not_above"),
        ({"amount": "2000", "until": "2026-07-05"}, "limit.past"),
        ({"amount": "2000", "until": "2027-07-31"}, "limit.too_long"),
        ({"amount": "2000", "until": "morgen"}, "input.bad_date"),
        ({"limit": "unlimited", "until": "2026-07-31"}, "limit.none_until"),
        ({"amount": "2000", "from": "2026-07-31"}, "limit.without_end"),
        ({"amount": "2000", "from": "2026-07-31", "until": "2026-07-30"}, "limit.backwards"),
        ({"amount": "2000", "from": "2026-07-05", "until": "2026-07-30"}, "limit.past"),
    ],
)
def test_what_is_refused(shop: Harness, more: dict[str, str], code: str) -> None:
    given = {"reason": "x", **more}
    assert shop.act("zhou", "limit.set", "甲", expect="invalid", **given)["code"] == code
    assert limit(shop) == 100_000 and written(shop, "limit.set") == []


def test_amounts_out_of_range_are_refused_wherever_they_come_from(shop: Harness) -> None:
    for amount in (-1, MAX_MINOR + 1):
        with pytest.raises(DomainError, match=r"limit\.bad_amount"), shop.db() as work:
            limits.set_limit(work, 1, amount, None, "x")
    with pytest.raises(DomainError, match=r"limit\.reason"), shop.db() as work:
        limits.set_limit(work, 1, 1, None, " ")
    with shop.db() as work:
        limits.set_limit(work, 1, MAX_MINOR, None, "x")
    assert limit(shop) == MAX_MINOR


def test_in_the_customers_currency(shop: Harness) -> None:
    shop.set_customer("甲", currency="JPY")
    shop.act("zhou", "limit.set", "甲", amount="50000", reason="x")
    assert limit(shop) == 50_000
    assert shop.act("zhou", "limit.set", "甲", amount="0.5", reason="x", expect="invalid")["code"] == "money.precision"
