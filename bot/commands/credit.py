"""/credit 客户: a limit, what uses it up, and what is asked for beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.commands import groups
from bot.commands.orders import asked_now, requests_of, state_of, zone_of
from bot.commands.parser import Ask, named, pick
from bot.commands.reply import CommandReply
from bot.notifications.views import CreditStatusView, CurrencyExposure, OrderLine, PendingLine
from bot.notifications.views.credit import InsuredLine, PreparedLine
from bot.notifications.views.orders import UninvoicedLine
from bot.notifications.views.ratings import letter_of
from bot.notifications.views.risks import RiskLine
from core.credit import risks, uninvoiced
from core.credit.events import reasons
from core.credit.exposure import Exposure, Standing, standing
from core.credit.granted import available, granted
from core.credit.incoming import days_of
from core.credit.inputs import months_before
from core.credit.limit_changes import Prepared, prepared
from core.credit.rules import BLOCKING
from core.credit.shown import over_of
from core.credit.uninvoiced import Uninvoiced
from core.credit.verdict import allowed_days
from core.dunning.stored import active
from core.models import CreditRequest, Customer, Order, OrderState, Person, RequestState, RiskEvent
from core.models.base import table_of
from core.money import Money, format_major
from core.work import Work

LATEST = 8  # orders shown, the newest
UNINVOICED = 5  # orders to be invoiced shown, the oldest
O, P = table_of(Order), table_of(Person)  # noqa: E741


@dataclass(frozen=True)
class Found:
    """One customer's credit. `limit_minor`: what counts, see core.credit.granted; amounts in `now.currency`."""

    customer: Customer
    now: Standing
    limit_minor: int | None
    source: str  # of the limit: core.credit.granted
    used_minor: int
    available_minor: int | None  # the lowest of its own limit and its group's
    group_used_minor: int
    latest: Sequence[Order]
    requests: Mapping[int, Sequence[CreditRequest]]
    pending: Sequence[tuple[Order, CreditRequest]]
    people: Mapping[int, Person]
    risks: Sequence[RiskEvent] = ()
    uninvoiced: Sequence[Uninvoiced] = ()
    prepared: Sequence[Prepared] = ()
    terms_days: int = 0
    terms_agreed: bool = False

    @property
    def main(self) -> Exposure:
        return self.now.exposures.get(self.now.currency) or Exposure()

    @property
    def usage(self) -> str:
        return usage(self.used_minor, self.limit_minor)

    @property
    def owner(self) -> str:
        person = self.people.get(self.customer.owner_id or 0)
        return person.name if person is not None else ""

    @property
    def holds(self) -> tuple[str, ...]:
        return tuple(kind for kind in BLOCKING if kind in self.now.holds)


def usage(used_minor: int, limit_minor: int | None) -> str:
    """Whole percent, rounded up from the half; "" without a limit, or for who pays cash only."""
    return f"{(max(used_minor, 0) * 200 + limit_minor) // (2 * limit_minor)}%" if limit_minor else ""


def credit(ask: Ask) -> CommandReply:
    shared = groups.said(ask)
    if shared is not None and not shared[1]:
        return groups.show(ask, shared[0])
    name = named(ask)
    if isinstance(name, CommandReply) or not name.exact or name.rest:
        group = groups.named_whole(ask)
        if group:
            return groups.show(ask, group)
    if isinstance(name, CommandReply):
        return groups.unknown(ask) or name
    if name.rest:
        return ask.error("customer.unknown", value=" ".join(ask.typed.words))
    if len(name.customers) > 1:
        return pick(ask, name)
    customer = name.one
    if not ask.scope.whole(customer.owner_id, customer.region, customer.id):  # they see single receivables of it
        return ask.error("action.not_allowed", "not_allowed")
    found = _find(ask.work, customer)
    return CommandReply(
        kind="reply.credit", view=_view(ask, found), json=_json(ask.work, found), customer_id=customer.id,
        facts={"customer": customer.name, "code": customer.code},
    )  # fmt: skip


