"""Where a card can't be changed any more, one short message says that it is over; on every messenger alike."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from bot.adapters.base import DeliveryRef, Refused, SendResult
from bot.card import Card
from bot.fit import PROFILES
from core.models import OutboxMessage
from core.models.base import table_of
from tests.databases import Databases
from tests.harness import ONE_STEP, Harness
from tests.scenarios.approving import REQUEST, staffed
from tests.scenarios.ordering import opened, place
from tests.scenarios.test_approvals_change import TWO_RUNGS

O = table_of(OutboxMessage)  # noqa: E741


@pytest.fixture
def hk(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    made = Harness(databases.create("sqlite"))

    async def refuse(ref: DeliveryRef, card: Card) -> SendResult:
        return Refused("no_code")

    monkeypatch.setattr(made.app.local, "update", refuse)
    yield made
    made.run(made.app.stop())
    made._runner.close()


def said(hk: Harness) -> list[tuple[str, str]]:
    with hk.look() as work:
        found = work.session.execute(select(O.c.kind, O.c.state).where(O.c.op == "send").order_by(O.c.id))
        return [(kind, str(state)) for kind, state in found]


def test_one_message_once_when_it_is_over(hk: Harness) -> None:
    hk.overdue()
    hk.receivable("甲", "50.00", due="2026-07-02", number="I2", issued="2026-06-02")
    hk.pay("甲", "10.00")  # a change in between is told by nobody
    assert "note.closed" not in [kind for kind, _ in said(hk)]
    hk.act("wang", "task.promise", "甲", date="2026-07-10")
    assert said(hk).count(("note.closed", "sent")) == 1
    hk.pay("甲", "20.00")
    assert said(hk).count(("note.closed", "sent")) == 1


def test_no_message_where_no_button_was_drawn(hk: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hk.app.local, "_capabilities", PROFILES["text"])
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")
    hk.act("wang", "task.promise", "甲", date="2026-07-10")
    assert ("note.closed", "sent") not in said(hk) and ("task.overdue", "sent") in said(hk)


def test_it_names_the_order_and_its_amount(hk: Harness) -> None:
    """A customer may have several that wait."""
    shop = opened(hk)
    for number in ("SO1", "SO2"):
        place(shop, "甲", "2000.00", number)
    shop.chat("zhou").expect_card("SO2", kind=REQUEST).tap("credit.reject", reason="先收货款")
    note = shop.chat("zhou").expect_card(kind="note.closed")
    assert note.json["title"] == "甲 订单 SO2：zhou 已驳回：先收货款"
    assert "甲 订单 SO2（¥2,000.00）的原卡片已结束" in note.text


def test_it_says_which_level_has_agreed(hk: Harness) -> None:
    staffed(hk)
    hk.policy(ONE_STEP + TWO_RUNGS)
    place(hk, "甲", "2000.00", "SO1")
    hk.chat("zhao").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    note = hk.chat("zhao").expect_card(kind="note.closed")
    assert note.json["title"] == "甲 订单 SO1：第 1/2 级已批准，转 zhou 审批"


def test_it_names_the_amount_of_a_promise(hk: Harness) -> None:
    hk.overdue().tap("task.promise", date="2026-09-30")
    hk.at("2026-07-02 10:00")
    hk.chat("wang").expect_card(kind="promise.approval").tap("promise.approve")
    assert "甲（¥100.00）的原卡片已结束" in hk.chat("wang").expect_card(kind="note.closed").text
