"""How long things take to start: the command line, and the demo up to its first card."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.clock import ROUNDS, Goal, Measure, interleave, seconds, spin
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


def demo(*, from_nothing: bool = True) -> Iterator[Measure]:
    """Until the page answers and has cards on it: with everything installed, and from an empty environment."""
    before = spin()
    warm = [first_card([sys.executable, "-m", "bot"]) for _ in range(ROUNDS)]
    yield Measure("demo to the first card, warm", "", Goal(5, unit=" s"), warm, "seconds", (before, spin()))
    if not from_nothing:
        return
    with tempfile.TemporaryDirectory(prefix="huikuan-bench-") as folder:
        python = str(Path(folder) / "venv" / "bin" / "python")
        base = getattr(sys, "_base_executable", sys.executable)
        start = time.perf_counter()
        subprocess.run([base, "-m", "venv", "--without-pip", str(Path(folder) / "venv")], check=True)
        install = [base, "-m", "pip", "--python", python, "install", "-q", "--no-cache-dir"]
        install += ["-c", "constraints.txt", "-e", "."]
        subprocess.run(install, check=True, cwd=ROOT, capture_output=True)
        first_card([python, "-m", "bot"])
        took = time.perf_counter() - start
    yield Measure(
        "demo to the first card, from nothing (environment, downloads, sample company)", "", Goal(60, unit=" s"), [took],
        "seconds, once", (before, spin()),
    )  # fmt: skip


def first_card(command: list[str]) -> float:
    with tempfile.TemporaryDirectory(prefix="huikuan-bench-") as data:
        start = time.perf_counter()
        words = [*command, "demo", "--no-browser", "--port", "0", "--data", data]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            page_at = next(filter(None, map(address, process.stdout)))
            with urllib.request.urlopen(page_at, timeout=10) as page:
                assert page.status == 200
            took = time.perf_counter() - start
            with contextlib.closing(sqlite3.connect(Path(data) / "huikuan.db")) as connection:
                assert connection.execute("SELECT count(*) FROM local_message").fetchone()[0]
            return took
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def address(line: str) -> str:
    found = re.search(r"http://\S+", line)
    return found[0] if found else ""
