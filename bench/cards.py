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
    language = shipped._languages[LANG]
    groups = every_leaf(view)

    def ours() -> None:
        for _ in range(number):
            shipped.render(KIND, view, LANG)

    def bare() -> None:
        for _ in range(number):
            for names, roots in groups:  # what a view says is put in place once for the card and once for each row
                context = language.context(dict(names))
                for root in roots:
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


def every_leaf(view: Any) -> list[tuple[dict[str, Any], list[Any]]]:
    """The leaves that this view shows, as (names, compiled leaves): the card's own, then each row's."""
    shipped = templates()
    spec = shipped._template(KIND, LANG)
    names = {name: getattr(view, name) for name in spec.names}

    def shows(part: Any) -> bool:
        return part.when is None or bool(part.when(names))

    title = next(s.leaf for s in spec.title if shows(s))
    own = [spec.tone, title, *(s.leaf for s in (*spec.text, *spec.footer) if shows(s))]
    found = [(names, own)]
    for field in filter(shows, spec.fields):
        if field.each is None:
            own += [field.label, field.value]
        else:
            found += [(row, [field.label, field.value]) for row in _rows(field.each, names)]
    for rows in filter(shows, spec.rows):
        found += [(row, list(rows.cells)) for row in _rows(rows.each, names, rows.max)]
    return [(here, [leaf.root for leaf in leaves if leaf.const is None]) for here, leaves in found]


def _rows(each: Any, names: dict[str, Any], limit: int | None = None) -> list[dict[str, Any]]:
    outer = {name: names[name] for name in each.outer}
    return [outer | {name: getattr(item, name) for name in each.own} for item in names[each.each][:limit]]
