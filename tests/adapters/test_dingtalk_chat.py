"""What people type to the robot, and the links of text mode."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from sqlalchemy import Engine

from bot.adapters.base import Envelope, Reply
from bot.adapters.dingtalk import decode, text
from bot.card import Action, Choice, Field, Input
from bot.fit import ask_card
from tests.adapters.dingtalk_product import (
    APPROVE,
    LI,
    LOG,
    NOW,
    PROMISE,
    Product,
    card,
    played,
    products,
    record,
    sqlite,
)
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk
from tests.fakes.server import FakeServer

SEND, SESSION = "/v1.0/robot/oToMessages/batchSend", "/robot/sendBySession"


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


def test_words_are_answered_with_words_as_they_are(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    hk.answers(Reply("invalid", "没有 **甲** [a](http://x)"))
    [answer] = fake.say("li", "/balance 甲", replies=1).messages
    assert (answer.kind, answer.text) == ("text", "没有 **甲** [a](http://x)")
    [heard] = hk.heard
    assert (heard.text, heard.user_id, heard.action) == ("/balance 甲", "li", "")
    assert heard.event_id.startswith("msg") and heard.until is not None
    assert len(fake.calls(SESSION)) == 1 and fake.calls(SEND) == []


def test_an_answer_with_figures_is_markdown(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    figures = card(kind="reply.balance", actions=(), fields=(Field("应收", "¥1.00"),), rows=(("1–30 天", "¥1.00"),))
    hk.answers(Reply("done", "", figures))
    [answer] = fake.say("li", "余额 甲", replies=1).messages
    assert answer.kind == "markdown" and "**应收**：¥1.00" in answer.text and "- 1–30 天 · ¥1.00" in answer.text


def test_an_answer_with_buttons_is_a_card_of_its_own(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    pick = card(APPROVE, kind="reply.confirm", title="确认吗？")
    own = record(hk.engine, "", hk.fitted(pick))
    after = card(kind="reply.done", title="记下了", actions=())
    hk.answers(Reply("done", "", hk.fitted(pick), {}, own), Reply("done", "", after, {}, None))
    [answer] = fake.say("li", "/promise 甲 明天", replies=1).messages
    assert answer.kind == "card" and answer.variables["title"] == "确认吗？"
    fake.tap("li", answer.card, "批准")
    assert (hk.heard[1].delivery_id, hk.heard[1].ref) == (own, "")


def test_a_confirmation_is_answered_where_it_was_asked(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    asked = card(Action("reply.confirm", "确认"), kind="reply.confirm", title="确认吗？")
    own = record(hk.engine, "", hk.fitted(asked))
    after = card(kind="reply.done", title="记下了", actions=(), closed=True)
    hk.answers(Reply("done", "", hk.fitted(asked), {}, own), Reply("done", "", after, {}, None))
    [answer] = fake.say("li", "/promise 甲 明天", replies=1).messages
    fake.tap("li", answer.card, "确认")
    seen = fake.card("li", answer.card)
    assert seen.variables["title"] == "记下了" and seen.buttons == ()


def test_a_group_hears_no_figures(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    hk.answers(Reply("done", "", card(kind="reply.balance", title="甲公司 ¥120,000.00", actions=())))
    messages = fake.say_in_group("li", "cid-group", "/balance 甲", replies=2).messages
    assert {each.conversation: each.title or each.text for each in messages} == {
        None: "甲公司 ¥120,000.00", "cid-group": "已私聊发送",
    }  # fmt: skip
    assert hk.heard[0].text == "/balance 甲"
    assert [each.text for each in fake.screen("wang")][-1] == "已私聊发送"


def test_a_group_does_not_hear_what_became_of_a_link_either(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False).start()
    said = link_of(hk.deliver(card(PROMISE)))
    hk.answers(Reply("done", "已登记承诺：7月9日 付 ¥120,000.00", delivery_id=7, rev=1))
    messages = fake.say_in_group("li", "cid-group", said, replies=2).messages
    assert {each.conversation: each.text for each in messages} == {
        None: "已登记承诺：7月9日 付 ¥120,000.00", "cid-group": "已私聊发送",
    }  # fmt: skip


def link_of(ref: str) -> str:
    """What a link of this message says, copied into another chat."""
    return f"承诺日期 明天 7月9日 #{ref}/task.promise/?date=2026-07-09"


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "data", [{"content": DEEP}, {"value": DEEP}, {"content": {"cardPrivateData": DEEP}}, {"params": {"form": DEEP}}],
)  # fmt: skip
def test_depth_is_junk(data: dict[str, Any]) -> None:
    decode.tap({**data, "userId": "u", "outTrackId": "x", "actionId": "a"})
    endless = {"msgId": "1", "msgtype": "text", "text": {"content": "x"}, "sessionWebhookExpiredTime": 10**400}
    found = decode.chat(endless)
    assert found is not None and found.webhook_until == 0.0 and decode.chat({**endless, "text": DEEP}) is None


@pytest.mark.parametrize("address", ["http://[", "http://[::1", "https://api.dingtalk.com@evil.example/", "//x", ""])
def test_no_address_is_dingtalks_that_is_not(product: Callable[..., Product], address: str) -> None:
    assert not product().adapter.client.ours(address)


FOREIGN = ("http://127.0.0.1:{port}/robot/sendBySession?session=1", "http://user@127.0.0.1:{port}/", "http://localhost:{port}/")


class Elsewhere(FakeServer):
    """Somebody else's server, who would like to know what we answer."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/{path:.*}", self._hear)

    async def _hear(self, request: web.Request) -> web.Response:
        self.heard.append(await request.text())
        return web.json_response({"errcode": 0})


