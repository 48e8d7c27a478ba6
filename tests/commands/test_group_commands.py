"""/limit 集团 名称 金额 原因 and /credit with a group, as they are typed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from core.credit import groups
from core.credit.exposure import standing
from core.models import Audit
from core.models.base import table_of
from core.search import index_text
from tests.commands.test_limit_commands import says
from tests.harness import Harness
from tests.scenarios.ordering import opened, place, told

A = table_of(Audit)


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    story = opened(Harness(database_url))
    story.set_customer("甲", name="华兴商贸", group_name="华兴集团", search=index_text("甲", "华兴商贸"))
    story.customer("乙", "lin", name="华兴物流", group_name="华兴集团", search=index_text("乙", "华兴物流"))
    story.customer("丙", "lin", name="Five", group_name="Group Five", search=index_text("丙", "Five"))
    yield story
    story.stop()


def shared(hk: Harness, customer_id: int = 1) -> tuple[int, str] | None:
    with hk.look() as work:
        group = standing(work, customer_id).group
        return None if group is None else (group.limit_minor, group.currency)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("额度 集团 华兴集团 5万 年度授信", (5_000_000, "CNY")),
        ("/limit group 华兴集团 50,000.00 yearly review", (5_000_000, "CNY")),
        ("额度 集团 “华兴集团” 0 款到发货", (0, "CNY")),
        ("/limit 集团 华兴集团 USD 700 yearly review", (70_000, "USD")),
    ],
)
def test_a_limit_is_set(hk: Harness, text: str, limit: tuple[int, str]) -> None:
    view, said = says(hk, "zhou", text)
    assert shared(hk) == shared(hk, 2) == limit and shared(hk, 3) is None
    assert view["action"] == "group.limit_set" and view["group"] == "华兴集团" and "华兴集团" in said


def test_a_name_of_several_words_and_the_end_of_a_limit(hk: Harness) -> None:
    says(hk, "zhou", "/limit group Group Five 500 yearly review")
    assert shared(hk, 3) == (50_000, "CNY")
    assert "已取消" in says(hk, "zhou", "额度 集团 Group Five 无 不再统一授信")[1]
    assert shared(hk, 3) is None
    says(hk, "zhou", "额度 集团 Group Five 无 不再统一授信", "already")


@pytest.mark.parametrize(
    ("who", "text", "outcome", "said"),
    [
        ("zhou", "额度 集团 华兴集团 很多 x", "invalid", "很多"),
        ("zhou", "额度 集团 华兴集团 5万", "invalid", "额度 客户 [金额"),
        ("zhou", "额度 集团 谁 5万 x", "invalid", "没有集团“谁”"),
        ("zhou", "信用 集团 谁", "invalid", "没有集团“谁”"),
        ("li", "额度 集团 华兴集团 5万 x", "not_allowed", ""),
        ("li", "额度 集团 Group Five", "invalid", "没有集团“Group”"),
    ],
)
def test_what_is_wrong_is_said(hk: Harness, who: str, text: str, outcome: str, said: str) -> None:
    assert said in says(hk, who, text, outcome)[1]
    assert shared(hk) is None


def test_a_group_is_shown_with_the_members_that_one_sees(hk: Harness) -> None:
    says(hk, "zhou", "额度 集团 华兴集团 1500 年度授信")
    place(hk, "甲", "600.00", "SO1")
    place(hk, "乙", "300.00", "SO2")
    for text in ("信用 华兴集团", "/credit 集团 华兴集团", "额度 集团 华兴集团"):
        view, said = says(hk, "zhou", text)
        assert (view["limit"], view["used"], view["available"], view["usage"]) == ("1500.00", "900.00", "600.00", "60%")
        assert [(one["code"], one["used"]) for one in view["members"]] == [("乙", "300.00"), ("甲", "600.00")]
        assert "华兴物流" in said and "年度授信" in said
    says(hk, "zhou", "额度 甲 1500 到 7月31日 旺季")
    view, _ = says(hk, "zhou", "信用 华兴集团")
    assert [one["limit"] for one in view["members"]] == [None, "1500.00"] == [None, says(hk, "li", "信用 甲")[0]["limit"]]
    view, said = says(hk, "li", "信用 华兴集团")
    assert [one["code"] for one in view["members"]] == ["甲"] and view["hidden"] == 1
    assert view["used"] == "900.00" and "华兴物流" not in said and "1 家" in said
    view, said = says(hk, "zhou", "信用 Group Five")
    assert view["limit"] is None and "未设" in said


def test_of_both_limits_the_lower_one_is_available(hk: Harness) -> None:
    assert says(hk, "li", "信用 甲")[0]["available"] == "1000.00"
    says(hk, "zhou", "额度 集团 华兴集团 1500 年度授信")
    place(hk, "乙", "700.00", "SO1")
    view, said = says(hk, "li", "信用 甲")
    assert (view["limit"], view["available"]) == ("1000.00", "800.00") and "¥800.00" in said and "集团 华兴集团" in said
    assert view["group"] == {"name": "华兴集团", "currency": "CNY", "limit": "1500.00", "used": "700.00"}
    view, said = says(hk, "lin", "信用 乙")  # no limit of its own
    assert (view["limit"], view["available"]) == (None, "800.00") and "¥800.00" in said
    place(hk, "乙", "900.00", "SO2")
    assert says(hk, "lin", "信用 乙")[0]["pending"][0]["over"] == "100.00"
    [waiting] = says(hk, "zhou", "审批")[0]["approvals"]
    assert (waiting["over"], waiting["limit_currency"]) == ("100.00", "CNY")
    told(hk)
    for card in hk.chat("lin").unread():
        hk.read(card.id)


def test_what_is_insured_is_shown(hk: Harness) -> None:
    hk.imports("insurance", "customer,insurer,amount,currency,from_on,until", "甲,中国信保,500.00,USD,2026-01-01,2026-12-31")
    view, said = says(hk, "li", "信用 甲")
    assert view["insured"] == [{"insurer": "中国信保", "amount": "500.00", "currency": "USD", "until": "2026-12-31"}]
    assert "信保额度" in said and "12月31日" in said and view["available"] == "1000.00"


def deserted(hk: Harness) -> None:
    """Group Five has a limit, and its only customer leaves it."""
    says(hk, "zhou", "/limit group Group Five 500 yearly review")
    hk.set_customer("丙", group_name="")


def test_a_limit_that_outlived_its_group_is_shown_and_ended(hk: Harness) -> None:
    deserted(hk)
    view, said = says(hk, "zhou", "/credit group Group Five")
    assert (view["limit"], view["used"], view["members"], view["hidden"]) == ("500.00", "0.00", [], 0)
    assert "已没有客户" in said and "额度 集团 Group Five 无 原因" in said
    assert says(hk, "zhou", "/credit Group Five")[0] == view
    assert "已取消" in says(hk, "zhou", "额度 集团 Group Five 无 集团已解散")[1]
    with hk.look() as work:
        assert groups.running(work, "Group Five") is None
        ended = work.session.execute(select(A).where(A.c.action == "group.limit_ended")).one()
        assert ended.data == {
            "group": "Group Five", "before_minor": 50_000, "before_currency": "CNY", "reason": "集团已解散",
        } and ended.actor.endswith("as zhou")  # fmt: skip
    says(hk, "zhou", "信用 集团 Group Five", "invalid")


@pytest.mark.parametrize("word", ["结束", "取消", "end"])
def test_it_is_ended_by_the_word_that_people_use(hk: Harness, word: str) -> None:
    says(hk, "zhou", "额度 集团 华兴集团 5万 年度授信")
    says(hk, "zhou", f"额度 集团 华兴集团 {word} 不再统一授信")
    assert shared(hk) is None


def test_a_group_without_customers_gets_no_new_limit(hk: Harness) -> None:
    deserted(hk)
    assert "已没有客户" in says(hk, "zhou", "额度 集团 Group Five 700 再授信", "invalid")[1]
    report = hk.imports("group-limits", "group,limit", "Group Five,700.00", "Group Six,700.00")
    assert [row["code"] for row in report["rejected"]] == ["import.unknown_group"] * 2
    assert shared(hk, 3) is None
    with hk.look() as work:
        running = groups.running(work, "Group Five")
        assert running is not None and running.amount_minor == 50_000


def test_only_who_sees_every_customer_sees_what_belongs_to_nobody_any_more(hk: Harness) -> None:
    deserted(hk)
    hk.person("fm", region="华东")
    for who in ("fm", "li", "zhao"):
        says(hk, who, "信用 集团 Group Five", "invalid")
    assert "没有集团“Group”" in says(hk, "fm", "额度 集团 Group Five 无 集团已解散", "invalid")[1]


def test_whoever_comes_back_finds_the_limit_or_its_end(hk: Harness) -> None:
    deserted(hk)
    hk.set_customer("丙", group_name="Group Five")
    assert shared(hk, 3) == (50_000, "CNY")
    hk.set_customer("丙", group_name="")
    says(hk, "zhou", "额度 集团 Group Five 无 集团已解散")
    hk.set_customer("丙", group_name="Group Five")
    assert shared(hk, 3) is None
