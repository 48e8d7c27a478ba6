"""The door of the local messenger's page, and what it answers, over plain HTTP."""

import re
from typing import Any

import httpx2
import pytest

from bot.card import Card
from tests.page.sample import Sample, collect, link

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_link_works_once(site: tuple[str, Any]) -> None:
    once = link(site)
    assert httpx2.head(once).status_code == 405  # whoever only looks does not use it up
    with httpx2.Client() as first, httpx2.Client() as second:
        answer = first.get(once)
        cookie = answer.headers["set-cookie"]
        assert answer.status_code == 200 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert first.get(site[0] + "/api/people").status_code == 200
        assert first.get(once).status_code == 200  # the same browser, again
        refused = second.get(once)
        assert refused.status_code == 403 and "重新运行命令" in refused.text and "set-cookie" not in refused.headers
        assert second.get(site[0] + "/").status_code == 403
        assert second.get(site[0] + "/api/people").json()["error"]["code"] == "page.signed_out"
        assert second.get(site[0] + "/enter?token=").status_code == 403


def test_only_this_machine_and_only_this_page(http: httpx2.Client) -> None:
    assert http.get("/api/people", headers={"Host": "evil.example"}).json()["error"]["code"] == "page.host"
    assert http.get("/api/people", headers={"Host": "127.0.0.1.evil.example:80"}).status_code == 403
    say = {"person": "lina", "text": "余额"}
    assert http.post("/api/say", json=say, headers={"Origin": "http://evil.example"}).status_code == 403
    assert http.post("/api/say", json=say, headers={"Origin": ""}).json()["error"]["code"] == "page.origin"
    assert http.post("/api/say", json=say).status_code == 200


def test_nothing_from_elsewhere_is_run_or_loaded(http: httpx2.Client) -> None:
    answer = http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and answer.headers["cache-control"] == "no-store"
    assert not re.search(r"https?://|<script>|<style|style=|\son\w+=", answer.text)
    for name in ("local", "shop"):
        assert "://" not in http.get(f"/static/{name}.css").text
        assert "innerHTML" not in http.get(f"/static/{name}.js").text


def test_the_clock_is_only_turned_in_the_demo(http: httpx2.Client, host: Sample) -> None:
    assert http.post("/api/clock", json={"to": "2026-07-01T09:00"}).json()["error"]["code"] == "clock.backwards"
    assert http.post("/api/clock", json={"to": "2036-07-01T09:00"}).json()["error"]["code"] == "clock.too_far"
    assert http.post("/api/clock", json={"to": "tomorrow"}).json()["error"]["code"] == "time.bad_instant"
    assert http.post("/api/clock", json={}).json()["error"]["code"] == "clock.no_target"
    assert http.post("/api/clock", json={"step": "workday"}).json()["target"] == "2026-07-09T09:00:00+08:00"
    assert http.post("/api/clock", json={"step": "hour"}).status_code == 409
    host.demo = False
    assert http.post("/api/clock", json={"step": "hour"}).status_code == 404


def test_a_profile_changes_what_is_shown_not_what_is_kept(http: httpx2.Client, host: Sample) -> None:
    host.post("lina", "task.overdue", collect())
    full, wecom, text, slack = (
        http.get(f"/api/chat/lina?profile={view}").json()["items"][0] for view in ("full", "wecom", "text", "slack")
    )
    assert full["lost"] == [] and {a["draw"] for a in full["card"]["actions"]} == {"form"}
    assert wecom["lost"] and "menu" in {a["draw"] for a in wecom["card"]["actions"]} and wecom["card"]["rows"] == []
    assert "回复序号" in text["card"]["plain"]
    assert slack["card"]["actions"][1]["draw"] == "inline"
    assert http.get("/api/chat/lina").json()["items"][0] == full
    assert http.get("/api/chat/lina?profile=fax").status_code == 422


def test_a_long_chat_comes_in_pages(http: httpx2.Client, host: Sample) -> None:
    for n in range(103):
        host.send("lina", Card("note.rise", "zh", "info", f"第 {n} 条"))
    latest = http.get("/api/chat/lina").json()["items"]
    earlier = http.get(f"/api/chat/lina?before={latest[0]['id']}").json()["items"]
    assert [i["card"]["title"] for i in earlier + latest] == [f"第 {n} 条" for n in range(103)]


def test_ids_and_text_that_nobody_sends_are_refused_or_cleaned(http: httpx2.Client) -> None:
    for delivery in (2**70, -1):
        body = {"person": "li", "delivery": delivery, "action": "task.paid", "input": {}}
        assert http.post("api/tap", json=body).status_code == 422
    body = {"person": "li", "delivery": 2**53, "action": "task.\x00\x1b", "input": {"a\x00": "\x00"}}
    assert http.post("api/tap", json=body).status_code < 500
    said = b'{"person": "li", "text": "/log \\ud800 \\u0000"}'
    assert http.post("api/say", content=said, headers={"content-type": "application/json"}).status_code < 500
    assert http.get(f"api/chat/li?before={2**70}").status_code == 422
