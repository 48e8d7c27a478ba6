"""The preview page: its door over plain HTTP, and every kind of message drawn in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from bot.preview import faces_of, kinds, previews
from tests.page.sample import CHROMIUM, FLAGS, link

try:
    from playwright.sync_api import Page, expect, sync_playwright
except ImportError:
    sync_playwright = None  # type: ignore[assignment]

FACES = ("slack", "dingtalk", "dingtalk-text", "wecom", "wecom-robot", "text")

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_page_stands_behind_the_same_door(site: tuple[str, Any], http: httpx2.Client) -> None:
    for path in ("/preview", "/api/preview", "/api/preview/task.overdue"):
        assert httpx2.get(site[0] + path).status_code == 403
        assert http.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert "unsafe" not in http.get(path).headers["content-security-policy"]
    page = http.get("/preview").text
    assert not re.search(r"https?://|<script>|<style|style=|\son\w+=", page)
    assert "://" not in http.get("/static/preview.css").text
    script = http.get("/static/preview.js").text
    assert "innerHTML" not in script and "://" not in script


def test_it_is_told_the_real_payloads(http: httpx2.Client) -> None:
    listed = http.get("/api/preview?lang=en").json()["kinds"]
    assert [one["kind"] for one in listed] == list(kinds())
    shown = http.get("/api/preview/task.overdue?lang=zh").json()["previews"]
    assert [one["name"] for one in shown] == [face.name for face in faces_of("task.overdue")]
    assert shown[0]["payload"]["blocks"][0]["type"] == "header"
    assert "“承诺日期”的备注：卡片上不能填" in shown[0]["lost"]
    wrong = http.get("/api/preview/task.overdu?lang=en").json()["error"]
    assert wrong["code"] == "preview.unknown_kind" and "Did you mean task.overdue" in wrong["message"]
    assert http.get("/api/preview/task.overdue?lang=fr").status_code == 422


@pytest.fixture
def tab(site: tuple[str, Any]) -> Iterator[Page]:
    """Signed in; errors in the page fail the test."""
    if sync_playwright is None or not CHROMIUM.exists():
        pytest.skip("no browser: install the `e2e` extra and Debian's chromium")
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(10_000)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(link(site))
        page.wait_for_selector("body[data-ready]")
        yield page
        browser.close()
        assert not wrong


def show(tab: Page, site: tuple[str, Any], kind: str, lang: str) -> None:
    tab.goto(f"{site[0]}/preview#{kind}/{lang}")
    tab.wait_for_selector(f'body[data-ready="#{kind}/{lang}"]')


@pytest.mark.page
def test_every_kind_is_drawn_for_every_messenger(tab: Page, site: tuple[str, Any]) -> None:
    for kind in kinds():
        for lang in ("zh", "en"):
            show(tab, site, kind, lang)
            faces = [face.name for face in faces_of(kind)]
            assert [one.get_attribute("data-face") for one in tab.locator(".face").all()] == faces
            drawn = tab.locator("main").inner_text()
            assert "[object" not in drawn and "undefined" not in drawn, (kind, lang)
            assert tab.locator(".unknown").count() == 0, (kind, lang)


@pytest.mark.page
def test_each_looks_like_its_messenger_and_tells_what_is_lost(tab: Page, site: tuple[str, Any]) -> None:
    show(tab, site, "task.overdue", "zh")
    face = {name: tab.locator(f'[data-face="{name}"]') for name in FACES}
    expect(face["slack"].locator("table tr")).to_have_count(2)
    expect(face["slack"].locator("select option")).to_have_count(8)
    expect(face["dingtalk"].locator(".head-orange h4")).to_contain_text("逾期 7 天")
    expect(face["dingtalk"].locator(".md b").first).to_have_text("客户")
    expect(face["dingtalk-text"].locator("a").first).to_have_attribute("title", re.compile("#hk-example-1/task.log/"))
    expect(face["wecom"].locator("dt")).to_have_count(6)
    # The robot has no form, and its black button has the number that is red in the app.
    expect(face["wecom"].locator(".controls")).to_contain_text("填写详情")
    expect(face["wecom-robot"].locator(".controls")).not_to_contain_text("填写详情")
    expect(face["wecom-robot"].locator(".controls > .s4")).to_have_count(face["wecom"].locator(".controls > .s4").count())
    expect(face["text"].locator(".bubble")).to_contain_text("回复序号")
    face["wecom"].locator(".lost summary").click()
    expect(face["wecom"].locator(".lost li").first).to_have_text("“登记结果”：改为下拉菜单，暂时取代卡片")
    face["wecom"].locator(".json summary").click()
    expect(face["wecom"].locator("pre")).to_contain_text('"card_type": "button_interaction"')


@pytest.mark.page
def test_kind_and_language_are_chosen(tab: Page, site: tuple[str, Any]) -> None:
    tab.locator("#people").click()
    tab.locator("a.aside").click()
    tab.wait_for_selector('body[data-ready="#task.overdue/zh"]')
    tab.select_option("#kind", "promise.due")
    tab.wait_for_selector('body[data-ready="#promise.due/zh"]')
    tab.locator("#lang").click()
    tab.wait_for_selector('body[data-ready="#promise.due/en"]')
    expect(tab.locator("h1")).to_have_text("Message preview")
    assert not re.search("[\u4e00-\u9fff]", tab.locator("main .screen:not(.slack)").first.inner_text())
    tab.locator("#after").click()
    tab.wait_for_selector('body:not([data-ready="#promise.due/en"])')


@pytest.mark.page
def test_what_a_payload_says_is_text(tab: Page, site: tuple[str, Any]) -> None:
    """A name like a tag or a link is shown as it is typed; nothing in a payload runs or leads elsewhere."""
    nasty = "<img src=x onerror=alert(1)> **x** [y](https://evil.example) </pre>"
    real = {made.face.name: made.payload for made in previews("task.overdue", "en").values()}
    real |= {"mail": {"subject": "Huaxing", "text": "Huaxing"}, "file": {"page": "<h1>Letter</h1><a href='//x'>z</a>"}}
    spoilt = json.loads(json.dumps(real).replace("Huaxing", json.dumps(nasty)[1:-1]))
    shown = [{"name": name, "label": name, "payload": payload, "lost": [nasty]} for name, payload in spoilt.items()]
    tab.route("**/api/preview/task.overdue*", lambda route: route.fulfill(json={"previews": shown}))
    show(tab, site, "task.overdue", "en")
    assert tab.locator(".face").count() == 9 and tab.locator("main img, main [href]").count() == 0
    expect(tab.locator('[data-face="slack"] .push')).to_contain_text("<img src=x onerror=alert(1)>")
    assert tab.locator('[data-face="mail"] .plain').text_content() == nasty
    assert tab.locator('[data-face="text"] .lost li').text_content() == nasty


@pytest.mark.page
def test_on_a_phone_they_stand_below_each_other(tab: Page, site: tuple[str, Any]) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    show(tab, site, "digest.daily", "en")
    boxes = [one.bounding_box() for one in tab.locator(".face").all()]
    assert all(box and box["x"] == boxes[0]["x"] for box in boxes if boxes[0])  # type: ignore[index]
    assert tab.locator("html").evaluate("b => b.scrollWidth <= innerWidth")
