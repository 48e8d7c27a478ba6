"""A typed button means the order or customer that the line names; where it names none and several wait, it is asked which.
Nothing about credit is decided by a line without a yes to the order's number, customer and amounts."""

from typing import Any

import pytest
from sqlalchemy import select

from core.models import Claim, CreditVote, Delivery, Promise
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.approving import audited, everybody_reads
from tests.scenarios.ordering import opened, place, put, state, told
from tests.scenarios.racing import count

D = table_of(Delivery)
SURE, WHICH = "reply.sure", "reply.choice"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """SO-M3 of 甲 and SO-M4 of 乙 wait for zhou."""
    opened(hk)
    hk.customer("乙", "li", credit_limit_minor=100_000)
    place(hk, "甲", "2000.00", "SO-M3")
    place(hk, "乙", "3000.00", "SO-M4")
    return hk


def say(hk: Harness, handle: str, text: str) -> dict[str, Any]:
    return hk.chat(handle).say(text)


def asks(said: dict[str, Any], *words: str) -> None:
    assert said["card"] is not None and said["card"].kind == SURE, said
    shown = "\n".join([said["card"].title, said["card"].text, *(f"{f.label} {f.value}" for f in said["card"].fields)])
    for word in words:
        assert word in shown, f"{word} is not in {shown}"


def which(said: dict[str, Any]) -> list[str]:
    """The lines among which it asks; nothing has been done."""
    assert said["card"] is not None and said["card"].kind == WHICH, said
    return [" ".join(row) for row in said["card"].rows]


def both_wait(hk: Harness) -> bool:
    return [state(hk, number) for number in ("SO-M3", "SO-M4")] == ["held", "held"]


@pytest.mark.parametrize(
    "line", ["驳回 SO-M3 太高", "驳回SO-M3 太高", "驳回：so-m3，太高", "3 SO-M3 太高", "驳回 甲 太高", "驳回 甲 SO-M3 太高"]
)
def test_the_order_or_customer_that_is_named_is_the_one_that_is_meant(shop: Harness, line: str) -> None:
    asks(say(shop, "zhou", line), "驳回", "SO-M3", "甲", "¥2,000.00", "驳回原因 太高")
    assert both_wait(shop)
    said = say(shop, "zhou", "1")
    assert said["outcome"] == "done" and "甲" in said["message"] and "SO-M3" in said["message"]
    assert (state(shop, "SO-M3"), state(shop, "SO-M4")) == ("rejected", "held")
    shop.deliver()
    shop.chat("li").expect_card("SO-M3", "太高", kind="order.decided")
    told(shop)


@pytest.mark.parametrize("line", ["3 太高", "驳回 太高", "驳回"])
def test_where_several_wait_and_none_is_named_it_asks_which(shop: Harness, line: str) -> None:
    rows = which(say(shop, "zhou", line))
    assert len(rows) == 2
    for part in ("SO-M3", "甲", "SO-M4", "乙", "¥2,000.00", "¥3,000.00"):
        assert part in " ".join(rows), part
    assert both_wait(shop) and count(shop, CreditVote) == 0
    told(shop)


def test_a_number_picks_one_of_them_and_is_asked_again(shop: Harness) -> None:
    rows = which(say(shop, "zhou", "驳回 太高"))
    place_of = next(row.split()[0] for row in rows if "SO-M3" in row)
    asks(say(shop, "zhou", place_of), "SO-M3", "甲", "太高")
    assert both_wait(shop)
    assert say(shop, "zhou", "确认")["outcome"] == "done"
    assert (state(shop, "SO-M3"), state(shop, "SO-M4")) == ("rejected", "held")
    shop.deliver()
    told(shop)


def test_a_button_of_the_list_picks_too(shop: Harness) -> None:
    said = say(shop, "zhou", "驳回 太高")
    row = next(row.split()[0] for row in which(said) if "SO-M4" in row)
    with shop.look() as work:
        kept = work.session.execute(select(D.c.id).where(D.c.kind == WHICH)).scalar_one()
    reply = shop.run(shop.app.local.tap("zhou", kept, "reply.pick", 1, {"pick": row}))
    assert reply.card is not None and reply.card.kind == SURE and "SO-M4" in reply.card.text and both_wait(shop)
    everybody_reads(shop)


def test_a_known_order_that_is_not_theirs_to_decide_does_nothing(shop: Harness) -> None:
    place(shop, "甲", "100.00", "SO-OK")  # within the limit? SO-M3 is held, so it is released
    assert state(shop, "SO-OK") == "released"
    for line in ("驳回 SO-OK 太高", "3 SO-OK 太高", "批准 SO-OK"):
        said = say(shop, "zhou", line)
        assert said["outcome"] != "done" and "SO-OK" in said["message"], (line, said)
    assert both_wait(shop) and count(shop, CreditVote) == 0
    told(shop)


