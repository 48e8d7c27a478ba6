"""Four eyes: whoever may set limits and ratings does not make room for an order of their own."""

from dataclasses import replace
from typing import Any

import pytest

from core.credit import asking, orders, requests, votes
from core.credit.incoming import parse
from core.dunning.stored import active
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import opened, place, put, state, told

RATING: dict[str, Any] = {"rating": "A", "until": "2026-12-31", "reason": "老客户"}


@pytest.fixture
def shop(hk: Harness) -> Harness:
    opened(hk)
    hk.people(fd2="finance_director", boss="management")
    return hk


def read(shop: Harness) -> None:
    told(shop)
    for person in ("fd2", "boss"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


def test_a_limit_is_not_raised_for_ones_own_order(shop: Harness) -> None:
    assert place(shop, "甲", "1500.00", "SO1", asked_by="boss")["verdict"] == "held"
    refused = shop.act("boss", "limit.set", "甲", amount="2000", reason="自己要用", expect="invalid")
    assert refused["code"] == "credit.own_order" and "SO1" in str(shop.type("boss", "/limit 甲 2000 自己要用").view)
    assert state(shop, "SO1") == "held"
    temporary = shop.act("boss", "limit.set", "甲", amount="2000", until="2026-07-31", reason="自己要用", expect="invalid")
    assert temporary["code"] == "credit.own_order"
    shop.act("fd2", "limit.set", "甲", amount="2000", reason="旺季")
    assert state(shop, "SO1") == "released", "somebody else may"
    shop.act("boss", "limit.set", "甲", amount="3000", reason="旺季")  # nothing of theirs waits any more
    read(shop)


def test_nor_a_rating(shop: Harness) -> None:
    shop.act("fd2", "rating.set", "甲", rating="D", until="2026-12-31", reason="风险")
    assert place(shop, "甲", "10.00", "SO1", asked_by="boss")["verdict"] == "held"
    assert shop.act("boss", "rating.set", "甲", **RATING, expect="invalid")["code"] == "credit.own_order"
    assert state(shop, "SO1") == "held"
    place(shop, "甲", "10.00", "SO2", asked_by="li")
    shop.act("fd2", "rating.set", "甲", **RATING)
    assert state(shop, "SO1") == "released" and state(shop, "SO2") == "released"
    read(shop)


def test_nor_is_a_hold_or_the_blacklist_ended(shop: Harness) -> None:
    shop.act("zhou", "hold.set", "甲", reason="对账不清")
    assert place(shop, "甲", "10.00", "SO1", asked_by="boss")["verdict"] == "held"
    assert shop.act("boss", "hold.lift", "甲", reason="已对清", expect="invalid")["code"] == "credit.own_order"
    assert shop.holds("甲") == ["manual"] and state(shop, "SO1") == "held"
    shop.act("fd2", "hold.lift", "甲", reason="已对清")
    assert state(shop, "SO1") == "released"
    read(shop)


@pytest.mark.parametrize("actor", ["boss", "cli:root as boss"])
def test_whoever_entered_it_is_one_of_them(shop: Harness, actor: str) -> None:
    with shop.db() as work:
        new = parse({"number": "SO1", "customer": "甲", "amount": "1500.00", "asked_by": "li"}, "CNY")
        orders.submit(replace(work, actor=actor), active(work)[1], new, "page")
    shop.deliver()
    assert shop.act("boss", "limit.set", "甲", amount="2000", reason="急", expect="invalid")["code"] == "credit.own_order"
    shop.act("fd2", "limit.set", "甲", amount="2000", reason="旺季")
    assert state(shop, "SO1") == "released"
    read(shop)


@pytest.mark.parametrize("by", ["asked", "entered", "asked again"])
def test_it_stays_ones_own_when_the_order_system_changes_it(shop: Harness, by: str) -> None:
    if by == "entered":
        with shop.db() as work:
            new = parse({"number": "SO1", "customer": "甲", "amount": "1500.00", "asked_by": "li"}, "CNY")
            orders.submit(replace(work, actor="cli:root as fd2"), active(work)[1], new, "shop")
    else:
        place(shop, "甲", "1500.00", "SO1", asked_by="fd2" if by == "asked" else "li")
    if by == "asked again":
        ask_again(shop, "fd2")
    for note in ("改地址", "改电话"):
        assert put(shop, "SO1", "1500.00", asked_by="li", note=note)["verdict"] == "held"
        assert [card.json["kind"] for card in shop.chat("fd2").unread() if "approve" in str(card.buttons)] == []
    assert shop.act("fd2", "limit.set", "甲", amount="2000", reason="急", expect="invalid")["code"] == "credit.own_order"
    [*_, latest] = (card for card in shop.chat("zhou").unread() if card.json["kind"] == "credit.request")
    latest.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    read(shop)


def test_who_asks_again_sets_no_limit_either(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1", asked_by="li")
    ask_again(shop, "fd2")
    assert shop.act("fd2", "limit.set", "甲", amount="2000", reason="急", expect="invalid")["code"] == "credit.own_order"
    shop.act("boss", "limit.set", "甲", amount="2000", reason="旺季")
    assert state(shop, "SO1") == "released"
    read(shop)


MANAGER = """
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:sales_manager"] }]
"""


def test_who_asked_once_decides_nothing_after_others_have_asked(shop: Harness) -> None:
    """wang, whom the route names now, asked in between; that request expired, and li asks anew."""
    place(shop, "甲", "2000.00", "SO1", asked_by="li")
    ask_again(shop, "wang")
    read(shop)
    shop.policy(ONE_STEP + MANAGER)
    shop.at("2026-07-07 10:00")
    ask_again(shop, "li")
    assert [card.text for card in shop.chat("wang").unread() if card.json["kind"] == "credit.request"] == []
    assert approval(shop, "wang") == "not_yours" and state(shop, "SO1") == "held"
    read(shop)


def approval(shop: Harness, who: str) -> str:
    """What becomes of a yes."""
    with shop.db() as work:
        [order] = orders.find(work, "SO1")
        pending = requests.pending(work, order.id or 0)
        if pending is None:
            return "not_yours"  # nobody may decide
        person = shop._person_id(work, who)
        as_one = replace(work, actor=who, person_id=person)
        return votes.vote(as_one, active(work)[1], pending, person or 0, approve=True).code


def ask_again(shop: Harness, who: str) -> None:
    """The rep takes the request back; somebody else asks anew."""
    with shop.db() as work:
        [order] = orders.find(work, "SO1")
        asking.withdraw(work, active(work)[1], order)
        person = shop._person_id(work, who)
        asking.ask_again(replace(work, actor=who, person_id=person), active(work)[1], order)
    shop.deliver()
