"""What people type. `handle` reads a line, answers it, and changes something only through core.actions (or `lang`)."""

from collections.abc import Callable

from bot.commands import (
    account,
    accounts,
    aging,
    away,
    balance,
    collection,
    credit,
    deviation,
    finance,
    holds,
    limits,
    orders,
    rating,
    tasks,
    trace,
)
from bot.commands.parser import Ask, is_command, parse
from bot.commands.reply import CommandReply, picked, refused
from core.errors import DomainError
from core.models import Person
from core.work import Work

__all__ = ["CommandReply", "handle", "is_command", "picked"]

COMMANDS: dict[str, Callable[[Ask], CommandReply]] = {
    "balance": balance.balance,
    "aging": aging.aging,
    "overdue": aging.overdue,
    "todo": tasks.todo,
    "promise": collection.promise,
    "paid": collection.paid,
    "dispute": collection.dispute,
    "pause": collection.pause,
    "unpause": collection.unpause,
    "log": tasks.log,
    "snooze": tasks.snooze,
    "receipt": finance.receipt,
    "allocate": finance.allocate,
    "credit-note": finance.credit_note,
    "trace": trace.trace,
    "approvals": orders.approvals_,
    "order": orders.order,
    "approve": orders.undecided,
    "reject": orders.undecided,
    "withdraw": orders.undecided,
    "credit": credit.credit,
    "rating": rating.rating,
    "deviation": deviation.deviation,
    "limit": limits.limit,
    "hold": holds.hold,
    "unhold": holds.unhold,
    "blacklist": holds.blacklist,
    "unblacklist": holds.unblacklist,
    "away": away.away,
    "back": away.back,
    "help": account.help_,
    "whoami": account.whoami,
    "lang": account.lang,
    "link": accounts.link,
    "notify": accounts.notify,
}


def handle(work: Work, person: Person, text: str, *, lang: str, confirmed: bool = False) -> CommandReply:
    """The answer to what `person` typed, never an exception for what they got wrong.

    `confirmed`: the text is a pending command whose button was pressed, so nothing is asked back.
    """
    typed = parse(text)
    ask = Ask(work, person, lang, typed, account.usage(typed.name, lang), confirmed)
    if not typed.name:
        return account.unknown(ask, typed.text)
    command = COMMANDS.get(typed.name)
    if typed.name == "handover":
        return ask.error("command.on_card")
    if command is None:
        return ask.error("command.later", value=typed.name)
    try:
        return command(ask)
    except DomainError as problem:
        return refused(work, lang, problem)
