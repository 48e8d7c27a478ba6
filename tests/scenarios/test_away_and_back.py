"""Messengers that are away, taken out of the settings, put back: each card is shown, and says so if it may be the second."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.adapters.base import NotThere, Refused, Retry, SendResult, Unknown
from core.models import Account, OutboxMessage
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.scenarios.scripted import Scripted, minutes, start, states

O = table_of(OutboxMessage)  # noqa: E741


def test_a_messenger_that_is_taken_away_gives_finance_no_task_for_each_old_card(hk: Harness, chats: Scripted) -> None:
    start(hk)
    assert len(chats.shown) == 1
    del hk.app.adapters["slack"]
    hk.company(messengers=("local",))
    hk.receivable("甲", "70.00", due="2026-07-01", number="I9")
    hk.now += timedelta(days=1)
    hk.run(hk.app.tick(hk.now))
    minutes(hk, 3)
    assert hk.tasks("甲", "undelivered") == []


def test_a_messenger_that_comes_back_shows_what_changed_meanwhile(hk: Harness, chats: Scripted) -> None:
    """Taken out of the settings for a day, then put back: the cards there are as true as all others."""
    start(hk)
    del hk.app.adapters["slack"]
    hk.company(messengers=("local",))
    hk.receivable("甲", "70.00", due="2026-07-01", number="I9")
    hk.now += timedelta(days=1)
    hk.run(hk.app.tick(hk.now))
    hk.app.adapters["slack"] = chats
    hk.company(messengers=("slack", "local"))
    hk.now += timedelta(hours=1)
    hk.run(hk.app.start())
    hk.run(hk.app.tick(hk.now))
    minutes(hk, 2)
    for each in hk.chat("fm").unread():
        hk.read(each.id)
    assert chats.updates and "170" in chats.updates[-1][1].title


def test_what_may_stand_in_a_messenger_that_is_gone_says_so_elsewhere(hk: Harness, chats: Scripted) -> None:
    chats.sends = [Unknown("timeout")]  # it was shown
    start(hk)
    assert len(chats.shown) == 1
    del hk.app.adapters["slack"]
    hk.company(messengers=("local",))
    minutes(hk, 4)
    hk.chat("li").expect_card("¥100.00", "重发", kind="task.overdue")


@pytest.mark.parametrize("then", [Retry(15.0, "NotReached"), Retry(3 * 3600.0, "quota")])
def test_an_outage_that_begins_with_a_timeout_goes_elsewhere_as_any_other(
    hk: Harness, chats: Scripted, then: SendResult
) -> None:
    """Unknown once, then refused connections for six hours: what decision 97 says of three unclear answers."""
    chats.never_shows = True
    chats.sends = [Unknown("timeout")]
    start(hk)
    for _ in range(6 * 60):
        chats.sends, chats.finds = [then] * 2, [NotThere()] * 2
        minutes(hk, 1)
    hk.chat("li").expect_card("¥100.00", "重发", kind="task.overdue")


def test_after_our_own_line_was_down_cards_stand_where_people_want_them(hk: Harness, chats: Scripted) -> None:
    """Ten minutes without internet: every messenger says “not now”. The preferred one is not given up for good, where the
    next one then says that it knows no such person."""
    wecom = Scripted("wecom")
    hk.app.adapters["wecom"] = wecom
    with hk.db() as work:
        work.session.add(Account(person_id=hk._person_id(work, "li") or 0, messenger="wecom", user_id="U-li"))
    hk.company(messengers=("slack", "wecom"))
    chats.sends = wecom.sends = []
    down = Retry(15.0, "unreachable")
    chats.sends, wecom.sends = [down] * 3, [down] * 3
    start(hk)
    for _ in range(4):
        minutes(hk, 1)
    chats.sends = []
    wecom.sends = [Refused("unknown_user")]
    minutes(hk, 60)
    assert len(chats.shown) == 1, states(hk)


def test_nobody_can_be_reached(hk: Harness) -> None:
    """Switched to Slack before anybody is linked: messages about messages must end."""
    chats = Scripted("slack")
    hk.begin("2026-07-02 08:00")
    hk.people(adm="admin")
    hk.company(messengers=("slack",))
    hk.policy(ONE_STEP)
    hk.app.adapters["slack"] = chats
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.now = hk.now.replace(hour=1)

    async def bounded() -> None:
        await asyncio.wait_for(hk.app.tick(hk.now), 20)

    hk.run(bounded())
    with hk.look() as work:
        n = work.session.execute(select(func.count()).select_from(O)).scalar_one()
    minutes(hk, 3)
    with hk.look() as work:
        assert work.session.execute(select(func.count()).select_from(O)).scalar_one() == n <= 4


def test_a_clock_that_is_put_right_loses_and_doubles_nothing(hk: Harness, chats: Scripted) -> None:
    """It was three hours fast when “not now” was noted; then it is set right: the card waits as long, and comes once."""
    hk.now = hk.now.replace(hour=5)
    chats.sends = [Retry(15.0, "busy")]
    hk.run(hk.app.tick(hk.now))
    hk.now -= timedelta(hours=3)
    minutes(hk, 190)
    assert len(chats.shown) == 1
