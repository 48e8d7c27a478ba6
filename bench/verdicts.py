"""Verdicts through the REST API of `huikuan serve`, against a bare endpoint that makes one durable insert."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from math import inf
from time import perf_counter
from urllib.parse import urlsplit

import aiohttp

from bench import book
from bench.clock import Goal, Measure, interleave, shown
from bench.dunning import sides
from bench.sides import at_a_rate
from bench.starts import ROOT, address
from bench.stores import Store
from core import tokens
from core.time import utcnow

CUSTOMERS = 1_000  # every tenth pays cash: their orders are held and asked about
TOGETHER = 8  # requests under way
A_SECOND = 50
_numbers = itertools.count(1)


def verdicts(store: Store, number: int, rounds: int) -> Iterator[Measure]:
    """`number` orders a round over kept connections; then 50 a second, begun when they are due however late others are."""
    token = fill(store, "verdicts")
    store.copy("verdicts", "verdicts_bare")
    store.let_go("verdicts")
    store.let_go("verdicts_bare")
    with contextlib.ExitStack() as stack:
        ours_at = stack.enter_context(served([sys.executable, "-m", "bot", "serve", "--port", "0"], store.url("verdicts")))
        bare = [sys.executable, "-m", "bench.insert_api", store.url("verdicts_bare")]
        bare_at = stack.enter_context(served(bare, store.url("verdicts_bare")))
        for at in (ours_at, bare_at):
            asyncio.run(all_of_them(at, token, TOGETHER))
        found = interleave(
            rounds, ours=lambda: asyncio.run(all_of_them(ours_at, token, number)),
            bare=lambda: asyncio.run(all_of_them(bare_at, token, number)),
        )  # fmt: skip
        measure = Measure(
            f"verdicts a second through the API, {TOGETHER} at once ÷ a bare endpoint with one insert", store.kind,
            Goal(0.3, least=True), found.ratios("bare", "ours"), sides(found, "ours", "bare"), found.spins,
        )  # fmt: skip
        measure.notes.append(f"{number / found.median('ours'):.0f} verdicts a second, a tenth of them held")
        yield measure
        late = interleave(
            rounds, ours=lambda: asyncio.run(p99(ours_at, token, number)),
            bare=lambda: asyncio.run(p99(bare_at, token, number)),
        )  # fmt: skip
        yield Measure(
            f"p99 of a verdict at {A_SECOND} orders a second ÷ the bare endpoint's", store.kind, Goal(inf),
            late.ratios("ours", "bare"), f"{shown(late.median('ours'))} ÷ {shown(late.median('bare'))}", late.spins,
        )  # fmt: skip
    for name in ("verdicts", "verdicts_bare"):
        store.drop(name)


def fill(store: Store, name: str) -> str:
    """A token for the order system."""
    book.empty(store, name, CUSTOMERS)
    with store.raw(name) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("UPDATE customer SET credit_limit_minor = 0 WHERE id % 10 = 0")
        cursor.execute("""UPDATE person SET roles = '["finance_manager", "finance_director"]' WHERE handle = 'boss'""")
        cursor.execute("COMMIT")
    with book.transactions(store, name).work(utcnow()) as work:
        return tokens.issue(work, "bench", ("orders:write",), source="bench")[1]


@contextlib.contextmanager
def served(words: list[str], url: str) -> Iterator[str]:
    """Where a server of its own process listens."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUIKUAN_")}
    more = {"HUIKUAN_DATABASE_URL": url, "HUIKUAN_MESSENGERS": "local"}
    process = subprocess.Popen(
        words, cwd=ROOT, env=own | more, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        found = urlsplit(next(filter(None, map(address, process.stdout))))
        yield f"{found.scheme}://{found.netloc}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def session(at: str, token: str) -> aiohttp.ClientSession:
    headers = {"Authorization": f"Bearer {token}"}
    return aiohttp.ClientSession(at, headers=headers, connector=aiohttp.TCPConnector(limit=0))


async def order(to: aiohttp.ClientSession) -> float:
    """Seconds until the verdict was there."""
    n = next(_numbers)
    given = {"number": f"SO{n}", "customer": f"K{n % CUSTOMERS + 1}", "amount": "100.00", "currency": "CNY"}
    began = perf_counter()
    async with to.post("/api/v1/orders", json=given) as answer:
        said = await answer.json()
        assert answer.status == 200 and said["verdict"] in ("released", "held"), said
    return perf_counter() - began


async def all_of_them(at: str, token: str, number: int) -> float:
    async with session(at, token) as to:
        turns = iter(range(number))

        async def hand_in() -> None:
            for _ in turns:
                await order(to)

        began = perf_counter()
        await asyncio.gather(*(hand_in() for _ in range(TOGETHER)))
        return perf_counter() - began


async def p99(at: str, token: str, number: int) -> float:
    async with session(at, token) as to:
        took = sorted(await at_a_rate([lambda: order(to)] * number, A_SECOND))
    return took[min(len(took) - 1, int(len(took) * 0.99))]
