"""What a rating goes by: days late, windows, currencies, money that went back; figures and the receivables behind them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event
from sqlmodel import Session

from core.credit.inputs import CHUNK, Inputs, inputs, items, months_before, months_between
from core.ledger import post
from core.models import Customer, Dispute, DisputeState, Promise, PromiseState, RiskEvent
from core.work import Work
from tests.factories import DAY, credit_note, customer, make_work, morning, receipt, receivable


@pytest.fixture
def work(session: Session) -> Work:
    return make_work(session)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def paid(
    work: Work, number: str, c: Customer, amount: str, late: int, due: date | None = None, currency: str = "CNY"
) -> None:
    """A receivable that was paid so many days after it was due."""
    on = due or day(-100)
    owed = receivable(work, number, c, amount, due=on, currency=currency)
    receipt(work, c, amount, on=on + timedelta(days=late), to=owed, currency=currency)


def of(work: Work, c: Customer, months: int = 12) -> Inputs:
    """The inputs; what every figure must agree with, the receivables behind it, is proved on the way."""
    found = inputs(work, [c.id or 0], months)[c.id or 0]
    rows = [i for i in items(work, found) if i.weighed]
    assert found.weighed.rows == len(rows)
    assert found.weighed.minor == sum(i.amount_minor for i in rows)
    assert found.weighed.minor_days == sum(i.amount_minor * i.days_late for i in rows)
    assert found.overdue.rows == sum(i.paid_on is None for i in rows)
    assert found.times_overdue == sum(i.days_late > 0 for i in rows)
    assert found.max_late_days == max((i.days_late for i in rows), default=0)
    return found


def test_V41_with_the_open_item_and_paid_only(work: Work) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "140.00", 7)
    paid(work, "I2", c, "85.00", 55)
    receivable(work, "I3", c, "214.00", due=day(-10))
    here = of(work, c)
    assert (here.average_days_late, here.paid.days) == (Decimal("17.8"), Decimal("25.1"))
    assert (here.max_late_days, here.overdue_days, here.times_overdue) == (55, 10, 3)
    assert [(i.number, i.days_late, i.paid_on) for i in items(work, here)] == [
        ("I3", 10, None), ("I2", 55, day(-45)), ("I1", 7, day(-93)),
    ]  # fmt: skip


def test_nobody_and_nothing(work: Work) -> None:
    c = customer(work, "C1")
    assert inputs(work, []) == {} and inputs(work, [c.id or 0, 999]).keys() == {c.id}
    here = of(work, c)
    assert (here.average_days_late, here.late_share, here.trend_days, here.months_known) == (None, None, None, 0)
    assert (here.since, here.until, here.currency) == (date(2025, 7, 1), DAY, "CNY")


def test_paid_early_is_on_time_and_hides_nothing(work: Work) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", -25)
    paid(work, "I2", c, "100.00", 10)
    assert (of(work, c).average_days_late, of(work, c).late_share) == (Decimal("5.0"), Decimal("0.5000"))


@pytest.mark.parametrize(("late", "days"), [(-1, 0), (0, 0), (1, 1), (29, 29)])
def test_days_are_from_the_due_date(work: Work, late: int, days: int) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", late)
    assert of(work, c).max_late_days == days


def test_what_does_not_count(work: Work) -> None:
    c = customer(work, "C1")
    undated = receivable(work, "I1", c, "100.00", due=None, issued=day(-200))
    receivable(work, "I2", c, "100.00", due=None, issued=day(-200))  # undated and open
    receipt(work, c, "100.00", on=day(-1), to=undated)
    receivable(work, "I3", c, "100.00", due=DAY)  # due today is not overdue
    receivable(work, "I4", c, "100.00", due=day(20))
    receipt(work, c, "500.00", on=day(-2))  # unapplied: nobody knows what it pays
    here = of(work, c)
    assert (here.weighed.rows, here.overdue_days, here.average_days_late) == (0, 0, None)
    assert (here.invoiced_minor, here.months_known) == (40000, 6)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "months", "since"),
    [
        (date(2026, 7, 1), 12, date(2025, 7, 1)),
        (date(2028, 2, 29), 12, date(2027, 2, 28)),
        (date(2029, 2, 28), 12, date(2028, 2, 28)),  # the leap day lies in the window
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 5, 31), 3, date(2026, 2, 28)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 1, 31), 26, date(2023, 11, 30)),
    ],
)
def test_the_day_so_many_months_before(today: date, months: int, since: date) -> None:
    assert months_before(today, months) == since


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2026, 1, 31), date(2026, 2, 27), 0),
        (date(2026, 1, 31), date(2026, 2, 28), 0),
        (date(2026, 1, 28), date(2026, 2, 28), 1),
        (date(2024, 2, 29), date(2025, 2, 28), 11),
        (date(2024, 2, 29), date(2025, 3, 1), 12),
        (date(2026, 3, 1), date(2026, 2, 1), 0),
    ],
)
def test_whole_months(first: date, last: date, months: int) -> None:
    assert months_between(first, last) == months


@pytest.mark.parametrize(
    ("today", "first_in"),
    [(date(2026, 7, 1), date(2025, 7, 2)), (date(2028, 2, 29), date(2027, 3, 1)), (date(2027, 8, 31), date(2026, 9, 1))],
)
def test_the_window_is_by_the_day_of_payment(session: Session, today: date, first_in: date) -> None:
    work = make_work(session, today)
    c = customer(work, "C1")
    for n, on in enumerate((first_in - timedelta(days=1), first_in, today)):
        paid(work, f"I{n}", c, "100.00", 0, due=on)
    here = of(work, c)
    assert (here.paid.rows, here.first_half.rows, here.second_half.rows) == (2, 1, 1)


def test_the_leap_day_is_a_day(session: Session) -> None:
    work = make_work(session, date(2028, 3, 1))
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", 2, due=date(2028, 2, 28))
    receivable(work, "I2", c, "100.00", due=date(2028, 2, 29))
    assert (of(work, c).max_late_days, of(work, c).overdue_days) == (2, 1)


def test_a_past_and_a_coming_day(session: Session) -> None:
    """What is booked for later days has not happened: it is overdue until then."""
    work = make_work(session)
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00", due=day(-10))
    receipt(work, c, "100.00", on=day(3), to=owed)
    receivable(work, "I2", c, "100.00", due=day(10), issued=day(5))
    here = of(work, c)
    assert (here.paid.rows, here.overdue.rows, here.overdue_days, here.invoiced_minor) == (0, 1, 10, 10000)
    later = of(make_work(session, day(4)), c)
    assert (later.paid.rows, later.overdue.rows, later.max_late_days) == (1, 0, 13)


def test_the_business_date_is_the_companys(session: Session) -> None:
    work = make_work(session, morning(DAY, 7))  # 23:00 UTC of the day before
    c = customer(work, "C1")
    receivable(work, "I1", c, due=day(-1))
    assert of(work, c).overdue_days == 1


@pytest.mark.parametrize(("early", "lately", "trend"), [(0, 10, "10.0"), (10, 0, "-10.0"), (5, 5, "0.0")])
def test_the_trend_is_the_second_half_against_the_first(work: Work, early: int, lately: int, trend: str) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", early, due=day(-300))
    assert of(work, c).trend_days is None
    paid(work, "I2", c, "100.00", lately, due=day(-50))
    assert of(work, c).trend_days == Decimal(trend)


def test_who_stopped_paying_does_not_look_better(work: Work) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", 5, due=day(-300))
    receivable(work, "I2", c, "100.00", due=day(-90))
    assert of(work, c).trend_days == Decimal("85.0")


@pytest.mark.parametrize(
    ("late", "run"),
    [
        ([0, 0, 0], 3),
        ([9, 0, -3], 2),
        ([0, 0, 1], 0),
        ([0, 9, 0], 1),
        ([], 0),
    ],
)
def test_on_time_in_a_row(work: Work, late: list[int], run: int) -> None:
    c = customer(work, "C1")
    for n, days in enumerate(late):
        paid(work, f"I{n}", c, "100.00", days, due=day(-100 + 20 * n))
    assert of(work, c).on_time_run == run


def test_on_time_on_the_day_of_a_late_one_begins_no_row(work: Work) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", 10, due=day(-30))
    paid(work, "I2", c, "100.00", 0, due=day(-20))
    assert of(work, c).on_time_run == 0


# --- money ----------------------------------------------------------------------------------------


def test_only_the_customers_own_currency_is_weighed(work: Work) -> None:
    """Each receivable has its own days; 10,000 JPY are not 100 CNY. What is overdue now freezes in any currency."""
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", 10)
    paid(work, "I2", c, "10000", 50, currency="JPY")
    receivable(work, "I3", c, "7.00", due=day(-40), currency="USD")
    here = of(work, c)
    assert (here.currency, here.average_days_late, here.paid.rows, here.max_late_days) == ("CNY", Decimal("10.0"), 1, 10)
    assert (here.overdue.rows, here.overdue_days) == (0, 40)
    assert [(i.number, i.weighed) for i in items(work, here)] == [("I1", True), ("I3", False), ("I2", False)]
    c.currency = "JPY"
    work.session.flush()
    assert (of(work, c).currency, of(work, c).average_days_late) == ("JPY", Decimal("50.0"))


def test_a_reversed_receipt_paid_nothing(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00", due=day(-40))
    money = receipt(work, c, "100.00", on=day(-38), to=owed)
    assert (of(work, c).average_days_late, of(work, c).paid.rows) == (Decimal("2.0"), 1)
    post.reverse_receipt(work, money, day(-5))
    here = of(work, c)
    assert (here.paid.rows, here.overdue.rows, here.average_days_late) == (0, 1, Decimal("40.0"))
    receipt(work, c, "100.00", on=day(-1), to=owed)
    assert (of(work, c).average_days_late, of(work, c).overdue.rows) == (Decimal("39.0"), 0)


def test_credit_notes_are_no_payment(work: Work) -> None:
    c = customer(work, "C1")
    gone = receivable(work, "I1", c, "100.00", due=day(-80))
    credit_note(work, c, "100.00", on=day(-10), to=gone)
    assert of(work, c).paid.rows == 0
    part = receivable(work, "I2", c, "100.00", due=day(-80))
    receipt(work, c, "60.00", on=day(-75), to=part)
    here = of(work, c)
    assert (here.overdue.minor, here.average_days_late) == (4000, Decimal("80.0"))
    credit_note(work, c, "40.00", on=day(-10), to=part)  # 65 days after the money
    here = of(work, c)
    assert (here.paid.minor, here.average_days_late, here.overdue.rows) == (6000, Decimal("5.0"), 0)


def test_adjusted_down_after_the_money(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00", due=day(-80))
    receipt(work, c, "90.00", on=day(-80), to=owed)
    post.adjust(work, owed, 9000, "price", day(-10))
    cancelled = receivable(work, "I2", c, "100.00", due=day(-80))
    post.adjust(work, cancelled, 0, "cancelled")
    here = of(work, c)
    assert (here.paid.rows, here.paid.minor, here.average_days_late) == (1, 9000, Decimal("0.0"))


def test_paid_in_parts_is_paid_with_the_last(work: Work) -> None:
    c = customer(work, "C1")
    owed = receivable(work, "I1", c, "100.00", due=day(-80))
    for amount, on in (("30.00", -80), ("30.00", -70), ("40.00", -60)):
        receipt(work, c, amount, on=day(on), to=owed)
    here = of(work, c)
    assert (here.paid.rows, here.paid.minor, here.average_days_late) == (1, 10000, Decimal("20.0"))


def test_the_largest_amounts_end_no_statement(work: Work) -> None:
    """Σ amount × days passes 64 bits."""
    c = customer(work, "C1")
    many = 40
    for n in range(many):
        receivable(work, f"I{n}", c, "900000000000.00", due=day(-3650))
    here = of(work, c)
    assert here.weighed.minor_days == many * 90_000_000_000_000 * 3650 > 2**63
    assert here.average_days_late == Decimal("3650.0")


def test_promises_and_disputes_are_counted_in_every_currency(work: Work) -> None:
    c = customer(work, "C1")
    for n, (state, due, currency) in enumerate(
        [
            (PromiseState.broken, day(-10), "CNY"),
            (PromiseState.broken, day(-364), "USD"),
            (PromiseState.broken, day(-365), "CNY"),  # before the window
            (PromiseState.partly_kept, day(-10), "CNY"),
            (PromiseState.kept, day(-10), "CNY"),
        ]
    ):
        work.session.add(
            Promise(
                customer_id=c.id or 0, currency=currency, amount_minor=100 + n, due_on=due, made_at=work.now,
                state=state, ends_on=due,
            )
        )  # fmt: skip
    for disputed in (DisputeState.open, DisputeState.open, DisputeState.rejected):
        work.session.add(
            Dispute(
                customer_id=c.id or 0, currency="USD", reason="quality", amount_minor=1, made_at=work.now, state=disputed
            )
        )  # fmt: skip
    here = of(work, c)
    assert (here.broken_promises, here.promises_kept, here.promises_judged) == (2, 1, 4)
    assert (here.open_disputes, here.disputes) == (2, 3)


def test_disputes_returns_and_risk_events_of_the_window(work: Work) -> None:
    c = customer(work, "C1", credit_limit_minor=500_00)
    receivable(work, "I1", c, "400.00", issued=day(-100), due=day(100))
    receivable(work, "I2", c, "100.00", issued=day(-100), due=day(-1))
    receivable(work, "I3", c, "7.00", issued=day(-100), due=day(-1), currency="USD")
    for number, amount, on, currency in (
        ("G1", "20.00", -1, "CNY"), ("G2", "30.00", -364, "CNY"), ("G3", "40.00", -365, "CNY"), ("G4", "9.00", -1, "USD"),
    ):  # fmt: skip
        credit_note(work, c, amount, on=day(on), number=number, currency=currency)
    start = morning(day(-364))
    for made_at, state in (
        (work.now - timedelta(days=1), DisputeState.rejected), (start, DisputeState.accepted),
        (start - timedelta(days=1), DisputeState.open), (start - timedelta(days=1), DisputeState.rejected),
    ):  # fmt: skip
        work.session.add(
            Dispute(customer_id=c.id or 0, currency="CNY", reason="quality", amount_minor=1, made_at=made_at, state=state)
        )
    for key, severity, on in (("1", "major", 0), ("2", "warning", -364), ("3", "info", -1), ("4", "major", -365)):
        work.session.add(RiskEvent(
            source="list", key=key, customer_id=c.id or 0, kind="lawsuit", severity=severity, happened_on=day(on),
            recorded_at=work.now,
        ))  # fmt: skip
    here = of(work, c)
    assert here.returned_minor == 50_00, "the window begins after the day a year ago; other currencies don't count"
    assert (here.open_disputes, here.disputes) == (1, 2)
    assert here.risk_points == 3 + 1
    assert (here.open_minor, here.overdue.minor, here.limit_minor) == (500_00, 100_00, 500_00)


def test_as_json_says_everything(work: Work) -> None:
    c = customer(work, "C1")
    paid(work, "I1", c, "100.00", 10, due=day(-300))
    receivable(work, "I2", c, "50.00", due=day(-4))
    assert of(work, c).as_json() == {
        "since": "2025-07-01", "until": "2026-07-01", "average_days_late": "8.0", "average_days_late_paid": "10.0",
        "late_share": "1.0000", "max_late_days": 10, "paid": 1, "paid_amount": [10000, "CNY"], "times_overdue": 2,
        "overdue": 1, "overdue_amount": [5000, "CNY"], "overdue_days": 4, "broken_promises": 0, "open_disputes": 0,
        "volume": [15000, "CNY"], "trend_days": "-6.0", "months_known": 10, "on_time_run": 0, "promises_kept": 0,
        "promises_judged": 0, "disputes": 0, "returned": [0, "CNY"], "risk_points": 0, "open_amount": [5000, "CNY"],
        "limit": None,
    }  # fmt: skip


# --- many -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [False, True])
def test_many_customers_take_as_many_statements_as_one(work: Work, changed: bool) -> None:
    some = [customer(work, f"C{n}") for n in range(CHUNK + 1)]
    for c in some[:: CHUNK // 5]:
        paid(work, f"{c.code}-1", c, "100.00", 3)
        receivable(work, f"{c.code}-2", c, "100.00", due=day(-4))
    if changed:
        receipt(work, some[0], "1.00", on=day(1))
    work.session.flush()
    statements: list[str] = []

    def counted(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    engine = work.session.get_bind()
    event.listen(engine, "before_cursor_execute", counted)
    try:
        first = inputs(work, [some[0].id or 0])
        one = len(statements)
        everybody = inputs(work, [c.id or 0 for c in some])
    finally:
        event.remove(engine, "before_cursor_execute", counted)
    assert len(statements) == 3 * one - 1  # two portions; whether anything was booked for later is asked once
    assert len(everybody) == CHUNK + 1 and first == {some[0].id: everybody[some[0].id or 0]}
    assert sum(i.paid.rows for i in everybody.values()) == len(some[:: CHUNK // 5])
