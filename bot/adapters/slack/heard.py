"""What Slack tells us -> what it means. Pure. Whatever does not mean anything to us is `nothing`, never an error;
what has ids that can be nobody's is `broken`."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.adapters.slack.forms import FORM, Back, back_of, filled, value_of
from bot.adapters.slack.text import unescape
from bot.text import is_id

Kind = Literal["tap", "form", "command", "text", "mention", "home", "nothing", "broken"]


@dataclass(frozen=True)
class Heard:
    """One request, as far as it concerns us. `respond` is where an answer for this person alone can be put."""

    kind: Kind
    user: str = ""
    event_id: str = ""
    text: str = ""
    channel: str = ""
    trigger: str = ""
    respond: str = ""
    back: Back | None = None  # which button of which message
    opens: bool = False
    input: dict[str, str] = field(default_factory=dict)
    private: bool = False  # what was tapped is seen by this person only, and cannot be found again
    at: str = ""  # the tapped message itself, as channel:ts, if everybody there can see it
    view: dict[str, Any] = field(default_factory=dict)


NOTHING, BROKEN = Heard("nothing"), Heard("broken")


def team_of(body: dict[str, Any]) -> str:
    team = body.get("team")
    return str(body.get("team_id") or (team.get("id") if isinstance(team, dict) else "") or "")


def hear(body: dict[str, Any]) -> Heard:
    try:
        heard = _hear(body)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return NOTHING
    return heard if all(map(is_id, _ids(heard))) else BROKEN


def _ids(heard: Heard) -> list[str]:
    back = heard.back
    carried = [back.action, back.ref, back.channel, back.respond, back.target] if back is not None else []
    return [heard.user, heard.event_id, heard.channel, heard.trigger, heard.respond, heard.at, *carried]


def _hear(body: dict[str, Any]) -> Heard:
    kind = body.get("type")
    if "command" in body:
        return _command(body)
    if kind == "block_actions":
        return _tap(body)
    if kind == "view_submission":
        return _form(body)
    if kind == "event_callback":
        return _event(body, body["event"])
    return NOTHING


def _command(body: dict[str, Any]) -> Heard:
    """`/balance 华兴` means itself; what follows `/hk` is a line like any other."""
    name, rest = str(body["command"]), unescape(str(body.get("text") or "")).strip()
    text = rest if name == "/hk" else f"{name} {rest}".strip()
    return Heard(
        "command", body["user_id"], f"c:{body['trigger_id']}", text or "/help", str(body.get("channel_id") or ""),
        body["trigger_id"], str(body.get("response_url") or ""),
    )  # fmt: skip


def _event(body: dict[str, Any], event: dict[str, Any]) -> Heard:
    event_id, kind = f"e:{body['event_id']}", event["type"]
    if kind == "app_home_opened" and event.get("tab", "home") == "home":
        return Heard("home", event["user"], event_id, channel=str(event.get("channel") or ""))
    if event.get("subtype") or event.get("bot_id") or not event.get("user") or not str(event.get("text") or "").strip():
        return NOTHING
    text = unescape(event["text"]).strip()
    if kind == "message" and event.get("channel_type") == "im":
        return Heard("text", event["user"], event_id, text, event["channel"])
    if kind == "app_mention":
        return Heard("mention", event["user"], event_id, _without_mention(text), event["channel"])
    return NOTHING


def _without_mention(text: str) -> str:
    """`<@U0BOT> 余额 华兴` -> `余额 华兴`"""
    return " ".join(word for word in text.split() if not (word.startswith("<@") and word.endswith(">"))) or "/help"


def _tap(body: dict[str, Any]) -> Heard:
    act, container = body["actions"][0], body.get("container") or {}
    channel = str(container.get("channel_id") or "")
    private = bool(container.get("is_ephemeral"))
    flag, action, name, target = _what(act)
    ref, rev = _which(str(act.get("block_id") or ""))
    at = f"{channel}:{container['message_ts']}" if channel else ""
    ref = ref or at
    given = _given(act, flag, name)
    if flag == "u" or given is None or not ref:
        return NOTHING
    if target:
        given["target"] = target
    respond = str(body.get("response_url") or "")
    back = Back(action, ref, rev, channel, respond if private else "", target)
    return Heard(
        "tap", body["user"]["id"], f"t:{act['action_ts']}:{body['trigger_id']}", "", channel, body["trigger_id"], respond,
        back, flag == "f", given, private, "" if private else at,
    )  # fmt: skip


def _what(act: dict[str, Any]) -> tuple[str, str, str, str]:
    """(flag, action, input, target) of a control, or of the line that was chosen in the overflow menu."""
    said = act["selected_option"]["value"] if act["type"] == "overflow" else act["action_id"]
    flag, action, name, target = said.split("|", 3)
    return flag[0], action, name, target


def _which(block_id: str) -> tuple[str, int]:
    _, ref, rev = block_id.split("|", 2)
    return ref, int(rev)


def _given(act: dict[str, Any], flag: str, name: str) -> dict[str, str] | None:
    """What the control says itself; None when a picker was emptied."""
    if flag == "i":
        value = value_of(act)
        return {name: value} if value else None
    if act["type"] == "button" and str(act.get("value") or "").startswith("{"):
        return {str(key): str(value) for key, value in json.loads(act["value"]).items()}
    return {}


def _form(body: dict[str, Any]) -> Heard:
    view = body["view"]
    if view.get("callback_id") != FORM:
        return NOTHING
    back = back_of(view)
    given = filled(view) | ({"target": back.target} if back.target else {})
    # One form may be sent several times until it is right: each time is an event of its own.
    event_id = f"v:{view['id']}:{view['hash']}:{body.get('trigger_id', '')}"
    return Heard(
        "form", body["user"]["id"], event_id, "", back.channel, str(body.get("trigger_id") or ""), back.respond, back,
        input=given, private=bool(back.respond), view=view,
    )  # fmt: skip
