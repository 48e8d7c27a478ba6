"""One string of a template: checked when loaded, compiled once, rendered with plain data.

A leaf may show names (`{{ days }}`), filter them and decide (`{% if %}`); it can't loop, call, look inside
objects or reach another template. Data is only ever a value: `{{7*7}}` in a customer's name stays that text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.card import LANGS, Lang, day_words, short
from bot.notifications.views import Phrase
from core.money import Money, format_money

MAX_TITLE, MAX_TEXT, MAX_LABEL, MAX_VALUE, MAX_CELL, MAX_FOOTER = 200, 10_000, 60, 1_000, 120, 1_000
PHRASE_NAMES = frozenset(f.name for f in fields(Phrase)) | {"today"}

_join = "".join
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
)  # fmt: skip


class TemplateError(Exception):
    """A template that can't be used: `file`, `key` inside it, and why."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}")
        self.file, self.key, self.reason = file, key, reason


class Leaf:
    """A checked string, compiled when it is first drawn: a start needs few of all templates. `const` is the whole text
    if it has no code in it."""

    __slots__ = ("_compile", "_root", "const", "file", "key", "names")

    def __init__(
        self, file: str, key: str, const: str | None, compile_: Callable[[], Any] | None, names: frozenset[str]
    ) -> None:
        self.file, self.key, self.const, self.names = file, key, const, names
        self._compile, self._root = compile_, None

    @property
    def root(self) -> Any:
        """What renders it: a context in, pieces of text out."""
        if self._root is None and self._compile is not None:
            self._root = self._compile()
        return self._root

    def draw(self, context: Context) -> str:
        if self.const is not None:
            return self.const
        try:
            return _join((self._root or self.root)(context))
        except Exception as error:
            # A wrong type in a View; the message must name the place, not a line of generated code.
            raise TemplateError(self.file, self.key, f"{type(error).__name__}: {error}") from error


def has_words(source: str) -> bool:
    """Whether text outside of {{ }} needs a language."""
    return any(char.isalnum() for char in _CODE.sub("", source))


def line(text: str, limit: int) -> str:
    """One tidy line of at most `limit` characters."""
    if len(text) <= limit and text.isprintable():
        return text.strip()
    return short(tidy_line(text), limit)


def tidy_line(text: str) -> str:
    """One line, without characters that would break a title, a cell or the order of reading."""
    if text.isprintable():
        return text.strip()
    return " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in text).split())


def tidy_text(text: str) -> str:
    """As tidy_line, but line breaks stay."""
    if text.isprintable():
        return text.strip()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(tidy_line(line) for line in lines).strip("\n")


def _shown(value: Any) -> Any:
    """What jinja prints: a missing optional value is a dash, never the word None."""
    return "—" if value is None else value


