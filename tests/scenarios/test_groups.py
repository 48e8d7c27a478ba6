"""The limit that the customers of one group share: each order must hold within it as well as within the customer's own."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from core.actions import ActionRequest, execute
from core.credit.exposure import standing
from core.credit.rules import CreditRules
from core.errors import DomainError
from core.models import Audit, CreditRequest, GroupLimit, Person
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.ordering import codes, place, state, told
from tests.scenarios.test_credit_races import ALL_OF

RATED = ALL_OF.replace("[[credit.route]]", '[credit.rates]\nUSD = "7.00"\n[[credit.route]]')


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """甲 and 乙 may owe 1,000 each, and together with 丙, who has no limit, 1,500."""
    hk.begin("2026-07-06 10:00")
    for code, limit in (("甲", 100_000), ("乙", 100_000), ("丙", None)):
        hk.customer(code, "li", credit_limit_minor=limit, group_name="华兴")
    hk.customer("丁", "lin", credit_limit_minor=100_000)
    shares(hk, amount="1500")
    return hk


def shares(
    hk: Harness, *, who: str = "zhou", group: str = "华兴", expect: str = "done", reason: str = "年度授信", **given: str
) -> dict[str, Any]:
    """What `/limit 集团 …` does, without its words."""
    P = table_of(Person)
    with hk.db() as work:
        person_id = int(work.session.execute(select(P.c.id).where(P.c.handle == who)).scalar_one())
        work = replace(work, person_id=person_id, actor=who)
        asked = ActionRequest(person_id, "group.limit_set", {"group": group, "reason": reason, **given}, subject="group")
        outcome = execute(work, asked)
    assert outcome.result == expect, outcome
    hk.deliver()
    return {"code": outcome.code, **outcome.facts}


def used(hk: Harness, customer_id: int = 1, rules: CreditRules | None = None) -> int:
    with hk.look() as work:
        group = standing(work, customer_id).group
        assert group is not None
        return group.used_minor(rules or CreditRules(), "CNY")


def test_what_one_member_uses_up_is_gone_for_the_others(shop: Harness) -> None:
    assert place(shop, "甲", "1000.00", "SO1")["verdict"] == "released"
    answer = place(shop, "乙", "500.01", "SO2")
    assert answer["verdict"] == "held"
    assert answer["reasons"] == [{"code": "over_group_limit", "amount": "0.01", "currency": "CNY", "group": "华兴"}]
    assert place(shop, "乙", "500.00", "SO3")["verdict"] == "released"
    assert codes(place(shop, "丙", "0.01", "SO4")) == ["over_group_limit"]  # no limit of its own, but the group's
    assert place(shop, "丁", "1000.00", "SO5")["verdict"] == "released"  # none of them
    told(shop)


def test_a_card_and_the_credit_say_the_same_is_left(shop: Harness) -> None:
    """甲 may owe 1,000 and owes 300; of the group's 1,500 others use up 1,000."""
    place(shop, "乙", "1000.00", "SO1")
    place(shop, "甲", "300.00", "SO2")
    place(shop, "甲", "250.00", "SO3")
    card = shop.chat("zhou").expect_card("SO3", kind="credit.request")
    view = shop.chat("zhou").say("/credit 甲")["view"]
    assert view["available"] == "200.00" and "¥200.00" in card.text and "¥700.00" not in card.text
    told(shop)


def test_both_limits_must_hold(shop: Harness) -> None:
    answer = place(shop, "甲", "1600.00", "SO1")
    assert [(reason["code"], reason["amount"]) for reason in answer["reasons"]] == [
        ("over_limit", "600.00"), ("over_group_limit", "100.00"),
    ]  # fmt: skip
    told(shop)


def test_money_of_one_members_own_makes_no_room_for_another(shop: Harness) -> None:
    shop.pay("乙", "800.00")
    assert used(shop) == 0
    place(shop, "甲", "1000.00", "SO1")
    assert codes(place(shop, "丙", "500.01", "SO2")) == ["over_group_limit"]
    assert place(shop, "乙", "800.00", "SO3")["verdict"] == "released"  # it takes nothing from them
    assert place(shop, "丙", "500.00", "SO4")["verdict"] == "released"
    assert place(shop, "乙", "0.01", "SO5")["verdict"] == "held"
    told(shop)


