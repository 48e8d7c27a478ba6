"""With a real messenger, nobody decides about credit in the local one: whoever sits at the machine could be anybody."""

from dataclasses import replace

from core.actions import ActionRequest, execute
from tests.harness import Harness
from tests.scenarios.ordering import opened, place, state, told


def test_the_page_decides_nothing_once_there_is_a_real_messenger(hk: Harness) -> None:
    shop = opened(hk)
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind="credit.request")
    shop.company(messengers=("slack", "local"))
    card.tap("credit.approve", expect="not_allowed")
    card.tap("credit.approve_with", prepay_percent="30", expect="not_allowed")
    card.tap("credit.reject", expect="not_allowed")  # not even the form
    said = shop.chat("zhou").say("3")  # the number of a button
    assert said["outcome"] == "not_allowed" and "企业微信、钉钉或 Slack" in said["message"]
    assert state(shop, "SO1") == "held"
    shop.company(messengers=("local",))
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_in_the_real_one_it_is_decided_as_ever(hk: Harness) -> None:
    shop = opened(hk)
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind="credit.request")
    shop.company(messengers=("slack", "local"))
    with shop.db() as work:
        zhou = shop._person_id(work, "zhou")
        assert zhou is not None
        asked = ActionRequest(zhou, "credit.approve", {}, delivery_id=card.delivery, seen_rev=1)
        outcome = execute(replace(work, person_id=zhou, channel="slack"), asked)
    assert outcome.result == "done"
    shop.deliver()
    told(shop)
