"""Who has left, or reads elsewhere, learns nothing new from a card that still stands there."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bot.adapters.base import DeliveryRef, SendResult, Sent
from bot.card import Card
from core.models import Account, Person
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.scripted import Scripted, join, minutes, start

A = table_of(Account)


ALERTS = """
name = "alerts"
letters = "off"
[[ladder]]
name = "all"
[[ladder.step]]
id = "over1"
at = 1
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[ladder.step]]
id = "over2"
at = 1
audience = ["owner.manager"]
action = "alert"
severity = "severe"
message = "alert.severe"
"""


def test_an_account_that_is_another_persons_now_is_not_shown_what_changes(hk: Harness, chats: Scripted) -> None:
    start(hk)
    with hk.db() as work:
        account = work.session.execute(select(Account).where(A.c.user_id == "U-li")).scalar_one()
        account.person_id = hk._person_id(work, "lin") or 0
    hk.receivable("甲", "77777.00", due="2026-07-01", number="I7")
    hk.now += timedelta(days=1)
    hk.run(hk.app.tick(hk.now))
    minutes(hk, 5)
    assert not [card for _, card in chats.updates if "77" in card.title + card.text + str(card.fields)]


def test_an_account_that_is_nobodys_any_more_is_not_shown_what_changes(hk: Harness, chats: Scripted) -> None:
    start(hk)
    with hk.db() as work:
        work.session.delete(work.session.execute(select(Account).where(A.c.user_id == "U-li")).scalar_one())
    hk.receivable("甲", "77777.00", due="2026-07-01", number="I7")
    hk.now += timedelta(days=1)
    hk.run(hk.app.tick(hk.now))
    minutes(hk, 5)
    assert not [card for _, card in chats.updates if "77" in card.title + card.text + str(card.fields)]


def test_a_manager_who_has_left_is_shown_nothing_new(hk: Harness) -> None:
    chats = join(hk, Scripted("slack"))
    hk.policy(ALERTS)
    with hk.db() as work:
        work.session.add(Account(person_id=hk._person_id(work, "wang") or 0, messenger="slack", user_id="U-wang"))
    start(hk)
    assert len(chats.shown) == 2, [c.title for _, c in chats.shown]
    with hk.db() as work:
        work.session.get_one(Person, hk._person_id(work, "wang")).active = False
    hk.now += timedelta(hours=1)
    hk.receivable("甲", "77777.00", due="2026-07-01", number="I7")
    hk.now += timedelta(days=1)
    changed: list[Any] = []

    async def update(ref: DeliveryRef, card: Card) -> SendResult:
        changed.append((ref.to.user_id, card.title))
        return Sent(ref.ref)

    chats.update = update  # type: ignore[method-assign]
    hk.run(hk.app.tick(hk.now))
    minutes(hk, 5)
    for who in ("wang", "zhao", "fm"):
        for each in hk.chat(who).unread():
            hk.read(each.id)
    assert not [title for to, title in changed if to == "U-wang" and "77" in title], changed
