"""Acks, redelivery, sockets that break, signed HTTP, and a second official client: the fake Slack on the wire."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_product import (
    CARD,
    DM,
    FORM,
    LI,
    Api,
    Bot,
    Loop,
    a_bot,
    until,
)


@pytest.fixture
def dull(slack: FakeSlack, product: Loop) -> Iterator[Bot]:
    """A product that has no listener for what people say."""
    with a_bot(slack, product, hears_all=False) as made:
        yield made


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
    until(lambda: len(slack.wrong) == 2)
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
    slack.patience(ack_within=1.0)
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


MODULES = os.environ.get("HUIKUAN_NODE_MODULES", "")


@pytest.mark.skipif(
    not (MODULES and Path(MODULES, "@slack", "bolt").is_dir()), reason="HUIKUAN_NODE_MODULES names no @slack/bolt"
)
def test_the_official_node_client_agrees(slack: FakeSlack) -> None:
    script = Path(__file__).with_name("slack_product.js")
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
