"""What the order system is told: of orders, of customers whose orders are stopped, of receivables that are settled."""

from collections.abc import Iterator

import pytest

from core.credit import changes, orders
from core.credit.incoming import parse
from core.dunning.stored import active
from tests.fakes.receiver import Receiver
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import opened, place, told
from tests.scenarios.receiving import log, receiver, takes_events, tell


@pytest.fixture
def shop(hk: Harness) -> Iterator[Receiver]:
    """The order system of a company whose customer 甲 of li may owe 1,000."""
    takes_events(opened(hk))
    with receiver(hk) as found:
        yield found
        assert found.wrong == []
    told(hk)


def test_an_order_is_told_of_as_the_answer_to_it_was(hk: Harness, shop: Receiver) -> None:
    answer = place(hk, "甲", "1500.00", "SO1")
    tell(hk, shop)
    [event] = shop.taken
    assert event.body == {
        "id": event.id,
        "event": "order.held",
        "at": "2026-07-06T10:00:00+08:00",
        "order": {
            **answer, "source": "shop", "customer": "甲", "amount": "1500.00", "currency": "CNY", "conditions": {},
        },
    }  # fmt: skip
    assert answer["reasons"] == [{"code": "over_limit", "amount": "500.00", "currency": "CNY"}] and answer["request"]


def test_held_and_then_approved(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "1500.00", "SO1")
    hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve")
    tell(hk, shop)
    assert shop.told == [("order.held", "SO1"), ("order.released", "SO1")]
    assert shop.last("order.released")["order"]["request"] is None


def test_each_way_an_order_ends(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "100.00", "SO1")
    place(hk, "甲", "2000.00", "SO2")
    card = hk.chat("zhou").expect_card(kind="credit.request")
    card.tap("credit.reject", reason="先收货款")
    place(hk, "甲", "2000.00", "SO3")
    hk.people(ray="risk")
    hk.act("ray", "blacklist.set", "甲", reason="失信被执行人")
    place(hk, "甲", "1.00", "SO4")
    tell(hk, shop)
    assert shop.about("SO1") == ["order.released"]
    assert shop.about("SO2") == ["order.held", "order.rejected"]
    assert shop.about("SO3") == ["order.held", "order.refused"]
    assert shop.about("SO4") == ["order.refused"]
    assert shop.last("order.refused")["order"]["reasons"][0] == {"code": "blacklist"}
    for card in hk.chat("ray").unread():
        hk.read(card.id)


def test_a_conditional_yes_says_what_it_waits_for(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "2000.00", "SO1")
    hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve_with", prepay_percent="30")
    tell(hk, shop)
    order = shop.last("order.held")["order"]
    assert order["conditions"] == {"prepay": "600.00", "currency": "CNY"} and order["request"] is None
    assert order["reasons"] == [{"code": "prepayment_awaited", "amount": "600.00", "currency": "CNY"}]
    hk.pay("甲", "600.00")
    hk.at("2026-07-06 11:00")
    tell(hk, shop)
    assert shop.about("SO1") == ["order.held", "order.held", "order.released"]


def test_what_makes_it_another_ones_to_decide_is_told_once(hk: Harness, shop: Receiver) -> None:
    """Its reasons change, and by that who is asked: the same order, at the same instant."""
    hk.policy(ONE_STEP + """
[[credit.route]]
name = "large"
over_from = "500"
rungs = [{ audience = ["role:sales_director"] }]
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"] }]
""")
    place(hk, "甲", "2000.00", "SO1")
    hk.at("2026-07-06 10:30")
    hk.pay("甲", "700.00")
    hk.at("2026-07-06 11:00")
    hk.chat("zhou").expect_card("¥300.00", kind="credit.request")
    tell(hk, shop)
    assert shop.about("SO1") == ["order.held", "order.held"]
    said = [event.body["order"]["reasons"][0]["amount"] for event in shop.taken if event.body["event"] == "order.held"]
    assert said == ["1000.00", "300.00"]


