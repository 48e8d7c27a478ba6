"""Limits that are proposed: higher after months in which receipts covered what fell due, smaller after a worse rating."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from bot import engine
from core.models import Audit, Customer, LimitProposal, Person
from core.models.base import table_of
from tests.harness import ONE_STEP, Card, Harness
from tests.scenarios.ordering import ROUTES, place, state, told
from tests.scenarios.racing import at_once, deliveries, other, outcomes, tap

ON = """
[credit.proposals]
raise = "0.15"
months = 3
shrink = { C = "0.5", D = "0" }
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return begun(hk)


def begun(hk: Harness) -> Harness:
    """The last Monday of June; 甲 of li may owe 1,000; months in which what fell due was paid, and a bit more."""
    hk.begin("2026-06-29 10:00")
    hk.people(fm2="finance_manager")
    hk.customer("甲", "li", credit_limit_minor=100_000)
    hk.policy(ONE_STEP + ROUTES + ON)
    return hk


def month(hk: Harness, number: int, due: str = "100.00", paid: str = "100.00", customer: str = "甲") -> None:
    """What falls due in a month of 2026 and what comes in, both on the tenth."""
    day = f"2026-{number:02}-10"
    if due != "0":
        hk.receivable(customer, due, due=day, issued="2026-01-05", number=f"{customer}{number}")
    if paid != "0":
        hk.pay(customer, paid, *([f"{customer}{number}"] if due != "0" else []), on=day, number=f"P{customer}{number}")


def earned(hk: Harness, customer: str = "甲") -> None:
    for number in (4, 5, 6):
        month(hk, number, customer=customer)


def proposals(hk: Harness) -> list[LimitProposal]:
    with hk.look() as work:
        return list(work.session.execute(select(LimitProposal).order_by(col(LimitProposal.id))).scalars())


def limit(hk: Harness, customer: str = "甲") -> int | None:
    with hk.look() as work:
        return work.session.execute(select(Customer).where(col(Customer.code) == customer)).scalar_one().credit_limit_minor


def written(hk: Harness, action: str) -> list[dict[str, Any]]:
    U = table_of(Audit)
    with hk.look() as work:
        return [row.data for row in work.session.execute(select(Audit).where(U.c.action == action)).scalars()]


def proposed(hk: Harness, who: str = "fm", *words: str) -> Card:
    return hk.chat(who).expect_card(*words, kind="limit.proposed")


def rest(hk: Harness) -> None:
    """Everybody reads what else they were sent."""
    for person in ("li", "wang", "zhao", "zhou", "cai", "fm", "fm2"):
        for card in hk.chat(person).unread():
            hk.read(card.id)