def _find(work: Work, customer: Customer, source: str | None = None) -> Found:
    """`source`: only this one's orders are listed; what they all use up is in the sums."""
    assert customer.id is not None
    rules, now = active(work)[1].credit, standing(work, customer.id)
    may_owe = granted(now, rules, work.company.currency)
    whose = (O.c.customer_id == customer.id, *((O.c.source == source,) if source is not None else ()))
    latest = list(work.session.execute(select(Order).where(*whose).order_by(O.c.id.desc()).limit(LATEST)).scalars())
    held = work.session.execute(select(Order).where(*whose, O.c.state == OrderState.held).order_by(O.c.id)).scalars().all()
    to_invoice = uninvoiced.of_customer(work, customer.id)
    if source is not None:
        own = set(work.session.execute(select(O.c.number).where(*whose, O.c.state == OrderState.released)).scalars())
        to_invoice = [one for one in to_invoice if one.number in own]
    requests = requests_of(work, sorted({order.id or 0 for order in (*latest, *held)}))
    pending = [
        (order, request) for order in held for request in requests.get(order.id or 0, ())
        if request.state == RequestState.pending
    ]  # fmt: skip
    return Found(
        customer=customer, now=now, limit_minor=may_owe.minor, source=may_owe.source,
        used_minor=now.used_minor(rules, work.company.currency), latest=latest,
        available_minor=available(now, rules, work.company.currency),
        group_used_minor=now.group.used_minor(rules, work.company.currency) if now.group is not None else 0,
        requests=requests, pending=pending, people=_people(work, customer, pending),
        risks=risks.latest(work, customer.id, months_before(work.today, rules.rating.window_months)),
        uninvoiced=to_invoice, terms_days=allowed_days(now, rules),
        terms_agreed=days_of(now.terms) is not None, prepared=prepared(work, customer.id),
    )  # fmt: skip


def _people(work: Work, customer: Customer, pending: Sequence[tuple[Order, CreditRequest]]) -> dict[int, Person]:
    named_ones = {person for _, request in pending for person in asked_now(request)}
    if customer.owner_id is not None:
        named_ones.add(customer.owner_id)
    rows = work.session.execute(select(Person).where(P.c.id.in_(sorted(named_ones)))).scalars()
    return {person.id or 0: person for person in rows}


def _view(ask: Ask, found: Found) -> CreditStatusView:
    now, main, zone = found.now, found.main, zone_of(ask)

    def money(minor: int) -> Money:
        return Money(minor, now.currency)

    limit, available = found.limit_minor, found.available_minor
    return CreditStatusView(
        today=ask.work.today, code=found.customer.code, name=found.customer.name, rating=letter_of(now.rating),
        owner=found.owner,
        used=money(found.used_minor), open=money(main.open_minor), orders=money(main.orders_minor),
        shipments=money(main.shipments_minor),
        terms_days=found.terms_days, terms_agreed=found.terms_agreed,
        unapplied=money(-main.unapplied_minor), limit=None if limit is None else money(limit),
        extra=money(now.extra_minor) if now.extra_minor and limit else None, extra_until=now.extra_until,
        available=None if available is None else money(available), usage=found.usage, cash_only=limit == 0,
        limit_source=found.source, **_group(found),
        prepared=tuple(
            PreparedLine(amount=Money(x.amount_minor, x.currency), start=x.start, until=x.until, by=x.by, reason=x.reason)
            for x in found.prepared
        ),
        set_limit=money(now.base_minor) if found.source == "cash_only" and now.base_minor else None,
        insured=tuple(InsuredLine(amount=Money(i.minor, i.currency), insurer=i.insurer, until=i.until) for i in now.insured),
        overdue=tuple(Money(e.overdue_minor, code) for code, e in sorted(now.exposures.items()) if e.overdue_minor),
        days=now.overdue_days, holds=found.holds,
        pending=tuple(_pending(found, order, request, zone) for order, request in found.pending),
        others=tuple(
            CurrencyExposure(
                currency=code, open=Money(e.open_minor, code), orders=Money(e.orders_minor, code),
                shipments=Money(e.shipments_minor, code),
            )
            for code, e in sorted(now.exposures.items()) if code != now.currency
        ),
        latest=tuple(
            OrderLine(
                number=order.number, amount=Money(order.amount_minor, order.currency),
                state=state_of(order, found.requests.get(order.id or 0, ())), on=order.placed_at.astimezone(zone).date(),
            )
            for order in found.latest
        ),
        risks=lines_of(found.risks), uninvoiced=tuple(_uninvoiced(one) for one in found.uninvoiced[:UNINVOICED]),
        uninvoiced_more=max(0, len(found.uninvoiced) - UNINVOICED),
    )  # fmt: skip


def _group(found: Found) -> dict[str, Any]:
    """Its sums: who else belongs to it says /credit with its name, to who sees them."""
    group = found.now.group
    if group is None:
        return {}
    return {
        "group": group.name, "group_limit": Money(group.limit_minor, group.currency),
        "group_used": Money(found.group_used_minor, group.currency),
    }  # fmt: skip


