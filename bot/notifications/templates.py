"""Templates: TOML files, checked whole when loaded, rendered leaf by leaf.

    render("task.overdue", view, "zh") -> Card

A file says `view`, `tone`, `title`, `closed` (title of a closed card), `text`, `field`, `rows`, `action`,
`footer`, and `like`: another kind whose other keys it takes over. Structure comes from the file alone: data
fills leaves and rows, it can't add a button. `_words.toml` holds the words for codes and the short phrases,
`_actions.toml` what each action is called and asks.

Anything odd in any file (unknown key, a name that the View lacks, an unknown action id or filter, a missing
language) is a TemplateError when loading, with file and key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from bot.card import ASKS, INPUT_TYPES, LANGS, STYLES, TONES, Action, Card, Choice, Field, Input, Lang, Tone, short
from bot.notifications.leaves import (
    MAX_CELL,
    MAX_FOOTER,
    MAX_LABEL,
    MAX_TEXT,
    MAX_TITLE,
    MAX_VALUE,
    PHRASE_NAMES,
    Language,
    Leaf,
    TemplateError,
    languages,
    line,
    tidy_line,
    tidy_text,
)
from bot.notifications.parse import ActionSpec, Each, FieldSpec, Names, Reader, RowsSpec, Spec
from bot.notifications.views import REGISTRY, LetterView, Phrase

__all__ = ["ACTION_IDS", "TemplateError", "Templates", "render", "templates"]

ACTION_IDS = frozenset({
    "task.log", "task.open", "task.promise", "task.paid", "task.part_paid", "task.dispute", "task.not_reached",
    "task.copy", "task.other", "task.snooze", "task.reassign", "claim.confirm", "claim.void", "receipt.allocate",
    "dispute.settle", "promise.approve", "promise.reject", "pause.approve", "pause.reject", "customer.assign",
    "credit.approve", "credit.approve_with", "credit.reject", "credit.explain", "credit.withdraw",
    "credit.ask_again", "limit.agree", "limit.decline", "letters.release", "reply.pick", "reply.confirm",
    "reply.cancel",
})  # fmt: skip

_KEYS = frozenset({"view", "tone", "title", "closed", "text", "field", "rows", "action", "footer", "like"})
_GOOD_ENDS = frozenset({
    "ended.settled", "ended.promised", "ended.approved", "ended.approved_with", "ended.confirmed", "ended.released",
    "ended.assigned", "ended.allocated", "ended.done", "ended.kept", "ended.imported", "ended.dispute_accepted",
    "ended.dispute_part", "ended.invoiced", "ended.prepaid", "ended.agreed",
})  # fmt: skip


class Templates:
    """Every message kind in every language. Loading reads and checks all files; rendering touches none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._languages = languages()
        words = self._load_words()
        self.word_groups: dict[str, frozenset[str]] = {group: frozenset(codes) for group, codes in words.items()}
        self._actions = {lang: self._load_actions(lang, words) for lang in LANGS}
        self._templates: dict[tuple[str, str], Spec] = {}
        for path in sorted(folder.glob("*.toml")):
            if not path.name.startswith("_"):
                self._load_template(path)
        self.kinds: frozenset[str] = frozenset(kind for kind, _ in self._templates)
        if not self.kinds:
            raise TemplateError(str(folder), "", "no templates here")

    # --- loading ---

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise TemplateError(name, "", str(error)) from error

    def _load_words(self) -> dict[str, dict[str, dict[str, str]]]:
        data = self._read("_words.toml")
        phrases = data.pop("phrase", {})
        for group, codes in [*data.items(), ("phrase", phrases)]:
            for code, text in codes.items():
                if not isinstance(text, dict) or set(text) != set(LANGS):
                    raise TemplateError("_words.toml", f"{group}.{code}", "missing language, or unknown key")
        for lang, language in self._languages.items():
            language.bind(data)
            language.phrases = {
                code: language.leaf(text[lang], PHRASE_NAMES, "_words.toml", f"phrase.{code}.{lang}")
                for code, text in phrases.items()
            }
        return data

    def _load_actions(self, lang: Lang, words: Mapping[str, Mapping[str, Any]]) -> dict[str, Action]:
        data, file = self._read("_actions.toml"), "_actions.toml"
        reader = Reader(file, self._languages[lang], Phrase)
        for missing in sorted(ACTION_IDS - data.keys()):
            raise TemplateError(file, missing, "missing action")
        actions = {}
        for action_id, entry in data.items():
            if action_id not in ACTION_IDS:
                raise TemplateError(file, action_id, "unknown action id")
            reader.keys(entry, action_id, ("label", "ask", "style", "inputs"), ("label",))
            inputs = tuple(
                self._load_input(reader, item, f"{action_id}.inputs[{n}]", words)
                for n, item in enumerate(entry.get("inputs", []))
            )
            ask, style = entry.get("ask"), entry.get("style", "default")
            if (ask is not None and ask not in ASKS) or (ask is None) != (not inputs) or style not in STYLES:
                raise TemplateError(file, action_id, "ask, style and inputs don't fit together")
            label = reader.leaf(entry["label"], f"{action_id}.label", ())
            actions[action_id] = Action(action_id, label.const or "", ask, inputs, style)
        return actions

    @staticmethod
    def _load_input(reader: Reader, data: Any, key: str, words: Mapping[str, Mapping[str, Any]]) -> Input:
        """`words` names the group whose codes are the choices; without it they come from data, or there are none."""
        reader.keys(data, key, ("name", "type", "required", "label", "words"), ("name", "type", "label"))
        if data["type"] not in INPUT_TYPES:
            raise reader.fail(f"{key}.type", f"unknown input type {data['type']!r}")
        choices: tuple[Choice, ...] = ()
        if "words" in data:
            group = words.get(data["words"])
            if group is None:
                raise reader.fail(f"{key}.words", f"unknown word group {data['words']!r}")
            choices = tuple(Choice(code, text[reader.language.lang]) for code, text in group.items())
        label = reader.leaf(data["label"], f"{key}.label", ())
        return Input(data["name"], data["type"], bool(data.get("required", True)), label.const or "", choices)

    def _load_template(self, path: Path) -> None:
        data, file, kind = self._read(path.name), path.name, path.stem
        for key in data:
            if key not in _KEYS:
                raise TemplateError(file, key, "unknown key")
        if "like" in data:
            data = {**self._read(f"{data['like']}.toml"), **data}
        for key in ("view", "tone", "title"):
            if key not in data:
                raise TemplateError(file, key, "missing")
        view = REGISTRY.get(data["view"]) if isinstance(data["view"], str) else None
        if view is None:
            raise TemplateError(file, "view", f"unknown view {data['view']!r}")
        for key in ("field", "rows", "action"):
            if not isinstance(data.get(key, []), list):
                raise TemplateError(file, key, "a list of tables is expected")
        for lang, language in self._languages.items():
            reader = Reader(file, language, view)
            self._templates[kind, lang] = reader.template(data, self._actions[lang])

    # --- using ---

    def view_of(self, kind: str) -> type[Any]:
        """The View class that `kind` is rendered from."""
        return self._template(kind, "zh").view

    def action(self, action_id: str, lang: Lang) -> Action:
        """What an action is called and asks, on no card in particular: the second step of task.log, say."""
        return self._actions[lang][action_id]

    def word(self, code: str, group: str, lang: Lang) -> str:
        return self._languages[lang].word(code, group)

    def phrase(self, phrase: Phrase, lang: Lang, today: Any = None) -> str:
        return self._languages[lang].phrase(phrase, today)

    def phrase_codes(self) -> frozenset[str]:
        return frozenset(self._languages["zh"].phrases)

    def _template(self, kind: str, lang: str) -> Spec:
        found = self._templates.get((kind, lang))
        if found is None:
            raise TemplateError(f"{kind}.toml", "", f"no such kind in {lang!r}")
        return found

    def leaves(self, kind: str, lang: Lang) -> tuple[Leaf, ...]:
        """The compiled leaves of one card, rows once; for measuring."""
        t = self._template(kind, lang)
        return (
            t.tone, *(s.leaf for s in (*t.title[-1:], *t.text, *t.footer)),
            *(leaf for f in t.fields for leaf in (f.label, f.value)), *(c for r in t.rows for c in r.cells),
        )  # fmt: skip

    def render(self, kind: str, view: Any, lang: Lang, holds: Collection[str] = ()) -> Card:
        """`holds`: what stops the customer's orders. A card says it where nothing is cut, no letter to them does."""
        t = self._template(kind, lang)
        if not isinstance(view, t.view):
            raise TypeError(f"{kind} is rendered from {t.view.__name__}, not {type(view).__name__}")
        language = self._languages[lang]
        names: Names = dict(zip(t.names, t.read(view), strict=True))
        context = language.context(names)
        closed = t.closed is not None and bool(names["closed"])
        if closed and t.closed is not None:
            title, tone = t.closed.draw(context), "success" if names["ended"].code in _GOOD_ENDS else "muted"
        else:
            title = next(s.leaf.draw(context) for s in t.title if s.when is None or s.when(names))
            tone = t.tone.draw(context)
        said = [s.leaf.draw(context) for s in t.text if (s.closed or not closed) and (s.when is None or s.when(names))]
        text = "\n".join(said)
        if holds and t.view is not LetterView:
            text = language.held(holds) + text
        footer = [s.leaf.draw(context) for s in t.footer if s.when is None or s.when(names)]
        rows, more = ((), 0) if closed else _rows(t.rows, names, language)
        return Card(
            kind=kind,
            lang=lang,
            tone=cast(Tone, tone if tone in TONES else "info"),
            title=line(title, MAX_TITLE),
            text=short(tidy_text(text), MAX_TEXT),
            fields=_fields(t.fields, names, context, language),
            rows=rows,
            rows_more=more,
            actions=() if closed else _actions(t.actions, names, context, language),
            footer=line(" · ".join(footer), MAX_FOOTER),
            closed=closed,
        )


