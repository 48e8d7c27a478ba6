"""Messengers that answer otherwise than they promise: what people see, and what is written down, in whole stories."""

import json
import logging
import time
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest
from wechatpy.exceptions import WeChatClientException

from bot.adapters.base import Refused
from bot.adapters.slack import adapter as slack_adapter
from bot.adapters.slack import socket
from bot.adapters.wecom import client as wecom_client
from bot.notifications.parcel import Parcel
from tests.adapters.contract_rigs import Dingtalk, Slack, SlackHttp
from tests.adapters.contract_words import WORD
from tests.adapters.contract_world import Make, until
from tests.fakes.slack import dropped, refused
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.state import TEAM
from tests.logs import written

# --- Slack: who we are, and the way to it ---


@pytest.mark.parametrize(
    "body", ['{"ok": true}', '{"ok": true, "url": 7}', "[]", "null", '"x"', '{"ok": true, "url": "http://["}']
)
def test_slack_gives_no_address_once_and_is_asked_again(company: Make, body: str) -> None:
    place = Slack()
    hk = company(place)
    card = hk.first()
    place.fake.fail("apps.connections.open", Fault("answer", 200, body), 1)
    opened = place.opened()
    place.fake.cut()
    until(lambda: place.opened() >= opened + 2, "asked again", 16.0)
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    place.forgive()


def test_the_way_to_slack_is_tried_again_whatever_went_wrong(
    company: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody else would connect any more."""
    place = Slack()
    hk = company(place)
    card = hk.first()
    connect, failed = socket.Line._connect, []

    async def breaks_once(line: socket.Line) -> str:
        if not failed:
            failed.append(1)
            raise LookupError("nobody foresaw this")
        return await connect(line)

    monkeypatch.setattr(socket.Line, "_connect", breaks_once)
    place.fake.cut()
    until(lambda: failed and hk.adapter.connected())
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    assert "nobody foresaw this" in written(caplog)


@pytest.mark.parametrize("place", [Slack, SlackHttp])
@pytest.mark.parametrize("body", ['{"ok": true}', '{"ok": true, "team_id": 7, "user_id": "U0"}', "[]"])
def test_slack_does_not_say_once_who_we_are(company: Make, place: Any, body: str) -> None:
    """An answer without a workspace is none: kept, it would refuse every request until the next start."""
    made = place()
    made.start()
    made.fake.fail("auth.test", Fault("answer", 200, body), 1)
    made.start = lambda: None
    hk = company(made)
    card = hk.first()
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    made.forgive()


def test_a_slack_app_that_was_made_anew_has_other_conversations(company: Make) -> None:
    """Another bot user: what was remembered of each person's conversation is another app's."""
    place = Slack()
    hk = company(place)
    hk.told()
    user = place._users["li"]
    hk.adapter._memory.put(f"dm:{user}", {"channel": "D0OLDAPP1"}, hk.now)
    hk.adapter._dms.clear()
    hk.beat("2026-07-02 09:00")
    assert len(place.shown("li")) == 1, hk.sent()
    place.say("li", "/whoami")
    hk.beat("2026-07-03 09:10")
    assert sum(call.method == "conversations.open" for call in place.fake.calls) == 1  # and is known from then on


def test_a_conversation_that_stays_closed_is_opened_anew_once(company: Make) -> None:
    place = Slack()
    hk = company(place)
    hk.told()
    place.fake.fail("chat.postMessage", refused("channel_not_found"), None)
    hk.beat("2026-07-02 09:00")
    hk.beat("2026-07-02 09:10")
    posts = Counter(call.args["channel"] for call in place.fake.calls if call.method == "chat.postMessage")
    assert hk.sent()[0] == ("dead", "channel_not_found") and set(posts.values()) == {1}
    place.forgive()


# --- Slack: what was done is done once ---


@pytest.mark.skipif(not hasattr(Parcel, "since"), reason="the outbox does not tell adapters yet when it was written")
def test_a_card_of_before_the_weekend_is_found(company: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posted on Friday, the answer lost, the machine off until Monday: it is looked for as far back as it may stand."""
    monkeypatch.setattr(slack_adapter, "LOOK_BACK", 0.2)
    place = Slack()
    hk = company(place)
    hk.told()
    place.lose_answer()
    hk.beat("2026-07-02 09:00")
    time.sleep(0.5)
    for day in ("03", "06"):
        hk.beat(f"2026-07-{day} 09:00")
        hk.beat(f"2026-07-{day} 09:05")
    shown = [s for s in place.shown("li") if "¥120,000.00" in s.text]
    assert len(shown) == 1 and "重发" not in shown[0].text, [s.text for s in shown]


@pytest.mark.parametrize("after_taking_it", [True, False])
def test_words_for_one_person_are_said_once(company: Make, after_taking_it: bool) -> None:
    """Taken, and the answer got lost: nobody can tell. What is on the card tells the rest."""
    place = Slack()
    hk = company(place)
    card = hk.first()
    place.fake.fail("response_url", dropped(after_taking_it=after_taking_it))
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: place.shown("li")[0].closed)
    time.sleep(0.5)
    assert len(place._said(place._users["li"])) == after_taking_it


