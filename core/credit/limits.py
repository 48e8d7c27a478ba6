"""Credit limits set by people: the customer's own, or more of it until a day."""

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import or_, select, update

from core.credit import locks, orders, own_orders, proposals
from core.dunning.stored import active
from core.errors import DomainError
from core.models import CreditLine, Customer
from core.models.base import among, table_of
from core.money import MAX_MINOR, Money
from core.work import Work

LONGEST_DAYS = 366  # what is meant for longer is the customer's own limit
COLUMN = "credit_limit"  # its name in `customer.edited`: what was set here wins over the next import
L = table_of(CreditLine)


def set_limit(
    work: Work, customer_id: int, amount_minor: int | None, until: date | None, reason: str,
    *, from_on: date | None = None, proposal_id: int | None = None,
) -> None:  # fmt: skip
    """The customer's limit, in its own currency; None is no limit at all, 0 is cash only. Orders on hold are checked again.

    With `until` the limit is `amount_minor` in all through that day, from `from_on` or today on, and what it was before
    afterwards. A temporary limit comes on top of the customer's own: setting that leaves it as it is, but for none and cash
    only, which end it.
    Errors: limit.reason, limit.bad_amount, limit.past(on), limit.too_long(on), limit.no_base,
    limit.none_until(amount: Money, on), limit.backwards(on, until), limit.without_end,
    limit.not_above(amount: Money), credit.own_order(number); of a proposal limit.more_already(amount: Money, on).
    """
    if not reason.strip():
        raise DomainError("limit.reason")
    if amount_minor is not None and not 0 <= amount_minor <= MAX_MINOR:
        raise DomainError("limit.bad_amount")
    if until is None and from_on is not None:
        raise DomainError("limit.without_end")
    locks.lock(work, customer_id)
    own_orders.refuse(work, [customer_id])
    customer = work.session.get_one(Customer, customer_id, populate_existing=True)
    if until is None:
        _own(work, customer, amount_minor, reason, proposal_id)
    else:
        _temporary(work, customer, amount_minor, max(from_on or work.today, work.today), until, reason, proposal_id)
    work.session.flush()
    orders.check_customer(work, active(work)[1], customer_id)


def end_temporary(work: Work, customer_ids: Collection[int]) -> None:
    """Of customers who pay cash only, or have no limit any more: nothing is added to that. They are locked."""
    if customer_ids:
        runs = or_(L.c.ended_on.is_(None), L.c.ended_on > work.today)
        running = update(L).where(among(L.c.customer_id, customer_ids), L.c.kind == "temporary", runs)
        work.session.execute(running.values(ended_on=work.today))


def currency_of(work: Work, customer: Customer) -> str:
    """Of its limit."""
    return customer.currency or work.company.currency


def _own(work: Work, customer: Customer, amount_minor: int | None, reason: str, proposal_id: int | None) -> None:
    before = customer.credit_limit_minor
    customer.credit_limit_minor = amount_minor
    if COLUMN not in customer.edited:
        customer.edited = [*customer.edited, COLUMN]
    if not amount_minor:
        for line in _running(work, customer):
            line.ended_on = work.today
    work.session.flush()
    proposals.limit_changed(work, customer.id or 0)
    work.audit(
        "limit.set", "customer", customer.id, customer.id, before_minor=before, after_minor=amount_minor,
        currency=currency_of(work, customer), reason=reason, **({"proposal": proposal_id} if proposal_id else {}),
    )  # fmt: skip


def check_temporary(
    work: Work, customer: Customer, amount_minor: int | None, start: date, until: date, reason: str
) -> tuple[int, int]:
    """Whether that can be a temporary limit: (the customer's own limit, `amount_minor`).

    Errors: limit.reason, limit.bad_amount, limit.past(on), limit.backwards(on, until), limit.too_long(on), limit.no_base,
    limit.none_until(amount: Money, on), limit.not_above(amount: Money).
    """
    if not reason.strip():
        raise DomainError("limit.reason")
    if amount_minor is not None and not 0 <= amount_minor <= MAX_MINOR:
        raise DomainError("limit.bad_amount")
    if until < work.today:
        raise DomainError("limit.past", on=until)
    if start > until:
        raise DomainError("limit.backwards", on=start, until=until)
    if until > work.today + timedelta(days=LONGEST_DAYS):
        raise DomainError("limit.too_long", on=until)
    base, currency = customer.credit_limit_minor, currency_of(work, customer)
    if base is None:
        raise DomainError("limit.no_base")
    if amount_minor is None:
        raise DomainError("limit.none_until", amount=Money(base, currency), on=until)
    if amount_minor <= base:
        raise DomainError("limit.not_above", amount=Money(base, currency))
    return base, amount_minor


