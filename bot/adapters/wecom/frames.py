"""Frames of the long connection: what a member did, and the bodies of what goes back."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.adapters.wecom import render
from bot.adapters.wecom.xml import Event
from bot.card import Capabilities, Card, short
from bot.fit import PROFILES, says_too_much
from bot.plain import to_text

PUSH, REPLY = "aibot_send_msg", "aibot_respond_msg"
WELCOME, UPDATE = "aibot_respond_welcome_msg", "aibot_respond_update_msg"
SINGLE = 1  # chat_type of a push
TAPS = ("template_card_event", "template_card_menu_event")
# A robot's card holds less than an app's, and its colours stand under other numbers.
MAX_TITLE, MAX_DESC, MAX_TEXT, MAX_SOURCE, MAX_VALUE, MAX_OPTION = 26, 30, 112, 13, 26, 10
STYLES = {3: 4, 4: 3}
MAX_PARTS = 20_480 // render.MAX_TEXT_BYTES
# No way is known to take the meaning of a sign away, so signs that Markdown reads are shown in their full width.
FULL_WIDTH = str.maketrans("*_`[]<>#~|\\&", "＊＿｀［］＜＞＃～｜＼＆")
_BULLET = re.compile(r"^(\s*)([-+])(?=\s)", re.MULTILINE)
_MENTION = re.compile(r"^@\S+\s*")


@dataclass(frozen=True)
class Heard:
    """An event and what its answer needs: the frame's req_id, and the task_id of the card that was tapped."""

    event: Event
    req_id: str
    task_id: str = ""
    group: bool = False
    wrote: bool = False


def read(frame: Mapping[str, Any]) -> Heard | None:
    """None for what nobody has to answer. Errors: whatever junk makes of it; the caller leaves it aside."""
    body = frame["body"]
    user_id, req_id = str(body["from"]["userid"]).strip(), str(frame["headers"]["req_id"])
    if not user_id or len(user_id) > 128 or not req_id:
        raise ValueError("from.userid")
    group = body.get("chattype") == "group"
    msgid = str(body.get("msgid") or req_id)
    name = hashlib.sha256(f"{user_id.lower()}\n{msgid}".encode()).hexdigest()[:40]
    if body["msgtype"] != "event":
        said = str(body["text"]["content"]) if body["msgtype"] == "text" else ""
        kind = "text" if body["msgtype"] == "text" else "other"
        said = _MENTION.sub("", said) if group else said
        return Heard(Event(kind, user_id, name, "", said), req_id, group=group, wrote=not group)
    event = body["event"]
    if event["eventtype"] == "enter_chat":
        return Heard(Event("enter", user_id, name, ""), req_id, group=group)
    if event["eventtype"] not in TAPS:
        return None
    tap = event.get(event["eventtype"]) or event["template_card_event"]
    selected = tuple(_selected(tap.get("selected_items")))
    pressed = Event("tap", user_id, name, "", key=str(tap["event_key"]), selected=selected)
    return Heard(pressed, req_id, str(tap.get("task_id") or ""), group)


def _selected(items: Any) -> list[tuple[str, str]]:
    out = []
    for item in _list((items or {}).get("selected_item")):
        for option in _list((item.get("option_ids") or {}).get("option_id")):
            out.append((str(item["question_key"]), str(option)))
    return out


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- cards and words ---


def capabilities(lang: str) -> Capabilities:
    """What a robot's cards hold: no links, no form, and no change from our side."""
    return replace(
        render.capabilities(PROFILES["wecom"], lang=lang, form=False), max_title=MAX_TITLE, max_text=MAX_TEXT,
        max_value=MAX_VALUE, max_footer=MAX_SOURCE, max_option_label=MAX_OPTION, has_links=False, updates="never",
        update_hours=0,
    )  # fmt: skip


def too_much(made: Card) -> bool:
    """Words take over where a robot's card would cut a notice."""
    return says_too_much(made, capabilities(made.lang))


def message(made: Card, *, ref: str, rev: int, as_text: bool = False, task_id: str = "") -> dict[str, Any]:
    """A message of its own: a card, or words where a card can't hold it. `task_id`: where `ref` was used before."""
    if as_text or too_much(made):
        return text_message(to_text(made), made.lang)
    return card_message(card(render.template_card(made, ref=ref, rev=rev), task_id or ref))


def to_member(user_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The push of a message to one member."""
    return {"chatid": user_id, "chat_type": SINGLE, **body}


# --- bodies ---


def card(shown: Mapping[str, Any], task_id: str) -> dict[str, Any]:
    """A card of bot.adapters.wecom.render as a robot sends it."""
    out = {**shown, "task_id": task_id}
    out["source"] = {**shown["source"], "desc": short(shown["source"]["desc"], MAX_SOURCE)}
    title = shown["main_title"]
    out["main_title"] = {"title": short(title["title"], MAX_TITLE)}
    if "desc" in title:
        out["main_title"]["desc"] = short(title["desc"], MAX_DESC)
    if "sub_title_text" in shown:
        out["sub_title_text"] = short(shown["sub_title_text"], MAX_TEXT)
    if "horizontal_content_list" in shown:
        rows = shown["horizontal_content_list"]
        out["horizontal_content_list"] = [{**row, "value": short(row["value"], MAX_VALUE)} for row in rows]
    if "button_list" in shown:
        out["button_list"] = [{**b, "style": STYLES.get(b["style"], b["style"])} for b in shown["button_list"] if "key" in b]
    if "select_list" in shown:
        out["select_list"] = [_shortened(select) for select in shown["select_list"]]
    return out


def _shortened(select: Mapping[str, Any]) -> dict[str, Any]:
    options = [{**option, "text": short(option["text"], MAX_OPTION)} for option in select["option_list"]]
    return {**select, "title": short(select["title"], MAX_SOURCE), "option_list": options}


def card_message(shown: dict[str, Any]) -> dict[str, Any]:
    return {"msgtype": "template_card", "template_card": shown}


def update(shown: dict[str, Any]) -> dict[str, Any]:
    return {"response_type": "update_template_card", "template_card": shown}


def text_message(said: str, lang: str) -> dict[str, Any]:
    """A push of words: there is no plain text, only Markdown."""
    return {"msgtype": "markdown", "markdown": {"content": plain(said, lang)}}


def text_reply(said: str, lang: str, name: str) -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": name, "finish": True, "content": plain(said, lang)}}


def welcome(said: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": said}}


def plain(said: str, lang: str) -> str:
    """Words that Markdown shows as they are, cut as long as they are then."""
    wide = _BULLET.sub(r"\1·", said.translate(FULL_WIDTH))
    return "\n".join(render.texts(wide, lang, most=MAX_PARTS))
