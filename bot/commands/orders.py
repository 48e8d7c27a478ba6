"""/approvals and /order 编号: what waits for somebody's approval, and what became of one order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.card import Lang
from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.notifications.templates import templates
from bot.notifications.views import ApprovalLine, ApprovalsView, OrderStatusView, OrderStep, Phrase
from bot.notifications.views.credit import in_place_of
from bot.words import sentence
from core.credit import orders, seats
from core.credit.events import reasons
from core.credit.prepayment import Awaited, awaited
from core.credit.progress import NOTHING, Progress, of_order
from core.models import Audit, CreditRequest, CreditVote, Customer, Order, OrderState, Person, RequestState
from core.models.base import table_of
from core.money import Money, format_major, parse_major
from core.permissions import Scope
from core.waiting import Approval, approvals_now
from core.work import Work

Q, V, P, A = (table_of(m) for m in (CreditRequest, CreditVote, Person, Audit))
_BY_ITSELF = {
    RequestState.expired: "ended.request_expired", RequestState.withdrawn: "ended.withdrawn",
    RequestState.obsolete: "ended.obsolete",
}  # fmt: skip


def zone_of(ask: Ask) -> ZoneInfo:
    """The clock that this person reads."""
    return ZoneInfo(ask.person.timezone) if ask.person.timezone else ask.work.company.calendar.zone


_SETTLED = {
    ("order.released", "prepayment"): "order.released_prepaid", ("order.released", "check"): "order.released_check",
    ("order.released", "change"): "order.released_change", ("order.refused", "check"): "order.refused_check",
    ("order.refused", "change"): "order.refused_check",
}  # fmt: skip

# --- approvals ---


def approvals_(ask: Ask) -> CommandReply:
    assert ask.person.id is not None
    rows, zone = approvals_now(ask.work, ask.person.id), zone_of(ask)
    view = ApprovalsView(
        today=ask.work.today,
        person=ask.person.name,
        requests=tuple(
            ApprovalLine(
                item=f"credit:{row.id}", customer=row.customer, order=row.order,
                amount=Money(row.amount_minor, row.currency), since=row.since.astimezone(zone),
                expires=row.until.astimezone(zone),
                over=Money(*row.over) if row.over[0] else None, was=was_over(row), who=row.who, instead_of=row.instead_of,
            )
            for row in rows
        ),
    )  # fmt: skip
    return CommandReply(
        kind="reply.approvals", view=view, json=approvals_json(ask.person.handle, rows, ask.work.company.calendar.zone)
    )


def was_over(row: Approval) -> Money | None:
    """The excess that its card shows, where it is another by now."""
    on_card = row.over_minor, row.limit_currency
    return Money(*on_card) if row.over_minor and row.over != on_card else None


def approvals_json(handle: str, rows: Sequence[Approval], zone: ZoneInfo) -> dict[str, Any]:
    """`over` is in `limit_currency`, and None where the order is held for something else; `over_on_card`: what the card
    shows of it, where that is another."""
    return {
        "person": handle,
        "approvals": [
            {
                "request": row.id, "order": row.order, "customer": row.code, "name": row.customer,
                "amount": format_major(row.amount_minor, row.currency), "currency": row.currency,
                "over": format_major(*row.over) if row.over[0] else None, "limit_currency": row.over[1],
                "over_on_card": format_major(was.minor, was.currency) if (was := was_over(row)) else None,
                "by": row.who or None,
                "since": row.since.astimezone(zone).isoformat(), "expires": row.until.astimezone(zone).isoformat(),
                "rung": row.rung, "of_rungs": row.of_rungs, "for": list(row.instead_of),
            }
            for row in rows
        ],
    }  # fmt: skip


def undecided(ask: Ask) -> CommandReply:
    """What a button says, typed where no card has such a button and no order is named: bot.meant reads the rest."""
    return ask.error("command.usage", usage=ask.usage)


# --- one order ---


@dataclass(frozen=True)
class Found:
    """An order, its customer, and every request about it, oldest first."""

    order: Order
    customer: Customer
    requests: Sequence[CreditRequest]
    done: Progress = NOTHING
    awaited: Awaited | None = None  # prepayment

    @property
    def pending(self) -> CreditRequest | None:
        return next((request for request in self.requests if request.state == RequestState.pending), None)


def order(ask: Ask) -> CommandReply:
    number = " ".join(ask.typed.words)
    if not number:
        return ask.error("command.usage", usage=ask.usage)
    found = _find(ask, number)
    if found is None:
        return ask.error("order.unknown", number=number)
    found = _with_progress(ask.work, found)
    votes = _votes(ask.work, found.requests)
    people = _people(ask.work, found, votes)
    row, pending, zone, done = found.order, found.pending, zone_of(ask), found.done
    asker = people.get(row.asked_by_id or 0)
    view = OrderStatusView(
        today=ask.work.today, number=row.number, customer=found.customer.name, code=found.customer.code,
        amount=Money(row.amount_minor, row.currency), state=state_of(row, found.requests),
        placed=row.placed_at.astimezone(zone), ordered_on=row.ordered_on,
        prepaid=Money(row.prepaid_minor, row.currency) if row.prepaid_minor else None,
        missing=_missing(found), shipped=_part(found, done.shipped_minor), signed=_part(found, done.signed_minor),
        shipped_on=done.shipped_on, signed_on=done.signed_on, invoiced=_part(found, done.invoiced_minor),
        terms=row.terms, at_most=row.conditions.get("terms_days"), by=asker.name if asker is not None else "", note=row.note,
        reasons=reasons_of(row.reasons, ask.lang),
        asked=tuple(people[person].name for person in asked_now(pending) if person in people),
        until=pending.expires_at.astimezone(zone) if pending is not None else None,
        steps=_steps(found.requests, votes, people, zone, ask.lang, _settled(ask.work, row)),
    )  # fmt: skip
    return CommandReply(
        kind="reply.order", view=view, json=_json(ask, found, votes, people), customer_id=found.customer.id,
        facts={"number": row.number}, order_id=row.id,
    )  # fmt: skip


def _find(ask: Ask, number: str) -> Found | None:
    """The order with this number that this person may see. If several sources have it, a held one, else the newest."""
    rows = orders.find(ask.work, number) or orders.find(ask.work, number.upper())
    mine = [_of(ask.work, row) for row in rows if may_see(ask.work, ask.person.id or 0, ask.scope, row)]
    return max(mine, key=lambda found: (found.order.state == OrderState.held, found.order.id), default=None)


def _of(work: Work, row: Order) -> Found:
    customer = work.session.get_one(Customer, row.customer_id)
    return Found(row, customer, requests_of(work, [row.id or 0]).get(row.id or 0, []))


def _with_progress(work: Work, found: Found) -> Found:
    row = found.order
    waiting = (each for each in awaited(work, row.customer_id) if each.order_id == row.id)
    done = of_order(work, row)
    return replace(found, done=done, awaited=next(waiting, None) if row.state == OrderState.held else None)


def _part(found: Found, minor: int) -> Money | None:
    return Money(minor, found.order.currency) if minor else None


def _missing(found: Found) -> Money | None:
    """Of the prepayment that it waits for."""
    return Money(found.awaited.missing_minor, found.awaited.currency) if found.awaited is not None else None


def may_see(work: Work, person_id: int, scope: Scope, row: Order) -> bool:
    """Whoever sees the whole customer, whose order it is, and who was asked about it: they hold its card."""
    customer = work.session.get_one(Customer, row.customer_id)
    if scope.whole(customer.owner_id, customer.region, customer.id) or row.asked_by_id == person_id:
        return True
    asked = requests_of(work, [row.id or 0]).get(row.id or 0, [])
    return any(person_id in seats.may_decide(rung) for r in asked for rung in r.rungs[: r.rung + 1])


def requests_of(work: Work, order_ids: Sequence[int]) -> dict[int, list[CreditRequest]]:
    """By order, oldest first."""
    found: dict[int, list[CreditRequest]] = {}
    query = select(CreditRequest).where(Q.c.order_id.in_(order_ids)).order_by(Q.c.id)
    for request in work.session.execute(query).scalars():
        found.setdefault(request.order_id, []).append(request)
    return found


def asked_now(request: CreditRequest | None) -> list[int]:
    return list(request.rungs[request.rung]["people"]) if request is not None else []


def state_of(row: Order, requests: Sequence[CreditRequest]) -> str:
    """The order's state as a word of [order]: a held one says what it waits for."""
    if row.state != OrderState.held or not requests:
        return str(row.state)
    outcome = {RequestState.approved: "conditions", RequestState.expired: "expired"}
    return outcome.get(RequestState(requests[-1].state), "held")


