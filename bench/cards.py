"""Drawing a card, against the same compiled leaves in a bare loop."""

from collections.abc import Iterator
from typing import Any

from bench.clock import Goal, Measure, interleave, seconds
from bench.dunning import sides
from bench.profile import where
from bot.notifications.templates import templates
from bot.notifications.views import CollectView

KIND, LANG = "task.overdue", "zh"


def cards(number: int, rounds: int) -> Iterator[Measure]:
    view, shipped = CollectView.example(LANG), templates()
    leaves = every_leaf(view)

    def ours() -> None:
        for _ in range(number):
            shipped.render(KIND, view, LANG)

    def bare() -> None:
        for _ in range(number):
            for root, context in leaves:
                "".join(root(context))

    ours(), bare()
    found = interleave(rounds, ours=lambda: seconds(ours), bare=lambda: seconds(bare))
    measure = Measure(
        "card render: the same compiled leaves in a bare loop ÷ ours", "", Goal(0.6, least=True),
        found.ratios("bare", "ours"), sides(found, "bare", "ours"), found.spins,
    )  # fmt: skip
    if not measure.goal.met(measure.value):
        measure.where = where(ours)
    yield measure


def every_leaf(view: Any) -> list[tuple[Any, Any]]:
    """The leaves that this view shows, each with its names: (compiled, context)."""
    shipped = templates()
    spec = shipped._template(KIND, LANG)
    language = shipped._languages[LANG]
    names = {name: getattr(view, name) for name in spec.names}
    context = language.context(names)

    def shows(part: Any) -> bool:
        return part.when is None or bool(part.when(names))

    found = [(spec.tone, context), (next(s.leaf for s in spec.title if shows(s)), context)]
    found += [(s.leaf, context) for s in (*spec.text, *spec.footer) if shows(s)]
    for field in filter(shows, spec.fields):
        items = [context] if field.each is None else _contexts(field.each, names, language)
        found += [(leaf, here) for here in items for leaf in (field.label, field.value)]
    for rows in filter(shows, spec.rows):
        found += [(cell, here) for here in _contexts(rows.each, names, language, rows.max) for cell in rows.cells]
    return [(leaf.root, here) for leaf, here in found if leaf.const is None]


def _contexts(each: Any, names: dict[str, Any], language: Any, limit: int | None = None) -> list[Any]:
    outer = {name: names[name] for name in each.outer}
    return [
        language.context(outer | {name: getattr(item, name) for name in each.own}) for item in names[each.each][:limit]
    ]
