"""A card where no template is set: a markdown message whose links say something as the person who taps them.

What a link says names the message it belongs to, so that an old message's link never acts on a newer one:

    承诺日期 明天 7月9日 #hk-3f9a-41c0…/task.promise/?date=2026-07-09

What no link can say (an amount, a reason, another day) is asked by a further message, which is answered by typing.
"""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from bot.adapters.dingtalk.render import escape, lines
from bot.card import Action, Card, Input, more_line, short
from bot.fit import presets
from bot.plain import codes, reply_line

Json = dict[str, Any]

SAYS = "dtmd://dingtalkclient/sendMessage?content="
MAX_BYTES = 14_000  # of a message's parameters, which may have 15,000
MAX_LINKS = 9_000  # bytes of them, so that the card itself has room
MAX_CHOICES = 20
MAX_TITLE = 60
_SAID = re.compile(r"#(hk-[a-z0-9]+-[a-z0-9]+)/([a-z_]+\.[a-z_]+)/(!?)(?:\?(\S*))?\s*$")


@dataclass(frozen=True)
class Said:
    """A link that somebody tapped."""

    ref: str
    action: str
    opens: bool  # asks for what no link can say
    input: dict[str, str] = field(default_factory=dict)


def read(text: str) -> Said | None:
    """What a link said, or None if somebody typed it."""
    found = _SAID.search(text)
    if found is None:
        return None
    given = dict(parse_qsl(found[4] or ""))
    return Said(found[1], found[2], bool(found[3]), given)


def message(card: Card, *, ref: str, today: date, asks: bool = False) -> Json:
    """`{"title", "text"}` of a markdown message. `today` dates the ready answers; `asks`: this is such a question."""
    links = [] if card.closed else _links(card, ref, today, asks)
    tail = [*links, *([escape(card.footer)] if card.footer else [])]
    head = f"### {escape(card.title)}"
    room = MAX_BYTES - sum(_size(each) for each in [head, *tail])
    kept: list[str] = []
    body = _body(card)
    for number, part in enumerate(body):
        room -= _size(part)
        if room < 0:
            kept.append(more_line(len(body) - number, card.lang))
            break
        kept.append(part)
    return {"title": short(card.title, MAX_TITLE), "text": "\n\n".join([head, *kept, *tail])}


def _size(part: str) -> int:
    """Bytes within JSON within JSON, at most."""
    return len(json.dumps(part, ensure_ascii=False).encode()) + 4


def _body(card: Card) -> list[str]:
    colon = "：" if card.lang == "zh" else ": "
    parts = [lines(card.text)] if card.text else []
    parts += [f"**{escape(each.label)}**{colon}{lines(each.value)}" for each in card.fields]
    parts += ["- " + " · ".join(lines(cell) for cell in row if cell) for row in card.rows]
    return [*parts, "- " + more_line(card.rows_more, card.lang)] if card.rows_more else parts


def _links(card: Card, ref: str, today: date, asks: bool) -> list[str]:
    """A line of links for each action; under a question, what to type instead."""
    rows: list[_Row] = []
    typed = []
    colon = "：" if card.lang == "zh" else ": "
    for code, action in codes(card):
        if action.url:
            rows.append(_Row("", (f"[{escape(action.label)}]({action.url})",)))
            continue
        ready = _ready(action, today, card.lang)
        made = [_link(action, label, {**dict(action.given), **given}, ref) for label, given in ready]
        if asks:
            typed.append(lines(reply_line(code, action, card.lang)))
        elif _says_more(action, len(ready)):
            made.append(_link(action, _more(action, ready, card.lang), {}, ref, opens=True))
        if made:
            named = bool(ready and ready[0][0])  # the links are answers, else they are the action itself
            asking = "" if asks or len(made) == 1 else _link(action, f"{action.label}…", {}, ref, opens=True)
            rows.append(_Row(escape(action.label) + colon if named else "", tuple(made), asking))
    out = _fitting(rows, card.lang)
    if typed:
        head = ("也可以回复：" if out else "请回复：") if card.lang == "zh" else "Or reply:" if out else "Please reply:"
        out.append("  \n".join([head, *typed]))
    return out


@dataclass(frozen=True)
class _Row:
    """The links of one action. `asking`: the one link that can stand for all of them, where there is one."""

    head: str
    links: tuple[str, ...]
    asking: str = ""

    def text(self) -> str:
        return self.head + "　".join(self.links)


def _fitting(rows: list[_Row], lang: str) -> list[str]:
    """Lines of links that leave room for what the card says. Later ones give way first: to a link that asks, then wholly."""
    for n in reversed(range(len(rows))):
        if _room_for(rows):
            break
        if rows[n].asking:
            rows[n] = _Row("", (rows[n].asking,))
    if _room_for(rows):
        return [row.text() for row in rows]
    while not _room_for(rows):
        last = rows.pop()
        if len(last.links) > 1:
            rows.append(replace(last, links=last.links[:-1]))
    return [*(row.text() for row in rows), "更多：/todo" if lang == "zh" else "More: /todo"]


def _room_for(rows: list[_Row]) -> bool:
    return sum(_size(row.text()) for row in rows) <= MAX_LINKS


def _more(action: Action, ready: list[tuple[str, dict[str, str]]], lang: str) -> str:
    """What the link is called that asks for more; "" where it is the only one."""
    if not ready:
        return ""
    return ("其他…" if lang == "zh" else "other…") if ready[0][0] else f"{action.label}…"


def _says_more(action: Action, ready: int) -> bool:
    """Whether there is more to say than the ready answers do."""
    inputs = [each for each in action.inputs if each.name not in dict(action.given)]
    if not ready:
        return True
    return any(not (each.choices and each.required and len(each.choices) <= MAX_CHOICES) for each in inputs)


def _ready(action: Action, today: date, lang: str) -> list[tuple[str, dict[str, str]]]:
    """(words, inputs) of each answer that needs no typing; a label of "" is the action's own."""
    given = dict(action.given)
    required = [each for each in action.inputs if each.required and each.name not in given]
    if not required:
        return [("", {})]
    if len(required) > 1:
        return []
    return [(each.label, {required[0].name: each.value}) for each in _choices(required[0], today, lang)[:MAX_CHOICES]]


def _choices(item: Input, today: date, lang: str) -> tuple[Any, ...]:
    if item.choices:
        return item.choices
    return presets(item, today, lang) if item.type == "date" else ()


def _link(action: Action, label: str, given: dict[str, str], ref: str, *, opens: bool = False) -> str:
    if action.target:
        given = {**given, "target": action.target}
    words = label if label.startswith(action.label) else f"{action.label} {label}".strip()
    tail = f"#{ref}/{action.id}/{'!' if opens else ''}" + (f"?{urlencode(given)}" if given else "")
    return f"[{escape(label or action.label)}]({SAYS}{quote(f'{words} {tail}', safe='')})"
