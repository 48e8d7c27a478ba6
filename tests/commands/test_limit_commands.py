"""/limit, /hold, /unhold, /blacklist, /unblacklist as they are typed."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.credit.exposure import standing
from core.search import index_text
from tests.harness import Harness
from tests.scenarios.ordering import opened, place


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    story = opened(Harness(database_url))
    story.people(fd2="finance_director", boss="management", ray="risk")
    story.customer("乙", "li", group_name="华兴集团")
    story.set_customer("甲", name="华兴商贸", group_name="华兴集团", search=index_text("甲", "华兴商贸"))
    yield story
    story.stop()


def says(hk: Harness, who: str, text: str, expect: str = "done") -> tuple[dict[str, Any], str]:
    """(view, the card's text) of the answer."""
    reply = hk.type(who, text)
    assert reply.outcome == expect, reply
    card = hk.chat(who).unread()[-1]
    hk.read(card.id)
    return dict(reply.view), card.text


def limit(hk: Harness) -> tuple[int | None, int]:
    with hk.look() as work:
        now = standing(work, 1)
        return now.base_minor, now.extra_minor


@pytest.mark.parametrize(
    ("text", "base", "extra"),
    [
        ("额度 甲 5万 年度授信", 5_000_000, 0),
        ("/limit 甲 50,000.00 yearly review", 5_000_000, 0),
        ("额度 甲 2000 到 7月31日 旺季备货", 100_000, 100_000),
        ("/limit 甲 2000 until 2026-07-31 peak season", 100_000, 100_000),
        ("额度 甲 ¥0 款到发货", 0, 0),
        ("额度 甲 0 款到发货", 0, 0),
        ("额度 甲 无 集团担保", None, 0),
        ("/limit 甲 NONE guaranteed", None, 0),
    ],
)
def test_a_limit_is_set(hk: Harness, text: str, base: int | None, extra: int) -> None:
    says(hk, "zhou", text)
    assert limit(hk) == (base, extra)


@pytest.mark.parametrize(
    ("text", "until", "reason"),
    [
        ("/limit 甲 97000 促销季 到 2026-08-10", "2026-08-10", "促销季"),
        ("/limit 甲 96000 到7月底 促销", "2026-07-31", "促销"),
        ("/limit 甲 95000 7月31日前 促销", "2026-07-31", "促销"),
        ("/limit 甲 95000 7月31日 促销", "2026-07-31", "促销"),
        ("额度 甲 9.5万 促销季截止8月10日", "2026-08-10", "促销季"),
        ("额度 甲 到8月10日 9.5万 促销", "2026-08-10", "促销"),
        ("额度 甲 9万到7月底促销", "2026-07-31", "促销"),
        ("/limit 甲 95000 promotion until Aug 10", "2026-08-10", "promotion"),
        ("/limit 甲 95000 by end of July promotion", "2026-07-31", "promotion"),
        ("/limit 甲 95000 12.1 promotion", "2026-12-01", "promotion"),
    ],
)
def test_an_end_counts_wherever_it_was_typed(hk: Harness, text: str, until: str, reason: str) -> None:
    """Nothing that is meant for a while is set for good."""
    view, card = says(hk, "zhou", text)
    assert (view["input"]["until"], view["input"]["reason"]) == (until, reason) and "临时额度" in card
    base, extra = limit(hk)
    assert base == 100_000 and extra > 0


def test_with_a_start_it_is_prepared_beforehand(hk: Harness) -> None:
    view, text = says(hk, "zhou", "/limit 甲 90000 自 2026-07-10 至 2026-08-10 促销")
    assert (view["input"]["from"], view["input"]["until"], view["code"]) == ("2026-07-10", "2026-08-10", "limit.prepared")
    assert "7月10日" in text and "8月10日" in text and "到开始日期生效" in text
    assert limit(hk) == (100_000, 0)
    hk.at("2026-07-10 10:00")
    assert limit(hk) == (100_000, 8_900_000)


@pytest.mark.parametrize("command", ["/credit 甲", "额度 甲"])
def test_what_is_prepared_shows_before_it_begins_and_not_as_if_it_had_yet(hk: Harness, command: str) -> None:
    says(hk, "zhou", "/limit 甲 90000 自 2026-07-10 至 2026-08-10 促销")
    says(hk, "fd2", "/limit 甲 3000 自 2026-09-01 至 2026-09-10 中秋")
    view, text = says(hk, "li", command)
    assert [(row["amount"], row["from"], row["until"], row["by"], row["reason"]) for row in view["prepared"]] == [
        ("89000.00", "2026-07-10", "2026-08-10", "zhou", "促销"), ("2000.00", "2026-09-01", "2026-09-10", "fd2", "中秋"),
    ]  # fmt: skip
    for words in ("¥89,000.00", "7月10日", "8月10日", "zhou批准：促销", "fd2批准：中秋"):
        assert words in text
    assert (view["limit"], view["temporary"]) == ("1000.00", None)
    hk.at("2026-07-10 10:00")
    view, text = says(hk, "li", command)
    assert view["temporary"] == {"amount": "89000.00", "until": "2026-08-10"} and len(view["prepared"]) == 1
    says(hk, "zhou", "/limit 甲 5000 自 2026-08-20 至 2026-09-30 旺季")  # in its place
    view, _ = says(hk, "li", command)
    assert [(row["amount"], row["from"]) for row in view["prepared"]] == [("4000.00", "2026-08-20")]
    says(hk, "zhou", "/limit 甲 0 款到发货")
    assert says(hk, "li", command)[0]["prepared"] == []


@pytest.mark.parametrize(
    "text",
    [
        "额度 甲 5万 促销 到下季度末", "额度 甲 5万 到春节", "额度 甲 5万 临时周转", "/limit 甲 50000 until further notice",
        "额度 甲 5万 根据8月1日会议", "额度 甲 5万 自8月1日起 促销", "额度 甲 5万 6月30日前 促销",
        "额度 甲 无 到春节 集团担保",
        "额度 甲 0 到春节 款到发货", "额度 甲 5万 到2月30日 促销",
    ],
)  # fmt: skip
def test_what_may_be_an_end_is_asked_back_about(hk: Harness, text: str) -> None:
    says(hk, "zhou", text, "invalid")
    assert limit(hk) == (100_000, 0)


def test_quotes_keep_a_day_in_the_reason(hk: Harness) -> None:
    text = says(hk, "zhou", "额度 甲 5万 根据8月1日会议", "invalid")[1]
    assert "8月1日" in text and "引号" in text
    says(hk, "zhou", "额度 甲 5万 “根据8月1日会议”")
    assert limit(hk) == (5_000_000, 0)
    hk.type("zhou", "额度 华兴 6万 “根据8月1日会议”")  # asked who is meant, it stays what it was
    hk.chat("zhou").expect_card("根据8月1日会议", kind="reply.confirm").tap("reply.confirm")
    assert limit(hk) == (6_000_000, 0)
    for told in hk.chat("zhou").unread():
        hk.read(told.id)


def test_the_limit_of_a_group_has_no_end(hk: Harness) -> None:
    assert "集团" in says(hk, "zhou", "额度 集团 华兴集团 5万 到8月10日 促销", "invalid")[1]


def test_the_answer_says_what_it_is_now(hk: Harness) -> None:
    view, text = says(hk, "zhou", "额度 甲 2000 到 7月31日 旺季备货")
    assert view["input"] == {"currency": "CNY", "amount": "2000.00", "until": "2026-07-31", "reason": "旺季备货"}
    assert "¥2,000.00" in text and "7月31日" in text and "旺季备货" in text and "临时额度" in text
    assert "未设额度" in says(hk, "zhou", "额度 甲 无 集团担保")[1]


def test_a_name_alone_asks_for_the_credit(hk: Harness) -> None:
    assert says(hk, "li", "额度 甲")[0]["limit"] == "1000.00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("额度 甲 -5 x", "-5"), ("额度 甲 很多 x", "很多"), ("额度 甲 5万", "额度 客户"),
        ("额度 甲 无", "额度 客户"),
        ("额度 甲 USD 500 x", "CNY"), ("额度 甲 500 到 7月31日 x", "¥1,000.00"), ("额度 谁 5 x", "谁"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(hk: Harness, text: str, said: str) -> None:
    assert said in says(hk, "zhou", text, "invalid")[1]
    assert limit(hk) == (100_000, 0)


def test_a_name_that_is_not_exact_is_asked_about_first(hk: Harness) -> None:
    for text, button, done in (
        ("额度 华兴 2000 到 7月31日 旺季备货", "旺季备货", (100_000, 100_000)),
        ("额度 华兴 0 款到发货", "¥0.00", (0, 0)),
        ("额度 华兴 无 集团担保", "未设额度", (None, 0)),
    ):
        before = limit(hk)
        hk.type("zhou", text)
        card = hk.chat("zhou").expect_card("华兴商贸", button, kind="reply.confirm")
        assert limit(hk) == before
        card.tap("reply.confirm")
        assert limit(hk) == done
        for told in hk.chat("zhou").unread():
            hk.read(told.id)


def test_holds_and_the_blacklist(hk: Harness) -> None:
    _, text = says(hk, "zhou", "冻结 甲 对账不清 到 7月31日")
    assert "客户已冻结" in text and "7月31日" in text and "对账不清" in text
    again = says(hk, "fm", "/hold 甲 until 2026-07-20 again", "already")[1]
    assert "客户已由zhou于" in again and "7月31日" in again and "更晚的日期" in again
    assert "冻结人本人不能解冻" in says(hk, "zhou", "解冻 甲 已对清", "invalid")[1]
    assert "冻结 客户 原因" in says(hk, "zhou", "冻结 甲", "invalid")[1]
    assert "客户已解冻" in says(hk, "fd2", "解冻 甲 已对清")[1]
    assert "没有被冻结" in says(hk, "fd2", "解冻 甲 已对清", "already")[1]
    view, text = says(hk, "ray", "黑名单 甲 失信被执行人")
    assert "关联客户" in text and "乙" in text
    assert view["related"] == [{"code": "乙", "name": "乙", "same": ["group_name"]}]
    task = hk.chat("cai").expect_card("关联企业排查", "华兴商贸", "乙", "同集团", "失信被执行人", kind="task.related")
    view, text = says(hk, "ray", "黑名单 甲 x", "already")
    assert "已经在黑名单" in text and "乙" in text and view["related"][0]["code"] == "乙"
    task.tap("task.other", note="乙另有担保，继续合作")
    assert hk.tasks("甲", "related") == [("cai", "answered")]
    assert "移出黑名单" in says(hk, "boss", "/unblacklist 甲 settled")[1]
    assert hk.holds("甲") == []


def test_a_hold_ends_wherever_its_end_was_typed(hk: Harness) -> None:
    for text, until in (
        ("冻结 甲 到7月20日 对账不清", "2026-07-20"), ("冻结 甲 对账不清 7月底前", "2026-07-31"),
        ("/hold 甲 unclear until Aug 10", "2026-08-10"), ("冻结 甲 对账不清，截止8月20日", "2026-08-20"),
    ):  # fmt: skip
        assert says(hk, "zhou", text)[0]["input"]["until"] == until
    for text in ("到春节 对账不清", "8月1日开庭", "自8月1日起 对账不清", "自8月1日至8月9日 x"):
        says(hk, "zhou", f"冻结 甲 {text}", "invalid")


def test_the_date_of_a_reason_is_not_the_end(hk: Harness) -> None:
    view, _ = says(hk, "zhou", "冻结 甲 欠款拖到今天 7月1日")
    assert view["input"] == {"reason": "欠款拖到今天 7月1日"}


@pytest.mark.parametrize("text", ["额度 甲 5 x", "冻结 甲 x", "解冻 甲 x", "黑名单 甲 x", "移出黑名单 甲 x"])
def test_reps_may_not_and_are_not_offered_it(hk: Harness, text: str) -> None:
    says(hk, "li", text, "not_allowed")
    offered = {row["name"] for row in says(hk, "li", "帮助")[0]["commands"]}
    assert not offered & {"hold", "unhold", "blacklist", "unblacklist"}
    assert {"limit", "hold", "unhold", "blacklist"} <= {row["name"] for row in says(hk, "zhou", "帮助")[0]["commands"]}


def test_reps_are_offered_to_ask_for_a_limit(hk: Harness) -> None:
    for text in ("帮助", "帮助 limit"):
        view, shown = says(hk, "li", text)
        [row] = [row for row in view["commands"] if row["name"] == "limit"]
        assert row["usage"] == "额度 客户 [金额 [自 日期] 到 日期 原因]" and row["usage"] in shown
        assert "由财务审批" in row["does"]
    [row] = [row for row in says(hk, "zhou", "帮助 额度")[0]["commands"]]
    assert "调整信用额度" in row["does"]


@pytest.mark.parametrize("topic", ["hold", "收款", "blacklist", "credit-note"])
def test_help_about_what_somebody_may_not_do_says_whose_it_is(hk: Harness, topic: str) -> None:
    reply = hk.type("li", f"帮助 {topic}")
    assert reply.outcome == "not_allowed" and reply.card is not None and "财务" in reply.card.text + reply.message


def test_a_limit_tells_who_set_it(hk: Harness) -> None:
    view, text = says(hk, "li", "额度 甲")
    assert view["history"] == [] and "没有变更记录" in text
    says(hk, "zhou", "额度 甲 5000 年度授信")
    says(hk, "fd2", "额度 甲 8000 到 7月31日 旺季备货")
    view, text = says(hk, "li", "额度 甲")
    assert [(one["how"], one["before"], one["after"], one["until"], one["reason"]) for one in view["history"]] == [
        ("raised", "5000.00", "8000.00", "2026-07-31", "旺季备货"), ("set", "1000.00", "5000.00", None, "年度授信"),
    ]  # fmt: skip
    assert view["limit"] == "8000.00" and view["history"][0]["by"] == "fd2"
    for words in ("¥1,000.00 → ¥5,000.00", "zhou：年度授信", "至7月31日", "fd2：旺季备货"):
        assert words in text
    says(hk, "zhou", "额度 甲 无 集团担保")
    assert "¥5,000.00 → 不限" in says(hk, "li", "额度 甲")[1]


def test_who_is_on_hold(hk: Harness) -> None:
    """Each sees their own customers."""
    assert "没有冻结的客户" in says(hk, "zhou", "冻结")[1]
    assert "黑名单里没有客户" in says(hk, "zhou", "/blacklist")[1]
    hk.customer("丙", "wang")
    says(hk, "zhou", "冻结 甲 对账未清 到 8月10日")
    says(hk, "zhou", "冻结 丙 换法人")
    says(hk, "ray", "黑名单 乙 失信")
    view, text = says(hk, "zhou", "冻结")
    assert "冻结和黑名单 3 项" in text and "至8月10日" in text and "zhou：对账未清" in text
    assert [(one["customer"]["code"], one["kind"]) for one in view["holds"]] == [
        ("乙", "blacklist"), ("丙", "manual"), ("甲", "manual"),
    ]  # fmt: skip
    view, text = says(hk, "zhou", "黑名单")
    assert [(one["customer"]["code"], one["by"], one["reason"]) for one in view["holds"]] == [("乙", "ray", "失信")]
    assert [one["customer"]["code"] for one in says(hk, "li", "/hold")[0]["holds"]] == ["乙", "甲"]
    says(hk, "fd2", "解冻 甲 已对账")
    assert [one["customer"]["code"] for one in says(hk, "li", "冻结")[0]["holds"]] == ["乙"]


def test_todo_names_the_reps_own_orders_on_hold(hk: Harness) -> None:
    assert says(hk, "li", "待办")[0]["held_orders"] == []
    place(hk, "甲", "5000", "SO-1", asked_by="li")
    place(hk, "乙", "9", "SO-2", asked_by="li")
    view, text = says(hk, "li", "待办")
    told = [(one["order"], one["amount"], one["asked"]) for one in view["held_orders"]]
    assert told == [("SO-1", "5000.00", ["zhou", "fd2"])]
    for words in ("暂停的订单", "SO-1", "¥5,000.00", "超信用额度", "待zhou、fd2审批"):
        assert words in text
    assert says(hk, "wang", "待办")[0]["held_orders"] == []