@pytest.mark.parametrize("status", [404, 410, 500])
def test_words_that_slack_refuses_to_take_are_said_otherwise(company: Make, status: int) -> None:
    place = Slack()
    hk = company(place)
    card = hk.first()
    place.fake.fail("response_url", Fault("answer", status, "used_url", "text/plain"))
    hk.tap("li", card.ref)
    until(lambda: len(place._said(place._users["li"])) == 1)


# --- errors that repeat what was sent ---


@pytest.mark.parametrize("lead", ["", "." * 180])
def test_an_error_that_repeats_the_token_is_not_written_down(
    company: Make,
    caplog: pytest.LogCaptureFixture,
    lead: str,
) -> None:
    """Neither whole nor cut off where the reason is."""
    place = Dingtalk()
    hk = company(place)
    hk.first()
    token = next(token for token, _ in place.fake.gate.tokens.values())
    hk.customer("乙", "li")
    hk.receivable("乙", "50.00", due="2026-07-02", number="I2", issued="2026-06-02")
    place.fake.fail(place.path, status=400, code=f"bad.{token}", message=f"{lead} {token} is bad")
    hk.beat("2026-07-03 09:00")
    reasons = [reason for _, reason in hk.sent() if "***" in reason]
    assert len(reasons) == 1
    assert token[:10] not in written(caplog) + reasons[0]


