"""A group of customers that share a limit: what it is, and what each of them uses up."""

from collections.abc import Sequence
from typing import Any

from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.notifications.views.groups import GroupView, MemberLine
from core.credit import groups
from core.credit.exposure import Insured, Standing, of_group, used_in
from core.credit.granted import granted
from core.credit.rules import CreditRules
from core.dunning.stored import active
from core.models import CreditLine, Customer
from core.money import Money, format_major
from core.work import Work

NAMES = frozenset({"集团", "group"})  # said before its name, where a customer may have the same


def said(ask: Ask) -> tuple[str, tuple[str, ...]] | None:
    """`集团 名称 …`: the group and what follows; None where the line is about a customer."""
    words = ask.typed.words
    if ask.typed.quoted or len(words) < 2 or words[0].casefold() not in NAMES:
        return None
    name, count = groups.find(ask.work, ask.scope, words[1:])
    return (name, words[1 + count :]) if name else None


def unknown(ask: Ask) -> CommandReply | None:
    """Said to be a group, and there is none of that name in sight, nor a customer."""
    words = ask.typed.words
    if ask.typed.quoted or len(words) < 2 or words[0].casefold() not in NAMES:
        return None
    return ask.error("group.unknown", value=words[1])


def named_whole(ask: Ask) -> str:
    """The group whose name the whole line is; "" if there is none in sight."""
    name, count = groups.find(ask.work, ask.scope, ask.typed.words, quoted=ask.typed.quoted)
    return name if count == len(ask.typed.words) else ""


def show(ask: Ask, name: str) -> CommandReply:
    """Its members in sight, and the sums of all."""
    view = _view(ask, name)
    return CommandReply(kind="reply.group", view=view, json=_json(view), facts={"group": name})


def _view(ask: Ask, name: str) -> GroupView:
    work, rules, own = ask.work, active(ask.work)[1].credit, ask.work.company.currency
    limit, found = groups.running(work, name), of_group(work, name)
    currency = limit.currency if limit is not None else own
    used = {customer: used_in(exposures, currency, rules, own) for customer, exposures in found.items()}
    total = sum(max(0, minor) for minor in used.values())
    everybody = groups.members(work, name)
    mine = [one for one in everybody if ask.scope.whole(one.owner_id, one.region)]
    added = groups.lines(work, name)
    lines = tuple(
        _line(one, Money(used.get(one.id or 0, 0), currency), _granted(work, rules, one, added.get(one.id or 0, ())))
        for one in mine
    )
    view = GroupView(
        today=work.today, name=name, used=Money(total, currency), members=lines, hidden=len(everybody) - len(mine)
    )
    if limit is None:
        return view
    share = f"{(total * 200 + limit.amount_minor) // (2 * limit.amount_minor)}%" if limit.amount_minor else ""
    return GroupView(
        today=work.today, name=name, used=view.used, members=lines, hidden=view.hidden, usage=share,
        limit=Money(limit.amount_minor, currency), available=Money(limit.amount_minor - total, currency),
        since=limit.from_on, reason=limit.reason,
    )  # fmt: skip


def _granted(work: Work, rules: CreditRules, customer: Customer, added: Sequence[CreditLine]) -> Money | None:
    """A member's own limit as /credit with its name shows it."""
    currency = customer.currency or work.company.currency
    extra = sum(line.amount_minor for line in added if line.kind == "temporary" and line.currency == currency)
    insured = [Insured(i.amount_minor, i.currency, i.insurer, i.until) for i in added if i.kind == "insured"]
    now = Standing(
        customer_id=customer.id or 0, code=customer.code, name=customer.name, rating=customer.rating,
        owner_id=customer.owner_id, region=customer.region, currency=currency, base_minor=customer.credit_limit_minor,
        extra_minor=extra, exposures={}, holds=frozenset(), today=work.today, insured=tuple(insured),
    )  # fmt: skip
    limit = granted(now, rules, work.company.currency).minor
    return None if limit is None else Money(limit, currency)


def _line(customer: Customer, used: Money, limit: Money | None) -> MemberLine:
    return MemberLine(code=customer.code, name=customer.name, used=used, limit=limit)


def _json(view: GroupView) -> dict[str, Any]:
    def text(money: Money | None) -> str | None:
        return None if money is None else format_major(money.minor, money.currency)

    return {
        "group": view.name, "currency": view.used.currency, "limit": text(view.limit), "used": text(view.used),
        "available": text(view.available), "usage": view.usage or None, "hidden": view.hidden,
        "since": view.since.isoformat() if view.since else None, "reason": view.reason,
        "members": [
            {
                "code": one.code, "name": one.name, "used": text(one.used), "limit": text(one.limit),
                "limit_currency": one.limit.currency if one.limit else None,
            }
            for one in view.members
        ],
    }  # fmt: skip
