"""Views: the form that a button opens, the note that nothing else can be shown in, and reading what was filled in."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from bot.adapters.slack.render import Block, lines, options_of, tone_of
from bot.adapters.slack.text import plain, written
from bot.card import Card, Input

TITLE, INPUT_LABEL = 24, 2000
FORM, NOTE = "form", "note"
_WORDS = {"zh": ("提交", "取消", "关闭", "回款"), "en": ("Submit", "Cancel", "Close", "Receivables")}


@dataclass(frozen=True)
class Back:
    """What a form carries along: the message it is about, as it was when the button was pressed."""

    action: str
    ref: str
    rev: int
    channel: str = ""
    respond: str = ""  # where the message it was opened from can be replaced, if nobody else sees that one
    target: str = ""


def form(card: Card, back: Back) -> dict[str, Any]:
    """The question of `card`, its only action. Ids are the inputs' names, so that what was typed stays if it is refused."""
    action = card.actions[0]
    submit, cancel, _, _ = _WORDS[card.lang]
    about = lines(f"{card.title}\n{card.text}".strip())[:3]
    said: list[Block] = [{"type": "section", "block_id": f"about{n}", "text": written(part)} for n, part in enumerate(about)]
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps(asdict(back), ensure_ascii=False, sort_keys=True),
        "title": plain(action.label, TITLE),
        "submit": plain(submit, TITLE),
        "close": plain(cancel, TITLE),
        "blocks": [*said, *(_input(item) for item in action.inputs)],
    }


def again(view: dict[str, Any], problem: str) -> dict[str, Any]:
    """The same form with what is wrong above it."""
    kept = ("type", "callback_id", "private_metadata", "title", "submit", "close")
    said = {"type": "section", "block_id": "problem", "text": plain(f"⚠️ {problem}", 2000)}
    return {
        **{name: view[name] for name in kept if view.get(name)},
        "blocks": [said, *(block for block in view["blocks"] if block.get("block_id") != "problem")],
    }


def note(text: str, lang: str, card: Card | None = None) -> dict[str, Any]:
    """A sentence, where there is no message to put it under."""
    _, _, close, title = _WORDS["en" if lang == "en" else "zh"]
    said = text if card is None else f"{tone_of(card)} · {card.title}\n{card.text}\n\n{text}".strip()
    return {
        "type": "modal",
        "callback_id": NOTE,
        "title": plain(title, TITLE),
        "close": plain(close, TITLE),
        "blocks": [{"type": "section", "text": written(part)} for part in lines(said)[:5]],
    }


def _input(item: Input) -> Block:
    return {
        "type": "input",
        "block_id": f"i|{item.name}",
        "label": plain(item.label or item.name, INPUT_LABEL),
        "optional": not item.required,
        "element": _element(item),
    }


def _element(item: Input) -> dict[str, Any]:
    if item.type == "date":
        return {"type": "datepicker", "action_id": item.name}
    if options := options_of(item):
        return {"type": "static_select", "action_id": item.name, "options": options}
    # Amounts are typed as people write them (5万, 12.5w), which number_input refuses.
    return {"type": "plain_text_input", "action_id": item.name, "multiline": item.type == "text", "max_length": 2000}


def filled(view: dict[str, Any]) -> dict[str, str]:
    """The answers of a submitted form, by the inputs' names; what was left empty is not there."""
    found: dict[str, str] = {}
    for block in view["state"]["values"].values():
        for name, held in block.items():
            value = value_of(held)
            if value:
                found[str(name)] = value
    return found


def value_of(held: dict[str, Any]) -> str:
    """What an element holds, of the kinds that our cards have."""
    option = held.get("selected_option")
    if isinstance(option, dict):
        return str(option.get("value", ""))
    return str(held.get("selected_date") or held.get("value") or "")


def back_of(view: dict[str, Any]) -> Back:
    """Errors: ValueError, TypeError, KeyError for what we did not write."""
    return Back(**json.loads(view["private_metadata"]))


