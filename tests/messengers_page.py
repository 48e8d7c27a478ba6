"""Writes docs/messengers.md from the capabilities and the examples: what each messenger can, what each message loses."""

from collections.abc import Callable, Iterable
from typing import Any

from bot.card import LANGS, Capabilities, Lang
from bot.lost import in_words
from bot.preview import LETTERS, example, faces, kinds, previews

Value = Callable[[Capabilities], Any]

_UPDATES = {"always": "随时 · always", "once": "每次一按 · once a tap", "never": "不能 · never"}


def _sure(c: Capabilities) -> Any:
    """The ways in which a button asks once more, the best first."""
    if c.has_confirm:
        return True
    if c.has_form or c.has_menu:
        return "在表单里 · in a form" if c.has_form else "第二张卡片 · a second card"
    return "另发一问 · a question of its own"


# What a reader may want to know, in words; every capability stands here or in _NOT_TOLD.
ROWS: tuple[tuple[str, str, tuple[str, ...], Value], ...] = (
    ("按钮，最多", "buttons, at most", ("has_buttons", "max_buttons"), lambda c: c.max_buttons if c.has_buttons else 0),
    ("按钮上的字", "characters on a button", ("max_button_label",), lambda c: c.max_button_label if c.has_buttons else 0),
    ("卡片上的日期选择", "a date picker on the card", ("has_date_picker", "max_inline"),
     lambda c: c.has_date_picker and c.max_inline > 0),
    ("卡片上的下拉选择", "a drop-down on the card", ("has_choice",), lambda c: c.has_choice and c.max_inline > 0),
    ("每个选择还能问几项", "questions that one of them holds", ("max_inline_inputs",),
     lambda c: c.max_inline_inputs if c.max_inline else 0),
    ("表单", "forms", ("has_form",), lambda c: c.has_form),
    ("取代卡片的下拉菜单", "drop-downs that replace the card", ("has_menu", "max_menu_inputs"),
     lambda c: c.max_menu_inputs if c.has_menu else 0),
    ("选项，最多", "options, at most", ("max_options",),
     lambda c: c.max_options if c.has_form or c.has_menu or c.has_choice else 0),
    ("选项的字", "characters of an option", ("max_option_label",),
     lambda c: c.max_option_label if c.has_form or c.has_menu or c.has_choice else 0),
    ("再次确认", "asks “are you sure?”", ("has_confirm",), _sure),
    ("回复文字也算数", "answers by typing", ("has_replies",), lambda c: c.has_replies),
    ("链接", "links", ("has_links",), lambda c: c.has_links),
    ("Markdown", "Markdown", ("markdown",), lambda c: c.markdown),
    ("发出后更新", "is changed after it was sent", ("updates",), lambda c: _UPDATES[c.updates]),
    ("按下后就地答复", "a tap is answered in place", ("answers_in_place",), lambda c: c.answers_in_place),
    ("长消息改发文字", "long ones go out as text", ("long_as_text",), lambda c: c.long_as_text),
    ("标题的字", "characters of the title", ("max_title",), lambda c: c.max_title),
    ("正文的字", "characters of the text", ("max_text",), lambda c: c.max_text),
    ("栏目，最多", "fields, at most", ("max_fields",), lambda c: c.max_fields),
    ("栏目名 / 内容的字", "characters of a field: label / value", ("max_label", "max_value"),
     lambda c: f"{c.max_label:,} / {c.max_value:,}"),
    ("表格的行", "rows of a table", ("max_rows",), lambda c: c.max_rows),
    ("单元格的字", "characters of a cell", ("max_cell",), lambda c: c.max_cell),
    ("页脚的字", "characters of the footer", ("max_footer",), lambda c: c.max_footer),
)  # fmt: skip
NOT_TOLD = {"name"}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "●" if value else "–"
    return f"{value:,}" if isinstance(value, int) and value else str(value) if value else "–"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _table(head: list[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join([_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)])


def _heads() -> list[str]:
    return [face.zh if face.zh == face.en else f"{face.zh} · {face.en}" for face in faces()]


def abilities() -> str:
    """The matrix. Where a limit is another in English, both are told."""
    rows = []
    for zh, en, _, value in ROWS:
        cells = []
        for face in faces():
            both = [_shown(value(face.capabilities(lang))) for lang in LANGS]
            cells.append(both[0] if both[0] == both[1] else f"{both[0]} (en: {both[1]})")
        rows.append([zh, en, *cells])
    return _table(["", "", *_heads()], rows)


def losses(kind: str) -> list[list[str]]:
    """[zh, en, a mark for each face]: ● in both languages, else the one."""
    found: dict[str, dict[str, set[str]]] = {}
    for lang in LANGS:
        for name, made in previews(kind, lang).items():
            for lost in made.lost:
                found.setdefault(_alike(kind, lost, lang), {}).setdefault(name, set()).add(lang)
    return [
        [in_words(lost, "zh"), in_words(_alike(kind, lost, "zh", "en"), "en"), *(_mark(where.get(f.name)) for f in faces())]
        for lost, where in found.items()
    ]


def _mark(langs: set[str] | None) -> str:
    return "●" if langs == set(LANGS) else "".join(langs or ())


def _alike(kind: str, lost: str, lang: Lang, wanted: Lang = "zh") -> str:
    """The same loss as the other language names it: a field's label is its name."""
    what, _, how = lost.rpartition(": ")
    if not what.startswith("field "):
        return lost
    labels = [field.label for field in example(kind, lang)[0].fields]
    others = [field.label for field in example(kind, wanted)[0].fields]
    name = what.removeprefix("field ")
    return f"field {others[labels.index(name)]}: {how}" if name in labels else lost


def messengers_page() -> str:
    parts, whole = [], []
    for kind in kinds():
        rows = [] if kind in LETTERS else losses(kind)
        if rows:
            parts.append(f"### `{kind}`\n\n{_table(['少了什么', 'what is lost', *_heads()], rows)}\n")
        elif kind not in LETTERS:
            whole.append(f"`{kind}`")
    letters = "、".join(f"`{kind}`" for kind in LETTERS)
    return f"""# 各平台的能力 · What each messenger can

<!-- Written by `python -m tests.test_docs` from the adapters' capabilities and the examples of all messages. -->

每条消息先写成一张与平台无关的卡片，再按下面的能力裁剪（`bot/fit.py`）；什么也不会悄悄丢掉，凡是截短、挪动、换一种问法的都有记录。
亲眼看：`huikuan preview task.overdue`，或本地网页的“人员 › 消息预览”。模板改了以后用 `make cards` 更新样张。

Every message is first a neutral card, which is then bent to these abilities (`bot/fit.py`). Nothing is dropped in silence:
what is cut, moved or asked in a poorer way is on record. See for yourself: `huikuan preview task.overdue`, or “People ›
message preview” on the local page. After a change of a template, `make cards` writes the golden cards anew.

## 能力 · Abilities

{abilities()}

– 没有 · none

## 每种消息少了什么 · What is lost of each message

以模板的示例为准。● 中文和英文都少；zh 或 en 只有这种语言少。信函（{letters}）是邮件和文件，不经过这些平台。
哪里都不少的：{"、".join(whole)}。

Of each template's example. ● in both languages; zh or en: in that one only. Letters are mail and files and go through none
of these.
Nothing is lost anywhere of: {", ".join(whole)}.

{chr(10).join(parts)}"""
