"""Balances, aging and ranking: by due date and by date of issue, now and on past days, for everybody and in a scope."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event, text
from sqlmodel import Session

from core.ledger import balances, post, reports
from core.ledger.balances import Figures
from core.permissions import Scope, scope_of
from core.work import Work
from tests.factories import DAY, credit_note, customer, make_work, person, receipt, receivable

AGES = [-1, 0, 1, 30, 31, 60, 61, 90, 91]


@pytest.fixture
def work(session: Session) -> Work:
    return make_work(session)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def figures(row: Figures) -> tuple[int, ...]:
    """Buckets, then undated, unapplied and total, in whole units."""
    amounts = (row.not_due, row.d1_30, row.d31_60, row.d61_90, row.d90_plus, row.undated, row.unapplied, row.total)
    return tuple(amount // 100 for amount in amounts)


def test_aging_boundaries_by_due_date(work: Work) -> None:
    """Age 0 is the due day. The first overdue day is age 1, and 30, 60, 90 are the last of their columns."""
    c = customer(work, "C1")
    for n, age in enumerate(AGES):
        receivable(work, f"I{n}", c, f"{2**n}.00", due=day(-age))
    receivable(work, "undated", c, "512.00", due=None)
    (row,) = reports.aging(work.session, DAY)
    assert (row.key, row.currency) == (c.id, "CNY")
    assert figures(row) == (1 + 2 + 512, 4 + 8, 16 + 32, 64 + 128, 256, 512, 0, 1023)
    here = balances.balance(work.session, c.id or 0, DAY)["CNY"]
    assert figures(here) == figures(row)
    assert (here.oldest_due, here.days_overdue_max, here.overdue) == (day(-91), 91, 50800)
    assert [item.due_on for item in here.items] == [*(day(-age) for age in reversed(AGES)), None]


def test_aging_boundaries_by_date_of_issue(work: Work) -> None:
    """Day 0 is in the first column, nothing is not due, and who has no due date has an age all the same."""
    c = customer(work, "C1")
    for n, age in enumerate(AGES[1:]):
        receivable(work, f"I{n}", c, f"{2**n}.00", due=None if n % 2 else day(90), issued=day(-age))
    receivable(work, "tomorrow", c, "1024.00", due=day(30), issued=day(1))
    (row,) = reports.aging(work.session, DAY, basis="invoice")
    assert figures(row) == (0, 1 + 2 + 4, 8 + 16, 32 + 64, 128, 0, 0, 255)


@pytest.mark.parametrize("age", AGES)
def test_the_column_of_an_age(age: int) -> None:
    wanted = ["not_due"] * 2 + ["d1_30"] * 2 + ["d31_60"] * 2 + ["d61_90"] * 2 + ["d90_plus"]
    assert balances.bucket(age) == wanted[AGES.index(age)]


def test_a_past_day_shows_what_was_true_of_it(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00", due=day(-40))
    early = receipt(work, c, "30.00", on=day(-20), to=owed)
    receipt(work, c, "50.00", on=day(-10))
    credit_note(work, c, "70.00", on=day(-5), to=owed)
    post.reverse_receipt(work, early, day(-2))

    def at(number: int) -> tuple[int, ...]:
        (row,) = reports.aging(work.session, day(number))
        here = balances.balance(work.session, c.id or 0, day(number))["CNY"]
        assert figures(here) == figures(row)
        return figures(row)

    assert at(-41) == (100, 0, 0, 0, 0, 0, 0, 100)
    assert at(-21) == (0, 100, 0, 0, 0, 0, 0, 100)
    assert at(-20) == (0, 70, 0, 0, 0, 0, 0, 70)
    assert at(-10) == (0, 70, 0, 0, 0, 0, -50, 20)
    assert at(-5) == (0, 0, 0, 0, 0, 0, -50, -50)
    assert at(-2) == (0, 0, 30, 0, 0, 0, -50, -20)
    assert reports.aging(work.session, day(-100)) == []
    assert balances.balance(work.session, c.id or 0, day(-100)) == {}
    rank = reports.overdue_ranking(work.session, day(-10))
    assert [(row.overdue, row.oldest_due, row.days_overdue_max) for row in rank] == [(7000, day(-40), 30)]
    assert reports.overdue_ranking(work.session, day(-4)) == []


def test_currencies_stand_beside_each_other(work: Work) -> None:
    c = customer(work, "C1")
    receivable(work, "I1", c, "100.00", due=day(-1))
    receivable(work, "I2", c, "7.00", due=day(-1), currency="USD")
    receivable(work, "I3", c, "500", due=day(1), currency="JPY")
    receipt(work, c, "2.00", currency="EUR")
    rows = reports.aging(work.session, DAY)
    assert [(row.currency, row.total) for row in rows] == [("CNY", 10000), ("EUR", -200), ("JPY", 500), ("USD", 700)]
    assert set(balances.balance(work.session, c.id or 0, DAY)) == {"CNY", "USD", "JPY", "EUR"}
    assert {key: total.total for key, total in reports.totals(rows).items()} == {row.currency: row.total for row in rows}
    assert balances.open_items(work.session, DAY, currency="USD")[0].number == "I2"


def test_groups_and_scopes(work: Work) -> None:
    boss = person(work, "wang", "sales_manager")
    li, chen = person(work, "li", manager=boss), person(work, "chen", manager=boss)
    zhou = person(work, "zhou", "finance", region="north")
    a = customer(work, "A", owner=li, region="north")
    b = customer(work, "B", owner=chen, region="south")
    nobody = customer(work, "N")
    receivable(work, "A1", a, "100.00", due=day(-1))
    receivable(work, "A2", a, "20.00", due=day(-1), owner=chen)  # chen's, at li's customer
    receivable(work, "B1", b, "3.00", due=day(-1))
    receivable(work, "N1", nobody, "7.00", due=day(-1))
    receipt(work, a, "50.00")
    receipt(work, b, "1.00")

    def totals(**more: object) -> dict[object, int]:
        return {row.key: row.total // 100 for row in reports.aging(work.session, DAY, **more)}  # type: ignore[arg-type]

    assert totals() == {a.id: 70, b.id: 2, nobody.id: 7}
    assert totals(customer_id=b.id) == {b.id: 2}
    assert totals(group="owner") == {li.id: 50, chen.id: 22, None: 7}
    assert totals(group="region") == {"north": 70, "south": 2, "": 7}

    def sees(who: int | None) -> Scope:
        return scope_of(work.session, who or 0)

    assert totals(scope=sees(li.id)) == {a.id: 70}
    assert totals(scope=sees(chen.id)) == {a.id: 20, b.id: 2}  # not the customer's unapplied credit
    assert totals(scope=sees(boss.id)) == {a.id: 70, b.id: 2}
    assert totals(scope=sees(zhou.id)) == {a.id: 70}
    assert totals(scope=Scope()) == {}
    assert totals(scope=Scope(all=True)) == totals()
    assert balances.balance(work.session, a.id or 0, DAY, sees(chen.id))["CNY"].total == 2000
    ranked = reports.overdue_ranking(work.session, DAY, sees(chen.id))
    assert [(row.customer_id, row.overdue) for row in ranked] == [(a.id, 2000), (b.id, 300)]
    assert [row.customer_id for row in reports.overdue_ranking(work.session, DAY, limit=1)] == [a.id]
    assert reports.overdue_ranking(work.session, DAY, Scope()) == []
    assert reports.overdue_ranking(work.session, DAY, currency="USD") == []
    found = balances.open_items(work.session, DAY, owner_ids=[chen.id or 0])
    assert [(item.number, item.owner_id) for item in found] == [("A2", chen.id), ("B1", chen.id)]
    assert reports.names(work.session, "customer", [a.id]) == {a.id: ("A", "A")}
    assert reports.names(work.session, "owner", [li.id, None]) == {li.id: ("li", "li")}
    assert reports.names(work.session, "region", ["north"]) == {"north": ("north", "north")}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_aging_of_everything_reads_one_index_in_order(work: Work) -> None:
    receivable(work, "I1", customer(work, "C1"))
    seen: list[tuple[str, object]] = []

    def remember(_conn: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    connection = work.session.connection()
    event.listen(connection, "before_cursor_execute", remember)
    reports.aging(work.session, DAY)
    event.remove(connection, "before_cursor_execute", remember)
    statement, parameters = seen[-1]
    plan = [row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)]  # type: ignore[arg-type]
    assert [step for step in plan if " receivable" in step] == ["SCAN receivable USING COVERING INDEX ix_receivable_aging"]
    assert len(seen) == 2, "the entries since, and everything else"


@pytest.mark.parametrize("largest", [1, 2, 3, 5, 6])
def test_the_largest_groups_and_the_rest(work: Work, largest: int) -> None:
    """Of every currency so many; what is left is one row, and nothing is lost."""
    for n, amount in enumerate(("70.00", "40.00", "40.00", "10.00", "5.00")):
        c = customer(work, f"C{n}")
        receivable(work, f"I{n}", c, amount, due=day(30 - 31 * n))
        if n % 2:
            receipt(work, c, "7.00")  # the last but one comes to 3.00, and is the smallest
    receivable(work, "U1", c, "2.00", due=None, currency="USD")
    whole = reports.aging(work.session, DAY)
    rows = reports.aging(work.session, DAY, largest=largest)
    for currency, groups in (("CNY", 5), ("USD", 1)):
        here = [row for row in rows if row.currency == currency]
        assert here[:largest] == [row for row in whole if row.currency == currency][:largest]
        assert [(row.key, row.smaller) for row in here[largest:]] == [(None, groups - largest)] * (groups > largest)
    assert reports.totals(rows) == reports.totals(whole)
    assert [row.total for row in whole if row.currency == "CNY"] == [7000, 4000, 3300, 500, 300]


def test_a_changed_day_is_found_without_reading_much(work: Work) -> None:
    assert not balances.changed_since(work.session, DAY)
    receipt(work, customer(work, "C1"), "1.00", on=day(2))
    assert balances.changed_since(work.session, day(1)) and not balances.changed_since(work.session, day(2))
    assert work.session.execute(text("SELECT count(*) FROM entry")).scalar_one() == 1