def lines_of(rows: Sequence[RiskEvent]) -> tuple[RiskLine, ...]:
    return tuple(RiskLine(kind=r.kind, severity=r.severity, source=r.source, on=r.happened_on) for r in rows)


def _uninvoiced(one: Uninvoiced) -> UninvoicedLine:
    shipped = Money(one.shipped_minor, one.currency) if one.shipped_minor else None
    return UninvoicedLine(order=one.number, left=Money(one.left_minor, one.currency), shipped=shipped)


def _pending(found: Found, order: Order, request: CreditRequest, zone: ZoneInfo) -> PendingLine:
    over, currency = over_of(request.facts)
    return PendingLine(
        order=order.number, amount=Money(order.amount_minor, order.currency),
        over=Money(over, currency) if over else None, expires=request.expires_at.astimezone(zone),
        asked=tuple(found.people[person].name for person in asked_now(request) if person in found.people),
    )  # fmt: skip


def as_json(work: Work, customer: Customer, source: str) -> dict[str, Any]:
    """The customer's credit, for a program: of its orders those of the program's own `source`."""
    return _json(work, _find(work, customer, source))


def _json(work: Work, found: Found) -> dict[str, Any]:
    now, zone = found.now, work.company.calendar.zone

    def text(minor: int | None) -> str | None:
        return None if minor is None else format_major(minor, now.currency)

    extra = {"amount": text(now.extra_minor), "until": now.extra_until and now.extra_until.isoformat()}
    return {
        "customer": {"code": found.customer.code, "name": found.customer.name, "rating": now.rating, "owner": found.owner},
        "currency": now.currency, "limit": text(found.limit_minor), "limit_source": found.source,
        "base_limit": text(now.base_minor), "terms": now.terms, "terms_days": found.terms_days,
        "temporary": extra if now.extra_minor else None, "used": text(found.used_minor),
        "prepared": [
            {
                "amount": format_major(one.amount_minor, one.currency), "currency": one.currency,
                "from": one.start.isoformat(), "until": one.until.isoformat(), "by": one.handle, "reason": one.reason,
            }
            for one in found.prepared
        ],
        "group": _group_json(found), "insured": [
            {
                "insurer": one.insurer, "amount": format_major(one.minor, one.currency), "currency": one.currency,
                "until": one.until.isoformat(),
            }
            for one in now.insured
        ],
        "available": text(found.available_minor), "usage": found.usage or None, "cash_only": found.limit_minor == 0,
        "exposure": [_exposure(code, exposure) for code, exposure in sorted(now.exposures.items())],
        "days_overdue_max": now.overdue_days, "holds": list(found.holds),
        "pending": [
            {
                "request": request.id, "order": order.number, "amount": format_major(order.amount_minor, order.currency),
                "currency": order.currency, "expires": request.expires_at.astimezone(zone).isoformat(),
                "over": format_major(*over_of(request.facts)) if over_of(request.facts)[0] else None,
                "asked": [found.people[person].handle for person in asked_now(request) if person in found.people],
            }
            for order, request in found.pending
        ],
        "orders": [
            {
                "number": order.number, "amount": format_major(order.amount_minor, order.currency),
                "currency": order.currency, "verdict": str(order.state),
                "state": state_of(order, found.requests.get(order.id or 0, ())),
                "placed": order.placed_at.astimezone(zone).isoformat(), "reasons": reasons(order.reasons),
            }
            for order in found.latest
        ],
        "uninvoiced": [
            {
                "order": one.number, "currency": one.currency, "amount": format_major(one.amount_minor, one.currency),
                "left": format_major(one.left_minor, one.currency),
                "shipped": format_major(one.shipped_minor, one.currency),
            }
            for one in found.uninvoiced
        ],
        "risk_events": [risks.as_json(row) for row in found.risks],
    }  # fmt: skip


def _group_json(found: Found) -> dict[str, Any] | None:
    group = found.now.group
    if group is None:
        return None
    return {
        "name": group.name, "currency": group.currency, "limit": format_major(group.limit_minor, group.currency),
        "used": format_major(found.group_used_minor, group.currency),
    }  # fmt: skip


def _exposure(currency: str, exposure: Exposure) -> dict[str, Any]:
    return {
        "currency": currency, "open": format_major(exposure.open_minor, currency),
        "overdue": format_major(exposure.overdue_minor, currency), "orders": format_major(exposure.orders_minor, currency),
        "shipments": format_major(exposure.shipments_minor, currency),
        "unapplied": format_major(-exposure.unapplied_minor, currency),
        "reserved": format_major(exposure.reserved_minor, currency),
    }  # fmt: skip
