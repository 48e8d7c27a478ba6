"""What becomes of a question to an approver: reminders, who is above, expiry, and what the rep may still do."""

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from core.actions import ActionRequest, execute
from core.credit import orders
from core.dunning.stored import active
from core.models import CreditRequest, CreditVote, Customer
from core.time import Calendar, Window, work_hours_later
from tests.harness import ONE_STEP, Harness, instant
from tests.scenarios.approving import BOTH, REQUEST, asked, audited, everybody_reads, held, person, request, settled, staffed
from tests.scenarios.ordering import closed, opened, place, state, stored
from tests.scenarios.racing import at_once, count, deliveries, other, outcomes, tap


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


# --- reminders, and who is above ---


def test_it_comes_again_then_goes_up_then_expires(shop: Harness) -> None:
    first = asked(shop)
    shop.at("2026-07-06 14:00")
    second = shop.chat("zhou").expect_card("SO1", "第 1 次提醒", kind=REQUEST, buttons=("credit.approve",))
    first.expect_update("请看新卡片", state="closed")
    assert first.buttons == []
    shop.chat("gm").expect_nothing()
    shop.at("2026-07-07 09:00")
    third = shop.chat("zhou").expect_card("第 2 次提醒", kind=REQUEST)
    second.expect_update(state="closed")
    above = shop.chat("gm").expect_card("SO1", "zhou尚未批复", kind=REQUEST)
    assert "次提醒" not in above.text
    assert request(shop).rungs[0]["escalated"] and request(shop).rungs[0]["above"] == [person(shop, "gm")]
    shop.at("2026-07-08 12:00")
    for card in (third, above):
        assert card.json["state"] == "closed" and ("已失效" in card.text or "新卡片" in card.text)
    assert state(shop, "SO1") == "held" and request(shop).state == "expired"
    shop.chat("li").expect_card("可重新申请", kind="order.decided", buttons=("credit.ask_again",))
    assert [each["number"] for each in audited(shop, "credit.reminded")] == [1, 2, 3]
    settled(shop)


@pytest.mark.parametrize(("escalate_at", "asked_at"), [(1, "2026-07-06 14:00"), (3, "2026-07-07 14:00"), (0, "")])
def test_with_which_reminder_it_goes_up_says_the_policy(shop: Harness, escalate_at: int, asked_at: str) -> None:
    shop.policy(ONE_STEP + f"[credit]\nescalate_at = {escalate_at}\n")
    place(shop, "甲", "2000.00", "SO1")
    moments = ("2026-07-06 14:00", "2026-07-07 09:00", "2026-07-07 14:00")
    came: list[str] = []
    for moment in moments:
        shop.at(moment)
        came += [moment for card in shop.chat("gm").unread() if card.json["kind"] == REQUEST][:1]
        settled(shop)
    assert came[:1] == ([asked_at] if asked_at else [])


def test_whoever_is_above_may_decide_once_they_are_asked(shop: Harness) -> None:
    card = asked(shop)
    card.tap("credit.approve", by="gm", expect="not_allowed")
    shop.at("2026-07-07 09:00")
    shop.chat("gm").expect_card(kind=REQUEST).tap("credit.reject", reason="先收款")
    assert state(shop, "SO1") == "rejected"
    settled(shop)


def test_the_word_of_whoever_is_above_is_enough_where_all_must_agree(shop: Harness) -> None:
    shop.policy(BOTH)
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhao").expect_card(kind=REQUEST).tap("credit.approve")
    shop.at("2026-07-07 09:00")
    shop.chat("zhao").expect_nothing()  # whoever has had their say is not reminded
    shop.chat("gm").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_where_the_manager_asks_it_goes_to_the_next_above(shop: Harness) -> None:
    shop.people(board="management")
    shop.person("gm", manager_id=person(shop, "board"))
    place(shop, "甲", "2000.00", "SO1", asked_by="gm")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.at("2026-07-07 09:00")
    assert request(shop).rungs[0]["above"] == [person(shop, "board")]
    shop.chat("board").expect_card("zhou尚未批复", kind=REQUEST)
    settled(shop)


