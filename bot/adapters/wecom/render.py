"""Cards as WeCom's JSON: pure, and the same bytes for the same card and name."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.adapters.wecom import keys
from bot.adapters.wecom.words import word
from bot.card import Action, Capabilities, Card, Input, short
from bot.fit import PROFILES, says_too_much
from bot.plain import to_text
from core.jsontext import encode

MAX_TITLE, MAX_DESC, MAX_TEXT, MAX_SOURCE, MAX_VALUE = 36, 44, 160, 20, 30
MAX_ROWS, MAX_BUTTONS, MAX_MENU, MAX_OPTIONS = 6, 6, 3, 10
MAX_OPTION_ID, MAX_OPTION, MAX_DROP_DOWNS = 128, 16, 3
UPDATE_HOURS = 72  # in which we may change a card on our own, once
MAX_TEXT_BYTES, CUT = 2048, 100  # bytes; CUT: for saying that something is missing
AGAIN = {"enable_duplicate_check": 1, "duplicate_check_interval": 14400}
NOWHERE = "https://work.weixin.qq.com/"  # a card must open something when it is pressed beside its buttons
COLORS = {"danger": 2, "warning": 2, "success": 3, "info": 1, "muted": 0}
STYLES = {"primary": 1, "default": 3, "danger": 4}
OPENS = "task.open"
NONE, MISSING, RETURN = "-", "?", "<"  # option ids: left empty; not chosen yet; back to the card


def payload(
    card: Card, *, ref: str, rev: int, user_id: str, agent_id: int, form: str = "", as_text: bool = False
) -> dict[str, Any]:
    """The request of message/send. `form`: where the card can be filled in; `as_text`: for a reader without cards."""
    head: dict[str, Any] = {"touser": user_id, "agentid": agent_id}
    if as_text or too_much(card):
        # Two messages of the same words are two, and a text has nothing else to tell them apart by.
        own = AGAIN["duplicate_check_interval"] - zlib.crc32(ref.encode()) % 600
        return {**head, "msgtype": "text", "text": {"content": plain(card, form)}, **AGAIN, "duplicate_check_interval": own}
    shown = template_card(card, ref=ref, rev=rev, form=form) | {"task_id": ref}
    return {**head, "msgtype": "template_card", "template_card": shown, **AGAIN}


def to_bytes(body: dict[str, Any]) -> bytes:
    return encode(body)


def template_card(card: Card, *, ref: str, rev: int, form: str = "", notice: str = "") -> dict[str, Any]:
    """The card as it stands in a chat; `notice` is what whoever pressed is told."""
    shown = [a for a in card.actions if a.draw not in ("reply", "form", "inline") or (a.draw == "form" and not a.inputs)]
    form = form if _fills(card) else ""
    out: dict[str, Any] = {
        "card_type": "text_notice",
        "source": {"desc": short(card.footer or word("source", card.lang), MAX_SOURCE), "desc_color": COLORS[card.tone]},
        "main_title": {"title": short(card.title, MAX_TITLE)},
    }
    text = short("\n".join(part for part in (notice, card.text) if part), MAX_TEXT)
    if text:
        out["sub_title_text"] = text
    if card.fields:
        out["horizontal_content_list"] = [
            {"keyname": f.label or "·", "value": f.value or "—"} for f in card.fields[:MAX_ROWS]
        ]
    out["card_action"] = {"type": 1, "url": form or NOWHERE}
    if not shown and not form:
        return out
    out["card_type"] = "button_interaction"
    room = MAX_BUTTONS - bool(form)
    out["button_list"] = [_button(a, ref, rev) for a in shown[:room]]
    if form:
        out["button_list"].append({"type": 1, "text": word("form", card.lang), "style": STYLES["default"], "url": form})
    if shown[room:]:
        listed = [{"text": a.label, "key": _key(a, ref, rev)} for a in shown[room : room + MAX_MENU]]
        out["action_menu"] = {"desc": word("more", card.lang), "action_list": listed}
    return out


def _fills(card: Card) -> bool:
    """Whether something on it can be filled in; the lines of a list are only opened."""
    return any((a.inputs or a.ask) and a.id != OPENS for a in card.actions)


def question(card: Card, *, ref: str, rev: int, form: str = "", notice: str = "") -> dict[str, Any]:
    """The card that asks: its only action as drop-downs, or as two buttons. See bot.fit.ask_card."""
    action = card.actions[0] if card.actions else None
    if action is not None and action.inputs and action.draw == "menu":
        return _menu(card, action, ref, rev, notice)
    way_back = keys.Key(ref, "", rev, step=keys.BACK).text()
    back = {"text": word("back", card.lang), "style": STYLES["default"], "key": way_back}
    buttons: list[dict[str, Any]] = []
    if action is not None and not action.inputs:
        buttons = [{"text": action.label, "style": STYLES[action.style], "key": keys.of(action, ref, rev)}]
    elif form:
        notice = word("ask_form", card.lang)
        buttons = [{"type": 1, "text": word("form", card.lang), "style": STYLES["primary"], "url": form}]
    else:
        notice = word("ask_typed", card.lang)
    text = notice if action is None or action.inputs else "\n".join(p for p in (notice, card.text) if p)
    return {
        "card_type": "button_interaction",
        "source": {"desc": short(card.footer or word("source", card.lang), MAX_SOURCE), "desc_color": COLORS[card.tone]},
        "main_title": {"title": short(card.title, MAX_TITLE)},
        "sub_title_text": short(text, MAX_TEXT),
        "card_action": {"type": 1, "url": form or NOWHERE},
        "button_list": [*buttons, back],
    }


def _menu(card: Card, action: Action, ref: str, rev: int, notice: str) -> dict[str, Any]:
    lead = notice or card.text
    return {
        "card_type": "multiple_interaction",
        "source": {"desc": short(card.footer or word("source", card.lang), MAX_SOURCE), "desc_color": COLORS[card.tone]},
        "main_title": {"title": short(card.title, MAX_TITLE), "desc": short(lead, MAX_DESC)},
        "select_list": [_drop_down(i, card.lang, n == 0) for n, i in enumerate(action.inputs[:MAX_DROP_DOWNS])],
        "submit_button": {"text": word("submit", card.lang), "key": keys.of(action, ref, rev)},
    }


def _drop_down(item: Input, lang: str, first: bool) -> dict[str, Any]:
    """A drop-down always has a value, so its first one means none: a date that nobody chose is no promise."""
    nothing = MISSING if item.required else NONE
    options = [{"id": nothing, "text": word("choose" if item.required else "leave", lang)}]
    for number, choice in enumerate(item.choices[: MAX_OPTIONS - 1]):
        value = f"{number}:{choice.value}"  # two words may stand for one day, and ids are unique
        if len(value.encode()) <= MAX_OPTION_ID:
            options.append({"id": value, "text": short(choice.label, MAX_OPTION) or "—"})
    if first and not item.required and len(options) < MAX_OPTIONS:
        options.append({"id": RETURN, "text": word("back", lang)})
    return {"question_key": item.name, "title": item.label or "·", "selected_id": nothing, "option_list": options}


def chosen(selected: Sequence[tuple[str, str]]) -> dict[str, str] | None:
    """What was chosen, by question; None for the way back, which is also the way of whoever chose nothing."""
    options = [option for _, option in selected]
    found = {name: option.partition(":")[2] for name, option in selected if ":" in option}
    return None if RETURN in options or (MISSING in options and not found) else found


def _button(action: Action, ref: str, rev: int) -> dict[str, Any]:
    out: dict[str, Any] = {"text": action.label or "·", "style": STYLES[action.style]}
    if action.draw == "link":
        return out | {"type": 1, "url": action.url}
    return out | {"key": _key(action, ref, rev)}


def _key(action: Action, ref: str, rev: int) -> str:
    asks = action.draw in ("menu", "form")
    return keys.of(action, ref, rev, keys.ASK if asks else keys.PLAIN)


# --- plain text ---

_LINK = re.compile(r"<(?=/?a\b)", re.I)


def too_much(card: Card) -> bool:
    """A card without buttons says more than a notice can: it goes out as text."""
    return says_too_much(card, capabilities(PROFILES["wecom"], lang=card.lang, form=False))


def plain(card: Card, form: str = "") -> str:
    """The whole card as a text message, cut at a line's end where it is too long; and where it can be filled in."""
    link = f"\n{word('form', card.lang)}: {form}" if form and _fills(card) else ""
    return texts(to_text(card), card.lang, most=1, spare=len(link.encode()))[0] + link