def test_what_another_member_pays_releases_what_waits(shop: Harness) -> None:
    shop.receivable("甲", "900.00", due="2026-08-01", number="I1", issued="2026-07-01")
    place(shop, "乙", "700.00", "SO1")
    card = shop.chat("zhou").expect_card("华兴", kind="credit.request")
    shop.pay("甲", "900.00", "I1")
    shop.tick()
    assert state(shop, "SO1") == "released"
    card.expect_update("无需再审批", state="closed")
    told(shop)


def test_a_higher_limit_and_its_end_release_what_waits(shop: Harness) -> None:
    place(shop, "甲", "1000.00", "SO1")
    place(shop, "乙", "700.00", "SO2")
    place(shop, "丙", "700.00", "SO3")
    assert (state(shop, "SO2"), state(shop, "SO3")) == ("held", "held")
    shares(shop, amount="1,700.00")
    assert (state(shop, "SO2"), state(shop, "SO3")) == ("released", "held")  # the older one first
    assert shares(shop, limit="unlimited")["code"] == "group.limit_ended"
    assert state(shop, "SO3") == "released"
    assert shares(shop, limit="unlimited", expect="already")["code"] == "group.no_limit"
    told(shop)


def test_a_lower_limit_makes_the_card_stale_and_takes_nothing_back(shop: Harness) -> None:
    place(shop, "甲", "1000.00", "SO1")
    place(shop, "乙", "600.00", "SO2")
    card = shop.chat("zhou").expect_card("集团", "¥1,500.00", "¥1,000.00", "¥100.00", kind="credit.request")
    seen = card.json["rev"]
    shares(shop, amount="1200", reason="评级下调")
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("released", "held")
    card.expect_update("¥1,200.00", "¥400.00")
    card.tap("credit.approve", rev=seen, expect="stale")
    card.tap("credit.approve")
    assert state(shop, "SO2") == "released" and used(shop) == 160_000
    told(shop)


def test_what_another_member_takes_makes_the_card_stale(shop: Harness) -> None:
    place(shop, "甲", "1000.00", "SO1")
    place(shop, "乙", "600.00", "SO2")
    card = shop.chat("zhou").expect_card("¥100.00", kind="credit.request")
    seen = card.json["rev"]
    place(shop, "丙", "200.00", "SO3")
    card.expect_update("¥300.00")
    card.tap("credit.approve", rev=seen, expect="stale")
    told(shop)


def test_a_customer_that_is_moved_into_the_group_counts_with_it(shop: Harness) -> None:
    place(shop, "丁", "900.00", "SO1")
    place(shop, "甲", "500.00", "SO2")
    shop.imports("customers", "code,name,group", "丁,丁,华兴")
    assert used(shop) == 140_000
    assert codes(place(shop, "乙", "100.01", "SO3")) == ["over_group_limit"]
    shop.imports("customers", "code,name,group", "丁,丁,别家")
    shop.tick()
    assert state(shop, "SO3") == "released"
    told(shop)


def test_other_currencies_at_internal_rates_or_not_at_all(shop: Harness) -> None:
    shop.set_customer("乙", currency="USD")
    shop.receivable("乙", "100.00", due="2026-08-01", number="I1", issued="2026-07-01", currency="USD")
    assert codes(place(shop, "甲", "10.00", "SO1")) == ["no_rate"]
    told(shop)
    shop.policy(RATED)
    assert place(shop, "甲", "800.00", "SO2")["verdict"] == "released"
    answer = place(shop, "乙", "0.01", "SO3", currency="USD")  # 100.01 USD are 700.07
    assert answer["reasons"] == [{"code": "over_group_limit", "amount": "0.07", "currency": "CNY", "group": "华兴"}]
    told(shop)


def test_a_group_limit_in_another_currency(shop: Harness) -> None:
    shares(shop, amount="100", currency="usd")
    assert codes(place(shop, "甲", "10.00", "SO1")) == ["no_rate"]
    shop.policy(RATED)
    assert place(shop, "甲", "700.00", "SO2")["verdict"] == "released"
    assert codes(place(shop, "丙", "0.01", "SO3")) == ["over_group_limit"]
    told(shop)


