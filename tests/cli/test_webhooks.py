"""Webhooks on the command line: settings, the log, sending again, a ping, and what the doctor says."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.db import make_engine, transaction
from core.models import JobSlot, OrderState, WebhookEvent
from core.models.base import table_of
from tests.cli.conftest import ROOT, CommandLine
from tests.fakes.receiver import Receiver

CANARY = "canary-in-the-signing-key"
CUSTOMERS = "code,name,owner,credit_limit\nC001,华兴商贸,li,150000.00\n"


@pytest.fixture
def shop(hk: CommandLine, company: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A company, and from now on an order system that takes its events. 华兴商贸 owes 120,000 of 150,000."""
    company()
    hk("import", "customers", hk.file("limits.csv", CUSTOMERS), "--at", "2026-06-02T09:30")
    with Receiver(CANARY) as found:
        monkeypatch.setenv("HUIKUAN_WEBHOOK_URL", f"{found.url}/events?key=in-the-address")
        monkeypatch.setenv("HUIKUAN_WEBHOOK_SECRET", CANARY)
        yield found
        assert found.wrong == []


def order(hk: CommandLine, number: str, amount: str = "10.00") -> None:
    file = hk.file("order.json", json.dumps({"number": number, "customer": "C001", "amount": amount}))
    hk("order", "submit", file)


def doctor(hk: CommandLine) -> dict[str, str]:
    answer = hk("doctor", "--json", code=None)
    assert CANARY not in answer.out + answer.err and "in-the-address" not in answer.out + answer.err
    return next(check for check in answer.json["checks"] if check["name"] == "webhook")


def test_run_once_sends_what_is_due_and_the_log_keeps_it(hk: CommandLine, shop: Receiver) -> None:
    order(hk, "SO1")
    assert [(e["event"], e["state"]) for e in hk("webhook", "list", "--json").json["events"]] == [
        ("order.held", "pending")
    ]
    hk("run-once", "--json")
    assert ("order.held", "SO1") in shop.told
    events = hk("webhook", "list", "--json").json["events"]
    assert [e["number"] for e in events] == sorted((e["number"] for e in events), reverse=True)
    last = events[-1]
    assert (last["state"], last["attempts"], last["status"], last["next"]) == ("accepted", 1, 204, None)
    assert last["id"] == shop.taken[0].id and last["body"] == shop.taken[0].body
    assert "SO1" not in hk("webhook", "list", "--state", "parked").out
    assert "order.held" in hk("webhook", "list").out and "已接收" in hk("webhook", "list").out


def test_sent_again_by_number_by_id_and_by_time(hk: CommandLine, shop: Receiver) -> None:
    order(hk, "SO1")
    hk("run-once")
    first = next(one for one in shop.taken if one.event == "order.held")
    number = next(e["number"] for e in hk("webhook", "list", "--json").json["events"] if e["id"] == first.id)
    assert hk("webhook", "replay", str(number), "--json").json == {"replayed": 1}
    hk("run-once")
    assert "1" in hk("webhook", "replay", first.id).out
    hk("run-once")
    assert [one for one in shop.taken if one.id == first.id] == [first] * 3
    everything = len(hk("webhook", "list", "--json").json["events"])
    assert hk("webhook", "replay", "--since", "2026-01-01T00:00", "--json").json == {"replayed": everything}
    some = hk("webhook", "replay", str(number), "999", "--json", code=1).json
    assert some["replayed"] == 1 and [one["code"] for one in some["left_out"]] == ["webhook.unknown"]
    assert "“999”" in hk("webhook", "replay", str(number), "999", code=1).out
    assert hk.refused("webhook", "replay", "999")["code"] == "webhook.unknown"
    assert hk.refused("webhook", "replay", "no-such-id")["code"] == "webhook.unknown"
    assert hk.refused("webhook", "replay")["code"] == "webhook.which"
    assert hk.refused("webhook", "replay", "1", "--since", "2026-01-01T00:00")["code"] == "webhook.which"
    assert hk.refused("webhook", "replay", "--since", "yesterday")["code"] == "time.bad_instant"


