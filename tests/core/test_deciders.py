"""Who must decide a pending request by now: who sits where nobody does, and what keeps a word that was given."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from core.credit import deciders, route, shown
from core.credit.exposure import Exposure, Standing
from core.credit.rules import CreditRules, Route, Rung
from core.credit.verdict import Reason, Verdict
from core.dunning.org import Member, Org
from core.models import CreditRequest

REP, FM, FD, SD, GM = range(1, 6)
ROLES = {REP: "rep", FM: "finance_manager", FD: "finance_director", SD: "sales_director", GM: "management"}
TWO = (Rung(("role:sales_director",)), Rung(("role:finance_director",)))
NOW = Standing(1, "甲", "甲", "B", REP, "", "CNY", 100_000, 0, {"CNY": Exposure()}, frozenset(), date(2026, 7, 6))


def org(*without: int) -> Org:
    return Org(Member(n, role, role, frozenset({role}), active=n not in without) for n, role in ROLES.items())


def rules(*rungs: Rung, name: str = "all") -> CreditRules:
    return CreditRules(routes=(Route(name, rungs),))


def held(over: int = 50_000) -> Verdict:
    return Verdict("held", (Reason("over_limit", {"amount": [over, "CNY"]}),), 0, over, 100_000)


def asked(policy: CreditRules, rung: int = 0, over: int = 50_000) -> CreditRequest:
    rungs = [each.json() for each in route.rungs(policy.routes[0], NOW, org(), {REP})]
    facts = shown.of(NOW, held(over))
    return CreditRequest(order_id=1, customer_id=1, route=policy.routes[0].name, rungs=rungs, rung=rung, facts=facts)


def by_now(request: CreditRequest, policy: CreditRules, people: Org | None = None, **more: Any) -> deciders.Deciders | None:
    given: dict[str, Any] = {"now": NOW, "found": held(), "said": ()} | more
    return deciders.by_now(
        request, given["now"], given["found"], policy, people or org(), {REP}, given["said"]
    )


def seats(found: deciders.Deciders | None) -> list[list[int]]:
    assert found is not None
    return [rung["people"] for rung in found.rungs]


BOTH = Rung(("role:finance_director", "role:sales_director"), "all")


@pytest.mark.parametrize(
    ("rung", "gone", "sits"),
    [
        (BOTH, (), [FD, SD]),
        (BOTH, (SD,), [FD, GM]),
        (BOTH, (FD,), [SD, GM]),
        (BOTH, (FD, SD), [GM, FM]),
        (BOTH, (FD, SD, GM), [FM]),  # nobody else is left
        (replace(BOTH, need="any"), (SD,), [FD]),
        (replace(BOTH, need="any"), (FD, SD), [GM]),
        (BOTH, (FM, FD, SD, GM), None),
        (Rung(("owner.manager", "role:risk"), "all"), (), [FM, FD]),  # nobody above the rep, nobody in risk
    ],
)
def test_four_eyes_stay_four(rung: Rung, gone: tuple[int, ...], sits: list[int] | None) -> None:
    found = route.rungs(Route("x", (rung,)), NOW, org(*gone), {REP})
    assert [sorted(each.people) for each in found] == ([sorted(sits)] if sits is not None else [])


def test_as_long_as_the_route_reads_the_same_those_who_have_spoken_stay() -> None:
    found = by_now(asked(rules(*TWO), 1), rules(*TWO), org(FD))
    assert found is not None and not found.anew and seats(found) == [[SD], [GM]]


@pytest.mark.parametrize(
    ("edited", "anew"),
    [
        ((Rung(("role:finance_manager",)), *TWO), True),
        (TWO[:1], True),
        (TWO[::-1], True),
        ((*TWO, Rung(("role:management",))), True),
        ((TWO[0], Rung(("role:finance_director",), "all")), True),
        ((Rung(("person:sales_director",)), TWO[1]), False),
    ],
)
def test_an_edited_route_begins_anew_unless_it_asks_the_same(edited: tuple[Rung, ...], anew: bool) -> None:
    found = by_now(asked(rules(*TWO), 1), rules(*edited))
    assert found is not None and found.anew is anew


def test_a_request_from_before_routes_were_kept_goes_by_their_names() -> None:
    request = asked(rules(*TWO), 1)
    request.rungs = [{key: value for key, value in rung.items() if key != "of"} for rung in request.rungs]
    found = by_now(request, rules(*TWO))
    assert found is not None and not found.anew
    assert by_now(request, rules(*TWO[::-1], name="other")).anew  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "rating", "stays"),
    [
        ((SD,), "B", True),  # better, and somebody has agreed
        ((), "B", False),
        ((SD,), "C", False),  # a worse rating
        ((SD,), "new", False),  # which is neither better nor worse
        ((SD,), "A", True),
    ],
)
def test_a_yes_to_worse_figures_stays_one(said: tuple[int, ...], rating: str, stays: bool) -> None:
    large = Route("large", (BOTH,), over_from={"CNY": 60_000})
    policy = CreditRules(routes=(large, Route("rest", TWO)))
    found = by_now(asked(policy, over=70_000), policy, said=said, now=replace(NOW, rating=rating))
    assert found is not None and found.anew is not stays
    assert found.route == ("large" if stays else "rest")


def test_a_yes_under_a_route_that_is_gone_counts_no_more() -> None:
    large = Route("large", (BOTH,), over_from={"CNY": 60_000})
    policy = CreditRules(routes=(large, Route("rest", TWO)))
    found = by_now(asked(policy, over=70_000), rules(*TWO, name="rest"), said=(SD,))
    assert found is not None and found.anew


def test_nobody() -> None:
    assert by_now(asked(rules(*TWO)), rules(*TWO), org(FM, FD, SD, GM)) is None


def test_what_is_held_no_longer_stays_with_whom_it_was() -> None:
    found = by_now(asked(rules(*TWO)), rules(*TWO[::-1]), found=Verdict("released", (), 0, 0))
    assert found is not None and not found.anew and seats(found) == [[SD], [FD]]
