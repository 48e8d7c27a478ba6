"""/deviation [n]: limits that are off what the model says, the farthest first."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.notifications.views import DeviationLine, DeviationTotal, DeviationView
from bot.notifications.views.ratings import letter_of
from core.credit.deviation import Deviation, Report, Total, report
from core.dunning.stored import active
from core.money import Money, format_major
from core.permissions import may
from core.work import Work

SHOWN, MOST = 10, 200


def deviation(ask: Ask) -> CommandReply:
    if not may("deviation.see", ask.person.roles):
        return ask.error("action.not_allowed", "not_allowed", action="deviation.see")
    most, typed = SHOWN, "".join(ask.typed.words)
    if typed:
        if not (typed.isdecimal() and typed.isascii() and len(typed) < 7 and int(typed)):
            return ask.error("command.rest", value=" ".join(ask.typed.words), usage=ask.usage)
        most = min(int(typed), MOST)
    found = report(ask.work, active(ask.work)[1].credit, ask.scope)
    view = DeviationView(
        today=ask.work.today, allowed=_percent(found.allowed, signed=False), months=found.window_months,
        off=len(found.off), compared=found.compared, without_limit=found.without_limit, without_model=found.without_model,
        too_new=found.too_new,
        customers=tuple(
            DeviationLine(
                code=one.code, name=one.name, owner=one.owner, rating=letter_of(one.rating),
                granted=Money(one.granted_minor, one.currency), model=Money(one.model_minor, one.currency),
                share=_percent(one.share),
            )
            for one in found.off[:most]
        ),
        totals=tuple(
            DeviationTotal(
                granted=Money(one.granted_minor, one.currency), model=Money(one.model_minor, one.currency),
                share=_percent(one.share), customers=one.customers,
            )
            for one in found.totals
        ),
    )  # fmt: skip
    return CommandReply(kind="reply.deviation", view=view, json=as_json(ask.work, found, most))


def as_json(work: Work, found: Report, most: int | None = None) -> dict[str, Any]:
    """For programs: `most` of the customers, all without it."""
    return {
        "as_of": work.today.isoformat(), "window_months": found.window_months, "allowed": str(found.allowed),
        "compared": found.compared, "off": len(found.off), "without_limit": found.without_limit,
        "without_model": found.without_model, "too_new": found.too_new,
        "customers": [_row(one) for one in found.off[:most]],
        "totals": [_total(one) for one in found.totals],
    }  # fmt: skip


def _row(one: Deviation) -> dict[str, Any]:
    return {
        "code": one.code, "name": one.name, "owner": one.owner, "rating": one.rating or None, "currency": one.currency,
        "granted": format_major(one.granted_minor, one.currency), "limit_source": one.source,
        "model": format_major(one.model_minor, one.currency), "monthly": format_major(one.monthly_minor, one.currency),
        "deviation": None if one.share is None else str(one.share),
    }  # fmt: skip


def _total(one: Total) -> dict[str, Any]:
    return {
        "currency": one.currency, "customers": one.customers, "granted": format_major(one.granted_minor, one.currency),
        "model": format_major(one.model_minor, one.currency),
        "deviation": None if one.share is None else str(one.share),
    }  # fmt: skip


def _percent(share: Decimal | None, *, signed: bool = True) -> str:
    """To one decimal, without a nought at the end; "" for None."""
    if share is None:
        return ""
    found = (share * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    shown = found.to_integral_value() if found == found.to_integral_value() else found
    return f"{shown:+f}%" if signed and shown else f"{shown:f}%"