@pytest.mark.parametrize("address", FOREIGN)
@pytest.mark.parametrize("group", [False, True])
def test_figures_go_to_no_address_that_is_not_dingtalks(
    product: Callable[..., Product], fake: FakeDingTalk, address: str, group: bool
) -> None:
    """A push brings the address to which its answer goes: where that is somebody else's, the robot answers instead."""
    hk = product().start()
    hk.answers(Reply("done", "", card(kind="reply.balance", title="甲公司 ¥120,000.00", actions=())))
    with Elsewhere() as elsewhere:
        given = {"sessionWebhook": address.format(port=urlsplit(elsewhere.url).port)}
        if group:
            answers = fake.say_in_group("li", "cid-group", "/balance 甲", change=given, replies=1).messages
        else:
            answers = fake.say("li", "/balance 甲", change=given, replies=1).messages
        assert "甲公司 ¥120,000.00" in {each.title for each in answers if each.conversation is None}
        hk.stop()
        assert elsewhere.heard == []
    assert fake.calls(SESSION) == [] and fake.calls(SEND)


def test_naming_the_robot_without_a_word_asks_for_help(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    fake.say_in_group("li", "cid-group", "", replies=1)
    assert hk.heard[0].text == "帮助"


def test_people_outside_are_told_so(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    answer = fake.say("stranger", "/balance 甲", replies=1)
    assert "本公司" in answer.messages[0].text
    fake.say("li", "x", change={"senderCorpId": "dingother"}, replies=1)
    fake.say("li", "x", change={"chatbotCorpId": "dingother"})
    assert hk.heard == []


def test_what_is_not_text_is_answered_kindly(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    change = {"msgtype": "picture", "content": {"downloadCode": "x"}}
    answer = fake.say("li", "", change=change, without=["text"], replies=1)
    assert "文字" in answer.messages[0].text
    assert fake.say("li", "", without=["text"]).acked and fake.say("li", "x", without=["msgId"]).acked
    assert fake.say("li", "x", change={"text": "y"}).acked and hk.heard == []


def test_a_session_that_is_over_is_answered_all_the_same(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    hk.answers(Reply("done", "好"))
    elsewhere = {"sessionWebhook": "http://127.0.0.1:1/steal"}
    for change in ({"sessionWebhookExpiredTime": 1}, elsewhere, {"sessionWebhook": None}):
        assert fake.say("li", "/todo", change=change, replies=1).messages[0].text == "好"
    assert fake.calls(SESSION) == [] and len(fake.calls(SEND)) == 3
    fake.fail(SESSION, status=200, code="300001")
    assert fake.say("li", "/todo", replies=1).messages[0].text == "好"


def test_a_message_is_handled_once(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()
    answer = fake.say("li", "/todo", copies=2, replies=1)
    fake.redeliver(answer)
    assert len(hk.heard) == 1 and len(fake.screen("li")) == 2


def test_a_slow_answer_is_acknowledged_and_follows(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product().start()

    async def slow(envelope: Envelope) -> Reply:
        await asyncio.sleep(2.3)
        return Reply("not_saved", "没有保存")

    hk.receive = slow
    answer = fake.say("li", "/todo", replies=1)
    assert answer.seconds is not None and answer.seconds < 2
    assert answer.messages[0].text == "没有保存，请再发一次"


# --- links ---


def test_a_link_is_a_tap_on_its_own_message(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False).start()
    hk.answers(Reply("done", "已登记"))
    old = hk.deliver(card(PROMISE, APPROVE), "task:1")
    first = fake.screen("li")[0]
    hk.deliver(card(PROMISE, APPROVE, title="另一家"), "task:2")
    answer = fake.follow("li", first, "周五 7月10日", replies=1)
    assert answer.messages[0].text == "已登记"
    [heard] = hk.heard
    assert (heard.ref, heard.action, heard.text, dict(heard.input)) == (old, "task.promise", "", {"date": "2026-07-10"})
    assert fake.screen("li")[-2].text.startswith("承诺日期 周五 7月10日 #hk-")
    fake.follow("li", first, "批准", replies=1)
    fake.follow("li", first, "其他…", replies=1)
    assert [(each.action, each.opens) for each in hk.heard[1:]] == [("promise.approve", False), ("task.promise", True)]


def test_a_question_of_text_mode_is_answered_by_links_or_by_typing(
    product: Callable[..., Product], fake: FakeDingTalk
) -> None:
    """What is typed the product reads: it knows what it has asked."""
    hk = product(cards=False).start()
    ref = hk.deliver(card(LOG))
    asked, _ = ask_card(card(LOG), PROMISE, hk.adapter.capabilities(LI), today=NOW.date())
    own = 1
    hk.answers(Reply("done", "", asked, {}, own, 1, asks=True), Reply("done", "已登记"))
    [question] = fake.follow("li", fake.screen("li")[0], "承诺日期", replies=1).messages
    assert "明天 7月9日" in question.links and "1 承诺日期" in question.text
    fake.follow("li", question, "明天 7月9日", replies=1)
    fake.say("li", "1 7-15 5万", replies=1)
    assert [(each.ref, each.delivery_id, each.action, dict(each.input), each.text) for each in hk.heard] == [
        (ref, None, "task.log", {"result": "promise"}, ""),
        ("", own, "task.promise", {"date": "2026-07-09"}, ""),
        ("", None, "", {}, "1 7-15 5万"),
    ]


def test_only_our_own_words_are_links() -> None:
    for typed in ("2 7-10", "承诺 #hk", "#hk-a-b/task", "/promise 甲 #hk-a-b/x.y/! now", "#xx-a-b/task.promise/"):
        assert text.read(typed) is None
    said = text.read("承诺日期 明天 #hk-ab12-d41/task.promise/?note=%E5%A5%BD+x&date=2026-07-09")
    assert said == text.Said("hk-ab12-d41", "task.promise", False, {"note": "好 x", "date": "2026-07-09"})


def test_text_mode_survives_a_name_with_everything_in_it(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False).start()
    name = "a)b](c #hk-x-y/task.promise/! & d"
    hk.deliver(card(Action("promise.approve", name)))
    [seen] = fake.screen("li")
    fake.follow("li", seen, next(iter(seen.links)), replies=1)
    assert (hk.heard[0].action, hk.heard[0].opens) == ("promise.approve", False)
    assert json.dumps(list(seen.links), ensure_ascii=False) == json.dumps([name], ensure_ascii=False)


def test_a_message_of_many_links_still_goes_out(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    """Two hundred links are more than a message holds: later lines ask first, so that nothing is out of reach."""
    hk = product(cards=False).start()
    people = tuple(Choice(f"handle-{n}", f"陈小红{n}") for n in range(20))
    who = (Input("to", "person", True, "谁", people),)
    many = [Action(f"x.hand_over{'abcdefghijkl'[n]}", f"交给第{n}位同事", inputs=who) for n in range(12)]
    hk.deliver(card(*many, rows=tuple((f"I{n}", "¥1,000.00") for n in range(12))), "task:1")
    [seen] = fake.screen("li")
    assert "I11" in seen.text and fake.wrong == []
    assert [label for label in seen.links if label.startswith("陈小红")] == [choice.label for choice in people]
    assert "交给第0位同事…" not in seen.links
    assert "交给第11位同事…" in seen.links and "更多：/todo" not in seen.text
    hk.answers(Reply("done", "已登记"))
    fake.follow("li", seen, "交给第11位同事…", replies=1)
    assert (hk.heard[0].action, hk.heard[0].opens) == ("x.hand_overl", True)


def test_links_that_have_no_room_at_all_are_found_elsewhere(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False).start()
    many = [Action(f"x.{'abcdefgh'[n // 10]}{'abcdefghij'[n % 10]}", f"{'长' * 40}{n}") for n in range(40)]
    hk.deliver(card(*many, rows=(("I1", "¥1,000.00"),)), "task:1")
    [seen] = fake.screen("li")
    assert seen.text.count("长" * 40) < 40 and "更多：/todo" in seen.text and "I1" in seen.text
