"""What every changing command does with what it has read: ask back if the name was not exact, else act."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlmodel import col, select

from bot.card import day_words
from bot.commands import words
from bot.commands.dates import dotted
from bot.commands.parser import Ask, Named, pick
from bot.commands.reply import CommandReply, confirm, error, plain, quoted
from bot.notifications.views import DoneView, Line
from bot.words import listed_promises
from core import actions
from core.actions import ActionRequest, Outcome, Result
from core.actions.request import only_currency
from core.models import Claim, Customer, Dispute, Pause, Promise, Receipt
from core.money import Money, format_major, format_money, parse_major


def change(ask: Ask, name: Named, action: str, given: Mapping[str, str], canonical: str) -> CommandReply:
    """Act on the customer, if it is sure who is meant. `canonical`: the rest of the command with nothing relative."""
    if len(name.customers) > 1:
        return pick(ask, name, canonical)
    if not (name.exact or ask.confirmed):
        pending = f"/{ask.typed.name} {quoted(name.one.code)} {canonical}".rstrip()
        what = words.of(words.DOES[action][0], ask.lang)
        shown = {"currency": _meant(ask, name.one), **given}
        return confirm(ask.work, name.one, action, what, details(ask, shown, action), given, pending)
    assert name.one.id is not None
    return act(ask, action, given, "customer", name.one.id, name.one)


def act(
    ask: Ask, action: str, given: Mapping[str, str], subject: str, subject_id: int, customer: Customer | None = None
) -> CommandReply:
    assert ask.person.id is not None
    meant = _meant(ask, customer)  # before the action: it may settle what is open
    outcome = actions.execute(
        ask.work, ActionRequest(ask.person.id, action, dict(given), subject=subject, subject_id=subject_id)
    )
    if outcome.result not in (Result.done, Result.already):
        return error(ask.work, ask.lang, outcome.code, outcome.facts, str(outcome.result))
    already = outcome.result == Result.already
    lines = () if already else details(ask, _with_currency(given, outcome.facts, meant), action)
    if "amount" not in given and not already and outcome.facts.get("amounts"):
        sums = (format_money(Money(minor, currency), ask.lang) for minor, currency in outcome.facts["amounts"])
        lines += (Line(label=words.label("amount", ask.lang), value=("、" if ask.lang == "zh" else ", ").join(sums)),)
    lines += tuple(
        Line(label=words.label(name, ask.lang), value=listed_promises(outcome.facts[name], ask.work.today, ask.lang))
        for name in ("replaced", "standing") if outcome.facts.get(name)
    )  # fmt: skip
    told: dict[str, Any] = {"action": action, "code": outcome.code, "input": dict(given), **_facts(outcome.facts)}
    if customer is not None:
        lines = (Line(label=words.label("customer", ask.lang), value=customer.name), *lines)
        told |= {"customer": {"code": customer.code, "name": customer.name}, **changed(ask, action, outcome, customer)}
    what = words.said(action, outcome.code, outcome.facts, ask.lang, already=already, today=ask.work.today)
    view = DoneView(today=ask.work.today, what=what, details=lines, next=_next(ask, outcome))
    return CommandReply(
        kind="reply.done", view=view, json=told,
        outcome=str(outcome.result), code=outcome.code, facts=outcome.facts, customer_id=customer.id if customer else None,
    )  # fmt: skip


def _next(ask: Ask, outcome: Outcome) -> str:
    """What is left to do; "" where nothing is."""
    receipt = ask.work.session.get(Receipt, outcome.facts["receipt"]) if outcome.code == "receipt.recorded" else None
    if receipt is None or not receipt.open_minor:
        return ""
    left = Money(receipt.open_minor, receipt.currency)
    return words.say("receipt.unallocated", {"amount": left, "number": quoted(receipt.number)}, ask.lang)[0]


def _meant(ask: Ask, customer: Customer | None) -> str:
    """The currency of an amount typed without one: the only one that is open, else the company's."""
    return (only_currency(ask.work, customer.id) if customer is not None else None) or ask.work.company.currency


def _with_currency(given: Mapping[str, str], facts: Mapping[str, Any], meant: str) -> Mapping[str, str]:
    """For the card: the currency that was found to be meant, where none was typed."""
    found = {currency for _, currency in facts.get("amounts", ())} | ({facts["currency"]} if "currency" in facts else set())
    return {"currency": found.pop() if len(found) == 1 else meant, **given}


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """An outcome's facts as JSON, amounts in major units."""
    told = {key: fact for key, fact in facts.items() if key not in ("ids", "minor")}
    if "amounts" in told:
        told["amounts"] = [Money(minor, currency) for minor, currency in told["amounts"]]
    if "minor" in facts and "currency" in facts:
        told["amount"] = format_major(facts["minor"], facts["currency"])
    return dict(plain(told))


_OBJECTS: dict[str, tuple[type[Any], str]] = {
    "task.promise": (Promise, "date"), "task.paid": (Claim, "paid_on"), "task.dispute": (Dispute, ""),
    "dispute.settle": (Dispute, ""), "pause.set": (Pause, "until"),
}  # fmt: skip


def changed(ask: Ask, action: str, outcome: Outcome, customer: Customer) -> dict[str, Any]:
    """The changed object; with several currencies the first, and the rest as `others`."""
    model, day = _OBJECTS.get(action, (None, ""))
    if model is None or outcome.result != Result.done:
        return {}
    ids = outcome.facts.get("ids")
    ours = col(model.id).in_(ids) if ids else model.made_at == ask.work.now
    query = select(model).where(model.customer_id == customer.id, ours)
    found = []
    for row in ask.work.session.exec(query.order_by(model.id)).all():
        one: dict[str, Any] = {"id": row.id, "state": str(row.state)}
        if hasattr(row, "amount_minor"):
            one |= {"amount": format_major(row.amount_minor, row.currency), "currency": row.currency}
        if day:
            one[day] = (row.due_on if action == "task.promise" else getattr(row, day)).isoformat()
        if hasattr(row, "reason"):
            one["reason"] = row.reason
        found.append(one)
    return {**found[0], "others": found[1:]} if found else {}


def details(ask: Ask, given: Mapping[str, str], action: str) -> tuple[Line, ...]:
    lines = []
    for key, text in given.items():
        if key == "currency":
            continue
        if key == "amount":
            currency = given.get("currency") or ask.work.company.currency
            text = format_money(Money(parse_major(text, currency), currency), ask.lang)
        elif key in ("date", "paid_on", "until", "from"):
            text = day_words(date.fromisoformat(text), ask.work.today, ask.lang)
        elif key in ("reason", "outcome", "limit"):
            text = words.value(text, ask.lang)
        name = "received_on" if key == "date" and action == "receipt.record" else key
        lines.append(Line(label=words.label(name, ask.lang), value=text))
    return tuple(lines)


def canonical_amount(given: Mapping[str, str]) -> str:
    """As it can only be read as an amount: `12.10` alone might be a day."""
    amount = given.get("amount", "")
    return f"{given.get('currency', '')} {'+' if dotted(amount) else ''}{amount}".strip()


def joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
