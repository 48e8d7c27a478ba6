"""The books change between the drawing of a card and its delivery: what stands on the screen is true all the same."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from bot.adapters.base import Address, SendResult
from bot.card import Card
from core.models import OutboxMessage
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.scenarios.scripted import Scripted, join

O = table_of(OutboxMessage)  # noqa: E741
ALERT = ONE_STEP.replace('action = "task"', 'action = "alert"').replace("answer_by = 2\n", "")


class Slow(Scripted):
    """While it shows a message, somebody else does something."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.meanwhile: list[Callable[[], None]] = []

    async def send(self, to: Address, card: Card, key: str) -> SendResult:
        while self.meanwhile:
            self.meanwhile.pop(0)()
        return await super().send(to, card, key)


@pytest.fixture
def chats(hk: Harness) -> Slow:
    made = Slow("slack")
    join(hk, made)
    return made


def morning(hk: Harness) -> None:
    hk.now = hk.now.replace(hour=1)
    hk.run(hk.app.tick(hk.now, recover=True))


def test_a_task_paid_in_part_while_its_card_leaves_is_drawn_again(hk: Harness, chats: Slow) -> None:
    chats.meanwhile = [lambda: hk.book_receipt("甲", "30.00", "I1")]
    morning(hk)
    (_, sent), [(rev, redrawn)] = chats.shown[0], chats.updates
    assert "¥100.00" in sent.title and "¥70.00" in redrawn.title and rev == 2


def test_so_is_the_card_of_an_alert(hk: Harness, chats: Slow) -> None:
    hk.policy(ALERT)
    chats.meanwhile = [lambda: hk.book_receipt("甲", "30.00", "I1")]
    morning(hk)
    (_, sent), [(_, redrawn)] = chats.shown[0], chats.updates
    assert "¥100.00" in sent.title and "¥70.00" in redrawn.title


def test_what_nobody_changed_is_drawn_once(hk: Harness, chats: Slow) -> None:
    morning(hk)
    assert len(chats.shown) == 1 and chats.updates == []
    with hk.look() as work:
        assert work.session.execute(select(O.c.op).where(O.c.op == "update")).all() == []
