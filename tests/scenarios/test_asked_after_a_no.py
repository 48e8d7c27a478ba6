"""A rejection is no end: with something new to say the rep asks again, and whoever decides reads who said no, and why."""

from typing import Any

import pytest
from sqlalchemy import select

from core.models import WebhookEvent
from core.models.base import table_of
from tests.harness import Harness
from tests.phones import Card
from tests.scenarios.approving import REQUEST, asked, request, settled, staffed
from tests.scenarios.ordering import opened, put, state, stored

W = table_of(WebhookEvent)


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


def rejected(hk: Harness) -> Card:
    """li's card, which says that zhou said no."""
    asked(hk).tap("credit.reject", reason="先收货款")
    assert state(hk, "SO1") == "rejected"
    return hk.chat("li").expect_card("先收货款", "可重新申请", kind="order.decided", buttons=("credit.ask_again",))


def test_the_rep_asks_again_with_something_new_and_the_director_reads_of_the_no(shop: Harness) -> None:
    card = rejected(shop)
    card.tap("credit.ask_again", note="已收三成定金")
    assert state(shop, "SO1") == "held" and "已重新申请" in card.text and card.buttons == []
    again = shop.chat("zhou").expect_card("zhou", "驳回", "先收货款", "已收三成定金", kind=REQUEST)
    assert request(shop).state == "pending"
    again.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


@pytest.mark.parametrize("note", ["", "  ", "老客户"])
def test_not_without_a_new_explanation(shop: Harness, note: str) -> None:
    """“老客户” is what was said before."""
    card = rejected(shop)
    said = card.tap("credit.ask_again", expect="invalid", **({"note": note} if note else {}))
    assert "说明" in said["message"] and state(shop, "SO1") == "rejected"
    settled(shop)


def test_once_a_working_day(shop: Harness) -> None:
    rejected(shop).tap("credit.ask_again", note="已收三成定金")
    shop.at("2026-07-06 11:00")
    shop.chat("zhou").expect_card(kind=REQUEST).tap("credit.reject", reason="仍不行")
    card = shop.chat("li").expect_card("仍不行", kind="order.decided")
    said = card.tap("credit.ask_again", note="已收五成", expect="invalid")
    assert "7月7日" in said["message"] or "2026-07-07" in said["message"]
    shop.at("2026-07-07 10:00")
    card.tap("credit.ask_again", note="已收五成")
    shop.chat("zhou").expect_card("仍不行", "已收五成", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_nobody_else_does(shop: Harness) -> None:
    card = rejected(shop)
    for handle in ("zhou", "cai", "fm"):
        card.tap("credit.ask_again", by=handle, note="我来问", expect="not_allowed")
    told = shop.chat("cai").expect_card("先收货款", kind="order.decided")
    assert told.buttons == [] and state(shop, "SO1") == "rejected"
    settled(shop)


def test_what_fits_by_now_is_released_without_a_word(shop: Harness) -> None:
    card = rejected(shop)
    shop.set_customer("甲", credit_limit_minor=1_000_000)
    card.tap("credit.ask_again", note="额度已调整")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_what_the_order_system_says_anew_is_new_to_whoever_said_no(shop: Harness) -> None:
    """On the day of a second no it asks nobody: on the next day the rep does, with just these words."""
    rejected(shop).tap("credit.ask_again", note="已收三成定金")
    shop.at("2026-07-06 11:00")
    shop.chat("zhou").expect_card("已收三成定金", kind=REQUEST).tap("credit.reject", reason="仍不行")
    card = shop.chat("li").expect_card("仍不行", kind="order.decided")
    put(shop, "SO1", "2000.00", note="客户已签担保函")
    assert state(shop, "SO1") == "rejected"
    shop.at("2026-07-07 10:00")
    card.tap("credit.ask_again", note="已收三成定金", expect="invalid")
    card.tap("credit.ask_again", note="客户已签担保函")
    shop.chat("zhou").expect_card("仍不行", "客户已签担保函", kind=REQUEST)
    assert state(shop, "SO1") == "held"
    settled(shop)


def test_nor_must_the_rep_repeat_them(shop: Harness) -> None:
    rejected(shop).tap("credit.ask_again", note="已收三成定金")
    shop.at("2026-07-06 11:00")
    shop.chat("zhou").expect_card("已收三成定金", kind=REQUEST).tap("credit.reject", reason="仍不行")
    put(shop, "SO1", "2000.00", note="客户已签担保函")
    shop.at("2026-07-07 10:00")
    shop.chat("li").expect_card("仍不行", kind="order.decided").tap("credit.ask_again")
    shop.chat("zhou").expect_card("仍不行", "客户已签担保函", kind=REQUEST)
    settled(shop)


@pytest.mark.parametrize("amount, note", [("2000.00", "求您了"), ("1900.00", "老客户")])
def test_asked_anew_by_the_order_system_it_says_so_too(shop: Harness, amount: str, note: str) -> None:
    rejected(shop)
    put(shop, "SO1", amount, note=note)
    shop.chat("zhou").expect_card("驳回", "先收货款", kind=REQUEST)
    put(shop, "SO1", "2050.00", note="再改")
    shop.chat("zhou").expect_card("驳回", "先收货款", "2,050.00", kind=REQUEST)
    settled(shop)


@pytest.mark.parametrize("said", [{"note": "老客户", "extra": {"仓库": "东"}}, {"note": ""}, {"note": "老客户 "}])
def test_nor_does_the_order_system_ask_anew_with_nothing_to_say(shop: Harness, said: dict[str, Any]) -> None:
    """“老客户” is what zhou has read. What it changes besides is kept."""
    rejected(shop)
    put(shop, "SO1", "2000.00", **said)
    assert state(shop, "SO1") == "rejected" and stored(shop, "SO1").extra == said.get("extra", {})
    shop.at("2026-07-07 10:00")
    put(shop, "SO1", "2000.00", note="老客户", extra={"仓库": "西"})
    assert state(shop, "SO1") == "rejected" and request(shop).state == "rejected"
    settled(shop)


def test_and_after_it_was_taken_back_in_between(shop: Harness) -> None:
    rejected(shop).tap("credit.ask_again", note="已收三成定金")
    shop.chat("li").expect_card("SO1", kind="order.held").tap("credit.withdraw")
    shop.at("2026-07-07 10:00")
    shop.chat("li").expect_card("已由li撤回", kind="order.decided").tap("credit.ask_again")
    shop.chat("zhou").expect_card("驳回", "先收货款", kind=REQUEST)
    settled(shop)


def test_the_order_system_hears_of_it(hk: Harness) -> None:
    opened(hk)
    hk.company(webhooks=True)
    asked(hk).tap("credit.reject", reason="先收货款")
    hk.chat("li").expect_card(kind="order.decided").tap("credit.ask_again", note="已收三成定金")
    with hk.look() as work:
        kinds = list(work.session.execute(select(W.c.kind).order_by(W.c.id)).scalars())
    assert kinds[-2:] == ["order.rejected", "order.held"]
    settled(hk)
