"""The metronome's work: one cycle of the engine in transactions of its own, then the morning digests. Holds no state."""

from datetime import datetime, time, timedelta

from bot.transactions import Transactions
from core import garbage
from core.credit import orders
from core.dunning import cycle
from core.dunning.stored import active
from core.time import local_instant
from core.work import Work

MORNING = time(9)


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
    check_orders(transactions, now)
    return fired


def check_orders(transactions: Transactions, now: datetime) -> None:
    """Held orders in the light of what is true now, and requests that nobody decided in time; a customer at a time."""
    with transactions.look(now) as work:
        customers = orders.held_customers(work)
    for customer_id in customers:
        with transactions.work(now) as work:
            orders.check_customer(work, active(work)[1], customer_id)


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
