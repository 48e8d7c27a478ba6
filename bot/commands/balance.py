"""/balance 客户: what a customer owes, how old it is, what is promised, how much credit is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.commands.credit import usage
from bot.commands.parser import Ask, named, pick
from bot.commands.reply import CommandReply
from bot.notifications.views import BalanceView, CurrencyLine, OpenLine, PromiseLine
from bot.notifications.views.ratings import letter_of
from core.credit.exposure import standing
from core.credit.granted import available, granted
from core.dunning.facts import said_tags
from core.dunning.stored import in_force
from core.ledger.balances import Balance, Figures, OpenItem
from core.money import Money, format_major
from core.queries import CustomerBalance, customer_balance


@dataclass(frozen=True)
class Credit:
    """As `/credit` has it, minor units of the balance's currency: what counts as limit, what of it is used up (receivables,
    orders, shipments: whatever the policy counts), and what is left, which may be below zero."""

    limit_minor: int
    used_minor: int
    available_minor: int

    @property
    def usage(self) -> str:
        return usage(self.used_minor, self.limit_minor)


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
    credit, tags = _credit(ask, found), _tags(ask, found)
    return CommandReply(
        kind="reply.balance", view=_view(ask, found, credit, tags), json=_json(ask, found, credit, tags),
        customer_id=name.one.id,
        facts={"customer": name.one.name, "code": name.one.code},
    )  # fmt: skip


def _credit(ask: Ask, found: CustomerBalance) -> Credit | None:
    """None without a limit, where the figures are in another currency, or for who doesn't see the whole customer."""
    if not found.whole:
        return None
    rules, company = in_force(ask.work).credit, ask.work.company.currency
    now = standing(ask.work, found.customer.id or 0)
    limit, left = granted(now, rules, company).minor, available(now, rules, company)
    if limit is None or left is None or found.currency != now.currency:
        return None
    return Credit(limit, now.used_minor(rules, company), left)


def late(item: OpenItem, ask: Ask) -> int:
    return max((ask.work.today - item.due_on).days, 0) if item.due_on else 0


def _tags(ask: Ask, found: CustomerBalance) -> dict[int, list[str]]:
    """By open receivable: its own tags, and those of the policy's watches."""
    policy = in_force(ask.work)
    items = [item for row in found.figures.values() for item in row.items]
    return {i.receivable_id: [*i.tags, *policy.tags_of(i.amount_minor, i.currency)] for i in items}


def _view(
    ask: Ask, found: CustomerBalance, credit: Credit | None, tags: Mapping[int, list[str]]
) -> BalanceView:
    main, customer = found.main, found.customer

    def money(minor: int) -> Money:
        return Money(minor, main.currency)

    return BalanceView(
        today=ask.work.today, code=customer.code, name=customer.name, rating=letter_of(customer.rating), owner=found.owner,
        currency=main.currency, balance=money(main.total), overdue=money(main.overdue), not_due=money(main.not_due),
        undated=money(main.undated), unapplied=money(main.unapplied), d1_30=money(main.d1_30), d31_60=money(main.d31_60),
        d61_90=money(main.d61_90), d90_plus=money(main.d90_plus),
        oldest_due=main.oldest_due, days_overdue_max=main.days_overdue_max,
        credit_limit=money(credit.limit_minor) if credit else None,
        credit_used=money(credit.used_minor) if credit else None,
        credit_available=money(credit.available_minor) if credit else None, credit_usage=credit.usage if credit else "",
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
        paused_until=found.paused_until,
    )  # fmt: skip


def _json(
    ask: Ask, found: CustomerBalance, credit: Credit | None, tags: Mapping[int, list[str]]
) -> dict[str, Any]:
    customer, main = found.customer, found.main

    def text(minor: int) -> str:
        return format_major(minor, main.currency)

    limits = None
    if credit:
        limits = {
            "limit": text(credit.limit_minor), "used": text(credit.used_minor), "available": text(credit.available_minor),
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
