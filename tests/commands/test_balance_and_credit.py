"""What /balance says of a customer's credit is what /credit says: nobody promises goods on a room that isn't there."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Harness
from tests.scenarios.ordering import opened, place, told


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    story = opened(Harness(database_url))
    story.receivable("甲", "200.00", due="2026-08-01")
    yield story
    story.stop()


def said(hk: Harness, command: str, who: str = "zhou") -> dict[str, Any]:
    reply = hk.type(who, f"{command} 甲")
    card = hk.chat(who).unread()[-1]
    hk.read(card.id)
    return dict(reply.view)


def both(hk: Harness) -> list[tuple[str | None, str | None, str | None]]:
    """(limit, used, available), by the one and by the other."""
    balance, credit = said(hk, "余额")["credit"] or {}, said(hk, "信用")
    return [tuple(each.get(name) for name in ("limit", "used", "available")) for each in (balance, credit)]


def test_orders_and_temporary_limits_count(hk: Harness) -> None:
    place(hk, "甲", "700.00", "SO1")
    hk.act("zhou", "limit.set", "甲", amount="1500", until="2026-07-31", reason="旺季备货")
    assert both(hk) == [("1500.00", "900.00", "600.00")] * 2
    told(hk)


def test_who_pays_cash_has_nothing_left(hk: Harness) -> None:
    hk.set_customer("甲", rating="D")
    assert both(hk) == [("0.00", "200.00", "-200.00")] * 2


def test_a_group_leaves_less_than_the_customers_own_limit(hk: Harness) -> None:
    hk.customer("乙", "li", group_name="华兴")
    hk.set_customer("甲", group_name="华兴")
    hk.type("zhou", "额度 集团 华兴 500 年度授信")
    hk.read(hk.chat("zhou").unread()[-1].id)
    place(hk, "乙", "200.00", "SO1")
    assert both(hk) == [("1000.00", "200.00", "100.00")] * 2
    told(hk)


def test_without_a_limit_neither_names_one(hk: Harness) -> None:
    hk.set_customer("甲", credit_limit_minor=None)
    assert said(hk, "余额")["credit"] is None and said(hk, "信用")["limit"] is None
