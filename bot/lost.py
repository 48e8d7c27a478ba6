"""What a messenger can't show, in words: bot.fit names it in short codes, which a reader should not have to know."""

import re
from functools import cache

from bot.card import Lang
from bot.notifications.templates import ACTION_IDS, templates

_PARTS = {"title": ("标题", "Title"), "text": ("正文", "Text"), "footer": ("页脚", "Footer"), "rows": ("表格", "Table"),
          "cell": ("单元格", "Cell")}  # fmt: skip

# Of the English that bot.fit writes, the Chinese. In English it is said as it stands, but for what reads badly.
_HOW = (
    (r"reply code instead of a control", "改为回复序号", "asked by a reply code"),
    (r"link instead of a control", "改为一次性链接", "asked by a link"),
    (r"links instead of a control", "改为链接", "asked by links"),
    (r"reply code or the form page instead of a control", "改为回复序号，或在填写页填",
     "asked by a reply code, or on the form page"),
    (r"asked on the form page", "卡片上不能填，在填写页填", "not on the card, but on the form page"),
    (r"other dates on the form page", "只能选常用日期，其他日期在填写页填", "ready dates; any other on the form page"),
    (r"menu instead of the card", "改为下拉菜单，暂时取代卡片", "asked by drop-downs that replace the card"),
    (r"ready dates only", "只能选常用日期", ""),
    (r"ready answers only", "只有常用答案", ""),
    (r"too many buttons", "按钮太多，放不下", "no room for its button"),
    (r"too many", "放不下", "no room"),
    (r"not asked on the card", "卡片上不能填", ""),
    (r"can't be asked", "不能填", ""),
    (r"no way to ask", "无法填写", ""),
    (r"no confirmation", "没有再次确认", "not confirmed"),
    (r"confirmed in a form", "确认改在表单里", ""),
    (r"confirmed in a second card", "确认改为第二张卡片", ""),
    (r"not on a closed card", "结束的卡片上没有", ""),
    (r"cut", "被截短", "cut short"),
    (r"not shown", "不显示", ""),
    (r"as text", "改为文字", "shown as text"),
    (r"(\d+) lines not shown", r"\1 行不显示", ""),
    (r"(\d+) not shown", r"\1 行不显示", r"\1 rows not shown"),
    (r"(\d+) choices not shown", r"\1 个选项不显示", ""),
    (r"reply code not shown", "回复序号不显示", ""),
)


def in_words(lost: str, lang: Lang) -> str:
    """One entry of bot.fit's list, such as `task.promise.amount: not asked on the card`."""
    what, _, how = lost.rpartition(": ")
    return f"{_what(what, lang)}：{_how(how, lang)}" if lang == "zh" else f"{_what(what, lang)}: {_how(how, lang)}"


def _how(how: str, lang: Lang) -> str:
    for pattern, zh, en in _HOW:
        if found := re.fullmatch(pattern, how):
            return found.expand(zh if lang == "zh" else en) or how
    return how


def _what(what: str, lang: Lang) -> str:
    zh = lang == "zh"
    if what in _PARTS:
        return _PARTS[what][not zh]
    if what.startswith("field "):
        name = what.removeprefix("field ")
        return f"“{name}”一栏" if zh else f"Field “{name}”"
    thing, _, end = what.partition(" ")
    ends = {"label": ("的按钮", ", its button"), "option": ("的选项", ", an option"), "": ("", "")}
    return _asked(thing, lang) + ends.get(end, (f" {end}", f" {end}"))[not zh]


def _asked(thing: str, lang: Lang) -> str:
    """An action, or an input of one: `task.promise`, `task.promise.amount`."""
    action_id, name = ".".join(thing.split(".")[:2]), ".".join(thing.split(".")[2:])
    if action_id not in ACTION_IDS:
        return thing
    label, inputs = _labels(action_id, lang)
    if not name:
        return f"“{label}”"
    return f"“{label}”的{inputs.get(name, name)}" if lang == "zh" else f"“{label}”, {inputs.get(name, name)}"


@cache
def _labels(action_id: str, lang: Lang) -> tuple[str, dict[str, str]]:
    action = templates().action(action_id, lang)
    return action.label, {item.name: item.label for item in action.inputs}
