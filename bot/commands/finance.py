"""/receipt, /allocate, /credit-note: what finance books by hand."""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import col

from bot.commands.collection import missing
from bot.commands.parser import Ask, amount_input, fields, named
from bot.commands.reply import CommandReply
from bot.commands.write import act, canonical_amount, change, joined
from core.models import Customer, Receipt, Receivable
from core.permissions import Relation, may


def receipt(ask: Ask) -> CommandReply:
    if not _may(ask, "receipt.record"):
        return _not_allowed(ask, "receipt.record")
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    currency = ask.currency_of(name.one)
    found = fields(name.rest, ask.work.today, currency, future=False)
    if found.amount_minor is None:
        return missing(ask, found.rest, "amount.bad")
    if found.day is None:
        return missing(ask, found.rest, "date.unknown")
    given = {**amount_input(found, currency), "date": found.day.isoformat()}
    if found.rest:
        given["number"] = " ".join(found.rest)
    canonical = joined(canonical_amount(given), given["date"], given.get("number", ""))
    return change(ask, name, "receipt.record", given, canonical)


def credit_note(ask: Ask) -> CommandReply:
    if not _may(ask, "credit_note.record"):
        return _not_allowed(ask, "credit_note.record")
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    currency = ask.currency_of(name.one)
    found = fields(name.rest, ask.work.today, currency, day=False)
    if found.amount_minor is None:
        return missing(ask, found.rest, "amount.bad")
    if not found.rest:
        return ask.error("command.usage", usage=ask.usage)
    given = amount_input(found, currency)
    words = found.rest
    if len(words) > 1 and any(char.isdigit() for char in words[0]):  # a number has digits, a reason follows it
        given["number"], words = words[0], words[1:]
    given["reason"] = " ".join(words)
    canonical = joined(canonical_amount(given), given.get("number", ""), given["reason"])
    return change(ask, name, "credit_note.record", given, canonical)


def allocate(ask: Ask) -> CommandReply:
    if not _may(ask, "receipt.allocate"):
        return _not_allowed(ask, "receipt.allocate")
    words = ask.typed.words
    if len(words) < 2:
        return ask.error("command.usage", usage=ask.usage)
    money, owed = _numbered(ask, Receipt, words[0]), _numbered(ask, Receivable, words[1])
    if not money:
        return ask.error("receipt.unknown", value=words[0])
    if not owed:
        return ask.error("receivable.unknown", value=words[1])
    # Numbers are unique only within a source: take the pair that fits together, if there is one.
    pairs = [(m, o) for m in money for o in owed if (m.customer_id, m.currency) == (o.customer_id, o.currency)]
    source, target = pairs[0] if pairs else (money[0], owed[0])
    found = fields(words[2:], ask.work.today, source.currency, day=False)
    if found.rest:
        return ask.error("command.rest", value=" ".join(found.rest), usage=ask.usage)
    given = {"receipt": source.number, "receivable": target.number, **amount_input(found, source.currency)}
    return act(ask, "receipt.allocate", given, "receipt", source.id, ask.work.session.get(Customer, source.customer_id))


def _numbered(ask: Ask, model: type[Receipt] | type[Receivable], number: str) -> list[Row[Any]]:
    """In sight, the ones with something left first."""
    seen = ask.scope.customers_whole() if model is Receipt else ask.scope.receivables()
    query = (
        select(col(model.id), col(model.number), col(model.customer_id), col(model.currency))
        .join(Customer, col(Customer.id) == col(model.customer_id))
        .where(col(model.number) == number, seen)
        .order_by(col(model.open_minor) == 0, col(model.id).desc())
    )
    return list(ask.work.session.execute(query))


def _may(ask: Ask, verb: str) -> bool:
    return may(verb, ask.person.roles, Relation.none)


def _not_allowed(ask: Ask, verb: str) -> CommandReply:
    return ask.error("action.not_allowed", "not_allowed", action=verb)
