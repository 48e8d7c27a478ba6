"""A group of customers that share a limit: what it is, and what each of them uses up."""

from typing import Any

from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.notifications.views.groups import GroupView, MemberLine
from core.credit import groups
from core.credit.exposure import of_group, used_in
from core.dunning.stored import active
from core.models import Customer
from core.money import Money, format_major

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
    lines = tuple(_line(one, Money(used.get(one.id or 0, 0), currency), own) for one in mine)
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


def _line(customer: Customer, used: Money, company_currency: str) -> MemberLine:
    limit = customer.credit_limit_minor
    owned = Money(limit, customer.currency or company_currency) if limit is not None else None
    return MemberLine(code=customer.code, name=customer.name, used=used, limit=owned)


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
