"""/limit 客户 金额 [到 日期] 原因: a customer's credit limit, or a temporary one; /limit 集团 名称 金额 原因: a group's."""

import re
import unicodedata

from bot.commands import credit, groups
from bot.commands.parser import Ask, amount_input, fields, named
from bot.commands.reply import CommandReply
from bot.commands.write import act, canonical_amount, change, joined
from core.actions.limits import UNLIMITED
from core.permissions import may

NONE = frozenset({"无", "无上限", "不限", "不限额", "不设限额", "none", "unlimited"})
ENDS = frozenset({"结束", "取消", "end"})  # of a group's limit: a customer's own has no end, but none or another
_NOUGHT = re.compile(r"(¥|￥)?0+(\.0+)?(元|万|万元|块)?")


def limit(ask: Ask) -> CommandReply:
    """A name alone asks for the customer's credit."""
    shared = groups.said(ask)
    if shared is not None:
        return _shared(ask, *shared)
    name = named(ask)
    if isinstance(name, CommandReply):
        return groups.unknown(ask) or name
    if not name.rest:
        return credit.credit(ask)
    if not may("limit.set", ask.person.roles):
        return ask.error("action.not_allowed", "not_allowed")
    given = _given(ask, name.rest, ask.currency_of(name.one))
    if isinstance(given, CommandReply):
        return given
    amount = given.get("limit") or ("0" if given["amount"] == "0" else canonical_amount(given))
    until = joined("until", given["until"]) if "until" in given else ""
    return change(ask, name, "limit.set", given, joined(amount, until, given["reason"]))


def _shared(ask: Ask, group: str, words: tuple[str, ...]) -> CommandReply:
    """The name was typed in full: nothing is asked back."""
    if not words:
        return groups.show(ask, group)
    if not may("group.limit_set", ask.person.roles):
        return ask.error("action.not_allowed", "not_allowed")
    if words[0].casefold() in ENDS:
        words = ("none", *words[1:])
    given = _given(ask, words, ask.work.company.currency, day=False)
    if isinstance(given, CommandReply):
        return given
    return act(ask, "group.limit_set", {"group": group, **given}, "group", 0)


def _given(ask: Ask, words: tuple[str, ...], currency: str, *, day: bool = True) -> dict[str, str] | CommandReply:
    """What follows the name, as the action takes it. `currency`: of an amount without one."""
    first = unicodedata.normalize("NFKC", words[0]).casefold()
    given = {"currency": currency}
    if first in NONE:
        given["limit"], words = UNLIMITED, words[1:]
    elif _NOUGHT.fullmatch(first):
        given["amount"], words = "0", words[1:]
    known = "limit" in given or "amount" in given
    found = fields(words, ask.work.today, currency, day=day, future=True, amount=not known)
    if not known:
        if found.amount_minor is None:
            return ask.error("amount.bad", value=(found.rest or words)[0])
        given |= amount_input(found, currency)
    if found.day is not None:
        given["until"] = found.day.isoformat()
    if not found.rest:
        return ask.error("command.usage", usage=ask.usage)
    given["reason"] = " ".join(found.rest)
    return given
