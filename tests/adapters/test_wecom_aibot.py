"""WeCom's robot: what is sent and to whom, taps answered in their place, and typed lines."""

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Adapter, DeliveryRef, NotThere, Refused, Reply, Retry, Sent, Unknown
from bot.adapters.wecom import frames, keys, robot
from bot.adapters.wecom.adapter import build
from bot.adapters.wecom.aibot import AibotAdapter
from bot.card import Card, Field
from core.errors import ConfigError
from tests.adapters.aibot_world import CANARY, company, do, greeted, make, sent, settings, started, until
from tests.adapters.wecom_world import CARD, DONE, LI, Clock, Listener, delivery, fitted, linked
from tests.databases import Databases
from tests.fakes.wecom.aibot import FakeAibot, Shown
from tests.logs import written


@pytest.fixture
def database_url(databases: Databases) -> str:
    return databases.create("sqlite")


@pytest.fixture
def wecom() -> Iterator[FakeAibot]:
    with company() as fake:
        yield fake
        assert fake.wrong == [] and fake.lint == []


@pytest.fixture
def adapter(wecom: FakeAibot, engine: Engine) -> AibotAdapter:
    return make(wecom, engine, Clock())


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture(autouse=True)
def _nothing_secret(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Also where somebody logs everything."""
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in written(caplog)


async def a_card(wecom: FakeAibot, adapter: AibotAdapter, engine: Engine, card: Card = CARD) -> tuple[Shown, int]:
    """li has written, has the card on the screen, and it is in our database."""
    await greeted(wecom)
    ref = await sent(adapter, card)
    return wecom.last("lisi"), delivery(engine, ref, fitted(adapter, card))  # type: ignore[arg-type]


# --- set-up ---


def test_it_is_an_adapter(adapter: Adapter) -> None:
    assert adapter.name == "wecom"
    can = adapter.capabilities(LI)
    assert can.updates == "never" and can.answers_in_place


def test_what_is_missing_or_no_tls_is_named(wecom: FakeAibot, engine: Engine) -> None:
    given = settings(wecom)
    given.wecom.bot_id, given.wecom.bot_secret = "", type(given.wecom.bot_secret)("")
    with pytest.raises(ConfigError) as caught:
        build(given, engine, Clock())
    assert caught.value.facts["missing"] == "HUIKUAN_WECOM_BOT_ID, HUIKUAN_WECOM_BOT_SECRET"
    given = settings(wecom)
    given.wecom.aibot_url = "ws://127.0.0.1:1"
    with pytest.raises(ConfigError) as caught:
        build(given, engine, Clock())
    assert caught.value.code == "settings.invalid"


def test_without_the_extra_it_says_what_to_install(
    wecom: FakeAibot, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    import bot.adapters.wecom

    monkeypatch.delattr(bot.adapters.wecom, "aibot")
    for name in ("bot.adapters.wecom.aibot", "bot.adapters.wecom.robot", "bot.adapters.wecom.line"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aibot", None)
    with pytest.raises(ConfigError) as caught:
        build(settings(wecom), engine, Clock())
    assert caught.value.code == "messenger.no_package"


# --- sending ---


async def test_a_card_goes_to_whoever_wrote_first(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    async with started(adapter, listener):
        assert await adapter.send(LI, fitted(adapter), "1") == Refused("not_greeted")  # type: ignore[arg-type]
        assert wecom.count("aibot_send_msg") == 0
        await greeted(wecom)
        ref = await sent(adapter)
    shown = wecom.last("lisi")
    assert shown.card["task_id"] == ref and shown.card["card_type"] == "button_interaction"
    for words in ("逾期 7 天", "请在 18:00 前登记结果", "逾期金额 ¥120,000.00", "负责人 小李"):
        assert words in shown.text
    assert keys.read(shown.key_of("批准")) == keys.Key(ref, "promise.approve", 1)
    assert {b.text: b.style for b in shown.buttons}["未查到"] == 3, "red has another number than on an app's card"
    other = make(wecom, engine, Clock())  # after a restart they need not greet again
    async with started(other, listener):
        await sent(other, key="2")


async def test_a_robot_that_was_made_anew_must_be_greeted_again(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener
) -> None:
    async with started(adapter, listener):
        await greeted(wecom)
        wecom.forget("lisi")
        assert await adapter.send(LI, fitted(adapter), "1") == Refused("not_greeted")  # type: ignore[arg-type]
        assert await adapter.send(LI, fitted(adapter), "1") == Refused("not_greeted")  # type: ignore[arg-type]
    assert wecom.count("aibot_send_msg") == 1


async def test_what_a_card_cannot_hold_is_words_as_they_are(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener
) -> None:
    hostile = "**x** _y_ [a](http://x) <!channel> `c` &amp;"
    rows = tuple((hostile, f"¥{n},000.00") for n in range(12))
    async with started(adapter, listener):
        await greeted(wecom)
        await sent(adapter, replace(CARD, actions=(), rows=rows))
        shown = wecom.last("lisi")
        assert shown.msgtype == "markdown" and "¥11,000.00" in shown.text
        assert not set("*_`[]<>&") & set(shown.text) and "＊＊x＊＊ ＿y＿ ［a］(http://x)" in shown.text
        await adapter.send(replace(LI, text_only=True), fitted(adapter, to=replace(LI, text_only=True)), "2")  # type: ignore[arg-type]
        assert wecom.last("lisi").msgtype == "markdown"
        await sent(adapter, replace(CARD, title=hostile, text=hostile), key="3")
        assert wecom.last("lisi").card["main_title"]["title"].startswith("**x** _y_")


async def test_too_long_is_cut_within_the_limits(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    long = "很长的名称" * 500
    async with started(adapter, listener):
        await greeted(wecom)
        await sent(adapter, replace(CARD, title=long, text=long, footer=long, fields=(Field(long, long),) * 20))
    assert "…" in wecom.last("lisi").text


async def test_nothing_can_be_changed_from_our_side(adapter: AibotAdapter) -> None:
    assert await adapter.update(DeliveryRef(LI, "hk-1", 1, 2), DONE) == Refused("no_update")


async def test_what_was_sent_is_found(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        await greeted(wecom)
        assert await adapter.find(LI, "1", b"") == NotThere()
        long_ago = adapter.clock() - timedelta(days=9)  # what was remembered then is tidied away
        assert isinstance(await adapter.find(LI, "1", b"", long_ago), Unknown)
        ref = await sent(adapter, key="1")
        assert await adapter.find(LI, "1", b"") == Sent(ref)
        wecom.faults.drop("aibot_send_msg")
        assert isinstance(await adapter.send(LI, fitted(adapter), "2"), Unknown)  # type: ignore[arg-type]
        assert isinstance(await adapter.find(LI, "2", b""), Unknown)
        await until(lambda: adapter._line.up)
        wecom.faults.errcode("aibot_send_msg", 45009)
        assert await adapter.send(LI, fitted(adapter), "3") == Retry(60.0, "errcode 45009")  # type: ignore[arg-type]
        assert await adapter.find(LI, "3", b"") == NotThere()
        wecom.faults.errcode("aibot_send_msg", 40058)
        assert await adapter.send(LI, fitted(adapter), "3") == Refused("errcode 40058")  # type: ignore[arg-type]


async def test_an_answer_that_does_not_come_is_unknown(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        await greeted(wecom)
        wecom.faults.slow("aibot_send_msg", 5.5)
        assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Unknown)  # type: ignore[arg-type]


async def test_without_a_connection_it_is_later(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        await greeted(wecom)
    result = await adapter.send(LI, fitted(adapter), "1")  # type: ignore[arg-type]
    assert isinstance(result, Retry) and result.reason == "not_listening"
    assert await adapter.find(LI, "1", b"") == NotThere()


# --- taps ---


async def test_a_tap_changes_the_card_in_its_place(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    async with started(adapter, listener):
        card, number = await a_card(wecom, adapter, engine)
        done = Reply("done", "已批准。", DONE, {}, number, 2, shown=listener.was_shown)
        listener.answers = [done]
        tap = await do(wecom.tap, "lisi", card, card.key_of("批准"))
        await until(lambda: listener.shown)
    assert tap.updated and "已承诺 7-10" in tap.text and "已批准。" in tap.text
    assert wecom.last("lisi").card["task_id"] == card.card["task_id"] and wecom.last("lisi").buttons == ()
    heard = listener.heard[-1]
    assert (heard.user_id, heard.ref, heard.action, heard.seen_rev) == ("LiSi", card.card["task_id"], "promise.approve", 1)


async def test_a_question_takes_the_place_of_the_card_and_goes_again(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    from core.db import transaction
    from core.models import Account, Person

    with transaction(engine) as session:
        person = Person(handle="li", name="李四")
        session.add(person)
        session.flush()
        session.add(Account(person_id=person.id or 0, messenger="wecom", user_id="LiSi"))
    async with started(adapter, listener):
        card, number = await a_card(wecom, adapter, engine)
        await do(wecom.tap, "lisi", card, card.key_of("承诺日期"))
        asked = wecom.last("lisi")
        assert asked.card["card_type"] == "multiple_interaction" and len(listener.heard) == 1
        tap = await do(wecom.tap, "lisi", asked, asked.key_of("提交"))  # nothing chosen: back
        assert tap.updated and wecom.last("lisi").key_of("批准")
        listener.answers = [Reply("done", "已记录。", DONE, {}, number, 2)]
        friday = next(key for key, words in asked.questions["date"].options.items() if words.startswith("周五"))
        await do(wecom.tap, "lisi", asked, asked.key_of("提交"), {"date": friday})
    assert listener.heard[-1].input == {"date": "2026-07-03"} and wecom.last("lisi").buttons == ()


async def test_a_tap_that_was_not_saved_says_so_on_the_card(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    linked(engine)
    async with started(adapter, listener):
        card, _ = await a_card(wecom, adapter, engine)
        for nothing in (Reply("not_saved", "…"), RuntimeError("the database is gone")):
            listener.answers = [nothing]
            tap = await do(wecom.tap, "lisi", card, card.key_of("批准"))
            assert tap.updated and "没有保存" in tap.text and wecom.last("lisi").key_of("批准")


async def test_an_answer_after_the_deadline_is_a_message_of_its_own(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robot, "SAVE", 0.2)
    monkeypatch.setattr(robot, "ANSWER", 0.4)
    async with started(adapter, listener):
        card, number = await a_card(wecom, adapter, engine)

        async def slow() -> Reply:
            await asyncio.sleep(0.6)
            return Reply("done", "已批准。", DONE, {}, number, 2, shown=listener.was_shown)

        listener.answers = [lambda envelope: slow()]
        tap = await do(wecom.tap, "lisi", card, card.key_of("批准"))
        await until(lambda: listener.shown)
    assert not tap.updated and wecom.count("aibot_respond_update_msg") == 0
    assert [s.msgtype for s in wecom.screen("lisi")[-2:]] == ["template_card"] * 2
    assert "已批准。" in wecom.last("lisi").text


async def test_an_update_that_is_refused_is_a_message_of_its_own(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    async with started(adapter, listener):
        card, number = await a_card(wecom, adapter, engine)

        def late(envelope: object) -> Reply:
            wecom.pass_time(5.1)
            return Reply("done", "已批准。", DONE, {}, number, 2, shown=listener.was_shown)

        listener.answers = [late]
        tap = await do(wecom.tap, "lisi", card, card.key_of("批准"))
        await until(lambda: listener.shown)
    assert tap.refused and not tap.updated and "已批准。" in wecom.last("lisi").text


async def test_the_same_tap_twice_is_one_event(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    async with started(adapter, listener):
        card, _ = await a_card(wecom, adapter, engine)
        tap = await do(wecom.tap, "lisi", card, card.key_of("批准"))
        await do(wecom.again, tap, 0.3)
    assert len({heard.event_id for heard in listener.heard if heard.action}) == 1


async def test_a_stop_during_a_tap_answers_it_first(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, engine: Engine
) -> None:
    await adapter.start(listener)
    card, number = await a_card(wecom, adapter, engine)
    begun = asyncio.Event()

    async def slow() -> Reply:
        begun.set()
        await asyncio.sleep(0.5)
        return Reply("done", "已批准。", DONE, {}, number, 2)

    listener.answers = [lambda envelope: slow()]
    tap = asyncio.create_task(do(wecom.tap, "lisi", card, card.key_of("批准")))
    await begun.wait()
    began = asyncio.get_running_loop().time()
    await adapter.stop()
    assert asyncio.get_running_loop().time() - began < 4
    assert (await tap).updated


async def test_junk_changes_nothing(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(adapter, listener):
        for raw in ("[]", "{", '{"cmd":"aibot_event_callback"}',
                    '{"cmd":"aibot_msg_callback","headers":{"req_id":"x"},"body":[]}',
                    '{"headers":[]}', '{"cmd":"aibot_msg_callback","headers":{"req_id":"x"},"body":{"from":{"userid":" "}}}',
                    '{"cmd":"new","headers":{"req_id":"x"}}'):  # fmt: skip
            await do(wecom.junk, raw)
        tap = await do(wecom.intrude, "lisi", "not|one|of|ours", 0.3)
        assert not tap.updated and listener.heard == []
        await greeted(wecom)
        assert adapter._line.up and len(listener.heard) == 1
    assert any("left aside" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("bad", ["x\ud800", "x\x00", "x%00"])
async def test_ids_that_can_be_nobodys_are_left_aside(
    wecom: FakeAibot, adapter: AibotAdapter, listener: Listener, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    """No database takes them."""
    tap = {"event_key": f"{bad}|promise.approve|1|||", "task_id": "t"}
    pressed = {"eventtype": "template_card_event", "template_card_event": tap}
    asked = {"from": {"userid": "LiSi"}, "msgid": "m1", "msgtype": "event", "event": pressed}
    typed = {"from": {"userid": "LiSi"}, "msgid": "m2", "msgtype": "text", "text": {"content": "待办"}}
    frames = [("aibot_event_callback", asked)]
    if "%" not in bad:
        frames += [("aibot_msg_callback", {**typed, "from": {"userid": bad}})]
    async with started(adapter, listener):
        for cmd, body in frames:
            caplog.clear()
            await do(wecom.junk, json.dumps({"cmd": cmd, "headers": {"req_id": "x"}, "body": body}))
            await until(lambda: [r for r in caplog.records if r.name.startswith("bot.")])
            await asyncio.sleep(0.1)
            lines = [r for r in caplog.records if r.name.startswith("bot.")]
            assert len(lines) == 1 and lines[0].levelno == logging.WARNING and not lines[0].exc_info, lines
        assert listener.heard == []
        await greeted(wecom)
        assert len(listener.heard) == 1


# --- typed ---


async def test_a_typed_line_is_answered(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        listener.answers = [Reply("done", "没有 *这样* 的客户。"), Reply("done", "", fitted(adapter), {}, 7, 1)]  # type: ignore[arg-type]
        said = await do(wecom.say, "lisi", "/balance 甲")
        assert said.text == "没有 ＊这样＊ 的客户。" and listener.heard[0].text == "/balance 甲"
        await do(wecom.say, "lisi", "/todo")
        card = wecom.last("lisi")
        await do(wecom.tap, "lisi", card, card.key_of("批准"), patience=1)
        assert listener.heard[-1].delivery_id == 7 and listener.heard[-1].ref == ""
        assert "只看得懂文字" in (await do(wecom.send_picture, "lisi")).text
        listener.answers = [RuntimeError("gone")]
        assert "没有保存" in (await do(wecom.say, "lisi", "/todo")).text


async def test_a_long_answer_is_one_message(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        listener.answers = [Reply("done", "\n".join(f"客户{n} ¥1,000.00" for n in range(300)))]
        assert "客户99" in (await do(wecom.say, "lisi", "/aging")).text


async def test_whoever_opens_the_chat_is_asked_to_write(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        assert "先在这里给我发一句话" in (await do(wecom.enter, "lisi")).text
        assert (await do(wecom.enter, "lisi", 0.3)).text == "", "once a day"
        assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Refused)  # type: ignore[arg-type]


async def test_in_a_group_figures_are_for_one_person(wecom: FakeAibot, adapter: AibotAdapter, listener: Listener) -> None:
    async with started(adapter, listener):
        listener.answers = [Reply("done", "甲 ¥120,000.00"), Reply("done", "您好"), Reply("done", "甲 ¥120,000.00")]
        first = await do(wecom.say, "lisi", "/balance 甲", group=True)
        assert first.text == "请先私聊我一句话，我再在私聊里回答。" and wecom.screen("lisi") == []
        await greeted(wecom)
        assert (await do(wecom.say, "lisi", "/balance 甲", group=True)).text == "已私聊发送。"
        assert wecom.last("lisi").text == "甲 ¥120,000.00" and listener.heard[0].text == "/balance 甲"


def test_words_are_read_as_they_stand() -> None:
    assert frames.plain("- 甲\n+ 乙\n1. 丙", "zh") == "· 甲\n· 乙\n1. 丙"
    assert frames.plain("<a href=x>", "zh") == "＜a href=x＞"
