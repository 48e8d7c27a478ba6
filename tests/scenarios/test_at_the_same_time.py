"""Two things at once: a slow messenger beside a fast one, two processes, a tap while its card is being drawn anew."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot import app as app_module
from bot.adapters.base import Address, DeliveryRef, Envelope, NotThere, Retry, SendResult, Sent, Unknown
from bot.card import Card
from bot.engine import run_cycle
from bot.inbound import receive
from bot.notifications import sender
from core.errors import Unreachable
from core.models import Account, Delivery
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.scripted import Scripted, join, minutes, start, states

D = table_of(Delivery)


def tap(chats: Scripted, hk: Harness, **more: Any) -> Envelope:
    given: dict[str, Any] = {"ref": "U-li:1", "action": "task.promise", "seen_rev": 1, "input": {"date": "2026-07-10"}}
    return Envelope(chats.name, "U-li", more.pop("event", "e1"), hk.now, **(given | more))


def blocked(chats: Scripted) -> tuple[asyncio.Event, asyncio.Event, list[str]]:
    """The next update hangs until told to go on; what the screen shows, in the order in which it arrived."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    screen: list[str] = []

    async def update(ref: DeliveryRef, card: Card) -> SendResult:
        if not begun.is_set():
            begun.set()
            await go_on.wait()
        screen.append("closed" if card.closed else "open")
        chats.updates.append((ref.rev, card))
        return Sent(ref.ref)

    chats.update = update  # type: ignore[method-assign]
    return begun, go_on, screen


