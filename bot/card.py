"""The neutral card: what a message says and asks, before any messenger has a say in how it looks.

Everything is plain text. `**x**`, `<!channel>` or `]]>` in a customer's name is that text; each renderer
escapes for its own messenger. `bot.fit` bends a card to what a messenger can show, `bot.plain` is the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

Lang = Literal["zh", "en"]
Tone = Literal["info", "success", "warning", "danger", "muted"]
InputType = Literal["date", "text", "amount", "choice", "person", "number"]
Ask = Literal["date", "choice", "form"]
Style = Literal["default", "primary", "danger"]
Updates = Literal["always", "once", "never"]

# How an action is drawn once bot.fit has looked at the messenger; before that every action is a "button".
#   button  a plain button that asks nothing       inline  the picker or drop-down stands on the card itself
#   form    a tap opens a form (modal)             menu    a tap replaces the card by drop-downs (fit.ask_card)
#   preset  one button for one ready answer        reply   no control: the person types the reply code
#   link    a signed one-time link in `url`
Draw = Literal["button", "inline", "form", "menu", "preset", "reply", "link"]

LANGS: tuple[Lang, ...] = ("zh", "en")
TONES: frozenset[str] = frozenset({"info", "success", "warning", "danger", "muted"})
INPUT_TYPES: frozenset[str] = frozenset({"date", "text", "amount", "choice", "person", "number"})
ASKS: frozenset[str] = frozenset({"date", "choice", "form"})
STYLES: frozenset[str] = frozenset({"default", "primary", "danger"})


def as_lang(locale: str, default: str = "zh") -> Lang:
    """The language of cards for a person's locale ("" = the company's)."""
    return "en" if (locale or default).lower().startswith("en") else "zh"


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    type: InputType
    required: bool
    label: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A thing the reader can do. Its meaning is looked up by `id`; the button itself carries no data."""

    id: str
    label: str
    ask: Ask | None = None
    inputs: tuple[Input, ...] = ()
    style: Style = "default"
    confirm: str | None = None
    target: str = ""  # what it acts on when that is not the card's own subject, e.g. one task of a digest
    draw: Draw = "button"
    given: tuple[tuple[str, str], ...] = ()  # inputs already answered: (name, value), for preset buttons
    url: str = ""  # only for draw="link"


@dataclass(frozen=True, slots=True)
class Field:
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Card:
    kind: str
    lang: Lang
    tone: Tone
    title: str
    text: str = ""
    fields: tuple[Field, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    rows_more: int = 0  # rows left out after the last one shown: "还有 n 项"
    actions: tuple[Action, ...] = ()
    footer: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one messenger (towards one address) can show and ask. Lengths are characters; 0 = none at all."""

    name: str
    max_title: int = 200
    max_text: int = 10_000
    max_fields: int = 50
    max_label: int = 100
    max_value: int = 2_000
    max_rows: int = 100
    max_cell: int = 200
    max_footer: int = 2_000
    max_buttons: int = 25
    max_button_label: int = 75
    max_inline: int = 10  # pickers and drop-downs that can stand on the card itself
    max_inline_inputs: int = 3  # inputs that one of them can hold: 1 = the date, and no amount beside it
    max_options: int = 100  # of one drop-down
    max_option_label: int = 75
    max_menu_inputs: int = 0  # drop-downs of a menu that replaces the card
    has_buttons: bool = True
    has_date_picker: bool = True
    has_choice: bool = True
    has_form: bool = True
    has_form_page: bool = False  # a page of ours, to which each message leads, asks what the messenger can't
    has_menu: bool = False
    has_confirm: bool = True
    has_replies: bool = True  # the reader can type an answer that reaches us
    has_links: bool = False  # a link opens inside the messenger or a browser
    markdown: bool = False
    updates: Updates = "always"  # on our own, once it was sent
    update_hours: int = 0  # for so long; 0 = always
    long_as_text: bool = False  # a card without buttons that says more than a card can goes out as plain text
    answers_in_place: bool = False  # the answer to a tap carries the card anew, so no update is sent for it


def short(text: str, limit: int) -> str:
    """Cut to `limit` characters; a cut shows as … and never stands alone in silence."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rstrip() + "…" if limit > 0 else ""


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_words(value: date, today: date | None, lang: str) -> str:
    """A date as every card and answer says it: 7月15日, 15 Jul; with its year where that isn't the one of `today`."""
    same = today is not None and value.year == today.year
    if lang == "zh":
        return f"{value.month}月{value.day}日" if same else f"{value.year}年{value.month}月{value.day}日"
    text = f"{value.day} {MONTHS[value.month - 1]}"
    return text if same else f"{text} {value.year}"


def more_line(count: int, lang: str) -> str:
    return f"还有 {count} 项" if lang == "zh" else f"and {count} more"


def _input_json(item: Input) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": item.name, "type": item.type, "required": item.required, "label": item.label,
    }
    if item.choices:
        out["choices"] = [{"value": c.value, "label": c.label} for c in item.choices]
    return out