def test_what_was_deleted_is_said_to_be_deleted(hk: CommandLine, shop: Receiver) -> None:
    order(hk, "SO1")
    hk("run-once")
    first = next(e["number"] for e in hk("webhook", "list", "--json").json["events"] if e["event"] == "order.held")
    long_ago("accepted", days=91)
    order(hk, "SO2")
    hk("run-once")
    left = [e["number"] for e in hk("webhook", "list", "--json").json["events"]]
    assert first not in left
    refused = hk.refused("webhook", "replay", str(first))
    assert refused["code"] == "webhook.gone" and "90 天" in refused["message"] and "GET" in refused["hint"]
    assert "90 天" in hk("webhook", "replay", "--since", "2020-01-01T00:00").out
    assert hk("webhook", "replay", "--since", "2020-01-01T00:00", "--json").json == {"replayed": len(left)}
    assert "90 天" not in hk("webhook", "replay", str(left[0])).out


def test_a_ping_says_what_came_back(hk: CommandLine, shop: Receiver) -> None:
    said = hk("webhook", "test", "--json").json
    assert (said["accepted"], said["status"]) == (True, 204) and said["url"] == f"{shop.url}/events"
    assert [one.event for one in shop.taken] == ["ping"]
    shop.does = 500
    assert "状态码 500" in hk("webhook", "test", code=1).out
    shop.does = "redirect"
    assert "不跟随跳转" in hk("webhook", "test", code=1).out and shop.followed == 0
    shop.down()
    answer = hk("webhook", "test", code=3)
    assert "连接被拒绝" in answer.out and "in-the-address" not in answer.out + answer.err
    shop.up()
    assert hk("webhook", "list", "--json").json == {"events": []}


def test_the_doctor_says_what_waits_and_what_was_given_up(hk: CommandLine, shop: Receiver) -> None:
    assert doctor(hk)["state"] == "ok"
    order(hk, "SO1")
    shop.does = 503
    hk("run-once")
    found = doctor(hk)
    assert found["state"] == "ok" and "条在等待" in found["message"] and "状态码 503" in found["message"]
    long_ago("pending")
    found = doctor(hk)
    assert found["state"] == "warn" and "webhook test" in found["hint"]
    long_ago("parked")
    found = doctor(hk)
    assert found["state"] == "warn" and "已放弃" in found["message"] and "webhook replay" in found["hint"]
    shop.down()
    found = doctor(hk)
    assert found["state"] == "fail" and "连不上" in found["message"] and f"{shop.url}/events" in found["message"]
    shop.up()


def long_ago(state: str, days: int = 8) -> None:
    """As if so many days had passed since they were written, or accepted, and today's sweep were still to come."""
    from datetime import timedelta

    from core.time import utcnow

    engine = make_engine("sqlite:///var/huikuan.db")
    W = table_of(WebhookEvent)
    with transaction(engine) as session:
        then = utcnow() - timedelta(days=days)
        session.execute(W.update().values(state=state, at=then, accepted_at=then if state == "accepted" else None))
        session.execute(table_of(JobSlot).delete().where(table_of(JobSlot).c.job == "events"))
    engine.dispose()


