"""Reads one template file for one language into what templates.py renders; every fault is a TemplateError."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from operator import attrgetter
from typing import Any, cast, get_args, get_origin, get_type_hints

from bot.card import LANGS, STYLES, TONES, Action
from bot.notifications.leaves import MAX_LABEL, Language, Leaf, TemplateError, has_words, line

Names = dict[str, Any]
When = Callable[[Names], bool]
Read = Callable[[Any], tuple[Any, ...]]  # an object -> its values of some names, in their order


@dataclass(frozen=True, slots=True)
class Said:
    """A leaf under a condition; `when` None is always."""

    when: When | None
    leaf: Leaf
    closed: bool = False  # a text line that stays on a closed card


@dataclass(frozen=True, slots=True)
class Each:
    """Names taken from every item of a sequence."""

    each: str
    own: tuple[str, ...]  # names read from the item
    outer: tuple[str, ...]  # names read from the View
    read: Read  # of `own`


@dataclass(frozen=True, slots=True)
class FieldSpec:
    when: When | None
    label: Leaf
    value: Leaf
    each: Each | None


@dataclass(frozen=True, slots=True)
class RowsSpec:
    when: When | None
    cells: tuple[Leaf, ...]
    each: Each
    max: int


@dataclass(frozen=True, slots=True)
class ActionSpec:
    when: When | None
    action: Action  # complete, but for the parts below
    confirm: Leaf | None
    choices: tuple[str, str, Leaf, Each] | None  # input, name of the value, label


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind in one language."""

    view: type[Any]
    names: tuple[str, ...]
    read: Read  # of `names`
    tone: Leaf
    title: tuple[Said, ...]
    closed: Leaf | None
    text: tuple[Said, ...]
    fields: tuple[FieldSpec, ...]
    rows: tuple[RowsSpec, ...]
    actions: tuple[ActionSpec, ...]
    footer: tuple[Said, ...]


_NAMES: dict[type[Any], dict[str, Any]] = {}


def names_of(view: type[Any]) -> dict[str, Any]:
    """Fields (with their types) and properties of a View or of a row of it."""
    if view in _NAMES:
        return _NAMES[view]
    hints = get_type_hints(view)
    out: dict[str, Any] = {f.name: hints[f.name] for f in fields(view)}
    for name in dir(view):
        member = getattr(view, name)
        if isinstance(member, property) and not name.startswith("_"):
            out[name] = get_type_hints(member.fget).get("return", Any)
    _NAMES[view] = out
    return out


