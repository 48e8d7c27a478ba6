"""All that Slack is asked to draw (the golden cards, every form, Home), judged by others than us: Slack's own TypeScript
types, and the models of its Python SDK. What the other tests have drawn is judged by the fake, and by slack_shapes.py.

The compiler needs node, and a `node_modules` with `typescript` and `@slack/types` that HUIKUAN_NODE_MODULES names:

    npm install --prefix /tmp/types typescript @slack/types
    HUIKUAN_NODE_MODULES=/tmp/types/node_modules .venv/bin/python -m pytest tests/messages/test_slack_types.py
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack_shapes import shape_of, wrong_by_the_models
from tests.messages.slack_shapes import objections, seen
from tests.messages.slack_types import HEAD, literal
from tests.messages.slack_views import notices, views
from tests.messages.typescript import compiled, node_modules

GOLDEN = sorted((Path(__file__).parent / "golden" / "slack").glob("*.json"))


def blocks_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["payload"]["blocks"]
    return found


VIEWS = views()
WRONG: dict[str, list[dict[str, Any]]] = {
    "unknown_type": [{"type": "sektion", "text": {"type": "plain_text", "text": "x"}}],
    "unknown_key": [{"type": "header", "text": {"type": "plain_text", "text": "x"}, "colour": "red"}],
    "missing_text": [{"type": "actions", "elements": [{"type": "button", "action_id": "x"}]}],
}


def wrong_views() -> dict[str, dict[str, Any]]:
    form = next(view for name, view in VIEWS.items() if name.startswith("form "))
    home = next(view for name, view in VIEWS.items() if name.startswith("home "))
    nameless = [{**block, "label": None} if block["type"] == "input" else block for block in form["blocks"]]
    untitled = {key: value for key, value in form.items() if key != "title"}
    unknown = {**home, "blocks": WRONG["unknown_type"]}
    wrong = {"untitled": untitled, "submitted": {**home, "submit": {}}, "nameless": {**form, "blocks": nameless}}
    return wrong | {"view_of_unknown": unknown}


def test_every_card_is_of_slacks_own_types_and_what_is_wrong_is_found(tmp_path: Path) -> None:
    modules = node_modules("@slack/types")
    cards = HEAD + "".join(f"// {path.name}\n" + literal(f"card{n}", blocks_of(path)) for n, path in enumerate(GOLDEN))
    drawn = HEAD
    drawn += "".join(f"// {name}\n{literal(f'view{n}', VIEWS[name], VIEWS[name]['type'])}" for n, name in enumerate(VIEWS))
    drawn += "".join(literal(f"notice_{lang}", blocks) for lang, blocks in notices().items())
    wrong = {name: HEAD + literal("card", blocks) for name, blocks in WRONG.items()}
    wrong |= {name: HEAD + literal("view", view, view["type"]) for name, view in wrong_views().items()}
    found = compiled(tmp_path, modules, {"cards": cards, "views": drawn, **wrong})
    assert found["cards"] == found["views"] == ""
    assert all("error TS" in found[name] for name in wrong), found


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_sdk_reads_it_and_writes_the_same(path: Path) -> None:
    assert wrong_by_the_models("message", blocks_of(path)) == ""


@pytest.mark.parametrize("name", VIEWS)
def test_the_sdk_reads_a_view_and_writes_the_same(name: str) -> None:
    assert wrong_by_the_models(VIEWS[name]["type"], VIEWS[name]) == ""


# --- and what the tests had the fake draw ---


def test_what_was_drawn_is_asked_about_once_a_shape_and_names_its_test(tmp_path: Path) -> None:
    modules = node_modules("@slack/types")
    card = blocks_of(GOLDEN[0])
    other = json.loads(json.dumps(card).replace("1", "2"))
    assert other != card and shape_of(other) == shape_of(card) != shape_of(WRONG["unknown_key"])
    process, kept, again = (tmp_path / name for name in ("process", "kept", "again"))
    for folder in (process, kept, again):
        folder.mkdir()
    home = next(view for view in VIEWS.values() if view["type"] == "home")
    drawn = {"gw0": [("message", "tests/a", card)], "gw1": [("message", "tests/b", other), ("home", "tests/c", home)]}
    for name, rows in drawn.items():
        (process / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    found = seen(process)
    assert [test for _, test, _ in found] == ["tests/a", "tests/c"] and objections(found, kept, modules) == []
    wrong = [("message", f"tests/{name}", blocks) for name, blocks in WRONG.items()]
    said = objections([*found, *wrong], again, modules)
    assert [line.partition(" ")[0] for line in said] == [f"tests/{name}" for name in WRONG]


def test_the_fake_holds_what_it_draws_against_the_sdk() -> None:
    assert wrong_by_the_models("message", blocks_of(GOLDEN[0])) == ""
    assert "knows no block" in wrong_by_the_models("message", WRONG["unknown_type"])
    assert "writes" in wrong_by_the_models("message", WRONG["unknown_key"])
    view = next(iter(VIEWS.values()))
    assert wrong_by_the_models(view["type"], view) == ""
    assert wrong_by_the_models(view["type"], {**view, "colour": "red"})


def test_there_are_cards_and_views_to_judge() -> None:
    assert len(GOLDEN) > 80
    kinds = {name.split()[0] for name in VIEWS}
    assert kinds == {"form", "refused", "note", "home"} and sum(name.startswith("form ") for name in VIEWS) > 40
