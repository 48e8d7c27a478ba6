"""A temporary limit is asked for by whoever may not set it, and decided by somebody else."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.actions import ActionRequest, execute
from core.credit.exposure import standing
from core.models import Audit, LimitProposal
from core.models.base import table_of
from tests.harness import Card, Harness
from tests.scenarios.ordering import opened, place, state, told

U = table_of(Audit)
ASK = "额度 甲 1500 到 7月31日 旺季备货"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def limit(shop: Harness) -> int | None:
    with shop.look() as work:
        return standing(work, 1).limit_minor


def asked(shop: Harness, who: str = "li", text: str = ASK) -> Card:
    reply = shop.type(who, text)
    assert (reply.outcome, reply.view["code"]) == ("done", "limit.asked"), reply
    told(shop, "reply.done")
    return shop.chat("fm").expect_card("申请临时额度 ¥1,500.00", who, "7月31日", "旺季备货", kind="limit.proposed")


def test_whoever_may_set_it_agrees_and_the_asker_is_told(shop: Harness) -> None:
    place(shop, "甲", "1500.00", "SO1")
    card = asked(shop)
    assert limit(shop) == 100_000
    card.tap("limit.agree")
    assert limit(shop) == 150_000 and state(shop, "SO1") == "released"
    shop.chat("li").expect_card("临时额度 ¥1,500.00 已批准", "7月31日", kind="note.decided")
    with shop.look() as work:
        query = select(Audit).where(U.c.action.startswith("limit."))
        said = {row.action: row for row in work.session.execute(query).scalars()}
        assert said["limit.asked"].person_id == shop._person_id(work, "li")
        assert said["limit.raised"].person_id == said["limit.proposal_approved"].person_id == shop._person_id(work, "fm")
        assert said["limit.raised"].data["reason"] == "旺季备货" and said["limit.raised"].data["until"] == "2026-07-31"
    shop.at("2026-08-01 10:00")
    assert limit(shop) == 100_000
    told(shop, "order.held", "order.decided", "credit.request")


def test_declined_with_a_reason(shop: Harness) -> None:
    asked(shop, "wang").tap("limit.decline", reason="先收款")
    assert limit(shop) == 100_000
    shop.chat("wang").expect_card("未批准：先收款", kind="note.decided")


def test_nobody_agrees_to_what_they_asked_for(shop: Harness) -> None:
    """Not even whoever has come to have the right since."""
    shop.people(fm2="finance_manager", ma="finance")
    shop.act("ma", "limit.ask", "甲", amount="1500", until="2026-07-31", reason="旺季")
    shop.person("ma", roles=["finance_manager"])
    assert agrees(shop, "ma") == ("not_allowed", "limit.proposal_not_yours") and limit(shop) == 100_000
    assert agrees(shop, "li")[0] == "not_allowed"
    assert agrees(shop, "fm2") == ("done", "limit.raised") and limit(shop) == 150_000
    for person in ("fm", "fm2", "ma"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


def agrees(shop: Harness, who: str) -> tuple[str, str]:
    with shop.db() as work:
        proposal = work.session.execute(select(LimitProposal)).scalar_one()
        person_id = shop._person_id(work, who) or 0
        mine = replace(work, person_id=person_id, actor=who)
        done = execute(mine, ActionRequest(person_id, "limit.agree", {}, subject="proposal", subject_id=proposal.id))
        return str(done.result), done.code


def test_once_at_a_time_and_not_for_ever(shop: Harness) -> None:
    card = asked(shop)
    assert shop.type("li", ASK).outcome == "already"
    assert shop.type("wang", "额度 甲 1800 到 7月31日 旺季").view["error"]["code"] == "limit.asked_before"
    assert shop.type("li", "额度 甲 1500 旺季备货").outcome == "not_allowed"
    assert shop.type("li", "额度 甲 900 到 7月31日 旺季").outcome == "invalid"
    shop.at("2026-07-22 10:00")
    card.expect_update(state="closed")
    shop.chat("li").expect_card("未批准", kind="note.decided")
    told(shop, "reply.done", "reply.error")


def approved(shop: Harness) -> None:
    """2,000 are added until the 30th, for an order of 3,000."""
    place(shop, "甲", "3000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve_with", until="2026-07-30")
    assert limit(shop) == 300_000


def test_what_is_asked_for_lowers_nothing_that_was_granted(shop: Harness) -> None:
    approved(shop)
    refused = shop.type("li", "额度 甲 1500 到 7月20日 旺季")
    assert refused.view["error"]["code"] == "limit.more_already"
    assert refused.card is not None and "¥3,000.00" in refused.card.title and "7月30日" in refused.card.title
    assert limit(shop) == 300_000
    assert shop.type("li", "额度 甲 1500 自 7月31日 到 8月20日 旺季").view["code"] == "limit.asked"
    told(shop, "order.decided", "order.held", "reply.done", "reply.error", "limit.proposed")


def test_nor_what_was_granted_after_it_was_asked_for(shop: Harness) -> None:
    card = asked(shop)
    approved(shop)
    said = card.tap("limit.agree", expect="invalid")
    assert "¥3,000.00" in said["message"] and limit(shop) == 300_000
    card.tap("limit.decline", reason="已有更高额度")
    shop.chat("li").expect_card("未批准：已有更高额度", kind="note.decided")
    told(shop, "order.decided", "order.held", "reply.error")


def test_and_after_its_end_what_an_approval_granted_for_longer_counts_again(shop: Harness) -> None:
    approved(shop)
    shop.type("li", "额度 甲 4000 到 7月20日 旺季")
    told(shop, "order.decided", "order.held", "reply.done")
    shop.chat("fm").expect_card("现额度 ¥3,000.00", "建议额度 ¥4,000.00", kind="limit.proposed").tap("limit.agree")
    told(shop, "note.decided")
    for day, minor in (("2026-07-20", 400_000), ("2026-07-21", 300_000), ("2026-07-30", 300_000), ("2026-07-31", 100_000)):
        shop.at(f"{day} 10:00")
        assert limit(shop) == minor, day
    told(shop)
