"""WeCom, inbound: it waits five seconds and asks four times. What is not done by then is shown or said all the same."""

# ruff: noqa: F811

import threading
import time

import pytest

from bot.adapters.base import Reply
from bot.adapters.wecom import desk as timing
from tests.adapters.test_wecom_callbacks import World, database_url, done, slow, world  # noqa: F401


def test_what_is_not_saved_comes_again_and_then_works(world: World) -> None:
    shown = world.card()
    world.listener.answers = [Reply("not_saved", "没有保存"), RuntimeError("broken"), done(world)]
    tap = world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert [t.status for t in tap.tries] == [503, 503, 200] and "已承诺" in world.now().text
    assert len({h.event_id for h in world.listener.heard}) == 1
    world.wecom.wrong.clear()


def test_what_is_never_saved_is_said(world: World) -> None:
    shown = world.card()
    world.listener.usual = Reply("not_saved", "没有保存")
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert "没有保存，请再按一次" in world.now().text and len(world.now().buttons) == len(shown.buttons)
    world.listener.usual = RuntimeError("broken")
    said = world.wecom.say("lisi", "/todo")
    assert said.reply is not None and said.reply.text == "没有保存，请再发一次"
    world.wecom.wrong.clear()


def test_what_was_not_saved_after_the_last_try_is_said_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WeCom asks four times and is gone before the work has ended, in vain."""
    monkeypatch.setattr(timing, "ANSWER", 0.1)
    shown = world.card()
    world.listener.usual = lambda e: slow(1.0, Reply("not_saved", "没有保存"))
    assert [t.status for t in world.wecom.tap("lisi", shown, shown.key_of("批准")).tries] == [503] * 4
    world.settled(lambda: world.now().text == "没有保存，请再按一次")
    world.listener.usual = lambda e: slow(1.0, RuntimeError("broken"))
    assert [t.status for t in world.wecom.say("lisi", "/todo").tries] == [503] * 4
    world.settled(lambda: world.now().text == "没有保存，请再发一次")
    assert len(world.listener.heard) == 2
    world.wecom.wrong.clear()


def test_a_slow_answer_reaches_the_second_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ANSWER", 0.4)
    shown = world.card()
    world.listener.answers = [lambda e: slow(0.6, done(world))]
    tap = world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert [t.status for t in tap.tries] == [503, 200] and "已承诺" in world.now().text
    assert len(world.listener.heard) == 1
    world.wecom.wrong.clear()


def test_when_nobody_waits_any_more_the_api_changes_the_card(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ANSWER", 0.1)
    monkeypatch.setattr(timing, "LATE", 0.2)
    shown = world.card()
    world.listener.answers = [lambda e: slow(0.8, done(world))]
    tap = world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert tap.status == 503
    world.settled(lambda: "已承诺" in world.now().text)
    world.settled(lambda: world.listener.shown == 1)
    assert world.wecom.calls_of("message/update_template_card")[0].body["response_code"] == tap.response_code
    world.wecom.wrong.clear()


def test_a_tap_under_way_is_finished_when_it_stops(world: World) -> None:
    shown = world.card()
    world.listener.answers = [lambda e: slow(1.0, done(world))]
    tapping = threading.Thread(target=lambda: world.wecom.tap("lisi", shown, shown.key_of("批准")))
    tapping.start()
    world.settled(lambda: world.listener.heard)
    began = time.monotonic()
    world.server.run(world.adapter.stop())
    assert time.monotonic() - began < 4
    tapping.join(10)
    assert "已承诺" in world.now().text
    assert world.wecom.say("lisi", "/todo").status == 503  # closed: it comes again when somebody is there
    world.wecom.wrong.clear()


def test_what_was_late_still_gets_its_card_when_it_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ANSWER", 0.1)
    shown = world.card()
    world.listener.answers = [lambda e: slow(0.9, done(world))]
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    began = time.monotonic()
    world.server.run(world.adapter.stop())
    assert time.monotonic() - began < 3 and "已承诺" in world.now().text and world.listener.shown == 1
    world.wecom.wrong.clear()


def test_taps_all_at_once(world: World) -> None:
    cards = [world.card(key=str(n)) for n in range(4)]
    world.listener.usual = lambda e: slow(0.2, Reply("done", "已记录。"))
    threads = [threading.Thread(target=world.wecom.tap, args=("lisi", c, c.key_of("批准"))) for c in cards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(h.ref for h in world.listener.heard) == sorted(c.card["task_id"] for c in cards)
    assert all("已记录。" in s.text for s in world.wecom.screen("lisi"))
