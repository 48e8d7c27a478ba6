"""/rating 客户: a customer's rating and what it goes by; with a rating behind the name, it is set by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select

from bot.commands import rating_list
from bot.commands.collection import missing
from bot.commands.credit import lines_of
from bot.commands.parser import Ask, Named, named, pick
from bot.commands.periods import in_quotes, said_again, take_period
from bot.commands.rating_list import behind_json, item_json, worst
from bot.commands.reply import CommandReply
from bot.commands.write import change, joined
from bot.notifications.views.ratings import BehindLine, RatingPart, RatingRow, RatingView, ScoreLine, letter_of
from core.credit import risks
from core.credit.behind import Behind, behind
from core.credit.inputs import Inputs
from core.credit.profile import Count, Profile, profile
from core.credit.rating import Explained, explain
from core.credit.rules import RATINGS, RatingRules
from core.dunning.stored import active
from core.errors import DomainError
from core.models import Customer, Person
from core.models.base import table_of
from core.models.credit import Rating
from core.money import Money, format_major
from core.permissions import Relation, may

NEWEST = 3  # promises, disputes and credit notes of each kind that are told
T, P = table_of(Rating), table_of(Person)


def rating(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    what = rating_list.asked(name.rest)
    if name.rest and not what:
        return _set(ask, name)
    if len(name.customers) > 1:
        return pick(ask, name, " ".join(name.rest))
    customer = name.one
    if not ask.scope.whole(customer.owner_id, customer.region, customer.id):  # they see single receivables of it
        return ask.error("action.not_allowed", "not_allowed")
    assert customer.id is not None
    if what:
        return rating_list.listed(ask, name, what)
    policy = active(ask.work)[1]
    found, rules = explain(ask.work, policy, customer.id), policy.credit.rating
    rows = behind(ask.work, found.inputs)
    buys, own = profile(ask.work, found.inputs, found.items), found.inputs.currency
    by, reported = _set_by(ask, found), risks.latest(ask.work, customer.id, found.inputs.since)
    return CommandReply(
        kind="reply.rating",
        view=replace(_view(ask, customer, found, rules, by), risks=lines_of(reported), **_lines(rows), **_habits(buys, own)),
        json=_json(customer, found, rules, by) | _told(rows) | {
            "profile": _profile(buys, own),
            "risk_events": [risks.as_json(row) for row in reported],
        },
        customer_id=customer.id, facts={"customer": customer.name, "code": customer.code},
    )  # fmt: skip


def _set(ask: Ask, name: Named) -> CommandReply:
    if not may("rating.set", ask.person.roles, Relation.none):
        return ask.error("action.not_allowed", "not_allowed", action="rating.set")
    value = name.rest[0].upper()
    if value not in RATINGS:
        raise DomainError("rating.unknown_value", value=name.rest[0], values=", ".join(RATINGS))
    found = take_period(" ".join(name.rest[1:]), ask.work.today, quoted=ask.typed.in_quotes)
    if found.until is None:
        return missing(ask, name.rest[1:], "date.unknown")
    if found.start is not None and found.start > ask.work.today:
        return ask.error("period.no_start", value=found.start)
    if not found.rest:
        raise DomainError("rating.no_reason")
    given = {"rating": value, "until": found.until.isoformat(), "reason": found.rest}
    return change(ask, name, "rating.set", given, joined(value, said_again(given), in_quotes(found.rest)))


def _set_by(ask: Ask, found: Explained) -> Person | None:
    query = select(Person).join(Rating, T.c.made_by_id == P.c.id)
    person: Person | None = ask.work.session.execute(
        query.where(T.c.customer_id == found.customer_id, T.c.version == found.version)
    ).scalar()
    return person


def _view(ask: Ask, customer: Customer, found: Explained, rules: RatingRules, by: Person | None) -> RatingView:
    of = found.inputs

    def money(minor: int) -> Money:
        return Money(minor, of.currency)

    return RatingView(
        today=ask.work.today, code=customer.code, name=customer.name, letter=letter_of(found.value), source=found.source,
        on=found.from_on, until=found.until, reason=found.reason, by=by.name if by is not None else "",
        computed=letter_of(found.rated.value), months=rules.window_months,
        parts=tuple(
            RatingPart(code=part.code, value=part.value, figure=part.is_, limit=part.limit) for part in found.rated.parts
        ),
        paid=of.paid.rows, min_paid=rules.min_paid, paid_amount=money(of.paid.minor), average=_days(of.average_days_late),
        cuts=" · ".join(f"{letter} ≤ {rules.cuts_days[letter]}" for letter in RATINGS if letter in rules.cuts_days),
        late_share=_percent(of.late_share), longest=of.max_late_days, times_overdue=of.times_overdue,
        overdue=money(of.overdue.minor) if of.overdue.minor else None, overdue_days=of.overdue_days,
        overdue_limit=rules.overdue_days_d, broken=of.broken_promises, broken_limit=rules.broken_promises_d,
        disputes=of.open_disputes, volume=money(of.invoiced_minor), trend=_signed(of.trend_days), known=of.months_known,
        promises=f"{of.promises_kept}/{of.promises_judged}" if of.promises_judged else "",
        returned=money(of.returned_minor) if of.returned_minor else None,
        usage=_percent(Decimal(of.open_minor) / of.limit_minor) if of.limit_minor else "",
        score=str(found.score.value) if found.score is not None else "",
        score_cuts=" · ".join(f"{letter} ≥ {cut}" for letter, cut in rules.score_cuts.items()),
        score_decides=rules.method == "score", scored=_scored(found),
        run=of.on_time_run, run_needed=rules.lift_after_on_time,
        rows=tuple(
            RatingRow(number=item.number, due=item.due_on, amount=Money(item.amount_minor, item.currency),
                      days_late=item.days_late, paid=item.paid_on)
            for item in worst(found.items)
        ),
    )  # fmt: skip


_KINDS = {"promise": "judged_promises", "dispute": "raised_disputes", "credit_note": "credit_notes"}


def _lines(rows: Sequence[Behind]) -> dict[str, Any]:
    return {
        name: tuple(BehindLine(on=row.on, amount=row.amount, said=row.said) for row in rows if row.kind == kind)[:NEWEST]
        for kind, name in _KINDS.items()
    }


def _told(rows: Sequence[Behind]) -> dict[str, Any]:
    """All of them."""
    return {f"{kind}s": [behind_json(row) for row in rows if row.kind == kind] for kind in _KINDS}


def _habits(buys: Profile, currency: str) -> dict[str, Any]:
    def average(of: Count) -> Money | None:
        return None if of.average_minor is None else Money(of.average_minor, currency)

    return {
        "bought": str(buys.receivables.per_month) if buys.receivables.rows else "",
        "average_receivable": average(buys.receivables),
        "ordered": str(buys.orders.per_month) if buys.orders.rows else "", "average_order": average(buys.orders),
        "payment_days": _days(buys.payment_days),
    }  # fmt: skip


def _profile(buys: Profile, currency: str) -> dict[str, Any]:
    def told(of: Count) -> dict[str, Any]:
        average = of.average_minor
        return {
            "count": of.rows, "amount": format_major(of.minor, currency), "per_month": str(of.per_month),
            "average": None if average is None else format_major(average, currency),
        }  # fmt: skip

    return {
        "currency": currency, "receivables": told(buys.receivables), "orders": told(buys.orders),
        "payment_days": _days(buys.payment_days) or None,
    }  # fmt: skip


def _scored(found: Explained) -> tuple[ScoreLine, ...]:
    parts = found.score.parts if found.score is not None else ()
    return tuple(
        ScoreLine(
            name=part.name, weight=part.weight, figure="" if part.figure is None else f"{part.figure:f}",
            points="" if part.points is None else str(part.points), source=part.source, as_of=part.as_of,
        )
        for part in sorted(parts, key=lambda part: -part.weight)
    )  # fmt: skip


def _days(value: Decimal | None) -> str:
    return "" if value is None else str(value)


def _signed(value: Decimal | None) -> str:
    return "" if value is None else f"{value:+}" if value else "0"


def _percent(share: Decimal | None) -> str:
    return "" if share is None else f"{(share * 100).quantize(Decimal(1), ROUND_HALF_UP)}%"


def _json(customer: Customer, found: Explained, rules: RatingRules, by: Person | None) -> dict[str, Any]:
    """`rating` is "new" for who has too little history, None for who was never rated."""
    rows = worst(found.items)

    def iso(day: date | None) -> str | None:
        return day.isoformat() if day is not None else None

    return {
        "customer": {"code": customer.code, "name": customer.name},
        "rating": found.value or None, "source": found.source or None, "version": found.version,
        "since": iso(found.from_on), "until": iso(found.until), "reason": found.reason,
        "by": by.handle if by is not None else None,
        "computed": found.rated.value, "current": found.current,
        "parts": [
            {"code": part.code, "rating": part.value, "is": part.is_, "limit": part.limit} for part in found.rated.parts
        ],
        "inputs": _inputs(found.inputs),
        "score": found.score and found.score.json() | {"decides": rules.method == "score"},
        "limits": {
            "window_months": rules.window_months, "min_paid": rules.min_paid, "cuts_days": dict(rules.cuts_days),
            "broken_promises_d": rules.broken_promises_d, "overdue_days_d": rules.overdue_days_d,
            "lift_after_on_time": rules.lift_after_on_time, "method": rules.method, "score_cuts": dict(rules.score_cuts),
        },
        "receivables": [item_json(item) for item in rows],
    }  # fmt: skip


def _inputs(of: Inputs) -> dict[str, Any]:
    """As a version keeps them, amounts in major units of `currency`."""
    told = {key: value for key, value in of.as_json().items() if not isinstance(value, list)}
    return told | {
        "currency": of.currency, "paid_amount": format_major(of.paid.minor, of.currency),
        "overdue_amount": format_major(of.overdue.minor, of.currency),
        "volume": format_major(of.invoiced_minor, of.currency), "returned": format_major(of.returned_minor, of.currency),
        "open_amount": format_major(of.open_minor, of.currency),
        "limit": None if of.limit_minor is None else format_major(of.limit_minor, of.currency),
    }  # fmt: skip


