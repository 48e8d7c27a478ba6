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
from tests.harness import Harness

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
