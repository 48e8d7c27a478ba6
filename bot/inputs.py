"""What people fill in, as the core reads it."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import select

from bot.commands.amounts import parse_amount
from bot.commands.dates import parse_date
from core.actions import Outcome, Result
from core.models import Delivery, Receivable
from core.models.base import table_of
from core.money import format_major
from core.work import Work

DATES = {"date", "paid_on", "again_on", "until"}
R = table_of(Receivable)


def canonical(work: Work, given: Mapping[str, str], delivery: Delivery) -> dict[str, str]:
    """What people write -> ISO dates, major units. `delivery`: the card that asked. Errors: date.*, amount.*"""
    found: dict[str, str] = {}
    currency = given.get("currency", "").strip().upper()
    for name, value in given.items():
        text = str(value).strip()
        if not text:
            continue
        if name in DATES:
            found[name] = _date(work, text, future=name != "paid_on").isoformat()
        elif name == "amount":
            minor, said = parse_amount(text, currency or _currency(work, delivery))
            unit = said or currency or _currency(work, delivery)
            found["amount"] = format_major(minor, unit)
            if said:
                found["currency"] = said
        else:
            found[name] = text
    return found


def _date(work: Work, text: str, *, future: bool) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return parse_date(text, work.today, future=future)


def _currency(work: Work, delivery: Delivery) -> str:
    """That of all the customer owes, else the company's."""
    query = select(R.c.currency).where(R.c.customer_id == delivery.customer_id, R.c.open_minor > 0).distinct().limit(2)
    found = work.session.execute(query).scalars().all()
    return found[0] if len(found) == 1 else work.company.currency


def about_which(outcome: Outcome, given: Mapping[str, str]) -> str:
    """The input that an invalid answer is about: a day, an amount, or the only one there is."""
    if outcome.result != Result.invalid:
        return ""
    family = outcome.code.partition(".")[0]
    about = [n for n in given if (n in DATES and family == "date") or n == family]
    named = about or list(given)
    return named[0] if len(named) == 1 else ""
