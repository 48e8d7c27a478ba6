"""Ratings: the rule as a table, versions, overrides and imports, and what explains them."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, col, select

from core.credit.inputs import CHUNK, Inputs, Weighed
from core.credit.rating import explain, override, rate, refresh
from core.credit.rules import CreditRules, RatingRules
from core.db import transaction
from core.dunning.ladder import Policy
from core.dunning.policy import default_policy
from core.errors import DomainError
from core.models import Audit, Customer, Receivable
from core.models.credit import Rating
from core.work import Work
from tests.factories import DAY, customer, make_work, person, receipt, receivable

RULES = RatingRules()
UPFLOW = replace(RULES, cuts_days={"A": 30, "B": 60, "C": 90})


@pytest.fixture
def work(session: Session) -> Work:
    return make_work(session)


@pytest.fixture
def policy() -> Policy:
    return default_policy()


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def on(work: Work, number: int) -> Work:
    return replace(work, now=work.now + timedelta(days=number))


def history(work: Work, c: Customer, *late: int, first: int = -100) -> None:
    """Receivables of 100 each, due ten days apart, paid so many days late."""
    for n, days in enumerate(late):
        due = day(first + 10 * n)
        owed = receivable(work, f"{c.code}/{first}/{n}", c, "100.00", due=due)
        receipt(work, c, "100.00", on=due + timedelta(days=days), to=owed)


def versions(work: Work, c: Customer) -> list[tuple[int, str, str]]:
    rows = work.session.exec(select(Rating).where(Rating.customer_id == c.id).order_by(col(Rating.version)))
    return [(row.version, row.value, row.source) for row in rows]


def facts(
    days: str | int = 0, paid: int = 3, broken: int = 0, overdue_days: int = 0, run: int = 0, minor: int = 100_000
) -> Inputs:
    """Inputs with so many days late on average."""
    product = Decimal(days) * minor
    assert product == int(product)
    return Inputs(
        customer_id=1,
        currency="CNY",
        since=day(-365),
        until=DAY,
        second_half=Weighed(paid, minor if paid else 0, int(product)),
        broken_promises=broken,
        overdue_days=overdue_days,
        on_time_run=run,
    )


# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "value", "codes"),
    [
        (facts(paid=0), "new", "too_few_paid"),
        (facts(paid=2), "new", "too_few_paid"),
        (facts(paid=2, broken=5, overdue_days=30), "new", "too_few_paid"),
        (facts(paid=2, overdue_days=31), "D", "too_few_paid overdue"),  # decision 69
        (facts(paid=0, overdue_days=31, run=9), "D", "too_few_paid overdue"),
        (facts(0), "A", "average_days_late"),
        (facts(3), "A", "average_days_late"),
        (facts("3.00001"), "B", "average_days_late"),  # 3.0 to one decimal, and yet above
        (facts(15), "B", "average_days_late"),
        (facts("15.00001"), "C", "average_days_late"),
        (facts(30), "C", "average_days_late"),
        (facts("30.00001"), "D", "average_days_late"),
        (facts(500), "D", "average_days_late"),
        (facts(0, broken=1), "A", "average_days_late"),
        (facts(0, broken=2), "D", "average_days_late broken_promises"),
        (facts(0, overdue_days=30), "A", "average_days_late"),
        (facts(0, overdue_days=31), "D", "average_days_late overdue"),
        (facts(0, broken=2, overdue_days=31), "D", "average_days_late broken_promises overdue"),
        (facts(20, run=2), "C", "average_days_late"),
        (facts(20, run=3), "B", "average_days_late on_time"),
        (facts(20, run=9), "B", "average_days_late on_time"),  # one step, however many
        (facts(0, run=9), "A", "average_days_late"),
        (facts(99, run=3), "C", "average_days_late on_time"),
        (facts(0, broken=2, run=3), "C", "average_days_late broken_promises on_time"),
        (facts(0, overdue_days=31, run=9), "D", "average_days_late overdue"),
        (facts(0, broken=2, overdue_days=31, run=9), "D", "average_days_late broken_promises overdue"),
    ],
)
def test_the_rule(given: Inputs, value: str, codes: str) -> None:
    found = rate(given, RULES)
    assert (found.value, " ".join(part.code for part in found.parts)) == (value, codes)
    assert found.parts[-1].value == value


@pytest.mark.parametrize(
    ("days", "value"), [(0, "A"), (30, "A"), ("30.00001", "B"), (60, "B"), (61, "C"), (90, "C"), (91, "D"), (200, "D")]
)
def test_the_cuts_are_inclusive_and_the_policys(days: str | int, value: str) -> None:
    assert rate(facts(days), UPFLOW).value == value


def test_parts_name_the_figures_that_were_compared() -> None:
    found = rate(facts("17.75", broken=2, overdue_days=10, run=4), RULES)
    assert [(p.code, p.value, p.is_, p.limit) for p in found.parts] == [
        ("average_days_late", "C", "17.8", 30), ("broken_promises", "D", "2", 2), ("on_time", "C", "4", 3),
    ]  # fmt: skip
    assert [(p.is_, p.limit) for p in rate(facts(31), RULES).parts] == [("31.0", 30)]
    assert [(p.is_, p.limit) for p in rate(facts(paid=1), RULES).parts] == [("1", 3)]


def test_the_lift_can_be_off() -> None:
    assert rate(facts(20, run=9), replace(RULES, lift_after_on_time=0)).value == "C"


def test_V41_is_A_under_cuts_30_60_90_and_C_under_ours(work: Work, policy: Policy) -> None:
    c = customer(work, "C1")
    for number, amount, late in (("I1", "140.00", 7), ("I2", "85.00", 55)):
        owed = receivable(work, number, c, amount, due=day(-100))
        receipt(work, c, amount, on=day(late - 100), to=owed)
    receivable(work, "I3", c, "214.00", due=day(-10))
    for cuts, value in ((RULES.cuts_days, "C"), (UPFLOW.cuts_days, "A")):
        rules = RatingRules(min_paid=2, cuts_days=cuts)
        found = explain(work, replace(policy, credit=CreditRules(rating=rules)), c.id or 0)
        assert (found.rated.value, found.inputs.average_days_late) == (value, Decimal("17.8"))
        assert found.inputs.paid.days == Decimal("25.1")
    assert explain(work, policy, c.id or 0).rated.value == "new"  # two are too few under ours


# --- versions -------------------------------------------------------------------------------------


def test_a_version_where_the_value_changed_and_only_there(work: Work, policy: Policy) -> None:
    c, other = customer(work, "C1"), customer(work, "C2")
    assert refresh(work, policy) == 2 and (c.rating, versions(work, c)) == ("new", [(1, "new", "computed")])
    assert refresh(work, policy) == 0
    history(work, c, 0, 1, 2)
    assert refresh(work, policy, [other.id or 0]) == 0 and c.rating == "new"
    assert refresh(work, policy, [c.id or 0]) == 1 and c.rating == "A"
    history(work, c, 5, first=-40)  # 2 days on average: still A
    assert refresh(work, policy) == 0
    history(work, c, 20, first=-30)
    assert refresh(work, policy) == 1 and c.rating == "B"
    assert versions(work, c) == [(1, "new", "computed"), (2, "A", "computed"), (3, "B", "computed")]
    kept = work.session.exec(select(Rating).where(Rating.customer_id == c.id, Rating.version == 3)).one()
    assert (kept.inputs["average_days_late"], kept.inputs["paid"], kept.from_on) == ("5.6", 5, DAY)
    assert kept.inputs["parts"] == [{"code": "average_days_late", "value": "B", "is_": "5.6", "limit": 15}]
    audit = work.session.exec(select(Audit).where(Audit.action == "rating.changed", Audit.customer_id == c.id)).all()
    assert [a.data for a in audit][-1] == {"before": "A", "after": "B", "source": "computed"}
    assert len(audit) == 3


def test_time_alone_changes_a_rating(work: Work, policy: Policy) -> None:
    c = customer(work, "C1")
    history(work, c, 0, 0, 0)
    receivable(work, "open", c, "1.00", due=day(-5))
    refresh(work, policy)
    assert c.rating == "A"
    assert refresh(on(work, 25), policy) == 0  # 30 days overdue
    assert refresh(on(work, 26), policy) == 1 and c.rating == "D"
    assert refresh(on(work, 400), policy) == 0  # the window has left what was paid behind, and it is open still
    owed = work.session.exec(select(Receivable).where(Receivable.number == "open")).one()
    receipt(on(work, 400), c, "1.00", on=day(400), to=owed)
    assert refresh(on(work, 400), policy) == 1 and c.rating == "new"


def test_an_override_stands_through_its_last_day(work: Work, policy: Policy) -> None:
    zhou = person(work, "zhou", "finance_manager")
    c = customer(work, "C1")
    history(work, c, 0, 0, 0)
    refresh(work, policy)
    by_hand = replace(work, actor="zhou", person_id=zhou.id)
    override(by_hand, c.id or 0, "d", " lawsuit ", day(30))
    assert c.rating == "D" and refresh(on(work, 30), policy) == 0
    found = explain(on(work, 30), policy, c.id or 0)
    assert (found.value, found.source, found.reason, found.until, found.rated.value, found.current) == (
        "D", "override", "lawsuit", day(30), "A", True,
    )  # fmt: skip
    assert not explain(on(work, 31), policy, c.id or 0).current
    assert refresh(on(work, 31), policy) == 1 and c.rating == "A"
    assert versions(work, c) == [(1, "A", "computed"), (2, "D", "override"), (3, "A", "computed")]
    row = work.session.exec(select(Rating).where(Rating.version == 2)).one()
    assert (row.made_by_id, row.reason, row.until) == (zhou.id, "lawsuit", day(30))
    said = work.session.exec(select(Audit).where(Audit.action == "rating.overridden")).one()
    assert (said.actor, said.person_id, said.subject, said.subject_id, said.data) == (
        "zhou", zhou.id, "customer", c.id,
        {"before": "A", "after": "D", "source": "override", "reason": "lawsuit", "until": day(30).isoformat()},
    )  # fmt: skip


def test_a_newer_override_counts(work: Work, policy: Policy) -> None:
    c = customer(work, "C1")
    override(work, c.id or 0, "B", "known for years", day(30))
    override(work, c.id or 0, "A", "guaranteed", day(10))
    assert (c.rating, refresh(work, policy)) == ("A", 0)
    assert refresh(on(work, 11), policy) == 1 and c.rating == "new"


def test_an_override_that_ended_gives_way_to_the_same_value(work: Work, policy: Policy) -> None:
    """Who asks since when it is computed must find it."""
    c = customer(work, "C1")
    history(work, c, 0, 0, 0)
    override(work, c.id or 0, "A", "r", DAY)
    assert refresh(on(work, 1), policy) == 1
    assert versions(work, c) == [(1, "A", "override"), (2, "A", "computed")]
    assert refresh(on(work, 2), policy) == 0


@pytest.mark.parametrize(
    ("value", "reason", "until", "code"),
    [
        ("E", "r", 1, "rating.unknown_value"),
        ("", "r", 1, "rating.unknown_value"),
        ("new", "r", 1, "rating.unknown_value"),
        ("AB", "r", 1, "rating.unknown_value"),
        ("A", "  ", 1, "rating.no_reason"),
        ("A", "r", -1, "rating.until_past"),
    ],
)
def test_a_wrong_override_changes_nothing(work: Work, value: str, reason: str, until: int, code: str) -> None:
    c = customer(work, "C1", rating="B")
    with pytest.raises(DomainError) as error:
        override(work, c.id or 0, value, reason, day(until))
    assert error.value.code == code
    assert (c.rating, versions(work, c)) == ("B", [])


def test_nobody_is_neither_overridden_nor_explained(work: Work, policy: Policy) -> None:
    with pytest.raises(DomainError, match=r"rating\.unknown_customer"):
        override(work, 999, "A", "r", DAY)
    with pytest.raises(DomainError, match=r"rating\.unknown_customer"):
        explain(work, policy, 999)
    assert refresh(work, policy, [999]) == 0


# --- imported -------------------------------------------------------------------------------------


def test_an_imported_rating_stands_until_there_is_history(work: Work, policy: Policy) -> None:
    c = customer(work, "C1", rating="B")
    found = explain(work, policy, c.id or 0)
    assert (found.value, found.source, found.version, found.rated.value) == ("B", "import", 0, "new")
    assert refresh(work, policy) == 1 and c.rating == "B"
    c.rating = "C"  # another import
    assert refresh(work, policy) == 1 and c.rating == "C" and "rating" not in c.edited
    assert refresh(work, policy) == 0
    history(work, c, 0, 0, 0)
    assert refresh(work, policy) == 1 and c.rating == "A"
    assert c.edited == ["rating"]  # the import that still says C doesn't bring it back
    assert versions(work, c) == [(1, "B", "import"), (2, "C", "import"), (3, "A", "computed")]


def test_an_import_after_new(work: Work, policy: Policy) -> None:
    c = customer(work, "C1", edited=["owner"])
    refresh(work, policy)
    c.rating = "C"
    assert refresh(work, policy) == 1 and c.rating == "C"
    assert (versions(work, c)[-1], c.edited) == ((2, "C", "import"), ["owner"])


def test_the_imported_rating_comes_back_after_an_override(work: Work, policy: Policy) -> None:
    c = customer(work, "C1", rating="B")
    override(work, c.id or 0, "D", "r", day(5))
    assert refresh(work, policy) == 0 and (c.rating, c.edited) == ("D", ["rating"])
    override(work, c.id or 0, "C", "r", day(5))
    assert refresh(on(work, 6), policy) == 1 and (c.rating, c.edited) == ("B", [])
    wanted = [(1, "B", "import"), (2, "D", "override"), (3, "C", "override"), (4, "B", "import")]
    assert versions(work, c) == wanted


def test_a_rating_in_words_of_an_import_is_left_alone(work: Work, policy: Policy) -> None:
    c = customer(work, "C1", rating="战略合作客户（总部）")
    assert refresh(work, policy) == 0 and c.rating == "战略合作客户（总部）"
    override(work, c.id or 0, "A", "r", DAY)
    assert versions(work, c) == [(1, "A", "override")]


# --- why ------------------------------------------------------------------------------------------


def test_explained_down_to_the_receivables(work: Work, policy: Policy) -> None:
    c = customer(work, "C1")
    history(work, c, 0, 12, 30)
    receivable(work, "open", c, "300.00", due=day(-10))
    refresh(work, policy)
    found = explain(work, policy, c.id or 0)
    assert (found.value, found.source, found.version, found.from_on, found.current) == ("B", "computed", 1, DAY, True)
    rows = [(i.number, i.days_late, i.amount_minor, i.paid_on) for i in found.items]
    assert rows == [
        ("open", 10, 30000, None), ("C1/-100/2", 30, 10000, day(-50)), ("C1/-100/1", 12, 10000, day(-78)),
        ("C1/-100/0", 0, 10000, day(-100)),
    ]  # fmt: skip
    average = Decimal(sum(days * minor for _, days, minor, _ in rows)) / sum(minor for _, _, minor, _ in rows)
    assert found.inputs.average_days_late == average.quantize(Decimal("0.1")) == Decimal("12.0")


# --- many -----------------------------------------------------------------------------------------


def test_a_portion_takes_the_same_statements_whatever_it_changes(work: Work, policy: Policy) -> None:
    some = [customer(work, f"C{n}", rating="B" if n % 3 else "", edited=["owner"] if n % 2 else []) for n in range(CHUNK)]
    for c in some[:20]:
        history(work, c, 0, 0, 0)
    counts: list[int] = []

    def counted(*_more: object) -> None:
        counts[-1] += 1

    engine = work.session.get_bind()
    event.listen(engine, "before_cursor_execute", counted)
    try:
        for ids in ([some[0].id or 0], [c.id or 0 for c in some[1:]], [c.id or 0 for c in some]):
            counts.append(0)
            refresh(work, policy, ids)
    finally:
        event.remove(engine, "before_cursor_execute", counted)
    one, many, nothing = counts
    assert one == many and nothing < one
    assert (some[1].rating, some[30].rating, some[40].rating) == ("A", "new", "B")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_override_between_computing_and_writing_stays(engine: Engine, policy: Policy) -> None:
    """Refresh computes without locks; whom it changes it looks at again under the lock."""
    with transaction(engine) as session:
        id_ = customer(make_work(session), "C1").id or 0
    meanwhile: list[int] = []

    def overridden(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FOR NO KEY UPDATE" in statement and not meanwhile:
            meanwhile.append(1)
            with transaction(engine) as other:
                override(make_work(other), id_, "D", "r", DAY)

    event.listen(engine, "before_cursor_execute", overridden)
    try:
        with transaction(engine) as session:
            assert refresh(make_work(session), policy) == 0
    finally:
        event.remove(engine, "before_cursor_execute", overridden)
    with transaction(engine) as session:
        work = make_work(session)
        c = session.get(Customer, id_)
        assert meanwhile and c and (c.rating, versions(work, c)) == ("D", [(1, "D", "override")])


def test_the_cards_of_whom_it_changed_are_drawn_anew(work: Work, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[list[int]] = []
    monkeypatch.setattr("core.outbox.touch_customers", lambda _work, ids: touched.append(ids))
    c = customer(work, "C1")
    customer(work, "C2", rating="B")
    refresh(work, policy)
    refresh(work, policy)
    assert touched == [[c.id]]
