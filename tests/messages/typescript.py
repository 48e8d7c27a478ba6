"""Asks the TypeScript compiler, where somebody has one: payloads are held against a messenger's own types.

It needs node, and a `node_modules` with `typescript` and the types' package that HUIKUAN_NODE_MODULES names.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def node_modules(package: str) -> Path:
    """Where the types are; without them there is nothing to ask."""
    named = os.environ.get("HUIKUAN_NODE_MODULES", "")
    folder = Path(named)
    needed = [folder / "typescript" / "bin" / "tsc", folder / package / "package.json"]
    if not named or shutil.which("node") is None or not all(path.exists() for path in needed):
        pytest.skip(f"needs node, and HUIKUAN_NODE_MODULES naming a node_modules with typescript and {package}")
    return folder.resolve()


def compiled(folder: Path, modules: Path, sources: dict[str, str]) -> dict[str, str]:
    """What the compiler has against each source."""
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text("{}", encoding="utf-8")
    for name, source in sources.items():
        (folder / f"{name}.ts").write_text(source, encoding="utf-8")
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
    options += ["--skipLibCheck"]  # the packages' own files are not what is asked about
    tsc = [shutil.which("node") or "node", str(modules / "typescript" / "bin" / "tsc"), *options]
    done = subprocess.run(
        [*tsc, *(f"{name}.ts" for name in sources)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    said = (done.stdout + done.stderr).splitlines()
    assert bool(said) == bool(done.returncode), said
    return {name: "\n".join(line for line in said if line.startswith(f"{name}.ts")) for name in sources}
