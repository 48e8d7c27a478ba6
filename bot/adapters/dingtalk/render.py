"""A card as the variables of our template, and as the call that delivers it. Pure: same card and name, same bytes."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bot.adapters.dingtalk.template import SUBMIT
from bot.card import Action, Card, Input, Tone, more_line, short
from core.jsontext import encode

Json = dict[str, Any]
Variables = dict[str, str]

OPEN, BACK = "form.open", "form.back"  # beside SUBMIT, the action ids that are ours alone
STATE = "hk"  # the hidden field that says what a form is about
MAX_CONTENT = 2_900  # characters of one variable; what may be shown at most is unverified, 3,000 is the careful guess
MAX_SUMMARY = 60
MAX_NOTICE = 300

COLORS: dict[Tone, str] = {"info": "blue", "success": "green", "warning": "orange", "danger": "red", "muted": "gray"}
BUTTONS = {"primary": "blue", "danger": "red", "default": "gray"}
FIELDS = {"date": "DATE", "text": "TEXT_AREA", "amount": "TEXT", "number": "NUMBER", "person": "TEXT", "choice": "SELECT"}
HINTS = {
    "zh": {"amount": "例如 50000 或 5万", "person": "姓名或工号", "date": "请选择日期", "choice": "请选择"},
    "en": {"amount": "such as 50000", "person": "name or handle", "date": "choose a date", "choice": "choose"},
}
SPECIAL = re.compile(r"[\\`*_{}\[\]<>~|&]")
AT_START = re.compile(r"^(\s*)([#+\-=!]|\d+(?=[.)]))", re.MULTILINE)


def escape(text: str) -> str:
    """Text as markdown that shows it exactly as it is."""
    marked = SPECIAL.sub(lambda found: "\\" + found[0], text)
    return AT_START.sub(_start, marked)


def _start(found: re.Match[str]) -> str:
    """What would begin a heading or a list; of “1.” the point is escaped."""
    return f"{found[1]}\\{found[2]}" if not found[2].isdecimal() else f"{found[1]}{found[2]}\\"


def lines(text: str) -> str:
    """Each line on a line of its own."""
    return escape(text).replace("\n", "  \n")


# --- the card ---


def face(card: Card, *, rev: int, delivery: int | None = None, notice: str = "") -> Variables:
    """All variables of a card that asks nothing just now. `delivery`: of an answer, which its buttons name."""
    buttons = [] if card.closed else [_button(each, rev, delivery) for each in card.actions]
    return {
        "title": card.title,
        "status_text": ("已结束" if card.lang == "zh" else "Closed") if card.closed else "",
        "status_color": "gray" if card.closed else COLORS[card.tone],
        "content": _content(card),
        "notice": short(notice, MAX_NOTICE),
        "result": card.footer,
        "form": _dump({"fields": []}),
        "show_form": "false",
        "form_btn_text": "提交" if card.lang == "zh" else "Submit",
        "btns": _dump([each for each in buttons if each is not None]),
    }


def _content(card: Card) -> str:
    """Text, fields, rows, as far as one variable holds them; what is left out is counted."""
    colon = "：" if card.lang == "zh" else ": "
    parts = [lines(card.text)] if card.text else []
    parts += [f"**{escape(each.label)}**{colon}{lines(each.value)}" for each in card.fields]
    parts += ["- " + " · ".join(lines(cell) for cell in row if cell) for row in card.rows]
    if card.rows_more:
        parts.append("- " + more_line(card.rows_more, card.lang))
    whole = "\n\n".join(parts)
    if len(whole) <= MAX_CONTENT:
        return whole
    kept: list[str] = []
    for number, part in enumerate(parts):
        if sum(len(each) + 2 for each in kept) + len(part) > MAX_CONTENT:
            kept.append(more_line(len(parts) - number, card.lang))
            break
        kept.append(part)
    return "\n\n".join(kept)


def _button(action: Action, rev: int, delivery: int | None) -> Json | None:
    """None: it is asked by typing, and the text says so."""
    if action.draw == "reply":
        return None
    color = BUTTONS[action.style]
    if action.draw == "link":
        return {"text": action.label, "color": color, "status": "normal",
                "event": {"type": "openLink", "params": {"url": action.url}}}  # fmt: skip
    state = state_of(action, rev, delivery)
    if action.draw == "form":
        return button(action.label, OPEN, {**state, "a": action.id}, color)
    return button(action.label, action.id, state, color)


def button(text: str, action_id: str, params: Mapping[str, str], color: str = "gray") -> Json:
    event = {"type": "sendCardRequest", "params": {"actionId": action_id, "params": dict(params)}}
    return {"text": text, "color": color, "status": "normal", "event": event}


def state_of(action: Action, rev: int, delivery: int | None) -> dict[str, str]:
    """What a button carries: the revision it was drawn for, the answer's delivery, `target` and `given`."""
    state = {"v": str(rev)} if rev else {}
    if delivery is not None:
        state["d"] = str(delivery)
    if action.target:
        state["t"] = action.target
    return state | {f"g.{name}": value for name, value in action.given}


