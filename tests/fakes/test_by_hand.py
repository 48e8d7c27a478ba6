"""Fakes run by hand: what they print is pasted into a shell, and the product then speaks to them."""

import os
import shlex
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
from tests.fakes.wecom.phones import AUTHORIZE

FAKES = {"slack": FakeSlack, "dingtalk": FakeDingTalk, "wecom": FakeWecom}
HERE = "http://127.0.0.1:8080"
EVERY = [("slack", ""), ("slack", f"{HERE}/slack/events"), ("dingtalk", None), ("wecom", f"{HERE}/wecom/callback")]


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Iterator[Any]:
    with FAKES[request.param]() as made:
        if request.param == "dingtalk":
            made.add_template(dingtalk.TEMPLATE_ID)
        yield made


@pytest.mark.parametrize(("fake", "given", "name"), [(n, g, n) for n, g in EVERY], indirect=["fake"])
def test_what_is_printed_works_when_it_is_pasted(
    fake: Any, given: str | None, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("HUIKUAN_")]:
        monkeypatch.delenv(variable)
    printed = import_module(f"tests.fakes.{name}.__main__").environment(*([fake] if given is None else [fake, given]))
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
    alive = {"slack": "slack.bot_token", "dingtalk": "dingtalk.cards", "wecom": "wecom.agent"}[name]
    assert found[alive] == ("warn" if name == "wecom" else "ok"), found  # WeCom: no trusted domain is set for forms
    assert "fail" not in found.values()


def test_a_browser_that_signs_in_is_asked_who_it_is() -> None:
    with FakeWecom(members={"lisi": "李四", "wang": "王<经理"}) as wecom:
        asked = {"appid": wecom.corp_id, "redirect_uri": "http://127.0.0.1:8080/form/x", "response_type": "code",
                 "scope": "snsapi_base", "state": "s1"}  # fmt: skip
        page = requests.get(f"{wecom.url}{AUTHORIZE}?{urlencode(asked)}", timeout=10).text
        assert "李四" in page and "王&lt;经理" in page
        link = unescape(page.split('href="')[1].split('"')[0])
        back = requests.get(wecom.url + link, allow_redirects=False, timeout=10)
        assert back.status_code == 302 and back.headers["Location"].startswith("http://127.0.0.1:8080/form/x?code=")
        assert "state=s1" in back.headers["Location"]