@pytest.mark.parametrize(
    ("more", "expect", "code"),
    [
        ({"amount": "-1"}, "invalid", "limit.bad_amount"),
        ({"amount": "1e40"}, "invalid", "money.not_a_number"),
        ({"amount": "0.001"}, "invalid", "money.precision"),
        ({"amount": ""}, "invalid", "input.missing"),
        ({"amount": "5", "reason": " "}, "invalid", "input.missing"),
        ({"amount": "5", "currency": "XXQ"}, "invalid", "limit.bad_currency"),
        ({"amount": "5", "group": "谁"}, "invalid", "group.unknown"),
        ({"amount": "5", "group": ""}, "invalid", "input.missing"),
        ({"amount": "5", "who": "li"}, "not_allowed", "action.not_allowed"),
        ({"amount": "5", "who": "east"}, "not_allowed", "group.not_all_yours"),
        ({"amount": "5", "who": "north"}, "invalid", "group.unknown"),
    ],
)
def test_what_is_refused(shop: Harness, more: dict[str, str], expect: str, code: str) -> None:
    shop.people(east="finance_manager", north="finance_manager")
    with shop.db() as work:
        for handle, region in (("east", "华东"), ("north", "华北")):
            work.session.execute(select(Person).where(table_of(Person).c.handle == handle)).scalar_one().region = region
    shop.set_customer("甲", region="华东")
    assert shares(shop, expect=expect, **more)["code"] == code
    with shop.look() as work:
        [kept] = work.session.execute(select(GroupLimit)).scalars()
        assert (kept.amount_minor, kept.currency, kept.ended_on) == (150_000, "CNY", None)


def test_who_set_what_and_why_is_written_down(shop: Harness) -> None:
    shares(shop, amount="2000", reason="扩大授信", who="fm")
    A = table_of(Audit)
    with shop.look() as work:
        rows = work.session.execute(select(Audit).where(A.c.action == "group.limit_set").order_by(A.c.id)).scalars().all()
        assert rows[1].actor == "fm" and rows[1].data == {
            "group": "华兴", "before_minor": 150_000, "before_currency": "CNY", "after_minor": 200_000, "currency": "CNY",
            "reason": "扩大授信",
        }  # fmt: skip
        old, new = work.session.execute(select(GroupLimit).order_by(table_of(GroupLimit).c.id)).scalars()
        assert old.ended_on is not None and new.ended_on is None


def test_the_card_names_no_other_member(shop: Harness) -> None:
    place(shop, "甲", "1000.00", "SO1")
    place(shop, "乙", "600.00", "SO2")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    assert "甲" not in card.text and "（华兴）" in card.text
    with shop.look() as work:
        facts = work.session.execute(select(CreditRequest)).scalar_one().facts
    assert facts["group"] == {
        "name": "华兴", "currency": "CNY", "limit_minor": 150_000, "used_minor": 100_000, "over_minor": 10_000,
    }  # fmt: skip
    told(shop)


FAR = ALL_OF.replace("[[credit.route]]", """[[credit.route]]
name = "far"
{when}
rungs = [{{ audience = ["role:finance_manager"] }}]
[[credit.route]]""")


@pytest.mark.parametrize("when", ["over_from = { CNY = 200 }", "over_share_from = 0.13", "reasons = ['over_group_limit']"])
def test_a_route_can_wait_for_what_is_over_the_groups_limit(shop: Harness, when: str) -> None:
    shop.policy(FAR.replace("{when}", when).replace("{{", "{").replace("}}", "}"))
    shop.set_customer("甲", credit_limit_minor=None)
    place(shop, "甲", "1700.00", "SO1")
    shop.chat("fm").expect_card("超集团额度 ¥200.00", kind="credit.request")
    if "reasons" not in when:
        place(shop, "甲", "1650.00", "SO2")
        shop.chat("zhou").expect_card("超集团额度 ¥150.00", kind="credit.request")
    told(shop)


def test_limits_of_groups_come_as_a_file(shop: Harness) -> None:
    place(shop, "甲", "1000.00", "SO1")
    place(shop, "乙", "700.00", "SO2")
    shop.set_customer("丁", group_name="别家")
    rows = ("group,limit,currency", "华兴,1700.00,", "别家,100,USD", "谁,5,", "华兴,,", "别家,-1,")
    report = shop.imports("group-limits", *rows[:4], *rows[5:])
    assert (report["created"], report["updated"]) == (1, 1) and state(shop, "SO2") == "released"
    assert [one["code"] for one in report["rejected"]] == ["import.unknown_group", "import.duplicate"]
    again = shop.imports("group-limits", *rows[:3])
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    told(shop)


def test_who_comes_while_the_group_changes_is_asked_to_press_again(
    shop: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(shop, "甲", "1100.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")

    def moved(*_: object) -> None:
        raise DomainError("credit.group_moved")

    with monkeypatch.context() as patch:
        patch.setattr("core.credit.locks.lock", moved)
        assert "再按一次" in card.tap("credit.approve", expect="stale")["message"]
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)