@pytest.mark.parametrize("line", ["驳回 SO-M9 太高", "3 SO-M9 太高", "批准 SO-M9"])
def test_a_number_that_nobody_knows_is_no_reason(shop: Harness, line: str) -> None:
    said = say(shop, "zhou", line)
    assert said["outcome"] == "invalid" and "SO-M9" in said["message"] and both_wait(shop)
    told(shop)


def test_somebody_elses_order_looks_like_one_that_nobody_knows(shop: Harness) -> None:
    shop.customer("丙", "lin")
    place(shop, "丙", "5000.00", "SO-M8", asked_by="lin")
    for number in ("SO-M8", "SO-M9"):
        said = say(shop, "li", f"撤回申请 {number} 不要了")
        assert said["outcome"] == "invalid" and said["message"].replace(number, "…") == say(
            shop, "li", "撤回申请 SO-M7 不要了"
        )["message"].replace("SO-M7", "…")
    everybody_reads(shop)


def test_the_rep_takes_back_the_one_that_they_name(shop: Harness) -> None:
    asks(say(shop, "li", "撤回申请 SO-M3 不要了"), "SO-M3", "甲", "¥2,000.00", "不要了")
    said = say(shop, "li", "1")
    assert said["outcome"] == "done" and "SO-M3" in said["message"]
    assert [one["reason"] for one in audited(shop, "credit.withdrawn")] == ["不要了"]
    assert say(shop, "zhou", "审批")["view"]["approvals"][0]["order"] == "SO-M4"
    shop.deliver()
    told(shop)


@pytest.mark.parametrize(
    "line", ["驳回 SO-M3 {}", "驳回：SO-M3，{}", "驳回　甲　ＳＯ-Ｍ3　{}", "3 SO-M3 {}", "/hk reject SO-M3 {}"],
)
@pytest.mark.parametrize("reason", ["逾期没清，先还钱（急）", "①先款；②后货。", "５０％以上：“不行”！", "see ﬁle… #3, ok"])
def test_a_reason_stays_as_it_was_typed(shop: Harness, line: str, reason: str) -> None:
    asks(say(shop, "zhou", line.format(reason)), "SO-M3", f"驳回原因 {reason}")
    say(shop, "zhou", "1")
    assert [one["reason"] for one in audited(shop, "credit.voted")] == [reason]
    shop.deliver()
    everybody_reads(shop)


@pytest.mark.parametrize("line", ["批准 SO-M3", "/approve SO-M3", "/批准 甲", "1 SO-M3", "approve so-m3"])
def test_a_yes_by_number_is_confirmed_with_the_amounts(shop: Harness, line: str) -> None:
    asks(say(shop, "zhou", line), "批准", "SO-M3", "甲", "¥2,000.00", "¥1,000.00")
    assert both_wait(shop)
    said = say(shop, "zhou", "确认")
    assert said["outcome"] == "done" and said["message"].startswith("甲 订单 SO-M3：")
    assert (state(shop, "SO-M3"), state(shop, "SO-M4")) == ("released", "held")
    shop.deliver()
    told(shop)


def test_words_after_a_yes_are_conditions_that_nobody_read(shop: Harness) -> None:
    said = say(shop, "zhou", "批准 SO-M3 但先收三成")
    assert said["outcome"] == "invalid" and both_wait(shop)
    assert "但先收三成" in said["message"] and "附条件批准 SO-M3 预付40%" in said["message"]
    told(shop)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("批准 SO-M3 预付 30%", ("30%，即 ¥600.00",)),
        ("附条件批准 SO-M3 预付40%", ("40%，即 ¥800.00",)),
        ("附条件批准 SO-M3 40% 账期20天 新客户", ("40%，即 ¥800.00", "账期不超过 20天", "审批意见 新客户")),
        ("approve SO-M3 prepay 25%", ("25%，即 ¥500.00",)),
        ("2 SO-M3 40%", ("40%，即 ¥800.00",)),
        ("批准 SO-M3 临时额度到 7-31", ("7月31日",)),
    ],
)
def test_typed_conditions_are_read(shop: Harness, line: str, words: tuple[str, ...]) -> None:
    asks(say(shop, "zhou", line), "附条件批准 甲 订单 SO-M3", "超额 ¥1,000.00", *words)
    assert both_wait(shop)
    assert say(shop, "zhou", "确认")["outcome"] == "done"
    assert len(audited(shop, "credit.approved")) == 1
    shop.deliver()
    told(shop)


