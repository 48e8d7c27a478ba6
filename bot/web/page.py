"""What the local messenger's page is told: people, and messages as one messenger or another would show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, tzinfo
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from bot.adapters.local import store
from bot.card import Card, dump, load
from bot.fit import PROFILES, fit
from bot.plain import to_text
from core.models import Person
from core.permissions import decides_credit

VIEWS = ("full", "slack", "dingtalk", "wecom", "text")
_MANAGERS = {"sales_manager", "sales_director"}
_FINANCE = {"finance", "finance_manager", "finance_director"}


def people(session: Session) -> dict[str, Any]:
    """Everybody who has a chat, and whom to show first: a rep with much to do, the rep's manager, finance."""
    rows = list(session.execute(select(Person).where(Person.active.is_(True)).order_by(Person.id)).scalars())  # type: ignore[attr-defined, arg-type]
    by_id = {p.id: p for p in rows}
    sent = store.counts(session)

    def busiest(found: Iterable[Person]) -> Person | None:
        return max(found, key=lambda p: sent.get(p.handle, 0), default=None)

    def has(person: Person, roles: set[str]) -> bool:
        return bool(roles.intersection(person.roles))

    reps = [p for p in rows if "rep" in p.roles]
    rep = busiest(p for p in reps if p.manager_id in by_id) or busiest(reps)
    manager = by_id.get(rep.manager_id) if rep is not None else None
    manager = manager or busiest(p for p in rows if has(p, _MANAGERS))
    first = [rep, manager, busiest(p for p in rows if has(p, _FINANCE))]
    handles = list(dict.fromkeys(p.handle for p in first if p is not None)) or [p.handle for p in rows[:3]]
    return {
        "people": [
            {
                "handle": p.handle, "name": p.name, "roles": list(p.roles), "sent": sent.get(p.handle, 0),
                "manager": by_id[p.manager_id].name if p.manager_id in by_id else "",
                "approves": decides_credit(p.roles),
            }
            for p in rows
        ],
        "first": handles,
    }  # fmt: skip


def item(message: store.Message, view: str, today: date, zone: tzinfo = UTC) -> dict[str, Any]:
    """One message for the page. `view` is a messenger whose limits it should show; `today` dates its ready answers.
    Instants are on the clocks of `zone`."""
    head: dict[str, Any] = {
        "id": message.id,
        "channel": message.channel,
        "person": message.address,
        "direction": message.direction,
        "version": message.version,
        "at": message.at.astimezone(zone).isoformat(),
        "updated": message.updated_at.astimezone(zone).isoformat(),
        "delivery": message.delivery,
        "rev": message.rev,
        "state": message.state,
    }
    if message.channel == "mail":
        return head | {"letter": store.letter_of(message, zone)}
    if "card" not in message.payload:
        return head | {"text": message.payload.get("text", ""), "outcome": message.payload.get("outcome", "")}
    card, lost = _as_seen(load(message.payload["card"]), view, today)
    drawn = dump(card) | {"severity": message.facts.get("severity") or ""}
    if message.state == "closed":  # short notes are closed from the start, and questions once they are answered
        drawn["actions"] = []
    if view == "text":
        drawn["plain"] = to_text(card)
    return head | {"card": drawn, "lost": lost, "asks": message.payload["card"].get("actions", [])}


def _as_seen(card: Card, view: str, today: date) -> tuple[Card, list[str]]:
    """The card within the limits of `view`, and what was lost. Stored cards were fitted for the local messenger,
    which loses nothing but marks how each action is drawn."""
    if view == "full":
        return card, []
    before = replace(card, actions=tuple(replace(a, draw="button") for a in card.actions))
    fitted, lost = fit(before, PROFILES[view], today=today)
    return fitted, list(lost)
