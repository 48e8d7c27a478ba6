"""Delivery over real sockets: crashes at each point, holes, pauses without end, messengers that are taken away."""

import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from bot import app as app_module
from bot.adapters.dingtalk import desk as dingtalk_desk
from bot.notifications import sender
from core.errors import Unreachable
from tests.adapters.contract_rigs import PLACES, Dingtalk, DingtalkText, Slack
from tests.adapters.contract_wecom import Wecom, WecomRobot
from tests.adapters.contract_words import DAY
from tests.adapters.contract_world import Make, until

REAL = [p for p in PLACES if p != "local"]


class Died(Exception):
    pass


@pytest.mark.parametrize("place", REAL)
@pytest.mark.parametrize("at", ["before the call", "after the call"])
def test_a_crash_is_made_good(company: Make, monkeypatch: pytest.MonkeyPatch, place: str, at: str) -> None:
    made = PLACES[place]()
    hk = company(made)
    hk.told()
    name = "_send_all" if at == "before the call" else "record"
    right, calls = getattr(sender, name), []

    def die(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise Died
        return right(*given)

    monkeypatch.setattr(sender, name, die)
    with suppress(Died):  # or whoever was first to deliver
        hk.beat("2026-07-02 09:00")
    assert calls
    hk.stop_product()
    hk.stopped = False
    hk.run(hk.app.start())
    for minute in ("02", "04", "06", "10", "20"):
        hk.beat(f"2026-07-02 09:{minute}")
    shown = made.shown("li")
    marked = [card for card in shown if "重发" in card.text]
    if made.proves:
        assert len(shown) == 1 and not marked, [s.text for s in shown]
    else:
        assert len(shown) - len(marked) <= 1 and len(shown) <= 2, [s.text for s in shown]
    made.tap("li", shown[-1].ref, "task.promise", {"date": DAY})
    until(lambda: hk.promises("甲") == ["open"])
    made.forgive()  # what came while nobody was there


def test_a_saved_tap_is_not_called_unsaved_by_dingtalk(company: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tap is committed; then the database is away while the card's face is looked up."""
    place = Dingtalk()
    hk = company(place)
    card = hk.first()
    monkeypatch.setattr(app_module, "CROWD", 0)  # as with two taps at a time: the answer carries no card
    look = dingtalk_desk.standing

    def away(*given: Any) -> Any:
        if hk.promises("甲"):
            raise Unreachable("db.locked")
        return look(*given)

    monkeypatch.setattr(dingtalk_desk, "standing", away)
    said = hk.tap("li", card.ref)
    assert hk.promises("甲") == ["open"]
    assert "没有保存" not in said, said


@pytest.mark.parametrize(
    ("first", "second"), [(Slack, Wecom), (Slack, Dingtalk), (Dingtalk, Wecom), (Slack, WecomRobot), (DingtalkText, Wecom)]
)
def test_what_may_stand_in_a_messenger_that_is_gone(company: Make, first: Any, second: Any) -> None:
    one, other = first(), second()
    hk = company(one, other)
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    for n in range(9):
        hk.receivable(
            "甲",
            "120000.00",
            due="2026-07-01",
            number=f"发票编号很长很长很长很长很长-{n:04}-" + "长" * 20,
            issued="2026-06-01",
        )
    one.lose_answer()
    hk.beat("2026-07-02 09:00")
    hk.run(hk.app.adapters.pop(one.messenger).stop())
    hk.company(messengers=(other.messenger,))
    for minute in ("05", "10", "15", "30"):
        hk.beat(f"2026-07-02 09:{minute}")
    shown = other.shown("li")
    assert len(shown) == 1, hk.sent()
    assert "重发" in shown[0].text
    assert shown[0].actions, "a card without a button"


@pytest.mark.parametrize("seconds", [30_000_000, 10**12])
def test_a_pause_without_end_spoils_nothing(company: Make, seconds: int) -> None:
    """A gateway in front of WeCom says Retry-After: a year, or more than any clock holds."""
    place = Wecom()
    hk = company(place)
    hk.told()
    place.too_many(seconds)
    hk.beat("2026-07-02 09:00")
    for hour in ("10", "12", "14", "16"):
        hk.beat(f"2026-07-02 {hour}:00")
    assert len(place.shown("li")) == 1, hk.sent()


def test_a_hole_in_wecom_keeps_no_card_of_slack_from_being_pressed(company: Make) -> None:
    """WeCom takes connections and says nothing: a second a call here, ten in the world. Slack's card stands meanwhile."""
    slack, wecom = Slack(), Wecom()
    hk = company(slack, wecom, homes={"li": ("slack",), "wang": ("wecom",)})
    hk.told()
    for n in range(5):
        hk.customer(f"乙{n}", "wang")
        hk.receivable(f"乙{n}", "50.00", due="2026-07-01", number=f"J{n}", issued="2026-06-02")
    for _ in range(5):
        wecom.late_answer()
    sending = threading.Thread(target=hk.beat, args=("2026-07-02 09:00",))
    sending.start()
    until(lambda: slack.shown("li"), "Slack shows it")
    time.sleep(0.3)
    said = slack.tap("li", slack.shown("li")[0].ref, "task.promise", {"date": DAY})
    booked = hk.promises("甲")
    sending.join(30)
    assert booked == ["open"], said


# Each answer that a robot loses is a lost connection, and its pauses would take minutes.
HOURS = [(p, how) for p in REAL for how in ("lose_answer", "broken") if (p, how) != ("wecom-robot", "lose_answer")]


@pytest.mark.parametrize(("place", "how"), HOURS)
def test_an_hour_of_trouble_shows_one_card(company: Make, place: str, how: str) -> None:
    """Accepted and never answered, or refused with a 500, for an hour."""
    made = PLACES[place]()
    hk = company(made)
    hk.told()
    for minute in range(0, 60, 5):
        getattr(made, how)()
        if place == "wecom-robot":
            until(hk.adapter.connected)
        hk.beat(f"2026-07-02 09:{minute:02}")
    for name in ("heal", "clear_troubles"):
        if hasattr(made.fake, name):
            getattr(made.fake, name)()
    if hasattr(made.fake, "faults"):
        made.fake.faults.__init__()
    if place == "wecom-robot":
        until(hk.adapter.connected)
    for at in ("10:00", "10:31", "11:05", "11:40"):
        hk.beat(f"2026-07-02 {at}")
    shown = made.shown("li")
    plain = [card for card in shown if "重发" not in card.text]
    assert len(shown) <= 5, f"{len(shown)} copies"  # where nobody can tell: four in the hour, and the one with an answer
    assert shown and len(plain) <= 1 and (len(shown) == 1 or not made.proves), [s.text for s in shown]
    made.tap("li", shown[-1].ref, "task.promise", {"date": DAY})
    until(lambda: hk.promises("甲") == ["open"])
    made.forgive()
