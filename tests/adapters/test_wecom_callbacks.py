"""WeCom, inbound: who knocks, what is shown in place, what is asked, and what happens when five seconds are over."""

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from xml.parsers.expat import ExpatError

import pytest
from sqlalchemy import Engine, update

from bot.adapters.base import DeliveryRef, Reply, Sent
from bot.adapters.called import last_call
from bot.adapters.wecom import desk as timing
from bot.adapters.wecom import keys, xml
from bot.adapters.wecom.adapter import WecomAdapter
from bot.adapters.wecom.wire import Forged, Wire
from bot.card import Card, Field
from bot.fit import ask_card
from core.db import transaction
from core.models import Account, Delivery, Person
from core.models.base import table_of
from tests.adapters.cut_off import cut_off
from tests.adapters.wecom_world import (
    CARD,
    DONE,
    LI,
    NOW,
    TODAY,
    Clock,
    Listener,
    Server,
    company,
    delivery,
    fitted,
    linked,
    make,
)
from tests.databases import Databases
from tests.fakes.wecom import FakeWecom, Patience, Shown

A, D, P = table_of(Account), table_of(Delivery), table_of(Person)


@pytest.fixture
def database_url(databases: Databases) -> str:
    return databases.create("sqlite")


@dataclass
class World:
    wecom: FakeWecom
    adapter: WecomAdapter
    listener: Listener
    server: Server
    engine: Engine
    clock: Clock

    def card(self, card: Card = CARD, key: str = "task:1:card:0") -> Shown:
        """A card on LiSi's screen, recorded as the product does."""
        drawn = fitted(self.adapter, card)
        result = self.server.run(self.adapter.send(LI, drawn, key))
        assert isinstance(result, Sent)
        self.id = delivery(self.engine, result.ref, drawn)
        return self.wecom.last("lisi")

    def now(self) -> Shown:
        return self.wecom.last("lisi")

    def settled(self, said: Any) -> None:
        """Waits for what follows in the background."""
        for _ in range(300):
            if said():
                return
            time.sleep(0.02)
        raise AssertionError("it did not happen")


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    linked(engine)
    clock, listener = Clock(), Listener()
    with company(patience=Patience(post=5.0)) as wecom:
        adapter = make(wecom, engine, clock)
        server = Server(list(adapter.routes()))
        with server as url:
            server.run(adapter.start(listener))
            wecom.set_callback(url + "/wecom/callback")
            yield World(wecom, adapter, listener, server, engine, clock)
            server.run(adapter.stop())
        assert wecom.wrong == []


def done(world: World, card: Card = DONE, message: str = "已记录承诺。") -> Reply:
    return Reply("done", message, card, delivery_id=world.id, rev=2, shown=world.listener.was_shown)


# --- who knocks ---


def test_the_console_checks_the_address(world: World) -> None:
    assert world.wecom.verify_url().error == ""


def test_nothing_bad_gets_in(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for kind in world.wecom.bad_posts():
        caplog.clear()
        answer = world.wecom.bad_post(kind, "lisi", "/balance SECRETWORD")
        assert answer.status == (200 if kind == "another app" else 403) and not answer.body.strip("\n"), kind
        lines = [r for r in caplog.records if r.name.startswith("bot.adapters.wecom")]
        assert len(lines) == 1 and "SECRETWORD" not in lines[0].getMessage(), kind
    assert world.listener.heard == []


def test_a_body_that_ends_early_is_a_line_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    cut_off(world.wecom.line.url)
    world.settled(lambda: [r for r in caplog.records if r.name.startswith("bot.adapters.wecom")])
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("bot.adapters.wecom")]
    assert lines == ["wecom: a callback was refused: cut off"] and world.listener.heard == []


def test_a_replay_does_nothing(world: World) -> None:
    said = world.wecom.say("lisi", "/todo")
    again = world.wecom.replay(said)
    assert (again.status, again.body) == (200, "") and len(world.listener.heard) == 1


def test_what_was_not_answered_may_come_again_as_it_was(world: World) -> None:
    """Nobody promises that WeCom signs a redelivery anew."""
    world.listener.answers = [RuntimeError("broken")] * 4
    said = world.wecom.say("lisi", "/todo")
    world.listener.usual = Reply("done", "没有待办")
    again = world.wecom.replay(said)
    assert again.status == 200 and again.body and len(world.listener.heard) == 5
    world.wecom.wrong.clear()