def test_nobody_decides_in_time(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "2000.00", "SO1")
    hk.morning("2026-07-09")
    tell(hk, shop)
    assert shop.about("SO1")[-1] == "order.held" and shop.taken[-1].body["order"]["request"] is None


def test_an_order_that_is_taken_back(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "2000.00", "SO1")
    with hk.db() as work:
        [order] = orders.find(work, "SO1")
        orders.cancel(work, active(work)[1], order)
    hk.deliver()
    tell(hk, shop)
    assert shop.about("SO1") == ["order.held", "order.cancelled"]
    assert shop.last("order.cancelled")["order"]["request"] is None


def test_a_released_order_is_changed_and_then_closed(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "500.00", "SO1")
    with hk.db() as work:
        [order] = orders.find(work, "SO1")
        smaller = parse({"number": "SO1", "customer": "甲", "amount": "400.00"}, "CNY")
        changes.change(work, active(work)[1], order, smaller)
    with hk.db() as work:
        [order] = orders.find(work, "SO1")
        changes.close(work, order)
    hk.deliver()
    tell(hk, shop)
    assert shop.about("SO1") == ["order.released", "order.released", "order.closed"]
    assert [event.body["order"]["amount"] for event in shop.taken] == ["500.00", "400.00", "400.00"]


def test_the_same_order_again_is_no_event(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "100.00", "SO1")
    place(hk, "甲", "100.00", "SO1")
    tell(hk, shop)
    assert shop.told == [("order.released", "SO1")]


# --- customers ---


def test_the_ladder_locks_at_30_and_paying_unlocks(hk: Harness, shop: Receiver) -> None:
    """R034: at +30 days the customer's ordering is locked; R017: what is settled goes back."""
    hk.receivable("甲", "300.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-30")
    tell(hk, shop)
    assert shop.told == []
    hk.morning("2026-07-31")
    tell(hk, shop)
    assert shop.told == [("customer.locked", "甲")]
    locked = shop.last("customer.locked")["customer"]
    [hold] = locked["holds"]
    assert (locked["orders"], hold["kind"], hold["days"], hold["currency"]) == ("held", "order", 30, "CNY")
    assert hold["since"] == "2026-07-31"
    hk.pay("甲", "300.00", "I1", number="R1")
    tell(hk, shop)
    assert sorted(shop.told[1:]) == [("customer.unlocked", "甲"), ("receivable.settled", "I1")]
    assert shop.last("customer.unlocked")["customer"] == {"code": "甲", "name": "甲", "orders": "open", "holds": []}
    read_all(hk)


def test_a_ladders_hold_that_rests_is_open_until_it_comes_back(hk: Harness, shop: Receiver) -> None:
    hk.people(boss="management")
    hk.receivable("甲", "300.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-31")
    hk.act("boss", "hold.lift", "甲", reason="已谈妥还款计划", until="2026-08-04")
    hk.morning("2026-08-04")
    tell(hk, shop)
    assert shop.about("甲") == ["customer.locked", "customer.unlocked"]
    hk.morning("2026-08-05")
    tell(hk, shop)
    assert shop.about("甲") == ["customer.locked", "customer.unlocked", "customer.locked"]
    [hold] = shop.last("customer.locked")["customer"]["holds"]
    assert (hold["kind"], hold["since"], hold["step"]) == ("order", "2026-08-05", "director30")
    read_all(hk)


def test_a_receipt_that_bounces_opens_it_again(hk: Harness, shop: Receiver) -> None:
    hk.receivable("甲", "300.00", due="2026-08-01", number="I1", order_no="SO7")
    half = hk.pay("甲", "100.00", "I1", number="R1")
    tell(hk, shop)
    assert shop.told == []
    hk.now = hk.now.replace(day=8)
    hk.pay("甲", "250.00", "I1", number="R2")
    hk.reverse(half)
    tell(hk, shop)
    assert shop.told == [("receivable.settled", "I1"), ("receivable.reopened", "I1")]
    assert shop.last("receivable.settled")["receivable"] == {
        "number": "I1", "source": "", "customer": "甲", "order": "SO7", "contract": "", "amount": "300.00",
        "open": "0.00", "currency": "CNY", "settled": "2026-07-08",
        "payments": [
            {"receipt": "R1", "amount": "100.00", "on": "2026-07-06"},
            {"receipt": "R2", "amount": "200.00", "on": "2026-07-08"},
        ],
    }  # fmt: skip
    again = shop.last("receivable.reopened")["receivable"]
    assert (again["open"], again["settled"]) == ("100.00", None)
    assert again["payments"] == [{"receipt": "R2", "amount": "200.00", "on": "2026-07-08"}]
    read_all(hk)