def test_without_a_secret_nothing_leaves(hk: CommandLine, shop: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUIKUAN_WEBHOOK_SECRET")
    order(hk, "SO1")
    hk("run-once")
    assert shop.asked == 0 and hk.refused("webhook", "test")["code"] == "webhook.no_secret"
    found = doctor(hk)
    assert found["state"] == "fail" and "HUIKUAN_WEBHOOK_SECRET" in found["hint"]
    monkeypatch.delenv("HUIKUAN_WEBHOOK_URL")
    assert hk.refused("webhook", "test")["code"] == "webhook.off"
    assert doctor(hk)["state"] == "warn"


def test_no_receiver_no_events(hk: CommandLine, company: Callable[[], None]) -> None:
    company()
    order(hk, "SO1")
    assert hk("webhook", "list", "--json").json == {"events": []} and "没有事件" in hk("webhook", "list").out
    assert doctor(hk)["state"] == "ok"


def test_the_clock_is_not_replaced_for_another_system(hk: CommandLine, shop: Receiver) -> None:
    assert hk.refused("run-once", "--at", "2027-01-01T09:00")["code"] == "time.at_webhook"


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook", "ftp://localhost/x", "shop.example/hook", "https://", "https://u:p@shop.example/x",
        "https://shop.example/#part", "https://shop.example:99999/", "http://10.0.0.8/hook", "https://店.example/",
        "http://localhost@evil.example/", "http://[::1", "https://shop.example:0/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_not_safe(hk: CommandLine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_WEBHOOK_URL", url)
    answer = hk.refused("webhook", "test")
    assert answer["code"] == "settings.invalid" and "u:p" not in str(answer)


@pytest.mark.parametrize("url", ["https://shop.example", "http://localhost:1/x", "http://[::1]:1/", "https://10.0.0.8/hook?a=b"])
def test_addresses_that_are_fine(hk: CommandLine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_WEBHOOK_URL", url)
    assert hk.refused("webhook", "test")["code"] == "webhook.no_secret"


def test_a_short_secret_and_one_in_the_file_are_refused(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_WEBHOOK_SECRET", "short-canary")
    answer = hk.refused("webhook", "test")
    assert answer["code"] == "settings.invalid" and "short-canary" not in str(answer)
    monkeypatch.delenv("HUIKUAN_WEBHOOK_SECRET")
    hk.file("huikuan.toml", f'[webhook]\nurl = "https://shop.example/"\nsecret = "{CANARY}"\n')
    answer = hk.refused("webhook", "test")
    assert answer["code"] == "settings.secret_in_file" and CANARY not in str(answer)


def test_whoever_talks_no_tls_or_cuts_the_line(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_WEBHOOK_SECRET", CANARY)
    with Receiver(CANARY) as plain:
        monkeypatch.setenv("HUIKUAN_WEBHOOK_URL", plain.url.replace("http://", "https://"))
        assert hk("webhook", "test", "--json", code=3).json["error"] == "tls"
    with socket.create_server(("127.0.0.1", 0)) as rude:
        monkeypatch.setenv("HUIKUAN_WEBHOOK_URL", f"http://127.0.0.1:{rude.getsockname()[1]}/")

        import threading

        def hang_up() -> None:
            peer, _ = rude.accept()
            peer.recv(10)
            peer.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        assert hk("webhook", "test", "--json", code=3).json["error"] == "broken"
        thread.join(5)


def test_the_example_in_the_documentation_verifies() -> None:
    from datetime import UTC, datetime, timedelta

    from bot import hooks

    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 10
    known: dict[str, Any] = {}
    exec(code, known)
    body, now = hooks.encode({"id": "1", "客户": "甲"}), datetime.now(UTC)
    receiver = hooks.Receiver("https://shop.example/", (CANARY, "the-one-before-it"))

    def header(at: datetime) -> str:
        return hooks.headers(receiver, "ping", "1", body, at)["X-Huikuan-Signature"]

    genuine = known["genuine"]
    assert genuine(header(now), body, CANARY) and genuine(header(now), body, "the-one-before-it")
    assert not genuine(header(now), body + b" ", CANARY) and not genuine(header(now), body, "another-secret")
    assert not genuine(header(now - timedelta(minutes=6)), body, CANARY)
    for broken in ("", "t=", "t=1", "v1=", f"t=x,{header(now)}", header(now).replace("v1", "v0")):
        assert not genuine(broken, body, CANARY)


def test_every_event_is_described() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    section = page.split("## 事件通知")[1].split("\n## ")[0]
    told = set(re.findall(r"`((?:order|customer|receivable)\.\w+)`", section))
    assert told == {
        *(f"order.{state}" for state in OrderState), "customer.locked", "customer.unlocked", "receivable.settled",
        "receivable.reopened",
    }  # fmt: skip