def test_three_months_that_were_covered_are_worth_fifteen_percent(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-06-30")
    assert proposals(shop) == [], "the third month runs still"
    shop.morning("2026-07-01")
    card = proposed(shop, "fm", "建议提额至 ¥1,150.00", "现额度 ¥1,000.00", "4月 到期 ¥100.00，收款 ¥100.00", "3 个整月")
    other_card = proposed(shop, "fm2")
    assert limit(shop) == 100_000, "nothing is set by itself"
    [one] = proposals(shop)
    assert (one.kind, one.before_minor, one.after_minor, one.expires_on.isoformat()) == (
        "raise", 100_000, 115_000, "2026-07-15",
    )  # fmt: skip
    assert shop.type("fm", "待办").view["waiting"][0]["kind"] == "limit.proposed"
    shop.chat("fm").expect_card("额度建议待您决定：¥1,150.00，7月15日前有效", kind="reply.todo")
    rest(shop)
    card.tap("limit.agree")
    assert limit(shop) == 115_000
    assert "fm 已同意，额度 ¥1,150.00" in card.text
    other_card.expect_update("fm 已同意", state="closed")
    other_card.tap("limit.decline", reason="太早", expect="already")
    [said] = written(shop, "limit.set")
    assert (said["before_minor"], said["after_minor"], said["proposal"]) == (100_000, 115_000, one.id)
    [decided] = written(shop, "limit.proposal_approved")
    assert decided["after_minor"] == 115_000
    shop.morning("2026-07-02")
    assert len(proposals(shop)) == 1, "once a month"
    rest(shop)


def on_a_phone(hk: Harness) -> Card:
    """fm's card about 甲's 1,150, the newest that they have."""
    earned(begun(hk))
    hk.morning("2026-07-01")
    card = proposed(hk, "fm", "建议提额至 ¥1,150.00")
    rest(hk)
    return card


def test_a_proposal_is_agreed_to_in_any_messenger(hk: Harness) -> None:
    card = on_a_phone(hk)
    card.tap("limit.agree")
    assert limit(hk) == 115_000 and [one.state for one in proposals(hk)] == ["approved"]
    assert "fm 已同意，额度 ¥1,150.00" in card.text and card.json["state"] == "closed"
    [said] = written(hk, "limit.set")
    assert (said["before_minor"], said["after_minor"]) == (100_000, 115_000)
    rest(hk)


def test_a_proposal_is_declined_with_a_reason_in_any_messenger(hk: Harness) -> None:
    card = on_a_phone(hk)
    card.tap("limit.decline", reason="再看一个月")
    assert limit(hk) == 100_000 and [one.state for one in proposals(hk)] == ["rejected"]
    assert [said["reason"] for said in written(hk, "limit.proposal_rejected")] == ["再看一个月"]
    assert card.json["state"] == "closed"
    rest(hk)


def test_it_goes_on_month_by_month(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-07-01")
    proposed(shop, "fm").tap("limit.decline", reason="再看一个月")
    assert limit(shop) == 100_000
    rest(shop)
    month(shop, 7)
    shop.morning("2026-07-31")
    assert len(proposals(shop)) == 1
    shop.morning("2026-08-01")
    assert [one.state for one in proposals(shop)] == ["rejected", "pending"]
    shop.morning("2026-08-03")
    rest(shop)


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ("covered", 1), ("short", 0), ("nothing due", 0), ("credited", 1), ("overdue", 0), ("reversed", 0), ("held", 0),
        ("no limit", 0), ("cash", 0), ("other currency", 0), ("more", 1),
    ],
)  # fmt: skip
def test_who_has_earned_it(shop: Harness, what: str, count: int) -> None:
    month(shop, 4)
    month(shop, 6)
    match what:
        case "short":
            month(shop, 5, "100.00", "0")
            shop.pay("甲", "99.99", "甲5", on="2026-05-10")
            shop.pay("甲", "0.01", "甲5", on="2026-06-01")  # nothing is overdue, and May was not covered
        case "nothing due":
            month(shop, 5, "0", "100.00")
        case "credited":
            month(shop, 5, "100.00", "0")
            shop.credit_note("甲", "40.00", "甲5")
            shop.pay("甲", "60.00", "甲5", on="2026-05-31")
        case "reversed":
            month(shop, 5, "100.00", "0")
            again = shop.book_receipt("甲", "100.00", "甲5", on="2026-05-10", number="BOUNCED")
            shop.reverse(again)
            shop.pay("甲", "100.00", "甲5", on="2026-06-20")
        case _:
            month(shop, 5, "100.00", "250.00" if what == "more" else "100.00")
    match what:
        case "overdue":
            shop.receivable("甲", "1.00", due="2026-06-30", issued="2026-06-01", number="LATE", currency="USD")
        case "held":
            shop.act("zhou", "hold.set", "甲", reason="对账不清")
        case "no limit":
            shop.act("zhou", "limit.set", "甲", limit="unlimited", reason="集团担保")
        case "cash":
            shop.act("zhou", "limit.set", "甲", amount="0", reason="款到发货")
        case "other currency":
            shop.set_customer("甲", currency="USD")
    shop.morning("2026-07-01")
    assert [one.kind for one in proposals(shop)] == ["raise"] * count
    rest(shop)