def reader_of(names: tuple[str, ...]) -> Read:
    """All at once, which is half the time of one after the other."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda view: tuple(getattr(view, name) for name in names)  # of one name attrgetter makes no tuple


def _row_type(view: type[Any], name: str) -> type[Any] | None:
    hint = names_of(view).get(name)
    args = get_args(hint)
    if get_origin(hint) in (tuple, Sequence) and args and is_dataclass(args[0]):
        return cast("type[Any]", args[0])
    return None


def _condition(source: Any, names: Iterable[str], file: str, key: str) -> tuple[When | None, frozenset[str]]:
    """`a and not b or c`: names only, so that a condition costs a dictionary look-up and no template."""
    if source is None:
        return None, frozenset()
    if not isinstance(source, str) or not source.split():
        raise TemplateError(file, key, "a condition is text such as `a and not b`")
    known, used = set(names), set()
    parsed: list[list[tuple[str, bool]]] = []
    for alternative in source.split(" or "):
        terms = []
        for term in alternative.split(" and "):
            words = term.split()
            wanted = words[:1] != ["not"]
            name = words[-1] if words else ""
            if len(words) != (1 if wanted else 2) or not name.isidentifier():
                raise TemplateError(file, key, f"can't read the condition {source!r}")
            if name not in known:
                raise TemplateError(file, key, f"the View has no field {name!r}")
            used.add(name)
            terms.append((name, wanted))
        parsed.append(terms)
    return _test(parsed), frozenset(used)


def _test(parsed: list[list[tuple[str, bool]]]) -> When:
    """Alternatives of terms as one function, short of steps: it runs at every render."""
    if len(parsed) == 1 and len(parsed[0]) == 1:
        name, wanted = parsed[0][0]
        if wanted:
            return lambda data: bool(data[name])
        return lambda data: not data[name]
    if len(parsed) == 1 and len(parsed[0]) == 2:
        (one, one_wanted), (two, two_wanted) = parsed[0]
        return lambda data: (not data[one]) is not one_wanted and (not data[two]) is not two_wanted

    def test(data: Names) -> bool:
        for terms in parsed:
            for name, wanted in terms:
                if (not data[name]) is wanted:
                    break
            else:
                return True
        return False

    return test


class Reader:
    """Reads one file for one language, and remembers which names of the View it needs."""

    def __init__(self, file: str, language: Language, view: type[Any]) -> None:
        self.file, self.language, self.view = file, language, view
        self.known = names_of(view)
        self.used: set[str] = {"today"}

    def fail(self, key: str, reason: str) -> TemplateError:
        return TemplateError(self.file, key, reason)

    def keys(self, data: Any, key: str, allowed: Iterable[str], needed: Iterable[str] = ()) -> Mapping[str, Any]:
        if not isinstance(data, Mapping):
            raise self.fail(key, "a table is expected")
        for name in data:
            if name not in allowed:
                raise self.fail(f"{key}.{name}" if key else name, "unknown key")
        for name in needed:
            if name not in data:
                raise self.fail(f"{key}.{name}" if key else name, "missing")
        return data

    def leaf(self, data: Any, key: str, names: Iterable[str] | None = None, extra: tuple[str, ...] = ()) -> Leaf:
        """A string without words of its own, or a table with one string a language."""
        if isinstance(data, str):
            if has_words(data):
                raise self.fail(key, "words need { zh = ..., en = ... }")
            source = data
        else:
            self.keys(data, key, (*LANGS, *extra))
            for lang in LANGS:
                if not isinstance(data.get(lang), str):
                    raise self.fail(f"{key}.{lang}", "missing language")
            source, key = data[self.language.lang], f"{key}.{self.language.lang}"
        leaf = self.language.leaf(source, self.known if names is None else names, self.file, key)
        if names is None:
            self.used |= leaf.names
        return leaf

    def when(self, data: Mapping[str, Any], key: str) -> When | None:
        condition, used = _condition(data.get("when"), self.known, self.file, f"{key}.when")
        self.used |= used
        return condition

    def said(self, data: Any, key: str, extra: tuple[str, ...] = ("when",)) -> tuple[Said, ...]:
        """A leaf, or a list of leaves with conditions."""
        out = []
        for n, item in enumerate(data if isinstance(data, list) else [data]):
            place = f"{key}[{n}]" if isinstance(data, list) else key
            leaf = self.leaf(item, place, extra=extra)
            plain = isinstance(item, str)
            out.append(Said(
                None if plain else self.when(item, place), leaf, False if plain else bool(item.get("closed"))
            ))  # fmt: skip
        return tuple(out)

    def item(self, each: Any, key: str) -> type[Any]:
        kind = _row_type(self.view, each) if isinstance(each, str) else None
        if kind is None:
            raise self.fail(f"{key}.each", f"the View has no sequence of rows {each!r}")
        self.used.add(each)
        return kind

    def each(self, each: str, item: type[Any], leaves: Iterable[Leaf], more: tuple[str, ...] = ()) -> Each:
        names = set(more).union(*(leaf.names for leaf in leaves))
        own = names & names_of(item).keys()
        outer = (names - own) | {"today"}
        self.used |= outer
        mine = tuple(sorted(own))
        return Each(each, mine, tuple(sorted(outer)), reader_of(mine))

    def field(self, data: Any, key: str) -> FieldSpec:
        self.keys(data, key, ("when", "label", "value", "each"), ("label", "value"))
        each = None
        if "each" in data:
            item = self.item(data["each"], key)
            names = {*self.known, *names_of(item)}
            label, value = (self.leaf(data[k], f"{key}.{k}", names) for k in ("label", "value"))
            each = self.each(data["each"], item, (label, value))
        else:
            label, value = (self.leaf(data[k], f"{key}.{k}") for k in ("label", "value"))
        if label.const is not None:
            label = Leaf(label.file, label.key, line(label.const, MAX_LABEL), None, label.names)
        return FieldSpec(self.when(data, key), label, value, each)

    def rows(self, data: Any, key: str) -> RowsSpec:
        self.keys(data, key, ("when", "each", "max", "cells"), ("each", "max", "cells"))
        item = self.item(data["each"], key)
        names = {*self.known, *names_of(item)}
        if not isinstance(data["max"], int) or data["max"] < 1 or not isinstance(data["cells"], list):
            raise self.fail(key, "`max` is a number from 1, `cells` a list")
        cells = tuple(self.leaf(c, f"{key}.cells[{n}]", names) for n, c in enumerate(data["cells"]))
        return RowsSpec(self.when(data, key), cells, self.each(data["each"], item, cells), data["max"])

    def action(self, data: Any, key: str, catalogue: Mapping[str, Action]) -> ActionSpec:
        self.keys(data, key, ("id", "when", "label", "style", "confirm", "choices"), ("id",))
        if data["id"] not in catalogue:
            raise self.fail(f"{key}.id", f"unknown action id {data['id']!r}")
        action = catalogue[data["id"]]
        if "label" in data:
            label = self.leaf(data["label"], f"{key}.label", ())
            action = replace(action, label=label.const or "")
        if "style" in data:
            if data["style"] not in STYLES:
                raise self.fail(f"{key}.style", f"unknown style {data['style']!r}")
            action = replace(action, style=data["style"])
        confirm = self.leaf(data["confirm"], f"{key}.confirm") if "confirm" in data else None
        choices = self._choices(data["choices"], f"{key}.choices", action) if "choices" in data else None
        return ActionSpec(self.when(data, key), action, confirm, choices)

    def _choices(self, data: Any, key: str, action: Action) -> tuple[str, str, Leaf, Each]:
        """Entries of a drop-down from data; the drop-down itself is the catalogue's."""
        self.keys(data, key, ("input", "each", "value", "label"), ("input", "each", "value", "label"))
        if data["input"] not in {i.name for i in action.inputs}:
            raise self.fail(f"{key}.input", f"{action.id} has no input {data['input']!r}")
        item = self.item(data["each"], key)
        if data["value"] not in names_of(item):
            raise self.fail(f"{key}.value", f"the row has no field {data['value']!r}")
        label = self.leaf(data["label"], f"{key}.label", {*self.known, *names_of(item)})
        each = self.each(data["each"], item, (label,), (data["value"],))
        return data["input"], data["value"], label, each

    def template(self, data: Mapping[str, Any], catalogue: Mapping[str, Action]) -> Spec:
        title = self.said(data["title"], "title")
        if title[-1].when is not None:
            raise self.fail("title", "the last title must have no condition")
        if ("closed" in self.known) != ("closed" in data):
            raise self.fail("closed", "a title for the closed card belongs to a View that can close, and to no other")
        tone = data["tone"]
        if isinstance(tone, str) and "{" not in tone:
            if tone not in TONES:
                raise self.fail("tone", f"unknown tone {tone!r}")
            tone_leaf = Leaf(self.file, "tone", tone, None, frozenset())
        else:
            tone_leaf = self.leaf(tone, "tone")
        closed = None
        if "closed" in data:
            closed = self.leaf(data["closed"], "closed")
            self.used |= {"closed", "ended"}
        return Spec(
            view=self.view,
            tone=tone_leaf,
            title=title,
            closed=closed,
            text=self.said(data.get("text", []), "text", ("when", "closed")),
            fields=tuple(self.field(f, f"field[{n}]") for n, f in enumerate(data.get("field", []))),
            rows=tuple(self.rows(r, f"rows[{n}]") for n, r in enumerate(data.get("rows", []))),
            actions=tuple(
                self.action(a, f"action[{n}]", catalogue) for n, a in enumerate(data.get("action", []))
            ),
            footer=self.said(data.get("footer", []), "footer"),
            names=(names := tuple(sorted(self.used))),  # after every part above: each adds to it
            read=reader_of(names),
        )
