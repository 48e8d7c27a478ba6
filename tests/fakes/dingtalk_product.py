"""A product as the tests of the fake DingTalk need one: the official SDK unmodified, and calls with plain HTTP."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dingtalk_stream
import pytest
import requests
from dingtalk_stream import AckMessage, CallbackMessage, Credential, DingTalkStreamClient, EventMessage

from tests.fakes.dingtalk import FakeDingTalk

CHAT, CARD = dingtalk_stream.ChatbotMessage.TOPIC, dingtalk_stream.CallbackHandler.TOPIC_CARD_CALLBACK
OPEN = "/v1.0/gateway/connections/open"
SEND = "/v1.0/robot/oToMessages/batchSend"
DELIVER = "/v1.0/card/instances/createAndDeliver"
Json = dict[str, Any]
Answering = Callable[[Json], Any]


class Chats(dingtalk_stream.ChatbotHandler):
    def __init__(self, answer: Answering) -> None:
        super().__init__()
        self.answer, self.heard = answer, []

    async def process(self, message: CallbackMessage) -> tuple[int, Any]:
        self.heard.append(message.data)
        return AckMessage.STATUS_OK, await asyncio.to_thread(self.answer, message.data)


class Events(dingtalk_stream.EventHandler):
    """With the status that the protocol wants and the SDK leaves out."""

    def __init__(self, status: str | None) -> None:
        super().__init__()
        self.status, self.heard = status, []

    async def raw_process(self, event_message: EventMessage) -> AckMessage:
        self.heard.append(event_message.data)
        ack = await super().raw_process(event_message)
        if self.status is not None:
            ack.code, ack.data = AckMessage.STATUS_OK, {"status": self.status}
            self.status = "SUCCESS"
        return ack

    async def process(self, event: EventMessage) -> tuple[int, str]:
        return AckMessage.STATUS_OK, "OK"


class Calls:
    """Calls as any product would make them."""

    def __init__(self, fake: FakeDingTalk) -> None:
        self.fake, self.token = fake, ""

    def get_token(self) -> str:
        body = {"appKey": self.fake.client_id, "appSecret": self.fake.client_secret}
        return requests.post(f"{self.fake.api}/v1.0/oauth2/accessToken", json=body, timeout=5).json()["accessToken"]

    def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        self.token = self.token or self.get_token()
        headers = {"x-acs-dingtalk-access-token": self.token}
        answer = requests.request(method, self.fake.api + path, json=body, headers=headers, timeout=5)
        return answer.status_code, answer.json()

    def oapi(self, path: str, body: Json) -> Json:
        keys = {"appkey": self.fake.client_id, "appsecret": self.fake.client_secret}
        token = requests.get(f"{self.fake.oapi}/gettoken", params=keys, timeout=5).json()["access_token"]
        return requests.post(self.fake.oapi + path, params={"access_token": token}, json=body, timeout=5).json()

    def send(self, *users: str, key: str = "sampleMarkdown", **param: str) -> tuple[int, Json]:
        text = json.dumps(param or {"title": "催收", "text": "**甲公司** 逾期"})
        return self.send_raw(userIds=users, msgKey=key, msgParam=text)

    def send_raw(self, **body: Any) -> tuple[int, Json]:
        return self.call("POST", SEND, {"robotCode": self.fake.robot_code, **body})


class Product(Calls):
    """And the official client, in a thread and a loop of its own."""

    def __init__(self, fake: FakeDingTalk, answer: Answering, event_status: str | None) -> None:
        super().__init__(fake)
        self.chats, self.cards, self.events = Chats(answer), Chats(answer), Events(event_status)
        quiet = logging.getLogger("tests.fakes.dingtalk.client")
        self.client = DingTalkStreamClient(
            Credential(fake.client_id, fake.client_secret), quiet, websocket_connect_options={"proxy": None}
        )
        self.client.register_callback_handler(CHAT, self.chats)
        self.client.register_callback_handler(CARD, self.cards)
        self.client.register_all_event_handler(self.events)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.task = self.loop.create_task(self.client.start())
        self.loop.run_until_complete(asyncio.wait({self.task}))

    def start(self) -> "Product":
        self.thread.start()
        self.fake.wait_connected()
        return self

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join(15)
        assert not self.thread.is_alive()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


def variable(name: str, kind: str = "string", private: bool = False) -> Json:
    return {"name": name, "id": name, "type": kind, "private": private}


def template(*variables: Json) -> Json:
    """The shape of the card platform's export, with the few properties which decide what is shown."""
    shown = {"valueType": "condition", "condition": {"op": "and", "conditions": [{"op": "isTrue", "variable": "show_form"}]}}
    form = {"form": {"variable": "form"}, "visible": shown, "actionId": {"type": "dynamicString", "content": "sent"}}
    nodes = [
        {"componentName": "Form", "props": form},
        {"componentName": "ButtonGroup", "props": {"dynamicButtons": {"variable": "btns"}}},
    ]
    editor = {"schema": {"componentsTree": [{"componentName": "Card", "props": {}, "children": nodes}]}}
    return {"editorData": json.dumps({**editor, "variableList": list(variables)}), "widgetInfo": "", "type": "im"}


