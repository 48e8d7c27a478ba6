"""The metronome's work: a cycle of dunning, then credit, in transactions of their own. Holds no state."""

import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import select

from bot.transactions import Transactions
from core import garbage, invoicing, jobs, tokens, unsigned, watches, webhooks
from core.credit import apart, events, inputs, locks, orders, proposals, rating
from core.dunning import cycle
from core.dunning.stored import active
from core.errors import Unreachable
from core.ledger import marks
from core.models import Customer, ImportRun
from core.models.base import table_of
from core.time import local_instant
from core.work import Work

log = logging.getLogger(__name__)

I = table_of(ImportRun)  # noqa: E741
MORNING = time(9)
CUSTOMERS = 20  # customers in one transaction: whoever decides about one of them waits for it
SETTLED = timedelta(minutes=1)
RATING = "rating"  # the job that rates everybody, a slot a day
PROPOSALS = "proposals"  # the job that looks who has earned a higher limit, a slot a month
ANSWERS = "answers"  # the job that forgets what the REST API answered long ago, a slot a day
EVENTS = "events"  # the job that forgets events that were taken long ago, a slot a day
ORDERS = "orders"  # the job that has every held order checked again, a slot a day
GOODS = "goods"  # the job that looks what nobody has signed for, or invoiced, a slot a day
AT_ONCE = 5000  # events


def run_cycle(transactions: Transactions, now: datetime) -> int:
    """All the dunning that is due at `now`, committed chunk by chunk. Returns how many firings were written."""
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


def run_credit(transactions: Transactions, now: datetime) -> None:
    """After the dunning, which finds out what promises are broken: ratings, and what they mean for held orders."""
    refresh_ratings(transactions, now)
    propose_limits(transactions, now)
    report_watched(transactions, now)
    ask_for_goods(transactions, now)
    tell_holds(transactions, now)
    mark_for_today(transactions, now)
    check_orders(transactions, now)
    forget_answers(transactions, now)
    forget_events(transactions, now)


def refresh_ratings(transactions: Transactions, now: datetime) -> int:
    """Rates every customer, in the first cycle of a business date; returns how many versions that made.

    Whoever claims the day does it, a transaction for each chunk of customers: after a crash the rest is done by the next
    cycle that finds the claim run out, and what was done stays.
    """
    slot, everybody = transactions.company.calendar.business_date(now).isoformat(), select(table_of(Customer).c.id)
    with transactions.work(now) as work:
        if not jobs.claim(work, RATING, slot):
            return 0
        policy, customers = active(work)[1], work.session.execute(everybody).scalars().all()
    made = 0
    for some in inputs.chunks(customers):
        with garbage.later(), transactions.work(now) as work:
            made += rating.refresh(work, policy, some)
    with transactions.work(now) as work:
        jobs.done(work, RATING, slot)
    return made


def propose_limits(transactions: Transactions, now: datetime) -> int:
    """Proposals whose time is over end; higher limits are proposed in the first cycle of a month. Returns how many."""
    with transactions.look(now) as work:
        over, rules, slot = proposals.to_lapse(work), active(work)[1].credit.proposals, f"{work.today:%Y-%m}"
    if over:
        with transactions.work(now) as work:
            proposals.lapse(work, over)
    if rules is None or not rules.raise_by:
        return 0
    with transactions.work(now) as work:
        if not jobs.claim(work, PROPOSALS, slot):
            return 0
        policy, customers = active(work)[1], proposals.customers(work)
    made = 0
    for some in inputs.chunks(customers):
        with garbage.later(), transactions.work(now) as work:
            made += proposals.monthly(work, policy, some)
    with transactions.work(now) as work:
        jobs.done(work, PROPOSALS, slot)
    return made


def report_watched(transactions: Transactions, now: datetime) -> int:
    """Reports of customers whose overdue total has passed an amount that the policy watches; returns how many."""
    with transactions.look(now) as work:
        found = watches.changes(work, active(work)[1])
    if not found:
        return 0
    with transactions.work(now) as work:
        return watches.report(work, active(work)[1], found)


