"""Letters to customers: reviewed, off, one at a time, and why they wait."""

from datetime import date

import pytest

from core.models import Contact, ImportRun
from core.work import Profile
from tests.factories import PROFILE
from tests.harness import Harness

MAIL = "finance@jia.example"


def begin(hk: Harness, *, letters: str = "send", email: str = MAIL, **customer: object) -> None:
    hk.begin("2026-07-02 08:00", letters=letters)
    hk.customer("甲", "li", email=email, **customer)  # type: ignore[arg-type]
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")


def letter_reasons(hk: Harness) -> list[str]:
    return [d["reason"] for r in hk.reports for d in r["decisions"] if d["step"].startswith("letter")]


def test_in_review_finance_releases_a_batch_with_one_button(hk: Harness) -> None:
    begin(hk, letters="review")
    hk.customer("乙", "li", email="finance@yi.example")
    hk.receivable("乙", "50.00", due="2026-07-01", number="I2", issued="2026-06-01")
    hk.morning("2026-07-02")
    li, cai = hk.chat("li"), hk.chat("cai")
    for name in ("甲", "乙"):
        li.expect_card(name, kind="task.overdue").tap("task.not_reached", again_on="2026-07-07")
    ask = cai.expect_card(
        "2 封", "¥150.00", "甲", "乙", "友好提醒", kind="letters.release", buttons=("letters.release",)
    )  # fmt: skip
    hk.at("2026-07-02 12:00")
    cai.expect_nothing()
    hk.morning("2026-07-03")
    cai.expect_nothing()  # the same question stands, and shows what waits now

    hk.at("2026-07-03 10:30")
    ask.tap("letters.release", by="li", expect="invalid")  # for li there is no such card
    ask.tap("letters.release")
    assert "cai" in ask.text
    assert "放行" in ask.text
    assert ask.json["state"] == "closed"
    hk.at("2026-07-03 11:00")
    hk.mailbox(MAIL).expect_letter("I1", "¥100.00", stage=1)
    hk.mailbox("finance@yi.example").expect_letter("I2", stage=1)

    hk.morning("2026-07-07")
    li.expect_card("甲")
    li.expect_card("乙")
    hk.morning("2026-07-08")  # the next stage is reviewed again
    third = cai.expect_card("2 封", "付款通知", kind="letters.release")
    li.expect_card("甲", "第2次提醒")
    li.expect_card("乙", "第2次提醒")
    third.tap("letters.release")
    hk.at("2026-07-08 10:00")
    hk.mailbox(MAIL).expect_letter("I1", stage=2)
    hk.mailbox("finance@yi.example").expect_letter("I2", stage=2)


def test_letters_off_send_nothing_and_say_why(hk: Harness) -> None:
    begin(hk, letters="off")
    hk.morning("2026-07-02")
    hk.chat("li").expect_card(kind="task.overdue")
    assert letter_reasons(hk) == ["letters_off"]
    hk.morning("2026-07-03")


def test_without_a_company_profile_no_letter_goes_until_there_is_one(hk: Harness) -> None:
    begin(hk)
    hk.company(profile=Profile(name="示例有限公司"))
    hk.morning("2026-07-02")
    hk.chat("li").expect_card(kind="task.overdue")
    assert letter_reasons(hk) == ["no_profile"]
    hk.company(profile=PROFILE)
    hk.morning("2026-07-03")
    hk.mailbox(MAIL).expect_letter("I1", stage=1)


@pytest.mark.parametrize("letters", ["send", "review"])
def test_without_a_contact_the_owners_card_says_so(hk: Harness, letters: str) -> None:
    begin(hk, letters=letters, email="")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("没有财务联系人", kind="task.overdue")
    assert letter_reasons(hk) == ["no_contact"]
    with hk.db() as work:
        work.session.add(Contact(customer_id=hk._customer_id(work, "甲"), type="finance", name="财务", email=MAIL))
    hk.morning("2026-07-03")
    if letters == "review":  # now it can go, so now it is to be reviewed
        hk.chat("cai").expect_card("1 封", kind="letters.release").tap("letters.release")
        hk.at("2026-07-03 10:00")
    hk.mailbox(MAIL).expect_letter("I1", stage=1)
    hk.at("2026-07-03 11:00")
    hk.set_customer("甲", rating="B")
    card.expect_update()
    assert "没有财务联系人" not in card.text


def test_a_customer_who_wants_no_letters_gets_none(hk: Harness) -> None:
    begin(hk, no_letters=True)
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card(kind="task.overdue")
    assert "没有财务联系人" not in card.text
    assert letter_reasons(hk) == ["no_letters"]
    hk.morning("2026-07-06")


def test_two_letters_are_two_days_apart_and_list_all_that_is_overdue(hk: Harness) -> None:
    begin(hk)
    hk.receivable("甲", "30.00", due="2026-07-02", number="I2", issued="2026-06-02")
    hk.morning("2026-07-02")
    hk.mailbox(MAIL).expect_letter("I1", stage=1)
    hk.chat("li").expect_card(kind="task.overdue").tap("task.other", note="月底付")
    hk.morning("2026-07-03")
    assert letter_reasons(hk) == ["age 1 reached +1", "gap"]
    hk.chat("li").expect_card("I2")
    hk.at("2026-07-05 18:00")  # the gap has passed on Saturday, the window opens on Monday
    hk.at("2026-07-06 09:00")
    letter = hk.mailbox(MAIL).expect_letter("I1", "I2", "¥130.00", stage=1)
    assert letter["receivables"] == ["I1", "I2"]


