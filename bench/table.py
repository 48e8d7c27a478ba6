"""docs/benchmarks.md: one table, and below it where a missed goal loses its time."""

import platform
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from bench.clock import Measure

HEAD = "| what | database | goal | median (min – max) | of | verdict |\n|---|---|---|---|---|---|\n"
TITLE = "# Benchmarks\n"
ABOUT = """
Ratios, never times: `make bench` runs both sides interleaved (A B A B), and takes the median of the ratios of the rounds.
A spin loop before and after shows whether the machine was quiet; if the two differ by more than 1.5×, there is no verdict.

- Books: N receivables of N/20 customers, all open, in the middle of their dunning (cases, open tasks with cards of earlier
  days, a firing for every step reached before). Both databases write durably (SQLite `synchronous=FULL`, PostgreSQL
  `fsync`).
- *Reference statement*: one flat table (customer, due_on, open_minor), one GROUP BY customer with five CASE sums, over the
  driver itself.
- *Bare loop*: reads the receivables over the driver, decides in Python by age and step, and writes each action by a
  statement of its own into a table without an index, a commit every 500 actions. Ours is a whole cycle of the engine:
  decided, planned, state, firings, audit and outbox written.
- *Plain SELECTs*: `SELECT *` of one customer's rows in each of the ten tables that a balance and its credit line need.
- *Ratings*, once a day after the cycle: a customer has three paid receivables and an open one. A version for everybody at
  first, for one in fifty the day after. The other side says the very statements that ours said, in the same transactions.
- *An order held*: the order of a customer who pays cash is checked, held, and asked about, in a transaction of its own; the
  other side executes the same constructs (lock, reads, order, request, audit, messages) by `Connection.execute` in as many
  transactions, each of another customer, with keys of their own. Eight at once are threads; SQLite's take turns on both
  sides.
- *Verdicts through the API*: `huikuan serve` with its engine and the local messenger, and FastAPI with one INSERT, each by
  uvicorn in a process of its own, over kept connections; nine of ten orders are released, one is held and asked about. p99
  is of orders that begin when they are due, 50 a second.
- The import validates 200k rows of a CSV file; the other side has the values ready, and commits as often (every 1,000 rows).
- *Card*: the bare loop, too, puts the names of the view in place for every card and every row of it.
- *Messengers*: the strict fakes of the tests, each in a process of its own; the product's adapters with the official SDKs,
  over real sockets. Pacing is off but where it is what is measured.
  - *Bare loop of a messenger*: the very payloads that ours had sent, by the same SDK or HTTP call (Slack: `AsyncWebClient`,
    DingTalk: aiohttp on kept connections, WeCom: wechatpy in threads), eight people at a time as ours, answers checked.
    Ours claims 500 waiting cards, loads what is true, draws, sends and records them, and looks at each once more.
  - *Paced*: at both ends the real limits, so the fake refuses (or, as WeCom does, drops) whatever is over its own. What
    counts is what reached the fake ÷ what it allows in that time; one refusal, and it was too much.
  - *A signed tap*: HTTP mode, handed over in the process as a server would, one after the other; what follows from a tap is
    done before the next, untimed. It books a promise of payment, with its audit and what follows from it. The reference is
    Bolt's own Starlette handler with a listener of one committed INSERT.
  - *Taps a second*: promises, each on a card of its own, begun when they are due however late the others are; as the fake
    sees them, with everything that follows (cards drawn anew) going on meanwhile. An unanswered one counts as 60 s.
  - *Memory of `serve`*: resident, three seconds after the last connection.
- Warmed up, untimed, by one round of both sides: cycles, figures, cards, `--help`, signed taps and the messengers' cards; by
  one run of ours: the dunning runs (as in a running server, the statements have been built); not warmed: imports, the demo
  and taps a second.
- Memory is taken in two rounds, the demo from nothing once; the demo's goals are seconds. Rows may have been measured on
  different days and commits: `--only` measures some of them and keeps the others.
"""


def line(m: Measure) -> str:
    came_out = f"{m.value:.2f} ({min(m.ratios):.2f} – {max(m.ratios):.2f})"
    return f"| {m.what} | {m.database or '–'} | {m.goal} | {came_out} | {m.sides} | {m.verdict} |\n"


def below(m: Measure) -> list[str]:
    which = f"{m.what} ({m.database})" if m.database else m.what
    lines = [f"- {which}: {note}.\n" for note in m.notes]
    if m.where and m.verdict != "met":
        lines.append(f"- {which}, where the time goes: {m.where}.\n")
    return lines


def text(measures: Iterable[Measure], earlier: str = "") -> str:
    """The page. What `earlier` says of other measures is kept, in its order."""
    known = _parts(earlier)
    for m in measures:
        known[m.what, m.database or "–"] = (line(m), below(m))
    rows = "".join(row for row, _ in known.values())
    notes = "".join(note for _, notes in known.values() for note in notes)
    made = f"\nPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}, two shared cores.\n"
    return TITLE + ABOUT + made + "\n" + HEAD + rows + (f"\n{notes}" if notes else "")


def _parts(page: str) -> dict[tuple[str, str], tuple[str, list[str]]]:
    parts: dict[tuple[str, str], tuple[str, list[str]]] = {}
    table = page.partition(HEAD)[2]
    for row in table.splitlines(keepends=True):
        if row.startswith("| "):
            what, database = (cell.strip() for cell in row.split("|")[1:3])
            parts[what, database] = (row, [])
        elif row.startswith("- "):
            for (what, database), (_, notes) in parts.items():
                which = what if database == "–" else f"{what} ({database})"
                if row.startswith((f"- {which}: ", f"- {which}, where")):
                    notes.append(row)
    return parts


def write(path: Path, measures: Iterable[Measure]) -> None:
    path.write_text(text(measures, path.read_text(encoding="utf-8") if path.exists() else ""), encoding="utf-8")
