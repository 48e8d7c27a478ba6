"""A held order is looked at again as soon as something behind its verdict has changed, and not before."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from bot.engine import check_orders
from core.credit import changes, orders, requests, votes
from core.credit.incoming import parse as order_in
from core.credit.rating import override
from core.dunning import stored
from core.dunning.policy import default_policy, parse
from core.ledger import marks, post
from core.models import Audit, CreditNote, Customer, GroupLimit, Order, Person, Receipt
from core.models.base import table_of
from core.work import Work
from tests.harness import Harness
from tests.scenarios.ordering import opened, place, state, told
from tests.scenarios.racing import other

A, O, C, P = table_of(Audit), table_of(Order), table_of(Customer), table_of(Person)  # noqa: E741


@pytest.fixture
def shop(hk: Harness) -> Iterator[Harness]:
    """甲 owes all of its limit, so its order SO1 over 400.00 waits."""
    opened(hk)
    hk.receivable("甲", "1000.00", due="2026-08-01", number="I1")
    place(hk, "甲", "400.00", "SO1")
    assert state(hk, "SO1") == "held" and marked(hk) == []
    yield hk
    hk.deliver()
    told(hk, "order.held", "order.decided", "credit.request", "receipt.allocate", "reversal.check")


def marked(hk: Harness) -> list[str]:
    with hk.look() as work:
        return list(work.session.execute(select(O.c.number).where(O.c.recheck).order_by(O.c.id)).scalars())


@contextmanager
def statements(hk: Harness) -> Iterator[list[str]]:
    said: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    event.listen(hk.app.engine, "before_cursor_execute", heard)
    yield said
    event.remove(hk.app.engine, "before_cursor_execute", heard)


# --- at once --------------------------------------------------------------------------------------


def test_money_that_finance_books_releases_it_within_the_same_moment(shop: Harness) -> None:
    card = shop.chat("zhou").expect_card("SO1", kind="credit.request")
    shop.chat("cai").say("/receipt 甲 400 2026-07-06")
    assert state(shop, "SO1") == "released"
    card.expect_update("无需再审批", state="closed")
    shop.chat("li").expect_card(kind="order.held")
    shop.chat("li").expect_card("SO1", "已放行", kind="order.decided")


def test_an_import_releases_what_its_receipts_make_room_for(shop: Harness) -> None:
    shop.imports("receipts", "number,customer,received_on,amount,receivable", "B1,甲,2026-07-06,400.00,I1")
    assert state(shop, "SO1") == "released"


def test_an_import_that_raises_the_limit_releases_it(shop: Harness) -> None:
    shop.imports("customers", "code,name,credit_limit", "甲,甲,1400.00")
    assert state(shop, "SO1") == "released"


def test_an_order_that_is_taken_back_makes_room_for_the_next(hk: Harness) -> None:
    shop = opened(hk)
    assert place(shop, "甲", "1000.00", "SO1")["verdict"] == "released"
    place(shop, "甲", "600.00", "SO2")
    place(shop, "甲", "600.00", "SO3")
    with shop.db() as work:
        [first] = orders.find(work, "SO1")
        orders.cancel(work, stored.active(work)[1], first)
    shop.deliver()
    assert [state(shop, number) for number in ("SO2", "SO3")] == ["released", "held"], "the oldest first"
    assert marked(shop) == []
    told(shop)


def test_nobody_answered_and_money_that_comes_later_releases_it_all_the_same(shop: Harness) -> None:
    shop.at("2026-07-09 10:00")
    with shop.look() as work:
        [order] = orders.find(work, "SO1")
        assert order.state == "held" and order.decided_at is not None
    shop.pay("甲", "400.00", "I1")
    assert state(shop, "SO1") == "released"
    for person in ("zhou", "fm", "li", "cai", "zhao", "wang"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


def test_money_for_one_prepayment_releases_one_order(hk: Harness) -> None:
    shop = opened(hk)
    for number in ("SO1", "SO2"):
        place(shop, "甲", "2000.00", number)
        shop.chat("zhou").expect_card(number, kind="credit.request").tap("credit.approve_with", prepay_percent="50")
    shop.pay("甲", "1000.00")
    assert [state(shop, number) for number in ("SO1", "SO2")] == ["released", "held"]
    shop.pay("甲", "1000.00", number="R2")
    assert state(shop, "SO2") == "released"
    told(shop)


# --- what is marked, by what --------------------------------------------------------------------------


def _adjusted(hk: Harness) -> None:
    with hk.db() as work:
        post.adjust(work, hk._receivable(work, "I1"), 90_000, "fewer goods")


def _noted(hk: Harness) -> None:
    with hk.db() as work:
        row = {"number": "N1", "source": "", "customer_id": 1, "issued_on": work.today, "amount_minor": 1, "currency": "CNY"}
        post.new_credit_notes(work, [row])


def _note_cancelled(hk: Harness) -> None:
    _noted(hk)
    _forget(hk)
    with hk.db() as work:
        post.cancel_credit_note(work, work.session.get_one(CreditNote, 1), work.today)


def _reversed(hk: Harness) -> None:
    hk.book_receipt("甲", "1.00", number="R1")
    _forget(hk)
    with hk.db() as work:
        post.reverse_receipt(work, work.session.get_one(Receipt, 1), work.today)


def _allocated(hk: Harness) -> None:
    hk.book_receipt("甲", "1.00", number="R1")
    _forget(hk)
    with hk.db() as work:
        post.allocate(work, work.session.get_one(Receipt, 1), hk._receivable(work, "I1"))


def _rated(hk: Harness) -> None:
    with hk.db() as work:
        override(work, 1, "B", "knows them", date(2026, 12, 31))


def _policy(hk: Harness) -> None:
    with hk.db() as work:
        work = type(work)(work.session, work.company, work.now, "zhou", hk._person_id(work, "zhou"))
        stored.apply(work, parse(default_policy("CNY").text.replace('discount = "0.05"', 'discount = "0.06"'), "x", "CNY"))


def _grouped(hk: Harness) -> None:
    hk.imports("customers", "code,name,group", "甲,甲,华东")


def _moved_due_date(hk: Harness) -> None:
    hk.imports("receivables", "number,customer,issued_on,due_on,amount", "I1,甲,2026-07-06,2026-09-01,1000.00")


def _invoiced(hk: Harness) -> None:
    hk.receivable("甲", "1.00", due="2026-08-01", number="I2")


def _forget(hk: Harness) -> None:
    with hk.db() as work:
        work.session.connection().execute(update(O).values(recheck=False))


@pytest.mark.parametrize(
    "change",
    (_adjusted, _noted, _note_cancelled, _reversed, _allocated, _rated, _policy, _grouped, _moved_due_date, _invoiced),
)
def test_whatever_changes_marks_it_in_the_same_transaction(
    shop: Harness, change: Callable[[Harness], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.app.check_orders", lambda *_: 0)  # nobody has looked yet
    change(shop)
    assert marked(shop) == ["SO1"]
    monkeypatch.undo()
    shop.deliver()
    assert marked(shop) == []


def test_what_is_another_customers_marks_nothing(shop: Harness) -> None:
    shop.customer("乙", "li", group_name="华东")
    with shop.db() as work:
        marks.mark(work, [2], ["华东", ""])
    assert marked(shop) == []


def test_whoever_shares_a_limit_is_marked_with_it(shop: Harness) -> None:
    other_id = shop.customer("乙", "li", group_name="华东")
    with shop.db() as work:
        work.session.get_one(Customer, 1).group_name = "华东"
        work.session.flush()
        marks.mark(work, [other_id])
    assert marked(shop) == [], "without a limit a group shares nothing"
    with shop.db() as work:
        work.session.add(GroupLimit(group_name="华东", amount_minor=1, currency="CNY", from_on=work.today))
        work.session.flush()
        marks.mark(work, [other_id])
    assert marked(shop) == ["SO1"]


# --- nothing is lost, nothing is done for nothing -------------------------------------------------


def test_who_dies_between_commit_and_check_leaves_the_mark_for_another(shop: Harness) -> None:
    shop.book_receipt("甲", "400.00", "I1")  # committed, and the process is gone
    assert state(shop, "SO1") == "held" and marked(shop) == ["SO1"]
    with other(shop) as second:
        assert check_orders(second.transactions, shop.now) == 1
    assert state(shop, "SO1") == "released" and marked(shop) == []


def test_what_cannot_be_checked_stops_nobody_else(
    shop: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop.customer("乙", "li", credit_limit_minor=0)
    place(shop, "乙", "400.00", "SO2")
    shop.book_receipt("甲", "400.00", "I1")
    shop.book_receipt("乙", "400.00")
    checked = orders.check_again

    def trips(work: object, policy: object, order: Order, *known: object) -> None:
        if order.customer_id == 1:
            raise RuntimeError("no luck")
        checked(work, policy, order, *known)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr(orders, "check_again", trips)
        shop.deliver()
    assert (state(shop, "SO1"), state(shop, "SO2")) == ("held", "released")
    shop.deliver()
    assert state(shop, "SO1") == "released"


def test_ten_thousand_held_customers_cost_one_look(shop: Harness) -> None:
    with shop.db() as work:
        one = dict(work.session.execute(select(C).where(C.c.id == 1)).one()._mapping)
        held = dict(work.session.execute(select(O).where(O.c.id == 1)).one()._mapping)
        many = range(1000, 11_000)
        work.session.connection().execute(insert(C), [one | {"id": n, "code": f"K{n}"} for n in many])
        work.session.connection().execute(insert(O), [held | {"id": n, "customer_id": n, "number": f"K{n}"} for n in many])
        told = dict(work.session.execute(select(A).where(A.c.action == "order.held", A.c.subject_id == 1)).one()._mapping)
        told.pop("id")
        work.session.connection().execute(insert(A), [told | {"subject_id": n, "customer_id": n} for n in many])
    with statements(shop) as said:
        assert check_orders(shop.app.transactions, shop.now) == 0
    assert len([each for each in said if "sales_order" in each]) == 1, said
    shop.book_receipt("甲", "400.00", "I1")
    with statements(shop) as said:
        assert check_orders(shop.app.transactions, shop.now) == 1
    assert len(said) < 60, len(said)
    assert state(shop, "SO1") == "released"


def test_where_no_order_is_held_a_posting_asks_once(hk: Harness) -> None:
    opened(hk)
    with statements(hk) as said:
        hk.book_receipt("甲", "400.00")
    assert len([each for each in said if "sales_order" in each]) == 1, said


def test_a_hold_that_ends_by_its_date_frees_orders_in_the_morning(hk: Harness) -> None:
    shop = opened(hk)
    shop.chat("fm").say("/hold 甲 到 2026-07-07 等对账")
    place(shop, "甲", "400.00", "SO1")
    shop.at("2026-07-07 18:00")
    assert state(shop, "SO1") == "held"
    shop.at("2026-07-08 09:00")
    assert state(shop, "SO1") == "released"
    for person in ("zhou", "fm", "li", "cai", "zhao", "wang"):
        for card in shop.chat(person).unread():
            shop.read(card.id)


# --- at the same moment (several writers: PostgreSQL only) ------------------------------------------


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_money_posted_while_an_order_is_being_judged_is_seen_by_the_next_look(hk: Harness) -> None:
    shop = opened(hk)
    shop.receivable("甲", "1000.00", due="2026-08-01", number="I1")
    with shop.db() as work:  # an import whose transaction is still under way
        row = {
            "number": "R1", "source": "", "customer_id": 1, "received_on": work.today, "amount_minor": 40_000,
            "currency": "CNY",
        }  # fmt: skip
        post.new_receipts(work, [row])
        with other(shop) as second, second.work(shop.now) as beside:
            new = order_in({"number": "SO1", "customer": "甲", "amount": "400.00"}, "CNY")
            assert orders.submit(beside, stored.active(beside)[1], new, "shop").order.state == "held"
    shop.deliver()
    assert state(shop, "SO1") == "released"
    told(shop)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_mark_set_while_its_order_is_being_checked_stays(shop: Harness) -> None:
    shop.book_receipt("甲", "0.01")
    with other(shop) as second:

        def pays() -> None:
            with second.work(shop.now) as beside:
                row = {
                    "number": "R1", "source": "", "customer_id": 1, "received_on": beside.today, "amount_minor": 40_000,
                    "currency": "CNY",
                }  # fmt: skip
                post.new_receipts(beside, [row])

        with shop.db() as work:
            orders.check_customer(work, stored.active(work)[1], 1)  # clears the mark, and saw no money
            paying = Thread(target=pays)
            paying.start()
            paying.join(0.5)
        paying.join(30)
        assert not paying.is_alive()
    assert marked(shop) == ["SO1"]
    shop.deliver()
    assert state(shop, "SO1") == "released"


def raise_the_limit(work: Work) -> None:
    work.session.execute(update(C).values(credit_limit_minor=1_000_000))
    orders.check_customer(work, stored.active(work)[1], 1)


def change_the_second(work: Work) -> None:
    new = order_in({"number": "SO2", "customer": "甲", "amount": "1700.00"}, "CNY")
    changes.change(work, stored.active(work)[1], orders.find(work, "SO2")[0], new)


def agree_to_the_second(work: Work) -> None:
    request = requests.pending(work, orders.find(work, "SO2")[0].id or 0)
    zhou = work.session.execute(select(P.c.id).where(P.c.handle == "zhou")).scalar_one()
    assert request is not None and zhou is not None
    decider = replace(work, actor="zhou", person_id=zhou)
    until = {"until": "2026-07-20"}
    voted = votes.vote(decider, stored.active(work)[1], request, zhou, approve=True, conditions=until)
    assert voted.code == "approved"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("deed", "where"),
    [
        (raise_the_limit, (orders, "check_again")), (change_the_second, (changes, "mark")),
        (agree_to_the_second, (requests, "mark")),
    ],
)  # fmt: skip
def test_money_posted_meanwhile_and_a_decision_do_not_wait_for_each_other(
    hk: Harness, monkeypatch: pytest.MonkeyPatch, deed: Callable[[Work], None], where: tuple[Any, str]
) -> None:
    """Both write the held orders of one customer: whoever comes first has all of them."""
    shop = opened(hk)
    for number, amount in (("SO1", "1500.00"), ("SO2", "1600.00")):
        place(shop, "甲", amount, number)
    with shop.db() as work:
        work.session.execute(update(O).values(recheck=O.c.number == "SO2"))
    with other(shop) as second, ThreadPoolExecutor(1) as threads:

        def pays() -> None:
            with second.work(shop.now) as beside:
                row = {
                    "number": "R1", "source": "", "customer_id": 1, "received_on": beside.today, "amount_minor": 100,
                    "currency": "CNY",
                }  # fmt: skip
                post.new_receipts(beside, [row])

        begun: list[Future[None]] = []
        real = getattr(*where)

        def meanwhile(*given: Any) -> Any:
            if not begun:
                begun.append(threads.submit(pays))
                wait(begun, 0.7)
            return real(*given)

        monkeypatch.setattr(*where, meanwhile)
        with shop.db() as work:
            deed(work)
        begun[0].result(30)
    shop.deliver()
    told(shop)
