"""fit(card, capabilities): the card that this messenger can show, and the list of what it can't.

Pure. Nothing is dropped in silence: whatever is cut, moved or asked in a poorer way is named in `lost`.
An action that a messenger can't ask walks down this ladder until a rung holds:

    inline input -> form -> menu that replaces the card -> preset answers -> reply code in the text -> signed link
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from bot.card import Action, Capabilities, Card, Choice, Field, Input, Lang, day_words, more_line, short
from bot.plain import codes, typed_line

LINE = {"zh": 60, "en": 90}  # what is kept of a long line where a text has too little room
Link = Callable[[Action], str]  # a signed one-time address where the action can be answered

# Inputs that ask for a day that has been; their ready answers look back.
_PAST = frozenset({"paid_on", "received_on"})
# Inputs whose day must be near: so many days ahead are always accepted (working days are never fewer).
_NEAR = {"again_on": 5}

PROFILES: dict[str, Capabilities] = {
    # Everything, for the local messenger.
    "full": Capabilities(name="full"),
    # Header 150, section 3,000, fields 10; 4 controls and 5 in the overflow menu; modals ask the rest.
    "slack": Capabilities(
        name="slack", max_title=150, max_text=3_000, max_fields=10, max_label=75, max_value=1_900, max_rows=20,
        max_cell=120, max_footer=1_000, max_buttons=9, max_button_label=75, max_inline=2, max_inline_inputs=1,
        max_options=100, max_option_label=75, has_links=True, markdown=True, updates="always",
    ),
    # One generic card template: markdown body, a server-driven form, six buttons. No picker outside of the form.
    "dingtalk": Capabilities(
        name="dingtalk", max_title=60, max_text=1_500, max_fields=15, max_label=20, max_value=300, max_rows=10,
        max_cell=60, max_footer=200, max_buttons=6, max_button_label=12, max_inline=0, max_options=50,
        max_option_label=30, has_date_picker=False, has_choice=False, has_confirm=False, has_links=True,
        markdown=True, updates="always",
    ),
    # button_interaction: title 36, sub title 160, six key-value lines, six buttons. Asking replaces the card by
    # multiple_interaction: three drop-downs of ten options, the first of which means none. No free text, no date picker,
    # no table.
    "wecom": Capabilities(
        name="wecom", max_title=36, max_text=160, max_fields=6, max_label=5, max_value=30, max_rows=0, max_cell=0,
        max_footer=20, max_buttons=6, max_button_label=10, max_inline=0, max_options=9, max_option_label=16,
        max_menu_inputs=3, has_date_picker=False, has_choice=False, has_form=False, has_menu=True,
        has_confirm=False, has_links=True, updates="once",
    ),
    # Plain text with reply codes.
    "text": Capabilities(
        name="text", max_title=200, max_text=4_000, max_fields=30, max_label=60, max_value=500, max_rows=30,
        max_cell=120, max_footer=500, max_buttons=0, max_inline=0, has_buttons=False, has_date_picker=False,
        has_choice=False, has_form=False, has_confirm=False, updates="never",
    ),
}  # fmt: skip


def fit(
    card: Card, capabilities: Capabilities, *, today: date, link: Link | None = None
) -> tuple[Card, tuple[str, ...]]:
    """The card as `capabilities` can show it. `today` dates the ready answers, `link` makes the last rung."""
    if says_too_much(card, capabilities):
        return fit(card, PROFILES["text"], today=today)
    lost: list[str] = []
    caps = capabilities
    actions: list[Action] = []
    inline = 0
    for action in card.actions:
        if card.closed:
            lost.append(f"{action.id}: not on a closed card")
            continue
        made = _ask(action, caps, today, card.lang, link, inline, lost)
        inline += sum(1 for a in made if a.draw == "inline")
        actions += made
    actions = _within(actions, caps, link, lost)
    fields = [_field(f, caps, lost) for f in card.fields[: caps.max_fields]]
    shown = min(len(card.rows), caps.max_rows)
    if caps.max_rows and len(card.rows) > shown:
        lost.append(f"rows: {len(card.rows) - shown} not shown")
    rows = tuple(tuple([_cut(c, caps.max_cell, "cell", lost) for c in row]) for row in card.rows[:shown])
    return replace(
        card,
        title=_cut(card.title, caps.max_title, "title", lost),
        text=_body(card, actions, caps, lost),
        fields=tuple(fields),
        rows=rows,
        rows_more=card.rows_more + len(card.rows) - shown if caps.max_rows else 0,
        actions=tuple(actions),
        footer=_cut(card.footer, caps.max_footer, "footer", lost),
    ), tuple(dict.fromkeys(lost))


def says_too_much(card: Card, capabilities: Capabilities) -> bool:
    """Whether it goes out as text. Who draws what was fitted asks the same: see Capabilities.long_as_text."""
    if not capabilities.long_as_text or card.actions or card.closed:
        return False
    return bool(fit(card, replace(capabilities, long_as_text=False), today=date.min)[1])


def ask_card(
    card: Card, action: Action, capabilities: Capabilities, *, today: date, link: Link | None = None
) -> tuple[Card, tuple[str, ...]]:
    """The card that replaces `card` while one action is asked: a menu, a confirmation, the second step of task.log.

    Its only action is the one asked; drawn as "menu", its inputs are the drop-downs of this very card.
    """
    lead = "请选择：" if card.lang == "zh" else "Please choose: "
    if not action.inputs:  # a confirmation: this card is the question, its button the answer
        text, action = action.confirm or action.label, replace(action, confirm=None)
    else:
        text = action.confirm or lead + action.label
    asked = replace(card, text=text, fields=(), rows=(), rows_more=0, actions=(action,), closed=False)
    return fit(asked, capabilities, today=today, link=link)


def presets(item: Input, today: date, lang: str) -> tuple[Choice, ...]:
    """Ready answers to a date: values are dates, since a card is tapped days after it was drawn."""
    zh = lang == "zh"
    if item.name in _PAST:
        past = ("今天", "昨天", "前天") if zh else ("today", "yesterday", "2 days ago")
        days = [(word, today - timedelta(days=n)) for n, word in enumerate(past)]
    else:
        friday = today + timedelta(days=(4 - today.weekday()) % 7 or 7)
        last = today.replace(day=calendar.monthrange(today.year, today.month)[1])
        if last == today:
            following = today + timedelta(days=1)
            last = following.replace(day=calendar.monthrange(following.year, following.month)[1])
        third = "3天内" if item.name == "date" else "3天后"  # money comes by a day, whoever is asked again is so on it
        words = ("明天", third, "周五", "月底") if zh else ("tomorrow", "in 3 days", "Friday", "end of month")
        days = list(zip(words, (today + timedelta(days=1), today + timedelta(days=3), friday, last), strict=True))
        if item.name in _NEAR:
            days = [(word, day) for word, day in days if day <= today + timedelta(days=_NEAR[item.name])]
    return tuple(Choice(day.isoformat(), f"{word} {day_words(day, today, lang)}") for word, day in days)


# --- asking ---


def _ask(
    action: Action, caps: Capabilities, today: date, lang: str, link: Link | None, inline: int, lost: list[str]
) -> list[Action]:
    """One action on the highest rung that holds."""
    if not caps.has_buttons:
        return _no_control(action, caps, link, lost)
    if not action.inputs:
        return [_plain_button(action, caps, lost)]
    required = [i for i in action.inputs if i.required]
    if len(required) == 1 and inline < caps.max_inline and _stands_alone(action, required[0], caps):
        kept = [i for i in action.inputs if i.required]
        kept += [i for i in action.inputs if not i.required][: caps.max_inline_inputs - 1]
        lost += [f"{action.id}.{i.name}: not asked on the card" for i in action.inputs if i not in kept]
        inputs = tuple(_options(i, caps, action.id, lost) for i in kept)
        return [replace(action, inputs=inputs, draw="inline", confirm=_confirm(action, caps, lost))]
    if caps.has_form:
        inputs = tuple(_options(i, caps, action.id, lost) for i in action.inputs)
        return [replace(action, inputs=inputs, draw="form", ask=action.ask or "form")]
    menu = _menu(action, caps, today, lang, lost)
    if menu is not None:
        return [menu]
    if not required:
        lost += [f"{action.id}.{i.name}: can't be asked" for i in action.inputs]
        return [_plain_button(replace(action, inputs=()), caps, lost)]  # `ask` stays: a form elsewhere may ask it
    if len(required) == 1 and (choices := _ready(required[0], today, lang)) and len(choices) <= 4:
        lost += [f"{action.id}: ready answers only"]
        lost += [f"{action.id}.{i.name}: can't be asked" for i in action.inputs if not i.required]
        name = required[0].name
        return [
            replace(
                action, label=short(f"{action.label} {c.label}", caps.max_button_label), draw="preset",
                given=((name, c.value),), confirm=_confirm(action, caps, lost),
            )
            for c in choices
        ]  # fmt: skip
    return _no_control(action, caps, link, lost)


def _stands_alone(action: Action, item: Input, caps: Capabilities) -> bool:
    """Whether a control on the card itself can ask it. What is chosen may make another answer needed (accepted in part: how
    much), so where a form can hold both, nothing is left out beside a drop-down; beside a day it is."""
    if item.type == "date":
        return caps.has_date_picker
    whole = len(action.inputs) <= caps.max_inline_inputs or not caps.has_form
    return whole and bool(item.choices) and caps.has_choice and len(item.choices) <= caps.max_options


def _plain_button(action: Action, caps: Capabilities, lost: list[str]) -> Action:
    """A button without inputs; a confirmation the messenger can't draw becomes a step of its own."""
    if action.confirm and not caps.has_confirm:
        if caps.has_form or caps.has_menu:
            lost.append(f"{action.id}: confirmed in a {'form' if caps.has_form else 'second card'}")
            return replace(action, draw="form" if caps.has_form else "menu")
        lost.append(f"{action.id}: no confirmation")
        return replace(action, confirm=None)
    return action if action.draw == "button" else replace(action, draw="button")