def reasons_of(stored: Iterable[Mapping[str, Any]], lang: str) -> tuple[Phrase, ...]:
    """The reasons of a verdict as sentences of the catalogue; core.credit.verdict says what each holds."""
    found = []
    for reason in stored:
        text = str(reason.get("allowed", "" if "amount" in reason else reason.get("currency", "")))
        if "group" in reason or "part" in reason:
            text = str(reason.get("group") or reason["part"])
        if "role" in reason:
            text = templates().word(str(reason["role"]), "role", _lang(lang))
        if "lines" in reason:
            text = "、".join(str(item) for item in reason["lines"][:3])
        amount = (_amount(reason),) if "amount" in reason else ()
        code, limit = f"credit.{reason['code']}", _amount(reason, "limit") if "limit" in reason else None
        found.append(Phrase(code=code, amount=amount, limit=limit, n=int(reason.get("days", 0)), text=text))
    return tuple(found)


def _amount(reason: Mapping[str, Any], name: str = "amount") -> Money:
    """As it is kept, or as other systems are told of it."""
    if isinstance(reason[name], str):
        return Money(parse_major(reason[name], reason["currency"]), reason["currency"])
    return Money(*reason[name])


def _lang(lang: str) -> Lang:
    return "zh" if lang == "zh" else "en"


