"""What an approval adds to a limit until a day: its own part, for its own order, and nothing of anybody else's."""

import pytest

from core.credit import orders
from core.credit.exposure import standing
from core.dunning.stored import active
from tests.harness import ONE_STEP, Card, Harness
from tests.scenarios.ordering import opened, place, state, told


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def limit(shop: Harness) -> int | None:
    with shop.look() as work:
        return standing(work, 1).limit_minor


def asked(shop: Harness, number: str) -> Card:
    return shop.chat("zhou").expect_card(number, kind="credit.request")


def test_it_makes_nobody_elses_temporary_limit_longer(shop: Harness) -> None:
    shop.act("fm", "limit.set", "甲", amount="51000", until="2026-07-07", reason="清库存")
    place(shop, "甲", "51010.00", "SO1")
    asked(shop, "SO1").tap("credit.approve_with", until="2027-07-01")
    assert limit(shop) == 5_101_000
    shop.at("2026-07-08 09:00")
    assert limit(shop) == 101_000, "the thousand of the customer's own, and the ten that were approved"
    told(shop)


def test_nor_shorter(shop: Harness) -> None:
    shop.act("fm", "limit.set", "甲", amount="2000", until="2026-09-30", reason="旺季备货")
    place(shop, "甲", "2010.00", "SO1")
    asked(shop, "SO1").tap("credit.approve_with", until="2026-07-07")
    assert limit(shop) == 201_000
    shop.at("2026-07-08 09:00")
    assert limit(shop) == 200_000
    told(shop)


def test_what_is_set_afterwards_is_what_holds_in_all(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    asked(shop, "SO1").tap("credit.approve_with", until="2026-09-30")
    assert limit(shop) == 150_000
    shop.act("fm", "limit.set", "甲", amount="1200", until="2026-07-31", reason="收紧")
    assert limit(shop) == 120_000
    told(shop)


def test_it_is_no_more_than_what_is_missing_by_now(shop: Harness) -> None:
    shop.receivable("甲", "900.00", due="2026-09-01", number="I1")
    place(shop, "甲", "500.00", "SO1", lines=[{"item": "a", "price": "50", "list_price": "100"}])
    shop.pay("甲", "900.00", "I1")
    shop.at("2026-07-06 11:00")
    asked(shop, "SO1").tap("credit.approve_with", until="2026-07-20")
    assert (state(shop, "SO1"), limit(shop)) == ("released", 100_000)
    told(shop)


def test_it_ends_with_its_order(shop: Harness) -> None:
    place(shop, "甲", "3000.00", "SO1")
    asked(shop, "SO1").tap("credit.approve_with", until="2026-07-20")
    assert limit(shop) == 300_000
    with shop.db() as work:
        orders.cancel(work, active(work)[1], orders.find(work, "SO1")[0])
    assert limit(shop) == 100_000
    assert place(shop, "甲", "2900.00", "SO2")["verdict"] == "held"
    told(shop)


def test_nobody_makes_room_for_an_order_of_their_own_by_it(shop: Harness) -> None:
    place(shop, "甲", "3000.00", "SO1")
    card = asked(shop, "SO1")
    place(shop, "甲", "2900.00", "SO2", asked_by="zhou")
    card.tap("credit.approve_with", until="2026-07-20", expect="invalid")
    assert (state(shop, "SO1"), limit(shop)) == ("held", 100_000)
    card.tap("credit.approve")
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("released", "held")
    told(shop)


def test_nor_does_somebody_who_has_agreed_before(shop: Harness) -> None:
    shop.policy(ONE_STEP + """
[[credit.route]]
name = "both"
rungs = [{ audience = ["role:sales_director"] }, { audience = ["role:finance_director"] }]
""")
    place(shop, "甲", "3000.00", "SO1")
    shop.chat("zhao").expect_card("SO1", kind="credit.request").tap("credit.approve_with", until="2026-07-20")
    place(shop, "甲", "2900.00", "SO2", asked_by="zhao")
    asked(shop, "SO1").tap("credit.approve")
    shop.at("2026-07-06 12:00")
    assert (state(shop, "SO1"), state(shop, "SO2"), limit(shop)) == ("released", "held", 100_000)
    told(shop)


def test_to_cash_only_it_adds_nothing_not_even_once_the_rating_is_better(shop: Harness) -> None:
    shop.set_customer("甲", credit_limit_minor=1_000_000, rating="D")
    place(shop, "甲", "2000.00", "SO1")
    asked(shop, "SO1").tap("credit.approve_with", until="2026-07-30")
    assert state(shop, "SO1") == "released", "this order all the same"
    shop.set_customer("甲", rating="B")
    assert limit(shop) == 1_000_000
    told(shop)