def _confirm(action: Action, caps: Capabilities, lost: list[str]) -> str | None:
    if action.confirm and not caps.has_confirm:
        lost.append(f"{action.id}: no confirmation")
        return None
    return action.confirm


def _ready(item: Input, today: date, lang: str) -> tuple[Choice, ...]:
    """Answers that can be chosen without typing; () if there are none."""
    if item.choices:
        return item.choices
    return presets(item, today, lang) if item.type == "date" else ()


def _menu(action: Action, caps: Capabilities, today: date, lang: str, lost: list[str]) -> Action | None:
    """The action with every input as a drop-down; what can't be one is dropped if it may be missing."""
    if not caps.has_menu:
        return None
    inputs: list[Input] = []
    for item in sorted(action.inputs, key=lambda i: not i.required):
        choices = _ready(item, today, lang)
        fits = bool(choices) and len(inputs) < caps.max_menu_inputs
        if item.required and not fits:
            return None
        if not fits:
            continue
        inputs.append(_options(replace(item, choices=choices), caps, action.id, lost))
    if action.inputs and not inputs:
        return None
    asked = {i.name for i in inputs}
    lost.extend(f"{action.id}.{i.name}: can't be asked" for i in action.inputs if i.name not in asked)
    lost.append(f"{action.id}: menu instead of the card")
    if any(i.type == "date" for i in inputs):
        lost.append(f"{action.id}: ready dates only")
    return replace(action, inputs=tuple(inputs), draw="menu", ask=action.ask or "form")


