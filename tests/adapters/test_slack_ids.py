"""Slack: what it has signed, with ids that can be nobody's. They are a line of the log, and don't come again."""

# ruff: noqa: F811

import json
from typing import Any

import pytest

from bot.adapters.slack.heard import hear
from tests.adapters.slack_product import LI, Product
from tests.adapters.test_slack_wire import loop, own_lines, product, slack, still_works, web  # noqa: F401
from tests.fakes.slack import FakeSlack


def broken_ids(bad: str) -> list[tuple[str, dict[str, Any]]]:
    """Everything that Slack tells us, with `bad` at each place where an id stands."""
    event = {"type": "message", "channel_type": "im", "user": LI, "text": "待办", "channel": "D1"}
    said = {"type": "event_callback", "team_id": "T0FAKE", "event_id": "Ev1"}
    act = {"type": "button", "action_id": "b0|task.paid||", "block_id": "a||1", "action_ts": "1.1", "value": "{}"}
    tap: dict[str, Any] = {
        "type": "block_actions", "team": {"id": "T0FAKE"}, "user": {"id": LI}, "trigger_id": "9", "response_url": "",
        "container": {"type": "message", "channel_id": "D1", "message_ts": "1.1"},
    }  # fmt: skip
    view = {"id": "V1", "type": "modal", "hash": "h", "callback_id": "form", "state": {"values": {}}, "blocks": []}
    back = {"action": "task.paid", "ref": "D1:1.1", "rev": 1}
    form = {"type": "view_submission", "team": {"id": "T0FAKE"}, "user": {"id": LI}, "trigger_id": "9"}
    typed = {"team_id": "T0FAKE", "command": "/hk", "user_id": LI, "trigger_id": "9", "channel_id": "D1", "text": "待办"}
    return [
        *(("events_api", {**said, "event": {**event, name: bad}}) for name in ("user", "channel")),
        ("events_api", {**said, "event": event, "event_id": bad}),
        ("events_api", {**said, "event": {**event, "type": "app_mention", "channel": bad}}),
        ("events_api", {**said, "event": {"type": "app_home_opened", "tab": "home", "user": bad}}),
        *(("interactive", {**tap, "actions": [act], name: bad}) for name in ("trigger_id", "response_url")),
        ("interactive", {**tap, "actions": [act], "user": {"id": bad}}),
        ("interactive", {**tap, "actions": [act], "container": {**tap["container"], "channel_id": bad}}),
        ("interactive", {**tap, "actions": [act], "container": {**tap["container"], "message_ts": bad}}),
        ("interactive", {**tap, "actions": [{**act, "action_id": f"b0|{bad}||"}]}),
        ("interactive", {**tap, "actions": [{**act, "action_id": f"b0|task.paid||{bad}"}]}),
        ("interactive", {**tap, "actions": [{**act, "block_id": f"a|{bad}|1"}]}),
        ("interactive", {**tap, "actions": [{**act, "action_ts": bad}]}),
        *(("interactive", {**form, "view": {**view, "private_metadata": json.dumps({**back, name: bad})}})
          for name in ("action", "ref")),
        ("interactive", {**form, "view": {**view, "private_metadata": json.dumps(back), "id": bad}}),
        ("interactive", {**form, "view": {**view, "private_metadata": json.dumps(back)}, "user": {"id": bad}}),
        *(("slash_commands", {**typed, name: bad}) for name in ("user_id", "trigger_id", "channel_id")),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", ["U\ud800", "U\x00"])
def test_ids_that_can_be_nobodys_are_a_line_and_do_not_come_again(
    slack: FakeSlack, product: Product, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    """No database takes them. Slack has signed all of it, and would bring an event three times more."""
    slack.patience(3.0, (0.0,))
    for kind, payload in broken_ids(bad):
        caplog.clear()
        answer = slack.run(slack.courier.push(kind, payload))
        assert answer.acked, (payload, answer.why_not)
        assert own_lines(caplog) == ["slack: a request was refused: not readable"], payload
    assert product.heard == [] and len(slack.deliveries) == len(broken_ids(bad))
    still_works(slack, product)


def test_over_http_they_are_answered_like_anything_else(
    slack: FakeSlack, web: tuple[Product, str], caplog: pytest.LogCaptureFixture
) -> None:
    product, _ = web
    slack.patience(3.0, (0.0,))
    for kind, payload in broken_ids("U\ud800"):
        if kind == "slash_commands":  # a form, in which there are none
            continue
        caplog.clear()
        answer = slack.run(slack.courier.push(kind, payload))
        assert answer.acked and own_lines(caplog) == ["slack: a request was refused: not readable"], (payload, answer)
    caplog.clear()
    assert not slack.verify_url("\ud800")
    assert own_lines(caplog) == ["slack: a request was refused: not readable"]
    assert product.heard == [] and slack.verify_url()


@pytest.mark.parametrize("bad", [7, ["U1"], {"id": "U1"}, True])
def test_ids_that_are_no_text_are_none(bad: Any) -> None:
    for _, payload in broken_ids("BAD"):
        heard = hear(json.loads(json.dumps(payload).replace('"BAD"', json.dumps(bad))))
        every = [heard.user, heard.event_id, heard.channel, heard.trigger, *([heard.back.ref] if heard.back else [])]
        assert all(isinstance(one, str) for one in every), payload
