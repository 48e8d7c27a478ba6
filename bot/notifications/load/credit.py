"""Credit: the question to an approver, and what the rep and finance hear of an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from bot.notifications.load.facts import About, Cancel, Facts, Loaded, Message, phrase
from bot.notifications.views import CreditView, OrderView, Phrase
from bot.notifications.views.ratings import letter_of
from core.credit import requests
from core.credit.rules import BLOCKING
from core.models import CreditRequest, Order, OrderState, RequestState
from core.money import Money


def request(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """To whoever may release the order: on the figures that a tap is compared with."""
    session = facts.work.session
    row = session.get_one(CreditRequest, message.subject_id)
    order = session.get_one(Order, row.order_id)
    ended = _ended(facts, row)
    if ended is None and message.person_id not in row.rungs[row.rung]["people"]:
        ended = phrase("ended.approved") if _voted_before(row, message.person_id) else phrase("ended.resolved")
    if ended is not None and not message.for_update:
        return Cancel(str(row.state))
    about, shown = facts.about(row.customer_id), row.facts
    currency, limit, over = shown["currency"], shown["limit_minor"], shown["over_minor"]
    promise = max(about.promises, key=lambda p: p.id or 0, default=None)
    view = CreditView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        rating=letter_of(shown["rating"]),
        order=order.number,
        amount=Money(order.amount_minor, order.currency),
        prepaid=Money(order.prepaid_minor, order.currency) if order.prepaid_minor else None,
        limit=None if limit is None else Money(limit, currency),
        used=Money(shown["used_minor"], currency),
        available=None if limit is None else Money(limit - shown["used_minor"], currency),
        over=Money(over, currency) if over else None,
        share_over=over * 100 // limit if over and limit else 0,
        overdue=tuple(Money(minor, code) for code, minor in shown["overdue_minor"].items()),
        days=shown["overdue_days"],
        promise_on=promise.due_on if promise is not None else None,
        promise_amount=Money(promise.amount_minor, promise.currency) if promise is not None else None,
        not_kept=about.not_kept,
        holds=tuple(kind for kind in BLOCKING if kind in shown["holds"]),
        reasons=_reasons(shown["reasons"]),
        by=facts.name(row.asked_by_id),
        note=order.note,
        expires_at=facts.local(row.expires_at, message.person_id) if ended is None else None,
        changed=row.rev > 1,
        rung=row.rung + 1,
        of_rungs=len(row.rungs),
        ended=ended,
    )
    return Loaded(
        kind="credit.request", view=view, customer_code=about.code, severity="severe", over=ended is not None,
        shows={"rev": row.rev},
    )  # fmt: skip


def _voted_before(row: CreditRequest, person_id: int | None) -> bool:
    return any(person_id in rung["people"] for rung in row.rungs[: row.rung])


def _ended(facts: Facts, row: CreditRequest) -> Phrase | None:
    who = facts.name(row.decided_by_id)
    match row.state:
        case RequestState.pending:
            return None
        case RequestState.approved if row.conditions:
            return phrase("ended.approved_with", who=who, **_conditions(row))
        case RequestState.approved:
            return phrase("ended.approved", who=who)
        case RequestState.rejected:
            return phrase("ended.rejected", who=who, text=row.reason)
        case RequestState.expired:
            return phrase("ended.request_expired")
        case RequestState.withdrawn:
            return phrase("ended.withdrawn", who=who)
        case _:
            return phrase("ended.obsolete")


def _conditions(row: CreditRequest) -> dict[str, Any]:
    until = row.conditions.get("until")
    return {"n": int(row.conditions.get("prepay_percent") or 0), "on": date.fromisoformat(until) if until else None}


def _reasons(stored: Iterable[Mapping[str, Any]]) -> tuple[Phrase, ...]:
    """Reasons of a verdict in words; see core.credit.verdict for what each says."""
    found = []
    for reason in stored:
        said: dict[str, Any] = {}
        if "amount" in reason:
            said["amount"] = (Money(*reason["amount"]),)
        if "days" in reason:
            said["n"] = reason["days"]
        text = reason.get("allowed", reason.get("currency", reason.get("role", reason.get("group", ""))))
        said["text"] = "、".join(reason["lines"][:3]) if "lines" in reason else str(text)
        found.append(phrase(f"credit.{reason['code']}", **said))
    return tuple(found)


def order(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """What became of an order, as the message says it; nothing of it changes afterwards but the card of a held one."""
    row = facts.work.session.get_one(Order, message.subject_id)
    asked = requests.latest(facts.work, row.id or 0)
    about = facts.about(row.customer_id)
    if message.kind == "order.held":
        return _held(facts, message, row, asked, about)
    if message.for_update:
        return Cancel("stays")
    state = _outcome(row, asked)
    return _told(facts, message, row, about, state, asked)


def _held(facts: Facts, message: Message, row: Order, asked: CreditRequest | None, about: About) -> Loaded | Cancel:
    if row.state != OrderState.held and not message.for_update:
        return Cancel(str(row.state))
    waits = row.state == OrderState.held and asked is not None and asked.state == RequestState.pending
    ended = None if waits else _ended(facts, asked) if asked is not None else phrase("ended.resolved")
    return _told(facts, message, row, about, "held", asked, ended=ended or (None if waits else phrase("ended.resolved")))


def _outcome(row: Order, asked: CreditRequest | None) -> str:
    if row.state != OrderState.held:
        return str(row.state)
    if asked is not None and asked.state == RequestState.approved:
        return "conditions"
    return "expired" if asked is not None and asked.state == RequestState.expired else "held"


def _told(
    facts: Facts, message: Message, row: Order, about: About, state: str, asked: CreditRequest | None,
    *, ended: Phrase | None = None,
) -> Loaded:  # fmt: skip
    over = row.facts.get("over_minor", 0)
    pending = asked is not None and asked.state == RequestState.pending
    people = asked.rungs[asked.rung]["people"] if asked is not None and pending else ()
    decided = asked is not None and asked.decided_by_id is not None
    view = OrderView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        order=row.number,
        amount=Money(row.amount_minor, row.currency),
        state=state,
        prepaid=Money(row.prepaid_minor, row.currency) if row.prepaid_minor else None,
        over=Money(over, asked.facts["currency"]) if over and asked is not None else None,
        reasons=_reasons(row.reasons),
        asked=tuple(facts.name(person) for person in people),
        until=facts.local(asked.expires_at, message.person_id) if asked is not None and pending else None,
        by=facts.name(asked.decided_by_id) if asked is not None and decided else "",
        why=asked.reason if asked is not None and decided else "",
        conditions=phrase("credit.conditions", **_conditions(asked)) if asked is not None and asked.conditions else None,
        note=row.note,
        ended=ended,
    )
    return Loaded(
        kind=message.kind, view=view, customer_code=about.code, severity="overdue",
        over=ended is not None or message.kind == "order.decided",
    )  # fmt: skip
