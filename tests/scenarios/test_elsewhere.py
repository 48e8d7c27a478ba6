"""With a real messenger, nobody decides about credit in the local one: whoever sits at the machine could be anybody."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from core.actions import TABLE, ActionRequest, elsewhere, execute
from core.models import Customer, GroupLimit, LimitProposal
from tests.harness import Harness
from tests.scenarios.approving import everybody_reads
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


ROOM = (
    "/limit 甲 5000 旺季", "/limit 甲 5000 到 2026-07-31 旺季", "/limit 集团 华东 5000 旺季",
    "/rating 甲 A 到 2026-12-31 老客户",
    "/unhold 甲 已对账", "/unblacklist 甲 已和解",
)  # fmt: skip


@pytest.mark.parametrize("typed", ROOM)
def test_nor_does_anybody_make_room_there(hk: Harness, typed: str) -> None:
    shop = opened(hk)
    shop.set_customer("甲", group_name="华东")
    shop.act("fm", "hold.set", "甲", reason="对账")
    shop.act("fm", "blacklist.set", "甲", reason="失信")
    before = figures(shop)
    shop.company(messengers=("slack", "local"))
    said = shop.chat("zhou").say(typed)
    assert said["outcome"] == "not_allowed" and "解除管控" in said["card"].title, said
    assert figures(shop) == before
    everybody_reads(shop)
    told(shop)


def test_whatever_only_takes_room_still_works_there(hk: Harness) -> None:
    shop = opened(hk)
    shop.company(messengers=("slack", "local"))
    assert shop.chat("fm").say("/hold 甲 等对账")["outcome"] == "done"
    told(shop)


def test_every_action_that_makes_room_is_one_of_them(hk: Harness) -> None:
    """Whoever adds an action about credit decides where it belongs."""
    harmless = {"hold.set", "blacklist.set", "person.back"}
    areas = {"credit", "limit", "group", "rating", "hold", "blacklist", "person"}
    about = {name for name in TABLE if name.split(".")[0] in areas}
    hk.company(messengers=("slack", "local"))
    with hk.look() as work:
        refused = {name for name in TABLE if elsewhere(replace(work, channel="local"), name) is not None}
        assert refused == about - harmless
        assert all(elsewhere(replace(work, channel="slack"), name) is None for name in TABLE)


def test_a_proposed_limit_is_agreed_to_in_the_real_one_only(hk: Harness) -> None:
    shop = opened(hk)
    with shop.db() as work:
        proposed = LimitProposal(
            customer_id=1, kind="raise", before_minor=100_000, after_minor=115_000, currency="CNY",
            people=[shop._person_id(work, "fm") or 0], opened_at=work.now, expires_on=date(2026, 7, 20),
        )  # fmt: skip
        work.session.add(proposed)
        work.session.flush()
        fm = shop._person_id(work, "fm") or 0
    shop.company(messengers=("slack", "local"))
    for action in ("limit.agree", "limit.decline"):
        with shop.db() as work:
            asked = ActionRequest(fm, action, {"reason": "不"}, subject="proposal", subject_id=1)
            assert execute(replace(work, person_id=fm, channel="local"), asked).code == "credit.elsewhere"
    with shop.db() as work:
        asked = ActionRequest(fm, "limit.agree", {}, subject="proposal", subject_id=1)
        assert execute(replace(work, person_id=fm, channel="slack"), asked).code != "credit.elsewhere"
    shop.deliver()
    everybody_reads(shop)
    told(shop)


def figures(shop: Harness) -> tuple[object, ...]:
    with shop.look() as work:
        customer = work.session.get_one(Customer, 1)
        groups = work.session.execute(select(GroupLimit)).scalars().all()
    return customer.credit_limit_minor, customer.rating, tuple(shop.holds("甲")), len(groups)
