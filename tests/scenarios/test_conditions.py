"""A yes on conditions says in money what it means before it counts, and takes nothing back that the order promised."""

from datetime import date

import pytest
from sqlalchemy import select

from core.credit import prepayment
from core.models import CreditLine
from tests.harness import ONE_STEP, Harness
from tests.scenarios.approving import REQUEST, request, settled
from tests.scenarios.ordering import opened, place, state, stored, told
from tests.scenarios.racing import count


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def asked_of(hk: Harness, prepaid: str = "", **given: str) -> str:
    """SO1 over 10,000 waits for zhou, who may owe 1,000; what the question about these conditions says."""
    place(hk, "甲", "10000.00", "SO1", **({"prepaid": prepaid} if prepaid else {}))
    card = hk.chat("zhou").expect_card("SO1", kind=REQUEST)
    reply = hk.press("zhou", card, "credit.approve_with", None, given)
    assert reply.card is not None and reply.card.kind == "reply.sure", reply
    for question in hk.chat("zhou").unread():
        hk.read(question.id)
    assert state(hk, "SO1") == "held" and count(hk, CreditLine) == 0 and request(hk).state == "pending"
    return "\n".join([reply.card.text, *(f"{field.label} {field.value}" for field in reply.card.fields)])


def yes(hk: Harness) -> str:
    said = hk.chat("zhou").say("确认")
    assert said["outcome"] == "done", said
    hk.deliver()
    return str(said["message"])


def test_a_share_is_said_in_money(shop: Harness) -> None:
    text = asked_of(shop, prepay_percent="30")
    for part in ("甲", "SO1", "¥10,000.00", "30%，即 ¥3,000.00"):
        assert part in text, part
    assert "¥3,000.00 到账后放行" in yes(shop)
    assert stored(shop, "SO1").conditions == {"prepay_minor": 300_000} and state(shop, "SO1") == "held"
    settled(shop)


def test_what_is_added_to_the_limit_is_what_is_added(shop: Harness) -> None:
    text = asked_of(shop, until="2026-07-20")
    assert "7月20日，额度临时增加 ¥9,000.00" in text
    assert "订单已放行" in yes(shop)
    with shop.look() as work:
        line = work.session.execute(select(CreditLine)).scalar_one()
    assert (line.amount_minor, line.until, state(shop, "SO1")) == (900_000, date(2026, 7, 20), "released")
    settled(shop)


def test_what_the_order_promises_stays_beside_a_temporary_limit(shop: Harness) -> None:
    text = asked_of(shop, "3000.00", until="2026-07-20")
    assert "约定预付 ¥3,000.00 到账后放行" in text
    assert "¥3,000.00 到账后放行" in yes(shop)
    assert state(shop, "SO1") == "held" and stored(shop, "SO1").conditions == {"prepay_minor": 300_000}
    assert count(shop, CreditLine) == 0  # nor is there any room before it has come
    shop.pay("甲", "3000.00")
    shop.tick()
    assert state(shop, "SO1") == "released" and count(shop, CreditLine) == 1
    settled(shop)


def test_a_share_that_is_named_takes_the_place_of_what_it_promised(shop: Harness) -> None:
    text = asked_of(shop, "3000.00", prepay_percent="30", terms="30")
    assert "即 ¥3,000.00" in text and "约定预付" not in text
    yes(shop)
    assert stored(shop, "SO1").conditions == {"prepay_minor": 300_000, "terms_days": 30}
    settled(shop)


def test_a_plain_yes_takes_it_back_and_says_so(shop: Harness) -> None:
    place(shop, "甲", "10000.00", "SO1", prepaid="3000.00")
    card = shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    question = shop.chat("zhou").say("批准")["card"]
    assert "约定预付 ¥3,000.00 未到账，批准后不再作为放行条件" in question.text
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    told(shop)


def test_a_no_to_the_question_leaves_everything_as_it_was(shop: Harness) -> None:
    asked_of(shop, until="2026-07-20")
    assert shop.chat("zhou").say("取消")["outcome"] == "done"
    assert state(shop, "SO1") == "held" and count(shop, CreditLine) == 0
    told(shop)


# --- money that is on the invoice already ---


def test_money_on_its_invoice_is_no_longer_to_come(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", prepay_percent="30")
    shop.chat("li").expect_card("600.00", kind="task.prepay")
    shop.receivable("甲", "2000.00", due="2026-07-30", number="I1", order_no="SO1")
    shop.pay("甲", "400.00", "I1")
    shop.tick()
    assert state(shop, "SO1") == "held"
    with shop.look() as work:
        assert [each.missing_minor for each in prepayment.awaited(work, 1)] == [20_000]
    shop.pay("甲", "200.00", "I1")
    shop.tick()
    assert state(shop, "SO1") == "released"
    with shop.look() as work:
        assert prepayment.awaited(work, 1) == []
    told(shop)

MANAGER = """
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:sales_manager"] }]
"""


def test_two_prepayments_of_two_directors_are_told_apart(shop: Harness) -> None:
    """One task of li for both orders."""
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve_with", prepay_percent="30")
    task = shop.chat("li").expect_card("SO1", kind="task.prepay")
    assert "zhou已附条件批准" in task.text and "条件 预付30%" in task.text and "zhou批准" not in task.text
    shop.policy(ONE_STEP + MANAGER)
    place(shop, "甲", "3000.00", "SO2")
    shop.chat("wang").expect_card("SO2", kind=REQUEST).tap("credit.approve_with", prepay_percent="50")
    assert "订单已附条件批准" in task.text and "条件" not in task.text.replace("附条件", "")
    [first, second] = [line for line in task.text.splitlines() if line.startswith("SO")]
    assert first.startswith("SO1") and "zhou批准：预付30%" in first and "wang" not in first
    assert second.startswith("SO2") and "wang批准：预付50%" in second and "zhou" not in second
    settled(shop)