def test_a_reminder_is_sent_once_however_often_it_is_looked_at(shop: Harness) -> None:
    asked(shop)
    shop.sleep_until("2026-07-06 14:00")
    shop.tick()
    shop.tick()
    with shop.db() as work:
        row = work.session.get_one(CreditRequest, 1)
        assert row.reminders == 1 and row.remind_at is not None and row.remind_at > shop.now
        orders.check_customer(work, active(work)[1], row.customer_id)
    shop.deliver()
    shop.chat("zhou").expect_card("第 1 次提醒", kind=REQUEST)
    shop.chat("zhou").expect_nothing()
    shop.sleep_until("2026-07-08 11:00")  # the process was down: no heap of reminders, the request has expired
    shop.tick()
    assert request(shop).state == "expired" and request(shop).reminders == 1
    settled(shop)


def test_a_tap_and_a_reminder_at_one_moment(shop: Harness) -> None:
    with other(shop) as second:
        for number in range(4):
            place(shop, "甲", "2000.00", f"SO{number}")
            card = deliveries(shop, "zhou", "credit")[-1]
            shop.sleep_until(f"2026-07-{7 + number:02} 09:00")
            row = request(shop)

            def remind(customer: int = row.customer_id) -> None:
                with second.work(shop.now) as work:
                    orders.check_customer(work, active(work)[1], customer)

            shop.now = row.remind_at or shop.now
            replies = at_once(lambda card=card: tap(shop.app, shop.now, "zhou", card, "credit.approve"), remind)
            assert outcomes(replies[:1]) == ["done"] and state(shop, f"SO{number}") == "released"
            shop.deliver()
            closed(shop, f"SO{number}")
    for delivery in deliveries(shop, "zhou", "credit"):
        reply = tap(shop.app, shop.now, "zhou", delivery, "credit.approve")
        assert reply.outcome == "already", reply
    settled(shop)


def test_a_tap_and_a_withdrawal_at_one_moment(shop: Harness) -> None:
    with other(shop) as second:
        for number in range(4):
            place(shop, "甲", "2000.00", f"SO{number}")
            card, mine = deliveries(shop, "zhou", "credit")[-1], held(shop, number).delivery
            replies = at_once(
                lambda card=card: tap(shop.app, shop.now, "zhou", card, "credit.approve"),
                lambda mine=mine: tap(second, shop.now, "li", mine, "credit.withdraw"),
            )
            assert outcomes(replies) in (["already", "done"], ["done", "invalid"]), replies
            assert (state(shop, f"SO{number}"), request(shop).state) in (("released", "approved"), ("held", "withdrawn"))
            shop.deliver()
            closed(shop, f"SO{number}")
    everybody_reads(shop)


def test_a_tap_and_expiry_at_one_moment(shop: Harness) -> None:
    asked(shop)
    card = deliveries(shop, "zhou", "credit")[-1]
    shop.now = request(shop).expires_at
    with other(shop) as second:

        def expire() -> None:
            with second.work(shop.now) as work:
                orders.check_customer(work, active(work)[1], 1)

        replies = at_once(lambda: tap(shop.app, shop.now, "zhou", card, "credit.approve"), expire)
    assert outcomes(replies[:1]) == ["already"] and request(shop).state == "expired" and state(shop, "SO1") == "held"
    shop.deliver()
    assert len([c for c in shop.chat("li").unread() if c.json["kind"] == "order.decided"]) == 1
    settled(shop)


def test_a_tap_after_it_expired_and_before_anybody_looked(shop: Harness) -> None:
    """The process was down over its last hour: whoever taps then is the first to notice."""
    card = asked(shop)
    shop.now = request(shop).expires_at
    assert request(shop).state == "pending"
    assert "超时" in card.tap("credit.approve", expect="already")["message"]
    row = request(shop)
    assert (row.state, row.decided_by_id, row.conditions) == ("expired", None, {}) and state(shop, "SO1") == "held"
    assert audited(shop, "credit.voted") == [] and count(shop, CreditVote) == 0
    shop.deliver()
    assert card.json["state"] == "closed" and card.buttons == [] and "失效" in card.text
    shop.chat("li").expect_card("可重新申请", kind="order.decided", buttons=("credit.ask_again",))
    assert "超时" in card.tap("credit.reject", reason="太晚", expect="already")["message"]
    assert request(shop).state == "expired" and state(shop, "SO1") == "held"
    settled(shop)