def _options(item: Input, caps: Capabilities, action_id: str, lost: list[str]) -> Input:
    """A drop-down within its limits."""
    if len(item.choices) <= caps.max_options and all(len(c.label) <= caps.max_option_label for c in item.choices):
        return item
    if len(item.choices) > caps.max_options:
        lost.append(f"{action_id}.{item.name}: {len(item.choices) - caps.max_options} choices not shown")
    return replace(
        item,
        choices=tuple(
            replace(c, label=_cut(c.label, caps.max_option_label, f"{action_id}.{item.name} option", lost))
            for c in item.choices[: caps.max_options]
        ),
    )


def _no_control(action: Action, caps: Capabilities, link: Link | None, lost: list[str]) -> list[Action]:
    """The two lowest rungs. Without either the action is gone, and said to be."""
    if caps.has_replies:  # a confirmation is a question of its own then: bot.questions
        lost.append(f"{action.id}: reply code instead of a control")
        return [replace(action, draw="reply")]
    if link is not None and caps.has_links:
        if action.confirm:
            lost.append(f"{action.id}: no confirmation")
        lost.append(f"{action.id}: link instead of a control")
        return [replace(action, draw="link", url=link(action), confirm=None)]
    lost.append(f"{action.id}: no way to ask")
    return []


def _within(actions: list[Action], caps: Capabilities, link: Link | None, lost: list[str]) -> list[Action]:
    """As many controls as the messenger holds; the rest go to the lowest rungs."""
    out: list[Action] = []
    used = 0
    for action in actions:
        if action.draw != "reply" and not (action.draw == "link" and not caps.has_buttons):
            used += 1
            if used > caps.max_buttons:
                lost.append(f"{action.id}: too many buttons")
                if action.draw == "preset" and any(a.id == action.id for a in out):
                    continue  # another ready answer of the same question is on the card
                out += _no_control(action, caps, link, lost)
                continue
        label = _cut(action.label, caps.max_button_label, f"{action.id} label", lost)
        out.append(action if label == action.label else replace(action, label=label))
    return out


