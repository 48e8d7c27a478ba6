"""What a typed command answers, and the answers that every command shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from bot.commands.words import say
from bot.notifications.views import ChoiceView, ConfirmView, ErrorView, Line, Option
from core.errors import DomainError
from core.models import Customer
from core.money import Money, format_major
from core.work import Work

PICK = "{pick}"  # stands in `pending` where the code of the chosen customer goes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply:
    """`kind` and `view` are rendered to the card, `json` is the `view` of `say --json`.

    `pending`: the command in canonical text, to be kept with the delivery; a tap on `reply.confirm` handles it again
    with confirmed=True, a tap on `reply.pick` after `picked(pending, value)`.
    """

    kind: str
    view: Any
    json: dict[str, Any]
    outcome: str = "done"  # as of an action: done, already, stale, not_allowed, invalid
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    pending: str | None = None
    customer_id: int | None = None
    order_id: int | None = None  # whose buttons the reader has beside the answer


def picked(pending: str, code: str) -> str:
    """The pending command for the customer that was chosen."""
    return pending.replace(PICK, quoted(code), 1)


def quoted(code: str) -> str:
    """A code as one word of a command."""
    return f'"{code}"' if not code or any(char.isspace() for char in code) else code


def error(work: Work, lang: str, code: str, facts: Mapping[str, Any], outcome: str = "invalid") -> CommandReply:
    message, hint = say(code, facts, lang, work.today)
    view = ErrorView(today=work.today, code=code, message=message, hint=hint)
    said = {"code": code, "message": message, "hint": hint}
    return CommandReply(kind="reply.error", view=view, json={"error": said}, outcome=outcome, code=code, facts=facts)


def refused(work: Work, lang: str, problem: DomainError) -> CommandReply:
    return error(work, lang, problem.code, problem.facts)


def choice(work: Work, asked: str, customers: list[Customer], pending: str) -> CommandReply:
    options = tuple(Option(value=c.code, label=f"{c.name} ({c.code})") for c in customers)
    return CommandReply(
        kind="reply.choice",
        view=ChoiceView(today=work.today, asked=asked, options=options),
        json={"asked": asked, "choices": [{"code": c.code, "name": c.name} for c in customers]},
        code="customer.several",
        facts={"asked": asked, "count": len(customers)},
        pending=pending,
    )


def confirm(
    work: Work, customer: Customer, action: str, what: str, details: tuple[Line, ...], given: Mapping[str, str], pending: str
) -> CommandReply:
    view = ConfirmView(today=work.today, what=what, customer=customer.name, code=customer.code, details=details)
    asks = {"action": action, "customer": {"code": customer.code, "name": customer.name}, "input": dict(given)}
    return CommandReply(
        kind="reply.confirm", view=view, json={"confirm": asks}, code="customer.confirm",
        facts={"customer": customer.name, "code": customer.code}, pending=pending, customer_id=customer.id,
    )  # fmt: skip


def major(minor: int, currency: str) -> str:
    return format_major(minor, currency)


def plain(value: Any) -> Any:
    """Facts as JSON: amounts in major units, dates ISO."""
    if isinstance(value, Money):
        return {"amount": format_major(value.minor, value.currency), "currency": value.currency}
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
