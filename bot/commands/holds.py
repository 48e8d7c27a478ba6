"""/hold, /unhold, /blacklist, /unblacklist: who gets no new orders, and who does again."""

import re
from dataclasses import replace

from bot.commands import words
from bot.commands.dates import MAX_WORDS, looks_like_date, take_date
from bot.commands.parser import Ask, Named, fields, named
from bot.commands.reply import CommandReply
from bot.commands.write import change, joined
from bot.notifications.views import ConfirmView, DoneView, Line
from core.credit.holds import related
from core.permissions import may

_UNTIL = re.compile(r"(到|至|截至|until|till)", re.IGNORECASE)
SHOWN = 5  # related customers by name


def hold(ask: Ask) -> CommandReply:
    name = _asked(ask, "hold.set")
    if isinstance(name, CommandReply):
        return name
    found = fields(name.rest, ask.work.today, ask.currency_of(name.one), future=True, amount=False)
    day, rest = found.day, found.rest
    if day is None:
        rest, last = _last_day(rest)
        day = take_date(last, ask.work.today, future=True)[0] if last else None
    if not rest:
        return ask.error("command.usage", usage=ask.usage)
    given = {"reason": " ".join(rest)} | ({"until": day.isoformat()} if day is not None else {})
    until = joined("until", given["until"]) if day is not None else ""
    return change(ask, name, "hold.set", given, joined(until, given["reason"]))


def unhold(ask: Ask) -> CommandReply:
    return _with_reason(ask, "hold.lift")


def blacklist(ask: Ask) -> CommandReply:
    """The related customers that this person sees are named, before and after."""
    reply = _with_reason(ask, "blacklist.set")
    found = related(ask.work, reply.customer_id, ask.scope) if reply.customer_id is not None else []
    if not found or reply.outcome != "done" or not isinstance(reply.view, ConfirmView | DoneView):
        return reply
    one_of, between = ("{}（{}）", "、") if ask.lang == "zh" else ("{} ({})", ", ")
    text = between.join(one_of.format(one.name, one.code) for one in found[:SHOWN]) + ("…" if found[SHOWN:] else "")
    view = replace(reply.view, details=(*reply.view.details, Line(label=words.label("related", ask.lang), value=text)))
    shown = [{"code": one.code, "name": one.name, "same": list(one.same)} for one in found]
    return replace(reply, view=view, json={**reply.json, "related": shown})


def unblacklist(ask: Ask) -> CommandReply:
    return _with_reason(ask, "blacklist.end")


def _asked(ask: Ask, verb: str) -> Named | CommandReply:
    return named(ask) if may(verb, ask.person.roles) else ask.error("action.not_allowed", "not_allowed")


def _with_reason(ask: Ask, action: str) -> CommandReply:
    name = _asked(ask, action)
    if isinstance(name, CommandReply):
        return name
    if not name.rest:
        return ask.error("command.usage", usage=ask.usage)
    reason = " ".join(name.rest)
    return change(ask, name, action, {"reason": reason}, reason)


def _last_day(rest: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the reason, the words of a date after it): only what begins with "until", since reasons have dates as well."""
    for count in range(min(MAX_WORDS, len(rest)), 0, -1):
        last = rest[-count:]
        if _UNTIL.match(last[0]) and looks_like_date(" ".join(last)):
            return rest[:-count], last
    return rest, ()