def texts(said: str, lang: str, most: int = 4, spare: int = 0) -> list[str]:
    """Text as messages of at most 2,048 bytes. `<a href>` is the one thing that WeCom reads in them: it stays text."""
    said, room = _LINK.sub("<\u200b", said), MAX_TEXT_BYTES - CUT - spare
    out: list[str] = []
    for line in said.split("\n"):
        pieces = [line]
        while len(pieces[-1].encode()) > room:
            cut = pieces.pop()
            head = cut.encode()[:room].decode("utf-8", "ignore")
            pieces += [head, cut[len(head) :]]
        for piece in pieces:
            longer = f"{out[-1]}\n{piece}" if out else piece
            if out and len(longer.encode()) <= room:
                out[-1] = longer
            else:
                out.append(piece)
    out = [part for part in out if part.strip()] or ["—"]
    if len(out) > most:
        out = [*out[: most - 1], f"{out[most - 1]}\n{word('cut', lang)}"]
    return out


def capabilities(base: Capabilities, *, lang: str, form: bool) -> Capabilities:
    """A menu beside the buttons holds three more; the form takes one button; five 字 are ten letters."""
    buttons = MAX_BUTTONS - form + MAX_MENU
    label, button = (10, 18) if lang == "en" else (base.max_label, base.max_button_label)
    return replace(
        base, answers_in_place=True, long_as_text=True, max_buttons=buttons, max_label=label,
        max_button_label=button, has_form_page=form, update_hours=UPDATE_HOURS,
    )  # fmt: skip


def as_text(*, form: bool) -> Capabilities:
    """Of a reader without cards: words, with the address of the form."""
    return replace(PROFILES["text"], has_form_page=form)