def test_hours_of_work_when_the_clocks_change() -> None:
    """Berlin, on the last Sunday of March 2026: the night is an hour shorter, the hours of work are not."""
    calendar = Calendar(ZoneInfo("Europe/Berlin"), "DE")
    friday, window = datetime(2026, 3, 27, 15, tzinfo=UTC), Window(time(9), time(18))  # 16:00 there
    found = work_hours_later(calendar, friday, window, 4)
    assert found == datetime(2026, 3, 30, 9, tzinfo=UTC)  # 11:00 there, in summer time


@pytest.mark.parametrize(
    ("opened_at", "hours", "at"),
    [
        ("2026-07-03 17:00", 4, "2026-07-06 12:00"),  # over a weekend
        ("2026-09-30 16:00", 4, "2026-10-08 11:00"),  # over the national holiday
        ("2026-07-04 22:00", 4, "2026-07-06 13:00"),  # begins outside hours of work
    ],
)
def test_hours_of_work_are_not_hours(shop: Harness, opened_at: str, hours: int, at: str) -> None:
    with shop.look() as work:
        window = active(work)[1].windows.work
        found = work_hours_later(work.company.calendar, instant(opened_at), window, hours)
    assert found == instant(at)


# --- the rep's words ---


def test_the_reps_words_reach_the_approvers_card_and_make_nothing_worse(shop: Harness) -> None:
    card = asked(shop)
    mine = held(shop)
    mine.tap("credit.explain", note="客户已出具承兑汇票")
    card.expect_update("申请人说明：客户已出具承兑汇票")
    assert request(shop).rev == 1
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    assert audited(shop, "credit.explained") == [{"before": "老客户", "note": "客户已出具承兑汇票"}]
    mine.tap("credit.explain", note="太晚", expect="invalid")
    settled(shop)


def test_nobody_else_speaks_for_the_rep(shop: Harness) -> None:
    asked(shop)
    mine = held(shop)
    for handle in ("wang", "cai", "zhou"):
        mine.tap("credit.explain", by=handle, note="我来说", expect="not_allowed")
        mine.tap("credit.withdraw", by=handle, expect="not_allowed")
    mine.tap("credit.explain", note="长" * 401, expect="invalid")
    settled(shop)


def test_taken_back_it_closes_everywhere_and_may_be_asked_again(shop: Harness) -> None:
    card = asked(shop)
    mine = held(shop)
    mine.tap("credit.withdraw", reason="客户改单")
    assert card.json["state"] == "closed" and "li 已撤回申请：客户改单" in card.text
    card.tap("credit.approve", expect="already")
    assert state(shop, "SO1") == "held" and "撤回" in mine.text and mine.buttons == []
    told_so = shop.chat("cai").expect_card("已由li撤回", kind="order.decided")
    assert told_so.buttons == []  # finance doesn't ask
    shop.chat("li").expect_card("可重新申请", kind="order.decided").tap("credit.ask_again")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST)
    shop.chat("li").expect_card("SO1", kind="order.held").tap("credit.withdraw")
    again = shop.chat("li").expect_card("可重新申请", kind="order.decided")
    again.tap("credit.ask_again", expect="invalid")  # once a working day
    shop.at("2026-07-07 10:00")
    again.tap("credit.ask_again")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_after_it_has_expired_the_rep_asks_again(shop: Harness) -> None:
    asked(shop)
    shop.at("2026-07-08 12:00")
    for person_ in ("zhou", "gm"):
        for card in shop.chat(person_).unread():
            shop.read(card.id)
    told_so = shop.chat("li").expect_card("SO1", kind="order.decided", buttons=("credit.ask_again",))
    told_so.tap("credit.ask_again", by="zhou", expect="not_allowed")
    told_so.tap("credit.ask_again")
    assert "已重新申请" in told_so.text and told_so.buttons == []
    told_so.tap("credit.ask_again", expect="invalid")
    shop.chat("li").expect_card("SO1", kind="order.held")
    shop.chat("zhou").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_a_manager_who_asks_again_doesnt_decide_it(shop: Harness) -> None:
    shop.person("li", manager_id=person(shop, "zhou"))
    asked(shop)
    shop.at("2026-07-08 12:00")
    settled(shop)
    with shop.db() as work:
        mine = replace(work, person_id=person(shop, "zhou"), actor="zhou")
        asks = ActionRequest(person(shop, "zhou"), "credit.ask_again", subject="order", subject_id=1)
        assert execute(mine, asks).code == "credit.asked_again"
    shop.deliver()
    assert person(shop, "zhou") not in request(shop).rungs[0]["people"]
    shop.chat("gm").expect_card("zhou 申请放行", kind=REQUEST).tap("credit.approve")
    assert state(shop, "SO1") == "released"
    settled(shop)


