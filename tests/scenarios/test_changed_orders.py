"""An order that the order system changes, or ends, after it was judged."""

from typing import Any

import pytest
from sqlalchemy import update

from core.credit import changes, orders
from core.credit.exposure import standing
from core.credit.incoming import parse
from core.credit.rules import CreditRules
from core.dunning.stored import active
from core.errors import DomainError
from core.models import Order, Shipment
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.phones import Card
from tests.scenarios.ordering import ROUTES, codes, opened, place, put, state, stored, told
from tests.scenarios.racing import at_once, tap


@pytest.fixture
def shop(hk: Harness) -> Harness:
    found = opened(hk)
    found.policy(ONE_STEP + ROUTES)
    return found


def close(hk: Harness, number: str) -> None:
    with hk.db() as work:
        [order] = orders.find(work, number)
        changes.close(work, order)
    hk.deliver()


def used(hk: Harness) -> int:
    with hk.look() as work:
        return standing(work, 1).used_minor(CreditRules(), "CNY")


def ship(hk: Harness, number: str, order: str, amount_minor: int) -> None:
    with hk.db() as work:
        work.session.add(Shipment(
            number=number, customer_id=1, order_no=order, amount_minor=amount_minor, currency="CNY", shipped_on=work.today,
        ))  # fmt: skip


def test_a_released_order_that_grows_beyond_the_limit_waits_again(shop: Harness) -> None:
    assert place(shop, "甲", "900.00", "SO1")["verdict"] == "released"
    answer = put(shop, "SO1", "1200.00")
    assert (answer["verdict"], codes(answer)) == ("held", ["over_limit"]) and answer["request"]
    assert used(shop) == 0
    shop.chat("li").expect_card("SO1", kind="order.held")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    assert state(shop, "SO1") == "released" and used(shop) == 120_000
    told(shop)


