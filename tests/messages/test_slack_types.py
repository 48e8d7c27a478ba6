"""All that Slack is asked to draw (the golden cards, every form, Home), judged by others than us: Slack's own TypeScript
types, and the models of its Python SDK.

The compiler needs node, and a `node_modules` with `typescript` and `@slack/types` that HUIKUAN_NODE_MODULES names:

    npm install --prefix /tmp/types typescript @slack/types
    HUIKUAN_NODE_MODULES=/tmp/types/node_modules .venv/bin/python -m pytest tests/messages/test_slack_types.py
"""

import json
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from tests.messages.slack_views import notices, views
from tests.messages.typescript import compiled, node_modules

GOLDEN = sorted((Path(__file__).parent / "golden" / "slack").glob("*.json"))


def blocks_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["payload"]["blocks"]
    return found


HEAD = """import type { HomeView, KnownBlock, ModalView } from '@slack/types';
type Known<V> = Omit<V, 'blocks'> & { blocks: KnownBlock[] };
"""  # a view of the package takes any block that has a type, whatever else is in it
TYPES = {"modal": "Known<ModalView>", "home": "Known<HomeView>"}
VIEWS = views()
WRONG: dict[str, list[dict[str, Any]]] = {
    "unknown_type": [{"type": "sektion", "text": {"type": "plain_text", "text": "x"}}],
    "unknown_key": [{"type": "header", "text": {"type": "plain_text", "text": "x"}, "colour": "red"}],
    "missing_text": [{"type": "actions", "elements": [{"type": "button", "action_id": "x"}]}],
}


def literal(name: str, blocks: list[dict[str, Any]]) -> str:
    """A literal is checked for keys that the type does not know, too."""
    return f"export const {name}: KnownBlock[] = {json.dumps(blocks, ensure_ascii=False, indent=1)};\n"


def view_literal(name: str, view: dict[str, Any]) -> str:
    return f"export const {name}: {TYPES[view['type']]} = {json.dumps(view, ensure_ascii=False, indent=1)};\n"


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
    drawn = HEAD + "".join(f"// {name}\n" + view_literal(f"view{n}", view) for n, (name, view) in enumerate(VIEWS.items()))
    drawn += "".join(literal(f"notice_{lang}", blocks) for lang, blocks in notices().items())
    wrong = {name: HEAD + literal("card", blocks) for name, blocks in WRONG.items()}
    wrong |= {name: HEAD + view_literal("view", view) for name, view in wrong_views().items()}
    found = compiled(tmp_path, modules, {"cards": cards, "views": drawn, **wrong})
    assert found["cards"] == found["views"] == ""
    assert all("error TS" in found[name] for name in wrong), found


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_sdk_reads_it_and_writes_the_same(path: Path) -> None:
    for block in blocks_of(path):
        model = Block.parse(block)
        assert model is not None, block["type"]
        model.validate_json()
        assert model.to_dict() == block


@pytest.mark.parametrize("name", VIEWS)
def test_the_sdk_reads_a_view_and_writes_the_same(name: str) -> None:
    model = View(**VIEWS[name])
    model.validate_json()
    assert model.to_dict() == VIEWS[name]


def test_there_are_cards_and_views_to_judge() -> None:
    assert len(GOLDEN) > 80
    kinds = {name.split()[0] for name in VIEWS}
    assert kinds == {"form", "refused", "note", "home"} and sum(name.startswith("form ") for name in VIEWS) > 40
