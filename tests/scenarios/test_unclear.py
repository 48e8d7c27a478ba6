"""Messages of unknown fate, messengers that fail, answers that carry the card: what the outbox does with each."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.base import Address, Envelope, NotThere, Refused, Retry, SendResult, Sent, Unknown
from bot.card import Card
from bot.engine import run_cycle
from core import accounts
from core.models import OutboxMessage
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.scripted import Scripted, join, minutes, start, states

O = table_of(OutboxMessage)  # noqa: E741


def test_a_message_that_is_found_is_not_sent_again(hk: Harness, chats: Scripted) -> None:
    chats.sends, chats.finds = [Unknown("timeout")], [Sent("U-li:1")]
    start(hk)
    minutes(hk, 2)
    assert len(chats.shown) == 1 and chats.finds == []


def test_one_that_surely_is_not_there_is_sent_as_it_was(hk: Harness, chats: Scripted) -> None:
    chats.sends, chats.finds = [Unknown("timeout")], [NotThere()]
    start(hk)
    minutes(hk, 2)
    [(key, first), (again, second)] = chats.shown
    assert key == again and first == second  # the messenger can tell by the same bytes that it is one


def test_where_nobody_can_tell_it_is_sent_again_and_says_so(hk: Harness, chats: Scripted) -> None:
    chats.sends, chats.finds = [Unknown("timeout")], [Unknown("cannot look")]
    start(hk)
    minutes(hk, 4)
    [(key, first), (again, second)] = chats.shown
    assert "重发" not in first.footer and "重发" in second.footer
    assert key != again
    minutes(hk, 4)
    assert len(chats.shown) == 2


def test_a_messenger_that_refuses_is_passed_over(hk: Harness, chats: Scripted) -> None:
    chats.sends = [Refused("no such user")]
    start(hk)
    assert chats.shown == []
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")


def test_one_that_is_down_is_passed_over_after_three_attempts(hk: Harness, chats: Scripted) -> None:
    chats.sends = [Retry(30.0, "down")] * 3
    start(hk)
    hk.chat("li").expect_nothing()
    minutes(hk, 2)
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    assert chats.shown == [] and chats.sends == []


def test_a_short_failure_changes_nothing(hk: Harness, chats: Scripted) -> None:
    chats.sends = [Retry(30.0, "busy")] * 2
    start(hk)
    minutes(hk, 2)
    assert len(chats.shown) == 1


@pytest.mark.parametrize("then", [Retry(30.0, "down"), Refused("broken")])
def test_what_may_have_been_shown_never_goes_elsewhere(hk: Harness, chats: Scripted, then: SendResult) -> None:
    """“Sending it again shows one” is not “it is not there”: in another messenger it would be a second card."""
    chats.sends, chats.finds = [Unknown("timeout"), then, then, then], [NotThere()] * 5
    start(hk)
    minutes(hk, 6)
    hk.chat("li").expect_nothing()
    if isinstance(then, Refused):
        hk.chat("fm").expect_card("消息未送达", kind="delivery.failed")
    else:
        [(key, first), (again, second)] = chats.shown
        assert key == again and first == second


def hours(hk: Harness, chats: Scripted, count: int, answer: SendResult) -> None:
    """It answers like that for so long, looked at every minute."""
    for _ in range(count * 60):
        chats.sends, chats.finds = [answer] * 2, [NotThere()] * 2
        minutes(hk, 1)
    chats.sends, chats.finds = [], [NotThere()] * 2


@pytest.mark.parametrize("answer", [Retry(15.0, "unreachable"), Unknown("http 500")])
def test_what_a_messenger_could_not_take_for_hours_is_shown_once_it_can(
    hk: Harness, chats: Scripted, answer: SendResult
) -> None:
    hk.company(messengers=("slack",))
    chats.never_shows = True
    hk.now = hk.now.replace(hour=1)
    chats.sends = [answer]
    hk.run(hk.app.tick(hk.now, recover=True))
    hours(hk, chats, 5, answer)
    assert chats.shown == [] and chats.tried < 30
    minutes(hk, 31)
    assert len(chats.shown) == 1 and states(hk) == ["sent"]


def test_after_days_somebody_is_told(hk: Harness, chats: Scripted) -> None:
    hk.company(messengers=("slack",))
    hk.now = hk.now.replace(hour=1)
    chats.sends = [Retry(15.0, "unreachable")]
    hk.run(hk.app.tick(hk.now, recover=True))
    for _ in range(100):
        chats.sends = [Retry(15.0, "unreachable")] * 3
        hk.now += timedelta(hours=1)
        hk.deliver()
    assert states(hk) == ["dead", "pending"]  # the manager of finance is told in working hours
    assert hk.tasks("甲", "undelivered") == [("fm", "open")]


def test_who_gives_no_clear_answer_three_times_is_passed_over_and_the_card_says_so(hk: Harness, chats: Scripted) -> None:
    chats.never_shows = True
    chats.sends, chats.finds = [Unknown("http 500")] * 3, [NotThere()] * 3
    start(hk)
    minutes(hk, 3)
    hk.chat("li").expect_card("¥100.00", "重发", kind="task.overdue")
    minutes(hk, 60)
    assert chats.shown == [] and states(hk) == ["sent"]


def test_who_is_told_to_wait_for_hours_is_passed_over_at_once(hk: Harness, chats: Scripted) -> None:
    chats.sends = [Retry(3 * 3600.0, "quota")]
    start(hk)
    minutes(hk, 1)
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")


def test_what_may_have_been_shown_is_looked_for_there_whatever_is_preferred_by_then(hk: Harness, chats: Scripted) -> None:
    chats.sends, chats.finds = [Unknown("timeout")], [Unknown("cannot look")]
    start(hk)
    with hk.db() as work:
        accounts.prefer(work, hk._person_id(work, "li") or 0, "local", "li")
    minutes(hk, 4)
    hk.chat("li").expect_nothing()
    assert len(chats.shown) == 2 and "重发" in chats.shown[1][1].footer


async def pressed(hk: Harness, chats: Scripted, *, shown: bool, until: float | None = None) -> Any:
    assert chats.receive is not None
    tap = Envelope(
        chats.name, "U-li", f"e{shown}", hk.now, ref="U-li:1", action="task.promise", seen_rev=1,
        input={"date": "2026-07-10"}, until=until,
    )  # fmt: skip
    reply = await chats.receive(tap)
    if shown:
        await reply.shown()
    while hk.app._background:
        for task in list(hk.app._background):
            await task
    return reply


@pytest.mark.parametrize("shown", [True, False])
def test_the_answer_to_a_tap_carries_the_card_and_no_update_follows_once_it_is_shown(hk: Harness, shown: bool) -> None:
    chats = join(hk, Scripted("dingtalk", in_place=True))
    start(hk)
    reply = hk.run(pressed(hk, chats, shown=shown))
    assert reply.outcome == "done" and reply.card.closed and "已承诺" in reply.card.title and reply.rev == 2
    assert chats.updates == []
    minutes(hk, 2)  # the lease of one that was not shown runs out
    assert [rev for rev, _ in chats.updates] == ([] if shown else [2])


def test_what_comes_too_late_is_not_saved_and_never_will_be(hk: Harness, chats: Scripted) -> None:
    from time import monotonic

    start(hk)
    reply = hk.run(pressed(hk, chats, shown=False, until=monotonic() - 1))
    assert reply.outcome == "not_saved" and "再按一次" in reply.message
    assert hk.promises("甲") == []
    again: Callable[..., Awaitable[Any]] = pressed
    assert hk.run(again(hk, chats, shown=False)).outcome == "done"
    assert hk.promises("甲") == ["open"]


def test_a_line_that_comes_too_late_is_to_be_sent_again_as_nothing_can_be_pressed(hk: Harness, chats: Scripted) -> None:
    from time import monotonic

    line = Envelope(chats.name, "U-li", "too-late", hk.now, text="待办", until=monotonic() - 1)
    assert chats.receive is not None
    assert "再发一次" in hk.run(hk.app.receive(line)).message


def slowly(chats: Scripted, begun: asyncio.Event, go_on: asyncio.Event) -> None:
    """The first message takes until somebody says so."""
    send = chats.send

    async def slow(to: Address, card: Card, key: str) -> SendResult:
        begun.set()
        await go_on.wait()
        return await send(to, card, key)

    chats.send = slow  # type: ignore[method-assign]


def test_at_the_end_what_has_begun_is_recorded_and_the_rest_given_back(hk: Harness, chats: Scripted) -> None:
    hk.customer("乙", "li")
    hk.receivable("乙", "100.00", due="2026-07-01", number="I2")
    hk.now = hk.now.replace(hour=1)

    async def ending() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        slowly(chats, begun, go_on)
        waiting = asyncio.create_task(hk.app.undisturbed(hk.app.tick(hk.now)))
        await begun.wait()
        waiting.cancel()  # as the scheduler does when it ends
        stopping = asyncio.create_task(hk.app.stop())
        await asyncio.sleep(0.05)
        go_on.set()
        await stopping

    hk.run(ending())
    assert len(chats.shown) == 1
    assert states(hk) == ["sent", "retry"]


def test_nobody_else_takes_what_a_slow_messenger_is_sending(
    hk: Harness, chats: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.notifications import sender

    monkeypatch.setattr(sender, "RENEW_SECONDS", 0.01)
    hk.now = hk.now.replace(hour=1)

    run_cycle(hk.app.transactions, hk.now)

    async def slow() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        slowly(chats, begun, go_on)
        first = asyncio.create_task(sender.deliver(hk.app.transactions, hk.app.adapters, lambda: hk.now))
        await begun.wait()
        for _ in range(3):  # a minute and a half pass
            hk.now += timedelta(seconds=30)
            await asyncio.sleep(0.1)
        other = {**hk.app.adapters, "slack": Scripted("slack")}
        found = await sender.deliver(hk.app.transactions, other, lambda: hk.now)
        assert found.sent == 0
        go_on.set()
        await first

    hk.run(slow())
    assert len(chats.shown) == 1 and states(hk) == ["sent"]
