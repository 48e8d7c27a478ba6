"""Dates as people write them. Today is Wednesday, 1 July 2026, unless a test says otherwise."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.dates import parse_date, take_date
from core.errors import DomainError

TODAY = date(2026, 7, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", "2026-07-01"), ("明天", "2026-07-02"), ("后天", "2026-07-03"), ("大后天", "2026-07-04"),
        ("today", "2026-07-01"), ("Tomorrow", "2026-07-02"),
        ("周五", "2026-07-03"), ("星期五", "2026-07-03"), ("礼拜五", "2026-07-03"), ("fri", "2026-07-03"),
        ("Friday", "2026-07-03"), ("周日", "2026-07-05"), ("星期天", "2026-07-05"), ("周5", "2026-07-03"),
        ("周三", "2026-07-08"), ("周一", "2026-07-06"), ("wednesday", "2026-07-08"), ("thurs", None),
        ("thursday", "2026-07-02"), ("tuesday", "2026-07-07"), ("saturday", "2026-07-04"),
        ("下周五", "2026-07-10"), ("下周一", "2026-07-06"), ("下个星期三", "2026-07-08"), ("下下周五", "2026-07-17"),
        ("next fri", "2026-07-10"), ("next Friday", "2026-07-10"), ("本周五", "2026-07-03"), ("这周五", "2026-07-03"),
        ("this fri", "2026-07-03"),
        ("月底", "2026-07-31"), ("本月底", "2026-07-31"), ("下月底", "2026-08-31"), ("下个月底", "2026-08-31"),
        ("end of month", "2026-07-31"), ("end of next month", "2026-08-31"), ("EOM", "2026-07-31"), ("年底", "2026-12-31"),
        ("3天内", "2026-07-04"), ("3天后", "2026-07-04"), ("三天后", "2026-07-04"), ("十五天内", "2026-07-16"),
        ("两周后", "2026-07-15"), ("in 3 days", "2026-07-04"), ("within 2 weeks", "2026-07-15"), ("+3d", "2026-07-04"),
        ("7-15", "2026-07-15"), ("7/15", "2026-07-15"), ("07-15", "2026-07-15"), ("7月15日", "2026-07-15"),
        ("7月15号", "2026-07-15"), ("7月15", "2026-07-15"), ("七月十五日", "2026-07-15"), ("15号", "2026-07-15"),
        ("十五号", "2026-07-15"), ("15日", "2026-07-15"), ("下月5号", "2026-08-05"), ("2026-07-15", "2026-07-15"),
        ("2026/7/15", "2026-07-15"), ("2026.7.15", "2026-07-15"), ("2026年7月15日", "2026-07-15"),
        ("20260715", "2026-07-15"), ("明年1月5日", "2027-01-05"), ("2027-01-05", "2027-01-05"),
        ("jul 15", "2026-07-15"), ("July 15", "2026-07-15"), ("Jul 15, 2026", "2026-07-15"), ("15 jul", "2026-07-15"),
        ("15th Aug 2026", "2026-08-15"), ("Sept 1", "2026-09-01"),
        ("７月１５日", "2026-07-15"), ("７／１５", "2026-07-15"), ("７－１５", "2026-07-15"),
        ("２０２６－０７－１５", "2026-07-15"),
        ("到7-15", "2026-07-15"), ("周五之前", "2026-07-03"), ("by friday", "2026-07-03"), ("until 7-15", "2026-07-15"),
        ("7月1日", "2026-07-01"), ("7.15", "2026-07-15"), ("7.15日", "2026-07-15"), ("１２．１", "2026-12-01"),
    ],
)  # fmt: skip
def test_what_people_write(text: str, day: str | None) -> None:
    if day is None:
        with pytest.raises(DomainError, match=r"date\.unknown"):
            parse_date(text, TODAY)
    else:
        assert parse_date(text, TODAY).isoformat() == day


@pytest.mark.parametrize("text", ["周五", "星期五", "fri", "friday"])
def test_on_a_friday_friday_is_in_a_week(text: str) -> None:
    assert parse_date(text, date(2026, 7, 3)) == date(2026, 7, 10)


def test_this_friday_on_a_friday_is_today_and_on_a_saturday_it_is_over() -> None:
    assert parse_date("本周五", date(2026, 7, 3)) == date(2026, 7, 3)
    assert parse_date("下周五", date(2026, 7, 5)) == date(2026, 7, 10)  # Sunday still belongs to the old week
    with pytest.raises(DomainError, match=r"date\.past"):
        parse_date("本周五", date(2026, 7, 4))


@pytest.mark.parametrize(
    ("text", "next_year"),
    [("6-30", "2027-06-30"), ("1/5", "2027-01-05"), ("6月30日", "2027-06-30"), ("jan 5", "2027-01-05"), ("昨天", ""),
     ("2025-07-15", ""), ("上周五", "")],
)  # fmt: skip
def test_a_past_day_is_refused_and_next_year_is_offered(text: str, next_year: str) -> None:
    with pytest.raises(DomainError) as refused:
        parse_date(text, TODAY)
    assert refused.value.code == "date.past"
    assert refused.value.facts["next"] == next_year


def test_a_day_of_the_month_that_is_over_is_of_the_next_month() -> None:
    assert parse_date("15号", date(2026, 7, 20)) == date(2026, 8, 15)
    assert parse_date("20号", date(2026, 7, 20)) == date(2026, 7, 20)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("昨天", "2026-06-30"), ("前天", "2026-06-29"), ("今天", "2026-07-01"), ("6-30", "2026-06-30"),
        ("12-28", "2025-12-28"), ("12月28日", "2025-12-28"), ("周五", "2026-06-26"), ("fri", "2026-06-26"),
        ("周三", "2026-07-01"), ("上周五", "2026-06-26"), ("月底", "2026-06-30"), ("上月底", "2026-06-30"),
        ("3天前", "2026-06-28"),
        ("3 days ago", "2026-06-28"), ("30号", "2026-06-30"), ("2025-12-31", "2025-12-31"), ("yesterday", "2026-06-30"),
    ],
)  # fmt: skip
def test_of_money_that_came_the_nearest_past_day_is_meant(text: str, day: str) -> None:
    assert parse_date(text, TODAY, future=False).isoformat() == day


@pytest.mark.parametrize("text", ["明天", "2026-07-02", "下周五"])
def test_money_does_not_come_tomorrow(text: str) -> None:
    with pytest.raises(DomainError, match=r"date\.future"):
        parse_date(text, TODAY, future=False)


@pytest.mark.parametrize("text", ["2-29", "2月30日", "31/02", "15/7", "13-1", "2026-02-29", "20260231", "0-5", "32号",
    "jun 31"])
def test_days_that_do_not_exist_are_said_so(text: str) -> None:
    with pytest.raises(DomainError, match=r"date\.no_such_day"):
        parse_date(text, TODAY)


def test_the_29th_of_february_in_a_leap_year() -> None:
    assert parse_date("2-29", date(2028, 1, 10)) == date(2028, 2, 29)
    with pytest.raises(DomainError) as refused:
        parse_date("2-29", date(2028, 3, 10))
    assert refused.value.facts["next"] == ""


@pytest.mark.parametrize("text", ["", "soon", "尽快", "月", "号", "5万", "7-15-", "2026-7", "fri day", "半天后",
    "99999-01-01", "monkey"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(DomainError, match=r"date\.(unknown|no_such_day)"):
        parse_date(text, TODAY)


def test_several_words_are_read_as_far_as_they_are_a_date() -> None:
    assert take_date(["end", "of", "month", "5万", "note"], TODAY) == (date(2026, 7, 31), 3)
    assert take_date(["jul", "15", "2026", "5000"], TODAY) == (date(2026, 7, 15), 3)
    assert take_date(["jul", "15", "2000"], TODAY) == (date(2026, 7, 15), 2)  # 2000 is an amount
    assert take_date(["周五", "5万"], TODAY) == (date(2026, 7, 3), 1)
    with pytest.raises(DomainError, match=r"date\.past"):
        take_date(["6-30", "5万"], TODAY)
    with pytest.raises(DomainError, match=r"date\.unknown"):
        take_date(["5万", "周五"], TODAY)


@given(st.text(max_size=20), st.sampled_from([True, False, None]))
def test_any_text_is_a_date_or_an_error_in_words(text: str, future: bool | None) -> None:
    try:
        found = parse_date(text, TODAY, future=future)
    except DomainError as error:
        assert error.code.startswith("date.")
    else:
        assert not (future is True and found < TODAY) and not (future is False and found > TODAY)


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_iso_dates_mean_themselves(day: date) -> None:
    assert parse_date(day.isoformat(), TODAY, future=None) == day
    assert parse_date(f"{day:%Y%m%d}", TODAY, future=None) == day
    assert parse_date(f"{day.year}年{day.month}月{day.day}日", TODAY, future=None) == day
