"""A day-by-day replay of a file of invoices in a process of its own, which the tests kill and start again.

It runs one cycle at 09:00 of each day, going on where the database says that the last one began: the day that was
interrupted is run again. It says each day when it is done.
"""

import asyncio
import csv
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.app import App
from bot.settings import Settings
from core import ingest
from core.dunning import cycle, stored
from core.dunning.policy import parse
from core.models import Firing, LocalMessage, OutboxMessage, Person, Receivable
from core.models.base import table_of
from core.time import local_instant
from core.work import Work
from tests import ibm_like
from tests.processes import how_it_ended, process

ROOT = Path(__file__).parents[2]
MAP = ROOT / "examples" / "ibm-late-payments.toml"
LADDER = ROOT / "examples" / "ladder-1-5-20-40.toml"
STEPS = {"l1": 1, "l5": 5, "l20": 20, "l40": 40}

Fired = tuple[str, str, date]  # receivable, step, fired on


def nine(app: App, day: date) -> datetime:
    return local_instant(day, clock(9), app.company.calendar.zone)


def prepare(url: str, file: Path, first: date, *, finance: int = 1) -> None:
    """Finance people, the policy, and the file as it was known before the first day."""
    app = App(Settings(database_url=url))
    now = nine(app, first - timedelta(days=1))

    @contextmanager
    def work() -> Iterator[Work]:
        with app.work(now) as opened:
            yield opened

    try:
        with work() as opened:
            stored._store(opened, parse(LADDER.read_text(encoding="utf-8"), LADDER.name, "CNY"), now)
            for number in range(finance):
                opened.session.add(Person(handle=f"fin{number}", name=f"财务{number}", roles=["finance"]))
            opened.session.add(Person(handle="fm", name="财务经理", roles=["finance_manager"]))
        report = ingest.run(work, "receivables", file, map_path=MAP)
        assert report.clean, report.rejected
    finally:
        app.engine.dispose()


def invoices(file: Path) -> Iterator[tuple[str, date, date]]:
    """(number, due, settled) of each line, from nothing but the file."""

    with file.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            yield row["invoiceNumber"], _us(row["DueDate"]), _us(row["SettledDate"])