@pytest.mark.parametrize("filling", [b" ", b"A", b"<Encrypt>", b"<![CDATA[", b"]]> "])
def test_nobody_keeps_us_busy(world: World, filling: bytes) -> None:
    """Whoever posts is not known before the envelope is read, so reading it takes no time, whatever stands there."""
    wire = Wire(world.adapter.settings)
    body = b"<xml><Encrypt>" + filling * (3000 // len(filling)) + b"!</xml>"
    began = time.monotonic()
    for _ in range(10):
        with pytest.raises(Forged):
            wire.encrypted(body)
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("bad", ["li&#xD800;", "li&#0;", "li\ud800", "li\x00"])
def test_an_event_of_somebody_who_can_be_nobody_is_refused(bad: str) -> None:
    """Whatever it raises, the callback says one line. In a text these signs never arrive: they are no XML."""
    with pytest.raises((ValueError, KeyError, ExpatError)):
        xml.read(f"<xml><FromUserName>{bad}</FromUserName><MsgType>text</MsgType><Content>x</Content></xml>").text.encode()


# --- words ---


def test_words_are_answered_at_once(world: World) -> None:
    world.listener.usual = Reply("invalid", "没有这个客户 ]]> <x>")
    said = world.wecom.say("LISI", "/balance 甲")
    assert said.reply is not None and said.reply.text == "没有这个客户 ]]> <x>"
    heard = world.listener.heard[0]
    assert (heard.user_id, heard.text, heard.messenger, heard.at) == ("LiSi", "/balance 甲", "wecom", NOW)
    assert heard.until is not None and heard.until < time.monotonic() + 4


def test_a_card_as_answer_comes_through_the_api_and_its_buttons_work(world: World) -> None:
    card = fitted(world.adapter, CARD)
    number = delivery(world.engine, "", card)
    world.listener.answers = [Reply("done", "", card, delivery_id=number)]
    said = world.wecom.say("lisi", "打开")
    assert said.body == ""
    world.settled(lambda: world.wecom.screen("lisi"))
    world.wecom.tap("lisi", world.now(), world.now().key_of("批准"))
    assert world.listener.heard[1].delivery_id == number and world.listener.heard[1].ref == ""


def test_the_same_question_twice_is_answered_twice(world: World) -> None:
    notice = Card("reply.balance", "zh", "info", "华兴商贸", fields=(Field("余额", "¥1.00"),))
    world.listener.usual = Reply("done", "", notice)
    for n in (1, 2):
        world.wecom.say("lisi", "/balance 华兴")
        world.settled(lambda n=n: len(world.wecom.screen("lisi")) == n)


def test_a_long_answer_is_several_texts(world: World) -> None:
    world.listener.usual = Reply("done", "", Card("reply.help", "zh", "info", "帮助", "\n".join(["一行说明" * 10] * 40)))
    world.wecom.say("lisi", "帮助")
    world.settled(lambda: len(world.wecom.screen("lisi")) == 3)
    assert {s.msgtype for s in world.wecom.screen("lisi")} == {"text"}


def test_who_opens_the_chat_is_greeted_once_a_day(world: World) -> None:
    first = world.wecom.enter_agent("lisi")
    world.wecom.pass_time(1)
    second = world.wecom.enter_agent("lisi")
    assert first.reply is not None and "帮助" in first.reply.text and second.reply is None
    world.clock.pass_(days=1)
    world.wecom.pass_time(1)
    assert world.wecom.enter_agent("lisi").reply is not None
    unknown = world.wecom.enter_agent("wang")
    assert unknown.reply is not None and "绑定" in unknown.reply.text and world.listener.heard == []


# --- taps ---


def test_a_tap_changes_the_card_in_place(world: World) -> None:
    shown = world.card()
    world.listener.usual = done(world)
    tap = world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert "已承诺 7-10" in world.now().text and "已记录承诺。" in world.now().text and world.now().buttons == ()
    heard = world.listener.heard[0]
    assert (heard.ref, heard.action, heard.seen_rev, heard.input) == (shown.card["task_id"], "promise.approve", 1, {})
    assert tap.seconds < 4
    world.settled(lambda: world.listener.shown == 1)
    assert world.wecom.calls_of("message/update_template_card") == []


def test_a_card_is_drawn_for_nobody_but_the_person_it_was_sent_to(world: World) -> None:
    """Whoever left, or has the account by now, learns nothing more from a card that stands there."""
    shown = world.card()
    world.wecom.tap("lisi", shown, shown.key_of("未查到"))
    asked = world.now()
    assert "¥120,000.00" in asked.text
    for change in ({"active": False}, {"active": True, "name": "前任"}):
        with transaction(world.engine) as session:
            session.execute(update(P).where(P.c.handle == "li").values(**change))
            if change["active"]:  # the account is somebody else's now
                session.add(Person(id=77, handle="new", name="新人", roles=["rep"]))
                session.flush()
                session.execute(update(A).values(person_id=77))
                session.execute(update(D).values(person_id=1))
        told = f"这个账号还没有绑定 {len(change)}"
        world.listener.usual = Reply("denied", told)
        world.wecom.pass_time(1)  # a tap within the same second is the same tap
        world.wecom.tap("lisi", asked, asked.key_of("返回"))
        world.settled(lambda told=told: world.wecom.last("lisi").text == told)


def test_a_confirmation_is_a_second_step(world: World) -> None:
    shown = world.card()
    world.wecom.tap("lisi", shown, shown.key_of("未查到"))
    assert "确认没有查到这笔款？" in world.now().text and [b.text for b in world.now().buttons] == ["未查到", "返回"]
    assert world.listener.heard == []
    world.wecom.tap("lisi", world.now(), world.now().key_of("返回"))
    assert world.now().card["button_list"] == shown.card["button_list"] and world.listener.heard == []
    world.wecom.tap("lisi", shown, world.now().key_of("未查到"))
    world.wecom.tap("lisi", world.now(), world.now().key_of("未查到"))
    assert [h.action for h in world.listener.heard] == ["claim.void"]


def test_a_menu_asks_and_its_answer_is_a_tap(world: World) -> None:
    shown = world.card()
    world.wecom.tap("lisi", shown, shown.key_of("承诺日期"))
    menu = world.now()
    assert menu.card["card_type"] == "multiple_interaction" and "逾期 7 天" in menu.text
    question = menu.questions["date"]
    assert "请选择" in question.options[question.chosen[0]]
    friday = next(key for key, words in question.options.items() if words.startswith("周五"))
    world.listener.usual = done(world)
    world.wecom.tap("lisi", menu, menu.key_of("提交"), {"date": friday})
    assert world.listener.heard[0].input == {"date": "2026-07-03"} and world.listener.heard[0].action == "task.promise"
    assert "已承诺" in world.now().text


def test_whoever_chooses_nothing_goes_back(world: World) -> None:
    shown = world.card()
    world.wecom.tap("lisi", shown, shown.key_of("有争议"))
    world.wecom.tap("lisi", world.now(), world.now().key_of("提交"))
    assert world.now().card["button_list"] == shown.card["button_list"] and world.listener.heard == []


def test_a_question_of_the_product_is_a_menu_too(world: World) -> None:
    shown = world.card()
    capabilities = world.adapter.capabilities(LI)
    asked, _ = ask_card(fitted(world.adapter), CARD.actions[1], capabilities, today=TODAY)
    world.listener.answers = [Reply("done", "", asked, delivery_id=world.id, rev=3, asks=True)]
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    key = keys.read(world.now().key_of("提交"))
    assert key is not None and (key.action, key.rev, key.ref) == ("task.dispute", 3, shown.card["task_id"])


def test_a_question_that_needs_writing_points_to_the_form_or_to_commands(world: World) -> None:
    shown = world.card()
    asked, _ = ask_card(fitted(world.adapter), CARD.actions[2], world.adapter.capabilities(LI), today=TODAY)
    world.listener.usual = Reply("done", "", asked, delivery_id=world.id, rev=1, asks=True)
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert "请发送命令" in world.now().text and [b.text for b in world.now().buttons] == ["返回"]


def test_refusals_are_said_on_the_card(world: World) -> None:
    shown = world.card()
    world.listener.usual = Reply("not_allowed", "您没有权限。")
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert "您没有权限。" in world.now().text and [b.text for b in world.now().buttons] == [b.text for b in shown.buttons]


def test_a_line_of_the_digest_opens_a_card_of_its_own(world: World) -> None:
    shown = world.card()
    number = delivery(world.engine, "", fitted(world.adapter))
    opened = Reply("done", "", fitted(world.adapter, replace(CARD, title="另一张卡片")), delivery_id=number)
    world.listener.usual = opened
    key = keys.Key(shown.card["task_id"], "task.open", 1, given=(("task", "7"),))
    plain = world.wecom._phones._tap_xml(shown, _message(world, shown), key.text(), {}, "", False)
    world.wecom.run(world.wecom.line.deliver("tap", plain, 1000002))
    world.settled(lambda: len(world.wecom.screen("lisi")) == 2)
    assert "另一张卡片" in world.now().text and "逾期 7 天" in world.wecom.screen("lisi")[0].text


def _message(world: World, shown: Shown) -> Any:
    return world.wecom._corp.messages[shown.msgid]


@pytest.mark.parametrize("name", ["<!channel>", "**x**", "]]>", "&amp;", "]]]]>><![CDATA[", "</TemplateCard>"])
def test_names_show_as_typed_in_passive_answers(world: World, name: str) -> None:
    shown = world.card()
    world.listener.usual = done(world, replace(DONE, title=name, fields=(Field("客户", name),)))
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert world.now().card["main_title"]["title"] == name and f"客户 {name}" in world.now().text


def test_the_code_of_the_sending_is_left_for_the_end(world: World) -> None:
    shown = world.card()
    world.listener.usual = Reply("stale", "卡片已更新。")
    world.wecom.tap("lisi", shown, shown.key_of("批准"))
    ref = DeliveryRef(LI, shown.card["task_id"], world.id, 2)
    assert isinstance(world.server.run(world.adapter.update(ref, DONE)), Sent)
    assert "已承诺" in world.now().text


async def slow(seconds: float, reply: Reply | Exception) -> Reply:
    await asyncio.sleep(seconds)
    if isinstance(reply, Exception):
        raise reply
    return reply


@pytest.mark.parametrize("waits", [True, False])
def test_a_tap_that_changed_nothing_leaves_its_code_for_the_next_change(
    world: World, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Pressed before the sending was written down: there is no card to draw, in time or after WeCom stopped waiting."""
    drawn = fitted(world.adapter)
    sent = world.server.run(world.adapter.send(LI, drawn, "task:1:card:0"))
    assert isinstance(sent, Sent)
    shown = world.now()
    world.listener.usual = Reply("invalid", "没有这张卡片。")
    if not waits:
        monkeypatch.setattr(timing, "ANSWER", 0.1)
        monkeypatch.setattr(timing, "LATE", 0.1)
        world.listener.usual = lambda e: slow(0.7, Reply("invalid", "没有这张卡片。"))
    tap = world.wecom.tap("lisi", shown, shown.key_of("批准"))
    assert tap.status == (200 if waits else 503)
    world.settled(lambda: world.now().text == "没有这张卡片。")
    number = delivery(world.engine, sent.ref, drawn)
    ref = DeliveryRef(LI, sent.ref, number, 2)
    fresh = fitted(world.adapter, replace(CARD, title="逾期 8 天"))
    assert isinstance(world.server.run(world.adapter.update(ref, fresh)), Sent)
    assert world.wecom.calls_of("message/update_template_card")[0].body["response_code"] == tap.response_code
    assert isinstance(world.server.run(world.adapter.update(ref, DONE)), Sent)  # with that of the sending
    world.wecom.wrong.clear()


# --- what is kept of it ---


def test_bodies_are_not_in_the_logs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.wecom.say("lisi", "/balance 很秘密的客户")
    assert "很秘密的客户" not in caplog.text and not re.search(r"access_token=(?!\*)", caplog.text)


def test_within_one_second_only_the_very_same_tap_is_the_same_event() -> None:
    """WeCom gives a second and no id. A card that changed has another revision in its buttons, so nothing real is lost."""

    def tap(key: str, chosen: str = "", code: str = "C1") -> str:
        option = f"<OptionIds><OptionId>{chosen}</OptionId></OptionIds>"
        picked = f"<SelectedItem><QuestionKey>date</QuestionKey>{option}</SelectedItem>"
        said = (
            "<FromUserName>lisi</FromUserName><CreateTime>1783000000</CreateTime><MsgType>event</MsgType>"
            f"<Event>template_card_event</Event><EventKey>{key}</EventKey><TaskId>hk-1</TaskId><AgentID>1000002</AgentID>"
            f"<ResponseCode>{code}</ResponseCode><SelectedItems>{picked if chosen else ''}</SelectedItems>"
        )
        return xml.read(f"<xml>{said}</xml>").id

    seen = keys.Key("hk-1", "task.promise", 1)
    first = tap(seen.text(), "0:a")
    assert first == tap(seen.text(), "0:a", code="C2")  # pressed twice in a hurry, it is done once
    others = [replace(seen, rev=2), replace(seen, target="case:2"), replace(seen, step=keys.ASK)]
    every = [first, tap(seen.text(), "0:b"), *(tap(key.text(), "0:a") for key in others)]
    assert len(set(every)) == len(every)


def test_a_proven_call_is_noted_for_the_doctor(world: World) -> None:
    def noted() -> Any:
        return last_call(world.engine, "wecom")

    assert noted() is None and not world.adapter.connected()
    world.wecom.tap("lisi", world.card(), world.now().buttons[0].key)
    world.settled(lambda: noted() == world.clock())
    assert world.adapter.connected()
