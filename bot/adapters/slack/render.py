"""A fitted card -> the text and blocks of a Slack message. Pure: the same card, ref and rev give the same bytes.

Ledger text stands in plain_text only, so nothing in it is formatting. Every control says in its ids what it does; the
block around it says for which message (`ref` is empty where Slack itself tells which one) and which revision.
"""

import json
import re
from typing import Any

from bot.adapters.slack.text import NOTHING, cut, escape, pieces, plain, written
from bot.card import Action, Card, Choice, Input, more_line

Block = dict[str, Any]

CONTROLS = 4  # of a card; the rest stands in the overflow menu
OVERFLOW = 5
LETTERS = 11_500  # of all blocks of a message; Slack gives up at about 13,000
SCALES = (1.0, 0.6, 0.35, 0.2, 0.12, 0.07, 0.03, 0.01)
SECTION, FIELD, HEADER, LABEL, OPTION, VALUE, COLUMNS = 3000, 2000, 150, 75, 75, 150, 20
ID = 255

TONES = {
    "info": ("🔵", "通知", "Notice"),
    "success": ("🟢", "已完成", "Done"),
    "warning": ("🟡", "注意", "Attention"),
    "danger": ("🔴", "紧急", "Urgent"),
    "muted": ("⚪", "供参考", "For information"),
}
_AMOUNT = re.compile(r"-?([A-Z]{3} ?|[¥$€£])?-?[\d,]+(\.\d+)?")


def payload(card: Card, *, ref: str = "", rev: int = 1) -> dict[str, Any]:
    """`text` for lock screens and screen readers, and the `blocks`."""
    for scale in SCALES:
        blocks = _blocks(card, ref, rev, scale)
        if letters(blocks) <= LETTERS:
            break
    return {"text": summary(card), "blocks": blocks}


def summary(card: Card) -> str:
    """One sentence: the title and the first line."""
    first = card.text.strip().split("\n", 1)[0]
    return cut(f"{card.title} · {first}" if first else card.title, 300)


def letters(thing: Any) -> int:
    """How much text a reader gets to see."""
    if isinstance(thing, list):
        return sum(map(letters, thing))
    if not isinstance(thing, dict):
        return 0
    own = len(thing["text"]) if isinstance(thing.get("text"), str) else 0
    return own + sum(letters(part) for part in thing.values())


def notice(text: str) -> dict[str, Any]:
    """A sentence for one person."""
    return {"text": cut(text, 300), "blocks": [{"type": "section", "text": written(part)} for part in lines(text)[:4]]}


def lines(text: str, limit: int = SECTION) -> list[str]:
    return pieces(text, limit) or [NOTHING]


def _blocks(card: Card, ref: str, rev: int, scale: float) -> list[Block]:
    blocks = [*_head(card), *_body(card, scale)]
    if card.fields:
        blocks.append({"type": "section", "fields": [_field(f.label, f.value, scale) for f in card.fields]})
    if card.rows:
        blocks.append(_table(card, scale))
    if card.rows_more:
        blocks.append(_context(more_line(card.rows_more, card.lang), 200))
    actions = controls(card, scale)
    if actions:
        blocks.append({"type": "actions", "elements": actions})
    if card.footer:
        blocks.append(_context(card.footer, _scaled(2000, scale)))
    for n, block in enumerate(blocks):
        # A message that is drawn anew needs new block ids: a picker would keep its old value.
        block["block_id"] = f"a|{ref}|{rev}" if block["type"] == "actions" else f"b{n}|{rev}"
    return blocks


def _scaled(limit: int, scale: float) -> int:
    return max(8, int(limit * scale))


def _head(card: Card) -> list[Block]:
    """The title, with a sign and a word for what the colour is elsewhere."""
    title = f"{tone_of(card)} · {card.title}"
    if len(escape(title)) <= HEADER:
        return [{"type": "header", "text": plain(title, HEADER)}]
    return [_context(tone_of(card), 200), {"type": "section", "text": plain(card.title, SECTION)}]


def tone_of(card: Card) -> str:
    sign, zh, en = TONES[card.tone]
    if card.closed:
        zh, en = "已结束", "Closed"
    return f"{sign} {zh if card.lang == 'zh' else en}"


