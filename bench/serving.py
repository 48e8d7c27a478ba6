"""The memory of `huikuan serve`, with all messengers connected and with the local one only."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from math import inf
from pathlib import Path

from bench import book
from bench.clock import Goal, Measure, spin
from bench.far import Far
from bench.office import NAMES
from bench.starts import ROOT, address
from bench.stores import Store

SETTLES = 3.0  # seconds after the last connection
PATIENCE = 30.0
PUBLIC = "http://huikuan.test"


def memory(store: Store) -> Iterator[Measure]:
    book.empty(store, "serve", 1)
    store.let_go("serve")
    with contextlib.ExitStack() as stack:
        fars = [stack.enter_context(Far(name)) for name in NAMES]
        before = spin()
        alone = resident(store.url("serve"), {"HUIKUAN_MESSENGERS": "local"}, [])
        environment = {"HUIKUAN_MESSENGERS": ",".join(NAMES), "HUIKUAN_PUBLIC_URL": PUBLIC}
        for far in fars:
            environment |= far.do("environment")
        every = resident(store.url("serve"), environment, fars)
    yield Measure(
        "memory of `serve`, Slack, DingTalk and WeCom connected", store.kind, Goal(inf), [every],
        f"MB; with the local messenger alone {alone:.0f} MB", (before, spin()),
    )  # fmt: skip
    store.drop("serve")


def resident(url: str, environment: dict[str, str], fars: list[Far]) -> float:
    """MB, once everything is connected."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUIKUAN_")}
    words = [sys.executable, "-m", "bot", "serve", "--port", "0"]
    process = subprocess.Popen(
        words, cwd=ROOT, env=own | environment | {"HUIKUAN_DATABASE_URL": url}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        next(filter(None, map(address, process.stdout)))
        until = time.monotonic() + PATIENCE
        while not all(far.do("connected") for far in fars):
            assert time.monotonic() < until, "not connected"
            time.sleep(0.1)
        time.sleep(SETTLES)
        status = Path(f"/proc/{process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
