"""The fake DingTalk: its stream, what goes wrong, the page for a human, and the Node SDK."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import dingtalk_stream
import pytest
import requests

from tests.fakes.dingtalk import FakeDingTalk
from tests.fakes.dingtalk_product import CARD, DELIVER, OPEN, SEND, Calls, Json, Product, card, change, played, products


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDingTalk]:
    yield from played(monkeypatch)


@pytest.fixture
def product(fake: FakeDingTalk) -> Iterator[Callable[..., Product]]:
    yield from products(fake)


# --- the stream -----------------------------------------------------------------------------------


def test_pings_events_and_what_the_sdk_leaves_out(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    assert fake.ping().response == {"opaque": "fake"}
    fake.stream.redeliver_after = 0.2
    assert fake.event("bpms_instance_change", {"result": "agree"}).response == {"status": "SUCCESS"}
    assert running.events.heard == [{"result": "agree"}]
    running.events.status = None
    assert fake.event("bpms_instance_change", {"result": "refuse"}).acked
    assert len(fake.wrong) == 1 and "status" in fake.wrong[0]
    fake.wrong.clear()


def test_the_same_push_again_is_answered_the_same(fake: FakeDingTalk, product: Any) -> None:
    running = product(lambda _: change(status_text="一次"))
    running.call("POST", DELIVER, card())
    first = fake.tap("li", "hk:test:1", "promise", copies=2)
    second = fake.redeliver(first)
    assert second.response == first.response and second.pushes == 3
    assert len(fake.acks(first)) == 3 and len(running.cards.heard) == 1


def test_a_late_answer_changes_nothing_and_is_written_down(fake: FakeDingTalk, product: Any) -> None:
    fake.stream.budget = 0.2

    def answer(_: Json) -> Json:
        time.sleep(0.5)
        return change(status_text="zu spät")

    running = product(answer)
    running.call("POST", DELIVER, card())
    tapped = fake.tap("li", "hk:test:1", "promise")
    assert tapped.acked and not tapped.applied and tapped.seconds is not None and tapped.seconds >= 0.5
    assert "status_text" not in fake.card("li", "hk:test:1").variables
    assert fake.wrong == [f"stream: CALLBACK {CARD}: no ack within 0.2 s"]
    fake.wrong.clear()


def test_without_an_ack_it_comes_again(fake: FakeDingTalk, product: Any) -> None:
    """The SDK sends no ack when a handler fails."""
    fake.stream.redeliver_after = fake.stream.budget = 0.7
    failures = [ValueError("once")]

    def answer(_: Json) -> str:
        if failures:
            raise failures.pop()
        return "OK"

    running = product(answer)
    heard = fake.say("li", "hello")
    assert heard.acked and heard.pushes == 2 and len(running.chats.heard) == 2
    assert running.chats.heard[0]["msgId"] == running.chats.heard[1]["msgId"]
    assert len(fake.wrong) == 1 and "no ack" in fake.wrong[0]
    fake.wrong.clear()


def test_malformed_frames(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    running.call("POST", DELIVER, card())
    for extension in ("", None):
        assert fake.tap("li", "hk:test:1", "promise", change={"extension": extension}).acked
        with pytest.raises((ValueError, TypeError)):
            dingtalk_stream.CardCallbackMessage.from_dict(running.cards.heard[-1])
    assert fake.tap("li", "hk:test:1", "promise", without=["spaceId", "userIdType"], change={"corpId": "dingother"}).acked
    assert running.cards.heard[-1]["corpId"] == "dingother" and "spaceId" not in running.cards.heard[-1]
    for shape in ("actionId", "value"):
        fake.people.tap_shape = shape
        assert fake.tap("li", "hk:test:1", "promise").acked and shape in running.cards.heard[-1]
    fake.push_text("{nicht json")
    assert fake.ping().acked


@pytest.mark.parametrize("end", ["abort_stream", "disconnect"])
def test_the_stream_breaks_and_the_client_comes_back(fake: FakeDingTalk, product: Any, end: str) -> None:
    running = product()
    getattr(fake, end)()
    fake.wait_for(lambda: len(fake.calls("/connect")) == 1)
    assert fake.say("li", "noch da?", patience=8).acked
    assert len(running.chats.heard) == 1 and len(fake.calls(OPEN)) == 2


def test_the_gateway_is_held_back_then_the_handshake_refused(fake: FakeDingTalk, product: Any) -> None:
    let_go = fake.hold_gateway()
    fake.refuse_handshake()
    late = Product(fake, lambda _: {}, "SUCCESS")
    late.thread.start()
    time.sleep(0.3)
    assert fake.connections() == 0 and fake.calls() == []
    let_go()
    fake.wait_connected()
    assert [call.status for call in fake.calls("/connect")] == [503]
    late.stop()
    assert fake.wrong == []


def test_a_frozen_stream_tells_nobody(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    fake.stream.budget = 0.3
    fake.freeze_stream()
    assert not fake.say("li", "?", patience=0.5).acked and fake.connections() == 1
    fake.freeze_stream(False)
    assert fake.say("li", "!").acked and [each["text"]["content"] for each in running.chats.heard] == ["!"]


def test_tickets_are_good_once_and_for_90_seconds(fake: FakeDingTalk) -> None:
    body: Json = {"clientId": fake.client_id, "clientSecret": fake.client_secret}
    body["subscriptions"] = [{"type": "EVENT", "topic": "*"}]
    assert requests.post(fake.api + OPEN, json={**body, "clientSecret": "x"}, timeout=5).status_code == 401

    async def knock(ticket: str) -> int:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(f"{fake.url}/connect?ticket={ticket}"):
                    return 101
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status

    ticket = requests.post(fake.api + OPEN, json=body, timeout=5).json()["ticket"]
    assert [asyncio.run(knock(ticket)) for _ in range(2)] == [101, 401]
    old = requests.post(fake.api + OPEN, json=body, timeout=5).json()["ticket"]
    fake.advance(91)
    assert asyncio.run(knock(old)) == 401 and fake.wrong == []


def test_of_two_connections_one_hears_it(fake: FakeDingTalk, product: Any) -> None:
    both = [product(), product()]
    fake.wait_connected(2)
    for number in range(12):
        assert fake.say("li", f"{number}").acked
    heard = [len(each.chats.heard) for each in both]
    assert sum(heard) == 12 and min(heard) > 0


def test_an_event_wanted_later_stays_with_the_sdk(fake: FakeDingTalk, product: Any) -> None:
    """It comes again, and 0.24.4b1 repeats its first ack from memory: the handler never sees it a second time."""
    fake.stream.redeliver_after = 0.1
    running = product(event_status="LATER")
    told = fake.event("bpms_instance_change", {"result": "agree"}, patience=1)
    fake.wait_for(lambda: len(fake.acks(told)) == 4)
    assert fake.acks(told) == [{"code": 200, "data": {"status": "LATER"}}] * 4
    assert not told.acked and len(running.events.heard) == 1


# --- what goes wrong ------------------------------------------------------------------------------


def test_tokens_are_checked_and_can_be_revoked(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    assert running.send("li")[0] == 200
    fake.revoke_tokens()
    status, answer = running.send("li")
    assert status == 401 and {"code", "message", "requestid"} == set(answer) and fake.wrong == []
    running.token = ""
    assert running.send("li")[0] == 200
    assert running.get_token() == running.token == running.client.get_access_token()
    fake.advance(7201)
    assert running.send("li")[0] == 401
    answer = requests.post(f"{fake.oapi}/topapi/v2/user/get", json={"userid": "li"}, timeout=5)
    assert answer.status_code == 200 and answer.json()["errcode"] == 40014
    assert len(fake.wrong) == 1, "no token at all is a fault"
    fake.wrong.clear()


def test_limits_errors_and_quota(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    running.token = running.get_token()
    fake.limit(SEND)
    fake.fail("POST /v1.0/card/*", status=500, times=2)
    assert [running.send("li")[0] for _ in range(2)] == [403, 200]
    assert [running.call("POST", DELIVER, card())[0] for _ in range(3)] == [500, 500, 200]
    fake.fail("/topapi/*", code="90018")
    assert running.oapi("/topapi/v2/user/get", {"userid": "li"})["errcode"] == 90018
    fake.set_quota(1)
    assert running.send("li")[0] == 200
    assert running.send("li")[1]["code"] == "Forbidden.AccessDenied.ApiCountLimitForOrg"
    assert running.oapi("/topapi/v2/user/get", {"userid": "li"})["errcode"] == 90020
    fake.set_quota(None)
    fake.set_rate(2)
    time.sleep(1.05)
    assert [running.send("li")[1].get("code") for _ in range(3)] == [None, None, "QpsLimit"]
    assert [call.status for call in fake.calls(SEND)] == [403, 200, 200, 403, 200, 200, 403]


def test_a_call_that_does_not_exist(fake: FakeDingTalk) -> None:
    assert Calls(fake).call("POST", "/v1.0/robot/oToMessages/send", {})[0] == 404
    assert Calls(fake).call("GET", "/v1.0/card/instances")[0] == 405
    assert fake.wrong == [
        "POST /v1.0/robot/oToMessages/send: InvalidAction.NotFound: no such call",
        "GET /v1.0/card/instances: InvalidAction.NotFound: no such call",
    ]


def test_an_unclear_outcome(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    running.token = running.get_token()
    fake.drop(DELIVER, acted=False)
    fake.drop(DELIVER)
    for shown in (0, 1):
        with pytest.raises(requests.ConnectionError):
            running.call("POST", DELIVER, card())
        assert len(fake.screen("li")) == shown
    fake.slow(SEND, 0.3)
    started = time.monotonic()
    assert running.send("li")[0] == 200 and time.monotonic() - started >= 0.3


# --- by hand, and another client --------------------------------------------------------------------


def test_the_page_for_a_human(fake: FakeDingTalk, product: Any) -> None:
    running = product(lambda _: change(status_text="已点"))
    running.call("POST", DELIVER, card())
    assert "<html" in requests.get(fake.url, timeout=5).text
    for body in ({"what": "say", "text": "你好"}, {"what": "tap", "card": "hk:test:1", "action": "promise"}):
        answer = requests.post(f"{fake.url}/hand/do", json={"user": "li", **body}, timeout=5).json()
        assert answer["acked"] is True
    state = requests.get(f"{fake.url}/hand/state?user=li", timeout=5).json()
    assert [each["kind"] for each in state["messages"]] == ["card", "text"]
    assert state["messages"][0]["variables"]["status_text"] == "已点" and state["connected"] == 1


def test_the_node_sdk_speaks_with_it_too(fake: FakeDingTalk) -> None:
    modules = Path(os.environ.get("HUIKUAN_NODE_MODULES", ""))
    if not (modules / "dingtalk-stream").is_dir():
        pytest.skip("needs HUIKUAN_NODE_MODULES: a node_modules with dingtalk-stream 2.1.5")
    script = Path(__file__).parent / "dingtalk" / "node_client.cjs"
    keys = [fake.client_id, fake.client_secret]
    started = subprocess.Popen(["node", str(script), str(modules), fake.url, *keys], stdout=subprocess.DEVNULL)
    try:
        fake.wait_connected()
        assert fake.ping().response == {"opaque": "fake"}
        assert fake.event("bpms_instance_change", {"result": "agree"}).response == {"status": "SUCCESS"}
        said = fake.say("li", "hello", replies=1)
        assert said.acked and [message.text for message in said.messages] == ["node: hello"]
        assert Calls(fake).call("POST", DELIVER, card())[0] == 200
        assert fake.tap("li", "hk:test:1", "promise").applied
        assert fake.card("li", "hk:test:1").variables["status_text"] == "node: promise"
    finally:
        started.terminate()
        started.wait(10)
    assert fake.wrong == []
