"""What the tests of the fake Slack share: a card, a form, and a small product made with the official SDK."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack

T = TypeVar("T")
LI, WANG, DM = "U0LI", "U0WANG", "D0LI"


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def button(action: str = "todo.done", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": text("OK"), "value": "TD-1|1", **more}


def section(words: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": words}, **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


CARD: dict[str, Any] = {
    "text": "逾期 37 天：华东精密机械 ¥128,450.00",
    "metadata": {"event_type": "todo", "event_payload": {"todo": "TD-1", "delivery": "dlv_1"}},
    "blocks": [
        {"type": "section", "block_id": "h:1", "text": {"type": "mrkdwn", "text": "*逾期 37 天*"}},
        {
            "type": "actions",
            "block_id": "a:TD-1:1",
            "elements": [
                button(style="primary"),
                {"type": "datepicker", "action_id": "todo.promise", "placeholder": text("承诺付款日")},
                {
                    "type": "static_select",
                    "action_id": "todo.snooze",
                    "options": [{"text": text("2 小时后"), "value": "PT2H"}, {"text": text("明天"), "value": "P1D"}],
                },
                button("todo.drop", confirm={"title": text("Sure?"), "text": text("Really?")}),
            ],
        },
    ],
}
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "claim",
    "private_metadata": "TD-1",
    "title": text("登记"),
    "submit": text("提交"),
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "amt",
            "label": text("金额"),
            "element": {"type": "number_input", "action_id": "n", "is_decimal_allowed": True, "min_value": "0"},
        },
        {
            "type": "input",
            "block_id": "day",
            "label": text("日期"),
            "optional": True,
            "element": {"type": "datepicker", "action_id": "d"},
        },
    ],
}


class Loop:
    """An event loop in a thread: what a product would be, so that the test may wait for people."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(steps, self.loop).result(30)

    def stop(self) -> None:
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


Api = Callable[..., dict[str, Any]]


@contextmanager
def a_workspace() -> Iterator[FakeSlack]:
    """Two people, a channel with the bot in it and one without."""
    with FakeSlack() as fake:
        fake.add_user(LI, "li@example.com", "li", "李")
        fake.add_user(WANG, "wang@example.com", "wang")
        fake.add_channel("C0SALES", "sales", [LI])
        fake.add_channel("C0ELSE", "elsewhere", [LI], with_bot=False)
        yield fake


@contextmanager
def a_loop() -> Iterator[Loop]:
    made = Loop()
    try:
        yield made
    finally:
        made.stop()


def an_api(slack: FakeSlack, product: Loop) -> Api:
    """`api("chat_postMessage", channel=…)` -> the answer's data, by the official client without retries."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=2)

    def call(method: str, **given: Any) -> dict[str, Any]:
        async def once() -> Any:
            return (await getattr(client, method)(**given)).data

        return product.run(once())

    return call


def error_of(api: Api, method: str, **given: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        api(method, **given)
    return caught.value.response["error"]


def until(holds: Callable[[], Any], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


class Bot:
    """A small product with listeners for everything; `heard` is what reached them."""

    def __init__(self, slack: FakeSlack, product: Loop, *, hears_all: bool = True) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.pause = 0.0
        self._slack, self._product = slack, product
        self.handler: AsyncSocketModeHandler
        product.run(self._make(hears_all))

    async def _make(self, hears_all: bool) -> None:
        client = AsyncWebClient(token=self._slack.bot_token, base_url=self._slack.api_url, retry_handlers=[])
        self.app = AsyncApp(client=client, signing_secret=self._slack.signing_secret)
        self.app.command("/balance")(self._balance)
        self.app.action("todo.done")(self._done)
        self.app.action("todo.form")(self._form)
        self.app.action(re.compile(".*"))(self._other)
        self.app.view("claim")(self._claim)
        self.app.view_closed("claim")(self._closed)
        self.app.event("app_home_opened")(self._home)
        if hears_all:
            self.app.event(re.compile(".*"))(self._event)

    async def _connect(self) -> None:
        self.handler = AsyncSocketModeHandler(self.app, self._slack.app_token, ping_interval=0.5)
        await self.handler.connect_async()

    def connect(self) -> "Bot":
        self._product.run(self._connect())
        return self

    def close(self) -> None:
        self._product.run(self.handler.close_async())

    async def _balance(self, ack: Any, command: Any, respond: Any) -> None:
        self.heard.append(("command", command))
        await asyncio.sleep(self.pause)
        await ack(text=f"余额 {command['text']}")
        if command["text"] == "slow":
            await asyncio.sleep(0.2)  # Bolt sends the ack a moment after this listener made it
            await respond(text="结果", replace_original=True)

    async def _done(self, ack: Any, body: Any, client: Any) -> None:
        await ack()
        self.heard.append(("done", body))
        ts, channel = body["message"]["ts"], body["channel"]["id"]
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "已记录"}}]
        await client.chat_update(channel=channel, ts=ts, text="已记录", blocks=blocks)

    async def _form(self, ack: Any, body: Any, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    async def _other(self, ack: Any, body: Any) -> None:
        await ack()
        self.heard.append((body["actions"][0]["action_id"], body))

    async def _claim(self, ack: Any, view: Any) -> None:
        self.heard.append(("claim", view))
        amount = float(view["state"]["values"]["amt"]["n"]["value"])
        if amount > 100:
            await ack(response_action="errors", errors={"amt": "超过欠款"})
        else:
            await ack()

    async def _closed(self, ack: Any, body: Any) -> None:
        await ack()
        self.heard.append(("closed", body))

    async def _home(self, event: Any, client: Any) -> None:
        blocks = [{"type": "actions", "elements": [button("home.row")]}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    async def _event(self, event: Any) -> None:
        await asyncio.sleep(self.pause)
        self.heard.append((event["type"], event))

    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


@contextmanager
def a_bot(slack: FakeSlack, product: Loop, *, hears_all: bool = True) -> Iterator[Bot]:
    """Connected."""
    made = Bot(slack, product, hears_all=hears_all).connect()
    until(lambda: slack.connections == 1)
    try:
        yield made
    finally:
        made.close()
