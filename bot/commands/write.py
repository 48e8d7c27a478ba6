"""What every changing command does with what it has read: ask back if the name was not exact, else act."""

from collections.abc import Mapping

from bot.commands import words
from bot.commands.parser import Ask, Named, pick
from bot.commands.reply import CommandReply, confirm, plain, quoted
from bot.notifications.views import DoneView, Line
from core import actions
from core.actions import ActionRequest, Outcome, Result
from core.models import Customer


def change(ask: Ask, name: Named, action: str, given: Mapping[str, str], canonical: str) -> CommandReply:
    """Act on the customer, if it is sure who is meant. `canonical`: the rest of the command with nothing relative."""
    if len(name.customers) > 1:
        return pick(ask, name, canonical)
    if not (name.exact or ask.confirmed):
        pending = f"/{ask.typed.name} {quoted(name.one.code)} {canonical}".rstrip()
        what = words.of(words.DOES[action][0], ask.lang)
        return confirm(ask.work, name.one, action, what, details(ask, given), given, pending)
    assert name.one.id is not None
    return act(ask, action, given, "customer", name.one.id, name.one)


def act(
    ask: Ask, action: str, given: Mapping[str, str], subject: str, subject_id: int, customer: Customer | None = None
) -> CommandReply:
    assert ask.person.id is not None
    request = ActionRequest(ask.person.id, action, dict(given), subject=subject, subject_id=subject_id)
    outcome: Outcome = actions.execute(ask.work, request)  # type: ignore[attr-defined,unused-ignore]
    done = outcome.result in (Result.done, Result.already)
    if not done:
        return ask.error(outcome.code, str(outcome.result), **outcome.facts)
    lines = details(ask, given)
    if customer is not None:
        lines = (Line(label=words.label("customer", ask.lang), value=customer.name), *lines)
    told = {"action": action, "input": dict(given), **plain(outcome.facts)}
    if customer is not None:
        told["customer"] = {"code": customer.code, "name": customer.name}
    return CommandReply(
        kind="reply.done",
        view=DoneView(today=ask.work.today, what=words.of(words.DOES[action][1], ask.lang), details=lines),
        json=told, outcome=str(outcome.result), code=outcome.code, facts=outcome.facts,
        customer_id=customer.id if customer else None,
    )  # fmt: skip


def details(ask: Ask, given: Mapping[str, str]) -> tuple[Line, ...]:
    lines = []
    for key, text in given.items():
        if key == "currency":
            continue
        if key == "amount" and "currency" in given:
            text = f"{given['currency']} {text}"
        if key in ("reason", "outcome"):
            text = words.value(text, ask.lang)
        lines.append(Line(label=words.label(key, ask.lang), value=text))
    return tuple(lines)


def canonical_amount(given: Mapping[str, str]) -> str:
    return f"{given.get('currency', '')} {given['amount']}".strip() if "amount" in given else ""


def joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
