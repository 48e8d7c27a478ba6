"""`huikuan send-test`: a card to press, to prove that messages arrive and taps come back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from bot.adapters.base import Adapter, Sent
from bot.card import Card, as_lang, card_json, dump
from bot.fit import fit
from bot.notifications.parcel import addresses_of
from bot.notifications.templates import render, templates
from bot.notifications.views import TrialView
from bot.transactions import Transactions
from bot.words import sentence, together
from core.errors import DomainError
from core.models import Delivery, Person
from core.models.base import table_of
from core.work import Work

P = table_of(Person)
# What messengers call it.
_CODES = {
    "unknown_user": "nobody", "invaliduser": "nobody", "user_not_found": "nobody", "no such address": "nobody",
    "DingTalk knows no such person in this company": "nobody", "spaceId is illegal": "nobody",
    "unlicenseduser": "unlicensed", "not_greeted": "not_greeted",
}  # fmt: skip


async def send(
    transactions: Transactions, adapters: dict[str, Adapter], handle: str, messenger: str, now: datetime
) -> list[dict[str, Any]]:
    """One card to each account of the person, or to the one at `messenger`. Its button answers who they are.

    Errors: account.none.
    """
    with transactions.look(now) as work:
        person = work.session.execute(select(Person).where(P.c.handle == handle)).scalar_one()
        found = addresses_of(work, person, adapters, as_lang(person.locale, work.company.lang))
        where = [(adapter, to) for adapter, to in found if messenger in ("", adapter.name)]
        today, person_id, name = work.today, person.id or 0, person.name
    if not where:
        raise DomainError("account.none", handle=handle, messenger=messenger or "-")
    results = []
    for adapter, to in where:
        card = render("reply.test", TrialView(today=today, person=name), as_lang(to.lang))
        card, _ = fit(card, adapter.capabilities(to), today=today)
        result = await adapter.send(to, card, f"test:{uuid4().hex}")
        if isinstance(result, Sent):
            with transactions.work(now) as work:
                _record(work, adapter.name, to.user_id, person_id, result.ref, card)
        results.append(
            {
                "messenger": adapter.name,
                "account": to.user_id,
                "sent": isinstance(result, Sent),
                "reason": "" if isinstance(result, Sent) else result.reason,
            }
        )
    return results


def why_not(handle: str, found: Mapping[str, Any], lang: str) -> str:
    """Why a card of `send` did not go to one account, and what to do about it."""
    code, called = _CODES.get(found["reason"], "refused"), as_lang(lang)
    name = templates().word(found["messenger"], "messenger", called)
    facts = {**found, "handle": handle, "name": f"{name} " if name.isascii() and called == "zh" else name}
    facts["reason"] = templates().word(found["reason"], "failure", called)
    return together(*sentence(f"messenger.{code}", facts, lang), lang)


def _record(work: Work, messenger: str, address: str, person_id: int, ref: str, card: Card) -> None:
    facts: dict[str, Any] = {"customer": "", "task": None, "receivables": [], "severity": ""}
    work.session.add(
        Delivery(
            messenger=messenger, address=address, ref=ref, person_id=person_id, kind=card.kind, subject="command",
            subject_id=0, at=work.now, on_date=work.today, updated_at=work.now,
            card={**card_json(card), **facts, "dump": dump(card), "data": {"text": "/whoami"}},
        )
    )  # fmt: skip
    work.audit("messenger.tried", "person", person_id, messenger=messenger)
