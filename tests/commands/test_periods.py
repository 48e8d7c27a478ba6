"""Periods as people type them among other words. Today is Monday, 6 July 2026."""

import contextlib
from datetime import date

import pytest

from bot.commands.periods import Period, take_period
from core.errors import DomainError

TODAY = date(2026, 7, 6)


@pytest.mark.parametrize(
    ("text", "until", "rest"),
    [
        ("促销季 到 2026-08-10", "2026-08-10", "促销季"),
        ("到7月底 促销", "2026-07-31", "促销"),
        ("7月31日前 促销", "2026-07-31", "促销"),
        ("7月31日之前 促销", "2026-07-31", "促销"),
        ("到 8月10日 促销", "2026-08-10", "促销"),
        ("促销，截止8月10日", "2026-08-10", "促销"),
        ("促销 截止到 8月10日", "2026-08-10", "促销"),
        ("促销（至2026年8月10日止）", "2026-08-10", "促销"),
        ("促销季到8月10日", "2026-08-10", "促销季"),
        ("促销 8月10日到期", "2026-08-10", "促销"),
        ("促销 有效期至 8/10", "2026-08-10", "促销"),
        ("促销 到月底", "2026-07-31", "促销"),
        ("月底前促销备货", "2026-07-31", "促销备货"),
        ("到下月底 促销", "2026-08-31", "促销"),
        ("到年底 促销", "2026-12-31", "促销"),
        ("促销 直到明年1月31日", "2027-01-31", "促销"),
        ("促销 8月10日", "2026-08-10", "促销"),
        ("8月10日 促销", "2026-08-10", "促销"),
        ("促销 8月10日为止", "2026-08-10", "促销"),
        ("30天内 促销", "2026-08-05", "促销"),
        ("促销 至８月１０日", "2026-08-10", "促销"),
        ("promotion until 10 Aug", "2026-08-10", "promotion"),
        ("by 2026-08-10 promotion", "2026-08-10", "promotion"),
        ("Promotion, till August 10, 2026", "2026-08-10", "Promotion"),
        ("promotion through the end of July", "2026-07-31", "promotion"),
        ("promotion (until Aug 10th)", "2026-08-10", "promotion"),
        ("until end of next month promotion", "2026-08-31", "promotion"),
        ("promotion by EOM", "2026-07-31", "promotion"),
        ("promotion before Friday", "2026-07-10", "promotion"),
        ("until 8/10 promotion", "2026-08-10", "promotion"),
        ("到7月31日 促销 到8月31日", "2026-07-31", "促销 到8月31日"),  # what comes first counts
        ("到 9-30 根据7月1日会议", "2026-09-30", "根据7月1日会议"),  # with an end, a day of the reason stays in it
    ],
)
def test_an_end_is_found_wherever_it_stands(text: str, until: str, rest: str) -> None:
    assert take_period(text, TODAY) == Period(None, date.fromisoformat(until), rest)


@pytest.mark.parametrize(
    "text",
    [
        "自 2026-07-10 至 2026-08-10 促销", "促销 从7月10日到8月10日", "7月10日至8月10日 促销", "7月10日-8月10日促销",
        "促销 自7月10日起至8月10日止", "促销 7/10～8/10", "from 10 July to 10 Aug 促销", "促销 2026-07-10 - 2026-08-10",
        "促销 from Jul 10 until Aug 10", "到8月10日 促销 7月10日起", "7.10-8.10 促销",
    ],
)  # fmt: skip
def test_a_start_as_well(text: str) -> None:
    assert take_period(text, TODAY) == Period(date(2026, 7, 10), date(2026, 8, 10), "促销")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("促销 到下季度末", "period.unclear"), ("到春节 促销", "period.unclear"), ("春节前备货", "period.unclear"),
        ("促销 截止8月", "period.unclear"), ("8月中旬 促销", "period.unclear"), ("临时周转", "period.unclear"),
        ("旺季结束前", "period.unclear"), ("促销 3个月", "period.unclear"), ("为期三个月", "period.unclear"),
        ("根据8月1日会议", "period.unclear"), ("收到8月1日货款", "period.unclear"), ("一直合作到今天", "period.unclear"),
        ("until further notice", "period.unclear"), ("promotion by end of quarter", "period.unclear"),
        ("temporary raise", "period.unclear"), ("for 3 months", "period.unclear"), ("promotion until Q3", "period.unclear"),
        ("促销 到7月31日 或到8月31日", "period.unclear"),
        ("自8月1日起 促销", "period.without_end"), ("from 1 Aug promotion", "period.without_end"),
        ("自8月10日至8月1日 促销", "period.backwards"), ("6月30日前 促销", "date.past"), ("促销 到2026-07-05", "date.past"),
        ("到2月30日 促销", "date.no_such_day"), ("到6月底 促销", "date.past"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_asked_back_about(text: str, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        take_period(text, TODAY)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "年度授信", "yearly review", "approved by the board", "到货后付款", "近3个月回款良好", "到期续签", "目前回款良好",
        "提前还款", "款到发货", "集团担保", "达到A级", "甚至更好", "2026年度授信", "连续三年合作", "提升至少一成",
        "3月份对账无误", "guaranteed by 甲", "合同HT-20260001", "Q3", "5万以内",
    ],
)  # fmt: skip
def test_a_reason_without_an_end_is_a_reason(text: str) -> None:
    assert take_period(text, TODAY) == Period(None, None, text)


def test_what_stands_in_quotes_is_never_read() -> None:
    assert take_period("根据8月1日会议", TODAY, quoted=["根据8月1日会议"]) == Period(None, None, "根据8月1日会议")
    found = take_period("8月1日会议 到8月10日", TODAY, quoted=["8月1日会议"])
    assert found == Period(None, date(2026, 8, 10), "8月1日会议")


@pytest.mark.parametrize(
    ("text", "until", "rest"),
    [
        ("欠款拖到今天 7月1日", None, "欠款拖到今天 7月1日"), ("6月1日起欠款", None, "6月1日起欠款"),
        ("对账不清，暂时冻结", None, "对账不清，暂时冻结"), ("对账不清 到 7月31日", "2026-07-31", "对账不清"),
        ("到今天 对账不清", "2026-07-06", "对账不清"), ("对账不清 7月31日前", "2026-07-31", "对账不清"),
    ],
)  # fmt: skip
def test_what_lasts_by_itself_may_have_days_in_its_reason(text: str, until: str | None, rest: str) -> None:
    assert take_period(text, TODAY, lasting=True) == Period(None, until and date.fromisoformat(until), rest)


@pytest.mark.parametrize("text", ["8月1日开庭", "到春节", "until further notice", "自8月1日起"])
def test_and_is_asked_back_about_days_ahead(text: str) -> None:
    with pytest.raises(DomainError, match=r"period\."):
        take_period(text, TODAY, lasting=True)


def test_a_long_text_is_read_at_once() -> None:
    for text in ("到" * 4000, "1" * 4000, "1月" * 2000, "end of " * 600, "一二三十" * 1000, "到 " * 2000):
        with contextlib.suppress(DomainError):
            take_period(text, TODAY)
