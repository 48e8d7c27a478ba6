"""The policies that ship beside the default: fit for use, said in words, and on the days that their sources name."""

from decimal import Decimal
from typing import Any

import pytest

from core.credit.exposure import Standing
from core.credit.route import choose
from core.credit.verdict import Reason, Verdict
from core.dunning.decide import decide
from core.dunning.policy import Policy, check, default_policy, describe, parse
from core.dunning.presets import ABOUT, text
from tests.core.dunning_facts import DAY, case, owed

STANDING = Standing(1, "甲", "甲", "B", 1, "", "CNY", 1_000_000, 0, {}, frozenset(), DAY)
NAMES = ("s0", "s1", "s2", "s3", "s4", "union")


def preset(name: str) -> Policy:
    found = text(name)
    assert found is not None
    return parse(found, f"{name}.toml")


def days(policy: Policy, rating: str = "B", minor: int = 1_000_000, **more: Any) -> dict[int, set[tuple[str, str]]]:
    """Age in days -> (audience, action) of what is reached then, for a receivable that is looked at daily and never paid."""
    found: dict[int, set[tuple[str, str]]] = {}
    fired: int | None = None
    tags = policy.tags_of(minor, "CNY")
    for age in range(-20, 61):
        decided = decide(policy, case(owed(minor=minor, age=age, fired_offset=fired, tags=tags), rating=rating, **more), DAY)
        for hit in decided.hits:
            assert hit.outcome == "acted", "looked at every day, nothing is caught up"
            found.setdefault(age, set()).add((hit.audience, hit.step.action))
            fired = max(hit.offset, fired if fired is not None else hit.offset)
    return found


def test_there_is_one_for_each_source_and_all_together() -> None:
    assert tuple(ABOUT) == NAMES
    assert text("s5") is None and text("../default") is None and text("") is None


@pytest.mark.parametrize("name", NAMES)
def test_each_is_fit_for_use_and_says_itself_in_words(name: str) -> None:
    policy, problems = check(text(name) or "")
    assert policy is not None and problems == [] and policy.name == name
    for lang in ("zh", "en"):
        lines = describe(policy, lang, "CNY")
        assert all(lines) and len(lines) > 10
    assert all(ABOUT[name])


OWNER, LETTER = ("owner", "task"), ("customer.finance", "letter")
MANAGER, DIRECTOR = ("owner.manager", "alert"), ("owner.director", "task+hold")
CHIEFS = {("role:finance_director", "alert+flag"), ("role:sales_director", "alert+flag")}


def test_s0_is_a_week_before_one_seven_and_thirty_days_after() -> None:
    found = days(preset("s0"))
    assert found == {-7: {OWNER}, 1: {LETTER, OWNER}, 7: {LETTER}, 30: {DIRECTOR}}
    [letter2] = [step for step in preset("s0").ladders[0].steps if step.id == "letter2"]
    assert letter2.cc == ("customer.business",)


def test_s1_goes_by_rating_and_amount() -> None:
    found = days(preset("s1"))
    assert found[-7] == {OWNER} and found[1] == {OWNER, MANAGER, ("role:finance", "alert")}
    assert found[16] == {("role:finance_director", "alert"), ("owner.manager", "task")}, "more than 15 days"
    assert set(found) == {-7, 1, 16, 30}
    daily = days(preset("s1"), rating="D")
    assert all(OWNER in daily[age] for age in range(-15, 61)) and -16 not in daily
    assert min(age for age in days(preset("s1"), rating="A") if age > 0) > 1, "looser"
    key = days(preset("s1"), minor=50_000_001)
    assert ("role:finance_manager", "task") in key[1] and OWNER not in key[1]
    assert days(preset("s1"), minor=50_000_000) == found, "500,000 is not more than 500,000"
    large = days(preset("s1"), rating="A", average_minor=Decimal(300_000))
    assert large == days(preset("s1"), tags=("低利润",)), "three times the average, or a low margin"
    assert set(found) < set(large) and min(large) == -15, "earlier and more often"
    assert days(preset("s1"), average_minor=Decimal(333_334)) == found


def test_s2_is_before_the_money_is_late() -> None:
    assert days(preset("s2")) == {-7: {OWNER}, -3: {OWNER}, 0: {OWNER}}


def test_s3_is_three_times_before_twice_after_and_high_risk_beyond_thirty() -> None:
    policy = preset("s3")
    assert days(policy) == {-7: {OWNER}, -3: {OWNER}, -1: {OWNER}, 1: {LETTER, OWNER}, 7: {OWNER}, 31: CHIEFS}
    assert [step.answer_by for step in policy.ladders[0].steps if step.at == 7] == [2], "progress within a deadline"


def test_s4_waits_three_days_but_not_with_the_risky() -> None:
    frozen = {("owner", "letter"), ("owner.director", "task+flag+hold")}
    assert days(preset("s4")) == {3: {LETTER, OWNER}, 31: frozen}
    assert days(preset("s4"), rating="D") == {1: {LETTER, OWNER}, 31: frozen}


@pytest.mark.parametrize("name", ["default", *NAMES])
def test_a_question_of_money_reaches_finance_whatever_is_overdue_besides(name: str) -> None:
    """An order beyond the limit of a customer who is overdue, or frozen: no route leaves finance out."""
    rules = (default_policy() if name == "default" else preset(name)).credit
    for overdue in ("overdue", "frozen"):
        for over in ("over_limit", "no_credit"):
            found = Verdict("held", (Reason(overdue), Reason(over)), 0, 100, 0 if over == "no_credit" else 1_000_000)
            chosen = choose(found, STANDING, rules)
            assert chosen is not None and "role:finance_director" in chosen.rungs[-1].audience, (overdue, over)
    if name in ("default", "s0", "s1", "union"):
        assert [rung.audience for rung in chosen.rungs] == [("role:sales_director",), ("role:finance_director",)]
        within = choose(Verdict("held", (Reason("frozen"),), 0, 0, 1_000_000), STANDING, rules)
        assert within is not None and [rung.audience for rung in within.rungs] == [("role:sales_director",)]


def test_union_has_the_days_of_all_of_them() -> None:
    everywhere = set(days(preset("union")))
    for name in NAMES[:-1]:
        assert set(days(preset(name))) <= everywhere, name
    assert set(days(preset("s1"), rating="D")) <= set(days(preset("union"), rating="D"))
    for more in ({"average_minor": Decimal(300_000)}, {"tags": ("低利润",)}):  # R050, R051
        large, found = days(preset("union"), **more), days(preset("union"))
        assert set(days(preset("s1"), **more)) | set(found) <= set(large), "earlier and more often"
        assert all(hits <= large[age] for age, hits in found.items())
    assert days(preset("union"), average_minor=Decimal(333_334)) == days(preset("union"))
    assert days(preset("union"))[31] == CHIEFS and DIRECTOR in days(preset("union"))[30]
