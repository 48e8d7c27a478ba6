"""Any card as plain text with reply codes: the floor under every messenger.

A code is the position of the action on the card, counted once per action id: `1 登记结果`, `2 承诺日期`. A reply
starts with the code or the label, its answers follow in the order of the inputs: `2 7-10`, `2 明天 5万`, `1 3`.
What the answers mean (dates, amounts) is read where commands are read; here they stay as typed.
"""

from __future__ import annotations

import re
import unicodedata

from bot import conditions
from bot.card import Action, Card, Input, more_line

_CODE = re.compile(r"#?(\d{1,2})(?:[.、,:)]\s*|\s+|$)(.*)", re.S)
_AMOUNT = re.compile(
    r"(us|hk|nt|cn|jp|rmb|cny|usd|eur|gbp|hkd)?[¥$€£]?\d[\d,]*(\.\d+)?(万|亿|元|w|k|m)?"
    r"(元|美元|欧元|英镑|港币|港元|日元|cny|usd|eur|gbp|hkd|jpy)?",
    re.I,
)
_DAY_WORD = re.compile(
    r".*\d.*|[今明后昨前]天|.*(周|星期|礼拜).|.*[月年][底末]|today|tomorrow|yesterday|eom|(next\s+)?(mon|tue|wed|thu|fri|sat|sun)\w*",
    re.I,
)
_HINTS = {
    "zh": {"date": "日期", "amount": "金额", "text": "文字", "person": "姓名", "number": "数字", "choice": "序号",
           "words": "选项"},
    "en": {"date": "date", "amount": "amount", "text": "text", "person": "name", "number": "number",
           "choice": "number", "words": "option"},
}  # fmt: skip


def codes(card: Card) -> tuple[tuple[int, Action], ...]:
    """(code, action), each action id once; presets of one id share the code of the id."""
    seen: dict[str, Action] = {}
    for action in card.actions:
        seen.setdefault(action.id, action)
    return tuple(enumerate(seen.values(), 1))


def to_text(card: Card) -> str:
    """The whole card as lines of plain text."""
    zh = card.lang == "zh"
    lines = [card.title]
    if card.text:
        lines.append(card.text)
    lines += [f"{f.label}：{f.value}" if zh else f"{f.label}: {f.value}" for f in card.fields]
    lines += ["- " + " ".join(cell for cell in row if cell) for row in card.rows]
    if card.rows_more:
        lines.append("- " + more_line(card.rows_more, card.lang))
    listed = codes(card)
    if listed:
        lines.append("回复序号：" if zh else "Reply with the number:")
        lines += [reply_line(code, action, card.lang) for code, action in listed]
    if card.footer:
        lines.append(card.footer)
    return "\n".join(lines)


def reply_line(code: int, action: Action, lang: str) -> str:
    """`2 承诺日期（2 日期 [金额]）` and, for choices, what can be chosen."""
    zh = lang == "zh"
    label = _label(action)
    if action.url:
        return f"{code} {label}{'：' if zh else ': '}{action.url}"
    if not action.inputs:
        return f"{code} {label}"
    usage = _usage(code, action, zh)
    out = [f"{code} {label}（{usage}）" if zh else f"{code} {label} ({usage})"]
    return "\n".join([*out, *("   " + ("  " if zh else ", ").join(each) for each in _choices(action))])


def typed_line(code: int, action: Action, lang: str) -> str:
    """`移交：回复“3 姓名”`, among the words and figures of a card that has buttons for the rest: no line of it begins with a
    number that could be one of them."""
    zh, label = lang == "zh", _label(action)
    if action.url:
        return f"{label}{'：' if zh else ': '}{action.url}"
    usage = _usage(code, action, zh)
    said = f"{label}：回复“{usage}”" if zh else f"{label}: reply “{usage}”"
    listed = [(" " if zh else ", ").join(each) for each in _choices(action)]
    if not listed:
        return said
    return f"{said}（{'；'.join(listed)}）" if zh else f"{said} ({'; '.join(listed)})"


def _choices(action: Action) -> list[list[str]]:
    """`1=质量问题`, `2=价格差异`, … a list for each question that has choices; several have no numbers."""
    numbered = _by_number(action)
    return [
        [f"{n}={c.label}" if numbered else c.label for n, c in enumerate(item.choices, 1)]
        for item in action.inputs
        if item.choices
    ]