def test_a_letter_is_never_milder_than_what_a_listed_one_has_had(hk: Harness) -> None:
    begin(hk)
    hk.receivable("甲", "30.00", due="2026-07-13", number="I2", issued="2026-06-13")
    hk.morning("2026-07-02")
    hk.mailbox(MAIL).expect_letter("I1", stage=1)
    hk.chat("li").expect_card(kind="task.overdue")
    hk.morning("2026-07-06")  # pre7 of the second joins: another receivable, no rise
    hk.morning("2026-07-07")
    hk.chat("wang").expect_card(kind="task.silent")
    hk.morning("2026-07-08")
    hk.mailbox(MAIL).expect_letter("I1", stage=2)
    hk.chat("li").expect_card("第2次提醒")
    hk.morning("2026-07-10")
    hk.chat("zhao").expect_card("wang", kind="task.silent")
    hk.morning("2026-07-14")  # its first stage is reached
    hk.mailbox(MAIL).expect_letter("I1", "I2", stage=2)
    hk.chat("li").expect_card("第3次提醒", "¥130.00")
    assert [f for f in hk.firings("I2") if f[1] == "letter1"] == [("07-14", "letter1", "acted")]


def test_the_business_contact_gets_a_copy_from_the_second_stage_on(hk: Harness) -> None:
    hk.begin("2026-07-08 08:00", letters="send")
    hk.customer("甲", "li", email=MAIL, business="sales@jia.example")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-08")
    hk.chat("li").expect_card(kind="task.overdue")
    assert hk.mailbox(MAIL).expect_letter(stage=1)["cc"] == []
    hk.morning("2026-07-10")
    assert hk.mailbox(MAIL).expect_letter(stage=2)["cc"] == ["sales@jia.example"]


def known_to(hk: Harness, day: str) -> None:
    """Receipts of a bank are complete up to that day."""
    with hk.db() as work:
        work.session.add(ImportRun(kind="receipts", source="bank", at=work.now, known_to=date.fromisoformat(day)))


def test_letters_and_broken_promises_wait_for_receipts_that_are_not_in(hk: Harness) -> None:
    begin(hk)
    known_to(hk, "2026-06-30")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card(kind="task.overdue")
    ask = hk.chat("cai").expect_card("6月30日", "7月1日", kind="receipts.stale")
    assert letter_reasons(hk) == ["receipts_stale"]
    card.tap("task.promise", date="2026-07-03")
    hk.morning("2026-07-03")
    hk.chat("li").expect_card(kind="promise.due")
    hk.morning("2026-07-07")
    hk.chat("cai").expect_nothing()  # one card, however many days
    assert hk.promises("甲") == ["open"]  # its tolerance ended yesterday

    known_to(hk, "2026-07-06")
    hk.at("2026-07-07 10:00")
    assert hk.promises("甲") == ["broken"]
    hk.chat("li").expect_card("未兑现")
    hk.mailbox(MAIL).expect_letter("I1", stage=1)
    ask.expect_update("已导入", state="closed")


def test_a_promise_takes_the_receivable_off_the_letter(hk: Harness) -> None:
    begin(hk)
    hk.receivable("甲", "30.00", due="2026-06-30", number="I0", issued="2026-06-01")
    hk.act("li", "task.promise", "甲", date="2026-07-10", amount="80")  # I0, and 50 of I1
    hk.morning("2026-07-02")
    letter = hk.mailbox(MAIL).expect_letter("I1", "¥50.00", stage=1)
    assert letter["receivables"] == ["I1"]
    hk.chat("li").expect_card("¥50.00", kind="task.overdue")


def test_the_last_stage_is_a_file_that_the_owner_sends(hk: Harness) -> None:
    hk.begin("2026-07-29 08:00", letters="send")
    hk.customer("甲", "li", email=MAIL)
    hk.receivable("甲", "100.00", due="2026-06-29", number="I1", issued="2026-06-01")  # age 30
    hk.morning("2026-07-29")
    hk.mailbox(MAIL).expect_letter(stage=1)
    for name in ("li", "wang", "zhao", "zhou"):
        hk.chat(name).expect_card("30")
    hk.morning("2026-07-30")
    hk.chat("zhou").expect_card("高风险")
    hk.chat("zhao").expect_card("高风险")
    hk.morning("2026-07-31")
    hk.mailbox(MAIL).expect_letter(stage=2)
    hk.act("li", "task.other", "甲", note="等律师")
    hk.morning("2026-08-03")  # two days later is a Sunday
    hk.chat("li").expect_card("催款函", "¥100.00")
    assert ("07-29", "final30", "acted") in hk.firings("I1")
    hk.morning("2026-08-04")
