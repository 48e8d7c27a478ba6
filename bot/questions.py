"""Taps that ask once more before they take effect, where the messenger itself can't: a link, a number that is typed.

The question is a card of its own, kept as a delivery for the one who tapped. It holds the tap as it was read, with what the
tapped card showed then: a yes does that and nothing else, and is stale if the card has changed meanwhile.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from bot.card import Action, Card, Lang, day_words, load
from bot.notifications.load import Cancel
from bot.notifications.load import load as load_view
from bot.notifications.parcel import of_delivery
from bot.notifications.templates import render
from bot.notifications.views import Line, SureView
from core import actions
from core.actions import ActionRequest, Result
from core.models import Delivery
from core.work import Work

KIND = "reply.sure"
YES, NO = "reply.confirm", "reply.cancel"


def question(
    work: Work, delivery: Delivery, request: ActionRequest, lang: Lang
) -> tuple[Card, dict[str, Any]] | None:
    """What to ask before this is done, and the tap to be kept with it; None where the button asks nothing, or nothing would
    be done anyway: a tap in vain is told so at once."""
    action = next((a for a in load(delivery.card["dump"]).actions if a.id == request.action), None)
    if action is None or not action.confirm:
        return None
    kept = _to_json(request, delivery)  # as of what the question says: after the lock the card may be another
    if actions.would(work, request).result != Result.done:
        return None
    given = _details(action, request.input, work.today, lang)
    view = SureView(today=work.today, what=action.label, question=action.confirm, details=given)
    return render(KIND, view, lang), {"tap": kept}


def _details(action: Action, given: Mapping[str, str], today: date, lang: Lang) -> tuple[Line, ...]:
    lines = []
    for item in action.inputs:
        if value := given.get(item.name, ""):
            label = next((choice.label for choice in item.choices if choice.value == value), value)
            if item.type == "date":
                label = day_words(date.fromisoformat(value), today, lang)
            lines.append(Line(label=item.label, value=label))
    return tuple(lines)


def _to_json(request: ActionRequest, delivery: Delivery) -> dict[str, Any]:
    rev = request.seen_rev if request.seen_rev is not None else delivery.rev
    shown = delivery.card.get("shows", {})
    return {"delivery": delivery.id, "action": request.action, "input": dict(request.input), "rev": rev, "shows": shown}


def tap_of(question: Delivery, person_id: int) -> ActionRequest:
    """What a yes to it does."""
    kept = question.card["data"]["tap"]
    return ActionRequest(
        person_id, kept["action"], kept["input"], delivery_id=kept["delivery"], seen_rev=kept["rev"], shown=kept["shows"]
    )


def ending(work: Work, delivery: Delivery, lang: Lang) -> str:
    """What a card says that is over: who decided, and what. "" while it isn't."""
    loaded = load_view(work, of_delivery(delivery), lang)
    if isinstance(loaded, Cancel):
        return ""
    card = render(loaded.kind, loaded.view, lang)
    return card.title if card.closed else ""