def test_what_is_saved_is_never_said_not_to_be(hk: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    chats = join(hk, Scripted("dingtalk", in_place=True))
    start(hk)

    def away(*_: Any) -> Any:
        raise Unreachable("db.locked")

    monkeypatch.setattr(app_module, "claim_redraw", away)
    reply = hk.run(hk.app.receive(tap(chats, hk)))
    assert hk.promises("甲") == ["open"]
    assert reply.outcome == "done", reply.message


def test_a_lease_is_renewed_again_after_one_failure(hk: Harness, chats: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "RENEW_SECONDS", 0.01)
    calls, renew = [0], sender.renew

    def once_away(*given: Any) -> None:
        calls[0] += 1
        if calls[0] == 1:
            raise Unreachable("db.locked")
        renew(*given)

    monkeypatch.setattr(sender, "renew", once_away)
    hk.now = hk.now.replace(hour=1)
    run_cycle(hk.app.transactions, hk.now)
    other = Scripted("slack")
    other.finds = [NotThere()] * 5

    async def slow() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        send = chats.send

        async def slowly(to: Address, card: Card, key: str) -> SendResult:
            begun.set()
            await go_on.wait()
            return await send(to, card, key)

        chats.send = slowly  # type: ignore[method-assign]
        first = asyncio.create_task(sender.deliver(hk.app.transactions, hk.app.adapters, lambda: hk.now))
        await begun.wait()
        await asyncio.sleep(0.1)
        for _ in range(3):
            hk.now += timedelta(seconds=30)
            await asyncio.sleep(0.1)
        await sender.deliver(hk.app.transactions, {**hk.app.adapters, "slack": other}, lambda: hk.now)
        go_on.set()
        await first

    hk.run(slow())
    assert len(chats.shown) + len(other.shown) == 1, calls


def test_who_slept_longer_than_the_lease_does_not_undo_what_another_has_recorded(hk: Harness, chats: Scripted) -> None:
    """A machine sleeps for two minutes while it sends; another one sends and records; then the first learns that its
    connection was refused."""
    hk.now = hk.now.replace(hour=1)
    run_cycle(hk.app.transactions, hk.now)
    other = Scripted("slack")
    other.finds = [NotThere()]

    async def story() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def asleep(to: Address, card: Card, key: str) -> SendResult:
            begun.set()
            await go_on.wait()
            return Retry(1.0, "unreachable")

        chats.send = asleep  # type: ignore[method-assign]
        first = asyncio.create_task(
            sender.deliver(hk.app.transactions, hk.app.adapters, lambda: hk.now, stopping=lambda: go_on.is_set())
        )
        await begun.wait()
        hk.now += timedelta(seconds=120)
        found = await sender.deliver(hk.app.transactions, {**hk.app.adapters, "slack": other}, lambda: hk.now)
        assert found.sent == 1
        go_on.set()
        await first

    hk.run(story())
    assert states(hk) == ["sent"]
    del chats.send  # type: ignore[method-assign]
    minutes(hk, 3)
    assert len(chats.shown) + len(other.shown) == 1


def test_a_card_that_is_shown_can_be_pressed_while_another_messenger_is_slow(hk: Harness, chats: Scripted) -> None:
    with hk.db() as work:
        work.session.add(Account(person_id=hk._person_id(work, "lin") or 0, messenger="wecom", user_id="U-lin"))
    slow = Scripted("wecom")
    hk.app.adapters["wecom"] = slow
    hk.company(messengers=("slack", "wecom", "local"))
    hk.customer("乙", "lin")
    hk.receivable("乙", "50.00", due="2026-07-01", number="I2")
    hk.now = hk.now.replace(hour=1)

    async def story() -> Any:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def hole(to: Address, card: Card, key: str) -> SendResult:
            begun.set()
            await go_on.wait()
            return Unknown("timeout")

        slow.send = hole  # type: ignore[method-assign]
        going = asyncio.create_task(hk.app.tick(hk.now))
        await begun.wait()
        for _ in range(200):
            if chats.shown:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert chats.shown
        reply = await hk.app.receive(tap(chats, hk))
        go_on.set()
        await going
        return reply

    reply = hk.run(story())
    assert reply.outcome == "done", reply.message


def test_a_card_changes_after_a_tap_while_another_messenger_is_slow(hk: Harness, chats: Scripted) -> None:
    start(hk)
    slow = Scripted("wecom")
    hk.app.adapters["wecom"] = slow
    with hk.db() as work:
        work.session.add(Account(person_id=hk._person_id(work, "lin") or 0, messenger="wecom", user_id="U-lin"))
    hk.company(messengers=("slack", "wecom", "local"))
    hk.customer("乙", "lin")
    hk.receivable("乙", "50.00", due="2026-07-01", number="I2")
    hk.now += timedelta(hours=1)

    async def story() -> Any:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def hole(to: Address, card: Card, key: str) -> SendResult:
            begun.set()
            await go_on.wait()
            return Unknown("timeout")

        slow.send = hole  # type: ignore[method-assign]
        going = asyncio.create_task(hk.app.tick(hk.now))
        await asyncio.wait_for(begun.wait(), 5)
        assert (await hk.app.receive(tap(chats, hk))).outcome == "done"
        for _ in range(30):
            await asyncio.sleep(0.1)
        changed = len(chats.updates)
        go_on.set()
        await going
        return changed

    assert hk.run(story()) == 1  # within three seconds


def test_a_tap_whose_card_has_an_update_in_flight_is_not_covered_by_it(hk: Harness) -> None:
    chats = join(hk, Scripted("dingtalk", in_place=True))
    start(hk)
    hk.receivable("甲", "70.00", due="2026-07-01", number="I9")
    hk.now += timedelta(days=1)
    run_cycle(hk.app.transactions, hk.now)

    async def story() -> list[str]:
        begun, go_on, screen = blocked(chats)
        going = asyncio.create_task(hk.app.deliver(hk.now))
        await asyncio.wait_for(begun.wait(), 5)
        reply = await hk.app.receive(tap(chats, hk))
        assert reply.outcome in ("done", "stale"), reply
        if reply.card is not None:
            screen.append("closed" if reply.card.closed else "open")
            await reply.shown()
        go_on.set()
        await going
        while hk.app._background:
            for task in list(hk.app._background):
                await task
        return screen

    screen = hk.run(story())
    minutes(hk, 5)
    with hk.look() as work:
        stands = work.session.execute(select(D.c.rev, D.c.state, D.c.card).where(D.c.messenger == "dingtalk")).first()
    assert hk.promises("甲") == ["open"]
    assert screen[-1] == "closed", screen
    assert stands.state == "closed" and stands.card["dump"]["closed"]


def test_two_senders_leave_the_newer_card(hk: Harness, chats: Scripted) -> None:
    """One process is slow with an older update while the other sends the newer one."""
    start(hk)
    hk.receivable("甲", "70.00", due="2026-07-01", number="I9")
    hk.now += timedelta(days=1)
    run_cycle(hk.app.transactions, hk.now)
    other = Scripted("slack")

    async def story() -> list[str]:
        begun, go_on, screen = blocked(chats)

        async def update(ref: DeliveryRef, card: Card) -> SendResult:
            screen.append("closed" if card.closed else "open")
            return Sent(ref.ref)

        other.update = update  # type: ignore[method-assign]
        going = asyncio.create_task(sender.deliver(hk.app.transactions, hk.app.adapters, lambda: hk.now))
        await asyncio.wait_for(begun.wait(), 5)
        reply = await asyncio.to_thread(receive, hk.app.door, tap(chats, hk, seen_rev=2))
        assert reply.outcome == "done", reply
        await sender.deliver(hk.app.transactions, {**hk.app.adapters, "slack": other}, lambda: hk.now)
        go_on.set()
        await going
        return screen

    screen = hk.run(story())
    minutes(hk, 5)
    with hk.look() as work:
        stands = work.session.execute(select(D.c.rev, D.c.state, D.c.card).where(D.c.messenger == "slack")).first()
    assert screen[-1] == "closed", screen
    assert stands.state == "closed" and stands.card["dump"]["closed"]