def test_what_slack_says_instead_of_an_errors_name_is_not_written_down(
    company: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What the log and the reason must not hold is looked for at each story's end."""
    place = Slack()
    hk = company(place)
    hk.told()
    place.fake.fail("chat.postMessage", refused(f"the token {place.fake.bot_token} is of another day"))
    hk.beat("2026-07-02 09:00")
    assert ("dead", "unnamed_error") in hk.sent()
    place.fake.fail("chat.postMessage", refused("x" * 70_000))
    hk.say("li", "/whoami")
    until(lambda: "an answer was not shown: unnamed_error" in written(caplog))


def test_wecoms_words_for_an_error_are_not_kept() -> None:
    """Its errmsg ends in hints and addresses; the number says it all."""
    said = WeChatClientException(40058, "invalid access_token=SECRET, hint: [1], from ip: 1.2.3.4")
    failed = wecom_client._refused(said)
    assert failed.result == Refused("errcode 40058") and "SECRET" not in repr(failed) + str(failed)


# --- signed by Slack, and yet nonsense ---

DEEP = "[" * 3000 + "]" * 3000
ODD: list[Any] = [
    None, 7, 1e308, -1, True, [], {}, [[]], "", "\x00", "\ud800", "x" * 70_000, "9" * 5000, "\u202e甲", "|||",
    "b0|task.promise||",
]  # fmt: skip
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def tapped(user: str, ref: str) -> list[dict[str, Any]]:
    """A tap, with each of its parts odd in each way."""
    channel, _, ts = ref.partition(":")
    act = {
        "type": "datepicker", "action_id": "i1|task.promise|date|", "block_id": f"a|{ref}|1", "action_ts": "1",
        "selected_date": WORD,
    }  # fmt: skip
    about = {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": user}, "trigger_id": "9", "response_url": "x",
        "container": {"type": "message", "channel_id": channel, "message_ts": ts}, "actions": [act],
    }  # fmt: skip
    found = [{**about, "actions": []}]
    for odd in ODD:
        found += [{**about, key: odd} for key in about]
        found += [{**about, "actions": [{**act, key: odd}]} for key in act]
        found += [{**about, "user": {"id": odd}}, {**about, "team": {"id": odd}}]
        found += [{**about, "container": {**about["container"], key: odd}} for key in about["container"]]  # type: ignore[dict-item]
    return found


def filled_in(user: str, ref: str) -> list[dict[str, Any]]:
    """A form that was sent, the same."""
    view = {"id": "V1", "hash": "h", "callback_id": "form", "private_metadata": "{}", "state": {"values": {}}, "blocks": []}
    about = {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": user}, "view": view, "trigger_id": "9"}
    back = {"action": "task.promise", "ref": ref, "rev": 1, "channel": "D1", "respond": "", "target": ""}
    found: list[dict[str, Any]] = []
    for odd in ODD:
        found += [{**about, "view": {**view, key: odd}} for key in view]
        found += [{**about, "view": {**view, "private_metadata": json.dumps({**back, key: odd})}} for key in back]
        held = {"private_metadata": json.dumps(back), "state": {"values": {"a": {"date": {"value": odd}}}}}
        found.append({**about, "view": {**view, **held}})
    return found


def typed(user: str) -> list[tuple[bytes, str]]:
    """Lines and commands, the same; and bodies that are none."""
    event = {"type": "message", "channel_type": "im", "user": user, "text": "/whoami", "channel": "D1", "ts": "1.1"}
    outer = {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": event}
    found: list[dict[str, Any]] = []
    for n, odd in enumerate(ODD):
        found += [{**outer, "event_id": f"Ev{n}{key}", "event": {**event, key: odd}} for key in event]
        found += [{**outer, key: odd} for key in outer]
    whole = json.dumps(outer)
    raw = [json.dumps(each) for each in found]
    raw += [whole.replace('"1.1"', each) for each in (DEEP, "9" * 9000, "NaN")]
    raw += [whole.replace('"Ev1"', '"Ev1","event_id":"Ev2"'), ""]
    whose = f"user_id={user}&team_id={TEAM}"
    forms = [f"command=/hk&text=x&{whose}", f"command=/hk&text=%00%ed%a0%80&trigger_id=1&{whose}", "payload=%00"]
    return [(each.encode(), JSON) for each in raw] + [(b"\xff\xfe{}", JSON)] + [
        (each.encode(), FORM) for each in (*forms, "payload=[]", "")
    ]  # fmt: skip


def test_nonsense_that_slack_signed_is_never_brought_again(
    company: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Answered at once, in a line of the log at most; and the next tap works."""
    place = SlackHttp()
    hk = company(place)
    card = hk.first()
    user, courier = place._users["li"], place.fake.courier
    bodies = [(urlencode({"payload": json.dumps(one)}).encode(), FORM) for one in tapped(user, card.ref)]
    bodies += [(urlencode({"payload": json.dumps(one)}).encode(), FORM) for one in filled_in(user, card.ref)]
    failed: dict[str, bytes] = {}
    for body, kind in bodies + typed(user):
        status, said, _ = place.fake.run(courier.post(body, {"Content-Type": kind, **courier.signing.headers(body)}))
        if status not in (200, 400, 401, 403, 413):
            failed.setdefault(f"{status} {said[:50]}", body[:300])
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    place.forgive()
    own = [r for r in caplog.records if r.name.startswith("bot.")]
    assert not failed and [r.getMessage() for r in own if r.levelno >= logging.ERROR or r.exc_info] == []
    assert WORD not in "\n".join(r.getMessage() for r in own)
