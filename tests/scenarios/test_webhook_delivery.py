"""Events on their way to an order system that is down, slow, wrong, or takes them and says nothing: none is lost, those
about one order come in their order, and what comes twice has the same id."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot import hooks
from bot.app import App
from bot.settings import Settings
from core import webhooks
from tests.fakes.receiver import Receiver
from tests.harness import Harness, instant
from tests.logs import written
from tests.processes import how_it_ended, process
from tests.scenarios.ordering import opened, place, told
from tests.scenarios.racing import at_once, other
from tests.scenarios.receiving import SECRET, W, log, receiver, takes_events, tell


@pytest.fixture
def shop(hk: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Receiver]:
    """An order system that waits no longer than half a second is waited for."""
    monkeypatch.setattr(hooks, "SECONDS", 0.5)
    caplog.set_level(logging.DEBUG)
    takes_events(opened(hk))
    with receiver(hk) as found:
        yield found
        assert found.wrong == [] and found.followed == 0 and found.at_once <= 1
    told(hk)
    assert SECRET not in written(caplog) and SECRET not in repr(hk.app.receiver)


def happens(hk: Harness, *subjects: str, each: int = 1) -> None:
    """So many events about each of these orders, one after the other as they would be written."""
    with hk.db() as work:
        for number in range(each):
            for subject in subjects:
                webhooks.emit(work, "order.held", f"order:{subject}", {"order": {"number": subject, "n": number}})


def later(hk: Harness, **by: int) -> None:
    hk.now += timedelta(**by)


def order_of(shop: Receiver, subject: str) -> list[int]:
    return [one.body["order"]["n"] for one in shop.taken if one.subject == subject]


def states(hk: Harness) -> list[str]:
    return [str(state) for state in log(hk, "state")]


def test_down_for_three_days_and_then_all_of_it_comes_as_it_was(hk: Harness, shop: Receiver) -> None:
    shop.down()
    hk.people(boss="management")
    place(hk, "甲", "1500.00", "SO1")
    tell(hk, shop)
    hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve")
    for hour in range(72):
        later(hk, hours=1)
        if hour == 30:
            place(hk, "甲", "5.00", "SO2")
            hk.act("zhou", "hold.set", "甲", reason="对账不清")
        if hour == 40:
            hk.act("boss", "hold.lift", "甲", reason="已对清")
        assert tell(hk, shop).accepted == 0
    assert "accepted" not in states(hk) and "parked" not in states(hk)
    written = [tuple(row) for row in log(hk, "key", "kind", "subject", "body")]
    shop.up()
    later(hk, hours=1)
    tell(hk, shop)
    assert {one.id: one.body for one in shop.taken} == {key: body for key, _, _, body in written}
    assert len(shop.taken) == len(written) and set(states(hk)) == {"accepted"}
    for subject in {subject for _, _, subject, _ in written}:
        mine = [key for key, _, about, _ in written if about == subject]
        assert [one.id for one in shop.taken if one.id in mine] == mine
    assert shop.about("SO1") == ["order.held", "order.released"]
    assert shop.about("甲") == ["customer.locked", "customer.unlocked"]


def test_what_hangs_stops_nobody_else(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", "B", "C", each=2)
    shop.does_with["B"] = "hang"
    done = tell(hk, shop)
    assert order_of(shop, "A") == order_of(shop, "C") == [0, 1] and order_of(shop, "B") == []
    assert (done.accepted, done.failed) == (4, 1)
    assert log(hk, "subject", "state", "attempts", "last_error")[1] == ("order:B", "pending", 1, "timeout")
    tell(hk, shop)
    assert log(hk, "attempts")[1] == 1  # not again before its time
    shop.does_with.clear()
    later(hk, seconds=5)
    tell(hk, shop)
    assert order_of(shop, "B") == [0, 1]


@pytest.mark.parametrize("says", [500, 503, 404, 410, 304, "redirect"])
def test_only_2xx_is_a_yes(hk: Harness, shop: Receiver, says: int | str) -> None:
    happens(hk, "A", each=2)
    shop.does = says
    waits = []
    for _ in range(5):
        tell(hk, shop)
        [(not_before, status)] = log(hk, "not_before", "last_status")[:1]
        assert status == (301 if says == "redirect" else says)
        waits.append((not_before - hk.now).total_seconds())
        hk.now = not_before
    assert waits == [5, 10, 20, 40, 80] and shop.taken == []
    shop.does = 202
    tell(hk, shop)
    assert order_of(shop, "A") == [0, 1] and states(hk) == ["accepted"] * 2


def test_the_wait_grows_to_an_hour_and_ends_with_the_first_yes(hk: Harness, shop: Receiver) -> None:
    assert [webhooks.wait(n).total_seconds() for n in (1, 2, 10, 11, 500)] == [5, 10, 2560, 3600, 3600]
    happens(hk, "A")
    shop.does = 500
    for _ in range(20):
        tell(hk, shop)
        later(hk, hours=1)
    happens(hk, "B")
    tell(hk, shop)  # the latest try of both: A would wait for an hour, B for five seconds
    shop.does = "ok"
    happens(hk, "C")
    tell(hk, shop)
    assert [one.subject for one in shop.taken] == ["C"]  # no sign yet that it was ever away
    later(hk, seconds=5)
    tell(hk, shop)
    assert [one.subject for one in shop.taken] == ["C", "B", "A"]


def test_a_receiver_that_is_down_is_not_asked_about_everything(hk: Harness, shop: Receiver) -> None:
    happens(hk, *(f"S{n}" for n in range(100)))
    shop.does = "hang"
    tell(hk, shop)
    assert shop.asked < 2 * hooks.AT_ONCE
    assert states(hk).count("pending") == 100


def test_taken_without_a_word_comes_twice_with_one_id(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", each=2)
    shop.does = "drop"
    tell(hk, shop)
    shop.does = "ok"
    later(hk, seconds=5)
    tell(hk, shop)
    first, again, second = shop.taken
    assert (first.id, first.raw) == (again.id, again.raw) and order_of(shop, "A") == [0, 0, 1]
    assert second.id != first.id


def test_an_answer_without_an_end_is_not_listened_to(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", each=2)
    shop.does = "endless"
    assert tell(hk, shop).accepted == 2 and order_of(shop, "A") == [0, 1]


def dies_before_it_records(url: str, address: str, at: str) -> None:
    import asyncio

    from tests.scenarios.crashing import die

    now = instant(at)
    app = App(Settings(database_url=url), clock=lambda: now)
    app.receiver = hooks.Receiver(address, (SECRET,))
    hooks._record = die
    asyncio.run(app.tell())


def test_killed_between_the_sending_and_its_record(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", each=2)
    url = hk.app.settings.database
    with process(dies_before_it_records, url, f"{shop.url}/events", "2026-07-06 10:00") as begun:
        assert how_it_ended(begun) == -9
    assert order_of(shop, "A") == [0] and states(hk) == ["sending", "pending"]
    tell(hk, shop)
    assert order_of(shop, "A") == [0]  # somebody may still be sending it
    later(hk, seconds=60)
    tell(hk, shop)
    assert order_of(shop, "A") == [0, 0, 1] and shop.taken[0].id == shop.taken[1].id
    assert shop.taken[0].raw == shop.taken[1].raw


def test_two_senders_at_once(hk: Harness, shop: Receiver) -> None:
    happens(hk, *(f"S{n}" for n in range(12)), each=4)
    shop.does = "slow"
    with other(hk) as second, other(hk) as third:
        for app in (second, third):
            app.receiver = hooks.Receiver(f"{shop.url}/events", (SECRET,))
        import asyncio

        at_once(*(lambda app=app: asyncio.run(app.tell()) for app in (second, third)))
    assert len(shop.taken) == len({one.id for one in shop.taken}) == 48
    assert all(order_of(shop, f"S{n}") == [0, 1, 2, 3] for n in range(12))


def test_a_late_no_does_not_undo_a_yes(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A")
    with hk.db() as work:
        [slow] = webhooks.claim(work, 10)
    later(hk, minutes=2)
    with hk.db() as work:
        [quick] = webhooks.claim(work, 10)
        assert (slow.attempt, quick.attempt) == (1, 2)
    with hk.db() as work:
        webhooks.record(work, [webhooks.Outcome(slow, 500)])
    assert states(hk) == ["sending"]
    with hk.db() as work:
        webhooks.record(work, [webhooks.Outcome(slow, 200)])
        webhooks.record(work, [webhooks.Outcome(quick, None, "timeout")])
    assert states(hk) == ["accepted"]


def test_given_up_after_a_week_and_sent_again_by_hand(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", "B", each=2)
    shop.does_with["A"] = 500
    for _ in range(24 * 7):
        tell(hk, shop)
        later(hk, hours=1)
    assert states(hk) == ["pending", "accepted", "pending", "accepted"] and order_of(shop, "A") == []
    later(hk, hours=1)
    tell(hk, shop)
    assert states(hk)[0] == "parked"
    shop.does_with.clear()
    tell(hk, shop)
    assert order_of(shop, "A") == [1]  # the next may go, though the receiver never took the one before
    with hk.db() as work:
        assert webhooks.replay(work, ["1"]) == 1
    tell(hk, shop)
    assert order_of(shop, "A") == [1, 0] and set(states(hk)) == {"accepted"}


def test_a_process_that_was_down_for_a_week_tries_before_it_gives_up(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A")
    later(hk, days=8)
    shop.does = 500
    for _ in range(9):
        tell(hk, shop)
        later(hk, hours=1)
        assert states(hk) == ["pending"]
    tell(hk, shop)
    assert states(hk) == ["parked"]


def test_sent_again_it_is_the_same(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "5.00", "SO1")
    later(hk, hours=1)
    place(hk, "甲", "6.00", "SO2")
    tell(hk, shop)
    first = list(shop.taken)
    with hk.db() as work:
        assert webhooks.replay(work, [first[0].id]) == 1
    later(hk, days=30)  # signed anew, or it would be stale
    tell(hk, shop)
    assert shop.taken[2] == first[0]
    with hk.db() as work:
        assert webhooks.replay(work, since=instant("2026-07-06 10:30")) == 1
        with pytest.raises(Exception, match=r"webhook\.unknown"):
            webhooks.replay(work, ["1", "0" * 32])
    tell(hk, shop)
    assert shop.taken[3:] == first[1:]


def test_the_old_secret_signs_too_until_it_is_taken_away(hk: Harness) -> None:
    takes_events(opened(hk))
    with receiver(hk, secret="the-one-from-last-year") as shop:
        happens(hk, "A")
        hk.app.receiver = hooks.Receiver(f"{shop.url}/events", (SECRET, "the-one-from-last-year"))
        hk.run(hk.app.tell())
        assert len(shop.taken) == 1
        happens(hk, "A")
        tell(hk, shop)
        assert len(shop.taken) == 1 and shop.wrong == ["forged"]


def test_a_whole_day_of_it_while_the_engine_runs(hk: Harness, shop: Receiver) -> None:
    """Every event that the log says was accepted was taken, and no other."""
    for number in range(5):
        place(hk, "甲", "300.00", f"SO{number}")
        shop.does = ("ok", 500, "drop", "ok", 410)[number]
        tell(hk, shop)
        later(hk, minutes=7)
    shop.does = "ok"
    later(hk, hours=1)
    tell(hk, shop)
    assert {one.id for one in shop.taken} == set(log(hk, "key")) and set(states(hk)) == {"accepted"}


def test_a_stopping_process_gives_back_what_it_did_not_send(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", "B")
    asked: list[Any] = []

    def stopping() -> bool:
        asked.append(1)
        return len(asked) > 1

    target = hooks.Receiver(f"{shop.url}/events", (SECRET,))
    hk.run(hooks.deliver(
        hk.app.transactions, target, clock=lambda: hk.now, real_clock=lambda: hk.now, stopping=stopping
    ))  # fmt: skip
    assert shop.taken == [] and log(hk, "state", "attempts") == [("pending", 0)] * 2
    tell(hk, shop)
    assert len(shop.taken) == 2


def test_an_event_of_long_ago_does_not_wait_for_one_that_came_later(hk: Harness, shop: Receiver) -> None:
    happens(hk, "A", each=3)
    with hk.db() as work:
        work.session.execute(update(W).where(W.c.id == 2).values(not_before=hk.now + timedelta(hours=1)))
    tell(hk, shop)
    assert order_of(shop, "A") == [0]
    later(hk, hours=1)
    tell(hk, shop)
    assert order_of(shop, "A") == [0, 1, 2]
