"""The form as HTML: works without scripts, on a phone, in both languages. Everything is escaped by the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from bot.card import Action, Card, more_line

WORDS = {
    "zh": {
        "save": "保存", "required": "必填", "optional": "可不填", "choose": "请选择", "missing": "请填写这一项",
        "nothing": "这张卡片现在没有要填写的内容。", "close": "现在可以关闭此页，回到企业微信。", "what": "选择要登记的事项",
        "used": "链接已失效", "used_hint": "链接只能用一次，且十分钟内有效。请回到企业微信，在卡片上再点一次“填写详情”。",
        "other": "这个链接不是发给您的", "other_hint": "请打开您自己收到的卡片。",
        "later": "暂时打不开", "later_hint": "什么也没有保存。请过几分钟，在卡片上再点一次“填写详情”。",
        "too_long": "最多 {n} 个字", "yes": "确认", "back": "返回修改", "unsaved": "尚未保存，请再次确认",
    },
    "en": {
        "save": "Save", "required": "required", "optional": "optional", "choose": "Please choose",
        "missing": "Please fill this in", "nothing": "There is nothing to fill in on this card now.",
        "close": "You can close this page now and go back to WeCom.", "what": "What do you want to log?",
        "used": "This link has ended",
        "used_hint": "A link works once and for ten minutes. Please go back to WeCom and press “Fill in” on the card again.",
        "other": "This link was not made for you", "other_hint": "Please open a card that was sent to you.",
        "later": "Not now", "later_hint": "Nothing was saved. Please press “Fill in” on the card again in a few minutes.",
        "too_long": "At most {n} characters", "yes": "Yes", "back": "Back to the form",
        "unsaved": "Not saved yet. Please confirm",
    },
}  # fmt: skip
MAX_LENGTH = {"text": 500, "amount": 40, "number": 40, "date": 40, "person": 100, "choice": 200}


@dataclass(frozen=True)
class Filled:
    """What somebody typed into one action, and what is wrong with it: by input, and "" for the whole."""

    action: str
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def form(card: Card, actions: Sequence[Action], *, hidden: Mapping[str, str], filled: Filled | None, nonce: str) -> str:
    """The page that asks. `hidden`: what each form sends along."""
    more = more_line(card.rows_more, card.lang)
    return _page(card.lang, nonce, "form", card=card, more=more, actions=actions, hidden=hidden, filled=filled)


@dataclass(frozen=True)
class Sure:
    """What is asked once more: of which button, in which words, and what was filled in, (label, value)."""

    action: str
    title: str
    question: str
    said: Sequence[tuple[str, str]] = ()


def sure(lang: str, asked: Sure, values: Mapping[str, str], *, hidden: Mapping[str, str], nonce: str) -> str:
    """The page that asks once more. `values`: what was typed, sent along again."""
    return _page(lang, nonce, "sure", asked=asked, values=values, hidden=hidden)


def saved(card: Card, message: str, nonce: str) -> str:
    return _page(card.lang, nonce, "saved", card=card, more=more_line(card.rows_more, card.lang), message=message)


def note(what: str, lang: str, nonce: str) -> str:
    """A page that says why there is no form: used, other, later."""
    return _page(lang, nonce, "note", what=what)


def _page(lang: str, nonce: str, view: str, **given: Any) -> str:
    return _template().render(view=view, w=WORDS[lang], lang=lang, nonce=nonce, lengths=MAX_LENGTH, **given)


@cache
def _template() -> Template:
    source = files("bot").joinpath("web/static/form.html").read_text(encoding="utf-8")
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.from_string(source)