class Language:
    """The environment of one language: its filters, its words, its phrases."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self.words: dict[str, dict[str, str]] = {}
        self.phrases: dict[str, Leaf] = {}
        env = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_shown)
        env.globals.clear()
        env.tests.clear()
        env.filters.clear()
        env.filters.update(self._filters())
        self.env = env
        self._template = env.from_string("")

    def context(self, names: dict[str, Any]) -> Context:
        """`names` is used, not copied: a caller may change it between two leaves."""
        return self._template.new_context(names, shared=True)

    def leaf(self, source: str, names: Iterable[str], file: str, key: str) -> Leaf:
        """Compile; every fault is a TemplateError that names file and key."""
        if "{" not in source:
            return Leaf(file, key, source, None, frozenset())
        try:
            tree = self.env.parse(source)
            for node in tree.find_all(nodes.Node):
                if not isinstance(node, _ALLOWED):
                    raise TemplateError(file, key, f"{type(node).__name__} is not allowed in a leaf")
            used = frozenset(node.name for node in tree.find_all(nodes.Name))
            self._check_words(tree, file, key)
        except JinjaError as error:
            raise TemplateError(file, key, str(error)) from error
        missing = sorted(used - set(names))
        if missing:
            raise TemplateError(file, key, f"the View has no field {missing[0]!r}")
        return Leaf(file, key, None, lambda: self.env.from_string(source).root_render_func, used)

    def _check_words(self, tree: nodes.Template, file: str, key: str) -> None:
        for node in tree.find_all(nodes.Filter):
            if node.name not in self.env.filters:
                raise TemplateError(file, key, f"unknown filter {node.name!r}")
            if node.name in ("word", "words"):
                group = node.args[0] if node.args else None
                if not isinstance(group, nodes.Const) or group.value not in self.words:
                    raise TemplateError(file, key, f"unknown word group {getattr(group, 'value', None)!r}")

    # --- filters ---

    def _filters(self) -> dict[str, Callable[..., Any]]:
        def clip(value: Any, limit: int = 18) -> str:
            return short(tidy_line(str(value)), limit)

        return {
            "money": self.money, "date": self._date, "datetime": self._datetime,
            "fulldate": lambda value: self.day(value, None),
            "days": self.days, "tail": lambda value: str(value)[-4:], "clip": clip, "word": self.word,
            "words": lambda codes, group: self.listed([self.word(code, group) for code in codes], 9),
            "phrase": self._phrase, "listed": self.listed, "abs": _absolute,
        }  # fmt: skip

    def money(self, value: Any) -> str:
        """One amount, or several currencies side by side; nothing at all is a dash."""
        if isinstance(value, Money):
            return format_money(value, self.lang)
        return " + ".join(format_money(m, self.lang) for m in value or ()) or "—"

    def day(self, value: date | None, today: date | None) -> str:
        return "—" if value is None else day_words(value, today, self.lang)

    @pass_context
    def _date(self, context: Context, value: date | None) -> str:
        return self.day(value, context.parent.get("today"))

    @pass_context
    def _datetime(self, context: Context, value: datetime | None) -> str:
        day = self.day(value, context.parent.get("today"))
        return day if value is None else f"{day} {value:%H:%M}"

    def days(self, value: int) -> str:
        if self.lang == "zh":
            return f"{value}天"
        return f"{value} day" if value == 1 else f"{value} days"

    def word(self, code: str | int, group: str) -> str:
        """The word for a code; a code nobody has given a word yet shows as itself."""
        return self.words[group].get(str(code), str(code))

    def listed(self, values: Iterable[Any], limit: int = 3) -> str:
        """A、B、C 等5个"""
        items = [str(v) for v in values]
        text = ("、" if self.lang == "zh" else ", ").join(items[:limit])
        if len(items) <= limit:
            return text
        return f"{text} 等{len(items)}个" if self.lang == "zh" else f"{text} and {len(items) - limit} more"

    @pass_context
    def _phrase(self, context: Context, value: Phrase | Iterable[Phrase] | None) -> str:
        if value is None or isinstance(value, Undefined):
            return "—"
        items = (value,) if isinstance(value, Phrase) else value
        today = context.parent.get("today")
        return ("；" if self.lang == "zh" else "; ").join(self.phrase(item, today) for item in items)

    def phrase(self, phrase: Phrase, today: date | None) -> str:
        leaf = self.phrases.get(phrase.code)
        if leaf is None:
            return phrase.text or phrase.code
        names: dict[str, Any] = {name: getattr(phrase, name) for name in leaf.names if name != "today"}
        names["today"] = today
        return leaf.draw(self.context(names))

    def held(self, holds: Iterable[str]) -> str:
        """Why a customer's orders are stopped, to stand before a text."""
        kinds = self.listed([self.word(kind, "stopped") for kind in holds])
        return self.phrase(Phrase(code="stopped", text=kinds), None)

    def bind(self, words: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        self.words = {
            group: {code: text[self.lang] for code, text in codes.items()} for group, codes in words.items()
        }


def _absolute(value: Money | int) -> Money | int:
    return Money(abs(value.minor), value.currency) if isinstance(value, Money) else abs(value)


def languages() -> dict[Lang, Language]:
    return {lang: Language(lang) for lang in LANGS}