def _by_number(action: Action) -> bool:
    """Of two questions with choices the first may be left out: a number would mean its answer and not that of the other,
    and 30 might be a share or days. Then words are typed."""
    return sum(bool(item.choices) for item in action.inputs) < 2


def _label(action: Action) -> str:
    if action.draw == "preset" and action.inputs:  # the preset's label names one answer; the code stands for the question
        return action.inputs[0].label
    return action.label


def _usage(code: int, action: Action, zh: bool) -> str:
    words, numbered = [], _by_number(action)
    for item in action.inputs:
        word = _HINTS["zh" if zh else "en"][("choice" if numbered else "words") if item.choices else item.type]
        words.append(word if item.required else f"[{word}]")
    return " ".join([str(code), *words])


def parse_reply(card: Card, text: str) -> tuple[str, dict[str, str]] | None:
    """(action id, inputs as typed) if `text` answers this card, else None.

    Required inputs may be missing: then the caller asks for them. Words that fit no input make it no reply.
    """
    for action, rest in heads(card, text):
        found = answers(action, rest)
        if found is not None:
            return action.id, found
    return None


def begins_with_number(text: str) -> bool:
    """Whether it may begin with a code: “1”, “1 7-10”; not 7-10 or 5000."""
    return _CODE.fullmatch(unicodedata.normalize("NFKC", text).strip()) is not None


def heads(card: Card, text: str) -> list[tuple[Action, str]]:
    """The buttons of an open card with whose number or label `text` begins, and what follows it."""
    return [] if card.closed else _heads(card, unicodedata.normalize("NFKC", text).strip())


def _heads(card: Card, plain: str) -> list[tuple[Action, str]]:
    """Actions that the text may start with, and what follows."""
    listed = codes(card)
    out = []
    match = _CODE.fullmatch(plain)
    if match:
        out += [(action, match[2].strip()) for code, action in listed if code == int(match[1])]
    for action in sorted(card.actions, key=lambda a: -len(a.label)):
        label = unicodedata.normalize("NFKC", action.label)
        if label and plain.casefold().startswith(label.casefold()):
            out.append((action, plain[len(label) :].strip(" :,")))
    return out


def answers(action: Action, rest: str) -> dict[str, str] | None:
    """Words to inputs, in order; None if they fit none. The last text input takes all that is left."""
    if action.id == conditions.APPROVE_WITH:
        return conditions.read(action, rest)
    found = dict(action.given)
    words = re.sub(r"\bnext\s+", "next_", rest, flags=re.I).split()  # "next fri" is one answer
    words = [word.replace("next_", "next ") for word in words]
    numbered = _by_number(action)
    open_inputs = [i for i in action.inputs if i.name not in found or action.draw == "preset"]
    for position, item in enumerate(open_inputs):
        if not words:
            break
        if item.type in ("text", "person") and not item.choices and position == len(open_inputs) - 1:
            found[item.name] = " ".join(words)
            words = []
        elif (hit := _longest(item, words, numbered)) is not None:
            found[item.name], taken = hit
            words = words[taken:]
        elif item.required:
            return None
    return None if words else found


def _longest(item: Input, words: list[str], numbered: bool) -> tuple[str, int] | None:
    """The value and how many words it took; only the label of a choice takes several."""
    for taken in range(len(words) if item.choices else 1, 0, -1):
        value = _fits(item, " ".join(words[:taken]), numbered)
        if value is not None:
            return value, taken
    return None


def _fits(item: Input, word: str, numbered: bool) -> str | None:
    """The value of `word` for this input, or None if it can't be one. `numbered`: a choice may be meant by its number."""
    if item.choices:
        if numbered and word.isdecimal() and 1 <= int(word) <= len(item.choices):
            return item.choices[int(word) - 1].value
        wanted = word.casefold()
        hits = [c.value for c in item.choices if wanted in (_flat(c.label), *([_flat(c.value)] if numbered else ()))]
        return hits[0] if hits else None
    if item.type in ("amount", "number"):
        return word if _AMOUNT.fullmatch(word) else None
    if item.type == "date":
        return word if _DAY_WORD.fullmatch(word) else None
    return word


def _flat(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
