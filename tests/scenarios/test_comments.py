"""What an approver writes beside a decision reaches whoever decides next, the rep and finance, and the order's history."""

import pytest

from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.approving import REQUEST, settled, staffed
from tests.scenarios.ordering import place, state
from tests.scenarios.test_approvals_change import TWO_RUNGS


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """zhao decides first, then zhou."""
    staffed(hk)
    hk.policy(ONE_STEP + TWO_RUNGS)
    place(hk, "甲", "2000.00", "SO1")
    hk.chat("li").expect_card("SO1", kind="order.held")
    return hk


def first(shop: Harness, **given: str) -> Card:
    card = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    card.tap("credit.approve_with", **given)
    return card


def steps(shop: Harness, person: str = "li") -> list[str]:
    return [" ".join(row) for row in shop.chat(person).say("订单 SO1")["card"].rows]


def test_the_next_level_reads_what_the_first_one_wrote_and_who(shop: Harness) -> None:
    first(shop, terms="15", note="*先款* <b>后货</b>")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    assert "zhao 已附条件同意：账期不超过15天。" in card.text and "审批意见：zhao：*先款* <b>后货</b>" in card.text
    settled(shop)


def test_rep_and_finance_read_both_and_the_history_keeps_them(shop: Harness) -> None:
    first(shop, terms="15", note="先款后货")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", terms="10", note="分两批发")
    assert state(shop, "SO1") == "released"
    for reader in ("li", "cai"):
        assert "审批意见 zhao：先款后货；zhou：分两批发" in shop.chat(reader).expect_card("SO1", kind="order.decided").text
    told = steps(shop)
    assert told[0].endswith("第 1/2 级 zhao 已附条件批准，账期不超过15天 · 审批意见：先款后货")
    assert told[1].endswith("· 审批意见：分两批发")
    settled(shop)


def test_the_first_ones_comment_stands_where_the_last_says_yes_without_a_word(shop: Harness) -> None:
    first(shop, terms="15", note="先款后货")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert "审批意见 zhao：先款后货" in shop.chat("li").expect_card("SO1", kind="order.decided").text
    settled(shop)


def test_a_rejection_says_its_reason_and_what_the_first_one_wrote(shop: Harness) -> None:
    first(shop, terms="15", note="先款后货")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.reject", reason="逾期未清")
    assert "审批意见 zhao：先款后货；zhou：逾期未清" in shop.chat("li").expect_card("SO1", kind="order.decided").text
    settled(shop)


def test_on_the_rep_s_task_for_the_prepayment_too(shop: Harness) -> None:
    first(shop, prepay_percent="30", note="先款后货")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert "审批意见 zhao：先款后货" in shop.chat("li").expect_card(kind="task.prepay").text
    settled(shop)


def test_of_one_level_the_comment_needs_no_name(hk: Harness) -> None:
    staffed(hk)
    place(hk, "甲", "2000.00", "SO1")
    hk.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", terms="15", note="先款后货")
    assert "审批意见 先款后货" in hk.chat("li").expect_card("SO1", kind="order.decided").text
    settled(hk)


def test_what_was_said_before_things_changed_is_not_passed_on(shop: Harness) -> None:
    first(shop, terms="15", note="先款后货")
    shop.chat("zhou").expect_card("SO1", "先款后货", kind=REQUEST)
    shop.receivable("甲", "500.00", due="2026-07-01", number="I9")
    shop.at("2026-07-06 11:00")
    place(shop, "甲", "100.00", "SO2")
    shop.tick()
    again = [c for c in shop.chat("zhao").unread() if "SO1" in c.text]
    assert all("先款后货" not in c.text for c in again)
    settled(shop)


def test_the_first_level_s_card_says_that_the_next_decides(shop: Harness) -> None:
    card = first(shop, terms="15")
    assert card.json["state"] == "closed"
    assert card.json["title"].startswith("第 1/2 级已批准，转 zhou 审批 · ")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    settled(shop)
