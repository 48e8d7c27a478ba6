"""The fake Slack, proved with the official SDK as it is, over real sockets."""

import asyncio
import copy
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.slack import FakeSlack, Impossible, broken, dropped, hangs, refused, slow, too_many

T = TypeVar("T")
LI, WANG, DM = "U0LI", "U0WANG", "D0LI"


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def button(action: str = "todo.done", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": text("OK"), "value": "TD-1|1", **more}


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


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeSlack() as fake:
        fake.add_user(LI, "li@example.com", "li", "李")
        fake.add_user(WANG, "wang@example.com", "wang")
        fake.add_channel("C0SALES", "sales", [LI])
        fake.add_channel("C0ELSE", "elsewhere", [LI], with_bot=False)
        yield fake


@pytest.fixture
def product() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.stop()


Api = Callable[..., dict[str, Any]]


@pytest.fixture
def api(slack: FakeSlack, product: Loop) -> Api:
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


@pytest.fixture
def bot(slack: FakeSlack, product: Loop) -> Iterator[Bot]:
    made = Bot(slack, product).connect()
    until(lambda: slack.connections == 1)
    yield made
    made.close()


# --- Web API --------------------------------------------------------------------------------------


def test_a_card_is_posted_read_back_changed_and_deleted(slack: FakeSlack, api: Api) -> None:
    posted = api("chat_postMessage", channel=LI, **CARD)
    assert posted["channel"] == DM
    [shown] = slack.screen(LI)
    assert (shown.text, shown.ts, shown.metadata) == (CARD["text"], posted["ts"], CARD["metadata"])
    assert not slack.screen(WANG)

    [read] = api("conversations_history", channel=DM, include_all_metadata=True)["messages"]
    assert read["metadata"]["event_payload"]["delivery"] == "dlv_1"
    assert "metadata" not in api("conversations_history", channel=DM)["messages"][0]

    api("chat_update", channel=DM, ts=posted["ts"], text="新", blocks=CARD["blocks"])
    assert not slack.screen(LI)[0].edited
    api("chat_update", channel=DM, ts=posted["ts"], text="完")
    [plain] = slack.screen(LI)
    assert (plain.text, plain.blocks, plain.edited) == ("完", [], True)
    api("chat_delete", channel=DM, ts=posted["ts"])
    assert not slack.screen(LI)
    assert not slack.wrong


def test_the_same_post_twice_is_two_messages_and_history_comes_in_pages(slack: FakeSlack, api: Api) -> None:
    first, second = (api("chat_postMessage", channel=LI, text="同")["ts"] for _ in range(2))
    assert len(slack.screen(LI)) == 2
    page = api("conversations_history", channel=DM, limit=1)
    assert (page["messages"][0]["ts"], page["has_more"]) == (second, True)
    rest = api("conversations_history", channel=DM, limit=1, cursor=page["response_metadata"]["next_cursor"])
    assert (rest["messages"][0]["ts"], rest["has_more"]) == (first, False)
    answer = api("chat_postMessage", channel=DM, text="in", thread_ts=first)
    assert [m["ts"] for m in api("conversations_replies", channel=DM, ts=first)["messages"]] == [first, answer["ts"]]


def test_people_are_found_by_mail_and_id(slack: FakeSlack, api: Api) -> None:
    assert api("users_lookupByEmail", email="LI@example.com")["user"]["id"] == LI
    assert api("users_info", user=LI)["user"]["profile"]["email"] == "li@example.com"
    assert api("conversations_open", users=LI)["channel"]["id"] == DM
    assert error_of(api, "users_lookupByEmail", email="no@example.com") == "users_not_found"
    assert error_of(api, "users_info", user="U9") == "user_not_found"
    assert not slack.wrong


def test_a_file_arrives_byte_for_byte(slack: FakeSlack, api: Api) -> None:
    api("conversations_open", users=LI)
    api("files_upload_v2", channel=DM, content="账龄".encode(), filename="aging.png", title="账龄", initial_comment="看")
    [file] = slack.files
    assert (file.data, file.title, file.channels) == ("账龄".encode(), "账龄", [DM])
    assert slack.screen(LI)[0].files == [file.id]
    assert not slack.wrong


def test_ephemeral_messages_are_seen_by_one_and_cannot_be_updated(slack: FakeSlack, api: Api) -> None:
    slack.add_channel("C0BOTH", "both", [LI, WANG])
    ts = api("chat_postEphemeral", channel="C0BOTH", user=LI, text="只给你")["message_ts"]
    assert [m.text for m in slack.screen(LI)] == ["只给你"] and not slack.screen(WANG)
    assert error_of(api, "chat_update", channel="C0BOTH", ts=ts, text="x") == "message_not_found"
    assert error_of(api, "chat_postEphemeral", channel="C0SALES", user=WANG, text="x") == "user_not_in_channel"


def test_what_names_nothing_is_refused(slack: FakeSlack, api: Api) -> None:
    ts = api("chat_postMessage", channel=LI, text="一")["ts"]
    assert error_of(api, "chat_postMessage", channel="C0NONE", text="x") == "channel_not_found"
    assert error_of(api, "chat_postMessage", channel="D0WANG", text="x") == "channel_not_found"
    assert error_of(api, "chat_postMessage", channel="C0ELSE", text="x") == "not_in_channel"
    assert error_of(api, "chat_update", channel=DM, ts="1.000000", text="x") == "message_not_found"
    assert not slack.wrong
    assert error_of(api, "chat_update", channel=LI, ts=ts, text="x") == "channel_not_found"
    assert slack.wrong == ["a message is changed by its channel D…, not by the person's id"]


def test_tokens_are_checked(slack: FakeSlack, product: Loop) -> None:
    def error(token: str, method: str = "auth_test", **given: Any) -> str:
        client = AsyncWebClient(token=token, base_url=slack.api_url)
        with pytest.raises(SlackApiError) as caught:
            product.run(getattr(client, method)(**given))
        return caught.value.response["error"]

    assert error("") == "not_authed"
    assert error("xoxb-other") == "invalid_auth"
    assert error(slack.app_token) == "not_allowed_token_type"
    assert error("", "apps_connections_open", app_token=slack.bot_token) == "not_allowed_token_type"
    slack.revoke(slack.bot_token)
    assert error(slack.bot_token) == "token_revoked"
    slack.restore(slack.bot_token)
    slack.at.scopes.discard("chat:write")
    assert error(slack.bot_token, "chat_postMessage", channel=LI, text="x") == "missing_scope"


def many(count: int, **block: Any) -> list[dict[str, Any]]:
    return [copy.deepcopy(block) for _ in range(count)]


def section(words: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": words}, **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def options(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"text": text(f"o{i}"), "value": f"v{i}", **more} for i in range(count)]


def select(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "options": found}


def table(rows: int, cells: int) -> dict[str, Any]:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "c"}] * cells] * rows}


