"""The fake of the robot's long connection, by a client that shares nothing with the product."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import requests

from tests.fakes.wecom import NotThere
from tests.fakes.wecom import aibot_rules as rules
from tests.fakes.wecom.aibot import Event, FakeAibot
from tests.fakes.wecom.robot import RobotPage

CARD = {
    "card_type": "button_interaction",
    "task_id": "t-1",
    "source": {"desc": "回款助手"},
    "main_title": {"title": "逾期 7 天"},
    "card_action": {"type": 1, "url": "https://work.weixin.qq.com/"},
    "button_list": [{"text": "承诺", "style": 1, "key": "promise"}, {"text": "批准", "style": 4, "key": "ok"}],
}
DONE = {**CARD, "main_title": {"title": "已批准"}, "button_list": [{"text": "好", "style": 4, "key": "fine"}]}


class Client:
    def __init__(self, fake: FakeAibot, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.sent = 0
        self.closed_with: Any = None

    async def connect(self, secret: str = "") -> dict[str, Any]:
        trust = ssl.create_default_context(cafile=str(self.fake.trusted))
        self.socket = await self.session.ws_connect(self.fake.url, ssl=trust)
        self.reading = asyncio.create_task(self.read())
        return await self.ask("aibot_subscribe", {"bot_id": self.fake.bot_id, "secret": secret or self.fake.secret})

    async def read(self) -> None:
        while True:
            frame = await self.socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                self.closed_with = frame.data
                return
            said = frame.json()
            waiting = self.answers.pop(said["headers"]["req_id"], None)
            if waiting is not None and "cmd" not in said:
                waiting.set_result(said)
            else:
                self.events.put_nowait(said)

    async def ask(self, cmd: str, body: dict[str, Any] | None = None, req_id: str = "") -> dict[str, Any]:
        self.sent += 1
        req_id = req_id or f"{cmd}_{self.sent}"
        waiting = self.answers[req_id] = asyncio.get_running_loop().create_future()
        frame = {"cmd": cmd, "headers": {"req_id": req_id}}
        await self.socket.send_json(frame | ({"body": body} if body is not None else {}))
        return await asyncio.wait_for(waiting, 5)

    async def push(self, user: str, message: dict[str, Any]) -> int:
        said = await self.ask("aibot_send_msg", {"chatid": user, "chat_type": 1, **message})
        return int(said["errcode"])

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), 5)


@pytest.fixture
def fake() -> Iterator[FakeAibot]:
    with FakeAibot(members={"LiSi": "李四"}) as made:
        yield made


@pytest.fixture
async def client(fake: FakeAibot) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(fake, session)


def card(shown: dict[str, Any]) -> dict[str, Any]:
    return {"msgtype": "template_card", "template_card": shown}


async def said(client: Client, words: str = "你好") -> Event:
    """li writes, and the client leaves it unanswered."""
    event = await asyncio.to_thread(client.fake.say, "lisi", words, patience=0)
    await client.next()
    return event


async def test_nobody_trusts_it_unasked(fake: FakeAibot, client: Client) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await client.session.ws_connect(fake.url)


async def test_subscribe_ping_and_a_wrong_secret(fake: FakeAibot, client: Client) -> None:
    assert (await client.connect())["errcode"] == 0
    assert (await client.ask("ping"))["errcode"] == 0
    other = Client(fake, client.session)
    assert (await other.connect("wrong"))["errcode"] == rules.BAD_SECRET
    assert (await other.ask("ping"))["errcode"] == rules.NOT_SUBSCRIBED
    assert (await client.ask("ping"))["errcode"] == 0, "a wrong secret throws nobody out"


async def test_only_who_has_written_is_written_to(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    assert await client.push("LiSi", card(CARD)) == rules.NO_CHAT
    await said(client)
    assert await client.push("lisi", card(CARD)) == 0
    assert fake.last("LiSi").key_of("批准") == "ok"
    assert await client.push("lisi", card(CARD)) == 42014
    fake.forget("lisi")
    assert await client.push("lisi", card({**CARD, "task_id": "t-2"})) == rules.NO_CHAT


async def test_what_a_robot_may_not_send(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    await said(client)
    link = {"text": "去", "style": 1, "type": 1, "url": "https://example.com/"}
    assert await client.push("lisi", card({**CARD, "button_list": [link]})) == rules.BAD_FRAME
    assert await client.push("lisi", card({**CARD, "buttons": []})) == 40058
    assert await client.push("lisi", {"msgtype": "text", "text": {"content": "x"}}) == rules.BAD_FRAME
    assert await client.push("lisi", {"msgtype": "markdown", "markdown": {"content": "好" * 7000}}) == rules.BAD_FRAME
    assert await client.push("lisi", card({**CARD, "main_title": {"title": "很" * 27}})) == 0
    assert len(fake.wrong) == 4 and len(fake.lint) == 1


async def test_a_tap_is_answered_in_its_place_within_five_seconds(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    await said(client)
    await client.push("lisi", card(CARD))
    before = fake.last("lisi")
    tap = asyncio.create_task(asyncio.to_thread(fake.tap, "lisi", before, "ok"))
    frame = await client.next()
    inside = frame["body"]["event"]["template_card_event"]
    assert (inside["event_key"], inside["task_id"], frame["body"]["from"]["userid"]) == ("ok", "t-1", "LiSi")
    update = {"response_type": "update_template_card", "template_card": {**DONE, "task_id": "other"}}
    req_id = frame["headers"]["req_id"]
    assert (await client.ask("aibot_respond_update_msg", update, req_id))["errcode"] == rules.BAD_FRAME
    update["template_card"] = DONE
    assert (await client.ask("aibot_respond_update_msg", update, req_id))["errcode"] == 0
    assert (await tap).updated and fake.last("lisi").text.startswith("回款助手\n已批准")
    late = await asyncio.to_thread(fake.tap, "lisi", before, "ok", patience=0)
    frame = await client.next()
    fake.pass_time(5.1)
    assert (await client.ask("aibot_respond_update_msg", update, late.req_id))["errcode"] == rules.TOO_LATE


async def test_the_phone_presses_only_what_is_there(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    await said(client)
    await client.push("lisi", card(CARD))
    with pytest.raises(NotThere):
        await asyncio.to_thread(fake.tap, "lisi", fake.last("lisi"), "nothing")


async def test_a_second_connection_throws_the_first_one_out(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    other = Client(fake, client.session)
    await other.connect()
    assert (await client.next())["body"]["event"]["eventtype"] == "disconnected_event"
    await asyncio.wait_for(client.reading, 5)
    assert client.closed_with == 1000


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_it_closes_as_the_real_one_was_seen_to(fake: FakeAibot, client: Client, code: int) -> None:
    await client.connect()
    await asyncio.to_thread(fake.close, code)
    await asyncio.wait_for(client.reading, 5)
    assert client.closed_with == code


async def test_a_black_hole_answers_nothing(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    fake.black_hole()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.ask("ping"), 0.3)
    assert not client.socket.closed


async def test_faults(fake: FakeAibot, client: Client) -> None:
    await client.connect()
    await said(client)
    fake.faults.errcode("aibot_send_msg", 45009)
    assert await client.push("lisi", card(CARD)) == 45009 and fake.screen("lisi") == []
    fake.faults.drop("aibot_send_msg")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.push("lisi", card(CARD)), 0.5)
    assert len(fake.screen("lisi")) == 1


# --- a human


async def test_the_page_for_humans_plays_who_talks_to_the_robot(fake: FakeAibot, client: Client) -> None:
    """Words of 李四 reach the product and stand in his chat; its card comes under them, and its buttons can be pressed."""
    await client.connect()
    with RobotPage(fake, patience=0) as page:

        def act(**what: Any) -> requests.Response:
            return requests.post(page.url + "/human/act", json=what, timeout=5)

        def state() -> dict[str, Any]:
            seen: dict[str, Any] = requests.get(page.url + "/human/state", timeout=5).json()
            return seen

        assert "企业微信" in (await asyncio.to_thread(requests.get, page.url + "/", timeout=5)).text
        entry = (await asyncio.to_thread(state))["menu"][0]
        assert (await asyncio.to_thread(act, do="menu", user="lisi", key=entry["key"])).ok
        assert (await client.next())["body"]["event"]["eventtype"] == "enter_chat"
        assert (await asyncio.to_thread(act, do="say", user="lisi", text="帮助")).ok
        assert (await client.next())["body"]["text"]["content"] == "帮助"
        assert await client.push("lisi", card(CARD)) == 0
        li = (await asyncio.to_thread(state))["people"][0]
        assert li["name"] == "李四" and [one["text"].split("\n")[0] for one in li["chat"]] == ["帮助", "回款助手"]
        assert [one["from_member"] for one in li["chat"]] == [True, False]
        tap = {"do": "tap", "user": "LiSi", "msgid": li["chat"][1]["msgid"], "selected": {}}
        assert (await asyncio.to_thread(act, **tap, key="ok")).ok
        assert (await client.next())["body"]["event"]["template_card_event"]["event_key"] == "ok"
        wrong = await asyncio.to_thread(act, **tap, key="no such")
        assert (wrong.status_code, "no button" in wrong.text) == (400, True)
        elsewhere = requests.post
        assert (await asyncio.to_thread(elsewhere, page.url + "/human/act", data="{}", timeout=5)).status_code == 415
        seen = await asyncio.to_thread(state)
        assert (seen["wrong"], seen["lint"]) == ([], [])
