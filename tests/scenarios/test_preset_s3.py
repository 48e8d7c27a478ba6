"""The preset s3, lived through: reminders on its days to its people, and every order on account asks somebody."""

from collections.abc import Iterator

import pytest

from core.dunning.presets import text
from tests.harness import Harness
from tests.scenarios.ordering import codes, place, state

EVERYBODY = ("li", "lin", "wang", "zhao", "zhou", "cai", "fm", "ada")


def read_all(hk: Harness) -> None:
    for person in EVERYBODY:
        for card in hk.chat(person).unread():
            hk.read(card.id)


@pytest.fixture
def s3(hk: Harness) -> Iterator[Harness]:
    """A Monday at ten. What was told besides that a story looks at is none of it."""
    hk.begin("2026-07-06 10:00", letters="send")
    hk.policy(text("s3") or "")
    yield hk
    read_all(hk)


def test_the_reminders_come_on_their_days_to_their_people(s3: Harness) -> None:
    s3.customer("甲", "li", email="finance@jia.example")
    s3.receivable("甲", "100.00", due="2026-07-15", number="I1", issued="2026-06-15")
    s3.morning("2026-08-18")
    said = [
        (report["at"][5:10], one["step"], one["to"])
        for report in s3.reports
        for one in report["decisions"]
        if one["outcome"] == "acted"
    ]
    assert said == [
        ("07-08", "pre7", ["li"]),
        ("07-12", "pre3", ["li"]),  # a Sunday: the card waits for Monday
        ("07-14", "pre1", ["li"]),
        ("07-16", "over1", ["li"]),
        ("07-16", "letter1", ["finance@jia.example"]),
        ("07-22", "over7", ["li"]),
        ("08-15", "risk31", ["zhou"]),
        ("08-15", "risk31", ["zhao"]),
    ]
    s3.mailbox("finance@jia.example").expect_letter("I1", stage=1)
    s3.chat("zhou").expect_card("甲", kind="alert.high_risk")
    s3.chat("wang").expect_card("li", kind="task.silent")  # nobody answered the card of day 7
    s3.chat("zhao").expect_card("甲", "已标记高风险", kind="task.silent")  # nor wang: the alert is on the same card


def test_within_the_limit_the_sales_manager_is_asked_beyond_it_the_finance_director(s3: Harness) -> None:
    s3.customer("甲", "li", credit_limit_minor=100_000, rating="B")
    within = place(s3, "甲", "600.00", "SO1")
    assert (within["verdict"], codes(within)) == ("held", ["ask_within"])
    card = s3.chat("wang").expect_card("SO1", kind="credit.request")
    s3.chat("zhou").expect_nothing()
    card.tap("credit.approve")
    assert state(s3, "SO1") == "released"
    over = place(s3, "甲", "400.01", "SO2")
    assert codes(over) == ["over_limit"], "the first one counts"
    card = s3.chat("zhou").expect_card("SO2", kind="credit.request")
    assert not [c for c in s3.chat("wang").unread() if c.json["kind"] == "credit.request"]
    card.tap("credit.reject", reason="先收款")
    assert state(s3, "SO2") == "rejected"


def test_longer_terms_than_a_rep_may_grant_are_approved(s3: Harness) -> None:
    s3.customer("甲", "li", credit_limit_minor=100_000, rating="B")
    answer = place(s3, "甲", "100.00", "SO1", terms="net60")
    assert codes(answer) == ["terms"]
    s3.chat("wang").expect_card("SO1", "60", kind="credit.request").tap("credit.approve")
    assert state(s3, "SO1") == "released"
    both = place(s3, "甲", "1000.00", "SO2", terms="net60")
    assert codes(both) == ["over_limit", "terms"]
    s3.chat("zhou").expect_card("SO2", kind="credit.request")


@pytest.mark.parametrize(
    ("rating", "amount", "terms", "expected"),
    [
        ("A", "1000000.00", "net60", ["ask_within"]),
        ("A", "1000000.01", "net60", ["over_limit"]),
        ("A", "100.00", "net61", ["terms"]),
        ("new", "100000.00", "net30", ["ask_within"]),
        ("new", "100000.01", "net30", ["over_limit"]),
        ("new", "100.00", "net31", ["terms"]),
        ("D", "0.01", "net30", ["no_credit"]),
    ],
)
def test_the_rating_sets_limit_and_terms_of_who_has_none_of_their_own(
    s3: Harness, rating: str, amount: str, terms: str, expected: list[str]
) -> None:
    s3.customer("甲", "li", rating=rating)
    answer = place(s3, "甲", amount, "SO1", terms=terms)
    assert (answer["verdict"], codes(answer)) == ("held", expected)


def test_who_has_paid_asks_nobody(s3: Harness) -> None:
    s3.customer("甲", "li", rating="D")
    s3.pay("甲", "500.00")
    assert place(s3, "甲", "500.00", "SO1", prepaid="500.00")["verdict"] == "released"


def test_below_cost_is_refused(s3: Harness) -> None:
    s3.customer("甲", "li", credit_limit_minor=100_000, rating="A")
    line = {"item": "夹具", "price": "9.99", "cost": "10.00"}
    assert place(s3, "甲", "9.99", "SO1", lines=[line])["verdict"] == "refused"


def test_two_orders_that_fit_one_by_one_and_not_together_climb_to_the_finance_director(s3: Harness) -> None:
    s3.customer("甲", "li", credit_limit_minor=100_000, rating="B")
    place(s3, "甲", "600.00", "SO1")
    place(s3, "甲", "600.00", "SO2")
    first = s3.chat("wang").expect_card("SO1", kind="credit.request")
    second = s3.chat("wang").expect_card("SO2", kind="credit.request")
    first.tap("credit.approve")
    second.expect_update("已转由 zhou 审批", state="closed")  # beyond the limit now, and no longer his to decide
    second.tap("credit.approve", expect="not_allowed")
    s3.deliver()
    assert second.buttons == []
    assert state(s3, "SO2") == "held"
    card = s3.chat("zhou").expect_card("SO2", "¥200.00", kind="credit.request")
    card.tap("credit.approve")
    assert (state(s3, "SO1"), state(s3, "SO2")) == ("released", "released")
