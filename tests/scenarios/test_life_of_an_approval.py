"""What becomes of a question to an approver: deputies, reminders, who is above, expiry, and what the rep may still do."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.actions import ActionRequest, execute
from core.credit import orders, requests
from core.dunning.stored import active
from core.models import Audit, CreditRequest, CreditVote, Customer, Delivery
from core.models.base import table_of
from tests.harness import Harness, instant
from tests.phones import Card
from tests.scenarios.ordering import opened, place, state, stored, told
from tests.scenarios.racing import at_once, count, deliveries, other, outcomes, tap

Q, A, D = table_of(CreditRequest), table_of(Audit), table_of(Delivery)
REQUEST = "credit.request"
BOTH = """
name = "all of them"
letters = "off"
[[ladder]]
name = "all"
[[ladder.step]]
id = "over1"
at = 1
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
[[credit.route]]
name = "both"
rungs = [{ audience = ["role:finance_director", "role:sales_director"], need = "all" }]
"""


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """Beside the usual people ma, who stands in for zhou, and gm above him."""
    opened(hk)
    hk.people(gm="management", ma="rep")
    hk.person("zhou", manager_id=person(hk, "gm"), deputy_id=person(hk, "ma"))
    return hk


def person(hk: Harness, handle: str) -> int:
    with hk.look() as work:
        found = hk._person_id(work, handle)
    assert found is not None
    return found


def asked(hk: Harness) -> Card:
    """SO1 waits for zhou; li has read that it is held."""
    place(hk, "甲", "2000.00", "SO1", note="老客户")
    hk.chat("li").expect_card("SO1", kind="order.held")
    return hk.chat("zhou").expect_card("SO1", kind=REQUEST)


def request(hk: Harness) -> CreditRequest:
    with hk.look() as work:
        return work.session.execute(select(CreditRequest).order_by(Q.c.id.desc()).limit(1)).scalar_one()


def audited(hk: Harness, action: str) -> list[dict]:
    with hk.look() as work:
        return list(work.session.execute(select(A.c.data).where(A.c.action == action).order_by(A.c.id)).scalars())


def everybody_reads(hk: Harness) -> None:
    for handle in ("li", "wang", "zhao", "zhou", "cai", "fm", "gm", "ma", "lin"):
        for card in hk.chat(handle).unread():
            hk.read(card.id)


def settled(hk: Harness) -> None:
    told(hk)
    everybody_reads(hk)


# --- deputies ---


def test_a_deputy_decides_while_the_director_is_away(shop: Harness) -> None:
    said = shop.chat("zhou").say("外出 到 7月8日 代理 @ma")
    assert said["outcome"] == "done" and "已登记外出" in said["card"].title
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("ma").expect_card("SO1", "zhou外出，由您代为审批", kind=REQUEST)
    shop.chat("zhou").expect_nothing()
    shop.chat("li").expect_card("ma 代 zhou", kind="order.held")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and "ma 代 zhou 已批准" in card.text
    shop.chat("li").expect_card("经ma 代 zhou批准", kind="order.decided")
    assert audited(shop, "credit.voted") == [{"approve": True, "rung": 0, "for": ["zhou"]}]
    settled(shop)


def test_a_deputy_named_after_the_card_went_out_gets_it_and_so_does_who_is_back(shop: Harness) -> None:
    card = asked(shop)
    shop.chat("zhou").say("/away until 10 July deputy @ma")
    shop.tick()
    theirs = shop.chat("ma").expect_card("SO1", kind=REQUEST)
    shop.chat("zhou").say("/back")
    shop.tick()
    theirs.expect_update(state="closed")
    theirs.tap("credit.approve", expect="not_allowed")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and "ma" not in card.text.split("\n")[0]
    settled(shop)


def test_the_right_is_there_at_the_tap_before_anybody_looked(shop: Harness) -> None:
    """zhou goes away, and his deputy presses a card of his own before any check has run."""
    asked(shop)
    shop.person("zhou", deputy_id=person(shop, "fm"), away_until=instant("2026-07-09 10:00").date())
    assert shop.chat("fm").say("审批")["view"]["approvals"][0]["for"] == ["zhou"]
    with shop.db() as work:
        row = work.session.get_one(CreditRequest, 1)
        work = replace(work, person_id=person(shop, "fm"), actor="fm")
        voted = requests.vote(work, active(work)[1], row, person(shop, "fm"), approve=True)
    assert voted.code == "approved" and state(shop, "SO1") == "released"
    settled(shop)


def test_whoever_is_away_may_still_decide_themselves(shop: Harness) -> None:
    card = asked(shop)
    shop.chat("zhou").say("外出 到 7月8日")
    shop.tick()
    shop.chat("ma").expect_card(kind=REQUEST)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and "zhou 已批准" in card.text
    settled(shop)


def test_a_chain_of_deputies_is_followed_and_a_circle_stays_with_the_director(shop: Harness) -> None:
    day = instant("2026-07-09 10:00").date()
    shop.person("zhou", away_until=day)
    shop.person("ma", away_until=day, deputy_id=person(shop, "fm"))
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("fm").expect_card("SO1", "zhou外出", kind=REQUEST)
    shop.person("fm", away_until=day, deputy_id=person(shop, "zhou"))
    place(shop, "甲", "2000.00", "SO2")
    shop.chat("zhou").expect_card("SO2", kind=REQUEST).tap("credit.approve")
    shop.person("ma", active=False)
    shop.person("fm", away_until=None)
    place(shop, "甲", "2000.00", "SO3")  # a deputy who has left is passed over
    shop.chat("fm").expect_card("SO3", kind=REQUEST)
    settled(shop)


def test_whoever_asks_decides_neither_as_a_deputy(shop: Harness) -> None:
    shop.person("zhou", deputy_id=person(shop, "li"), away_until=instant("2026-07-09 10:00").date())
    card = asked(shop)
    card.tap("credit.approve", by="li", expect="not_allowed")
    assert shop.chat("li").say("审批")["view"]["approvals"] == []
    assert state(shop, "SO1") == "held"
    settled(shop)


def test_one_deputy_for_both_says_it_once(shop: Harness) -> None:
    shop.policy(BOTH)
    for director in ("zhou", "zhao"):
        shop.person(director, deputy_id=person(shop, "ma"), away_until=instant("2026-07-09 10:00").date())
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("ma").expect_card("SO1", "zhou", "zhao", kind=REQUEST)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 1
    settled(shop)


def test_a_word_given_for_somebody_counts_when_they_are_back(shop: Harness) -> None:
    shop.policy(BOTH)
    shop.person("zhou", away_until=instant("2026-07-09 10:00").date())
    place(shop, "甲", "2000.00", "SO1")
    mine = shop.chat("zhao").expect_card("SO1", kind=REQUEST)
    shop.chat("ma").expect_card("SO1", kind=REQUEST).tap("credit.approve")
    shop.chat("zhou").say("/back")
    shop.tick()
    mine.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, CreditVote) == 2
    settled(shop)


def test_nobody_on_any_rung(shop: Harness) -> None:
    for handle in ("zhou", "gm", "fm", "ada"):
        shop.person(handle, active=False)
    assert place(shop, "甲", "2000.00", "SO1")["request"] is None
    assert state(shop, "SO1") == "held" and audited(shop, "credit.nobody")
    settled(shop)


def test_an_approver_who_moved_away_decides_no_more(shop: Harness) -> None:
    shop.set_customer("甲", region="华东")
    shop.people(east="finance_director")
    shop.person("east", region="华东")
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("east").expect_card("SO1", kind=REQUEST)
    shop.person("east", region="华北")
    shop.person("zhou", region="华东")
    card.tap("credit.approve", expect="not_allowed")
    assert state(shop, "SO1") == "held"
    settled(shop)


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
            with shop.db() as work:
                for order in (stored(shop, f"SO{number}"),):
                    work.session.merge(order).state = "closed"
    for delivery in deliveries(shop, "zhou", "credit"):
        reply = tap(shop.app, shop.now, "zhou", delivery, "credit.approve")
        assert reply.outcome == "already", reply
    settled(shop)


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
        found = requests.work_hours_later(work.company.calendar, instant(opened_at), window, hours)
    assert found == instant(at)


# --- the rep's words ---


def test_the_reps_words_reach_the_approvers_card_and_make_nothing_worse(shop: Harness) -> None:
    card = asked(shop)
    mine = _held(shop)
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
    mine = _held(shop)
    for handle in ("wang", "cai", "zhou"):
        mine.tap("credit.explain", by=handle, note="我来说", expect="not_allowed")
        mine.tap("credit.withdraw", by=handle, expect="not_allowed")
    mine.tap("credit.explain", note="长" * 401, expect="invalid")
    settled(shop)


def test_taken_back_it_closes_everywhere_and_may_be_asked_again(shop: Harness) -> None:
    card = asked(shop)
    mine = _held(shop)
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
    _held(shop).tap("credit.withdraw")
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
    card.tap("credit.approve_with", terms="三十", expect="invalid")
    card.tap("credit.approve_with", terms="30")
    assert state(shop, "SO1") == "released" and stored(shop, "SO1").conditions == {"terms_days": 30}
    shop.chat("li").expect_card("账期不超过30天", "可安排发货", kind="order.decided")
    place(shop, "甲", "2000.00", "SO2")
    shop.chat("zhou").expect_card("SO2", kind=REQUEST).tap("credit.approve_with", terms="15", prepay_percent="30")
    assert stored(shop, "SO2").conditions == {"terms_days": 15, "prepay_minor": 60_000}
    settled(shop)


def test_a_yes_is_to_this_order_only(shop: Harness) -> None:
    asked(shop).tap("credit.approve")
    assert place(shop, "甲", "0.01", "SO2")["verdict"] == "held"
    settled(shop)


def _held(hk: Harness) -> Card:
    """li's card of the held order."""
    with hk.look() as work:
        ref = work.session.execute(select(D.c.ref).where(D.c.kind == "order.held", D.c.address == "li")).scalars().first()
    return Card(hk, int(ref), "li")


# --- the same in any messenger ---


def test_a_deputy_says_yes_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.person("zhou", deputy_id=person(hk, "fm"), away_until=instant("2026-07-09 10:00").date())
    place(hk, "甲", "2000.00", "SO1")
    hk.chat("li").expect_card("SO1", "fm 代 zhou", kind="order.held")
    hk.chat("fm").expect_card("SO1", "zhou外出", kind=REQUEST).tap("credit.approve")
    assert state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "fm 代 zhou", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")


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
