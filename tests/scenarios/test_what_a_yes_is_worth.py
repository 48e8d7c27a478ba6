"""A yes counts for what was shown, from everybody who must agree, on the conditions of each, and until things get worse."""

import pytest

from tests.harness import Harness
from tests.scenarios.approving import REQUEST, settled, staffed
from tests.scenarios.ordering import place, state
from tests.scenarios.racing import tap


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


# --- what was shown ---


def test_a_card_opened_from_a_list_is_compared_with_what_it_showed(shop: Harness) -> None:
    place(shop, "甲", "1100.00", "SO1")
    sent = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    opened = tap(shop.app, shop.now, "zhou", sent.delivery, "task.open", task="credit:1").delivery_id
    assert opened is not None
    shop.receivable("甲", "90000.00", due="2026-08-01", number="I1")
    assert tap(shop.app, shop.now, "zhou", sent.delivery, "credit.approve").outcome == "stale"
    assert tap(shop.app, shop.now, "zhou", opened, "credit.approve").outcome == "stale"
    assert state(shop, "SO1") == "held"
    again = tap(shop.app, shop.now, "zhou", sent.delivery, "task.open", task="credit:1").delivery_id
    assert again is not None
    assert tap(shop.app, shop.now, "zhou", again, "credit.approve").outcome == "done"
    assert state(shop, "SO1") == "released"
    settled(shop)