def test_what_was_approved_stays_released_as_long_as_it_gets_no_worse(shop: Harness) -> None:
    place(shop, "甲", "1200.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    assert put(shop, "SO1", "1100.00", note="少十件")["verdict"] == "released"
    assert used(shop) == 110_000
    assert put(shop, "SO1", "1100.00", note="少十件")["verdict"] == "released"  # the same again
    assert put(shop, "SO1", "1100.00", terms="net90")["verdict"] == "held"
    told(shop)


def test_the_prepayment_of_an_approval_is_kept(shop: Harness) -> None:
    place(shop, "甲", "2000.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve_with", prepay_percent="30")
    shop.pay("甲", "600.00")
    shop.at("2026-07-06 11:00")
    assert state(shop, "SO1") == "released"
    assert put(shop, "SO1", "2000.00", note="改地址")["verdict"] == "released"
    assert stored(shop, "SO1").prepaid_minor == 60_000
    assert put(shop, "SO1", "2100.00", note="改地址")["verdict"] == "held"
    assert stored(shop, "SO1").prepaid_minor == 0 and stored(shop, "SO1").conditions == {}
    told(shop)


def test_a_held_order_that_fits_now_is_released_and_the_old_question_is_gone(shop: Harness) -> None:
    first = place(shop, "甲", "1200.00", "SO1")
    card = shop.chat("zhou").expect_card("SO1", kind="credit.request")
    assert put(shop, "SO1", "1000.00") == {"number": "SO1", "verdict": "released", "reasons": [], "request": None}
    assert "credit.approve" not in card.buttons
    shop.chat("li").expect_card("SO1", kind="order.decided")
    second = place(shop, "甲", "300.00", "SO2")
    again = put(shop, "SO2", "400.00")
    assert again["request"] not in (None, first["request"], second["request"])
    told(shop)


def test_a_rejected_order_is_asked_for_anew_once_it_is_another(shop: Harness) -> None:
    place(shop, "甲", "1200.00", "SO1")
    shop.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.reject", reason="先收款")
    assert put(shop, "SO1", "1100.00")["verdict"] == "held"
    assert stored(shop, "SO1").decided_at is None
    told(shop)


def latest(shop: Harness) -> Card:
    return [card for card in shop.chat("zhou").unread() if card.json["kind"] == "credit.request"][-1]


def test_a_new_note_asks_nobody_anew_on_the_same_day(shop: Harness) -> None:
    asked = place(shop, "甲", "1200.00", "SO1")["request"]
    assert put(shop, "SO1", "1200.00", note="急") == {
        "number": "SO1", "verdict": "held", "request": asked,
        "reasons": [{"code": "over_limit", "amount": "200.00", "currency": "CNY"}],
    }  # fmt: skip
    card = shop.chat("zhou").expect_card("SO1", "急", kind="credit.request")  # drawn anew; sent once
    card.tap("credit.reject", reason="先收款")
    assert put(shop, "SO1", "1200.00", note="求您了")["verdict"] == "held", "once more at once"
    latest(shop).tap("credit.reject", reason="先收款")
    for words in ({"note": "真的求您了"}, {"note": "求您", "extra": {"加急": "是"}}):
        answer = put(shop, "SO1", "1200.00", **words)
        assert (answer["verdict"], answer["request"]) == ("rejected", None)
    assert stored(shop, "SO1").note == "求您" and stored(shop, "SO1").extra == {"加急": "是"}
    assert put(shop, "SO1", "1150.00")["verdict"] == "held", "another order is another question"
    latest(shop).tap("credit.reject", reason="先收款")
    shop.at("2026-07-07 10:00")
    assert put(shop, "SO1", "1150.00", note="新的一天")["verdict"] == "held"
    told(shop)


def test_terms_that_nobody_can_read_are_looked_at_by_somebody(shop: Harness) -> None:
    assert codes(place(shop, "甲", "10.00", "SO1", terms="3个月")) == ["terms"]
    unclear = place(shop, "甲", "10.00", "SO2", terms="按合同")
    assert unclear["reasons"] == [{"code": "terms", "allowed": 30}]
    card = shop.chat("zhou").expect_card("SO2", "账期无法识别（上限30天）", kind="credit.request")
    card.tap("credit.approve")
    assert put(shop, "SO2", "9.00", terms="按合同")["verdict"] == "released"
    assert put(shop, "SO2", "9.00", terms="net60")["verdict"] == "released", "shorter than whatever was meant"
    assert put(shop, "SO2", "9.00", terms="另议")["verdict"] == "held"
    shop.chat("zhou").expect_card("SO2", kind="credit.request").tap("credit.approve")
    assert put(shop, "SO2", "9.00", terms="另议", note="急")["verdict"] == "released"
    assert put(shop, "SO2", "9.00", terms="终端客户全部回款后再议")["verdict"] == "held", "who agreed had read others"
    assert place(shop, "甲", "10.00", "SO3", terms="款到发货")["verdict"] == "released"
    told(shop)


def test_what_was_agreed_about_prices_was_agreed_about_these_lines(shop: Harness) -> None:
    twenty = [{"item": "阀门", "price": "80", "list_price": "100"}]
    assert codes(place(shop, "甲", "800.00", "SO1", lines=twenty)) == ["discount"]
    latest(shop).tap("credit.approve")
    assert put(shop, "SO1", "700.00", lines=twenty)["verdict"] == "released"
    deeper = [{"item": "阀门", "price": "1", "list_price": "100"}, {"item": "泵", "price": "1", "list_price": "100"}]
    assert put(shop, "SO1", "10.00", lines=deeper)["verdict"] == "held"
    none = [{"item": "阀门", "price": "100", "list_price": "100"}]
    assert put(shop, "SO1", "10.00", lines=none)["verdict"] == "released"
    told(shop)


def test_an_agreed_prepayment_that_never_came_is_not_counted_as_there(hk: Harness) -> None:
    shop = opened(hk)
    shop.policy(ONE_STEP + ROUTES.replace("[credit]", '[credit]\nprepaid = "trust"'))
    place(shop, "甲", "2000.00", "SO1")
    latest(shop).tap("credit.approve_with", prepay_percent="30")
    with shop.db() as work:  # released by a check, before checks waited for the money
        work.session.execute(update(table_of(Order)).values(state="released"))
    shop.act("fm", "limit.set", "甲", amount="2000", reason="旺季")
    put(shop, "SO1", "2000.00", note="改地址")
    assert stored(shop, "SO1").prepaid_minor == 0 and used(shop) == 200_000
    assert place(shop, "甲", "600.00", "SO2")["verdict"] == "held"
    told(shop)


@pytest.mark.parametrize("amount", ["500.00", "300.00"])
def test_a_customer_blacklisted_since_is_no_reason_against_fewer_goods_or_other_words(shop: Harness, amount: str) -> None:
    place(shop, "甲", "500.00", "SO1")
    shop.act("fm", "blacklist.set", "甲", reason="涉嫌欺诈")
    assert put(shop, "SO1", amount, note="地址更正")["verdict"] == "released"
    assert put(shop, "SO1", "501.00")["verdict"] == "refused"
    told(shop)


@pytest.mark.parametrize("left", [False, True])
def test_a_rep_who_had_the_customer_is_no_reason_against_a_change(shop: Harness, left: bool) -> None:
    place(shop, "甲", "2000.00", "SO1", asked_by="li")
    shop.set_customer("甲", owner="lin")
    if left:
        shop.person("li", active=False)
    assert put(shop, "SO1", "2000.00", asked_by="li", note="地址更正")["verdict"] == "held"
    assert put(shop, "SO1", "500.00", asked_by="li")["verdict"] == "released"
    if left:
        shop.chat("lin").expect_card("SO1", kind="order.decided")
    told(shop)


def test_its_number_customer_and_currency_stay(shop: Harness) -> None:
    shop.customer("乙", "li")
    place(shop, "甲", "100.00", "SO1")
    for body, field in (({"number": "SO2"}, "number"), ({"customer": "乙"}, "customer"), ({"currency": "USD"}, "currency")):
        with shop.db() as work, pytest.raises(DomainError) as error:
            [order] = orders.find(work, "SO1")
            new = parse({"number": "SO1", "customer": "甲", "amount": "100.00", **body}, "CNY")
            changes.change(work, active(work)[1], order, new)
        assert (error.value.code, error.value.facts["field"]) == ("order.other", field)


def test_what_is_shipped_can_no_longer_be_taken_off_the_order(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    ship(shop, "D1", "SO1", 60_000)
    with pytest.raises(DomainError) as error:
        put(shop, "SO1", "500.00")
    assert error.value.code == "order.below_done"
    assert put(shop, "SO1", "600.00")["verdict"] == "released" and used(shop) == 60_000
    # Of what is left to deliver it is asked whether it fits; what has left already counts once.
    assert put(shop, "SO1", "1000.00")["verdict"] == "released" and used(shop) == 100_000
    assert put(shop, "SO1", "1000.01")["verdict"] == "held"
    assert used(shop) == 60_000
    told(shop)


def test_an_order_that_is_closed_uses_up_what_was_shipped_of_it(shop: Harness) -> None:
    place(shop, "甲", "900.00", "SO1")
    held = place(shop, "甲", "300.00", "SO2")
    assert held["verdict"] == "held"
    ship(shop, "D1", "SO1", 60_000)
    close(shop, "SO1")
    close(shop, "SO1")
    assert state(shop, "SO1") == "closed"
    shop.at("2026-07-06 11:00")
    assert state(shop, "SO2") == "released" and used(shop) == 90_000
    with shop.db() as work, pytest.raises(DomainError) as error:
        new = parse({"number": "SO1", "customer": "甲", "amount": "950.00"}, "CNY")
        changes.change(work, active(work)[1], orders.find(work, "SO1")[0], new)
    assert error.value.code == "order.ended"
    told(shop)


def test_an_order_that_comes_after_its_shipment_is_not_counted_twice(shop: Harness) -> None:
    ship(shop, "D1", "SO1", 70_000)
    assert used(shop) == 70_000
    assert place(shop, "甲", "800.00", "SO1")["verdict"] == "released"
    assert used(shop) == 80_000
    assert place(shop, "甲", "200.01", "SO2")["verdict"] == "held"
    told(shop)


def test_orders_without_anything_extra_are_the_same_as_before() -> None:
    plain = parse({"number": "1", "customer": "甲", "amount": "1.00"}, "CNY")
    with_extra = parse({"number": "1", "customer": "甲", "amount": "1.00", "extra": {"渠道": "天猫", "件数": 3}}, "CNY")
    assert plain.fingerprint == parse({"number": "1", "customer": "甲", "amount": "1.00", "extra": {}}, "CNY").fingerprint
    assert plain.fingerprint == "a600a1ee4216686d405a63b23ebfb2d6a288d21295bb6aafd50cb043ad5132bf"
    assert with_extra.fingerprint != plain.fingerprint and dict(with_extra.extra) == {"渠道": "天猫", "件数": 3}


@pytest.mark.parametrize("extra", [
    [], "x", {"a": {}}, {"a": []}, {"a": True}, {"a": 10**16}, {"a": float("nan")}, {"a": float("inf")}, {"": "x"},
    {"a": "x" * 401}, {"x" * 101: "1"}, {"a\0": "1"}, {str(n): n for n in range(101)},
])  # fmt: skip
def test_what_extra_cannot_be(extra: Any) -> None:
    with pytest.raises(DomainError) as error:
        parse({"number": "1", "customer": "甲", "amount": "1.00", "extra": extra}, "CNY")
    assert (error.value.code, error.value.facts["field"]) == ("order.bad_field", "extra")


def test_what_else_an_order_says_is_kept(shop: Harness) -> None:
    place(shop, "甲", "100.00", "SO1", extra={"promotion": "双十一", "quantity": 12, "weight": 1.5})
    order: Order = stored(shop, "SO1")
    assert order.extra == {"promotion": "双十一", "quantity": 12, "weight": 1.5}


def test_changed_while_the_director_says_yes_it_is_one_or_the_other(shop: Harness) -> None:
    """Whoever is first: a yes to the old order never releases the new one."""
    for n in range(5):
        number = f"SO{n}"
        place(shop, "甲", "1200.00", number)
        card = shop.chat("zhou").expect_card(number, kind="credit.request")
        answers = at_once(
            lambda card=card: tap(shop.app, shop.now, "zhou", card.delivery, "credit.approve", rev=card.json["rev"]),
            lambda number=number: changed(shop, number),
        )
        assert answers[1] == "held" and state(shop, number) == "held", answers[0]
        with shop.db() as work:
            orders.cancel(work, active(work)[1], orders.find(work, number)[0])
        shop.deliver()
    told(shop)


def changed(hk: Harness, number: str) -> str:
    """Twice as large; in a transaction of its own, nothing sent."""
    with hk.db() as work:
        new = parse({"number": number, "customer": "甲", "amount": "2400.00"}, "CNY")
        return str(changes.change(work, active(work)[1], orders.find(work, number)[0], new).order.state)
