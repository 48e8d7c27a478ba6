"""/hold, /unhold, /blacklist, /unblacklist: who gets no new orders, and who does again."""

from dataclasses import replace

from bot.commands import lists, words
from bot.commands.parser import Ask, Named, named
from bot.commands.periods import given_days, in_quotes, said_again, take_period
from bot.commands.reply import CommandReply
from bot.commands.write import change, joined
from bot.notifications.views import ConfirmView, DoneView, Line
from core.credit.holds import BLACKLIST, related
from core.credit.rules import BLOCKING
from core.permissions import may

SHOWN = 5  # related customers by name


def hold(ask: Ask) -> CommandReply:
    """Without a name: who is on hold, the blacklisted included."""
    if not ask.typed.words:
        return lists.holds(ask, BLOCKING)
    name = _asked(ask, "hold.set")
    if isinstance(name, CommandReply):
        return name
    period = take_period(" ".join(name.rest), ask.work.today, quoted=ask.typed.in_quotes, lasting=True)
    if period.start is not None and period.start > ask.work.today:
        return ask.error("period.no_start", value=period.start)
    if not period.rest:
        return ask.error("command.usage", usage=ask.usage)
    given = {"reason": period.rest} | {key: day for key, day in given_days(period).items() if key == "until"}
    return change(ask, name, "hold.set", given, joined(said_again(given), in_quotes(given["reason"])))


def unhold(ask: Ask) -> CommandReply:
    name = _asked(ask, "hold.lift")
    if isinstance(name, CommandReply):
        return name
    period = take_period(" ".join(name.rest), ask.work.today, quoted=ask.typed.in_quotes, lasting=True)
    if period.start is not None and period.start > ask.work.today:
        return ask.error("period.no_start", value=period.start)
    if not period.rest:
        return ask.error("command.usage", usage=ask.usage)
    given = {"reason": period.rest} | {key: day for key, day in given_days(period).items() if key == "until"}
    return change(ask, name, "hold.lift", given, joined(said_again(given), in_quotes(given["reason"])))


def blacklist(ask: Ask) -> CommandReply:
    """The related customers that this person sees are named, before and after. Without a name: who is blacklisted."""
    if not ask.typed.words:
        return lists.holds(ask, [BLACKLIST])
    reply = _with_reason(ask, "blacklist.set")
    found = related(ask.work, reply.customer_id, ask.scope) if reply.customer_id is not None else []
    if not found or reply.outcome not in ("done", "already") or not isinstance(reply.view, ConfirmView | DoneView):
        return reply
    one_of, between = ("{}（{}）", "、") if ask.lang == "zh" else ("{} ({})", ", ")
    text = between.join(one_of.format(one.name, one.code) for one in found[:SHOWN]) + ("…" if found[SHOWN:] else "")
    view = replace(reply.view, details=(*reply.view.details, Line(label=words.label("related", ask.lang), value=text)))
    shown = [{"code": one.code, "name": one.name, "same": list(one.same)} for one in found]
    return replace(reply, view=view, json={**reply.json, "related": shown})


def unblacklist(ask: Ask) -> CommandReply:
    return _with_reason(ask, "blacklist.end")


def _asked(ask: Ask, verb: str) -> Named | CommandReply:
    return named(ask) if may(verb, ask.person.roles) else ask.error("action.not_allowed", "not_allowed", action=verb)


def _with_reason(ask: Ask, action: str) -> CommandReply:
    name = _asked(ask, action)
    if isinstance(name, CommandReply):
        return name
    if not name.rest:
        return ask.error("command.usage", usage=ask.usage)
    reason = " ".join(name.rest)
    return change(ask, name, action, {"reason": reason}, reason)
