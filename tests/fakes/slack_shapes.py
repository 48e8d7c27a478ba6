"""What a product had the fake of Slack draw: each payload is held against the models of Slack's own SDK, and one of each
shape is kept for Slack's TypeScript types.

Payloads differ by the thousand in their texts and figures, and by the dozen in their shapes: to a type, those of one
shape are the same. `watch` turns it on (tests do, the benchmarks don't); `keep` writes what was seen into the folder that
HUIKUAN_TEST_SHAPES names, a file a process, and `python -m tests.messages.slack_shapes` asks the compiler.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = "HUIKUAN_TEST_SHAPES"
OWN = "tests/fakes/"  # what the fake's own tests draw is what Slack takes, not what our product draws
NAMED = frozenset({"type", "style", "trigger_actions_on"})  # strings out of a list: another one makes another shape


@dataclass(frozen=True)
class Seen:
    """`place`: message (its blocks), modal or home (the view). `test`: who had it drawn first."""

    place: str
    payload: Any
    test: str


_seen: dict[str, Seen] | None = None


def watch() -> None:
    global _seen
    _seen = {} if _seen is None else _seen


def look_at(place: str, payload: Any) -> str:
    """What the SDK has against a payload that the fake takes; "" for nothing."""
    if _seen is None:
        return ""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    if test.startswith(OWN):
        return ""
    shape = f"{place} {shape_of(payload)}"
    if shape not in _seen:
        _seen[shape] = Seen(place, json.loads(json.dumps(payload)), test)
    return wrong_by_the_models(place, payload)


def shape_of(thing: Any, key: str = "") -> str:
    """Keys and kinds of values. How many alike a list has makes no difference."""
    if isinstance(thing, dict):
        return "{" + ",".join(f"{name}:{shape_of(thing[name], name)}" for name in sorted(thing)) + "}"
    if isinstance(thing, list):
        return "[" + ",".join(sorted({shape_of(each, key) for each in thing})) + "]"
    return str(thing) if key in NAMED else type(thing).__name__


def wrong_by_the_models(place: str, payload: Any) -> str:
    """Read and written again it must be the same, and within the lengths that the SDK knows."""
    from slack_sdk.errors import SlackObjectFormationError
    from slack_sdk.models.blocks import Block
    from slack_sdk.models.views import View

    if place != "message":
        models: Iterator[tuple[Any, Any]] = iter([(View(**payload), payload)])
    else:
        models = ((Block.parse(block), block) for block in payload)
    for model, given in models:
        if model is None:
            return f"slack_sdk knows no block {given['type']}"
        try:
            model.validate_json()
        except SlackObjectFormationError as error:
            return f"slack_sdk: {error}"
        if model.to_dict() != given:
            return f"slack_sdk writes {model.to_dict()} where {given} was read"
    return ""


def keep() -> None:
    """When the tests of this process are over."""
    folder = os.environ.get(FOLDER)
    if folder and _seen:
        Path(folder).mkdir(parents=True, exist_ok=True)
        found = [[each.place, each.test, each.payload] for each in _seen.values()]
        path = Path(folder) / f"{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}.json"
        path.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
