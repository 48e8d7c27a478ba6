"""Who must agree to a held order, rung by rung. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.credit.exposure import Standing
from core.credit.rules import CreditRules, Route, Rung
from core.credit.verdict import Verdict
from core.dunning.org import Org

WITHIN = "ask_within"
OVER = frozenset({"over_limit", "over_group_limit", "over_part_limit", "no_credit"})  # reasons that grow with exposure
LAST = ("finance_director", "management", "finance_manager", "admin")  # where nobody of a rung may decide


@dataclass(frozen=True)
class Asked:
    """The people of one rung who are asked, in order; `need`: any of them, or all. `seats`: whom the route names; while
    one of them is away, `stands_for` says by deputy whose word that deputy gives. `at`: which rung of the route it is;
    `of`: how that route reads."""

    people: tuple[int, ...]
    need: str = "any"
    seats: tuple[int, ...] = ()
    stands_for: Mapping[int, tuple[int, ...]] = field(default_factory=dict, hash=False)
    at: int = 0
    of: str = ""

    def json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"people": list(self.people), "need": self.need, "at": self.at, "of": self.of}
        if self.stands_for:
            said["seats"] = list(self.seats)
            said["for"] = {str(deputy): list(seats) for deputy, seats in self.stands_for.items()}
        return said


def choose(verdict: Verdict, standing: Standing, rules: CreditRules) -> Route | None:
    """The first route that fits; for orders that are only asked because policy says so, that role alone."""
    codes = {reason.code for reason in verdict.reasons}
    if codes == {WITHIN}:
        return named("within", rules)
    return next((route for route in rules.routes if _fits(route, codes, verdict, standing)), None)


def named(name: str, rules: CreditRules) -> Route | None:
    """The route of this name; None where the rules have none by now."""
    if name == "within" and rules.ask_within:
        return Route("within", (Rung((f"role:{rules.ask_within}",)),))
    return next((route for route in rules.routes if route.name == name), None)


def by_exposure(rules: CreditRules) -> bool:
    """Whether what others of the customer's orders use up may make a held one another's to decide."""
    return any(
        route.over_from or route.over_share_from is not None or not OVER.isdisjoint(route.reasons) for route in rules.routes
    )


def reading(route: Route) -> str:
    """Whom it asks, as the rules say it: another text once somebody has edited its rungs."""
    return " > ".join(f"{rung.need} {' '.join(rung.audience)}" for rung in route.rungs)


def _fits(route: Route, codes: Collection[str], verdict: Verdict, standing: Standing) -> bool:
    if route.reasons and not set(route.reasons).intersection(codes):
        return False
    if route.rating and standing.rating not in route.rating:
        return False
    if route.overdue_from and not _owes_long(route.overdue_from, standing):
        return False
    if route.overdue_days_from is not None and standing.overdue_days < route.overdue_days_from:
        return False
    return any(_is_far(route, *over) for over in _overs(verdict, standing))


def _owes_long(least: Mapping[str, int], standing: Standing) -> bool:
    overdue = {currency: exposure.overdue_minor for currency, exposure in standing.exposures.items()}
    return any(currency in overdue and overdue[currency] >= minor for currency, minor in least.items())


def _overs(verdict: Verdict, standing: Standing) -> list[tuple[int, int | None, str]]:
    """By how much over which limit, in its currency: the customer's own and its group's."""
    found: list[tuple[int, int | None, str]] = [(verdict.over_minor, verdict.limit_minor, standing.currency)]
    group = verdict.group
    return [*found, (group.over_minor, group.limit_minor, group.currency)] if group is not None else found


def _is_far(route: Route, over_minor: int, limit_minor: int | None, currency: str) -> bool:
    if route.over_from and over_minor < route.over_from.get(currency, 10**18):
        return False
    if route.over_share_from is None:
        return True
    return bool(over_minor) and (not limit_minor or Decimal(over_minor) / limit_minor >= route.over_share_from)


def rungs(
    route: Route, standing: Standing, org: Org, not_these: Collection[int], start: int = 0
) -> Sequence[Asked]:
    """Who they are now, deputies in place of who is away, from the rung `start` of the route on: those before it have had
    their say. Nobody decides about their own order (`not_these`), nor as a deputy; an empty rung falls to whoever is above,
    and two rungs of the same people are one."""
    found: list[Asked] = []
    reads = reading(route)
    for at, rung in enumerate(route.rungs[start:], start):
        people = _people(rung, standing, org, not_these)
        if people:
            asked = _seated(people, rung.need, org, not_these, at, reads)
            if all((asked.people, asked.need) != (other.people, other.need) for other in found):
                found.append(asked)
    return found


def _people(rung: Rung, standing: Standing, org: Org, not_these: Collection[int]) -> list[int]:
    """Where all must agree, somebody of LAST takes the place of each audience that has nobody: four eyes stay four."""
    named: dict[int, None] = {}
    vacant = 0
    for audience in rung.audience:
        people_of, stand_in = org.resolve(audience, None, standing.owner_id, standing.region)
        some = () if stand_in else [p for p in people_of if p not in not_these]  # a stand-in may be the rep who asks
        named |= dict.fromkeys(some)
        vacant += not some
    for _ in range(vacant if rung.need == "all" else not named):
        taken = {*not_these, *named}
        named |= dict.fromkeys(next((some for role in LAST if (some := _others(org, role, taken))), [])[:1])
    return list(named)


def _seated(seats: Sequence[int], need: str, org: Org, not_these: Collection[int], at: int, of: str) -> Asked:
    people: dict[int, None] = {}
    stands_for: dict[int, tuple[int, ...]] = {}
    for seat in seats:
        person = org.stand_in(seat, not_these)
        people[person] = None
        if person != seat:
            stands_for[person] = (*stands_for.get(person, ()), seat)
    return Asked(tuple(people), need, tuple(seats), stands_for, at, of)


def above(seats: Sequence[int], org: Org, not_these: Collection[int]) -> list[int]:
    """Who else may decide when none of `seats` answers: the nearest manager of each, else somebody of LAST; today's
    deputies of those who are away. Never one of `not_these`."""
    managers = [next((m for m in org.above(seat) if m not in not_these and m not in seats), None) for seat in seats]
    found = [manager for manager in managers if manager is not None]
    if not found:
        taken = {*not_these, *seats}
        found = next((some for role in LAST if (some := _others(org, role, taken))), [])[:1]
    stand_ins = [org.stand_in(person, not_these) for person in found]
    return [person for person in dict.fromkeys(stand_ins) if person not in seats]


def _others(org: Org, role: str, not_these: Collection[int]) -> list[int]:
    return [person for person in org.holders(role) if person not in not_these]