NUMBER = {"type": "number_input", "action_id": "n", "is_decimal_allowed": False}
GOOD: dict[str, list[dict[str, Any]]] = {
    "fifty": many(50, type="divider"),
    "long": [section("x" * 3000)],
    "fields": [{"type": "section", "fields": many(10, type="mrkdwn", text="x")}],
    "25 buttons": [actions(*[button(f"a{i}") for i in range(25)])],
    "options": [actions(select(options(100, description=text("d" * 75))))],
    "table": [table(100, 20)],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10}],
    "picture": [{"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"}],
    "number": [{"type": "input", "label": text("n"), "element": NUMBER}],
}
BAD: dict[str, list[dict[str, Any]]] = {
    "51 blocks": many(51, type="divider"),
    "section": [section("x" * 3001)],
    "field": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
    "11 fields": [{"type": "section", "fields": many(11, type="mrkdwn", text="x")}],
    "header": [{"type": "header", "text": text("x" * 151)}],
    "header in mrkdwn": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
    "26 buttons": [actions(*[button(f"a{i}") for i in range(26)])],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
    "button text": [actions(button(text=text("x" * 76)))],
    "button in mrkdwn": [actions(button(text={"type": "mrkdwn", "text": "x"}))],
    "button value": [actions(button(value="x" * 2001))],
    "button url": [actions(button(url="x" * 3001))],
    "button style": [actions(button(style="warning"))],
    "button label": [actions(button(accessibility_label="x" * 76))],
    "action id": [actions(button("x" * 256))],
    "block id": [section(block_id="x" * 256)],
    "option value": [actions(select(options(1, value="x" * 151)))],
    "option text": [actions(select(options(1, text=text("x" * 76))))],
    "101 options": [actions(select(options(101)))],
    "no options": [actions(select([]))],
    "six in overflow": [section(accessory={"type": "overflow", "action_id": "o", "options": options(6)})],
    "placeholder": [actions({**select(options(1)), "placeholder": text("x" * 151)})],
    "confirm text": [actions(button(confirm={"title": text("x"), "text": text("x" * 301)}))],
    "confirm title": [actions(button(confirm={"title": text("x" * 101), "text": text("x")}))],
    "confirm without text": [actions(button(confirm={"title": text("x")}))],
    "date": [actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-13-01"})],
    "min date": [actions({"type": "datepicker", "action_id": "d", "min_date": "2026-01-01"})],
    "number in actions": [actions(NUMBER)],
    "unknown key": [section(colour="red")],
    "unknown block": [{"type": "data_visualization", "title": "x"}],
    "unknown element": [actions({"type": "slider", "action_id": "x"})],
    "empty text": [section("")],
    "blank text": [section("  ")],
    "empty section": [{"type": "section"}],
    "no block type": [{"text": text("x")}],
    "action id twice": [actions(button("a"), button("a"))],
    "block id twice": [section(block_id="b"), section(block_id="b")],
    "101 rows": [table(101, 1)],
    "21 cells": [table(1, 21)],
    "alt text": [{"type": "image", "image_url": "https://example.com/a.png", "alt_text": "x" * 2001}],
    "two tables": [table(1, 1), table(1, 1)],
}


@pytest.mark.parametrize("name", GOOD)
def test_blocks_at_their_limits_are_taken(slack: FakeSlack, api: Api, name: str) -> None:
    api("chat_postMessage", channel=LI, text="x", blocks=GOOD[name])
    assert not slack.wrong


def test_blocks_beyond_their_limits_are_refused_with_a_reason(slack: FakeSlack, api: Api) -> None:
    for count, (name, blocks) in enumerate(BAD.items(), 1):
        with pytest.raises(SlackApiError) as caught:
            api("chat_postMessage", channel=LI, text="x", blocks=blocks)
        assert caught.value.response["error"] == "invalid_blocks", name
        assert "json-pointer:/blocks" in caught.value.response["response_metadata"]["messages"][0], name
        assert len(slack.wrong) == count, name
    assert not slack.screen(LI)


@pytest.mark.filterwarnings("ignore:The top-level `text`:UserWarning")
def test_texts_that_slack_refuses_or_that_hurt(slack: FakeSlack, api: Api) -> None:
    ts = api("chat_postMessage", channel=LI, text="x")["ts"]
    big = [section("x" * 2900, block_id=str(i)) for i in range(5)]
    assert error_of(api, "chat_postMessage", channel=LI, blocks=[section()]) == "no_text"
    assert error_of(api, "chat_postMessage", channel=LI, text=" ") == "no_text"
    assert error_of(api, "chat_postMessage", channel=LI, text="x", blocks=big) == "msg_blocks_too_long"
    assert error_of(api, "chat_update", channel=DM, ts=ts, text="x" * 4001) == "msg_too_long"
    deep = {"event_type": "t", "event_payload": {"a": {"b": {"c": 1}}}}
    assert error_of(api, "chat_postMessage", channel=LI, text="x", metadata=deep) == "invalid_metadata_schema"
    slack.wrong.clear()
    api("chat_postMessage", channel=LI, text="<!channel> <@U0GONE>", colour="red")
    assert len(slack.wrong) == 3 and "colour" in slack.wrong[0]
    assert "pings everyone" in slack.wrong[1] and "U0GONE" in slack.wrong[2]


def test_views_are_checked_too(slack: FakeSlack, api: Api) -> None:
    def publish(**view: Any) -> str:
        return error_of(api, "views_publish", user_id=LI, view={"type": "home", "blocks": [], **view})

    assert publish(blocks=many(101, type="divider")) == "invalid_arguments"
    assert publish(title=text("x")) == "invalid_arguments"
    assert publish(private_metadata="x" * 3001) == "invalid_arguments"
    trigger = slack.call(lambda: slack.at.new_trigger(LI))
    for bad in ({"title": text("x" * 25)}, {"submit": text("x" * 25)}, {"type": "home"}, {"callback_id": "x" * 256}):
        assert error_of(api, "views_open", trigger_id=trigger, view={**FORM, **bad}) == "invalid_arguments"
    unsubmittable = {k: v for k, v in FORM.items() if k != "submit"}
    assert error_of(api, "views_open", trigger_id=trigger, view=unsubmittable) == "invalid_arguments"
    view = api("views_open", trigger_id=trigger, view=FORM)["view"]
    assert error_of(api, "views_update", view_id=view["id"], hash="old", view=FORM) == "hash_conflict"
    assert error_of(api, "views_update", view_id="V0", view=FORM) == "not_found"


def test_triggers_are_good_once_and_for_three_seconds(slack: FakeSlack, api: Api) -> None:
    used, old = (slack.call(lambda: slack.at.new_trigger(LI)) for _ in range(2))
    api("views_open", trigger_id=used, view=FORM)
    assert error_of(api, "views_open", trigger_id=used, view=FORM) == "exchanged_trigger_id"
    slack.later(3.5)
    assert error_of(api, "views_open", trigger_id=old, view=FORM) == "expired_trigger_id"
    assert error_of(api, "views_open", trigger_id="x", view=FORM) == "invalid_trigger_id"


# --- Faults ---------------------------------------------------------------------------------------


def test_posts_faster_than_one_a_second_are_refused_with_a_time_to_wait(slack: FakeSlack, api: Api) -> None:
    slack.limit_posts(per_second=1, burst=2)
    api("chat_postMessage", channel=LI, text="1")
    api("chat_postMessage", channel=LI, text="2")
    with pytest.raises(SlackApiError) as caught:
        api("chat_postMessage", channel=LI, text="3")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
    api("chat_postMessage", channel=WANG, text="another channel")
    slack.later(1.1)
    api("chat_postMessage", channel=LI, text="3")


def test_faults_are_per_method_and_counted(slack: FakeSlack, api: Api) -> None:
    slack.fail("chat.postMessage", too_many(7))
    slack.fail("chat.postMessage", broken(500, '{"ok": false, "error": "internal_error"}', "application/json"))
    slack.fail("chat.postMessage", refused("fatal_error"))
    with pytest.raises(SlackApiError) as caught:
        api("chat_postMessage", channel=LI, text="x")
    assert caught.value.response.headers["Retry-After"] == "7"
    assert error_of(api, "chat_postMessage", channel=LI, text="x") == "internal_error"
    assert error_of(api, "chat_postMessage", channel=LI, text="x") == "fatal_error"
    api("auth_test")
    api("chat_postMessage", channel=LI, text="x")
    assert len(slack.screen(LI)) == 1


@pytest.mark.parametrize(
    ("fault", "posted"),
    [(dropped(), 1), (dropped(after_taking_it=False), 0), (slow(4), 1), (hangs(4), 0)],
    ids=["taken and dropped", "dropped", "late answer", "no answer"],
)
def test_an_outcome_that_the_product_cannot_know(slack: FakeSlack, api: Api, fault: Any, posted: int) -> None:
    slack.fail("chat.postMessage", fault)
    with pytest.raises(Exception):  # noqa: B017  whichever error the client has for it
        api("chat_postMessage", channel=LI, text="x")
    assert len(slack.screen(LI)) == posted


def test_the_sdk_with_its_own_retries_posts_twice(slack: FakeSlack, product: Loop) -> None:
    slack.fail("chat.postMessage", dropped())
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    product.run(client.chat_postMessage(channel=LI, text="x"))
    assert len(slack.screen(LI)) == 2


# --- Socket Mode ----------------------------------------------------------------------------------


def test_a_command_is_answered_in_the_ack_and_later(slack: FakeSlack, bot: Bot) -> None:
    answer = slack.command(LI, "/balance", "华东 payload")
    assert answer.acked and answer.seconds < 3
    assert answer.reply["text"] == "余额 华东 payload"
    [shown] = slack.screen(LI)
    assert (shown.text, shown.ephemeral) == ("余额 华东 payload", True)
    slack.command(LI, "/balance", "slow")
    until(lambda: [m.text for m in slack.screen(LI)] == ["余额 华东 payload", "结果"])
    assert not slack.wrong


def test_a_card_is_used_until_its_buttons_are_gone(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("chat_postMessage", channel=LI, **CARD)
    [card] = slack.screen(LI)
    assert slack.tap(LI, card, "todo.promise", "2026-12-01").acked
    assert slack.tap(LI, card, "todo.snooze", "P1D").acked
    _, promised = bot.heard[0]
    assert promised["actions"][0]["selected_date"] == "2026-12-01"
    assert promised["actions"][0]["block_id"] == "a:TD-1:1"
    assert promised["state"]["values"]["a:TD-1:1"]["todo.promise"]["selected_date"] == "2026-12-01"
    assert promised["message"]["metadata"] == CARD["metadata"]
    assert promised["container"] == {"type": "message", "message_ts": card.ts, "channel_id": DM, "is_ephemeral": False}
    assert bot.heard[1][1]["actions"][0]["selected_option"]["value"] == "P1D"

    assert slack.tap(LI, card, "todo.drop", sure=False).delivery is None
    assert slack.tap(LI, card, "todo.done", "TD-1|1").acked
    until(lambda: slack.screen(LI)[0].text == "已记录")
    with pytest.raises(Impossible, match="no todo.done"):
        slack.tap(LI, card, "todo.done")
    assert not slack.wrong


def test_people_cannot_use_what_they_do_not_see(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("chat_postMessage", channel=LI, **CARD)
    [card] = slack.screen(LI)
    with pytest.raises(Impossible):
        slack.tap(WANG, card, "todo.done")
    with pytest.raises(Impossible, match="only PT2H, P1D"):
        slack.tap(LI, card, "todo.snooze", "P9D")
    with pytest.raises(Impossible):
        slack.tap(LI, card, "todo.promise", "tomorrow")
    with pytest.raises(Impossible):
        slack.tap(LI, card, "todo.done", "TD-1|0")
    assert not bot.heard


def test_a_response_url_is_good_five_times(slack: FakeSlack, bot: Bot, api: Api, product: Loop) -> None:
    api("chat_postMessage", channel=LI, **CARD)
    slack.tap(LI, slack.screen(LI)[0], "todo.promise", "2026-12-01")
    slack.tap(LI, slack.screen(LI)[0], "todo.promise", "2026-12-02")
    used, old = (AsyncWebhookClient(body["response_url"]) for _, body in bot.heard)
    for i in range(5):
        assert product.run(used.send(text=f"第 {i}", response_type="ephemeral")).status_code == 200
    gone = product.run(used.send(text="第 5"))
    assert (gone.status_code, len(slack.screen(LI))) == (404, 6)
    slack.later(1801)
    assert "expired_url" in product.run(old.send(text="late")).body
    assert not slack.wrong


def test_a_form_is_refused_corrected_and_sent(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("chat_postMessage", channel=LI, text="x", blocks=[actions(button("todo.form"))])
    slack.tap(LI, slack.screen(LI)[0], "todo.form")
    until(lambda: slack.view(LI) is not None)
    form = slack.view(LI)
    assert form is not None and form.title == "登记"
    for values in ({}, {"n": "many"}, {"n": "-1"}, {"n": "1", "other": "x"}):
        with pytest.raises(Impossible):
            slack.submit(LI, form, values)
    answer = slack.submit(LI, form, {"n": "128", "day": "2026-12-01"})
    assert answer.response_action == "errors" and answer.reply["errors"] == {"amt": "超过欠款"}
    assert slack.view(LI) is not None
    assert slack.submit(LI, form, {("amt", "n"): "99.5"}).reply is None
    assert slack.view(LI) is None
    sent = bot.heard[-1][1]
    assert sent["private_metadata"] == "TD-1"
    assert sent["state"]["values"]["day"]["d"]["selected_date"] == "2026-12-01"
    assert not slack.wrong


def test_a_form_that_is_closed_says_so(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("views_open", trigger_id=slack.call(lambda: slack.at.new_trigger(LI)), view=FORM)
    form = slack.view(LI)
    assert form is not None and slack.close(LI, form).acked
    assert slack.view(LI) is None and bot.names() == ["closed"]


def test_home_is_published_and_used(slack: FakeSlack, bot: Bot) -> None:
    assert slack.open_home(LI).acked
    until(lambda: slack.home(LI) is not None)
    home = slack.home(LI)
    assert home is not None and slack.tap(LI, home, "home.row").acked
    _, body = bot.heard[-1]
    assert body["container"]["type"] == "view" and "response_url" not in body
    assert not slack.wrong


def test_words_and_mentions_arrive_and_the_bot_hears_no_echo_of_itself(slack: FakeSlack, bot: Bot, api: Api) -> None:
    assert slack.say(LI, "你好 <b>").acked
    assert slack.mention(LI, "C0SALES", "余额").acked
    ts = api("chat_postMessage", channel=LI, text="x")["ts"]
    api("chat_update", channel=DM, ts=ts, text="y")
    until(lambda: len([d for d in slack.deliveries if d.acked]) == 4)
    assert [(n, e["text"]) for n, e in bot.heard] == [("message", "你好 &lt;b&gt;"), ("app_mention", "<@U0BOT> 余额")]
    assert slack.deliveries[-1].name == "message:message_changed"
    assert not slack.wrong


@pytest.fixture
def dull(slack: FakeSlack, product: Loop) -> Iterator[Bot]:
    """A product that has no listener for what people say."""
    made = Bot(slack, product, hears_all=False).connect()
    until(lambda: slack.connections == 1)
    yield made
    made.close()


def test_an_event_without_ack_comes_again_with_the_same_event_id(slack: FakeSlack, dull: Bot) -> None:
    slack.patience(ack_within=0.2, retries_after=(0.0, 0.1, 0.1))
    assert not slack.say(LI, "hello").acked
    until(lambda: len(slack.deliveries) == 4 and slack.deliveries[-1].why_not)
    assert [d.attempt for d in slack.deliveries] == [0, 1, 2, 3]
    assert {d.reason for d in slack.deliveries[1:]} == {"timeout"}
    assert (len({d.event_id for d in slack.deliveries}), len({d.envelope_id for d in slack.deliveries})) == (1, 4)
    assert slack.wrong == ["no ack of message within 0.2 s"] * 4


def test_what_people_do_never_comes_again_and_a_late_ack_is_no_ack(slack: FakeSlack, bot: Bot) -> None:
    slack.patience(ack_within=0.3, retries_after=(0.0, 0.0, 0.0))
    bot.pause = 0.6
    answer = slack.command(LI, "/balance", "x")
    assert (answer.acked, answer.why_not) == (False, "no ack in time")
    time.sleep(0.6)
    assert [d.kind for d in slack.deliveries] == ["slash_commands"]
    assert not slack.screen(LI)
    assert slack.wrong[0] == "no ack of /balance within 0.3 s" and "ack of /balance came after" in slack.wrong[1]


def test_a_late_ack_is_noticed(slack: FakeSlack, product: Loop) -> None:
    """Bolt never sends one after 3 s: this client does."""

    async def client() -> None:
        opened = await AsyncWebClient(base_url=slack.api_url).apps_connections_open(app_token=slack.app_token)
        async with aiohttp.ClientSession() as session, session.ws_connect(opened["url"]) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            envelope = await socket.receive_json()
            await asyncio.sleep(0.5)
            for _ in range(2):
                await socket.send_json({"envelope_id": envelope["envelope_id"]})
            await socket.send_json({"envelope_id": "nonsense"})
            await socket.send_str("nonsense")
            await asyncio.sleep(0.2)

    slack.patience(ack_within=0.2)
    done = asyncio.run_coroutine_threadsafe(client(), product.loop)
    until(lambda: slack.connections == 1)
    assert not slack.command(LI, "/balance").acked
    done.result(10)
    heads = [what.split(" came")[0] for what in slack.wrong]
    assert heads == [
        "no ack of /balance within 0.2 s",
        "ack of /balance",
        "/balance is acked twice",
        "ack of an envelope that was never sent: nonsense",
        "a frame that is no ack: nonsense",
    ]
    assert slack.deliveries[0].late


def test_one_of_several_connections_gets_an_envelope(slack: FakeSlack, bot: Bot, product: Loop) -> None:
    other = Bot(slack, product).connect()
    until(lambda: slack.connections == 2)
    for i in range(20):
        slack.command(LI, "/balance", str(i))
    assert len(bot.heard) + len(other.heard) == 20 and bot.heard and other.heard
    other.close()


def test_the_same_envelope_can_come_twice(slack: FakeSlack, bot: Bot) -> None:
    first = slack.say(LI, "hello").delivery
    assert first is not None
    again = slack.replay(first).delivery
    assert again is not None and (again.envelope_id, again.event_id) == (first.envelope_id, first.event_id)
    until(lambda: len(bot.heard) == 2)
    assert bot.heard[0] == bot.heard[1]


def test_a_product_asked_to_reconnect_does(slack: FakeSlack, bot: Bot) -> None:
    slack.disconnect("warning")
    until(lambda: [c.method for c in slack.calls].count("apps.connections.open") == 2 and slack.connections == 1)
    until(lambda: slack.command(LI, "/balance", "x").acked)


@pytest.mark.parametrize("breaks", ["cut", "black_hole"])
def test_a_lost_connection_is_noticed_and_replaced(slack: FakeSlack, bot: Bot, breaks: str) -> None:
    slack.patience(ack_within=0.3)
    getattr(slack, breaks)()
    assert not slack.command(LI, "/balance", "lost").acked
    until(lambda: slack.command(LI, "/balance", "x").acked, 20)
    assert not slack.wrong


def test_a_spent_ticket_keeps_the_client_from_connecting_for_ever(slack: FakeSlack, bot: Bot, product: Loop) -> None:
    """T7 of the reference: only a watchdog that forgets the url helps."""
    slack.bad_tickets()
    slack.cut()
    time.sleep(3)
    assert slack.connections == 0
    assert [c.method for c in slack.calls].count("apps.connections.open") == 2
    bot.handler.client.wss_uri = None
    until(lambda: slack.connections == 1)


def test_a_url_that_leads_nowhere(slack: FakeSlack, product: Loop) -> None:
    slack.bad_urls()
    client = AsyncWebClient(base_url=slack.api_url)
    first, second = (product.run(client.apps_connections_open(app_token=slack.app_token))["url"] for _ in range(2))
    assert first.startswith("ws://127.0.0.1:1/") and second.startswith(slack.url.replace("http", "ws"))


def test_nobody_is_connected(slack: FakeSlack) -> None:
    answer = slack.command(LI, "/balance", "x")
    assert (answer.acked, answer.why_not) == (False, "nobody is connected")
    assert not slack.wrong


# --- HTTP -----------------------------------------------------------------------------------------


@pytest.fixture
def http(slack: FakeSlack, product: Loop) -> Iterator[Bot]:
    """The same product behind a request URL."""
    made = Bot(slack, product)

    async def receive(request: web.Request) -> web.Response:
        body = await request.text()
        answer = await made.app.async_dispatch(AsyncBoltRequest(body=body, headers=dict(request.headers)))
        headers = {"Content-Type": answer.first_headers().get("content-type", "text/plain").split(";")[0]}
        return web.Response(status=answer.status, text=answer.body, headers=headers)

    async def serve() -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_post("/slack/events", receive)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"

    runner, url = product.run(serve())
    slack.send_to(url)
    yield made
    product.run(runner.cleanup())


def test_everything_also_goes_by_signed_requests(slack: FakeSlack, http: Bot, api: Api) -> None:
    assert slack.verify_url() and slack.ssl_check() == 200
    assert slack.command(LI, "/balance", "华东").reply["text"] == "余额 华东"
    assert slack.screen(LI)[0].text == "余额 华东"
    assert slack.say(LI, "你好").acked
    slack.echo = False
    api("chat_postMessage", channel=LI, **CARD)
    assert slack.tap(LI, slack.screen(LI)[-1], "todo.promise", "2026-12-01").acked
    api("views_open", trigger_id=slack.call(lambda: slack.at.new_trigger(LI)), view=FORM)
    form = slack.view(LI)
    assert form is not None and slack.submit(LI, form, {"n": "128"}).response_action == "errors"
    assert slack.open_home(LI).acked
    until(lambda: slack.home(LI) is not None)
    assert {"command", "message", "todo.promise", "claim"} <= set(http.names())
    assert not slack.wrong


@pytest.mark.parametrize("skew", [-301.0, 302.0])
def test_requests_out_of_date_are_refused_by_the_product(slack: FakeSlack, http: Bot, skew: float) -> None:
    with slack.signing(skew=skew):
        assert slack.command(LI, "/balance", "x").why_not == "HTTP 401"
    with slack.signing(skew=skew / 2):
        assert slack.command(LI, "/balance", "x").acked
    assert slack.wrong == ["/balance with a bad signature was accepted"]  # which this one was not


def test_forged_requests_are_refused_by_the_product(slack: FakeSlack, http: Bot) -> None:
    with slack.signing(secret="guessed"):
        assert slack.command(LI, "/balance", "x").why_not == "HTTP 401"
    with slack.signing(signature="v0=0000"):
        assert slack.command(LI, "/balance", "x").why_not == "HTTP 401"
    assert not http.heard and not slack.wrong
    first = slack.say(LI, "hello").delivery
    assert first is not None and slack.replay(first).acked
    assert slack.deliveries[-1].headers == first.headers


def test_a_request_that_nobody_answers(slack: FakeSlack) -> None:
    slack.send_to("http://127.0.0.1:1/slack/events")
    assert slack.command(LI, "/balance", "x").why_not.startswith("not reachable")


# --- By hand, and by another official client ------------------------------------------------------


def test_the_page_shows_and_does_what_people_see_and_do(slack: FakeSlack, bot: Bot, api: Api, product: Loop) -> None:
    async def visit() -> tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with aiohttp.ClientSession(slack.url) as session:
            page = await (await session.get("/")).text()
            state = await (await session.get("/_hand/state", params={"user": LI})).json()
            card = state["messages"][0]
            tap = {"do": "tap", "user": LI, "channel": DM, "ts": card["ts"], "action_id": "todo.snooze", "choice": "P1D"}
            tapped = await (await session.post("/_hand/do", json={**tap, "block_id": "a:TD-1:1"})).json()
            said = await (await session.post("/_hand/do", json={"do": "say", "user": LI, "text": "/balance 华东"})).json()
            return page, state, tapped, said

    api("chat_postMessage", channel=LI, **CARD)
    page, state, tapped, said = product.run(visit())
    assert "Fake Slack" in page and state["messages"][0]["text"] == CARD["text"]
    assert tapped == {"problem": "", "reply": None} and said["reply"]["text"] == "余额 华东"


NODE_BOT = """
const { App } = require(process.argv[2] + '/@slack/bolt');
const app = new App({ token: process.env.BOT, appToken: process.env.APP, socketMode: true, logLevel: 'error',
  clientOptions: { slackApiUrl: process.env.API } });
const form = JSON.parse(process.env.FORM);
app.command('/balance', async ({ ack, command, respond }) => {
  await ack('余额 ' + command.text);
  await respond({ text: '详情', replace_original: false });
});
app.action('todo.form', async ({ ack, body, client }) => { await ack(); await client.views.open({ trigger_id: body.trigger_id, view: form }) });
app.view('claim', async ({ ack, view }) => {
  if (Number(view.state.values.amt.n.value) > 100) await ack({ response_action: 'errors', errors: { amt: '超过欠款' } }); else await ack();
});
app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [{ type: 'divider' }] } });
});
app.message(async ({ message, client }) => {
  const blocks = [{ type: 'actions', elements: [{ type: 'button', action_id: 'todo.form', text: { type: 'plain_text', text: 'OK' } }] }];
  await client.chat.postMessage({ channel: message.channel, text: 'card', blocks, metadata: { event_type: 't', event_payload: { a: '1' } } });
});
app.start();
"""
MODULES = os.environ.get("HUIKUAN_NODE_MODULES", "")


@pytest.mark.skipif(
    not (MODULES and Path(MODULES, "@slack", "bolt").is_dir()), reason="HUIKUAN_NODE_MODULES names no @slack/bolt"
)
def test_the_official_node_client_agrees(slack: FakeSlack, tmp_path: Path) -> None:
    script = tmp_path / "bot.js"
    script.write_text(NODE_BOT)
    env = {"PATH": os.environ["PATH"], "BOT": slack.bot_token, "APP": slack.app_token, "API": slack.api_url}
    running = subprocess.Popen(["node", str(script), MODULES], env={**env, "FORM": json.dumps(FORM)})
    try:
        until(lambda: slack.connections == 1)
        assert [c.method for c in slack.calls][:2] == ["auth.test", "apps.connections.open"]
        until(lambda: slack.command(LI, "/balance", "华东").reply)
        until(lambda: len(slack.screen(LI)) >= 2)
        assert {m.text for m in slack.screen(LI)} == {"余额 华东", "详情"}
        assert slack.say(LI, "hello").acked
        until(lambda: slack.screen(LI)[-1].text == "card")
        assert slack.screen(LI)[-1].metadata == {"event_type": "t", "event_payload": {"a": "1"}}
        assert slack.tap(LI, slack.screen(LI)[-1], "todo.form").acked
        until(lambda: slack.view(LI) is not None)
        form = slack.view(LI)
        assert form is not None and slack.submit(LI, form, {"n": "128"}).response_action == "errors"
        assert slack.submit(LI, form, {"n": "1"}).acked and slack.view(LI) is None
        assert slack.open_home(LI).acked
        until(lambda: slack.home(LI) is not None)
        assert not slack.wrong
    finally:
        running.terminate()
        running.wait(10)