def ask_for_goods(transactions: Transactions, now: datetime) -> int:
    """Goods that nobody has signed for in time, and what nobody has invoiced, in the first cycle of a business date: tasks
    for reps and finance. Returns how many."""
    with transactions.work(now) as work:
        if not jobs.claim(work, GOODS, slot := work.today.isoformat()):
            return 0
        policy = active(work)[1]
        customers = {*unsigned.customers(work, policy), *invoicing.late(work, policy)}
    made = 0
    for some in inputs.chunks(customers):
        with transactions.work(now) as work:
            locks.lock_ones(work, some)
            made += unsigned.ask(work, policy, some) + invoicing.ask(work, policy, some)
    with transactions.work(now) as work:
        jobs.done(work, GOODS, slot)
    return made


def mark_for_today(transactions: Transactions, now: datetime) -> None:
    """Every held order, once a business date: limits and holds begin and end without anybody writing a row."""
    with transactions.work(now) as work:
        if jobs.claim(work, ORDERS, slot := work.today.isoformat()):
            marks.mark_all(work)
            jobs.done(work, ORDERS, slot)


def forget_answers(transactions: Transactions, now: datetime) -> None:
    """What the REST API answered to requests with a key, once a business date: long ago nobody sends them again."""
    with transactions.work(now) as work:
        if jobs.claim(work, ANSWERS, slot := work.today.isoformat()):
            tokens.forget_answers(work)
            jobs.done(work, ANSWERS, slot)


def forget_events(transactions: Transactions, now: datetime) -> None:
    """What another system has taken long ago, once a business date, a parcel in a transaction: orders don't wait for all."""
    with transactions.work(now) as work:
        if not jobs.claim(work, EVENTS, slot := work.today.isoformat()):
            return
    gone = AT_ONCE
    while gone == AT_ONCE:
        with transactions.work(now) as work:
            gone = webhooks.forget(work, AT_ONCE)
    with transactions.work(now) as work:
        jobs.done(work, EVENTS, slot)


def check_orders(transactions: Transactions, now: datetime) -> int:
    """Held orders behind whose verdict something has changed, and requests that nobody decided in time. Returns for how many
    customers it looked.

    What fails for one customer is tried again the next time, and stops nobody else.
    """
    with transactions.look(now) as work:
        customers = orders.to_check(work)
    for start in range(0, len(customers), CUSTOMERS):
        some = customers[start : start + CUSTOMERS]
        done = _check_apart(transactions, now, some)
        for customer_id in some:
            if customer_id not in done:
                _check_orders_of(transactions, now, customer_id)
    return len(customers)


def _check_apart(transactions: Transactions, now: datetime, customer_ids: Sequence[int]) -> set[int]:
    """In one transaction; whose were checked."""
    if len(customer_ids) < 2:
        return set()
    try:
        with transactions.work(now) as work:
            return apart.check(work, active(work)[1], customer_ids)
    except Unreachable:
        if transactions.engine.dialect.name == "sqlite":
            raise
    except Exception as error:  # one by one, it shows whose it is
        log.warning("held orders are checked one by one: %s", type(error).__name__)
    return set()


def _check_orders_of(transactions: Transactions, now: datetime, customer_id: int) -> None:
    try:
        with transactions.work(now) as work:
            if orders.is_to_check(work, customer_id):
                orders.check_customer(work, active(work)[1], customer_id)
    except Unreachable:
        raise
    except Exception:  # whatever it is, the mark is still there
        log.exception("the orders of customer %d are checked again later", customer_id)


def tell_holds(transactions: Transactions, now: datetime) -> None:
    """Other systems hear of holds that ended by their date alone, or were set before anybody was told."""
    with transactions.look(now) as work:
        customers = events.untold(work)
    for some in inputs.chunks(customers):
        with transactions.work(now) as work:
            events.catch_up(work, some)


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
