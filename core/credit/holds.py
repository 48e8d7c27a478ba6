"""Holds and blacklisting by people, and their end by somebody else. A ladder's holds end with its steps (core.cases), or
rest until a day by somebody's approval: the row that runs begins after that day, so the ladder sets no other one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import and_, or_, select

from core import chores
from core.credit import events, locks, orders, own_orders, stopped
from core.credit.rules import BLOCKING
from core.dunning.load import load_org
from core.dunning.stored import active
from core.errors import DomainError
from core.models import Customer, Hold, TaskState
from core.models.base import table_of
from core.permissions import EVERYTHING, Scope
from core.work import Work

MANUAL, BLACKLIST, LADDER = "manual", "blacklist", "order"
LONGEST_DAYS = 366  # what is meant for longer is a step that the policy shouldn't have
SAME = ("group_name", "tax_id", "phone", "address")  # what relates two customers
CHECK = "related"  # the chore of looking at the related customers
C, H = table_of(Customer), table_of(Hold)


@dataclass(frozen=True)
class Related:
    """Another customer, and which columns of it say the same."""

    customer_id: int
    code: str
    name: str
    same: tuple[str, ...]


def hold(work: Work, customer_id: int, reason: str, until: date | None = None) -> bool:
    """No new orders without approval, through `until` or until it is lifted. Whether that is news: one that runs may be
    made longer, and is never made shorter in this way.

    Errors: hold.reason, hold.past(on).
    """
    return _set(work, customer_id, MANUAL, reason, until)


def blacklist(work: Work, customer_id: int, reason: str) -> bool:
    """Orders are refused, those that wait for approval as well; released ones that nobody has shipped are told of. Whether
    that is news. Errors: hold.reason."""
    if not _set(work, customer_id, BLACKLIST, reason, None):
        return False
    _have_related_checked(work, customer_id, reason)
    row = _running(work, customer_id, BLACKLIST)
    if row is not None:
        stopped.tell(work, active(work)[1], row)
    return True


def lift(work: Work, customer_id: int, reason: str, until: date | None = None) -> str:
    """The end of a hold that somebody else set; with `until`, a ladder's rests through that day, and counts again after it
    unless it has ended with its steps by then. What became of it: `lifted`, `suspended`, `both`, `ladder_stays` (the one by
    hand is lifted), "" if there is nothing to lift.

    Errors: hold.reason, hold.past(on), hold.too_long(on), hold.own, hold.ladder (no `until`), hold.no_ladder (`until`),
    credit.own_order(number).
    """
    if not reason.strip():
        raise DomainError("hold.reason")
    if until is not None and until < work.today:
        raise DomainError("hold.past", on=until)
    if until is not None and until > work.today + timedelta(days=LONGEST_DAYS):
        raise DomainError("hold.too_long", on=until)
    locks.lock(work, customer_id)
    of_ladder = _of_ladder(work, customer_id)
    if until is not None and not of_ladder:
        if _counts(work, manual(work, customer_id)):
            raise DomainError("hold.no_ladder")
        return ""
    lifted = _end(work, customer_id, MANUAL, reason)
    if until is not None:
        suspended = _suspend(work, customer_id, of_ladder, reason, until)
        return ("both" if suspended else "lifted") if lifted else "suspended" if suspended else ""
    stays = any(row.from_on <= work.today for row in of_ladder)
    if stays and not lifted:
        raise DomainError("hold.ladder")
    return ("ladder_stays" if stays else "lifted") if lifted else ""


def turned(work: Work, since: date) -> list[int]:
    """Customers with a hold that began again, or was over, by its date alone after `since`: nobody wrote a row. One
    statement."""
    again = and_(H.c.from_on > since, H.c.from_on <= work.today)
    over = and_(H.c.until >= since, H.c.until < work.today)
    query = select(H.c.customer_id).where(H.c.ended_on.is_(None), H.c.kind.in_(BLOCKING), or_(again, over))
    return list(work.session.execute(query.distinct().order_by(H.c.customer_id)).scalars())


def _of_ladder(work: Work, customer_id: int) -> list[Hold]:
    """By currency: those that run, and those that rest."""
    query = select(Hold).where(H.c.customer_id == customer_id, H.c.kind == LADDER, H.c.ended_on.is_(None))
    fresh = query.order_by(H.c.currency).execution_options(populate_existing=True)
    return list(work.session.execute(fresh).scalars())


def _suspend(work: Work, customer_id: int, rows: Sequence[Hold], reason: str, until: date) -> bool:
    again = until + timedelta(days=1)
    moved = [row for row in rows if row.from_on != again]
    if not moved:
        return False
    own_orders.refuse(work, [customer_id])
    was = [{"currency": row.currency, "step": row.step, "since": row.from_on.isoformat()} for row in moved]
    for row in moved:
        if row.from_on > work.today:  # it rests already, for longer or shorter
            row.from_on = again
            continue
        row.ended_on, row.ended_by = work.today, work.actor
        work.session.flush()  # one runs at a time
        work.session.add(Hold(
            customer_id=customer_id, currency=row.currency, kind=LADDER, case_id=row.case_id, step=row.step,
            offset_days=row.offset_days, reason=row.reason, from_on=again,
        ))  # fmt: skip
    work.audit(
        "hold.ladder_suspended", "customer", customer_id, customer_id, reason=reason, until=until.isoformat(), was=was
    )
    events.customers_changed(work, [customer_id])
    _check_orders(work, customer_id)
    return True


def unblacklist(work: Work, customer_id: int, reason: str) -> bool:
    """Off the blacklist that somebody else put it on. Whether it stood there. Errors: hold.reason, hold.own,
    credit.own_order(number)."""
    if not _end(work, customer_id, BLACKLIST, reason):
        return False
    chores.close(work, CHECK, customer_id, TaskState.answered)
    return True


def related(work: Work, customer_id: int, scope: Scope = EVERYTHING) -> list[Related]:
    """Customers in `scope` of the same group, tax number, phone or address, by code."""
    mine = work.session.get_one(Customer, customer_id)
    known = {name: value for name in SAME if (value := getattr(mine, name).strip())}
    if not known:
        return []
    query = (
        select(C.c.id, C.c.code, C.c.name, *(C.c[name] for name in known))
        .where(C.c.id != customer_id, or_(*(C.c[name] == value for name, value in known.items())), scope.customers())
        .order_by(C.c.code)
    )
    return [
        Related(row.id, row.code, row.name, tuple(name for name, value in known.items() if getattr(row, name) == value))
        for row in work.session.execute(query)
    ]


def _have_related_checked(work: Work, customer_id: int, reason: str) -> None:
    """Whoever the policy names looks at the related customers, where there are any: one task, once (R045)."""
    policy = active(work)[1]
    role = policy.credit.check_related
    if not role or not related(work, customer_id) or chores.who_has(work, [customer_id], [CHECK])[CHECK]:
        return
    region = work.session.get_one(Customer, customer_id).region
    people = chores.holders(load_org(work), role, region)[:1]
    data = {"kind": "blacklist", "reason": reason, "by": work.actor}
    chores.open_chore(work, policy, CHECK, people, customer_id=customer_id, data=data, severity="severe")


def _set(work: Work, customer_id: int, kind: str, reason: str, until: date | None) -> bool:
    if not reason.strip():
        raise DomainError("hold.reason")
    if until is not None and until < work.today:
        raise DomainError("hold.past", on=until)
    locks.lock(work, customer_id)
    old = _running(work, customer_id, kind)
    if old is not None:
        counts = old.until is None or old.until >= work.today
        if counts and (old.until is None or (until is not None and until <= old.until)):
            return False
        old.ended_on, old.ended_by = work.today, work.actor
        work.session.flush()  # one runs at a time: the old one ends before the new one is written
    work.session.add(Hold(
        customer_id=customer_id, currency="", kind=kind, reason=reason, from_on=work.today, until=until,
        made_by_id=work.person_id,
    ))  # fmt: skip
    work.audit(
        f"hold.{kind}", "customer", customer_id, customer_id, reason=reason, until=until.isoformat() if until else None
    )
    events.customers_changed(work, [customer_id])
    _check_orders(work, customer_id)
    return True


def _end(work: Work, customer_id: int, kind: str, reason: str) -> bool:
    if not reason.strip():
        raise DomainError("hold.reason")
    locks.lock(work, customer_id)
    old = _running(work, customer_id, kind)
    if old is None or not _counts(work, old):
        return False
    if old.made_by_id is not None and old.made_by_id == work.person_id:
        raise DomainError("hold.own")
    own_orders.refuse(work, [customer_id])
    old.ended_on, old.ended_by = work.today, work.actor
    work.audit(
        f"hold.{kind}_ended", "customer", customer_id, customer_id,
        reason=reason, was=old.reason, since=old.from_on.isoformat(),
    )  # fmt: skip
    events.customers_changed(work, [customer_id])
    _check_orders(work, customer_id)
    return True


def _counts(work: Work, row: Hold | None) -> bool:
    return row is not None and (row.until is None or row.until >= work.today)


def manual(work: Work, customer_id: int) -> Hold | None:
    """The hold by hand that runs."""
    return _running(work, customer_id, MANUAL)


def _running(work: Work, customer_id: int, kind: str) -> Hold | None:
    """The one that nobody has ended, whether its last day is over or not."""
    query = select(Hold).where(H.c.customer_id == customer_id, H.c.kind == kind, H.c.currency == "", H.c.ended_on.is_(None))
    fresh = query.execution_options(populate_existing=True)  # what was read before the lock may be outdated
    found: Hold | None = work.session.execute(fresh).scalar_one_or_none()
    return found


def _check_orders(work: Work, customer_id: int) -> None:
    work.session.flush()
    orders.check_customer(work, active(work)[1], customer_id)
