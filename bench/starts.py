"""How long things take to start: the command line, and the demo up to its first card."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.clock import Goal, Measure, interleave, seconds
from bench.dunning import sides

ROOT = Path(__file__).parents[1]


def help_(rounds: int) -> Iterator[Measure]:
    huikuan = Path(sys.executable).with_name("huikuan")
    command = [str(huikuan)] if huikuan.exists() else [sys.executable, "-m", "bot"]
    quiet = os.environ | {"HUIKUAN_LANG": "zh"}

    def run(*words: str) -> float:
        return seconds(lambda: subprocess.run(words, check=True, capture_output=True, env=quiet))

    run(*command, "--help"), run(sys.executable, "-c", "import typer")
    found = interleave(rounds, ours=lambda: run(*command, "--help"), typer=lambda: run(sys.executable, "-c", "import typer"))
    yield Measure(
        "`huikuan --help` ÷ `python -c 'import typer'`", "", Goal(2), found.ratios("ours", "typer"),
        sides(found, "ours", "typer"), found.spins,
    )  # fmt: skip


def demo() -> Iterator[Measure]:
    yield from ()
