"""XML of callbacks: events in, passive replies out. wechatpy's own writer lets `]]>` end a text early."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import xmltodict

from bot.text import is_id

SPELLED = {"keyname": "KeyName", "checkbox": "CheckBox", "userid": "UserId", "appid": "AppId"}


@dataclass(frozen=True)
class Event:
    """Something a member did. kind: text, tap, enter, other. `id` is the same when it is delivered again.

    Errors: ValueError, where the member can be nobody.
    """

    kind: str
    user_id: str
    id: str
    agent_id: str
    text: str = ""
    key: str = ""
    code: str = ""
    selected: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not is_id(self.user_id):
            raise ValueError("user_id")


def read(plain: str) -> Event:
    """The decrypted message. Errors: whatever a parser thinks of; the caller refuses."""
    found = xmltodict.parse(plain)["xml"]
    kind, text, key = _kind(found), str(found.get("Content") or ""), str(found.get("EventKey") or "")
    if kind == "click":
        kind, text = "text", key
    selected = tuple(_selected(found.get("SelectedItems"))) if kind == "tap" else ()
    names = ("AgentID", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey", "TaskId", "MsgId")
    parts = [str(found.get(name) or "") for name in names] + [f"{q}={o}" for q, o in selected]
    user_id = str(found["FromUserName"]).strip()
    if not user_id or len(user_id) > 128:
        raise ValueError("FromUserName")
    return Event(
        kind, user_id, sha256("\n".join(parts).encode()).hexdigest()[:40], str(found.get("AgentID") or ""),
        text, key, str(found.get("ResponseCode") or ""), selected,
    )  # fmt: skip


def _kind(found: Mapping[str, Any]) -> str:
    if found["MsgType"] == "text":
        return "text"
    if found["MsgType"] != "event":
        return "other"
    known = {
        "template_card_event": "tap", "template_card_menu_event": "tap", "enter_agent": "enter", "click": "click",
    }  # fmt: skip
    return known.get(str(found.get("Event")), "ignored")


def _selected(items: Any) -> list[tuple[str, str]]:
    """One element is a mapping, several are a list."""
    out = []
    for item in _list((items or {}).get("SelectedItem")):
        for option in _list((item.get("OptionIds") or {}).get("OptionId")):
            out.append((str(item["QuestionKey"]), str(option)))
    return out


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- out ---


def passive(corp_id: str, user_id: str, at: int, inner: str) -> str:
    head = element("ToUserName", user_id) + element("FromUserName", corp_id) + element("CreateTime", at)
    return f"<xml>{head}{inner}</xml>"


def text(content: str) -> str:
    return element("MsgType", "text") + element("Content", content)


def update(card: Mapping[str, Any]) -> str:
    return element("MsgType", "update_template_card") + element("TemplateCard", _named(card))


def element(name: str, value: Any) -> str:
    """A mapping nests, a list repeats its element, a number stands bare, text is CDATA."""
    if isinstance(value, Mapping):
        return f"<{name}>" + "".join(element(key, inner) for key, inner in value.items()) + f"</{name}>"
    if isinstance(value, list):
        return "".join(element(name, inner) for inner in value)
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{value if isinstance(value, int) else _cdata(str(value))}</{name}>"


def _named(value: Any) -> Any:
    """The JSON of a card with the names that its XML has."""
    if isinstance(value, list):
        return [_named(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {SPELLED.get(k) or "".join(p.capitalize() for p in k.split("_")): _named(v) for k, v in value.items()}


def _cdata(said: str) -> str:
    printable = "".join(c for c in said if c in "\t\n\r" or c >= " ")
    return "<![CDATA[" + printable.replace("]]>", "]]]]><![CDATA[>") + "]]>"
