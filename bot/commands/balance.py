"""/balance 客户: what a customer owes, how old it is, what is promised, how much credit is left."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.commands.parser import Ask, named, pick
from bot.commands.reply import CommandReply
from bot.notifications.views import BalanceView, CurrencyLine, OpenLine, PromiseLine
from bot.notifications.views.ratings import letter_of
from core.credit.granted import of_rating
from core.dunning.facts import said_tags
from core.dunning.stored import active, in_force
from core.ledger.balances import Balance, Figures, OpenItem
from core.money import Money, format_major
from core.queries import Credit, CustomerBalance, customer_balance

BUCKETS = ("not_due", "d1_30", "d31_60", "d61_90", "d90_plus")


def balance(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    if name.rest:
        return ask.error("customer.unknown", value=" ".join(ask.typed.words))
    if len(name.customers) > 1:
        return pick(ask, name)
    found = customer_balance(ask.work, name.one, ask.scope)
    if found.credit is None:
        found = replace(found, credit=_by_policy(ask, found))
    tags = _tags(ask, found)
    return CommandReply(
        kind="reply.balance", view=_view(ask, found, tags), json=_json(ask, found, tags), customer_id=name.one.id,
        facts={"customer": name.one.name, "code": name.one.code},
    )  # fmt: skip


def _by_policy(ask: Ask, found: CustomerBalance) -> Credit | None:
    """What the policy gives to the customer's rating, where it has no limit of its own."""
    customer, own = found.customer, found.customer.currency or ask.work.company.currency
    if customer.credit_limit_minor is not None or found.currency != own:
        return None
    if not ask.scope.whole(customer.owner_id, customer.region, customer.id):  # they see single receivables of it
        return None
    rules = active(ask.work)[1].credit
    limit = None if customer.rating in rules.cash_only else of_rating(customer.rating, own, rules, ask.work.company.currency)
    return None if limit is None else Credit(limit, max(found.main.total, 0))


def late(item: OpenItem, ask: Ask) -> int:
    return max((ask.work.today - item.due_on).days, 0) if item.due_on else 0


def _tags(ask: Ask, found: CustomerBalance) -> dict[int, list[str]]:
    """By open receivable: its own tags, and those of the policy's watches."""
    policy = in_force(ask.work)
    items = [item for row in found.figures.values() for item in row.items]
    return {i.receivable_id: [*i.tags, *policy.tags_of(i.amount_minor, i.currency)] for i in items}


def _view(ask: Ask, found: CustomerBalance, tags: Mapping[int, list[str]]) -> BalanceView:
    main, customer = found.main, found.customer

    def money(minor: int) -> Money:
        return Money(minor, main.currency)

    credit = found.credit
    return BalanceView(
        today=ask.work.today, code=customer.code, name=customer.name, rating=letter_of(customer.rating), owner=found.owner,
        currency=main.currency, balance=money(main.total), overdue=money(main.overdue), not_due=money(main.not_due),
        undated=money(main.undated), unapplied=money(main.unapplied), d1_30=money(main.d1_30), d31_60=money(main.d31_60),
        d61_90=money(main.d61_90), d90_plus=money(main.d90_plus),
        oldest_due=main.oldest_due, days_overdue_max=main.days_overdue_max,
        credit_limit=money(credit.limit) if credit else None, credit_used=money(credit.used) if credit else None,
        credit_available=money(credit.available) if credit else None, credit_usage=credit.usage if credit else "",
        promises=tuple(
            PromiseLine(date=p.due_on, amount=Money(p.amount_minor, p.currency), state=p.state) for p in found.promises
        ),
        last_receipt_on=found.last_receipt[0] if found.last_receipt else None,
        last_receipt=money(found.last_receipt[1]) if found.last_receipt else None,
        open=tuple(
            OpenLine(
                number=item.number, issued=item.issued_on, due=item.due_on, open=Money(item.open_minor, item.currency),
                days_overdue=late(item, ask), state=found.states[item.receivable_id],
                tags=said_tags(tags[item.receivable_id]),
            )
            for item in main.items
        ),
        others=tuple(
            CurrencyLine(currency=o.currency, balance=Money(o.total, o.currency), overdue=Money(o.overdue, o.currency))
            for o in found.others
        ),
        paused_until=found.paused_until, hold=found.hold,
    )  # fmt: skip


def _json(ask: Ask, found: CustomerBalance, tags: Mapping[int, list[str]]) -> dict[str, Any]:
    customer, main, credit = found.customer, found.main, found.credit

    def text(minor: int) -> str:
        return format_major(minor, main.currency)

    limits = None
    if credit:
        limits = {
            "limit": text(credit.limit), "used": text(credit.used), "available": text(credit.available),
            "usage": credit.usage or None,
        }  # fmt: skip
    receipt = found.last_receipt
    return {
        "customer": {"code": customer.code, "name": customer.name, "rating": customer.rating, "owner": found.owner},
        **_figures(ask, found, main, tags),
        "credit": limits,
        "promises": [
            {"date": p.due_on.isoformat(), "amount": format_major(p.amount_minor, p.currency), "currency": p.currency,
             "state": p.state}
            for p in found.promises
        ],
        "last_receipt": {"date": receipt[0].isoformat(), "amount": text(receipt[1])} if receipt else None,
        "others": [_figures(ask, found, other, tags) for other in found.others],
        "paused_until": found.paused_until.isoformat() if found.paused_until else None,
        "hold": found.hold,
    }  # fmt: skip


def _figures(ask: Ask, found: CustomerBalance, row: Balance, tags: Mapping[int, list[str]]) -> dict[str, Any]:
    return {
        "currency": row.currency,
        **{key: format_major(getattr(row, key), row.currency) for key in ("overdue", "not_due", "undated", "unapplied")},
        "balance": format_major(row.total, row.currency),
        "buckets": buckets(row),
        "oldest_due": row.oldest_due.isoformat() if row.oldest_due else None,
        "days_overdue_max": row.days_overdue_max,
        "open": [
            {
                "number": item.number, "issued": item.issued_on.isoformat(),
                "due": item.due_on.isoformat() if item.due_on else None,
                "open": format_major(item.open_minor, item.currency), "days_overdue": late(item, ask),
                "state": found.states[item.receivable_id],
            }
            | ({"tags": tags[item.receivable_id]} if tags[item.receivable_id] else {})
            for item in row.items
        ],
    }  # fmt: skip


def buckets(row: Figures) -> dict[str, str]:
    return {key: format_major(getattr(row, key), row.currency) for key in BUCKETS}
