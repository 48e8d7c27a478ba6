"""After the tests: one payload of each shape that they had the fake of Slack draw, against Slack's own TypeScript types.

    HUIKUAN_TEST_SHAPES=/tmp/shapes .venv/bin/python -m pytest
    HUIKUAN_NODE_MODULES=… .venv/bin/python -m tests.messages.slack_shapes /tmp/shapes

Exits with 1 where the compiler objects, and says which test drew it. Without node and the types (see typescript.py) it
says so, and nothing is wrong.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.fakes.slack_shapes import shape_of
from tests.messages.slack_types import HEAD, literal
from tests.messages.typescript import compiled, node_modules

Drawn = tuple[str, str, Any]  # where it stands, the test that had it drawn, the payload


def seen(folder: Path) -> list[Drawn]:
    """What the processes saw, each shape once."""
    found: dict[str, Drawn] = {}
    for path in sorted(folder.glob("*.json")):
        for place, test, payload in json.loads(path.read_text(encoding="utf-8")):
            found.setdefault(f"{place} {shape_of(payload)}", (place, test, payload))
    return list(found.values())


def objections(drawn: list[Drawn], folder: Path, modules: Path) -> list[str]:
    """What the compiler says, after the name of the test. All of it is one run: starting it is what takes time."""
    sources = {f"shape{n}": HEAD + literal("drawn", payload, place) for n, (place, _, payload) in enumerate(drawn)}
    said = compiled(folder, modules, sources)
    return [f"{test} ({place}):\n{said[f'shape{n}']}" for n, (place, test, _) in enumerate(drawn) if said[f"shape{n}"]]


def main(folder: str) -> int:
    drawn = seen(Path(folder))
    if not drawn:
        print(f"no payloads in {folder}: did the tests run with HUIKUAN_TEST_SHAPES?")
        return 1
    try:
        modules = node_modules("@slack/types")
    except pytest.skip.Exception as missing:
        print(f"skipped, {len(drawn)} shapes: {missing}")
        return 0
    with TemporaryDirectory() as scratch:
        wrong = objections(drawn, Path(scratch), modules)
    print(*wrong, f"{len(drawn)} shapes of payloads, {len(wrong)} of them not of Slack's types", sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