def _body(card: Card, scale: float) -> list[Block]:
    if not card.text.strip():
        return []
    if scale < 1:
        return [{"type": "section", "text": plain(card.text, _scaled(SECTION, scale))}]
    return [{"type": "section", "text": written(part)} for part in lines(card.text)]


def _field(label: str, value: str, scale: float) -> dict[str, Any]:
    name = cut(label, _scaled(LABEL * 5, scale))
    return written(f"{name}\n{cut(value, _scaled(FIELD - 1 - LABEL * 5, scale))}")


def _table(card: Card, scale: float) -> Block:
    width = min(COLUMNS, max(len(row) for row in card.rows))
    rows = [[*row, *[""] * width][:width] for row in card.rows]
    cell = _scaled(600, scale)
    table: Block = {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": cut(text, cell)} for text in row] for row in rows],
    }
    sums = [all(not row[n] or _AMOUNT.fullmatch(row[n]) for row in rows) for n in range(width)]
    if any(sums):
        table["column_settings"] = [{"align": "right" if is_sum else "left"} for is_sum in sums]
    return table


def _context(text: str, limit: int) -> Block:
    return {"type": "context", "elements": [plain(text, limit)]}


# --- controls ---


def controls(card: Card, scale: float = 1.0) -> list[dict[str, Any]]:
    """Four at most, the rest in a menu of five. A closed card has none; a reply code stands in the text."""
    if card.closed:
        return []
    usable = [a for a in card.actions if a.draw != "reply"][: CONTROLS + OVERFLOW]
    made = [_control(n, action, card.lang, scale) for n, action in enumerate(usable[:CONTROLS])]
    if rest := usable[CONTROLS:]:
        options = [_option(_overflow_value(a), a.label, scale) for a in rest]
        made.append({"type": "overflow", "action_id": "o|more||", "options": options})
    return made


def action_id(flag: str, n: int, action: Action, name: str = "") -> str:
    """`flag`: b presses, f opens a form first, i is answered on the card (input `name`), u leads elsewhere."""
    return f"{flag}{n}|{action.id}|{name}|{action.target}"[:ID]


def _overflow_value(action: Action) -> str:
    flag = "f" if action.inputs or action.confirm else "b"
    return f"{flag}|{action.id}||{action.target}"[:VALUE]


def _control(n: int, action: Action, lang: str, scale: float) -> dict[str, Any]:
    picked = action.inputs[0] if action.draw == "inline" and action.inputs else None
    if picked is not None and picked.type == "date":
        made: dict[str, Any] = {"type": "datepicker", "placeholder": plain(action.label, 150)}
    elif picked is not None and (options := options_of(picked, scale)):
        made = {"type": "static_select", "placeholder": plain(action.label, 150), "options": options}
    else:
        return _button(n, action, lang)
    assert picked is not None
    made["action_id"] = action_id("i", n, action, picked.name)
    return made | _confirm(action, lang)


def _button(n: int, action: Action, lang: str) -> dict[str, Any]:
    flag = "u" if action.draw == "link" else "f" if action.inputs and action.draw != "preset" else "b"
    made: dict[str, Any] = {"type": "button", "action_id": action_id(flag, n, action), "text": plain(action.label, LABEL)}
    if action.given:
        made["value"] = json.dumps(dict(action.given), ensure_ascii=False, sort_keys=True)
    if action.draw == "link" and action.url:
        made["url"] = action.url
    if action.style != "default":
        made["style"] = action.style
    return made | (_confirm(action, lang) if flag == "b" else {})


def _confirm(action: Action, lang: str) -> dict[str, Any]:
    if not action.confirm:
        return {}
    yes, no = ("确认", "取消") if lang == "zh" else ("Confirm", "Cancel")
    return {
        "confirm": {
            "title": plain(action.label, 100), "text": plain(action.confirm, 300), "confirm": plain(yes, 30),
            "deny": plain(no, 30),
        }
    }  # fmt: skip


def options_of(item: Input, scale: float = 1.0) -> list[dict[str, Any]]:
    """What can be chosen. A value that Slack has no room for cannot come back, so it is not offered."""
    return [_option(c.value, c.label or c.value, scale) for c in item.choices[:100] if _returns(c)]


def _returns(choice: Choice) -> bool:
    return bool(choice.value.strip()) and len(choice.value) <= VALUE


def _option(value: str, label: str, scale: float) -> dict[str, Any]:
    return {"text": plain(label, _scaled(OPTION, scale)), "value": value}