def check_raises(work: Work, customer: Customer, amount_minor: int, start: date) -> int:
    """What counts on `start`, minor units of the limit's currency. Whoever is asked for a raise doesn't lower by it what
    others have granted. Errors: limit.more_already(amount: Money, on): so much counts, through `on`."""
    currency = currency_of(work, customer)
    counting = [line for line in _running(work, customer) if _counts(line, currency, start)]
    granted = (customer.credit_limit_minor or 0) + sum(line.amount_minor for line in counting)
    if counting and amount_minor < granted:
        raise DomainError("limit.more_already", amount=Money(granted, currency), on=min(_last(line) for line in counting))
    return granted


def _temporary(
    work: Work, customer: Customer, amount_minor: int | None, start: date, until: date, reason: str,
    proposal_id: int | None = None,
) -> None:  # fmt: skip
    base, amount_minor = check_temporary(work, customer, amount_minor, start, until, reason)
    if proposal_id is not None:
        check_raises(work, customer, amount_minor, start)
    currency = currency_of(work, customer)
    before = base + _make_room(work, customer, currency, start, until)
    work.session.flush()  # one runs at a time: the old one ends before the new one is written
    work.session.add(CreditLine(
        customer_id=customer.id or 0, amount_minor=amount_minor - base, currency=currency, from_on=start, until=until,
        reason=reason, made_by_id=work.person_id,
        ended_on=until + timedelta(days=1) if start > work.today else None,  # beside the one that runs until then
    ))  # fmt: skip
    work.audit(
        "limit.raised", "customer", customer.id, customer.id, before_minor=before, after_minor=amount_minor,
        currency=currency, until=until.isoformat(), reason=reason,
        **({"from": start.isoformat()} if start > work.today else {}), **({"proposal": proposal_id} if proposal_id else {}),
    )  # fmt: skip


def _make_room(work: Work, customer: Customer, currency: str, start: date, until: date) -> int:
    """Ends what would run beside the new one, no sooner than that begins; what of it counts on that day. What an approval
    granted for longer counts again afterwards."""
    counts = 0
    for line in _running(work, customer):
        if line.from_on > until and line.ended_on is not None:  # another one, prepared for later
            continue
        last = _last(line)
        if last < start and line.ended_on is not None:
            continue
        if _counts(line, currency, start):
            counts += line.amount_minor
        if line.request_id is not None and last > until:
            work.session.add(_afterwards(line, until + timedelta(days=1), last))
        line.ended_on = min(max(start, line.from_on), last + timedelta(days=1)) if last >= work.today else work.today
    return counts


def _last(line: CreditLine) -> date:
    """The day through which it counts."""
    return min(line.until, line.ended_on - timedelta(days=1)) if line.ended_on is not None else line.until


def _counts(line: CreditLine, currency: str, day: date) -> bool:
    return line.currency == currency and line.from_on <= day <= _last(line)


def _afterwards(line: CreditLine, start: date, last: date) -> CreditLine:
    return CreditLine(
        customer_id=line.customer_id, amount_minor=line.amount_minor, currency=line.currency, from_on=start,
        until=line.until, ended_on=last + timedelta(days=1), reason=line.reason, made_by_id=line.made_by_id,
        request_id=line.request_id,
    )  # fmt: skip


def _running(work: Work, customer: Customer) -> list[CreditLine]:
    runs = or_(L.c.ended_on.is_(None), L.c.ended_on > work.today)  # an approval's: it ends by itself
    query = select(CreditLine).where(L.c.customer_id == customer.id, L.c.kind == "temporary", runs)
    return list(work.session.execute(query.execution_options(populate_existing=True)).scalars())