def test_a_worse_rating_proposes_less(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-06-30")
    shop.receivable("甲", "10.00", due="2026-05-31", issued="2026-01-05", number="LATE")  # 31 days on 1 July
    shop.morning("2026-07-01")
    card = proposed(shop, "fm", "建议降额至 ¥0.00", "现额度 ¥1,000.00", "由 A 降为 D", "现有逾期31天", "须款到发货")
    proposed(shop, "fm2")
    assert limit(shop) == 100_000
    rest(shop)
    card.tap("limit.agree")
    assert limit(shop) == 0
    shop.deliver()
    rest(shop)


def test_a_better_rating_takes_it_back(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-06-30")
    shop.receivable("甲", "10.00", due="2026-05-31", issued="2026-01-05", number="LATE")
    shop.morning("2026-07-01")
    card = proposed(shop, "fm")
    rest(shop)
    shop.pay("甲", "10.00", "LATE", on="2026-07-01")
    shop.morning("2026-07-02")
    assert [(one.kind, one.state) for one in proposals(shop)] == [("shrink", "obsolete")]
    card.expect_update("建议作废", state="closed")
    rest(shop)


def test_another_limit_meanwhile_makes_it_obsolete(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-07-01")
    card = proposed(shop, "fm")
    proposed(shop, "fm2")
    shop.act("zhou", "limit.set", "甲", amount="2000", reason="年度授信")
    shop.deliver()
    card.expect_update("建议作废", state="closed")
    card.tap("limit.agree", expect="already")
    assert limit(shop) == 200_000
    rest(shop)


def test_a_limit_by_import_is_noticed_at_the_tap_and_by_the_next_cycle(shop: Harness) -> None:
    shop.customer("乙", "li", credit_limit_minor=100_000)
    earned(shop)
    earned(shop, "乙")
    shop.morning("2026-07-01")
    first, _ = sorted(deliveries(shop, "fm", "proposal"))
    shop.imports("customers", "code,name,credit_limit", "甲,甲,1500.00", "乙,乙,1500.00")
    assert tap(shop.app, shop.now, "fm", first, "limit.agree").outcome == "stale"
    shop.deliver()
    assert sorted(one.state for one in proposals(shop)) == ["obsolete", "pending"]
    shop.at("2026-07-01 11:00")
    assert [one.state for one in proposals(shop)] == ["obsolete", "obsolete"]
    assert (limit(shop), limit(shop, "乙")) == (150_000, 150_000)
    rest(shop)


def test_nobody_says_anything(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-07-01")
    card = proposed(shop, "fm")
    rest(shop)
    shop.at("2026-07-15 17:00")
    assert proposals(shop)[0].state == "pending", "its last day counts"
    shop.sleep_until("2026-07-16 00:30")
    card.tap("limit.agree", expect="already")
    assert proposals(shop)[0].state == "expired" and limit(shop) == 100_000
    shop.morning("2026-07-16")
    rest(shop)


def test_who_may_say_so(shop: Harness) -> None:
    """Neither whoever looks after the customer, nor who has lost the role, nor anybody else."""
    shop.customer("乙", "fm", credit_limit_minor=100_000)
    earned(shop, "乙")
    shop.morning("2026-07-01")
    assert deliveries(shop, "fm", "proposal") == [], "the owner isn't asked"
    [asked] = deliveries(shop, "fm2", "proposal")
    for who in ("fm", "li", "zhou", "cai", "wang"):
        answer = tap(shop.app, shop.now, who, asked, "limit.agree")
        assert answer.outcome in ("not_allowed", "invalid"), (who, answer)  # invalid: there is no such card for them
    shop.person("fm2", roles=["finance"])
    assert tap(shop.app, shop.now, "fm2", asked, "limit.agree").outcome == "not_allowed"
    shop.person("fm2", roles=["finance_manager"])
    assert tap(shop.app, shop.now, "fm2", asked, "limit.decline", reason=" ").outcome == "invalid"
    assert tap(shop.app, shop.now, "fm2", asked, "limit.agree").outcome == "done"
    assert limit(shop, "乙") == 115_000
    shop.deliver()
    rest(shop)


def test_an_order_of_ones_own_waits_for_it(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-07-01")
    card = proposed(shop, "fm")
    assert place(shop, "甲", "1100.00", "SO1", asked_by="fm")["verdict"] == "held"
    card.tap("limit.agree", expect="invalid")
    assert limit(shop) == 100_000 and proposals(shop)[0].state == "pending"
    proposed(shop, "fm2").tap("limit.agree")
    assert limit(shop) == 115_000 and state(shop, "SO1") == "released"
    told(shop)
    rest(shop)


def test_two_at_once_and_one_word_counts(shop: Harness) -> None:
    earned(shop)
    shop.morning("2026-07-01")
    [mine], [theirs] = deliveries(shop, "fm", "proposal"), deliveries(shop, "fm2", "proposal")
    with other(shop) as second:
        found = outcomes(at_once(
            lambda: tap(shop.app, shop.now, "fm", mine, "limit.agree"),
            lambda: tap(second, shop.now, "fm2", theirs, "limit.decline", reason="太早"),
        ))  # fmt: skip
    assert found == ["already", "done"]
    [one] = proposals(shop)
    assert limit(shop) == (115_000 if one.state == "approved" else 100_000)
    assert len(written(shop, "limit.proposal_approved")) + len(written(shop, "limit.proposal_rejected")) == 1
    shop.deliver()
    rest(shop)


def test_without_the_section_nothing_is_proposed(hk: Harness) -> None:
    hk.begin("2026-06-29 10:00")
    hk.customer("甲", "li", credit_limit_minor=100_000)
    earned(hk)
    hk.morning("2026-07-01")
    assert proposals(hk) == [] and engine.propose_limits(hk.app.transactions, hk.now) == 0
    rest(hk)


def test_a_deputy_is_asked_while_somebody_is_away(shop: Harness) -> None:
    with shop.db() as work:
        cai, fm, fm2 = (
            work.session.execute(select(Person).where(col(Person.handle) == handle)).scalar_one()
            for handle in ("cai", "fm", "fm2")
        )
        fm.deputy_id, fm.away_from, fm.away_until = cai.id, date(2026, 6, 29), date(2026, 7, 31)
        fm2.active = False
    earned(shop)
    shop.morning("2026-07-01")
    assert deliveries(shop, "fm", "proposal") == []
    proposed(shop, "cai").tap("limit.agree")
    assert limit(shop) == 115_000
    rest(shop)
