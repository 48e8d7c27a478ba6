"""Cards name whoever decided what they tell of, and nobody else: what a check, a change or money did is nobody's word."""

from collections.abc import Iterator

import pytest

from bot.web.shop import Shop, _lines
from tests.harness import Harness
from tests.scenarios.approving import REQUEST, everybody_reads, staffed
from tests.scenarios.ordering import place, put, state, stored


@pytest.fixture
def shop(hk: Harness) -> Iterator[Harness]:
    """SO1 of 2,000 waits for zhou; the limit is 1,000."""
    staffed(hk)
    place(hk, "甲", "2000.00", "SO1")
    yield hk
    everybody_reads(hk)


def says(shop: Harness) -> str:
    """What li and finance read of the order that was decided."""
    return "\n".join(
        card.text for who in ("li", "cai", "fm") for card in shop.chat(who).unread() if card.json["kind"] == "order.decided"
    )


def panel(shop: Harness) -> tuple[str, str | None, str]:
    """The demo's order system: what it says of SO1, who by, and why."""
    with shop.look() as work:
        [line] = _lines(work, Shop("", "shop"), "zh")["orders"]
    return line["state"], line["by"] and line["by"]["handle"], line["reason"]


def test_whoever_approved_is_named_with_what_they_asked_for(shop: Harness) -> None:
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", terms="15")
    assert "经zhou批准" in says(shop) and "账期不超过15天" in says(shop)
    assert panel(shop) == ("released", "zhou", "")


def test_on_a_prepayment_too_once_it_is_there(shop: Harness) -> None:
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", prepay_percent="30")
    assert panel(shop) == ("conditions", "zhou", "")
    everybody_reads(shop)
    shop.at("2026-07-06 10:30")
    shop.pay("甲", "1000.00")
    shop.tick()
    assert "经zhou批准" in says(shop) and panel(shop) == ("released", "zhou", "")


def test_whoever_took_it_back_approved_nothing(shop: Harness) -> None:
    shop.chat("li").expect_card("SO1", kind="order.held").tap("credit.withdraw")
    assert "已由li撤回" in says(shop)
    everybody_reads(shop)
    shop.at("2026-07-06 10:30")
    shop.pay("甲", "1000.00")
    shop.tick()
    assert "SO1" in says(shop) and "已符合信用条件" in says(shop) and "li" not in says(shop)
    assert panel(shop) == ("released", None, "")


def test_nor_did_whoever_said_no_before_it_was_less(shop: Harness) -> None:
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.reject", reason="不行")
    assert "被zhou驳回" in says(shop) and panel(shop) == ("rejected", "zhou", "不行")
    everybody_reads(shop)
    assert put(shop, "SO1", "500.00")["verdict"] == "released"
    assert "已符合信用条件" in says(shop) and "不行" not in says(shop) and "zhou" not in says(shop)
    assert panel(shop) == ("released", None, "")


def test_nor_before_the_limit_was_raised(shop: Harness) -> None:
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.reject", reason="不行")
    card = shop.chat("li").expect_card("被zhou驳回", kind="order.decided")
    shop.act("fm", "limit.set", "甲", amount="9000", reason="年度")
    everybody_reads(shop)
    shop.at("2026-07-06 10:30")
    card.tap("credit.ask_again", note="已提额")
    assert state(shop, "SO1") == "released"
    assert "SO1" in says(shop) and "不行" not in says(shop) and "zhou" not in says(shop)
    assert panel(shop) == ("released", None, "")


def test_conditions_that_hold_no_longer_are_not_told(shop: Harness) -> None:
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    card.tap("credit.approve_with", prepay_percent="30", terms="15")
    everybody_reads(shop)
    assert put(shop, "SO1", "500.00")["verdict"] == "released"
    assert stored(shop, "SO1").conditions == {}
    assert "已符合信用条件" in says(shop)
    for word in ("预付", "账期", "zhou"):
        assert word not in says(shop)
    assert panel(shop) == ("released", None, "")
