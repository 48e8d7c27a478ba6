"""Who must decide a pending request by now: those whom it asks, as they are today, or others, since the figures have
changed or the policy has. Pure.

A request keeps what was agreed to only where that is safe: its route reads as it did when it was asked, or the route that
fits by now asks the same people; or somebody has agreed already and nothing is worse than what they saw. Otherwise it
begins anew with the first rung, and what was said before counts no more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.credit import route, seats, shown, verdict
from core.credit.exposure import Standing
from core.credit.rules import CreditRules, Route
from core.dunning.org import Org
from core.models import CreditRequest

Rungs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Deciders:
    """`rungs`: all of them as they are today; those that have had their say as they were then. `fresh`: the same if nobody
    had said anything yet. `anew`: others must decide than those whom the request asks."""

    route: str
    rungs: list[dict[str, Any]]
    fresh: list[dict[str, Any]]
    anew: bool = False


def by_now(
    request: CreditRequest, now: Standing, found: verdict.Verdict, rules: CreditRules, org: Org, never: Collection[int],
    said: Collection[int],
) -> Deciders | None:  # fmt: skip
    """`never`: who mustn't decide; `said`: who of the rung has said yes. None: nobody may decide."""
    if found.state != verdict.HELD:
        return Deciders(request.route, request.rungs, request.rungs)
    chosen = route.choose(found, now, rules)
    asked = route.rungs(chosen, now, org, never) if chosen is not None else ()
    if chosen is None or not asked:
        return None
    fresh = [each.json() for each in asked]
    if _reads_the_same(request, chosen):
        return _staying(request, request.rungs, chosen, now, org, never, said, fresh)
    if _people(request.rungs) == _people(fresh):
        relabelled = [{**old, "at": new["at"], "of": new["of"]} for old, new in zip(request.rungs, fresh, strict=True)]
        return _staying(request, relabelled, chosen, now, org, never, said, fresh)
    own = route.named(request.route, rules) if request.rung > 0 or said else None
    if own is not None and _reads_the_same(request, own) and shown.is_no_worse(request.facts, shown.of(now, found)):
        again = [each.json() for each in route.rungs(own, now, org, never)]
        return _staying(request, request.rungs, own, now, org, never, said, again)
    return Deciders(chosen.name, fresh, fresh, anew=True)


def _reads_the_same(request: CreditRequest, chosen: Route) -> bool:
    """One that was asked before routes were kept can only be known by its name."""
    of = request.rungs[request.rung].get("of")
    return chosen.name == request.route and of in (None, route.reading(chosen))


def _people(rungs: Rungs) -> list[tuple[set[int], str]]:
    return [(set(seats.seats(rung)), rung["need"]) for rung in rungs]


def _staying(
    request: CreditRequest, rungs: Rungs, of: Route, now: Standing, org: Org, never: Collection[int], said: Collection[int],
    fresh: list[dict[str, Any]],
) -> Deciders | None:  # fmt: skip
    """Deputies, and whoever has come or gone since; those that have had their say stay."""
    mine = rungs[request.rung]
    asked = route.rungs(of, now, org, never, mine.get("at", request.rung))
    if not asked:
        return None
    above = route.above(asked[0].seats, org, never) if "above" in mine else ()
    first = seats.reseated(mine, asked[0], above, said)
    before = [dict(rung) for rung in rungs[: request.rung]]
    return Deciders(of.name, [*before, first, *(each.json() for each in asked[1:])], fresh)