def test_a_credit_note_settles_too(hk: Harness, shop: Receiver) -> None:
    hk.receivable("甲", "300.00", due="2026-08-01", number="I1", currency="JPY")
    note = hk.credit_note("甲", "300", "I1", currency="JPY")
    tell(hk, shop)
    told_of = shop.last("receivable.settled")["receivable"]
    assert (told_of["amount"], told_of["payments"][0]["amount"]) == ("300", "300")
    assert "credit_note" in told_of["payments"][0]
    hk.cancel_note(note)
    tell(hk, shop)
    assert shop.about("I1") == ["receivable.settled", "receivable.reopened"]
    read_all(hk)


def test_what_an_import_knows_as_paid_long_ago_is_no_news(hk: Harness, shop: Receiver) -> None:
    hk.imports(
        "receivables", "number,customer,issued_on,due_on,amount,settled_on", "I1,甲,2026-01-01,2026-02-01,100.00,2026-02-03"
    )
    tell(hk, shop)
    assert shop.told == []
    read_all(hk)


def test_holds_by_people_come_one_by_one_and_say_all_of_it(hk: Harness, shop: Receiver) -> None:
    hk.people(ray="risk", boss="management")
    hk.act("zhou", "hold.set", "甲", reason="对账不清", until="2026-07-08")
    hk.act("ray", "blacklist.set", "甲", reason="失信被执行人")
    hk.act("boss", "blacklist.end", "甲", reason="已履行")
    tell(hk, shop)
    assert shop.about("甲") == ["customer.locked"] * 3
    bodies = [event.body["customer"] for event in shop.taken]
    assert [body["orders"] for body in bodies] == ["held", "refused", "held"]
    manual = {"kind": "manual", "reason": "对账不清", "since": "2026-07-06", "until": "2026-07-08"}
    assert bodies[0]["holds"] == bodies[2]["holds"] == [manual]
    assert [hold["kind"] for hold in bodies[1]["holds"]] == ["manual", "blacklist"]
    read_all(hk)


def test_a_hold_that_ends_by_its_date_is_told_of_though_nobody_did_anything(hk: Harness, shop: Receiver) -> None:
    hk.act("zhou", "hold.set", "甲", reason="对账不清", until="2026-07-08")
    hk.morning("2026-07-08")
    tell(hk, shop)
    assert shop.about("甲") == ["customer.locked"]
    hk.morning("2026-07-09")
    tell(hk, shop)
    hk.morning("2026-07-13")
    tell(hk, shop)
    assert shop.about("甲") == ["customer.locked", "customer.unlocked"]
    read_all(hk)


def test_whoever_begins_to_listen_hears_who_is_locked(hk: Harness, shop: Receiver) -> None:
    hk.company(webhooks=False)
    hk.act("zhou", "hold.set", "甲", reason="对账不清")
    place(hk, "甲", "1.00", "SO1")
    assert log(hk, "kind") == []  # nobody would ever take them
    hk.company(webhooks=True)
    hk.at("2026-07-06 11:00")
    hk.at("2026-07-06 12:00")
    tell(hk, shop)
    assert shop.told == [("customer.locked", "甲")]
    read_all(hk)


def read_all(hk: Harness) -> None:
    """These stories are about another system; what people hear has stories of its own."""
    for person in ("li", "lin", "wang", "zhao", "zhou", "cai", "fm", "ada", "ray", "boss"):
        for card in hk.chat(person).unread():
            hk.read(card.id)
