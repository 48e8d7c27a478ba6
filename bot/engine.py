"""The metronome's work: one cycle of the engine in transactions of its own, then the morning digests. Holds no state."""

from datetime import datetime

from bot.transactions import Transactions
from core import garbage
from core.dunning import cycle
from core.work import Work


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


def hours_of_work(work: Work, since: datetime, until: datetime) -> list[datetime]:
    """When the metronome ticks after `since`, up to and including `until`: 09:00 every day, each hour of work on
    working days (dunning.md section 3)."""
    from datetime import time, timedelta

    from core.policies import active
    from core.time import local_instant

    _, policy = active(work)
    calendar, ticks = work.company.calendar, []
    window = policy.windows.work
    day, last = calendar.business_date(since), calendar.business_date(until)
    while day <= last:
        hours = [h for h in range(24) if window.holds(time(h))] if calendar.works(day) else [window.start.hour]
        ticks += [local_instant(day, time(h), calendar.zone) for h in hours]
        day += timedelta(days=1)
    return [t for t in ticks if since < t <= until]