def _us(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


def expected(file: Path, first: date, last: date) -> set[Fired]:
    """A step fires on the day that its age is reached, if the invoice is still open that day: a receipt counts on its
    own day."""
    return {
        (number, step, due + timedelta(days=offset))
        for number, due, settled in invoices(file)
        for step, offset in STEPS.items()
        if settled > due + timedelta(days=offset) and first <= due + timedelta(days=offset) <= last
    }


def fired(url: str) -> list[Fired]:
    app = App(Settings(database_url=url))
    try:
        with app.transactions.look(app.clock()) as work:
            F, R = table_of(Firing), table_of(Receivable)
            rows = work.session.execute(select(R.c.number, F.c.step, F.c.fired_on).join(F, F.c.receivable_id == R.c.id))
            return [(number, step, on) for number, step, on in rows]
    finally:
        app.engine.dispose()


def run(url: str, first: date, last: date, done: Connection) -> None:
    app = App(Settings(database_url=url))
    asyncio.run(_days(app, first, last, done))


async def _days(app: App, first: date, last: date, done: Connection) -> None:
    with app.transactions.look(app.clock()) as work:
        seen = cycle.last_cycle(work)
    day = max(first, app.company.calendar.business_date(seen.claimed_at)) if seen else first
    app.set_clock(nine(app, day))
    await app.start()
    while day <= last:
        app.set_clock(nine(app, day))
        await app.tick(app.clock(), recover=True)
        done.send(day)
        day += timedelta(days=1)
    await app.stop()


@dataclass
class Story:
    """How a replay went: how often it was killed, and how often in the middle of something."""

    kills: int = 0
    restarts: int = 0
    seconds: float = 0.0


def replay(url: str, first: date, last: date, *, kills: int, seed: int, pause: float = 0.03) -> Story:
    """Runs the child to the end, killing it `kills` times at moments that the seed chooses."""
    chance = random.Random(seed)
    days = (last - first).days
    moments = sorted(first + timedelta(days=chance.randrange(days)) for _ in range(kills))
    story, started = Story(), time.monotonic()
    while True:
        heard, said = Pipe(duplex=False)
        with heard, process(run, url, first, last, said) as child:
            said.close()
            stop = moments.pop(0) if moments else None
            if _watch(child, heard, stop):
                break
            time.sleep(chance.random() * pause)
            os.kill(child.pid or 0, signal.SIGKILL)
            story.kills += how_it_ended(child) == -signal.SIGKILL  # not if it was at its last day
        story.restarts += 1
    story.seconds = time.monotonic() - started
    return story


def _watch(child: BaseProcess, heard: Connection, stop: date | None) -> bool:
    """Listens until the day `stop` is done (False) or the child has ended well (True)."""
    while True:
        if not heard.poll(60):
            raise AssertionError("the replay stands still")
        try:
            day = heard.recv()
        except EOFError:
            assert how_it_ended(child) == 0, f"the replay ended with {child.exitcode}"
            return True
        if stop is not None and day >= stop:
            return False


def layout(path: Path, *, invoices: int, customers: int, months: int, seed: int) -> Path:
    """Generated invoices of IBM's layout issued within so many months, some of them paid very late."""
    ibm_like.write(path, invoices, customers, seed)
    chance = random.Random(seed)
    with path.open(encoding="utf-8", newline="") as opened:
        head, *rows = list(csv.reader(opened))
    issued, settled = head.index("InvoiceDate"), head.index("SettledDate")
    kept = [row for row in rows if _us(row[issued]) < date(2012, 1, 3) + timedelta(days=30 * months)]
    for row in kept:
        if chance.random() < 0.06:
            late = _us(row[settled]) + timedelta(days=chance.randrange(15, 60))
            row[settled] = f"{late.month}/{late.day}/{late.year}"
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([head, *kept])
    return path


def days_of(file: Path) -> tuple[date, date]:
    """From the first due date to the last day on which a step of these could fire."""
    dues = [due for _, due, _ in invoices(file)]
    return min(dues), max(dues) + timedelta(days=max(STEPS.values()) + 1)


def told(url: str) -> list[str]:
    """What is wrong with what people were told: each firing is on each recipient's screen exactly once, as a card or
    as a line of a digest, unless its invoice was paid before the card could leave. Empty if all is well."""
    app = App(Settings(database_url=url))
    F, R, O, M, P = (table_of(m) for m in (Firing, Receivable, OutboxMessage, LocalMessage, Person))  # noqa: E741
    with app.transactions.look(app.clock()) as work:
        read = work.session.execute
        people = {row.handle: row.id for row in read(select(P.c.handle, P.c.id))}
        columns = [F.c.case_id, F.c.customer_id, F.c.recorded_at, F.c.to, F.c.outcome, F.c.step]
        fired = read(select(*columns, R.c.number, R.c.settled_on).join(R, R.c.id == F.c.receivable_id)).all()
        boxes = read(select(O).where(O.c.op == "send")).all()
        keys = Counter(read(select(M.c.key).where(M.c.direction == "out")).scalars())
    app.engine.dispose()
    wrong = [f"{key} is there {count} times" for key, count in keys.items() if count != 1]
    sent = {box.key for box in boxes if box.state == "sent"}
    wrong += [f"{key} is on one side only" for key in sent ^ set(keys)]
    wrong += [f"{box.key} is {box.state}" for box in boxes if box.state not in ("sent", "cancelled")]
    lines = Counter(item["outbox"] for box in boxes if box.state == "sent" for item in box.data.get("items", ()))
    cards: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for box in boxes:
        if box.subject == "case":
            cards[box.customer_id, box.person_id].append(box)
    for f in fired:
        assert f.to, f"{f.number} {f.step} went to nobody"
        for handle in f.to:
            mine = [b for b in cards[f.customer_id, people[handle]] if b.subject_id == f.case_id]
            carriers = [b for b in mine if b.created_at <= f.recorded_at <= b.done_at]
            times = sum(1 if b.state == "sent" else lines[b.id] for b in carriers)
            leaves = max((app.company.calendar.business_date(b.done_at) for b in carriers), default=None)
            paid = leaves is not None and f.settled_on is not None and f.settled_on <= leaves
            if times != 1 and not (times == 0 and paid):
                wrong.append(f"{f.number} {f.step} at {f.recorded_at}: {handle} was told {times} times ({f.outcome})")
    return wrong