def _spread(each: Each, names: Names, language: Language, limit: int | None = None) -> Iterable[tuple[Any, Any]]:
    """(item, context) of each item. One dictionary serves all: a leaf has read it before the next item comes."""
    data = {name: names[name] for name in each.outer}
    context = language.context(data)
    for item in names[each.each][:limit]:
        data.update(zip(each.own, each.read(item), strict=True))
        yield item, context


def _fields(specs: tuple[FieldSpec, ...], names: Names, context: Any, language: Language) -> tuple[Field, ...]:
    out = []
    for spec in specs:
        if spec.when is not None and not spec.when(names):
            continue
        if spec.each is None:
            label = spec.label.const
            if label is None:
                label = line(spec.label.draw(context), MAX_LABEL)
            out.append(Field(label, line(spec.value.draw(context), MAX_VALUE)))
            continue
        for _, ctx in _spread(spec.each, names, language):
            out.append(Field(line(spec.label.draw(ctx), MAX_LABEL), line(spec.value.draw(ctx), MAX_VALUE)))
    return tuple(out)


def _rows(specs: tuple[RowsSpec, ...], names: Names, language: Language) -> tuple[tuple[tuple[str, ...], ...], int]:
    out, more = [], 0
    for spec in specs:
        if spec.when is not None and not spec.when(names):
            continue
        more += max(0, len(names[spec.each.each]) - spec.max)
        for _, ctx in _spread(spec.each, names, language, spec.max):
            out.append(tuple([line(cell.draw(ctx), MAX_CELL) for cell in spec.cells]))
    return tuple(out), more


def _actions(specs: tuple[ActionSpec, ...], names: Names, context: Any, language: Language) -> tuple[Action, ...]:
    out = []
    for spec in specs:
        if spec.when is not None and not spec.when(names):
            continue
        action = spec.action
        if spec.confirm is not None:
            action = replace(action, confirm=tidy_line(spec.confirm.draw(context)))
        if spec.choices is not None:
            name, value, label, each = spec.choices
            choices = tuple(
                Choice(str(getattr(item, value)), line(label.draw(ctx), MAX_LABEL))
                for item, ctx in _spread(each, names, language)
            )
            action = replace(
                action, inputs=tuple(replace(i, choices=choices) if i.name == name else i for i in action.inputs)
            )
        out.append(action)
    return tuple(out)


def folder() -> Path:
    """The installed templates, else those of the checkout."""
    installed = Path(str(files("bot"))) / "_templates" / "messages"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "templates" / "messages"


@cache
def templates() -> Templates:
    """The shipped templates, loaded once."""
    return Templates(folder())


def render(kind: str, view: Any, lang: Lang, holds: Collection[str] = ()) -> Card:
    return templates().render(kind, view, lang, holds)
