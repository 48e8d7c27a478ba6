"""What DingTalk pushes, read into what was meant. None: it is junk."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from bot.adapters.dingtalk.render import STATE
from bot.text import is_id

Json = dict[str, Any]
MAX = 200  # characters of an id
MAX_TEXT = 4_000
MAX_TIME = 1e15  # milliseconds; more is no time


@dataclass(frozen=True)
class Chat:
    """Somebody wrote to the robot."""

    user: str  # "" for somebody outside the company
    text: str
    event_id: str
    group: bool
    webhook: str
    webhook_until: float  # Unix time
    kind: str  # text, or what else was sent
    corp: str  # whose robot was spoken to
    sender_corp: str


@dataclass(frozen=True)
class Tap:
    """Somebody pressed a button of a card, or sent its form."""

    user: str
    ref: str
    action: str
    corp: str
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None


def chat(data: Any) -> Chat | None:
    if not isinstance(data, dict) or not _text(data.get("msgId")) or not is_id(data.get("senderStaffId") or ""):
        return None
    kind = _text(data.get("msgtype"))
    text = _object(data.get("text")).get("content")
    if kind == "text" and not isinstance(text, str):
        return None
    until = data.get("sessionWebhookExpiredTime")
    return Chat(
        user=_text(data.get("senderStaffId")),
        text=str(text or "").strip()[:MAX_TEXT],  # in a group a blank stands where the robot was named
        event_id=_text(data["msgId"]),
        group=str(data.get("conversationType")) == "2",
        webhook=_text(data.get("sessionWebhook"), 2_000),
        webhook_until=until / 1000 if isinstance(until, int | float) and abs(until) < MAX_TIME else 0.0,
        kind=kind,
        corp=_text(data.get("chatbotCorpId")),
        sender_corp=_text(data.get("senderCorpId")),
    )


def tap(data: Any) -> Tap | None:
    """Three shapes occur: the action in `content`, at the top, or in `value`."""
    if not isinstance(data, dict):
        return None
    content = _object(data.get("content"))
    value = _object(data.get("value"))
    private = _object(content.get("cardPrivateData")) or content
    if not private.get("actionIds") and value:
        private = _object(value.get("cardPrivateData")) or value
    ids = private.get("actionIds")
    action = _text(ids[0]) if isinstance(ids, list) and ids else ""
    action = action or _text(data.get("actionId")) or (_text(data.get("value")) if not value else "")
    user, ref = _text(data.get("userId")), _text(data.get("outTrackId"))
    if not (action and user and ref):
        return None
    params = _object(private.get("params"))
    form = params.get("form")
    found = _object(form) if form is not None else None
    return Tap(user, ref, action, _text(data.get("corpId")), _texts(params), _texts(found) if found is not None else None)


@dataclass(frozen=True)
class Pressed:
    """What a tap is about, whichever of our buttons or forms it came from."""

    action: str
    rev: int | None
    delivery: int | None
    input: dict[str, str]


def pressed(found: Tap) -> Pressed | None:
    """The state that the button or form carried, and what was filled in."""
    state, filled = dict(found.params), dict(found.form or {})
    if found.form is not None:
        state = dict(parse_qsl(filled.pop(STATE, "")))
    action = state.get("a") or found.action
    given = {name[2:]: value for name, value in state.items() if name.startswith("g.")}
    if state.get("t"):
        given["target"] = state["t"]
    if (found.form is not None and "a" not in state) or not is_id(action):
        return None
    return Pressed(action, _number(state.get("v")), _number(state.get("d")), {**given, **filled})


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) <= 15 else None


def _text(value: Any, most: int = MAX) -> str:
    return value if is_id(value) and len(value) <= most else ""


def _object(value: Any) -> Json:
    """An object, also one that stands there as JSON text."""
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _texts(values: Json) -> dict[str, str]:
    """Entries as text; a drop-down's is `{"index", "value"}`; an empty one is none."""
    out = {}
    for name, value in values.items():
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            continue
        out[str(name)[:MAX]] = str(value)[:MAX_TEXT]
    return out
