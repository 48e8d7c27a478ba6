"""Fakes run by hand: what they print is pasted into a shell, and the product then speaks to them."""

import os
import shlex
import socket
from collections.abc import Iterator
from html import unescape
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from bot.adapters.build import messenger
from bot.adapters.checks import examine
from bot.settings import Settings, unknown_environment
from core.db import make_engine, upgrade
from tests.fakes.dingtalk import FakeDingTalk
from tests.fakes.dingtalk import __main__ as dingtalk
from tests.fakes.slack import FakeSlack
from tests.fakes.wecom import FakeWecom
from tests.fakes.wecom.aibot import FakeAibot
from tests.fakes.wecom.phones import AUTHORIZE

FAKES = {"slack": FakeSlack, "dingtalk": FakeDingTalk, "wecom": FakeWecom, "wecom.robot": FakeAibot}
EVERY = [("slack", ""), ("slack", "/slack/events"), ("dingtalk", None), ("wecom", "/wecom/callback"), ("wecom.robot", None)]
# What doctor says of a fake that is right: WeCom's has no trusted domain for forms, and of the robot it asks no secret.
ALIVE = {
    "slack": ("slack.bot_token", "ok"), "dingtalk": ("dingtalk.cards", "ok"), "wecom": ("wecom.agent", "warn"),
    "wecom.robot": ("wecom.connection", "ok"),
}  # fmt: skip


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address of our own where nobody answers: whatever else runs on this machine, `huikuan serve` is not there."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # taken, but nobody listens
        yield f"http://127.0.0.1:{kept.getsockname()[1]}"


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Iterator[Any]:
    with FAKES[request.param]() as made:
        if request.param == "dingtalk":
            made.add_template(dingtalk.TEMPLATE_ID)
        yield made


@pytest.mark.parametrize(("fake", "path", "module"), [(n, g, n) for n, g in EVERY], indirect=["fake"])
def test_what_is_printed_works_when_it_is_pasted(
    fake: Any, path: str | None, module: str, nobody: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("HUIKUAN_")]:
        monkeypatch.delenv(variable)
    by_hand = import_module(f"tests.fakes.{module}" if "." in module else f"tests.fakes.{module}.__main__")
    name = module.partition(".")[0]
    printed = by_hand.environment(*([fake] if path is None else [fake, path and nobody + path]))
    for line in printed.splitlines():
        export, _, assigned = line.partition(" ")
        variable, _, value = assigned.partition("=")
        assert export == "export" and [value] == shlex.split(value)
        monkeypatch.setenv(variable, value)
    assert unknown_environment(os.environ) == []
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db")
    assert settings.messengers == (name,)
    upgrade(settings.database)
    engine = make_engine(settings.database)
    assert messenger(name, settings, engine, lambda: None).name == name  # type: ignore[arg-type, return-value]
    found = {one.name: one.state for one in examine(settings, engine)[name]}
    engine.dispose()
    alive, state = ALIVE[module]
    assert found[alive] == state, found
    assert "fail" not in found.values(), found


def test_a_browser_that_signs_in_is_asked_who_it_is() -> None:
    with FakeWecom(members={"lisi": "李四", "wang": "王<经理"}) as wecom:
        asked = {"appid": wecom.corp_id, "redirect_uri": "http://127.0.0.1:8080/form/x", "response_type": "code",
                 "scope": "snsapi_base", "state": "s1", "agentid": wecom.agent_id}  # fmt: skip
        page = requests.get(f"{wecom.url}{AUTHORIZE}?{urlencode(asked)}", timeout=10).text
        assert "李四" in page and "王&lt;经理" in page
        link = unescape(page.split('href="')[1].split('"')[0])
        back = requests.get(wecom.url + link, allow_redirects=False, timeout=10)
        assert back.status_code == 302 and back.headers["Location"].startswith("http://127.0.0.1:8080/form/x?code=")
        assert "state=s1" in back.headers["Location"]
