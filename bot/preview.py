"""How a message looks in each messenger, without one: the View's example, fitted and drawn by the adapters themselves.

    previews("task.overdue", "zh")["slack"].payload  ->  {"text": …, "blocks": […]}

Deterministic: the same templates and adapters give the same payloads, which is what the golden cards compare.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from bot.card import Capabilities, Card, Lang
from bot.fit import PROFILES, fit
from bot.notifications.templates import templates
from bot.plain import to_text
from core.errors import DomainError

REF, REV = "example", 1
SAID_REF = "hk-example-1"  # DingTalk's messages have names like this one; links are read back under no other
TEMPLATE, ROBOT = "example.schema", "example"
MEMBER, AGENT, FORM = "example", 1_000_001, f"https://huikuan.example/form?m={REF}"

# What never stands in a chat: mail to customers, and the file that a human sends.
LETTERS = {"letter.friendly": "mail", "letter.notice": "mail", "document.final": "file"}

# What bot.fit says where a messenger can't ask something, and what is true of it beside a form page.
_ON_PAGE = {
    "can't be asked": "asked on the form page",
    "ready dates only": "other dates on the form page",
    "reply code instead of a control": "reply code or the form page instead of a control",
}


@dataclass(frozen=True)
class Face:
    """One way in which a messenger shows cards. `draw` makes the payload of a fitted card, as the adapter does."""

    name: str
    messenger: str
    zh: str
    en: str
    capabilities: Callable[[Lang], Capabilities]
    draw: Callable[[Card, date], dict[str, Any]]
    instead: str = "reply code"  # what its adapter draws for an action that bot.fit leaves without a control


@dataclass(frozen=True)
class Preview:
    """`card` is what `payload` was drawn from; `lost` is what bot.fit had to leave out or ask otherwise."""

    face: Face
    card: Card
    payload: dict[str, Any]
    lost: tuple[str, ...]


def kinds() -> tuple[str, ...]:
    return tuple(sorted(templates().kinds))


def example(kind: str, lang: Lang) -> tuple[Card, date]:
    """The card of the View's example, before any messenger, and the day it was made. Errors: preview.unknown_kind"""
    if kind not in templates().kinds:
        near = ", ".join(difflib.get_close_matches(kind, kinds(), 3, 0.5))
        raise DomainError("preview.unknown_kind" if near else "preview.no_such_kind", kind=kind, near=near)
    view = templates().view_of(kind).example(lang)
    return templates().render(kind, view, lang), view.today


def form_of(public_url: str) -> str:
    """Where the form would be with this address of our own; "" without one: then WeCom's cards have no form."""
    return f"{public_url.rstrip('/')}/form?m={REF}" if public_url else ""


def previews(kind: str, lang: Lang, form: str = FORM) -> dict[str, Preview]:
    """By the face's name. A letter has one face only. `form`: where it is, for WeCom. Errors: preview.unknown_kind"""
    card, today = example(kind, lang)
    out = {}
    for face in faces_of(kind, form):
        fitted, lost = fit(card, face.capabilities(lang), today=today)
        lost = tuple(one.replace("reply code instead", f"{face.instead} instead") for one in lost)
        payload = face.draw(fitted, today)
        if form and form in str(payload):
            lost = _with_page(card, lost)
        out[face.name] = Preview(face, fitted, payload, lost)
    return out


def _with_page(card: Card, lost: tuple[str, ...]) -> tuple[str, ...]:
    """Beside a way to the form page: what it asks is only asked elsewhere."""
    from bot.web.forms import LOG, questions

    asked = {action.id for action in questions(card, card.lang)}
    asked |= {LOG} if any(action.id == LOG for action in card.actions) else set()
    out = []
    for one in lost:
        what, _, how = one.rpartition(": ")
        there = ".".join(what.split(".")[:2]) in asked
        out.append(f"{what}: {_ON_PAGE.get(how, how)}" if there else one)
    return tuple(out)


def faces_of(kind: str, form: str = FORM) -> tuple[Face, ...]:
    return (_letter(LETTERS[kind]),) if kind in LETTERS else faces(form)


def faces(form: str = FORM) -> tuple[Face, ...]:
    """Of what stands in chats. The adapters are imported here: nobody else needs them in a hurry."""
    from bot.adapters.dingtalk.adapter import CARDS, TEXTS
    from bot.adapters.wecom.frames import capabilities as for_robot
    from bot.adapters.wecom.render import as_text as for_text
    from bot.adapters.wecom.render import capabilities as for_wecom

    def wecom(lang: Lang) -> Capabilities:
        return for_wecom(PROFILES["wecom"], lang=lang, form=bool(form))

    as_text = partial(_wecom, form=form, as_text=True)
    return (
        Face("slack", "slack", "Slack", "Slack", lambda _: PROFILES["slack"], _slack),
        Face("dingtalk", "dingtalk", "钉钉卡片", "DingTalk card", lambda _: CARDS, _dingtalk),
        Face("dingtalk-text", "dingtalk", "钉钉文字", "DingTalk text", lambda _: TEXTS, _dingtalk_text, "links"),
        Face("wecom", "wecom", "企业微信卡片", "WeCom card", wecom, partial(_wecom, form=form)),
        Face("wecom-robot", "wecom", "企业微信机器人", "WeCom robot", for_robot, _wecom_robot),
        Face("wecom-text", "wecom", "企业微信文字", "WeCom text", lambda _: for_text(form=bool(form)), as_text),
        Face("text", "text", "纯文字", "Plain text", lambda _: PROFILES["text"], _text),
    )


def _letter(way: str) -> Face:
    if way == "mail":
        return Face("mail", "mail", "邮件", "Mail", lambda _: PROFILES["full"], _mail)
    return Face("file", "file", "文件", "File", lambda _: PROFILES["full"], _file)


# --- what each adapter makes of a card ---


def _slack(card: Card, today: date) -> dict[str, Any]:
    from bot.adapters.slack.render import payload

    return payload(card, ref=REF, rev=REV)


def _dingtalk(card: Card, today: date) -> dict[str, Any]:
    from bot.adapters.dingtalk.render import payload

    return payload(card, ref=SAID_REF, rev=REV, to=MEMBER, template=TEMPLATE, robot=ROBOT)


def _dingtalk_text(card: Card, today: date) -> dict[str, Any]:
    from bot.adapters.dingtalk.text import message

    return message(card, ref=SAID_REF, today=today)


def _wecom(card: Card, today: date, *, form: str, as_text: bool = False) -> dict[str, Any]:
    from bot.adapters.wecom.render import payload

    form = "" if card.kind.startswith("reply.") else form  # an answer is about nothing that could be filled in
    return payload(card, ref=REF, rev=REV, user_id=MEMBER, agent_id=AGENT, form=form, as_text=as_text)


def _wecom_robot(card: Card, today: date) -> dict[str, Any]:
    from bot.adapters.wecom.frames import message, to_member

    return to_member(MEMBER, message(card, ref=REF, rev=REV))


def _text(card: Card, today: date) -> dict[str, Any]:
    return {"text": to_text(card)}


def _mail(card: Card, today: date) -> dict[str, Any]:
    from bot.adapters.local.adapter import letter_text

    return {"subject": card.title, "text": letter_text(card)}


def _file(card: Card, today: date) -> dict[str, Any]:
    from bot.notifications.documents import page_of

    return {"page": page_of(card)}
