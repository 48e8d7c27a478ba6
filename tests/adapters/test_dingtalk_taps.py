"""Buttons and forms of DingTalk cards: asked in place, answered in time, or told that nothing was saved."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.adapters.base import DeliveryRef, Envelope, Reply
from bot.adapters.dingtalk import stream
from bot.card import Action, Choice, Input
from bot.fit import ask_card
from core.errors import Unreachable
from tests.adapters.dingtalk_product import (
    APPROVE,
    LI,
    LOG,
    NOW,
    PROMISE,
    RELEASE,
    Product,
    card,
    played,
    products,
    record,
    sqlite,
)
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk, NotOnScreen

PUT = "PUT /v1.0/card/instances"
NOT_SAVED = "没有保存，请再按一次"


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    yield from sqlite(databases)


@pytest.fixture
def fake() -> Iterator[FakeDingTalk]:
    with played() as running:
        yield running


@pytest.fixture
def product(fake: FakeDingTalk, engine: Engine) -> Iterator[Callable[..., Product]]:
    yield from products(fake, engine)


def now(fake: FakeDingTalk, ref: str, user: str = "li") -> dict[str, str]:
    return dict(fake.card(user, ref).variables)


# --- a tap and its answer ---


def test_a_tap_is_answered_with_the_card_as_it_is_now(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    shown = threading.Event()

    async def noted() -> None:
        shown.set()

    after = hk.fitted(card(title="已批准 · 甲公司", closed=True, actions=()))
    hk.answers(Reply("done", "已批准", after, {}, 7, 2, shown=noted))
    answer = fake.tap("li", ref, "批准")
    assert answer.applied and answer.seconds is not None and answer.seconds < 1
    assert shown.wait(2)
    assert (now(fake, ref)["title"], now(fake, ref)["notice"]) == ("已批准 · 甲公司", "已批准")
    [heard] = hk.heard
    assert (heard.messenger, heard.user_id, heard.ref, heard.action) == ("dingtalk", "li", ref, "promise.approve")
    assert (heard.seen_rev, heard.delivery_id, heard.event_id) == (1, None, answer.message_id)
    assert heard.until is not None and 0 < heard.until - time.monotonic() < 1.6


@pytest.mark.parametrize("shape", ["cardPrivateData", "actionId", "value"])
def test_the_three_shapes_of_a_callback(product: Callable[..., Product], fake: FakeDingTalk, shape: str) -> None:
    fake.people.tap_shape = shape
    hk = product().start()
    ref = hk.deliver()
    for change in ({}, {"extension": ""}, {"extension": None}):
        assert fake.tap("li", ref, "批准", change=change).acked
    assert [(each.action, each.seen_rev) for each in hk.heard] == [("promise.approve", 1)] * 3


def test_a_form_opens_is_put_away_and_is_sent(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    hk.answers(Reply("done", "已登记", hk.fitted(card(title="已承诺")), {}, 7, 2))
    fake.tap("li", ref, "承诺日期")
    seen = fake.card("li", ref)
    assert [(each["name"], each["type"], bool(each.get("required"))) for each in seen.form][:3] == [
        ("date", "DATE", True), ("amount", "TEXT", False), ("note", "TEXT_AREA", False),
    ]  # fmt: skip
    assert [each.text for each in seen.buttons] == ["返回"] and seen.variables["title"] == "逾期 7 天 · 甲公司"
    fake.tap("li", ref, "返回")
    assert [each.text for each in fake.card("li", ref).buttons] == ["承诺日期", "批准"] and hk.heard == []
    fake.tap("li", ref, "承诺日期")
    fake.submit("li", ref, {"date": "2026-07-10", "amount": "5万"})
    [heard] = hk.heard
    assert (heard.action, heard.seen_rev, dict(heard.input)) == ("task.promise", 1, {"date": "2026-07-10", "amount": "5万"})
    assert now(fake, ref)["title"] == "已承诺" and now(fake, ref)["notice"] == "已登记" and fake.card("li", ref).form == ()


def test_one_question_leads_to_the_next(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver(card(LOG))
    asked, _ = ask_card(card(LOG), PROMISE, hk.adapter.capabilities(LI), today=NOW.date())
    hk.answers(Reply("done", "", asked, {}, 7, 4, asks=True), Reply("done", "已登记", hk.fitted(card()), {}, 7, 5))
    fake.tap("li", ref, "登记结果")
    fake.submit("li", ref, {"result": "promise"})
    assert [each["name"] for each in fake.card("li", ref).form][:3] == ["date", "amount", "note"]
    fake.submit("li", ref, {"date": "2026-07-10"})
    assert [(each.action, dict(each.input), each.seen_rev) for each in hk.heard] == [
        ("task.log", {"result": "promise"}, 1), ("task.promise", {"date": "2026-07-10"}, 4),
    ]  # fmt: skip


def test_what_was_filled_in_wrongly_stays_there(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    hk.answers(Reply("invalid", "日期太早", hk.fitted(card()), {}, 7, 1))
    fake.tap("li", ref, "承诺日期")
    fake.submit("li", ref, {"date": "2026-07-01"})
    assert now(fake, ref)["notice"] == "日期太早" and fake.card("li", ref).form != ()


def test_a_confirmation_is_asked_first(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver(card(RELEASE))
    fake.tap("li", ref, "全部放行")
    assert now(fake, ref)["notice"] == "确定放行吗？" and hk.heard == []
    assert [each.text for each in fake.card("li", ref).buttons] == ["确认", "返回"]
    fake.tap("li", ref, "确认")
    assert [each.action for each in hk.heard] == ["letters.release"]


def test_target_and_given_come_back(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    one = Action("task.promise", "明天", target="12", draw="preset", given=(("date", "2026-07-09"),))
    drawn = card(one)
    ref = str(hk.run(hk.adapter.send(LI, drawn, "task:9")).ref)
    fake.tap("li", ref, "明天")
    assert dict(hk.heard[0].input) == {"target": "12", "date": "2026-07-09"}


def test_the_digests_list_opens_a_card_of_its_own(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    which = Input("task", "choice", True, "待办", (Choice("12", "甲公司"), Choice("13", "乙公司")))
    ref = hk.deliver(card(Action("task.open", "打开待办", "choice", (which,)), kind="digest.daily"))
    opened = hk.fitted(card(APPROVE, title="乙公司"))
    own = record(hk.engine, "", opened)
    hk.answers(Reply("done", "", opened, {}, own), Reply("done", "已批准", None, {}, None))
    fake.tap("li", ref, "打开待办")
    answer = fake.submit("li", ref, {"task": "13"}, replies=1)
    [new] = answer.messages
    assert new.kind == "card" and new.variables["title"] == "乙公司" and fake.card("li", ref).form == ()
    fake.tap("li", new.card, "批准")
    assert (hk.heard[1].delivery_id, hk.heard[1].ref, hk.heard[1].seen_rev) == (own, "", None)
    assert now(fake, new.card)["notice"] == "已批准"


# --- the deadline ---


def test_too_slow_is_told_and_nothing_is_acked_late(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()

    async def slow(envelope: Envelope) -> Reply:
        await asyncio.sleep(2.5)
        return Reply("not_saved", NOT_SAVED)

    hk.receive = slow
    answer = fake.tap("li", ref, "批准")
    assert answer.applied and answer.seconds is not None and answer.seconds < 2
    assert now(fake, ref)["notice"] == NOT_SAVED
    hk.stop()
    assert [call.method for call in fake.calls("/v1.0/card/instances")] == []


def test_saved_after_all_is_shown_by_an_update(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    noted = threading.Event()

    async def shown() -> None:
        noted.set()

    async def slow(envelope: Envelope) -> Reply:
        await asyncio.sleep(2.2)
        return Reply("done", "已批准", hk.fitted(card(title="已批准")), {}, 7, 2, shown=shown)

    hk.receive = slow
    fake.tap("li", ref, "批准")
    assert noted.wait(5) and (now(fake, ref)["title"], now(fake, ref)["notice"]) == ("已批准", "已批准")


@pytest.mark.parametrize("error", [RuntimeError("boom"), Unreachable("db.unreachable")])
def test_a_product_that_fails_says_so(
    product: Callable[..., Product], fake: FakeDingTalk, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    hk = product().start()
    ref = hk.deliver()

    async def broken(envelope: Envelope) -> Reply:
        raise error

    hk.receive = broken
    assert fake.tap("li", ref, "批准").acked
    assert now(fake, ref)["notice"] == NOT_SAVED
    assert fake.say("li", "/todo", replies=1).messages[0].text == "没有保存，请再发一次"
    assert any("not saved" in each.message for each in caplog.records)


def test_a_tap_under_way_is_finished_when_we_stop(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    begun = threading.Event()

    async def slow(envelope: Envelope) -> Reply:
        begun.set()
        await asyncio.sleep(0.8)
        return Reply("done", "已批准", hk.fitted(card(title="已批准")), {}, 7, 2)

    hk.receive = slow
    answers: list[Any] = []
    tapping = threading.Thread(target=lambda: answers.append(fake.tap("li", ref, "批准")))
    tapping.start()
    assert begun.wait(2)
    started = time.monotonic()
    hk.stop()
    assert time.monotonic() - started < 4
    tapping.join(5)
    assert answers[0].applied and now(fake, ref)["title"] == "已批准"
    assert fake.connections() == 0


# --- again, and by others ---


def test_a_replayed_event_is_handled_once(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    first = fake.tap("li", ref, "批准", copies=3)
    fake.redeliver(first)
    assert len(hk.heard) == 1 and len(fake.acks(first)) == 4


def test_another_process_gives_a_replayed_event_the_same_id(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    one, ref = product().start(), ""
    ref = one.deliver()
    first = fake.tap("li", ref, "批准")
    one.stop()
    two = product().start()
    fake.redeliver(first)
    assert two.heard[0].event_id == one.heard[0].event_id


def test_another_company_is_refused(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    hk = product().start()
    ref = hk.deliver()
    before = now(fake, ref)
    assert fake.tap("li", ref, "批准", change={"corpId": "dingother"}).response == {}
    assert fake.tap("li", ref, "批准", without=["corpId"]).response == {}
    assert hk.heard == [] and now(fake, ref) == before
    assert sum("another company" in each.message for each in caplog.records) == 2


def test_somebody_else_who_may_not_is_told_in_private(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    before = now(fake, ref)
    hk.answers(Reply("not_allowed", "您没有权限"))
    answer = fake.tap("wang", ref, "批准", anyway=True, replies=1)
    assert [each.text for each in answer.messages] == ["您没有权限"]
    assert now(fake, ref) == before


def test_junk_is_refused_without_its_content(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hk = product().start()
    ref = hk.deliver()
    topic = "/v1.0/card/instances/callback"
    canary = "junk-canary"
    for data in ("{", f'"{canary}"', "[]", {"outTrackId": canary}, {"userId": 7, "outTrackId": [canary], "content": "{{"}):
        assert fake.push(topic, data).acked
    for change in ({"content": canary}, {"content": json.dumps({"cardPrivateData": canary})}, {"userId": canary * 100}):
        assert fake.tap("li", ref, "批准", change=change).acked
    fake.push_text(canary)
    fake.push_text(f'["{canary}"]')
    fake.push_text(f'{{"type": "{canary}", "headers": {{}}}}')
    assert fake.tap("li", ref, "批准").applied  # it lives
    assert len(hk.heard) == 1
    assert not [each for each in caplog.records if canary in each.getMessage()]


@pytest.mark.parametrize("bad", ["x\ud800", "x\x00"])
def test_ids_that_can_be_nobodys_are_junk(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    """No database takes them. They are acknowledged, so that they don't come again."""
    hk = product().start()
    ref = hk.deliver()

    def pressed(action: str = "promise.approve", **state: str) -> dict[str, str]:
        private = {"actionIds": [action], "params": {"v": "1", **state}}
        return {"content": json.dumps({"cardPrivateData": private})}

    tap = {"userId": "li", "outTrackId": ref, "corpId": fake.corp_id, "type": "actionCallback", **pressed()}
    said = {
        "msgId": "m1", "msgtype": "text", "text": {"content": "待办"}, "conversationType": "1", "senderStaffId": "li",
        "chatbotCorpId": fake.corp_id, "senderCorpId": fake.corp_id,
    }  # fmt: skip
    taps = [{**tap, "userId": bad}, {**tap, "outTrackId": bad}, {**tap, **pressed(bad)}, {**tap, **pressed(a=bad)}]
    pushes = [(stream.CARD, each) for each in taps] + [(stream.CHAT, {**said, k: bad}) for k in ("msgId", "senderStaffId")]
    for topic, each in pushes:
        caplog.clear()
        assert fake.push(topic, json.dumps(each)).acked, each
        assert len(own := [r for r in caplog.records if r.name.startswith("bot.")]) == 1, each
        assert own[0].levelno == logging.WARNING and own[0].exc_info is None
    for topic, message_id in ((stream.CARD, bad), (bad, "1")):  # of the frame itself
        caplog.clear()
        assert hk.run(hk.adapter.desk.handle(topic, message_id, tap)).response == {}
        assert [r.levelno for r in caplog.records if r.name.startswith("bot.")] == [logging.WARNING]
        caplog.text.encode()
    assert hk.heard == [] and fake.tap("li", ref, "批准").applied


def test_a_form_that_is_not_ours_is_refused(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    content = json.dumps({"cardPrivateData": {"actionIds": ["form.submit"], "params": {"form": {"date": "2026-07-10"}}}})
    assert fake.tap("li", ref, "批准", change={"content": content}).response == {}
    assert hk.heard == []


def test_a_card_that_is_over_opens_no_form(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = str(hk.send().ref)
    record(hk.engine, ref, hk.fitted(card()), state="closed")
    hk.answers(Reply("already", "已经处理过了"))
    fake.tap("li", ref, "承诺日期")
    assert hk.heard[0].opens and now(fake, ref)["notice"] == "已经处理过了"


def test_an_update_puts_a_form_away(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    ref = hk.deliver()
    fake.tap("li", ref, "承诺日期")
    hk.run(hk.adapter.update(DeliveryRef(LI, ref, 1, 2), hk.fitted(card(title="新的"))))
    seen = fake.card("li", ref)
    assert seen.form == () and seen.variables["title"] == "新的"
    with pytest.raises(NotOnScreen):
        fake.submit("li", ref, {"date": "2026-07-10"})
