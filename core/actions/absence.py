"""Being away: until when, and who decides about credit meanwhile."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from core import outbox
from core.actions.request import Context, Outcome, Result, person_named
from core.credit import seats
from core.credit.route import LAST
from core.dunning.load import is_away, load_org
from core.errors import DomainError
from core.ledger import marks
from core.models import CreditRequest, Person, RequestState
from core.models.base import table_of
from core.permissions import Relation, decides_credit, relation_to

LONGEST_DAYS = 366
NAMED = 5
Q = table_of(CreditRequest)


def away(c: Context) -> Outcome:
    """`until`, `from` (today if it isn't said), `deputy` (who it was so far). Who decides in somebody's place has a role to
    decide with, and is told. Errors: away.over, away.too_long, away.backwards, away.own_deputy, away.self_appointed,
    away.no_authority(deputy, could: names), person.unknown."""
    person, today = c.work.session.get_one(Person, c.subject_id), c.work.today
    until = c.day("until", required=True)
    assert until is not None
    start = c.day("from") or today
    if until < today:
        raise DomainError("away.over", on=until)
    if start > until:
        raise DomainError("away.backwards", on=start, until=until)
    if until > today + timedelta(days=LONGEST_DAYS):
        raise DomainError("away.too_long", on=until)
    deputy = person_named(c, "deputy") if c.text("deputy") else None
    if deputy is not None and deputy.id == person.id:
        raise DomainError("away.own_deputy")
    if deputy is not None and deputy.id == c.work.person_id and not _is_above(c, person):
        raise DomainError("away.self_appointed")
    decides = decides_credit(person.roles)
    if deputy is not None and decides and not decides_credit(deputy.roles):
        raise DomainError("away.no_authority", deputy=deputy.name, could=_could(c, person))
    before, was = _shown(person), person.deputy_id
    had_deputy = is_away(person.away_from, person.away_until, today) and person.away_until is not None
    person.away_from, person.away_until = start, until
    if deputy is not None and deputy.id != person.deputy_id:
        person.deputy_id = deputy.id
        person.edited = sorted({*person.edited, "deputy"})  # the next import keeps it
    c.work.audit("person.away", "person", person.id, before=before, after=_shown(person))
    _look_again(c, person.id or 0)
    stands_in = c.work.session.get(Person, person.deputy_id) if person.deputy_id is not None else None
    if stands_in is not None and (not stands_in.active or (decides and not decides_credit(stands_in.roles))):
        stands_in = None
    name = stands_in.name if stands_in is not None else ""
    if decides:
        _tell(c, person, stands_in.id if stands_in is not None else None)
        if had_deputy and was != person.deputy_id:
            _tell(c, person, was, over="other_deputy")
    facts = {"until": until, "from": start, "deputy": name}
    if stands_in is None:
        return Outcome(Result.done, "away.without_deputy", facts)
    if decides and _away_in(stands_in, start, until):
        return _both_away(c, person, stands_in, facts)
    return Outcome(Result.done, "away.set", facts)


def _away_in(person: Person, start: date, until: date) -> bool:
    """Whether they are away on one of these days."""
    if person.away_from is None and person.away_until is None:
        return False
    return (person.away_from or start) <= until and (person.away_until or until) >= start


def _both_away(c: Context, person: Person, deputy: Person, facts: dict[str, Any]) -> Outcome:
    """Who decides while the deputy is away, too: the deputy's deputy, and so on, else the person, as Org.stand_in has it."""
    start, until, seen = facts["from"], facts["until"], {person.id}
    at: Person | None = deputy
    while at is not None and at.id not in seen and at.active and decides_credit(at.roles) and _away_in(at, start, until):
        seen.add(at.id)
        at = c.work.session.get(Person, at.deputy_id) if at.deputy_id is not None else None
    facts = {**facts, "until": until, "their_until": deputy.away_until or until}
    if at is not None and at.id in seen:
        return Outcome(Result.done, "away.circle", facts)
    if at is None or not at.active or not decides_credit(at.roles):
        return Outcome(Result.done, "away.nobody", facts)
    return Outcome(Result.done, "away.both", {**facts, "then": at.name})


def back(c: Context) -> Outcome:
    person = c.work.session.get_one(Person, c.subject_id)
    if person.away_from is None and person.away_until is None:
        return Outcome(Result.already, "away.not_away")
    before = _shown(person)
    person.away_from = person.away_until = None
    c.work.audit("person.back", "person", person.id, before=before)
    _look_again(c, person.id or 0)
    if before["until"] is not None and decides_credit(person.roles):
        _tell(c, person, person.deputy_id, over="back")
    return Outcome(Result.done, "away.back")


def _tell(c: Context, person: Person, deputy_id: int | None, over: str = "") -> None:
    """To the deputy: that they decide from now on, or (`over`: why) no longer. Not to whoever does it themselves."""
    c.work.session.flush()
    deputy = load_org(c.work).members.get(deputy_id or 0)
    if deputy is None or not (deputy.active and deputy.decides) or deputy.id == c.work.person_id:
        return
    outbox.enqueue(c.work, [
        outbox.row(
            c.work, key=f"deputy:{person.id}:{deputy.id}:{person.away_until}:{over}:{c.work.now.isoformat()}",
            kind="note.deputy", subject="person", subject_id=person.id or 0, person_id=deputy.id,
            data={"over": over} if over else {}, not_before=outbox.outside_quiet(c.work, c.policy.windows, deputy),
        )
    ])  # fmt: skip


def _could(c: Context, person: Person) -> str:
    """Names of a few who may decide about credit, those with a role of theirs first."""
    org, mine = load_org(c.work), set(person.roles)
    able = [m for m in org.members.values() if m.active and m.decides and not m.away and m.id != person.id]
    able.sort(key=lambda member: (mine.isdisjoint(member.roles), not {*LAST[:3]} & member.roles, member.id))
    return "、".join(member.name for member in able[:NAMED])


def _is_above(c: Context, person: Person) -> bool:
    """Whoever keeps the accounts hands nobody's rights to themselves."""
    actor = c.work.session.get_one(Person, c.work.person_id)
    return relation_to(c.work.session, actor.id or 0, actor.roles, person.id) == Relation.above


def _shown(person: Person) -> dict[str, object]:
    return {
        "from": person.away_from and person.away_from.isoformat(),
        "until": person.away_until and person.away_until.isoformat(),
        "deputy": person.deputy_id,
    }


def _look_again(c: Context, person_id: int) -> None:
    """What waits for this person is looked at anew in a moment, a customer at a time: then whoever decides now has the
    card. No customer is locked here."""
    c.work.session.flush()
    waiting = select(Q.c.customer_id, Q.c.rungs, Q.c.rung).where(Q.c.state == RequestState.pending)
    found = c.work.session.execute(waiting)
    marks.mark(c.work, {row.customer_id for row in found if _names(row.rungs[row.rung], person_id)})


def _names(rung: seats.Rung, person_id: int) -> bool:
    return person_id in seats.may_decide(rung) or any(person_id in whom for whom in rung.get("for", {}).values())