def test_conditions_are_read_without_a_card_of_it_here(shop: Harness) -> None:
    with shop.db() as work:
        for delivery in work.session.execute(select(Delivery).where(D.c.address == "zhou")).scalars():
            delivery.state = "closed"
    asks(say(shop, "zhou", "批准 SO-M3 预付 30%"), "附条件批准 甲 订单 SO-M3", "30%，即 ¥600.00")
    said = say(shop, "zhou", "批准 SO-M4 行吗")
    assert said["outcome"] == "invalid" and "附条件批准 SO-M4 预付40%" in said["message"] and both_wait(shop)
    told(shop)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("附条件批准 SO-M3 40", ("“40”", "预付40%", "账期30天")),
        ("附条件批准 SO-M3 预付150%", ("“150”", "1–100%")),
        ("附条件批准 SO-M3 老客户", ("预付比例", "账期上限")),
        ("附条件批准 SO-M3 账期90天", ("90", "0–60")),
    ],
)
def test_what_is_no_condition_is_answered_with_those_that_are(shop: Harness, line: str, words: tuple[str, ...]) -> None:
    put(shop, "SO-M3", "2000.00", terms="60天")
    told(shop)
    said = say(shop, "zhou", line)
    assert said["outcome"] == "invalid" and both_wait(shop), said
    for word in words:
        assert word in said["message"], said["message"]
    told(shop)


@pytest.mark.parametrize("line", ["附条件批准 40", "2 40"])
def test_a_bare_number_without_an_order_is_answered_with_how_to_say_it(shop: Harness, line: str) -> None:
    said = say(shop, "zhou", line)
    assert said["outcome"] == "invalid" and both_wait(shop)
    assert "“40”" in said["message"] and "附条件批准 SO-M4 预付40%" in said["message"]
    told(shop)


def test_by_number_without_a_card_of_it_here(shop: Harness) -> None:
    """It went to another messenger, say."""
    with shop.db() as work:
        for delivery in work.session.execute(select(Delivery).where(D.c.address == "zhou")).scalars():
            delivery.state = "closed"
    asks(say(shop, "zhou", "/reject SO-M3 太高"), "SO-M3", "太高")
    assert say(shop, "zhou", "1")["outcome"] == "done" and state(shop, "SO-M3") == "rejected"
    shop.deliver()
    assert say(shop, "cai", "/reject SO-M4 太高")["outcome"] == "invalid" and state(shop, "SO-M4") == "held"
    assert say(shop, "cai", "/reject")["outcome"] == "invalid"
    told(shop)


def test_an_order_is_answered_with_the_buttons_that_its_reader_has(shop: Harness) -> None:
    mine = say(shop, "zhou", "订单 SO-M3")["card"]
    assert mine.kind == "reply.order"
    assert [a.id for a in mine.actions] == ["credit.approve", "credit.approve_with", "credit.reject"]
    figures = {field.label: field.value for field in mine.fields}
    assert (figures["额度"], figures["已用"], figures["逾期"]) == ("¥1,000.00", "¥0.00", "无")
    assert "评级" in figures and "金额" not in figures
    asks(say(shop, "zhou", "3 太高"), "SO-M3", "甲")
    assert [a.id for a in say(shop, "li", "/order SO-M3")["card"].actions] == ["credit.explain", "credit.withdraw"]
    assert say(shop, "cai", "/order SO-M3")["card"].actions == ()
    assert say(shop, "zhou", "驳回 SO-M3 太高")["card"].kind == SURE and say(shop, "zhou", "确认")["outcome"] == "done"
    shop.deliver()
    assert say(shop, "zhou", "订单 SO-M3")["card"].actions == ()
    assert [a.id for a in say(shop, "li", "订单 SO-M3")["card"].actions] == ["credit.ask_again"]
    told(shop)


def test_approvals_say_how_to_decide(shop: Harness) -> None:
    card = say(shop, "zhou", "审批")["card"]
    assert "批准 订单编号" in card.text and [a.id for a in card.actions] == ["task.open"]
    asks(say(shop, "zhou", "批准 SO-M4"), "SO-M4", "乙")
    told(shop)


def test_a_single_one_needs_no_name_and_is_asked_about_all_the_same(shop: Harness) -> None:
    say(shop, "zhou", "驳回 SO-M3 太高")
    say(shop, "zhou", "1")
    shop.deliver()
    asks(say(shop, "zhou", "驳回 也太高"), "SO-M4", "乙", "¥3,000.00", "也太高")
    assert state(shop, "SO-M4") == "held"
    told(shop)


