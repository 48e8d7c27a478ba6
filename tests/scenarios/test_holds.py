"""A customer that somebody holds or blacklists: what becomes of its orders, and who ends it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.app import App
from core.actions import ActionRequest, execute
from core.credit import holds, orders
from core.dunning.stored import active
from core.models import Audit, Hold
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import codes, opened, place, state, told
from tests.scenarios.racing import at_once, deliveries, other, outcomes, tap

U = table_of(Audit)


@pytest.fixture
def shop(hk: Harness) -> Harness:
    opened(hk)
    hk.people(fd2="finance_director", boss="management", ray="risk")
    return hk


def read(shop: Harness) -> None:
    told(shop)
    for person in ("fd2", "boss", "ray"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


def test_a_hold_asks_about_every_order_until_somebody_else_lifts_it(shop: Harness) -> None:
    shop.act("zhou", "hold.set", "甲", reason="对账不清")
    assert codes(place(shop, "甲", "1.00", "SO1")) == ["hold"]
    shop.pay("甲", "50.00")
    assert codes(place(shop, "甲", "50.00", "SO2", prepaid=True)) == ["hold"]
    assert shop.act("zhou", "hold.lift", "甲", reason="已对清", expect="invalid")["code"] == "hold.own"
    assert shop.holds("甲") == ["manual"]
    shop.act("fd2", "hold.lift", "甲", reason="已对清")
    assert shop.holds("甲") == [] and state(shop, "SO1") == "released" and state(shop, "SO2") == "released"
    assert shop.act("boss", "hold.lift", "甲", reason="再来", expect="already")["code"] == "hold.none"
    read(shop)


@pytest.mark.parametrize(
    ("kind", "setting", "ending"), [("manual", "hold.set", "hold.lift"), ("blacklist", "blacklist.set", "blacklist.end")]
)
def test_who_ended_it_why_and_when_is_written_down(shop: Harness, kind: str, setting: str, ending: str) -> None:
    shop.act("zhou", setting, "甲", reason="对账不清")
    shop.at("2026-07-08 15:00")
    shop.act("boss", ending, "甲", reason="已对清")
    with shop.look() as work:
        [row] = work.session.execute(select(Hold)).scalars()
        assert (row.kind, row.reason, row.from_on.isoformat()) == (kind, "对账不清", "2026-07-06")
        assert (row.ended_by, row.ended_on) == ("boss", work.today)
        who = {handle: shop._person_id(work, handle) for handle in ("zhou", "boss")}
        assert row.made_by_id == who["zhou"]
        query = select(Audit).where(U.c.action.startswith("hold.")).order_by(U.c.id)
        begun, ended = work.session.execute(query).scalars()
        assert (begun.action, begun.actor, begun.person_id) == (f"hold.{kind}", "zhou", who["zhou"])
        assert begun.data == {"reason": "对账不清", "until": None}
        assert (ended.action, ended.actor, ended.person_id) == (f"hold.{kind}_ended", "boss", who["boss"])
        assert ended.data == {"reason": "已对清", "was": "对账不清", "since": "2026-07-06"}
        assert {begun.customer_id, ended.customer_id} == {row.customer_id} and ended.at == work.now


def test_one_that_is_made_longer_says_by_whom(shop: Harness) -> None:
    shop.act("zhou", "hold.set", "甲", reason="a", until="2026-07-20")
    shop.act("fm", "hold.set", "甲", reason="b", until="2026-07-25")
    with shop.look() as work:
        first, second = work.session.execute(select(Hold).order_by(table_of(Hold).c.id)).scalars()
        assert (first.ended_by, first.ended_on) == ("fm", work.today) and (second.ended_by, second.reason) == ("", "b")


def test_it_ends_after_its_last_day(shop: Harness) -> None:
    shop.act("ray", "hold.set", "甲", reason="担保到期", until="2026-07-08")
    assert codes(place(shop, "甲", "1.00", "SO1")) == ["hold"]
    shop.at("2026-07-08 17:00")
    assert state(shop, "SO1") == "held"
    shop.at("2026-07-09 10:00")
    assert place(shop, "甲", "1.00", "SO2")["verdict"] == "released"
    assert shop.act("boss", "hold.lift", "甲", reason="x", expect="already")["code"] == "hold.none"
    shop.act("fm", "hold.set", "甲", reason="再次逾期", until="2026-07-31")  # the one that is over makes room
    assert codes(place(shop, "甲", "1.00", "SO3")) == ["hold"]
    read(shop)


def test_what_waits_only_for_its_end_is_released(shop: Harness) -> None:
    shop.act("ray", "hold.set", "甲", reason="担保到期", until="2026-07-06")
    place(shop, "甲", "1.00", "SO1")
    shop.at("2026-07-06 18:00")
    assert state(shop, "SO1") == "held"
    shop.at("2026-07-07 10:00")
    assert state(shop, "SO1") == "released"
    read(shop)


@pytest.mark.parametrize("action", ["hold.set", "blacklist.set"])
def test_cards_and_answers_show_it(shop: Harness, action: str) -> None:
    shop.receivable("甲", "100.00", due="2026-07-06", number="I1")
    shop.morning("2026-07-07")
    card = shop.chat("li").expect_card("¥100.00")
    assert "已停单" not in card.text
    shop.act("zhou", action, "甲", reason="对账不清")
    assert "已停单" in card.text
    assert shop.type("li", "余额 甲").view["hold"] is True
    assert shop.type("li", "信用 甲").view["holds"] == ["manual" if action == "hold.set" else "blacklist"]
    end = "hold.lift" if action == "hold.set" else "blacklist.end"
    shop.act("boss", end, "甲", reason="已对清")
    assert "已停单" not in card.text and shop.type("li", "余额 甲").view["hold"] is False
    told(shop, "reply.balance", "reply.credit")


def test_whoever_reads_of_an_order_reads_it_too(shop: Harness) -> None:
    shop.act("fm", "hold.set", "甲", reason="对账不清")
    place(shop, "甲", "1.00", "SO1", note="急用")
    for person, kind in (("zhou", "credit.request"), ("li", "order.held")):
        assert "【已停单：人工冻结】" in shop.chat(person).expect_card(kind=kind).text
    for line in ("订单 SO1", "余额 甲", "信用 甲", "评级 甲"):
        assert "【已停单：人工冻结】" in shop.type("zhou", line).card.text, line
    shop.act("boss", "hold.lift", "甲", reason="已对清")
    assert "已停单" not in shop.chat("li").expect_card(kind="order.decided").text
    assert "已停单" not in shop.type("zhou", "订单 SO1").card.text
    told(shop, "reply.order", "reply.balance", "reply.credit", "reply.rating")
    read(shop)


def test_one_that_is_over_shows_nowhere(shop: Harness) -> None:
    shop.receivable("甲", "100.00", due="2026-07-07", number="I1")
    shop.act("zhou", "hold.set", "甲", reason="对账不清", until="2026-07-07")
    shop.morning("2026-07-08")
    assert "已停单" not in shop.chat("li").expect_card("¥100.00").text
    assert shop.type("li", "余额 甲").view["hold"] is False and shop.type("li", "信用 甲").view["holds"] == []
    told(shop, "reply.balance", "reply.credit")


def test_it_is_made_longer_and_never_shorter(shop: Harness) -> None:
    shop.act("zhou", "hold.set", "甲", reason="a", until="2026-07-20")
    for until in ("2026-07-06", "2026-07-20"):
        shop.act("zhou", "hold.set", "甲", reason="b", until=until, expect="already")
    shop.act("zhou", "hold.set", "甲", reason="c", until="2026-07-25")
    shop.act("zhou", "hold.set", "甲", reason="d")
    shop.act("zhou", "hold.set", "甲", reason="e", until="2026-12-31", expect="already")
    assert shop.holds("甲") == ["manual"]
    assert shop.act("fm", "hold.set", "甲", reason="f", until="2026-07-05", expect="invalid")["code"] == "hold.past"


def test_the_blacklist_refuses_what_waits_and_what_comes(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    shop.act("ray", "blacklist.set", "甲", reason="失信被执行人")
    assert state(shop, "SO1") == "refused"
    card.expect_update(state="closed")
    card.tap("credit.approve", expect="already")
    assert place(shop, "甲", "1.00", "SO2")["verdict"] == "refused"
    assert shop.act("ray", "blacklist.set", "甲", reason="x", expect="already")["code"] == "hold.blacklisted_before"
    shop.act("ray", "blacklist.end", "甲", reason="x", expect="not_allowed")
    shop.act("boss", "blacklist.end", "甲", reason="已履行")
    assert place(shop, "甲", "1.00", "SO3")["verdict"] == "released"
    assert state(shop, "SO1") == "refused"  # a rule's answer stands: only a new order asks again
    read(shop)


def test_the_rep_and_finance_hear_which_released_orders_are_still_to_be_shipped(shop: Harness) -> None:
    place(shop, "甲", "100.00", "SO1")
    place(shop, "甲", "200.00", "SO2")
    place(shop, "甲", "300.00", "SO3")
    columns = "number,customer,order,amount,shipped_on"
    shop.imports("shipments", columns, "S1,甲,SO1,100.00,2026-07-06", "S2,甲,SO2,50.00,2026-07-06")
    shop.act("ray", "blacklist.set", "甲", reason="失信被执行人")
    shop.deliver()
    for person in ("li", "cai"):
        card = shop.chat(person).expect_card("停止发货", "ray", "失信被执行人", "¥450.00", kind="orders.stopped")
        assert "SO2 未发 ¥150.00 订单 ¥200.00" in card.text and "SO3 未发 ¥300.00" in card.text and "SO1" not in card.text
        assert card.buttons == []
    assert [state(shop, number) for number in ("SO1", "SO2", "SO3")] == ["released"] * 3
    shop.act("ray", "blacklist.set", "甲", reason="x", expect="already")
    read(shop)
    for person in ("li", "cai", "ray", "wang"):
        shop.chat(person).expect_nothing()


def test_nobody_is_told_to_stop_what_has_left_or_is_off_the_blacklist_again(shop: Harness) -> None:
    shop.act("ray", "blacklist.set", "甲", reason="失信被执行人")
    shop.act("boss", "blacklist.end", "甲", reason="已履行")
    place(shop, "甲", "100.00", "SO1")
    with shop.db() as work:  # both before anything is sent
        for who, action in (("ray", "blacklist.set"), ("boss", "blacklist.end")):
            mine = replace(work, person_id=shop._person_id(work, who), actor=who)
            asks = ActionRequest(mine.person_id or 0, action, {"reason": "看错了"}, subject="customer", subject_id=1)
            assert execute(mine, asks).result == "done"
    shop.deliver()
    told(shop, "order.held", "order.decided")
    for person in ("li", "cai"):
        shop.chat(person).expect_nothing()


def test_a_tap_on_a_card_from_before_the_hold_is_stale(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    card = shop.chat("zhou").expect_card(kind="credit.request")
    seen = card.json["rev"]
    shop.act("fm", "hold.set", "甲", reason="对账不清")
    card.expect_update("人工冻结")
    card.tap("credit.approve", rev=seen, expect="stale")
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released"
    read(shop)


@pytest.fixture
def late(shop: Harness) -> Iterator[Harness]:
    """甲 owes 100 for 30 days: the ladder holds its orders. What it says meanwhile is another story."""
    shop.receivable("甲", "100.00", due="2026-06-07", number="I1")
    shop.morning("2026-07-07")
    assert shop.holds("甲") == ["order"]
    yield shop
    for person in ("li", "wang", "zhao", "zhou", "cai", "fm", "fd2", "boss", "ray"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


def test_a_ladders_hold_rests_until_a_day_by_approval(late: Harness) -> None:
    """dunning.md 6: it ends with its step, or earlier by approval."""
    card = late.chat("zhao").expect_card("¥100.00")
    assert "暂停该客户下单" in card.text
    assert "hold" in codes(place(late, "甲", "1.00", "SO1"))
    assert late.act("boss", "hold.lift", "甲", reason="已谈妥还款计划", expect="invalid")["code"] == "hold.ladder"
    done = late.act("boss", "hold.lift", "甲", reason="已谈妥还款计划", until="2026-07-09")
    assert done["code"] == "hold.suspended" and late.holds("甲") == []
    assert "暂停该客户下单" not in card.text and late.type("li", "余额 甲").view["hold"] is False
    assert "hold" not in codes(place(late, "甲", "1.00", "SO3"))
    for day in ("08", "09"):  # nor does the ladder set it again, whatever else reaches the step
        late.receivable("甲", "10.00", due=f"2026-06-{day}", number=f"J{day}")
        late.morning(f"2026-07-{day}")
        assert "order" not in late.holds("甲")
    late.morning("2026-07-10")
    assert "order" in late.holds("甲") and late.type("li", "余额 甲").view["hold"] is True
    assert "hold" in codes(place(late, "甲", "1.00", "SO4"))
    with late.look() as work:
        [said] = work.session.execute(select(Audit).where(U.c.action == "hold.ladder_suspended")).scalars()
        assert (said.actor, said.person_id) == ("boss", late._person_id(work, "boss"))
        assert said.data == {
            "reason": "已谈妥还款计划", "until": "2026-07-09",
            "was": [{"currency": "CNY", "step": "director30", "since": "2026-07-07"}],
        }  # fmt: skip


def test_cards_about_something_else_say_so_once_the_ladder_holds_it(shop: Harness) -> None:
    shop.receivable("甲", "100.00", due="2026-06-07", number="I1")
    place(shop, "甲", "1.00", "SO1")
    shop.act("li", "task.paid", "甲", amount="10")
    order = shop.chat("li").expect_card("SO1", kind="order.held")
    claim = shop.chat("cai").expect_card("¥10.00", kind="claim.review")
    assert "已停单" not in order.text + claim.text
    shop.morning("2026-07-07")
    assert shop.holds("甲") == ["order"]
    for card in (order, claim):
        card.expect_update("【已停单：逾期】")
    for person in ("li", "wang", "zhao", "zhou", "cai", "fm", "fd2", "boss", "ray"):
        for sent in shop.chat(person).unread():
            shop.read(sent.id)


def test_open_cards_say_so_on_the_day_on_which_a_ladders_hold_comes_back(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP.replace('action = "task"', 'actions = ["task", "hold"]'))
    hk.people(boss="management")
    assert "已停单" in card.text
    hk.act("boss", "hold.lift", "甲", reason="已谈妥还款计划", until="2026-07-02")
    assert "已停单" not in card.text
    hk.morning("2026-07-03")
    card.expect_update("已停单")


def test_open_cards_say_so_when_a_hold_by_hand_is_over_by_its_date(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.act("zhou", "hold.set", "甲", reason="对账不清", until="2026-07-02")
    card.expect_update("已停单")
    hk.morning("2026-07-03")
    card.expect_update()
    assert "已停单" not in card.text


def test_money_ends_it_while_it_rests(late: Harness) -> None:
    late.act("boss", "hold.lift", "甲", reason="已谈妥", until="2026-07-09")
    late.pay("甲", "100.00", "I1")
    late.morning("2026-07-10")
    assert late.holds("甲") == [] and place(late, "甲", "1.00", "SO1")["verdict"] == "released"


def test_how_long_it_rests_may_be_changed(late: Harness) -> None:
    late.act("boss", "hold.lift", "甲", reason="已谈妥", until="2026-07-20")
    assert late.act("fd2", "hold.lift", "甲", reason="已谈妥", until="2026-07-20", expect="already")["code"] == "hold.none"
    late.act("boss", "hold.lift", "甲", reason="只到明天", until="2026-07-08")
    late.at("2026-07-09 10:00")
    assert "order" in late.holds("甲")


def test_both_stand_side_by_side(late: Harness) -> None:
    late.act("zhou", "hold.set", "甲", reason="x")
    assert late.holds("甲") == ["manual", "order"]
    assert late.act("boss", "hold.lift", "甲", reason="x")["code"] == "hold.ladder_stays"
    assert late.holds("甲") == ["order"]
    late.act("zhou", "hold.set", "甲", reason="x")
    assert late.act("boss", "hold.lift", "甲", reason="x", until="2026-07-09")["code"] == "hold.both"
    assert late.holds("甲") == []


def test_what_keeps_a_ladders_hold_from_resting(late: Harness) -> None:
    for until, code in (("2026-07-06", "hold.past"), ("2028-01-01", "hold.too_long")):
        assert late.act("boss", "hold.lift", "甲", reason="x", until=until, expect="invalid")["code"] == code
    for nobody in ("li", "zhao", "fm"):
        late.act(nobody, "hold.lift", "甲", reason="x", until="2026-07-09", expect="not_allowed")
    place(late, "甲", "1.00", "SO1", asked_by="boss")
    own = late.act("boss", "hold.lift", "甲", reason="x", until="2026-07-09", expect="invalid")
    assert own["code"] == "credit.own_order" and late.holds("甲") == ["order"]


def test_one_by_hand_does_not_come_back(shop: Harness) -> None:
    """So an end of its lifting is refused, and not forgotten."""
    shop.act("zhou", "hold.set", "甲", reason="x")
    assert shop.act("boss", "hold.lift", "甲", reason="x", until="2026-07-09", expect="invalid")["code"] == "hold.no_ladder"
    assert shop.holds("甲") == ["manual"]
    assert shop.act("boss", "hold.lift", "甲", reason="x")["code"] == "hold.lifted"
    assert shop.act("boss", "hold.lift", "甲", reason="x", until="2026-07-09", expect="already")["code"] == "hold.none"


@pytest.mark.parametrize("person", ["li", "wang", "zhao", "cai", "ada"])
@pytest.mark.parametrize("action", ["hold.set", "hold.lift", "blacklist.set", "blacklist.end", "limit.set"])
def test_nobody_else_may(shop: Harness, person: str, action: str) -> None:
    shop.act(person, action, "甲", reason="x", amount="1", expect="not_allowed")


def test_never_outside_ones_region(shop: Harness) -> None:
    shop.customer("乙", "li", region="华东")
    shop.person("zhou", region="华东")
    for action, more in (("hold.set", {}), ("hold.lift", {}), ("blacklist.set", {}), ("limit.set", {"amount": "5"})):
        shop.act("zhou", action, "甲", reason="x", expect="not_allowed", **more)
    shop.act("zhou", "hold.set", "乙", reason="x")
    assert shop.holds("甲") == [] and shop.holds("乙") == ["manual"]


def test_a_reason_is_needed(shop: Harness) -> None:
    for action in ("hold.set", "blacklist.set"):
        shop.act("zhou", action, "甲", reason="  ", expect="invalid")
    assert shop.holds("甲") == []


def test_who_is_related(shop: Harness) -> None:
    shop.set_customer("甲", group_name="华兴集团", tax_id="9131", phone="", address="")
    shop.customer("乙", "li", group_name="华兴集团", region="华东")
    shop.customer("丙", "li", tax_id="9131", group_name="华兴集团")
    shop.customer("丁", "li", group_name="别家")
    with shop.look() as work:
        assert sorted((one.code, one.same) for one in holds.related(work, 1)) == [
            ("丙", ("group_name", "tax_id")), ("乙", ("group_name",)),
        ]  # fmt: skip
        assert holds.related(work, 4) == []
    assert sorted(shop.act("ray", "blacklist.set", "甲", reason="x")["related"]) == ["丙", "乙"]
    assert shop.holds("乙") == []
    told(shop, "task.related")


def test_related_companies_are_checked_once(shop: Harness) -> None:
    """R045: one task for finance, ended with what was found; none where nobody is related."""
    shop.act("ray", "blacklist.set", "甲", reason="失信")
    assert shop.tasks("甲", "related") == []
    shop.act("boss", "blacklist.end", "甲", reason="误列")
    shop.set_customer("甲", group_name="华兴集团")
    shop.customer("乙", "li", group_name="华兴集团")
    shop.act("ray", "blacklist.set", "甲", reason="失信被执行人")
    shop.act("fm", "blacklist.set", "甲", reason="再列", expect="already")
    assert shop.tasks("甲", "related") == [("cai", "open")]
    card = shop.chat("cai").expect_card("关联企业排查", "乙", "同集团", kind="task.related", buttons=("task.other",))
    assert "失信被执行人" in card.text
    card.tap("task.other", note="乙正常经营，已加抵押")
    assert card.json["state"] == "closed"
    assert shop.tasks("甲", "related") == [("cai", "answered")]
    with shop.look() as work:
        [done] = work.session.execute(select(Audit).where(U.c.action == "chore.done")).scalars()
        assert (done.data["kind"], done.data["note"], done.customer_id) == ("related", "乙正常经营，已加抵押", 1)
    shop.act("boss", "blacklist.end", "甲", reason="已履行")
    shop.act("ray", "blacklist.set", "甲", reason="又失信")
    again = shop.chat("cai").expect_card("又失信", kind="task.related")
    shop.act("boss", "blacklist.end", "甲", reason="已履行")
    again.expect_update(state="closed")
    assert [state for _, state in shop.tasks("甲", "related")] == ["answered", "answered"]


@pytest.mark.parametrize(("role", "asked"), [
    ("risk", ["ray"]), ("role:finance_director", ["zhou"]), ("sales_director", ["zhao"]), ("", []),
])  # fmt: skip
def test_the_policy_says_who_checks_related_companies(shop: Harness, role: str, asked: list[str]) -> None:
    shop.policy(ONE_STEP + f'[credit]\ncheck_related = "{role}"\n')
    shop.set_customer("甲", group_name="华兴集团")
    shop.customer("乙", "li", group_name="华兴集团")
    shop.act("fd2", "blacklist.set", "甲", reason="失信被执行人")
    assert [handle for handle, _ in shop.tasks("甲", "related")] == asked
    for handle in asked:
        shop.chat(handle).expect_card("关联企业排查", kind="task.related").tap("task.other", note="已冻结")
        assert shop.tasks("甲", "related") == [(handle, "answered")]


def ask(shop: Harness, app: App, handle: str, action: str) -> str:
    """In a transaction of its own, as a typed command."""
    with app.work(shop.now) as work:
        person_id = shop._person_id(work, handle)
        assert person_id is not None
        work = replace(work, person_id=person_id, actor=handle)
        request = ActionRequest(person_id, action, {"reason": "x", "amount": "900"}, subject="customer", subject_id=1)
        return str(execute(work, request).result)


@pytest.mark.parametrize(("action", "end"), [("hold.set", "hold.lift"), ("blacklist.set", "blacklist.end")])
def test_two_at_once_set_one(shop: Harness, action: str, end: str) -> None:
    with other(shop) as second:
        for _ in range(3):
            done = at_once(lambda: ask(shop, shop.app, "zhou", action), lambda: ask(shop, second, "fm", action))
            assert sorted(done) == ["already", "done"]
            ended = at_once(lambda: ask(shop, shop.app, "boss", end), lambda: ask(shop, second, "fd2", end))
            assert sorted(ended) == ["already", "done"] and shop.holds("甲") == []


def test_blacklisted_while_somebody_approves(shop: Harness) -> None:
    """Whichever comes first: never approved after the blacklist, never refused after the approval."""
    with other(shop) as second:
        for number in range(3):
            place(shop, "甲", "2000.00", f"SO{number}")
            card = deliveries(shop, "zhou", "credit")[-1]
            reply, black = at_once(
                lambda card=card: tap(shop.app, shop.now, "zhou", card, "credit.approve"),
                lambda: ask(shop, second, "fm", "blacklist.set"),
            )
            assert black == "done"
            assert (outcomes([reply]), state(shop, f"SO{number}")) in ((["done"], "released"), (["already"], "refused"))
            ask(shop, shop.app, "boss", "blacklist.end")
            with shop.db() as work:  # the next one begins anew
                [order] = orders.find(work, f"SO{number}")
                if order.state == "released":
                    orders.cancel(work, active(work)[1], order)
    read(shop)
