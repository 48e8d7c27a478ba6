"""Slack, the wire: sockets that drop or swallow, tokens that end, signed HTTP, junk, the check of the settings."""

import asyncio
import hashlib
import hmac
import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette

from bot.adapters.base import Callbacks, Reply, Retry
from bot.adapters.check import Finding
from bot.adapters.reach import Reached
from bot.adapters.slack import check as checking
from bot.adapters.slack import door, socket
from bot.adapters.slack.adapter import build
from bot.adapters.slack.client import Answer, Api
from bot.settings import Settings
from core.errors import ConfigError
from core.time import utcnow
from tests.adapters.cut_off import cut_off
from tests.adapters.slack_product import LI, NOW, Product, a_product, find, no_secrets, settings, words
from tests.fakes.slack import FakeSlack, broken, too_many
from tests.fakes.slack_product import Loop, a_loop, a_workspace, until


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "GRACE", 1.0)
    monkeypatch.setattr(socket, "PING", 0.4)
    monkeypatch.setattr(socket, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(socket, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(door, "FIRST_PAUSE", 0.1)
    with a_workspace() as fake:
        yield fake


@pytest.fixture
def loop() -> Iterator[Loop]:
    with a_loop() as made:
        yield made


@pytest.fixture
def product(slack: FakeSlack, loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Product]:
    caplog.set_level(logging.DEBUG)
    with a_product(slack, loop, tmp_path) as made:
        yield made
    no_secrets(caplog)


ELSEWHERE = (
    "https://hooks.slack.com.evil.example/x", "https://hooks.slack.com@evil.example/x", "http://hooks.slack.com/x",
    "https://evil.example/hooks.slack.com", "http://169.254.169.254/latest", "http://[::1", "file:///etc/passwd", "//x", "",
    "https://hooks.slack.com:8443/x", "https://slack.com.evil.example/api/",
)  # fmt: skip


@pytest.mark.parametrize("url", ELSEWHERE)
def test_an_answer_goes_to_slack_only(loop: Loop, url: str) -> None:
    """The request says where its answer goes, and the answer holds figures."""
    api = Api("xoxb-1", "https://slack.com/api/")
    assert not api.ours(url)
    assert loop.run(api.respond(url, {"text": "¥1"})) is False and api._session is None
    assert api.ours("https://hooks.slack.com/actions/T1/2/3") and api.ours("https://slack.com/x")
    assert Api("x", "https://slack-gov.com/api/").ours("https://hooks.slack-gov.com/commands/1")
    assert Api("x", "http://127.0.0.1:8061/api/").ours("http://127.0.0.1:8061/respond/R1")
    assert not Api("x", "http://127.0.0.1:8061/api/").ours("http://127.0.0.1:8062/respond/R1")


def still_works(slack: FakeSlack, product: Product) -> None:
    def heard() -> bool:
        before = len(product.heard)
        return slack.say(LI, "待办").acked and len(product.heard) > before

    until(heard, 20)


# --- the socket ---


def test_a_new_connection_when_slack_asks_for_one(slack: FakeSlack, product: Product) -> None:
    slack.disconnect()
    until(lambda: [c.method for c in slack.calls].count("apps.connections.open") == 2)
    still_works(slack, product)
    assert not slack.wrong


def test_a_dropped_connection_is_made_anew(slack: FakeSlack, product: Product) -> None:
    slack.patience(0.5)
    slack.cut()
    still_works(slack, product)


def test_a_black_hole_is_noticed(slack: FakeSlack, product: Product) -> None:
    slack.patience(0.5)
    slack.black_hole()
    still_works(slack, product)


def test_an_address_that_is_spent_is_not_tried_for_ever(slack: FakeSlack, product: Product) -> None:
    slack.patience(0.5)
    slack.bad_tickets(1)
    slack.disconnect()
    still_works(slack, product)
    slack.bad_urls(1)
    slack.cut()
    still_works(slack, product)


def test_apps_connections_open_may_fail_for_a_while(slack: FakeSlack, product: Product) -> None:
    slack.patience(0.5)
    slack.fail("apps.connections.open", broken(500), times=3)
    slack.cut()
    still_works(slack, product)


def test_slack_may_be_away_at_the_start(
    slack: FakeSlack, loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slack.fail("auth.test", broken(503), times=2)
    slack.fail("apps.connections.open", too_many(1), times=1)
    with a_product(slack, loop, tmp_path) as product:
        still_works(slack, product)
    assert "not reachable" in caplog.text


@pytest.mark.parametrize(("token", "variable"), [("bot", "HUIKUAN_SLACK_BOT_TOKEN"), ("app", "HUIKUAN_SLACK_APP_TOKEN")])
def test_a_wrong_token_stops_nothing_and_says_what_to_do(
    slack: FakeSlack, loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture, token: str, variable: str
) -> None:
    revoked = getattr(slack, f"{token}_token")
    slack.revoke(revoked)
    product = Product(slack, loop, tmp_path / "wrong.db").start(connected=False)
    until(lambda: any(variable in r.getMessage() and r.levelno == logging.ERROR for r in caplog.records))
    if token == "bot":
        assert product.send() == Retry(300.0, "token_revoked")
    slack.restore(revoked)
    until(lambda: slack.connections == 1)
    product.stop()
    no_secrets(caplog)


def test_a_token_that_ends_while_it_runs(slack: FakeSlack, product: Product) -> None:
    slack.revoke(slack.bot_token)
    assert product.send() == Retry(300.0, "token_revoked")
    slack.restore(slack.bot_token)
    assert product.shown()


def test_it_stops_while_it_cannot_connect_and_in_a_black_hole(slack: FakeSlack, loop: Loop, tmp_path: Path) -> None:
    slack.bad_urls(1000)
    product = Product(slack, loop, tmp_path / "a.db").start(connected=False)
    time.sleep(0.3)
    began = time.monotonic()
    product.stop()
    slack.bad_urls(0)
    product = Product(slack, loop, tmp_path / "b.db").start()
    slack.black_hole()
    product.stop()
    assert time.monotonic() - began < 5


def test_bolt_is_not_lured_into_oauth(
    slack: FakeSlack, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_product(slack, loop, tmp_path) as product:
        still_works(slack, product)
    assert not slack.wrong


def test_no_proxy_is_respected(slack: FakeSlack, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with a_product(slack, loop, tmp_path) as product:
        assert product.shown()
        still_works(slack, product)


# --- HTTP ---


@contextmanager
def served(product: Product, loop: Loop) -> Iterator[str]:
    """The adapter's routes behind uvicorn; yields where Slack calls."""
    assert isinstance(product.adapter, Callbacks)
    app = Starlette(routes=list(product.adapter.routes()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", access_log=False))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: loop.run(serve(server)), daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{door.PATH}"
    finally:
        server.should_exit = True
        thread.join(5)


async def serve(server: uvicorn.Server) -> None:
    task = asyncio.create_task(server._serve())
    while not task.done():
        await asyncio.sleep(0.02)
    await task


@pytest.fixture
def web(slack: FakeSlack, loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[Product, str]]:
    with a_product(slack, loop, tmp_path, mode="http", app_token="") as made, served(made, loop) as url:
        slack.send_to(url)
        yield made, url
        slack.send_to("")
    no_secrets(caplog)


def test_the_same_stories_over_http(slack: FakeSlack, web: tuple[Product, str]) -> None:
    product, _ = web
    assert slack.verify_url() and slack.ssl_check() == 200
    assert slack.command(LI, "/balance", "payload ltd").reply["response_type"] == "ephemeral"
    assert product.heard[0].text == "/balance payload ltd"
    assert slack.say(LI, "待办 payload").acked
    card = product.shown()
    assert slack.tap(LI, card, find(card.blocks, "task.log"), "paid").acked
    until(lambda: any(m.ephemeral and "已登记" in words(m.blocks) for m in slack.screen(LI)))
    assert not slack.wrong


def test_http_refuses_what_is_not_slacks(slack: FakeSlack, web: tuple[Product, str]) -> None:
    product, _ = web
    for bad in ({"secret": "x"}, {"skew": 400.0}, {"skew": -400.0}, {"timestamp": "abc"}, {"timestamp": "１２３"},
                {"timestamp": "9" * 40}, {"signature": ""}, {"signature": "v0=ü"}):  # fmt: skip
        with slack.signing(**bad):  # type: ignore[arg-type]
            answer = slack.say(LI, "待办")
        assert answer.why_not in ("HTTP 401", "") and not answer.acked, (bad, answer.why_not)
    assert product.heard == [] and not [w for w in slack.wrong if "accepted" in w]
    old = slack.deliveries[0]
    assert not slack.run(slack.courier.replay(old)).acked


def test_http_never_fails_on_junk(slack: FakeSlack, web: tuple[Product, str], loop: Loop) -> None:
    product, url = web
    bodies = [
        b"", b"\xff\xfe", b"{", b"[1]", b"null", b"payload=%7B", b"payload=[]", b"payload", b"ssl_check=1&x=\xff",
        b'{"type": 3}', b'{"type":"event_callback","event":7,"team_id":"T0FAKE"}', b'{"team":7,"type":"block_actions"}',
        b'{"view":3,"team_id":"T0FAKE","type":"view_submission"}', b"[" * 100_000, b"command=/hk&team_id=T0FAKE",
        b'{"type":"url_verification"}',
    ]  # fmt: skip

    def signed(body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        made = hmac.new(slack.signing_secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={made}"}

    async def post(body: bytes, headers: dict[str, str], kind: str) -> int:
        sent = {"data": io.BytesIO(body), "headers": {"Content-Type": kind, **headers}}
        async with aiohttp.ClientSession() as session, session.post(url, **sent) as answer:
            return answer.status

    for body in bodies:
        for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain", "ü"):
            assert loop.run(post(body, {}, kind)) == (200 if body.startswith(b"ssl_check") else 401)
            assert loop.run(post(body, signed(body), kind)) < 500, body
    big = json.dumps({"x": "x" * 1_100_000}).encode()
    assert loop.run(post(big, signed(big), "application/json")) == 413
    assert product.heard == []


def test_the_check_of_our_certificate_is_answered_wherever_its_word_stands(web: tuple[Product, str], loop: Loop) -> None:
    """It is not signed, and nobody promises in which order its two fields come."""
    product, url = web

    async def post(body: bytes) -> int:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=form) as answer:
            return answer.status

    for body in (b"ssl_check=1&token=x", b"token=x&ssl_check=1", b"token=x&ssl_check=1&y=", b"command=/hk&ssl_check=1"):
        assert loop.run(post(body)) == 200, body
    for body in (b"ssl_check=0", b"token=ssl_check=1", b"xssl_check=1", b"ssl_check=12"):
        assert loop.run(post(body)) == 401, body
    assert product.heard == [] and not product.adapter.connected()


def test_a_body_that_ends_early_is_called_that(web: tuple[Product, str], caplog: pytest.LogCaptureFixture) -> None:
    product, url = web
    cut_off(url)
    until(lambda: "refused" in caplog.text)
    assert [line for line in own_lines(caplog) if "refused" in line] == ["slack: a request was refused: cut off"]
    assert product.heard == []


def own_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Our own lines."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("bot.") and r.levelno >= logging.WARNING]


def test_over_http_what_was_not_saved_comes_again(slack: FakeSlack, web: tuple[Product, str]) -> None:
    product, _ = web
    slack.patience(3.0, (0.0,))
    product.says = [Reply("not_saved", "x"), Reply("done", "余额 0")]
    assert slack.say(LI, "余额").why_not == "HTTP 503"
    until(lambda: any("余额 0" in words(m.blocks) for m in slack.screen(LI)))
    assert len({e.event_id for e in product.heard}) == 1


def test_over_http_the_last_retry_says_that_nothing_was_saved(slack: FakeSlack, web: tuple[Product, str]) -> None:
    product, _ = web
    slack.patience(3.0, (0.0, 0.0, 0.0))
    product.says = [Reply("not_saved", "x")] * 4
    assert slack.say(LI, "余额").why_not == "HTTP 503"
    until(lambda: any("没有保存，请再发一次" in words(m.blocks) for m in slack.screen(LI)))
    assert len(product.heard) == 4


def test_socket_mode_has_no_routes_and_needs_no_signing_secret(slack: FakeSlack, loop: Loop, tmp_path: Path) -> None:
    with a_product(slack, loop, tmp_path, signing_secret="") as product:
        assert list(product.adapter.routes()) == []
        still_works(slack, product)


# --- settings and their check ---


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"bot_token": ""}, "not_set", "HUIKUAN_SLACK_BOT_TOKEN"),
        ({"bot_token": "xapp-1"}, "malformed", "HUIKUAN_SLACK_BOT_TOKEN"),
        ({"app_token": ""}, "not_set", "HUIKUAN_SLACK_APP_TOKEN"),
        ({"app_token": "xapp-１"}, "malformed", "HUIKUAN_SLACK_APP_TOKEN"),
        ({"mode": "http", "signing_secret": ""}, "not_set", "HUIKUAN_SLACK_SIGNING_SECRET"),
        ({"api_url": "slack.com"}, "malformed", "HUIKUAN_SLACK_API_URL"),
        ({"bot_token": "x", "app_token": ""}, "not_set_and_malformed", "HUIKUAN_SLACK_BOT_TOKEN"),
    ],
)
def test_a_setting_that_is_missing_or_cannot_be_right_is_named(
    slack: FakeSlack, more: dict[str, str], code: str, named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(settings(slack, **more), None, lambda: NOW)  # type: ignore[arg-type]
    assert caught.value.code == f"messenger.{code}" and named in str(caught.value.facts)


def states(found: list[Finding]) -> dict[str, str]:
    return {one.name: one.state for one in found}


def checked(slack: FakeSlack, **more: str) -> list[Finding]:
    return asyncio.run(checking.check(settings(slack, **more)))


def test_the_check_finds_what_is_wrong(slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(checked(slack)) == {
        "slack.bot_token": "ok", "slack.scopes": "ok", "slack.clock": "ok", "slack.socket": "ok",
    }  # fmt: skip
    slack.at.scopes -= {"im:history", "commands"}
    scopes = next(one for one in checked(slack) if one.name == "slack.scopes")
    assert scopes.state == "fail" and scopes.message_en == "missing scopes: commands, im:history"
    slack.at.scopes |= {"im:history", "commands"}
    slack.revoke(slack.app_token)
    assert states(checked(slack))["slack.app_token"] == "fail"
    slack.restore(slack.app_token)
    slack.bad_tickets(1)
    assert states(checked(slack))["slack.socket"] == "fail"
    slack.revoke(slack.bot_token)
    [first, *_] = checked(slack)
    assert first.state == "fail" and all("HUIKUAN_SLACK_BOT_TOKEN" in hint for hint in (first.hint_zh, first.hint_en))
    slack.restore(slack.bot_token)
    slack.fail("auth.test", broken(502))
    assert checked(slack)[0].message_en.startswith("Slack cannot be reached")
    for off, state in ((90, "warn"), (400, "fail")):
        monkeypatch.setattr(checking, "utcnow", lambda off=off: utcnow() + timedelta(seconds=off))
        assert states(checked(slack))["slack.clock"] == state


def test_the_check_of_http(slack: FakeSlack) -> None:
    own = settings(slack, mode="http")
    assert states(asyncio.run(checking.check(own)))["slack.http"] == "warn"
    there = Settings(public_url="https://127.0.0.1:9", slack=own.slack.model_dump())
    away = next(one for one in asyncio.run(checking.check(there)) if one.name == "slack.http")
    assert away.state == "warn" and "https://127.0.0.1:9/slack/events" in away.hint_zh
    assert states(checked(slack, mode="http", signing_secret=""))["slack.http"] == "fail"


def test_the_check_calls_our_address_as_slack_does(slack: FakeSlack, web: tuple[Product, str]) -> None:
    product, url = web

    def said(address: str, **more: str) -> Finding:
        given = Settings(public_url=address, slack=settings(slack, mode="http", **more).slack.model_dump())
        return next(one for one in asyncio.run(checking.check(given)) if one.name == "slack.http")

    right = said(url.removesuffix(door.PATH))
    assert (right.state, right.message_en) == ("warn", "the public address leads here, but Slack calls https only")
    assert asyncio.run(checking._callback(url, slack.signing_secret)).state == "ok"
    assert not product.adapter.connected()  # our own call is none of Slack's
    wrong = said(url.removesuffix(door.PATH), signing_secret="of another app")
    assert wrong.state == "fail" and "HUIKUAN_SLACK_SIGNING_SECRET" in wrong.hint_zh
    assert "HTTP 404" in said(url).message_en  # the reverse proxy leads elsewhere


async def nobody(*_: object, **__: object) -> Reached:
    return Reached("ClientConnectorError")


def test_the_check_says_whether_slack_has_ever_called(
    slack: FakeSlack, web: tuple[Product, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, _ = web
    own = settings(slack, mode="http").slack.model_dump()
    there = Settings(public_url="https://ar.example.com/", slack=own)
    monkeypatch.setattr(checking, "ask", nobody)

    def said() -> Finding:
        return next(one for one in asyncio.run(checking.check(there, product.engine)) if one.name == "slack.called")

    never = said()
    assert never.state == "warn" and not product.adapter.connected()  # the token alone is no connection
    assert never.message_zh == "Slack 还没有调用过 https://ar.example.com/slack/events"
    assert "Event Subscriptions" in never.hint_zh and "https://ar.example.com/slack/events" in never.hint_en
    with slack.signing(secret="x"):
        slack.say(LI, "待办")
    assert said().state == "warn"  # whoever can't sign is not Slack
    assert slack.verify_url()
    until(lambda: said().state == "ok")
    assert product.adapter.connected() and "2026-" in said().message_zh


def test_scopes_that_slack_does_not_name_are_not_known() -> None:
    assert checking._scopes(Answer()).state == "warn"