def _votes(work: Work, requests: Sequence[CreditRequest]) -> list[CreditVote]:
    ids = [request.id for request in requests]
    query = select(CreditVote).where(V.c.request_id.in_(ids)).order_by(V.c.at, V.c.person_id)
    return list(work.session.execute(query).scalars())


def _people(work: Work, found: Found, votes: Sequence[CreditVote]) -> dict[int, Person]:
    """Whoever decides, or has decided: who has a vote need not be asked any more."""
    named = {vote.person_id for vote in votes}
    named |= {person for request in found.requests for rung in request.rungs for person in seats.may_decide(rung)}
    named |= {person for request in found.requests if (person := request.decided_by_id) is not None}
    if found.order.asked_by_id is not None:
        named.add(found.order.asked_by_id)
    rows = work.session.execute(select(Person).where(P.c.id.in_(sorted(named)))).scalars()
    return {person.id or 0: person for person in rows}


def _name(people: Mapping[int, Person], person_id: int | None) -> str:
    person = people.get(person_id or 0)
    return person.name if person is not None else ""


def _steps(
    requests: Sequence[CreditRequest], votes: Sequence[CreditVote], people: Mapping[int, Person], zone: ZoneInfo, lang: str,
    settled: Sequence[tuple[datetime, Phrase]],
) -> tuple[OrderStep, ...]:
    of = {request.id: request for request in requests}
    found = [
        OrderStep(
            at=vote.at.astimezone(zone), what=_said(vote, _voter(of[vote.request_id], vote, people, lang)),
            comment=vote.reason if vote.approve else "",
        )
        for vote in votes
    ]
    for request in requests:
        code = _BY_ITSELF.get(RequestState(request.state))
        if code is not None and request.decided_at is not None:
            who = _name(people, request.decided_by_id)
            found.append(OrderStep(at=request.decided_at.astimezone(zone), what=Phrase(code=code, who=who)))
    found += [OrderStep(at=at.astimezone(zone), what=what) for at, what in settled]
    return tuple(sorted(found, key=lambda step: step.at))


