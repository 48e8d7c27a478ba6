"""One rung of a request as it is kept: who may decide, in whose place, and whether enough have. Pure.

    {people, need, at, of, seats?, for?, above?, escalated?}

people  who is asked now, those above included once nobody answered in time
at      which rung of its route it is: it stays that one whoever is asked
of      how that route reads: once somebody has edited it, `at` says nothing any more
seats   whom the route names, where that is not the same
for     by deputy, whose word they give
above   who was asked as well because nobody answered; then `escalated` is true
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from core.credit.route import Asked

Rung = Mapping[str, Any]


def seats(rung: Rung) -> list[int]:
    """Whom the route names. Being away takes nobody's right to decide; it only lets a deputy decide, too."""
    named = rung.get("seats")
    return list(named) if named is not None else [p for p in rung["people"] if p not in rung.get("above", ())]


def may_decide(rung: Rung) -> set[int]:
    return {*rung["people"], *seats(rung)}


def has_a_say(rung: Rung, person_id: int) -> bool:
    """Whoever may decide, or has done so as the deputy of somebody who is back."""
    return person_id in may_decide(rung) or str(person_id) in rung.get("for", {})


def acts_for(rung: Rung, person_id: int | None) -> list[int]:
    """In whose place this person decides; nobody for whoever is asked in their own right."""
    if person_id is None or person_id in seats(rung) or person_id in rung.get("above", ()):
        return []
    return list(rung.get("for", {}).get(str(person_id), ()))


def is_filled(rung: Rung, voted: Collection[int]) -> bool:
    """Whether those who said yes are enough. One word of a deputy counts for everybody whose place they take, one of
    somebody above for all of them."""
    if rung["need"] == "any" or not {*rung.get("above", ())}.isdisjoint(voted):
        return bool(voted)
    stood_for = {seat for person in voted for seat in rung.get("for", {}).get(str(person), ())}
    return all(seat in voted or seat in stood_for for seat in seats(rung))


def escalated(rung: Rung, above: Sequence[int]) -> dict[str, Any]:
    """The rung with those above, who may decide as well from now on."""
    people = [*rung["people"], *(person for person in above if person not in rung["people"])]
    return {**rung, "seats": seats(rung), "people": people, "above": list(above), "escalated": True}


def reseated(rung: Rung, asked: Asked, above: Sequence[int], voted: Collection[int]) -> dict[str, Any]:
    """The rung with the people of today. Deputies who have had their say gave it for whoever was away then."""
    fresh = asked.json()
    said = {deputy: list(whom) for deputy, whom in rung.get("for", {}).items() if int(deputy) in voted}
    if said:
        now = fresh.get("for", {})
        fresh["for"] = now | {deputy: sorted({*whom, *now.get(deputy, ())}) for deputy, whom in said.items()}
    if "above" in rung:
        fresh |= escalated(fresh, above)
    if "for" in fresh or "above" in fresh:
        fresh["seats"] = list(asked.seats)
    return fresh
