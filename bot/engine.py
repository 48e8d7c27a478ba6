"""The metronome's work: one cycle of the engine in transactions of its own, then the morning digests. Holds no state."""

from datetime import datetime, time, timedelta

from sqlalchemy import select

from bot.transactions import Transactions
from core import garbage
from core.dunning import cycle
from core.dunning.stored import active
from core.models import ImportRun
from core.models.base import table_of
from core.time import local_instant
from core.work import Work

I = table_of(ImportRun)  # noqa: E741
MORNING = time(9)
SETTLED = timedelta(minutes=1)


def run_cycle(transactions: Transactions, now: datetime) -> int:
    """Everything that is due at `now`, committed chunk by chunk. Returns how many firings were written."""
    with transactions.work(now) as work:
        chunks = cycle.prepare(work)
    fired = 0
    for chunk in chunks:
        with garbage.later(), transactions.work(now) as work:
            fired += sum(len(plan.firings) for plan in cycle.run_chunk(work, chunk))
    with transactions.work(now) as work:
        cycle.finish(work)
    return fired


def last_import(work: Work) -> int | None:
    """The latest import, in hours of work, if no cycle has seen it. Imports come in a row: after the receivables, the
    receipts; so it is looked at a minute after the last of them."""
    _, policy = active(work)
    if work.company.calendar.next_open(work.now, policy.windows.work) != work.now:
        return None
    last = cycle.last_cycle(work)
    query = select(I.c.id, I.c.at).order_by(I.c.id.desc()).limit(1)
    found = work.session.execute(query).first()
    if found is None or last is None or found.at < last.claimed_at or found.at > work.now - SETTLED:
        return None
    return int(found.id)


def hours_of_work(work: Work, since: datetime, until: datetime) -> list[datetime]:
    """When the metronome ticks after `since`, up to and including `until`: 09:00 every day, and on working days each
    hour of work and the start of the window, where that is not on the hour (dunning.md section 3)."""
    _, policy = active(work)
    calendar, ticks = work.company.calendar, []
    window = policy.windows.work
    working = sorted({MORNING, window.start, *(time(h) for h in range(24) if window.holds(time(h)))})
    day, last = calendar.business_date(since), calendar.business_date(until)
    while day <= last:
        ticks += [local_instant(day, at, calendar.zone) for at in (working if calendar.works(day) else [MORNING])]
        day += timedelta(days=1)
    return [t for t in ticks if since < t <= until]
