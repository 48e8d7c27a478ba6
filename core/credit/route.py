"""Who must agree to a held order, rung by rung. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.credit.exposure import Standing
from core.credit.rules import CreditRules, Route, Rung
from core.credit.verdict import Verdict
from core.dunning.org import Org

LAST = ("finance_director", "management", "finance_manager", "admin")  # where nobody of a rung may decide


@dataclass(frozen=True)
class Asked:
    """The people of one rung, in order; `need`: any of them, or all."""

    people: tuple[int, ...]
    need: str = "any"

    def json(self) -> dict[str, Any]:
        return {"people": list(self.people), "need": self.need}


def choose(verdict: Verdict, standing: Standing, rules: CreditRules) -> Route | None:
    """The first route that fits; for orders that are only asked because policy says so, that role alone."""
    codes = {reason.code for reason in verdict.reasons}
    if codes == {"ask_within"}:
        return Route("within", (Rung((f"role:{rules.ask_within}",)),))
    return next((route for route in rules.routes if _fits(route, codes, verdict, standing)), None)


def _fits(route: Route, codes: Collection[str], verdict: Verdict, standing: Standing) -> bool:
    if route.reasons and not set(route.reasons).intersection(codes):
        return False
    if route.rating and standing.rating not in route.rating:
        return False
    if route.overdue_days_from is not None and standing.overdue_days < route.overdue_days_from:
        return False
    if route.over_from and verdict.over_minor < route.over_from.get(standing.currency, 10**18):
        return False
    if route.over_share_from is None:
        return True
    limit = standing.limit_minor
    return bool(verdict.over_minor) and (not limit or Decimal(verdict.over_minor) / limit >= route.over_share_from)


def rungs(route: Route, standing: Standing, org: Org, not_these: Collection[int]) -> Sequence[Asked]:
    """Who they are now. Nobody decides about their own order (`not_these`); an empty rung falls to whoever is above."""
    found: list[Asked] = []
    for rung in route.rungs:
        named: list[int] = []
        for audience in rung.audience:
            people_of, stand_in = org.resolve(audience, None, standing.owner_id, standing.region)
            named += () if stand_in else people_of  # a stand-in for a director may be the rep who asks
        people = [p for p in dict.fromkeys(named) if p not in not_these]
        if not people:
            people = next((some for role in LAST if (some := _others(org, role, not_these))), [])[:1]
        if people and Asked(tuple(people), rung.need) not in found:
            found.append(Asked(tuple(people), rung.need))
    return found


def _others(org: Org, role: str, not_these: Collection[int]) -> list[int]:
    return [person for person in org.holders(role) if person not in not_these]