def _settled(work: Work, row: Order) -> list[tuple[datetime, Phrase]]:
    """When it was released or refused by something else than a decision, and by what."""
    query = select(A.c.at, A.c.action, A.c.data).where(
        A.c.customer_id == row.customer_id, A.c.subject == "order", A.c.subject_id == row.id,
        A.c.action.in_(("order.released", "order.refused")),
    )  # fmt: skip
    found = []
    for at, action, data in work.session.execute(query.order_by(A.c.at, A.c.id)):
        code = _SETTLED.get((action, str(data.get("by", ""))))
        if code is not None:
            prepay = data.get("conditions", {}).get("prepay_minor")
            amount = (Money(int(prepay), row.currency),) if prepay and data["by"] == "prepayment" else ()
            found.append((at, Phrase(code=code, amount=amount)))
    return found


def _voter(request: CreditRequest, vote: CreditVote, people: Mapping[int, Person], lang: str) -> str:
    """On which level, and with those in whose place they decided, as far as the request still knows: one that began anew
    counts no earlier word."""
    name = _name(people, vote.person_id)
    if vote.request_rev != request.rev or vote.rung >= len(request.rungs):
        return sentence("level.over", {"who": name}, lang)[0]
    whom = seats.acts_for(request.rungs[vote.rung], vote.person_id)
    who = in_place_of(name, [_name(people, seat) for seat in whom], lang)
    if len(request.rungs) == 1:
        return who
    return sentence("level.of", {"rung": vote.rung + 1, "of": len(request.rungs), "who": who}, lang)[0]


def _said(vote: CreditVote, who: str) -> Phrase:
    if not vote.approve:
        return Phrase(code="ended.rejected", who=who, text=vote.reason)
    if not vote.conditions:
        return Phrase(code="ended.approved", who=who)
    until, terms = vote.conditions.get("until"), vote.conditions.get("terms")
    return Phrase(
        code="ended.approved_with", who=who, n=int(vote.conditions.get("prepay_percent") or 0),
        on=date.fromisoformat(until) if until else None, text="" if terms is None else str(terms),
    )  # fmt: skip


def _json(ask: Ask, found: Found, votes: Sequence[CreditVote], people: Mapping[int, Person]) -> dict[str, Any]:
    row, pending, zone = found.order, found.pending, ask.work.company.calendar.zone

    def handle(person_id: int | None) -> str | None:
        person = people.get(person_id or 0)
        return person.handle if person is not None else None

    def at(value: datetime | None) -> str | None:
        return value.astimezone(zone).isoformat() if value is not None else None

    def text(minor: int) -> str:
        return format_major(minor, row.currency)

    return {
        "number": row.number, "source": row.source,
        "customer": {"code": found.customer.code, "name": found.customer.name},
        "amount": format_major(row.amount_minor, row.currency), "currency": row.currency,
        "prepaid": text(row.prepaid_minor), "missing_prepayment": text(found.awaited.missing_minor if found.awaited else 0),
        "shipped": text(found.done.shipped_minor), "signed": text(found.done.signed_minor),
        "invoiced": text(found.done.invoiced_minor), "extra": row.extra, "terms": row.terms,
        "terms_days_at_most": row.conditions.get("terms_days"), "note": row.note,
        "by": handle(row.asked_by_id), "placed": at(row.placed_at),
        "ordered_on": row.ordered_on.isoformat() if row.ordered_on else None,
        "verdict": str(row.state), "state": state_of(row, found.requests), "reasons": reasons(row.reasons),
        "request": pending.id if pending is not None else None,
        "asked": [handle(person) for person in asked_now(pending)],
        "until": at(pending.expires_at) if pending is not None else None,
        "decisions": [
            {"at": at(vote.at), "by": handle(vote.person_id), "approve": vote.approve, "conditions": vote.conditions,
             "reason": vote.reason, "request": vote.request_id}
            for vote in votes
        ],
        "settled": [{"at": at(when), "what": what.code} for when, what in _settled(ask.work, row)],
        "requests": [
            {"request": request.id, "state": str(request.state), "opened": at(request.opened_at),
             "decided": at(request.decided_at), "by": handle(request.decided_by_id)}
            for request in found.requests
        ],
    }  # fmt: skip
