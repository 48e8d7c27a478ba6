"""Writes docs/messengers.md from the capabilities and the examples: what each messenger can, what each message loses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bot.card import LANGS, Capabilities, Lang
from bot.lost import in_words
from bot.preview import FORM, LETTERS, Face, example, faces, kinds, previews

Value = Callable[[Capabilities], Any]


@dataclass(frozen=True)
class Column:
    """A face, and whether its messages lead to the form page."""

    face: Face
    form: str
    head: str


def columns() -> list[Column]:
    """Every face; twice where what it can do hangs on the form page, with it and without, unless it is plain text then."""
    out, plain = [], faces()[-1].capabilities("zh")
    for face, bare in zip(faces(), faces(""), strict=True):
        head = face.zh if face.zh == face.en else f"{face.zh} · {face.en}"
        out.append(Column(face, FORM, head))
        if bare.capabilities("zh") not in (face.capabilities("zh"), plain):
            head = f"{face.zh}，无填写页 · {face.en}, no form page"
            out.append(Column(bare, "", head))
    return out


def _updates(c: Capabilities) -> str:
    """What is changed by us at any time, and what only a tap changes."""
    if c.updates == "always":
        return "随时 · always"
    if c.updates == "never":
        return "只在按下时 · only by a tap" if c.answers_in_place else "不能 · never"
    zh, en = "主动改一次", "once on our own"
    if c.update_hours:
        zh, en = f"{zh}（{c.update_hours} 小时内）", f"{en} (within {c.update_hours} h)"
    return f"每按一次改一次，另可{zh} · once by each tap, and {en}" if c.answers_in_place else f"{zh} · {en}"


def _forms(c: Capabilities) -> Any:
    return True if c.has_form else "在网页上 · on a web page" if c.has_form_page else False


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
    ("表单", "forms", ("has_form", "has_form_page"), _forms),
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
    ("发出后更新", "is changed after it was sent", ("updates", "update_hours"), _updates),
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
    return [column.head for column in columns()]


def abilities() -> str:
    """The matrix. Where a limit is another in English, both are told."""
    rows = []
    for zh, en, _, value in ROWS:
        cells = []
        for column in columns():
            both = [_shown(value(column.face.capabilities(lang))) for lang in LANGS]
            cells.append(both[0] if both[0] == both[1] else f"{both[0]} (en: {both[1]})")
        rows.append([zh, en, *cells])
    return _table(["", "", *_heads()], rows)


def losses(kind: str) -> list[list[str]]:
    """[zh, en, a mark for each column]: ● in both languages, else the one."""
    found: dict[str, dict[int, set[str]]] = {}
    for lang in LANGS:
        made = {form: previews(kind, lang, form) for form in (FORM, "")}
        for number, column in enumerate(columns()):
            for lost in made[column.form][column.face.name].lost:
                found.setdefault(_alike(kind, lost, lang), {}).setdefault(number, set()).add(lang)
    return [
        [in_words(lost, "zh"), in_words(_alike(kind, lost, "zh", "en"), "en"),
         *(_mark(where.get(number)) for number in range(len(columns())))]
        for lost, where in found.items()
    ]  # fmt: skip


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

填写页：企业微信自建应用设了 `HUIKUAN_PUBLIC_URL` 时，卡片上有“填写详情”按钮（文字消息里是链接），打开的网页能填写
卡片上填不了的。没有公网地址时没有填写页（文字消息就和纯文字一样）；智能机器人没有填写页。

The form page: with `HUIKUAN_PUBLIC_URL`, cards of WeCom's self-built app have a button “Fill in” (texts a link) that opens a
web page, which asks what the card can't. Without a public address there is none, and WeCom's texts are plain text; the robot
never has one.

## 每种消息少了什么 · What is lost of each message

以模板的示例为准。● 中文和英文都少；zh 或 en 只有这种语言少。信函（{letters}）是邮件和文件，不经过这些平台。
哪里都不少的：{"、".join(whole)}。

Of each template's example. ● in both languages; zh or en: in that one only. Letters are mail and files and go through none
of these.
Nothing is lost anywhere of: {", ".join(whole)}.

{chr(10).join(parts)}"""
