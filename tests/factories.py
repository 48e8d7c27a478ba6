"""Small sample rows for tests: `customer(work, "C1", "甲公司", owner=li)`. Amounts in major units, as text."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, SQLModel, func, select

from core.ledger import post
from core.models import CreditNote, Customer, Person, Receipt, Receivable
from core.money import parse_major
from core.time import Calendar
from core.work import Company, Profile, Work

T = TypeVar("T", bound=SQLModel)

DAY = date(2026, 7, 1)  # a Wednesday, a working day everywhere
PROFILE = Profile(name="示例有限公司", name_en="Sample Ltd", bank_account="6222 0000 1111", signature="财务部")


@cache
def shanghai() -> Calendar:
    return Calendar(ZoneInfo("Asia/Shanghai"), "CN")


def morning(day: date = DAY, hour: int = 9) -> datetime:
    """09:00 in Shanghai on that day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=shanghai().zone).astimezone(UTC)


def make_company(**changes: Any) -> Company:
    return Company(**({"calendar": shanghai(), "profile": PROFILE} | changes))


def make_work(
    session: Session, now: datetime | date | None = None, company: Company | None = None, actor: str = "system", **more: Any
) -> Work:
    """A Work at an instant, or at 09:00 of a date (default: DAY)."""
    if not isinstance(now, datetime):
        now = morning(now or DAY)
    return Work(session, company or make_company(), now, actor=actor, **more)


def person(
    work: Work,
    handle: str,
    roles: str | list[str] = "rep",
    manager: Person | None = None,
    name: str = "",
    **more: Any,
) -> Person:
    """`roles` as in the people file: one or several, with `;` between them."""
    listed = roles.split(";") if isinstance(roles, str) else roles
    above = manager.id if manager else None
    return _saved(work, Person(handle=handle, name=name or handle, roles=[r for r in listed if r], manager_id=above, **more))


def customer(work: Work, code: str, name: str = "", owner: Person | None = None, **more: Any) -> Customer:
    return _saved(work, Customer(code=code, name=name or code, owner_id=owner.id if owner else None, **more))


def receivable(
    work: Work,
    number: str,
    customer: Customer,
    amount: str = "120000.00",
    due: date | None = DAY,
    issued: date | None = None,
    currency: str = "CNY",
    owner: Person | None = None,
    **more: Any,
) -> Receivable:
    """An invoice, issued 30 days before it is due (undated: on the day of `work`) unless said otherwise."""
    row = {
        "number": number,
        "customer_id": customer.id,
        "amount_minor": parse_major(amount, currency),
        "currency": currency,
        "due_on": due,
        "issued_on": issued or (due - timedelta(days=30) if due else work.today),
        "owner_id": owner.id if owner else None,
    }
    return _got(work, Receivable, post.new_receivables(work, [row | more]))


def receipt(
    work: Work,
    customer: Customer,
    amount: str,
    on: date | None = None,
    number: str = "",
    currency: str = "CNY",
    to: Receivable | None = None,
    **more: Any,
) -> Receipt:
    """Money of `on` (default: the day of `work`), unapplied; with `to`, as much as fits goes to that receivable."""
    row = {
        "number": number or _next(work, "R", Receipt),
        "customer_id": customer.id,
        "received_on": on or work.today,
        "amount_minor": parse_major(amount, currency),
        "currency": currency,
    }
    made = _got(work, Receipt, post.new_receipts(work, [row | more]))
    if to is not None:
        post.allocate(work, made, to)
    return made


def credit_note(
    work: Work,
    customer: Customer,
    amount: str,
    on: date | None = None,
    number: str = "",
    currency: str = "CNY",
    to: Receivable | None = None,
    **more: Any,
) -> CreditNote:
    row = {
        "number": number or _next(work, "CN", CreditNote),
        "customer_id": customer.id,
        "issued_on": on or work.today,
        "amount_minor": parse_major(amount, currency),
        "currency": currency,
    }
    made = _got(work, CreditNote, post.new_credit_notes(work, [row | more]))
    if to is not None:
        post.allocate(work, made, to)
    return made


def _saved(work: Work, made: T) -> T:
    work.session.add(made)
    work.session.flush()
    return made


def _got(work: Work, model: type[T], ids: list[int]) -> T:
    found = work.session.get(model, ids[0])
    assert found is not None
    return found


def _next(work: Work, prefix: str, model: type[SQLModel]) -> str:
    return f"{prefix}{work.session.exec(select(func.count()).select_from(model)).one() + 1:04d}"
