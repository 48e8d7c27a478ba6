"""/promise, /paid, /dispute, /pause, /unpause: what a customer said, and what follows from it."""

from collections.abc import Mapping

from bot.commands.amounts import amount_among
from bot.commands.parser import Ask, Fields, Named, amount_input, fields, named
from bot.commands.periods import in_quotes, said_again, take_period
from bot.commands.reply import CommandReply
from bot.commands.write import canonical_amount, change, joined
from core.search import fold

REASONS = {
    "quality": "quality", "质量": "quality", "质量问题": "quality", "quantity": "quantity", "数量": "quantity",
    "数量不符": "quantity", "price": "price", "价格": "price", "价格有误": "price", "delivery": "delivery",
    "交付": "delivery",
    "交货": "delivery", "物流": "delivery", "交付问题": "delivery", "invoice": "invoice", "发票": "invoice",
    "发票有误": "invoice",
    "contract": "contract", "合同": "contract", "合同条款": "contract", "other": "other", "其他": "other", "其它": "other",
}  # fmt: skip
OUTCOMES = {
    "accept": "accepted", "accepted": "accepted", "接受": "accepted", "认可": "accepted", "同意": "accepted",
    "reject": "rejected", "rejected": "rejected", "驳回": "rejected", "拒绝": "rejected",
    "part": "part", "partly": "part", "部分": "part", "部分接受": "part",
}  # fmt: skip
_SETTLES = {"accepted": "accept", "rejected": "reject", "part": "part"}


def promise(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    currency = ask.currency_of(name.one)
    found = fields(name.rest, ask.work.today, currency, needs_day=True)
    if found.day is None:
        return missing(ask, found.rest, "date.unknown")
    _in_the_note(ask, found, currency)
    given = {"date": found.day.isoformat(), **amount_input(found, currency)}
    if found.rest:
        given["note"] = " ".join(found.rest)
    canonical = joined(given["date"], canonical_amount(given), _said(given))
    return change(ask, name, "task.promise", given, canonical)


def paid(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    currency = ask.currency_of(name.one)
    found = fields(name.rest, ask.work.today, currency, future=False)
    if found.rest:
        return ask.error("command.rest", value=" ".join(found.rest), usage=ask.usage)
    given = amount_input(found, currency)
    if found.day is not None:
        given["paid_on"] = found.day.isoformat()
    return change(ask, name, "task.paid", given, joined(canonical_amount(given), given.get("paid_on", "")))


def dispute(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    currency = ask.currency_of(name.one)
    outcome = OUTCOMES.get(fold(name.rest[0])) if name.rest else None
    if outcome:
        return _settle(ask, name, outcome)
    reason, rest = "other", name.rest
    if rest and fold(rest[0]) in REASONS:
        reason, rest = REASONS[fold(rest[0])], rest[1:]
    found = fields(rest, ask.work.today, currency, day=False)
    if reason == "other" and found.rest and fold(found.rest[0]) in REASONS:
        reason, found.rest = REASONS[fold(found.rest[0])], found.rest[1:]
    _in_the_note(ask, found, currency, plain=True)
    given = {"reason": reason, **amount_input(found, currency)}
    if found.rest:
        given["note"] = " ".join(found.rest)
    return change(ask, name, "task.dispute", given, joined(reason, canonical_amount(given), _said(given)))


def _in_the_note(ask: Ask, found: Fields, currency: str, *, plain: bool = False) -> None:
    """Without an amount it is about everything: one that stands further on is not lost among the words."""
    if found.amount_minor is not None or not found.rest or set(found.rest) & set(ask.typed.in_quotes):
        return
    taken = amount_among(found.rest, currency, plain=plain)
    if taken is not None:
        found.amount_minor, found.currency, found.rest = taken


def _said(given: Mapping[str, str]) -> str:
    """A note that is read once more: no amount is found in it then, either."""
    return in_quotes(given["note"]) if "note" in given else ""


def _settle(ask: Ask, name: Named, outcome: str) -> CommandReply:
    currency = ask.currency_of(name.one)
    found = fields(name.rest[1:], ask.work.today, currency, day=False)
    if (outcome == "part" and found.amount_minor is None) or found.rest:
        return ask.error("command.usage", usage=ask.usage)
    given = {"outcome": outcome, **(amount_input(found, currency) if outcome == "part" else {})}
    return change(ask, name, "dispute.settle", given, joined(_SETTLES[outcome], canonical_amount(given)))


def pause(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    found = take_period(" ".join(name.rest), ask.work.today, quoted=ask.typed.in_quotes)
    if found.until is None:
        return missing(ask, name.rest, "date.unknown")
    if found.start is not None and found.start > ask.work.today:
        return ask.error("period.no_start", value=found.start)
    if not found.rest:
        return ask.error("command.usage", usage=ask.usage)
    given = {"until": found.until.isoformat(), "reason": found.rest}
    return change(ask, name, "pause.set", given, joined(said_again(given), in_quotes(found.rest)))


def unpause(ask: Ask) -> CommandReply:
    name = named(ask)
    if isinstance(name, CommandReply):
        return name
    if name.rest:
        return ask.error("customer.unknown", value=" ".join(ask.typed.words))
    return change(ask, name, "pause.end", {}, "")


def missing(ask: Ask, rest: tuple[str, ...], code: str) -> CommandReply:
    """A word stands where the date should, or nothing does."""
    return ask.error(code, value=rest[0]) if rest else ask.error("command.usage", usage=ask.usage)