def _ask_json(action: Action) -> dict[str, Any] | None:
    if action.ask is None:
        return None
    return {"kind": action.ask, "inputs": [_input_json(i) for i in action.inputs]}


def card_json(card: Card) -> dict[str, Any]:
    """The part of the public CARD shape that a card knows; delivery, rev, at, state are added by the caller."""
    rows = [list(row) for row in card.rows]
    if card.rows_more:
        rows.append([more_line(card.rows_more, card.lang)])
    return {
        "title": card.title,
        "text": card.text,
        "fields": [{"label": f.label, "value": f.value} for f in card.fields],
        "rows": rows,
        "actions": [{"id": a.id, "label": a.label, "ask": _ask_json(a)} for a in card.actions],
        "footer": card.footer,
    }


def dump(card: Card) -> dict[str, Any]:
    """Everything, for storage and for pages that draw: `load(dump(card)) == card`."""
    return {
        "kind": card.kind,
        "lang": card.lang,
        "tone": card.tone,
        "title": card.title,
        "text": card.text,
        "fields": [{"label": f.label, "value": f.value} for f in card.fields],
        "rows": [list(row) for row in card.rows],
        "rows_more": card.rows_more,
        "actions": [
            {
                "id": a.id, "label": a.label, "ask": a.ask, "inputs": [_input_json(i) for i in a.inputs],
                "style": a.style, "confirm": a.confirm, "target": a.target, "draw": a.draw,
                "given": [list(pair) for pair in a.given], "url": a.url,
            }
            for a in card.actions
        ],
        "footer": card.footer,
        "closed": card.closed,
    }


def _load_input(data: Mapping[str, Any]) -> Input:
    choices = tuple(Choice(str(c["value"]), str(c["label"])) for c in data.get("choices", ()))
    kind = cast(InputType, data["type"])
    return Input(str(data["name"]), kind, bool(data["required"]), str(data.get("label", "")), choices)


def _load_action(data: Mapping[str, Any]) -> Action:
    return Action(
        id=str(data["id"]),
        label=str(data["label"]),
        ask=cast("Ask | None", data.get("ask")),
        inputs=tuple(_load_input(i) for i in data.get("inputs", ())),
        style=cast(Style, data.get("style", "default")),
        confirm=data.get("confirm"),
        target=str(data.get("target", "")),
        draw=cast(Draw, data.get("draw", "button")),
        given=tuple((str(pair[0]), str(pair[1])) for pair in data.get("given", ())),
        url=str(data.get("url", "")),
    )


def load(data: Mapping[str, Any]) -> Card:
    return Card(
        kind=str(data["kind"]),
        lang=cast(Lang, data["lang"]),
        tone=cast(Tone, data["tone"]),
        title=str(data["title"]),
        text=str(data.get("text", "")),
        fields=tuple(Field(str(f["label"]), str(f["value"])) for f in data.get("fields", ())),
        rows=tuple(tuple(str(cell) for cell in row) for row in data.get("rows", ())),
        rows_more=int(data.get("rows_more", 0)),
        actions=tuple(_load_action(a) for a in data.get("actions", ())),
        footer=str(data.get("footer", "")),
        closed=bool(data.get("closed", False)),
    )
