"""Slack's golden cards, judged by others than us: Slack's own TypeScript types, and the models of its Python SDK.

The compiler needs node, and a `node_modules` with `typescript` and `@slack/types` that HUIKUAN_NODE_MODULES names:

    npm install --prefix /tmp/types typescript @slack/types
    HUIKUAN_NODE_MODULES=/tmp/types/node_modules .venv/bin/python -m pytest tests/messages/test_slack_types.py
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

GOLDEN = sorted((Path(__file__).parent / "golden" / "slack").glob("*.json"))


def blocks_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["payload"]["blocks"]
    return found


def node_modules() -> Path:
    """Where the types are; without them there is nothing to ask."""
    named = os.environ.get("HUIKUAN_NODE_MODULES", "")
    folder = Path(named)
    needed = [folder / "typescript" / "bin" / "tsc", folder / "@slack" / "types" / "package.json"]
    if not named or shutil.which("node") is None or not all(path.exists() for path in needed):
        pytest.skip("needs node, and HUIKUAN_NODE_MODULES naming a node_modules with typescript and @slack/types")
    return folder.resolve()


def compiled(folder: Path, modules: Path, sources: dict[str, str]) -> dict[str, str]:
    """What the compiler has against each source."""
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text("{}", encoding="utf-8")
    for name, source in sources.items():
        (folder / f"{name}.ts").write_text(HEAD + source, encoding="utf-8")
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
    tsc = [shutil.which("node") or "node", str(modules / "typescript" / "bin" / "tsc"), *options]
    done = subprocess.run(
        [*tsc, *(f"{name}.ts" for name in sources)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    said = (done.stdout + done.stderr).splitlines()
    assert bool(said) == bool(done.returncode), said
    return {name: "\n".join(line for line in said if line.startswith(f"{name}.ts")) for name in sources}


HEAD = "import type { KnownBlock } from '@slack/types';\n"
WRONG: dict[str, list[dict[str, Any]]] = {
    "unknown_type": [{"type": "sektion", "text": {"type": "plain_text", "text": "x"}}],
    "unknown_key": [{"type": "header", "text": {"type": "plain_text", "text": "x"}, "colour": "red"}],
    "missing_text": [{"type": "actions", "elements": [{"type": "button", "action_id": "x"}]}],
}


def literal(name: str, blocks: list[dict[str, Any]]) -> str:
    """A literal is checked for keys that the type does not know, too."""
    return f"export const {name}: KnownBlock[] = {json.dumps(blocks, ensure_ascii=False, indent=1)};\n"


def test_every_card_is_of_slacks_own_types_and_what_is_wrong_is_found(tmp_path: Path) -> None:
    modules = node_modules()
    cards = "".join(f"// {path.name}\n" + literal(f"card{n}", blocks_of(path)) for n, path in enumerate(GOLDEN))
    wrong = {name: literal("card", blocks) for name, blocks in WRONG.items()}
    found = compiled(tmp_path, modules, {"cards": cards, **wrong})
    assert found["cards"] == ""
    assert all("error TS" in found[name] for name in WRONG), found


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_sdk_reads_it_and_writes_the_same(path: Path) -> None:
    for block in blocks_of(path):
        model = Block.parse(block)
        assert model is not None, block["type"]
        model.validate_json()
        assert model.to_dict() == block


def test_there_are_cards_to_judge() -> None:
    assert len(GOLDEN) > 80