# --- its questions ---


def question(action: Action, *, rev: int, delivery: int | None, lang: str, notice: str = "") -> Variables:
    """The variables that change while a question is asked: the form, or for a mere confirmation two buttons."""
    zh = lang == "zh"
    state = state_of(action, rev, delivery)
    back = button("返回" if zh else "Back", BACK, {"d": str(delivery)} if delivery is not None else {})
    if not action.inputs:
        confirm = button("确认" if zh else "Confirm", action.id, state, "red" if action.style == "danger" else "blue")
        asked = action.confirm or action.label
        empty = _dump({"fields": []})
        return {"notice": notice or asked, "show_form": "false", "form": empty, "btns": _dump([confirm, back])}
    hidden = {"name": STATE, "type": "TEXT", "hidden": True, "defaultValue": urlencode({**state, "a": action.id})}
    fields = [_field(each, lang) for each in action.inputs]
    return {
        "notice": notice or (f"{action.label}：请填写后提交" if zh else f"{action.label}: fill in and submit"),
        "form": _dump({"fields": [*fields, hidden]}),
        "show_form": "true",
        "form_btn_text": "提交" if zh else "Submit",
        "btns": _dump([back]),
    }


def _field(item: Input, lang: str) -> Json:
    field: Json = {"name": item.name, "label": item.label, "type": FIELDS[item.type], "required": item.required}
    if item.choices:
        field["type"] = "SELECT"
        field["options"] = [{"value": each.value, "text": each.label} for each in item.choices]
    hint = HINTS[lang].get("choice" if item.choices else item.type)
    if hint:
        field["placeholder"] = hint
    if item.required:
        field["requiredMsg"] = f"请填写{item.label}" if lang == "zh" else f"{item.label} is needed"
    return field


# --- the calls ---


def payload(card: Card, *, ref: str, rev: int, to: str, template: str, robot: str, delivery: int | None = None) -> Json:
    """The body of createAndDeliver: this card, to one person's chat with the robot, where nobody can forward it."""
    summary = short(card.title, MAX_SUMMARY)
    return {
        "cardTemplateId": template,
        "outTrackId": ref,
        "userIdType": 1,
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {**face(card, rev=rev, delivery=delivery), "lastMessage": summary}},
        "imRobotOpenSpaceModel": {
            "supportForward": False,
            "lastMessageI18n": {"ZH_CN": summary, "EN_US": summary},
            "notification": {"alertContent": summary, "notificationOff": False},
        },
        **delivering(to, robot),
    }


def delivering(to: str, robot: str) -> Json:
    """Where a card goes."""
    model = {"spaceType": "IM_ROBOT", "robotCode": robot}
    return {"openSpaceId": f"dtv1.card//IM_ROBOT.{to}", "imRobotOpenDeliverModel": model}


def change(ref: str, variables: Variables) -> Json:
    """The body of the update: these variables, by key."""
    return {"outTrackId": ref, "userIdType": 1, "cardUpdateOptions": {"updateCardDataByKey": True},
            "cardData": {"cardParamMap": variables}}  # fmt: skip


def answer(variables: Variables) -> Json:
    """The same as the answer to a tap."""
    options = {"updateCardDataByKey": True, "updatePrivateDataByKey": True}
    return {"cardUpdateOptions": options, "cardData": {"cardParamMap": variables}} if variables else {}


def _dump(value: Any) -> str:
    return encode(value).decode()


__all__ = ["BACK", "OPEN", "STATE", "SUBMIT", "answer", "button", "change", "delivering", "escape", "face", "lines",
           "payload", "question", "state_of"]  # fmt: skip
