"""Who decides about credit in somebody's place while they are away, told to the deputy."""

from bot.notifications.load.facts import Cancel, Facts, Loaded, Message, phrase
from bot.notifications.views import DeputyView
from core.models import Person


def deputy(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """That they are it, as long as that is true; or that they are it no longer. Said once: what was read stays."""
    if message.for_update:
        return Cancel("stays")
    person, over = facts.work.session.get_one(Person, message.subject_id), str(message.data.get("over", ""))
    until = person.away_until
    holds = until is not None and until >= facts.today and person.deputy_id == message.person_id
    if holds == bool(over):
        return Cancel("changed")
    view = DeputyView(
        today=facts.today, who=person.name, start=person.away_from or facts.today, until=until or facts.today,
        ended=phrase(f"ended.{over}") if over else None,
    )  # fmt: skip
    return Loaded(kind="note.deputy", view=view, severity="due_soon", over=True)
