"""The local page on the same server as messengers that call us: they come in without its link, and nobody else does."""

from collections.abc import Iterator

import httpx2
import pytest

from bot.adapters.base import Connects
from bot.adapters.wecom.check import check
from tests.adapters.test_wecom_app import Company
from tests.databases import Databases
from tests.fakes.slack import FakeSlack
from tests.fakes.wecom import FakeWecom
from tests.rigs.wecom_browser import Browser

ELSEWHERE = {"Host": "ar.example.com"}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        yield fake
        assert fake.wrong == []


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    with FakeWecom() as fake:
        yield fake
        assert fake.wrong == []


@pytest.fixture
def hk(databases: Databases, wecom: FakeWecom, slack: FakeSlack) -> Iterator[Company]:
    own = {
        "bot_token": slack.bot_token, "signing_secret": slack.signing_secret, "api_url": slack.api_url, "mode": "http",
    }  # fmt: skip
    made = Company(databases.create("sqlite"), wecom, forms=True, messengers=("wecom", "slack", "local"), slack=own)
    slack.send_to(f"{made.url}/slack/events")
    yield made
    slack.send_to("")
    made.close()


def test_messengers_that_call_come_in_without_the_pages_link(hk: Company, wecom: FakeWecom, slack: FakeSlack) -> None:
    assert wecom.verify_url().error == ""
    card = hk.first()
    wecom.say("li", "帮助")
    hk.settled(lambda: any("余额" in shown.text for shown in wecom.screen("li")))
    wecom.tap("li", card, card.key_of("承诺日期"))
    assert any(shown.questions for shown in wecom.screen("li"))
    assert slack.verify_url() and slack.ssl_check() == 200
    slack.add_user("U0LI", "li@example.com", "li")
    assert slack.command("U0LI", "/balance", "甲").reply["response_type"] == "ephemeral"
    assert all(a.connected() for a in hk.app.adapters.values() if isinstance(a, Connects))


def test_the_form_opens_and_saves(hk: Company, wecom: FakeWecom) -> None:
    link = next(b.url for b in hk.first().buttons if b.text == "填写详情")
    browser = Browser(wecom, "li")
    page = browser.enter(link)
    assert browser.save(page, "task.promise", date="2026-07-09").status_code == 200
    assert hk.promises("甲") == ["open"]


def test_under_the_public_name_messengers_come_in_and_nobody_sees_the_page(hk: Company) -> None:
    """As a proxy passes it on that keeps the Host."""
    with httpx2.Client(base_url=hk.url, headers=ELSEWHERE) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        for path in ("/wecom/callback", "/slack/events"):  # refused for their missing signatures, not at the door
            answer = http.post(path, content=b"{}")
            assert answer.status_code in (401, 403) and "page.host" not in answer.text and "一次性" not in answer.text, path
        assert "链接已失效" in http.get("/form?m=nothing").text
        assert http.put("/form/save").status_code == 405
        enter = f"/enter?token={hk.front.sign_in.new_token()}"
        for path in ("/", "/preview", "/api/people", "/static/local.css", enter, "/wecom/callback/x", "/formx"):
            assert http.get(path).json()["error"]["code"] == "page.host", path
        assert http.post("/api/say", json={"person": "li", "text": "余额"}).status_code == 403


def test_on_this_machine_the_page_wants_its_link_as_ever(hk: Company) -> None:
    hk.first()
    with httpx2.Client(base_url=hk.url) as http:
        assert "一次性链接" in http.get("/").text
        assert http.get("/preview").status_code == 403
        assert http.get("/api/people").json()["error"]["code"] == "page.signed_out"
        say = {"person": "li", "text": "余额"}
        assert http.post("/api/say", json=say, headers={"Origin": hk.url}).json()["error"]["code"] == "page.signed_out"
        assert http.get(f"/enter?token={hk.front.sign_in.new_token()}").status_code == 200
        assert http.get("/api/people").status_code == 200
        assert http.post("/api/say", json=say).json()["error"]["code"] == "page.origin"
        assert http.post("/api/say", json=say, headers={"Origin": hk.url}).status_code == 200


def test_doctor_finds_the_callback(hk: Company) -> None:
    found = {each.name: each for each in hk.run(check(hk.app.settings, hk.app.engine))}
    assert found["wecom.callback"].state == "ok", found["wecom.callback"]