# --- text ---


def _cut(text: str, limit: int, what: str, lost: list[str]) -> str:
    if len(text) <= limit:
        return text
    lost.append(f"{what}: cut" if limit else f"{what}: not shown")
    return short(text, limit)


def _field(item: Field, caps: Capabilities, lost: list[str]) -> Field:
    if len(item.label) <= caps.max_label and len(item.value) <= caps.max_value:
        return item
    name = f"field {item.label}"
    return Field(_cut(item.label, caps.max_label, name, lost), _cut(item.value, caps.max_value, name, lost))


def _fold_rows(card: Card, caps: Capabilities, lost: list[str]) -> list[str]:
    """Where there is no table, rows become lines of the text."""
    if caps.max_rows or not (card.rows or card.rows_more):
        return []
    lost.append("rows: as text")
    lines = [" ".join(cell for cell in row if cell) for row in card.rows]
    return [*lines, more_line(card.rows_more, card.lang)] if card.rows_more else lines


def _reply_help(actions: list[Action], caps: Capabilities, lang: Lang) -> list[tuple[str, Action]]:
    """What to type for each action without a control. A messenger without buttons draws bot.plain's own list."""
    if not caps.has_buttons:
        return []
    shown = Card(kind="", lang=lang, tone="info", title="", actions=tuple(actions))
    return [(typed_line(code, action, lang), action) for code, action in codes(shown) if action.draw == "reply"]


def _body(card: Card, actions: list[Action], caps: Capabilities, lost: list[str]) -> str:
    """The text, then the rows of a card without a table, as many whole lines as what to type leaves room for; that stands
    last, so that its numbers are not taken for figures."""
    replies = _reply_help(actions, caps, card.lang)
    needed = sum(len(line) + 1 for line, _ in replies)
    room = max(caps.max_text - needed, caps.max_text // 2)  # the text gives way to what can't be said elsewhere
    out = _shorter(card.text, room, LINE[card.lang], lost)
    typed: list[str] = []
    left = caps.max_text - len(out)
    for line, action in replies:
        if len(line) + 1 > left:
            lost.append(f"{action.id}: reply code not shown")
            continue
        typed.append(line)
        left -= len(line) + 1
    kept: list[str] = []
    rows = _fold_rows(card, caps, lost)
    for n, line in enumerate(rows):
        if len(line) + 1 > left:
            lost.append(f"rows: {len(rows) - n} lines not shown")
            break
        kept.append(line)
        left -= len(line) + 1
    more = _fold_fields(card, caps, left, lost)
    return "\n".join(part for part in (out, *more, *kept, *typed) if part)


def _shorter(text: str, limit: int, kept: int, lost: list[str]) -> str:
    """Within `limit`: what somebody typed at length, after the first line, gives way to the lines that follow it."""
    first, *lines = text.split("\n")
    over = len(text) - limit
    for n, line in sorted(enumerate(lines), key=lambda found: -len(found[1])):
        if over > 0 and len(line) > kept:
            lines[n] = _cut(line, max(kept, len(line) - over), "text", lost)
            over -= len(line) - len(lines[n])
    return _cut("\n".join([first, *lines]), limit, "text", lost)


def _fold_fields(card: Card, caps: Capabilities, left: int, lost: list[str]) -> list[str]:
    """Fields without a place become lines of the text, each where it has room as a whole."""
    out: list[str] = []
    for item in card.fields[caps.max_fields :]:
        line = f"{item.label}{'：' if card.lang == 'zh' else ': '}{item.value}"
        fits = len(line) + 1 <= left
        lost.append(f"field {item.label}: {'as text' if fits else 'too many'}")
        if fits:
            out.append(line)
            left -= len(line) + 1
    return out
