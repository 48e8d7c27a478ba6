"""The rep leaves while an order of theirs waits: whoever looks after the customer by now follows it."""

from collections.abc import Iterator

import pytest

from core.credit import held
from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.approving import REQUEST, asked, everybody_reads, person, request, staffed
from tests.scenarios.ordering import state


@pytest.fixture
def shop(hk: Harness) -> Iterator[Harness]:
    staffed(hk)
    yield hk
    everybody_reads(hk)


def leaves(shop: Harness) -> Card:
    """li asked for SO1 and is gone; 甲 is lin's. zhou's card of it."""
    card = asked(shop)
    shop.set_customer("甲", owner="lin")
    shop.person("li", active=False)
    everybody_reads(shop)
    return card


def kinds(shop: Harness, who: str) -> list[str]:
    return [card.json["kind"] for card in shop.chat(who).unread()]


@pytest.mark.parametrize("action, how", [("credit.approve", {}), ("credit.reject", {"reason": "不行"})])
def test_whoever_has_the_customer_now_hears_of_the_decision(shop: Harness, action: str, how: dict[str, str]) -> None:
    leaves(shop).tap(action, **how)
    assert kinds(shop, "lin") == ["order.decided"] and kinds(shop, "li") == []


def test_they_ask_again_and_read_that_it_waits(shop: Harness) -> None:
    leaves(shop).tap("credit.reject", reason="不行")
    shop.at("2026-07-07 10:00")
    shop.chat("lin").expect_card("被zhou驳回", kind="order.decided").tap("credit.ask_again", note="客户换了负责人")
    assert state(shop, "SO1") == "held" and request(shop).asked_by_id == person(shop, "lin")
    shop.chat("lin").expect_card("SO1", kind="order.held")
    with shop.look() as work:
        assert [each.order.number for each in held.orders_of(work, person(shop, "lin"))] == ["SO1"]
    assert request(shop).rungs[0]["people"] == [person(shop, "zhou")]


def test_nobody_answered_in_time(shop: Harness) -> None:
    leaves(shop)
    shop.at("2026-07-10 10:00")
    shop.tick()
    assert request(shop).state == "expired"
    assert "credit.ask_again" in shop.chat("lin").expect_card("逾时无人批复", kind="order.decided").buttons


def test_nor_do_they_approve_it_themselves(shop: Harness) -> None:
    shop.person("lin", roles=["finance_director"])
    leaves(shop)
    shop.policy(ONE_STEP + """
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"], need = "all" }]
""")
    shop.tick()
    assert person(shop, "lin") not in request(shop).rungs[0]["people"] and REQUEST not in kinds(shop, "lin")