def test_what_they_have_just_opened_is_what_a_number_is_about(shop: Harness) -> None:
    say(shop, "zhou", "审批")
    opened_card = say(shop, "zhou", "1 1")["card"]
    assert opened_card.kind == "credit.request" and "SO-M3" in opened_card.text
    asks(say(shop, "zhou", "3 太高"), "SO-M3")
    say(shop, "zhou", "2")
    asks(say(shop, "zhou", "驳回 SO-M4 太高"), "SO-M4")  # a name goes before it
    assert both_wait(shop)
    told(shop)


def test_a_customer_of_theirs_without_a_card_is_no_reason_either(shop: Harness) -> None:
    shop.customer("太平洋电子", "li")
    said = say(shop, "zhou", "驳回 太平洋电子 太高")
    assert said["outcome"] == "invalid" and "太平洋电子" in said["message"] and both_wait(shop)
    told(shop)


def test_in_english(shop: Harness) -> None:
    shop.person("zhou", locale="en")
    asks(say(shop, "zhou", "reject SO-M3 too high"), "Reject", "SO-M3", "甲", "CN¥2,000.00", "too high")
    said = say(shop, "zhou", "1")
    assert said["outcome"] == "done" and said["message"].startswith("甲, order SO-M3: ")
    shop.deliver()
    told(shop)


def test_promises_and_claims_name_the_customer_and_ask_which(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    for code in ("甲", "乙"):
        hk.customer(code, "li")
        hk.receivable(code, "100.00", due="2026-07-01", number=f"I{code}", issued="2026-06-01")
    hk.morning("2026-07-02")
    rows = which(say(hk, "li", "承诺日期 7-10"))
    assert len(rows) == 2 and count(hk, Promise) == 0
    said = say(hk, "li", "2")
    assert said["outcome"] == "done" and count(hk, Promise) == 1
    named = "甲" if "甲" in rows[1] else "乙"
    assert said["message"].startswith(named)
    hk.deliver()
    for code in ("甲", "乙"):
        say(hk, "li", f"/paid {code}")
    hk.deliver()
    assert len(which(say(hk, "cai", "未查到"))) == 2
    asks(say(hk, "cai", "未查到 甲"), "甲")
    assert say(hk, "cai", "1")["message"].startswith("甲")
    assert count(hk, Claim) == 2
    everybody_reads(hk)


@pytest.mark.parametrize(
    "first, line",
    [
        ("SO-M3", "驳回 SO-M3 因为 SO-M4 未付款"), ("SO-M2", "驳回 SO-M2 参考 SO-M4"), ("SO-M40", "驳回 SO-M40 参考 SO-M4"),
        ("SO-M2", "驳回 订单 SO-M2 参考 SO-M4"), ("SO-M2", "驳回 订单SO-M2参考SO-M4"),
    ],
)
def test_the_first_number_is_meant_and_not_one_that_the_reason_names(shop: Harness, first: str, line: str) -> None:
    shop.chat("zhou").expect_card("SO-M3", kind="credit.request").tap("credit.approve")
    said = say(shop, "zhou", line)
    assert said["outcome"] != "done" and said["card"] is None and first in said["message"], said
    assert (state(shop, "SO-M3"), state(shop, "SO-M4")) == ("released", "held")
    everybody_reads(shop)


@pytest.mark.parametrize("named", ["SO-M3 因为 SO-M4", "甲 SO-M3 因为 SO-M4", "因为 SO-M3"])
def test_while_it_waits_too(shop: Harness, named: str) -> None:
    asks(say(shop, "zhou", f"驳回 {named} 未付款"), "SO-M3", "甲", "¥2,000.00")
    say(shop, "zhou", "2")
    assert both_wait(shop)
    told(shop)


def test_a_customers_code_is_no_order(shop: Harness) -> None:
    shop.customer("C019", "li", credit_limit_minor=100_000)
    place(shop, "C019", "4000.00", "SO-M5")
    asks(say(shop, "zhou", "驳回 C019 SO-M5 太高"), "SO-M5", "¥4,000.00", "驳回原因 太高")
    told(shop)


def test_as_it_is_spelled_before_others(shop: Harness) -> None:
    place(shop, "甲", "4000.00", "so-m4")
    place(shop, "乙", "5000.00", "SO-M5")
    asks(say(shop, "zhou", "批准 so-m4"), "so-m4", "¥4,000.00")
    asks(say(shop, "zhou", "批准 SO-M4"), "SO-M4", "¥3,000.00")
    asks(say(shop, "zhou", "批准 so-m5"), "SO-M5", "¥5,000.00")
    everybody_reads(shop)
