"""Proposals for limits; and why a rating is what it is, in a phrase."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import select

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, phrase
from bot.notifications.views import Phrase, ProposalMonth, ProposalView
from bot.notifications.views.ratings import letter_of
from core.credit.exposure import standing
from core.credit.inputs import inputs
from core.credit.rating import rate
from core.dunning.stored import active
from core.models import Customer, LimitProposal, Rating
from core.models.base import table_of
from core.money import Money

T = table_of(Rating)
_WHY = {
    "broken_promises": "rating.broken_promises", "overdue": "rating.overdue", "on_time": "rating.lifted",
}  # fmt: skip


def proposal(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """To whoever may agree."""
    work = facts.work
    row = work.session.get_one(LimitProposal, message.subject_id)
    ended = _ended(facts, row)
    if ended is not None and not message.for_update:
        return Cancel(str(row.state))
    about, customer = facts.about(row.customer_id), work.session.get_one(Customer, row.customer_id)
    raises = row.kind == "raise"
    used = standing(work, row.customer_id).used_minor(facts.policy.credit, work.company.currency) if ended is None else None

    def money(minor: int) -> Money:
        return Money(minor, row.currency)

    view = ProposalView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        raises=raises,
        before=money(row.facts.get("granted_minor", row.before_minor)),
        after=money(row.after_minor),
        percent=f"{(Decimal(row.facts['share']) * 100).normalize():f}%" if "share" in row.facts else "",
        asked_by=facts.name(row.facts.get("asked_by")),
        reason=row.facts.get("reason", ""),
        starts=_day(row, "from"),
        lasts=_day(row, "until"),
        owner=facts.name(customer.owner_id),
        rating=letter_of(customer.rating),
        rated_before=letter_of(row.facts.get("before", "")),
        why=None if raises else rating_why(facts, row.customer_id, customer.rating),
        used=None if used is None else money(used),
        months=tuple(
            ProposalMonth(year=first.year, number=first.month, due=money(due), received=money(received))
            for first, due, received in _months(row)
        ),
        until=row.expires_on,
        ended=ended,
    )
    return Loaded(kind=message.kind, view=view, customer_code=about.code, over=ended is not None)


def _day(row: LimitProposal, name: str) -> date | None:
    said = row.facts.get(name)
    return date.fromisoformat(said) if said else None


def _months(row: LimitProposal) -> list[tuple[date, int, int]]:
    return [(date.fromisoformat(first), due, received) for first, due, received in row.facts.get("months", ())]


def _ended(facts: Facts, row: LimitProposal) -> Phrase | None:
    who = facts.name(row.decided_by_id)
    match row.state:
        case "pending" if row.expires_on >= facts.today:
            return None
        case "approved":
            return phrase("ended.agreed", who=who, amount=(Money(row.after_minor, row.currency),))
        case "rejected":
            return phrase("ended.declined", who=who, text=row.reason)
        case "obsolete":
            return phrase("ended.proposal_obsolete")
        case _:
            return phrase("ended.expired")


def rating_why(facts: Facts, customer_id: int, value: str) -> Phrase | None:
    """What makes the rating: with the figures of today, as /rating has them, while they say the same letter; else with those
    of the version that says it. None where nothing but the letter is known."""
    query = select(T.c.value, T.c.source, T.c.inputs, T.c.reason).where(T.c.customer_id == customer_id)
    row = facts.work.session.execute(query.order_by(T.c.version.desc()).limit(1)).first()
    if row is None or row.value != value:
        return None
    if row.source == "override":
        return phrase("rating.by_hand", text=row.reason)
    parts = row.inputs.get("parts") or ()
    if not parts:
        return None
    rules = active(facts.work)[1].credit.rating
    today = rate(inputs(facts.work, [customer_id], rules.window_months, rules.imported)[customer_id], rules)
    code, figure = parts[-1]["code"], Decimal(parts[-1]["is_"])
    if today.value == value:
        code, figure = today.parts[-1].code, Decimal(today.parts[-1].is_)
    if code == "score":
        return phrase("rating.score", text=str(figure))
    if code == "average_days_late":
        return phrase("rating.average_late", text=str(figure)) if figure else phrase("rating.on_time")
    return phrase(_WHY[code], n=round(figure)) if code in _WHY else None
