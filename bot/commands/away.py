"""/away 到 日期 [代理 @人] and /back: who decides about credit while somebody is away."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import select

from bot.commands.parser import Ask
from bot.commands.periods import Period, given_days, take_period
from bot.commands.reply import CommandReply
from bot.commands.words import label as label_of
from bot.commands.words import of
from bot.commands.write import act
from bot.notifications.views import DoneView, Line
from bot.words import days_in_words, sentence, together
from core.errors import DomainError
from core.models import Person
from core.models.base import table_of

_SAID = re.compile(
    r"(?P<days>.+?)(?:\s*[,，]?\s*(?:代理人?|由|deputy\b)\s*[:：]?\s*@?(?P<deputy>.+?)(?:代理)?)?", re.IGNORECASE
)
_NO_DEPUTY = (
    "审批仍发给您；要由他人代理，请写“外出 到 日期 代理 @同事”",
    "Approvals still come to you; for a deputy write “/away until date deputy @colleague”",
)
_OTHER_DEPUTY = (
    "请另选代理人：外出 到 日期 代理 @同事",
    "Please name another: “/away until date deputy @colleague”.",
)
P = table_of(Person)


def away(ask: Ask) -> CommandReply:
    """Oneself, or `@somebody` of whom one is the manager."""
    person_id, words = _whose(ask)
    said = _SAID.fullmatch(" ".join(words))
    if person_id is None:
        return ask.error("person.unknown", person=ask.typed.words[0].lstrip("@"))
    if said is None:
        return ask.error("command.usage", usage=ask.usage)
    given = given_days(_period(said["days"], ask.work.today))
    if said["deputy"]:
        given["deputy"] = said["deputy"].strip()
    reply = act(ask, "person.away", given, "person", person_id)
    if not isinstance(reply.view, DoneView):
        return reply
    label = label_of("deputy", ask.lang)
    lines = tuple(line for line in reply.view.details if line.label != label)
    if told := str(reply.facts.get("deputy") or said["deputy"] or "").strip():  # a name says more than a handle
        lines += (Line(label=label, value=told),)
    return replace(reply, view=replace(reply.view, details=lines, next=_warning(ask, reply)))


def _warning(ask: Ask, reply: CommandReply) -> str:
    """Where approvals go to, if that is not simply the deputy."""
    if reply.code == "away.without_deputy":
        return of(_NO_DEPUTY, ask.lang)
    if reply.code not in ("away.both", "away.circle", "away.nobody"):
        return ""
    told = sentence(f"outcome.{reply.code}", days_in_words(reply.facts, ask.work.today, ask.lang), ask.lang)[0]
    return told if reply.code == "away.both" else together(told, of(_OTHER_DEPUTY, ask.lang), ask.lang)


def _period(text: str, today: date) -> Period:
    """Nothing else stands in `text`: what can't be read is no day, and no reason."""
    try:
        period = take_period(text, today)
    except DomainError as error:
        if error.code != "period.unclear":
            raise
        period = Period(None, None, str(error.facts["value"]))
    if period.until is None or period.rest:
        raise DomainError("date.unknown", value=period.rest or text)
    return period


def back(ask: Ask) -> CommandReply:
    person_id, words = _whose(ask)
    if person_id is None:
        return ask.error("person.unknown", person=ask.typed.words[0].lstrip("@"))
    if words:
        return ask.error("command.usage", usage=ask.usage)
    return act(ask, "person.back", {}, "person", person_id)


def _whose(ask: Ask) -> tuple[int | None, Sequence[str]]:
    """Whom a leading `@name` means, else whoever types; None for nobody. And the other words."""
    words = ask.typed.words
    if not words or not words[0].startswith("@"):
        return ask.person.id, words
    name = words[0].lstrip("@")
    found = ask.work.session.execute(select(P.c.id).where((P.c.handle == name) | (P.c.name == name))).scalars().all()
    return (found[0] if len(found) == 1 else None), words[1:]
