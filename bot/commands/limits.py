"""/limit 客户 金额 [到 日期] 原因: a customer's credit limit, or a temporary one; /limit 集团 名称 金额 原因: a group's."""

import re
import unicodedata
from dataclasses import replace

from bot.commands import groups, lists
from bot.commands.dates import dotted
from bot.commands.parser import Ask, Fields, amount_input, fields, named
from bot.commands.periods import Period, given_days, in_quotes, said_again, take_period
from bot.commands.reply import CommandReply
from bot.commands.write import act, canonical_amount, change, joined
from core.actions.limits import UNLIMITED
from core.permissions import may

NONE = frozenset({"无", "无上限", "不限", "不限额", "不设限额", "none", "unlimited"})
ENDS = frozenset({"结束", "取消", "end"})  # of a group's limit: a customer's own has no end, but none or another
_NOUGHT = re.compile(r"(¥|￥)?0+(\.0+)?(元|万|万元|块)?")


def limit(ask: Ask) -> CommandReply:
    """A name alone asks for the customer's limit, and who set it."""
    shared = groups.said(ask)
    if shared is not None:
        return _shared(ask, *shared)
    name = named(ask)
    if isinstance(name, CommandReply):
        return groups.unknown(ask) or name
    if not name.rest:
        return lists.limit(ask)
    sets = may("limit.set", ask.person.roles)
    given = _given(ask, name.rest, ask.currency_of(name.one))
    if not sets and (isinstance(given, CommandReply) or "until" not in given):
        return ask.error("action.not_allowed", "not_allowed", action="limit.set")
    if isinstance(given, CommandReply):
        return given
    amount = given.get("limit") or ("0" if given["amount"] == "0" else canonical_amount(given))
    canonical = joined(amount, said_again(given), in_quotes(given["reason"]))
    return change(ask, name, "limit.set" if sets else "limit.ask", given, canonical)


def _shared(ask: Ask, group: str, words: tuple[str, ...]) -> CommandReply:
    """The name was typed in full: nothing is asked back."""
    if not words:
        return groups.show(ask, group)
    if not may("group.limit_set", ask.person.roles):
        return ask.error("action.not_allowed", "not_allowed", action="group.limit_set")
    if words[0].casefold() in ENDS:
        words = ("none", *words[1:])
    given = _given(ask, words, ask.work.company.currency, day=False)
    if isinstance(given, CommandReply):
        return given
    return act(ask, "group.limit_set", {"group": group, **given}, "group", 0)


def _given(ask: Ask, words: tuple[str, ...], currency: str, *, day: bool = True) -> dict[str, str] | CommandReply:
    """What follows the name, as the action takes it. `currency`: of an amount without one. `day`: it may be for a while."""
    given = {"currency": currency}
    first = unicodedata.normalize("NFKC", words[0]).casefold()
    if first in NONE:
        given["limit"], rest, period = UNLIMITED, words[1:], None
    elif _NOUGHT.fullmatch(first):
        given["amount"], rest, period = "0", words[1:], None
    else:
        found, period = _amount(ask, words, currency, day=day)
        if found.amount_minor is None:
            return ask.error("amount.bad", value=(found.rest or words)[0])
        given |= amount_input(found, currency)
        rest = found.rest
    period = period or _period(ask, rest)
    if not day and period.until is not None:
        return ask.error("group.for_good", value=period.until)
    if not period.rest:
        return ask.error("command.usage", usage=ask.usage)
    return given | given_days(period) | {"reason": period.rest}


def _amount(ask: Ask, words: tuple[str, ...], currency: str, *, day: bool) -> tuple[Fields, Period | None]:
    """The amount and what follows it; the period as well, if that is what stands first."""
    today = ask.work.today
    if day and dotted(words[0]):  # 12.1 beside an amount is a day
        found = fields(words, today, currency, future=True)
        return found, Period(None, found.day, " ".join(found.rest)) if found.day is not None else None
    found = fields(words, today, currency, day=False)
    if found.amount_minor is not None:
        if day and found.rest and dotted(found.rest[0]):
            left = fields(found.rest, today, currency, future=True, amount=False)
            return found, Period(None, left.day, " ".join(left.rest))
        return found, None
    period = _period(ask, words)
    found = fields(tuple(period.rest.split()), today, currency, day=False)
    return found, replace(period, rest=" ".join(found.rest))


def _period(ask: Ask, words: tuple[str, ...]) -> Period:
    return take_period(" ".join(words), ask.work.today, quoted=ask.typed.in_quotes)