def test_asked_again_once_the_limit_fits_it_is_released_without_asking(shop: Harness) -> None:
    asked(shop)
    held(shop).tap("credit.withdraw")
    with shop.db() as work:
        work.session.get_one(Customer, 1).credit_limit_minor = 500_000
        mine = replace(work, person_id=person(shop, "li"), actor="li")
        found = execute(mine, ActionRequest(person(shop, "li"), "credit.ask_again", subject="order", subject_id=1))
        assert found.code == "credit.order_released"
    shop.deliver()
    assert state(shop, "SO1") == "released" and count(shop, CreditRequest) == 1
    settled(shop)


# --- what happened meanwhile ---


def test_a_tap_after_the_customer_paid_or_the_limit_was_raised(shop: Harness) -> None:
    shop.receivable("甲", "1000.00", due="2026-08-01", number="I1")
    place(shop, "甲", "500.00", "SO1")
    card = shop.chat("zhou").expect_card(kind=REQUEST)
    shop.pay("甲", "1000.00", "I1")
    shop.tick()
    card.tap("credit.reject", reason="不行", expect="already")
    assert state(shop, "SO1") == "released"
    place(shop, "甲", "700.00", "SO2")
    card = shop.chat("zhou").expect_card("SO2", kind=REQUEST)
    shop.set_customer("甲", credit_limit_minor=50_000)  # less of a limit: things are worse than the card shows
    card.tap("credit.approve", expect="stale")
    card.tap("credit.approve")
    assert state(shop, "SO2") == "released"
    settled(shop)


def test_shorter_terms_go_back_to_the_order_system(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1", terms="月结60")
    shop.chat("li").expect_card(kind="order.held")
    card = shop.chat("zhou").expect_card(kind=REQUEST)
    card.tap("credit.approve_with", terms="90", expect="invalid")
    card.tap("credit.approve_with", terms="0000001000", expect="invalid")
    card.tap("credit.approve_with", prepay_percent="000150", expect="invalid")
    card.tap("credit.approve_with", terms="三十", expect="invalid")
    card.tap("credit.approve_with", once="yes", until="2026-07-31", expect="invalid")
    card.tap("credit.approve_with", terms="30")
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").conditions == {"terms_days": 30}
    shop.chat("li").expect_card("账期不超过30天", "可安排发货", kind="order.decided")
    place(shop, "甲", "2000.00", "SO2")
    shop.chat("zhou").expect_card("SO2", kind=REQUEST).tap("credit.approve_with", terms="15", prepay_percent="30")
    assert stored(shop, "SO2").conditions == {"terms_days": 15, "prepay_minor": 60_000}
    settled(shop)


def test_a_yes_is_to_this_order_only(shop: Harness) -> None:
    asked(shop).tap("credit.approve_with", once="yes")
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").conditions == {}
    assert place(shop, "甲", "0.01", "SO2")["verdict"] == "held"
    settled(shop)


# --- the same in any messenger ---


def test_a_reminder_is_the_card_again_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    first = asked(hk)
    hk.at("2026-07-06 14:00")
    again = hk.chat("zhou").expect_card("SO1", "第 1 次提醒", kind=REQUEST)
    again.tap("credit.approve")
    assert state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")
    del first


def test_the_rep_explains_takes_back_and_asks_again_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    place(hk, "甲", "2000.00", "SO1")
    mine = hk.chat("li").expect_card("SO1", kind="order.held")
    card = hk.chat("zhou").expect_card("SO1", kind=REQUEST)
    mine.tap("credit.explain", note="月底补齐")
    assert stored(hk, "SO1").note == "月底补齐"
    mine.tap("credit.withdraw", reason="客户改单")
    assert state(hk, "SO1") == "held" and request(hk).state == "withdrawn"
    hk.chat("cai").expect_card("SO1", kind="order.decided")
    hk.chat("li").expect_card("SO1", kind="order.decided").tap("credit.ask_again")
    hk.chat("li").expect_card("SO1", kind="order.held")
    hk.chat("zhou").expect_card("SO1", "月底补齐", kind=REQUEST).tap("credit.approve")
    assert state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    hk.chat("cai").expect_card("SO1", "已放行", kind="order.decided")
    del card