TEMPLATE = template(
    variable("title"),
    variable("content", "markdown"),
    variable("status_text"),
    variable("form", "form"),
    variable("show_form"),
    variable("btns", "buttonGroup"),
    variable("mine", private=True),
)


def button(text: str, action: str, **params: str) -> Json:
    event = {"type": "sendCardRequest", "params": {"actionId": action, "params": params}}
    return {"text": text, "color": "blue", "event": event}


BUTTONS = json.dumps([button("承诺付款日", "promise", v="7"), {**button("有争议", "dispute"), "status": "disabled"}])
OPTIONS = [{"value": "1", "text": "仅本单"}, {"value": "2", "text": "提额"}]
FORM = json.dumps(
    {
        "fields": [
            {"name": "day", "label": "日期", "type": "DATE", "required": True},
            {"name": "scope", "type": "SELECT", "options": OPTIONS},
            {"name": "amount", "type": "NUMBER", "defaultValue": "320000"},
            {"name": "v", "type": "TEXT", "hidden": True, "defaultValue": "7"},
        ]
    }
)


def card(to: str = "li", **other: Any) -> Json:
    body: Json = {
        "cardTemplateId": "card.schema",
        "outTrackId": "hk:test:1",
        "userIdType": 1,
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {"title": "逾期催收", "btns": BUTTONS, "form": FORM, "show_form": "false"}},
        "openSpaceId": f"dtv1.card//IM_ROBOT.{to}",
        "imRobotOpenSpaceModel": {"supportForward": False},
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": "dingfakeclient"},
    }
    return {**body, **other}


def change(**values: str) -> Json:
    return {"cardUpdateOptions": {"updateCardDataByKey": True}, "cardData": {"cardParamMap": values}}


def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDingTalk]:
    """A company of two, its group and its template; the SDK finds the fake in place of DingTalk."""
    with FakeDingTalk() as running:
        running.add_user("li", "u-li", "13800000001", "李四")
        running.add_user("wang", "u-wang", "13800000002", "王总")
        running.add_group("cid-group", ["li", "wang"])
        running.add_template("card.schema", TEMPLATE)
        monkeypatch.setattr(DingTalkStreamClient, "OPEN_CONNECTION_API", running.api + OPEN)
        monkeypatch.setattr(dingtalk_stream.stream, "DINGTALK_OPENAPI_ENDPOINT", running.api)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


def products(fake: FakeDingTalk) -> Iterator[Callable[..., Product]]:
    """`product(answer)`: a connected product. What the fake finds wrong fails the test, unless it emptied the list."""
    started: list[Product] = []

    def start(answer: Answering = lambda _: {}, event_status: str | None = "SUCCESS") -> Product:
        started.append(Product(fake, answer, event_status).start())
        return started[-1]

    yield start
    for each in started:
        each.stop()
    assert fake.wrong == []
